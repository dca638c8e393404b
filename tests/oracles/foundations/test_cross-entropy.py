"""torch's cross_entropy, transformers' losses and scipy's log_softmax."""

import pytest
import scipy.special
import torch
from torch.nn import functional
from transformers.loss.loss_utils import ForCausalLMLoss
from transformers.trainer_pt_utils import LabelSmoother

SHAPES = [(7, 5), (1, 3), (2, 5, 3), (2, 5, 3, 4)]


def make_inputs(shape, ignore_index, dtype=torch.float64):
    torch.manual_seed(0)
    targets = torch.randint(shape[1], (shape[0], *shape[2:]))
    targets.view(-1)[1::3] = ignore_index
    return (4 * torch.randn(shape, dtype=torch.float64)).to(dtype), targets


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, shape, reduction, label_smoothing, ignore_index, dtype):
    logits, targets = make_inputs(shape, ignore_index, dtype)
    options = {
        "ignore_index": ignore_index,
        "label_smoothing": label_smoothing,
        "reduction": reduction,
    }
    leaves = [logits.clone().requires_grad_() for _ in range(2)]
    expected = functional.cross_entropy(leaves[0], targets, **options)
    result = solution.cross_entropy(leaves[1], targets, **options)
    cotangent = torch.randn_like(expected)

    torch.testing.assert_close(result, expected)
    got, want = (
        torch.autograd.grad(loss, leaf, cotangent)
        for loss, leaf in zip((result, expected), reversed(leaves), strict=True)
    )
    torch.testing.assert_close(got, want)


def test_agrees_with_torch_on_masked_classes(solution):
    logits, targets = make_inputs((7, 5), -100)
    logits[:, 3] = float("-inf")
    targets[targets == 3] = 2
    leaves = [logits.clone().requires_grad_() for _ in range(2)]
    expected = functional.cross_entropy(leaves[0], targets)
    result = solution.cross_entropy(leaves[1], targets)

    torch.testing.assert_close(result, expected)
    expected.backward()
    result.backward()
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)


def test_agrees_with_scipy_far_from_zero(solution):
    logits, targets = make_inputs((6, 5), 0)
    logits = 1e3 * logits
    rows = torch.from_numpy(scipy.special.log_softmax(logits.numpy(), axis=1))
    expected = -rows[torch.arange(6), targets] * (targets != 0)

    result = solution.cross_entropy(logits, targets, ignore_index=0, reduction="none")

    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_agrees_with_the_causal_loss_of_transformers(solution, dtype):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 6, 9).to(dtype), torch.randint(9, (2, 6))
    labels[0, 3:] = -100
    expected = ForCausalLMLoss(logits, labels, vocab_size=9)

    result = solution.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:])

    # both in float32 for bfloat16 logits
    torch.testing.assert_close(result, expected)


def test_agrees_with_the_label_smoother_of_transformers(solution):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 6, 9), torch.randint(9, (2, 6))
    labels[0, 3:] = -100
    expected = LabelSmoother(epsilon=0.2)({"logits": logits}, labels)

    result = solution.cross_entropy(logits.transpose(1, 2), labels, label_smoothing=0.2)

    torch.testing.assert_close(result, expected)
