"""The loop that follows broadcasts: counts them for all who look, and says when one is finished."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
from django.utils import timezone

from bayan.channels.loops import DatabaseThread, first_of
from bayan.channels.services import broadcasts

LOOK_EVERY = timedelta(seconds=1)


async def run(_session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    """Follow all broadcasts until `stop` is set."""
    database = DatabaseThread("following")
    try:
        while not stop.is_set():
            await database.run(lambda: broadcasts.tend(now=timezone.now()))
            await first_of(stop, timeout=LOOK_EVERY)
    finally:
        await database.close()
