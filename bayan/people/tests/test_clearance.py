"""Digital clearance: one action, and nothing is left in the hands of who leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from bayan.core import events
from bayan.core.events import Holding
from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.models import Clearance, Invitation, Member, Role, Turn
from bayan.people.permissions import Access
from bayan.people.services import Slot
from bayan.people.tests.factories import make_member
from conftest import StaffClient

DAY = timedelta(days=1)


@pytest.fixture
def director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


@pytest.fixture
def successor(khobar: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, khobar)


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Folders, which an app above might let members hold: how many, by member."""
    held: dict[int, int] = {}

    def hand_over(member: Any, *, to: Any, by: Any, now: datetime) -> int:
        # The work is handed over while the rights to see it still stand.
        assert Access.of(by, now=now).may("people.manage")
        assert member.roles.current(now=now).exists()
        count = held.pop(member.pk, 0)
        held[to.pk] = held.get(to.pk, 0) + count
        return count

    monkeypatch.setattr(events, "_holdings", {})
    events.register_holding(
        Holding(
            key="folders",
            label="Folders",
            count=lambda member: held.get(member.pk, 0),
            hand_over=hand_over,
        )
    )
    return held


def clear(member: Member, successor: Member, by: Member, now: datetime) -> Clearance:
    return services.clear_member(member, successor=successor, by=Access.of(by, now=now), now=now)


def test_everything_is_handed_over_and_the_member_is_out(  # noqa: PLR0917
    client: StaffClient,
    folders: dict[int, int],
    khobar: Node,
    director: Member,
    khobar_responder: Member,
    successor: Member,
) -> None:
    now = timezone.now()
    folders[khobar_responder.pk] = 3
    client.force_login(khobar_responder)
    assert client.get("/inbox/").status_code == 200
    token = services.create_token(email=khobar_responder.email or "", scopes=["read"], now=now)
    headers = {"Authorization": f"Bearer {token}"}
    assert StaffClient().get("/api/v1/cases", headers=headers).status_code == 200
    services.name_deputy(
        khobar_responder,
        deputy=director,
        starts_at=now,
        ends_at=now + DAY,
        by=Access.of(khobar_responder, now=now),
        now=now,
    )
    by = Access.of(director, now=now)
    slots = [
        Slot(member=who, starts_at=now + begin * DAY, ends_at=now + begin * DAY + DAY / 3)
        for who, begin in ((khobar_responder, 1), (khobar_responder, 2))
    ]
    first, second = services.plan_turns(khobar, slots, by=by, now=now)

    done = clear(khobar_responder, successor, director, now)

    assert folders == {successor.pk: 3}
    assert set(Turn.objects.values_list("member", flat=True)) == {successor.pk}
    # The browser that was signed in is not any more, nor is the key good.
    assert client.get("/inbox/").status_code == 302
    assert StaffClient().get("/api/v1/cases", headers=headers).status_code == 401
    lent = [role for role in Access.of(director, now=now).roles if role.member_id != director.pk]
    assert lent == []
    assert {(key, passed) for key, _held, passed in done.handed_over} == {
        ("folders", 3), ("turns", 2), ("deputyships", 1), ("tokens", 1), ("sessions", 1),
        ("roles", 1),
    }  # fmt: skip
    assert done.roles == [["responder", "khobar"]]
    trail = AuditEntry.objects.get(action="member.cleared")
    assert trail.details["handed_over"]["folders"] == 3
    assert (first.pk, second.pk) == tuple(
        Turn.objects.order_by("starts_at").values_list("pk", flat=True)
    )


def test_being_switched_on_again_brings_nothing_back(  # noqa: PLR0917
    client: StaffClient,
    folders: dict[int, int],
    director: Member,
    khobar_responder: Member,
    successor: Member,
    now: datetime,
) -> None:
    folders[khobar_responder.pk] = 1
    client.force_login(khobar_responder)
    clear(khobar_responder, successor, director, now)

    services.switch_on(khobar_responder, by=Access.of(director, now=now), now=now)

    assert folders == {successor.pk: 1}
    assert client.get("/inbox/").status_code == 302
    assert Access.of(khobar_responder, now=now).roles == ()


def test_a_turn_at_which_the_successor_is_busy_leaves_a_gap_that_is_named(
    desk: Node, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    chief = make_member(Role.Kind.DIRECTOR, desk)
    by = Access.of(chief, now=now)
    slot = {"starts_at": timezone.now() + DAY, "ends_at": timezone.now() + 1.5 * DAY}
    services.plan_turns(desk, [Slot(member=chief, **slot)], by=by, now=now)
    later = {"starts_at": slot["starts_at"] + DAY, "ends_at": slot["ends_at"] + DAY}
    slots = [Slot(member=khobar_responder, **slot), Slot(member=khobar_responder, **later)]
    services.plan_turns(khobar, slots, by=by, now=now)

    done = clear(khobar_responder, chief, chief, now)

    assert ("turns", 2, 1) in [tuple(line) for line in done.handed_over]
    assert Turn.objects.filter(node=khobar).count() == 1


def test_the_turn_under_way_is_divided_between_the_two(
    khobar: Node, director: Member, khobar_responder: Member, successor: Member, now: datetime
) -> None:
    end = now + DAY
    slot = Slot(member=khobar_responder, starts_at=now - DAY / 4, ends_at=end)
    services.plan_turns(khobar, [slot], by=Access.of(director, now=now), now=now)
    clear(khobar_responder, successor, director, now)
    assert list(
        Turn.objects.order_by("starts_at").values_list("member", "starts_at", "ends_at")
    ) == [(khobar_responder.pk, now - DAY / 4, now), (successor.pk, now, end)]


def test_open_invitations_of_who_leaves_lead_nowhere(
    desk: Node, khobar: Node, director: Member, now: datetime
) -> None:
    chief = make_member(Role.Kind.ADMINISTRATOR, desk)
    services.invite(
        email="new@example.org", phone="", name_ar="", kind=Role.Kind.VIEWER, node=khobar,
        by=Access.of(director, now=now), now=now,
    )  # fmt: skip
    clear(director, chief, chief, now)
    assert Invitation.objects.get().withdrawn_at == now


def test_who_may_clear_whom(  # noqa: PLR0917
    desk: Node,
    khobar: Node,
    director: Member,
    khobar_responder: Member,
    successor: Member,
    qatif_responder: Member,
    now: datetime,
) -> None:
    administrator = make_member(Role.Kind.ADMINISTRATOR, desk)
    for member, to, by, refusal in (
        (khobar_responder, khobar_responder, director, services.NoSuccessor),
        (khobar_responder, qatif_responder, director, services.NoSuccessor),
        (qatif_responder, successor, director, PermissionDenied),
        (khobar_responder, director, successor, PermissionDenied),
        (director, successor, director, services.OwnRights),
        (administrator, successor, director, PermissionDenied),
    ):
        with pytest.raises(refusal):
            clear(member, to, by, now)
    Member.objects.filter(pk=successor.pk).update(is_active=False)
    with pytest.raises(services.NoSuccessor):
        clear(khobar_responder, successor, director, now)
    assert not Clearance.objects.exists()


def test_the_director_clears_a_member_on_the_page_and_prints_the_certificate(  # noqa: PLR0917
    client: StaffClient,
    folders: dict[int, int],
    khobar: Node,
    director: Member,
    khobar_responder: Member,
    successor: Member,
    qatif: Node,
) -> None:
    folders[khobar_responder.pk] = 4
    client.force_login(director)
    address = reverse("people:clearance", args=[khobar_responder.public_id])
    page = client.get(address).content.decode()
    assert "Folders" in page
    assert "<b>4</b>" in page

    answer = client.post(address, {"successor": str(successor.public_id)})

    certificate = client.get(answer.headers["Location"]).content.decode()
    for words in (khobar_responder.name_ar, successor.name_ar, director.name_ar, "Folders"):
        assert words in certificate
    page = client.get(reverse("people:member", args=[khobar_responder.public_id])).content.decode()
    assert answer.headers["Location"] in page
    client.force_login(make_member(Role.Kind.DIRECTOR, qatif))
    assert client.get(answer.headers["Location"]).status_code == 404
