"""E-mail: SMTP for what goes out; what comes in is read from the mailbox (`incoming`)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.base import FileAddress, Outcome, PartRefused, TokenFacts
from bayan.channels.adapters.email import incoming, mailbox, outgoing
from bayan.channels.adapters.sms import Sms
from bayan.channels.adapters.whatsapp import outbound
from bayan.channels.events import Parsed
from bayan.channels.models import Account, Media, Outgoing

if TYPE_CHECKING:
    import aiohttp

LONGEST_TEXT = 20_000
KEPT_FOR = timedelta(days=29)
Content = dict[str, Any]


class Email(Sms):
    """Implements `Adapter` by shape. A question is written out: whoever answers a letter writes."""

    async def send(
        self, session: aiohttp.ClientSession, account: Account, row: Outgoing, file_id: str = ""
    ) -> Outcome:
        return await outgoing.send(account, row, file_id)

    async def token_facts(self, session: aiohttp.ClientSession, account: Account) -> TokenFacts:
        return await outgoing.token_facts(account)

    def parse(
        self, body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
    ) -> Parsed:
        return incoming.parse(body, numbers=numbers, received_at=received_at, request_id=request_id)

    def outcome_of(self, error: dict[str, Any]) -> Outcome:
        return outgoing.outcome_of(error)

    def text(self, text: str) -> Content:
        if not text or len(text.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_TEXT:
            raise PartRefused("text", LONGEST_TEXT)
        # What WhatsApp shows in bold would stand here between asterisks.
        plain = re.sub(r"(?m)^\*(.+)\*$", r"\1", text)
        return {"type": "email", "email": {"subject": "", "text": plain}}

    def buttons(self, text: str, *, replies: Sequence[tuple[str, str]]) -> Content:
        # Whoever answers a letter writes: the same limits, so that a text fits wherever it goes.
        outbound.buttons(text, replies=replies)
        return self._listed(text, [title for _key, title in replies])

    def choices(self, text: str, *, button: str, rows: Sequence[tuple[str, ...]]) -> Content:
        outbound.choices(text, button=button, rows=rows)
        return self._listed(text, [": ".join(filter(None, row[1:])) for row in rows])

    def ask_place(self, text: str) -> Content:
        return self.text(text)

    def ask_phone(self, text: str) -> Content:
        return self.text(text)

    def file(self, kind: str, *, caption: str, name: str) -> Content:
        if len(caption) > LONGEST_TEXT:
            raise PartRefused("caption", LONGEST_TEXT)
        file = {"kind": kind, "name": name}
        return {"type": "email", "email": {"subject": "", "text": caption, "file": file}}

    async def upload(
        self,
        session: aiohttp.ClientSession,
        account: Account,
        number: str,
        media: Media,
        path: Path,
    ) -> tuple[str, timedelta]:
        """It goes with the letter itself: by its hash it is found where it lies."""
        return media.sha256, KEPT_FOR

    async def locate_file(
        self, session: aiohttp.ClientSession, account: Account, media: Media
    ) -> FileAddress:
        return FileAddress(url=media.external_id, size=0)

    async def download_file(
        self, session: aiohttp.ClientSession, account: Account, url: str
    ) -> AsyncIterator[bytes]:
        yield await mailbox.file_of(account, url)

    def _listed(self, text: str, lines: Sequence[str]) -> Content:
        return self.text("\n".join([text, "", *(f"– {line}" for line in lines)]))

    def quoting(self, content: Content, message_id: str) -> Content:
        return {**content, "email": {**content["email"], "in_reply_to": message_id}}
