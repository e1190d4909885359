"""What comes in through a channel, in our words, whatever the provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bayan.channels.models import Alert
from bayan.people.models import Member


@dataclass(frozen=True, kw_only=True)
class AlertRaised:
    """Something is so bad that a person must hear of it; told each time that it is noticed again.

    In the transaction that noticed it. `is_standstill`: nothing goes out by any number any more.
    """

    alert: Alert
    title: str
    text: str
    node_id: int  # whose business it is
    is_standstill: bool
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AlertSettled:
    """A trouble is over; in the transaction that settled it. `by` is the member who said so, if one did."""

    alert_id: int
    by: Member | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class IncomingFile:
    """A file that came with a message: still at the provider, to be fetched at once."""

    external_id: str
    mime_type: str  # what the sender says; the bytes decide
    sha256: str = ""  # hexadecimal, by the provider; may be empty
    name: str = ""
    url: str = ""  # the provider's, short-lived; empty: ask for it


@dataclass(frozen=True, kw_only=True)
class IncomingMessage:
    """One message of a person.

    `kind` is one of: text, image, audio, voice, video, document, sticker, location, contacts, reaction,
    button (on a template), button_reply, list_reply, flow_reply, order, edit, revoke, unsupported, or the
    provider's own word for what nobody knows yet.

    `payload` holds what the kind has besides `text` (a caption is text), only keys that are there:

    - image, audio, voice, video, document, sticker: nothing (see `file`); sticker: `animated`
    - location: `latitude`, `longitude`, `name`, `address`
    - contacts: `contacts`: [{`name`, `phones`: […], `organisation`}]
    - reaction: `emoji` (empty: taken away); `target_id` names the message
    - button, button_reply, list_reply: `description`; the title is `text`, the id `choice_id`
    - flow_reply: `answers`: {name: value}; `choice_id` is the flow's token
    - order: `items`: [{`product`, `quantity`, `price`, `currency`}]
    - edit: `text` is the new text; revoke: nothing; both name the message by `target_id`
    - unsupported: `what`, the provider's word for it
    - any kind: `referral`: {`source_url`, `headline`, `body`}; `product`: the one that a reply is about;
      `group`: it was written in a group that the number is in
    - kinds that nobody knows: everything, as it came
    """

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
    target_id: str = ""  # the message that a reaction, an edit or a revocation is about
    forwarded: str = ""  # "once", "often" (more than five times: a sign of a rumour), or empty
    file: IncomingFile | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""
    email: str = ""  # in small letters; of a letter, whose sender has neither of the other two


@dataclass(frozen=True, kw_only=True)
class IdentityChange:
    """A person has a new number or a new id; what they wrote before is still theirs."""

    old: str  # phone or business-scoped id
    new_phone: str
    new_whatsapp_id: str
    external_id: str
    received_at: datetime
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class MarketingChoice:
    """A person told the provider to stop, or to resume, messages that go to many."""

    whatsapp_id: str
    phone: str
    wants: bool
    chosen_at: datetime  # the provider's clock: it tells which of two choices is the later one
    received_at: datetime


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
class Notice:
    """What the provider says of an account, a number or a template: by its field and its own words."""

    field: str
    business_id: str
    value: dict[str, Any]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Everything one webhook body held."""

    messages: tuple[IncomingMessage, ...] = ()
    statuses: tuple[DeliveryStatus, ...] = ()
    changes: tuple[IdentityChange, ...] = ()
    choices: tuple[MarketingChoice, ...] = ()
    notices: tuple[Notice, ...] = ()
    # What of the body nobody acts on; the journal keeps the words and the body.
    remarks: tuple[str, ...] = ()
    unknown_numbers: tuple[str, ...] = ()
