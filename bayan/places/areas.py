"""Rough areas from centres: each point of the map belongs to the centre that is nearest (Voronoi)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from shapely import MultiPoint, Polygon, STRtree, voronoi_polygons
from shapely.affinity import scale
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

Ring = Sequence[tuple[float, float]]
# A thousandth of a degree is about 100 m: finer lines would claim to know more.
DECIMALS = 3


def areas(
    centres: Mapping[tuple[float, float], int | None], outlines: Iterable[Sequence[Ring]]
) -> dict[int, list[list[list[float]]]]:
    """Owner by number: the rings around the cells of its centres, cut to the outlines they lie in.

    Centres are (longitude, latitude); those without an owner take their cells from the others'.
    """
    if len(centres) < 2:
        return {}
    # A degree of longitude is shorter than one of latitude, and what is nearest depends on it.
    stretch = math.cos(math.radians(sum(y for _x, y in centres) / len(centres)))
    points = [(x * stretch, y) for x, y in centres]
    land = unary_union(
        [
            Polygon([(x * stretch, y) for x, y in ring]).buffer(0)
            for rings in outlines
            for ring in rings
        ]
    )
    if land.is_empty:
        return {}
    cells = list(voronoi_polygons(MultiPoint(points), extend_to=land).geoms)
    tree = STRtree(cells)
    of_owner: dict[int, list[BaseGeometry]] = {}
    for owner, point in zip(centres.values(), MultiPoint(points).geoms, strict=True):
        if owner is not None:
            cell = cells[tree.query(point, predicate="within")[0]]
            of_owner.setdefault(owner, []).append(cell.intersection(land))
    return {owner: _rings(unary_union(parts), stretch) for owner, parts in of_owner.items()}


def _rings(area: BaseGeometry, stretch: float) -> list[list[list[float]]]:
    """The outer rings, closed, in degrees."""
    flat = scale(area, xfact=1 / stretch, yfact=1, origin=(0, 0))
    polygons = [part for part in getattr(flat, "geoms", [flat]) if isinstance(part, Polygon)]
    return [
        [[round(x, DECIMALS), round(y, DECIMALS)] for x, y in polygon.exterior.coords]
        for polygon in sorted(polygons, key=lambda polygon: -polygon.area)
    ]
