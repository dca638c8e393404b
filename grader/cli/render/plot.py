"""A plot in characters: a line a size, a logarithmic axis, a mark for each of two values.

Three or four sizes and two curves: dots on a common axis are read at a glance, and need no
library for charts. Bars would not do: their length has no meaning where the axis has no zero.
"""

import math
from collections.abc import Callable, Iterable

from rich.cells import cell_len
from rich.text import Text

from grader.cli.render.console import sign
from grader.judge.measured import Spread

YOURS, REFERENCE = "wait", "key"


class Axis:
    """From the power of ten below all values to the one above."""

    def __init__(self, values: Iterable[float], width: int) -> None:
        logs = [math.log10(value) for value in values if value > 0] or [0.0]
        self.width = width
        self._low = math.floor(min(logs))
        self._high = max(math.ceil(max(logs)), self._low + 1)

    def column(self, value: float) -> int:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return min(max(round(share * (self.width - 1)), 0), self.width - 1)

    def ticks(self) -> list[tuple[int, float]]:
        powers = [10.0**power for power in range(self._low, self._high + 1)]
        return [(self.column(power), power) for power in powers]

    def labels(self, words: Callable[[float], str]) -> Text:
        """What stands over the ticks, as far as there is room."""
        line = ""
        for column, value in self.ticks():
            label = words(value)
            # the last one ends with the axis
            start = min(max(column - cell_len(label) // 2, 0), self.width - cell_len(label))
            if start >= cell_len(line) + (2 if line else 0):
                line += " " * (start - cell_len(line)) + label
        return Text(line.ljust(self.width), style="soft")

    def line(self, yours: Spread, reference: Spread) -> Text:
        """Both values, and how far each spreads."""
        cells = [(" ", "")] * self.width
        for column, _ in self.ticks():
            cells[column] = sign("┊"), "soft"
        for spread, style in ((reference, REFERENCE), (yours, YOURS)):
            if spread.low > 0:
                for column in range(self.column(spread.low), self.column(spread.high) + 1):
                    cells[column] = sign("─"), style
        for spread, mark, style in ((reference, "○", REFERENCE), (yours, "●", YOURS)):
            if spread.middle > 0:
                column = self.column(spread.middle)
                both = cells[column][0] == sign("○") and mark == "●"
                cells[column] = sign("◉" if both else mark), style
        return Text.assemble(*cells)
