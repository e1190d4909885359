"""Clocks: who is told when nobody acts, pauses, and that nothing rings twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.organisation.models import Node
from bayan.people.models import Member, Role, Turn
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Clock, Item, Notice, Ring
from bayan.work.tests.factories import make_item

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def told(item: Item) -> list[tuple[str, str]]:
    """The levels at which members were told, and who."""
    rows = Notice.objects.filter(clock__subject_key=str(item.public_id)).order_by("pk")
    return [(row.level, row.member.name_ar) for row in rows.select_related("member")]


def test_the_silent_are_reminded_chased_and_then_it_is_raised(khobar: Node, now: datetime) -> None:
    owner = make_member(Role.Kind.RESPONDER, khobar)
    head = make_member(Role.Kind.DIRECTOR, khobar)
    mayor = make_member(Role.Kind.EXECUTIVE, khobar)
    above = make_member(Role.Kind.DIRECTOR, khobar.parent or khobar)
    item = make_item(khobar, now=now, owner=owner)
    for hours in (1.4, 1.5, 1.9, 2, 8.9, 9, 15.9, 16, 30):
        services.ring(now=now + hours * HOUR)
    assert told(item) == [
        ("", owner.name_ar),
        ("reminder", owner.name_ar),
        ("first", owner.name_ar),
        ("second", owner.name_ar),
        ("second", head.name_ar),
        ("raised", owner.name_ar),
        ("raised", head.name_ar),
        ("raised", mayor.name_ar),
        ("raised", above.name_ar),
    ]
    rings = Ring.objects.order_by("rung").values_list("level", "at")
    assert list(rings) == [
        ("reminder", now + 1.5 * HOUR),
        ("first", now + 2 * HOUR),
        ("second", now + 9 * HOUR),
        ("raised", now + 16 * HOUR),
    ]


def test_nobodys_task_is_chased_with_who_is_on_duty(khobar: Node, now: datetime) -> None:
    officer = make_member(Role.Kind.FIELD_OFFICER, khobar)
    make_member(Role.Kind.DIRECTOR, khobar)
    Turn.objects.create(node=khobar, member=officer, starts_at=now - HOUR, ends_at=now + 10 * HOUR)
    item = make_item(khobar, now=now)
    services.ring(now=now + 2 * HOUR)
    assert told(item) == [("", officer.name_ar), ("reminder", officer.name_ar)]


def test_what_is_done_rings_no_more(khobar: Node, khobar_responder: Member, now: datetime) -> None:
    from bayan.people.permissions import Access

    item = make_item(khobar, now=now, owner=khobar_responder)
    services.finish(item.public_id, by=Access.of(khobar_responder, now=now), now=now + HOUR)
    assert services.ring(now=now + 100 * HOUR) == 0


def test_a_day_without_a_worker_neither_skips_nor_piles_up(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    make_item(khobar, now=now, owner=khobar_responder)
    late = now + 24 * HOUR
    assert services.ring(now=late) == 1
    assert services.ring(now=late + 1 * MINUTE) == 0
    assert services.ring(now=late + 30 * MINUTE) == 1
    assert services.ring(now=late + 60 * MINUTE) == 0
    assert services.ring(now=late + 30 * MINUTE + 7 * HOUR) == 1
    levels = Ring.objects.order_by("pk").values_list("level", flat=True)
    assert list(levels) == ["reminder", "first", "second"]


def test_a_paused_clock_keeps_what_it_had_left(khobar: Node, now: datetime) -> None:
    item = make_item(khobar, now=now)
    key = str(item.public_id)
    services.pause("item", [key], now=now + HOUR)
    assert services.ring(now=now + 50 * HOUR) == 0
    due = services.resume("item", [key], now=now + 51 * HOUR)
    assert due == {(key, "due"): now + 52 * HOUR}
    assert services.ring(now=now + 51 * HOUR + 29 * MINUTE) == 0
    assert services.ring(now=now + 51 * HOUR + 30 * MINUTE) == 1


def test_a_clock_whose_subject_is_gone_ends_by_itself(now: datetime, db: None) -> None:
    services.start(
        [
            services.Start(
                subject_type="item", subject_key="018f0000-0000-7000-8000-000000000000",
                name="due", since=now, due_at=now + HOUR, around_the_clock=True,
            )
        ]
    )  # fmt: skip
    assert services.ring(now=now + HOUR) == 0
    assert Clock.objects.get().ended_at == now + HOUR


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["look", "pause", "resume", "explain", "reset"]),
            st.integers(1, 600),
        ),
        max_size=25,
    )
)
@pytest.mark.django_db
def test_whatever_happens_to_a_clock_no_rung_of_a_term_rings_twice_or_out_of_order(
    khobar: Node, khobar_responder: Member, now: datetime, steps: list[tuple[str, int]]
) -> None:
    item = make_item(khobar, now=now, owner=khobar_responder)
    key = str(item.public_id)
    at = now
    for step, minutes in steps:
        at += minutes * MINUTE
        match step:
            case "look":
                services.ring(now=at)
            case "pause":
                services.pause("item", [key], now=at)
            case "resume":
                services.resume("item", [key], now=at)
            case "explain":
                services.rest("item", key, until=at + 7 * HOUR)
            case "reset":
                services.reset(
                    [
                        services.Start(
                            subject_type="item", subject_key=key, name="due", since=at,
                            due_at=at + 2 * HOUR, around_the_clock=True,
                        )
                    ]
                )  # fmt: skip
        clock = Clock.objects.get(subject_key=key)
        rungs = list(
            clock.rings.filter(due_at=clock.due_at).order_by("pk").values_list("rung", flat=True)
        )
        assert rungs == sorted(set(rungs))
        if clock.paused_at is None and step == "look":
            assert clock.rings_at is None or clock.rings_at > at
    services.resume("item", [key], now=at)
    for _day in range(40):
        at += timedelta(days=1)
        services.ring(now=at)
    assert Clock.objects.get(subject_key=key).rings_at is None
    levels = list(
        Ring.objects.filter(clock__subject_key=key).order_by("pk").values_list("level", flat=True)
    )
    assert levels[-1:] == ["raised"]
