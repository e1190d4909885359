"""Finding places: by what people call them, and by where they are."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bayan.organisation.models import Node, OutsideBody
from bayan.places.models import Outline, Place, PlaceQuerySet
from bayan.places.spelling import Fit, fit, trigrams, words_of_name

# A degree of latitude.
KILOMETRES = 111.32
# Further from its centre a point is hardly in the district, or near the town.
DISTRICT_KM = 5
TOWN_KM = 15
# What nobody types into a field for a place.
LONGEST_QUERY = 100
MOST_WORDS = 6


@dataclass(frozen=True)
class Nearest:
    """The district or town whose centre is nearest: a good guess, not a border."""

    place: Place
    kilometres: float

    @property
    def municipality(self) -> Node | None:
        """Its municipality if that is certain; else the desk decides."""
        return self.place.owner

    @property
    def outside(self) -> OutsideBody | None:
        """Who serves it instead, where it is no municipality of ours."""
        return self.place.outside


def places(*, type: str = "") -> PlaceQuerySet:  # noqa: A002  # a place's type is called so everywhere
    """The gazetteer in the pack's order, with what a list shows of each place."""
    found = Place.objects.current().select_related("parent__parent", "owner", "outside")
    return found.filter(type=type) if type in Place.Type.values else found


def counts() -> dict[str, int]:
    """How many places of each type there are."""
    types = list(Place.objects.current().values_list("type", flat=True))
    return {type_: types.count(type_) for type_ in Place.Type.values}


def of_keys(keys: Collection[str]) -> PlaceQuerySet:
    """The places of the gazetteer that bear these keys."""
    return Place.objects.filter(key__in=keys)


def find(words: str, limit: int = 8, *, type: str = "") -> list[Place]:  # noqa: A002
    """The places that these words may mean, the likeliest first.

    Takes what people type: any spelling of Arabic letters and digits, with or without ال and حي, English,
    old and other names, slips of the pen, the beginning of a name, and a name with what it lies in.
    """
    asked = words_of_name(words[:LONGEST_QUERY])[:MOST_WORDS]
    if not asked:
        return []
    # One letter triple in common makes a candidate: of hundreds only what is compared is read.
    candidates = (
        places(type=type)
        .filter(trigrams__overlap=trigrams(asked))
        .values_list("pk", "type", "position", "search", "parent__search", "parent__parent__search")
    )
    found: list[tuple[Fit, int, int, int]] = []
    for key, kind, position, search, *above in candidates:
        names = [tuple(line.split(" ")) for line in search.split("\n")]
        # One word alone cannot name both the place and what it lies in.
        around = " ".join(filter(None, above)).split() if len(asked) > 1 else ()
        if fitting := fit(asked, names, around):
            # Of two that fit alike the town is meant rather than its governorate.
            found.append((fitting, int(kind == Place.Type.CITY), -position, key))
    keys = [key for *_rank, key in heapq.nlargest(limit, found)]
    known = places().in_bulk(keys)
    return [known[key] for key in keys]


def nearest(points: Sequence[tuple[float, float]]) -> list[Nearest | None]:
    """For each point (latitude, longitude) the district whose centre is nearest, or else the town.

    None where none is near. Only centres are known: near a border between two districts it may be the other
    one. The gazetteer is read once, however many points there are.
    """
    if not points:
        return []
    centres: dict[str, list[_Centre]] = {Place.Type.DISTRICT: [], Place.Type.CITY: []}
    for position, pk, kind, latitude, longitude in (
        places()
        .located()
        .filter(type__in=centres)
        .values_list("position", "pk", "type", "latitude", "longitude")
    ):
        if latitude is not None and longitude is not None:
            centres[kind].append((latitude, longitude, position, pk))
    for rows in centres.values():
        rows.sort()
    found = [
        _within(point, centres[Place.Type.DISTRICT], DISTRICT_KM)
        or _within(point, centres[Place.Type.CITY], TOWN_KM)
        for point in points
    ]
    known = places().in_bulk([near[1] for near in found if near])
    return [Nearest(known[near[1]], round(near[0], 2)) if near else None for near in found]


# Latitude, longitude, position in the pack, key.
type _Centre = tuple[float, float, int, int]


def _within(
    point: tuple[float, float], centres: Sequence[_Centre], most: float
) -> tuple[float, int] | None:
    """How far the nearest of these is, and its key; None if it is further than `most`.

    The centres go from south to north: only those of the same height can be near.
    """
    latitude, longitude = point
    east, high = KILOMETRES * math.cos(math.radians(latitude)), most / KILOMETRES
    first = bisect_left(centres, (latitude - high,))
    last = bisect_right(centres, (latitude + high, math.inf))
    distances = (
        (math.hypot((north_of - latitude) * KILOMETRES, (east_of - longitude) * east), position, pk)
        for north_of, east_of, position, pk in centres[first:last]
    )
    near = min(distances, default=None)
    return (near[0], near[2]) if near and near[0] <= most else None


def municipality_outlines() -> dict[str, list[list[list[float]]]]:
    """Municipality by key: rings of [longitude, latitude] around the places that are surely its.

    Approximate, made of the places' centres (places.areas); none for one without such a place.
    """
    return {
        outline.municipality.key: outline.rings
        for outline in Outline.objects.select_related("municipality").order_by(
            "municipality__position"
        )
    }
