"""Attempts that look where the answers are."""

import re

import pytest

PASSED = r"passed: (\d+) of \1 claims hold"

S = "{root}/solutions/attention/gqa.py"
T = "{root}/reference_tests/attention/test_gqa.py"
SOLUTION, TESTS = "your code looked into solutions/", "your code looked into reference_tests/"
# what an attempt does, and what it is told; those after the first five are alike for all tests
LOOKS = {
    f"open({S!r}).read()": SOLUTION,
    f"open({T!r}).read()": TESTS,
    f"import os; os.open({S!r}, os.O_RDONLY)": SOLUTION,
    f"import pathlib; pathlib.Path({S!r}).read_text()": SOLUTION,
    f"import pathlib; list(pathlib.Path({S!r}).parent.glob('*'))": SOLUTION,
    "import os; os.listdir('{root}/solutions')": SOLUTION,
    "import os; list(os.walk('{root}'))": "your code looked into ",
    "import os; list(os.scandir('{root}/reference_tests/attention'))": TESTS,
    f"import subprocess; subprocess.run(['cat', {S!r}])": SOLUTION,
    f"import os; os.system('cat ' + {S!r})": SOLUTION,
    f"import os; os.popen('cat ' + {S!r}).read()": SOLUTION,
    "import subprocess; subprocess.run(['cat', 'gqa.py'], cwd='{root}/solutions/attention')": (
        SOLUTION
    ),
    f"import os; os.symlink({S!r}, 'mine.py')": SOLUTION,
    "import os; os.symlink('{root}', 'link'); open('link/solutions/attention/gqa.py')": SOLUTION,
    f"import os; os.link({S!r}, 'mine.py')": SOLUTION,
    f"import shutil; shutil.copy({S!r}, 'mine.py')": SOLUTION,
    "import os; os.chdir('{root}/solutions/attention'); open('gqa.py')": SOLUTION,
    (
        "import os; at = os.open('{root}', os.O_RDONLY); "
        "os.open('solutions/attention/gqa.py', os.O_RDONLY, dir_fd=at)"
    ): SOLUTION,
    f"open('/proc/self/root' + {S!r})": SOLUTION,
    f"open({S!r}.encode())": SOLUTION,
    f"open({S!r}.replace('/solutions', '/katas/../solutions'))": SOLUTION,
    f"import numpy; numpy.fromfile({S!r}, dtype='u1')": SOLUTION,
    f"import linecache; linecache.getlines({S!r}.replace('gqa', 'sdpa'))": SOLUTION,
    f"import runpy; runpy.run_path({S!r})": SOLUTION,
    (
        "import importlib.util as u; s = u.spec_from_file_location('x', "
        f"{S!r}); s.loader.exec_module(u.module_from_spec(s))"
    ): SOLUTION,
    "import sys; sys.path.insert(0, '{root}'); import solutions.attention": (
        "your code imports solutions"
    ),
    "import reference_tests": "your code imports reference_tests",
    "import sys; sys.path.insert(0, '{root}'); import importlib as i; "
    "i.import_module('solutions.attention.gqa')": SOLUTION,
    "import sqlite3; sqlite3.connect('{practice}/.kata/progress.db')": (
        "your code looked into .kata/"
    ),
    "import os; os.remove('{practice}/.kata/progress.db')": "your code looked into .kata/",
    "import shutil; shutil.rmtree('{practice}/.kata')": "your code looked into .kata/",
    "import os; os.rename('{practice}/.kata', 'elsewhere')": "your code looked into .kata/",
    "open('{practice}/.kata/progress.db', 'wb')": "your code looked into .kata/",
    "import os, signal; os.kill(os.getppid(), signal.SIGINT)": "your code sends signal 2",
    "import os; os.killpg(os.getpgid(os.getppid()), 9)": "your code sends signal 9",
    "import os; os.kill(-1, 9)": "your code sends signal 9",
}


def test_looks_at_hidden_files_fail_and_say_where(court):
    # each is caught by the attempt, which goes on: the message is what the hook was told
    root, practice = str(court.learner.root), str(court.learner.practice)
    acts = [
        f"looked = None\ntry: {look}\nexcept BaseException as error: looked = error\n"
        "raise RuntimeError(str(looked))"
        for look in (look.format(root=root, practice=practice) for look in LOOKS)
    ]
    said = []
    for start in range(0, len(acts), 18):
        verdict = court.judge(court.acts(*acts[start : start + 18]))
        assert verdict.verdict == "failed"
        headline, advice = verdict.data["message"].splitlines()
        assert headline.startswith("your code ")
        assert advice == "write it from the spec; kata solution shows one way"
        said += [test["message"] for test in verdict.data["tests"][:18]]

    missed = [
        (look, message)
        for (look, words), message in zip(LOOKS.items(), said, strict=False)
        if not message.startswith(f"RuntimeError: {words}")
    ]
    assert not missed, "\n".join(map(str, missed))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"open({S!r})", SOLUTION),
        ("import solutions", "your code imports solutions"),
        (f"import subprocess; subprocess.run(['cat', {T!r}])", TESTS),
    ],
)
def test_a_look_on_import_that_is_caught_still_fails_a_right_attempt(court, line: str, words: str):
    line = line.format(root=court.learner.root)

    verdict = court.judge(f"{court.right}\ntry: {line}\nexcept BaseException: pass\n")

    assert verdict.verdict == "failed"
    assert verdict.data["message"].startswith(words)
    assert set(verdict.outcomes.values()) == {"passed"}


def test_a_look_from_a_thread_or_a_fork_gets_nothing(court):
    body = """
        import os, threading
        path = PATH
        if calls == 1:
            found = []
            def look():
                try: found.append(open(path).read())
                except BaseException: pass
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            assert not found
        if calls == 2:
            read, write = os.pipe()
            if not os.fork():
                look()
                os.write(write, "".join(found).encode() or b"nothing")
                os._exit(0)
            os.close(write)
            assert os.read(read, 100) in (b"nothing", b"")
    """
    path = S.format(root=court.learner.root)

    verdict = court.judge(court.before(body.replace("PATH", repr(path))))

    assert verdict.verdict == "failed"
    assert verdict.data["message"].startswith(SOLUTION)


def test_replacing_the_guard_or_the_reporter_does_not_hide_a_look(court):
    body = """
        import os
        import grader.judge.child.guard as guard, grader.judge.child.report as report
        guard.LOOKS = guard.SIGNALS = frozenset()
        guard.realpath = guard.basename = os.path.realpath = lambda path: "/"
        guard.Guard._check_paths = guard.Guard._refuse = lambda *args: None
        guard.isinstance = lambda *args: False
        report.Reporter.problem = report.Reporter._send = lambda *args: None
        try: looked = open(PATH).read()
        except BaseException: looked = ""
        assert not looked
    """
    path = S.format(root=court.learner.root)

    verdict = court.judge(court.before(body.replace("PATH", repr(path))))

    assert verdict.verdict == "failed"
    assert verdict.data["message"].startswith(SOLUTION)


def test_looking_at_the_stack_is_no_trespass_and_shows_no_hidden_source(court):
    body = """
        import inspect, logging, traceback, warnings
        traceback.print_stack()
        traceback.format_stack()
        frames = inspect.stack()
        warnings.warn("slow", stacklevel=20)
        logging.warning("here", stack_info=True)
        assert not any(f.code_context for f in frames if "reference_tests" in f.filename)
        import linecache
        hidden = [k for k in linecache.cache if "/solutions/" in k or "/reference_tests/" in k]
        assert not any(linecache.getlines(path) for path in hidden)
    """
    shown = court.show(court.before(body), "--verbose")

    assert re.search(PASSED, shown)
    # a line of the hidden tests, and one of the solution
    assert "make_qkv(H=6" not in shown
    assert "repeat_interleave(H // G" not in shown


def test_ordinary_use_of_files_is_no_trespass(court):
    body = """
        import json, os, pathlib, subprocess, sys, tempfile
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "mine.json")
            path.write_text(json.dumps({"solutions": 1}))
            os.listdir(folder)
        open("notes.txt", "w").close()
        os.rename("notes.txt", "solutions.txt")
        os.remove("solutions.txt")
        if calls == 1:
            subprocess.run([sys.executable, "-c", "print('the solutions are mine')"], check=True)
        import fractions, sqlite3, torch.nn.utils.parametrizations
        sqlite3.connect(":memory:").close()
        open(torch.__file__).close()
        open(ATTEMPT).close()
    """
    attempt = str(court.learner.attempt("attention/gqa"))

    verdict = court.judge(court.before(body.replace("ATTEMPT", repr(attempt))))

    assert verdict.verdict == "passed", verdict.said


@pytest.mark.parametrize("name", ["solutions", "reference_tests", ".kata"])
def test_a_learner_may_work_in_a_folder_of_any_name(learner, name: str, scratch):
    folder = learner.folder / name / "mine"
    (folder / "practice").mkdir(parents=True)
    right = (learner.root / "solutions" / "attention" / "gqa.py").read_text()
    learner.folder = folder

    verdict = learner.check("attention/gqa", f"open(__file__).close()\n{right}")

    assert verdict.verdict == "passed", verdict.said
