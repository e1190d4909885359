"""What the provider says of our messages: each thing once, and never back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from bayan.channels.events import DeliveryStatus
from bayan.channels.models import Outgoing, Status
from bayan.core import live

# How far a message has come; a late lower rank never takes it back. `failed` counts until it arrived.
RANK = {
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


def apply_statuses(statuses: Iterable[DeliveryStatus]) -> int:
    """Keep what the provider said, each thing once, and move our messages on, never back.

    Returns how many of our messages moved. Statuses of messages that we did not send are kept.
    """
    unique = {(s.external_id, s.status, s.recipient): s for s in statuses}
    if not unique:
        return 0
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
            RETURNING outgoing_id, external_id, status, provider_at, error
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
        ours = [row for row in cursor.fetchall() if row[0] is not None]
    return _move_on(ours)


def _move_on(said: list[tuple[int, str, str, datetime, Any]]) -> int:
    if not said:
        return 0
    rows = {
        row.pk: row
        for row in Outgoing.objects.filter(pk__in={line[0] for line in said})
        .order_by("pk")
        .select_for_update()
    }
    for pk, external_id, status, provider_at, error in said:
        row, state = rows[pk], STATES_OF_STATUS.get(status)
        row.external_id = row.external_id or external_id
        if state is None:
            continue
        moment = f"{state}_at"
        known = getattr(row, moment)
        # The earliest: "played" says "read" again, and either may come first.
        if known is None or provider_at < known:
            setattr(row, moment, provider_at)
        if RANK[state] > RANK[row.state]:
            row.state = state
        if state == "failed":
            row.error = json.loads(error) if isinstance(error, str) else error
    Outgoing.objects.bulk_update(
        rows.values(),
        ["state", "external_id", "sent_at", "delivered_at", "read_at", "failed_at", "error"],
    )
    live.announce((row.node_id, "outgoing", row.public_id) for row in rows.values())
    return len(rows)


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
