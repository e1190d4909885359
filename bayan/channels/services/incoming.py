"""What comes in: whether it is authentic, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bayan.channels.adapters import ADAPTERS
from bayan.channels.events import Parsed
from bayan.channels.models import Account


def verify(channel: str, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """True when the channel's provider signed these bytes with this secret."""
    return ADAPTERS[channel].is_authentic(headers, body, secret)


def parse(account: Account, body: bytes, *, received_at: datetime, request_id: str) -> Parsed:
    """Everything that a webhook body of this account holds.

    :raises ValueError: the body is not what this provider sends
    """
    numbers = {number.external_id: number.pk for number in account.numbers.all()}
    return ADAPTERS[account.channel].parse(
        body, numbers=numbers, received_at=received_at, request_id=request_id
    )
