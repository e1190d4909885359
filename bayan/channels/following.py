"""The loop that follows broadcasts: counts them for all who look, and says when one is finished."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import aiohttp
from django.utils import timezone

from bayan.channels.loops import DatabaseThread, first_of
from bayan.channels.services import broadcasts

LOOK_EVERY = timedelta(seconds=1)
# Counting a hundred thousand takes a while: that must stay a small part of the time.
MOST_OF_THE_TIME = 0.05


async def run(_session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    """Follow all broadcasts until `stop` is set."""
    database = DatabaseThread("following")
    try:
        while not stop.is_set():
            begun = time.monotonic()
            await database.run(lambda: broadcasts.tend(now=timezone.now()))
            took = timedelta(seconds=time.monotonic() - begun)
            await first_of(stop, timeout=max(LOOK_EVERY, took / MOST_OF_THE_TIME))
    finally:
        await database.close()
