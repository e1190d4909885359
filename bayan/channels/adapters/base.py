"""What every channel's adapter offers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bayan.channels.events import Parsed
from bayan.channels.models import Account, Media, Outgoing, ReadMark

if TYPE_CHECKING:
    import aiohttp


class Reaction(Enum):
    """What a provider's answer means for the message."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # it certainly was not sent; try again later, a limited number of times
    WAIT = "wait"  # it certainly was not sent; not before a moment, however often
    GIVE_UP = "give up"  # it certainly was not sent and never will be
    STOP = "stop"  # it certainly was not sent, nor will others be, until a person mends something
    UNCERTAIN = "uncertain"  # it may have been sent


class Stops(Enum):
    """How far an error that only a person can mend reaches."""

    NOTHING = ""
    TEMPLATE = "template"  # every message with this template
    NUMBER = "number"  # every message of this number
    ACCOUNT = "account"  # every message of the account: its token, its standing


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of handing one message to the provider."""

    reaction: Reaction
    external_id: str = ""
    error: dict[str, Any] | None = None
    wait: timedelta = timedelta()
    stops: Stops = Stops.NOTHING
    # The person wants nothing of this kind any more.
    opted_out: bool = False


@dataclass(frozen=True, kw_only=True)
class TokenFacts:
    """What the provider says of an access token."""

    is_valid: bool
    expires_at: datetime | None = None  # None: it does not expire


@dataclass(frozen=True, kw_only=True)
class NumberFacts:
    """What the provider says of a phone number; None or empty: it says nothing of that."""

    display: str = ""
    verified_name: str = ""
    name_status: str = ""
    quality: str = ""
    throughput: int | None = None
    knows_limit: bool = False
    daily_limit: int | None = None  # of the whole portfolio; None: as many as one likes


@dataclass(frozen=True, kw_only=True)
class FlowFacts:
    """A form of the provider's, as it has it."""

    external_id: str
    name: str
    status: str


class PartRefused(ValueError):
    """A part of a message is missing, or more than the channel carries."""

    def __init__(self, part: str, limit: int) -> None:
        super().__init__(f"{part}: 1 to {limit}")
        self.part = part
        self.limit = limit


class ProviderRefused(Exception):
    """The provider answered a request about an account, a template or a file with an error."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str((outcome.error or {}).get("title", "")))
        self.outcome = outcome


class FileNotThere(Exception):
    """The provider does not have a file, or not at this address any more; `error` is its answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("title", "")))
        self.error = error


@dataclass(frozen=True, kw_only=True)
class FileAddress:
    """Where a file can be fetched for a short time; its size, if the provider says it (else 0)."""

    url: str
    size: int


class Adapter(Protocol):
    """One channel: receiving, sending, and knowing the difference between the two kinds of failure."""

    def is_authentic(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """True when the provider that knows this secret signed these bytes."""

    def parse(
        self, body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
    ) -> Parsed:
        """Everything the body holds; `numbers` maps the provider's number ids to ours.

        :raises ValueError: the body is not what this provider sends
        """

    async def send(
        self, session: aiohttp.ClientSession, account: Account, row: Outgoing, file_id: str = ""
    ) -> Outcome:
        """Hand one message to the provider, with the file that it was given before (`upload`).

        Never raises for what the network or provider does.
        """

    async def upload(
        self,
        session: aiohttp.ClientSession,
        account: Account,
        number: str,
        media: Media,
        path: Path,
    ) -> tuple[str, timedelta]:
        """The provider's id of a file of ours, and for how long it keeps it.

        :raises ProviderRefused: with what its answer means
        """

    async def tell_read(
        self, session: aiohttp.ClientSession, account: Account, number: str, mark: ReadMark
    ) -> None:
        """Let the person see that their message was read, or that somebody is typing.

        :raises ProviderRefused: with what its answer means
        """

    async def token_facts(self, session: aiohttp.ClientSession, account: Account) -> TokenFacts:
        """What the provider says of the account's access token.

        :raises ProviderRefused: it says nothing of it now
        """

    async def number_facts(
        self, session: aiohttp.ClientSession, account: Account, external_id: str
    ) -> NumberFacts:
        """What the provider says of this number of the account.

        :raises ProviderRefused: it says nothing of it
        """

    async def flow_facts(self, session: aiohttp.ClientSession, account: Account) -> list[FlowFacts]:
        """All forms of the account.

        :raises ProviderRefused: the list could not be read whole
        """

    async def first_screen(
        self, session: aiohttp.ClientSession, account: Account, external_id: str
    ) -> str:
        """The screen with which a form begins; empty where a service of its own says that.

        :raises ProviderRefused: the form could not be read
        """

    async def locate_file(
        self, session: aiohttp.ClientSession, account: Account, media: Media
    ) -> FileAddress:
        """Where the file of a message can be fetched.

        :raises FileNotThere: the provider does not have it any more
        :raises ProviderRefused: with what its answer means
        """

    def download_file(
        self, session: aiohttp.ClientSession, account: Account, url: str
    ) -> AsyncIterator[bytes]:
        """The bytes at such an address, piece by piece; asks nobody but the provider.

        :raises FileNotThere: there is nothing at this address any more
        :raises ProviderRefused: with what its answer means
        """

    def outcome_of(self, error: dict[str, Any]) -> Outcome:
        """What an error that came later, in a status, means."""

    # What follows writes down contents.
    #
    # :raises PartRefused: a part is missing, too long, or one too many

    def text(self, text: str) -> dict[str, Any]:
        """A plain text."""

    def file(self, kind: str, *, caption: str, name: str) -> dict[str, Any]:
        """A file of this kind; its id is put in once it has been handed over."""

    def place(
        self, *, latitude: float, longitude: float, name: str, address: str
    ) -> dict[str, Any]:
        """A place on the map."""

    def reaction(self, emoji: str, *, to: str) -> dict[str, Any]:
        """A reaction to the message with this id of the provider's; an empty one takes it back."""

    def buttons(self, text: str, *, replies: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """A question with a few answers as buttons, as (id, title)."""

    def choices(self, text: str, *, button: str, rows: Sequence[tuple[str, ...]]) -> dict[str, Any]:
        """A question with a list of answers, as (id, title) or (id, title, description)."""

    def link(self, text: str, *, title: str, url: str) -> dict[str, Any]:
        """A text with a button that opens a page."""

    def ask_place(self, text: str) -> dict[str, Any]:
        """A text with a button by which the person sends where they are."""

    def ask_phone(self, text: str) -> dict[str, Any]:
        """A text with a button by which the person shares their number."""

    def form(
        self,
        text: str,
        *,
        title: str,
        form_id: str,
        token: str,
        screen: str,
        data: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A text with a button that opens a form of the provider's; its answer brings the token back.

        `data` is what its first screen shows, where that asks for any.
        """

    def quoting(self, content: dict[str, Any], message_id: str) -> dict[str, Any]:
        """The same content as an answer to the message with this id of the provider's."""
