"""The loop that fetches what people send: at once, several files at a time, each until it is here."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import timedelta

import aiohttp
import structlog
from django.db import Error
from django.utils import timezone

from bayan.channels import files
from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import FileNotThere, ProviderRefused, Reaction, Stops
from bayan.channels.loops import DatabaseThread, first_of, listen
from bayan.channels.models import Media
from bayan.channels.services import media as services

# A few large files must not hold up the many small ones.
AT_ONCE = 16
# A file may become due without anybody announcing it.
LOOK_EVERY = timedelta(seconds=2)
# One picture at a time, for its memory; the threads that write files never wait for it.
_decoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decoder")

log = structlog.get_logger(__name__)


async def run(session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    """Fetch what people sent until `stop` is set; what is under way then is fetched by another."""
    wake = asyncio.Event()
    listener = asyncio.create_task(listen(services.EXPECTED, wake))
    database = DatabaseThread("fetching")
    under_way: set[asyncio.Task[None]] = set()
    await database.run(lambda: services.sweep_unfinished(now=timezone.now()))
    try:
        while not stop.is_set():
            free = AT_ONCE - len(under_way)
            rows = await database.run(
                lambda free=free: services.claim_files(limit=free, now=timezone.now())  # type: ignore[misc]
            )
            for row in rows:
                task = asyncio.create_task(fetch(session, database, row))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                # The next look is worth it as soon as a place is free.
                task.add_done_callback(lambda _task: wake.set())
            if len(rows) < free or free == 0:
                await first_of(stop, wake, timeout=LOOK_EVERY)
                wake.clear()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        listener.cancel()
        await database.close()


async def fetch(session: aiohttp.ClientSession, database: DatabaseThread, media: Media) -> None:
    """Fetch one claimed file and write down what came of it."""
    try:
        await _fetch(session, database, media)
    except Error as error:
        # Its lease ends by itself, and then it is tried again.
        log.warning("fetching.database_lost", error=type(error).__name__)
    except Exception:
        # One file that nobody foresaw must not keep the others from coming.
        log.exception("fetching.failed", media=str(media.public_id))
        await database.run(
            lambda: services.file_failed(media, {"title": "interrupted"}, now=timezone.now())
        )


async def _fetch(session: aiohttp.ClientSession, database: DatabaseThread, media: Media) -> None:
    writer = services.FileWriter(limit=files.LARGEST)
    try:
        await asyncio.to_thread(writer.open)
        await _download(session, media, writer)
        await asyncio.to_thread(writer.finish)
        loop = asyncio.get_running_loop()
        likeness = await loop.run_in_executor(_decoder, services.likeness_of, media, writer)
        await database.run(
            lambda: services.file_fetched(media, writer, likeness=likeness, now=timezone.now())
        )
    except services.TooLarge:
        error = {"title": "too large", "most": files.LARGEST}
        await database.run(lambda: services.file_refused(media, error))
    except FileNotThere as gone:
        error = gone.error
        await database.run(lambda: services.file_gone(media, error))
    except ProviderRefused as refused:
        outcome = refused.outcome
        if outcome.reaction is Reaction.STOP and outcome.stops is not Stops.NOTHING:
            await database.run(
                lambda: services.files_wait(media, outcome.error, now=timezone.now())
            )
        else:
            await database.run(
                lambda: services.file_failed(
                    media, outcome.error, now=timezone.now(), wait=outcome.wait
                )
            )
    except OSError as failure:
        error_here = failure
        await database.run(lambda: services.storage_failed(media, error_here, now=timezone.now()))
    finally:
        await asyncio.to_thread(writer.discard)


async def _download(
    session: aiohttp.ClientSession, media: Media, writer: services.FileWriter
) -> None:
    account = media.number.account
    adapter = ADAPTERS[account.channel]
    is_second = False
    while True:
        place = await adapter.locate_file(session, account, media)
        if place.size > files.LARGEST:
            raise services.TooLarge
        try:
            async with aclosing(adapter.download_file(session, account, place.url)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    await asyncio.to_thread(writer.write, piece)
        except FileNotThere:
            if is_second:
                raise
            # An address lives five minutes: a new one may be good.
            is_second = True
        else:
            return
