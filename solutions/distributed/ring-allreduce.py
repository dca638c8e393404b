"""Ring all-reduce from send and receive."""

import torch
import torch.distributed as dist
from torch import Tensor


def ring_all_reduce(tensor: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """Each chunk goes round the ring once to be summed, and once more to be handed out."""
    W, rank = dist.get_world_size(group), dist.get_rank(group)
    total = tensor.flatten().clone()
    chunks = total.tensor_split(W)  # views: what is written to a chunk stands in total

    def exchange(sent: Tensor, received: Tensor) -> None:
        # both are posted before either is waited for, or each rank would wait for the next
        requests = dist.batch_isend_irecv(
            [
                dist.P2POp(dist.isend, sent, group=group, group_peer=(rank + 1) % W),
                dist.P2POp(dist.irecv, received, group=group, group_peer=(rank - 1) % W),
            ]
        )
        for request in requests:
            request.wait()

    for step in range(W - 1):
        mine = chunks[(rank - step - 1) % W]
        arrived = torch.empty_like(mine)
        exchange(chunks[(rank - step) % W], arrived)
        mine += arrived
    # the last chunk that this rank added to is complete: rank + 1
    for step in range(W - 1):
        exchange(chunks[(rank + 1 - step) % W], chunks[(rank - step) % W])
    return total.view(tensor.shape)
