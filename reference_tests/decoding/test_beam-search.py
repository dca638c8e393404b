"""Models are trees of probabilities, or random functions of the whole prefix in float64."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import embedding

from grader.testing import assert_close, assert_equal, assert_follows_device


class Tree:
    """The probabilities after each text; equal ones where nothing is written."""

    def __init__(self, T, branches):
        self.T = T
        self.branches = branches
        self.V = len(next(iter(branches.values())))

    def __call__(self, tokens):
        uniform = [1 / self.V] * self.V
        rows = [self.branches.get(tuple(row[self.T :]), uniform) for row in tokens.tolist()]
        last = torch.tensor(rows, dtype=torch.float64).log()
        # what other positions say is of no interest
        return torch.cat([last.new_zeros(len(rows), tokens.shape[1] - 1, self.V), last[:, None]], 1)


class Prefix:
    """Logits that depend on every token so far and on its place."""

    def __init__(self, V, scale=1.0, dtype=torch.float64):
        self.embedding = torch.randn(V, 16, dtype=torch.float64)
        self.head = torch.randn(16, V, dtype=torch.float64) * scale / 4
        self.dtype = dtype
        self.rows, self.grad_modes = [], []

    def __call__(self, tokens):
        self.rows.append(len(tokens))
        self.grad_modes.append(torch.is_grad_enabled())
        place = torch.arange(1, tokens.shape[1] + 1, dtype=torch.float64)[:, None]
        state = (self.embedding[tokens] * place.cos()).cumsum(dim=1)
        return (state @ self.head).to(self.dtype)


def total(model, prompt, text):
    """The log-probability of a text after a prompt."""
    tokens = torch.tensor([*prompt.tolist(), *text])
    log_probs = model(tokens[None])[0].double().log_softmax(-1)
    places = range(len(prompt) - 1, len(tokens) - 1)
    return sum(log_probs[i, tokens[i + 1]].item() for i in places)


def best_of_all(model, prompt, V, steps, eos, penalty):
    """Every text of at most `steps` tokens that ends with its first eos, or is of full length."""
    scored = []
    for n in range(1, steps + 1):
        for text in itertools.product(range(V), repeat=n):
            ends = text[-1] == eos or n == steps
            if ends and eos not in text[:-1]:
                scored.append((total(model, prompt, text) / n**penalty, text))
    score, text = max(scored)
    return torch.tensor([*prompt.tolist(), *text]), score


def check(attempt, model, prompt, text, probability, n=None, penalty=1.0, **kwargs):
    """The text after the prompt, and its score from its probability."""
    expected = torch.tensor([*prompt, *text])
    score = math.log(probability) / (n or len(text)) ** penalty

    tokens, got = attempt.beam_search(model, torch.tensor(prompt), length_penalty=penalty, **kwargs)

    assert_equal(tokens, expected, label="tokens")
    assert_close(got, score, label="score")


def test_finds_what_greedy_search_misses(attempt):
    branches = {(): [0.55, 0.4, 0.05], (0,): [0.4, 0.3, 0.3], (1,): [0.05, 0.05, 0.9]}
    model = Tree(2, branches)

    check(attempt, model, [1, 1], [1, 2], 0.36, beams=2, max_new_tokens=2)


def test_one_beam_is_greedy_search(attempt):
    model = Tree(1, {(): [0.55, 0.4, 0.05], (0,): [0.3, 0.4, 0.3], (1,): [0.05, 0.05, 0.9]})

    check(attempt, model, [2], [0, 1], 0.22, beams=1, max_new_tokens=2)


@pytest.mark.parametrize(
    "penalty, text, probability",
    [
        pytest.param(0.0, [2], 0.4, id="total"),
        pytest.param(0.2, [2], 0.4, id="a-little"),
        pytest.param(1.0, [0, 0], 0.3, id="mean"),
        pytest.param(-1.0, [2], 0.4, id="negative"),
    ],
)
def test_the_penalty_decides_between_short_and_long(attempt, penalty, text, probability):
    # log 0.4 = -0.92 for one token, log 0.3 = -1.20 for two
    model = Tree(3, {(): [0.5, 0.1, 0.4], (0,): [0.6, 0.1, 0.3]})

    check(
        attempt,
        model,
        [1, 0, 1],
        text,
        probability,
        penalty=penalty,
        beams=2,
        max_new_tokens=2,
        eos=2,
    )


@pytest.mark.parametrize("penalty", [0.5, 1.0, 2.0], ids="penalty={}".format)
def test_the_score_counts_eos(attempt, penalty):
    model = Tree(1, {(): [0.9, 0.05, 0.05], (0,): [0.05, 0.9, 0.05], (0, 1): [0.05, 0.05, 0.9]})

    check(
        attempt,
        model,
        [0],
        [0, 1, 2],
        0.729,
        n=3,
        penalty=penalty,
        beams=2,
        max_new_tokens=4,
        eos=2,
    )


def test_finished_hypotheses_take_no_place_from_the_living(attempt):
    # eos comes first, and both 0 and 1 live on: 1 leads to 0.245
    branches = {(): [0.3, 0.25, 0.45], (0,): [0.4, 0.3, 0.3], (1,): [0.98, 0.01, 0.01]}

    check(attempt, Tree(1, branches), [0], [1, 0], 0.245, beams=2, max_new_tokens=2, eos=2)


def test_as_many_live_on_if_several_finish_at_once(attempt):
    # eos comes first and second in step 2; (0, 0) is fourth, lives on and leads to 0.0588
    branches = {(): [0.5, 0.4, 0.1], (0,): [0.12, 0.08, 0.8], (1,): [0.25, 0.05, 0.7]}
    model = Tree(1, {**branches, (0, 0): [0.98, 0.01, 0.01]})

    check(attempt, model, [0], [0, 0, 0], 0.0588, penalty=3.0, beams=2, max_new_tokens=3, eos=2)


def test_an_eos_below_the_first_beams_is_dropped(attempt):
    model = Tree(1, {(): [0.5, 0.1, 0.4], (0,): [0.6, 0.3, 0.1]})

    check(attempt, model, [0], [0, 0], 0.3, penalty=0.0, beams=1, max_new_tokens=2, eos=2)


@pytest.mark.parametrize("beams", [1, 2], ids="beams={}".format)
def test_the_search_goes_on_after_the_first_eos(attempt, beams):
    model = Tree(1, {(): [0.4, 0.1, 0.5], (0,): [0.05, 0.9, 0.05], (0, 1): [0.9, 0.05, 0.05]})

    check(attempt, model, [0], [0, 1, 0], 0.324, beams=beams, max_new_tokens=3, eos=2)


def test_with_a_negative_penalty_the_next_step_may_still_win(attempt):
    # 2 log 0.7252 = -0.64 beats log 0.25 = -1.39; in step 10 no score is above 10 log 0.74 = -3.01
    model = Tree(1, {(): [0.74, 0.01, 0.25], (0,): [0.01, 0.01, 0.98]})

    check(attempt, model, [0], [0, 2], 0.7252, penalty=-1.0, beams=2, max_new_tokens=10, eos=2)


def test_a_finished_text_wins_over_later_ones_that_score_less(attempt):
    model = Tree(1, {(): [0.3, 0.1, 0.6]})

    check(attempt, model, [0], [2], 0.6, beams=2, max_new_tokens=4, eos=2)


def test_a_text_ends_with_its_first_eos(attempt):
    # what would come after eos is certain
    model = Tree(1, {(): [0.2, 0.1, 0.7], (2,): [0.999, 0.0005, 0.0005]})

    check(attempt, model, [0], [2], 0.7, beams=2, max_new_tokens=2, eos=2, penalty=0.2)


def test_an_eos_in_the_prompt_ends_nothing(attempt):
    model = Tree(2, {(): [0.7, 0.2, 0.1], (0,): [0.1, 0.8, 0.1]})

    check(attempt, model, [2, 2], [0, 1], 0.56, beams=2, max_new_tokens=2, eos=2)


def test_eos_may_be_token_0(attempt):
    model = Tree(1, {(): [0.2, 0.7, 0.1], (1,): [0.9, 0.05, 0.05]})

    check(attempt, model, [2], [1, 0], 0.63, beams=2, max_new_tokens=5, eos=0)


def test_without_eos_no_token_finishes_a_text(attempt):
    model = Tree(1, {(): [0.9, 0.05, 0.05], (0,): [0.1, 0.1, 0.8], (0, 2): [0.2, 0.7, 0.1]})

    check(attempt, model, [1], [0, 2, 1], 0.504, beams=2, max_new_tokens=3)


@pytest.mark.parametrize(
    "eos, penalty",
    [
        pytest.param(None, 1.0, id="no-eos"),
        pytest.param(1, 0.0, id="total"),
        pytest.param(2, 0.7, id="between"),
        pytest.param(0, 1.5, id="long-texts"),
    ],
)
def test_a_wide_beam_finds_the_best_of_all_texts(attempt, eos, penalty):
    model, prompt = Prefix(V=3), torch.randint(3, (3,))
    expected, score = best_of_all(model, prompt, 3, 4, eos, penalty)

    tokens, got = attempt.beam_search(
        model, prompt, beams=81, max_new_tokens=4, eos=eos, length_penalty=penalty
    )

    assert_equal(tokens, expected, label="tokens")
    assert_close(got, score, label="score")


@pytest.mark.parametrize(
    "V, beams, steps, eos, penalty",
    [
        pytest.param(20, 3, 8, None, 1.0, id="no-eos"),
        pytest.param(6, 4, 8, 5, 1.0, id="mean"),
        pytest.param(6, 4, 8, 0, 0.0, id="total"),
        pytest.param(6, 2, 9, 3, 1.6, id="long-texts"),
        pytest.param(4, 7, 6, 1, -0.5, id="more-beams-than-tokens"),
        pytest.param(2, 3, 6, 1, 0.8, id="two-tokens"),
    ],
)
def test_matches_reference(attempt, reference, V, beams, steps, eos, penalty):
    kwargs = {"beams": beams, "max_new_tokens": steps, "eos": eos, "length_penalty": penalty}
    for _ in range(2):
        model, prompt = Prefix(V, scale=0.7), torch.randint(V, (4,))
        expected = reference.beam_search(model, prompt, **kwargs)

        result = attempt.beam_search(model, prompt, **kwargs)

        assert_equal(result[0], expected[0], label="tokens")
        assert_close(result[1], expected[1], label="score")


def test_the_penalty_is_1_and_no_token_is_eos_if_not_given(attempt):
    model, prompt = Prefix(V=3), torch.randint(3, (3,))
    expected, score = best_of_all(model, prompt, 3, 3, None, 1.0)

    tokens, got = attempt.beam_search(model, prompt, beams=27, max_new_tokens=3)

    assert_equal(tokens, expected, label="tokens")
    assert_close(got, score, label="score")


def test_logits_need_not_be_normalised(attempt):
    # the larger logits after 0 hide that nothing is likely there
    tree = Tree(1, {(): [0.5, 0.4, 0.1], (0,): [0.4, 0.3, 0.3], (1,): [0.05, 0.05, 0.9]})

    def model(tokens):
        return tree(tokens) + 5.0 * (tokens[:, -1:, None] == 0)

    check(attempt, model, [1], [1, 2], 0.36, beams=2, max_new_tokens=2)


def test_a_logit_of_minus_infinity_is_never_taken(attempt):
    model = Tree(1, {(): [0.0, 1.0, 0.0], (1,): [0.25, 0.0, 0.75], (1, 2): [1.0, 0.0, 0.0]})

    check(attempt, model, [0], [1, 2, 0], 0.75, beams=4, max_new_tokens=3)


def test_all_may_finish_before_the_last_step(attempt):
    model = Tree(1, {(): [0.6, 0.4, 0.0], (0,): [0.0, 0.0, 1.0], (1,): [0.0, 0.0, 1.0]})

    check(attempt, model, [0], [0, 2], 0.6, penalty=0.0, beams=4, max_new_tokens=5, eos=2)


def test_the_model_is_called_once_per_step_with_at_most_beams_rows(attempt):
    model, prompt = Prefix(V=10), torch.randint(10, (2,))
    expected = [True] * 6

    attempt.beam_search(model, prompt, beams=3, max_new_tokens=6)

    few = [rows <= 3 for rows in model.rows]
    assert_equal(few, expected, label="whether a call has at most beams rows, for each call")


def test_bfloat16_logits_are_computed_in_float32(attempt):
    model, prompt = Prefix(V=50, scale=1.0, dtype=torch.bfloat16), torch.randint(50, (2,))

    tokens, score = attempt.beam_search(model, prompt, beams=1, max_new_tokens=12)

    # greedy, whichever way ties go: the score belongs to the tokens
    assert_equal(tuple(tokens.shape), (14,), label="the shape of the tokens")
    assert_equal(tokens[:2], prompt, label="the first tokens")
    exact = total(model, prompt, tokens[2:].tolist()) / 12
    assert_close(score, exact, rtol=1e-5, atol=1e-5, why="log-probabilities in float32")


def test_float64_logits_are_computed_in_float64(attempt):
    # what is common to all logits changes nothing, but takes three digits of float32
    tree = Tree(1, {(): [0.55, 0.4, 0.05], (0,): [0.4, 0.3, 0.3], (1,): [0.05, 0.05, 0.9]})

    def model(tokens):
        return tree(tokens) + 1000 * math.pi

    check(attempt, model, [1], [1, 2], 0.36, beams=2, max_new_tokens=2)


def test_one_new_token(attempt):
    model = Tree(2, {(): [0.2, 0.5, 0.3]})

    check(attempt, model, [0, 1], [1], 0.5, beams=5, max_new_tokens=1, eos=0)


def test_tokens_are_made_on_the_device_of_the_prompt(attempt):
    table = torch.randn(6, 6)

    def tokens(prompt, table):
        return attempt.beam_search(
            lambda rows: embedding(rows, table), prompt, beams=3, max_new_tokens=3, eos=5
        )[0]

    assert_follows_device(tokens, torch.tensor([1, 2]), table)


def test_gradients_are_off_while_the_model_runs(attempt):
    for before in (True, False):
        model = Prefix(V=6)
        with torch.set_grad_enabled(before):
            attempt.beam_search(model, torch.tensor([1, 2]), beams=2, max_new_tokens=3)
            after = torch.is_grad_enabled()

        assert_equal(model.grad_modes, [False] * 3, label="whether gradients are on, in each call")
        assert_equal(after, before, label="whether gradients are on after the call")


@pytest.mark.parametrize(
    "beams, steps",
    [
        pytest.param(0, 3, id="no-beams"),
        pytest.param(-1, 3, id="negative-beams"),
        pytest.param(2, 0, id="no-tokens"),
        pytest.param(2, -1, id="negative-tokens"),
    ],
)
def test_rejects_less_than_one_beam_or_token(attempt, beams, steps):
    model = Prefix(4)
    with pytest.raises(ValueError):
        attempt.beam_search(model, torch.tensor([1]), beams=beams, max_new_tokens=steps)

    assert_equal(len(model.rows), 0, label="the number of calls of the model")


bench = "a step of the search costs nothing beside the call of a model; the tests count its rows"
