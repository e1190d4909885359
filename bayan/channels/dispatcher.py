"""The dispatcher: claims what is queued, hands it to the providers, writes down what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import aiohttp
import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.db import Error, connection
from django.utils import timezone

from bayan.channels import services
from bayan.channels.adapters.base import Outcome, Reaction
from bayan.channels.models import Outgoing
from bayan.core.live import listening_parameters

BATCH = 50
MOST_CONNECTIONS = 400
# Rows may become due without anybody announcing it: a retry, a release.
LOOK_EVERY = timedelta(seconds=1)

log = structlog.get_logger(__name__)


async def run(stop: asyncio.Event) -> None:
    """Dispatch until `stop` is set; then finish what is in flight and return."""
    wake = asyncio.Event()
    listener = asyncio.create_task(_listen(wake))
    connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as client:
        while not stop.is_set():
            try:
                busy = await round_once(client)
            except Error as error:
                log.warning("dispatcher.database_lost", error=type(error).__name__)
                await sync_to_async(disconnect)()
                await asyncio.sleep(1)
                continue
            if not busy:
                await _first_of(stop, wake)
                wake.clear()
    listener.cancel()
    await sync_to_async(disconnect)()


async def round_once(client: aiohttp.ClientSession) -> bool:
    """Claim one batch, send it, settle it. True when there was something to do."""
    rows = await sync_to_async(_claim)()
    if not rows:
        return False

    async def attempt(row: Outgoing) -> tuple[Outgoing, Outcome]:
        try:
            return row, await services.deliver(client, row)
        except Exception:
            # One row that nobody foresaw must not leave its neighbours without an outcome.
            log.exception("dispatcher.failed", outgoing=str(row.public_id))
            return row, Outcome(reaction=Reaction.UNCERTAIN, error={"title": "interrupted"})

    results = await asyncio.gather(*(attempt(row) for row in rows))
    # The answers are only in our memory now: losing the database must not lose them.
    while True:
        try:
            await sync_to_async(services.settle)(results, now=timezone.now())
        except Error as error:
            log.warning("dispatcher.settling_waits", error=type(error).__name__)
            await sync_to_async(disconnect)()
            await asyncio.sleep(1)
        else:
            return True


def _claim() -> list[Outgoing]:
    now = timezone.now()
    services.release_stranded(now=now)
    return services.claim(limit=BATCH, now=now)


def disconnect() -> None:
    """End this thread's connection to the database; the next round makes a new one."""
    connection.close()


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(
        waiting, timeout=LOOK_EVERY.total_seconds(), return_when=asyncio.FIRST_COMPLETED
    )
    for task in waiting:
        task.cancel()


async def _listen(wake: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(
                **listening_parameters(), autocommit=True
            ) as listener:
                await listener.execute("LISTEN bayan_outgoing")
                async for _notification in listener.notifies():
                    wake.set()
        await asyncio.sleep(1)
