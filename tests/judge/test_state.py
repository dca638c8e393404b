"""Attempts that change the process they run in, or what they are given."""

import pytest

CHANGES = """
import decimal, gc, os, random, signal, sys
import numpy, torch
held, draws, first = [], [], None

def change():
    torch.set_default_dtype(torch.float16)
    torch.set_num_threads(3)
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    torch.random.manual_seed(0)
    torch.set_printoptions(precision=1)
    torch.set_default_device("meta")
    held.append(torch.autocast("cpu", torch.bfloat16))
    held[-1].__enter__()
    held.append(torch.inference_mode())
    held[-1].__enter__()
    numpy.random.seed(0)
    numpy.seterr(all="raise")
    random.seed(0)
    os.environ.clear()
    os.environ["CUDA_VISIBLE_DEVICES"] = "7"
    os.chdir("/")
    sys.path[:] = []
    sys.setrecursionlimit(150)
    sys.stdout = sys.stderr = None
    sys.argv[:] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    gc.disable()
    decimal.getcontext().prec = 1
    os.umask(0o777)
"""


def test_state_changed_in_one_test_has_no_effect_on_the_next(court):
    body = """
    result = right(q, k, v, causal=causal)
    state = (
        torch.get_default_dtype(), torch.get_num_threads(),
        torch.get_default_device().type, torch.is_autocast_enabled("cpu"),
        torch.is_inference_mode_enabled(), torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(), torch.tensor(1e-310).double().item() > 0,
        numpy.geterr()["divide"], sys.getrecursionlimit() > 900, len(sys.path) > 2,
        os.getcwd() != "/", "PATH" in os.environ, sys.stdout is not None,
        signal.getsignal(signal.SIGTERM), signal.getitimer(signal.ITIMER_REAL)[0],
    )
    global first
    first = first or state
    assert state == first, [pair for pair in zip(state, first) if pair[0] != pair[1]]
    draws.append((torch.rand(1).item(), random.random(), numpy.random.rand()))
    assert len(set(draws)) == len(draws), "one test starts with the numbers of another"
    # here and there, for what follows in the same test suffers
    if k.shape[2] == 7:
        change()
    return result
    """

    verdict = court.judge(court.before(body, top=CHANGES), "--seed", "3")

    changed = ("chunk", "one_new_token", "whole_cache", "3-7")
    others = [
        (test["name"], test["message"])
        for test in verdict.data["tests"]
        if test["outcome"] != "passed" and not any(word in test["name"] for word in changed)
    ]
    assert not others, others


def test_state_changed_on_import_has_no_effect_on_any_test(court):
    verdict = court.judge(f"{CHANGES}\nchange()\n{court.right}")

    assert verdict.verdict == "passed", verdict.said


def test_the_same_seed_gives_the_same_inputs_whatever_the_attempt_draws(court):
    # the second draws ahead, which moves every generator on
    wrong = "return torch.zeros_like(q)"
    draws = "torch.randn(5); import random, numpy; random.random(); numpy.random.rand(3)\n"
    quiet = court.judge(court.before(wrong), "--seed", "11")
    eager = court.judge(f"import torch\n{draws}\n{court.before(draws + wrong)}", "--seed", "11")

    def said(verdict) -> list[str]:
        return [t["message"].partition("\nline")[0] for t in verdict.data["tests"]]

    assert said(quiet)[:5] == said(eager)[:5]


def test_the_next_kata_is_judged_as_if_nothing_had_been(bench):
    bench.learner.write("attention/gqa", f"{CHANGES}\nchange()\n{bench.right}")
    for kata in ("attention/sdpa", "alignment/dpo"):
        solution = (bench.learner.root / "solutions" / f"{kata}.py").read_text()
        bench.learner.write(kata, solution)

    done = bench.learner.run("check", "--all", "--json")

    assert done.returncode == 0, done.stdout
    assert [e["verdict"] for e in bench.learner.events()] == ["passed"] * 3


@pytest.mark.parametrize(
    "change",
    [
        "q *= 2",
        "q.mul_(2)",
        "k[0, 0, 0, 0] = 1",
        "v.copy_(k)",
        "with torch.no_grad(): q.add_(1)",
        "q.data.zero_()",
        "q.detach().numpy()[...] = 0",
        "torch.add(q, 1, out=q)",
        "q.resize_(1)",
        "q.data = q.data.clone() + 1",
        "q.transpose_(0, 1)",
        "q.set_(torch.zeros(1, dtype=q.dtype))",
        "k.fill_(float('nan'))",
    ],
)
def test_a_changed_input_is_named_although_the_result_is_right(learner, change: str):
    """Judged in this process, for it takes many calls and no more."""
    import torch

    from grader.judge.child.boundary import Boundary
    from grader.testing import Mismatch

    space: dict[str, object] = {"torch": torch}
    exec(f"def f(q, k, v):\n    result = q + k + v\n    {change}\n    return result\n", space)
    boundary = Boundary((), ("cache",), lambda: None)
    call = boundary.wrap(space["f"])
    q, k, v = (torch.randn(2, 3, 4, 5) for _ in range(3))
    name = change.replace("with torch.no_grad(): ", "").replace("torch.add(", "")[0]

    with pytest.raises(Mismatch, match=f"^{name} was changed in place"):
        call(q, k, v)


def test_a_changed_input_fails_each_test_and_the_reference_never_sees_it(court):
    verdict = court.judge(
        court.before("result = right(q, k, v, causal=causal); q.mul_(0); return result")
    )

    assert verdict.verdict == "failed"
    for test in verdict.data["tests"]:
        if test["name"].startswith("test_rejects"):
            assert test["outcome"] == "passed"
        else:
            assert test["message"].startswith("q was changed in place\n"), test
