"""Webhooks: their bodies, their signature and their delivery until the business answers 200."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from emulator.account import Account, Number
from emulator.errors import ProviderError
from emulator.faults import Faults
from emulator.post import NoAnswer, Poster
from emulator.settings import LARGEST_BATCH, Options
from emulator.world import WINDOW_S, Clock, Message, Person, rfc3339

CONCURRENT = 32
LONGEST_PAUSE_S = 30.0
GIVE_UP_AFTER_S = 36 * 3600
OVERTAKEN_WITHIN_S = 2.0
ACCOUNT = "account"  # in the place of a person, so that notices keep their order
LOG_LENGTH = 10_000
LOG_BYTES = 64 * 1024 * 1024


def envelope(account_id: str, changes: Iterable[bytes], *, time: int | None = None) -> bytes:
    """The body that carries these changes, each encoded already; only notices have a time."""
    return b'{"object":"whatsapp_business_account","entry":[{"id":"%s",%s"changes":[%s]}]}' % (
        account_id.encode(),
        b"" if time is None else b'"time":%d,' % time,
        b",".join(changes),
    )


def change(number: Number, value: dict[str, Any]) -> bytes:
    """What goes on at one number, as a change of the field `messages`."""
    told = {"messaging_product": "whatsapp", "metadata": number.metadata, **value}
    return msgspec.json.encode({"value": told, "field": "messages"})


def inbound(number: Number, person: Person, message: dict[str, Any]) -> bytes:
    """The change that tells of something a person wrote."""
    # Only what the provider itself says about a person comes without their contact.
    contacts = {} if message.get("type") == "system" else {"contacts": [person.contact()]}
    return change(number, {**contacts, "messages": [message]})


def status(
    number: Number,
    person: Person,
    message: Message,
    name: str,
    *,
    at: float,
    failure: ProviderError | None = None,
) -> bytes:
    """The change that tells of a status of something the business sent."""
    entry: dict[str, Any] = {"id": message.id, "status": name, "timestamp": str(int(at))}
    if person.wa_id:
        entry["recipient_id"] = person.wa_id
    # A failed status names the BSUID only when that is where the message was sent.
    if failure is None or not message.to_phone:
        entry["recipient_user_id"] = person.user_id
    if failure is not None:
        entry["errors"] = [failure.in_status()]
    if opaque := message.content.get("biz_opaque_callback_data"):
        entry["biz_opaque_callback_data"] = opaque
    if name == "sent":
        entry["conversation"] = {
            "id": hashlib.blake2b(message.id.encode(), digest_size=16).hexdigest(),
            "expiration_timestamp": str(int(at) + WINDOW_S),
            "origin": {"type": message.category},
        }
    if name in ("sent", "delivered"):
        entry["pricing"] = {
            "billable": message.is_billed,
            "pricing_model": "PMP",
            "type": "regular" if message.is_billed else "free_customer_service",
            "category": message.category,
        }
    # The provider leaves the contacts out of failed statuses.
    contacts = {} if failure is not None else {"contacts": [person.contact()]}
    return change(number, {**contacts, "statuses": [entry]})


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(kw_only=True, slots=True, eq=False)
class Webhook:
    """One body on its way to the business."""

    id: str
    kind: str
    person: str
    about: list[str]  # the ids of the messages in it
    body: bytes
    at: float
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "person": self.person,
            "about": self.about,
            "at": rfc3339(self.at),
            "state": self.state,
            "attempts": self.attempts,
            "body": msgspec.json.decode(self.body),
        }


class Courier:
    """Carries webhooks: in order for each person where it can, never letting one block the rest."""

    def __init__(
        self,
        *,
        callback: str,
        account: Account,
        options: Options,
        clock: Clock,
        faults: Faults,
        on_news: Callable[[str, Webhook, dict[str, Any]], None],
    ) -> None:
        self._account = account
        self._options = options
        self._clock = clock
        self._faults = faults
        self._on_news = on_news
        self._poster = Poster(callback)
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._latest: dict[str, Webhook] = {}
        self._overtaken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathered: list[tuple[bytes, str]] = []
        self._gathering: asyncio.TimerHandle | None = None
        self._log_bytes = 0
        self.log: deque[Webhook] = deque()

    def send(self, change: bytes, *, kind: str, person: str, about: str) -> None:
        """Deliver a change in a webhook of its own; returns at once."""
        body = envelope(self._account.id, [change])
        self._send(body, kind=kind, person=person, about=[about])

    def announce(self, field: str, value: dict[str, Any]) -> None:
        """Deliver a notice about the account."""
        self._send(
            envelope(
                self._account.id,
                [msgspec.json.encode({"value": value, "field": field})],
                time=int(self._clock.now()),
            ),
            kind=f"notice.{field}",
            person=ACCOUNT,
            about=[],
        )

    def gather(self, change: bytes, *, kind: str, person: str, about: str) -> None:
        """Deliver a change together with others, as many and as late as the options allow."""
        most = min(self._options.webhook_batch, LARGEST_BATCH)
        if most <= 1 and not self._gathered:
            self.send(change, kind=kind, person=person, about=about)
            return
        self._gathered.append((change, about))
        if len(self._gathered) >= most:
            self._send_gathered()
        elif self._gathering is None:
            pause_s = self._options.webhook_batch_ms / 1000
            self._gathering = asyncio.get_running_loop().call_later(pause_s, self._send_gathered)

    def _send_gathered(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        changes, about = zip(*self._gathered, strict=True)
        self._gathered.clear()
        body = envelope(self._account.id, changes)
        self._send(body, kind="statuses", person="", about=list(about))

    def _send(self, body: bytes, *, kind: str, person: str, about: list[str]) -> None:
        hook = Webhook(
            id=secrets.token_hex(8),
            kind=kind,
            person=person,
            about=about,
            body=body,
            at=self._clock.now(),
        )
        self.log.append(hook)
        self._log_bytes += len(hook.body)
        while len(self.log) > LOG_LENGTH or self._log_bytes > LOG_BYTES:
            self._log_bytes -= len(self.log.popleft().body)
        # Webhooks of several people at once wait for none, and none waits for them.
        previous = self._latest.get(person) if person else None
        if person:
            self._latest[person] = hook
        task = asyncio.create_task(self._carry(hook, previous))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def follow(self, before: str, after: str) -> None:
        """Keep the order of a person's webhooks over a change of their key."""
        if hook := self._latest.pop(before, None):
            hook.person = after
            self._latest[after] = hook

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._poster.close()

    async def _carry(self, hook: Webhook, previous: Webhook | None) -> None:
        try:
            if self._faults.strikes("drop"):
                hook.state = "dropped"
                self._on_news("dropped", hook, {})
                return
            # Drawn before waiting, so that delays of a busy chat do not add up.
            due_at = time.monotonic() + self._faults.strike_delay_s()
            if previous is not None:
                await previous.tried.wait()
            await asyncio.sleep(due_at - time.monotonic())
            if self._faults.strikes("reorder"):
                await self._let_another_pass(hook)
            await self._faults.outage_over()
            is_doubled = self._faults.strikes("duplicate") is not None
            if await self._deliver(hook) and is_doubled:
                await self._try_once(hook)
                self._on_news("duplicated", hook, {})
        finally:
            hook.tried.set()
            if self._latest.get(hook.person) is hook:
                del self._latest[hook.person]

    async def _let_another_pass(self, hook: Webhook) -> None:
        hook.tried.set()
        self._on_news("reordered", hook, {})
        try:
            await asyncio.wait_for(self._overtaken.wait(), OVERTAKEN_WITHIN_S)
        except TimeoutError:
            return

    async def _deliver(self, hook: Webhook) -> bool:
        first_at = time.monotonic()
        pause_s = self._options.retry_pause_ms / 1000
        while True:
            attempt = await self._try_once(hook)
            hook.tried.set()
            if attempt["status"] == 200:
                hook.state = "delivered"
                self._on_news("delivered", hook, attempt)
                return True
            if time.monotonic() - first_at > GIVE_UP_AFTER_S:
                hook.state = "given_up"
                self._on_news("given_up", hook, attempt)
                return False
            hook.state = "retrying"
            self._on_news("retrying", hook, {**attempt, "pause_s": pause_s})
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            await self._faults.outage_over()

    async def _try_once(self, hook: Webhook) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": signature(self._account.app_secret, hook.body),
            "User-Agent": "facebookexternalua",
        }
        attempt: dict[str, Any] = {"at": rfc3339(self._clock.now()), "status": None}
        async with self._slots:
            started_at = time.perf_counter()
            try:
                attempt["status"] = await self._poster.post(hook.body, headers)
            except NoAnswer as failure:
                attempt["error"] = str(failure)
            attempt["took_s"] = round(time.perf_counter() - started_at, 4)
        hook.attempts.append(attempt)
        self._overtaken.set()
        self._overtaken = asyncio.Event()
        return attempt
