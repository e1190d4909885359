"""Queries whose SQL is built once, and keys told as one value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Q, QuerySet
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from bayan.core.models import AuditEntry, UndoStep
from bayan.core.paging import Counts
from bayan.core.queries import Prepared, Waits, array_of, update_each

THEN = datetime(2026, 11, 22, 7, 12, tzinfo=UTC)


@pytest.fixture
def entries(db: None) -> list[AuditEntry]:
    return [
        AuditEntry.objects.create(
            at=THEN,
            actor=f"member:{number}", action="case.opened", subject_type="case", subject_key=str(number),
        )
        for number in range(4)
    ]  # fmt: skip


def test_the_same_rows_come_back_for_other_values(entries: list[AuditEntry]) -> None:
    built = []

    def build(key: int, actor: str, since: datetime) -> QuerySet[AuditEntry]:
        built.append(key)
        rows = AuditEntry.objects.filter(Q(pk=key) | Q(actor=actor), at__gt=since)
        return rows.order_by("pk")

    asked = Prepared(build, int, str, datetime)
    long_ago = THEN - timedelta(days=9000)

    assert asked.rows(entries[0].pk, "member:2", long_ago) == [entries[0], entries[2]]
    assert asked.rows(entries[1].pk, "member:1", long_ago) == [entries[1]]
    assert asked.rows(entries[1].pk, "member:2", THEN + timedelta(days=90_000)) == []
    assert len(built) == 1


def test_nothing_in_a_value_is_read_as_sql(entries: list[AuditEntry]) -> None:
    asked = Prepared(lambda actor: AuditEntry.objects.filter(actor=actor), str)

    assert asked.rows("member:1' OR ''='") == []
    assert asked.rows("%s %(actor)s") == []
    assert asked.rows("member:1") == [entries[1]]


def test_keys_are_one_value_however_many(entries: list[AuditEntry]) -> None:
    keys = [entry.pk for entry in entries[:3]]
    with CaptureQueriesContext(connection) as asked:
        as_list = list(AuditEntry.objects.filter(pk__any_of=keys).order_by("pk"))
        as_array = list(AuditEntry.objects.filter(pk__any_of=array_of(keys)).order_by("pk"))
        words = list(AuditEntry.objects.filter(actor__any_of=["member:1", "it's"]))
        none = list(AuditEntry.objects.filter(pk__any_of=array_of([])))

    assert as_list == as_array == entries[:3]
    assert (words, none) == ([entries[1]], [])
    assert all(" = ANY(" in one["sql"] and " IN (" not in one["sql"] for one in asked)


def test_what_is_drawn_once_is_drawn_anew_for_another_look() -> None:
    template = Template('{% drawn "test" look %}{{ said }}{% enddrawn %}')

    def shown(look: object, said: str) -> str:
        return template.render(Context({"look": look, "said": said}))

    assert shown(("one", 1), "<first>") == "&lt;first&gt;"
    assert shown(("one", 1), "second") == "&lt;first&gt;"
    assert shown(("one", 2), "second") == "second"
    assert shown(("one", None), "third") == "third"


def test_what_was_drawn_long_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from bayan.core.templatetags import bayan as tags

    monkeypatch.setattr(tags, "_DRAWN", {})
    monkeypatch.setattr(tags, "MOST_DRAWN", 3)
    template = Template('{% drawn "test" look %}{{ look }}{% enddrawn %}')
    for look in range(9):
        assert template.render(Context({"look": look})) == str(look)

    assert [look for _name, look, _clock in tags._DRAWN] == [6, 7, 8]


def test_each_row_keeps_its_own_values_and_no_other_row_is_touched(db: None) -> None:
    rows = [
        UndoStep.objects.create(member_id=number, action="a", facts={}, expires_at=THEN)
        for number in range(4)
    ]
    said = ["\"'\\{},%s", "الخُبر\n", ""]
    for number, (row, text) in enumerate(zip(rows, said, strict=False)):
        row.action, row.facts = text[:60], {"words": [text, None, number], "is": number > 0}
        row.undone_at = THEN + timedelta(seconds=number) if number else None
        row.member_id = 70 + number

    with CaptureQueriesContext(
        connection,
    ) as asked:
        update_each(rows[:3], ["action", "facts", "undone_at"])
        update_each([], ["action"])

    assert len(asked) == 1
    for row, now in zip(rows, UndoStep.objects.order_by("pk"), strict=True):
        assert (now.action, now.facts, now.undone_at) == (row.action, row.facts, row.undone_at)
        assert now.member_id < 70


def test_in_tells_many_keys_as_one_value_and_few_as_before(entries: list[AuditEntry]) -> None:
    keys = [entry.pk for entry in entries]
    with CaptureQueriesContext(connection) as asked:
        many = set(AuditEntry.objects.filter(pk__in=[*keys, -1, None]))
        others = list(AuditEntry.objects.exclude(pk__in=[*keys, -1]))
        few = list(AuditEntry.objects.filter(actor__in=["member:1", "it's"]))
        none = list(AuditEntry.objects.filter(pk__in=[]))

    assert (many, others, few, none) == (set(entries), [], [entries[1]], [])
    of_many, of_others, of_few = (query["sql"] for query in asked.captured_queries)
    assert "= ANY('{" in of_many
    assert "= ANY('{" in of_others
    assert "IN ('member:1'" in of_few


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    st.lists(st.text(st.sampled_from('{}",\\NULnul '))),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
)
def test_an_array_comes_back_from_postgresql_as_it_went(
    db: None, texts: list[str], marks: list[str], numbers: list[int | None]
) -> None:
    moments = [THEN, None, THEN.replace(microsecond=1)]
    keys, flags, facts = [uuid4(), None], [True, False, None], [{"نص": 'a"b\\'}, {}]
    sent: list[Any] = [texts, marks, numbers, moments, keys, flags]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::uuid[], %s::boolean[], "
            "ARRAY(SELECT fact ->> 'نص' FROM unnest(%s::jsonb[]) AS fact)",
            [*sent, [Jsonb(fact) for fact in facts]],
        )
        assert list(cursor.fetchone()) == [*sent, ['a"b\\', None]]


def test_an_array_with_what_no_text_may_hold_is_refused(db: None) -> None:
    with connection.cursor() as cursor, pytest.raises(psycopg.DataError):
        cursor.cursor.execute("SELECT %s::text[]", [["a", "b\0c"]])


def test_one_look_tells_whether_anything_waits(entries: list[AuditEntry]) -> None:
    waits = Waits(
        lambda since, actor: (
            AuditEntry.objects.filter(at__gt=since),
            AuditEntry.objects.filter(actor=actor).exclude(number=None),
        ),
        datetime,
        str,
    )

    assert waits(THEN - timedelta(days=1), "nobody")
    assert not waits(THEN, "member:1")
    AuditEntry.objects.filter(actor="member:1").update(number=1, hash=b"h", previous_hash=b"p")
    with CaptureQueriesContext(connection) as asked:
        assert waits(THEN, "member:1")
    assert len(asked) == 1


def test_keys_that_find_no_place_in_the_sql_are_not_forgotten(db: None) -> None:
    # As Django does with `overlap`, which spells each key by itself.
    asked = Prepared(lambda keys: AuditEntry.objects.filter(pk__in=[*keys, *range(9)]), list)

    with pytest.raises(ValueError, match="no place"):
        asked.rows([1])


@pytest.mark.parametrize("keeps_plan", [True, False])
def test_what_one_thread_has_learned_serves_all(db: None, keeps_plan: bool) -> None:
    asked = Prepared(
        lambda key: ContentType.objects.filter(pk__gt=key).order_by("pk"),
        int,
        keeps_plan=keeps_plan,
    )
    counted = Counts(
        lambda key: {"all": ContentType.objects.filter(pk__gt=key)}, int, keeps_plan=keeps_plan
    )
    here = [row.pk for row in asked.rows(0)], counted.of(0)["all"]

    def elsewhere() -> tuple[list[int], int]:
        try:
            return [row.pk for row in asked.rows(0)], counted.of(0)["all"]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        found = other.submit(elsewhere).result()
    assert found == here
