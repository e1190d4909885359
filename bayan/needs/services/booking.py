"""Bookings: made while something is left, handed out, taken back; PostgreSQL keeps them within the stock."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.core.views import uuid_in
from bayan.needs.models import Booking, Movement, Need, Outage, Thing
from bayan.needs.services.steps import words_in
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.events import Subject
from bayan.work.models import Clock

# The subject type of the clock of what is to come back, and the topic on live screens.
BOOKING = "booking"
LONGEST = timedelta(days=31)
State, Condition = Booking.State, Booking.Condition


class NothingLeft(DomainError):
    pass


class TimeUnfit(DomainError):
    pass


class BookingIsOver(DomainError):
    pass


class RepairMissing(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be booked, for whom, from when until when."""

    thing: Thing
    node: Node
    starts_at: datetime
    ends_at: datetime
    count: int = 1
    purpose: str = ""
    need: Need | None = None


@contextmanager
def within_the_stock() -> Iterator[None]:
    """Turn the database's refusal into words.

    :raises NothingLeft: others have it at that time, or it is out of order
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "needs_within_stock" not in str(error):
            raise
        raise NothingLeft(
            _("Not so many are free at that time. The calendar shows when they are.")
        ) from error


@transaction.atomic
def book(wish: Wish, *, by: Member, now: datetime) -> Booking:
    """Keep so many of a thing for a body.

    :raises TimeUnfit: it lies in the past, ends before it starts, or lasts longer than a month
    :raises NothingLeft: others have them at that time, or they are out of order
    """
    if wish.ends_at <= max(wish.starts_at, now):
        raise TimeUnfit(_("Choose a time that is still to come, and an end after its beginning."))
    if wish.ends_at - wish.starts_at > LONGEST:
        raise TimeUnfit(_("A booking lasts a month at most."))
    thing = wish.thing
    if thing.is_consumable or thing.ended_at is not None or wish.count < 1:
        raise NothingLeft(_("This is not lent."))
    with within_the_stock():
        booking = Booking.objects.create(
            thing=thing,
            node=wish.node,
            lender_id=thing.node_id,
            need=wish.need,
            count=wish.count,
            starts_at=wish.starts_at,
            ends_at=wish.ends_at,
            purpose=" ".join(wish.purpose.split())[:140],
            booked_by=by,
            booked_at=now,
        )
    _note("booking.booked", booking, by=by, now=now)
    return booking


@transaction.atomic
def cancel_booking(booking_id: UUID, *, by: Member, now: datetime, reason: str = "") -> Booking:
    """Let others have it.

    :raises BookingIsOver: it was handed out, or is over
    """
    booking = _locked(booking_id)
    if booking.state != State.BOOKED:
        raise BookingIsOver(_("This booking was handed out, or is over."))
    _cancel(booking, words_in(reason)[:300], by=by, now=now)
    return booking


def _cancel(booking: Booking, reason: str, *, by: Member, now: datetime) -> None:
    booking.state, booking.ended_at, booking.reason = State.CANCELLED, now, reason
    # Who cancels what is theirs need not be told.
    booking.tell_at = None if booking.booked_by_id in {None, by.pk} else now
    booking.save(update_fields=["state", "ended_at", "reason", "tell_at"])
    _note("booking.cancelled", booking, by=by, now=now)


@transaction.atomic
def hand_out(booking_id: UUID, *, by: Member, now: datetime, note: str = "") -> Booking:
    """Hand over what was booked; from then on a clock reminds whoever booked to bring it back.

    :raises BookingIsOver: it was handed out, or is over
    :raises NothingLeft: it is wanted before its time, and somebody else still has it
    """
    booking = _locked(booking_id)
    if booking.state != State.BOOKED or booking.ends_at <= now:
        raise BookingIsOver(_("This booking was handed out, or is over."))
    booking.state, booking.out_by, booking.out_at = State.OUT, by, now
    booking.out_note = words_in(note)[:300]
    # Whoever comes early has it from then on.
    booking.starts_at = min(booking.starts_at, now)
    with within_the_stock():
        booking.save(update_fields=["state", "out_by", "out_at", "out_note", "starts_at"])
    work.start(
        [
            work.Start(
                subject_type=BOOKING, subject_key=str(booking.public_id), name=Clock.Name.DUE,
                since=now, due_at=booking.ends_at, around_the_clock=True,
            )
        ]
    )  # fmt: skip
    _note("booking.out", booking, by=by, now=now)
    return booking


@transaction.atomic
def take_back(
    booking_id: UUID,
    condition: str,
    *,
    by: Member,
    now: datetime,
    note: str = "",
    mended_by: datetime | None = None,
) -> Booking:
    """Take back what was handed out, in the condition in which it came.

    What is damaged is out of order until `mended_by`, what is missing leaves the stock; bookings that do not
    fit any more are cancelled, those made last first, and whoever made them is told why.

    :raises BookingIsOver: it is not out
    :raises RepairMissing: it is damaged, and nobody says until when
    """
    booking = _locked(booking_id)
    if booking.state != State.OUT:
        raise BookingIsOver(_("This is not out: it came back already, or was never handed out."))
    if condition not in Condition.values:
        raise TimeUnfit(_("Choose in which condition it came back."))
    if condition == Condition.DAMAGED and (mended_by is None or mended_by <= now):
        raise RepairMissing(_("Say until when it is out of order."))
    said = words_in(note)[:300]
    booking.state, booking.back_by, booking.back_at, booking.ended_at = State.RETURNED, by, now, now
    booking.condition, booking.back_note = condition, said
    booking.save(
        update_fields=["state", "back_by", "back_at", "ended_at", "condition", "back_note"]
    )
    work.end(BOOKING, [str(booking.public_id)], now=now)
    if condition == Condition.DAMAGED and mended_by is not None:
        make_room(booking.thing, booking.count, now, mended_by, by=by, now=now)
        Outage.objects.create(
            thing=booking.thing, count=booking.count, starts_at=now, ends_at=mended_by,
            reason=said or str(Condition.DAMAGED.label), made_by=by, made_at=now,
        )  # fmt: skip
    elif condition == Condition.MISSING:
        make_room(booking.thing, booking.count, now, None, by=by, now=now)
        thing = Thing.objects.select_for_update().get(pk=booking.thing_id)
        lost = min(booking.count, thing.stock)
        thing.stock -= lost
        thing.save(update_fields=["stock"])
        if lost:
            Movement.objects.create(
                thing=thing, count=-lost, node=booking.node, by=by, at=now,
                words=said[:200] or str(Condition.MISSING.label),
            )  # fmt: skip
    _note("booking.returned", booking, by=by, now=now)
    return booking


def make_room(
    thing: Thing, count: int, since: datetime, until: datetime | None, *, by: Member, now: datetime
) -> int:
    """Cancel as many bookings as do not fit once so many of a thing are gone; those made last first.

    Returns how many. What is out is out: it cancels nothing.
    """
    cancelled = 0
    with as_worker():
        Thing.objects.select_for_update().get(pk=thing.pk)
        while over_the_stock(thing, count, since, until):
            last = (
                Booking.objects.select_for_update(of=("self",))
                .select_related("thing", "node", "lender")
                .filter(thing=thing, state=State.BOOKED, ends_at__gt=since)
                .order_by("-booked_at", "-pk")
            )
            booking = (last if until is None else last.filter(starts_at__lt=until)).first()
            if booking is None:
                break
            _cancel(booking, _("It is out of order at that time."), by=by, now=now)
            cancelled += 1
    return cancelled


def over_the_stock(thing: Thing, less: int, since: datetime, until: datetime | None) -> bool:
    """Whether more is promised at some moment of this time than there is, once so many are gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT needs_most_promised(%s, %s, %s) + %s > "
            "(SELECT stock FROM needs_thing WHERE id = %s)",
            [thing.pk, since, until, less, thing.pk],
        )
        return bool(cursor.fetchone()[0])


def describe_bookings(keys: Collection[str]) -> dict[str, Subject]:
    """What is out of these, as whoever has it is told to bring it back."""
    named = [key for text in keys if (key := uuid_in(text))]
    rows = Booking.objects.filter(public_id__in=named, state=State.OUT).select_related("thing")
    return {
        str(one.public_id): Subject(
            title=ngettext("Bring back: %(thing)s", "Bring back: %(thing)s (%(count)d)", one.count)
            % {"thing": one.thing.name, "count": one.count},
            node_id=one.node_id,
            owner_id=one.booked_by_id,
            path=reverse("needs:booking", args=[one.public_id]),
            live_key=str(one.public_id),
        )
        for one in rows
    }


def _locked(booking_id: UUID) -> Booking:
    return (
        Booking.objects.select_for_update(of=("self",))
        .select_related("thing", "node", "lender")
        .get(public_id=booking_id)
    )


def _note(action: str, booking: Booking, *, by: Member, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type=BOOKING,
            subject_key=str(booking.public_id),
            by=by,
            at=now,
            node_id=booking.node_id,
            details={"thing": str(booking.thing.public_id), "booked": booking.count},
        )
    )
    live.announce(
        (node_id, BOOKING, booking.public_id) for node_id in {booking.node_id, booking.lender_id}
    )
