"""Tracks and katas: what there is, in teaching order, and where its files lie."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from grader.errors import KataError

LEVELS = ("warmup", "easy", "medium", "hard", "expert")
# a debug round is a kata of its own to the person, with the content of another
DEBUG = ".debug"


@dataclass(frozen=True, slots=True)
class Kata:
    """One exercise. Its id, track/slug, yields every path.

    Attributes:
        minutes: What an interviewer allows.
        core: Whether it is among the most asked.
        needs: Slugs of the katas that this one builds on.
    """

    track: str
    slug: str
    title: str
    level: str
    minutes: int
    core: bool = False
    needs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.track}/{self.slug}"

    @property
    def debug(self) -> bool:
        """Whether it is a debug round: to find mistakes in, not to write."""
        return self.slug.endswith(DEBUG)

    def debugged(self) -> "Kata":
        """The kata's debug round: gqa.debug, in half the time."""
        if self.debug:
            return self
        minutes = max(-(-self.minutes // 2), 5)
        return replace(self, slug=self.slug + DEBUG, minutes=minutes)

    @property
    def base(self) -> str:
        """The slug of the kata whose files these are."""
        return self.slug.removesuffix(DEBUG)

    @property
    def stub(self) -> Path:
        return content_root() / "katas" / self.track / f"{self.base}.py"

    @property
    def solution(self) -> Path:
        return content_root() / "solutions" / self.track / f"{self.base}.py"

    @property
    def card(self) -> Path:
        return self.solution.with_suffix(".toml")

    @property
    def tests(self) -> Path:
        return content_root() / "reference_tests" / self.track / f"test_{self.base}.py"


@dataclass(frozen=True, slots=True)
class Track:
    slug: str
    title: str
    blurb: str
    order: int
    katas: tuple[Kata, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    tracks: tuple[Track, ...]

    def __iter__(self) -> Iterator[Kata]:
        for track in self.tracks:
            yield from track.katas

    def find(self, name: str) -> Kata:
        """The kata of a slug or an id, or its debug round: gqa.debug.

        Raises:
            KataError: There is none; says what comes close.
        """
        wanted = name.strip().removesuffix(".py").lower().replace("_", "-")
        if wanted.endswith(DEBUG):
            return self.find(wanted.removesuffix(DEBUG)).debugged()
        for kata in self:
            if wanted in (kata.slug, kata.id):
                return kata
        slugs = [kata.slug for kata in self]
        raise KataError(_unknown("kata", wanted, slugs, [kata.id for kata in self]))

    def track(self, name: str) -> Track:
        """The track of a slug; raises KataError if there is none."""
        wanted = name.strip().lower().rstrip("/")
        for track in self.tracks:
            if wanted in (track.slug, track.title.lower()):
                return track
        raise KataError(_unknown("track", wanted, [track.slug for track in self.tracks]))

    def after(self, kata: Kata) -> Iterator[Kata]:
        """The katas that follow in teaching order, round to the one before this."""
        katas = list(self)
        here = katas.index(self.find(kata.id.removesuffix(DEBUG)))
        yield from katas[here + 1 :]
        yield from katas[:here]


def content_root() -> Path:
    """The folder of katas/, solutions/ and reference_tests/: in the wheel, or the checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_content"
    return inside if inside.is_dir() else package.parent


@cache
def load_catalog() -> Catalog:
    """Read every track file.

    Raises:
        KataError: A track file does not parse or lacks a field; names both.
    """
    tracks = [read_track(path) for path in sorted(content_root().glob("katas/*/track.toml"))]
    if not tracks:
        raise KataError(f"no katas under {content_root() / 'katas'}: reinstall", code=3)
    return Catalog(tuple(sorted(tracks, key=lambda track: (track.order, track.slug))))


def read_track(path: Path) -> Track:
    slug = path.parent.name
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        katas = tuple(_kata(slug, name, line) for name, line in data["katas"].items())
        return Track(slug, data["title"], data["blurb"], int(data.get("order", 1000)), katas)
    except tomllib.TOMLDecodeError as error:
        raise KataError(f"{path}: {error}", code=3) from None
    except KeyError as error:
        raise KataError(f"{path}: lacks the field {error}", code=3) from None
    except (TypeError, AttributeError) as error:
        raise KataError(f"{path}: {error}", code=3) from None


def _kata(track: str, slug: str, line: dict[str, Any]) -> Kata:
    try:
        kata = Kata(track, slug, **dict(line) | {"needs": tuple(line.get("needs", ()))})
    except (TypeError, ValueError, AttributeError):
        has = ", ".join(line) if isinstance(line, dict) else repr(line)
        raise TypeError(
            f"{slug} has {has}; give it title, level and minutes, and if need be core and needs"
        ) from None
    if kata.level not in LEVELS:
        raise TypeError(f"{slug}: level {kata.level!r} is none of {', '.join(LEVELS)}")
    return kata


def _unknown(what: str, name: str, slugs: list[str], ids: list[str] | None = None) -> str:
    # 10 ms that only a typo costs
    from difflib import get_close_matches

    close = get_close_matches(name, slugs, n=3, cutoff=0.5)
    close = close or get_close_matches(name, ids or [], n=3, cutoff=0.6)
    close = close or [slug for slug in slugs if name and name in slug][:3]
    if close:
        return f'no {what} "{name}"; did you mean {" or ".join(close)}?'
    return f'no {what} "{name}"; kata list shows all'
