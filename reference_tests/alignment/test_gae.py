"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch

from grader.testing import assert_close


def make_rollouts(B=3, T=7, dtype=torch.float64, ends=()):
    """Rewards, values, bootstrap_value and dones; ends holds (row, step) of each episode's end."""
    dones = torch.zeros(B, T, dtype=torch.bool)
    for row, step in ends:
        dones[row, step] = True
    return (
        torch.randn(B, T, dtype=dtype),
        2 * torch.randn(B, T, dtype=dtype),
        3 + torch.randn(B, dtype=dtype),
        dones,
    )


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def from_the_definition(rewards, values, bootstrap_value, dones, gamma, lam):
    """The sum over later TD errors, written out: slow, plain, and not a recursion."""
    B, T = rewards.shape
    advantages = torch.zeros(B, T, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            for l in range(T - t):  # noqa: E741
                step = t + l
                after = values[b, step + 1] if step + 1 < T else bootstrap_value[b]
                if dones[b, step]:
                    after = 0.0
                delta = rewards[b, step] + gamma * after - values[b, step]
                advantages[b, t] += (gamma * lam) ** l * delta
                if dones[b, step]:
                    break
    return advantages, advantages + values


def check(attempt, rollouts, gamma, lam):
    """Compare both results with the definition."""
    advantages, returns = from_the_definition(*rollouts, gamma, lam)
    got = attempt.gae(*rollouts, gamma=gamma, lam=lam)

    assert_close(got[0], advantages, label="advantages")
    assert_close(got[1], returns, label="returns")


def test_matches_a_case_worked_by_hand(attempt):
    # TD errors 1, 1.75 and 2.5; gamma * lam = 0.25
    rewards, values = column(1, 2, 3)[None], column(0.5, 1, 1.5)[None]
    dones = torch.zeros(1, 3, dtype=torch.bool)

    advantages, returns = attempt.gae(rewards, values, column(2), dones, gamma=0.5, lam=0.5)

    assert_close(advantages, column(1.59375, 2.375, 2.5)[None], label="advantages")
    assert_close(returns, column(2.09375, 3.375, 4.0)[None], label="returns")


@pytest.mark.parametrize(
    "B, T, gamma, lam",
    [
        pytest.param(3, 7, 0.9, 0.8, id="usual"),
        pytest.param(2, 5, 0.99, 0.95, id="ppo-defaults"),
        pytest.param(4, 6, 1.0, 0.7, id="undiscounted"),
        pytest.param(4, 4, 0.6, 0.9, id="as-many-rollouts-as-steps"),
        pytest.param(5, 3, 0.0, 0.9, id="gamma-zero"),
    ],
)
def test_sums_the_discounted_td_errors(attempt, B, T, gamma, lam):
    check(attempt, make_rollouts(B, T), gamma, lam)


def test_lambda_zero_gives_the_td_error(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts()
    next_values = torch.cat([values[:, 1:], bootstrap_value[:, None]], dim=1)
    expected = rewards + 0.9 * next_values - values

    advantages, _ = attempt.gae(rewards, values, bootstrap_value, dones, gamma=0.9, lam=0.0)

    assert_close(advantages, expected, label="advantages")


def test_lambda_one_returns_the_discounted_rewards(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts(T=5)
    steps = [*rewards.unbind(dim=1), bootstrap_value]
    expected = torch.stack(
        [sum(0.9**i * step for i, step in enumerate(steps[t:])) for t in range(5)], dim=1
    )

    advantages, returns = attempt.gae(rewards, values, bootstrap_value, dones, gamma=0.9, lam=1.0)

    assert_close(returns, expected, label="returns")
    assert_close(advantages, expected - values, label="advantages")


def test_a_single_step_bootstraps_from_the_state_after_it(attempt):
    rollouts = make_rollouts(T=1)
    rewards, values, bootstrap_value, _ = rollouts
    expected = rewards + 0.9 * bootstrap_value[:, None] - values

    assert_close(attempt.gae(*rollouts, gamma=0.9, lam=0.95)[0], expected, label="advantages")


def test_a_terminal_state_is_worth_nothing(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts(T=1, ends=[(0, 0), (2, 0)])
    kept = column(0, 1, 0)
    expected = rewards + 0.9 * (kept * bootstrap_value)[:, None] - values

    advantages, _ = attempt.gae(rewards, values, bootstrap_value, dones, gamma=0.9, lam=0.95)

    assert_close(advantages, expected, label="advantages")


def test_the_td_error_at_an_episode_end_leaves_the_next_episode_out(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts(T=4, ends=[(0, 1), (1, 2), (2, 0)])
    next_values = torch.cat([values[:, 1:], bootstrap_value[:, None]], dim=1)
    expected = rewards + 0.9 * next_values.masked_fill(dones, 0) - values

    # lambda 0: each advantage is its TD error alone
    advantages, _ = attempt.gae(rewards, values, bootstrap_value, dones, gamma=0.9, lam=0.0)

    assert_close(advantages, expected, label="advantages")


def test_a_later_episode_does_not_reach_an_earlier_one(attempt):
    # only the second episode has rewards: all before it must stay 0
    rewards = column(0, 0, 0, 5, 7)[None]
    zeros = torch.zeros(1, 5, dtype=torch.float64)
    dones = torch.tensor([[False, False, True, False, False]])

    advantages, _ = attempt.gae(rewards, zeros, column(0), dones, gamma=0.5, lam=0.5)

    assert_close(advantages, column(0, 0, 0, 6.75, 7)[None], label="advantages")


def test_every_rollout_has_its_own_episode_ends(attempt):
    rollouts = make_rollouts(B=4, T=8, ends=[(0, 2), (0, 3), (1, 7), (2, 0), (2, 5)])

    check(attempt, rollouts, 0.95, 0.9)


def test_every_step_may_end_an_episode(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts(T=4)

    advantages, _ = attempt.gae(
        rewards, values, bootstrap_value, torch.ones_like(dones), gamma=0.9, lam=0.8
    )

    assert_close(advantages, rewards - values, label="advantages")


def test_episodes_in_a_row_match_episodes_apart(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts(B=2, T=7, ends=[(0, 2), (1, 2)])
    parts = [
        from_the_definition(
            rewards[:, part], values[:, part], bootstrap_value, dones[:, part], 0.9, 0.8
        )
        for part in (slice(0, 3), slice(3, 7))
    ]
    expected = [torch.cat(pair, dim=1) for pair in zip(*parts, strict=True)]

    got = attempt.gae(rewards, values, bootstrap_value, dones, gamma=0.9, lam=0.8)

    assert_close(got[0], expected[0], label="advantages")
    assert_close(got[1], expected[1], label="returns")


def test_a_long_rollout_with_a_strong_discount_stays_exact(attempt):
    # 0.0001^100 is 0 in float64: dividing by powers of gamma * lam cannot work
    rewards = torch.ones(2, 100, dtype=torch.float64)
    zeros = torch.zeros(2, 100, dtype=torch.float64)
    powers = 1e-4 ** torch.arange(100, 0, -1, dtype=torch.float64)
    expected = ((1 - powers) / (1 - 1e-4)).expand(2, 100)

    got = attempt.gae(rewards, zeros, column(0, 0), zeros.bool(), gamma=0.01, lam=0.01)

    assert_close(got[0], expected, label="advantages")


def test_results_are_constants(attempt):
    rewards, values, bootstrap_value, dones = make_rollouts()
    leaves = [x.requires_grad_() for x in (rewards, values, bootstrap_value)]

    advantages, returns = attempt.gae(*leaves, dones, gamma=0.9, lam=0.8)

    assert not advantages.requires_grad, "advantages carry a gradient: detach the inputs"
    assert not returns.requires_grad, "returns carry a gradient: detach the inputs"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(attempt, dtype):
    # a running sum from 2048 on would lose every 1: these dtypes have 8 and 11 significant bits
    rewards = torch.tensor([[1.0] * 9 + [2048.0]], dtype=dtype)
    zeros = torch.zeros_like(rewards)
    expected = torch.arange(2057, 2047, -1, dtype=torch.float32)[None]

    got = attempt.gae(rewards, zeros, zeros[:, 0], zeros.bool(), gamma=1.0, lam=1.0)

    assert_close(got[0], expected, label="advantages")
    assert_close(got[1], expected, label="returns")


def test_float32_stays_float32(attempt, reference):
    rollouts = make_rollouts(dtype=torch.float32, ends=[(1, 3)])
    expected = reference.gae(*rollouts, gamma=0.9, lam=0.8)

    got = attempt.gae(*rollouts, gamma=0.9, lam=0.8)

    assert_close(got[0], expected[0], label="advantages")
    assert_close(got[1], expected[1], label="returns")


@pytest.mark.parametrize(
    "values, bootstrap_value, dones",
    [
        pytest.param((3, 8), (3,), (3, 7), id="one-value-too-many"),
        pytest.param((3, 7), (3, 1), (3, 7), id="bootstrap-as-a-column"),
        pytest.param((3, 7), (1,), (3, 7), id="one-bootstrap-for-all"),
        pytest.param((3, 7), (3,), (3, 1), id="one-done-for-each-rollout"),
    ],
)
def test_rejects_shapes_that_do_not_fit(attempt, values, bootstrap_value, dones):
    with pytest.raises(ValueError):
        attempt.gae(
            torch.ones(3, 7),
            torch.ones(values),
            torch.ones(bootstrap_value),
            torch.zeros(dones, dtype=torch.bool),
            gamma=0.9,
            lam=0.9,
        )


def bench(attempt, size, device):
    """Size is the number of steps: 32 rollouts in float32."""
    rollouts = [x.to(device) for x in make_rollouts(32, size, torch.float32)]
    return lambda: attempt.gae(*rollouts, gamma=0.99, lam=0.95)


bench.sizes = (64, 256, 1024)
