"""The things themselves: what there is, what is out of order, what is used up and filled up again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.views import uuid_in
from bayan.needs.models import Movement, Need, Outage, Thing
from bayan.needs.services.booking import NothingLeft, TimeUnfit, make_room, over_the_stock
from bayan.needs.services.steps import words_in
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.events import Subject
from bayan.work.models import Item
from bayan.work.services import Task

THING = "thing"
MOST = 1_000_000
# Working time in which what runs low is to be bought again.
TO_BUY = timedelta(hours=35)


class ThingUnfit(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a thing."""

    kind: str
    name_ar: str
    node: Node
    stock: int
    name_en: str = ""
    note: str = ""
    is_consumable: bool = False
    low_at: int = 0
    buffer_minutes: int = 0


@transaction.atomic
def save_thing(thing: Thing | None, facts: Facts, *, by: Member, now: datetime) -> Thing:
    """Save a thing, or a new one. Its stock changes by `restock`, so that each change is noted.

    :raises ThingUnfit: it has no name, or a number that cannot be
    """
    if not facts.name_ar.strip() or facts.kind not in Thing.Kind.values:
        raise ThingUnfit(_("Give it a name in Arabic and a kind."))
    if not 0 <= facts.stock <= MOST:
        raise ThingUnfit(_("Write how many there are."))
    if thing is None:
        thing = Thing(node=facts.node, stock=facts.stock, is_consumable=facts.is_consumable)
    thing.kind, thing.name_ar = facts.kind, facts.name_ar.strip()[:80]
    thing.name_en, thing.note = facts.name_en.strip()[:80], facts.note.strip()[:300]
    thing.low_at, thing.buffer_minutes = facts.low_at, facts.buffer_minutes
    thing.save()
    _note("thing.saved", thing, by=by, now=now)
    return thing


@transaction.atomic
def restock(thing: Thing, change: int, words: str, *, by: Member, now: datetime) -> Thing:
    """Let so many come into the stock, or correct it downwards.

    :raises NothingLeft: fewer than none would be left, or fewer than are promised
    """
    found = Thing.objects.select_for_update().get(pk=thing.pk)
    if not change or not 0 <= found.stock + change <= MOST:
        raise NothingLeft(_("The stock cannot fall below nothing."))
    if change < 0 and not found.is_consumable and over_the_stock(found, -change, now, None):
        raise NothingLeft(_("More are booked than would be left. Cancel bookings first."))
    found.stock += change
    found.save(update_fields=["stock"])
    Movement.objects.create(thing=found, count=change, words=words_in(words)[:200], by=by, at=now)
    _note("thing.stocked", found, by=by, now=now, change=change)
    return found


@transaction.atomic
def give_out(
    thing: Thing,
    count: int,
    *,
    to: Node,
    by: Member,
    now: datetime,
    words: str = "",
    need: Need | None = None,
) -> Thing:
    """Give so many out for good. When the stock falls to its low line, buying more becomes a task.

    :raises NothingLeft: there are not so many
    """
    found = Thing.objects.select_for_update(of=("self",)).select_related("node").get(pk=thing.pk)
    if not found.is_consumable or not 0 < count <= found.stock:
        raise NothingLeft(
            _("There are %(stock)d of it. Give out that many at most.") % {"stock": found.stock}
        )
    was_low = found.is_low
    found.stock -= count
    found.save(update_fields=["stock"])
    Movement.objects.create(
        thing=found, count=-count, node=to, need=need, words=words_in(words)[:200], by=by, at=now
    )
    _note("thing.given_out", found, by=by, now=now, change=-count)
    if found.is_low and not was_low:
        _have_bought(found, by=by, now=now)
    return found


def _have_bought(thing: Thing, *, by: Member, now: datetime) -> None:
    with override("ar"):
        title = _("Buy more: %(thing)s (%(stock)d left)") % {
            "thing": thing.name,
            "stock": thing.stock,
        }
    work.give(
        Task(
            kind=Item.Kind.DO,
            title=title,
            node=thing.node,
            given_from=thing.node,
            due_at=organisation.calendar().add(now, TO_BUY),
            subject=(THING, str(thing.public_id)),
        ),
        by=by,
        now=now,
    )


@transaction.atomic
def take_out_of_order(
    thing: Thing,
    count: int,
    since: datetime,
    until: datetime,
    reason: str,
    *,
    by: Member,
    now: datetime,
) -> int:
    """Let so many of a thing not be lent for a time. Returns how many bookings were cancelled for it.

    :raises TimeUnfit: the end is past, or before the beginning
    :raises NothingLeft: there are not so many
    """
    if until <= max(since, now):
        raise TimeUnfit(_("Choose a time that is still to come, and an end after its beginning."))
    if not 0 < count <= thing.stock:
        raise NothingLeft(_("There are %(stock)d of it.") % {"stock": thing.stock})
    cancelled = make_room(thing, count, since, until, by=by, now=now)
    Outage.objects.create(
        thing=thing, count=count, starts_at=since, ends_at=until, made_by=by, made_at=now,
        reason=words_in(reason)[:200] or _("out of order"),
    )  # fmt: skip
    _note("thing.out_of_order", thing, by=by, now=now, change=-count)
    return cancelled


@transaction.atomic
def mend(outage: Outage, *, by: Member, now: datetime) -> None:
    """Let a thing be lent again before its time."""
    if outage.starts_at >= now:
        outage.delete()
    else:
        outage.ends_at = now
        outage.save(update_fields=["ends_at"])
    _note("thing.mended", outage.thing, by=by, now=now)


def describe_things(keys: Collection[str]) -> dict[str, Subject]:
    """The things among these, as whoever is to buy more of them is led to them."""
    named = [key for text in keys if (key := uuid_in(text))]
    return {
        str(thing.public_id): Subject(
            title=thing.name,
            node_id=thing.node_id,
            owner_id=None,
            path=reverse("needs:thing", args=[thing.public_id]),
            live_key=str(thing.public_id),
        )
        for thing in Thing.objects.filter(public_id__in=named)
    }


def _note(action: str, thing: Thing, *, by: Member, now: datetime, change: int = 0) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type=THING,
            subject_key=str(thing.public_id),
            by=by,
            at=now,
            node_id=thing.node_id,
            details={"change": change} if change else {},
        )
    )
