"""What passes between the phones and the business, both ways."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from emulator import webhooks
from emulator.account import PEOPLE_A_DAY, Account, Number
from emulator.errors import ProviderError
from emulator.faults import Faults
from emulator.media import READY_MADE, MediaStore, bare_type
from emulator.settings import Options, Settings
from emulator.templates import Template, Templates
from emulator.webhooks import ACCOUNT, Courier, Webhook
from emulator.world import Message, Person, Sent, World, new_message_id

TYPING_S = 25
UNSUPPORTED = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}


class Bucket:
    """A token bucket: so many at once, then so many a second."""

    __slots__ = ("_full_at", "_longest_ns", "_step_ns")

    def __init__(self, *, burst: float, per_s: float) -> None:
        self._step_ns = math.ceil(1e9 / per_s)
        self._longest_ns = int(max(burst, 1) - 1) * self._step_ns
        self._full_at = 0

    def take(self) -> bool:
        # The moment when it is full again says all about it, and whole numbers keep it exact.
        now = time.monotonic_ns()
        full_at = max(self._full_at, now)
        if full_at - now > self._longest_ns:
            return False
        self._full_at = full_at + self._step_ns
        return True


class Carrier:
    """Owns the world and the courier; every message in either direction goes through here."""

    def __init__(self, settings: Settings, options: Options) -> None:
        self.settings = settings
        self.options = options
        self.world = World()
        self.faults = Faults()
        self.faults.on_change = lambda: self.world.tell("faults", self.faults.listed())
        self.account = Account(settings, self.world.clock.now)
        self.courier = Courier(
            callback=settings.callback,
            account=self.account,
            options=options,
            clock=self.world.clock,
            faults=self.faults,
            on_news=self._on_webhook_news,
        )
        self.media = MediaStore(self.world.clock.now, settings.base_url)
        self.templates = Templates(self.world.clock.now, self._announce_template)
        self._pairs: dict[tuple[str, str], Bucket] = {}
        self._throughput: dict[str, tuple[float, float, Bucket]] = {}

    def start(self) -> None:
        """Bring back the chats kept on disk and deliver what was still under way."""
        if self.settings.data_dir is None:
            return
        self.world.keep_history_in(self.settings.data_dir)
        self.templates.keep_in(self.settings.data_dir)
        self.media.keep_in(self.settings.data_dir)
        for template in self.templates:
            if template.status == "PENDING":
                self.submit(template)
        for message in self.world.undelivered():
            if person := self.world.find(message.person):
                self._send_inbound(person, message)

    async def close(self) -> None:
        await self.courier.close()
        self.media.close()
        if self.world.history is not None:
            self.world.history.close()

    def submit(self, template: Template) -> None:
        """Have a template reviewed, at once or a while later."""
        if self.options.review_ms > 0:
            self._later(self.options.review_ms / 1000, self.templates.review, template.id)
        else:
            self.templates.review(template.id)

    def tell(self, field: str, value: dict[str, Any], number: Number) -> None:
        """Tell the business something about its account, and act on what a person asks in it."""
        if field == "messages":
            change = webhooks.change(number, value)
            self.courier.send(change, kind="notice.messages", person=ACCOUNT, about="")
            return
        if field == "user_preferences":
            base = {"messaging_product": "whatsapp", "metadata": number.metadata}
            value = {**base, **value}
            self._heed(value)
        self.courier.announce(field, value)

    def _heed(self, value: dict[str, Any]) -> None:
        for asked in value.get("user_preferences", ()):
            person = self.world.find(str(asked.get("wa_id") or asked.get("user_id")))
            if person is not None:
                person.stopped_marketing = asked.get("value") == "stop"

    def _announce_template(self, field: str, value: dict[str, Any]) -> None:
        self.courier.announce(field, value)
        if "event" in value:
            event = value["event"].lower()
            self.world.note(f"template.{event}", template=value["message_template_name"])

    # From the phone to the business

    def write(self, person: Person, content: dict[str, Any], number: Number | None = None) -> str:
        """A person writes; the id of the message, whose webhook is on its way."""
        number = number or self.account.default_number
        now = self.world.clock.now()
        message = {
            **({"from": person.wa_id} if person.wa_id else {}),
            "from_user_id": person.user_id,
            "id": new_message_id(person),
            "timestamp": str(int(now)),
            **self._completed(content, number),
        }
        bubble = Message(
            id=message["id"],
            person=person.key,
            mine=True,
            at=now,
            content=message,
            status="sent",
            number=number.id,
        )
        if self.world.add(bubble):
            self.world.note("phone.wrote", person, kind=message.get("type", "text"))
        self._send_inbound(person, bubble)
        if message["type"] == "system":
            self._move(person, message.get("system"))
        return bubble.id

    def _move(self, person: Person, system: Any) -> None:
        before = person.key
        match system:
            case {"type": "user_changed_number", "wa_id": str(phone)}:
                self.world.move(person, phone=phone)
            case {"type": "user_changed_user_id", "user_id": str(user_id)}:
                self.world.move(person, user_id=user_id)
        self.courier.follow(before, person.key)

    def read(self, person: Person) -> int:
        """The person looks at the chat; how many messages that made read."""
        unread = [
            message
            for message in self.world.chats.get(person.key, ())
            if not message.mine and message.status == "delivered"
        ]
        for message in unread:
            self._report(person, message, "read")
        return len(unread)

    def _send_inbound(self, person: Person, bubble: Message) -> None:
        change = webhooks.inbound(self._number_of(bubble), person, bubble.content)
        kind = f"message.{bubble.content.get('type', 'text')}"
        self.courier.send(change, kind=kind, person=person.key, about=bubble.id)

    def _number_of(self, message: Message) -> Number:
        return self.account.numbers.get(message.number, self.account.default_number)

    def _completed(self, content: dict[str, Any], number: Number) -> dict[str, Any]:
        kind = content.get("type", "text")
        content = {"type": kind, **content}
        if kind in READY_MADE and isinstance(content.get(kind), dict):
            content[kind] = self._described(kind, content[kind])
        context = content.get("context")
        if isinstance(context, dict) and "id" in context:
            content["context"] = {"from": number.display, **context}
        if kind == "unsupported":
            content = {"errors": [UNSUPPORTED], **content}
        return content

    def _described(self, kind: str, part: dict[str, Any]) -> dict[str, Any]:
        media = self.media.get(str(part["id"])) if "id" in part else self.media.ready_made(kind)
        if media is None:
            # A recorded message brings an id of its own.
            return {"mime_type": READY_MADE[kind][1], **part}
        described: dict[str, Any] = {
            "mime_type": media.mime_type,
            "sha256": media.sha256_base64,
            "id": media.id,
            "url": self.media.url(media),
        }
        match kind:
            case "audio":
                described["voice"] = bare_type(media.mime_type) == "audio/ogg"
            case "document":
                described["filename"] = media.filename or media.sample or media.id
            case "sticker":
                described["animated"] = False
        return {**described, **part}

    # From the business to the phone

    def per_s(self, number: Number) -> float:
        """How many messages a second a number may send; 0: no limit."""
        own = number.throughput_per_s
        return self.options.throughput_per_s if own is None else own

    def check_limits(self, number: Number, person: Person) -> None:
        """Refuse what is above the provider's speed, or reaches more people a day than it permits."""
        most = PEOPLE_A_DAY.get(self.account.tier)
        if (
            self.options.portfolio_limit
            and most is not None
            and most >= 0
            and self.world.usage() >= most
            and self.world.would_be_new(person, number.id)
        ):
            # The provider documents no code of its own for it.
            raise ProviderError(80007, "The account has reached its messaging limit.")
        per_s, burst = self.per_s(number), self.options.throughput_burst
        if per_s > 0:
            bucket = self._throughput.get(number.id)
            if bucket is None or bucket[:2] != (per_s, burst):
                fresh = Bucket(burst=burst or per_s, per_s=per_s)
                bucket = self._throughput[number.id] = (per_s, burst, fresh)
            if not bucket[2].take():
                raise ProviderError(130429, "Cloud API message throughput has been reached.")
        if self.options.pair_limit:
            # 45 at once, borrowed from the quota of one message every six seconds.
            pair = self._pairs.get((number.id, person.key))
            if pair is None:
                pair = self._pairs[number.id, person.key] = Bucket(burst=45, per_s=1 / 6)
            if not pair.take():
                raise ProviderError(
                    131056,
                    "Too many messages sent from this phone number to the same phone number "
                    "in a short period of time.",
                )

    def accept(
        self,
        person: Person,
        body: dict[str, Any],
        raw: bytes,
        *,
        arrived_at: float,
        number: Number,
        to_phone: bool,
        template: Template | None = None,
        shown: dict[str, Any] | None = None,
    ) -> str:
        """Take a valid message that came at `arrived_at` (by the system's clock); its statuses and the phone
        follow a moment later."""
        now = arrived_at + self.world.clock.offset_s
        message = Message(
            id=new_message_id(person),
            person=person.key,
            mine=False,
            at=now,
            content=body,
            status="waiting",
            number=number.id,
            to_phone=to_phone,
        )
        if template is not None:
            message.shown = shown
            message.category = template.category.lower()
            # A utility template is free of charge while the person's window is open.
            is_open = self.world.window_open(person, number.id)
            message.is_billed = message.category != "utility" or not is_open
        to = (person.phone if to_phone else None) or person.user_id
        self.world.sent.add(Sent(id=message.id, to=to, at=now, body=raw))
        self.world.reach(person, number.id)
        self.world.note("send.accepted", person, kind=body.get("type", "text"))
        step_s = self.options.status_delay_ms / 1000
        if message.category == "marketing" and person.stopped_marketing:
            self._later(step_s, self._fail, person, message, 131050)
            return message.id
        if failure := self.faults.strikes("fail"):
            self._later(step_s, self._fail, person, message, failure.code or 131026)
            return message.id
        self._later(step_s, self._report, person, message, "sent")
        self._later(2 * step_s + self.faults.strike_delay_s(), self._arrive, person, message)
        return message.id

    def mark_read(self, number: Number, message_id: str, *, typing: bool) -> None:
        """The business read a person's message, and maybe is writing an answer."""
        message = self.world.messages.get(message_id)
        if message is None or not message.mine or self._number_of(message) is not number:
            raise ProviderError(131009, "Param message_id is not a message this number received.")
        if self.world.clock.now() - message.at > 30 * 24 * 3600:
            raise ProviderError(131009, "The message is older than 30 days.")
        person = self.world.find(message.person)
        news = [
            earlier
            for earlier in self.world.chats[message.person]
            if earlier.mine and earlier.at <= message.at and earlier.status != "read"
        ]
        for earlier in news:
            self.world.set_status(earlier, "read")
        if news:
            self.world.note("business.read", person, count=len(news))
        if typing:
            self.world.note("business.typing", person)
            self.world.tell("typing", {"seconds": TYPING_S}, message.person)

    def _arrive(self, person: Person, message: Message) -> None:
        reaction = message.content.get("reaction")
        if reaction is not None:
            # A reaction yields only `sent`, and changes the bubble it belongs to.
            if target := self.world.messages.get(reaction["message_id"]):
                self.world.react(target, reaction.get("emoji", ""))
            return
        message.at = self.world.clock.now()
        self.world.add(message)
        self._report(person, message, "delivered")
        if self.options.auto_read:
            self._later(self.options.status_delay_ms / 1000, self._report, person, message, "read")

    def _report(self, person: Person, message: Message, name: str) -> None:
        if self.world.set_status(message, name):
            at = self.world.clock.now()
            change = webhooks.status(self._number_of(message), person, message, name, at=at)
            self.courier.gather(change, kind=f"status.{name}", person=person.key, about=message.id)

    def _fail(self, person: Person, message: Message, code: int) -> None:
        failure = ProviderError(code, "Message Undeliverable.")
        message.status = "failed"
        change = webhooks.status(
            self._number_of(message),
            person,
            message,
            "failed",
            at=self.world.clock.now(),
            failure=failure,
        )
        self.courier.gather(change, kind="status.failed", person=person.key, about=message.id)

    def _later[*Given](
        self, seconds: float, then: Callable[[*Given], None], *given: *Given
    ) -> None:
        asyncio.get_running_loop().call_later(seconds, then, *given)

    def _on_webhook_news(self, news: str, hook: Webhook, details: dict[str, Any]) -> None:
        if news == "delivered" and hook.kind.startswith("message."):
            message = self.world.messages.get(hook.about[0])
            if message is not None:
                self.world.set_status(message, "delivered")
        person = self.world.find(hook.person)
        self.world.note(f"webhook.{news}", person, kind=hook.kind, **details)
