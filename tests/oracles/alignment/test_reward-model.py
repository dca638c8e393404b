"""Against trl's RewardTrainer and the sequence classification head of transformers."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification
from trl.trainer.reward_trainer import RewardTrainer


def trl_loss(chosen, rejected, margin, center):
    """RewardTrainer's own loss and accuracy, without a model or a data set."""
    logits = torch.cat([chosen, rejected])[:, None]
    accelerator = SimpleNamespace(gather=lambda x: x, gather_for_metrics=lambda x: x)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=False),
        args=SimpleNamespace(center_rewards_coefficient=center),
        accelerator=accelerator,
        _total_train_tokens=0,
        _metrics={"eval": defaultdict(list)},
    )
    inputs = {} if margin is None else {"margin": margin}
    loss = RewardTrainer.compute_loss(trainer, lambda **_: SimpleNamespace(logits=logits), inputs)
    return loss, trainer._metrics["eval"]["accuracy"][0]


@pytest.mark.parametrize("B", [1, 4, 33])
@pytest.mark.parametrize("with_margin", [False, True], ids=["plain", "margin"])
@pytest.mark.parametrize("center", [None, 0.01, 0.5])
def test_loss_gradients_and_accuracy_match_trl(solution, B, with_margin, center):
    torch.manual_seed(B)
    chosen, rejected, margin = 2 * torch.randn(3, B, dtype=torch.float64)
    chosen.requires_grad_()
    rejected.requires_grad_()
    if not with_margin:
        margin = None
    expected, expected_accuracy = trl_loss(chosen, rejected, margin, center)

    loss, accuracy = solution.reward_loss(
        chosen, rejected, margin, center_rewards_coefficient=center or 0.0
    )

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, (chosen, rejected)),
        torch.autograd.grad(expected, (chosen, rejected)),
    )
    assert accuracy.item() == pytest.approx(expected_accuracy)


def test_rewards_are_those_that_transformers_reads(solution):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=30,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_labels=1,
        pad_token_id=0,
    )
    model = LlamaForSequenceClassification(config).eval()
    input_ids = torch.randint(1, 30, (4, 8))
    for row, padding in enumerate([0, 3, 7, 5]):
        input_ids[row, 8 - padding :] = 0
    input_ids[3] = input_ids[3].flip(0)  # padding on the left
    mask = input_ids != 0

    with torch.no_grad():
        hidden = model.model(input_ids, attention_mask=mask.long()).last_hidden_state
        expected = model(input_ids, attention_mask=mask.long()).logits[:, 0]
        scores = model.score(hidden)[..., 0]

    torch.testing.assert_close(solution.sequence_rewards(scores, mask), expected)
