"""`bayan replay`: recorded messages once more, through the signed webhook of the running instance."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import aiohttp
from asgiref.sync import sync_to_async

from bayan.channels.models import Account
from bayan.config.environment import Environment
from bayan.core.errors import DomainError
from bayan.intake.models import Seen

# What the intake takes at most.
LARGEST_BODY = 4 * 1024 * 1024
AT_ONCE = 32
# How collections of tweets call it, too.
ID_KEYS = ("id", "tweet_id", "id_str")
# The provider repeats what was not answered 200, less and less often; it does so for days.
FIRST_PAUSE, LONGEST_PAUSE, PATIENCE = 0.5, 30.0, 300.0
REPORT_EVERY = 5.0
# A time outside of these is a broken field: it is sent as it is, and nobody waits for it.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
TWITTER_TIME = "%a %b %d %H:%M:%S %z %Y"


class RealAccount(DomainError):
    pass


class NoSuchAccount(DomainError):
    pass


class NobodyAnswers(DomainError):
    pass


class FileNotReadable(DomainError):
    pass


class BadLine(ValueError):
    """A line that is no recorded message; the text says why."""


@dataclass(frozen=True)
class Recorded:
    """One line: a provider's body, when it was recorded, how many messages it holds."""

    body: dict[str, Any]
    at: float | None
    messages: int
    external_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Doorway:
    """Where the account's webhook is, and what is needed to come in."""

    url: str
    key: str
    app_secret: str
    verify_token: str
    number_id: int
    phone_number_id: str
    display: str


@dataclass
class Tally:
    """How far it has come."""

    lines: int = 0
    bad: int = 0
    sent: int = 0
    messages: int = 0
    repeated: int = 0
    lost: int = 0


def command(environment: Environment, options: argparse.Namespace) -> bool:
    """`bayan replay FILE`; True when every message that could be read was answered 200."""
    door = doorway(environment, options.account)
    if not Path(options.file).is_file():
        raise FileNotReadable(f"There is no file {options.file}.")
    with Path(options.file).open("rb") as file:
        replay = Replay(door, speed=options.speed, rate=options.rate, run=options.run)
        began = time.monotonic()
        is_whole = asyncio.run(replay.play(file))
    tally, seconds = replay.tally, time.monotonic() - began
    print(
        f"{'Sent' if is_whole else 'Stopped after'} {tally.messages:,} messages in {tally.sent:,} of "
        f"{tally.lines:,} lines, {seconds:.1f} s ({tally.messages / max(seconds, 0.001):.1f} a second); "
        f"bad lines: {tally.bad:,}, repeated: {tally.repeated:,}, not delivered: {tally.lost:,}."
    )
    return is_whole and not tally.lost and (tally.sent > 0 or tally.lines == 0)


def doorway(environment: Environment, key: str) -> Doorway:
    """What is needed to post to this account as its provider does.

    :raises NoSuchAccount: unknown, or without a number
    :raises RealAccount: recorded messages have no place among the public's
    """
    account = Account.objects.filter(key=key).first()
    if account is None:
        known = ", ".join(Account.objects.exclude(nature="real").values_list("key", flat=True))
        raise NoSuchAccount(
            f"There is no account '{key}'. Accounts for demo and exercise: {known or 'none'}."
        )
    if account.nature == Account.Nature.REAL:
        raise RealAccount(
            f"The account '{key}' is a real one, and what is replayed would stand among what the public "
            "wrote: make one with 'bayan account save … --nature exercise'."
        )
    number = account.numbers.order_by("pk").first()
    if number is None:
        raise NoSuchAccount(
            f"The account '{key}' has no number: add one with 'bayan account save'."
        )
    return Doorway(
        url=f"{environment.web_address}/hooks/{account.channel}/{account.key}",
        key=key,
        app_secret=account.app_secret,
        verify_token=account.verify_token,
        number_id=number.pk,
        phone_number_id=number.external_id,
        display=number.display,
    )


class Replay:
    """Plays one file to one account."""

    def __init__(self, door: Doorway, *, speed: float, rate: float | None, run: str) -> None:
        self.door = door
        self.speed, self.rate, self.run = speed, rate, run
        self.tally = Tally()
        self._stop = asyncio.Event()
        self._due = 0.0

    async def play(self, file: BinaryIO) -> bool:
        """Send everything; False when somebody asked to stop before the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await self._knock(session)
            reporter = asyncio.create_task(self._report())
            try:
                return await self._send_all(session, file)
            finally:
                reporter.cancel()

    async def _knock(self, session: aiohttp.ClientSession) -> None:
        """The provider's own question whether anybody is there, before anything is sent."""
        question = {
            "hub.mode": "subscribe",
            "hub.verify_token": self.door.verify_token,
            "hub.challenge": "1",
        }
        try:
            async with session.get(self.door.url, params=question) as answer:
                said = f"answers {answer.status}"
                if answer.status in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}:
                    return
        except (aiohttp.ClientError, TimeoutError):
            said = "does not answer"
        raise NobodyAnswers(
            f"{self.door.url} {said}: start Bayan with 'bayan up', or say where it is with BAYAN_HOST and "
            "BAYAN_PORT."
        )

    async def _send_all(self, session: aiohttp.ClientSession, file: BinaryIO) -> bool:
        places = asyncio.Semaphore(AT_ONCE)
        started, wall = time.monotonic(), time.time()
        first: float | None = None
        since = 0.0
        before = 0  # messages in the lines before this one
        async with asyncio.TaskGroup() as tasks:
            for number, line in lines_of(file):
                self.tally.lines += 1
                try:
                    recorded = self._read(line)
                except BadLine as reason:
                    self.tally.bad += 1
                    say(f"line {number}: {reason}")
                    continue
                if not before:
                    await self._say_if_seen(recorded)
                if recorded.at is not None:
                    first = recorded.at if first is None else first
                    since = recorded.at - first
                due = started + (before / self.rate if self.rate else since / self.speed)
                before += recorded.messages
                if await self._wait_until(due):
                    return False
                if first is not None:
                    shift(recorded.body, wall - first)
                await places.acquire()
                task = tasks.create_task(self._deliver(session, number, recorded))
                task.add_done_callback(lambda _task: places.release())
        return not self._stop.is_set()

    def _read(self, line: bytes) -> Recorded:
        if len(line) > LARGEST_BODY:
            raise BadLine("longer than the 4 MB that a webhook takes")
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            raise BadLine("not JSON: each line must be one whole object") from None
        if not isinstance(given, dict):
            raise BadLine("not an object")
        if not {"object", "entry"} & given.keys():
            return self._wrap(given)
        items = [item for item, key in timed(given) if key == "timestamp"]
        times = [at for item, key in timed(given) if (at := seconds(item.get(key))) is not None]
        ids = tuple(str(item.get("id")) for item in items)
        return Recorded(given, min(times, default=None), max(1, len(items)), ids)

    def _wrap(self, given: dict[str, Any]) -> Recorded:
        """A provider's body around one text of a sender of its own."""
        identifier = next((given[key] for key in ID_KEYS if key in given), None)
        if (
            not isinstance(identifier, (str, int))
            or isinstance(identifier, bool)
            or identifier == ""
        ):
            raise BadLine("no id")
        text = given.get("text")
        if not isinstance(text, str) or not text.strip():
            raise BadLine("no text")
        at = moment(given.get("created_at"))
        # The same line again is the same message; the same id with other words is another of that sender.
        external_id = f"wamid.replay.{self._fingerprint(identifier, at, text):064x}"[:53]
        who = self._fingerprint(identifier) % 10**20
        value = {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": "".join(filter(str.isdigit, self.door.display)),
                "phone_number_id": self.door.phone_number_id,
            },
            # Without a phone: no invented number can be somebody's.
            "contacts": [
                {"profile": {"name": f"مُعاد {who % 10_000:04}"}, "user_id": f"SA.{who:020}"}
            ],
            "messages": [
                {
                    "from_user_id": f"SA.{who:020}",
                    "id": external_id,
                    "timestamp": str(int(at)),
                    "type": "text",
                    "text": {"body": text},
                }
            ],
        }
        entry = {"id": "0", "changes": [{"field": "messages", "value": value}]}
        body = {"object": "whatsapp_business_account", "entry": [entry]}
        return Recorded(body, at, 1, (external_id,))

    def _fingerprint(self, *parts: object) -> int:
        spelled = json.dumps([self.run, *map(str, parts)]).encode()
        return int.from_bytes(hashlib.sha256(spelled).digest())

    async def _say_if_seen(self, recorded: Recorded) -> None:
        keys = [f"{self.door.number_id}:{external_id}" for external_id in recorded.external_ids]
        if await sync_to_async(Seen.objects.filter(key__in=keys).exists)():
            say(
                "The first line was taken in before, and Bayan takes in nothing twice: what it knows is "
                "dropped. With --run NAME the texts of a file become new messages."
            )

    async def _wait_until(self, due: float) -> bool:
        """Wait for that moment; True when somebody asked to stop."""
        self._due = due
        with contextlib.suppress(TimeoutError):
            # Also when it is past: the deliveries need their turn.
            await asyncio.wait_for(self._stop.wait(), max(0.0, due - time.monotonic()))
        return self._stop.is_set()

    async def _deliver(
        self, session: aiohttp.ClientSession, number: int, recorded: Recorded
    ) -> None:
        """Post one body until it is answered 200, as its provider would."""
        body = encoded(recorded.body)
        signature = hmac.digest(self.door.app_secret.encode(), body, hashlib.sha256).hex()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            try:
                async with session.post(self.door.url, data=body, headers=headers) as answer:
                    said = f"answered {answer.status}"
                    if answer.status == HTTPStatus.OK:
                        self.tally.sent += 1
                        self.tally.messages += recorded.messages
                        return
            except (aiohttp.ClientError, TimeoutError) as error:
                said = f"not answered ({type(error).__name__})"
            if self._stop.is_set() or time.monotonic() - began > PATIENCE:
                self.tally.lost += 1
                say(f"line {number}: {said}, not delivered")
                return
            if pause == FIRST_PAUSE:
                say(f"line {number}: {said}, tried again")
            self.tally.repeated += 1
            await self._wait_until(time.monotonic() + pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _report(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(REPORT_EVERY)
            tally, now = self.tally, time.monotonic()
            wait = self._due - now
            say(
                f"{tally.messages:,} messages sent, {tally.messages / (now - began):.1f} a second"
                + (f"; the next in {timedelta(seconds=int(wait))}" if wait > REPORT_EVERY else "")
            )


def lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that hold anything, with their numbers; of one that is too long, only that it is."""
    number = 0
    while line := file.readline(LARGEST_BODY + 1):
        number += 1
        rest = line
        while len(rest) > LARGEST_BODY and not rest.endswith(b"\n"):
            rest = file.readline(LARGEST_BODY + 1)
        if line.strip():
            yield number, line


def moment(given: object) -> float:
    """A time as RFC 3339 or Twitter writes it, in seconds.

    :raises BadLine: it is neither
    """
    if not isinstance(given, str) or not given:
        raise BadLine("no created_at")
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        try:
            at = datetime.strptime(given, TWITTER_TIME)  # noqa: DTZ007  # %z is in it
        except ValueError:
            raise BadLine(f"created_at is no time: {given[:40]!r}") from None
    if at.tzinfo is None:
        raise BadLine(f"created_at has no time zone: {given[:40]!r}")
    if not EARLIEST <= at <= LATEST:
        raise BadLine(f"created_at cannot be: {given[:40]!r}")
    return at.timestamp()


def seconds(given: object) -> float | None:
    """A provider's timestamp, if it is one."""
    try:
        at = int(given)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return None
    return float(at) if EARLIEST.timestamp() <= at <= LATEST.timestamp() else None


def timed(body: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Everything in a provider's body that carries a time, and the key that it stands under."""
    for entry in filter(is_object, as_list(body.get("entry"))):
        yield entry, "time"
        for change in filter(is_object, as_list(entry.get("changes"))):
            value = change.get("value")
            if is_object(value):
                for item in [*as_list(value.get("messages")), *as_list(value.get("statuses"))]:
                    if is_object(item):
                        yield item, "timestamp"


def shift(body: dict[str, Any], offset: float) -> None:
    """Move every time in a provider's body by so many seconds, as it is written there: text or number."""
    for item, key in timed(body):
        at = seconds(item.get(key))
        if at is not None:
            moved = int(at + offset)
            item[key] = str(moved) if isinstance(item[key], str) else moved


def encoded(body: dict[str, Any]) -> bytes:
    """JSON as bytes; half a surrogate pair, which no encoding has, stays escaped."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body).encode()


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
