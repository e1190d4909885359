"""What the provider's webhooks say, in our words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bayan.channels.adapters.whatsapp.reading import as_dict, as_digits, as_list, as_text, clean
from bayan.channels.events import DeliveryStatus, IncomingMessage, Parsed

# No clock of a provider is further off than this; a time outside it is a broken field.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
SHOWN_KINDS = {"text", "list_reply"}


def parse(
    body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
) -> Parsed:
    """Everything a body holds (see `Adapter.parse`)."""
    envelope = _decode(body)
    if not isinstance(envelope, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004  # a fault of the data, not of our types
    messages: list[IncomingMessage] = []
    statuses: list[DeliveryStatus] = []
    remarks: list[str] = []
    unknown: list[str] = []
    for field, value in _changes(envelope):
        if field != "messages":
            remarks.append(field)
            continue
        external_number = as_text(as_dict(value.get("metadata")).get("phone_number_id"))
        number_id = numbers.get(external_number)
        people = _people(as_list(value.get("contacts")))
        for raw in as_list(value.get("messages")):
            if number_id is None:
                unknown.append(external_number)
                continue
            message = _message(raw, people, number_id, received_at, request_id)
            if message:
                messages.append(message)
            else:
                remarks.append(f"message:{as_text(as_dict(raw).get('type')) or 'without sender'}")
        statuses.extend(
            status
            for raw in as_list(value.get("statuses"))
            if (status := _status(raw, received_at))
        )
        if as_list(value.get("errors")):
            remarks.append("errors")
    return Parsed(
        messages=tuple(messages),
        statuses=tuple(statuses),
        remarks=tuple(remarks),
        unknown_numbers=tuple(dict.fromkeys(unknown)),
    )


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Lone surrogates are valid JSON, and no valid text: the standard library lets them through.
        return json.loads(body)


def _changes(envelope: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for entry in as_list(envelope.get("entry")):
        for change in as_list(as_dict(entry).get("changes")):
            yield as_text(as_dict(change).get("field")), as_dict(as_dict(change).get("value"))


def _people(contacts: list[Any]) -> dict[str, tuple[str, str, str]]:
    """Every name a message may call its sender by → (business-scoped id, phone, profile name)."""
    people = {}
    for contact in map(as_dict, contacts):
        identity = (
            as_text(contact.get("user_id"))[:160],
            as_digits(contact.get("wa_id")),
            as_text(as_dict(contact.get("profile")).get("name")).strip(),
        )
        for key in identity[:2]:
            if key:
                people[key] = identity
    return people


def _message(
    raw: Any,
    people: dict[str, tuple[str, str, str]],
    number_id: int,
    received_at: datetime,
    request_id: str,
) -> IncomingMessage | None:
    """One message in our words; None for what no person sent (system notices) or has no id."""
    raw = as_dict(raw)
    external_id = as_text(raw.get("id"))
    whatsapp_id, phone = as_text(raw.get("from_user_id"))[:160], as_digits(raw.get("from"))
    known = people.get(whatsapp_id) or people.get(phone) or ("", "", "")
    whatsapp_id, phone, name = whatsapp_id or known[0], phone or known[1], known[2]
    kind = as_text(raw.get("type"))
    if not external_id or len(external_id) > 160 or not (whatsapp_id or phone) or kind == "system":
        return None
    text, choice_id = "", ""
    if kind == "text":
        text = as_text(as_dict(raw.get("text")).get("body"))
    elif kind == "interactive":
        interactive = as_dict(raw.get("interactive"))
        kind = as_text(interactive.get("type"))
        if kind == "list_reply":
            reply = as_dict(interactive.get("list_reply"))
            text, choice_id = as_text(reply.get("title")), as_text(reply.get("id"))
    context = as_dict(raw.get("context"))
    return IncomingMessage(
        number_id=number_id,
        external_id=external_id,
        whatsapp_id=whatsapp_id,
        phone=phone,
        name=name,
        kind=kind[:30] or "unknown",
        text=text,
        sent_at=_moment(raw.get("timestamp"), received_at),
        received_at=received_at,
        quoted_id=as_text(context.get("id"))[:160],
        choice_id=choice_id,
        payload={} if kind in SHOWN_KINDS else clean(raw),
        request_id=request_id,
    )


def _status(raw: Any, received_at: datetime) -> DeliveryStatus | None:
    raw = as_dict(raw)
    external_id, status = as_text(raw.get("id")), as_text(raw.get("status"))
    if not external_id or not status or len(external_id) > 160 or len(status) > 20:
        return None
    errors = as_list(raw.get("errors"))
    error = as_dict(errors[0]) if errors else None
    return DeliveryStatus(
        external_id=external_id,
        status=status,
        recipient=(
            as_text(raw.get("recipient_participant_id"))
            or as_text(raw.get("recipient_id"))
            or as_text(raw.get("recipient_user_id"))
        )[:160],
        callback=as_text(raw.get("biz_opaque_callback_data")),
        provider_at=_moment(raw.get("timestamp"), received_at),
        received_at=received_at,
        error=error
        and {
            "code": error.get("code"),
            "title": as_text(error.get("title"))[:300],
            "details": as_text(as_dict(error.get("error_data")).get("details"))[:500],
        },
    )


def _moment(timestamp: Any, received_at: datetime) -> datetime:
    """The provider's time, or ours where it gives none that can be."""
    try:
        moment = datetime.fromtimestamp(int(timestamp), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return received_at
    return moment if EARLIEST <= moment <= received_at + timedelta(days=365) else received_at
