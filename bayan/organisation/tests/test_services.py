from __future__ import annotations

from pathlib import Path

import pytest

from bayan.core.colours import contrast
from bayan.organisation import selectors, services
from bayan.organisation.brand import BrandUnreadable, read_brand
from bayan.organisation.models import Node, OutsideBody

EASTERN = Path(__file__).parents[3] / "authorities" / "eastern"
A_TINY_AUTHORITY = """
[authority]
key = "tiny"
name_ar = "أمانة صغيرة"
name_en = "A small authority"

[[bodies]]
key = "only"
kind = "municipality"
parent = "tiny"
name_ar = "بلدية وحيدة"
name_en = "The only municipality"
"""


def test_the_eastern_pack_has_its_25_municipalities_and_5_agencies(db: None) -> None:
    services.load_pack(EASTERN)
    assert Node.objects.municipalities().count() == 25
    assert Node.objects.filter(kind=Node.Kind.AGENCY).count() == 5
    assert {"khobar", "qatif", "jubail", "qaryat-al-ulya", "khafji"} <= set(
        Node.objects.municipalities().values_list("key", flat=True)
    )


def test_each_agency_of_the_pack_has_departments_which_long_lists_show_below_it(db: None) -> None:
    (_label, own), (_towns, towns) = selectors.nodes_in_groups()
    agencies = [node for node in own if node.kind == Node.Kind.AGENCY]
    for agency in agencies:
        below = own[own.index(agency) + 1]
        assert (below.kind, below.parent_id) == (Node.Kind.DEPARTMENT, agency.pk)
    assert len(towns) == 25


def test_loading_a_pack_again_changes_nothing(db: None) -> None:
    services.load_pack(EASTERN)
    before = list(Node.objects.order_by("pk").values())
    services.load_pack(EASTERN)
    assert list(Node.objects.order_by("pk").values()) == before


def test_a_changed_name_is_taken_over_and_the_body_stays_the_same(db: None, tmp_path: Path) -> None:
    khobar = Node.objects.get(key="khobar")
    pack = (EASTERN / "organisation.toml").read_text(encoding="utf-8")
    (tmp_path / "organisation.toml").write_text(pack.replace("بلدية محافظة الخبر", "بلدية الخبر"))

    services.load_pack(tmp_path)

    assert Node.objects.get(key="khobar").pk == khobar.pk
    assert Node.objects.get(key="khobar").name_ar == "بلدية الخبر"


def test_an_instance_serves_one_authority(db: None, tmp_path: Path) -> None:
    (tmp_path / "organisation.toml").write_text(A_TINY_AUTHORITY)
    with pytest.raises(services.AnotherAuthority):
        services.load_pack(tmp_path)


def test_another_authority_is_another_folder(no_authority: None, tmp_path: Path) -> None:
    (tmp_path / "organisation.toml").write_text(A_TINY_AUTHORITY)

    assert services.load_pack(tmp_path) == 2

    only = Node.objects.get(key="only")
    assert only.lineage == [only.parent_id, only.pk]


@pytest.mark.parametrize(
    ("pack", "complaint"),
    [
        ("this is not TOML", "organisation.toml"),
        (A_TINY_AUTHORITY.replace('parent = "tiny"', 'parent = "nobody"'), "nobody"),
        (A_TINY_AUTHORITY.replace('name_ar = "بلدية وحيدة"', ""), "name_ar"),
    ],
)
def test_a_broken_pack_says_where_it_is_broken(
    no_authority: None, tmp_path: Path, pack: str, complaint: str
) -> None:
    (tmp_path / "organisation.toml").write_text(pack)
    with pytest.raises(services.PackUnreadable, match=complaint):
        services.load_pack(tmp_path)


def test_the_pack_names_its_department_and_the_bodies_outside(db: None) -> None:
    department = Node.objects.get(key="public-relations")
    assert department.kind == Node.Kind.DEPARTMENT
    assert department.short_name_ar == "العلاقات العامة والإعلام"
    keys = OutsideBody.objects.order_by("position").values_list("key", flat=True)
    assert list(keys) == [
        "al-ahsa", "hafr-al-batin", "royal-commission-jubail", "aramco", "national-water",
        "saudi-electricity", "roads-authority", "traffic-police", "civil-defence", "red-crescent",
    ]  # fmt: skip
    assert OutsideBody.objects.get(key="traffic-police").short_name_ar == "المرور"


def test_an_outside_body_without_a_name_is_named(no_authority: None, tmp_path: Path) -> None:
    (tmp_path / "organisation.toml").write_text(
        A_TINY_AUTHORITY + '[[outside]]\nkey = "neighbour"\nname_en = "Neighbour"\n'
    )
    with pytest.raises(services.PackUnreadable, match="name_ar"):
        services.load_pack(tmp_path)
    assert not OutsideBody.objects.filter(key="neighbour").exists()


BRAND = 'name_ar = "أمانة"\nname_en = "Authority"\nprimary = "#1F7A4F"\n'


def test_a_brand_is_read_and_its_colour_can_be_read_on(tmp_path: Path) -> None:
    assert read_brand(tmp_path) is None
    (tmp_path / "brand.toml").write_text(BRAND)
    brand = read_brand(tmp_path)
    assert brand is not None
    assert (brand.name_en, brand.primary, brand.logo) == ("Authority", "#1f7a4f", None)
    (tmp_path / "logo.svg").write_text("<svg/>")
    (tmp_path / "brand.toml").write_text(BRAND + 'logo = "logo.svg"\n')
    brand = read_brand(tmp_path)
    assert brand is not None
    assert brand.logo == tmp_path / "logo.svg"
    assert read_brand(EASTERN) is not None


def test_contrast_is_counted_as_wcag_counts_it() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("brand", "complaint"),
    [
        ("not TOML", "brand.toml"),
        (BRAND.replace('primary = "#1F7A4F"', ""), "primary"),
        (BRAND.replace("#1F7A4F", "green"), "green"),
        # A shade too light: 4.48 to 1.
        (BRAND.replace("#1F7A4F", "#777777"), "#777777"),
        (BRAND.replace('"أمانة"', "7"), "name_ar"),
        (BRAND + 'logo = "missing.svg"\n', "missing.svg"),
        (BRAND + 'logo = "../organisation.toml"\n', "organisation.toml"),
    ],
)
def test_a_brand_that_cannot_be_used_stops_the_start(
    no_authority: None, tmp_path: Path, brand: str, complaint: str
) -> None:
    (tmp_path / "organisation.toml").write_text(A_TINY_AUTHORITY)
    (tmp_path / "brand.toml").write_text(brand)
    with pytest.raises(BrandUnreadable, match=complaint):
        services.load_pack(tmp_path)
    assert not Node.objects.exists()
