"""A transformers Llama as the policy; trl's clipped loss; veRL's GAE in numpy; a toy reward."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel
from trl.trainer.utils import selective_log_softmax

SIZES = {
    "vocab_size": 9,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = LlamaForCausalLM(LlamaConfig(**SIZES)).double()

    def forward(self, input_ids):
        return self.model(input_ids=input_ids).logits


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = LlamaModel(LlamaConfig(**SIZES)).double()
        self.head = nn.Linear(16, 1).double()

    def forward(self, input_ids):
        return self.head(self.model(input_ids=input_ids).last_hidden_state).squeeze(-1)


@pytest.fixture
def models():
    torch.manual_seed(0)
    found = Policy(), Critic(), Policy()
    with torch.no_grad():
        for p in found[0].parameters():
            p.mul_(4)
    return found


def make_batch(B=6, T=9):
    torch.manual_seed(1)
    response_mask = torch.arange(T) >= torch.randint(1, 4, (B, 1))
    response_mask &= torch.arange(T) < torch.randint(5, T + 1, (B, 1))
    response_mask[1, 4] = False
    return torch.randint(9, (B, T)), response_mask, torch.randn(B).double()


def verl_gae(rewards, values, mask, gamma, lam):
    """compute_gae_advantage_return, with its masks as numbers."""
    next_values = lastgaelam = np.zeros(len(rewards))
    backwards = []
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_values - values[:, t]
        carried = delta + gamma * lam * lastgaelam
        next_values = values[:, t] * mask[:, t] + (1 - mask[:, t]) * next_values
        lastgaelam = carried * mask[:, t] + (1 - mask[:, t]) * lastgaelam
        backwards.append(lastgaelam)
    advantages = np.stack(backwards[::-1], axis=1)
    returns = advantages + values
    kept = advantages[mask.astype(bool)]
    return (advantages - kept.mean()) / np.sqrt(kept.var(ddof=1) + 1e-8), returns


@pytest.mark.parametrize(("beta", "gamma", "lam"), [(0.05, 1.0, 0.95), (0.4, 0.9, 0.7)])
def test_experience_matches_trl_and_verl(solution, models, beta, gamma, lam):
    policy, critic, ref = models
    input_ids, response_mask, scores = make_batch()
    with torch.no_grad():
        old, other = (
            selective_log_softmax(m(input_ids)[:, :-1], input_ids[:, 1:]) for m in (policy, ref)
        )
        values = critic(input_ids)[:, :-1].numpy()
    mask = response_mask[:, 1:].numpy()
    rewards = -beta * (old - other).numpy()
    for row, score in enumerate(scores.tolist()):
        rewards[row, mask[row].nonzero()[0].max()] += score
    advantages, returns = verl_gae(rewards, values, mask.astype(float), gamma, lam)

    got = solution.make_experience(
        *models, input_ids, response_mask, scores, beta=beta, gamma=gamma, lam=lam
    )

    torch.testing.assert_close(got.old_log_prob[:, 1:], old)
    for name, want in {
        "values": values,
        "token_level_rewards": rewards,
        "advantages": advantages,
        "returns": returns,
    }.items():
        ours = getattr(got, name)[:, 1:].numpy()
        np.testing.assert_allclose(ours[mask], want[mask], rtol=1e-9, atol=1e-12, err_msg=name)


class Recorder(torch.optim.SGD):
    """Keeps weights and gradients as they are before each step."""

    def __init__(self, *models, lr):
        super().__init__([p for model in models for p in model.parameters()], lr=lr)
        self.models, self.kept = models, []

    def step(self, closure=None):
        self.kept.append(
            [
                (
                    {k: v.clone() for k, v in model.state_dict().items()},
                    [p.grad.clone() for p in model.parameters()],
                )
                for model in self.models
            ]
        )
        return super().step(closure)


def test_gradients_of_each_step_match_trl_and_the_clipped_value_loss(solution, trl_loss, models):
    policy, critic, _ = models
    input_ids, response_mask, scores = make_batch()
    e = solution.make_experience(*models, input_ids, response_mask, scores, beta=0.3)
    optimizer = Recorder(policy, critic, lr=1.0)

    metrics = solution.ppo_update(
        *models,
        optimizer,
        input_ids,
        response_mask,
        scores,
        beta=0.3,
        cliprange=0.05,
        cliprange_value=0.1,
        vf_coef=0.5,
        ppo_epochs=3,
        mini_batch_size=4,
    )

    assert len(optimizer.kept) == 6
    losses = []
    for i, ((state, gradient), (critic_state, critic_gradient)) in enumerate(optimizer.kept):
        rows = slice(0, 4) if i % 2 == 0 else slice(4, 6)
        ids, mask = input_ids[rows], response_mask[rows, 1:]
        policy.load_state_dict(state)
        critic.load_state_dict(critic_state)
        log_prob = selective_log_softmax(policy(ids)[:, :-1], ids[:, 1:])
        old, A, was, target = (
            getattr(e, name)[rows, 1:]
            for name in ("old_log_prob", "advantages", "values", "returns")
        )
        pg_loss = trl_loss(log_prob, old, A, mask, loss_type="bnpo", low=0.05, high=0.05)
        torch.testing.assert_close(
            list(torch.autograd.grad(pg_loss, list(policy.parameters()))), gradient
        )
        # as in OpenAI's baselines
        v = critic(ids)[:, :-1]
        clipped = was + (v - was).clamp(-0.1, 0.1)
        vf_loss = 0.5 * torch.max((v - target) ** 2, (clipped - target) ** 2)[mask].mean()
        torch.testing.assert_close(
            list(torch.autograd.grad(0.5 * vf_loss, list(critic.parameters()))), critic_gradient
        )
        losses.append((pg_loss.item(), vf_loss.item()))
    means = np.mean(losses, axis=0)
    assert [metrics["pg_loss"], metrics["vf_loss"]] == pytest.approx(means.tolist())
    assert metrics["pg_clipfrac"] > 0


def test_a_llama_learns_a_toy_reward(solution):
    """Each token 5 in a response of 6 tokens earns 1; by chance that is 2/3."""
    torch.manual_seed(2)
    models = policy, critic, ref = Policy(), Critic(), Policy()
    ref.load_state_dict(policy.state_dict())
    trained = [*policy.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(trained, lr=1e-2)
    response_mask = (torch.arange(8) >= 2).expand(24, -1)

    def sample():
        input_ids = torch.randint(9, (24, 2))
        for _ in range(6):
            with torch.no_grad():
                likely = policy(input_ids)[:, -1].softmax(dim=-1)
            input_ids = torch.cat([input_ids, likely.multinomial(1)], dim=1)
        return input_ids, (input_ids[:, 2:] == 5).double().sum(dim=1)

    rewards = []
    for _ in range(15):
        input_ids, scores = sample()
        rewards.append(scores.mean().item())
        solution.ppo_update(
            *models, optimizer, input_ids, response_mask, scores, mini_batch_size=12
        )

    assert rewards[0] < 1.5
    assert sample()[1].mean().item() > 3
