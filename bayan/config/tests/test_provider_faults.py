"""Every trouble of the provider, tried with the emulator itself: the right reaction, and who sees it."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bayan.channels import dispatcher, fetching, services, syncing
from bayan.channels.events import DeliveryStatus
from bayan.channels.loops import DatabaseThread
from bayan.channels.models import Account, Alert, Media, Number, Outgoing, Pace, Pair, Status
from bayan.channels.services import media as media_services
from bayan.channels.tests.factories import make_account
from bayan.inbox.models import Message
from bayan.intake.services import work_off
from bayan.intake.tests.hooks import fates, running_intake
from bayan.organisation import selectors as organisation
from bayan.people.models import Role
from bayan.people.tests.factories import make_member
from emulator.app import Emulator
from emulator.settings import Options, Settings
from emulator.tests.conftest import NOURA, OPTIONS, Api, quiet, start

TIMEOUT = "bayan.channels.adapters.whatsapp.graph.TIMEOUT"


@dataclass
class House:
    """Our side over the tests' database, with the emulator as its provider."""

    emulator: Api
    number: Number

    def queue(self, text: str = "وصل بلاغكم") -> Outgoing:
        """A reply to Noura, due now."""
        now = timezone.now()
        return Outgoing.objects.create(
            node=self.number.node, number=self.number, to_phone=NOURA, lane=Outgoing.Lane.PERSON,
            content={"type": "text", "text": {"body": text}}, not_before=now, created_at=now,
        )  # fmt: skip

    def dispatch(self) -> None:
        """Claim, send and settle what is due now."""

        async def run() -> None:
            async with aiohttp.ClientSession() as session:
                sender = dispatcher.Sender(session)
                await sender.claim()
                await sender.finish()

        asyncio.run(run())

    def dispatch_later(self) -> None:
        """The same once all pauses are over."""
        now = timezone.now()
        Outgoing.objects.filter(state="queued").update(not_before=now)
        Pace.objects.update(next_at=now)
        Pair.objects.all().delete()
        self.dispatch()

    def sync(self) -> None:
        """Ask the provider about the account."""

        async def run() -> None:
            async with aiohttp.ClientSession() as session:
                await syncing.sync_due(session, {})

        Account.objects.update(sync_wanted_at=timezone.now())
        asyncio.run(run())

    def fetch(self) -> Media:
        """Fetch the file that is waited for."""

        async def run() -> None:
            database = DatabaseThread("test")
            async with aiohttp.ClientSession() as session:
                for row in await database.run(
                    lambda: media_services.claim_files(limit=5, now=timezone.now())
                ):
                    await fetching.fetch(session, database, row)
            await database.close()

        asyncio.run(run())
        return Media.objects.get()

    def take_in(self) -> None:
        """Work off all that the provider has to tell."""
        quiet(self.emulator)
        while work_off(now=timezone.now()).rows:
            pass

    def accepted(self) -> int:
        """How many messages the provider has accepted."""
        return len(self.emulator.http.get("/_control/sent").json()["items"])

    def refused(self) -> int:
        """How many it has refused."""
        return len(self.emulator.http.get("/_control/refused").json()["items"])


@pytest.fixture
def house(
    committed_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> Iterator[House]:
    settings.MEDIA_ROOT = tmp_path / "media"
    account = make_account()
    with running_intake(monkeypatch) as callback:
        server, thread, url = start(Emulator(Settings(callback=callback), Options(**OPTIONS)))
        Account.objects.update(base_url=url)
        api = Api(url)
        api.write(text="السلام عليكم")
        house = House(api, account.numbers.get())
        house.take_in()
        yield house
        api.http.delete("/_control/faults")
        api.http.close()
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def page(house: House) -> Callable[[], str]:
    """The words of the health page, as an administrator reads them."""
    client = Client()
    client.force_login(make_member(Role.Kind.ADMINISTRATOR, organisation.desk()))
    client.cookies["bayan_language"] = "en"

    def look() -> str:
        answer = client.get(reverse("channels:health"))
        assert answer.status_code == 200
        words = html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
        return " ".join(words.split())

    return look


def facts_of(row: Outgoing) -> tuple[str, int | str | None]:
    """State and error of a message, by the provider's code or by our word."""
    row.refresh_from_db()
    error = row.error or {}
    return row.state, error.get("code", error.get("title"))


def open_alerts() -> list[tuple[str, str]]:
    return list(Alert.objects.filter(resolved_at=None).values_list("kind", "severity"))


SLOWER, FAULT = (
    "WhatsApp asks us to send more slowly.",
    "WhatsApp has a fault of its own for the moment.",
)
WAITS = {
    2: FAULT, 131016: FAULT, 80007: SLOWER, 4: SLOWER, 130429: SLOWER,
    131056: "Too many messages to the same person in a short time.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "code", "least"),
    [
        ({"kind": "outage"}, 2, 5),
        ({"kind": "rate_limit"}, 80007, 60),
        ({"kind": "rate_limit", "code": 4}, 4, 60),
        ({"kind": "error", "code": 131016}, 131016, 5),
        ({"kind": "error", "code": 130429}, 130429, 1),
        ({"kind": "error", "code": 131056}, 131056, 6),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else str(value),
)
def test_what_was_refused_for_now_waits_and_then_arrives_once(
    fault: dict[str, Any], code: int, least: int, house: House, page: Callable[[], str]
) -> None:
    house.emulator.fault(**fault)
    row, began = house.queue(), timezone.now()

    house.dispatch()
    house.dispatch()

    assert facts_of(row) == ("queued", code)
    assert row.not_before >= began + timedelta(seconds=least)
    assert (row.attempts, house.refused(), house.accepted()) == (1, 1, 0)
    assert open_alerts() == []
    # The page says how many wait, why, since when, and when they are tried again.
    assert f"Tried and waiting 1 {WAITS[code]} {code} since" in page()
    assert "next try" in page()

    house.emulator.http.delete("/_control/faults")
    house.dispatch_later()
    house.take_in()

    assert facts_of(row) == ("delivered", None)
    assert house.accepted() == 1
    assert "Tried and waiting" not in page()


@pytest.mark.parametrize("kind", ["bad_gateway", "disconnect"])
def test_what_nobody_knows_of_waits_for_a_person(
    kind: str, house: House, page: Callable[[], str]
) -> None:
    house.emulator.fault(kind=kind)
    row = house.queue()

    house.dispatch()
    house.emulator.http.delete("/_control/faults")
    house.dispatch_later()
    house.take_in()

    assert facts_of(row)[0] == "uncertain"
    assert (row.attempts, house.accepted()) == (1, 0)
    assert "Uncertain 1" in page()

    services.resend(row, now=timezone.now())
    house.dispatch_later()
    house.take_in()

    assert facts_of(row) == ("delivered", None)
    assert house.accepted() == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "bad_gateway", "code": 1},
        {"kind": "disconnect", "code": 1},
        {"kind": "timeout", "delay_ms": 1500},
    ],
    ids=json.dumps,
)
def test_what_was_accepted_without_an_answer_is_settled_by_its_status(
    fault: dict[str, Any], house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TIMEOUT, {"total": 0.4})
    house.emulator.fault(**fault)
    row = house.queue()

    house.dispatch()

    assert facts_of(row)[0] == "uncertain"
    house.emulator.http.delete("/_control/faults")
    house.take_in()
    house.dispatch_later()
    assert facts_of(row)[0] == "delivered"
    assert row.external_id
    assert house.accepted() == 1


def test_an_expired_token_stops_the_number_and_calls_and_goes_on_by_itself(
    house: House, page: Callable[[], str]
) -> None:
    house.emulator.fault(kind="expired_token")
    rows = [house.queue("أولًا"), house.queue("ثانيًا")]

    house.dispatch()
    house.dispatch_later()
    house.sync()

    house.number.refresh_from_db()
    assert house.number.stopped_at is not None
    assert {facts_of(row)[0] for row in rows} == {"queued"}
    # What was under way together was refused together; nothing is tried after that.
    assert (house.refused(), house.accepted()) == (2, 0)
    assert sorted(open_alerts()) == [("sending_stopped", "critical"), ("token_refused", "critical")]
    assert "The access token has expired" in page()

    house.emulator.http.delete("/_control/faults")
    house.sync()
    house.dispatch_later()
    house.take_in()

    assert {facts_of(row)[0] for row in rows} == {"delivered"}
    assert house.accepted() == 2
    assert open_alerts() == []


@pytest.mark.parametrize("kind", ["error", "fail"])
def test_what_cannot_be_delivered_fails_at_once_or_by_its_status(
    kind: str, house: House, page: Callable[[], str]
) -> None:
    house.emulator.fault(kind=kind, code=131026)
    row = house.queue()

    house.dispatch()
    house.take_in()
    house.dispatch_later()

    assert facts_of(row) == ("failed", 131026)
    assert row.failed_at is not None
    assert house.accepted() == (1 if kind == "fail" else 0)
    assert "Failed in 24 hours 1" in page()
    assert open_alerts() == []


def test_a_file_that_the_provider_has_no_more_is_gone_and_its_message_stays(
    house: House, page: Callable[[], str]
) -> None:
    house.emulator.fault(kind="media_gone")
    wamid = house.emulator.write(message={"type": "image", "image": {"caption": "حفرة"}})
    house.take_in()

    media = house.fetch()
    house.emulator.http.delete("/_control/faults")
    again = house.fetch()

    assert (media.state, again.state, again.attempts) == ("gone", "gone", 1)
    message = Message.objects.get(external_id=wamid)
    assert (message.kind, message.text, message.media) == ("image", "حفرة", media)
    assert "Files lost in 7 days 1 WhatsApp had them no more" in page()
    assert "Picture ·" in page()


def test_what_the_provider_says_twice_counts_once(house: House, page: Callable[[], str]) -> None:
    assert "Told more than once in 24 hours Nothing" in page()
    house.emulator.fault(kind="duplicate")
    wamid = house.emulator.write(text="الشارع مظلم")
    row = house.queue()
    house.dispatch()
    house.take_in()

    # The greeting once, this message and two statuses twice each.
    assert len(fates()) == 7
    assert {state for state, _remark in fates()} == {"processed"}
    assert Message.objects.filter(external_id=wamid).count() == 1
    assert facts_of(row) == ("delivered", None)
    assert sorted(Status.objects.values_list("status", flat=True)) == ["delivered", "sent"]
    assert "Told more than once in 24 hours Messages: 1 · ticks: 2 WhatsApp repeats" in page()


def test_what_comes_in_disorder_never_goes_back(house: House, page: Callable[[], str]) -> None:
    house.emulator.set_options(auto_read=True)
    house.emulator.fault(kind="reorder")
    row = house.queue()
    house.dispatch()
    house.emulator.http.delete("/_control/faults")
    house.emulator.write(text="شكرًا")
    house.take_in()

    assert facts_of(row) == ("read", None)
    assert row.sent_at
    assert row.delivered_at
    assert row.read_at
    # What comes after a later one takes nothing back, and is counted.
    status = Status.objects.get(status="sent")
    late = DeliveryStatus(
        external_id=status.external_id, status="delivered", recipient="another", callback="",
        provider_at=status.provider_at, received_at=timezone.now(), error=None,
    )  # fmt: skip
    applied = services.apply_statuses([late])
    assert (applied.late, facts_of(row)) == ([late], ("read", None))


def test_webhooks_that_are_lost_are_noticed(house: House, page: Callable[[], str]) -> None:
    house.emulator.fault(kind="drop")
    row = house.queue()
    house.dispatch()
    house.take_in()
    assert facts_of(row) == ("sent", None)

    # Time passes, and no word comes.
    ago = timezone.now() - timedelta(minutes=10)
    Outgoing.objects.update(sent_at=ago)
    Account.objects.update(last_webhook_at=ago - timedelta(minutes=1))
    house.sync()

    assert open_alerts() == [("webhooks_silent", "critical")]
    assert "WhatsApp does not reach us" in page()

    house.emulator.http.delete("/_control/faults")
    house.emulator.write(text="هل من جديد؟")
    house.take_in()
    house.sync()

    assert open_alerts() == []
    assert "By itself" in page()
