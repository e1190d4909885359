"""Broadcasts: taken in once, held until started, stopped at a word, counted without counting."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from bayan.channels.models import BadLine, Broadcast, Number, Outgoing, Pace, Template
from bayan.channels.services import broadcasts, templates
from bayan.channels.services.claiming import claim
from bayan.channels.tests.factories import body_part, make_number, make_template
from bayan.core.models import AuditEntry
from bayan.people.models import Contact, Identity, Member, OptOut

WARNING = body_part("يُتوقع هطول {{1}} على {{2}} حتى المساء، ابتعدوا عن الأودية.", "مطر", "الخبر")


@pytest.fixture
def number(db: None) -> Number:
    return make_number()


@pytest.fixture
def template(number: Number) -> Template:
    return make_template("storm_warning", components=[WARNING])


@pytest.fixture
def draft(
    number: Number, template: Template, desk_responder: Member, now: datetime
) -> Callable[..., Broadcast]:
    """Makes a draft of the storm warning from a list."""

    def make(text: str = "0501234567\n0501234568\n0501234569\n", **changes: Any) -> Broadcast:
        facts: dict[str, Any] = {
            "number": number, "template": template, "title": "تنبيه", "is_crisis": False,
            "common": {"body.1": "أمطار", "body.2": "الخبر"}, "ttl_seconds": None,
            "text": io.StringIO(text), "by": desk_responder, "now": now,
        }  # fmt: skip
        return broadcasts.create(**facts | changes)

    return make


def states(broadcast: Broadcast) -> dict[str, int]:
    rows = Outgoing.objects.filter(broadcast=broadcast).values_list("state", flat=True)
    return {state: list(rows).count(state) for state in set(rows)}


def known(phone: str, *, is_out: bool, now: datetime) -> Contact:
    contact = Contact.objects.create(created_at=now)
    Identity.objects.create(contact=contact, scheme="phone", value=phone, created_at=now)
    if is_out:
        OptOut.objects.create(contact=contact, source="word", since_at=now)
    return contact


def test_a_list_becomes_held_messages_and_nothing_leaves(
    draft: Callable[..., Broadcast], template: Template, now: datetime
) -> None:
    neighbour = known("966501234568", is_out=False, now=now)
    known("966501234569", is_out=True, now=now)

    broadcast = draft(
        "0501234567,أمطار,الخبر\n+966 50 123 4568,سيول,القطيف\n0501234569,أ,ب\n"
        '٠٥٠١٢٣٤٥٦٧,أمطار,الخبر\n940,أ,ب\n0501234570,أ\n0501234571,أ,"ب\nج"\n',
        common={},
    )

    facts = (broadcast.total, broadcast.opted_out, broadcast.duplicates, broadcast.bad_lines)
    assert facts == (2, 1, 1, 3)
    first, second = Outgoing.objects.order_by("pk")
    assert (first.state, first.lane, first.to_phone, first.contact) == (
        "held", Outgoing.Lane.BULK, "966501234567", None,
    )  # fmt: skip
    assert second.contact == neighbour
    assert second.content == templates.fill(template, {"body.1": "سيول", "body.2": "القطيف"})
    assert (second.template, second.node_id) == (template, broadcast.number.node_id)
    assert list(BadLine.objects.order_by("line").values_list("line", "reason")) == [
        (5, "no_mobile"), (6, "missing:body.2"), (8, "break:body.2"),
    ]  # fmt: skip
    assert claim(now=now + timedelta(days=1)) == []


def test_one_value_for_everybody_needs_no_column(draft: Callable[..., Broadcast]) -> None:
    broadcast = draft("0501234567,القطيف\n", common={"body.1": "أمطار"})

    row = Outgoing.objects.get(broadcast=broadcast)
    texts = [p["text"] for p in row.content["template"]["components"][0]["parameters"]]
    assert texts == ["أمطار", "القطيف"]


@pytest.mark.parametrize(
    "common", [{"body.1": "أ\nب", "body.2": "ج"}, {"body.1": "ن" * 1025, "body.2": "ج"}]
)
def test_a_common_value_that_cannot_be_is_refused_once(
    draft: Callable[..., Broadcast], common: dict[str, str]
) -> None:
    with pytest.raises(templates.ParameterRefused):
        draft(common=common)
    assert not Broadcast.objects.exists()


@pytest.mark.parametrize("status", ["PAUSED", "PENDING", "DRAFT", "DELETED"])
def test_only_an_approved_template_goes_to_many(
    draft: Callable[..., Broadcast], template: Template, status: str
) -> None:
    template.status = status
    with pytest.raises(broadcasts.TemplateNotUsable):
        draft()


def test_a_template_of_another_account_is_refused(
    draft: Callable[..., Broadcast], template: Template
) -> None:
    template.account_id = 0
    with pytest.raises(broadcasts.TemplateNotUsable):
        draft()


def test_a_draft_starts_once_with_its_time_to_live(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft(ttl_seconds=600, is_crisis=True)
    later = now + timedelta(minutes=5)

    for _press in range(2):
        broadcasts.start(broadcast.public_id, by=desk_responder, now=later)

    row = Outgoing.objects.filter(broadcast=broadcast).latest("pk")
    assert (row.state, row.lane, row.not_before) == ("queued", Outgoing.Lane.CRISIS, later)
    assert row.expires_at == later + timedelta(minutes=10)
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.started_at) == ("running", later)
    assert AuditEntry.objects.filter(action="broadcast.started").count() == 1
    Pace.objects.update(next_at=later)
    assert [row.to_phone for row in claim(now=later)] == [
        "966501234567", "966501234568", "966501234569",
    ]  # fmt: skip


def test_nobody_to_write_to_cannot_be_started(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft("940\n")
    with pytest.raises(broadcasts.NobodyToWriteTo):
        broadcasts.start(broadcast.public_id, by=desk_responder, now=now)


def test_a_pause_holds_back_and_a_resumption_goes_on_each_once(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft()
    press: dict[str, Any] = {"by": desk_responder, "now": now}
    broadcasts.start(broadcast.public_id, **press)
    under_way = Outgoing.objects.filter(broadcast=broadcast).earliest("pk")
    Outgoing.objects.filter(pk=under_way.pk).update(state="sending")

    for _press in range(2):
        broadcasts.pause(broadcast.public_id, **press)
    assert states(broadcast) == {"held": 2, "sending": 1}
    assert claim(now=now + timedelta(hours=1)) == []

    for _press in range(2):
        broadcasts.resume(broadcast.public_id, **press)
    assert states(broadcast) == {"queued": 2, "sending": 1}
    trail = AuditEntry.objects.filter(subject_type="broadcast").order_by("pk")
    assert [line.action for line in trail] == [
        "broadcast.created", "broadcast.started", "broadcast.paused", "broadcast.resumed",
    ]  # fmt: skip


def test_a_cancelled_one_is_withdrawn_for_good(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft()
    press: dict[str, Any] = {"by": desk_responder, "now": now}
    broadcasts.start(broadcast.public_id, **press)
    for _press in range(2):
        broadcasts.cancel(broadcast.public_id, **press)

    assert states(broadcast) == {"failed": 3}
    assert Outgoing.objects.filter(error={"title": "withdrawn"}).count() == 3
    for verb in (broadcasts.start, broadcasts.pause, broadcasts.resume):
        with pytest.raises(broadcasts.BroadcastOver):
            verb(broadcast.public_id, **press)
    broadcast.refresh_from_db()
    assert broadcast.counts["failures"] == [{"code": None, "title": "withdrawn", "count": 3}]


def test_what_an_error_stopped_goes_on_once_the_template_is_well(
    draft: Callable[..., Broadcast], template: Template, desk_responder: Member, now: datetime
) -> None:
    broadcast = draft()
    press: dict[str, Any] = {"by": desk_responder, "now": now}
    broadcasts.start(broadcast.public_id, **press)
    Broadcast.objects.update(state="stopped", error={"code": 132015})
    Template.objects.update(status=Template.Status.PAUSED)
    broadcasts.tend(now=now)
    assert states(broadcast) == {"held": 3}
    with pytest.raises(broadcasts.TemplateNotUsable):
        broadcasts.resume(broadcast.public_id, **press)

    Template.objects.update(status=Template.Status.APPROVED)
    broadcasts.resume(broadcast.public_id, **press)

    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.error) == ("running", None)
    assert states(broadcast) == {"queued": 3}


@pytest.mark.parametrize(
    ("state", "before", "after"),
    [
        ("paused", "queued", "held"),
        ("stopped", "queued", "held"),
        ("running", "held", "queued"),
        ("cancelled", "queued", "failed"),
        ("cancelled", "held", "failed"),
    ],
)
def test_what_comes_back_after_the_button_follows_it(
    draft: Callable[..., Broadcast], now: datetime, state: str, before: str, after: str
) -> None:
    broadcast = draft()
    Broadcast.objects.update(state=state, started_at=now)
    Outgoing.objects.update(state="sent")
    late = Outgoing.objects.earliest("pk")
    Outgoing.objects.filter(pk=late.pk).update(state=before)

    broadcasts.tend(now=now + timedelta(seconds=30))

    late.refresh_from_db()
    assert late.state == after
    assert Outgoing.objects.filter(state="sent").count() == 2
    assert states(broadcast)[after] == 1


def test_it_is_finished_when_nothing_waits_and_nothing_is_under_way(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft()
    broadcasts.start(broadcast.public_id, by=desk_responder, now=now)
    first, second, third = Outgoing.objects.order_by("pk")

    def become(row: Outgoing, state: str, **changes: Any) -> str:
        Outgoing.objects.filter(pk=row.pk).update(state=state, **changes)
        broadcasts.tend(now=now + timedelta(seconds=3))
        broadcast.refresh_from_db()
        return broadcast.state

    assert become(first, "sent") == "running"
    assert become(second, "failed", error={"code": 131026, "title": "x"}) == "running"
    assert become(third, "sending") == "running"
    assert become(third, "uncertain") == "finished"
    assert broadcast.counts["states"] == {"sent": 1, "failed": 1, "uncertain": 1}
    assert broadcast.counts["failures"] == [{"code": 131026, "title": "x", "count": 1}]
    assert broadcast.finished_at == now + timedelta(seconds=3)
    assert AuditEntry.objects.filter(action="broadcast.finished").count() == 1


def test_a_standstill_says_what_it_waits_for(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft()
    broadcasts.start(broadcast.public_id, by=desk_responder, now=now)
    Outgoing.objects.update(error={"title": "messaging limit"})

    broadcasts.tend(now=now + timedelta(seconds=1))

    broadcast.refresh_from_db()
    assert broadcast.counts["waits"] == [{"code": None, "title": "messaging limit", "count": 3}]


def test_its_rate_is_measured_while_it_runs(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft("".join(f"05{n:08}\n" for n in range(100)))
    broadcasts.start(broadcast.public_id, by=desk_responder, now=now)
    ids = list(Outgoing.objects.order_by("pk").values_list("pk", flat=True))
    for second in range(1, 4):
        Outgoing.objects.filter(pk__in=ids[: second * 20]).update(state="sent")
        broadcasts.tend(now=now + timedelta(seconds=second))

    broadcast.refresh_from_db()
    assert broadcast.rate == pytest.approx(20)


def test_the_longer_it_is_over_the_rarer_it_is_counted(
    draft: Callable[..., Broadcast], desk_responder: Member, now: datetime
) -> None:
    broadcast = draft()
    broadcasts.start(broadcast.public_id, by=desk_responder, now=now)
    Outgoing.objects.update(state="sent")
    assert broadcasts.tend(now=now) == 1

    assert broadcasts.tend(now=now + timedelta(seconds=1)) == 0
    assert broadcasts.tend(now=now + timedelta(seconds=3)) == 1
    hour = now + timedelta(hours=1)
    assert broadcasts.tend(now=hour) == 1
    assert broadcasts.tend(now=hour + timedelta(minutes=1)) == 0
    assert broadcasts.tend(now=hour + timedelta(minutes=4)) == 1
    assert broadcasts.tend(now=now + timedelta(days=15)) == 0


def test_ten_thousand_recipients_are_taken_in_by_few_statements(
    draft: Callable[..., Broadcast], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    listed = "".join(f"05{n:08},أمطار غزيرة,حي النخيل {n}\n" for n in range(10_000))

    with django_assert_max_num_queries(40):
        broadcast = draft(listed, common={})

    assert broadcast.total == 10_000


def test_counting_a_large_broadcast_reads_its_index_alone(
    draft: Callable[..., Broadcast], db: None
) -> None:
    broadcast = draft("".join(f"05{n:08}\n" for n in range(3_000)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE channels_outgoing")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {broadcasts.COUNT}", [broadcast.pk])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "outgoing_of_broadcast" in plan
