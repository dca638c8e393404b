"""Models are small and in float64, where only logic, not rounding, can differ."""

import copy
import math

import pytest
import torch
from torch import nn

from grader.testing import assert_close, assert_follows_device

PAD = 0
METRICS = ("pg_loss", "vf_loss", "pg_clipfrac", "ppo_kl")


class Model(nn.Module):
    """Causal, from ids to `out` numbers a token; or one number, the critic's."""

    def __init__(self, out=None, V=7, D=5, trunk=None, never=None):
        super().__init__()
        self.embed = nn.Parameter(torch.randn(V, D).double()) if trunk is None else trunk
        self.head = nn.Parameter(torch.randn(D, out or 1).double())
        self.out, self.never = out, never

    def forward(self, input_ids):
        # rounded once at the end: in bfloat16, too, no batch shape changes what a row gives
        hidden = torch.tanh(self.embed[input_ids].double().cumsum(dim=1) / 2)
        result = (hidden @ self.head.double()).to(self.head.dtype)
        if self.never is not None:
            banned = torch.arange(self.out, device=result.device) == self.never
            result = result.masked_fill(banned, -math.inf)
        return result if self.out else result[..., 0]


class Table(nn.Module):
    """What it says of a position depends on the token there alone."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, input_ids):
        return self.table[input_ids]


class SGD:
    """Momentum 0.5; counts its steps."""

    def __init__(self, *models, lr=0.3):
        # a parameter that two models share is held once
        self.parameters = list({id(p): p for m in models for p in m.parameters()}.values())
        self.velocity = [torch.zeros_like(p) for p in self.parameters]
        self.lr, self.steps = lr, 0

    def zero_grad(self, set_to_none=True):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, v in zip(self.parameters, self.velocity, strict=True):
            # none is as good as zeros
            v.mul_(0.5).add_(torch.zeros_like(p) if p.grad is None else p.grad)
            p.sub_(self.lr * v)


def make_models(V=7, never=None):
    policy, critic, ref = Model(V, never=never), Model(), Model(V, never=never)
    with torch.no_grad():
        # a reference that is near, as in training
        ref.embed.copy_(policy.embed + 0.3 * torch.randn_like(policy.embed))
        ref.head.copy_(policy.head + 0.3 * torch.randn_like(policy.head))
    return policy, critic, ref


def make_batch(B=5, T=8, V=7):
    """Prompts and responses of many lengths, padded right; two rows hold a tool's output."""
    input_ids = torch.randint(1, V, (B, T))
    start = torch.arange(B)[:, None] % 3 + 1
    end = (start + 2 + torch.arange(B)[:, None] * 3 % 5).clamp(max=T)
    positions = torch.arange(T)
    response_mask = (positions >= start) & (positions < end)
    input_ids[positions.expand(B, T) >= end] = PAD
    # in the middle of a response, for the rows where there is one
    response_mask[1:3] &= positions != start[1:3] + 1
    return input_ids, response_mask, 2 * torch.randn(B).double()


def row_by_row(policy, critic, ref, input_ids, response_mask, scores, beta, gamma, lam):
    """The experience from sums over Python floats."""
    B, T = input_ids.shape
    names = ("old_log_prob", "values", "token_level_rewards", "advantages", "returns")
    found = {name: torch.zeros(B, T, dtype=torch.float64) for name in names}
    with torch.no_grad():
        logits, ref_logits, values = policy(input_ids), ref(input_ids), critic(input_ids)
    for b in range(B):
        steps = response_mask[b].nonzero()[:, 0].tolist()
        deltas = []
        for i, t in enumerate(steps):
            token = input_ids[b, t]
            old, other = (x[b, t - 1].log_softmax(dim=0)[token] for x in (logits, ref_logits))
            reward = -beta * (old - other) + (scores[b] if t == steps[-1] else 0)
            after = values[b, steps[i + 1] - 1] if t != steps[-1] else 0
            deltas.append((reward + gamma * after - values[b, t - 1]).item())
            found["old_log_prob"][b, t] = old
            found["values"][b, t] = values[b, t - 1]
            found["token_level_rewards"][b, t] = reward
        for i, t in enumerate(steps):
            advantage = sum((gamma * lam) ** l * delta for l, delta in enumerate(deltas[i:]))  # noqa: E741
            found["advantages"][b, t] = advantage
            found["returns"][b, t] = advantage + values[b, t - 1]
    whole = found["advantages"][response_mask].tolist()
    mean = math.fsum(whole) / len(whole)
    variance = math.fsum((x - mean) ** 2 for x in whole) / (len(whole) - 1)
    whitened = (found["advantages"] - mean) / math.sqrt(variance + 1e-8)
    found["advantages"] = whitened.masked_fill(~response_mask, 0)
    return found


def token_by_token(models, optimizer, batch, options):
    """The update with each token's losses on their own; gives the metrics."""
    policy, critic, _ = models
    input_ids, response_mask, _ = batch
    B, size = len(input_ids), options["mini_batch_size"]
    low, high = 1 - options["cliprange"], 1 + options["cliprange"]
    reach = options["cliprange_value"]
    old = row_by_row(*models, *batch, options["beta"], options["gamma"], options["lam"])
    steps = []
    for _ in range(options["ppo_epochs"]):
        for start in range(0, B, size):
            rows = slice(start, start + size)
            log_probs = policy(input_ids).log_softmax(dim=-1)
            values = critic(input_ids)
            tokens = [(b + start, t) for b, t in response_mask[rows].nonzero().tolist()]
            # a mini-batch may be clipped everywhere: then its gradient is 0
            nothing = 0 * (policy.embed.sum() + critic.embed.sum())
            sums = [nothing, nothing, 0.0, 0.0]
            for b, t in tokens:
                A, was, target = (old[k][b, t].item() for k in ("advantages", "values", "returns"))
                new, before = log_probs[b, t - 1, input_ids[b, t]], old["old_log_prob"][b, t].item()
                ratio, value = (new - before).exp(), values[b, t - 1]
                gain, cut = ratio * A, min(max(ratio.item(), low), high) * A
                loss, moved = (value - target) ** 2, value.item() - was
                if abs(moved) > reach:
                    bound = was + math.copysign(reach, moved)
                    loss = max(loss, (bound - target) ** 2)
                sums[0] = sums[0] - (gain if gain.item() <= cut else cut)
                sums[1] = sums[1] + loss / 2
                sums[2] += cut < gain.item()
                sums[3] += before - new.item()
            pg, vf, clips, kl = (x / len(tokens) for x in sums)
            optimizer.zero_grad()
            (pg + options["vf_coef"] * vf).backward()
            optimizer.step()
            steps.append([pg.item(), vf.item(), clips, kl])
    means = (math.fsum(column) / len(steps) for column in zip(*steps, strict=True))
    return dict(zip(METRICS, means, strict=True))


def weights(models):
    return [[p.detach() for p in model.parameters()] for model in models]


def update(attempt, models, batch, options, optimizer=None):
    """The attempt's metrics, and the weights of policy and critic after it."""
    optimizer = optimizer or SGD(*models[:2])
    metrics = attempt.ppo_update(*models, optimizer, *batch, **options)
    return metrics, weights(models[:2])


OPTIONS = {
    "beta": 0.3,
    "gamma": 0.9,
    "lam": 0.8,
    "cliprange": 0.1,
    "cliprange_value": 0.15,
    "vf_coef": 0.4,
    "ppo_epochs": 3,
    "mini_batch_size": 2,
}


def check_update(attempt, models=None, batch=None, **changed):
    """Metrics and weights are those of the slow update."""
    models, batch = models or make_models(), batch or make_batch()
    options = OPTIONS | changed
    mine = copy.deepcopy(models)
    expected = token_by_token(mine, SGD(*mine[:2]), batch, options)
    metrics, got = update(attempt, models, batch, options)

    assert_close(metrics, expected, label="metrics")
    for name, values, want in zip(("policy", "critic"), got, weights(mine[:2]), strict=True):
        assert_close(values, want, label=f"the weights of the {name}")


def experience(attempt, models, batch, beta=0.3, gamma=0.9, lam=0.8):
    return attempt.make_experience(*models, *batch, beta=beta, gamma=gamma, lam=lam)


def on_steps(x, response_mask):
    return x.masked_fill(~response_mask, 0)


@pytest.mark.parametrize(
    "field", ["old_log_prob", "values", "token_level_rewards", "advantages", "returns"]
)
@pytest.mark.parametrize("B, T", [(5, 8), (3, 11), (8, 8)], ids=["usual", "wide", "square"])
def test_experience_follows_the_definition(attempt, field, B, T):
    models, batch = make_models(), make_batch(B, T)
    expected = row_by_row(*models, *batch, 0.3, 0.9, 0.8)[field]

    got = getattr(experience(attempt, models, batch), field)

    assert_close(on_steps(got, batch[1]), expected, label=field)


def test_matches_a_case_worked_by_hand(attempt):
    # the policy gives tokens 0, 1, 2 and 3 probability 1/2, 1/4, 1/8 and 1/8, ref 1/4 to each;
    # beta 1 / log 2 makes the penalties of tokens 0, 1 and 2 -1, 0 and 1
    policy = Table(torch.tensor([0.5, 0.25, 0.125, 0.125]).double().log().expand(4, 4).clone())
    critic = Table(torch.tensor([1.0, 2.0, 3.0, 4.0]).double())
    ref = Table(torch.zeros(4, 4).double())
    # a prompt of one token, three steps, padding; and a prompt of two tokens, one step
    input_ids = torch.tensor([[3, 0, 1, 2, 3], [1, 3, 2, 0, 0]])
    response_mask = torch.tensor([[0, 1, 1, 1, 0], [0, 0, 1, 0, 0]]).bool()
    scores = torch.tensor([4.0, 6.0]).double()
    # TD errors -1 + 1/2 - 4, 0 + 1 - 1 and 5 - 2; and 7 - 4
    rewards = torch.tensor([[0, -1, 0, 5, 0], [0, 0, 7, 0, 0]]).double()
    values = torch.tensor([[0, 4, 1, 2, 0], [0, 0, 4, 0, 0]]).double()
    raw = torch.tensor([[0, -4.3125, 0.75, 3, 0], [0, 0, 3, 0, 0]]).double()
    mean, variance = 0.609375, 35.6748046875 / 3
    whitened = on_steps((raw - mean) / math.sqrt(variance + 1e-8), response_mask)

    got = attempt.make_experience(
        policy,
        critic,
        ref,
        input_ids,
        response_mask,
        scores,
        beta=1 / math.log(2),
        gamma=0.5,
        lam=0.5,
    )

    for name, want in {
        "values": values,
        "token_level_rewards": rewards,
        "returns": raw + values,
        "advantages": whitened,
    }.items():
        assert_close(on_steps(getattr(got, name), response_mask), want, label=name)


def test_log_probabilities_are_read_one_place_before_the_token(attempt):
    # after token i the policy says i + 1 with probability 0.9
    likely = torch.full((6, 6), 0.02, dtype=torch.float64)
    likely[torch.arange(6), (torch.arange(6) + 1) % 6] = 0.9
    models = Table(likely.log()), Model(), Table(torch.zeros(6, 6).double())
    input_ids = torch.tensor([[1, 2, 3, 4, 5], [5, 5, 0, 2, 3]])
    response_mask = torch.tensor([[0, 1, 1, 1, 1], [0, 1, 1, 1, 1]]).bool()
    expected = torch.tensor([[0.9] * 4, [0.02, 0.9, 0.02, 0.9]], dtype=torch.float64).log()

    got = experience(attempt, models, (input_ids, response_mask, torch.zeros(2).double()))

    assert_close(got.old_log_prob[:, 1:], expected, label="old_log_prob")


def test_the_score_is_added_at_the_last_response_token(attempt):
    models, (input_ids, response_mask, scores) = make_models(), make_batch()
    expected = torch.zeros(5, 8).double()
    for b in range(5):
        expected[b, response_mask[b].nonzero().max()] = scores[b]

    # beta 0: nothing else is rewarded
    got = experience(attempt, models, (input_ids, response_mask, scores), beta=0.0)

    got = on_steps(got.token_level_rewards, response_mask)
    assert_close(got, expected, label="token_level_rewards")


def test_tokens_between_two_parts_of_a_response_are_no_steps(attempt):
    policy, critic, ref = make_models()
    input_ids = torch.randint(1, 7, (2, 7))
    response_mask = torch.tensor([[0, 1, 0, 0, 1, 0, 0], [0, 0, 1, 1, 0, 1, 0]]).bool()
    batch = input_ids, response_mask, torch.randn(2).double()
    expected = row_by_row(policy, critic, ref, *batch, 0.3, 0.9, 0.8)

    got = experience(attempt, (policy, critic, ref), batch)

    for name in ("returns", "advantages"):
        assert_close(on_steps(getattr(got, name), response_mask), expected[name], label=name)


def test_advantages_are_whitened_over_all_steps(attempt):
    models, batch = make_models(), make_batch()
    expected = torch.tensor([0.0, 1.0]).double()

    got = experience(attempt, models, batch).advantages[batch[1]]

    got = torch.stack([got.mean(), got.var()])
    assert_close(got, expected, label="mean and variance of the advantages")


def test_the_variance_gets_a_small_constant(attempt):
    # one step a row, a critic that says 0: the advantages are the scores, 1e-4 away from 2
    models = make_models()[0], Table(torch.zeros(7).double()), Model(7)
    response_mask = torch.tensor([[False, True], [False, True]])
    scores = torch.tensor([2 - 1e-4, 2 + 1e-4], dtype=torch.float64)
    # variance 2e-8; 1e-4 / sqrt(2e-8 + 1e-8)
    expected = torch.tensor([-(3**-0.5), 3**-0.5], dtype=torch.float64)

    batch = torch.randint(7, (2, 2)), response_mask, scores
    got = experience(attempt, models, batch, beta=0.0).advantages

    assert_close(got[:, 1], expected, label="advantages")


def test_a_token_that_is_never_sampled_may_pad(attempt):
    models, batch = make_models(never=PAD), make_batch()
    expected = row_by_row(*models, *batch, 0.3, 0.9, 0.8)

    got = experience(attempt, models, batch)

    for name, want in expected.items():
        assert_close(on_steps(getattr(got, name), batch[1]), want, label=name)
    check_update(attempt, models, batch)


def test_experience_carries_no_gradient(attempt):
    models, batch = make_models(), make_batch()

    got = experience(attempt, models, batch)

    for name in ("old_log_prob", "values", "token_level_rewards", "advantages", "returns"):
        field = getattr(got, name)
        assert isinstance(field, torch.Tensor), f"{name} is no tensor"
        assert not field.requires_grad, f"{name} carries a gradient: it is a constant of the losses"


def test_the_experience_of_bfloat16_models_is_computed_in_float32(attempt):
    models, (input_ids, response_mask, scores) = make_models(), make_batch()
    models, scores = [model.bfloat16() for model in models], scores.bfloat16()
    wide = [lambda ids, model=model: model(ids).double() for model in models]
    expected = row_by_row(*wide, input_ids, response_mask, scores.double(), 0.3, 0.9, 0.8)

    got = experience(attempt, models, (input_ids, response_mask, scores))

    for name, want in expected.items():
        value = on_steps(getattr(got, name), response_mask)
        assert_close(value, want.float(), rtol=1e-5, atol=1e-5, why="float32", label=name)


def test_the_experience_of_float64_models_is_computed_in_float64(attempt):
    models, batch = make_models(), make_batch()
    expected = row_by_row(*models, *batch, 0.3, 0.9, 0.8)

    got = experience(attempt, models, batch)

    for name, want in expected.items():
        value = on_steps(getattr(got, name), batch[1])
        assert_close(value, want, rtol=1e-10, atol=1e-10, why="float64", label=name)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="usual"),
        pytest.param({"mini_batch_size": 5, "ppo_epochs": 2}, id="one-mini-batch"),
        pytest.param({"mini_batch_size": 99, "ppo_epochs": 4}, id="more-than-the-batch"),
        pytest.param({"mini_batch_size": 1, "ppo_epochs": 1}, id="row-by-row"),
        pytest.param({"beta": 0.0, "gamma": 1.0, "lam": 1.0}, id="no-penalty"),
        pytest.param({"cliprange": 0.4, "cliprange_value": 0.02}, id="tight-values"),
        pytest.param({"cliprange": 0.02, "cliprange_value": 9.0}, id="tight-ratios"),
        pytest.param({"vf_coef": 2.0}, id="heavy-critic"),
    ],
)
def test_weights_and_metrics_follow_the_update(attempt, changed):
    check_update(attempt, **changed)


def test_defaults_are_those_of_the_signature(attempt):
    models, batch = make_models(), make_batch(B=11)
    options = {
        "beta": 0.05,
        "gamma": 1.0,
        "lam": 0.95,
        "cliprange": 0.2,
        "cliprange_value": 0.2,
        "vf_coef": 0.1,
        "ppo_epochs": 4,
        "mini_batch_size": 8,
    }
    mine = copy.deepcopy(models)
    expected = token_by_token(mine, SGD(*mine[:2]), batch, options)

    metrics, got = update(attempt, models, batch, {})

    assert_close(metrics, expected, label="metrics")
    assert_close(got, weights(mine[:2]), label="the weights")


def test_experience_has_the_defaults_of_the_signature(attempt):
    models, batch = make_models(), make_batch()
    expected = row_by_row(*models, *batch, 0.05, 1.0, 0.95)

    got = attempt.make_experience(*models, *batch)

    for name in ("token_level_rewards", "returns"):
        assert_close(on_steps(getattr(got, name), batch[1]), expected[name], label=name)


def test_the_first_step_is_a_plain_policy_gradient(attempt):
    models, batch = make_models(), make_batch()
    policy, critic, _ = mine = copy.deepcopy(models)
    old = row_by_row(*mine, *batch, 0.3, 0.9, 0.8)
    input_ids, response_mask, _ = batch
    log_prob = (
        policy(input_ids)[:, :-1].log_softmax(dim=-1).gather(-1, input_ids[:, 1:, None])[..., 0]
    )
    steps = response_mask[:, 1:]
    A, returns = old["advantages"][:, 1:][steps], old["returns"][:, 1:][steps]
    vf_loss = (critic(input_ids)[:, :-1][steps] - returns).square().mean() / 2
    (0.4 * vf_loss - (log_prob[steps] * A).mean()).backward()
    SGD(policy, critic).step()
    expected = {
        "pg_loss": -A.mean().item(),
        "vf_loss": vf_loss.item(),
        "pg_clipfrac": 0.0,
        "ppo_kl": 0.0,
    }

    options = OPTIONS | {"ppo_epochs": 1, "mini_batch_size": 5}
    metrics, got = update(attempt, models, batch, options)

    assert_close(metrics, expected, label="metrics")
    assert_close(got, weights((policy, critic)), label="the weights")


def test_long_responses_weigh_more(attempt):
    # one response of one token, one of six
    input_ids = torch.randint(1, 7, (2, 8))
    response_mask = torch.zeros(2, 8, dtype=torch.bool)
    response_mask[0, 2] = response_mask[1, 1:7] = True

    check_update(attempt, batch=(input_ids, response_mask, torch.tensor([2.0, -1.0]).double()))


def test_policy_and_critic_may_share_a_trunk(attempt):
    policy, critic, ref = make_models()
    critic.embed = policy.embed

    check_update(attempt, (policy, critic, ref))


def test_gradients_left_behind_have_no_effect(attempt):
    models, batch = make_models(), make_batch()
    mine = copy.deepcopy(models)
    expected = token_by_token(mine, SGD(*mine[:2]), batch, OPTIONS)
    for model in models[:2]:
        for p in model.parameters():
            p.grad = torch.randn_like(p)

    metrics, got = update(attempt, models, batch, OPTIONS)

    assert_close(metrics, expected, label="metrics")
    assert_close(got, weights(mine[:2]), label="the weights")


def test_takes_one_step_for_each_mini_batch(attempt):
    models, batch = make_models(), make_batch()
    optimizer = SGD(*models[:2])

    update(attempt, models, batch, OPTIONS, optimizer)

    # three epochs of rows 0-1, 2-3 and 4
    assert optimizer.steps == 9


def test_the_reference_is_frozen(attempt):
    models, batch = make_models(), make_batch()
    ref = models[2]
    before = [p.detach().clone() for p in ref.parameters()]

    update(attempt, models, batch, OPTIONS)

    for p, was in zip(ref.parameters(), before, strict=True):
        assert torch.equal(p, was), "the weights of ref have changed"
        assert p.grad is None, "ref is frozen, but its parameters got a gradient"


@pytest.mark.parametrize("case", ["no-response", "response-at-0", "size-0", "size-below-0"])
def test_bad_input_is_rejected_before_anything_changes(attempt, case):
    models, (input_ids, response_mask, scores) = make_models(), make_batch()
    options = dict(OPTIONS)
    if case == "no-response":
        response_mask[3] = False
    elif case == "response-at-0":
        response_mask[4, 0] = True
    else:
        options["mini_batch_size"] = {"size-0": 0, "size-below-0": -2}[case]
    before = copy.deepcopy(weights(models))

    with pytest.raises(ValueError):
        update(attempt, models, (input_ids, response_mask, scores), options)
    for got, was in zip(weights(models), before, strict=True):
        for p, old in zip(got, was, strict=True):
            assert torch.equal(p, old), "weights have changed before the error was raised"
    if "response" in case:
        with pytest.raises(ValueError):
            experience(attempt, models, (input_ids, response_mask, scores))


def test_experience_lies_where_the_batch_does(attempt):
    models, batch = make_models(), make_batch()

    def fields(*inputs):
        got = experience(attempt, models, inputs)
        return [got.advantages, got.returns, got.token_level_rewards, got.values, got.old_log_prob]

    assert_follows_device(fields, *batch)


def test_several_updates_earn_more(attempt):
    # a bigram policy over 6 tokens; each 5 in a response of 6 tokens earns 1
    B, steps = 32, 6
    policy, critic = Table(torch.zeros(6, 6).double()), Table(torch.zeros(6).double())
    ref = copy.deepcopy(policy)
    optimizer = SGD(policy, critic, lr=0.5)
    response_mask = torch.arange(steps + 1).expand(B, -1) > 0

    def sample():
        ids = [torch.randint(6, (B,))]
        for _ in range(steps):
            likely = policy.table.detach().softmax(dim=-1)[ids[-1]]
            ids.append(likely.multinomial(1)[:, 0])
        input_ids = torch.stack(ids, dim=1)
        return input_ids, (input_ids[:, 1:] == 5).double().sum(dim=1)

    first = sample()[1].mean().item()
    for _ in range(12):
        input_ids, scores = sample()
        attempt.ppo_update(
            policy, critic, ref, optimizer, input_ids, response_mask, scores, mini_batch_size=16
        )
    last = sample()[1].mean().item()

    assert last > first + 1.5, f"12 updates took the reward from {first:.2f} to only {last:.2f}"


bench = "the models that the caller gives take the time"
