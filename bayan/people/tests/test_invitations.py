"""Invitations: a link that is good once, for the right person, for some days."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.models import Invitation, Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from conftest import StaffClient

PASSWORD = "a long and quiet afternoon"


@pytest.fixture
def director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


def invite(by: Member, body: Node, now: datetime, **given: object) -> tuple[Invitation, str]:
    return services.invite(
        **{  # type: ignore[arg-type]
            "email": "new@example.org",
            "phone": "",
            "name_ar": "ريم العنزي",
            "kind": Role.Kind.RESPONDER,
            "node": body,
            "by": Access.of(by, now=now),
            "now": now,
        }
        | given
    )


def accept(secret: str, now: datetime, **given: str) -> Member:
    words = {"name_ar": "ريم العنزي", "name_en": "", "email": "", "password": PASSWORD}
    return services.accept_invitation(secret, **(words | given), now=now)


def test_whoever_holds_the_link_becomes_a_member_once(
    director: Member, khobar: Node, now: datetime
) -> None:
    invitation, secret = invite(director, khobar, now)
    assert secret.encode() not in bytes(invitation.hash)

    member = accept(secret, now)

    assert (member.email, member.check_password(PASSWORD)) == ("new@example.org", True)
    assert Access.of(member, now=now).may("conversations.reply", khobar)
    with pytest.raises(services.InvitationIsOver):
        accept(secret, now)
    assert Member.objects.filter(email="new@example.org").count() == 1


def test_the_address_of_the_invitation_goes_before_any_other(
    director: Member, khobar: Node, now: datetime
) -> None:
    _invitation, secret = invite(director, khobar, now)
    assert accept(secret, now, email="mallory@example.org").email == "new@example.org"


def test_a_link_ends_by_time_by_a_new_one_and_by_withdrawal(
    director: Member, khobar: Node, now: datetime
) -> None:
    by = Access.of(director, now=now)
    invitation, first = invite(director, khobar, now)
    with pytest.raises(services.InvitationIsOver):
        accept(first, now + timedelta(days=7))
    second = services.renew_invitation(invitation, by=by, now=now)
    with pytest.raises(services.InvitationIsOver):
        accept(first, now)
    services.withdraw_invitation(invitation, by=by, now=now)
    with pytest.raises(services.InvitationIsOver):
        accept(second, now)
    with pytest.raises(services.InvitationIsOver):
        services.renew_invitation(invitation, by=by, now=now)


def test_nobody_is_invited_twice_or_beyond_ones_own_rights(
    director: Member, khobar: Node, qatif: Node, khobar_responder: Member, now: datetime
) -> None:
    invite(director, khobar, now, phone="966500000142")
    for given, refusal in (
        ({}, services.InvitedAlready),
        ({"email": "NEW@example.org"}, services.InvitedAlready),
        ({"email": "", "phone": "966500000142"}, services.InvitedAlready),
        ({"email": khobar_responder.email}, services.AddressTaken),
        ({"email": "b@example.org", "node": qatif}, PermissionDenied),
        ({"email": "b@example.org", "kind": Role.Kind.ADMINISTRATOR}, PermissionDenied),
        ({"email": "b@example.org", "role_ends_at": now}, services.EndsInThePast),
    ):
        with pytest.raises(refusal):
            invite(director, khobar, now, **given)


def test_a_director_sees_no_invitation_of_another_municipality(
    client: StaffClient, director: Member, khobar: Node, qatif: Node
) -> None:
    invitation, _secret = invite(
        make_member(Role.Kind.DIRECTOR, qatif), qatif, timezone.now(), email="q@example.org"
    )
    client.force_login(director)
    assert "q@example.org" not in client.get(reverse("people:invitations")).content.decode()
    for name in ("renew_invitation", "withdraw_invitation"):
        address = reverse(f"people:{name}", args=[invitation.public_id])
        assert client.post(address).status_code == 404


def test_from_the_directors_page_to_the_newcomers_first_page(
    client: StaffClient, director: Member, khobar: Node
) -> None:
    cache.clear()
    client.force_login(director)
    page = client.post(
        reverse("people:invitations"),
        {
            "name_ar": "ريم العنزي", "email": "reem@example.org", "phone": "0500000142",
            "kind": "press_officer", "node": "khobar",
        },
    )  # fmt: skip
    assert page.headers["Cache-Control"] == "no-store"
    found = re.search(r"http://testserver(/invitation/[\w-]+)", page.content.decode())
    assert found is not None
    link = found[1]
    # Shown this once.
    assert link not in client.get(reverse("people:invitations")).content.decode()
    # Whoever is signed in does not become somebody else.
    assert client.get(link).status_code == 409

    newcomer = StaffClient()
    # As in production: a visitor's queries run in the role that sees no protected row.
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE bayan_login")
    try:
        for _look in range(2):  # messengers look at links before people do
            assert newcomer.get(link).status_code == 200
        given = {"name_ar": "ريم العنزي", "password": PASSWORD, "again": PASSWORD}
        for wrong in ({"again": "another"}, {"password": "short", "again": "short"}):
            assert newcomer.post(link, given | wrong).status_code == 422
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE bayan_login")
        answer = newcomer.post(link, given)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE bayan_worker")
    assert answer.headers["Location"] == reverse("people:me")
    member = Member.objects.get(email="reem@example.org")
    assert member.phone == "966500000142"
    assert member.phone_linked_at is None
    assert "مسؤول العلاقات الإعلامية" in newcomer.get(reverse("people:me")).content.decode()
    assert StaffClient().get(link).status_code == 410
    assert StaffClient().post(
        reverse("account_login"), {"login": "reem@example.org", "password": PASSWORD}
    ).status_code == 302  # fmt: skip


def test_sending_the_form_again_and_again_is_slowed_down(client: StaffClient) -> None:
    cache.clear()
    answers = [client.post(f"/invitation/guess-{number}").status_code for number in range(31)]
    assert answers == [410] * 30 + [429]
    cache.clear()
