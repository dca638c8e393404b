"""Day by day: what is new and what comes back, until there is no day left.

Core katas come first, and whatever one needs before it. Reviews take at most half of a day
as long as core katas are open, and on every other day the next new kata comes before them,
so that neither waits for the other for ever. Each session is taken to pass, as "good".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from grader.content.catalog import Catalog, Kata
from grader.progress.derive import KataState, State
from grader.progress.rating import Grade
from grader.progress.schedule import UNKNOWN, Memory, evening, midnight, schedule, tomorrow, urgency

# nothing is planned for less, however fast it was done before
SHORTEST = 5


@dataclass(frozen=True, slots=True)
class Session:
    """A kata's place on a day.

    Attributes:
        minutes: On this day.
        review: Whether it comes back; else it is new.
        part, parts: Of a kata that is longer than a day's minutes.
    """

    kata: Kata
    minutes: int
    review: bool
    part: int = 1
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    sessions: tuple[Session, ...]

    @property
    def minutes(self) -> int:
        return sum(session.minutes for session in self.sessions)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the person stands, for a forecast to begin from.

    Attributes:
        core: What has no rating yet among the core katas and all that they need, in order.
        others: The rest of what has none.
        needs: Ids, by id.
        known: Ids of what was solved.
        memories: Of what comes back, by id.
        usual: Minutes that a kata takes, by id.
        left: Minutes that a kata still takes that is open now, by id.
    """

    core: tuple[Kata, ...]
    others: tuple[Kata, ...]
    needs: dict[str, tuple[str, ...]]
    katas: dict[str, Kata]
    known: set[str]
    memories: dict[str, Memory]
    usual: dict[str, int]
    left: dict[str, int]


def standing(catalog: Catalog, state: State) -> Standing:
    katas = {kata.id: kata for kata in catalog}
    ids = {kata.slug: kata.id for kata in catalog}
    needs = {
        kata.id: tuple(ids[slug] for slug in kata.needs if slug in ids) for kata in katas.values()
    }
    memories = {id: one.memory for id, one in schedule(state, catalog).items()}
    begun = {id for id in katas if (this := state.of(id).round) and not this.over}
    core = _in_order((k.id for k in katas.values() if k.core), needs, set(memories))
    others = _in_order(katas, needs, {*memories, *core})
    usual = {id: _minutes(kata, state.of(id)) for id, kata in katas.items()}
    return Standing(
        # what is open is finished first
        core=tuple(katas[id] for id in sorted(core, key=lambda id: id not in begun)),
        others=tuple(katas[id] for id in sorted(others, key=lambda id: id not in begun)),
        needs=needs,
        katas=katas,
        known={id for id in katas if state.of(id).status == "solved"},
        memories=memories,
        usual=usual,
        left={id: _left(usual[id], state.of(id)) for id in begun},
    )


def _in_order(
    wanted: Iterable[str], needs: dict[str, tuple[str, ...]], done: set[str]
) -> list[str]:
    """These and all that they need, unless done, each after what it needs."""
    order: list[str] = []
    seen = set(done)

    def visit(id: str) -> None:
        if id not in seen:
            seen.add(id)
            for need in needs[id]:
                visit(need)
            order.append(id)

    for id in wanted:
        visit(id)
    return order


def _minutes(kata: Kata, known: KataState) -> int:
    """What the kata allows, or less for who has been faster."""
    fastest = kata.minutes if known.best is None else int(-(-known.best // 60))
    return min(kata.minutes, max(fastest, SHORTEST))


def _left(usual: int, known: KataState) -> int:
    spent = int(known.round.seconds // 60) if known.round else 0
    return min(usual, max(usual - spent, SHORTEST))


# katas that were passed on the same days share a memory, in one forecast and in the next
@cache
def _passed(memory: Memory, on: date) -> Memory:
    return memory.after(Grade.GOOD, evening(on))


_urgency = cache(urgency)


class Forecast:
    """Plans one day after another, so many minutes each.

    Attributes:
        open: What has no place yet, by id: core katas with what they need, and the others.
        unfinished: The sessions to come of a kata that is longer than a day.
    """

    def __init__(self, at: Standing, minutes: int) -> None:
        self._at, self._minutes = at, minutes
        self.open = [{kata.id: kata for kata in katas} for katas in (at.core, at.others)]
        self.unfinished: list[Session] = []
        self._known, self._memories, self._left = set(at.known), dict(at.memories), dict(at.left)
        self._cheapest = min([*at.usual.values(), *at.left.values()], default=0)
        # of the day at hand
        self._on, self._days_left = date.min, 0
        self._sessions: list[Session] = []
        self._room = minutes

    def day(self, on: date, days_left: int) -> Day:
        """Plan the next day; days_left counts it and all after it."""
        self._on, self._days_left = on, days_left
        self._sessions, self._room = [], self._minutes
        if self.unfinished:
            session = self.unfinished.pop(0)
            if not self.unfinished:
                self.passed(session.kata, on)
            return Day(on, (session,))
        new = (kata for queue in self.open for kata in queue.values())
        head = next(filter(self._ready, new), None)
        if head and (on.toordinal() % 2 or head.id in self._left):
            self._place(head)
        due = self.due(on)
        waiting = self._review(due, self._minutes // 2 if self.open[0] else self._minutes)
        self._place_new()
        self._review(waiting, self._minutes)
        # whatever found its place first, the day begins with its reviews
        return Day(on, tuple(sorted(self._sessions, key=lambda session: not session.review)))

    def _review(self, due: list[Kata], minutes: int) -> list[Kata]:
        """Place reviews, one at least and then so many minutes of them; what has no place."""
        spent = 0
        waiting: list[Kata] = []
        for number, kata in enumerate(due):
            if self._full:
                return waiting + due[number:]
            before = self._room
            if (spent and spent + self._cost(kata) > minutes) or not self._place(kata, review=True):
                waiting.append(kata)
            spent += before - self._room
        return waiting

    def _place_new(self) -> None:
        for queue in self.open:
            # what was placed makes room for what needs it, later in the queue
            for kata in list(queue.values()):
                if self._full:
                    return
                if self._fits(kata) and self._ready(kata):
                    self._place(kata)
            if any(map(self._ready, queue.values())):
                # a core kata waits for a day with room: no other takes its place
                return

    def _place(self, kata: Kata, *, review: bool = False) -> bool:
        """Give the kata a session, if there is room; a long one begins on an empty day."""
        minutes = self._cost(kata)
        if minutes <= self._room:
            self._sessions.append(Session(kata, minutes, review))
            self._room -= minutes
            self.passed(kata, self._on)
            return True
        parts = -(-minutes // self._minutes)
        if self._sessions or parts > self._days_left:
            return False
        rest = minutes - (parts - 1) * self._minutes
        each = [self._minutes] * (parts - 1) + [rest]
        first, *self.unfinished = [
            Session(kata, part, review, number, parts) for number, part in enumerate(each, start=1)
        ]
        self._sessions, self._room = [first], 0
        return True

    def passed(self, kata: Kata, on: date) -> None:
        """Take it that the kata passes on this day."""
        self._known.add(kata.id)
        self._left.pop(kata.id, None)
        self._memories[kata.id] = _passed(self._memories.get(kata.id, UNKNOWN), on)
        for queue in self.open:
            queue.pop(kata.id, None)

    def due(self, on: date) -> list[Kata]:
        """What comes back on this day or has waited since: the least likely still known first."""
        end = midnight(tomorrow(on))
        found = [id for id, memory in self._memories.items() if memory.due < end]
        found.sort(key=lambda id: (id not in self._left, *_urgency(self._memories[id], on)))
        return [self._at.katas[id] for id in found]

    @property
    def _full(self) -> bool:
        return bool(self._sessions) and self._room < self._cheapest

    def _fits(self, kata: Kata) -> bool:
        return not self._sessions or self._cost(kata) <= self._room

    def _cost(self, kata: Kata) -> int:
        return self._left.get(kata.id) or self._at.usual[kata.id]

    def _ready(self, kata: Kata) -> bool:
        """Whether what it needs is known, and enough days are left."""
        if self._cost(kata) > self._minutes * self._days_left:
            return False
        return kata.id in self._left or self._known.issuperset(self._at.needs[kata.id])
