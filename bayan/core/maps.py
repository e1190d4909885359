"""Small maps as SVG: the coast of the authority's region, its places, and a pin."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import get_language

Point = tuple[float, float]

# A thousandth of a degree of latitude is one unit of the picture, about 111 m.
UNITS = 1000
METRES = 111.32
# So many kilometres are seen from one side to the other; the picture is twice as wide as high.
SHOWN_KM = 50
# A place of this rank is named on maps up to so many kilometres across.
NAMED_UP_TO_KM = {1: 10_000, 2: 250, 3: 100}


@dataclass(frozen=True, kw_only=True)
class Label:
    """A place with its name."""

    x: str
    y: str
    name: str = ""
    rank: int = 1


@dataclass(frozen=True, kw_only=True)
class Map:
    """What the template draws (core/map.html); numbers are texts, as an attribute wants them."""

    view_box: str
    land: str
    labels: tuple[Label, ...]
    # One step of the pen: what is drawn on the land is measured in it.
    pen: str
    font: str
    pin: Label | None
    # Where the points lie that were asked for; one for each, in their order.
    marks: tuple[Label, ...]
    # Borders on the land, as one path; the picture's frame cuts them.
    borders: str
    # For whoever turns a point of the picture into a place (assets/js/map.js).
    west: str
    north: str
    stretch: str
    units: int = UNITS


# One for each file, so the same one is the same key.
@dataclass(frozen=True, eq=False)
class _Chart:
    west: float
    south: float
    east: float
    north: float
    stretch: float
    land: tuple[tuple[Point, ...], ...]
    places: tuple[dict[str, Any], ...]

    def at(self, longitude: float, latitude: float) -> Point:
        return (longitude - self.west) * self.stretch * UNITS, (self.north - latitude) * UNITS


def around(latitude: float, longitude: float, *, kilometres: int = SHOWN_KM) -> Map | None:
    """The country around a place, with a pin; None where the region's map does not reach."""
    chart = _chart(settings.MAP_FILE)
    if chart is None or not (
        chart.west < longitude < chart.east and chart.south < latitude < chart.north
    ):
        return None
    x, y = chart.at(longitude, latitude)
    width = kilometres * 1000 / METRES
    return _drawn(chart, (x - width / 2, y - width / 4, width, width / 2), pin=(x, y))


def region(
    points: Sequence[tuple[float, float]] = (),
    *,
    is_within_reach: bool = False,
    borders: str = "",
) -> Map | None:
    """The whole region, to choose a place on, or with points (latitude, longitude) marked on it.

    `is_within_reach`: only as much of it as holds the points; `borders`: what `path_of` made. None where
    there is no map of it.
    """
    chart = _chart(settings.MAP_FILE)
    if chart is None:
        return None
    width, height = chart.at(chart.east, chart.south)
    box = (0.0, 0.0, width, height)
    marks = [chart.at(longitude, latitude) for latitude, longitude in points]
    if is_within_reach and marks:
        box = _around_all(marks, whole=box)
    return _drawn(chart, box, pin=None, marks=marks, borders=borders)


def path_of(rings: Iterable[Iterable[Sequence[float]]]) -> str:
    """Rings of (longitude, latitude) as one path on the region's map; empty where there is none."""
    chart = _chart(settings.MAP_FILE)
    if chart is None:
        return ""
    return "".join(_path([chart.at(*point) for point in ring]) for ring in rings)


def _around_all(
    marks: Sequence[Point], *, whole: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """The part of the picture that holds these points, with room around them and three to two in shape."""
    left, right = min(x for x, _y in marks), max(x for x, _y in marks)
    top, bottom = min(y for _x, y in marks), max(y for _x, y in marks)
    width = max((right - left) * 1.4, (bottom - top) * 2.1, SHOWN_KM * 1000 / METRES)
    width = min(width, whole[2])
    height = min(width / 1.5, whole[3])
    x = min(max((left + right - width) / 2, 0), whole[2] - width)
    y = min(max((top + bottom - height) / 2, 0), whole[3] - height)
    return x, y, width, height


@cache
def _chart(path: Path | None) -> _Chart | None:
    if path is None or not path.is_file():
        return None
    read = json.loads(path.read_text(encoding="utf-8"))
    west, south, east, north = read["box"]
    stretch = math.cos(math.radians((south + north) / 2))
    chart = _Chart(west, south, east, north, stretch, (), ())
    land = tuple(tuple(chart.at(*point) for point in ring) for ring in read["land"])
    return _Chart(west, south, east, north, stretch, land, tuple(read["places"]))


def _drawn(
    chart: _Chart,
    box: tuple[float, float, float, float],
    *,
    pin: Point | None,
    marks: Sequence[Point] = (),
    borders: str = "",
) -> Map:
    left, top, width, height = box
    name = "en" if get_language() == "en" else "ar"
    # A map with many points is a page's own, at least twice as wide as one in a bubble.
    pen = width / (640 if marks else 320)
    shown_km = width * METRES / 1000
    labels = []
    for place in chart.places:
        x, y = chart.at(*place["at"])
        inside = left < x < left + width and top < y < top + height
        # On the map to choose on, what is too small to name appears as one comes nearer.
        if inside and ((pin is None and not marks) or shown_km <= NAMED_UP_TO_KM[place["rank"]]):
            labels.append(Label(x=_number(x), y=_number(y), name=place[name], rank=place["rank"]))
    return Map(
        view_box=" ".join(map(_number, box)),
        land=_land_in(chart, box),
        labels=tuple(labels),
        pen=_number(pen),
        font=_number(pen * 12),
        pin=Label(x=_number(pin[0]), y=_number(pin[1])) if pin else None,
        marks=tuple(Label(x=_number(x), y=_number(y)) for x, y in marks),
        borders=borders,
        west=str(chart.west),
        north=str(chart.north),
        stretch=f"{chart.stretch:.6f}",
    )


# The map of all cases is drawn again and again, with the same land under it.
@lru_cache(maxsize=256)
def _land_in(chart: _Chart, box: tuple[float, float, float, float]) -> str:
    return "".join(_path(clipped(ring, box)) for ring in chart.land)


def clipped(ring: Iterable[Point], box: tuple[float, float, float, float]) -> list[Point]:
    """What of a ring lies inside the box: one edge after the other (Sutherland and Hodgman)."""
    left, top, width, height = box
    points = list(ring)
    for axis, edge, sign in (
        (0, left, 1), (0, left + width, -1), (1, top, 1), (1, top + height, -1),
    ):  # fmt: skip
        kept: list[Point] = []
        for before, point in zip(points[-1:] + points[:-1], points, strict=True):
            was_inside = (before[axis] - edge) * sign >= 0
            is_inside = (point[axis] - edge) * sign >= 0
            if was_inside != is_inside:
                part = (edge - before[axis]) / (point[axis] - before[axis])
                kept.append(
                    (
                        before[0] + part * (point[0] - before[0]),
                        before[1] + part * (point[1] - before[1]),
                    )
                )
            if is_inside:
                kept.append(point)
        points = kept
    return points


def _path(points: list[Point]) -> str:
    if len(points) < 3:
        return ""
    return "M" + "L".join(f"{_number(x)},{_number(y)}" for x, y in points) + "Z"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
