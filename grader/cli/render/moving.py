"""What was exported, and what an import brought."""

from rich.console import Console
from rich.text import Text

from grader.cli.moving import Exported, Imported
from grader.judge.output import plain


def show_exported(out: Console, done: Exported) -> None:
    holds = f"{_count(done.events, 'event')}, {_count(done.sources, 'judged text')} and "
    out.print(Text(f"{done.path}: {holds}{_count(done.files, 'file')}, {_size(done.size)}"))
    for name in done.left_out:
        words = f"left out, for its name cannot be in an archive: {plain(name)}"
        out.print(Text(words, style="wait"))
    command = f"kata import {done.path.name}"
    out.print(Text.assemble(("next: ", "soft"), (command, "key"), ("  in another folder", "soft")))


def show_imported(out: Console, done: Imported) -> None:
    merged, placed = done.merged, done.placed
    if done.nothing_new:
        out.print(Text(f"All of it is in {done.root} already; nothing was changed."))
    else:
        events = f"{_count(merged.events, 'event')}"
        if merged.known:
            events += f" ({merged.known} were there already)"
        texts = _count(merged.sources, "judged text")
        out.print(Text(f"New in {done.root}: {events}, {texts}, {_count(placed.new, 'file')}"))
    for kept in placed.kept:
        text = Text.assemble((plain(kept.name), "name"), " differs from yours, which stays; ")
        out.print(text.append(f"the imported one is {plain(str(kept.path))}"))
    if done.set_aside:
        out.print(Text(f"{done.path.name} is now called {done.set_aside.name}", style="soft"))
    command = "kata history NAME" if placed.kept else "kata dashboard"
    out.print(Text.assemble(("next: ", "soft"), (command, "key")))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _size(size: int) -> str:
    return f"{size / 1024:,.0f} KiB" if size < 1 << 20 else f"{size / (1 << 20):,.1f} MiB"
