"""Where members are to be reached, and the call tree for when nothing else works."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pypdfium2
import pytest
from django.urls import reverse

from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.calling import call_tree
from bayan.people.models import Member, Role, Turn
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from conftest import StaffClient

KHOBAR = "khobar"


def signed_in(member: Member) -> StaffClient:
    client = StaffClient()
    client.force_login(member)
    return client


@pytest.fixture
def khobar(desk: Node) -> Node:
    return Node.objects.get(key=KHOBAR)


def test_a_member_enters_another_mobile_for_when_theirs_gets_nothing(
    desk: Node, now: datetime
) -> None:
    member = make_member(Role.Kind.RESPONDER, desk)
    client = signed_in(member)
    address = reverse("people:backup_phone")
    assert client.post(address, {"backup_phone": "050 123 4567"}).status_code == 302
    member.refresh_from_db()
    assert member.backup_phone == "966501234567"
    page = client.get(reverse("people:me")).content.decode()
    assert "+966 50 123 4567" in page

    assert client.post(address, {"backup_phone": "911"}).status_code == 422
    assert client.post(address, {"backup_phone": ""}).status_code == 302
    member.refresh_from_db()
    assert member.backup_phone == ""


def test_whoever_is_in_charge_enters_it_and_an_address_where_there_is_none(
    desk: Node, khobar: Node, now: datetime
) -> None:
    officer = make_member(Role.Kind.EXECUTIVE, khobar)
    Member.objects.filter(pk=officer.pk).update(email=None, phone="966500000111")
    administrator = make_member(Role.Kind.ADMINISTRATOR, desk)
    stranger = make_member(Role.Kind.DIRECTOR, Node.objects.get(key="qatif"))
    backup = reverse("people:member_backup_phone", args=[officer.public_id])
    address = reverse("people:member_address", args=[officer.public_id])

    for path, given in (
        (backup, {"backup_phone": "0501234567"}),
        (address, {"email": "mayor@example.org"}),
    ):
        assert signed_in(stranger).post(path, given).status_code == 404
        assert signed_in(administrator).post(path, given).status_code == 302
    officer.refresh_from_db()
    assert (officer.backup_phone, officer.email) == ("966501234567", "mayor@example.org")
    # It is theirs to sign in with: nobody changes it for them.
    again = signed_in(administrator).post(address, {"email": "other@example.org"})
    assert again.status_code == 422


def test_the_first_mobile_is_no_backup_of_itself(desk: Node, now: datetime) -> None:
    member = make_member(Role.Kind.RESPONDER, desk)
    member.phone = "966501234567"
    with pytest.raises(services.NoMobile):
        services.set_backup_phone(member, "0501234567", by=Access.of(member, now=now), now=now)


def test_whoever_is_on_duty_is_called_first_and_calls_the_bodies_below(
    desk: Node, khobar: Node, now: datetime, django_assert_num_queries: Any
) -> None:
    director = make_member(Role.Kind.DIRECTOR, desk)
    officer = make_member(Role.Kind.RESPONDER, desk)
    mayor = make_member(Role.Kind.EXECUTIVE, khobar)
    Turn.objects.create(
        node=desk,
        member=officer,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(hours=1),
    )
    access = Access.of(director, now=now)
    with django_assert_num_queries(3):
        above, below = call_tree(access, now=now)

    assert [person.member for person in above.people] == [officer, director]
    assert above.called_by is None
    assert (below.node, below.first and below.first.member) == (khobar, mayor)
    assert below.called_by
    assert below.called_by.member == officer


def test_only_who_writes_the_roster_prints_the_tree_and_only_of_their_bodies(
    desk: Node, khobar: Node
) -> None:
    director, mayor = (
        make_member(Role.Kind.DIRECTOR, khobar),
        make_member(Role.Kind.EXECUTIVE, desk),
    )
    page = signed_in(director).get(reverse("people:call_tree"))
    assert page.status_code == 200
    assert director.name_ar in page.content.decode()
    assert mayor.name_ar not in page.content.decode()
    assert signed_in(mayor).get(reverse("people:call_tree")).status_code == 403
    assert signed_in(mayor).get(reverse("people:call_tree_pdf")).status_code == 403
    Member.objects.filter(pk=director.pk).update(phone="966500000142")
    printed = pypdfium2.PdfDocument(
        signed_in(director).get(reverse("people:call_tree_pdf")).content
    )
    page_of_it = printed[0].get_textpage()

    def left_edge(words: str) -> float:
        place, _length = page_of_it.search(words).get_next()
        return float(page_of_it.get_charbox(place)[0])

    # A number runs from left to right, whatever stands around it.
    assert left_edge("+966") < left_edge("0142")
