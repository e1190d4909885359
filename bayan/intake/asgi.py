"""The webhooks: verify, journal, answer 200. The hot path: no ORM, one commit for many requests."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qs

import msgspec
import psycopg
import structlog
from cryptography.fernet import InvalidToken
from django.utils import timezone
from prometheus_client import Counter, Histogram

from bayan.core.live import listening_parameters
from bayan.core.secretbox import unlock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 4 * 1024 * 1024
LARGEST_REPORT = 64 * 1024
# Group commit: a flush takes what has gathered, at most so many rows or bytes.
FLUSH_ROWS = 200
FLUSH_BYTES = 8 * 1024 * 1024
FLUSHERS = 2
# A request that cannot be made durable by then is refused: the provider delivers it again.
PATIENCE_SECONDS = 10.0
# So much may wait for a slow database; what comes on top is refused at once, or our memory would fill.
LARGEST_BACKLOG = 64 * 1024 * 1024
# A database on another machine that vanished without a word is noticed after half a minute.
KEEPALIVE = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip

INSERT = """
    WITH journalled AS (
        INSERT INTO intake_journal (received_at, account_id, request_id, body)
        SELECT now(), * FROM unnest(%b::bigint[], %b::text[], %b::bytea[])
    )
    SELECT pg_notify('bayan_intake', '')
"""
ACCOUNTS = """
    SELECT channel, key, id, app_secret_locked, verify_token_locked,
           previous_app_secret_locked, previous_app_secret_until
    FROM channels_account
    WHERE channel <> 'email'
"""

ANSWERED = Counter("bayan_webhooks_total", "Webhooks answered", ["status"])
DURABLE = Histogram(
    "bayan_webhook_durable_seconds",
    "From the whole body to its commit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)

log = structlog.get_logger(__name__)
_validate = msgspec.json.Decoder(msgspec.Raw).decode


class ClientGone(Exception):
    """The other side closed the connection before its request was whole."""


@dataclass(frozen=True)
class Door:
    """What the hot path knows of an account."""

    account_id: int
    secret: bytes
    verify_token: str
    # The secret before this one, and the moment (in seconds) until which it is taken too.
    previous_secret: bytes = b""
    previous_until: float = 0.0
    # False for a gateway of text messages: its reports come to an address that only it was given.
    is_signed: bool = True

    def is_opened_by(self, token: str) -> bool:
        """True for the token at the end of a gateway's address."""
        return bool(self.verify_token) and hmac.compare_digest(
            token.encode(), self.verify_token.encode()
        )

    def fits(self, signature: bytes, body: bytes) -> bool:
        """True when the provider signed these bytes with a secret that holds now."""
        if hmac.compare_digest(signature, _signature(self.secret, body)):
            return True
        return self.previous_until > time.time() and hmac.compare_digest(
            signature, _signature(self.previous_secret, body)
        )


@dataclass(slots=True)
class Waiting:
    """A body that waits for the next commit."""

    account_id: int
    request_id: str
    body: bytes
    since: float
    done: asyncio.Future[bool]  # whether it became durable


class Intake:
    """The ASGI application behind `/hooks/`."""

    def __init__(self) -> None:
        # None until the accounts are known: nobody is told meanwhile that an account does not exist.
        self._doors: dict[tuple[str, str], Door] | None = None
        self._waiting: list[Waiting] = []
        self._in_flight: list[list[Waiting]] = []
        self._backlog = 0  # bytes that wait or are in flight
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the flushers, their watchdog and the watch over the accounts; idempotent."""
        if not self._tasks:
            work = [*[self._flush_forever] * FLUSHERS, self._watch_patience, self._watch_accounts]
            self._tasks = [asyncio.create_task(each()) for each in work]

    async def stop(self) -> None:
        """Commit what waits, then end."""
        while self._waiting or self._in_flight:
            # Each is committed or refused within the patience.
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, text = await self._handle(scope, receive)
        except ClientGone:
            return
        await answer(send, status, text)

    async def _handle(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        parts = scope["path"].split("/")
        if not 4 <= len(parts) <= 5 or parts[1] != "hooks":
            return 404, b"No such account."
        if self._doors is None:
            return 503, b"Starting: deliver again."
        door = self._doors.get((parts[2], parts[3]))
        if door is None or door.is_signed != (len(parts) == 4):
            return 404, b"No such account."
        if not door.is_signed:
            return await self._take_report(door, parts[4], scope, receive)
        return await self._take_signed(door, scope, receive)

    async def _take_signed(self, door: Door, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        if scope["method"] == "POST":
            return await self._take_in(door, scope, receive)
        if scope["method"] == "GET":
            return shake_hands(door, scope)
        return 405, b"Only GET and POST."

    async def _take_in(self, door: Door, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        signature, request_id, length = b"", "", 0
        for name, value in scope["headers"]:
            if name == b"x-hub-signature-256":
                signature = value
            elif name == b"content-length" and value.isdigit():
                length = int(value)
            elif name == b"x-request-id" and value.isalnum() and len(value) <= 40:
                request_id = value.decode()
        # What says that it is too long is not even read.
        body = await read_body(receive) if length <= LARGEST_BODY else None
        if body is None:
            return 413, b"At most 4 MB."
        if not door.fits(signature, body):
            log.warning("webhook.signature_refused", account_id=door.account_id)
            return 401, b"The signature does not fit the body."
        if not is_json(body):
            return 400, b"The body is not JSON."
        if not await self._keep(door, body, request_id or os.urandom(8).hex()):
            return 503, b"Not stored: deliver again."
        return 200, b""

    async def _take_report(
        self, door: Door, token: str, scope: Scope, receive: Receive
    ) -> tuple[int, bytes]:
        """What a gateway of text messages says of one: a form or JSON; both are judged by the worker."""
        if not door.is_opened_by(token):
            log.warning("webhook.token_refused", account_id=door.account_id)
            return 401, b"The address is not the one that was given."
        if scope["method"] != "POST":
            return 405, b"Only POST."
        body = await read_body(receive, most=LARGEST_REPORT)
        if body is None:
            return 413, b"At most 64 kB."
        if not body:
            return 400, b"The body is empty."
        if not await self._keep(door, body, os.urandom(8).hex()):
            return 503, b"Not stored: deliver again."
        # One of the gateways takes its own word for the sign that the report arrived.
        return 200, token.encode()

    async def _keep(self, door: Door, body: bytes, request_id: str) -> bool:
        """Have the body committed together with others. True when it is durable."""
        if self._backlog + len(body) > LARGEST_BACKLOG:
            log.error("journal.backlog_full", bytes=self._backlog)
            return False
        since = time.monotonic()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(door.account_id, request_id, body, since, done))
        self._backlog += len(body)
        self._more.set()
        is_durable = await done
        DURABLE.observe(time.monotonic() - since)
        return is_durable

    async def _flush_forever(self) -> None:
        connection: psycopg.AsyncConnection | None = None
        try:
            while True:
                await self._more.wait()
                connection = await self._flush(connection)
        finally:
            if connection is not None:
                await connection.close()

    async def _flush(
        self, connection: psycopg.AsyncConnection | None
    ) -> psycopg.AsyncConnection | None:
        """Commit what has gathered and answer it. Returns the connection if it is good for more."""
        batch = self._take()
        if not batch:
            return connection
        self._in_flight.append(batch)
        try:
            if connection is None:
                connection = await self._connect()
            await self._commit(connection, batch)
        except Exception as error:
            # Whatever it is: a flusher that ended would leave its requests without an answer.
            log.warning("journal.commit_failed", error=_first_line(error), rows=len(batch))
            # Who waits behind them would only meet the same database later.
            answer_all([*batch, *self._take_all()], durable=False)
            if connection is not None:
                await connection.close()
            await asyncio.sleep(0.2)
            return None
        else:
            answer_all(batch, durable=True)
            log.info("journal.committed", requests=[row.request_id for row in batch])
            return connection
        finally:
            self._in_flight.remove(batch)
            self._backlog -= sum(len(row.body) for row in batch)

    async def _watch_patience(self) -> None:
        """Refuse what waits too long: a database that hangs raises no error by itself."""
        while True:
            await asyncio.sleep(PATIENCE_SECONDS / 20)
            too_old = time.monotonic() - PATIENCE_SECONDS
            for rows in (self._waiting, *self._in_flight):
                # In their order, so that the oldest comes first.
                if rows and rows[0].since < too_old:
                    log.error("journal.patience_lost", rows=len(rows))
                    # What is in flight may be stored all the same: its second delivery does no harm.
                    answer_all(self._take_all() if rows is self._waiting else rows, durable=False)

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

    def _take_all(self) -> list[Waiting]:
        rows, self._waiting = self._waiting, []
        self._more.clear()
        self._backlog -= sum(len(row.body) for row in rows)
        return rows

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
        parameters = {**listening_parameters(), **KEEPALIVE, "options": "-c role=bayan_worker"}
        return await psycopg.AsyncConnection.connect(**parameters, autocommit=True)

    async def _watch_accounts(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute("LISTEN bayan_accounts")
                    while True:
                        await self._read_accounts(connection)
                        # Listening ends before the next reading: it would hold the connection's lock.
                        async for _notification in connection.notifies(stop_after=1):
                            pass
            except Exception as error:
                # Whatever it is: without this watch a new account would stay unknown.
                log.warning("intake.database_lost", error=_first_line(error))
            await asyncio.sleep(0.5)

    async def _read_accounts(self, connection: psycopg.AsyncConnection) -> None:
        rows = await (await connection.execute(ACCOUNTS)).fetchall()
        doors = {}
        for channel, key, account_id, secret, token, previous, until in rows:
            try:
                doors[channel, key] = Door(
                    account_id,
                    unlock(secret).encode(),
                    unlock(token),
                    unlock(previous).encode() if previous else b"",
                    until.timestamp() if previous and until else 0.0,
                    is_signed=channel == "whatsapp",
                )
            except InvalidToken:
                # Locked with another field key. The other accounts work on.
                log.warning("intake.secret_unreadable", account=key)
        self._doors = doors
        log.info("intake.accounts_read", accounts=len(doors))


def _signature(secret: bytes, body: bytes) -> bytes:
    return b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode()


def shake_hands(door: Door, scope: Scope) -> tuple[int, bytes]:
    """The provider's question whether this address is ours: answered with what it asks for."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    token = query.get("hub.verify_token", [""])[0]
    if query.get("hub.mode") != ["subscribe"] or not hmac.compare_digest(
        token.encode(), door.verify_token.encode()
    ):
        return 403, b"The verify token is not ours."
    return 200, query.get("hub.challenge", [""])[0].encode()


async def read_body(receive: Receive, *, most: int = LARGEST_BODY) -> bytes | None:
    """The whole body; None when it is too large.

    :raises ClientGone: the sender hung up before the end
    """
    chunks, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            return None
        chunks.append(chunk)
        is_more = message.get("more_body", False)
    return b"".join(chunks) if len(chunks) > 1 else chunks[0]


def is_json(body: bytes) -> bool:
    """True when the bytes are one JSON value (the values inside are judged later)."""
    try:
        text = body.decode()
        _validate(body)
    except UnicodeDecodeError:
        return False
    except RecursionError:
        # Nested deeper than anybody means: kept, and set aside by the worker.
        return True
    except msgspec.DecodeError:
        # Stricter than JSON: half a surrogate pair is no text, and yet JSON.
        return _is_json_by_the_letter(text)
    return True


def _is_json_by_the_letter(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse, parse_int=str)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def answer_all(rows: Iterable[Waiting], *, durable: bool) -> None:
    """Let these requests be answered; those that were answered before stay as they are."""
    for row in rows:
        if not row.done.done():
            row.done.set_result(durable)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


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
