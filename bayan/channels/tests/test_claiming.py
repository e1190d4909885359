"""Claiming keeps every limit of the provider's, lets the urgent go first, and holds back what must not go."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.channels import services
from bayan.channels.adapters.base import Outcome, Reaction, Stops
from bayan.channels.models import (
    Alert,
    Broadcast,
    Number,
    Outgoing,
    Pace,
    Pair,
    Portfolio,
    Reached,
    Template,
)
from bayan.channels.services.claiming import AHEAD, LIMIT_PAUSE, LIMIT_WINDOW, SHARE_OF_BULK
from bayan.channels.tests.factories import make_account
from bayan.people.models import Contact, Identity, OptOut

Lane = Outgoing.Lane
TEXT = {"type": "text", "text": {"body": "تم"}}


@pytest.fixture
def number(db: None) -> Number:
    return make_account().numbers.get()


@pytest.fixture
def template(number: Number, now: datetime) -> Template:
    return Template.objects.create(
        account=number.account, name="storm", language="ar", category=Template.Category.UTILITY,
        status=Template.Status.APPROVED, components=[], changed_at=now,
    )  # fmt: skip


def queue(number: Number, *, now: datetime, count: int = 1, **changes: Any) -> list[Outgoing]:
    """Messages to people of their own, unless `changes` name one."""
    facts: dict[str, Any] = {
        "node": number.node, "number": number, "lane": Lane.PERSON, "content": TEXT,
        "not_before": now, "created_at": now,
    }  # fmt: skip
    begin = Outgoing.objects.count()
    return Outgoing.objects.bulk_create(
        Outgoing(**facts | {"to_phone": f"9665{begin + n:08}"} | changes) for n in range(count)
    )


def broadcast_of(number: Number, template: Template, *, now: datetime) -> Broadcast:
    return Broadcast.objects.create(
        node=number.node, number=number, template=template, title="أمطار", created_at=now,
        state=Broadcast.State.RUNNING,
    )  # fmt: skip


def claim_for(seconds: float, *, since: datetime) -> list[Outgoing]:
    """All that is claimed when somebody looks every 50 ms."""
    claimed: list[Outgoing] = []
    for step in range(int(seconds / 0.05)):
        claimed += services.claim(now=since + timedelta(seconds=0.05 * step))
    return claimed


def leaving(rows: list[Outgoing]) -> list[datetime]:
    return [row.leaves_at for row in rows if row.leaves_at]


def test_a_reply_overtakes_thousands_of_messages_to_many(
    number: Number, template: Template, now: datetime
) -> None:
    queue(number, now=now, count=2000, lane=Lane.BULK)
    services.claim(now=now)
    (reply,) = queue(number, now=now, lane=Lane.PERSON, to_phone="966500000105")
    (warning,) = queue(number, now=now, lane=Lane.CRISIS, to_phone="966500000106")

    claimed = services.claim(now=now + timedelta(milliseconds=50))

    assert claimed[:2] == [reply, warning]
    assert claimed[0].leaves_at is not None
    assert claimed[0].leaves_at - now < AHEAD + timedelta(milliseconds=100)


def test_what_is_under_way_leaves_room_for_a_reply_and_then_for_nothing(
    number: Number, now: datetime
) -> None:
    queue(number, now=now, count=50, lane=Lane.BULK)
    (reply,) = queue(number, now=now, lane=Lane.PERSON, to_phone="966500000105")

    assert services.claim(now=now, in_flight={number.pk: number.throughput}) == []
    most_of_many = int(number.throughput * SHARE_OF_BULK)
    assert services.claim(now=now, in_flight={number.pk: most_of_many}) == [reply]
    # What another number has under way is not this one's matter.
    assert services.claim(now=now, in_flight={number.pk + 1: number.throughput})


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    throughput=st.integers(1, 400),
    pauses=st.lists(st.floats(0, 2.5), min_size=3, max_size=12),
)
def test_a_number_never_exceeds_its_rate_however_irregular_the_looks(
    throughput: int, pauses: list[float], number: Number, now: datetime
) -> None:
    Outgoing.objects.all().delete()
    Pace.objects.update(next_at=now)
    Number.objects.update(throughput=throughput)
    queue(number, now=now, count=600, lane=Lane.BULK)

    claimed, moment = [], now
    for pause in pauses:
        moment += timedelta(seconds=pause)
        claimed += services.claim(now=moment)

    moments = sorted(leaving(claimed))
    for first, last in zip(moments, moments[throughput:], strict=False):
        assert last - first >= timedelta(seconds=1), "more than permitted in one second"


def test_a_queue_is_worked_off_at_nearly_the_permitted_rate(number: Number, now: datetime) -> None:
    queue(number, now=now, count=900, lane=Lane.BULK)

    claimed = claim_for(10, since=now)

    within = [moment for moment in leaving(claimed) if moment < now + timedelta(seconds=10)]
    assert 784 <= len(within) <= 800


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(looks=st.lists(st.floats(0.05, 40), min_size=5, max_size=40))
def test_one_person_is_never_written_to_faster_than_the_pair_limit(
    looks: list[float], number: Number, now: datetime
) -> None:
    Outgoing.objects.all().delete()
    Pair.objects.all().delete()
    Pace.objects.update(next_at=now)
    Number.objects.update(throughput=1000)
    queue(number, now=now, count=150, to_phone="966500000105")

    claimed, moment = [], now
    for pause in looks:
        moment += timedelta(seconds=pause)
        claimed += services.claim(now=moment)

    # The provider's bucket: 45 at once, then one in six seconds.
    tokens, last = 45.0, now
    for leaves_at in leaving(claimed):
        tokens = min(45.0, tokens + (leaves_at - last).total_seconds() / 6)
        last = leaves_at
        tokens -= 1
        assert tokens >= 0


def test_who_has_used_up_the_pair_limit_does_not_hold_up_the_others(
    number: Number, now: datetime
) -> None:
    queue(number, now=now, count=60, to_phone="966500000105")
    (other,) = queue(number, now=now, to_phone="966500000106")

    claimed = claim_for(3, since=now)

    assert other in claimed
    counts: dict[str, int] = defaultdict(int)
    for row in claimed:
        counts[row.to_phone] += 1
    assert counts == {"966500000105": 44, "966500000106": 1}


def test_the_limit_of_people_in_a_day_keeps_a_reserve_for_a_crisis(
    number: Number, template: Template, now: datetime
) -> None:
    Portfolio.objects.update(daily_limit=10, reserve_percent=20)
    queue(number, now=now, count=12, lane=Lane.BULK, template=template)

    assert len(claim_for(1, since=now)) == 8
    warnings = queue(number, now=now, count=4, lane=Lane.CRISIS, template=template)
    assert claim_for(1, since=now + timedelta(seconds=1)) == warnings[:2]
    # Whoever was reached already costs nothing more, and who may be written to freely nothing at all.
    again = queue(number, now=now, lane=Lane.BULK, template=template, to_phone=warnings[0].to_phone)
    free = queue(
        number, now=now, lane=Lane.BULK, template=template, window_until=now + timedelta(hours=1)
    )
    assert claim_for(1, since=now + timedelta(seconds=2)) == again + free
    assert Portfolio.objects.get().used == Reached.objects.count() == 10
    # The next day everybody waits no longer.
    tomorrow = now + LIMIT_WINDOW + LIMIT_PAUSE
    assert len(claim_for(1, since=tomorrow)) == 6


def test_what_is_not_worth_sending_any_more_fails_and_says_why(
    number: Number, template: Template, now: datetime
) -> None:
    stale = queue(number, now=now, template=template, expires_at=now)
    late = queue(number, now=now, window_until=now)
    Template.objects.create(
        account=number.account, name="new", language="ar", category="UTILITY", components=[],
        status=Template.Status.REJECTED, changed_at=now,
    )  # fmt: skip
    unapproved = queue(number, now=now, template=Template.objects.get(name="new"))

    assert services.claim(now=now) == []

    errors = [Outgoing.objects.get(pk=row.pk).error for (row,) in (stale, late, unapproved)]
    assert [(error or {})["title"] for error in errors] == [
        "expired",
        "window closed",
        "template not approved",
    ]
    assert set(Outgoing.objects.values_list("state", flat=True)) == {"failed"}


def test_whoever_wants_no_messages_to_many_gets_only_what_concerns_them(
    number: Number, now: datetime
) -> None:
    contact = Contact.objects.create(created_at=now)
    Identity.objects.create(contact=contact, scheme="phone", value="966500000105", created_at=now)
    OptOut.objects.create(contact=contact, source=OptOut.Source.WORD, since_at=now)
    # From a list: nobody said that this number is a contact's.
    (news,) = queue(number, now=now, lane=Lane.BULK, to_phone="966500000105")
    kept = [
        *queue(number, now=now, lane=Lane.PERSON, to_phone="966500000105"),
        *queue(number, now=now, lane=Lane.CRISIS, to_phone="966500000105"),
    ]

    assert services.claim(now=now) == kept

    news.refresh_from_db()
    assert (news.state, news.error) == ("failed", {"title": "opted out"})


def test_whom_the_provider_refuses_for_their_wish_is_left_alone_from_then_on(
    number: Number, now: datetime
) -> None:
    contact = Contact.objects.create(created_at=now)
    queue(number, now=now, lane=Lane.BULK, contact=contact)
    (news,) = services.claim(now=now)

    services.settle([(news, refused(131050, news))], now=now)

    assert OptOut.objects.get().source == OptOut.Source.REFUSAL
    assert Outgoing.objects.get(pk=news.pk).state == "failed"


def test_a_stopped_number_sends_nothing_and_another_goes_on(number: Number, now: datetime) -> None:
    other = Number.objects.create(
        account=number.account, external_id="2", display="2", node=number.node
    )
    Pace.objects.create(number=other, next_at=now)
    Number.objects.filter(pk=number.pk).update(stopped_at=now)
    queue(number, now=now, count=5)
    theirs = queue(other, now=now, count=5)

    assert services.claim(now=now) == theirs


def test_what_is_held_goes_out_when_the_person_writes(number: Number, now: datetime) -> None:
    contact = Contact.objects.create(created_at=now)
    (held,) = queue(number, now=now, contact=contact, state="held", expires_at=now + AHEAD * 100)
    other = Contact.objects.create(created_at=now)
    assert services.claim(now=now) == []
    assert services.release_held({(other.pk, number.pk): now}) == 0

    assert services.release_held({(contact.pk, number.pk): now}) == 1

    assert services.claim(now=now) == [held]
    held.refresh_from_db()
    assert held.window_until == now + timedelta(hours=24)


def test_what_is_held_too_long_or_taken_back_is_not_sent(number: Number, now: datetime) -> None:
    stale, unwanted = queue(number, now=now, count=2, state="held", expires_at=now)

    services.withdraw(unwanted.public_id, now=now)
    with pytest.raises(services.NotHeld):
        services.withdraw(unwanted.public_id, now=now)
    assert services.expire_held(now=now) == 1

    stale.refresh_from_db()
    unwanted.refresh_from_db()
    assert (stale.state, stale.error) == ("failed", {"title": "expired"})
    assert (unwanted.state, unwanted.error) == ("failed", {"title": "withdrawn"})


def refused(code: int, row: Outgoing) -> Outcome:
    from bayan.channels.adapters import ADAPTERS

    return ADAPTERS[row.number.account.channel].outcome_of({"code": code, "title": "for a test"})


@pytest.mark.parametrize("code", [0, 190, 368, 131031, 131042, 131048, 131064])
def test_an_error_that_only_a_person_can_mend_stops_the_number_and_loses_nothing(
    code: int, number: Number, now: datetime
) -> None:
    queue(number, now=now, count=30)
    first, *others = services.claim(now=now)

    services.settle([(first, refused(code, first))], now=now)

    number.refresh_from_db()
    assert number.stopped_at == now
    first.refresh_from_db()
    assert first.state == "queued"
    assert services.claim(now=now + timedelta(seconds=10)) == []
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.facts["code"]) == (
        "sending_stopped",
        "critical",
        code,
    )
    assert {row.state for row in others} == {"sending"}


@pytest.mark.parametrize(("code", "status"), [(132015, "PAUSED"), (132016, "DISABLED")])
def test_a_paused_template_stops_its_broadcasts_only(
    code: int, status: str, number: Number, template: Template, now: datetime
) -> None:
    broadcast = broadcast_of(number, template, now=now)
    queue(number, now=now, count=30, lane=Lane.BULK, template=template, broadcast=broadcast)
    first, *_others = services.claim(now=now)
    (reply,) = queue(number, now=now)

    services.settle([(first, refused(code, first))], now=now)

    broadcast.refresh_from_db()
    template.refresh_from_db()
    first.refresh_from_db()
    assert (broadcast.state, template.status, first.state) == ("stopped", status, "held")
    assert not Outgoing.objects.filter(broadcast=broadcast, state="queued").exists()
    assert services.claim(now=now + timedelta(seconds=1)) == [reply]
    assert Alert.objects.get().kind == "template_stopped"


def test_too_fast_for_the_number_or_the_person_waits_as_the_provider_asks(
    number: Number, now: datetime
) -> None:
    queue(number, now=now, count=3)
    fast, pair, moody = services.claim(now=now)

    services.settle(
        [
            (fast, refused(130429, fast)),
            (pair, refused(131056, pair)),
            (moody, refused(131049, moody)),
        ],
        now=now,
    )

    waits = [Outgoing.objects.get(pk=row.pk).not_before - now for row in (fast, pair, moody)]
    assert waits == [timedelta(seconds=1), timedelta(seconds=6), timedelta(days=1)]
    assert Pace.objects.get(number=number).next_at >= now + timedelta(seconds=1)


def test_an_error_is_tried_as_often_as_it_deserves(number: Number, now: datetime) -> None:
    outcomes, moment = {}, now
    for code in (131016, 131000, 131026):
        (row,) = queue(number, now=now, to_phone=f"96650{code:07}")
        tries = 0
        while Outgoing.objects.get(pk=row.pk).state == "queued":
            moment += timedelta(days=1)
            claimed = services.claim(now=moment)
            assert claimed == [row]
            services.settle([(claimed[0], refused(code, claimed[0]))], now=moment)
            tries += 1
        outcomes[code] = tries
    assert outcomes == {131016: 8, 131000: 3, 131026: 1}


def test_an_error_in_a_late_status_stops_as_one_in_the_answer(
    number: Number, now: datetime
) -> None:
    from bayan.channels.events import DeliveryStatus

    (row,) = queue(number, now=now)
    services.claim(now=now)
    services.settle([(row, Outcome(reaction=Reaction.ACCEPTED, external_id="wamid.1"))], now=now)

    services.apply_statuses(
        [
            DeliveryStatus(
                external_id="wamid.1", status="failed", recipient="1", callback="",
                provider_at=now, received_at=now, error={"code": 131031, "title": "locked"},
            )
        ]
    )  # fmt: skip

    number.refresh_from_db()
    assert number.stopped_at is not None
    assert refused(131031, row).stops is Stops.ACCOUNT
