"""The audit hook: what an attempt may not look at, and what it may not do.

An audit hook sees every open and import, whoever calls it, and cannot be
removed. The grader has read all that it needs before the hook is armed.
"""

import os
import re
import sys
from collections.abc import Callable
from os.path import basename, realpath
from typing import Any

from grader.judge.child.sealed import sealed_class
from grader.judge.protocol import Failure, Task

# events whose arguments are paths or commands
LOOKS = frozenset(
    {
        "open", "import", "os.listdir", "os.scandir", "os.link", "os.symlink", "os.rename",
        "os.remove", "os.rmdir", "os.truncate", "shutil.copyfile", "shutil.copytree",
        "shutil.move", "shutil.rmtree", "subprocess.Popen", "os.system", "os.exec",
        "os.posix_spawn", "os.spawn", "glob.glob", "pathlib.Path.glob", "sqlite3.connect",
    }
)  # fmt: skip
SIGNALS = frozenset({"os.kill", "os.killpg"})
RELATIVE = re.compile(r"(?:^|[\s'\"=])(?:\./)*(solutions|reference_tests)(?:/|$)")


class Trespass(BaseException):
    """Raised in the attempt; not an Exception, so that it is not caught by accident."""


class Guard:
    """Arms the hook. There is one for the whole life of the process.

    Attributes:
        refused: What the attempt did first that it may not.
    """

    def __init__(self, task: Task, tell: Callable[[Failure], None]) -> None:
        self._secrets = tuple(realpath(path) for path in task.secrets)
        self._attempt = task.attempt
        self._modules = frozenset(task.forbids)
        self._tell = tell
        parent = os.getppid()
        group = os.getpgid(parent)
        self._others = frozenset({parent, -1, group, -group})
        self._inside = False
        self.refused: Failure | None = None

    def arm(self) -> None:
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in LOOKS and event not in SIGNALS:
            return
        if self._inside:
            return
        self._inside = True
        try:
            if event in SIGNALS:
                self._check_signal(args)
            elif event == "import":
                self._check_import(str(args[0]))
            else:
                # what is run, with what, and the folder that it runs in
                for arg in args[: 3 if event == "subprocess.Popen" else 2]:
                    self._check_paths(arg)
        finally:
            self._inside = False

    def _check_paths(self, arg: Any) -> None:
        if isinstance(arg, list | tuple):
            for item in arg:
                self._check_paths(item)
        elif isinstance(arg, str | bytes | os.PathLike):
            path = os.fsdecode(arg)
            # realpath costs system calls: only what can lead there is looked at closely
            full = realpath(path)
            for secret in self._secrets:
                if full == secret or full.startswith(secret + os.sep) or secret in path:
                    self._refuse(f"your code looked into {basename(secret)}/: {path}")
            # relative to a folder that was opened, which the hook is not told
            if relative := RELATIVE.search(path):
                self._refuse(f"your code looked into {relative[1]}/: {path}")

    def _check_import(self, name: str) -> None:
        top = name.partition(".")[0]
        if top in ("solutions", "reference_tests") or name.startswith("grader._content"):
            self._refuse(f"your code imports {name}")
        if name in self._modules or top in self._modules:
            self._refuse(f"your code imports {name}, which is not allowed in this kata")

    def _check_signal(self, args: tuple[Any, ...]) -> None:
        if args[0] in self._others:
            self._refuse(f"your code sends signal {args[1]} to a process that is not its own")

    def _refuse(self, headline: str) -> None:
        if self.refused is None:
            advice = "write it from the spec; kata solution shows one way"
            self.refused = Failure(headline, (advice,))
            self._tell(self.refused)
        raise Trespass(headline)


# the hook is at work while an attempt is
SealedGuard = sealed_class(Guard)
