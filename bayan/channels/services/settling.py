"""Settling: what came of the messages that were handed to a provider."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from bayan.channels.adapters.base import Outcome, Reaction, Stops
from bayan.channels.models import Number, Outgoing
from bayan.channels.services.reacting import PAIR_RATE, code_of, react
from bayan.channels.services.statuses import apply_early
from bayan.core import live

# After this an answer is not coming any more: the request itself times out at 15 s.
IN_FLIGHT = timedelta(seconds=30)
GIVE_UP_AFTER = 8
# Errors that are a fault of the request after so many attempts (reference 1.14).
FEW_ATTEMPTS = {1: 3, 131000: 3}
# The last moment of a number is shown in minutes: no need to write it with every message.
SAY_SENT_EVERY = timedelta(seconds=5)

# What we know is the better knowledge unless somebody claimed the row anew since: another dispatcher may
# only have given us up for dead. The provider's id is true whatever happened.
SETTLE = """
    UPDATE channels_outgoing o SET
        external_id = coalesce(o.external_id, r.external_id),
        state = CASE WHEN w.is_ours THEN r.state ELSE o.state END,
        error = CASE WHEN w.is_ours THEN r.error ELSE o.error END,
        not_before = CASE WHEN w.is_ours THEN coalesce(r.not_before, o.not_before) ELSE o.not_before END,
        sent_at = CASE WHEN w.is_ours AND r.state = 'sent' THEN %s ELSE o.sent_at END,
        failed_at = CASE WHEN w.is_ours AND r.state = 'failed' THEN %s ELSE o.failed_at END
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
        AS r (id, claimed_at, state, external_id, not_before, error)
    CROSS JOIN LATERAL (
        SELECT x.state IN ('sending', 'uncertain') AND x.claimed_at = r.claimed_at AS is_ours
        FROM channels_outgoing x WHERE x.id = r.id
    ) AS w
    WHERE o.id = r.id
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Settled:
    """What one message's row becomes."""

    row: Outgoing
    state: Outgoing.State
    external_id: str | None = None
    not_before: datetime | None = None
    error: dict[str, Any] | None = None


def settle(results: Sequence[tuple[Outgoing, Outcome]], *, now: datetime) -> None:
    """Write down what came of claimed messages. A status that was faster keeps its say."""
    settled = [_settled(row, outcome, now=now) for row, outcome in results]
    try:
        with transaction.atomic():
            _write(settled, now=now)
    except IntegrityError:
        # A provider that gives one id twice: the others must not suffer for it.
        for each in settled:
            try:
                with transaction.atomic():
                    _write([each], now=now)
            except IntegrityError:
                log.exception("outgoing.id_given_twice", outgoing=str(each.row.public_id))
                _write([_Settled(each.row, each.state)], now=now)
    for row, outcome in results:
        if outcome.reaction is not Reaction.ACCEPTED:
            react(row, outcome, now=now)
        # A broadcast has a page that counts; a line for each of its messages would drown the others.
        if not row.broadcast_id or outcome.reaction is not Reaction.ACCEPTED:
            log.info(
                "outgoing.settled",
                outgoing=str(row.public_id),
                outcome=outcome.reaction.value,
                code=code_of(outcome.error),
                request_id=row.request_id,
            )


def _settled(  # noqa: PLR0911  # one answer for each case
    row: Outgoing, outcome: Outcome, *, now: datetime
) -> _Settled:
    state, error = Outgoing.State, outcome.error
    match outcome.reaction:
        case Reaction.ACCEPTED:
            return _Settled(row, state.SENT, external_id=outcome.external_id)
        case Reaction.UNCERTAIN:
            return _Settled(row, state.UNCERTAIN, error=error)
        case Reaction.RETRY if row.attempts < FEW_ATTEMPTS.get(code_of(error), GIVE_UP_AFTER):
            # Longer with every attempt, so that a provider in trouble is not hammered.
            pause = max(outcome.wait, timedelta(seconds=1)) * 2 ** min(row.attempts - 1, 6)
            return _Settled(row, state.QUEUED, not_before=now + pause, error=error)
        case Reaction.WAIT:
            pause = outcome.wait
            if code_of(error) == PAIR_RATE:
                # The provider's own advice: 4^X seconds, X = 0, 1, 2 …
                pause = max(pause, timedelta(seconds=4 ** min(row.attempts - 1, 6)))
            return _Settled(row, state.QUEUED, not_before=now + pause, error=error)
        case Reaction.STOP if outcome.stops is not Stops.TEMPLATE:
            # It waits with all the others until the number goes on.
            return _Settled(row, state.QUEUED, not_before=now, error=error)
        case Reaction.STOP if row.broadcast_id:
            return _Settled(row, state.HELD, error=error)
        case _:
            return _Settled(row, state.FAILED, error=error)


def _write(settled: Sequence[_Settled], *, now: datetime) -> None:
    # In one order, so that the worker's statuses and we never wait for each other.
    settled = sorted(settled, key=lambda each: each.row.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM channels_outgoing WHERE id = ANY (%s) ORDER BY id FOR UPDATE",
            [[each.row.pk for each in settled]],
        )
        cursor.execute(
            SETTLE,
            [
                now,
                now,
                [each.row.pk for each in settled],
                [each.row.claimed_at for each in settled],
                [each.state for each in settled],
                [each.external_id for each in settled],
                [each.not_before for each in settled],
                [json.dumps(each.error) if each.error else None for each in settled],
            ],
        )
    accepted = {each.external_id: each.row.pk for each in settled if each.external_id}
    apply_early(accepted)
    # A broadcast's page counts its rows; only a conversation shows a single one.
    live.announce(
        (each.row.node_id, "outgoing", each.row.public_id)
        for each in settled
        if not each.row.broadcast_id
    )
    Number.objects.filter(
        Q(last_sent_at=None) | Q(last_sent_at__lt=now - SAY_SENT_EVERY),
        pk__in={each.row.number_id for each in settled if each.external_id},
    ).update(last_sent_at=now)


@transaction.atomic
def release_stranded(*, now: datetime) -> int:
    """Mark as uncertain what a dispatcher claimed and never settled: it died, or we did.

    Their statuses may still settle them; whoever looks can send them again.
    """
    rows = list(
        Outgoing.objects.filter(
            state=Outgoing.State.SENDING, claimed_at__lt=now - IN_FLIGHT
        ).select_for_update(skip_locked=True)
    )
    Outgoing.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=Outgoing.State.UNCERTAIN, error={"title": "interrupted"}
    )
    live.announce((row.node_id, "outgoing", row.public_id) for row in rows)
    return len(rows)
