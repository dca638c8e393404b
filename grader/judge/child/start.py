"""From a process to a judged task: what comes before pytest, and the way out."""

import faulthandler
import gc
import os
import signal
import sys

from grader.judge.protocol import Task


def prepare(task: Task) -> None:
    """What must be decided before triton is imported, then the slow imports."""
    import torch

    torch.set_num_threads(1)
    if "triton" in task.requires and not on_gpu(task):
        os.environ["TRITON_INTERPRET"] = "1"


def on_gpu(task: Task) -> bool:
    """Kernels and benchmarks run on the GPU where there is one, all else if that is asked for."""
    import torch

    if task.device == "auto":
        wanted = "triton" in task.requires or bool(task.sizes)
        return wanted and torch.cuda.is_available()
    return task.device == "cuda"


def run(task: Task, reports: int) -> None:
    """Judge, then leave: never returns."""
    # the work tree of a check stays clean, and the parent's, which may be read-only
    sys.dont_write_bytecode = True
    # a job in the background ignores Ctrl-C; attempts see no difference
    signal.signal(signal.SIGINT, signal.default_int_handler)
    trace = os.open(task.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    faulthandler.enable(trace, all_threads=True)
    if hasattr(signal, "SIGUSR1"):
        # asked for by the parent when a clock runs out: works within C code as well
        faulthandler.register(signal.SIGUSR1, trace, all_threads=True, chain=False)

    from grader.judge.child.limits import set_limits

    if task.sizes:
        from grader.judge.child.bench import run_bench as work
    else:
        from grader.judge.child.session import run_session as work

    set_limits(task.limits)
    # torch's own objects need no look; the attempt's cycles do
    gc.freeze()
    gc.enable()
    work(task, reports)
    sys.stdout.flush()
    sys.stderr.flush()
    # saves 300 ms of tearing torch down, and exit handlers of the attempt
    os._exit(0)
