"""Text messages through Saudi gateways: what all of them share.

They go one way: an answer would need a short code, which a sender's name has not (reference 2.8). A file,
a question with buttons, a reaction: none of it is carried, and each is refused by its part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.base import (
    FileAddress,
    FileNotThere,
    FlowFacts,
    NumberFacts,
    Outcome,
    PartRefused,
    ProviderRefused,
    Reaction,
)
from bayan.channels.adapters.sms import errors, parts
from bayan.channels.adapters.whatsapp import outbound
from bayan.channels.models import Account, Media, ReadMark

if TYPE_CHECKING:
    import aiohttp

Content = dict[str, Any]
# The header in which the intake hands on the token of the callback's address: the gateways sign nothing.
TOKEN_HEADER = "x-hook-token"  # noqa: S105  # the name of a header
NOT_CARRIED = PartRefused("kind", 0)


class Sms:
    """The part of an adapter that does not depend on the gateway."""

    def is_authentic(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """True when the body came to the address that only the gateway was given."""
        import hmac

        given = headers.get(TOKEN_HEADER, "")
        return hmac.compare_digest(given.encode(), secret.encode())

    async def upload(
        self,
        session: aiohttp.ClientSession,
        account: Account,
        number: str,
        media: Media,
        path: Path,
    ) -> tuple[str, timedelta]:
        raise ProviderRefused(Outcome(reaction=Reaction.GIVE_UP, error={"title": "no files"}))

    async def tell_read(
        self, session: aiohttp.ClientSession, account: Account, number: str, mark: ReadMark
    ) -> None:
        """Nobody writes to a sender's name, so nothing is read."""

    async def number_facts(
        self, session: aiohttp.ClientSession, account: Account, external_id: str
    ) -> NumberFacts:
        return NumberFacts()

    async def flow_facts(self, session: aiohttp.ClientSession, account: Account) -> list[FlowFacts]:
        return []

    async def first_screen(
        self, session: aiohttp.ClientSession, account: Account, external_id: str
    ) -> str:
        return ""

    async def locate_file(
        self, session: aiohttp.ClientSession, account: Account, media: Media
    ) -> FileAddress:
        raise FileNotThere({"title": "no files"})

    async def download_file(
        self, session: aiohttp.ClientSession, account: Account, url: str
    ) -> AsyncIterator[bytes]:
        raise FileNotThere({"title": "no files"})
        yield b""

    def outcome_of(self, error: dict[str, Any]) -> Outcome:
        return errors.outcome_of(error)

    def text(self, text: str) -> Content:
        parts.check(text)
        return {"type": "sms", "sms": {"text": text}}

    def place(self, *, latitude: float, longitude: float, name: str, address: str) -> Content:
        # The same bounds, and the same words for what lies outside.
        outbound.place(latitude=latitude, longitude=longitude, name=name, address=address)
        lines = [name, address, f"https://maps.google.com/?q={latitude},{longitude}"]
        return self.text("\n".join(line for line in lines if line))

    def link(self, text: str, *, title: str, url: str) -> Content:
        outbound.link(text, title=title, url=url)
        return self.text(f"{text}\n{url}")

    def file(self, kind: str, *, caption: str, name: str) -> Content:
        raise NOT_CARRIED

    def reaction(self, emoji: str, *, to: str) -> Content:
        raise NOT_CARRIED

    def buttons(self, text: str, *, replies: Sequence[tuple[str, str]]) -> Content:
        raise NOT_CARRIED

    def choices(self, text: str, *, button: str, rows: Sequence[tuple[str, ...]]) -> Content:
        raise NOT_CARRIED

    def ask_place(self, text: str) -> Content:
        raise NOT_CARRIED

    def ask_phone(self, text: str) -> Content:
        raise NOT_CARRIED

    def form(
        self,
        text: str,
        *,
        title: str,
        form_id: str,
        token: str,
        screen: str,
        data: Mapping[str, Any] | None = None,
    ) -> Content:
        raise NOT_CARRIED

    def quoting(self, content: Content, message_id: str) -> Content:
        """The same: a text message quotes nothing."""
        return content


def words_of(content: Content) -> str:
    """The text of a message, as it leaves."""
    return str(content.get("sms", {}).get("text", ""))
