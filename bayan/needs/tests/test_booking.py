"""Bookings never pass the stock: whoever books at once, whatever is out of order, however it comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.core.rls import look_as
from bayan.needs import services
from bayan.needs.models import Booking, Movement, Outage, Thing
from bayan.needs.tests.factories import HOUR, make_booking, make_thing
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Clock, Item, Notice
from conftest import MONDAY


def promised(thing: Thing, since: datetime, until: datetime) -> int:
    """The most that is promised of it at a moment of this time and the rest after it, counted by hand."""
    rest = timedelta(minutes=thing.buffer_minutes)
    until += rest
    taken = [
        (one.starts_at, one.ends_at + rest, one.count)
        for one in Booking.objects.standing().filter(thing=thing)
    ] + [(one.starts_at, one.ends_at, one.count) for one in Outage.objects.filter(thing=thing)]
    moments = [since, *(start for start, _end, _count in taken if since <= start < until)]
    return max(
        sum(count for start, end, count in taken if start <= moment < end) for moment in moments
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stock=st.integers(1, 4),
    wishes=st.lists(
        st.tuples(
            st.sampled_from(["book", "cancel", "repair"]),
            st.integers(0, 20),
            st.integers(1, 8),
            st.integers(1, 3),
        ),
        max_size=25,
    ),
)
def test_no_more_is_ever_promised_than_there_is_and_what_is_free_is_had(
    khobar: Node, stock: int, wishes: list[tuple[str, int, int, int]]
) -> None:
    with transaction.atomic():
        member = make_member(Role.Kind.RESPONDER, khobar)
        thing = make_thing(stock, buffer_minutes=30)
        now = MONDAY - HOUR
        for what, start, hours, count in wishes:
            begin = MONDAY + start * HOUR
            if what == "book":
                free = stock - promised(thing, begin, begin + hours * HOUR)
                try:
                    make_booking(thing, khobar, begin, by=member, now=now, hours=hours, count=count)
                    assert count <= free
                except services.NothingLeft:
                    assert count > free
            elif what == "cancel":
                last = Booking.objects.filter(thing=thing, state="booked").last()
                if last:
                    services.cancel_booking(last.public_id, by=member, now=now)
            elif count <= stock and not Outage.objects.filter(thing=thing).exists():
                until = begin + hours * HOUR
                services.take_out_of_order(thing, count, begin, until, "", by=member, now=now)
            assert promised(thing, MONDAY, MONDAY + 48 * HOUR) <= stock
        transaction.set_rollback(True)


def test_of_many_who_book_at_once_as_many_get_one_as_there_are(committed_db: None) -> None:
    khobar = Node.objects.get(key="khobar")
    member = make_member(Role.Kind.RESPONDER, khobar)
    thing = make_thing(2)
    now = timezone.now()

    def book(number: int) -> bool:
        try:
            make_booking(
                thing, khobar, now + HOUR + number * timedelta(minutes=5), by=member, now=now
            )
        except services.NothingLeft:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(book, range(12))) == 2
    assert promised(thing, now, now + 12 * HOUR) == 2


def test_a_member_of_another_body_is_held_to_what_they_do_not_see(
    khobar: Node, khobar_responder: Member, qatif: Node, qatif_responder: Member, now: datetime
) -> None:
    thing = make_thing(1, buffer_minutes=60)
    make_booking(thing, khobar, now + HOUR, by=khobar_responder, now=now)
    with transaction.atomic(), connection.cursor() as cursor:
        look_as(qatif_responder.pk)
        assert Booking.objects.count() == 0
        # An hour lies between two bookings.
        with pytest.raises(services.NothingLeft):
            make_booking(thing, qatif, now + 3.5 * HOUR, by=qatif_responder, now=now)
        make_booking(thing, qatif, now + 4 * HOUR, by=qatif_responder, now=now)
        cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
    assert Booking.objects.count() == 2


def test_what_is_out_past_its_time_is_asked_back_and_is_nobody_elses(
    khobar: Node, khobar_responder: Member, desk_responder: Member
) -> None:
    now = timezone.now()
    thing = make_thing(1)
    booking = make_booking(thing, khobar, now - HOUR, by=khobar_responder, now=now - 2 * HOUR)
    services.hand_out(booking.public_id, by=desk_responder, now=now - HOUR)
    later = make_booking(thing, khobar, now + 2 * HOUR, by=khobar_responder, now=now)
    Booking.objects.filter(pk=booking.pk).update(ends_at=now - timedelta(minutes=10))
    with pytest.raises(services.NothingLeft):
        make_booking(thing, khobar, now + timedelta(minutes=5), by=khobar_responder, now=now)
    assert work.ring(now=now + 3 * HOUR) == 1
    assert Notice.objects.get().member == khobar_responder
    services.take_back(booking.public_id, "good", by=desk_responder, now=now)
    assert not Clock.objects.filter(subject_type="booking", ended_at=None).exists()
    with pytest.raises(services.BookingIsOver):
        services.take_back(booking.public_id, "good", by=desk_responder, now=now)
    assert later.state == "booked"


def test_what_comes_back_damaged_or_not_at_all_makes_room_for_nobody(
    khobar: Node, khobar_responder: Member, desk_responder: Member
) -> None:
    now = timezone.now()
    thing = make_thing(2)
    first, second = (
        make_booking(thing, khobar, now + hours * HOUR, by=khobar_responder, now=now)
        for hours in (0, 1)
    )
    for one in (first, second):
        services.hand_out(one.public_id, by=desk_responder, now=now)
    early = make_booking(thing, khobar, now + 24 * HOUR, by=khobar_responder, now=now, count=1)
    late = make_booking(
        thing, khobar, now + 25 * HOUR, by=khobar_responder, now=now + HOUR, count=1
    )
    with pytest.raises(services.RepairMissing):
        services.take_back(first.public_id, "damaged", by=desk_responder, now=now)
    services.take_back(
        first.public_id, "damaged", by=desk_responder, now=now + HOUR, mended_by=now + 72 * HOUR
    )
    late.refresh_from_db()
    assert late.state == "cancelled"
    assert late.reason
    services.take_back(second.public_id, "missing", by=desk_responder, now=now + HOUR)
    early.refresh_from_db()
    thing.refresh_from_db()
    assert (early.state, thing.stock) == ("cancelled", 1)
    assert Movement.objects.get().count == -1


def test_what_is_used_up_is_counted_down_and_running_low_becomes_a_task(
    desk: Node, khobar: Node, desk_responder: Member, now: datetime
) -> None:
    shields = make_thing(12, is_consumable=True, low_at=10, kind="giveaway")
    services.give_out(shields, 1, to=khobar, by=desk_responder, now=now)
    assert not Item.objects.exists()
    services.give_out(shields, 1, to=khobar, by=desk_responder, now=now)
    services.give_out(shields, 1, to=khobar, by=desk_responder, now=now)
    assert Item.objects.get().node == desk
    with pytest.raises(services.NothingLeft):
        services.give_out(shields, 10, to=khobar, by=desk_responder, now=now)
    services.restock(shields, 20, "توريد", by=desk_responder, now=now)
    shields.refresh_from_db()
    assert shields.stock == 29
    with pytest.raises(services.NothingLeft):
        make_booking(shields, khobar, now + HOUR, by=desk_responder, now=now)
