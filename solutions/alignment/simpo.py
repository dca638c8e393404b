"""SimPO and IPO losses."""

from torch import Tensor
from torch.nn.functional import logsigmoid


def simpo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    chosen_length: Tensor,
    rejected_length: Tensor,
    *,
    beta: float = 2.0,
    gamma: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Logistic regression on a difference of means, less a margin."""
    if beta <= 0 or gamma < 0:
        raise ValueError(f"beta ({beta}) must be positive and gamma ({gamma}) not negative")
    chosen = beta * chosen_log_prob / chosen_length
    rejected = beta * rejected_log_prob / rejected_length
    loss = -logsigmoid(chosen - rejected - gamma).mean()
    return loss, chosen.detach(), rejected.detach()


def ipo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    ref_chosen_log_prob: Tensor,
    ref_rejected_log_prob: Tensor,
    *,
    tau: float = 0.1,
) -> Tensor:
    """A squared distance: a margin that is too large costs as well."""
    if tau <= 0:
        raise ValueError(f"tau must be positive, got {tau}")
    reference = (ref_chosen_log_prob - ref_rejected_log_prob).detach()
    h = chosen_log_prob - rejected_log_prob - reference
    return (h - 1 / (2 * tau)).square().mean()
