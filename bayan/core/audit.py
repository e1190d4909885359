"""Recording changes, sealing them into a hash chain, and walking the chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog
from django.db import connection, transaction

# One sealer at a time, on whichever machine.
SEALER_LOCK = 0x62617961_01
GENESIS = bytes(32)
FIELDS = (
    "id, at, actor, actor_label, action, subject_type, subject_key, node_id, details, request_id"
)


class Actor(Protocol):
    """Anybody who can be named in the trail."""

    @property
    def audit_key(self) -> str: ...
    @property
    def audit_label(self) -> str: ...


@dataclass(frozen=True)
class System:
    """The platform itself, when no person acted."""

    audit_key: str = "system"
    audit_label: str = "system"


SYSTEM = System()


@dataclass(frozen=True)
class Named:
    """An actor whose names were read once, for many lines."""

    audit_key: str
    audit_label: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line for the trail, before it is written."""

    action: str
    subject_type: str
    subject_key: str
    by: Actor
    at: datetime
    node_id: int | None
    details: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""


def record(entry: Entry) -> None:
    """Write one line in the running transaction."""
    record_all([entry])


def record_all(entries: Iterable[Entry]) -> None:
    """Write many lines in the running transaction with one statement."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    entries = list(entries)
    # Each is asked once who they are: the roles of a member are read from the database.
    actors = {id(actor): actor for actor in (e.by for e in entries)}
    named = {key: (actor.audit_key, actor.audit_label) for key, actor in actors.items()}
    rows = [
        (
            e.at,
            *named[id(e.by)],
            e.action,
            e.subject_type,
            e.subject_key,
            e.node_id,
            json.dumps(dict(e.details), ensure_ascii=False),
            e.request_id or request_id,
        )
        for e in entries
    ]
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        # No RETURNING: whoever may write a line need not be allowed to read the trail.
        cursor.execute(
            """
            INSERT INTO core_auditentry
                (at, actor, actor_label, action, subject_type, subject_key, node_id, details, request_id)
            SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
                                 %s::text[], %s::bigint[], %s::jsonb[], %s::text[])
            """,
            columns,
        )


def seal(*, limit: int = 5_000) -> int:
    """Number and chain the committed lines that are not sealed yet, oldest first.

    Returns how many were sealed; 0 also when another sealer is at work.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEALER_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT number, hash FROM core_audithead")
        number, previous = cursor.fetchone() or (0, GENESIS)
        cursor.execute(
            f"SELECT {FIELDS} FROM core_auditentry WHERE number IS NULL ORDER BY id LIMIT %s",  # noqa: S608  # constants
            [limit],
        )
        rows = cursor.fetchall()
        if not rows:
            return 0
        links = []
        for row in rows:
            number += 1
            link = digest(number, bytes(previous), row)
            links.append((row[0], number, bytes(previous), link))
            previous = link
        cursor.execute(
            """
            UPDATE core_auditentry e SET number = l.number, previous_hash = l.previous, hash = l.hash
            FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[])
                 AS l (id, number, previous, hash)
            WHERE e.id = l.id
            """,
            [list(column) for column in zip(*links, strict=True)],
        )
        cursor.execute(
            "INSERT INTO core_audithead (id, number, hash) VALUES (1, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET number = EXCLUDED.number, hash = EXCLUDED.hash",
            [number, previous],
        )
        return len(rows)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What walking the chain found."""

    sealed: int
    unsealed: int
    broken_at: int | None = None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        return self.broken_at is None


def verify() -> Verdict:
    """Walk the chain from its first link and say where it is first broken, if anywhere."""
    with transaction.atomic(), connection.cursor() as cursor:
        # In one statement: the sealer goes on meanwhile.
        cursor.execute(
            "SELECT coalesce(h.number, 0), coalesce(h.hash, %s), e.unsealed, e.last FROM "
            "(SELECT count(*) FILTER (WHERE number IS NULL) AS unsealed, max(number) AS last "
            " FROM core_auditentry) AS e LEFT JOIN core_audithead h ON true",
            [GENESIS],
        )
        head_number, head_hash, unsealed, last = cursor.fetchone()
    expected, previous = 0, GENESIS
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT number, previous_hash, hash, {FIELDS} FROM core_auditentry "  # noqa: S608  # constants
            "WHERE number <= %s ORDER BY number",
            [head_number],
        )
        for number, claimed_previous, claimed, *row in cursor:
            expected += 1
            reason = ""
            if number != expected:
                reason = f"entry {expected} is missing"
            elif bytes(claimed_previous) != previous:
                reason = f"entry {number} does not follow entry {number - 1}"
            elif bytes(claimed) != digest(number, previous, tuple(row)):
                reason = f"entry {number} was altered"
            if reason:
                return Verdict(
                    sealed=expected - 1, unsealed=unsealed, broken_at=expected, reason=reason
                )
            previous = bytes(claimed)
    if expected != head_number or previous != bytes(head_hash):
        return Verdict(
            sealed=expected,
            unsealed=unsealed,
            broken_at=expected + 1,
            reason=f"entry {expected + 1} is missing",
        )
    if (last or 0) > head_number:
        return Verdict(
            sealed=expected,
            unsealed=unsealed,
            broken_at=head_number + 1,
            reason=f"entry {head_number + 1} was not written by the sealer",
        )
    return Verdict(sealed=expected, unsealed=unsealed)


def digest(number: int, previous: bytes, row: tuple[Any, ...]) -> bytes:
    """The SHA-256 of a line, its number and the link before it, in one unambiguous spelling."""
    identifier, at, actor, label, action, subject_type, subject_key, node_id, details, request = row
    facts = details if isinstance(details, dict) else json.loads(details)
    spelled = json.dumps(
        [
            number, previous.hex(), identifier, at.timestamp(), actor, label, action,
            subject_type, subject_key, node_id, facts, request,
        ],
        ensure_ascii=False, sort_keys=True, separators=(",", ":"),
    )  # fmt: skip
    return hashlib.sha256(spelled.encode()).digest()
