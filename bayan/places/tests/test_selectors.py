from __future__ import annotations

import math
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, Polygon

from bayan.core.arabic import fold
from bayan.places import selectors
from bayan.places.models import Place
from bayan.places.spelling import fit, likeness, words_of_name


def first(words: str) -> tuple[str, str]:
    """The likeliest place and what it lies in, by their Arabic names."""
    place = selectors.find(words, 1)[0]
    return place.name_ar, place.parent.name_ar if place.parent else ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        # Letters and marks as people type them.
        ("الثقبه", ("الثقبة", "الخبر")),
        ("حى الثُّقْبَة", ("الثقبة", "الخبر")),
        ("ثقبة", ("الثقبة", "الخبر")),
        ("بالثقبة", ("الثقبة", "الخبر")),
        ("ضاحيه الملك فهد", ("ضاحية الملك فهد", "الدمام")),
        ("الطبيشى", ("الطبيشي", "الدمام")),
        # Slips of the pen.
        ("الثبقة", ("الثقبة", "الخبر")),
        ("المريكبت", ("المريكبات", "الدمام")),
        ("ضاحية الملك فد", ("ضاحية الملك فهد", "الدمام")),
        ("thuqba", ("الثقبة", "الخبر")),
        ("Dahran", ("الظهران", "محافظة الخبر")),
        # What people say.
        ("الثكبة", ("الثقبة", "الخبر")),
        ("عنچ", ("عنك", "محافظة القطيف")),
        ("ابقيق", ("بقيق", "محافظة بقيق")),
        ("رحيمة", ("رأس تنورة", "محافظة رأس تنورة")),
        ("الضاحية", ("ضاحية الملك فهد", "الدمام")),
        # English.
        ("Al Khobar", ("الخبر", "محافظة الخبر")),
        ("king fahd suburb", ("ضاحية الملك فهد", "الدمام")),
        # With what it lies in, either way round.
        ("العليا الخبر", ("العليا", "الخبر")),
        ("حي الفيصلية بالدمام", ("الفيصلية", "الدمام")),
        ("الخفجي الفيصلية", ("الفيصلية", "الخفجي")),
        # While it is typed.
        ("سيه", ("سيهات", "محافظة القطيف")),
        ("الثق", ("الثقبة", "الخبر")),
        ("المزروع", ("المزروعية", "الدمام")),
    ],
)
def test_a_place_is_found_as_people_write_it(db: None, typed: str, meant: tuple[str, str]) -> None:
    assert first(typed) == meant


@pytest.mark.parametrize("typed", ["", "   ", "؟", "zzzz", "قسطنطينية", "x" * 5000])
def test_what_is_no_place_finds_none(db: None, typed: str) -> None:
    assert selectors.find(typed) == []


def test_a_towns_own_name_comes_before_what_only_begins_with_it(db: None) -> None:
    names = [place.name_ar for place in selectors.find("الجبيل")]
    assert names[:2] == ["الجبيل", "محافظة الجبيل"]
    assert "الجبيل الصناعية" in names


def test_of_many_of_one_name_all_are_shown_with_what_they_lie_in(db: None) -> None:
    found = selectors.find("الفيصلية", 20)
    within = {place.parent.key for place in found if place.name_ar == "الفيصلية" and place.parent}
    assert {"dammam", "khafji", "nairyah", "hafr-al-batin"} <= within


def test_find_asks_what_may_be_meant_and_then_for_the_likeliest(
    db: None, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(2):  # type: ignore[operator]
        found = selectors.find("الراكة")
        assert [
            (place.name, place.served_by, place.parent and place.parent.name) for place in found
        ]


def test_every_place_is_found_by_each_of_its_names(db: None) -> None:
    """However many share a name: all of them are among the answers."""
    missed = [
        (place.key, name)
        for place in Place.objects.filter(pk__in=_some())
        for name in (place.name_ar, place.name_en, *place.variants)
        if place.pk not in {found.pk for found in selectors.find(name, 60)}
    ]
    assert missed == []


def _some() -> list[int]:
    # Every seventh: all of them take long and say no more.
    return list(Place.objects.order_by("position").values_list("pk", flat=True))[::7]


@given(st.text(max_size=40))
def test_a_text_of_any_kind_fits_itself_and_breaks_nothing(text: str) -> None:
    words = words_of_name(text)
    found = fit(words, [words])
    assert (found is not None and found.is_the_name) == bool(words)


@given(st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", min_size=1, max_size=12))
def test_no_word_is_more_alike_than_the_word_itself(word: str) -> None:
    assert likeness(word, word) == 1
    assert 0 <= likeness(word, fold(word) + "ات") <= 1


def test_the_nearest_is_found_as_if_each_were_measured(db: None) -> None:
    towns = [
        (place.latitude or 0, place.longitude or 0)
        for place in selectors.places(type=Place.Type.CITY).located()
    ]
    points = [(26.0 + north / 20, 49.8 + east / 20) for north in range(20) for east in range(10)]
    for (latitude, longitude), near in zip(points, selectors.nearest(points), strict=True):
        if near is None or near.place.type == Place.Type.DISTRICT:
            continue
        east = math.cos(math.radians(latitude))
        least = min(math.hypot(n - latitude, (e - longitude) * east) for n, e in towns)
        assert near.kilometres == pytest.approx(least * selectors.KILOMETRES, abs=0.01)


def test_the_nearest_district_and_who_serves_it(db: None) -> None:
    (nearest,) = selectors.nearest([(26.275, 50.190)])
    assert nearest is not None
    assert nearest.place.name_ar == "الثقبة"
    assert nearest.kilometres < 0.5
    assert nearest.municipality is not None
    assert nearest.municipality.key == "khobar"


def test_a_point_in_a_district_of_no_certain_owner_names_no_municipality(db: None) -> None:
    (nearest,) = selectors.nearest([(26.4328, 50.1018)])
    assert nearest is not None
    assert (nearest.place.name_ar, nearest.municipality, nearest.outside) == ("العدامة", None, None)


def test_outside_a_district_the_town_is_named(db: None) -> None:
    (nearest,) = selectors.nearest([(27.45, 48.50)])
    assert nearest is not None
    assert nearest.place.name_ar == "النعيرية"


def test_many_points_are_asked_for_at_once(db: None, django_assert_num_queries: Any) -> None:
    points = [(26.275, 50.190), (22.0, 51.5), (27.45, 48.50)] * 50
    with django_assert_num_queries(2):
        found = selectors.nearest(points)

    names = [near and near.place.name_ar for near in found]
    assert names == ["الثقبة", None, "النعيرية"] * 50
    assert selectors.nearest([]) == []


@pytest.mark.parametrize("point", [(22.0, 51.5), (0.0, 0.0), (90.0, 180.0)])
def test_in_the_desert_nothing_is_near(db: None, point: tuple[float, float]) -> None:
    assert selectors.nearest([point]) == [None]


def test_each_owned_district_lies_in_its_municipalitys_area(db: None) -> None:
    areas = {
        key: [Polygon(ring).buffer(0.002) for ring in rings]
        for key, rings in selectors.municipality_outlines().items()
    }
    assert {"khobar", "qatif", "jubail", "bayda"} <= set(areas)
    for place in Place.objects.located().filter(type="district").exclude(owner=None):
        assert place.owner
        point = Point(place.longitude, place.latitude)
        assert any(area.covers(point) for area in areas[place.owner.key]), place.key


def test_a_place_has_its_name_in_the_readers_language(db: None) -> None:
    khobar = Place.objects.get(key="khobar")
    with override("en"):
        assert (khobar.name, str(khobar)) == ("Khobar", "Khobar")
    with override("ar"):
        assert khobar.name == "الخبر"
