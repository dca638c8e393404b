"""Starts a child by forking a process that has torch loaded: some milliseconds."""

import os
from collections.abc import Callable, Mapping

from grader.judge.child.limits import end_with
from grader.judge.cold import Child
from grader.judge.protocol import Task


def start_forked(task: Task, environment: Mapping[str, str], forget: Callable[[], None]) -> Child:
    """Fork; the child judges the task and never returns.

    Args:
        environment: The client's, which the child works in.
        forget: Closes, in the child, what belongs to the parent.
    """
    reports, reports_end = os.pipe()
    output, output_end = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            end_with(parent)
            # the parent must not set the group of a child that calls setsid itself
            os.setsid()
            forget()
            os.close(reports)
            os.close(output)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output_end, 1)
            os.dup2(output_end, 2)
            os.close(output_end)
            os.chdir(task.folder)
            os.environ.clear()
            os.environ.update(environment)
            os.environ["OMP_NUM_THREADS"] = "1"

            from grader.judge.child.start import prepare, run

            prepare(task)
            run(task, reports_end)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(reports_end)
    os.close(output_end)
    return Child(pid, reports, output, _poll(pid))


def _poll(pid: int) -> Callable[[], int | None]:
    status: int | None = None

    def poll() -> int | None:
        nonlocal status
        if status is None:
            try:
                found, raw = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                status = 0
                return status
            if found:
                status = os.waitstatus_to_exitcode(raw)
        return status

    return poll
