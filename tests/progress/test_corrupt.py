"""Progress files that SQLite or kata cannot read: words, nothing lost, practice goes on."""

import ctypes
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

KATA = "attention/gqa"
BROKEN = "def grouped_query_attention(:\n    '''my own work'''\n"
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A progress file of some pages, made by the grader itself."""
    folder = tmp_path_factory.mktemp("history")
    code = (
        "import sys; from pathlib import Path; from grader.progress.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for n in range(40): store.append('checked', 'attention/gqa', source='x' * n * 9, n=n)"
    )
    path = folder / "progress.db"
    subprocess.run([sys.executable, "-P", "-c", code, str(path)], check=True)
    return path


def cut(part: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * part)]


def shuffled(data: bytes) -> bytes:
    """The pages behind the first, overwritten."""
    return data[:4096] + os.urandom(len(data) - 4096)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: os.urandom(9000), id="garbage"),
        pytest.param(lambda data: b"hello\n", id="a line of text"),
        pytest.param(lambda data: data[:50], id="50 bytes"),
        pytest.param(lambda data: data[:100], id="its header"),
        pytest.param(lambda data: data[:2048], id="half a page"),
        pytest.param(lambda data: data[:4096], id="one page"),
        pytest.param(cut(0.5), id="its first half"),
        pytest.param(lambda data: data[:-4096], id="all but its last page"),
        pytest.param(shuffled, id="garbage behind its first page"),
    ],
)
def test_what_cannot_be_read_is_kept_aside_and_the_check_goes_on(
    learner: Any, history: Path, spoil: Callable[[bytes], bytes]
) -> None:
    spoilt = spoil(history.read_bytes())
    learner.database.parent.mkdir(parents=True)
    learner.database.write_bytes(spoilt)
    attempt = learner.write(KATA, BROKEN)

    done = learner.run("check", KATA, "--json", "--seed", "5")

    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "error"
    (kept,) = learner.database.parent.glob("progress.corrupt-*.db")
    assert kept.read_bytes() == spoilt
    assert str(learner.database) in done.stderr
    assert f"kept as {kept.name}" in done.stderr
    assert [event["seed"] for event in learner.events()] == [5]
    assert attempt.read_text() == BROKEN
    assert learner.run("list").stderr == "", "said again"


def test_an_empty_file_is_a_new_one(learner: Any) -> None:
    learner.database.parent.mkdir(parents=True)
    learner.database.touch()

    learner.check(KATA, BROKEN, "--seed", "5")

    assert [event["seed"] for event in learner.events()] == [5]
    assert not list(learner.database.parent.glob("*corrupt*"))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param("create table events (x)", id="another program's table"),
        pytest.param("create table sources (x); pragma user_version = 1", id="no events"),
        pytest.param("create table events (x); pragma user_version = 1", id="other columns"),
        pytest.param(
            "create table events (id integer primary key, at, kind, kata, data);"
            "create table sources (sha, text); pragma user_version = 1;"
            "insert into events values (1, 0, 'checked', 'attention/gqa', '{cut off')",
            id="an event that is not JSON",
        ),
    ],
)
def test_a_database_that_is_not_ours_is_kept_aside(learner: Any, statements: str) -> None:
    learner.database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(learner.database)) as db:
        db.executescript(statements)
    before = learner.database.read_bytes()

    verdict = learner.check(KATA, BROKEN)

    assert verdict.verdict == "error"
    (kept,) = learner.database.parent.glob("progress.corrupt-*.db")
    assert kept.read_bytes() == before
    assert len(learner.events()) == 1


def test_files_that_spoil_within_one_second_are_all_kept(learner: Any) -> None:
    learner.write(KATA, BROKEN)
    learner.database.parent.mkdir(parents=True)
    spoilt = [os.urandom(200) for _ in range(4)]
    for data in spoilt:
        learner.database.write_bytes(data)
        assert learner.run("list", "attention", "--json").returncode == 0

    kept = learner.database.parent.glob("progress.corrupt-*.db")
    assert sorted(path.read_bytes() for path in kept) == sorted(spoilt)


def test_a_command_that_ends_in_an_error_still_says_that_the_file_was_set_aside(
    learner: Any,
) -> None:
    learner.database.parent.mkdir(parents=True)
    learner.database.write_bytes(b"garbage" * 100)

    done = learner.run("check")

    assert done.returncode == 2
    assert "no kata is started yet" in done.stderr
    assert "could not be read" in done.stderr


def test_json_stays_json_when_the_file_was_set_aside(learner: Any) -> None:
    learner.database.parent.mkdir(parents=True)
    learner.database.write_bytes(b"garbage" * 100)

    done = learner.run("list", "--json")

    assert {line["status"] for line in json.loads(done.stdout)} == {"new"}
    assert "could not be read" in done.stderr


def test_a_newer_schema_is_refused_and_nothing_is_changed(learner: Any, history: Path) -> None:
    attempt = learner.write(KATA, BROKEN)
    learner.database.parent.mkdir(parents=True)
    shutil.copy(history, learner.database)
    with closing(sqlite3.connect(learner.database)) as db:
        db.execute("pragma user_version = 2")
    before = learner.database.read_bytes()

    for command in (["check", KATA], ["list"], ["dashboard"], ["start", KATA], ["hint", KATA]):
        done = learner.run(*command)

        assert (done.returncode, done.stdout) == (2, "")
        for words in (str(learner.database), "newer kata", "schema 2", "upgrade", "KATA_PRACTICE"):
            assert words in done.stderr
    assert learner.database.read_bytes() == before
    assert attempt.read_text() == BROKEN
    assert [path.name for path in learner.database.parent.iterdir()] == ["progress.db"]


def test_a_folder_in_the_file_s_place_is_told_and_left_alone(learner: Any) -> None:
    attempt = learner.write(KATA, BROKEN)
    learner.database.mkdir(parents=True)
    (learner.database / "mine").write_text("mine")

    done = learner.run("check", KATA)

    assert done.returncode == 3
    for words in (str(learner.database), "nothing was lost", "KATA_PRACTICE"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (learner.database / "mine").read_text() == "mine"
    assert attempt.read_text() == BROKEN


def test_a_file_in_the_folder_s_place_is_told(learner: Any) -> None:
    learner.write(KATA, BROKEN)
    (learner.practice / ".kata").write_text("mine")

    done = learner.run("check", KATA)

    assert done.returncode == 3
    for words in (str(learner.practice / ".kata"), "nothing was lost", "KATA_PRACTICE"):
        assert words in done.stderr
    assert (learner.practice / ".kata").read_text() == "mine"


def obey_permissions() -> None:
    """In the child: root without the right to pass over permissions."""
    if os.getuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.mark.parametrize("what", ["a new file", "a file that is there"])
def test_a_folder_that_may_not_be_written_is_told(learner: Any, history: Path, what: str) -> None:
    attempt = learner.write(KATA, BROKEN)
    folder = learner.practice
    if what == "a file that is there":
        folder = learner.database.parent
        folder.mkdir()
        shutil.copy(history, learner.database)
        learner.database.chmod(0o444)
    folder.chmod(0o555)
    try:
        with learner.popen("check", KATA, preexec_fn=obey_permissions) as check:
            out, err = check.communicate(timeout=120)
        if check.returncode == 1:
            pytest.skip("nobody but root here, and root may write everywhere")
        with learner.popen("doctor", preexec_fn=obey_permissions) as doctor:
            findings, _ = doctor.communicate(timeout=240)
    finally:
        folder.chmod(0o755)

    assert (check.returncode, out) == (3, "")
    assert str(folder) in err
    assert "nothing was lost" in err
    assert "KATA_PRACTICE" in err
    assert attempt.read_text() == BROKEN
    assert doctor.returncode == 1
    assert str(folder) in findings
    assert "torch" in findings, "the rest is looked at all the same"


def test_garbage_in_a_journal_beside_the_file_does_no_harm(learner: Any) -> None:
    learner.check(KATA, BROKEN, "--seed", "1")
    learner.database.with_name("progress.db-journal").write_bytes(os.urandom(5000))

    learner.check(KATA, BROKEN, "--seed", "2")

    assert [event["seed"] for event in learner.events()] == [1, 2]
