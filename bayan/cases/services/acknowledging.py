"""Telling each person who writes in a surge that it was heard, and how long it takes: once in 12 hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import override

from bayan.cases.models import Case
from bayan.cases.services.surge_parts import by_node
from bayan.cases.services.surge_words import filled_thanks, usual_thanks
from bayan.cases.surge.models import Acknowledged, Surge
from bayan.cases.surge.reading import Queue, queue_of, wait_in_words
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.organisation.models import Node

BATCH = 200
# Nobody is thanked twice within so long, however much they write and whichever surge it is.
AGAIN_AFTER = timedelta(hours=12)
# Who thanks, or advertises, waits for nothing.
WAITS_FOR_NOTHING = (Case.Kind.PRAISE, Case.Kind.SPAM)

OWE = """
    INSERT INTO cases_acknowledged (surge_id, contact_id, case_id, owed_at)
    SELECT DISTINCT ON (s.surge, c.contact_id) s.surge, c.contact_id, c.id, %(now)s
    FROM cases_case c
    JOIN unnest(%(nodes)s::bigint[], %(surges)s::bigint[]) AS s (node, surge) ON s.node = c.node_id
    WHERE c.reference = ANY (%(references)s) AND c.closed_at IS NULL
        AND c.priority <> 'emergency' AND c.kind <> ALL (%(spared)s)
        AND NOT EXISTS (
            SELECT FROM cases_acknowledged a WHERE a.contact_id = c.contact_id
            AND (a.owed_at IS NOT NULL OR a.sent_at > %(since)s)
        )
    ORDER BY s.surge, c.contact_id, c.id DESC
    ON CONFLICT (surge_id, contact_id)
    DO UPDATE SET case_id = excluded.case_id, owed_at = excluded.owed_at
"""

log = structlog.get_logger(__name__)


def owe(
    arrivals: Sequence[inbox.Arrival],
    surges: Sequence[Surge],
    *,
    nodes: Mapping[int, Node],
    but: Collection[str],
    now: datetime,
) -> None:
    """Note whom of those who just wrote the worker is to thank; one statement for all of them.

    `but`: the ids of messages that say nothing but a wish. The senders are locked by who takes in.
    """
    references = {
        arrival.matter
        for arrival in arrivals
        if arrival.matter
        and arrival.message.external_id not in but
        and arrival.message.kind not in inbox.TOUCHES
    }
    concerned = by_node(surges, nodes.values())
    if not references or not concerned:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            OWE,
            {
                "now": now,
                "since": now - AGAIN_AFTER,
                "references": sorted(references),
                "nodes": list(concerned),
                "surges": [surge.pk for surge in concerned.values()],
                "spared": list(WAITS_FOR_NOTHING),
            },
        )


def forget_owed(surge: Surge) -> None:
    """It ends: whom it still owed its thanks gets them from the next one."""
    with as_worker():
        Acknowledged.objects.filter(surge=surge, owed_at__isnull=False).update(owed_at=None)


def acknowledge(*, now: datetime, limit: int = BATCH) -> int:
    """Send the next of those owed. Returns how many were looked at; killed, all or nothing of it is done.

    :raises OperationalError: the database is away; nothing is lost
    """
    try:
        with transaction.atomic():
            return _send(_owed(limit), now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # One that cannot be sent must not hold up the others: one by one, it alone is given up.
        log.exception("surge.batch_failed")
    done = 0
    for _number in range(limit):
        with transaction.atomic():
            rows = _owed(1)
            if not rows:
                break
            try:
                with transaction.atomic():
                    done += _send(rows, now=now)
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                log.exception("surge.acknowledgement_failed", case=rows[0].case.reference)
                Acknowledged.objects.filter(pk=rows[0].pk).update(owed_at=None)
                done += 1
    return done


def _owed(limit: int) -> list[Acknowledged]:
    return list(
        Acknowledged.objects.filter(owed_at__isnull=False)
        .select_related(
            "surge__node",
            "case__conversation__node",
            "case__conversation__number__account",
            "case__conversation__contact",
        )
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:limit]
    )


def _send(rows: Sequence[Acknowledged], *, now: datetime) -> int:
    if not rows:
        return 0
    queues: dict[int, Queue] = {}
    sent: list[int] = []
    for row in rows:
        if not _is_due(row):
            continue
        if row.surge_id not in queues:
            queues[row.surge_id] = queue_of(row.surge.nodes, now=now)
        conversation = row.case.conversation
        conversation.matter = row.case.reference
        text = _text_for(row, queues[row.surge_id])
        try:
            inbox.send(conversation, text, by=None, now=now)
        except DomainError as refused:
            # What was in the journal for long can no longer be answered freely.
            log.info("surge.not_acknowledged", why=type(refused).__name__)
            continue
        sent.append(row.pk)
    Acknowledged.objects.filter(pk__in=sent).update(owed_at=None, sent_at=now)
    others = {row.pk for row in rows} - set(sent)
    Acknowledged.objects.filter(pk__in=others).update(owed_at=None)
    return len(rows)


def _text_for(row: Acknowledged, queue: Queue) -> str:
    language = row.case.conversation.contact.language
    with override(language):
        words = wait_in_words(queue.wait)
    is_arabic = language == "ar"
    return filled_thanks(
        row.surge.thanks if is_arabic else usual_thanks(language),
        reference=grouped(row.case.reference),
        wait=row.surge.wait_words if is_arabic and row.surge.wait_words else words,
        statement=row.surge.pointer,
    )


def _is_due(row: Acknowledged) -> bool:
    """Whether it still makes sense: meanwhile it may have been answered, or heard as an emergency."""
    case, answered_at = row.case, row.case.conversation.last_outbound_at
    return (
        row.surge.is_on
        and not case.is_closed
        and case.priority != Case.Priority.EMERGENCY
        and case.kind not in WAITS_FOR_NOTHING
        and (answered_at is None or row.owed_at is None or answered_at < row.owed_at)
    )


def wait_of(surge: Surge, *, now: datetime) -> str:
    """How long it takes now, in words: those of the surge, or what the queue says."""
    if surge.wait_words:
        return surge.wait_words
    with override("ar"):
        return wait_in_words(queue_of(surge.nodes, now=now).wait)
