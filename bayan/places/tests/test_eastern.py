"""The Eastern Province's gazetteer itself: what must be true of each of its rows."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from shapely import Point, Polygon

from bayan.organisation.models import Node
from bayan.places import reading, selectors
from bayan.places.models import Place
from bayan.places.reading import Row

EASTERN = Path(__file__).parents[3] / "authorities" / "eastern"
# As many as there are: a row that is lost by mistake is noticed.
AT_LEAST = {"governorate": 12, "city": 134, "district": 515, "road": 6, "landmark": 31}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    text = (EASTERN / "organisation.toml").read_text(encoding="utf-8")
    keys = {line.split('"')[1] for line in text.splitlines() if line.startswith("key = ")}
    return {row.key: row for row in reading.rows(EASTERN, owners=keys, outside=keys)}


def governorate_of(row: Row, rows: dict[str, Row]) -> Row:
    while row.parent:
        row = rows[row.parent]
    return row


def test_no_row_is_lost(rows: dict[str, Row]) -> None:
    counts = Counter(row.type for row in rows.values())
    assert {type_: counts[type_] for type_ in AT_LEAST if counts[type_] < AT_LEAST[type_]} == {}


def test_every_place_lies_inside_its_governorates_outline(rows: dict[str, Row]) -> None:
    outlines = {
        key: [Polygon(ring) for ring in rings] for key, rings in reading.outlines(EASTERN).items()
    }
    strays = [
        row.key
        for row in rows.values()
        if row.latitude is not None
        and not any(
            polygon.covers(Point(row.longitude, row.latitude))
            for polygon in outlines[governorate_of(row, rows).key]
        )
    ]
    assert strays == []


def test_every_outline_is_a_governorates_and_sound(rows: dict[str, Row]) -> None:
    for key, rings in reading.outlines(EASTERN).items():
        assert rows[key].type == Place.Type.GOVERNORATE
        for ring in rings:
            assert ring[0] == ring[-1]
            assert Polygon(ring).is_valid


def test_no_coordinate_claims_to_know_more_than_a_hundred_metres(rows: dict[str, Row]) -> None:
    for row in rows.values():
        for degrees in (row.latitude, row.longitude):
            assert degrees is None or degrees == round(degrees, 3)


def test_arabic_names_are_arabic_and_english_ones_are_latin(rows: dict[str, Row]) -> None:
    for row in rows.values():
        assert not any("a" <= letter.lower() <= "z" for letter in row.name_ar), row.key
        assert row.name_en.isascii(), row.key
        # The kind of place is its type: people may write it, the name does without.
        assert not row.name_ar.startswith(("حي ", "شارع حي"))


def test_no_two_places_of_one_kind_in_one_place_have_one_name(rows: dict[str, Row]) -> None:
    named = Counter((row.parent, row.type, row.name_ar) for row in rows.values())
    assert [name for name, times in named.items() if times > 1] == []


def test_each_source_of_the_list_is_used_and_its_licence_named(rows: dict[str, Row]) -> None:
    with (EASTERN / "places" / "sources.csv").open(encoding="utf-8") as file:
        names = [line["name"] for line in csv.DictReader(file)]
    credit = (EASTERN / "README.md").read_text(encoding="utf-8")
    for name in names:
        assert any(name in row.source for row in rows.values()), name
        assert name in credit


def test_what_became_al_bayda_governorate_is_its_since_its_founding(db: None) -> None:
    (suburb,) = selectors.find("ضاحية الملك فهد", 1)
    assert suburb.owner == Node.objects.get(key="bayda")
    assert str(suburb.owner_since) == "2022-04-06"


def test_outside_areas_are_nobodys_of_ours(db: None) -> None:
    for words, body in (("الهفوف", "al-ahsa"), ("الجبيل الصناعية", "royal-commission-jubail")):
        (place,) = selectors.find(words, 1)
        assert place.owner is None
        assert place.outside is not None
        assert place.outside.key == body
