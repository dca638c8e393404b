"""Ring all-reduce from send and receive."""

import torch
import torch.distributed as dist
from torch import Tensor


def ring_all_reduce(tensor: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """Sum a tensor over the W ranks of a group, with point-to-point messages only.

    The ranks form a ring: rank r sends to rank (r + 1) % W and to no other, and
    receives from rank (r - 1) % W. Ranks are counted within the group. The N
    elements of the tensor are cut into W chunks of at most ceil(N / W) elements.
    A reduce-scatter of W - 1 steps leaves each rank with one chunk summed over all
    ranks; an all-gather of W - 1 steps passes the summed chunks on.

    Every rank of the group calls this at about the same time, and torch.distributed
    is initialised. A send, dist.send too, may wait until its receiver has posted the
    receive; whatever the sizes, the ranks must not wait for each other in a circle.

    Args:
        tensor: Any shape, () and empty ones too, and any strides; a floating or
            integer dtype, on the CPU. Shape and dtype are the same on every rank,
            and N need not be a multiple of W.
        group: The ranks that take part; None stands for all of them.

    Returns:
        A new tensor with the sum, of tensor's shape and dtype, added up in that
        dtype. It is the same on every rank, bit for bit, and shares no memory with
        tensor, also for W = 1. The caller may change it and tensor at once: when
        the function returns, every send of this rank is complete.

    Messages:
        Each rank sends exactly 2 (W - 1) messages, each of at most ceil(N / W)
        elements of tensor's dtype. Where N < W, empty chunks may be sent or skipped.

    Not allowed:
        Collectives, such as all_reduce, reduce, broadcast, all_gather, gather,
        reduce_scatter, scatter and all_to_all. Use send, recv, isend, irecv or
        batch_isend_irecv.
        Changing tensor in place.

    Source:
        Sergeev and Del Balso 2018, "Horovod", https://arxiv.org/abs/1802.05799
    """
    raise NotImplementedError
