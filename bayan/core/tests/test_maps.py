from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from bayan.core import maps

DAMMAM = (26.43, 50.10)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def test_the_map_shows_the_pin_in_its_middle_and_land_within_its_frame() -> None:
    drawn = maps.around(*DAMMAM)
    assert drawn is not None
    assert drawn.pin is not None
    left, top, width, height = map(float, drawn.view_box.split())
    assert float(drawn.pin.x) == pytest.approx(left + width / 2, abs=0.2)
    assert float(drawn.pin.y) == pytest.approx(top + height / 2, abs=0.2)
    assert points(drawn.land)
    for x, y in points(drawn.land):
        assert left - 0.1 <= x <= left + width + 0.1
        assert top - 0.1 <= y <= top + height + 0.1


def test_places_are_named_in_the_readers_language() -> None:
    for language, name in (("ar", "الدمام"), ("en", "Dammam")):
        with override(language):
            drawn = maps.around(*DAMMAM)
        assert drawn is not None
        assert name in [label.name for label in drawn.labels]


def test_places_too_small_for_a_map_are_not_named_on_it() -> None:
    near, far = maps.around(*DAMMAM, kilometres=50), maps.around(*DAMMAM, kilometres=400)
    assert near is not None
    assert far is not None
    assert "سيهات" in [label.name for label in near.labels]
    assert "سيهات" not in [label.name for label in far.labels]


def test_the_whole_region_has_all_places_and_no_pin() -> None:
    region = maps.region()
    assert region is not None
    assert region.pin is None
    assert {label.rank for label in region.labels} == {1, 2, 3}


@pytest.mark.parametrize("place", [(21.4, 39.8), (0, 0), (90, 180), (26.4, -50.1)])
def test_a_place_beyond_the_region_has_no_map(place: tuple[float, float]) -> None:
    assert maps.around(*place) is None


def test_an_authority_without_a_map_has_none(settings: Any, tmp_path: Path) -> None:
    for settings.MAP_FILE in (tmp_path / "map.json", None):
        assert maps.around(*DAMMAM) is None
        assert maps.region() is None


def test_borders_lie_where_the_places_in_them_lie() -> None:
    ring = ((49.9, 26.3), (50.3, 26.3), (50.3, 26.6), (49.9, 26.6), (49.9, 26.3))
    path = maps.path_of((ring,))
    drawn = maps.region([DAMMAM], borders=path)
    assert drawn is not None
    assert drawn.borders == path
    x, y = float(drawn.marks[0].x), float(drawn.marks[0].y)
    corners = points(path)
    assert min(left for left, _top in corners) < x < max(left for left, _top in corners)
    assert min(top for _left, top in corners) < y < max(top for _left, top in corners)


def test_other_maps_have_no_borders() -> None:
    drawn, region = maps.around(*DAMMAM), maps.region()
    assert drawn is not None
    assert region is not None
    assert (drawn.borders, region.borders) == ("", "")


def test_a_coast_is_cut_at_the_frame() -> None:
    square = [(-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)]
    assert sorted(maps.clipped(square, (0, 0, 20, 20))) == [(0, 0), (0, 10), (10, 0), (10, 10)]
    assert maps.clipped(square, (50, 50, 5, 5)) == []
