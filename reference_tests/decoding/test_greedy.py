"""Models are tables: their likeliest tokens are known."""

import pytest
import torch

from grader.testing import assert_batch_rows_independent, assert_equal, assert_follows_device


class Script:
    """Says what is written for a row, told by its first token, one token a step."""

    def __init__(self, T, **rows):
        self.T, self.calls = T, 0
        self.rows = {int(name[1:]): tokens for name, tokens in rows.items()}

    def __call__(self, tokens):
        self.calls += 1
        logits = torch.zeros(*tokens.shape, 10)
        step = tokens.shape[1] - self.T
        for row, first in enumerate(tokens[:, 0].tolist()):
            logits[row, -1, self.rows[first][step]] = 1.0
        return logits


class Prefix:
    """Logits that depend on every token so far and on its place."""

    def __init__(self, V=20, dtype=torch.float64):
        self.embedding = torch.randn(V, 16, dtype=dtype)
        self.head = torch.randn(16, V, dtype=dtype)
        self.grad_modes = []

    def __call__(self, tokens):
        self.grad_modes.append(torch.is_grad_enabled())
        place = torch.arange(1, tokens.shape[1] + 1, dtype=self.head.dtype)[:, None]
        return (self.embedding[tokens] * place.cos()).cumsum(dim=1) @ self.head


def one_by_one(model, prompt, steps):
    """The likeliest continuation of one row, as a list."""
    tokens = prompt.tolist()
    for _ in range(steps):
        last = model(torch.tensor([tokens]))[0, -1].tolist()
        tokens.append(last.index(max(last)))
    return tokens


@pytest.mark.parametrize(
    "B, T, steps",
    [
        pytest.param(1, 1, 1, id="one-token"),
        pytest.param(3, 5, 12, id="batch"),
        pytest.param(4, 4, 4, id="square"),
        pytest.param(2, 9, 6, id="long-prompt"),
    ],
)
def test_follows_the_likeliest_token(attempt, B, T, steps):
    model, prompt = Prefix(), torch.randint(20, (B, T))
    expected = torch.tensor([one_by_one(model, row, steps) for row in prompt])

    result = attempt.greedy_decode(model, prompt, max_new_tokens=steps)

    assert_equal(result, expected, label="tokens")


def test_follows_a_script(attempt):
    model = Script(3, r1=[4, 2, 2, 7], r2=[0, 9, 9, 1])
    prompt = torch.tensor([[1, 5, 6], [2, 2, 8]])
    expected = torch.tensor([[1, 5, 6, 4, 2, 2, 7], [2, 2, 8, 0, 9, 9, 1]])

    assert_equal(attempt.greedy_decode(model, prompt, max_new_tokens=4), expected, label="tokens")


def test_a_row_that_has_ended_gets_pad(attempt):
    model = Script(1, r1=[4, 3, 5, 6, 6], r2=[3, 4, 4, 4, 4], r3=[8, 8, 8, 3, 8])
    expected = torch.tensor([[1, 4, 3, 9, 9], [2, 3, 9, 9, 9], [3, 8, 8, 8, 3]])
    prompt = torch.tensor([[1], [2], [3]])

    result = attempt.greedy_decode(model, prompt, max_new_tokens=5, eos=3, pad=9)

    assert_equal(result, expected, label="tokens")


def test_eos_itself_is_kept(attempt):
    model = Script(2, r1=[4, 3, 5])
    expected = torch.tensor([[1, 1, 4, 3]])

    result = attempt.greedy_decode(model, torch.tensor([[1, 1]]), max_new_tokens=3, eos=3, pad=7)

    assert_equal(result, expected, label="tokens")


def test_pad_is_0_if_not_given(attempt):
    model = Script(1, r1=[4, 4, 3], r2=[3, 4, 4])
    expected = torch.tensor([[1, 4, 4, 3], [2, 3, 0, 0]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=3, eos=3)

    assert_equal(result, expected, label="tokens")


def test_eos_may_be_token_0(attempt):
    model = Script(1, r1=[4, 0, 5, 5], r2=[0, 4, 4, 4])
    expected = torch.tensor([[1, 4, 0], [2, 0, 7]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=4, eos=0, pad=7)

    assert_equal(result, expected, label="tokens")


def test_pad_may_equal_eos(attempt):
    model = Script(1, r1=[4, 4, 3, 5], r2=[3, 4, 4, 5])
    expected = torch.tensor([[1, 4, 4, 3], [2, 3, 3, 3]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=4, eos=3, pad=3)

    assert_equal(result, expected, label="tokens")


def test_without_eos_no_token_ends_a_row(attempt):
    model = Script(1, r1=[0, 0, 3, 0], r2=[9, 0, 0, 9])
    expected = torch.tensor([[1, 0, 0, 3, 0], [2, 9, 0, 0, 9]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=4, pad=5)

    assert_equal(result, expected, label="tokens")


def test_an_eos_in_the_prompt_ends_nothing(attempt):
    model = Script(3, r1=[4, 4, 4], r3=[5, 3, 5])
    prompt = torch.tensor([[1, 3, 3], [3, 2, 3]])
    expected = torch.tensor([[1, 3, 3, 4, 4, 4], [3, 2, 3, 5, 3, 9]])

    result = attempt.greedy_decode(model, prompt, max_new_tokens=3, eos=3, pad=9)

    assert_equal(result, expected, label="tokens")


def test_a_pad_in_the_text_ends_nothing(attempt):
    model = Script(1, r1=[9, 4, 9, 3], r2=[4, 9, 9, 9])
    expected = torch.tensor([[1, 9, 4, 9, 3], [2, 4, 9, 9, 9]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=4, eos=3, pad=9)

    assert_equal(result, expected, label="tokens")


@pytest.mark.parametrize(
    "rows, calls",
    [
        pytest.param({"r1": [4, 3, 4, 4, 4], "r2": [3, 4, 4, 4, 4]}, 2, id="ended-early"),
        pytest.param({"r1": [4, 4, 4, 4, 3], "r2": [4, 4, 4, 4, 4]}, 5, id="to-the-limit"),
    ],
)
def test_the_model_is_not_called_once_all_rows_have_ended(attempt, rows, calls):
    model = Script(1, **rows)
    expected = torch.tensor([[1, *rows["r1"][:calls]], [2, *rows["r2"][:calls]]])
    expected[1, 2:] = 9 if calls == 2 else 4

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=5, eos=3, pad=9)

    assert_equal(result, expected, label="tokens")
    assert_equal(model.calls, calls, label="the number of calls of the model")


def test_of_equal_logits_the_lower_index_is_taken(attempt):
    def model(tokens):
        logits = torch.zeros(*tokens.shape, 50)
        logits[..., 7::8] = 1.0
        return logits

    expected = torch.tensor([[1, 7, 7], [2, 7, 7]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=2)

    assert_equal(result, expected, label="tokens")


@pytest.mark.parametrize(
    "dtype, low, high",
    [
        pytest.param(torch.bfloat16, 0.001, 0.0011, id="bfloat16"),
        pytest.param(torch.float32, 1e-9, 2e-9, id="float32"),
        pytest.param(torch.float64, 1.0, 1.0 + 1e-12, id="float64"),
    ],
)
def test_logits_that_are_nearly_equal_are_told_apart(attempt, dtype, low, high):
    def model(tokens):
        logits = torch.zeros(*tokens.shape, 32, dtype=dtype)
        logits[..., 5], logits[..., 20] = low, high
        return logits

    expected = torch.tensor([[1, 20, 20], [2, 20, 20]])

    result = attempt.greedy_decode(model, torch.tensor([[1], [2]]), max_new_tokens=2)

    assert_equal(result, expected, label="tokens")


def test_logits_below_zero_and_of_minus_infinity_are_no_zeros(attempt):
    def model(tokens):
        row = torch.tensor([-torch.inf, -9.0, -3.0, -torch.inf, -4.0])
        return row.expand(*tokens.shape, 5)

    expected = torch.tensor([[1, 1, 2, 2], [4, 3, 2, 2]])

    result = attempt.greedy_decode(model, torch.tensor([[1, 1], [4, 3]]), max_new_tokens=2)

    assert_equal(result, expected, label="tokens")


def test_bfloat16_logits_are_fine(attempt):
    exact, prompt = Script(1, r1=[4, 3, 5], r2=[6, 6, 6]), torch.tensor([[1], [2]])
    expected = torch.tensor([[1, 4, 3, 5], [2, 6, 6, 6]])

    result = attempt.greedy_decode(lambda t: exact(t).bfloat16(), prompt, max_new_tokens=3)

    assert_equal(result, expected, label="tokens")


def test_rows_are_independent(attempt):
    model, prompt = Prefix(), torch.randint(20, (3, 4))

    assert_batch_rows_independent(
        lambda rows: attempt.greedy_decode(model, rows, max_new_tokens=5), prompt
    )


def test_max_new_tokens_of_0_gives_the_prompt(attempt):
    model, prompt = Script(2), torch.tensor([[1, 2], [3, 4]])

    result = attempt.greedy_decode(model, prompt, max_new_tokens=0, eos=2)

    assert_equal(result, prompt, label="tokens")
    assert_equal(model.calls, 0, label="the number of calls of the model")


def test_gradients_are_off_while_the_model_runs(attempt):
    for before in (True, False):
        model = Prefix()
        with torch.set_grad_enabled(before):
            attempt.greedy_decode(model, torch.tensor([[1, 2]]), max_new_tokens=3)
            after = torch.is_grad_enabled()

        assert_equal(model.grad_modes, [False] * 3, label="whether gradients are on, in each call")
        assert_equal(after, before, label="whether gradients are on after the call")


def test_all_is_made_on_the_device_of_the_prompt(attempt):
    table = torch.randn(10, 10)

    assert_follows_device(
        lambda rows: attempt.greedy_decode(lambda t: table[t], rows, max_new_tokens=3, eos=5),
        torch.tensor([[1, 2], [3, 4]]),
    )


def test_rejects_a_negative_number_of_tokens(attempt):
    with pytest.raises(ValueError):
        attempt.greedy_decode(Script(2), torch.tensor([[1, 2]]), max_new_tokens=-1)
