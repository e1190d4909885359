"""Requests to the provider: one message, and everything about accounts, templates and files."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from bayan.channels.adapters.base import Outcome, ProviderRefused, Reaction
from bayan.channels.adapters.whatsapp.errors import SECOND, outcome_of
from bayan.channels.adapters.whatsapp.reading import as_dict, as_list, as_text
from bayan.channels.models import Account, Outgoing

if TYPE_CHECKING:
    import aiohttp

# A claimed row whose answer is later than this stands as uncertain (channels.services).
TIMEOUT = {"total": 15, "sock_connect": 5}


def address(account: Account, path: str) -> str:
    """Where the provider answers for this path of the account's version."""
    return f"{account.base_url}/{account.api_version}/{path}"


def authorisation(account: Account) -> dict[str, str]:
    """The header that lets us in."""
    return {"Authorization": f"Bearer {account.access_token}"}


async def call(
    session: aiohttp.ClientSession,
    account: Account,
    method: str,
    path: str,
    *,
    timeout: Mapping[str, float] | None = None,
    **request: Any,
) -> dict[str, Any]:
    """Ask the provider something that may be asked twice; its answer.

    :raises ProviderRefused: with what its answer means: try again, wait, stop, give up
    """
    # Here and below: pages and commands never talk to the provider, and start sooner without it.
    import aiohttp

    try:
        async with session.request(
            method,
            address(account, path),
            headers=authorisation(account),
            timeout=aiohttp.ClientTimeout(**(timeout or TIMEOUT)),
            **request,
        ) as response:
            status, body = response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ProviderRefused(
            Outcome(reaction=Reaction.RETRY, error={"title": "no connection"}, wait=5 * SECOND)
        ) from error
    answer = decoded(body)
    if status == HTTPStatus.OK:
        return answer
    refusal = refused(status, answer)
    if refusal.reaction is Reaction.UNCERTAIN:
        # Only a message must not go out twice; a question may be asked again.
        refusal = Outcome(reaction=Reaction.RETRY, error=refusal.error, wait=5 * SECOND)
    raise ProviderRefused(refusal)


async def post_message(
    session: aiohttp.ClientSession, account: Account, row: Outgoing, content: dict[str, Any]
) -> Outcome:
    """Hand one message to the provider, once."""
    import aiohttp

    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **content,
        # Comes back with every status: settles what was in flight when we died.
        "biz_opaque_callback_data": str(row.public_id),
    }
    if row.to_phone:
        body["to"] = row.to_phone
    else:
        body["recipient"] = row.to_whatsapp_id
    try:
        async with session.post(
            address(account, f"{row.number.external_id}/messages"),
            data=msgspec.json.encode(body),
            headers={**authorisation(account), "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(**TIMEOUT),
            allow_redirects=False,
        ) as response:
            status, answer = response.status, await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        # No connection, so no message: safe to try again.
        return Outcome(reaction=Reaction.RETRY, error={"title": "no connection"}, wait=5 * SECOND)
    except (aiohttp.ClientError, TimeoutError):
        return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "no answer"})
    return outcome(status, answer)


def outcome(status: int, body: bytes) -> Outcome:
    """What the provider's answer means for the message."""
    answer = decoded(body)
    if status != HTTPStatus.OK:
        return refused(status, answer)
    sent = as_list(answer.get("messages"))
    external_id = as_text(as_dict(sent[0]).get("id")) if sent else ""
    if external_id:
        return Outcome(reaction=Reaction.ACCEPTED, external_id=external_id)
    return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "an answer without an id"})


def refused(status: int, answer: dict[str, Any]) -> Outcome:
    """What an answer that is not 200 means."""
    error = as_dict(answer.get("error"))
    code = error.get("code")
    if not isinstance(code, int):
        # A gateway in between answered, not the provider: it may have passed the message on.
        told_to_wait = status == HTTPStatus.TOO_MANY_REQUESTS
        return Outcome(
            reaction=Reaction.RETRY if told_to_wait else Reaction.UNCERTAIN,
            error={"title": f"HTTP {status}"},
            wait=5 * SECOND,
        )
    facts = {
        "code": code,
        "title": as_text(error.get("message"))[:300],
        "details": as_text(as_dict(error.get("error_data")).get("details"))[:500],
    }
    # Refusals about templates say what is wrong in these two.
    if isinstance(subcode := error.get("error_subcode"), int):
        facts["subcode"] = subcode
    if not facts["details"]:
        facts["details"] = as_text(error.get("error_user_msg"))[:500]
    return outcome_of(facts)


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; empty when they are none."""
    try:
        return as_dict(msgspec.json.decode(body))
    except (ValueError, RecursionError):
        return {}
