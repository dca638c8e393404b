"""PPO for a language model, one whole update."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Experience:
    """What is known of each response token before the update; each field is (B, T).

    Index t belongs to the token input_ids[:, t]. What the fields hold where response_mask
    is false is not looked at.

    Attributes:
        old_log_prob: Under the policy, as it was handed over.
        values: The critic's, of the state that the token was chosen in.
        token_level_rewards: With the KL penalty.
        advantages: Whitened.
        returns: What the critic is trained towards.
    """

    old_log_prob: Tensor
    values: Tensor
    token_level_rewards: Tensor
    advantages: Tensor
    returns: Tensor


def make_experience(
    policy: nn.Module,
    critic: nn.Module,
    ref: nn.Module,
    input_ids: Tensor,
    response_mask: Tensor,
    scores: Tensor,
    *,
    beta: float = 0.05,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Experience:
    """Turn sampled responses and their scores into what PPO trains on.

    The steps of a row are its response tokens. The token at t was chosen in the state of
    tokens 0..t-1. So policy(input_ids)[:, t - 1] are the logits that it was sampled from,
    and critic(input_ids)[:, t - 1] is the value of its state.

    1. The reward of a step is -beta * (log-probability under the policy minus that under
       ref). The row's score is added to the reward of its last step.
    2. With r, v and A the reward, value and advantage of a step, v' and A' those of the next
       step of the row: A = r + gamma * v' - v + gamma * lam * A'. Behind the last step v' and
       A' are 0. Tokens that are no step are skipped, as if they were cut out.
    3. The return of a step is A + v.
    4. Then advantages are whitened: their mean is subtracted, and the result divided by
       sqrt(variance + 1e-8). Mean and variance are over all steps of the batch together; the
       variance is the unbiased one.

    Args:
        policy, ref: From (B, T) ids to logits (B, T, V), any floating dtype. Causal: logits
            at t depend on tokens 0..t. A token outside the response may have logit -inf, as
            where padding is never sampled: no effect.
        critic: From (B, T) ids to values (B, T), same dtype. All three are deterministic
            (no dropout), and rows do not affect each other.
        input_ids: (B, T) int64: prompt and response, padded with any id in 0..V-1.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous: a
            tool's output in between is false. At least two are true in all.
        scores: (B,), dtype of the logits. The reward of each whole response.
        beta: Weight of the KL penalty.
        gamma, lam: Discount factor, and the lambda of GAE.

    Returns:
        Experience; float32, or float64 for float64 models; computed in no less. No field
        carries a gradient, and no parameter of the models gets one.

    Raises:
        ValueError: A row of response_mask has no true entry, or a true one at position 0,
            which no logits predict.

    Not allowed:
        Changing a tensor argument in place, or parameters.
    """
    raise NotImplementedError


def ppo_update(
    policy: nn.Module,
    critic: nn.Module,
    ref: nn.Module,
    optimizer: torch.optim.Optimizer,
    input_ids: Tensor,
    response_mask: Tensor,
    scores: Tensor,
    *,
    beta: float = 0.05,
    gamma: float = 1.0,
    lam: float = 0.95,
    cliprange: float = 0.2,
    cliprange_value: float = 0.2,
    vf_coef: float = 0.1,
    ppo_epochs: int = 4,
    mini_batch_size: int = 8,
) -> dict[str, float]:
    """Train policy and critic on one batch of sampled responses.

    Make the experience once. Then pass ppo_epochs times over the batch in mini-batches: rows
    0..mini_batch_size-1, the next mini_batch_size rows, and so on, the same in each epoch and
    never shuffled. The last one is smaller if mini_batch_size does not divide B. For each
    mini-batch compute log_prob and vpreds, the log-probabilities and values of its response
    tokens under the weights of this moment, and take one step down on

        ratio = exp(log_prob - old_log_prob)
        pg_loss = mean of max(-A * ratio, -A * (ratio, clamped to 1 - cliprange .. 1 + cliprange))
        vpred_clipped = vpreds, clamped to values - cliprange_value .. values + cliprange_value
        vf_loss = mean of max((vpreds - returns)^2, (vpred_clipped - returns)^2) / 2
        loss = pg_loss + vf_coef * vf_loss

    A is the whitened advantage. Each mean is over the response tokens of the mini-batch: their
    sum divided by their number. Where a clamp sets the loss, no gradient flows.

    Args:
        policy, critic: As above. Trained in place. They may share parameters.
        ref: As above. Frozen: its weights and buffers are not changed, and its parameters get
            no gradient.
        optimizer: Holds the parameters of policy and critic. Call its zero_grad() and step(),
            and nothing else of it. One step for each mini-batch. Gradients that lie in the
            parameters at the start have no effect.
        input_ids, response_mask, scores, beta, gamma, lam: As above.
        cliprange: How far a ratio may move from 1 for free.
        cliprange_value: How far a value may move for free, in units of the value.
        vf_coef: Weight of the value loss.
        ppo_epochs: Passes over the batch, at least 1.
        mini_batch_size: Rows for each step.

    Returns:
        Python floats, each the plain mean over all steps of what was computed just before
        the step: "pg_loss"; "vf_loss", without vf_coef; "pg_clipfrac", the share of tokens
        where the clamped ratio gives the larger loss, -A * clamped > -A * ratio; "ppo_kl",
        the token mean of old_log_prob - log_prob.

    Raises:
        ValueError: As above, or mini_batch_size is below 1. Nothing has changed then.

    Not allowed:
        Changing a tensor argument in place.

    Source:
        Ouyang et al. 2022, "Training language models to follow instructions with human
        feedback", https://arxiv.org/abs/2203.02155. Schulman et al. 2017, "Proximal Policy
        Optimization Algorithms", https://arxiv.org/abs/1707.06347. Names: veRL.
    """
    raise NotImplementedError
