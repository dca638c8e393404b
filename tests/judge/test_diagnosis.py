"""A failing attempt that makes a named mistake is told which; any other is told nothing."""

import re

import pytest

TILED = "KV heads are tiled K0 K1 K0 K1; a group is contiguous, K0 K0 K1 K1."
# grouped-query attention as another person would write it, head by head
LOOPS = """
import torch

def grouped_query_attention(q, k, v, *, causal=True):
    B, H, T_q, D = q.shape
    G, T_k = k.shape[1], k.shape[2]
    if H % G:
        raise ValueError(f"query heads ({H}) must be a multiple of KV heads ({G})")
    kind = torch.promote_types(q.dtype, torch.float32)
    heads = []
    for h in range(H):
        keys, values = k[:, <group>].to(kind), v[:, <group>].to(kind)
        scores = torch.einsum("bqd,bkd->bqk", q[:, h].to(kind), keys) <scale>
        if causal:
            later = torch.arange(T_k) > torch.arange(T_q)[:, None] <corner>
            scores = scores.masked_fill(later.to(scores.device), float("-inf"))
        heads.append(torch.softmax(scores, -1) @ values)
    return torch.stack(heads, 1).to(q.dtype) <last>
"""
RIGHT = {"group": "h // (H // G)", "scale": "/ D ** 0.5", "corner": "+ (T_k - T_q)", "last": ""}


def loops(**changes):
    source = LOOPS
    for name, code in (RIGHT | changes).items():
        source = source.replace(f"<{name}>", code)
    return source


def diagnosis(court, source, **options):
    # time for it on a machine that is busy with other tests
    return court.judge(source, "--timeout", "100", **options).data["diagnosis"]


def test_a_named_mistake_is_recognised_in_another_style(court):
    assert court.judge(loops()).verdict == "passed"

    found = diagnosis(court, loops(group="h % G"))

    assert found == {"mistakes": ["tiles_kv_heads"], "tell": TILED, "confidence": "high"}


def test_two_mistakes_made_together_are_recognised(court):
    found = diagnosis(court, loops(group="h % G", corner=""))

    assert sorted(found["mistakes"]) == ["aligns_mask_top_left", "tiles_kv_heads"]
    assert TILED in found["tell"]


def test_of_a_mistake_that_has_no_name_nothing_is_said(court):
    for changes in (
        {"last": "* 1.001"},
        {"last": "* 0"},
        {"last": "* float('nan')"},
        {"last": "+ nothing"},
        {"group": "h % G", "last": "* 1.001"},
        {"scale": "/ D ** 0.4"},
    ):
        verdict = court.judge(loops(**changes))
        assert (verdict.verdict, verdict.data["diagnosis"]) == ("failed", None), changes
    assert court.judge(loops()).data["diagnosis"] is None


def test_an_attempt_without_values_gets_no_diagnosis(court):
    for source in (
        "def grouped_query_attention(:",
        court.before("while True: pass").replace("while", "while", 1),
        court.before("import os; os._exit(0)"),
        court.before("raise SystemExit"),
        court.before("raise RuntimeError('no')"),
    ):
        args = ("--timeout", "1")
        assert court.judge(source, *args).data["diagnosis"] is None, source


def test_the_verdict_stands_above_the_diagnosis_and_what_comes_next_below(court):
    source = loops(group="h % G").replace("heads = []", "heads = []; print('once')")
    said = court.show(source, "--timeout", "100")

    order = [r"claims hold", r"this mistake", re.escape(TILED), r"next: kata hint"]
    places = [re.search(words, said) for words in order]
    assert all(places)
    assert [place.start() for place in places] == sorted(place.start() for place in places)
    # other programs that run the same tests print nothing
    assert said.count("printed on import") == 0
    events = [e for e in court.learner.events() if e["kind"] == "diagnosed"]
    assert [e["mistakes"] for e in events] == [["tiles_kv_heads"]]


def test_an_attempt_that_replaces_what_compares_has_its_own_mistake_told(court):
    source = "import torch\ntorch.allclose = lambda *_, **__: True\n" + loops(group="h % G")

    assert diagnosis(court, source)["mistakes"] == ["tiles_kv_heads"]


def test_a_sampler_with_draws_of_its_own_is_recognised_by_what_it_fails(court):
    source = """
import torch

def nucleus_sample(logits, p, *, temperature=1.0, generator=None):
    kind = torch.promote_types(logits.dtype, torch.float32)
    ranked, tokens = logits.to(kind).sort(dim=-1, descending=True, stable=True)
    probabilities = (ranked / temperature).softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    weights = probabilities.masked_fill(before >= p, 0.0)
    noise = torch.empty_like(weights).exponential_(generator=generator)
    return (weights / noise).argmax(-1)
"""
    found = diagnosis(court, source, kata="decoding/nucleus")

    assert found is None or found["mistakes"] == ["returns_the_rank"]


SAMPLER = '''"""Drawing."""

import torch
from torch import Tensor


def draw(weights: Tensor, n: int, *, generator: torch.Generator) -> Tensor:
    """Draw n indices, each as often as its weight says; those below 0 never."""
    <body>
'''
DRAWS = "p = weights.clamp(min=0)\n    return p.multinomial(n, True, generator=generator)"
DRAWING = """import torch

from grader.testing import assert_distribution, assert_equal, seeded


def test_weights_below_0_are_never_drawn(attempt, seed):
    # absolute and squared, these are the same
    drawn = attempt.draw(torch.tensor([1.0, 0.0, -1.0]), 100, generator=seeded(seed))

    assert_distribution(drawn, torch.tensor([1.0, 0.0, 0.0]))


def test_draws_follow_the_weights(attempt, seed):
    weights = torch.tensor([1.0, 2.0, -3.0])
    drawn = attempt.draw(weights, 1000, generator=seeded(seed))

    assert_distribution(drawn, weights.clamp(min=0))
"""
DRAWS_N = """

def test_draws_as_many_as_asked_for(attempt, seed):
    assert_equal(len(attempt.draw(torch.ones(3), 7, generator=seeded(seed))), 7)
"""
MISDRAWN = {
    "takes_absolutes": "weights.abs()",
    "squares": "weights.square()",
    "takes_exponentials": "weights.exp()",
    "draws_evenly": "torch.ones_like(weights)",
}


# the same mistake, drawn another way than the card draws
OWN_DRAWS = {
    "another-way": "(p / torch.empty(n, len(p)).exponential_(generator=generator)).argmax(-1)",
    "the-global-generator": "(p / torch.empty(n, len(p)).exponential_()).argmax(-1)",
    "numpy": "torch.from_numpy(numpy.random.choice(len(p), n, p=p.double().div(p.sum()).numpy()))",
    "python": "torch.tensor(random.choices(range(len(p)), p.tolist(), k=n))",
}


@pytest.fixture
def sampling(new_project, line, tmp_path):
    """toys/draw has four mistakes; toys/toss has one of them, and a test that all pass."""
    project = new_project()
    project.track("toys", line("draw"), line("toss"))
    follow_ups = project.CARD[project.CARD.index("[[follow_ups]]") :]
    mistakes = [
        f'[mistakes.{name}]\nfind = "weights.clamp(min=0)"\nreplace = "{text}"\n'
        f'caught_by = "test_weights_below_0_are_never_drawn"\ntell = "{name}."\n\n'
        for name, text in MISDRAWN.items()
    ]
    both = ("draw", mistakes, DRAWING), ("toss", mistakes[:1], DRAWING + DRAWS_N)
    for kata, named, tests in both:
        project.kata(
            f"toys/{kata}",
            stub=SAMPLER.replace("<body>", "raise NotImplementedError"),
            solution=SAMPLER.replace("<body>", DRAWS),
            card=f'hints = ["Clamp.", "Draw.", "multinomial"]\n\n{"".join(named)}{follow_ups}',
            tests=tests,
        )
    return project.learner(tmp_path / "someone")


@pytest.mark.parametrize("name", MISDRAWN)
def test_mistakes_that_draw_the_same_in_one_test_are_told_apart_by_another(sampling, name):
    source = SAMPLER.replace("<body>", DRAWS).replace("weights.clamp(min=0)", MISDRAWN[name])

    found = sampling.check("toys/draw", source, "--timeout", "100").data["diagnosis"]

    assert found == {"mistakes": [name], "tell": f"{name}.", "confidence": "high"}


@pytest.mark.parametrize("way", OWN_DRAWS)
def test_a_mistake_with_draws_from_elsewhere_is_recognised_by_what_it_fails(sampling, way):
    body = f"import numpy, random\n    p = weights.abs()\n    return {OWN_DRAWS[way]}"
    source = SAMPLER.replace("<body>", body)

    found = sampling.check("toys/toss", source, "--timeout", "100").data["diagnosis"]

    assert found == {
        "mistakes": ["takes_absolutes"],
        "tell": "takes_absolutes.",
        "confidence": "low",
    }
