"""What a warm judge loads before its first fork, so that no child has to."""

import gc
import os
import sys


def load() -> None:
    """Import and use once all that a check may need; then the process can be forked.

    Raises:
        RuntimeError: Something started a thread: a fork could hang in torch.
    """
    gc.disable()
    os.environ["OMP_NUM_THREADS"] = "1"
    from grader.judge import runtime

    if not runtime.has_gpu():
        # read when triton is imported
        os.environ["TRITON_INTERPRET"] = "1"
    import torch

    torch.set_num_threads(1)

    import grader.judge.child.session
    import grader.testing
    from grader.judge.child.plain_pytest import prepared

    _use_once()
    prepared()
    # collected once, then left out of every later look
    gc.collect()
    gc.freeze()
    if (threads := len(os.listdir("/proc/self/task"))) != 1:
        raise RuntimeError(f"{threads} threads: this process cannot be forked safely")
    assert grader.judge.child.session
    assert grader.testing


def _use_once() -> None:
    """First uses that import more: see the notes of each."""
    import importlib

    import torch
    from torch import nn

    # the first optimizer, the first meta tensor and the FLOP counter import these
    for name in (
        "torch._dynamo",
        "torch._meta_registrations",
        "torch.utils.flop_counter",
        "torch.distributed",
        "triton",
        "triton.language",
        "triton.runtime.interpreter",
        "numpy.random",
        "concurrent.futures",
        "unittest.mock",
    ):
        try:
            importlib.import_module(name)
        except ImportError:
            # triton is not everywhere
            continue
    torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    x = torch.zeros(2, 2, requires_grad=True)
    torch.autograd.grad(nn.functional.softmax(x @ x, dim=-1).sum(), x)
    with torch.device("meta"):
        torch.zeros(2, 2) @ torch.zeros(2, 2)
    sys.stdout.flush()
