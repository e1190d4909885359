"""The people with their phones and chats, and the clock they live by."""

import base64
import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

WINDOW_S = 24 * 3600
CHAT_LENGTH = 500
SHOWN_PEOPLE = 30
RECORD_LENGTH = 500_000
STATUS_RANK = {"waiting": 0, "sent": 1, "failed": 1, "delivered": 2, "read": 3}


@dataclass(kw_only=True, slots=True)
class Person:
    """Somebody with a phone; the business always sees the BSUID, and the phone unless hidden."""

    user_id: str
    name: str
    phone: str | None = None
    username: str | None = None
    hides_phone: bool = False
    wrote_at: float | None = None
    wrote_to: dict[str, float] = field(default_factory=dict)  # the same for each number
    stopped_marketing: bool = False

    @property
    def key(self) -> str:
        return self.phone or self.user_id

    @property
    def wa_id(self) -> str | None:
        return None if self.hides_phone else self.phone

    def contact(self) -> dict[str, Any]:
        """The provider's `contacts` entry of this person."""
        profile = {"name": self.name}
        if self.username:
            profile["username"] = self.username
        seen = {"wa_id": self.wa_id} if self.wa_id else {}
        return {"profile": profile, **seen, "user_id": self.user_id}

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "wa_id": self.wa_id, **asdict(self)}


@dataclass(kw_only=True, slots=True)
class Message:
    """One bubble: what the person wrote, or what the business sent them."""

    id: str
    person: str
    mine: bool  # the person's own, as on their phone
    at: float
    content: dict[str, Any]
    status: str
    number: str = ""  # of the business
    to_phone: bool = True
    reaction: str = ""
    shown: dict[str, Any] | None = None  # a template as the person sees it
    category: str = "service"
    is_billed: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A send that was accepted; the body stays as it came."""

    id: str
    to: str
    at: float
    body: bytes

    def to_json(self) -> bytes:
        # To the microsecond: from these the fullest second is counted.
        told = (self.id, self.to, rfc3339(self.at, timespec="microseconds"))
        return b'{"id":"%s","to":"%s","at":"%s","body":%s}' % (
            *(text.encode() for text in told),
            self.body,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A send that was refused."""

    at: float
    code: int
    to: str | None
    callback_data: str | None

    def to_json(self) -> bytes:
        return msgspec.json.encode(
            {
                "at": rfc3339(self.at),
                "code": self.code,
                "to": self.to,
                "biz_opaque_callback_data": self.callback_data,
            }
        )


class Record[T: (Sent, Refused)]:
    """The latest of something, each at a position that stays its own."""

    def __init__(self) -> None:
        self._items: deque[T] = deque(maxlen=RECORD_LENGTH)
        self._count = 0

    def add(self, item: T) -> None:
        self._items.append(item)
        self._count += 1

    def forget(self) -> None:
        self._items.clear()
        self._count = 0

    def since(self, position: int) -> tuple[int, list[T]]:
        """The position of the first one kept from there on, and all that follow."""
        first = max(position, self._count - len(self._items))
        return first, list(islice(self._items, first - self._count + len(self._items), None))


READY_MADE = (
    Person(phone="966500000101", user_id="SA.13491208655302741901", name="نورة العتيبي"),
    Person(phone="966500000102", user_id="SA.13491208655302741902", name="عبدالله الحربي"),
    Person(phone="966500000104", user_id="SA.13491208655302741904", name="سارة القحطاني"),
    Person(phone="966500000105", user_id="SA.13491208655302741905", name="خالد"),
    # Somebody who works at the business, whatever the business knows them as.
    Person(phone="966500000700", user_id="SA.13491208655302741907", name="هند الدوسري"),
    Person(
        user_id="SA.77120045519083325511",
        name="أبو فهد",
        username="abofahad_1990",
        hides_phone=True,
    ),
)


class Clock:
    """The emulator's time, which a test may move."""

    offset_s = 0.0

    def now(self) -> float:
        return time.time() + self.offset_s

    def to_json(self) -> dict[str, Any]:
        return {"now": rfc3339(self.now()), "unix": self.now(), "offset_s": self.offset_s}


def rfc3339(moment: float, *, timespec: str = "milliseconds") -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec=timespec)


def new_message_id(person: Person) -> str:
    secret = secrets.token_hex(10).upper().encode()
    return "wamid." + base64.b64encode(b"HBgM" + person.key.encode() + secret).decode()


def derived_user_id(phone: str) -> str:
    """The same BSUID for the same phone on every run."""
    digest = hashlib.blake2b(phone.encode(), digest_size=8).digest()
    return f"SA.{int.from_bytes(digest):020d}"


@dataclass(kw_only=True)
class World:
    """Who there is, what they said, and who is watching."""

    clock: Clock = field(default_factory=Clock)
    people: dict[str, Person] = field(default_factory=dict)
    chats: dict[str, list[Message]] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    sent: Record[Sent] = field(default_factory=Record)
    refused: Record[Refused] = field(default_factory=Record)
    reached_outside: dict[str, float] = field(default_factory=dict)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=200))
    watchers: list[Callable[[str, Any, str | None], None]] = field(default_factory=list)
    history: IO[bytes] | None = None

    def __post_init__(self) -> None:
        for person in READY_MADE:
            self._index(Person(**asdict(person)))

    def find(self, key: str) -> Person | None:
        """The person with that phone or BSUID."""
        return self.people.get(key)

    def person(
        self, key: str, *, is_phone: bool, name: str | None = None, hide_phone: bool | None = None
    ) -> Person:
        """The person with that phone or BSUID; made on first sight."""
        person = self.people.get(key)
        is_new = person is None
        if person is None:
            person = Person(
                phone=key if is_phone else None,
                user_id=derived_user_id(key) if is_phone else key,
                name=name or f"مستفيد {key[-4:]}",
                hides_phone=not is_phone,
            )
            self._index(person)
        renamed = bool(name) and name != person.name
        hidden = hide_phone is not None and hide_phone != person.hides_phone
        if renamed and name:
            person.name = name
        if hidden and hide_phone is not None:
            person.hides_phone = hide_phone
        if person.hides_phone and not person.username:
            person.username = f"user_{person.user_id[-6:]}"
        if is_new or renamed or hidden:
            if self.history is not None:
                self._remember("person", asdict(person))
            if self.watchers:
                self.tell("people", self.people_shown())
        return person

    def people_json(self) -> list[dict[str, Any]]:
        return [person.to_json() for person in self.distinct_people()]

    def people_shown(self) -> list[dict[str, Any]]:
        """The ready-made people and the latest others: a load test may bring thousands."""
        everybody = self.distinct_people()
        ready_made, others = everybody[: len(READY_MADE)], everybody[len(READY_MADE) :]
        return [person.to_json() for person in ready_made + others[-SHOWN_PEOPLE:]]

    def distinct_people(self) -> list[Person]:
        return list({id(person): person for person in self.people.values()}.values())

    def window_open(self, person: Person, number: str) -> bool:
        """Whether the person wrote to that number within the last 24 hours."""
        wrote_at = person.wrote_to.get(number)
        return wrote_at is not None and self.clock.now() - wrote_at < WINDOW_S

    def wrote(self, person: Person, number: str, at: float) -> None:
        person.wrote_at = person.wrote_to[number] = at

    def move(self, person: Person, *, phone: str | None = None, user_id: str | None = None) -> None:
        """The person has another number or id from now on, and the chat comes along."""
        before = person.key
        self._move(person, phone=phone, user_id=user_id)
        self._remember("moved", [before, phone, user_id])
        if self.watchers:
            self.tell("people", self.people_shown())

    def reach(self, person: Person, number: str) -> None:
        """Count a person who is written to outside their window."""
        if not self.window_open(person, number):
            # Whoever is reached again comes to the end: the oldest stand first.
            self.reached_outside.pop(person.key, None)
            self.reached_outside[person.key] = self.clock.now()

    def would_be_new(self, person: Person, number: str) -> bool:
        """Whether writing to this person counts as one more of the last 24 hours."""
        return not self.window_open(person, number) and person.key not in self.reached_outside

    def usage(self) -> int:
        """How many distinct people were reached outside their window in the last 24 hours."""
        since = self.clock.now() - WINDOW_S
        while self.reached_outside:
            oldest = next(iter(self.reached_outside))
            if self.reached_outside[oldest] > since:
                break
            del self.reached_outside[oldest]
        return len(self.reached_outside)

    def add(self, message: Message) -> bool:
        """False when the message is there already."""
        if message.id in self.messages:
            return False
        self._put(message)
        if self.history is not None or self.watchers:
            told = message.to_json()
            self._remember("message", told)
            self.tell("message", told, message.person)
        return True

    def set_status(self, message: Message, status: str) -> bool:
        """Whether that was news: a status never goes back."""
        if STATUS_RANK[status] <= STATUS_RANK[message.status]:
            return False
        message.status = status
        self._remember("status", [message.id, status])
        self.tell("status", {"id": message.id, "status": status}, message.person)
        return True

    def react(self, message: Message, emoji: str) -> None:
        message.reaction = emoji
        self._remember("reaction", [message.id, emoji])
        self.tell("reaction", {"id": message.id, "emoji": emoji}, message.person)

    def note(self, what: str, person: Person | None = None, **details: Any) -> None:
        """Write a line for the panel that shows what happens behind the screen."""
        entry = {**details, "at": self.clock.now(), "what": what}
        if person is not None:
            entry["name"] = person.name
        self.log.append(entry)
        self.tell("log", entry)

    def tell(self, event: str, value: Any, person: str | None = None) -> None:
        for watcher in self.watchers:
            watcher(event, value, person)

    def keep_history_in(self, folder: Path) -> None:
        """Read back the chats kept there, and keep what follows."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "chats.jsonl"
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    kind, value = msgspec.json.decode(line)
                    self._replay(kind, value)
                except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                    # A line cut short by a power cut must not cost the other chats.
                    continue
        self.history = path.open("ab", buffering=0)

    def undelivered(self) -> list[Message]:
        """What people wrote that the business has not taken yet."""
        return [m for m in self.messages.values() if m.mine and m.status == "sent"]

    def _index(self, person: Person) -> None:
        self.people[person.user_id] = person
        if person.phone:
            self.people[person.phone] = person

    def _put(self, message: Message) -> None:
        chat = self.chats.setdefault(message.person, [])
        if len(chat) >= CHAT_LENGTH:
            self.messages.pop(chat.pop(0).id, None)
        chat.append(message)
        self.messages[message.id] = message
        if message.mine and (person := self.find(message.person)):
            self.wrote(person, message.number, message.at)

    def _move(self, person: Person, *, phone: str | None, user_id: str | None) -> None:
        before = person.key
        if phone is not None:
            self.people.pop(person.phone or "", None)
            person.phone = phone
        if user_id is not None:
            self.people.pop(person.user_id, None)
            person.user_id = user_id
        self._index(person)
        if person.key != before and before in self.chats:
            self.chats[person.key] = self.chats.pop(before)
            for message in self.chats[person.key]:
                message.person = person.key

    def _remember(self, kind: str, value: Any) -> None:
        if self.history is not None:
            self.history.write(msgspec.json.encode([kind, value]) + b"\n")

    def _replay(self, kind: str, value: Any) -> None:
        match kind:
            case "person":
                known = self.people.get(value["user_id"])
                if known is None:
                    self._index(Person(**value))
                else:
                    known.name = value["name"]
                    known.hides_phone = value["hides_phone"]
                    known.username = value["username"]
            case "message":
                self._put(Message(**value))
            case "moved":
                if person := self.find(value[0]):
                    self._move(person, phone=value[1], user_id=value[2])
            case "status":
                self.messages[value[0]].status = value[1]
            case "reaction":
                self.messages[value[0]].reaction = value[1]
