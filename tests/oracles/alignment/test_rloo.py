"""Against the exact gradient of the expected reward, by enumeration, and trl's rule."""

import itertools

import pytest
import torch


def policy(V=3, T=2):
    """A table of logits: V^T responses of T tokens, and a reward for each."""
    torch.manual_seed(V)
    logits = torch.randn(T, V, dtype=torch.float64, requires_grad=True)
    responses = list(itertools.product(range(V), repeat=T))
    rewards = torch.randn(len(responses), dtype=torch.float64)
    return logits, torch.tensor(responses), rewards


def token_log_probs(logits, responses):
    return logits.log_softmax(-1)[torch.arange(responses.shape[1]), responses]  # (N, T)


@pytest.mark.parametrize(
    ("baseline", "factor"), [("none", 1.0), ("rloo", 1.0), ("group", 0.5), ("batch", 0.75)]
)
def test_the_expected_gradient_is_exact(solution, baseline, factor):
    """Two prompts, one policy, two samples each: all draws, weighed by their probability."""
    logits, responses, rewards = policy(V=2)
    probabilities = token_log_probs(logits, responses).sum(dim=1).exp().detach()
    N = len(responses)
    index = torch.tensor([0, 1, 0, 1])
    gradient = torch.zeros_like(logits)
    for draw in itertools.product(range(N), repeat=4):
        chosen = torch.tensor(draw)
        # the second prompt pays 10 more for everything
        scores = rewards[chosen] + 10.0 * index
        A = solution.baseline_advantages(scores, index, baseline)
        log_prob = token_log_probs(logits, responses[chosen])
        loss = solution.reinforce_loss(log_prob, A, torch.ones_like(log_prob, dtype=torch.bool))
        gradient += probabilities[chosen].prod() * torch.autograd.grad(loss, logits)[0]

    expected_reward = (token_log_probs(logits, responses).sum(dim=1).exp() * rewards).sum()
    (expected,) = torch.autograd.grad(-expected_reward, logits)

    torch.testing.assert_close(gradient, factor * expected)


@pytest.mark.parametrize("n", [2, 4, 8])
def test_rloo_follows_trl_on_equal_groups(solution, n):
    torch.manual_seed(n)
    rewards = torch.randn(3 * n, dtype=torch.float64)
    groups = rewards.view(-1, n)
    # RLOOTrainer: (sum over the group - the reward) / (n - 1)
    baselines = (groups.sum(1, keepdim=True) - groups) / (n - 1)

    got = solution.baseline_advantages(rewards, torch.arange(3).repeat_interleave(n), "rloo")

    torch.testing.assert_close(got, (groups - baselines).flatten())


def test_rloo_follows_verl_on_unequal_groups(solution):
    torch.manual_seed(0)
    scores, index = torch.randn(9, dtype=torch.float64), torch.tensor([2, 0, 2, 2, 1, 0, 2, 3, 3])
    expected = scores.clone()
    for i in range(9):
        group = scores[index == index[i]]
        n = len(group)
        if n > 1:
            expected[i] = scores[i] * n / (n - 1) - group.mean() * n / (n - 1)

    torch.testing.assert_close(solution.baseline_advantages(scores, index, "rloo"), expected)
