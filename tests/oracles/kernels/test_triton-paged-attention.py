"""The solution against torch's attention over the whole pool, where a mask hides other slots.

Other oracles import Triton, through transformers, and then it is too late to
choose the interpreter: kernels run in a process of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

LOAD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("solution", sys.argv[1])
solution = importlib.util.module_from_spec(spec)
spec.loader.exec_module(solution)
"""
ANSWER = """
import torch
cases = torch.load(sys.argv[2])
torch.save([solution.paged_attention(*inputs, scale=s) for *inputs, s in cases], sys.argv[3])
"""
# the interpreter takes what a GPU refuses; to compile for one needs none
COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

kernel = solution.decode
for floats, ints in (("fp16", "i32"), ("fp32", "i64")):
    constants = {"H": 6, "R": 3, "S": 16, "D": 64}
    types = dict.fromkeys(kernel.arg_names, "i32") | dict.fromkeys(constants, "constexpr")
    types |= dict.fromkeys(("q", "k_cache", "v_cache", "out"), "*" + floats)
    types |= dict.fromkeys(("block_table", "seq_lens"), "*" + ints) | {"scale": "fp32"}
    keys = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    compiled = triton.compile(ASTSource(kernel, types, keys), target=GPUTarget("cuda", 90, 32))
    assert compiled.asm["cubin"]
"""


def run(solution, program, folder, *args, **env):
    script = folder / "script.py"
    script.write_text(LOAD + program)
    usual = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, str(script), solution.__file__, *args],
        env=usual | env | {"TRITON_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def answers(solution, cases, folder: Path):
    """What the solution says to each (q, k_cache, v_cache, block_table, seq_lens, scale)."""
    given, found = str(folder / "cases.pt"), str(folder / "answers.pt")
    torch.save(cases, given)
    run(solution, ANSWER, folder, given, found, TRITON_INTERPRET="1")
    return torch.load(found)


def masked_pool(q, k_cache, v_cache, block_table, seq_lens, scale):
    """Every sequence sees all slots of the pool, but for those that the mask hides; float64."""
    N, S, G, D = k_cache.shape
    mask = torch.zeros(len(q), 1, 1, N * S, dtype=torch.bool)
    for b, length in enumerate(seq_lens.tolist()):
        for t in range(length):
            mask[b, 0, 0, block_table[b, t // S] * S + t % S] = True
    k, v = (x.double().reshape(1, N * S, G, D).transpose(1, 2) for x in (k_cache, v_cache))
    k, v = (x.expand(len(q), G, N * S, D) for x in (k, v))
    row = scaled_dot_product_attention(
        q.double().unsqueeze(2), k, v, attn_mask=mask, scale=scale, enable_gqa=True
    )
    return row.squeeze(2).to(q.dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_matches_attention_over_the_pool(solution, dtype, tmp_path):
    shapes = [
        ([1], 1, 1, 16, 16, None),
        ([17, 3, 48], 4, 4, 16, 16, None),
        ([5, 40], 8, 2, 64, 32, 0.2),
        ([33, 64, 2], 5, 1, 32, 16, None),
        ([70], 3, 3, 128, 64, None),
    ]
    cases = []
    for lengths, H, G, D, S, scale in shapes:
        q = torch.randn(len(lengths), H, D).to(dtype)
        k_cache, v_cache = torch.randn(2, 20, S, G, D).to(dtype)
        # rows share blocks
        table = torch.stack([torch.randperm(20)[:6] for _ in lengths])
        cases.append((q, k_cache, v_cache, table, torch.tensor(lengths), scale))

    for case, answer in zip(cases, answers(solution, cases, tmp_path), strict=True):
        torch.testing.assert_close(answer, masked_pool(*case))


def test_hand_worked_case(solution, tmp_path):
    # 16 tokens in block 1 with score log 1, one in block 0 with log 2: weights 1/18, and one 2/18
    q = torch.zeros(1, 1, 16)
    q[..., 0] = 1
    k_cache, v_cache = torch.zeros(2, 2, 16, 1, 16)
    k_cache[0, 0, 0, 0] = 0.6931471805599453
    k_cache[0, 1:] = v_cache[0, 1:] = float("nan")
    v_cache[1], v_cache[0, 0] = 9.0, 18.0
    case = q, k_cache, v_cache, torch.tensor([[1, 0, -7]]), torch.tensor([17]), 1.0

    [answer] = answers(solution, [case], tmp_path)

    torch.testing.assert_close(answer, torch.full((1, 1, 16), 16 * 9 / 18 + 2 * 18 / 18))


def test_compiles_for_a_gpu(solution, tmp_path):
    run(solution, COMPILE, tmp_path)
