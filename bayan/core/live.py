"""Live screens: announcing a change in its transaction, and handing it to the browsers.

A notice carries a node, a topic and an object's public id or key, never text: the browser fetches what it
may see by an ordinary, checked request.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.db import connection

CHANNEL = "bayan_live"
# A slow browser loses its oldest notices rather than the server its memory; it refetches on reconnect.
QUEUE_LENGTH = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Notice:
    """One thing that changed."""

    node_id: int
    topic: str
    key: str


def announce(notices: Iterable[tuple[int, str, UUID | str]]) -> None:
    """Tell all screens, once this transaction is committed, that these things changed."""
    payloads = sorted({f"{node_id} {topic} {key}" for node_id, topic, key in notices})
    if payloads:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_notify(%s, payload)) FROM unnest(%s::text[]) AS payload",
                [CHANNEL, payloads],
            )


def heard(listener: psycopg.Connection[Any], *, seconds: float) -> bool:
    """Wait so long for a notice to this connection; true as soon as there is one, and all are taken.

    psycopg's own waiting wakes up ten times a second, which costs a worker that has nothing to do the most.
    """
    # What came in beside the answer to another question is not to be waited for.
    if list(listener.notifies(timeout=0)):
        return True
    poll = select.poll()
    poll.register(listener.fileno(), select.POLLIN)
    poll.poll(seconds * 1000)
    return bool(list(listener.notifies(timeout=0)))


class Hub:
    """One LISTEN connection for a whole process, and everybody in it who wants to hear."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Notice | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @contextlib.asynccontextmanager
    async def subscription(self) -> AsyncIterator[asyncio.Queue[Notice | None]]:
        """A queue of notices; None means: the stream broke or the server stops, start over."""
        queue: asyncio.Queue[Notice | None] = asyncio.Queue(QUEUE_LENGTH)
        if self._closing:
            queue.put_nowait(None)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """End all streams, so that a stopping server does not wait for its browsers."""
        self._closing = True
        self._tell(None)
        if self._task:
            self._task.cancel()

    async def _listen(self) -> None:
        while not self._closing:
            try:
                async with await psycopg.AsyncConnection.connect(
                    **listening_parameters(), autocommit=True
                ) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    async for notification in listener.notifies():
                        node_id, topic, key = notification.payload.split(" ", 2)
                        self._tell(Notice(int(node_id), topic, key))
            except psycopg.OperationalError as error:
                log.warning("live.listener_lost", error=type(error).__name__)
            # What was said meanwhile is lost: let every browser fetch anew.
            self._tell(None)
            await asyncio.sleep(1)

    def _tell(self, notice: Notice | None) -> None:
        for queue in list(self._listeners):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(notice)


hub = Hub()


def listening_parameters() -> dict[str, Any]:
    """What a connection of our own, outside Django's, needs to connect."""
    database = settings.DATABASES["default"]
    return {
        "host": database["HOST"],
        "port": database["PORT"],
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "options": database["OPTIONS"].get("options", ""),
        "connect_timeout": 5,
    }
