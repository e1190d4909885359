"""Requests to a gateway, and the callbacks that come from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from django.utils import timezone

from bayan.channels.adapters.base import Outcome, ProviderRefused, Reaction
from bayan.channels.adapters.sms.errors import SECOND
from bayan.channels.adapters.whatsapp.reading import as_dict, as_text
from bayan.channels.events import DeliveryStatus

if TYPE_CHECKING:
    import aiohttp

# A claimed row whose answer is later than this stands as uncertain (channels.services).
TIMEOUT = {"total": 15, "sock_connect": 5}
MOST_FACTS = 60
# A gateway's clock may run in another zone: what lies further away from ours is not believed.
CREDIBLE = timedelta(hours=2)


async def post(
    session: aiohttp.ClientSession, url: str, *, data: bytes, headers: Mapping[str, str]
) -> tuple[int, dict[str, Any]] | Outcome:
    """Hand one message over, once: the answer's status and object, or what came of it without one."""
    # Here and below: pages and commands never talk to a gateway, and start sooner without it.
    import aiohttp

    try:
        async with session.post(
            url,
            data=data,
            headers=headers,
            timeout=aiohttp.ClientTimeout(**TIMEOUT),
            allow_redirects=False,
        ) as response:
            return response.status, decoded(await response.read())
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        # No connection, so no message: safe to try again.
        return Outcome(reaction=Reaction.RETRY, error={"title": "no connection"}, wait=5 * SECOND)
    except (aiohttp.ClientError, TimeoutError):
        return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "no answer"})


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    data: bytes = b"",
    headers: Mapping[str, str],
) -> tuple[int, dict[str, Any]]:
    """Ask the gateway something that may be asked twice: the answer's status and object.

    :raises ProviderRefused: it cannot be asked now
    """
    import aiohttp

    try:
        async with session.request(
            method,
            url,
            data=data or None,
            headers=headers,
            timeout=aiohttp.ClientTimeout(**TIMEOUT),
            allow_redirects=False,
        ) as response:
            return response.status, decoded(await response.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ProviderRefused(
            Outcome(reaction=Reaction.RETRY, error={"title": "no connection"}, wait=5 * SECOND)
        ) from error


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; empty when they are none."""
    try:
        return as_dict(msgspec.json.decode(body))
    except (ValueError, RecursionError):
        return {}


def facts_of(body: bytes) -> dict[str, str]:
    """What a callback says, as a form or as JSON, by its names in small letters.

    :raises ValueError: it is neither
    """
    text = body.decode()
    try:
        told = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        told = dict(parse_qsl(text, max_num_fields=MOST_FACTS, strict_parsing=True))
    if not isinstance(told, dict) or not told or len(told) > MOST_FACTS:
        raise ValueError("no delivery report")
    return {
        as_text(name).lower(): as_text(str(value) if isinstance(value, int) else value)
        for name, value in told.items()
    }


def status_of(
    facts: Mapping[str, str],
    *,
    state: str,
    external_id: str,
    moment: str,
    received_at: datetime,
    error: dict[str, Any] | None,
) -> DeliveryStatus:
    """What the gateway says of one message, in our words."""
    return DeliveryStatus(
        external_id=external_id[:160],
        status=state,
        recipient=facts.get("recipient", "").lstrip("+")[:160],
        callback=facts.get("correlationid", ""),
        provider_at=_moment(moment, received_at),
        received_at=received_at,
        error=error,
    )


def _moment(text: str, received_at: datetime) -> datetime:
    """When it happened, by the gateway's clock in Riyadh; ours where that cannot be."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return received_at
    if moment.tzinfo is None:
        moment = timezone.make_aware(moment)
    return moment if received_at - CREDIBLE < moment <= received_at else received_at
