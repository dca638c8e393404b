"""Attempts that leave threads and processes behind."""

import time
from pathlib import Path

import psutil
import pytest

# what is started writes down its number, for some change their folder and environment
TOP = """
import os, signal, subprocess, sys, threading, time

def wait_for(count):
    while not os.path.exists(PATH) or len(open(PATH).read().split()) < count:
        time.sleep(0.01)

def deaf():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with open(PATH, "a") as file:
        print(os.getpid(), file=file)
    os.chdir("/")
    time.sleep(1000)

"""


def note(path: Path) -> str:
    return f"PATH = {str(path)!r}\n{TOP}"


FAMILY = """
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
    os.closerange(0, 100)
    deaf()
"""
STARTS = {
    "a thread": "threading.Thread(target=time.sleep, args=(1000,)).start()",
    "a daemon thread": "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    "a program": "subprocess.Popen(['sh', '-c', 'echo $$ >> ' + PATH + '; exec sleep 1000'])",
    "a program in a session of its own": """
subprocess.Popen(
    ["sh", "-c", "echo $$ >> " + PATH + "; cd /; exec sleep 1000"],
    start_new_session=True, env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
""",
    "a fork": "if not os.fork(): deaf()",
    "a double fork with setsid": FAMILY,
    "a whole family": """
for _ in range(3):
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.setsid()
            if os.fork(): deaf()
            deaf()
        deaf()
""",
    "a process of multiprocessing": """
import multiprocessing
multiprocessing.get_context("fork").Process(target=deaf).start()
""",
    "a pool of threads": """
from concurrent.futures import ThreadPoolExecutor
ThreadPoolExecutor(2).submit(time.sleep, 1000)
""",
}
# of those above, how many note themselves
NOTED = 14


def gone(path: Path, seconds: float = 15) -> bool:
    """Whether none of the noted processes is left."""
    pids = {int(line) for line in path.read_text().split()} if path.exists() else set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        # a number may have gone to another program meanwhile
        ours = any(word in " ".join(process.cmdline()) for word in ("grader", "sleep 1000"))
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def test_what_outlives_a_call_is_ended_with_the_check(court, tmp_path: Path):
    path = tmp_path / "noted"
    starts = "".join(start.strip() + "\n" for start in STARTS.values())
    source = court.before(
        f"if calls == 1:\n{indented(starts)}    wait_for({NOTED})", top=note(path)
    )

    verdict = court.judge(source, "--timeout", "60")

    assert verdict.verdict == "passed", verdict.said
    assert len(path.read_text().split()) == NOTED
    assert gone(path)


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("end", "outcome"),
    [("while True: pass", "timeout"), ("os._exit(0)", "failed"), ("os.abort()", "crashed")],
)
def test_what_was_started_on_import_is_ended_whatever_the_end(
    court, tmp_path: Path, end: str, outcome: str
):
    path = tmp_path / "noted"
    thread = STARTS["a thread"]
    source = f"{note(path)}\n{FAMILY}\n{thread}\nwait_for(1)\n{end}\n"

    verdict = court.judge(source, "--timeout", "2")

    assert verdict.verdict == outcome
    assert path.exists()
    assert gone(path)


def test_forks_that_return_do_not_report_a_second_time(court):
    body = """
        import os
        if calls == 1:
            for _ in range(3):
                if not os.fork():
                    break
    """
    verdict = court.judge(court.before(body))

    assert verdict.verdict == "passed", verdict.said
    assert len(verdict.outcomes) == len(verdict.data["tests"])


def test_checks_at_the_same_time_do_not_end_each_other(bench, tmp_path: Path):
    """Ending what one check has left must not touch another."""
    slow = bench.before("import time; time.sleep(0.1)")
    paths = []
    for number, source in enumerate((slow, bench.before("import os; os.abort()"), slow)):
        paths.append(tmp_path / f"{number}.py")
        paths[-1].write_text(source, encoding="utf-8")

    started = [bench.learner.popen("check", "gqa", "--json", "--file", str(p)) for p in paths]
    codes = []
    for process in started:
        process.communicate(timeout=120)
        codes.append(process.returncode)

    assert codes == [0, 1, 0]
    verdicts = [event["verdict"] for event in bench.learner.events()]
    assert sorted(verdicts) == ["crashed", "passed", "passed"]


def test_the_folder_of_a_check_that_was_killed_goes_with_the_next(alone, tmp_path):
    alone.env["TMPDIR"] = str(tmp_path)
    alone.write("attention/gqa", "import time\ntime.sleep(60)\n")
    process = alone.popen("check", "gqa")
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("kata-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert list(tmp_path.glob("kata-*"))

    alone.check("attention/gqa", "def grouped_query_attention(q, k, v, *, causal=True): pass\n")

    assert list(tmp_path.glob("kata-*")) == []
