"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device


def make_batch(B=4, T=9, dtype=torch.float64):
    """Rows with a prompt, gaps and padding; a reward of its own at each position."""
    response_mask = torch.ones(B, T, dtype=torch.bool)
    for row in range(B):
        response_mask[row, : row % 3] = False
        response_mask[row, T - row % 2 :] = False
        response_mask[row, 3 + row % 2 : 5 + row % 3] = False
    rewards = 0.5 + torch.randn(B, T, dtype=dtype)
    return rewards, 2 + 3 * torch.randn(B, T, dtype=dtype), response_mask


def row_of(*values):
    return torch.tensor([values], dtype=torch.float64)


def mask_of(*rows):
    return torch.tensor([[c == "x" for c in row] for row in rows])


def from_the_definition(rewards, values, response_mask, gamma, lam):
    """Response tokens cut out into lists, sums of later TD errors, whitening by hand."""
    advantages = torch.zeros(rewards.shape, dtype=torch.float64)
    returns = torch.zeros(rewards.shape, dtype=torch.float64)
    for b, mask in enumerate(response_mask.tolist()):
        steps = [t for t, keep in enumerate(mask) if keep]
        r = [rewards[b, t].item() for t in steps]
        v = [values[b, t].item() for t in steps] + [0.0]
        deltas = [r[i] + gamma * v[i + 1] - v[i] for i in range(len(steps))]
        for i, t in enumerate(steps):
            tail = [(gamma * lam) ** l * delta for l, delta in enumerate(deltas[i:])]  # noqa: E741
            advantages[b, t] = math.fsum(tail)
            returns[b, t] = math.fsum(tail) + v[i]
    kept = advantages[response_mask].tolist()
    mean = math.fsum(kept) / len(kept)
    variance = math.fsum((x - mean) ** 2 for x in kept) / (len(kept) - 1)
    return (advantages - mean) / math.sqrt(variance + 1e-8), returns


def compare(got, expected, response_mask, **options):
    assert len(got) == 2, f"expected two results, got {len(got)}"
    for name, value, want in zip(("advantages", "returns"), got, expected, strict=True):
        # what stands elsewhere is not looked at
        kept, wanted = (x.masked_fill(~response_mask, 0) for x in (value, want))
        assert_close(kept, wanted, label=f"{name} at response tokens", **options)


def check(attempt, batch, gamma, lam):
    expected = from_the_definition(*batch, gamma, lam)

    compare(attempt.compute_gae_advantage_return(*batch, gamma, lam), expected, batch[2])


@pytest.mark.parametrize(
    "B, T, gamma, lam",
    [
        pytest.param(4, 9, 0.9, 0.8, id="usual"),
        pytest.param(3, 12, 1.0, 0.95, id="undiscounted"),
        pytest.param(8, 8, 0.7, 0.6, id="as-many-rows-as-tokens"),
        pytest.param(1, 11, 0.95, 0.5, id="one-response"),
        pytest.param(5, 9, 0.9, 0.0, id="lambda-zero"),
        pytest.param(5, 9, 0.0, 0.9, id="gamma-zero"),
    ],
)
def test_follows_the_definition(attempt, B, T, gamma, lam):
    check(attempt, make_batch(B, T), gamma, lam)


def test_one_token_each_is_a_bandit(attempt):
    rewards, values = torch.randn(2, 6, 1, dtype=torch.float64)

    check(attempt, (rewards, values, torch.ones(6, 1, dtype=torch.bool)), 0.9, 0.8)


def test_returns_match_a_case_worked_by_hand(attempt):
    # TD errors 1, 1.75 and 1.5; gamma * lam = 0.25; advantages 1.53125, 2.125 and 1.5
    rewards, values = row_of(1, 2, 3), row_of(0.5, 1, 1.5)
    mask = torch.ones(1, 3, dtype=torch.bool)

    _, returns = attempt.compute_gae_advantage_return(rewards, values, mask, 0.5, 0.5)

    assert_close(returns, row_of(2.03125, 3.125, 3.0), label="returns")


@pytest.mark.parametrize("mask", ["x..xx", ".xx.x", "xxx..", "..xxx", "x.x.x"])
def test_a_gap_is_as_if_cut_out(attempt, mask):
    response_mask = mask_of(mask)
    rewards, values = torch.full((2, 1, 5), 50.0, dtype=torch.float64)
    rewards[response_mask], values[response_mask] = row_of(1, 2, 3), row_of(0.5, 1, 1.5)
    A = torch.tensor([1.53125, 2.125, 1.5], dtype=torch.float64)
    advantages, returns = torch.zeros(2, 1, 5, dtype=torch.float64)
    advantages[response_mask] = (A - A.mean()) / torch.sqrt(A.var() + 1e-8)
    returns[response_mask] = row_of(2.03125, 3.125, 3.0)

    got = attempt.compute_gae_advantage_return(rewards, values, response_mask, 0.5, 0.5)

    compare(got, (advantages, returns), response_mask)


def test_a_row_may_have_no_step(attempt):
    rewards, values, response_mask = make_batch()
    response_mask[1] = False

    check(attempt, (rewards, values, response_mask), 0.9, 0.8)


def test_whitening_matches_a_case_worked_by_hand(attempt):
    # advantages 1e-4 and -1e-4: variance 2e-8, and 1e-8 more under the root
    rewards, mask = row_of(1e-4, 7, -1e-4), mask_of("x.x")
    root = 1 / math.sqrt(3)

    advantages, _ = attempt.compute_gae_advantage_return(
        rewards, torch.zeros_like(rewards), mask, 0.0, 0.9
    )

    wanted = row_of(root, 0, -root)
    assert_close(advantages.masked_fill(~mask, 0), wanted, label="advantages at response tokens")


def test_whitening_is_over_the_whole_batch(attempt):
    # a good response and a bad one; the first has three times as many tokens
    rewards = torch.tensor([[3.0, 4.0, 5.0], [-3.0, 0.0, 0.0]], dtype=torch.float64)
    mask = mask_of("xxx", "x..")
    A = torch.tensor([3.0, 4.0, 5.0, -3.0], dtype=torch.float64)
    wanted = torch.zeros(2, 3, dtype=torch.float64)
    wanted[mask] = (A - 2.25) / torch.sqrt(A.var() + 1e-8)

    advantages, _ = attempt.compute_gae_advantage_return(
        rewards, torch.zeros_like(rewards), mask, 0.0, 0.9
    )

    assert_close(advantages.masked_fill(~mask, 0), wanted, label="advantages at response tokens")


def test_undiscounted_returns_are_rewards_to_go(attempt):
    rewards, values, response_mask = make_batch()
    kept = rewards * response_mask
    wanted = kept.flip(1).cumsum(1).flip(1) * response_mask

    _, returns = attempt.compute_gae_advantage_return(rewards, values, response_mask, 1.0, 1.0)

    assert_close(returns.masked_fill(~response_mask, 0), wanted, label="returns at response tokens")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e4])
@pytest.mark.parametrize("place", [(0,), (1,), (0, 1)], ids=["rewards", "values", "both"])
def test_what_stands_at_masked_positions_changes_nothing(attempt, place, value):
    batch = make_batch()
    expected = from_the_definition(*batch, 0.9, 0.8)
    response_mask = batch[2]
    filled = [
        x.masked_fill(~response_mask, value) if i in place else x for i, x in enumerate(batch)
    ]

    compare(attempt.compute_gae_advantage_return(*filled, 0.9, 0.8), expected, response_mask)


def test_results_are_constants(attempt):
    rewards, values, response_mask = make_batch()

    results = attempt.compute_gae_advantage_return(
        rewards.requires_grad_(), values.requires_grad_(), response_mask, 0.9, 0.8
    )

    for name, value in zip(("advantages", "returns"), results, strict=True):
        assert not value.requires_grad, f"{name} carry a gradient: detach the inputs"


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, dtype):
    rewards, values, response_mask = make_batch(4, 30, dtype=dtype)
    exact = from_the_definition(rewards.double(), values.double(), response_mask, 0.99, 0.95)

    got = attempt.compute_gae_advantage_return(rewards, values, response_mask, 0.99, 0.95)

    compare(
        got,
        [x.float() for x in exact],
        response_mask,
        rtol=1e-5,
        atol=2e-5,
        why="thirty steps in float32, values of some 5",
    )


@pytest.mark.parametrize("tokens", [0, 1])
def test_rejects_a_batch_with_fewer_than_two_tokens(attempt, tokens):
    rewards, values, response_mask = make_batch()
    response_mask = torch.zeros_like(response_mask)
    response_mask[1, :tokens] = True

    with pytest.raises(ValueError):
        attempt.compute_gae_advantage_return(rewards, values, response_mask, 0.9, 0.8)


def test_results_lie_where_the_rewards_do(attempt):
    assert_follows_device(attempt.compute_gae_advantage_return, *make_batch(), 0.9, 0.8)


def test_the_variance_survives_a_large_mean(attempt):
    rewards = 3000 + torch.randn(4, 6)
    mask = torch.ones(4, 6, dtype=torch.bool)
    exact = rewards.double()
    expected = ((exact - exact.mean()) / (exact.var() + 1e-8).sqrt()).float()

    # without gamma an advantage is a reward
    got, _ = attempt.compute_gae_advantage_return(rewards, torch.zeros(4, 6), mask, 0.0, 0.0)

    assert_close(got, expected, rtol=0.0, atol=5e-3, why="float32 holds 3,000 to 2e-4")
