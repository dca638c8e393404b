"""Receives are posted before sends, peers are global ranks, empty chunks are skipped."""

import torch
import torch.distributed as dist
from torch import Tensor


def ring_all_reduce(tensor: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    if group is None:
        group = dist.group.WORLD
    size, r = group.size(), group.rank()
    if size == 1:
        return tensor.clone()
    to = dist.get_global_rank(group, (r + 1) % size)
    source = dist.get_global_rank(group, (r - 1) % size)

    flat = tensor.contiguous().view(-1)
    result = flat.clone()
    bounds = [i * flat.numel() // size for i in range(size + 1)]

    def part(c):
        c %= size
        return result[bounds[c] : bounds[c + 1]]

    scratch = torch.empty(-(-flat.numel() // size), dtype=flat.dtype)
    pending = []
    for i in range(2 * (size - 1)):
        out, into = part(r - i), part(r - i - 1)
        receive = None
        adding = i < size - 1
        landing = scratch[: into.numel()] if adding else into
        if into.numel():
            receive = dist.irecv(landing, src=source, group=group)
        if out.numel():
            pending.append(dist.isend(out, dst=to, group=group))
        if receive is not None:
            receive.wait()
        if adding:
            into.add_(landing)
    for send in pending:
        send.wait()
    return result.view(tensor.size())
