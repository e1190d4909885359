"""The team of a surge: comes by a link, for hours, and what it held goes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.surge.models import Helper, Surge, TeamLink
from bayan.cases.tests.factories import make_case
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from conftest import StaffClient

NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.fixture
def director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


@pytest.fixture
def surge(khobar: Node, director: Member) -> Surge:
    words = services.SurgeWords(reason="أمطار غزيرة")
    return services.begin_surge(khobar, words, by=director, now=NOW)[0]


def link(surge: Surge, director: Member, *, most: int = 2) -> str:
    access = Access.of(director, now=NOW)
    return services.make_link(
        surge.public_id, most=most, good_for=HOUR, help_for=8 * HOUR, by=access, now=NOW
    )[1]


def may_answer(member: Member, node: Node, *, at: timedelta = timedelta()) -> bool:
    return Access.of(member, now=timezone.now() + at).may("conversations.reply", node)


def test_a_member_of_another_body_answers_at_once_and_until_the_links_time(
    client: StaffClient, surge: Surge, director: Member, khobar: Node, qatif_responder: Member
) -> None:
    address = reverse("cases:surge_join", args=[link(surge, director)])
    assert client.get(address).status_code == 302  # to the sign-in page, and back
    client.force_login(qatif_responder)
    assert client.get(address).status_code == 200
    assert not may_answer(qatif_responder, khobar)

    client.post(address)

    assert may_answer(qatif_responder, khobar)
    assert not may_answer(qatif_responder, khobar, at=8 * HOUR + HOUR)
    actions = AuditEntry.objects.filter(subject_key=surge.public_id).order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "surge.begun", "surge.link_made", "surge.link_opened", "surge.helper_came",
    ]  # fmt: skip
    assert not AuditEntry.objects.filter(details__icontains=address.rpartition("/")[2]).exists()


def test_a_link_opens_so_often_so_long_and_for_nobody_who_answers_already(
    surge: Surge, director: Member, qatif_responder: Member, desk_responder: Member, desk: Node
) -> None:
    secret = link(surge, director, most=1)
    with pytest.raises(services.AnswersAlready):
        services.join_team(secret, by=desk_responder, now=NOW)
    with pytest.raises(services.LinkIsOver):
        services.join_team(secret, by=qatif_responder, now=NOW + HOUR)
    with pytest.raises(services.LinkIsOver):
        services.join_team(f"{secret}x", by=qatif_responder, now=NOW)
    services.join_team(secret, by=qatif_responder, now=NOW)
    another = make_member(Role.Kind.RESPONDER, Node.objects.get(key="jubail"))
    with pytest.raises(services.LinkIsOver):
        services.join_team(secret, by=another, now=NOW)

    withdrawn = link(surge, director)
    newest = TeamLink.objects.latest("pk")
    services.withdraw_link(newest.public_id, by=director, now=NOW)
    with pytest.raises(services.LinkIsOver):
        services.join_team(withdrawn, by=another, now=NOW)
    assert bytes(newest.hash) != withdrawn.encode()


def test_nobody_makes_a_link_for_another_body_for_too_long_or_keeps_it_without_the_right(
    surge: Surge, director: Member, qatif: Node, qatif_responder: Member
) -> None:
    other = Access.of(make_member(Role.Kind.DIRECTOR, qatif), now=NOW)
    with pytest.raises(PermissionDenied):
        services.make_link(surge.public_id, most=1, good_for=HOUR, help_for=HOUR, by=other, now=NOW)
    own = Access.of(director, now=NOW)
    for good_for, help_for, most in ((HOUR, 73 * HOUR, 1), (2 * HOUR, HOUR, 1), (HOUR, HOUR, 0)):
        with pytest.raises(services.LinkUnusable):
            services.make_link(
                surge.public_id, most=most, good_for=good_for, help_for=help_for, by=own, now=NOW
            )
    secret = link(surge, director)
    director.roles.update(ends_at=NOW)
    with pytest.raises(services.LinkIsOver):
        services.join_team(secret, by=qatif_responder, now=NOW + timedelta(seconds=1))


@pytest.mark.parametrize("end", ["time", "surge", "withdrawn"])
def test_however_their_help_ends_what_they_held_goes_back_and_their_own_stays(
    surge: Surge,
    director: Member,
    *,
    khobar: Node,
    qatif: Node,
    qatif_responder: Member,
    end: str,
) -> None:
    helper = services.join_team(link(surge, director), by=qatif_responder, now=NOW)
    here = make_case("غرق الشارع", node=khobar, now=NOW)
    own = make_case("إنارة", node=qatif, now=NOW, phone="966500000901", whatsapp_id="SA.901")
    for case in (here, own):
        rows = Case.objects.filter(pk=case.pk)
        services.give_to(rows, to=qatif_responder, by=director, now=NOW)
        conversations = Conversation.objects.filter(pk=case.conversation_id)
        inbox.assign(conversations, to=qatif_responder, by=director, now=NOW)

    later = NOW + 2 * HOUR
    if end == "time":
        later = NOW + 9 * HOUR
        assert services.let_helpers_go(now=later) == 1
    elif end == "surge":
        services.end_surge(surge.public_id, by=director, now=later)
    else:
        access = Access.of(director, now=later)
        services.withdraw_helper(helper.public_id, by=access, now=later)

    here.refresh_from_db()
    own.refresh_from_db()
    assert (here.owner, own.owner) == (None, qatif_responder)
    assert Conversation.objects.get(pk=here.conversation_id).assignee is None
    assert not Access.of(qatif_responder, now=later).may("conversations.reply", khobar)
    left = Helper.objects.get()
    assert (left.left_by, left.given_back) == (end, 1)
    assert services.let_helpers_go(now=later + 9 * HOUR) == 0


def test_the_link_is_shown_once_as_a_code_and_as_words_to_send(
    client: StaffClient, surge: Surge, director: Member
) -> None:
    client.force_login(director)

    made = client.post(
        reverse("cases:surge_link", args=[surge.public_id]),
        {"most": "5", "good_for": "2", "help_for": "8"},
    )
    shown = made.content.decode()

    assert "<svg" in shown
    assert 'class="qr"' in shown
    assert "https://wa.me/?text=" in shown
    assert 'style="' not in shown
    assert made["Cache-Control"] == "no-store"
    assert 'class="qr"' not in client.get(reverse("cases:surge")).content.decode()
