"""What torch, Triton and the system offer here, as JSON: python -m grader.judge.child.probe."""

import json
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

KERNEL = """
import torch, triton
import triton.language as tl

@triton.jit
def double(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)

def known_answer(device):
    x = torch.arange(100.0, device=device)
    out = torch.zeros_like(x)
    double[(2,)](x, out, 100, BLOCK=64)
    return torch.equal(out, 2 * x)
"""


def probe() -> Iterator[dict[str, Any]]:
    began = time.perf_counter()
    import torch

    seconds = time.perf_counter() - began
    yield _finding("torch", f"{torch.__version__}, imported in {seconds:.1f} s")
    cuda = torch.cuda.is_available()
    yield _finding("GPU", torch.cuda.get_device_name() if cuda else "none; kernels are interpreted")
    yield _triton("cuda" if cuda else "cpu")
    yield _limits()
    yield _ranks()


def _triton(device: str) -> dict[str, Any]:
    if device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"
    try:
        import triton
    except ImportError:
        return _finding("Triton", f"none for {sys.platform}: its katas are skipped")
    with tempfile.TemporaryDirectory() as folder:
        # triton reads a kernel's source from its file
        path = Path(folder, "kernel.py")
        path.write_text(textwrap.dedent(KERNEL))
        space: dict[str, Any] = {"__name__": "kernel", "__file__": str(path)}
        try:
            exec(compile(KERNEL, str(path), "exec"), space)
            right = space["known_answer"](device)
        except Exception as error:
            return _finding("Triton", f"{triton.__version__}: {error!r}", False, "reinstall triton")
    mode = "on the GPU" if device == "cuda" else "interpreted"
    words = f"{triton.__version__}, a kernel with a known answer is {'right' if right else 'wrong'}"
    return _finding("Triton", f"{words}, {mode}", right, "reinstall triton")


def _limits() -> dict[str, Any]:
    try:
        import resource
    except ImportError:
        return _finding("limits", "clocks only: this system cannot bound memory", True)
    soft = resource.getrlimit(resource.RLIMIT_DATA)[0]
    memory = "not limited" if soft == resource.RLIM_INFINITY else f"{soft / 2**30:.1f} GiB"
    return _finding("limits", f"memory here: {memory}; {os.cpu_count()} cores")


def _ranks() -> dict[str, Any]:
    if not hasattr(os, "fork"):
        return _finding("ranks", "none: this system does not fork; distributed katas are skipped")
    from grader.testing.ranks import run_ranks

    def double_sum(rank: int) -> float:
        import torch
        import torch.distributed as dist

        x = torch.tensor([float(rank + 1)])
        dist.all_reduce(x)
        return x.item()

    try:
        right = run_ranks(double_sum, 2) == [3.0, 3.0]
    except AssertionError as error:
        return _finding("ranks", str(error), False, "the loopback device must be up")
    return _finding(
        "ranks", "two gloo ranks on the loopback agree" if right else "wrong sum", right
    )


def _finding(what: str, found: str, ok: bool = True, advice: str = "") -> dict[str, Any]:
    return {"what": what, "found": found, "ok": ok, "advice": advice}


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    print(json.dumps(list(probe())))
