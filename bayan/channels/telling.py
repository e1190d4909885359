"""A dispatcher's loop: tells the provider what members have read and that they are typing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
import structlog
from django.utils import timezone

from bayan.channels import services
from bayan.channels.adapters.base import ProviderRefused
from bayan.channels.loops import DatabaseThread, first_of, listen
from bayan.channels.models import ReadMark

LOOK_EVERY = timedelta(seconds=5)

log = structlog.get_logger(__name__)


async def run(session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    """Tell what there is to tell until `stop` is set."""
    database, wake = DatabaseThread("read marks"), asyncio.Event()
    listener = asyncio.create_task(listen("bayan_read_marks", wake))
    try:
        while not stop.is_set():
            marks = await database.run(lambda: services.take_read_marks(now=timezone.now()))
            await asyncio.gather(*(_tell(session, mark) for mark in marks))
            if not marks:
                await first_of(stop, wake, timeout=LOOK_EVERY)
                wake.clear()
    finally:
        listener.cancel()
        await database.close()


async def _tell(session: aiohttp.ClientSession, mark: ReadMark) -> None:
    try:
        await services.tell_read(session, mark)
    except ProviderRefused as refused:
        # Blue ticks are a courtesy: nothing is lost when they do not come.
        log.info("read_mark.refused", error=refused.outcome.error)
