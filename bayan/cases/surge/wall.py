"""The bars of the wall: arrivals a minute, drawn on the server, with time running as one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import get_language_bidi

WIDTH, HEIGHT = 1200, 260
# A part of each minute's width stays free, so that they are told apart from four metres.
SHARE = 0.72


@dataclass(frozen=True)
class Bars:
    """The bars, each (x, y, height), in units of their own, and the number at the top."""

    width: int
    height: int
    bar: float
    bars: list[tuple[float, float, float]]
    top: int


def bars(counts: Sequence[int]) -> Bars:
    """One bar a minute; the newest stands where a line of text ends."""
    top = max(1, *counts) if counts else 1
    step = WIDTH / max(1, len(counts))
    drawn = []
    for at, count in enumerate(counts):
        place = len(counts) - 1 - at if get_language_bidi() else at
        height = round(HEIGHT * count / top, 1)
        drawn.append((round(place * step, 1), round(HEIGHT - height, 1), height))
    return Bars(WIDTH, HEIGHT, round(step * SHARE, 1), drawn, top)
