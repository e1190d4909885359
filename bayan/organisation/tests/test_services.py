from __future__ import annotations

from pathlib import Path

import pytest

from bayan.organisation import services
from bayan.organisation.models import Node

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


@pytest.fixture
def no_authority(db: None) -> None:
    Node.objects.exclude(parent=None).delete()
    Node.objects.all().delete()


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
