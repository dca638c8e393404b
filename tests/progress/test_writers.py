"""Several processes write at once: nothing is lost, nothing is written twice."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

EVENTS = 500
KATA = "attention/gqa"
BROKEN = "def grouped_query_attention(:\n"
WRITER = f"""
import sys
from pathlib import Path
from grader.progress.store import Store

store, who = Store(Path(sys.argv[1])), sys.argv[2]
for number in range({EVENTS}):
    source = f"{{who}} {{number % 50}}"
    event = store.append("checked", "attention/gqa", source=source, number=number)
    print(event.id, who, number, flush=True)
"""
RACER = """
import sys
import time
from pathlib import Path
from grader.progress.store import Store

folder, start = Path(sys.argv[1]), float(sys.argv[2])
for number in range(30):
    while time.time() < start + 0.05 * number:
        pass
    Store(folder / str(number) / "progress.db").append("checked", "attention/gqa")
"""


def start_writer(database: Path, who: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(database), who],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_writers_at_once_lose_nothing(learner: Any) -> None:
    writers = [start_writer(learner.database, who) for who in "ab"]
    # and someone reads meanwhile
    listed = [learner.run("list", "--json") for _ in range(3)]
    said = [writer.communicate(timeout=240) for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0], said
    assert [done.returncode for done in listed] == [0, 0, 0], listed[0].stderr
    told = sorted(tuple(line.split()) for out, _ in said for line in out.splitlines())
    with closing(sqlite3.connect(learner.database)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        rows = db.execute(
            "select events.id, text, data from events"
            " join sources on sources.sha = json_extract(data, '$.source') order by id"
        ).fetchall()
        (sources,) = db.execute("select count(*) from sources").fetchone()
    ids = [row[0] for row in rows]
    assert len(ids) == len(set(ids)) == 2 * EVENTS
    assert sources == 2 * 50
    # each append told the id that its event has
    found = [(str(id), text.split()[0], str(json.loads(data)["number"])) for id, text, data in rows]
    assert sorted(found) == told
    for who in "ab":
        assert [int(n) for _, name, n in found if name == who] == list(range(EVENTS))


def test_two_checks_at_once_are_both_recorded(learner: Any) -> None:
    learner.write(KATA, BROKEN)
    checks = [learner.popen("check", KATA, "--json", "--seed", str(n)) for n in range(6)]
    said = [check.communicate(timeout=120) for check in checks]

    assert [check.returncode for check in checks] == [1] * 6, said
    assert [json.loads(out)["seed"] for out, _ in said] == list(range(6))
    assert sorted(event["seed"] for event in learner.events()) == list(range(6))


def test_checks_that_meet_a_corrupt_file_at_once_set_one_aside_and_are_all_recorded(
    learner: Any,
) -> None:
    learner.check(KATA, BROKEN)
    learner.database.write_bytes(b"not a database" * 1000)

    checks = [learner.popen("check", KATA, "--json", "--seed", str(n)) for n in range(6)]
    said = [check.communicate(timeout=120) for check in checks]

    assert [check.returncode for check in checks] == [1] * 6, said
    assert sorted(event["seed"] for event in learner.events()) == list(range(6))
    (kept,) = learner.database.parent.glob("*corrupt*")
    assert kept.read_bytes() == b"not a database" * 1000
    assert sum("kept as" in err for _, err in said) == 1


def test_writers_that_meet_a_corrupt_file_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "progress.db").write_bytes(b"garbage" * 500)
    start = str(time.time() + 3)
    command = [sys.executable, "-P", "-c", RACER, str(tmp_path), start]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [racer.communicate(timeout=120)[1] for racer in racers]

    assert said == [""] * 4
    for number in range(30):
        folder = tmp_path / str(number)
        assert len(list(folder.glob("*corrupt*"))) == 1
        with closing(sqlite3.connect(folder / "progress.db")) as db:
            assert db.execute("select count(*) from events").fetchone() == (4,)
