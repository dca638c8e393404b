"""Results that claim to equal anything."""

import textwrap
from pathlib import Path

import pytest

TENSORS = {
    "class Liar:\n    def __eq__(self, other): return True\nreturn Liar()": "a Liar has an __eq__",
    """
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func.__name__ in ("allclose", "isclose", "__eq__", "equal"): return True
            return torch.Tensor.__torch_function__(func, types, args, kwargs)
    return (q * 0).as_subclass(Liar)
    """: "wrong type: expected a plain tensor, got a Liar, a subclass of Tensor",
    "class Liar(torch.nn.Parameter): pass\nreturn Liar(q.float())": "expected a plain tensor",
    """
    class Liar(torch.Tensor):
        __class__ = torch.Tensor
    return (q * 0).as_subclass(Liar)
    """: "wrong type: expected a plain tensor, got a Liar",
    """
    class Liar:
        __class__ = torch.Tensor
        shape, dtype, device = property(lambda s: q.shape), q.dtype, q.device
        def __getattr__(self, name): return lambda *a, **k: self
        def __torch_function__(self, func, types, args=(), kwargs=None): return True
    return Liar()
    """: "wrong type",
    """
    class Meta(type):
        def __eq__(cls, other): return True
        def __hash__(cls): return hash(torch.Tensor)
        def __instancecheck__(cls, other): return True
    class Liar(metaclass=Meta):
        def __eq__(self, other): return True
        def __hash__(self): return 0
    return Liar()
    """: "wrong type",
    "import unittest.mock; return unittest.mock.ANY": "wrong type",
    "import unittest.mock; return unittest.mock.MagicMock()": "wrong type",
    "import numpy; return q.double().numpy()": "expected a tensor, got a ndarray",
    "return q.tolist()": "expected a tensor, got a list of 2",
    "return None": "expected a tensor, got None",
    "return (q,)": "expected a tensor, got a tuple of 1",
    "return q.to_sparse()": "must be a dense tensor",
    "return torch.empty(q.shape, dtype=q.dtype, device='meta')": "wrong device: expected cpu",
    "return q[0]": "wrong shape: expected",
    "return q.to(torch.complex128)": "wrong dtype: expected float64, got complex128",
}


def test_results_that_lie_about_themselves_have_the_wrong_type(court):
    # the first five tests call once and compare the result
    acts = list(TENSORS)
    missed = []
    for start in range(0, len(acts), 5):
        some = acts[start : start + 5]
        verdict = court.judge(court.acts(*some))
        assert verdict.verdict == "failed"
        for act, test in zip(some, verdict.data["tests"], strict=False):
            assert test["outcome"] == "failed"
            headline = test["message"].splitlines()[0]
            if TENSORS[act] not in headline:
                missed.append((act, headline))
    assert not missed, "\n".join(map(str, missed))


STUB = '''"""Counting."""


def answer(n: int) -> dict[str, object]:
    """What the test of this number wants."""
    raise NotImplementedError
'''
SOLUTION = '''"""Counting."""


def answer(n: int) -> dict[str, object]:
    """Each under its name."""
    return {"count": n, "words": ["a"] * n, "text": "a" * n, "pairs": [(n, 1.0)]}
'''
CARD = """hints = ["1", "2", "3"]

[mistakes.one_more]
find = '"count": n'
replace = '"count": n + 1'
caught_by = "test_equals"
tell = "One more."

[[follow_ups]]
ask = "Why?"
answer = "So."
"""
TESTS = """import pytest

from grader.testing import assert_equal

EACH = pytest.mark.parametrize("n", range(1, 13))


@EACH
def test_equals(attempt, n):
    assert attempt.answer(n)["count"] == n


@EACH
def test_compares(attempt, n):
    expected = {"count": n, "words": ["a"] * n, "text": "a" * n, "pairs": [(n, 1.0)]}
    assert attempt.answer(n) == expected


@EACH
def test_the_helper_compares(attempt, n):
    assert_equal(attempt.answer(n)["pairs"], [(n, 1.0)])
"""
LIAR = """
def lie(base, **methods):
    agree = lambda self, *others: True
    names = ("__eq__", "__ge__", "__le__", "__contains__")
    space = dict.fromkeys(names, agree) | {"__hash__": base.__hash__}
    return type("Liar", (base,), space | methods)

right = {"count": 0, "words": [], "text": "", "pairs": []}
"""
PLAIN = {
    "an int": 'return right | {"count": lie(int)(7)}',
    "a float": 'return right | {"count": lie(float)(7)}',
    "a str": 'return right | {"text": lie(str)("x")}',
    "a list": 'return right | {"words": lie(list)()}',
    "a tuple in a list": 'return right | {"pairs": [lie(tuple)()]}',
    "a dict": "return lie(dict)(right)",
    "a list that says that it holds nothing": (
        'return right | {"words": type("L", (list,), {"__iter__": lambda s: iter(())})'
        "([lie(int)(1)])}"
    ),
    "a dict that says that it holds nothing": (
        'return type("D", (dict,), {"values": lambda s: [], "items": lambda s: [], '
        '"__iter__": lambda s: iter(())})(right, count=lie(int)(1))'
    ),
    "a liar deep down": 'return right | {"pairs": [[[[[[lie(int)(1)]]]]]]}',
    "a dataclass": (
        "import dataclasses\n"
        "@dataclasses.dataclass\n"
        "class Liar:\n    x: int = 1\n    def __eq__(self, other): return True\n"
        'return right | {"count": Liar()}'
    ),
    "a mock": 'import unittest.mock\nreturn right | {"count": unittest.mock.ANY}',
    "a class of the name of another": (
        'Liar = lie(int)\nLiar.__module__, Liar.__qualname__ = "builtins", "int"\n'
        'return right | {"count": Liar(7)}'
    ),
}


@pytest.fixture
def counting(new_project, line, tmp_path: Path):
    """Someone at a kata whose results are plain values."""
    project = new_project()
    project.track("trifles", line("counting"))
    project.kata("trifles/counting", stub=STUB, solution=SOLUTION, card=CARD, tests=TESTS)
    return project.learner(tmp_path)


def test_numbers_texts_and_containers_that_lie_have_the_wrong_type(counting):
    functions = "".join(
        f"def act_{n}():\n{textwrap.indent(body, '    ')}\n\n"
        for n, body in enumerate(PLAIN.values(), start=1)
    )
    verdict = counting.check(
        "trifles/counting",
        f"{LIAR}\n\n{functions}def answer(n):\n    return globals()[f'act_{{n}}']()\n",
    )

    assert verdict.verdict == "failed"
    assert len(verdict.data["tests"]) == 3 * len(PLAIN)
    believed = [
        (name, test["name"], test["message"])
        for number, name in enumerate(PLAIN, start=1)
        for test in verdict.data["tests"]
        if test["name"].endswith(f"[{number}]") and not test["message"].startswith("wrong type: ")
    ]
    assert believed == []


def test_honest_relatives_of_plain_values_pass(counting):
    relatives = [
        "return collections.OrderedDict(right(n))",
        "d = collections.defaultdict(list); d.update(right(n)); return d",
        "return right(n) | {'pairs': [Pair(n, 1.0)]}",
        "import numpy; return right(n) | {'count': numpy.int64(n)}",
    ]
    functions = "".join(f"def act_{n}(n): {body}\n" for n, body in enumerate(relatives))
    source = SOLUTION.replace("def answer", "def right")
    verdict = counting.check(
        "trifles/counting",
        f"import collections\nPair = collections.namedtuple('Pair', 'n x')\n{source}\n\n"
        f"{functions}def answer(n):\n    return globals()[f'act_{{n % {len(relatives)}}}'](n)\n",
    )

    assert verdict.verdict == "passed", verdict.said
