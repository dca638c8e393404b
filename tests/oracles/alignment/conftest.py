"""What several oracles ask of trl."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from trl.trainer.grpo_trainer import GRPOTrainer


@pytest.fixture
def trl_loss():
    """GRPOTrainer's own loss, without a model, a tokenizer or a data set."""
    return grpo_trainer_loss


def grpo_trainer_loss(
    log_prob,
    old_log_prob,
    advantages,
    response_mask,
    *,
    loss_type,
    low=0.2,
    high=0.2,
    delta=None,
    level="token",
    ref_log_prob=None,
    beta=0.0,
    corrected=False,
    width=1,
    processes=1,
    tokens=None,
):
    """What the trainer computes from one batch of log-probabilities.

    Args:
        loss_type: How tokens become one number: "grpo" averages each response first, "bnpo"
            takes one mean over all tokens, "dapo" the same over those of all processes.
        low, high: How far the ratio may lie below and above 1.
        delta: Bounds the ratio in the unclipped term from above.
        level: Of the ratio, "token" or "sequence".
        beta, corrected: The weight of the KL term, and whether the ratio goes into it.
        width: The longest response, which "dr_grpo" divides by.
        processes, tokens: Whose tokens "dapo" counts, and how many; those of the batch.
    """
    model = SimpleNamespace(training=True)
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(
            gather=lambda x: x, reduce=lambda x, reduction: x, num_processes=processes
        ),
        args=SimpleNamespace(delta=delta, use_bias_correction_kl=corrected, steps_per_generation=1),
        aux_loss_enabled=False,
        beta=beta,
        current_gradient_accumulation_steps=1,
        epsilon_high=high,
        epsilon_low=low,
        importance_sampling_level=level,
        loss_type=loss_type,
        max_completion_length=width,
        off_policy_mask_threshold=None,
        top_entropy_quantile=1.0,
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        _entropy_bonus_enabled=False,
        _get_per_token_logps_and_entropies=lambda *_, **__: (
            log_prob,
            torch.zeros_like(log_prob),
            None,
        ),
        _metrics={"train": defaultdict(list)},
    )
    ones = torch.ones_like(response_mask, dtype=torch.long)
    inputs = {
        "prompt_ids": ones[:, :1],
        "prompt_mask": ones[:, :1],
        "completion_ids": ones,
        "completion_mask": response_mask.long(),
        "advantages": advantages,
        "old_per_token_logps": old_log_prob,
        "ref_per_token_logps": ref_log_prob,
        "num_items_in_batch": torch.as_tensor(response_mask.sum() if tokens is None else tokens),
    }
    return GRPOTrainer._compute_loss(trainer, model, inputs)
