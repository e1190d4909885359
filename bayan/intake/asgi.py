"""The webhooks: verify, journal, answer 200. The hot path: no ORM, one commit for many requests."""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec
import psycopg
import structlog
from django.utils import timezone
from prometheus_client import Counter, Histogram

from bayan.core.live import listening_parameters
from bayan.core.secretbox import unlock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 4 * 1024 * 1024
# Group commit: a flush takes what has gathered, at most so many rows or bytes.
FLUSH_ROWS = 200
FLUSH_BYTES = 8 * 1024 * 1024
FLUSHERS = 2
# A request that cannot be made durable by then is refused: the provider delivers it again.
PATIENCE_SECONDS = 10

INSERT = """
    WITH journalled AS (
        INSERT INTO intake_journal (received_at, account_id, request_id, body)
        SELECT now(), * FROM unnest(%b::bigint[], %b::text[], %b::bytea[])
    )
    SELECT pg_notify('bayan_intake', '')
"""
ACCOUNTS = """
    SELECT key, id, app_secret_locked, verify_token_locked FROM channels_account
    WHERE channel = 'whatsapp'
"""

ANSWERED = Counter("bayan_webhooks_total", "Webhooks answered", ["status"])
DURABLE = Histogram(
    "bayan_webhook_durable_seconds",
    "From the whole body to its commit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)

log = structlog.get_logger(__name__)
_validate = msgspec.json.Decoder(msgspec.Raw).decode


@dataclass(frozen=True)
class Door:
    """What the hot path knows of an account."""

    account_id: int
    secret: bytes
    verify_token: str


@dataclass(slots=True)
class Waiting:
    """A body that waits for the next commit."""

    account_id: int
    request_id: str
    body: bytes
    done: asyncio.Future[None]


class Intake:
    """The ASGI application behind `/hooks/`."""

    def __init__(self) -> None:
        self._doors: dict[str, Door] = {}
        self._waiting: list[Waiting] = []
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the flushers and the watch over the accounts; idempotent."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._flush_forever()) for _n in range(FLUSHERS)]
            self._tasks.append(asyncio.create_task(self._watch_accounts()))

    async def stop(self) -> None:
        """Commit what waits, then end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._waiting and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/")
        door = (
            self._doors.get(parts[3])
            if len(parts) == 4 and parts[1] == "hooks" and parts[2] == "whatsapp"
            else None
        )
        if door is None:
            return await answer(send, 404, b"No such account.")
        if scope["method"] == "POST":
            return await self._receive(door, scope, receive, send)
        if scope["method"] == "GET":
            return await self._shake_hands(door, scope, send)
        return await answer(send, 405, b"Only GET and POST.")

    async def _receive(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        signature, request_id, length = b"", "", 0
        for name, value in scope["headers"]:
            if name == b"x-hub-signature-256":
                signature = value
            elif name == b"content-length" and value.isdigit():
                length = int(value)
            elif name == b"x-request-id" and value.isalnum() and len(value) <= 40:
                request_id = value.decode("latin-1")
        if length > LARGEST_BODY:
            return await answer(send, 413, b"At most 4 MB.")
        message = await receive()
        body = message.get("body", b"")
        if message.get("more_body"):
            chunks, size = [body], len(body)
            while message.get("more_body"):
                message = await receive()
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > LARGEST_BODY:
                    return await answer(send, 413, b"At most 4 MB.")
                chunks.append(chunk)
            body = b"".join(chunks)
        if message["type"] == "http.disconnect":
            return None
        expected = b"sha256=" + hmac.digest(door.secret, body, "sha256").hex().encode()
        if not hmac.compare_digest(signature, expected):
            log.warning("webhook.signature_refused", account_id=door.account_id)
            return await answer(send, 401, b"The signature does not fit the body.")
        if not is_json(body):
            return await answer(send, 400, b"The body is not JSON.")
        began = time.perf_counter()
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(
            Waiting(door.account_id, request_id or os.urandom(8).hex(), body, done)
        )
        self._more.set()
        try:
            await done
        except psycopg.Error:
            return await answer(send, 503, b"Not stored: deliver again.")
        DURABLE.observe(time.perf_counter() - began)
        return await answer(send, 200, b"")

    async def _shake_hands(self, door: Door, scope: Scope, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        token = query.get("hub.verify_token", [""])[0]
        if query.get("hub.mode") != ["subscribe"] or not hmac.compare_digest(
            token.encode(), door.verify_token.encode()
        ):
            return await answer(send, 403, b"The verify token is not ours.")
        return await answer(send, 200, query.get("hub.challenge", [""])[0].encode())

    async def _flush_forever(self) -> None:
        connection: psycopg.AsyncConnection | None = None
        while True:
            await self._more.wait()
            batch = self._take()
            if not batch:
                continue
            try:
                if connection is None or connection.closed:
                    connection = await self._connect()
                await self._commit(connection, batch)
            except psycopg.Error as error:
                log.error("journal.commit_failed", error=str(error).splitlines()[0], rows=len(batch))
                for row in batch:
                    if not row.done.done():
                        row.done.set_exception(psycopg.OperationalError())
                if connection is not None:
                    await connection.close()
                connection = None
                await asyncio.sleep(0.2)
            else:
                for row in batch:
                    if not row.done.done():
                        row.done.set_result(None)
                log.info("journal.committed", requests=[row.request_id for row in batch])

    def _take(self) -> list[Waiting]:
        size = taken = 0
        for row in self._waiting:
            if taken and (taken == FLUSH_ROWS or size + len(row.body) > FLUSH_BYTES):
                break
            size += len(row.body)
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        if not self._waiting:
            self._more.clear()
        return batch

    @staticmethod
    async def _commit(connection: psycopg.AsyncConnection, batch: list[Waiting]) -> None:
        await connection.execute(
            INSERT,
            [
                [row.account_id for row in batch],
                [row.request_id for row in batch],
                [row.body for row in batch],
            ],
            prepare=True,
        )

    @staticmethod
    async def _connect() -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            **{**listening_parameters(), "options": "-c role=bayan_worker"}, autocommit=True
        )

    async def _watch_accounts(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute("LISTEN bayan_accounts")
                    await self._read_accounts(connection)
                    async for _notification in connection.notifies():
                        await self._read_accounts(connection)
            except psycopg.Error as error:
                log.warning("intake.database_lost", error=str(error).splitlines()[0])
            await asyncio.sleep(0.5)

    async def _read_accounts(self, connection: psycopg.AsyncConnection) -> None:
        rows = await (await connection.execute(ACCOUNTS)).fetchall()
        self._doors = {
            key: Door(account_id, unlock(secret).encode(), unlock(token))
            for key, account_id, secret, token in rows
        }
        log.info("intake.accounts_read", accounts=len(rows))


def is_json(body: bytes) -> bool:
    """True when the bytes are one JSON value (the values inside are judged later)."""
    try:
        _validate(body)
    except RecursionError:
        # Nested deeper than anybody means: kept, and set aside by the worker.
        return True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


async def answer(send: Send, status: int, body: bytes) -> None:
    """Send a short plain answer."""
    ANSWERED.labels(status).inc()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def standalone(scope: Scope, receive: Receive, send: Send) -> None:
    """The hooks alone, on a port of their own (`bayan serve intake`)."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"] == "/healthz":
        await answer(send, 200, timezone.now().isoformat().encode())
    else:
        await application(scope, receive, send)


async def lifespan(receive: Receive, send: Send, on_stop: Callable[[], None] | None = None) -> None:
    """Start the intake with the server and stop it with the server."""
    await receive()
    await application.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if on_stop:
        on_stop()
    await application.stop()
    await send({"type": "lifespan.shutdown.complete"})


application = Intake()
