"""The audit trail: sealed in order, whoever may write it, and any tampering found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.core import audit
from bayan.core.models import AuditEntry, AuditHead

MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def entry(number: int = 1, **changes: Any) -> audit.Entry:
    facts: dict[str, Any] = {
        "action": "case.closed",
        "subject_type": "case",
        "subject_key": f"{number:09}",
        "by": audit.SYSTEM,
        "at": MONDAY + timedelta(microseconds=number),
        "node_id": None,
        "details": {"outcome": "resolved", "number": number, "words": "تمت المعالجة"},
    }
    return audit.Entry(**facts | changes)


def write(count: int, first: int = 1) -> None:
    audit.record_all(entry(number) for number in range(first, first + count))


def test_lines_are_sealed_in_their_order_each_holding_the_one_before(db: None) -> None:
    write(5)
    assert audit.seal(limit=3) == 3
    write(2, first=6)
    assert audit.seal() == 4
    assert audit.seal() == 0

    rows = list(AuditEntry.objects.order_by("number"))
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.subject_key for row in rows] == [f"{n:09}" for n in range(1, 8)]
    assert bytes(rows[0].previous_hash or b"") == audit.GENESIS
    for before, after in pairwise(rows):
        assert after.previous_hash == before.hash
    head = AuditHead.objects.get()
    assert (head.number, head.hash) == (7, rows[-1].hash)
    assert audit.verify() == audit.Verdict(sealed=7, unsealed=0)


def test_an_empty_trail_is_whole(db: None) -> None:
    assert audit.seal() == 0
    assert audit.verify() == audit.Verdict(sealed=0, unsealed=0)


def test_what_is_not_sealed_yet_is_accepted_and_counted(
    db: None,
) -> None:
    write(3)
    audit.seal()
    write(2, first=4)

    verdict = audit.verify()

    assert verdict == audit.Verdict(sealed=3, unsealed=2)
    assert verdict.is_whole


REFUSED = r"permission denied|row-level security"
FORGERY = """
    INSERT INTO core_auditentry (at, actor, actor_label, action, subject_type, subject_key, details,
        request_id, number, previous_hash, hash)
    VALUES (now(), 'a', 'b', 'c', 'd', 'e', '{}', '', 6, sha256('x'), sha256('y'))
"""
# What is done to a chain of five, where it breaks, and what is said of it.
TAMPERINGS = {
    "alteration": ("UPDATE {} SET actor = 'member:x' WHERE number = 3", 3, "was altered"),
    "alteration of the first": ("UPDATE {} SET at = at + '1 us' WHERE number = 1", 1, "was altered"),
    "alteration of a detail": (
        """UPDATE {} SET details = details || '{{"number": 9}}' WHERE number = 5""", 5, "was altered",
    ),
    "deletion in the middle": ("DELETE FROM {} WHERE number = 3", 3, "is missing"),
    "deletion of the first": ("DELETE FROM {} WHERE number = 1", 1, "is missing"),
    "deletion at the end": ("DELETE FROM {} WHERE number = 5", 5, "is missing"),
    "deletion of everything": ("DELETE FROM {}", 1, "is missing"),
    "unsealing": (
        "UPDATE {} SET number = NULL, hash = NULL, previous_hash = NULL WHERE number = 4", 4, "is missing",
    ),
    "a foreign link": (
        "UPDATE {} SET previous_hash = sha256('x') WHERE number = 2", 2, "does not follow entry 1",
    ),
    "a foreign hash": ("UPDATE {} SET hash = sha256('x') WHERE number = 5", 5, "was altered"),
    "an addition": (FORGERY.replace("{}", "{{}}"), 6, "was not written by the sealer"),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "broken_at", "reason"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_is_found_and_named(
    statement: str,
    broken_at: int,
    reason: str,
    committed_db: None,
    superuser: psycopg.Connection,
) -> None:
    write(5)
    audit.seal()
    superuser.execute(statement.format("core_auditentry").encode())

    verdict = audit.verify()

    assert verdict.broken_at == broken_at
    assert verdict.reason == f"entry {broken_at} {reason}"


COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "actor": "actor || 'x'",
    "actor_label": "actor_label || 'x'",
    "action": "action || 'x'",
    "subject_type": "subject_type || 'x'",
    "subject_key": "subject_key || 'x'",
    "node_id": "coalesce(node_id, 0) + 1",
    "details": "details || '{\"x\": null}'",
    "request_id": "request_id || 'x'",
    "id": "id + 100000",
    "hash": "sha256(hash)",
    "previous_hash": "sha256(previous_hash)",
}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_single_change_to_a_sealed_line_goes_unnoticed(
    committed_db: None, superuser: psycopg.Connection, data: Any
) -> None:
    superuser.execute("TRUNCATE core_auditentry, core_audithead")
    count = data.draw(st.integers(1, 8))
    texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
    audit.record_all(
        entry(
            n,
            subject_key=data.draw(texts),
            details=data.draw(st.dictionaries(texts, texts, max_size=3)),
        )
        for n in range(1, count + 1)
    )
    audit.seal()
    assert audit.verify() == audit.Verdict(sealed=count, unsealed=0)
    victim = data.draw(st.integers(1, count))
    column = data.draw(st.sampled_from([*COLUMNS, "the whole line"]))

    if column == "the whole line":
        superuser.execute("DELETE FROM core_auditentry WHERE number = %s", [victim])
    else:
        change = f"UPDATE core_auditentry SET {column} = {COLUMNS[column]} WHERE number = %s"  # noqa: S608  # constants
        superuser.execute(change.encode(), [victim])

    assert audit.verify().broken_at == victim


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(count=st.integers(2, 8), data=st.data())
def test_no_two_lines_can_change_places(
    committed_db: None, superuser: psycopg.Connection, count: int, data: Any
) -> None:
    superuser.execute("TRUNCATE core_auditentry, core_audithead")
    write(count)
    audit.seal()
    first = data.draw(st.integers(1, count - 1))
    second = data.draw(st.integers(first + 1, count))
    with superuser.transaction():
        for old, new in ((first, -1), (second, first), (-1, second)):
            superuser.execute(
                "UPDATE core_auditentry SET number = %s WHERE number = %s", [new, old]
            )

    assert audit.verify().broken_at == first


@pytest.mark.parametrize("role", ["bayan_web", "bayan_login"])
def test_the_web_may_add_a_line_and_nothing_else(role: str, db: None) -> None:
    write(1)
    audit.seal()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {'NONE' if role == 'bayan_login' else role}")
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (role,)
        write(1, first=2)
        for statement in (
            "UPDATE core_auditentry SET actor = 'x'",
            "UPDATE core_auditentry SET number = 9",
            "DELETE FROM core_auditentry",
            "TRUNCATE core_auditentry",
            "UPDATE core_audithead SET number = 0",
            "DELETE FROM core_audithead",
            "INSERT INTO core_audithead (number, hash) VALUES (1, '')",
            # Sealing is not for the web: a number of its own would stop the chain.
            FORGERY,
        ):
            with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("SET LOCAL ROLE bayan_worker")

    assert audit.seal() == 1
    assert audit.verify() == audit.Verdict(sealed=2, unsealed=0)


def test_not_even_the_worker_may_alter_or_delete_a_line(db: None) -> None:
    write(1)
    for statement in (
        "UPDATE core_auditentry SET actor = 'x'",
        "DELETE FROM core_auditentry",
        "DELETE FROM core_audithead",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def test_two_sealers_at_once_make_one_chain(committed_db: None) -> None:
    write(300)
    start = threading.Barrier(3)
    sealed: list[int] = []

    def seal_all() -> None:
        start.wait(10)
        sealed.extend(audit.seal(limit=7) for _round in range(200))
        connection.close()

    threads = [threading.Thread(target=seal_all) for _n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(sealed) == 300
    assert audit.verify() == audit.Verdict(sealed=300, unsealed=0)


def test_a_line_whose_change_is_undone_is_gone_too(db: None) -> None:
    with transaction.atomic():
        write(1)
        transaction.set_rollback(True)

    assert AuditEntry.objects.count() == 0
