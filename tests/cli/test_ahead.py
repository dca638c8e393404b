"""review and plan: what comes back, what is left to do, and what they say when they cannot."""

import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest

KATA = "algebra/double"
NOON = datetime(2026, 3, 2, 12).timestamp()
DAY = 86400.0


def on(days: float) -> float:
    return NOON + days * DAY


def data(person: Any, *command: str) -> Any:
    done = person.run(*command, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def kept(person: Any, kata: str = KATA) -> list[str]:
    """The texts in the history."""
    return [path.read_text() for path in (person.practice / ".kata/history" / kata).glob("*.py")]


@pytest.fixture
def known(desk: Any, at: Any, right: str) -> Any:
    """Someone who solved double on the first day with a hint, and gave halve up."""
    at(desk, on(0))
    desk.run("start", "double")
    desk.run("hint")
    at(desk, NOON + 60)
    desk.check(KATA, right)
    desk.run("start", "halve")
    desk.run("solution", "--yes")
    return desk


# review


def test_before_anything_was_done_nothing_comes_back(desk: Any) -> None:
    for command in (["review"], ["review", "--list"]):
        done = desk.run(*command)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Nothing to review yet" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("next: kata next")
    assert data(desk, "review") == []
    assert desk.events() == []


def test_the_list_says_what_happened_and_when_each_is_due(known: Any) -> None:
    said = known.run("review", "--list").stdout

    first, second, last = said.splitlines()
    assert re.fullmatch(r" halve +again +given up +tomorrow *", first)
    assert re.fullmatch(r" double +hard +1 hint, in 1 of 5 min +tomorrow *", second)
    assert last == "0 of 2 due. kata next"
    found = data(known, "review")
    assert [(one["kata"], one["grade"]) for one in found] == [
        ("algebra/halve", "again"),
        (KATA, "hard"),
    ]
    assert found[0]["due"] == "2026-03-03"
    # looking starts nothing
    assert {event["kind"] for event in known.events()[-1:]} == {"gave_up"}


def test_with_nothing_due_it_says_what_is_next_and_starts_nothing(known: Any) -> None:
    before = known.events()

    done = known.run("review")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is due for review. Next is halve, tomorrow." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("next: kata next")
    assert known.events() == before


def test_overdue_is_said_in_days(known: Any, at: Any) -> None:
    at(known, on(5))

    assert "4 days overdue" in known.run("review", "--list").stdout
    assert "2 of 2 due. kata review" in known.run("review", "--list").stdout


def test_a_review_starts_over_from_the_stub_and_keeps_the_old_file(
    known: Any, at: Any, trifles: Any, right: str
) -> None:
    at(known, on(30))
    waiting = [one["kata"] for one in data(known, "review") if one["in_days"] <= 0]
    assert sorted(waiting) == [KATA, "algebra/halve"]

    said = known.run("review").stdout

    assert said.startswith(f"Review {waiting[0]}. Last, 30 days ago: ")
    assert "Twice x, plus shift." in said
    assert said.splitlines()[-1] == "One more is due: kata review after this one"
    assert known.attempt(waiting[0]).read_text() == trifles.STUB
    assert len(kept(known, waiting[0])) == 1
    event = known.events()[-1]
    assert (event["kind"], event["kata"], event["fresh"]) == ("started", waiting[0], True)
    assert known.run("check", "--json").returncode == 1
    # the pass counts for the schedule
    known.check(waiting[0], right)
    assert waiting[0] not in [o["kata"] for o in data(known, "review") if o["in_days"] <= 0]


def test_an_open_review_resumes_with_what_was_written(known: Any, at: Any) -> None:
    at(known, on(30))
    known.run("review")
    kata = known.events()[-1]["kata"]
    known.write(kata, "# mine\n")
    kept_before = kept(known, kata)
    for days in (30.1, 31):
        at(known, on(days))
        said = known.run("review").stdout
        assert f"Review {kata}." in said
        assert "Resumed: " in said
    assert known.attempt(kata).read_text() == "# mine\n"
    assert kept(known, kata) == kept_before
    assert known.events()[-1]["fresh"] is False


def test_what_was_given_up_in_a_review_comes_back_after_a_fresh_start(known: Any, at: Any) -> None:
    at(known, on(30))
    known.run("review")
    kata = known.events()[-1]["kata"]
    known.run("solution", "--yes")
    at(known, on(31))

    due = [one for one in data(known, "review") if one["kata"] == kata]

    assert [(one["grade"], one["in_days"], one["rounds"]) for one in due] == [("again", 0, 2)]


def test_the_person_s_notes_are_shown_before_the_spec(known: Any, at: Any) -> None:
    at(known, on(30))
    for kata in (KATA, "algebra/halve"):
        path = known.practice / f"{kata}.md"
        path.write_text("# Mind the shift\n\n- [it] comes *last*, 最後\n", encoding="utf-8")

    said = known.run("review").stdout

    kata = known.events()[-1]["kata"]
    assert f"Your notes, {known.practice / kata}.md:" in said
    assert said.index("- [it] comes *last*, 最後") < said.index("Twice x, plus shift.")
    assert "Mind the shift" in (known.practice / f"{kata}.md").read_text(encoding="utf-8")


def test_a_review_opens_the_editor_when_asked_to(known: Any, at: Any, tmp_path: Path) -> None:
    at(known, on(30))
    known.env |= {"EDITOR": "cp -t ."}

    assert known.run("review", "--edit").returncode == 0
    assert (tmp_path / f"{known.events()[-1]['kata'].split('/')[1]}.py").exists()


def test_debug_rounds_do_not_come_back(desk: Any, at: Any) -> None:
    at(desk, on(0))
    desk.run("debug", "double")
    desk.run("solution", "--yes")

    assert data(desk, "review") == []


def test_what_this_machine_cannot_judge_is_passed_over_and_stays_due(
    new_project: Any, line: Any, at: Any, tmp_path: Path, right: str
) -> None:
    project = new_project()
    project.track("algebra", line("double"), line("halve"))
    project.kata(KATA)
    project.kata("algebra/halve", card='requires = ["triton"]\n' + project.CARD)
    person = project.learner(tmp_path)
    at(person, on(0))
    person.run("start", "halve")
    person.run("solution", "--yes")
    person.env["WITHOUT"] = "triton"
    at(person, on(2))
    assert "1 due, but this machine cannot judge" in person.run("review").stdout

    person.run("start", "double")
    person.check(KATA, right)
    at(person, on(40))
    assert "double" in person.run("review").stdout.splitlines()[0]
    assert [one["in_days"] < 0 for one in data(person, "review")] == [True, True]

    del person.env["WITHOUT"]
    at(person, on(40))
    person.check(KATA, right)
    assert "halve" in person.run("review").stdout.splitlines()[0]


# plan


def tomorrow() -> str:
    return str(date.today() + timedelta(days=1))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], "no interview is planned for: kata plan --date "),
        (["--minutes-per-day", "30"], "--minutes-per-day 30"),
        (["--date", "12/20"], "'12/20' is no date: write it as 2"),
        (["--date", "20991231"], "'20991231' is no date"),
        (["--date", "2027-02-30"], "'2027-02-30' is no date"),
        (["--date", "2020-01-01"], "2020-01-01 is past: today is "),
        (["--date", str(date.today())], "is today: no day is left"),
        (["--date", "2999-01-01"], "2999-01-01 is too far away: "),
        (["--date", tomorrow(), "--minutes-per-day", "4"], "4: give 5 to 720"),
        (["--date", tomorrow(), "--minutes-per-day", "721"], "721: give 5 to 720"),
    ],
)
def test_what_cannot_be_planned_for_is_said(desk: Any, command: list[str], words: str) -> None:
    done = desk.run("plan", *command)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert desk.events() == []


def test_a_goal_is_one_fact_and_the_plan_is_made_anew(desk: Any, at: Any, right: str) -> None:
    at(desk, on(0))
    first = desk.run("plan", "--date", "2026-03-20", "--minutes-per-day", "20").stdout
    again = desk.run("plan", "--date", "2026-03-20", "--minutes-per-day", "20").stdout

    assert first == again == desk.run("plan").stdout
    (event,) = desk.events()
    assert (event["kind"], event["kata"]) == ("planned", "")
    assert (event["date"], event["minutes"]) == ("2026-03-20", 20)
    assert "Interview on Fri 20 Mar, in 18 days; 20 min a day" in first
    # the core kata first, then what needs it
    assert re.search(r"Today, Mon 2 Mar  0 of 2 done, 0 of 15 min\n +double .*\n +halve ", first)
    assert first.splitlines()[-1] == "next: kata start double"

    desk.run("start", "double")
    desk.check(KATA, right)
    said = desk.run("plan").stdout
    assert "1 of 2 done, 5 of 15 min\n ✓  double" in said
    assert said.splitlines()[-1] == "next: kata start halve"


def test_minutes_alone_change_the_goal_s_and_a_date_alone_keeps_them(desk: Any, at: Any) -> None:
    at(desk, on(0))
    desk.run("plan", "--date", "2026-03-20")
    assert data(desk, "plan")["minutes_per_day"] == 60
    desk.run("plan", "--minutes-per-day", "20")
    desk.run("plan", "--date", "2026-04-01")

    found = data(desk, "plan")

    assert (found["date"], found["minutes_per_day"], found["days_left"]) == ("2026-04-01", 20, 30)
    assert len(desk.events()) == 3


def test_reviews_that_are_due_are_in_the_plan_and_come_first(known: Any, at: Any) -> None:
    at(known, on(30))
    found = data(known, "plan", "--date", "2026-05-01")

    sessions = found["today"]["sessions"]
    waiting = [one["kata"] for one in data(known, "review") if one["in_days"] <= 0]
    assert [one["kata"] for one in sessions if one["review"]] == waiting
    assert [one["kata"] for one in sessions if not one["review"]] == [
        "algebra/cube",
        "machines/abacus",
    ]
    said = known.run("plan").stdout
    assert said.splitlines()[-1] == f"next: kata review  {waiting[0].split('/')[1]}"


def test_what_does_not_fit_is_said_plainly(desk: Any, at: Any) -> None:
    at(desk, on(0))
    said = desk.run("plan", "--date", "2026-03-04", "--minutes-per-day", "5").stdout

    assert "3 katas do not fit, none of them core. 20 min a day would do." in said
    left = data(desk, "plan")["left_out"]
    assert left["katas"] == ["algebra/halve", "algebra/cube", "machines/abacus"]
    assert (left["core"], left["minutes_for_core"], left["minutes_for_all"]) == (0, 5, 20)


@pytest.mark.parametrize(("days", "words"), [(18, "is today."), (19, "yesterday."), (25, "7 days")])
def test_once_the_date_has_come_the_plan_says_so(desk: Any, at: Any, days: int, words: str) -> None:
    at(desk, on(0))
    desk.run("plan", "--date", "2026-03-20")
    at(desk, on(days))

    done = desk.run("plan")

    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout
    assert "kata plan --date YYYY-MM-DD" in done.stdout
    assert data(desk, "plan")["days"] == []


def test_a_long_plan_is_told_by_week_and_in_full_on_demand(learner: Any, at: Any) -> None:
    at(learner, on(0))
    short = learner.run("plan", "--date", "2026-05-01", "--minutes-per-day", "30").stdout
    long = learner.run("plan", "--all").stdout

    assert "\nTomorrow, Tue 3 Mar  " in short
    assert "\nSun 8 Mar  " in short
    assert "\nMon 9 Mar to Sun 15 Mar  " in short
    assert " to " not in "".join(re.findall(r"\n\w{3} \d+ \w{3}.*", long))
    days = data(learner, "plan")["days"]
    assert len(days) == 59
    for day in days:
        assert day["minutes"] <= 30
        for session in day["sessions"]:
            assert session["kata"].split("/")[1] in short
            assert session["kata"].split("/")[1] in long


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_plan_and_list_fit_the_terminal(known: Any, sit: Any, columns: int) -> None:
    known.run("plan", "--date", "2026-04-01", "--minutes-per-day", "20")
    for command in (["plan"], ["review", "--list"]):
        child = sit(known, *command, columns=columns, NO_COLOR="1")
        child.expect(pexpect.EOF)
        lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in child.before.splitlines()]
        assert max(map(len, lines)) <= columns
        assert any("double" in line for line in lines)


def test_letters_stand_for_signs_where_the_encoding_has_none(known: Any) -> None:
    known.env |= {"PYTHONIOENCODING": "ascii"}
    known.run("plan", "--date", "2026-04-01")

    done = known.run("plan")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert " ok  double" in done.stdout or "double" in done.stdout
