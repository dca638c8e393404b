"""What kata bench found: a plot of time and one of memory, then words."""

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.cli.benching import Benched, advice, compare, near
from grader.cli.checking import Checked
from grader.cli.render.check import failure, show_rest, show_verdict
from grader.cli.render.console import sign
from grader.cli.render.plot import REFERENCE, YOURS, Axis
from grader.judge.measured import Cost, Measured, Spread

WIDEST = 100
# what stands beside a plot
NUMBERS = 50
STYLES = {"slower": "bad", "faster": "good", "same": "soft"}


def show_unfit(out: Console, checked: Checked) -> None:
    """The attempt does not pass: why, as kata check says it."""
    show_verdict(out, checked)
    out.print(Text("Not measured: kata bench measures what passes.", style="wait"))
    show_rest(out, checked)


def show_bench(out: Console, benched: Benched) -> None:
    kata, sizes = benched.kata, benched.sizes
    text = Text.assemble((kata.id, "name"), "  ", kata.title)
    threads = ", 1 thread" if benched.result.device == "cpu" else ""
    out.print(text.append(f"  {benched.result.device}{threads}", style="soft"))
    out.print(Text(benched.benchmark.meaning, style="soft"))
    if sizes:
        width = min(out.width, WIDEST)
        for table in (_times(sizes, width), _memory(sizes, width)):
            out.print()
            out.print(table)
        out.print()
        out.print(_words(sizes[-1]))
        for line in advice(sizes):
            out.print(Text(line))
    for line in benched.left_out:
        out.print(Text(line, style="wait"))
    if problem := benched.result.problem:
        out.print()
        out.print(failure(problem))
    for step in _next(benched):
        out.print(step)


def _times(sizes: list[Measured], width: int) -> Table:
    def row(one: Measured) -> Text:
        if one.ratio is None:
            return Text()
        text = Text(f"{times(one.ratio.middle)}x", style=STYLES[compare(one)])
        return text.append(f" ({times(one.ratio.low)} to {times(one.ratio.high)})", style="soft")

    return _table("time of a call", sizes, width, lambda cost: cost.seconds, seconds, row)


def _memory(sizes: list[Measured], width: int) -> Table:
    def held(cost: Cost) -> Spread:
        return Spread(cost.bytes, cost.bytes, cost.bytes)

    def row(one: Measured) -> Text:
        return Text(*_against(one.attempt.bytes, one.reference.bytes))

    return _table("memory it holds at most", sizes, width, held, size_of, row)


def _against(mine: float, theirs: float) -> tuple[str, str]:
    if mine == theirs:
        return "same", "soft"
    if not (mine and theirs):
        return "", ""
    ratio = mine / theirs
    style = "soft" if near(ratio) else STYLES["slower" if ratio > 1 else "faster"]
    return f"{times(ratio)}x", style


def _table(
    title: str,
    sizes: list[Measured],
    width: int,
    of: Callable[[Cost], Spread | None],
    words: Callable[[float], str],
    row: Callable[[Measured], Text],
) -> Table:
    spreads = [(one, of(one.attempt), of(one.reference)) for one in sizes]
    values = [v for _, *pair in spreads for s in pair if s for v in (s.low, s.middle, s.high)]
    axis = Axis(values, max(width - NUMBERS, 16))
    table = Table.grid(padding=(0, 1))
    for _ in range(5):
        table.add_column(no_wrap=True)
    table.columns[0].justify = table.columns[2].justify = table.columns[3].justify = "right"
    yours = Text.assemble((sign("●"), YOURS), " yours")
    reference = Text.assemble((sign("○"), REFERENCE), " reference")
    ratio = Text("ratio", style="soft")
    table.add_row("", Text(title, style="name"), yours, reference, ratio)
    table.add_row(Text("size", style="soft"), axis.labels(words), "", "", "")
    for one, mine, theirs in spreads:
        if mine and theirs:
            numbers = Text(words(mine.middle)), Text(words(theirs.middle))
            table.add_row(f"{one.size:,}", axis.line(mine, theirs), *numbers, row(one))
    return table


def _words(one: Measured) -> Text:
    """The largest size in a sentence."""
    text = Text()
    if one.ratio:
        found = compare(one)
        if found == "same":
            text.append("The same time as the reference", style="strong-good")
        else:
            style = "strong-bad" if found == "slower" else "strong-good"
            text.append(f"{times(one.ratio.middle)} times the reference's time", style=style)
        text.append(f" at {one.size:,}")
        if found == "same":
            text.append(f", as far as {one.rounds} rounds can tell", style="soft")
        text.append("; ")
    pairs = [("memory", one.attempt.bytes, one.reference.bytes)]
    if one.attempt.flops or one.reference.flops:
        pairs.append(("matrix products", one.attempt.flops, one.reference.flops))
    text.append("; ".join(_same(*pair) for pair in pairs) + ".")
    return text


def _same(what: str, mine: float, theirs: float) -> str:
    if mine == theirs or (mine and theirs and near(mine / theirs)):
        return f"{what} the same"
    if not (mine and theirs):
        return f"{what}: {'the reference has' if mine else 'yours has'} none"
    return f"{what} {times(mine / theirs)} times"


def _next(benched: Benched) -> Iterator[Text]:
    slug = benched.kata.slug
    steps = [(f"kata solution {slug}", "how the reference does it")]
    if benched.sizes:
        largest = benched.sizes[-1].size
        steps.append((f"kata bench {slug} --sizes {largest},{2 * largest}", "further along"))
    if benched.result.verdict == "timeout":
        steps.append((f"kata bench {slug} --timeout 300", "if the machine is slow"))
    for command, why in steps:
        yield Text.assemble(("next: ", "soft"), (command, "key"), (f"  {why}", "soft"))


def times(ratio: float) -> str:
    """1.31, 13.1, 131."""
    places = 2 if ratio < 9.995 else 1 if ratio < 99.95 else 0
    return f"{ratio:,.{places}f}"


def seconds(value: float) -> str:
    """1.31 ms: three digits."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), (f"{sign('µ')}s", 1e-6), ("ns", 1e-9)):
        if value >= 0.9995 * factor or unit == "ns":
            return _digits(value / factor, unit)
    raise AssertionError


def size_of(value: float) -> str:
    """1.31 MB: three digits."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * factor:
            return _digits(value / factor, unit)
    return f"{value:.0f} B"


def _digits(value: float, unit: str) -> str:
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    number = f"{value:.{places}f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"
