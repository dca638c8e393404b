"""Blocking sends and receives: even ranks send first, odd ranks receive first; padded rows."""

import torch
import torch.distributed as dist
from torch import Tensor


def swap(outgoing, rank, world, group):
    incoming = torch.empty_like(outgoing)
    nxt, prev = (rank + 1) % world, (rank + world - 1) % world
    if rank % 2 == 0:
        dist.send(outgoing.contiguous(), group=group, group_dst=nxt)
        dist.recv(incoming, group=group, group_src=prev)
    else:
        dist.recv(incoming, group=group, group_src=prev)
        dist.send(outgoing.contiguous(), group=group, group_dst=nxt)
    return incoming


def ring_all_reduce(tensor: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    world = dist.get_world_size(group)
    me = dist.get_rank(group)
    n = tensor.numel()
    width = -(-n // world)
    padded = torch.zeros(world * width, dtype=tensor.dtype, device=tensor.device)
    padded[:n] = tensor.reshape(-1)
    rows = padded.reshape(world, width)

    # rank r starts with row r - 1 and ends with the whole sum of row r
    travelling = rows[(me - 1) % world].clone()
    for hop in range(2, world + 1):
        travelling = swap(travelling, me, world, group)
        travelling = travelling + rows[(me - hop) % world]
    out = [None] * world
    out[me] = travelling
    for hop in range(1, world):
        travelling = swap(travelling, me, world, group)
        out[(me - hop) % world] = travelling
    return torch.cat(out)[:n].reshape(tensor.shape)
