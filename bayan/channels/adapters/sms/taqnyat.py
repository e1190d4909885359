"""Taqnyat's REST interface (dev.taqnyat.sa/en/doc/sms; reference 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from bayan.channels.adapters.base import Outcome, ProviderRefused, Reaction, TokenFacts
from bayan.channels.adapters.sms import Sms, errors, web, words_of
from bayan.channels.adapters.sms.errors import SECOND
from bayan.channels.adapters.whatsapp.reading import as_text
from bayan.channels.events import Parsed
from bayan.channels.models import Account, Outgoing

if TYPE_CHECKING:
    import aiohttp

# A message is taken with 201; the object in the answer says the same once more.
TAKEN = {HTTPStatus.OK, HTTPStatus.CREATED}
STATES = {
    "delivered": "delivered",
    "sent": "sent",
    "pending": "sent",
    "queued": "sent",
    "failed": "failed",
    "rejected": "failed",
    "undelivered": "failed",
    "expired": "failed",
}


class Taqnyat(Sms):
    """Implements `Adapter` by shape."""

    async def send(
        self, session: aiohttp.ClientSession, account: Account, row: Outgoing, file_id: str = ""
    ) -> Outcome:
        body = {
            "recipients": [row.to_phone],
            "body": words_of(row.content),
            "sender": row.number.display,
        }
        url = f"{account.base_url}/v1/messages"
        answer = await web.post(
            session, url, data=msgspec.json.encode(body), headers=_headers(account)
        )
        return answer if isinstance(answer, Outcome) else outcome(*answer)

    async def token_facts(self, session: aiohttp.ClientSession, account: Account) -> TokenFacts:
        url = f"{account.base_url}/account/balance"
        status, _answer = await web.ask(session, "GET", url, headers=_headers(account))
        if status == errors.NO_KEY:
            return TokenFacts(is_valid=False)
        if status != HTTPStatus.OK:
            raise ProviderRefused(
                Outcome(reaction=Reaction.RETRY, error={"title": f"HTTP {status}"}, wait=5 * SECOND)
            )
        return TokenFacts(is_valid=True)

    def parse(
        self, body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
    ) -> Parsed:
        facts = web.facts_of(body)
        external_id = _id(facts.get("messageid") or facts.get("msgid"))
        said = facts.get("status") or facts.get("deliverystatus", "")
        if not external_id:
            raise ValueError("a report without a message")
        state = STATES.get(said.lower())
        if state is None:
            return Parsed(remarks=(f"status {said[:40]}",))
        error = {"code": errors.NOT_DELIVERED, "title": said[:80]} if state == "failed" else None
        status = web.status_of(
            facts,
            state=state,
            external_id=external_id,
            moment=facts.get("deliveredat") or facts.get("timestamp", ""),
            received_at=received_at,
            error=error,
        )
        return Parsed(statuses=(status,))


def outcome(status: int, answer: dict[str, Any]) -> Outcome:
    """What the gateway's answer to a message means."""
    said = answer.get("statusCode")
    code = said if isinstance(said, int) and not isinstance(said, bool) else None
    if status in TAKEN and (code is None or code in TAKEN):
        external_id = _id(answer.get("messageId"))
        if external_id:
            return Outcome(reaction=Reaction.ACCEPTED, external_id=external_id)
        return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "an answer without an id"})
    return errors.of_answer(
        status,
        is_the_gateways=code is not None,
        code=code,
        title=as_text(answer.get("message")),
    )


def _id(value: Any) -> str:
    """The id as we keep it: two gateways may count alike."""
    given = str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value)
    return f"taqnyat:{given}" if given else ""


def _headers(account: Account) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {account.access_token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
