"""What comes in through a channel, in our words, whatever the provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class IncomingMessage:
    """One message of a person."""

    number_id: int
    external_id: str  # the provider's id: the same message delivered twice has the same one
    whatsapp_id: str  # the business-scoped id; may be empty
    phone: str  # digits; may be empty
    name: str
    kind: str
    text: str
    sent_at: datetime  # the provider's clock
    received_at: datetime  # ours: windows and clocks run on it
    quoted_id: str = ""  # the provider's id of the message this one answers
    choice_id: str = ""  # which row or button was chosen
    payload: dict[str, Any] = field(default_factory=dict)  # as it came, for what is not shown yet
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class DeliveryStatus:
    """What the provider says happened to a message."""

    external_id: str
    status: str
    recipient: str
    callback: str  # the public id that we gave the provider, if it echoes it
    provider_at: datetime
    received_at: datetime
    error: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Everything one webhook body held."""

    messages: tuple[IncomingMessage, ...] = ()
    statuses: tuple[DeliveryStatus, ...] = ()
    # Kinds of notices that nothing acts on yet; the journal keeps their bodies.
    notices: tuple[str, ...] = ()
    unknown_numbers: tuple[str, ...] = ()
