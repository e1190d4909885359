"""The dispatcher: the one process that talks to the providers.

It sends what is queued, tells what was read, fetches files and keeps the accounts' facts up to date; each
of these is a loop of its own, and the end of one does not end the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial

import aiohttp
import structlog
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from django.db import Error
from django.utils import timezone

from bayan.channels import fetching, following, services, syncing, telling
from bayan.channels.adapters.base import Outcome, ProviderRefused, Reaction
from bayan.channels.loops import DatabaseThread, first_of, listen
from bayan.channels.models import Media, Number, Outgoing
from bayan.channels.services.claiming import AHEAD

Loop = Callable[[aiohttp.ClientSession, asyncio.Event], Awaitable[None]]

# Rows may become due without anybody announcing it: a retry, a limit that ended.
LOOK_EVERY = timedelta(seconds=1)
# While there is work, the next look comes well before what is claimed has left.
CLAIM_EVERY = AHEAD * 0.6
SETTLE_EVERY = timedelta(milliseconds=200)
TIDY_EVERY = timedelta(seconds=10)
# Shorter than any server keeps a quiet connection: one that closes as we write leaves an uncertain message.
KEEP_CONNECTION_SECONDS = 4
# Below what a process may have open (1,024 files); what finds none free waits for one.
MOST_CONNECTIONS = 800
# One in so many of what is permitted in a second is kept back: what is held up on its way arrives in a
# fuller second than it left in (docs/measurements.md). Claims are reckoned a little slower still, so that
# what is held up here is made good.
KEPT_BACK = 66
WINDOW_SECONDS = 1.0
# What was held up leaves a little closer together, never all in one gush.
CATCHING_UP = 1.25
FORGIVEN_SECONDS = 0.005
# So much before its moment a message may leave together with the one before it: fewer rounds of the loop.
EARLY_SECONDS = 0.003
PAUSE_AFTER_FAILURE = 1.0

log = structlog.get_logger(__name__)


async def run(stop: asyncio.Event) -> None:
    """Run all loops until `stop` is set; each finishes what it has in hand."""
    connector = aiohttp.TCPConnector(
        limit=MOST_CONNECTIONS, keepalive_timeout=KEEP_CONNECTION_SECONDS
    )
    # No provider needs cookies, and looking after them costs with every message.
    cookies = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=cookies, request_class=Request
    ) as session:
        await asyncio.gather(*(_keep_running(loop, session, stop) for loop in LOOPS))


async def _keep_running(loop: Loop, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await loop(session, stop)
        except Error as error:
            log.warning("dispatcher.database_lost", error=type(error).__name__)
        except Exception:
            # A loop that ended would leave its work undone, and nobody would notice.
            log.exception("dispatcher.loop_failed")
        if not stop.is_set():
            await asyncio.sleep(PAUSE_AFTER_FAILURE)


async def send_queued(session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
    """Send what is queued, each message at its moment, until told to stop."""
    sender = Sender(session)
    try:
        await sender.run(stop)
    finally:
        await sender.finish()


class Valve:
    """Lets a number's messages out in their order, never more in a second than permitted.

    Claims spread them evenly; this keeps what gathered while the process was held up from leaving in one
    gush, and makes good what was lost as far as the last second has room for it.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Outgoing, asyncio.Future[None]]] = deque()
        self._keeper: asyncio.Task[None] | None = None
        self._leaving = 0
        self._left_at: deque[float] = deque()
        self._has_left = asyncio.Event()
        self._next_at = 0.0

    async def passage(self, row: Outgoing) -> Callable[[], None]:
        """Wait for the message's moment and its turn. Returns what is to be called once it has left."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((row, turn))
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        await turn
        return self._note

    def _note(self) -> None:
        self._leaving -= 1
        self._left_at.append(time.monotonic())
        self._has_left.set()

    async def _keep(self) -> None:
        # One for all: handing the turn on from message to message would take a round of the loop for each.
        while self._waiting:
            row, turn = self._waiting[0]
            throughput = row.number.throughput
            await self._room(throughput - round(throughput / KEPT_BACK))
            early = (row.leaves_at - timezone.now()).total_seconds() if row.leaves_at else 0.0
            close = self._next_at - FORGIVEN_SECONDS - time.monotonic()
            if early > EARLY_SECONDS or close > 0:
                await asyncio.sleep(max(early, close))
            self._waiting.popleft()
            self._leaving += 1
            turn.set_result(None)
            self._next_at = max(self._next_at, time.monotonic()) + 1 / (throughput * CATCHING_UP)

    async def _room(self, most: int) -> None:
        """Wait until fewer than `most` have left within the last second or are about to."""
        while self._leaving + len(self._left_at) >= most:
            if self._left_at:
                pause = self._left_at.popleft() + WINDOW_SECONDS - time.monotonic()
                if pause > 0:
                    await asyncio.sleep(pause)
            else:
                self._has_left.clear()
                await self._has_left.wait()


class Departure:
    """When a message's bytes went out, or it is known that they never will.

    A second is reckoned from there: its turn may come long before, as when a connection is opened first.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def happened(self) -> None:
        if self._tell is not None:
            self._tell()
            self._tell = None


_departure: ContextVar[Departure] = ContextVar("departure")


class Request(aiohttp.ClientRequest):
    """A request that notes when its body goes out."""

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        if departure := _departure.get(None):
            departure.happened()
        await super().write_bytes(writer, conn, content_length)


class Sender:
    """Claims, hands over and settles, all three at once."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._under_way: set[asyncio.Task[None]] = set()
        self._in_flight: Counter[int] = Counter()
        self._valves: dict[int, Valve] = {}
        self._uploading: dict[int, asyncio.Lock] = {}
        self._uploaded: dict[int, tuple[str, datetime]] = {}
        self._results: list[tuple[Outgoing, Outcome]] = []
        self._is_over = False
        self._claiming = DatabaseThread("claiming")
        self._settling = DatabaseThread("settling")
        self._wake = asyncio.Event()
        self._settler = asyncio.create_task(self._settle_forever())
        self._helpers = [
            asyncio.create_task(listen("bayan_outgoing", self._wake)),
            asyncio.create_task(self._tidy_forever()),
        ]

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            begun = time.monotonic()
            if await self.claim():
                # The next look comes while these are still leaving, however long this one took: the rate
                # has no gaps.
                rest = CLAIM_EVERY.total_seconds() - (time.monotonic() - begun)
                await asyncio.sleep(max(rest, 0))
            else:
                await first_of(stop, self._wake, timeout=LOOK_EVERY)
                self._wake.clear()

    async def claim(self) -> int:
        """Take what may leave next and let it leave in time. Returns how many messages that is."""
        in_flight = dict(self._in_flight)
        rows = await self._claiming.run(
            lambda: services.claim(now=timezone.now(), in_flight=in_flight)
        )
        for row in rows:
            valve = self._valves.setdefault(row.number_id, Valve())
            task = asyncio.create_task(self._hand_over(row, valve))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            self._in_flight[row.number_id] += 1
        return len(rows)

    async def finish(self) -> None:
        """Wait for what is under way, write down what came of it, and leave nothing behind."""
        await asyncio.gather(*self._under_way)
        self._is_over = True
        await self._settler
        for helper in self._helpers:
            helper.cancel()
        await asyncio.gather(*self._helpers, return_exceptions=True)
        await self._claiming.close()
        await self._settling.close()

    async def _hand_over(self, row: Outgoing, valve: Valve) -> None:
        try:
            # First the file, however long it takes: then the message has its moment.
            file_id = await self._upload(row.number, row.media) if row.media else ""
            departure = Departure(await valve.passage(row))
            _departure.set(departure)
            try:
                outcome = await services.deliver(self._session, row, file_id)
            finally:
                departure.happened()
        except ProviderRefused as refused:
            outcome = refused.outcome
        except Exception:
            # One row that nobody foresaw must not leave its neighbours without an outcome.
            log.exception("dispatcher.failed", outgoing=str(row.public_id))
            outcome = Outcome(reaction=Reaction.UNCERTAIN, error={"title": "interrupted"})
        self._in_flight[row.number_id] -= 1
        self._results.append((row, outcome))

    async def _upload(self, number: Number, media: Media) -> str:
        """The provider's id of this file: many messages may wait for one upload.

        :raises ProviderRefused: it was not taken, so no message was sent
        """
        async with self._uploading.setdefault(media.pk, asyncio.Lock()):
            known = self._uploaded.get(media.pk) or (media.external_id, media.external_until)
            external_id, until = known
            if not external_id or until is None or until <= timezone.now():
                external_id, kept_for = await services.upload(self._session, number, media)
                until = timezone.now() + kept_for
                keep = partial(services.keep_upload, media, external_id, until=until)
                await self._settling.run(keep)
            self._uploaded[media.pk] = external_id, until
            return external_id

    async def _settle_forever(self) -> None:
        while not self._is_over:
            await asyncio.sleep(SETTLE_EVERY.total_seconds())
            await self._settle()
        await self._settle()

    async def _settle(self) -> None:
        """Write down what came of the messages so far."""
        results, self._results = self._results, []
        # They are only in our memory now: losing the database must not lose them.
        while results:
            try:
                await self._settling.run(lambda: services.settle(results, now=timezone.now()))
            except Error as error:
                log.warning("dispatcher.settling_waits", error=type(error).__name__)
                await asyncio.sleep(PAUSE_AFTER_FAILURE)
            else:
                return

    async def _tidy_forever(self) -> None:
        while True:
            with contextlib.suppress(Error):
                await self._settling.run(_tidy)
            # Several dispatchers should not do it at the same moment.
            await asyncio.sleep(TIDY_EVERY.total_seconds() * random.uniform(0.8, 1.2))  # noqa: S311  # no secret


def _tidy() -> None:
    now = timezone.now()
    services.release_stranded(now=now)
    services.expire_held(now=now)
    services.forget_limits(now=now)


LOOPS: list[Loop] = [send_queued, fetching.run, syncing.run, telling.run, following.run]
