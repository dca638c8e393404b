"""export and import: all of it comes back, two machines become one, and nothing is lost."""

import hashlib
import json
import os
import random
import shlex
import shutil
import sqlite3
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

KATA = "algebra/double"
NOON = time.time() - 100_000
CLOCK = """
import os

if at := os.environ.get("AT"):
    import time_machine

    time_machine.travel(float(at), tick=True).start()
"""


def broken(word: str) -> str:
    return f"def double(:\n    '''{word}'''\n"


def files(desk: Any) -> dict[str, bytes]:
    """All that lies in the practice folder but the progress file."""
    return {
        str(path.relative_to(desk.practice)): path.read_bytes()
        for path in desk.practice.rglob("*")
        if path.is_file() and not path.name.startswith("progress.db")
    }


def facts(desk: Any) -> Counter[tuple[Any, ...]]:
    """Events as they lie in the file, but for what tells of imports, and texts."""
    with closing(sqlite3.connect(desk.database)) as db:
        told = "select at, kind, kata, data from events where kind != 'imported'"
        rows = db.execute(told).fetchall() + db.execute("select * from sources").fetchall()
    return Counter(rows)


def everything(desk: Any) -> dict[str, bytes]:
    state = files(desk)
    if desk.database.exists():
        state["progress.db"] = desk.database.read_bytes()
    return state


def export(desk: Any, name: str = "kata.zip") -> Path:
    done = desk.run("export", name)
    assert (done.returncode, done.stderr) == (0, "")
    return Path(desk.folder / name)


def listed(desk: Any) -> dict[str, str]:
    return {line["slug"]: line["status"] for line in json.loads(desk.run("list", "--json").stdout)}


@pytest.fixture(scope="module")
def machine(trifles: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Any]:
    """Someone at a machine of their own; env["AT"] is the time there."""
    spy = tmp_path_factory.mktemp("clock")
    (spy / "sitecustomize.py").write_text(CLOCK)

    def come(folder: Path) -> Any:
        someone = trifles.learner(folder)
        someone.env["PYTHONPATH"] = os.pathsep.join([str(spy), someone.env["PYTHONPATH"]])
        someone.env["KATA_COLD"] = "1"
        return someone

    return come


@pytest.fixture
def person(machine: Callable[[Path], Any], tmp_path: Path) -> Callable[[str], Any]:
    """Someone at another machine, by its name."""
    return lambda name: machine(tmp_path / name)


def at(desk: Any, minute: float, *command: str) -> None:
    """Run a command at a time of day."""
    desk.env["AT"] = str(NOON + 60 * minute)
    assert desk.run(*command).returncode in (0, 1)
    del desk.env["AT"]


@pytest.fixture(scope="module")
def filled(machine: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Someone with an attempt, a debug round, notes, a history, and a file of their own."""
    desk = machine(tmp_path_factory.mktemp("filled"))
    desk.run("start", "double")
    desk.check(KATA, broken("one"))
    desk.attempt(KATA).write_bytes(b"# \xff\xfe never checked\r\n")
    desk.run("reset", "double")
    desk.check(KATA, broken("caf\u00e9 \u6f22"))
    desk.run("debug", "double", "--seed", "5")
    desk.run("hint", "double.debug")
    desk.write("algebra/helper", "# mine\n")
    (desk.practice / "algebra" / "double.md").write_text("# my notes\n")
    (desk.practice / "algebra" / "pictures").mkdir()
    (desk.practice / "algebra" / "pictures" / "mask.png").write_bytes(os.urandom(3000))
    return desk


@pytest.fixture
def home(filled: Any, person: Callable[[str], Any]) -> Any:
    """The same, to do with as one likes."""
    desk = person("home")
    shutil.copytree(filled.practice, desk.practice, dirs_exist_ok=True)
    return desk


# one folder to another


def test_an_import_into_an_empty_folder_gives_back_everything(
    home: Any, person: Callable[[str], Any]
) -> None:
    archive, away = export(home), person("away")
    before = everything(home)

    done = away.run("import", str(archive))

    assert (done.returncode, done.stderr) == (0, "")
    assert files(away) == files(home)
    assert facts(away) == facts(home)
    assert [e["kind"] for e in away.events()][:-1] == [e["kind"] for e in home.events()]
    assert everything(home) == before, "an export changes nothing"
    for command in (["list", "--json"], ["history", "double.debug", "--json"]):
        there = away.run(*command).stdout.replace(str(away.practice), str(home.practice))
        assert there == home.run(*command).stdout
    for path in home.practice.rglob("*.py"):
        other = away.practice / path.relative_to(home.practice)
        assert other.stat().st_mtime == pytest.approx(path.stat().st_mtime)
    # and what is exported from there is the same
    again = export(away)
    with zipfile.ZipFile(archive) as one, zipfile.ZipFile(again) as other_zip:
        assert json.loads(one.read("manifest.json")) == json.loads(other_zip.read("manifest.json"))


def test_a_second_import_changes_nothing(home: Any, person: Callable[[str], Any]) -> None:
    archive, away = export(home), person("away")
    away.run("import", str(archive))
    before = everything(away)

    done = away.run("import", str(archive))

    assert "is in" in done.stdout
    assert "nothing was changed" in done.stdout
    assert everything(away) == before
    assert json.loads(away.run("import", str(archive), "--json").stdout)["events"] == 0
    assert home.run("import", str(archive)).returncode == 0


def test_the_manifest_tells_what_is_in_it(home: Any) -> None:
    archive = export(home)

    with zipfile.ZipFile(archive) as found:
        manifest = json.loads(found.read("manifest.json"))
        assert found.testzip() is None
        names = set(found.namelist()) - {"manifest.json"}
        digests = {name: hashlib.sha256(found.read(name)).hexdigest() for name in names}
        lines = found.read("events.jsonl").splitlines()

    assert manifest["format"] == 1
    assert manifest["kata"]
    assert digests == {name: facts["sha256"] for name, facts in manifest["members"].items()}
    assert manifest["counts"]["events"] == len(lines) == len(home.events())
    assert "files/.kata/history/algebra/double" in "".join(names)


def test_hidden_files_stay_where_they_are(home: Any) -> None:
    for name in (".git/config", "algebra/.secret", "algebra/__pycache__/double.pyc", "data/big"):
        path = home.practice / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not for others")

    with zipfile.ZipFile(export(home)) as found:
        said = " ".join(found.namelist())

    for name in (".git", ".secret", "__pycache__", "data/big", "progress.db"):
        assert name not in said


@pytest.mark.parametrize("name", ["kata.zip", "practice/algebra/double.py", "practice"])
def test_an_export_overwrites_nothing(home: Any, name: str) -> None:
    if name == "kata.zip":
        (home.folder / name).write_text("mine")
    before = everything(home)

    done = home.run("export", name)

    assert (done.returncode, done.stdout) == (2, "")
    assert name.rpartition("/")[2] in done.stderr
    assert everything(home) == before
    if name == "kata.zip":
        assert "--force" in done.stderr
        assert (home.folder / name).read_text() == "mine"
        assert home.run("export", name, "--force").returncode == 0
        assert zipfile.is_zipfile(home.folder / name)


@pytest.mark.parametrize("name", ["nowhere/kata.zip", "file/kata.zip"])
def test_an_export_that_cannot_be_written_is_told(home: Any, name: str) -> None:
    (home.folder / "file").write_text("")

    done = home.run("export", name)

    assert done.returncode in (2, 3)
    assert "no export was made" in done.stderr
    assert "Traceback" not in done.stderr


def test_there_is_nothing_to_export_yet(desk: Any) -> None:
    done = desk.run("export", "kata.zip")

    assert done.returncode == 2
    assert "kata start NAME" in done.stderr
    assert not (desk.folder / "kata.zip").exists()


# two machines


@pytest.fixture(scope="module")
def travelled(
    machine: Callable[[Path], Any], right: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:
    """One began on the first machine, went on at the second, and came back."""
    first, second = (machine(tmp_path_factory.mktemp(name)) for name in ("first", "second"))
    at(first, 0, "start", "double")
    first.write(KATA, broken("first, 5"))
    at(first, 5, "check", "double")
    second.write(KATA, broken("second, 7"))
    at(second, 7, "check", "double")
    at(second, 8, "hint", "double")
    first.write(KATA, right)
    at(first, 10, "check", "double")
    at(second, 20, "start", "halve")
    at(first, 15, "start", "cube")
    return first, second


@pytest.fixture
def two(travelled: tuple[Any, Any], person: Callable[[str], Any]) -> tuple[Any, Any]:
    """Both machines, to do with as one likes."""
    first, second = person("first"), person("second")
    for desk, origin in zip((first, second), travelled, strict=True):
        shutil.copytree(origin.practice, desk.practice, dirs_exist_ok=True)
    return first, second


@pytest.mark.parametrize("back", [False, True])
def test_two_machines_become_one(two: tuple[Any, Any], back: bool) -> None:
    one, other = two[::-1] if back else two
    archive = export(other)
    own = facts(one)

    done = one.run("import", str(archive))

    assert done.returncode == 0, done.stderr
    assert facts(one) == own + facts(other)
    assert listed(one) == {
        "double": "solved", "halve": "started", "cube": "started", "abacus": "new",
    }  # fmt: skip
    history = json.loads(one.run("history", "double", "--json").stdout)
    judged = [a["verdict"] for a in history["attempts"] if a["checks"]]
    assert judged == ["error", "error", "passed"]
    (this,) = history["rounds"]
    # from the start at 0 to the pass at 10, with the hint and the check at the other machine
    assert (this["checks"], this["hints"], this["solved"]) == (3, 1, True)
    assert 600 <= this["seconds"] < 660
    # what was done last is the current kata, wherever that was
    assert "halve" in one.run("hint", "--help").stdout or one.run("spec").returncode == 0
    assert json.loads(one.run("dashboard", "--json").stdout)["current"] == "algebra/halve"


def test_both_come_to_the_same(two: tuple[Any, Any]) -> None:
    first, second = two
    from_first, from_second = export(first), export(second)
    first.run("import", str(from_second))
    second.run("import", str(from_first))

    assert facts(first) == facts(second)
    assert listed(first) == listed(second)
    # and a second exchange brings no events
    third = json.loads(first.run("import", str(export(second, "again.zip")), "--json").stdout)
    assert (third["events"], third["sources"]) == (0, 0)


def test_what_differs_is_kept_beside_and_said(two: tuple[Any, Any], right: str) -> None:
    first, second = two
    for desk, words in ((first, "first"), (second, "second")):
        (desk.practice / "algebra" / "double.md").write_text(f"# {words}\n")
        second.write("algebra/cube", "# not checked here\n")
    before = files(first)
    archive = export(second)

    said = first.run("import", str(archive)).stdout
    again = json.loads(first.run("import", str(archive), "--json").stdout)

    after = files(first)
    assert {name: after[name] for name in before} == before, "something was written over"
    assert after["algebra/double.imported.md"] == b"# second\n"
    assert "algebra/double.md differs from yours" in said
    assert "double.imported.md" in said
    assert "algebra/double.py differs from yours" in said
    assert "next: kata history NAME" in said
    for kata, text in (("double", broken("second, 7")), ("cube", "# not checked here\n")):
        folder = first.practice / ".kata" / "history" / "algebra" / kata
        assert [path.read_text() for path in folder.glob("*_imported.py")] == [text]
    assert first.run("history", "cube", "1").stdout == "# not checked here\n"
    assert "double.imported.md" in first.run("notes", "double", "--show").stdout
    assert (again["files"], again["kept"]) == (0, [])
    assert files(first) == after


def test_a_kata_that_is_no_more_comes_along(home: Any, person: Callable[[str], Any]) -> None:
    home.write("gone/old", "# an attempt of a track that is no more\n")
    with closing(sqlite3.connect(home.database)) as db, db:
        db.execute(
            "insert into events (at, kind, kata, data) values (5, 'started', 'gone/old', '{}')"
        )
    away = person("away")

    assert away.run("import", str(export(home))).returncode == 0

    assert away.attempt("gone/old").exists()
    assert facts(away) == facts(home)


# what is not an export, or not whole


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """The archive with other members; the manifest follows what is in it unless it is changed."""
    with zipfile.ZipFile(archive) as found:
        members = {name: found.read(name) for name in found.namelist()}
    change(members)
    with zipfile.ZipFile(archive, "w") as made:
        for name, data in members.items():
            made.writestr(name, data)


def planted(name: str, data: bytes = b"evil") -> Callable[[dict[str, bytes]], None]:
    """A member with its line in the manifest."""

    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        digest = hashlib.sha256(data).hexdigest()
        manifest["members"][name] = {"sha256": digest, "at": 5}
        manifest["counts"]["files"] += 1
        members |= {name: data, "manifest.json": json.dumps(manifest).encode()}

    return change


def manifest_with(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"]) | fields
        members["manifest.json"] = json.dumps(manifest).encode()

    return change


def events_with(line: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["events.jsonl"] += line
        manifest = json.loads(members["manifest.json"])
        digest = hashlib.sha256(members["events.jsonl"]).hexdigest()
        manifest["members"]["events.jsonl"]["sha256"] = digest
        manifest["counts"]["events"] += 1
        members["manifest.json"] = json.dumps(manifest).encode()

    return change


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        del members[name]

    return change


def other_text(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.startswith("sources/"))
    members[name] += b"#"


SPOILT = {
    "another hash": other_text,
    "an attempt that was changed": lambda m: m.update({"files/algebra/double.py": b"other"}),
    "a member too many": lambda m: m.update({"files/algebra/more.py": b""}),
    "a member too few": without("files/algebra/double.py"),
    "no events": without("events.jsonl"),
    "no manifest": without("manifest.json"),
    "a manifest that is no JSON": lambda m: m.update({"manifest.json": b"{"}),
    "a manifest that is a list": lambda m: m.update({"manifest.json": b"[]"}),
    "another kind": manifest_with(kind="backup"),
    "a newer format": manifest_with(format=2, kata="9.9"),
    "no format": manifest_with(format=None),
    "other counts": manifest_with(counts={"events": 0, "sources": 0, "files": 0}),
    "no time": events_with(b'{"at": "noon", "kind": "checked", "kata": "a/b", "data": {}}\n'),
    "time without end": events_with(b'{"at": NaN, "kind": "x", "kata": "a/b", "data": {}}\n'),
    "an event of another form": events_with(b"[1, 2]\n"),
    "data that are none": events_with(b'{"at": 1, "kind": "x", "kata": "a/b", "data": 3}\n'),
    "a parent": planted("files/../../evil.py"),
    "a parent within": planted("files/algebra/../../evil.py"),
    "a root": planted("files//tmp/evil.py"),
    "a backslash": planted("files/algebra\\..\\evil.py"),
    "git's hooks": planted("files/.git/hooks/post-commit"),
    "a hidden file": planted("files/algebra/.evil"),
    "the progress file": planted("files/.kata/progress.db"),
    "out of the history": planted("files/.kata/history/../../../evil.py"),
    "out of all folders": planted("evil.py"),
    "a text under another name": planted("sources/evil.py"),
    "a line feed": planted("files/algebra/a\nb.py"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_not_as_it_should_be_is_refused_and_changes_nothing(
    spoilt: tuple[Any, bytes], what: str
) -> None:
    desk, whole = spoilt
    archive = desk.folder / "spoilt.zip"
    archive.write_bytes(whole)
    rewritten(archive, SPOILT[what])
    refused(desk, archive)
    if what == "a newer format":
        said = desk.run("import", str(archive)).stderr
        for words in ("newer kata", "9.9", "format 2, known 1", "upgrade"):
            assert words in said


def refused(desk: Any, archive: Path) -> None:
    before = everything(desk)
    outside = sorted(path for path in desk.folder.parent.rglob("*") if "practice" not in str(path))

    done = desk.run("import", str(archive))

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert archive.name in done.stderr
    assert "Traceback" not in done.stderr
    assert "an error of ours" not in done.stderr
    assert everything(desk) == before
    after = sorted(path for path in desk.folder.parent.rglob("*") if "practice" not in str(path))
    assert after == outside


@pytest.fixture(scope="module")
def spoilt(trifles: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bytes]:
    """Someone who is to be spared, and an archive of another."""
    there = trifles.learner(tmp_path_factory.mktemp("there"))
    there.run("start", "double")
    there.check(KATA, broken("there"))
    here = trifles.learner(tmp_path_factory.mktemp("here") / "home")
    here.check(KATA, broken("here"))
    return here, export(there).read_bytes()


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_half_an_archive_is_refused(spoilt: tuple[Any, bytes], part: float) -> None:
    desk, whole = spoilt
    archive = desk.folder / "half.zip"
    archive.write_bytes(whole[: int(len(whole) * part)])
    refused(desk, archive)


def test_flipped_bytes_are_refused_or_do_no_harm(spoilt: tuple[Any, bytes]) -> None:
    desk, whole = spoilt
    dice = random.Random(os.environ.get("PYTEST_SEED", "1"))
    for _ in range(8):
        data = bytearray(whole)
        for _ in range(3):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        archive = desk.folder / "flipped.zip"
        archive.write_bytes(data)
        before = facts(desk)

        done = desk.run("import", str(archive))

        assert done.returncode in (0, 2), done.stderr
        assert "an error of ours" not in done.stderr
        if done.returncode:
            assert facts(desk) == before


@pytest.mark.parametrize("data", [b"", b"hello\n", b"SQLite format 3\0" + b"\0" * 500, b"PK\3\4"])
def test_what_is_no_archive_is_refused(spoilt: tuple[Any, bytes], data: bytes) -> None:
    desk, _ = spoilt
    archive = desk.folder / "other.bin"
    archive.write_bytes(data)
    refused(desk, archive)


def test_a_file_that_is_not_there_is_told(spoilt: tuple[Any, bytes]) -> None:
    desk, _ = spoilt
    for name in ("nowhere.zip", "practice"):
        done = desk.run("import", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert name in done.stderr


# killed, or at work at once


def test_an_import_that_is_killed_loses_nothing_and_a_second_completes_it(
    home: Any, person: Callable[[str], Any]
) -> None:
    for number in range(60):
        home.write(f"algebra/piece{number}", f"# {number}\n" * 2000)
    archive, away = export(home), person("away")
    away.write(KATA, "# mine, and not to be lost\n")
    own = files(away)
    began = time.monotonic()
    assert person("measured").run("import", str(archive)).returncode == 0
    usual = time.monotonic() - began
    dice = random.Random(3)
    cut = set()

    for _ in range(12):
        child = away.popen("import", str(archive))
        with suppress(subprocess.TimeoutExpired):
            child.wait(usual * dice.uniform(0.3, 1.0))
        child.kill()
        child.communicate()
        cut.add(len(files(away)))
        assert {name: files(away)[name] for name in own} == own
        # what is there has its whole text
        theirs = files(home)
        for name, data in files(away).items():
            assert (
                name in own
                or name.endswith(".incoming")
                or data == theirs.get(name, theirs["algebra/double.py"])
            )
        if away.database.exists():
            away.run("list")

    print(f"killed when there were {sorted(cut)} files")
    assert away.run("import", str(archive)).returncode == 0
    assert facts(away) == facts(home)
    there = files(away)
    (kept,) = set(there) - set(files(home))
    assert there[kept] == files(home)["algebra/double.py"]
    assert there["algebra/double.py"] == b"# mine, and not to be lost\n"
    assert {name: there[name] for name in files(home) if name != "algebra/double.py"} == {
        name: data for name, data in files(home).items() if name != "algebra/double.py"
    }


def test_an_export_that_is_killed_leaves_no_half_file_of_that_name(home: Any) -> None:
    for number in range(60):
        home.write(f"algebra/piece{number}", os.urandom(10_000).hex())
    began = time.monotonic()
    export(home, "usual.zip")
    usual = time.monotonic() - began
    dice = random.Random(4)
    before = everything(home)

    for number in range(5):
        child = home.popen("export", f"{number}.zip")
        with suppress(subprocess.TimeoutExpired):
            child.wait(usual * dice.uniform(0.3, 1.0))
        child.kill()
        child.communicate()
        made = home.folder / f"{number}.zip"
        assert not made.exists() or zipfile.ZipFile(made).testzip() is None

    assert everything(home) == before


def test_who_works_while_an_import_runs_loses_nothing(
    home: Any, person: Callable[[str], Any]
) -> None:
    archive, away = export(home), person("away")
    away.check(KATA, broken("away"))
    own = facts(away)
    imports = [away.popen("import", str(archive)) for _ in range(3)]
    hints = [away.popen("hint", "cube") for _ in range(3)]
    for child in (*imports, *hints):
        _, said = child.communicate(timeout=120)
        assert child.returncode == 0, said

    found = facts(away)
    hinted = [event for event in away.events() if event["kata"] == "algebra/cube"]
    assert 1 <= len(hinted) <= 3
    assert own + facts(home) <= found
    assert sum(found.values()) == sum((own | facts(home)).values()) + len(hinted)


# a sync tool

COPIES = [
    "progress (Anna's conflicted copy 2026-11-20).db",
    "progress.sync-conflict-20261120-101112-ABCDEFG.db",
    "progress (1).db",
    "progress 2.db",
    "progress-LAPTOP.db",
]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_the_progress_file_is_named_until_it_is_merged(
    two: tuple[Any, Any], name: str
) -> None:
    first, second = two
    copy = first.database.with_name(name)
    copy.write_bytes(second.database.read_bytes())
    own = facts(first)

    told = first.run("list", "--json")
    command = shlex.split(told.stderr.partition("kata import")[2])

    assert name in told.stderr
    assert json.loads(told.stdout)
    assert command == [str(copy)]
    done = first.run("import", *command)
    assert done.returncode == 0, done.stderr
    assert f"is now called {name}.merged" in " ".join(done.stdout.split())
    assert facts(first) == own + facts(second)
    assert listed(first)["halve"] == "started"
    assert first.run("list").stderr == "", "said again"
    assert copy.with_name(f"{name}.merged").read_bytes() == second.database.read_bytes()


def test_a_progress_file_from_elsewhere_stays_as_it_is(two: tuple[Any, Any]) -> None:
    first, second = two
    before = everything(second)

    done = first.run("import", str(second.database))

    assert done.returncode == 0, done.stderr
    assert everything(second) == before
    assert listed(first)["halve"] == "started"
    assert first.run("import", str(first.database)).returncode == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:4096] + os.urandom(len(data) - 4096),
        lambda data: data[:60] + (7).to_bytes(4, "big") + data[64:],
    ],
    ids=["its first half", "garbage behind its first page", "a newer schema"],
)
def test_a_spoilt_progress_file_is_refused(
    two: tuple[Any, Any], spoil: Callable[[bytes], bytes]
) -> None:
    first, second = two
    copy = first.folder / "other.db"
    copy.write_bytes(spoil(second.database.read_bytes()))

    refused(first, copy)


def test_a_set_aside_file_is_no_copy(desk: Any) -> None:
    desk.check(KATA, broken("one"))
    desk.database.write_bytes(b"garbage" * 100)
    assert "kept as" in desk.run("list").stderr

    assert desk.run("list").stderr == ""
