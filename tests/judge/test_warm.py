"""The warm judge: found, used, left alone when something is wrong with it, and gone in time."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

SOCKET = "from grader.judge import runtime; print(runtime.socket_path())"
WAIT = "from grader.judge.warm import wait_for_judge; print(wait_for_judge())"


def until(condition: Callable[[], object], seconds: float = 60) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Warm:
    """A learner whose judges are theirs alone."""

    def __init__(self, learner, folder: Path) -> None:
        self.learner, self.folder = learner, folder
        learner.env["XDG_RUNTIME_DIR"] = str(folder)
        learner.env.pop("KATA_COLD", None)

    def wait(self) -> None:
        done = subprocess.run(
            [sys.executable, "-P", "-c", WAIT],
            env=self.learner.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == "True", done.stderr

    def status(self) -> str:
        return self.learner.run("judge", "status").stdout

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
            except psutil.Error:
                continue
            if "grader.judge.server" in command and command[-1].startswith(str(self.folder)):
                found.append(process)
        return found

    def server(self) -> psutil.Process:
        """The judge itself, not its forks."""
        found = self.processes()
        (server,) = [p for p in found if p.ppid() not in {q.pid for q in found}]
        return server


@pytest.fixture
def warm(alone) -> Iterator[Warm]:
    # a socket's path is short
    with tempfile.TemporaryDirectory(prefix="kata-test-") as folder:
        own = Warm(alone, Path(folder))
        yield own
        for process in own.processes():
            process.kill()


def solution(kata: str) -> str:
    root = Path(__file__).resolve().parents[2]
    return (root / "solutions" / f"{kata}.py").read_text()


def test_the_first_check_starts_a_judge_that_the_next_one_uses(warm: Warm):
    assert "none runs" in warm.status()

    assert warm.learner.check("attention/gqa", solution("attention/gqa")).verdict == "passed"
    assert until(lambda: "process" in warm.status())
    assert "0 checks" in warm.status()

    assert warm.learner.check("attention/gqa").verdict == "passed"
    assert "1 checks" in warm.status()


def test_a_judge_can_be_stopped(warm: Warm):
    warm.wait()

    assert "stopped" in warm.learner.run("judge", "stop").stdout
    assert until(lambda: not warm.processes())
    assert "none runs" in warm.status()


def test_kata_cold_goes_without_it(warm: Warm):
    warm.wait()
    warm.learner.env["KATA_COLD"] = "1"

    assert warm.learner.check("attention/gqa", solution("attention/gqa")).verdict == "passed"
    assert "KATA_COLD" in warm.status()

    del warm.learner.env["KATA_COLD"]
    assert "0 checks" in warm.status()


def test_an_idle_judge_goes(warm: Warm):
    warm.learner.env["KATA_JUDGE_IDLE"] = "1"
    warm.wait()

    assert until(lambda: not warm.processes(), 30)
    assert list(warm.folder.rglob("*.sock")) == []


def test_a_socket_that_nobody_serves_is_no_hindrance(warm: Warm):
    warm.wait()
    server = warm.server()
    server.kill()
    server.wait()
    (left,) = warm.folder.rglob("*.sock")
    assert left.exists()

    assert warm.learner.check("attention/gqa", solution("attention/gqa")).verdict == "passed"
    assert until(lambda: "process" in warm.status())


def test_a_judge_that_dies_in_a_check_costs_nothing_but_time(warm: Warm):
    warm.wait()
    server = warm.server()
    slow = "import time\ntime.sleep(2)\n" + solution("attention/gqa")
    warm.learner.write("attention/gqa", slow)

    with warm.learner.popen("check", "gqa", "--json") as check:
        assert until(lambda: len(warm.processes()) == 2)
        children = server.children()
        server.kill()
        out, err = check.communicate(timeout=60)

    assert check.returncode == 0, err
    assert '"verdict": "passed"' in out
    assert until(lambda: not any(child.is_running() for child in children))


def test_a_judge_that_hangs_up_is_busy(warm: Warm):
    """Whatever sits on the socket and speaks another language: the check is judged cold."""
    path = subprocess.run(
        [sys.executable, "-P", "-c", SOCKET],
        env=warm.learner.environment, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        warm.learner.write("attention/gqa", solution("attention/gqa"))
        with warm.learner.popen("check", "gqa") as check:
            connection, _ = listener.accept()
            connection.sendall(b'{"busy": true}\n')
            out, _ = check.communicate(timeout=60)
            connection.close()

    assert "passed" in out


def test_the_folder_and_the_socket_are_private(warm: Warm):
    warm.wait()
    (path,) = warm.folder.rglob("*.sock")

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_enter_is_not_trusted(warm: Warm):
    (warm.folder / "kata").mkdir()
    (warm.folder / "kata").chmod(0o777)

    assert warm.learner.check("attention/gqa", solution("attention/gqa")).verdict == "passed"
    assert warm.processes() == []


def test_a_person_who_interrupts_leaves_no_child(warm: Warm):
    warm.wait()
    warm.learner.write("attention/gqa", "while True: pass\n")

    with warm.learner.popen("check", "gqa", start_new_session=True) as check:
        assert until(lambda: len(warm.processes()) == 2)
        os.killpg(check.pid, signal.SIGINT)
        check.communicate(timeout=30)

    assert check.returncode == 130
    assert until(lambda: len(warm.processes()) == 1)
    assert warm.learner.check("attention/gqa", solution("attention/gqa")).verdict == "passed"


def test_the_environment_is_the_clients(warm: Warm):
    warm.wait()
    warm.learner.env["KATA_TEST_WORD"] = "swordfish"
    shout = "import os\nprint(os.environ['KATA_TEST_WORD'])\n" + solution("attention/gqa")
    warm.learner.write("attention/gqa", shout)

    assert "swordfish" in warm.learner.run("check", "gqa").stdout
    assert "1 checks" in warm.status()


def test_twenty_clients_at_once_are_all_answered_rightly(warm: Warm):
    warm.wait()
    right, wrong = (
        solution("attention/gqa"),
        solution("attention/gqa").replace(".tril(T_k - T_q)", ".tril()"),
    )
    files = []
    for number in range(20):
        path = warm.learner.folder / f"attempt{number}.py"
        path.write_text(wrong if number % 3 else right)
        files.append(path)

    checks = [warm.learner.popen("check", "gqa", "--file", str(path)) for path in files]
    codes = []
    for check in checks:
        check.communicate(timeout=180)
        codes.append(check.returncode)

    assert codes == [1 if number % 3 else 0 for number in range(20)]
    assert until(lambda: len(warm.processes()) == 1)


@pytest.mark.timeout(900)
def test_many_checks_leave_nothing_behind(warm: Warm):
    rounds = int(os.environ.get("KATA_WARM_ROUNDS", "30"))
    warm.learner.env["TMPDIR"] = str(warm.learner.folder / "tmp")
    (warm.learner.folder / "tmp").mkdir()
    warm.wait()
    server = warm.server()
    verdicts = [warm.learner.check("attention/gqa", solution("attention/gqa")).verdict]
    before = server.memory_info().rss, server.num_fds()
    # torch makes a folder of its own when it is loaded; that of the check may still be there
    files = {
        path
        for path in (warm.learner.folder / "tmp").iterdir()
        if not path.name.startswith("kata-check-")
    }

    verdicts += [warm.learner.check("attention/gqa").verdict for _ in range(rounds)]

    assert set(verdicts) == {"passed"}
    assert f"{rounds + 1} checks" in warm.status()
    # the verdict is told before the child is gone
    assert until(lambda: warm.processes() == [server])
    assert until(lambda: server.num_fds() <= before[1])
    # some pages are touched late; what grows with each check would be far more
    assert server.memory_info().rss < before[0] + (8 << 20)
    assert until(lambda: set((warm.learner.folder / "tmp").iterdir()) == files)
