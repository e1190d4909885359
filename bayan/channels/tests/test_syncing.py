"""Asking the provider about accounts: what it says is kept, and what is wrong becomes an alert."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from bayan.channels import services, syncing
from bayan.channels.adapters.whatsapp.facts import limit_of
from bayan.channels.models import Account, Alert, Flow, Number, Portfolio
from bayan.channels.tests.factories import PHONE_NUMBER_ID, make_account
from bayan.channels.tests.provider import Provider, error_of, running_provider
from bayan.core.models import AuditEntry

WABA = "104857600000001"
TOKEN, NUMBER, FLOWS = "/v25.0/debug_token", f"/v25.0/{PHONE_NUMBER_ID}", f"/v25.0/{WABA}/flows"
TEMPLATES = f"/v25.0/{WABA}/message_templates"
FORM, FORM_FILE = "/v25.0/77/assets", "/flows/77.json"


@pytest.fixture
def provider(committed_db: None) -> Iterator[Provider]:
    with running_provider() as running:
        account = make_account(base_url=running.url)
        Account.objects.filter(pk=account.pk).update(business_id=WABA)
        running.told = {
            TOKEN: (200, {"data": {"is_valid": True, "expires_at": 0}}),
            NUMBER: (
                200,
                {
                    "verified_name": "أمانة المنطقة الشرقية",
                    "name_status": "APPROVED",
                    "quality_rating": "GREEN",
                    "throughput": {"level": "HIGH"},
                    "whatsapp_business_manager_messaging_limit": "TIER_10K",
                },
            ),
            FLOWS: (200, {"data": [{"id": "77", "name": "survey", "status": "PUBLISHED"}]}),
            TEMPLATES: (200, {"data": []}),
            FORM: (
                200,
                {"data": [{"asset_type": "FLOW_JSON", "download_url": running.url + FORM_FILE}]},
            ),
            FORM_FILE: (200, {"version": "7.1", "screens": [{"id": "RATING"}, {"id": "THANKS"}]}),
        }
        yield running


def disconnect() -> None:
    connection.close()


def with_session[T](work: Callable[[aiohttp.ClientSession], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with aiohttp.ClientSession() as session:
            try:
                return await work(session)
            finally:
                await sync_to_async(disconnect)()

    return asyncio.run(whole())


def sync_due() -> int:
    return with_session(lambda session: syncing.sync_due(session, {}))


def number() -> Number:
    return Number.objects.select_related("account__portfolio").get()


def test_what_the_provider_says_is_kept(provider: Provider) -> None:
    assert sync_due() == 1

    found = number()
    account = found.account
    assert (found.verified_name, found.name_status) == ("أمانة المنطقة الشرقية", "APPROVED")
    assert (found.quality, found.throughput, account.portfolio.daily_limit) == (
        "GREEN",
        1000,
        10_000,
    )
    assert (account.token_is_valid, account.token_expires_at) == (True, None)
    assert account.synced_at is not None
    assert (account.sync_wanted_at, account.sync_error) == (None, None)
    assert list(Flow.objects.values_list("external_id", "name", "status", "first_screen")) == [
        ("77", "survey", "PUBLISHED", "RATING")
    ]
    # A form lies in public: its address is told no token.
    assert {h.get("authorization") for h in provider.headers} == {"Bearer demo-access-token", None}
    assert not Alert.objects.exists()
    assert sync_due() == 0


def test_a_refused_token_is_an_alert_until_it_is_good_again(provider: Provider) -> None:
    provider.told = {path: (401, error_of(190)) for path in provider.told}
    sync_due()

    account = Account.objects.get()
    assert (account.token_is_valid, account.synced_at) == (False, None)
    assert account.sync_error is not None
    assert (account.sync_error["step"], account.sync_error["code"]) == ("ask_numbers", 190)
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.number) == ("token_refused", "critical", None)

    # The dispatcher ran into the same and stopped; a token that is good again lets the number go on.
    Number.objects.update(stopped_at=timezone.now(), stop_error={"code": 190})
    provider.told[TOKEN] = (200, {"data": {"is_valid": True, "expires_at": 0}})
    sync_due()

    alert.refresh_from_db()
    assert alert.resolved_at is not None
    assert number().stopped_at is None
    assert AuditEntry.objects.filter(action="number.resumed", actor="system").count() == 1


def test_what_another_fault_stopped_stands_still_although_the_token_is_good(
    provider: Provider,
) -> None:
    Account.objects.update(token_is_valid=False)
    Number.objects.update(stopped_at=timezone.now(), stop_error={"code": 131048})

    sync_due()

    assert number().stopped_at is not None


def test_a_token_that_ends_soon_is_a_warning(provider: Provider) -> None:
    end = (timezone.now() + timedelta(days=5)).replace(microsecond=0)
    provider.told[TOKEN] = (200, {"data": {"is_valid": True, "expires_at": int(end.timestamp())}})

    sync_due()

    assert Account.objects.get().token_expires_at == end
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == ("token_expires", "warning")
    assert datetime.fromisoformat(alert.facts["at"]) == end.astimezone(UTC)


def test_low_quality_is_a_warning_about_the_number_until_it_is_better(provider: Provider) -> None:
    provider.told[NUMBER] = (200, {"quality_rating": "RED"})
    sync_due()
    assert Alert.objects.get(kind="quality_low", resolved_at=None).number == number()

    provider.told[NUMBER] = (200, {"quality_rating": "YELLOW"})
    services.want_sync(Account.objects.get(), now=timezone.now())
    sync_due()

    assert number().quality == "YELLOW"
    assert not Alert.objects.filter(resolved_at=None).exists()


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"quality_rating": 7, "throughput": "fast", "verified_name": None},
        {"whatsapp_business_manager_messaging_limit": "TIER_NOT_SET"},
        {"quality_rating": "SPLENDID", "throughput": {"level": "NOT_APPLICABLE"}},
    ],
)
def test_what_the_provider_does_not_say_stays_as_it_was(provider: Provider, told: Any) -> None:
    sync_due()
    provider.told[NUMBER] = (200, told)
    services.want_sync(Account.objects.get(), now=timezone.now())

    sync_due()

    found = number()
    assert (found.quality, found.throughput, found.verified_name) == (
        "GREEN",
        1000,
        "أمانة المنطقة الشرقية",
    )
    assert Portfolio.objects.get().daily_limit == 10_000


@pytest.mark.parametrize(
    ("tier", "limit"),
    [
        ("TIER_50", (True, 50)),
        ("TIER_2K", (True, 2000)),
        ("TIER_100K", (True, 100_000)),
        ("TIER_UNLIMITED", (True, None)),
        ("TIER_NOT_SET", (False, None)),
        ("TIER_٢K", (False, None)),
        (250, (True, 250)),
        (-1, (True, None)),
        (True, (False, None)),
        (None, (False, None)),
    ],
)
def test_tiers_are_read_in_every_spelling(tier: Any, limit: tuple[bool, int | None]) -> None:
    assert limit_of(tier) == limit


def test_one_step_that_is_refused_does_not_keep_back_the_others(provider: Provider) -> None:
    provider.told[NUMBER] = (500, error_of(131000))

    sync_due()

    account = Account.objects.get()
    assert account.sync_error is not None
    assert (account.sync_error["step"], account.sync_error["code"]) == ("ask_numbers", 131000)
    assert account.token_is_valid is True
    assert Flow.objects.count() == 1


def test_a_provider_that_does_not_answer_is_asked_again_only_after_a_while(
    committed_db: None,
) -> None:
    account = make_account(base_url="http://127.0.0.1:9")
    tried: dict[int, datetime] = {}

    async def twice(session: aiohttp.ClientSession) -> tuple[int, int, int]:
        first = await syncing.sync_due(session, tried)
        second = await syncing.sync_due(session, tried)
        await sync_to_async(services.want_sync)(account, now=timezone.now())
        return first, second, await syncing.sync_due(session, tried)

    assert with_session(twice) == (1, 0, 1)
    account.refresh_from_db()
    assert account.sync_error == {"step": "ask_token", "title": "no connection"}
    assert account.token_is_valid is None


def test_a_form_with_a_service_of_its_own_has_no_first_screen_for_us(provider: Provider) -> None:
    provider.told[FORM_FILE] = (200, {"data_api_version": "3.0", "screens": [{"id": "RATING"}]})

    sync_due()

    assert Flow.objects.get().first_screen == ""
    assert number().account.sync_error is None
    asked = len(provider.asked)
    services.want_sync(Account.objects.get(), now=timezone.now())
    sync_due()
    # What was read once is not read again.
    assert FORM in provider.asked[:asked]
    assert FORM not in provider.asked[asked:]


@pytest.mark.parametrize("address", ["https://evil.example/77.json", "file:///etc/passwd", "", 7])
def test_a_form_at_a_foreign_address_is_not_read(provider: Provider, address: Any) -> None:
    provider.told[FORM] = (200, {"data": [{"asset_type": "FLOW_JSON", "download_url": address}]})

    sync_due()

    assert Flow.objects.get().first_screen is None
    assert number().account.sync_error is None


def test_a_form_that_the_provider_no_longer_has_goes(provider: Provider) -> None:
    sync_due()
    provider.told[FLOWS] = (200, {"data": [{"id": "78", "name": "other", "status": "DRAFT"}]})
    services.want_sync(Account.objects.get(), now=timezone.now())

    sync_due()

    assert list(Flow.objects.values_list("external_id", flat=True)) == ["78"]


def test_an_account_that_another_dispatcher_asks_about_is_left_to_it(
    provider: Provider, superuser: psycopg.Connection
) -> None:
    account = Account.objects.get()
    superuser.execute("SELECT pg_advisory_lock(%s, %s)", [syncing.SYNC_LOCK, account.pk])

    assert sync_due() == 0
    assert provider.asked == []


def test_it_is_asked_at_once_when_somebody_wants_it(provider: Provider) -> None:
    async def until_asked(times: int) -> None:
        while (
            len(provider.asked) < times
            or not await sync_to_async(Account.objects.filter(sync_wanted_at=None).exists)()
        ):
            await asyncio.sleep(0.01)

    async def loop(session: aiohttp.ClientSession) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(syncing.run(session, stop))
        account = await sync_to_async(Account.objects.get)()
        try:
            # Far sooner than the loop looks by itself.
            async with asyncio.timeout(syncing.LOOK_EVERY.total_seconds() / 2):
                await until_asked(6)
                await sync_to_async(services.want_sync)(account, now=timezone.now())
                await until_asked(10)
        finally:
            stop.set()
            await running

    with_session(loop)
    assert len(provider.asked) == 10  # the form is read once
