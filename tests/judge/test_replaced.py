"""Attempts that replace what judges them.

A wrong attempt must be told what it is told without its tricks, word for word; a
right one must pass.
"""

import pytest

WRONG = """
import torch

def grouped_query_attention(q, k, v, *, causal=True):
    result = q * 0 + 1
    return result
"""

# each is a function that an attempt calls: on import, or whenever it is called
NAMES = '''
def trick():
    """Put something else under every name."""
    import builtins, functools, importlib, inspect, math, operator, random, traceback, types
    import numpy, pytest, torch, _pytest.outcomes, _pytest.python, _pytest.raises, _pytest.runner
    import pluggy

    def agree(*args, **kwargs):
        return True

    for owner, names in {
        torch: "allclose isclose equal eq ne manual_seed stack where tensor zeros_like randn_like",
        torch.testing: "assert_close",
        torch.Tensor: "__eq__ __ne__ all any sum allclose equal detach tolist item isnan abs max",
        torch.nn.functional: "scaled_dot_product_attention softmax",
        torch.nn.Parameter: "detach",
        torch.autograd: "grad",
        torch.random: "manual_seed",
        numpy: "allclose array_equal unravel_index",
        numpy.random: "seed",
        random: "seed",
        math: "isclose",
        operator: "is_ eq",
        pytest: "fail raises approx",
        _pytest.runner: "runtestprotocol call_and_report pytest_runtest_call",
        _pytest.runner.CallInfo: "from_call",
        _pytest.python.Function: "runtest setup",
        pluggy.HookCaller: "__call__",
        builtins: "all any isinstance type zip map",
        inspect: "signature getattr_static",
        traceback: "walk_tb",
    }.items():
        for name in names.split():
            setattr(owner, name, agree)
'''
OURS = '''
def trick():
    """Put something else under every name of the grader's."""
    import sys

    def agree(*args, **kwargs):
        return None

    for path, module in list(sys.modules.items()):
        if path.partition(".")[0] != "grader":
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and value.__module__ == path:
                for method in [m for m in vars(value) if m[:2] != "__" or m == "__init__"]:
                    setattr(value, method, agree)
            elif name.isupper() or (callable(value) and not isinstance(value, type)):
                setattr(module, name, agree)
        # a name that was not there hides a builtin
        module.isinstance = module.type = module.any = lambda *args: True
'''
CODE = '''
def trick():
    """Put something else into the code, and change what is left out in a call."""
    import sys, types
    import pytest, torch, _pytest.runner
    import grader.judge.child.restore, grader.testing.compare

    def functions(space):
        for value in list(vars(space).values()):
            if isinstance(value, types.FunctionType):
                yield value
            elif isinstance(value, type) and value.__module__ == space.__name__:
                yield from functions(value)

    ours = [m for path, m in list(sys.modules.items()) if path.partition(".")[0] == "grader"]
    others = [torch.random, torch.testing, torch.nn.functional, torch.functional, pytest]
    for module in [*ours, *others, _pytest.runner]:
        for function in functions(module):
            # not those of enum, which a class in pytest shows as its own
            known = function.__module__.partition(".")[0].strip("_")
            if known in ("grader", "pytest", "torch") and not function.__code__.co_freevars:
                function.__code__ = (lambda *args, **kwargs: None).__code__
    compare = grader.testing.compare
    compare.assert_close.__kwdefaults__ = dict(rtol=1e9, atol=1e9, why="", label="")
    compare.show.__defaults__ = (0,)
    pytest.fail.__code__ = (lambda *args, **kwargs: None).__code__
'''
DATA = """
def trick():
    \"\"\"Change every limit and tolerance of the grader's.\"\"\"
    import collections.abc, sys

    for path, module in list(sys.modules.items()):
        for name, value in list(vars(module).items()):
            if path.partition(".")[0] != "grader" or not name.isupper():
                continue
            if isinstance(value, (int, float)):
                setattr(module, name, 10**9)
            elif isinstance(value, collections.abc.Mapping):
                setattr(module, name, dict.fromkeys(value, (1e9, 1e9)))
            else:
                setattr(module, name, type("Any", (), {"__contains__": lambda *args: True})())
"""
MODES = '''
def trick():
    """Watch all that torch does from now on, and answer in its place."""
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Agree(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if getattr(func, "__name__", "") in ("allclose", "isclose", "equal", "all"):
                return True
            return func(*args, **(kwargs or {}))

    class Same(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if "close" in func._schema.name or func._schema.name == "aten::eq":
                return torch.ones(args[0].shape, dtype=torch.bool)
            return func(*args, **(kwargs or {}))

    global modes
    modes = [Agree(), Same()]
    for mode in modes:
        mode.__enter__()
'''
TRACE = '''
def trick():
    """Be called at every step of the test, and replace things then."""
    import sys, threading

    def step(frame, event, arg):
        import grader.testing.compare as compare
        compare._compare_tensors = lambda *args: None
        return step

    sys.settrace(step)
    sys.setprofile(step)
'''
TRICKS = {
    "names": NAMES,
    "our names": OURS,
    "code": CODE,
    "data": DATA,
    "modes": MODES,
    "tracing": TRACE,
}


def messages(verdict) -> list[tuple[str, str, str]]:
    """What was said, without times."""
    return [(test["name"], test["outcome"], test["message"]) for test in verdict.data["tests"]]


@pytest.fixture(scope="module")
def honest() -> dict[str, object]:
    """What the wrong attempt is told when it plays no trick; filled in by the first test."""
    return {}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_replacing_what_judges_on_import_and_in_each_call_changes_nothing(
    bench, honest, trick: str
):
    seed = ("--seed", "7")
    if not honest:
        verdict = bench.judge(WRONG, *seed)
        assert verdict.verdict == "failed"
        assert list(verdict.outcomes.values()).count("failed") >= 14
        honest["wrong"] = messages(verdict)

    # the result is there before the trick is played, which may break the attempt itself
    again = WRONG.replace("    return", "    trick()\n    return")
    wrong = bench.judge(f"{again}{trick}\ntrick()\n", *seed)

    assert messages(wrong) == honest["wrong"]
    assert wrong.verdict == "failed"
    right = bench.judge(
        f"{bench.right}{trick}\ntrick()\nright = grouped_query_attention\n\n"
        "def grouped_query_attention(q, k, v, *, causal=True):\n"
        "    result = right(q, k, v, causal=causal)\n    trick()\n    return result\n"
    )
    assert right.verdict == "passed", right.said
