"""list and dashboard: their JSON, their widths, and what goes to a pipe or a terminal."""

import json
import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38|9[0-7]|4[0-7]|48|10[0-7])[;\dm]")
DAY = 86400.0


def facts(katas: list[str]) -> Iterator[tuple[float, str, str, dict[str, Any]]]:
    """Some weeks of practice: (time, kind, kata, data), the oldest first."""
    dice = random.Random(1)
    now = time.time()
    for number, kata in enumerate(katas):
        at = now - DAY * (len(katas) - number) / 2 - 3600
        yield at, "started", kata, {"fresh": False}
        if kata == "attention/gqa":
            yield at + 1, "diagnosed", kata, {"mistakes": ["tiles_kv_heads"]}
        minutes = dice.choice([3, 18, 47, 200])
        verdicts = ["failed", "timeout", "error", "crashed"]
        for step in range(dice.randrange(4)):
            found = {"verdict": dice.choice(verdicts), "passed": step, "total": 19, "seed": 1}
            yield at + 60 * step, "checked", kata, found
            yield at + 60 * step + 1, "hinted", kata, {"number": step}
        if number % 7 == 3:
            yield at + 500, "gave_up", kata, {}
        elif number % 5 != 4:
            found = {"verdict": "passed", "passed": 19, "total": 19, "seed": 2}
            yield at + 60 * minutes, "checked", kata, found


@pytest.fixture
def practised(learner: Any) -> Any:
    """Someone who has been through all the katas there are, and through some twice."""
    learner.run("reset", "gqa")
    katas = [line["id"] for line in json.loads(learner.run("list", "--json").stdout)]
    with closing(sqlite3.connect(learner.database)) as db, db:
        db.execute("delete from events")
        db.executemany(
            "insert into events (at, kind, kata, data) values (?, ?, ?, ?)",
            [(at, kind, kata, json.dumps(data)) for at, kind, kata, data in facts(katas)],
        )
    return learner


def boxes(lines: list[str]) -> int:
    """How many boxes are drawn; each is whole."""
    count = 0
    used = set()
    for top, line in enumerate(lines):
        for left, sign in enumerate(line):
            if sign != "╭":
                continue
            right = line.index("╮", left)
            assert set(line[left + 1 : right]) & set("╭╰╯│") == set()
            bottom = next(n for n in range(top + 1, len(lines)) if lines[n][left] == "╰")
            assert lines[bottom][left + 1 : right] == "─" * (right - left - 1)
            assert lines[bottom][right] == "╯"
            for row in range(top + 1, bottom):
                assert lines[row][left] == lines[row][right] == "│", lines[row]
                used |= {(row, left), (row, right)}
            used |= {(top, left), (top, right), (bottom, left), (bottom, right)}
            count += 1
    drawn = {
        (row, column)
        for row, line in enumerate(lines)
        for column, sign in enumerate(line)
        if sign in "╭╮╰╯│"
    }
    assert drawn == used, "pieces of no box"
    return count


@pytest.mark.parametrize("columns", [80, 120, 200])
@pytest.mark.parametrize("who", ["practised", "learner"])
def test_the_dashboard_fits_the_width_and_its_boxes_are_whole(
    request: pytest.FixtureRequest, who: str, columns: int
) -> None:
    person = request.getfixturevalue(who)
    person.env["COLUMNS"] = str(columns)

    done = person.run("dashboard")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    titles = ["tracks", "next", "practice", "best times", "latest checks"]
    titles += ["today", "pace", "mistakes made most"] if who == "practised" else []
    assert boxes(lines) == len(titles)
    assert "\x1b" not in done.stdout
    for title in titles:
        assert f"╭─ {title} ─" in done.stdout
    assert "solved" in lines[0]


def test_the_dashboard_and_its_json_agree(practised: Any) -> None:
    found = json.loads(practised.run("dashboard", "--json").stdout)
    said = practised.run("dashboard").stdout
    listed = json.loads(practised.run("list", "--json").stdout)

    statuses = [line["status"] for line in listed]
    assert found["total"] == len(listed)
    assert found["solved"] == statuses.count("solved") > 0
    assert f"{found['solved']} of {found['total']} solved" in said
    assert f"{found['streak']} day" in said
    assert f"{found['checks']} checks" in said
    assert sum(track["total"] for track in found["tracks"]) == found["total"]
    assert sum(track["solved"] for track in found["tracks"]) == found["solved"]
    assert len(found["latest"]) == 8
    for track in found["tracks"]:
        assert f"{track['solved']}/{track['total']}" in said
    for best in found["best"][-8:]:
        assert best["kata"] in said
    ids = {line["id"] for line in listed}
    assert {found["next"], found["current"]} <= ids | {None}


# list


def test_the_list_as_json_is_an_array_of_objects(desk: Any, right: str, wrong: str) -> None:
    desk.run("start", "double")
    desk.check("algebra/double", right)
    desk.check("algebra/cube", wrong)
    desk.run("solution", "abacus", "--yes")

    done = desk.run("list", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found[0] == {
        "id": "algebra/double",
        "track": "algebra",
        "slug": "double",
        "title": "Doubling",
        "level": "easy",
        "minutes": 5,
        "core": True,
        "status": "solved",
    }
    assert [line["id"] for line in found] == [
        "algebra/double",
        "algebra/halve",
        "algebra/cube",
        "machines/abacus",
    ]
    assert [line["status"] for line in found] == ["solved", "new", "started", "given up"]


def test_one_track_can_be_listed(desk: Any) -> None:
    said = desk.run("list", "machines")

    assert [line["slug"] for line in json.loads(desk.run("list", "Machines", "--json").stdout)] == [
        "abacus"
    ]
    assert "abacus" in said.stdout
    assert "double" not in said.stdout
    assert "0 of 1 solved" in said.stdout


def test_the_list_names_every_kata_with_its_level_minutes_and_best_time(
    practised: Any,
) -> None:
    listed = json.loads(practised.run("list", "--json").stdout)
    lines = practised.run("list").stdout.splitlines()

    for kata in listed:
        own = re.compile(rf"\W*{kata['slug']} .* min ")
        (line,) = [line for line in lines if own.match(line)]
        assert f"{kata['minutes']} min" in line
        assert kata["level"] in line
        assert (" core " in line) == kata["core"]
        assert ("✓" in line) == (kata["status"] == "solved")


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_list_fits_the_width_and_only_titles_are_cut(practised: Any, columns: int) -> None:
    practised.env["COLUMNS"] = str(columns)
    listed = json.loads(practised.run("list", "--json").stdout)

    lines = practised.run("list").stdout.splitlines()

    assert max(map(len, lines)) <= columns
    ends = set()
    for kata in listed:
        own = re.compile(rf"\W*{kata['slug']} .* {kata['level']} +{kata['minutes']} min( |$)")
        (found,) = [match for line in lines if (match := own.match(line))]
        ends.add(found.end(0))
    # the columns of all tracks stand one below the other
    assert len(ends) == 1


# pipes and terminals


def test_no_escape_codes_go_to_a_pipe(practised: Any) -> None:
    practised.write("attention/gqa", "def grouped_query_attention(:\n")
    for command in (
        ["list"],
        ["dashboard"],
        ["spec", "gqa"],
        ["start", "gqa"],
        ["check", "gqa"],
        ["hint", "gqa"],
        ["solution", "gqa", "--yes"],
        ["doctor", "--help"],
    ):
        done = practised.run(*command)
        assert "\x1b" not in done.stdout + done.stderr


def test_letters_stand_for_signs_where_the_encoding_has_none(practised: Any) -> None:
    practised.env |= {"PYTHONIOENCODING": "ascii", "COLUMNS": "100"}

    for command in (["list"], ["dashboard"]):
        done = practised.run(*command)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.isascii()
        assert "ok" in done.stdout


def in_terminal(sit: Any, learner: Any, *command: str, **env: str) -> str:
    child = sit(learner, *command, **env)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def test_a_terminal_has_colours_unless_no_color_is_set(
    practised: Any, desk: Any, sit: Any, wrong: str
) -> None:
    desk.write("algebra/double", wrong)
    commands = [(practised, ["list"]), (practised, ["dashboard"]), (desk, ["check", "double"])]
    for person, command in commands:
        coloured = in_terminal(sit, person, *command)
        plain = in_terminal(sit, person, *command, NO_COLOR="1")

        assert COLOUR.search(coloured), command
        assert not COLOUR.search(plain), command
        # the same words
        assert "solved" in plain or "failed" in plain


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_dashboard_fits_a_terminal(practised: Any, sit: Any, columns: int) -> None:
    child = sit(practised, "dashboard", columns=columns, NO_COLOR="1")
    child.expect(pexpect.EOF)

    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in child.before.splitlines()]
    assert max(map(len, lines)) <= columns
    assert boxes(lines) == 8


def test_the_dashboard_is_drawn_into_files(practised: Any) -> None:
    done = practised.run("dashboard", "--svg", "me.svg", "--html", "me.html")

    assert (done.returncode, done.stderr) == (0, "")
    assert "me.svg and me.html" in done.stdout
    svg, html = ((practised.folder / name).read_text() for name in ("me.svg", "me.html"))
    assert svg.startswith("<svg")
    for drawn in (svg, html):
        assert "tracks" in drawn
        assert "practice" in drawn
        # colours, not a terminal's codes
        assert "\x1b" not in drawn


def test_a_file_that_cannot_be_written_is_named(practised: Any) -> None:
    done = practised.run("dashboard", "--svg", "nowhere/me.svg")

    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere/me.svg: No such file" in done.stderr


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_wide_characters_break_no_box(
    new_project: Callable[[], Any], line: Callable[..., str], tmp_path: Path, columns: int
) -> None:
    project = new_project()
    project.track("t", line("double", title="注意力" * 20), title="注意力のすべて 어텐션 " * 3)
    project.kata("t/double")
    someone = project.learner(tmp_path)
    someone.env["COLUMNS"] = str(columns)
    someone.check("t/double", project.SOLUTION)

    done = someone.run("dashboard")

    # a box as it is seen: wide characters take two columns
    seen = ["".join(sign + "x" * (cell_len(sign) - 1) for sign in row) for row in
            done.stdout.splitlines()]  # fmt: skip
    assert max(map(len, seen)) <= columns
    assert boxes(seen) >= 4


def test_a_reader_that_has_seen_enough_causes_no_traceback(practised: Any) -> None:
    with practised.popen("list") as lister:
        assert lister.stdout
        lister.stdout.read(10)
        lister.stdout.close()
        assert lister.stderr
        assert lister.stderr.read() == ""
