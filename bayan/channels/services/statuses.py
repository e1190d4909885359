"""What the provider says of our messages: each thing once, and never back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bayan.channels.adapters import ADAPTERS
from bayan.channels.events import DeliveryStatus
from bayan.channels.models import Outgoing, Status
from bayan.channels.services.reacting import react
from bayan.core import live

# How far a message has come; a late lower rank never takes it back. `failed` counts until it arrived.
RANK = {
    "held": 0,
    "queued": 0,
    "sending": 1,
    "uncertain": 1,
    "sent": 2,
    "failed": 3,
    "delivered": 4,
    "read": 5,
}
# The first play of a voice message implies that it was read.
STATES_OF_STATUS = {
    "sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed",
}  # fmt: skip
# One statement for all. The earliest moment of each counts: "played" says "read" again, and either may
# come first.
MOVE_ON = """
    WITH ranked AS (SELECT %s::text[] AS states),
    said AS (
        SELECT s.id, max(s.external_id) AS external_id,
            max(array_position(ranked.states, s.state)) AS rank,
            min(s.at) FILTER (WHERE s.state = 'sent') AS sent_at,
            min(s.at) FILTER (WHERE s.state = 'delivered') AS delivered_at,
            min(s.at) FILTER (WHERE s.state = 'read') AS read_at,
            min(s.at) FILTER (WHERE s.state = 'failed') AS failed_at,
            (array_agg(s.error) FILTER (WHERE s.state = 'failed'))[1] AS error
        FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
            AS s (id, external_id, state, at, error), ranked
        GROUP BY s.id
    )
    UPDATE channels_outgoing o SET
        external_id = coalesce(o.external_id, said.external_id),
        state = CASE WHEN said.rank > array_position(ranked.states, o.state::text)
                     THEN ranked.states[said.rank] ELSE o.state END,
        sent_at = least(o.sent_at, said.sent_at),
        delivered_at = least(o.delivered_at, said.delivered_at),
        read_at = least(o.read_at, said.read_at),
        failed_at = least(o.failed_at, said.failed_at),
        error = coalesce(said.error, o.error)
    FROM said, ranked WHERE o.id = said.id
    RETURNING o.id, o.node_id, o.public_id, o.broadcast_id
"""


@dataclass(frozen=True)
class Applied:
    """What became of what the provider said."""

    # How many of our messages moved.
    moved: int = 0
    # Said before; and said of a message that had already come further.
    repeated: Sequence[DeliveryStatus] = ()
    late: Sequence[DeliveryStatus] = ()


def apply_statuses(statuses: Iterable[DeliveryStatus]) -> Applied:
    """Keep what the provider said, each thing once, and move our messages on, never back.

    Statuses of messages that we did not send are kept.
    """
    unique: dict[tuple[str, str, str], DeliveryStatus] = {}
    repeated: list[DeliveryStatus] = []
    for status in statuses:
        key = (status.external_id, status.status, status.recipient)
        if key in unique:
            repeated.append(unique[key])
        # The last one counts, as it always did.
        unique[key] = status
    if not unique:
        return Applied()
    rows = [unique[key] for key in sorted(unique)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH said AS (
                SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::uuid[],
                                     %s::timestamptz[], %s::timestamptz[], %s::jsonb[])
                    AS s (external_id, status, recipient, callback, provider_at, received_at, error)
            )
            INSERT INTO channels_status
                (external_id, status, recipient, outgoing_id, provider_at, received_at, error)
            SELECT s.external_id, s.status, s.recipient,
                   coalesce(
                       (SELECT id FROM channels_outgoing o WHERE o.external_id = s.external_id),
                       -- A status may be faster than the answer to the request that made it.
                       (SELECT id FROM channels_outgoing o WHERE o.public_id = s.callback)
                   ),
                   s.provider_at, s.received_at, s.error
            FROM said s
            ON CONFLICT DO NOTHING
            RETURNING outgoing_id, external_id, status, provider_at, error, recipient
            """,
            [
                [s.external_id for s in rows],
                [s.status for s in rows],
                [s.recipient for s in rows],
                [_public_id(s.callback) for s in rows],
                [s.provider_at for s in rows],
                [s.received_at for s in rows],
                [json.dumps(s.error) if s.error else None for s in rows],
            ],
        )
        new = {(row[1], row[2], row[5]): row for row in cursor.fetchall()}
    repeated += [unique[key] for key in unique.keys() - new.keys()]
    ours = {key: row[:5] for key, row in new.items() if row[0] is not None}
    moved, late = _move_on(list(ours.values()))
    late_ones = [unique[key] for key, row in ours.items() if row in late]
    return Applied(moved, repeated, late_ones)


type Said = tuple[int, str, str, datetime, Any]


def _move_on(said: Sequence[Said]) -> tuple[int, list[Said]]:
    """Move these messages on; `said` holds (row, provider's id, status, when, error).

    Returns how many moved, and what was said of messages that had come further already.
    """
    known = [line for line in said if line[2] in STATES_OF_STATUS]
    if not said:
        return 0, []
    with connection.cursor() as cursor:
        # In one order, so that two workers with statuses of one message wait instead of deadlocking.
        cursor.execute(
            "SELECT id, state FROM channels_outgoing WHERE id = ANY (%s) ORDER BY id FOR UPDATE",
            [[line[0] for line in said]],
        )
        ranks = {pk: RANK.get(state, 0) for pk, state in cursor.fetchall()}
        cursor.execute(
            MOVE_ON,
            [
                list(RANK),
                [line[0] for line in said],
                [line[1] for line in said],
                [STATES_OF_STATUS.get(line[2]) for line in said],
                [line[3] for line in said],
                [
                    line[4] if isinstance(line[4], str | None) else json.dumps(line[4])
                    for line in said
                ],
            ],
        )
        moved = cursor.fetchall()
    live.announce(
        (node_id, "outgoing", public_id)
        for _pk, node_id, public_id, broadcast_id in moved
        if broadcast_id is None
    )
    _react({line[0]: line[4] for line in known if line[2] == "failed" and line[4]})
    late = [line for line in known if RANK[STATES_OF_STATUS[line[2]]] < ranks.get(line[0], 0)]
    return len(moved), late


def _react(errors: Mapping[int, Any]) -> None:
    """An error that comes late means the same as one that comes at once."""
    rows = Outgoing.objects.filter(pk__in=errors).select_related("number__account", "contact")
    for row in rows:
        error = errors[row.pk]
        error = json.loads(error) if isinstance(error, str) else error
        react(row, ADAPTERS[row.number.account.channel].outcome_of(error), now=timezone.now())


def apply_early(accepted: Mapping[str, int]) -> None:
    """Statuses that came before we knew the provider's id, and did not echo ours."""
    early = list(Status.objects.filter(external_id__in=accepted, outgoing=None).order_by("pk"))
    for status in early:
        status.outgoing_id = accepted[status.external_id]
    Status.objects.bulk_update(early, ["outgoing"])
    _move_on(
        [(accepted[s.external_id], s.external_id, s.status, s.provider_at, s.error) for s in early]
    )


def _public_id(callback: str) -> UUID | None:
    try:
        return UUID(callback)
    except ValueError:
        return None
