"""What the dispatcher's loops share: a thread for the database, waiting, being woken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
from django.db import Error, connection

from bayan.core.live import listening_parameters


class DatabaseThread:
    """One thread with a connection of its own, so that one loop's statements do not wait for another's."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run[T](self, work: Callable[[], T]) -> T:
        """What the work returns; a connection that broke under it is replaced at the next call."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _closing_on_error, work)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, _disconnect)
        self._pool.shutdown()


def _closing_on_error[T](work: Callable[[], T]) -> T:
    try:
        return work()
    except Error:
        connection.close()
        raise


def _disconnect() -> None:
    # A function: `connection.close` would be that of the thread which names it.
    connection.close()


async def first_of(*events: asyncio.Event, timeout: timedelta) -> None:
    """Wait until one of these is set, but no longer than that."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(
        waiting, timeout=timeout.total_seconds(), return_when=asyncio.FIRST_COMPLETED
    )
    for task in waiting:
        task.cancel()


async def listen(channel: str, wake: asyncio.Event) -> None:
    """Set `wake` whenever PostgreSQL notifies this channel; for as long as the task lives."""
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(
                **listening_parameters(), autocommit=True
            ) as listener:
                await listener.execute(f"LISTEN {channel}")
                async for _notification in listener.notifies():
                    wake.set()
        await asyncio.sleep(1)
