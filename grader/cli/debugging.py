"""What the commands do in a debug round: a file with mistakes planted in it, to be found."""

import secrets
import time

from grader.cli.actions import Reset, Solution, Started
from grader.cli.desk import Desk
from grader.content.card import load_card
from grader.content.catalog import DEBUG, Kata
from grader.content.planting import handout, plant
from grader.content.pointing import difference, pointers
from grader.errors import KataError
from grader.judge.protocol import TestResult
from grader.progress.derive import Bugs, Round

# short enough to tell somebody
SEEDS = 1_000_000


def debug(
    desk: Desk, kata: Kata, *, bugs: int | None = None, seed: int | None = None, fresh: bool = False
) -> Started:
    """Resume the open round, or begin one.

    Raises:
        KataError: The open round is not what is asked for, or no so many bugs go together.
    """
    this = desk.state().of(kata.id).round
    if fresh or this is None or this.bugs is None or this.over:
        return _begin(desk, kata, bugs=bugs, seed=seed)
    if seed not in (None, this.bugs.seed) or bugs not in (None, len(this.bugs.lines)):
        raise KataError(
            f"{kata.slug} is open, with other bugs than these (seed {this.bugs.seed}): "
            "--fresh plants anew, and keeps your file in the history"
        )
    return start(desk, kata)


def start(desk: Desk, kata: Kata, *, fresh: bool = False) -> Started:
    """Go on with the file as it is; without one, with the round's as it was planted."""
    this = desk.state().of(kata.id).round
    path = desk.practice.attempt(kata)
    resumed = path.exists()
    text = _as_planted(desk, this)
    if fresh or this is None or text is None or (this.over and not resumed):
        return _begin(desk, kata)
    desk.practice.place(kata, text)
    desk.store.append("started", kata.id, fresh=False)
    state = desk.state().of(kata.id)
    return Started(kata, path, None, resumed, state.elapsed(time.time()), state)


def _begin(desk: Desk, kata: Kata, *, bugs: int | None = None, seed: int | None = None) -> Started:
    """A new round; a file that is there goes to the history."""
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    mistakes = load_card(kata).mistakes
    solution, stub = _content(kata)
    planted = plant(solution, stub, mistakes, seed=seed, bugs=bugs)
    if planted is None:
        raise KataError(
            f"{kata.base} has no {_count(bugs or 1)} that go together: ask for fewer with --bugs"
        )
    kept = desk.practice.set_aside(kata)
    path = desk.practice.place(kata, planted.text)
    desk.store.append(
        "started", kata.id, source=planted.text, fresh=True, seed=seed, bugs=planted.bugs
    )
    state = desk.state()
    spoils = state.of(kata.id.removesuffix(DEBUG)).status in ("new", "started")
    return Started(kata, path, kept, False, 0.0, state.of(kata.id), bugs=bugs, spoils=spoils)


def reset(desk: Desk, kata: Kata) -> Reset:
    """The file as it was planted and a new clock; after the round's end, other bugs."""
    this = desk.state().of(kata.id).round
    text = _as_planted(desk, this)
    if this is None or this.bugs is None or this.over or text is None:
        begun = _begin(desk, kata)
        return Reset(kata, begun.path, begun.kept)
    kept = desk.practice.set_aside(kata)
    path = desk.practice.place(kata, text)
    bugs = this.bugs
    desk.store.append("reset", kata.id, source=text, seed=bugs.seed, bugs=bugs.lines)
    return Reset(kata, path, kept)


def bugs_of(desk: Desk, kata: Kata) -> Bugs:
    """What was planted for the round; raises KataError if there is none."""
    this = desk.state().of(kata.id).round
    if this is None or this.bugs is None:
        raise KataError(f"{kata.slug} is not started: kata debug {kata.base}")
    return this.bugs


def solution(desk: Desk, kata: Kata) -> Solution:
    """What was planted, as a diff to the solution, with the tells."""
    bugs, card = bugs_of(desk, kata), load_card(kata)
    planted = desk.store.source(bugs.source) or ""
    # a later version may have renamed some
    mistakes = tuple(mistake for mistake in card.mistakes if mistake.name in bugs.lines)
    return Solution(kata, difference(planted, handout(*_content(kata))), card, mistakes)


def hints(desk: Desk, kata: Kata) -> tuple[str, ...]:
    """How many there are and what one breaks, whereabouts they are, and on which lines."""
    bugs = bugs_of(desk, kata)
    planted = desk.store.source(bugs.source) or ""
    path = desk.practice.attempt(kata)
    now = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    claims = {
        mistake.name: TestResult(mistake.caught_by, "failed").claim
        for mistake in load_card(kata).mistakes
    }
    return pointers(planted, now, bugs.lines, claims)


def _as_planted(desk: Desk, this: Round | None) -> str | None:
    return desk.store.source(this.bugs.source) if this and this.bugs else None


def _content(kata: Kata) -> tuple[str, str]:
    return kata.solution.read_text(encoding="utf-8"), kata.stub.read_text(encoding="utf-8")


def _count(bugs: int) -> str:
    return "1 bug" if bugs == 1 else f"{bugs} bugs"
