"""Who may speak: the table is asked and changed; what it refuses says who may, and is noted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from bayan.core.models import AuditEntry
from bayan.mandates import selectors, services
from bayan.mandates.models import Act, Level, Version
from bayan.mandates.services import NotTheirs
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from conftest import StaffClient


@pytest.fixture
def table(desk: Node, now: datetime) -> Version:
    """The table of the pack that comes with Bayan."""
    assert settings.AUTHORITY_DIR is not None
    Version.objects.all().delete()
    assert services.load_pack(settings.AUTHORITY_DIR, now=now) == 6
    # Only once: then it is the page's.
    assert services.load_pack(settings.AUTHORITY_DIR, now=now) == 0
    found = selectors.current()
    assert found is not None
    return found


def may(member: Member, act: Act, topic: str, node: Node, *, now: datetime) -> bool:
    cell = selectors.cell_for(topic, node)
    assert cell is not None
    return cell.may(act, Access.of(member, now=now))


def test_a_topic_and_a_body_say_who_speaks_and_who_approves(
    table: Version, desk: Node, khobar: Node, qatif: Node, now: datetime
) -> None:
    spokesperson = make_member(Role.Kind.SPOKESPERSON, desk)
    mayor, neighbour = (make_member(Role.Kind.EXECUTIVE, node) for node in (khobar, qatif))
    assert may(mayor, Act.SPEAK, "projects", khobar, now=now)
    assert not may(neighbour, Act.SPEAK, "projects", khobar, now=now)
    assert not may(mayor, Act.SPEAK, "budget", khobar, now=now)
    assert may(spokesperson, Act.SPEAK, "budget", khobar, now=now)
    assert not may(spokesperson, Act.APPROVE, "budget", khobar, now=now)
    # A topic without a row of its own goes by the one for everything else.
    assert may(mayor, Act.SPEAK, "lighting", khobar, now=now)
    said = selectors.answer("budget", khobar, now=now)
    assert spokesperson.name in said
    assert mayor.name in said
    assert selectors.level_of(khobar) == Level.MUNICIPALITY
    assert selectors.level_of(desk) == Level.AUTHORITY


def test_what_is_refused_says_who_may(
    table: Version, desk: Node, khobar: Node, now: datetime
) -> None:
    spokesperson = make_member(Role.Kind.SPOKESPERSON, desk)
    officer = make_member(Role.Kind.PRESS_OFFICER, desk)
    with pytest.raises(NotTheirs, match=spokesperson.name) as refused:
        services.require(
            Act.SPEAK, "crisis", khobar, [officer], by=officer, subject=("story", "1"), now=now
        )
    assert [one.action for one in refused.value.entries] == ["mandate.speak_refused"]
    services.require(
        Act.SPEAK, "crisis", khobar, [officer, spokesperson], by=officer, subject=("story", "1"),
        now=now,
    )  # fmt: skip


def test_directors_change_a_row_each_version_stays_and_nobody_overwrites_another(
    table: Version, desk: Node, client: StaffClient
) -> None:
    director = make_member(Role.Kind.DIRECTOR, desk)
    client.force_login(make_member(Role.Kind.EDITOR, desk))
    address = reverse("mandates:topic", args=["lighting"])
    assert client.get(reverse("mandates:table")).status_code == 200
    assert client.get(address).status_code == 403

    client.force_login(director)
    form = {"seen": str(table.number)} | {
        f"{level}-{act}": "spokesperson.authority" for level in Level.values for act in Act.values
    }
    assert client.post(address, form | {"crisis-speak": ""}).status_code == 422
    assert client.post(address, form).status_code == 302
    # Another had the first version before their eyes.
    assert client.post(address, form).status_code == 409
    assert [one.number for one in Version.objects.order_by("number")] == [1, 2]
    line = AuditEntry.objects.get(action="mandate.changed")
    assert line.details == {"topic": "lighting", "version": 2}
    csv = client.get(reverse("mandates:export")).getvalue().decode()
    assert csv.count("\n") == 1 + 7 * len(Level.values)
    client.post(reverse("mandates:remove", args=["lighting"]), {"seen": "2"})
    latest = selectors.current()
    assert latest is not None
    assert "lighting" not in latest.cells


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[[topics]]\nkey = "weather"', "weather"),
        ('[[topics]]\nkey = "other"\nmunicipality = { speak = ["nobody"] }', "approve is missing"),
        ("[[topics]", "mandates.toml"),
    ],
)
def test_a_broken_table_of_a_pack_is_refused_with_its_place(
    text: str, fault: str, tmp_path: Path, db: None, now: datetime
) -> None:
    Version.objects.all().delete()
    (tmp_path / "mandates.toml").write_text(text, encoding="utf-8")
    with pytest.raises(services.PackUnreadable, match=fault):
        services.load_pack(tmp_path, now=now)
