"""Standing in: the lender's own roles, for the time, and no further."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people import selectors, services
from bayan.people.models import Deputyship, Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.people.trail import in_words
from conftest import StaffClient

DAY = timedelta(days=1)


@pytest.fixture
def director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


@pytest.fixture
def desk_viewer(desk: Node) -> Member:
    return make_member(Role.Kind.VIEWER, desk)


def name(
    member: Member, deputy: Member, now: datetime, *, by: Member | None = None, days: int = 3
) -> Deputyship:
    return services.name_deputy(
        member,
        deputy=deputy,
        starts_at=now,
        ends_at=now + days * DAY,
        by=Access.of(by or member, now=now),
        now=now,
    )


def test_the_deputy_acts_with_the_members_roles_until_the_time_is_over(
    director: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    name(director, khobar_responder, now)

    acting = Access.of(khobar_responder, now=now + DAY)
    assert acting.may("people.manage", khobar)
    assert acting.main_role is not None
    assert acting.main_role.member_id == khobar_responder.pk
    assert not Access.of(khobar_responder, now=now + 3 * DAY).may("people.manage")
    assert not Access.of(khobar_responder, now=now - DAY).may("people.manage")


def test_the_trail_says_for_whom_somebody_acted(
    director: Member, khobar_responder: Member, khobar: Node
) -> None:
    now = timezone.now()
    name(director, khobar_responder, now)
    assert khobar_responder.audit_label == (
        f"responder@khobar, director@khobar for {director.public_id}"
    )
    newcomer = make_member(Role.Kind.VIEWER, khobar)

    services.give_role(
        newcomer,
        kind=Role.Kind.EDITOR,
        node=khobar,
        by=Access.of(khobar_responder, now=now),
        now=now,
    )

    (line,) = in_words(AuditEntry.objects.filter(action="member.role_given"))
    assert f"نيابة عن {director.name_ar}" in line.actor


def test_a_label_that_is_too_long_leaves_whole_roles_out(
    khobar_responder: Member, khobar: Node
) -> None:
    for kind in Role.Kind:
        khobar_responder.roles.create(
            kind=kind, node=khobar, starts_at=khobar_responder.date_joined
        )
    hats = khobar_responder.audit_label.split(", ")
    assert len(khobar_responder.audit_label) <= 120
    assert {hat.partition("@")[0] for hat in hats} <= set(Role.Kind.values)
    assert all(hat.endswith("@khobar") for hat in hats)


def test_a_deputys_deputy_gets_nothing_of_the_first(
    director: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    third = make_member(Role.Kind.VIEWER, khobar)
    name(director, khobar_responder, now)
    name(khobar_responder, third, now)

    assert Access.of(third, now=now).may("conversations.reply", khobar)
    assert not Access.of(third, now=now).may("people.manage")


def test_a_member_who_is_switched_off_lends_nothing(
    director: Member, khobar_responder: Member, now: datetime
) -> None:
    name(director, khobar_responder, now)
    Member.objects.filter(pk=director.pk).update(is_active=False)
    assert not Access.of(khobar_responder, now=now).may("people.manage")


def test_one_deputy_at_a_time_and_for_a_sensible_time(
    director: Member, khobar_responder: Member, desk_viewer: Member, now: datetime
) -> None:
    name(director, khobar_responder, now)
    with pytest.raises(services.DeputyNamedAlready):
        name(director, desk_viewer, now + 2 * DAY)
    with pytest.raises(IntegrityError, match="deputyship_one_at_a_time"), transaction.atomic():
        Deputyship.objects.create(
            member=director, deputy=desk_viewer, starts_at=now + 2 * DAY, ends_at=now + 9 * DAY
        )
    # The moment at which one ends is the other's first.
    name(director, desk_viewer, now + 3 * DAY)
    for days in (0, 91):
        with pytest.raises(services.PeriodUnusable):
            name(khobar_responder, director, now, days=days)


def test_a_deputy_works_in_the_same_line_of_bodies(
    director: Member, qatif_responder: Member, desk_viewer: Member, now: datetime
) -> None:
    for stranger in (qatif_responder, director):
        with pytest.raises(services.NotAColleague):
            name(director, stranger, now)
    name(director, desk_viewer, now)


def test_the_director_names_one_for_the_member_and_nobody_else_does(
    director: Member, khobar_responder: Member, desk_viewer: Member, now: datetime
) -> None:
    named = name(khobar_responder, desk_viewer, now, by=director)
    with pytest.raises(PermissionDenied):
        name(director, khobar_responder, now, by=desk_viewer)
    # The one who stands in may lay it down.
    services.end_deputyship(named, by=Access.of(desk_viewer, now=now), now=now + DAY)
    assert not Access.of(desk_viewer, now=now + DAY).may("conversations.reply")
    with pytest.raises(services.DeputyshipIsOver):
        services.end_deputyship(named, by=Access.of(director, now=now), now=now + DAY)


def test_what_has_not_begun_is_forgotten_when_it_ends(
    director: Member, khobar_responder: Member, now: datetime
) -> None:
    named = name(director, khobar_responder, now + DAY)
    services.end_deputyship(named, by=Access.of(director, now=now), now=now)
    assert not Deputyship.objects.exists()


def test_a_deputy_for_today_is_named_on_ones_own_page(
    client: StaffClient, director: Member, khobar_responder: Member
) -> None:
    client.force_login(director)
    today = timezone.localdate()
    answer = client.post(
        reverse("people:name_own_deputy"),
        {
            "deputy": str(khobar_responder.public_id),
            "first_day": today.isoformat(),
            "last_day": (today + DAY).isoformat(),
        },
    )
    assert answer.headers["Location"] == reverse("people:me")

    client.force_login(khobar_responder)
    page = client.get(reverse("people:me")).content.decode()
    assert f"نيابة عن {director.name_ar}" in page
    # They see the people of the director now.
    assert client.get(reverse("people:members")).status_code == 200


class TheDatabaseAndWeAgree(TestCase):
    """`nodes_visible_to` and `Access` are two spellings of one rule."""

    @settings(max_examples=40, deadline=None)
    @given(
        roles=st.lists(
            st.tuples(
                st.integers(0, 2),
                st.sampled_from(["eastern", "khobar", "qatif"]),
                st.integers(-3, 2),
                st.integers(1, 4),
            ),
            max_size=5,
        ),
        deputyships=st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-3, 2), st.integers(1, 4)),
            max_size=5,
        ),
        switched_off=st.sets(st.integers(0, 2), max_size=1),
    )
    def test_whoever_stands_in_sees_what_their_access_says(
        self,
        roles: list[tuple[int, str, int, int]],
        deputyships: list[tuple[int, int, int, int]],
        switched_off: set[int],
    ) -> None:
        now = timezone.now()
        people = [
            Member.objects.create(
                email=f"{number}@example.org", name_ar="…", is_active=number not in switched_off
            )
            for number in range(3)
        ]
        bodies = {node.key: node for node in Node.objects.all()}
        # Half an hour off the full day: the clock goes on while we look.
        beginning = now - timedelta(minutes=30)
        for who, body, start, days in roles:
            Role.objects.create(
                member=people[who],
                kind=Role.Kind.VIEWER,
                node=bodies[body],
                starts_at=beginning + start * DAY,
                ends_at=beginning + (start + days) * DAY,
            )
        for who, deputy, start, days in deputyships:
            period = beginning + start * DAY, beginning + (start + days) * DAY
            taken = Deputyship.objects.filter(
                member=people[who], starts_at__lt=period[1], ends_at__gt=period[0]
            )
            if who != deputy and not taken.exists():
                Deputyship.objects.create(
                    member=people[who],
                    deputy=people[deputy],
                    starts_at=period[0],
                    ends_at=period[1],
                )

        for number, person in enumerate(people):
            own = [] if number in switched_off else Access.of(person, now=now).roles
            expected = {
                node.pk
                for node in bodies.values()
                if any(role.node_id in node.lineage for role in own)
            }
            assert selectors.visible_node_ids(person) == expected
