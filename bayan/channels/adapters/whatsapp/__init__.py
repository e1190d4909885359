"""WhatsApp Business Platform (Cloud API)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.base import FileAddress, FlowFacts, NumberFacts, Outcome, TokenFacts
from bayan.channels.adapters.whatsapp import (
    errors,
    facts,
    files,
    graph,
    inbound,
    outbound,
    uploading,
)
from bayan.channels.events import Parsed
from bayan.channels.models import Account, Media, Outgoing, ReadMark

if TYPE_CHECKING:
    import aiohttp


class WhatsApp:
    """Implements `Adapter` by shape."""

    def is_authentic(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        given = headers.get("x-hub-signature-256", "")
        expected = "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
        return hmac.compare_digest(given.encode(), expected.encode())

    def parse(
        self, body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
    ) -> Parsed:
        return inbound.parse(body, numbers=numbers, received_at=received_at, request_id=request_id)

    async def send(
        self, session: aiohttp.ClientSession, account: Account, row: Outgoing, file_id: str = ""
    ) -> Outcome:
        content = uploading.with_file(row.content, file_id) if file_id else row.content
        return await graph.post_message(session, account, row, content)

    async def upload(
        self,
        session: aiohttp.ClientSession,
        account: Account,
        number: str,
        media: Media,
        path: Path,
    ) -> tuple[str, timedelta]:
        external_id = await uploading.upload(session, account, number, media, path)
        return external_id, uploading.KEPT_FOR

    async def tell_read(
        self, session: aiohttp.ClientSession, account: Account, number: str, mark: ReadMark
    ) -> None:
        body = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": mark.external_id,
            **({"typing_indicator": {"type": "text"}} if mark.is_typing else {}),
        }
        await graph.call(session, account, "POST", f"{number}/messages", json=body)

    async def token_facts(self, session: aiohttp.ClientSession, account: Account) -> TokenFacts:
        return await facts.token(session, account)

    async def number_facts(
        self, session: aiohttp.ClientSession, account: Account, external_id: str
    ) -> NumberFacts:
        return await facts.number(session, account, external_id)

    async def flow_facts(self, session: aiohttp.ClientSession, account: Account) -> list[FlowFacts]:
        return await facts.flows(session, account)

    async def first_screen(
        self, session: aiohttp.ClientSession, account: Account, external_id: str
    ) -> str:
        return await facts.first_screen(session, account, external_id)

    async def locate_file(
        self, session: aiohttp.ClientSession, account: Account, media: Media
    ) -> FileAddress:
        return await files.locate(session, account, media)

    def download_file(
        self, session: aiohttp.ClientSession, account: Account, url: str
    ) -> AsyncIterator[bytes]:
        return files.download(session, account, url)

    def outcome_of(self, error: dict[str, Any]) -> Outcome:
        return errors.outcome_of(error)

    # Contents (reference 1.12)
    text = staticmethod(outbound.text)
    file = staticmethod(outbound.file)
    place = staticmethod(outbound.place)
    reaction = staticmethod(outbound.reaction)
    buttons = staticmethod(outbound.buttons)
    choices = staticmethod(outbound.choices)
    link = staticmethod(outbound.link)
    ask_place = staticmethod(outbound.ask_place)
    ask_phone = staticmethod(outbound.ask_phone)
    form = staticmethod(outbound.form)
    quoting = staticmethod(outbound.quoting)
