"""A fresh process that judges one task: python -m grader.judge.child REPORTS PARENT."""

import gc
import json
import os
import sys

# nothing here is worth collecting, and importing torch is 100 ms faster
gc.disable()
# a process with one thread can be forked, and small tests are no slower; read when torch starts
os.environ["OMP_NUM_THREADS"] = "1"


def main() -> None:
    from grader.judge.child.limits import end_with

    end_with(int(sys.argv[2]))
    from grader.judge.protocol import Task

    task = Task.from_data(json.load(sys.stdin))
    reports = int(sys.argv[1])
    os.set_inheritable(reports, False)

    from grader.judge.child.start import prepare, run

    prepare(task)
    run(task, reports)


if __name__ == "__main__":
    main()
