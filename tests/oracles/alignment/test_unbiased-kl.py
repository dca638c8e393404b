"""Against exact KLs by enumeration, Monte Carlo, and trl's corrected k3."""

import pytest
import torch
from torch.distributions import Categorical, kl_divergence


def make_batch(B=8, T=6):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old = log_prob + 0.4 * torch.randn(B, T)
    ref = log_prob + 0.4 * torch.randn(B, T)
    return log_prob, old, ref, torch.arange(T) < torch.randint(1, T + 1, (B, 1))


def test_token_loss_and_gradient_match_trl(solution, trl_loss):
    log_prob, old, ref, response_mask = make_batch()
    log_prob.requires_grad_()
    # without advantages there is the KL term alone
    expected = trl_loss(
        log_prob,
        old,
        torch.zeros(len(log_prob), dtype=torch.float64),
        response_mask,
        loss_type="bnpo",
        ref_log_prob=ref,
        beta=1.0,
        corrected=True,
    )

    loss = solution.token_kl_loss(log_prob, old, ref, response_mask)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


def test_samples_of_an_old_policy_estimate_the_kl_of_the_new_one(solution):
    torch.manual_seed(0)
    logits, old_logits, ref_logits = 0.6 * torch.randn(3, 8, dtype=torch.float64)
    policy, old, ref = (Categorical(logits=x) for x in (logits, old_logits, ref_logits))
    tokens = old.sample((1, 200_000))
    mask = torch.ones_like(tokens, dtype=torch.bool)

    loss = solution.token_kl_loss(
        policy.log_prob(tokens), old.log_prob(tokens), ref.log_prob(tokens), mask
    )

    assert loss.item() == pytest.approx(kl_divergence(policy, ref).item(), rel=0.03)


def test_the_sequence_gradient_is_exact_for_a_chain(solution):
    """Three tokens of two, each depending on the one before: eight responses, weighed."""
    torch.manual_seed(1)
    table = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    ref_table = torch.randn(3, 2, 2, dtype=torch.float64)

    def log_probs(x):
        rows = []
        for code in range(8):
            tokens = [code & 1, code >> 1 & 1, code >> 2]
            before = [0, *tokens[:2]]
            picked = [x[t, before[t]].log_softmax(0)[token] for t, token in enumerate(tokens)]
            rows.append(torch.stack(picked))
        return torch.stack(rows)

    new, ref = log_probs(table), log_probs(ref_table)
    chances = new.sum(dim=1).exp()
    exact = (chances * (new - ref).sum(dim=1)).sum()
    one = torch.ones(1, 3, dtype=torch.bool)
    losses = [solution.sequence_kl_loss(new[i : i + 1], ref[i : i + 1], one) for i in range(8)]
    mean = (torch.stack(losses) * chances.detach()).sum()

    torch.testing.assert_close(mean, exact)
    torch.testing.assert_close(
        torch.autograd.grad(mean, table, retain_graph=True), torch.autograd.grad(exact, table)
    )
