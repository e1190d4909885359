"""Claiming: which messages may leave now, and at which moment each; all limits are kept here.

The provider permits a rate for each number, a slower one for each number and person, and so many people a
day for a whole portfolio (reference 1.10, 1.11). Who claims for a number holds its `Pace` row, so several
dispatchers share the numbers and together stay within each limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from bayan.channels.adapters.sms import senders
from bayan.channels.models import Media, Number, Outgoing, Pace, Pair, Portfolio, Reached, Template
from bayan.core import live
from bayan.people.models import OptOut

# How far ahead of its moment a message is claimed: long enough for a slow look at the database, short
# enough that few are in our hands when we die.
AHEAD = timedelta(milliseconds=400)
# A look that is so late at most, because the disk or a core was busy, costs no part of the rate.
MADE_GOOD = timedelta(seconds=1)
# Kept below what is permitted: the dispatcher's valve makes good what was held up out of the rest.
SHARE_OF_RATE = 0.9835
# One message in six seconds to one person, and 45 ahead; one is kept back for what the clocks differ.
PAIR_EVERY = timedelta(seconds=6)
PAIR_AHEAD = PAIR_EVERY * 43
LIMIT_WINDOW = timedelta(hours=24)
# What cannot leave for a limit's sake is looked at again after this.
LIMIT_PAUSE = timedelta(minutes=5)
# The count of people reached is exact for what we add ourselves; what expires is found again so often.
COUNT_EVERY = timedelta(minutes=1)
# What one dispatcher may have under way for a number: as much as leaves within a second, so that a provider
# which answers late leaves few in doubt; a part of it is kept from the lane of many.
LEAST_ROOM = 64
SHARE_OF_BULK = 0.8

HEADS = """
    SELECT head.id FROM unnest(%s::int[]) AS wanted (lane)
    CROSS JOIN LATERAL (
        SELECT o.id, o.lane, o.not_before FROM channels_outgoing o
        WHERE o.state = 'queued' AND o.number_id = %s AND o.lane = wanted.lane AND o.not_before <= %s
        ORDER BY o.not_before, o.id LIMIT %s
    ) AS head
    ORDER BY head.lane, head.not_before, head.id
"""
# Numbers that something waits for; a claimer that finds the row taken leaves it to the other one.
PACES = """
    SELECT p.number_id, p.next_at FROM channels_pace p
    JOIN channels_number n ON n.id = p.number_id
    WHERE n.stopped_at IS NULL AND p.next_at < %s AND EXISTS (
        SELECT FROM channels_outgoing o WHERE o.state = 'queued' AND o.number_id = p.number_id
        AND o.lane = ANY (%s) AND o.not_before <= %s
    )
    ORDER BY p.number_id FOR UPDATE OF p SKIP LOCKED
"""


@dataclass
class _Round:
    """What one look at a number's queue comes to."""

    leaving: list[Outgoing] = field(default_factory=list)
    failed: list[tuple[Outgoing, dict[str, Any]]] = field(default_factory=list)
    later: list[tuple[Outgoing, datetime, dict[str, Any] | None]] = field(default_factory=list)


@transaction.atomic
def claim(*, now: datetime, in_flight: Mapping[int, int] | None = None) -> list[Outgoing]:
    """Take the messages that may leave within the next moments, the more urgent lane first.

    Each gets `leaves_at`, the moment at which it is to be handed over. What is not worth sending any more
    fails here, what a limit forbids waits. `in_flight` says how many the caller still has in hand, by
    the id of their number.
    """
    claimed: list[Outgoing] = []
    lanes = [int(lane) for lane in Outgoing.Lane]
    with connection.cursor() as cursor:
        cursor.execute(PACES, [now + AHEAD, lanes, now])
        paces = cursor.fetchall()
    for number_id, next_at in paces:
        number = Number.objects.select_related("account__portfolio").get(pk=number_id)
        every = timedelta(seconds=1 / (number.throughput * SHARE_OF_RATE))
        # What was not used longer ago must not pile up into a burst now.
        first_at = next_at if now - next_at <= MADE_GOOD else now
        in_hand = (in_flight or {}).get(number_id, 0)
        most = max(LEAST_ROOM, number.throughput)
        slots = min(int((now + AHEAD - first_at) / every) + 1, most - in_hand)
        if slots <= 0:
            continue
        rows = _heads(number, lanes, slots, now=now)
        bulk_room = int(most * SHARE_OF_BULK) - in_hand
        found = _choose(number, rows, slots=slots, bulk_room=bulk_room, now=now)
        for position, row in enumerate(found.leaving):
            row.number = number
            row.leaves_at = first_at + every * position
        if found.leaving:
            Pace.objects.filter(number=number).update(next_at=first_at + every * len(found.leaving))
        claimed += _take(found.leaving, now=now)
        _refuse(found.failed, now=now)
        _postpone(found.later)
    return claimed


def _heads(number: Number, lanes: list[int], slots: int, *, now: datetime) -> list[Outgoing]:
    with connection.cursor() as cursor:
        # A few more, for some may have to wait; where all must, the next look finds what comes behind.
        cursor.execute(HEADS, [lanes, number.pk, now, slots + 20])
        ids = [row[0] for row in cursor.fetchall()]
    rows = Outgoing.objects.in_bulk(ids)
    # Many messages share few of these.
    templates = Template.objects.in_bulk({r.template_id for r in rows.values() if r.template_id})
    files = Media.objects.in_bulk({r.media_id for r in rows.values() if r.media_id})
    for row in rows.values():
        row.template = templates.get(row.template_id)
        row.media = files.get(row.media_id)
    return [rows[pk] for pk in ids]


def _choose(
    number: Number, rows: Sequence[Outgoing], *, slots: int, bulk_room: int, now: datetime
) -> _Round:
    found = _Round()
    pairs = _Pairs(number, rows, now=now)
    limit = _Limit(number.account.portfolio, rows, now=now)
    unwilling = _unwilling(rows)
    # A sender's name for awareness or advertising writes to nobody at night.
    opens_at = senders.opens_at(number.sender_class, now=now)
    for row in rows:
        if len(found.leaving) >= slots:
            break
        if problem := _problem(row, unwilling, now=now):
            found.failed.append((row, problem))
        elif opens_at > now:
            found.later.append((row, opens_at, {"title": "hours"}))
        elif row.template and row.template.status == Template.Status.PAUSED:
            found.later.append((row, now + LIMIT_PAUSE, {"title": "template paused"}))
        elif row.lane == Outgoing.Lane.BULK and len(found.leaving) >= bulk_room:
            break
        elif (ready_at := pairs.ready_at(row)) > now:
            found.later.append((row, ready_at, None))
        elif not limit.permits(row):
            found.later.append((row, now + LIMIT_PAUSE, {"title": "messaging limit"}))
        else:
            pairs.use(row)
            found.leaving.append(row)
    pairs.keep()
    limit.keep()
    return found


def _problem(row: Outgoing, unwilling: set[int], *, now: datetime) -> dict[str, Any] | None:
    """Why this message must not be sent at all any more."""
    if not row.is_worth_sending(now=now):
        return {"title": "expired"}
    if row.pk in unwilling:
        return {"title": "opted out"}
    if row.template is None:
        if row.window_until is not None and row.window_until <= now:
            # The provider would say the same.
            return {"code": 131047, "title": "window closed"}
    elif row.template.status not in {Template.Status.APPROVED, Template.Status.PAUSED}:
        return {"code": 132001, "title": "template not approved"}
    return None


def _unwilling(rows: Sequence[Outgoing]) -> set[int]:
    """Those of these messages to many whose recipient wants none."""
    bulk = [row for row in rows if row.lane == Outgoing.Lane.BULK]
    if not bulk:
        return set()
    phones = [row.to_phone for row in bulk if row.to_phone]
    ids = [row.to_whatsapp_id for row in bulk if row.to_whatsapp_id]
    # By name and not by contact: whoever stood on a list without being known may have written since.
    names = set(
        OptOut.objects.filter(ended_at=None, contact__identities__value__in=phones + ids)
        .values_list("contact__identities__value", flat=True)
    )  # fmt: skip
    return {row.pk for row in bulk if {row.to_phone, row.to_whatsapp_id} & names}


class _Pairs:
    """How far each recipient's own limit is used up (a leaky bucket as one moment)."""

    def __init__(self, number: Number, rows: Sequence[Outgoing], *, now: datetime) -> None:
        self._number, self._now = number, now
        known = Pair.objects.filter(number=number, recipient__in={row.recipient for row in rows})
        self._next: dict[str, datetime] = dict(known.values_list("recipient", "next_at"))
        self._used: set[str] = set()

    def ready_at(self, row: Outgoing) -> datetime:
        return self._next.get(row.recipient, self._now) - PAIR_AHEAD

    def use(self, row: Outgoing) -> None:
        next_at = max(self._next.get(row.recipient, self._now), self._now)
        self._next[row.recipient] = next_at + PAIR_EVERY
        self._used.add(row.recipient)

    def keep(self) -> None:
        names = sorted(self._used)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO channels_pair (number_id, recipient, next_at) "
                "SELECT %s, * FROM unnest(%s::text[], %s::timestamptz[]) "
                "ON CONFLICT (number_id, recipient) DO UPDATE SET next_at = excluded.next_at",
                [self._number.pk, names, [self._next[name] for name in names]],
            )


class _Limit:
    """The portfolio's limit of people reached outside a window, with the part kept for a crisis."""

    def __init__(self, portfolio: Portfolio, rows: Sequence[Outgoing], *, now: datetime) -> None:
        self._now = now
        self._fresh: set[str] = set()
        counting = {row.recipient for row in rows if self._counts(row)}
        self._portfolio = portfolio
        self._is_counting = bool(counting)
        if not counting:
            return
        # Two numbers of one business may be claimed for at once: the second waits its turn here.
        self._portfolio = Portfolio.objects.select_for_update().get(pk=portfolio.pk)
        reached = Reached.objects.filter(portfolio=portfolio, reached_at__gt=now - LIMIT_WINDOW)
        self._known = set(
            reached.filter(recipient__in=counting).values_list("recipient", flat=True)
        )
        counted_at = self._portfolio.counted_at
        if counted_at is None or counted_at <= now - COUNT_EVERY:
            self._portfolio.used = reached.count()
            self._portfolio.counted_at = now

    def permits(self, row: Outgoing) -> bool:
        """Whether this one may leave; if it may, it is counted."""
        if not self._counts(row):
            return True
        if row.recipient not in self._known | self._fresh:
            allowance = self._portfolio.allowance(crisis=row.lane == Outgoing.Lane.CRISIS)
            if allowance is not None and self._portfolio.used + len(self._fresh) >= allowance:
                return False
        self._fresh.add(row.recipient)
        return True

    def keep(self) -> None:
        if not self._is_counting:
            return
        self._portfolio.used += len(self._fresh - self._known)
        self._portfolio.save(update_fields=["used", "counted_at"])
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO channels_reached (portfolio_id, recipient, reached_at) "
                "SELECT %s, name, %s FROM unnest(%s::text[]) AS name "
                "ON CONFLICT (portfolio_id, recipient) DO UPDATE SET reached_at = excluded.reached_at",
                [self._portfolio.pk, self._now, sorted(self._fresh)],
            )

    def _counts(self, row: Outgoing) -> bool:
        return row.template_id is not None and (
            row.window_until is None or row.window_until <= self._now
        )


def _take(rows: Sequence[Outgoing], *, now: datetime) -> list[Outgoing]:
    """Those of the rows that are ours now; a person may have taken one back meanwhile."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE channels_outgoing SET state = 'sending', claimed_at = %s, attempts = attempts + 1 "
            "WHERE id = ANY (%s) AND state = 'queued' RETURNING id",
            [now, [row.pk for row in rows]],
        )
        ours = {row[0] for row in cursor.fetchall()}
    for row in rows:
        row.state, row.claimed_at, row.attempts = Outgoing.State.SENDING, now, row.attempts + 1
    return [row for row in rows if row.pk in ours]


def _refuse(rows: Sequence[tuple[Outgoing, dict[str, Any]]], *, now: datetime) -> None:
    """Let these fail without having been sent."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE channels_outgoing o SET state = 'failed', failed_at = %s, error = r.error "
            "FROM unnest(%s::bigint[], %s::jsonb[]) AS r (id, error) "
            "WHERE o.id = r.id AND o.state = 'queued'",
            [now, [row.pk for row, _why in rows], [json.dumps(why) for _row, why in rows]],
        )
    live.announce((row.node_id, "outgoing", row.public_id) for row, _why in rows)


def _postpone(rows: Sequence[tuple[Outgoing, datetime, dict[str, Any] | None]]) -> None:
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE channels_outgoing o SET not_before = r.until, error = r.error "
            "FROM unnest(%s::bigint[], %s::timestamptz[], %s::jsonb[]) AS r (id, until, error) "
            "WHERE o.id = r.id AND o.state = 'queued'",
            [
                [row.pk for row, _until, _why in rows],
                [until for _row, until, _why in rows],
                [json.dumps(why) if why else None for _row, _until, why in rows],
            ],
        )


def forget_limits(*, now: datetime) -> None:
    """Remove what no limit looks at any more."""
    Pair.objects.filter(next_at__lt=now - PAIR_AHEAD).delete()
    Reached.objects.filter(reached_at__lt=now - LIMIT_WINDOW).delete()
