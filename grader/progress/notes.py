"""A person's own notes on a kata: Markdown beside the attempt, shown after a pass and by reviews.

read_notes gives them, for whoever shows them; grader.cli.render.notes renders them. A kata and
its debug round share them.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.content.catalog import Kata
from grader.progress.practice import Practice, in_words

# nobody reads more in a terminal
LARGEST = 1 << 18


@dataclass(frozen=True, slots=True)
class Notes:
    """Attributes:
    beside: Other notes on the kata, which came from an import.
    """

    kata: Kata
    path: Path
    text: str
    beside: tuple[Path, ...]


def notes_path(practice: Practice, kata: Kata) -> Path:
    return practice.root / kata.track / f"{kata.base}.md"


def read_notes(practice: Practice, kata: Kata) -> Notes | None:
    """What the person has written; None if that is nothing yet."""
    path = notes_path(practice, kata)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8", errors="replace")
    except OSError:
        text = ""
    beside = tuple(sorted(path.parent.glob(f"{kata.base}.imported*.md")))
    if text.strip() in ("", heading(kata).strip()) and not beside:
        return None
    return Notes(kata, path, text, beside)


def begin_notes(practice: Practice, kata: Kata) -> Path:
    """The notes' file, with a heading if there was none."""
    path = notes_path(practice, kata)
    with in_words():
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
            file.write(heading(kata))
    return path


def heading(kata: Kata) -> str:
    return f"# {kata.title} ({kata.track}/{kata.base})\n\n"
