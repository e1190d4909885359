"""E-mail: SMTP for what goes out; what comes in is read from the mailbox (`incoming`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.base import Outcome, PartRefused, TokenFacts
from bayan.channels.adapters.email import incoming, outgoing
from bayan.channels.adapters.sms import Sms
from bayan.channels.events import Parsed
from bayan.channels.models import Account, Outgoing

if TYPE_CHECKING:
    import aiohttp

LONGEST_TEXT = 20_000
Content = dict[str, Any]


class Email(Sms):
    """Implements `Adapter` by shape; what a text message does not carry goes in no letter of ours either."""

    async def send(
        self, session: aiohttp.ClientSession, account: Account, row: Outgoing, file_id: str = ""
    ) -> Outcome:
        return await outgoing.send(account, row)

    async def token_facts(self, session: aiohttp.ClientSession, account: Account) -> TokenFacts:
        return await outgoing.token_facts(account)

    def parse(
        self, body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
    ) -> Parsed:
        return incoming.parse(body, received_at=received_at)

    def outcome_of(self, error: dict[str, Any]) -> Outcome:
        return outgoing.outcome_of(error)

    def text(self, text: str) -> Content:
        if not text or len(text.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_TEXT:
            raise PartRefused("text", LONGEST_TEXT)
        return {"type": "email", "email": {"subject": "", "text": text}}

    def quoting(self, content: Content, message_id: str) -> Content:
        return {**content, "email": {**content["email"], "in_reply_to": message_id}}
