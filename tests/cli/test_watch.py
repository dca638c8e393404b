"""kata watch: driven by Textual's pilot, with real files and real checks."""

import asyncio
import os
import pty
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from grader.cli.desk import Desk
from grader.cli.watch.app import WatchApp
from grader.cli.watch.screens import Question, Reading

Play = Callable[[WatchApp, Pilot[None]], Awaitable[None]]


class Screen:
    """A watch screen on a learner's folder.

    Attributes:
        right, wrong: Attempts at gqa.
    """

    def __init__(self, learner: Any) -> None:
        self.learner = learner
        self.right = (learner.root / "solutions/attention/gqa.py").read_text()
        self.wrong = self.right.replace(".tril(T_k - T_q)", ".tril()")
        assert self.wrong != self.right

    def play(self, scene: Play) -> None:
        async def run() -> None:
            desk = Desk()
            app = WatchApp(desk, desk.catalog.find("gqa"))
            async with app.run_test(size=(110, 45)) as pilot:
                await scene(app, pilot)

        asyncio.run(run())

    @property
    def path(self) -> Path:
        return self.learner.attempt("attention/gqa")


def text(app: WatchApp, where: str) -> str:
    """What stands there, without colours."""
    widget = app.query_one(where, Static)
    return "\n".join(strip.text for strip in widget.render_lines(widget.outer_size.region))


async def shows(app: WatchApp, pilot: Pilot[None], words: str, where: str = "#claims") -> None:
    for _ in range(1200):
        if words in text(app, where):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{words!r} is not in:\n{text(app, where)}")


@pytest.fixture
def screen(learner: Any, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.chdir(learner.folder)
    monkeypatch.delenv("KATA_PRACTICE", raising=False)
    return Screen(learner)


def test_it_judges_at_once_and_on_every_save(screen: Screen):
    screen.learner.write("attention/gqa", screen.wrong)

    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "failed:")
        assert "One new token sees the whole cache" in text(app, "#claims")
        screen.path.write_text(screen.right)
        await shows(app, pilot, "passed:")
        # as editors do that write a new file and put it in the old one's place
        beside = screen.path.with_suffix(".tmp")
        beside.write_text(screen.wrong)
        os.replace(beside, screen.path)
        await shows(app, pilot, "failed:")

    screen.play(scene)
    verdicts = [e["verdict"] for e in screen.learner.events() if e["kind"] == "checked"]
    assert verdicts == ["failed", "passed", "failed"]


def test_a_newer_save_ends_the_check_that_runs(screen: Screen):
    screen.learner.write("attention/gqa", "import time\ntime.sleep(9)\n" + screen.right)

    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "judging", "#head")
        await pilot.pause(3)
        screen.path.write_text(screen.right)
        await shows(app, pilot, "passed:")

    screen.play(scene)
    verdicts = [e["verdict"] for e in screen.learner.events() if e["kind"] == "checked"]
    assert verdicts == ["passed"]


def test_a_stub_is_placed_for_a_kata_that_is_not_started(screen: Screen):
    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "not started yet")

    screen.play(scene)
    assert screen.path.exists()


def test_keys_show_hints_and_the_spec(screen: Screen):
    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "not started yet")
        await pilot.press("h")
        await shows(app, pilot, "hint 1 of 3", "#hints")
        await pilot.press("h")
        await shows(app, pilot, "hint 2 of 3", "#hints")
        await pilot.press("s")
        assert isinstance(app.screen, Reading)
        await pilot.press("escape")
        assert not isinstance(app.screen, Reading)

    screen.play(scene)
    assert [e["kind"] for e in screen.learner.events()].count("hinted") == 2


def test_the_solution_asks_first_and_counts_as_given_up(screen: Screen):
    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "not started yet")
        await pilot.press("o")
        assert isinstance(app.screen, Question)
        await pilot.press("n")
        assert "gave_up" not in [e["kind"] for e in screen.learner.events()]
        await pilot.press("o")
        await pilot.press("y")
        assert isinstance(app.screen, Reading)

    screen.play(scene)
    assert [e["kind"] for e in screen.learner.events()].count("gave_up") == 1


def test_reset_asks_first_and_keeps_the_file(screen: Screen):
    screen.learner.write("attention/gqa", screen.right)

    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "passed:")
        await pilot.press("r")
        await pilot.press("y")
        await shows(app, pilot, "not started yet")

    screen.play(scene)
    (kept,) = (screen.learner.practice / ".kata/history/attention/gqa").iterdir()
    assert kept.read_text() == screen.right


def test_the_list_moves_to_another_kata(screen: Screen):
    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "not started yet")
        await pilot.press("l")
        options = app.screen.query_one(OptionList)
        ids = [options.get_option_at_index(i).id for i in range(options.option_count)]
        options.highlighted = ids.index("positions/rope")
        await pilot.press("enter")
        await shows(app, pilot, "positions/rope", "#head")

    screen.play(scene)
    assert screen.learner.attempt("positions/rope").exists()


def test_next_moves_on(screen: Screen):
    async def scene(app: WatchApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "not started yet")
        await pilot.press("n")
        await pilot.pause(0.5)
        assert "attention/gqa" not in text(app, "#head")

    screen.play(scene)


def test_without_a_terminal_it_says_what_to_do_instead(learner: Any):
    done = learner.run("watch", "gqa")

    assert done.returncode == 2
    assert "kata check" in done.stderr


def test_it_ends_when_its_window_is_closed(learner: Any):
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [*learner.command, "watch", "gqa"],
        cwd=learner.folder,
        env=learner.environment | {"TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as watch:
        os.close(terminal)
        seen = b""
        while b"attention/gqa" not in seen:
            seen += os.read(screen, 1 << 16)
        os.close(screen)

        assert watch.wait(timeout=60) is not None
