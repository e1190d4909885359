from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bayan.organisation import services as organisation
from bayan.organisation.models import Node
from bayan.places import selectors, services
from bayan.places.models import Outline, Place
from bayan.places.tests.factories import (
    CITIES,
    DISTRICTS,
    GOVERNORATES,
    SOURCES,
    write_pack,
)

EASTERN = Path(__file__).parents[3] / "authorities" / "eastern"


@pytest.fixture
def tiny(no_authority: None, tmp_path: Path) -> Path:
    """Another authority, in a folder of its own, with no calendar and no brand."""
    organisation.load_pack(write_pack(tmp_path))
    return tmp_path


def test_loading_the_eastern_pack_again_changes_nothing(db: None) -> None:
    before = list(Place.objects.order_by("pk").values())
    drawn = list(Outline.objects.order_by("pk").values())

    assert services.load_pack(EASTERN) == len(before)

    assert list(Place.objects.order_by("pk").values()) == before
    assert list(Outline.objects.order_by("pk").values()) == drawn


def test_another_authority_is_another_folder(tiny: Path) -> None:
    assert services.load_pack(tiny) == 4

    spring = Place.objects.get(key="spring")
    assert spring.owner == Node.objects.get(key="only")
    assert spring.owner_since == date(2020, 1, 2)
    assert spring.variants == ["عين", "Ayn"]
    assert spring.source == "Own survey (CC0) 2"
    assert Place.objects.get(key="spring-west").outside is not None
    assert [place.key for place in selectors.find("الشرقى")] == ["spring-east"]


def test_a_pack_without_places_has_none(tiny: Path) -> None:
    for path in (tiny / "places").iterdir():
        path.unlink()
    (tiny / "places").rmdir()

    assert services.load_pack(tiny) == 0
    assert selectors.find("العين") == []


def test_what_the_pack_no_longer_names_stays_but_is_found_no_more(tiny: Path) -> None:
    services.load_pack(tiny)
    west = Place.objects.get(key="spring-west")
    write_pack(tiny, districts="".join(DISTRICTS.splitlines(keepends=True)[:2]))

    services.load_pack(tiny)

    assert Place.objects.get(key="spring-west").public_id == west.public_id
    assert selectors.find("الغربي") == []
    write_pack(tiny)
    services.load_pack(tiny)
    assert [place.key for place in selectors.find("الغربي")] == ["spring-west"]


def test_a_changed_owner_is_taken_over_and_the_place_stays_the_same(tiny: Path) -> None:
    services.load_pack(tiny)
    before = Place.objects.get(key="spring-west")
    write_pack(tiny, districts=DISTRICTS.replace(",,,neighbour,", ",only,2024-05-06,,"))

    services.load_pack(tiny)

    after = Place.objects.get(key="spring-west")
    assert (after.pk, after.public_id) == (before.pk, before.public_id)
    assert after.owner_since == date(2024, 5, 6)


def test_the_area_of_a_municipality_is_what_is_nearer_to_its_places(tiny: Path) -> None:
    services.load_pack(tiny)

    # The square is cut in the middle between the two districts; the eastern half is its.
    ((ring,),) = selectors.municipality_outlines().values()
    assert {x for x, _y in ring} == {20.5, 20.6}
    assert {y for _x, y in ring} == {10.4, 10.6}
    assert ring[0] == ring[-1]


def test_a_spreadsheets_mark_before_the_first_letter_does_no_harm(tiny: Path) -> None:
    write_pack(tiny, cities="\ufeff" + CITIES)
    assert services.load_pack(tiny) == 4


BROKEN = {
    "no column": ({"cities": CITIES.replace("certainty", "sure", 1)}, ["cities.csv", "line 1", "certainty"]),
    "no name": ({"cities": CITIES.replace("العين", "")}, ["cities.csv", "line 2", "name_ar"]),
    "no source": ({"cities": CITIES.replace("own:2", "")}, ["cities.csv", "line 2", "source"]),
    "unknown source": ({"cities": CITIES.replace("own:2", "hearsay:2")}, ["line 2", "source", "hearsay"]),
    "bad key": ({"cities": CITIES.replace("spring", "The Spring")}, ["line 2", "key"]),
    "key twice": ({"cities": CITIES + CITIES.splitlines()[1] + "\n"}, ["cities.csv", "line 3", "spring"]),
    "unknown parent": ({"cities": CITIES.replace(",valley,", ",hill,")}, ["line 2", "parent", "hill"]),
    "no parent": ({"cities": CITIES.replace(",valley,", ",,")}, ["line 2", "parent"]),
    "a parent of the same kind": (
        {"districts": DISTRICTS.replace("20.44,spring,", "20.44,spring-east,")},
        ["districts.csv", "line 3", "parent", "spring-east"],
    ),
    "unknown owner": ({"cities": CITIES.replace(",only,", ",tiny,")}, ["line 2", "owner", "tiny"]),
    "unknown outside body": (
        {"districts": DISTRICTS.replace(",neighbour,", ",stranger,")},
        ["line 3", "outside", "stranger"],
    ),
    "two in charge": ({"cities": CITIES.replace("01-02,,", "01-02,neighbour,")}, ["line 2", "outside"]),
    "since without owner": ({"cities": CITIES.replace(",only,2020", ",,2020")}, ["line 2", "owner_since"]),
    "no such day": ({"cities": CITIES.replace("01-02", "02-30")}, ["line 2", "owner_since", "2020-02-30"]),
    "no such latitude": ({"cities": CITIES.replace("10.5,20.5", "95,20.5")}, ["line 2", "latitude", "95"]),
    "latitude in words": ({"cities": CITIES.replace("10.5,", "north,")}, ["line 2", "latitude", "north"]),
    "no number": ({"cities": CITIES.replace("10.5,20.5", "nan,20.5")}, ["line 2", "latitude", "nan"]),
    "half a point": ({"cities": CITIES.replace("10.5,20.5", "10.5,")}, ["line 2", "longitude"]),
    "half sure": ({"cities": CITIES.replace("probable", "maybe")}, ["line 2", "certainty"]),
    "a comma too many": ({"cities": CITIES.replace("probable", "probable,so")}, ["cities.csv", "line 2"]),
    "a comma too few": ({"cities": CITIES.replace(",own:2,probable", ",own:2")}, ["cities.csv", "line 2"]),
    "a source without licence": ({"sources": SOURCES.replace("CC0", "")}, ["sources.csv", "line 2"]),
    "no outlines": ({"outlines": "{}"}, ["outlines.json"]),
    "later lines": ({"governorates": GOVERNORATES + f"x{GOVERNORATES.splitlines()[1][1:30]}\n"}, ["line 3"]),
}  # fmt: skip


@pytest.mark.parametrize(("files", "complaints"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_pack_says_where_it_is_broken(
    tiny: Path, files: dict[str, str], complaints: list[str]
) -> None:
    write_pack(tiny, **files)

    with pytest.raises(services.PlacesUnreadable) as refusal:
        services.load_pack(tiny)

    said = str(refusal.value).replace("السطر", "line")
    assert [word for word in complaints if word not in said] == []
    assert not Place.objects.exists()


def test_a_file_that_is_not_utf_8_is_refused(tiny: Path) -> None:
    (tiny / "places" / "cities.csv").write_bytes(CITIES.encode("windows-1256", "replace"))
    with pytest.raises(services.PlacesUnreadable, match=r"cities\.csv"):
        services.load_pack(tiny)


def test_a_file_that_a_type_does_without_need_not_be(tiny: Path) -> None:
    assert not (tiny / "places" / "roads.csv").exists()
    assert services.load_pack(tiny) == 4
