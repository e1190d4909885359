"""Outgoing messages: claimed once, retried with pauses, settled by whatever knows best, never doubled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from bayan.channels import dispatcher, services
from bayan.channels.adapters.base import Outcome, Reaction
from bayan.channels.events import DeliveryStatus
from bayan.channels.models import Number, Outgoing, Status
from bayan.channels.services import sending
from bayan.channels.tests.factories import make_account
from bayan.channels.tests.provider import Answer, Provider, running_provider

ACCEPTED = Outcome(reaction=Reaction.ACCEPTED, external_id="wamid.1")
UNCERTAIN = Outcome(reaction=Reaction.UNCERTAIN, error={"title": "no answer"})


@pytest.fixture
def number(db: None) -> Number:
    return make_account().numbers.get()


@pytest.fixture
def provider(committed_db: None) -> Iterator[Provider]:
    with running_provider() as running:
        make_account(base_url=running.url)
        yield running


def queue(number: Number, *, now: datetime, **changes: Any) -> Outgoing:
    facts: dict[str, Any] = {
        "node": number.node, "number": number, "to_phone": "966500000105", "lane": Outgoing.Lane.PERSON,
        "content": {"type": "text", "text": {"body": "تم"}}, "not_before": now, "created_at": now,
    }  # fmt: skip
    return Outgoing.objects.create(**facts | changes)


def claim_one(number: Number, *, now: datetime) -> Outgoing:
    queue(number, now=now)
    return services.claim(now=now)[0]


def said(
    row: Outgoing, status: str, *, now: datetime, external_id: str = "wamid.1", echo: bool = True
) -> DeliveryStatus:
    return DeliveryStatus(
        external_id=external_id, status=status, recipient="966500000105",
        callback=str(row.public_id) if echo else "", provider_at=now, received_at=now, error=None,
    )  # fmt: skip


def test_the_more_urgent_lane_goes_first_and_what_is_not_due_waits(
    number: Number, now: datetime
) -> None:
    automatic = queue(number, now=now, lane=Outgoing.Lane.WORK)
    later = queue(number, now=now, not_before=now + timedelta(seconds=1))
    first = queue(number, now=now)
    second = queue(number, now=now)

    claimed = services.claim(now=now)

    assert claimed == [first, second, automatic]
    assert {(row.state, row.attempts, row.claimed_at) for row in claimed} == {("sending", 1, now)}
    assert services.claim(now=now) == []
    assert services.claim(now=now + timedelta(seconds=2)) == [later]


def test_what_is_accepted_is_sent(number: Number, now: datetime) -> None:
    row = claim_one(number, now=now)
    services.settle([(row, ACCEPTED)], now=now)

    row.refresh_from_db()
    assert (row.state, row.external_id, row.sent_at) == ("sent", "wamid.1", now)


def test_retries_wait_longer_each_time_and_end(number: Number, now: datetime) -> None:
    row = queue(number, now=now)
    pauses = []
    moment = now
    for _attempt in range(services.GIVE_UP_AFTER):
        [claimed] = services.claim(now=moment)
        error = {"code": 131056, "title": "pair limit"}
        services.settle(
            [(claimed, Outcome(reaction=Reaction.RETRY, error=error, wait=timedelta(seconds=6)))],
            now=moment,
        )
        row.refresh_from_db()
        if row.state == "failed":
            break
        assert services.claim(now=row.not_before - timedelta(milliseconds=1)) == []
        pauses.append((row.not_before - moment).total_seconds())
        moment = row.not_before

    assert pauses == [6, 12, 24, 48, 96, 192, 384]
    assert row.error is not None
    assert (row.state, row.error["code"], row.failed_at) == ("failed", 131056, moment)


def test_what_can_never_be_sent_fails_at_once(number: Number, now: datetime) -> None:
    row = claim_one(number, now=now)
    services.settle([(row, Outcome(reaction=Reaction.GIVE_UP, error={"code": 131026}))], now=now)

    row.refresh_from_db()
    assert row.error is not None
    assert (row.state, row.error["code"]) == ("failed", 131026)
    assert services.claim(now=now + timedelta(days=1)) == []


def test_a_stranded_row_becomes_uncertain_and_no_other(number: Number, now: datetime) -> None:
    stranded = claim_one(number, now=now)
    fresh = claim_one(number, now=now + services.IN_FLIGHT)

    assert services.release_stranded(now=now + services.IN_FLIGHT + timedelta(seconds=1)) == 1

    stranded.refresh_from_db()
    fresh.refresh_from_db()
    assert (stranded.state, stranded.error) == ("uncertain", {"title": "interrupted"})
    assert fresh.state == "sending"
    assert services.claim(now=now + timedelta(days=1)) == []


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "failed"])
def test_a_late_status_settles_what_was_uncertain(
    status: str, number: Number, now: datetime
) -> None:
    row = claim_one(number, now=now)
    services.settle([(row, UNCERTAIN)], now=now)

    assert services.apply_statuses([said(row, status, now=now)]).moved == 1

    row.refresh_from_db()
    assert (row.state, row.external_id) == (status, "wamid.1")
    with pytest.raises(services.NotUncertain):
        services.resend(row, now=now)


def test_an_uncertain_message_can_be_sent_again_once(number: Number, now: datetime) -> None:
    row = claim_one(number, now=now)
    services.settle([(row, UNCERTAIN)], now=now)

    services.resend(row, now=now)

    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("queued", 0, None)
    with pytest.raises(services.NotUncertain):
        services.resend(row, now=now)
    assert services.claim(now=now) == [row]


def test_a_status_of_the_first_attempt_stops_the_second(number: Number, now: datetime) -> None:
    row = claim_one(number, now=now)
    services.settle([(row, UNCERTAIN)], now=now)
    services.resend(row, now=now)

    services.apply_statuses([said(row, "delivered", now=now)])

    assert services.claim(now=now) == []
    row.refresh_from_db()
    assert row.state == "delivered"


def test_an_answer_that_is_late_settles_what_was_given_up_for_dead(
    number: Number, now: datetime
) -> None:
    row = claim_one(number, now=now)
    later = now + timedelta(minutes=5)
    services.release_stranded(now=later)

    services.settle([(row, ACCEPTED)], now=later)

    row.refresh_from_db()
    assert (row.state, row.external_id, row.error) == ("sent", "wamid.1", None)


def test_an_answer_that_is_late_does_not_settle_a_newer_attempt(
    number: Number, now: datetime
) -> None:
    old = claim_one(number, now=now)
    later = now + timedelta(minutes=5)
    services.release_stranded(now=later)
    services.resend(old, now=later)
    [new] = services.claim(now=later)
    assert new == old

    services.settle([(old, UNCERTAIN)], now=later)

    new.refresh_from_db()
    assert new.state == "sending"


@pytest.mark.parametrize("echo", [True, False], ids=["with our id", "without our id"])
def test_statuses_that_are_faster_than_the_answer_are_not_lost(
    echo: bool, number: Number, now: datetime
) -> None:
    row = claim_one(number, now=now)
    for status in ("delivered", "sent"):
        services.apply_statuses([said(row, status, now=now, echo=echo)])

    services.settle([(row, ACCEPTED)], now=now + timedelta(seconds=1))

    row.refresh_from_db()
    assert (row.state, row.external_id) == ("delivered", "wamid.1")
    assert (row.sent_at, row.delivered_at) == (now, now)
    assert row.statuses.count() == 2


def test_a_status_said_twice_counts_once(number: Number, now: datetime) -> None:
    row = claim_one(number, now=now)
    services.settle([(row, ACCEPTED)], now=now)

    assert (
        services.apply_statuses([said(row, "read", now=now), said(row, "read", now=now)]).moved == 1
    )
    assert services.apply_statuses([said(row, "read", now=now + timedelta(hours=1))]).moved == 0

    row.refresh_from_db()
    assert row.read_at == now
    assert Status.objects.count() == 1


def dispatch(rounds: int = 1) -> None:
    """Claim, send and settle what is due, so many times."""

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            for _round in range(rounds):
                sender = dispatcher.Sender(session)
                await sender.claim()
                await sender.finish()

    asyncio.run(run())


def test_the_dispatcher_sends_with_our_id_and_writes_the_providers_down(provider: Provider) -> None:
    row = queue(Number.objects.get(), now=timezone.now())

    dispatch()

    row.refresh_from_db()
    assert (row.state, row.external_id) == ("sent", "wamid.SENT1")
    assert provider.received == [
        {
            "messaging_product": "whatsapp", "recipient_type": "individual", "type": "text",
            "text": {"body": "تم"}, "to": "966500000105", "biz_opaque_callback_data": str(row.public_id),
        }
    ]  # fmt: skip
    assert provider.paths == ["/v25.0/106540000000940/messages"]
    assert provider.headers[0]["authorization"] == "Bearer demo-access-token"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(500, b"<html>gateway</html>"), "uncertain"),
        (Answer(502, b""), "uncertain"),
        (Answer(200, b"{}"), "uncertain"),
        (Answer(200, b"not json"), "uncertain"),
        (Answer(200, b'{"messages": [{"id": 7}]}'), "uncertain"),
        (Answer(hangs_up=True), "uncertain"),
        (Answer(429, b"slow down"), "queued"),
        (Answer(400, b'{"error": {"code": 130429}}'), "queued"),
        (Answer(400, b'{"error": {"code": 131026}}'), "failed"),
        (Answer(401, b'{"error": {"code": 190}}'), "queued"),
        (Answer(400, b'{"error": {"code": "x"}}'), "uncertain"),
        (Answer(400, b'{"error": []}'), "uncertain"),
    ],
    ids=repr,
)
def test_only_what_certainly_was_not_sent_is_tried_again(
    answer: Answer, state: str, provider: Provider
) -> None:
    row = queue(Number.objects.get(), now=timezone.now())
    provider.answers.append(answer)

    dispatch(rounds=2)

    row.refresh_from_db()
    assert row.state == state
    assert len(provider.received) == 1


def test_a_provider_that_cannot_be_reached_is_tried_again(committed_db: None) -> None:
    with running_provider() as gone:
        account = make_account(base_url=gone.url)
    row = queue(account.numbers.get(), now=timezone.now())

    dispatch()

    row.refresh_from_db()
    assert (row.state, row.error) == ("queued", {"title": "no connection"})


def test_an_answer_that_does_not_come_is_uncertain(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayan.channels.adapters.whatsapp.graph.TIMEOUT", {"total": 0.2})
    provider.answers.append(Answer(delay=0.5))
    row = queue(Number.objects.get(), now=timezone.now())

    dispatch(rounds=2)

    row.refresh_from_db()
    assert (row.state, row.error) == ("uncertain", {"title": "no answer"})
    assert len(provider.received) == 1


def test_two_dispatchers_send_everything_once(provider: Provider) -> None:
    Number.objects.update(throughput=1000)
    number = Number.objects.get()
    for n in range(120):
        queue(number, now=timezone.now(), to_phone=f"96650000{n:04}")

    def run() -> None:
        dispatch(rounds=6)
        connection.close()

    threads = [threading.Thread(target=run) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    marks = [body["biz_opaque_callback_data"] for body in provider.received]
    assert len(marks) == len(set(marks)) == 120
    assert set(Outgoing.objects.values_list("state", flat=True)) == {"sent"}


def test_losing_the_database_while_sending_loses_no_answer(
    provider: Provider, superuser: psycopg.Connection
) -> None:
    row = queue(Number.objects.get(), now=timezone.now())
    provider.answers.append(Answer(delay=0.5))
    thread = threading.Thread(target=dispatch)
    thread.start()
    deadline = time.monotonic() + 10
    while not provider.received:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    connection.close()
    superuser.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    thread.join(20)

    row.refresh_from_db()
    assert row.state == "sent"
    assert len(provider.received) == 1


def test_the_dispatcher_is_woken_and_stops_when_told(provider: Provider) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(dispatcher.run(stop))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(send_one)
        async with asyncio.timeout(10):
            # The accounts are asked about as well.
            while not any(path.endswith("/messages") for path in provider.paths):
                await asyncio.sleep(0.02)
            stop.set()
            await running

    def send_one() -> None:
        queue(Number.objects.get(), now=timezone.now())
        sending.wake_dispatcher()
        connection.close()

    asyncio.run(run())
    assert Outgoing.objects.get().state == "sent"
