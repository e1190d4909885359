"""Lines over weeks as SVG: where each point stands, with time running the way one reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import get_language_bidi

# One, two or five of a power of ten: what an axis is numbered by.
STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Line:
    """One series: a path for each stretch without a gap, and its last point with what it stands for."""

    paths: list[str]
    x: float
    y: float
    value: float | None


@dataclass(frozen=True)
class Chart:
    """A chart in units of its own; the newest point is on the side where a line of text ends."""

    width: float
    height: float
    lines: list[Line]
    # (height on the picture, the number there), from zero upwards.
    levels: list[tuple[float, str]]
    columns: list[float]


def top_of(series: Sequence[Sequence[float | None]]) -> float:
    """The round number above all of these, at least one."""
    highest = max((value for line in series for value in line if value is not None), default=0)
    if highest <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in STEPS if step * power >= highest)


def chart(
    series: Sequence[Sequence[float | None]],
    *,
    width: float,
    height: float,
    top: float | None = None,
    has_levels: bool = True,
) -> Chart:
    """These series over the same weeks, drawn from zero to `top` (else to the round number above them)."""
    top = top or top_of(series)
    number = max(map(len, series), default=0)
    step = width / max(number - 1, 1)
    columns = [round(at * step, 1) for at in range(number)]
    if get_language_bidi():
        columns.reverse()

    def y(value: float) -> float:
        return round(height - height * min(value / top, 1), 1)

    def line(values: Sequence[float | None]) -> Line:
        paths: list[str] = []
        stretch: list[str] = []
        last: tuple[float, float, float | None] = (0, 0, None)
        for x, value in zip(columns, values, strict=True):
            if value is None:
                _end(stretch, paths)
                continue
            stretch.append(f"{x:g},{y(value):g}")
            last = (x, y(value), value)
        _end(stretch, paths)
        return Line(paths, *last)

    # Round numbers: 10, 20 … 50, but 5, 10, 15, 20 and 25, 50, 75, 100.
    number_of = 5 if f"{top:e}".startswith("5") else 4
    marks = [top * at / number_of for at in range(number_of + 1)] if has_levels else []
    return Chart(
        width, height, [line(values) for values in series], [(y(m), f"{m:g}") for m in marks], columns
    )  # fmt: skip


def _end(stretch: list[str], paths: list[str]) -> None:
    if len(stretch) == 1:
        # A line needs two points; a lone week is drawn as a dot of no length.
        stretch.append(stretch[0])
    if stretch:
        paths.append("M" + "L".join(stretch))
        stretch.clear()
