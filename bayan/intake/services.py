"""Working off the journal: in batches, one transaction each; what is poisonous is set aside."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from bayan.cases import services as cases
from bayan.channels import selectors as channel_selectors
from bayan.channels import services as channels
from bayan.channels.events import (
    IdentityChange,
    IncomingMessage,
    MarketingChoice,
    Notice,
    Parsed,
)
from bayan.channels.models import Account
from bayan.core import audit, events, undo
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.intake.models import Seen
from bayan.work import services as work

BATCH = 200
# One body may hold a thousand messages: what does not fit stays for the next batch.
BATCH_BYTES = 2 * 1024 * 1024
# Providers deliver again for up to seven days (reference 1.2).
KEEP_SEEN = timedelta(days=14)
PARTITIONS_AHEAD = 7

type Rare = IdentityChange | MarketingChoice | Notice

log = structlog.get_logger(__name__)


class NoSuchEntry(DomainError):
    pass


@dataclass(frozen=True)
class Row:
    """A journal row that this worker holds."""

    id: int
    received_at: datetime
    account_id: int
    request_id: str
    body: bytes


@dataclass(frozen=True)
class Done:
    """What working off one batch came to."""

    rows: int
    messages: int
    set_aside: int


def work_off(*, now: datetime, limit: int = BATCH) -> Done:
    """Take the oldest unprocessed rows that no other worker holds, and process them.

    If the batch fails, its rows are tried one by one, so that the poisonous one alone is set aside.

    :raises OperationalError: the database is away or chose us as a deadlock's victim; nothing is lost
    """
    with transaction.atomic():
        rows = _claim(limit)
        if not rows:
            return Done(0, 0, 0)
        accounts = {
            account.pk: account
            for account in Account.objects.prefetch_related("numbers").filter(
                pk__in={row.account_id for row in rows}
            )
        }
        try:
            with transaction.atomic():
                return _process(rows, accounts, now=now)
        except Exception as error:
            # Whatever a stranger's bytes can cause.
            if is_passing(error):
                raise
            log.warning("journal.batch_failed", rows=len(rows), error=type(error).__name__)
        messages = set_aside = 0
        for row in rows:
            try:
                with transaction.atomic():
                    done = _process([row], accounts, now=now)
                    messages, set_aside = messages + done.messages, set_aside + done.set_aside
            except Exception as error:
                if is_passing(error):
                    raise
                set_aside += 1
                _set_aside([(row, _reason(error))], now=now)
        return Done(len(rows), messages, set_aside)


def _process(rows: Sequence[Row], accounts: dict[int, Account], *, now: datetime) -> Done:
    found: list[tuple[Row, Parsed]] = []
    remarks: dict[int, str] = {}
    aside: list[tuple[Row, str]] = []
    for row in rows:
        parsed = channels.parse(
            accounts[row.account_id],
            row.body,
            received_at=row.received_at,
            request_id=row.request_id,
        )
        found.append((row, parsed))
        remarks[row.id] = ", ".join(dict.fromkeys(parsed.remarks))[:500]
        if parsed.unknown_numbers:
            aside.append((row, f"unknown number: {', '.join(parsed.unknown_numbers)[:300]}"))
    messages = [message for _row, parsed in found for message in parsed.messages]
    unique: dict[str, IncomingMessage] = {}
    for message in messages:
        unique.setdefault(_key_of(message), message)
    fresh = list(_not_seen(unique, now=now).values())
    applied = channels.apply_statuses(
        [status for _row, parsed in found for status in parsed.statuses]
    )
    _hand_out(fresh, now=now)
    _hand_out_the_rest(found, accounts, now=now)
    channels.note_received(
        accounts={row.account_id: row.received_at for row in rows},
        numbers={message.number_id: message.received_at for message in fresh},
    )
    _note_repeated(found, fresh, applied, now=now)
    put_aside = {row.id for row, _reason in aside}
    _mark_processed([row for row in rows if row.id not in put_aside], remarks, now=now)
    _set_aside(aside, now=now)
    for message in fresh:
        log.info("message.taken_in", request_id=message.request_id, kind=message.kind)
    return Done(len(rows), len(fresh), len(aside))


def _note_repeated(
    found: Sequence[tuple[Row, Parsed]],
    fresh: Sequence[IncomingMessage],
    applied: channels.Applied,
    *,
    now: datetime,
) -> None:
    """Count what the providers told again or too late, by account."""
    told = sum(len(parsed.messages) for _row, parsed in found)
    if told == len(fresh) and not applied.repeated and not applied.late:
        return
    kept, repeated, late = (
        Counter(map(id, facts)) for facts in (fresh, applied.repeated, applied.late)
    )
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row, parsed in found:
        of = counts[row.account_id]
        of[0] += sum(1 for message in parsed.messages if not kept[id(message)])
        of[1] += sum(repeated[id(status)] for status in parsed.statuses)
        of[2] += sum(late[id(status)] for status in parsed.statuses)
    channels.note_repeated({key: (a, b, c) for key, (a, b, c) in counts.items()}, now=now)


def _hand_out(messages: list[IncomingMessage], *, now: datetime) -> None:
    """Answers to something of ours go to who sent it; everything else is the public's."""
    subjects = channel_selectors.subjects_of(m.quoted_id for m in messages if m.choice_id)
    answers: dict[str, list[tuple[IncomingMessage, str]]] = defaultdict(list)
    public: list[IncomingMessage] = []
    for message in messages:
        subject = subjects.get(message.quoted_id) if message.choice_id else None
        if subject and events.receiver_of(subject.type):
            answers[subject.type].append((message, subject.key))
        else:
            public.append(message)
    for subject_type, replies in answers.items():
        receiver = events.receiver_of(subject_type)
        assert receiver is not None  # noqa: S101  # asked above
        receiver(replies, now=now)
    cases.take_in(public, now=now)


def _hand_out_the_rest(
    found: Sequence[tuple[Row, Parsed]], accounts: dict[int, Account], *, now: datetime
) -> None:
    """What is rare: new numbers, choices about bulk messages, and what the provider says of the account."""
    rare: dict[str, tuple[int, Rare]] = {}
    for row, parsed in found:
        facts: tuple[Rare, ...] = (*parsed.changes, *parsed.choices, *parsed.notices)
        rare |= {_key_of_rare(row, fact): (row.account_id, fact) for fact in facts}
    fresh = list(_not_seen(rare, now=now).values())
    if not fresh:
        return
    # After the messages: what came under the old name and what came under the new one is there by then.
    cases.follow_identities([f for _account, f in fresh if isinstance(f, IdentityChange)], now=now)
    cases.note_choices([f for _account, f in fresh if isinstance(f, MarketingChoice)], now=now)
    notices: dict[int, list[Notice]] = defaultdict(list)
    for account_id, fact in fresh:
        if isinstance(fact, Notice):
            notices[account_id].append(fact)
    for account_id in sorted(notices):
        channels.apply_notices(accounts[account_id], notices[account_id], now=now)


def _key_of(message: IncomingMessage) -> str:
    return f"{message.number_id}:{message.external_id}"


def _key_of_rare(row: Row, fact: Rare) -> str:
    """These have no id that one could rely on: told apart by what they say and when it happened."""
    if isinstance(fact, Notice):
        said: list[Any] = [fact.field, fact.business_id, fact.value, fact.at]
    elif isinstance(fact, MarketingChoice):
        said = [fact.whatsapp_id, fact.phone, fact.wants, fact.chosen_at]
    else:
        said = [fact.external_id or row.received_at, fact.old, fact.new_phone, fact.new_whatsapp_id]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
    return f"{type(fact).__name__}:{row.account_id}:{digest}"


def _not_seen[T](found: Mapping[str, T], *, now: datetime) -> dict[str, T]:
    """Those that were never taken in before, in their order."""
    if not found:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # In one order, so that two workers with the same message wait instead of deadlocking.
            "INSERT INTO intake_seen (key, seen_at) SELECT key, %s FROM unnest(%s::text[]) AS key "
            "ORDER BY key ON CONFLICT DO NOTHING RETURNING key",
            [now, list(found)],
        )
        fresh = {row[0] for row in cursor.fetchall()}
    return {key: fact for key, fact in found.items() if key in fresh}


def replay(entry_id: int, *, by: audit.Actor = audit.SYSTEM, now: datetime) -> None:
    """Put a row that was set aside back into the queue.

    :raises NoSuchEntry: no row with this number is set aside
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_journal SET set_aside_at = NULL, processed_at = NULL, remark = '' "
            "WHERE id = %s AND set_aside_at IS NOT NULL",
            [entry_id],
        )
        if not cursor.rowcount:
            raise NoSuchEntry(_("No entry %(number)s is set aside.") % {"number": entry_id})
        audit.record(
            audit.Entry(
                action="journal.replayed",
                subject_type="journal",
                subject_key=str(entry_id),
                by=by,
                at=now,
                node_id=None,
            )
        )
        cursor.execute("SELECT pg_notify('bayan_intake', '')")


def keep_house(*, now: datetime) -> int:
    """Make the journal's partitions for the coming days, count the figures, forget what is of no use.

    That is: message ids that no provider repeats, steps that nobody can undo, who was at a conversation.
    Returns how many message ids were forgotten.
    """
    with connection.cursor() as cursor:
        for day in range(PARTITIONS_AHEAD + 1):
            cursor.execute("SELECT intake_make_partition(%s)", [(now + timedelta(days=day)).date()])
    cases.keep_figures(now=now)
    cases.draw_when_due(now=now)
    cases.forget_heard(now=now)
    undo.forget(now=now)
    inbox.forget_presences(now=now)
    channels.forget_repeated(now=now)
    work.forget_outside(now=now)
    forgotten, _by_model = Seen.objects.filter(seen_at__lt=now - KEEP_SEEN).delete()
    return forgotten


def backlog(*, now: datetime) -> tuple[int, int]:
    """How many bodies wait in the journal, and for how many seconds the oldest has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), min(received_at) FROM intake_journal "
            "WHERE processed_at IS NULL AND set_aside_at IS NULL"
        )
        waiting, oldest = cursor.fetchone()
    return waiting, max(0, int((now - oldest).total_seconds())) if oldest else 0


def _claim(limit: int) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, received_at, octet_length(body) FROM intake_journal "
            "WHERE processed_at IS NULL AND set_aside_at IS NULL "
            "ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [limit],
        )
        ids: list[int] = []
        days: list[datetime] = []
        size = 0
        for entry_id, received_at, length in cursor.fetchall():
            size += length
            if ids and size > BATCH_BYTES:
                break
            ids.append(entry_id)
            days.append(received_at)
        cursor.execute(
            "SELECT j.id, j.received_at, j.account_id, j.request_id, j.body FROM intake_journal j "
            "JOIN unnest(%s::bigint[], %s::timestamptz[]) AS r (id, received_at) "
            "ON j.id = r.id AND j.received_at = r.received_at ORDER BY j.id",
            [ids, days],
        )
        return [
            Row(entry_id, received_at, account_id, request_id, bytes(body))
            for entry_id, received_at, account_id, request_id, body in cursor.fetchall()
        ]


def _mark_processed(rows: Sequence[Row], remarks: dict[int, str], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_journal j SET processed_at = %s, remark = r.remark "
            "FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS r (id, received_at, remark) "
            # The day names the partition, so that the others are not searched.
            "WHERE j.id = r.id AND j.received_at = r.received_at",
            [
                now,
                [row.id for row in rows],
                [row.received_at for row in rows],
                [remarks[row.id] for row in rows],
            ],
        )


def _set_aside(rows: Sequence[tuple[Row, str]], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        for row, reason in rows:
            cursor.execute(
                "UPDATE intake_journal SET set_aside_at = %s, remark = %s "
                "WHERE id = %s AND received_at = %s",
                [now, reason, row.id, row.received_at],
            )
            log.error("journal.set_aside", entry=row.id, reason=reason, request_id=row.request_id)


def is_passing(error: Exception) -> bool:
    """True for the database's own troubles, which pass; False for what these rows will always cause."""
    cause = error.__cause__
    if isinstance(cause, psycopg.errors.Error) and (cause.sqlstate or "").startswith("54"):
        # "Program limit exceeded": a text too long, a value too deep for it.
        return False
    return isinstance(error, (OperationalError, InterfaceError))


def _reason(error: Exception) -> str:
    # The database's message may quote the person's words: only its kind is kept.
    text = "" if isinstance(error, DatabaseError) else str(error)
    return f"{type(error).__name__}: {text}"[:500].rstrip(": ")
