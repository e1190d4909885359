"""The tour is shown to each member once, and to whom it concerns."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.urls import reverse

from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.models import Member, Role
from bayan.people.tests.factories import SINCE, make_member
from conftest import StaffClient

ME = reverse("people:me")


@pytest.fixture
def newcomer(khobar_responder: Member) -> Member:
    services.restart_tour(khobar_responder)
    return khobar_responder


def test_somebody_new_is_shown_around_until_they_end_it(
    client: StaffClient, newcomer: Member
) -> None:
    client.force_login(newcomer)
    assert 'id="tour"' in client.get(ME).content.decode()

    assert client.post(reverse("people:end_tour")).status_code == 204

    assert 'id="tour"' not in client.get(ME).content.decode()
    newcomer.refresh_from_db()
    assert newcomer.toured_at is not None


def test_whoever_knows_their_way_is_left_alone_until_they_ask(
    client: StaffClient, khobar_responder: Member
) -> None:
    client.force_login(khobar_responder)
    page = client.get(ME).content.decode()
    assert 'id="tour"' not in page
    assert reverse("people:restart_tour") in page

    answer = client.post(reverse("people:restart_tour"))

    assert answer.headers["Location"] == "/"
    assert 'id="tour"' in client.get(ME).content.decode()


def test_ending_it_twice_keeps_the_first_moment(newcomer: Member, now: datetime) -> None:
    services.end_tour(newcomer, now=SINCE)
    services.end_tour(newcomer, now=now)
    newcomer.refresh_from_db()
    assert newcomer.toured_at == SINCE


def test_a_fragment_brings_no_tour(client: StaffClient, newcomer: Member) -> None:
    client.force_login(newcomer)
    assert "tour" not in client.get("/inbox/", headers={"HX-Request": "true"}).content.decode()


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (Role.Kind.RESPONDER, "answers"),
        (Role.Kind.DIRECTOR, "answers"),
        (Role.Kind.EXECUTIVE, "directs"),
        (Role.Kind.EDITOR, "reads"),
        (Role.Kind.TRAINER, "other"),
    ],
)
def test_it_speaks_of_what_the_member_may_do(
    client: StaffClient, khobar: Node, role: Role.Kind, told: str
) -> None:
    member = make_member(role, khobar)
    services.restart_tour(member)
    client.force_login(member)
    page = client.get(ME)
    assert page.context["tour"] == told
    assert 'id="tour-text-3"' in page.content.decode()


def test_nobody_ends_it_before_signing_in(client: StaffClient) -> None:
    for name in ("people:end_tour", "people:restart_tour"):
        assert client.post(reverse(name)).headers["Location"].startswith("/sign-in/")
