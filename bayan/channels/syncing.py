"""The loop that asks the providers about the accounts: every few minutes, and at once when wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.db import Error, connection
from django.utils import timezone

from bayan.channels.adapters.base import ProviderRefused
from bayan.channels.loops import first_of, listen
from bayan.channels.models import Account
from bayan.channels.services import accounts, facts
from bayan.core.live import listening_parameters

Step = Callable[[aiohttp.ClientSession, Account], Awaitable[None]]

# What is done for each account, in this order; the refusal of one does not keep back the others.
STEPS: tuple[Step, ...] = (
    facts.try_new_token,
    facts.ask_token,
    facts.ask_numbers,
    facts.ask_flows,
    facts.ask_templates,
    facts.watch_silence,
)

LOOK_EVERY = timedelta(seconds=5)
# After a refusal, unless somebody wants it sooner.
TRY_AGAIN_AFTER = timedelta(minutes=1)
# Of PostgreSQL's advisory locks those of this number and the account's key are ours.
SYNC_LOCK = 0x62617902

log = structlog.get_logger(__name__)


async def run(session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    """Keep the accounts' facts up to date until `stop` is set."""
    wake = asyncio.Event()
    listener = asyncio.create_task(listen(accounts.SYNC_WANTED, wake))
    tried: dict[int, datetime] = {}
    try:
        while not stop.is_set():
            wake.clear()
            await sync_due(session, tried)
            await first_of(stop, wake, timeout=LOOK_EVERY)
    finally:
        listener.cancel()
        await sync_to_async(_disconnect)()


async def sync_due(session: aiohttp.ClientSession, tried: dict[int, datetime]) -> int:
    """Ask about every account that is due; `tried` keeps when we last did. Returns how many."""
    now = timezone.now()
    due = [
        account
        for account in await sync_to_async(facts.accounts_to_sync)(now=now)
        if _is_ripe(account, tried.get(account.pk), now=now)
    ]
    if not due:
        return 0
    # The locks are this connection's: whatever happens to us, they end with it.
    guard = await psycopg.AsyncConnection.connect(**listening_parameters(), autocommit=True)
    async with guard:
        ours = [account for account in due if await _lock(guard, account)]
        tried.update((account.pk, now) for account in ours)
        ends = await asyncio.gather(
            *(sync(session, account) for account in ours), return_exceptions=True
        )
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return len(ours)


async def sync(session: aiohttp.ClientSession, account: Account) -> None:
    """Take all steps for one account and write down how it went."""
    began = timezone.now()
    first_error: dict[str, Any] | None = None
    for step in STEPS:
        name = step.__name__
        error: dict[str, Any] | None = None
        try:
            await step(session, account)
        except ProviderRefused as refusal:
            error = {"step": name, **(refusal.outcome.error or {})}
        except Error:
            raise
        except Exception:
            # What nobody foresaw in one step must not keep the others from being taken.
            log.exception("sync.failed", account=account.key, step=name)
            error = {"step": name, "title": "interrupted"}
        if error:
            log.warning(
                "sync.refused", account=account.key, step=name, error_code=error.get("code")
            )
            first_error = first_error or error
    await sync_to_async(facts.note_sync)(
        account, error=first_error, began=began, now=timezone.now()
    )


def _is_ripe(account: Account, tried_at: datetime | None, *, now: datetime) -> bool:
    """False for an account that was refused a moment ago and that nobody has asked for since."""
    if tried_at is None or now - tried_at >= TRY_AGAIN_AFTER:
        return True
    return account.sync_wanted_at is not None and tried_at < account.sync_wanted_at <= now


async def _lock(guard: psycopg.AsyncConnection, account: Account) -> bool:
    """True when no other dispatcher asks about this account now."""
    cursor = await guard.execute("SELECT pg_try_advisory_lock(%s, %s)", [SYNC_LOCK, account.pk])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _disconnect() -> None:
    connection.close()
