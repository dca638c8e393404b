"""Writes the README's tables of tracks from katas/*/track.toml: python docs/tracks.py."""

from collections.abc import Iterator
from pathlib import Path

from grader.content.catalog import Kata, Track, load_catalog

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- tracks: written by docs/tracks.py -->", "<!-- end of tracks -->"


def overview(tracks: tuple[Track, ...]) -> Iterator[str]:
    """A line for each track, and their sum."""
    katas = [kata for track in tracks for kata in track.katas]
    yield "| track | katas | core | hours | |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for track in tracks:
        yield f"| [{track.title}](katas/{track.slug}) | {counts(track.katas)} | {track.blurb} |"
    yield f"| **all** | {counts(katas)} | |"


def counts(katas: list[Kata] | tuple[Kata, ...]) -> str:
    core = sum(kata.core for kata in katas)
    return f"{len(katas)} | {core or ''} | {sum(kata.minutes for kata in katas) / 60:.1f}"


def lines(track: Track) -> Iterator[str]:
    """The katas of a track, folded."""
    yield f"<details>\n<summary><b>{track.title}</b>: the katas</summary>\n"
    yield "| kata | | level | minutes | builds on |"
    yield "| --- | --- | --- | ---: | --- |"
    for kata in track.katas:
        link = f"[{kata.slug}](katas/{kata.id}.py)"
        core = " · core" if kata.core else ""
        needs = ", ".join(kata.needs)
        yield f"| {link} | {kata.title} | {kata.level}{core} | {kata.minutes} | {needs} |"
    yield "\n</details>\n"


def rewritten(readme: str, tracks: tuple[Track, ...]) -> str:
    """The README with its tables as the tracks are now."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    tables = ["", *overview(tracks), "", *(line for track in tracks for line in lines(track))]
    return before + BEGIN + "\n".join(tables) + END + after


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    README.write_text(rewritten(old, load_catalog().tracks), encoding="utf-8")
