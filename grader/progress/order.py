"""The order of events where the log of another folder was merged into this one."""

from heapq import merge
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.progress.store import Event

IMPORTED = "imported"


def in_time(events: "list[Event]") -> "list[Event]":
    """The events as they happened.

    One machine's log is in order by itself, whatever its clock did. What an import appended
    is another machine's, in that one's order: its "imported" event says which ids. Logs are
    merged by time, and none is reordered within itself.
    """
    blocks = [event.data for event in events if event.kind == IMPORTED]
    logs: dict[int, list[Event]] = {}
    for event in events:
        inside = (n for n, b in enumerate(blocks, start=1) if b["first"] <= event.id <= b["last"])
        logs.setdefault(next(inside, 0), []).append(event)
    # an event is not earlier than what its own log has before it
    dated = [
        list(zip(accumulate((event.at for event in log), max), log, strict=True))
        for _, log in sorted(logs.items())
    ]
    return [event for _, event in merge(*dated, key=lambda pair: pair[0])]
