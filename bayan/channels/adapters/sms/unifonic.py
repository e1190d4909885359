"""Unifonic's REST interface (docs.unifonic.com; reference 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bayan.channels.adapters.base import Outcome, ProviderRefused, Reaction, TokenFacts
from bayan.channels.adapters.sms import Sms, errors, senders, web, words_of
from bayan.channels.adapters.sms.errors import SECOND
from bayan.channels.adapters.whatsapp.reading import as_dict, as_text
from bayan.channels.events import DeliveryStatus, Parsed
from bayan.channels.models import Account, Outgoing

if TYPE_CHECKING:
    import aiohttp

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# The gateway's words for what became of a message; anything else leaves it sent.
STATES = {
    "delivered": "delivered",
    "undeliverable": "failed",
    "undelivered": "failed",
    "rejected": "failed",
    "failed": "failed",
    "expired": "failed",
    "sent": "sent",
    "queued": "sent",
}


class Unifonic(Sms):
    """Implements `Adapter` by shape."""

    async def send(
        self, session: aiohttp.ClientSession, account: Account, row: Outgoing, file_id: str = ""
    ) -> Outcome:
        kind = senders.kinds().get(row.number.sender_class) or senders.kinds()["service"]
        body = {
            "AppSid": account.access_token,
            "SenderID": row.number.display,
            "Recipient": row.to_phone,
            "Body": words_of(row.content),
            "responseType": "JSON",
            # Comes back with the answer and with every report.
            "CorrelationID": str(row.public_id),
            "MessageType": kind.message_type,
            "async": "false",
        }
        url = f"{account.base_url}/rest/SMS/messages"
        answer = await web.post(session, url, data=urlencode(body).encode(), headers=FORM)
        return answer if isinstance(answer, Outcome) else outcome(*answer)

    async def token_facts(self, session: aiohttp.ClientSession, account: Account) -> TokenFacts:
        body = urlencode({"AppSid": account.access_token}).encode()
        url = f"{account.base_url}/rest/Account/GetBalance"
        status, _answer = await web.ask(session, "POST", url, data=body, headers=FORM)
        if status in {errors.NO_KEY, errors.NO_APPLICATION}:
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
        said = facts.get("dlr") or facts.get("status", "")
        state = STATES.get(said.lower())
        external_id = _id(facts.get("messageid"))
        if not external_id:
            raise ValueError("a report without a message")
        if state is None:
            return Parsed(remarks=(f"status {said[:40]}",))
        return Parsed(statuses=(_status(facts, state, external_id, said, received_at),))


def _status(
    facts: dict[str, str], state: str, external_id: str, said: str, received_at: datetime
) -> DeliveryStatus:
    error: dict[str, Any] | None = None
    if state == "failed":
        error = {"code": _number(facts.get("errorcode", "")) or errors.NOT_DELIVERED, "title": said}
    return web.status_of(
        facts,
        state=state,
        external_id=external_id,
        moment=facts.get("scts") or facts.get("dlrtimestamp", ""),
        received_at=received_at,
        error=error,
    )


def outcome(status: int, answer: dict[str, Any]) -> Outcome:
    """What the gateway's answer to a message means."""
    data = as_dict(answer.get("data"))
    # The gateway writes it both ways.
    is_accepted = answer.get("success") is True or answer.get("success") == "true"
    external_id = _id(data.get("MessageID"))
    if status == HTTPStatus.OK and is_accepted:
        if external_id:
            return Outcome(reaction=Reaction.ACCEPTED, external_id=external_id)
        return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "an answer without an id"})
    return errors.of_answer(
        status,
        is_the_gateways="success" in answer or "errorCode" in answer,
        code=_number(as_text(answer.get("errorCode"))),
        title=as_text(answer.get("message")),
    )


def _id(value: Any) -> str:
    """The id as we keep it: two gateways may count alike."""
    given = str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value)
    return f"unifonic:{given}" if given else ""


def _number(code: str) -> int | None:
    """The number of an error: 908 for ER-08, 480 for 480."""
    digits = code.upper().removeprefix("ER-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 4:
        return None
    return errors.ER + int(digits) if code.upper().startswith("ER-") else int(digits)
