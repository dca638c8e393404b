"""Where a person works: the katas there are, their folder, their progress.

What progress needs is imported when it is first asked for: a check has begun by then.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from grader.content.catalog import Catalog, Kata, load_catalog
from grader.errors import KataError
from grader.progress.practice import Practice, find_practice

if TYPE_CHECKING:
    from grader.progress.derive import State
    from grader.progress.store import Store


class Desk:
    """One person's, for one command."""

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog()

    @cached_property
    def practice(self) -> Practice:
        return find_practice()

    @cached_property
    def store(self) -> "Store":
        from grader.progress.store import Store

        return Store(self.practice.database)

    @property
    def notice(self) -> str | None:
        """What the person must know of their progress file, if it was looked at."""
        return self.store.notice if "store" in vars(self) else None

    def state(self) -> "State":
        from grader.progress.derive import derive

        return derive(self.store.events())

    def kata(self, name: str | None) -> Kata:
        """The kata of that name, or the current one.

        Raises:
            KataError: No such kata, or no name and none was started.
        """
        if name is not None:
            return self.catalog.find(name)
        current = self.state().current
        if current is None:
            raise KataError("no kata is started yet: kata list shows all, kata start NAME begins")
        try:
            return self.catalog.find(current)
        except KataError:
            raise KataError(f"the current kata {current} is not there any more: name one") from None
