"""All of a practice folder to one file, and back into a folder, this one or another."""

from dataclasses import dataclass
from pathlib import Path

from grader.cli.desk import Desk
from grader.errors import KataError
from grader.progress.archive import opened
from grader.progress.exchange import Merged, merge, read_database, read_log
from grader.progress.export import portable, write
from grader.progress.placing import Placed, place

SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Exported:
    """Attributes:
    left_out: Files with names that an archive cannot have.
    """

    path: Path
    size: int
    events: int
    sources: int
    files: int
    left_out: tuple[str, ...]


def export(desk: Desk, path: Path, *, force: bool = False) -> Exported:
    path = path.expanduser().resolve()
    practice = desk.practice
    log = read_log(desk.store)
    tracks = {track.slug for track in desk.catalog.tracks}
    tracks |= {event.kata.partition("/")[0] for event in log.events if event.kata}
    tracks |= {folder.name for folder in practice.history.glob("*") if folder.is_dir()}
    files = portable(practice, tracks)
    if not (log.events or files):
        raise KataError(f"nothing is under {practice.root} yet: kata start NAME begins")
    done = write(path, log, files, force=force)
    size = path.stat().st_size
    return Exported(path, size, done.events, done.sources, done.files, done.left_out)


@dataclass(frozen=True, slots=True)
class Imported:
    """Attributes:
    set_aside: What a sync tool's copy is called now that all of it is here.
    """

    path: Path
    root: Path
    merged: Merged
    placed: Placed
    set_aside: Path | None = None

    @property
    def nothing_new(self) -> bool:
        new = (self.merged.events, self.merged.sources, self.placed.new, self.placed.kept)
        return not any(new)

    def to_data(self) -> dict[str, object]:
        """The object that --json prints."""
        kept = [{"file": kept.name, "kept_as": str(kept.path)} for kept in self.placed.kept]
        return {
            "events": self.merged.events,
            "events_known": self.merged.known,
            "sources": self.merged.sources,
            "files": self.placed.new,
            "files_known": self.placed.same,
            "kept": kept,
            "set_aside": str(self.set_aside) if self.set_aside else None,
        }


def import_(desk: Desk, path: Path) -> Imported:
    """Merge an export, or another folder's progress file; nothing here is written over."""
    path = path.expanduser().resolve()
    practice = desk.practice
    if path == practice.database.resolve():
        raise KataError(f"{path} is the progress file in use; name another one")
    if _begins(path) == SQLITE:
        merged = merge(desk.store, read_database(path), path.name)
        aside = None
        if path in [copy.resolve() for copy in practice.copies()]:
            # it is of no more use, and would be told again and again
            aside = path.with_name(f"{path.name}.merged")
            path.rename(aside)
        return Imported(path, practice.root, merged, Placed(0, 0, ()), aside)
    with opened(path) as archive:
        merged = merge(desk.store, archive.log, path.name)
        return Imported(path, practice.root, merged, place(practice, archive))


def _begins(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE))
    except OSError as error:
        raise KataError(f"{path}: {error.strerror}") from None
