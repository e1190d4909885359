"""Reaching people by whichever way gets to them: each way once, in order, until one has a receipt.

WhatsApp on the mobile, WhatsApp on the backup number, a text message, an e-mail; then it stands on the page
alone. The next way is tried when a message failed for good, when a way is not open (no number, an account
that stands still, no template outside the window), or when no receipt came in the time that receipts usually
take: twice the time in which 95 of a hundred came lately, never less nor more than `Limits` says.

Nothing is sent where this is asked for: the worker's `Reaching.step` makes each attempt together with its
message in one transaction, so that whoever dies at any moment leaves a way tried once or not at all. A
message of which nobody knows whether it arrived is not sent again; only another way is tried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import Error, connection, transaction

from bayan.channels.models import Attempt, Number, Outgoing, Reach
from bayan.channels.services.sending import wake_dispatcher, withdraw_each
from bayan.channels.services.ways import Draft, Ways
from bayan.core import live

BATCH = 200
Way, State = Reach.Way, Reach.State
ARRIVED = {Outgoing.State.DELIVERED, Outgoing.State.READ}
NOT_LEFT = {Outgoing.State.HELD, Outgoing.State.QUEUED}
# How long a receipt is waited for: the least, where nothing is known, the most.
type Limits = tuple[timedelta, timedelta, timedelta]
MINUTE = timedelta(minutes=1)
LIMITS: dict[str, Limits] = {
    Way.WHATSAPP: (2 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    Way.BACKUP: (2 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    Way.SMS: (3 * MINUTE, 10 * MINUTE, 60 * MINUTE),
    # There is no receipt: so long a mail server has for saying that it could not deliver.
    Way.EMAIL: (10 * MINUTE, 10 * MINUTE, 10 * MINUTE),
}
# In a crisis nobody waits so long.
LIMITS_IN_CRISIS: Limits = (MINUTE, 3 * MINUTE, 5 * MINUTE)
# So long a message may wait in the queue before another way is tried in its place.
QUEUED_FOR = {Outgoing.Lane.CRISIS: 2 * MINUTE}
QUEUED_FOR_ELSE = 15 * MINUTE
# Learned from so many receipts at least, and anew after this.
ENOUGH, MEASURE_EVERY = 20, timedelta(minutes=1)
# A receipt that comes after all ways were tried still counts for so long.
LATE_FOR = timedelta(days=3)
AFTER_FAILURE = timedelta(minutes=10)

# The receipts among the newest messages of all, and among the newest attempts for numbers that send little:
# both are found without a look at what lies further back.
MEASURE = """
    SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY took), count(*) FROM (
        SELECT o.id, o.delivered_at - o.sent_at AS took FROM channels_outgoing o
        WHERE o.id > (SELECT max(id) FROM channels_outgoing) - 5000
        AND o.number_id = %(number)s AND o.delivered_at IS NOT NULL AND o.sent_at IS NOT NULL
        UNION
        SELECT o.id, o.delivered_at - o.sent_at FROM (
            SELECT outgoing_id FROM channels_attempt ORDER BY id DESC LIMIT 1000
        ) AS a JOIN channels_outgoing o ON o.id = a.outgoing_id
        WHERE o.number_id = %(number)s AND o.delivered_at IS NOT NULL AND o.sent_at IS NOT NULL
        ORDER BY id DESC LIMIT 200
    ) AS lately
"""
DUE = """
    SELECT r.id FROM channels_reach r
    LEFT JOIN channels_outgoing o ON o.id = r.outgoing_id
    LEFT JOIN channels_number n ON n.id = o.number_id
    WHERE r.state = 'open' AND (
        r.look_at <= %s
        OR o.state = 'failed'
        OR (o.state IN ('held', 'queued') AND n.stopped_at IS NOT NULL)
        OR EXISTS (
            SELECT FROM channels_attempt a JOIN channels_outgoing m ON m.id = a.outgoing_id
            WHERE a.reach_id = r.id AND m.state IN ('delivered', 'read')
        )
    )
    ORDER BY r.lane, r.id LIMIT %s FOR UPDATE OF r SKIP LOCKED
"""
# Which of all tries arrived, though each was given up for too slow.
LATE = """
    UPDATE channels_reach r
    SET state = 'reached', way = late.way, outgoing_id = late.outgoing_id, ended_at = %s
    FROM (
        SELECT DISTINCT ON (a.reach_id) a.reach_id, a.way, a.outgoing_id
        FROM channels_reach x JOIN channels_attempt a ON a.reach_id = x.id
        JOIN channels_outgoing o ON o.id = a.outgoing_id
        WHERE x.state = 'left' AND x.ended_at > %s AND o.state IN ('delivered', 'read')
        ORDER BY a.reach_id, o.delivered_at
    ) AS late
    WHERE r.id = late.reach_id AND r.state = 'left'
    RETURNING r.node_id, r.public_id
"""

log = structlog.get_logger(__name__)


@dataclass
class _Round:
    """What one look at those who are due comes to."""

    changed: dict[int, Reach] = field(default_factory=dict)
    looked: list[Attempt] = field(default_factory=list)
    ended: list[Attempt] = field(default_factory=list)
    # An attempt, with its message if the way is open.
    begun: list[tuple[Attempt, Outgoing | None]] = field(default_factory=list)


class Reaching:
    """What one worker knows while it reaches members: how long receipts take."""

    def __init__(self) -> None:
        self._measured: dict[int, timedelta | None] = {}
        self._measured_at: datetime | None = None
        self._tidied_at: datetime | None = None

    def step(self, *, now: datetime) -> int:
        """Try the next way for everybody whose turn it is, and note who was reached; returns how many."""
        moved = 0
        while some := self._some(now=now):
            moved += some
            if some < BATCH:
                break
        if self._tidied_at is None or now - self._tidied_at >= MEASURE_EVERY:
            self._tidied_at = now
            moved += count_late(now=now)
        return moved

    def _some(self, *, now: datetime) -> int:
        try:
            return self._move(_due, now=now)
        except Error:
            raise
        except Exception:
            # One that cannot be told must not hold up the others.
            log.exception("reach.batch_failed")
        return sum(self._move_one(key, now=now) for key in _keys_due(now=now))

    def _move_one(self, key: int, *, now: datetime) -> int:
        try:
            return self._move(lambda _now: [key], now=now)
        except Error:
            raise
        except Exception:
            log.exception("reach.failed", reach=key)
            Reach.objects.filter(pk=key).update(look_at=now + AFTER_FAILURE)
            return 0

    @transaction.atomic
    def _move(self, due: Callable[[datetime], list[int]], *, now: datetime) -> int:
        keys = due(now)
        rows = list(
            Reach.objects.filter(pk__in=keys, state=State.OPEN)
            .select_related("member")
            .select_for_update(of=("self",))
            .order_by("pk")
        )
        if not rows:
            return 0
        if self._measured_at is None or now - self._measured_at >= MEASURE_EVERY:
            self._measured, self._measured_at = {}, now
        tries: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in (
            Attempt.objects.filter(reach__in=rows)
            .select_related("outgoing__number")
            .order_by("created_at", "pk")
        ):
            tries[attempt.reach_id].append(attempt)
        ways, found = Ways(now=now), _Round()
        taken = self._take_back(tries, now=now)
        for row in rows:
            self._look(row, tries[row.pk], ways, taken, found, now=now)
        self._write(found)
        live.announce((row.node_id, "reach", row.public_id) for row in rows)
        return len(rows)

    def _take_back(self, tries: dict[int, list[Attempt]], *, now: datetime) -> set[int]:
        """Withdraw what waits in a queue that stands still, or for too long; the ids of those."""
        waiting = [
            attempt.outgoing_id
            for attempts in tries.values()
            for attempt in attempts[-1:]
            if attempt.outgoing is not None
            and attempt.outgoing.state in NOT_LEFT
            and (attempt.outgoing.number.stopped_at or _deadline(attempt) <= now)
        ]
        return withdraw_each([key for key in waiting if key], now=now)

    def _look(
        self,
        row: Reach,
        tries: list[Attempt],
        ways: Ways,
        taken: set[int],
        found: _Round,
        *,
        now: datetime,
    ) -> None:
        found.changed[row.pk] = row
        if arrived := [a for a in tries if a.outgoing and a.outgoing.state in ARRIVED]:
            first = min(
                arrived, key=lambda a: (a.outgoing.delivered_at or now) if a.outgoing else now
            )
            row.way, row.outgoing = first.way, first.outgoing
            row.state, row.ended_at = State.REACHED, now
            return
        current = tries[-1] if tries else None
        if current is not None and not current.ended:
            if current.patience is None and current.outgoing is not None:
                # Begun by whoever asked: how long it may take is known only here.
                number = current.outgoing.number
                current.patience = self.patience(number, current.way, lane=row.lane)
                found.looked.append(current)
            current.ended = _why_over(current, taken, now=now)
            if not current.ended:
                row.look_at = _deadline(current)
                return
            found.ended.append(current)
        if row.expires_at and row.expires_at <= now:
            row.state, row.ended_at = State.LEFT, now
            return
        self._try_next(row, ways, found, now=now)

    def _try_next(self, row: Reach, ways: Ways, found: _Round, *, now: datetime) -> None:
        while row.ways:
            way, *row.ways = row.ways
            draft = ways.draft(row, way)
            attempt = Attempt(reach=row, node_id=row.node_id, way=way, created_at=now)
            if isinstance(draft, str):
                attempt.ended = draft
                found.begun.append((attempt, None))
                continue
            attempt.patience = self.patience(draft.number, way, lane=row.lane)
            message = _message(row, draft, now=now)
            found.begun.append((attempt, message))
            row.way, row.outgoing = way, message
            # Once it is sent, the time for its receipt may be over before that for waiting in the queue.
            row.look_at = now + attempt.patience
            return
        row.state, row.ended_at = State.LEFT, now

    def _write(self, found: _Round) -> None:
        messages = [message for _attempt, message in found.begun if message is not None]
        Outgoing.objects.bulk_create(messages)
        for attempt, message in found.begun:
            # It has its key only now.
            attempt.outgoing = message
        Attempt.objects.bulk_create([attempt for attempt, _message in found.begun])
        Attempt.objects.bulk_update(found.looked, ["patience"])
        Attempt.objects.bulk_update(found.ended, ["ended"])
        for row in found.changed.values():
            row.outgoing_id = row.outgoing.pk if row.outgoing else row.outgoing_id
        Reach.objects.bulk_update(
            found.changed.values(), ["ways", "way", "outgoing", "state", "look_at", "ended_at"]
        )
        if messages:
            wake_dispatcher()

    def patience(self, number: Number, way: str, *, lane: int) -> timedelta:
        """How long a receipt of this number is waited for before the next way is tried."""
        least, unknown, most = (
            LIMITS_IN_CRISIS
            if lane == Outgoing.Lane.CRISIS and way != Way.EMAIL
            else LIMITS[Way(way)]
        )
        if number.pk not in self._measured:
            self._measured[number.pk] = usual_delay(number)
        usual = self._measured[number.pk]
        return unknown if usual is None else min(max(2 * usual, least), most)


def usual_delay(number: Number) -> timedelta | None:
    """In which time 95 of a hundred receipts of this number came lately; None where too few did."""
    with connection.cursor() as cursor:
        cursor.execute(MEASURE, {"number": number.pk})
        usual, count = cursor.fetchone()
    return usual if count >= ENOUGH else None


@transaction.atomic
def count_late(*, now: datetime) -> int:
    """Note who was reached after all, by a way that had been given up for too slow; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(LATE, [now, now - LATE_FOR])
        rows = cursor.fetchall()
    live.announce((node_id, "reach", public_id) for node_id, public_id in rows)
    return len(rows)


def _due(now: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(DUE, [now, BATCH])
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def _keys_due(*, now: datetime) -> list[int]:
    return _due(now)


def _message(row: Reach, draft: Draft, *, now: datetime) -> Outgoing:
    return Outgoing(
        node_id=row.node_id,
        number=draft.number,
        to_phone=draft.to_phone,
        to_email=draft.to_email,
        content=draft.content,
        template_id=draft.template_id,
        lane=row.lane,
        subject_type=row.subject_type,
        subject_key=row.subject_key,
        window_until=draft.window_until,
        expires_at=row.expires_at,
        not_before=now,
        created_at=now,
    )


def _deadline(attempt: Attempt) -> datetime:
    """Until when this attempt has time."""
    message, patience = attempt.outgoing, attempt.patience or QUEUED_FOR_ELSE
    if message is None:
        return attempt.created_at
    if message.state in NOT_LEFT | {Outgoing.State.SENDING}:
        waits = QUEUED_FOR.get(Outgoing.Lane(message.lane), QUEUED_FOR_ELSE)
        return attempt.created_at + max(waits, patience)
    return (message.sent_at or message.claimed_at or attempt.created_at) + patience


def _why_over(attempt: Attempt, taken: set[int], *, now: datetime) -> str:
    """Why this way is left, as a word; empty while it has time."""
    message = attempt.outgoing
    if message is None:
        return "gone"
    if message.pk in taken:
        return "stopped" if message.number.stopped_at else "not sent"
    if message.state == Outgoing.State.FAILED:
        return "failed"
    return "no receipt" if _deadline(attempt) <= now else ""
