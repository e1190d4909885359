"""What the provider's webhooks say, in our words (reference 1.4 to 1.8)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bayan.channels.adapters.whatsapp.reading import (
    as_dict,
    as_digits,
    as_list,
    as_number,
    as_sha256,
    as_text,
    clean,
)
from bayan.channels.events import (
    DeliveryStatus,
    IdentityChange,
    IncomingFile,
    IncomingMessage,
    MarketingChoice,
    Notice,
    Parsed,
)

# No clock of a provider is further off than this; a time outside it is a broken field.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
LATEST = timedelta(days=365)
LONGEST_ID = 160
# Some gateways that pass webhooks on leave the name of the field out: these tell it.
TELLING = {"messages", "statuses"}
# What every change about messages has; anything else there is of a kind that we do not take.
AROUND = {"contacts", "errors", "messages", "messaging_product", "metadata", "statuses"}
# Told when somebody opens the chat for the first time: nobody has written anything yet.
WORDLESS = {"request_welcome"}
# What the provider says of accounts, numbers and templates (channels.services.health acts on it).
NOTICES = {
    "account_alerts",
    "account_review_update",
    "account_update",
    "business_capability_update",
    "flows",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
}
# What a person says who wants messages that go to many; the second by a link that they tapped.
WANTED = {"resume", "signup"}
# The first tells of the number, the second of the business-scoped id.
IDENTITY_CHANGES = {"user_changed_number", "user_changed_user_id", "customer_changed_number"}
_CHANGED = re.compile(r"changed from (\S+) to (\S+)$")
# A business-scoped id: the country, a full stop, and what only the provider understands.
_SCOPED = re.compile(r"[A-Z]{2}\.[\w.]+")


# Every name a message may call its sender by → (business-scoped id, phone, profile name).
type People = dict[str, tuple[str, str, str]]


def parse(
    body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
) -> Parsed:
    """Everything a body holds (see `Adapter.parse`)."""
    envelope = _decode(body)
    if not isinstance(envelope, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004  # a fault of the data, not of our types
    reading = _Reading(numbers=numbers, received_at=received_at, request_id=request_id)
    for business_id, at, field, value in _changes(envelope):
        reading.take(business_id, at, field, value)
    return Parsed(
        messages=tuple(reading.messages),
        statuses=tuple(reading.statuses),
        changes=tuple(reading.changes),
        choices=tuple(reading.choices),
        notices=tuple(reading.notices),
        remarks=tuple(reading.remarks),
        unknown_numbers=tuple(dict.fromkeys(reading.unknown)),
    )


@dataclass(kw_only=True)
class _Reading:
    """What has been found in one body so far."""

    numbers: Mapping[str, int]
    received_at: datetime
    request_id: str
    messages: list[IncomingMessage] = dataclass_field(default_factory=list)
    statuses: list[DeliveryStatus] = dataclass_field(default_factory=list)
    changes: list[IdentityChange] = dataclass_field(default_factory=list)
    choices: list[MarketingChoice] = dataclass_field(default_factory=list)
    notices: list[Notice] = dataclass_field(default_factory=list)
    remarks: list[str] = dataclass_field(default_factory=list)
    unknown: list[str] = dataclass_field(default_factory=list)

    def take(self, business_id: str, at: Any, field: str, value: dict[str, Any]) -> None:
        """Read one change of the body."""
        if field == "messages" or (not field and TELLING & value.keys()):
            number = as_text(as_dict(value.get("metadata")).get("phone_number_id"))
            people = _people(as_list(value.get("contacts")))
            self._take_messages(value, number, people)
            self._take_statuses(value)
            if errors := as_list(value.get("errors")):
                named = {"errors": errors, "phone_number_id": number}
                self.notices.append(_notice("errors", business_id, named, at, self.received_at))
            self.remarks += [f"messages:{what}" for what in sorted(value.keys() - AROUND)]
        elif field in NOTICES:
            self.notices.append(_notice(field, business_id, value, at, self.received_at))
        elif field == "user_preferences":
            self._take_choices(value)
        elif field == "user_id_update":
            self._take_id_updates(value)
        else:
            self.remarks.append(field or "without field")

    def _take_messages(self, value: dict[str, Any], number: str, people: People) -> None:
        number_id = self.numbers.get(number)
        for item in as_list(value.get("messages")):
            raw = as_dict(item)
            if number_id is None:
                self.unknown.append(number)
            elif raw.get("type") in WORDLESS:
                self.remarks.append(f"message:{raw['type']}")
            elif raw.get("type") == "system":
                change = _identity_change(raw, self.received_at, self.request_id)
                if change:
                    self.changes.append(change)
                else:
                    what = as_text(as_dict(raw.get("system")).get("type"))
                    self.remarks.append(f"system:{what}")
            else:
                message = _message(raw, people, number_id, self.received_at, self.request_id)
                if message:
                    self.messages.append(message)
                else:
                    # No person to answer, or nothing to tell it from its repetition by.
                    what = as_text(raw.get("type")) or "without sender"
                    self.remarks.append(f"message:{what}")

    def _take_statuses(self, value: dict[str, Any]) -> None:
        for item in as_list(value.get("statuses")):
            status = _status(as_dict(item), self.received_at)
            if status:
                self.statuses.append(status)
            else:
                self.remarks.append("status:incomplete")

    def _take_id_updates(self, value: dict[str, Any]) -> None:
        updates = value.get("user_id_update")
        for item in updates if isinstance(updates, list) else [updates]:
            change = _id_update(as_dict(item), self.received_at, self.request_id)
            if change:
                self.changes.append(change)
            else:
                self.remarks.append("user_id_update:incomplete")

    def _take_choices(self, value: dict[str, Any]) -> None:
        people = _people(as_list(value.get("contacts")))
        for item in as_list(value.get("user_preferences")):
            choice = _choice(as_dict(item), people, self.received_at)
            if choice:
                self.choices.append(choice)
            else:
                what = as_text(as_dict(item).get("category"))
                self.remarks.append(f"user_preferences:{what}")


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Lone surrogates are valid JSON, and no valid text: the standard library lets them through.
        return json.loads(body, parse_int=_whole_number)


def _whole_number(digits: str) -> int | None:
    """A number that nobody counts with is none: the message around it is not lost for it."""
    return int(digits) if len(digits) < 100 else None


def _changes(envelope: dict[str, Any]) -> Iterable[tuple[str, Any, str, dict[str, Any]]]:
    """Every change as (the account's id at the provider, time, field, value)."""
    for item in as_list(envelope.get("entry")):
        entry = as_dict(item)
        business_id, at = as_text(entry.get("id"))[:40], entry.get("time")
        for change in map(as_dict, as_list(entry.get("changes"))):
            value = as_dict(change.get("value"))
            # In some of the provider's own samples the field stands one level too high or too low.
            named = (change.get("field"), entry.get("field"), value.get("field"))
            yield business_id, at, next(filter(None, map(as_text, named)), ""), value


def _people(contacts: list[Any]) -> People:
    people: People = {}
    for item in contacts:
        contact = as_dict(item)
        whatsapp_id, phone = _names(contact.get("user_id"), contact.get("wa_id"))
        profile = as_dict(contact.get("profile"))
        name = as_text(profile.get("name")).strip() or as_text(profile.get("username")).strip()
        identity = (whatsapp_id, phone, name)
        if whatsapp_id:
            people[whatsapp_id] = identity
        if phone:
            people[phone] = identity
    return people


NOBODY = ("", "", "")


def _whatsapp_id(value: Any) -> str:
    return as_text(value)[:LONGEST_ID]


def _names(whatsapp_id: Any, phone: Any) -> tuple[str, str]:
    """Business-scoped id and phone; the id of who shows no number may stand in the number's place."""
    scoped = _whatsapp_id(whatsapp_id)
    if not scoped and _SCOPED.fullmatch(as_text(phone)):
        scoped = _whatsapp_id(phone)
    return scoped, as_digits(phone)


# What a kind holds besides what every message has, as fields of IncomingMessage.
type Parts = dict[str, Any]


def _text(raw: dict[str, Any]) -> Parts:
    return {"text": as_text(as_dict(raw.get("text")).get("body"))}


def _file(raw: dict[str, Any]) -> Parts:
    kind = raw["type"]
    part = as_dict(raw.get(kind))
    parts: Parts = {"text": as_text(part.get("caption"))}
    external_id = as_text(part.get("id"))
    if external_id and len(external_id) <= 80:
        parts["file"] = IncomingFile(
            external_id=external_id,
            mime_type=as_text(part.get("mime_type"))[:100],
            sha256=as_sha256(part.get("sha256")),
            name=as_text(part.get("filename"))[:240],
            url=as_text(part.get("url")),
        )
    if kind == "audio" and part.get("voice") is True:
        parts["kind"] = "voice"
    elif kind == "sticker":
        parts["payload"] = {"animated": part.get("animated") is True}
    return parts


def _location(raw: dict[str, Any]) -> Parts:
    part = as_dict(raw.get("location"))
    payload: dict[str, Any] = {}
    latitude, longitude = as_number(part.get("latitude")), as_number(part.get("longitude"))
    if latitude is not None and longitude is not None and abs(latitude) <= 90:
        payload = {"latitude": latitude, "longitude": (longitude + 180) % 360 - 180}
    return {"payload": payload | _named(part, "name", "address")}


def _contacts(raw: dict[str, Any]) -> Parts:
    contacts = []
    for item in as_list(raw.get("contacts")):
        contact = as_dict(item)
        phones = [
            as_text(phone.get("phone")).strip() or as_digits(phone.get("wa_id"))
            for phone in map(as_dict, as_list(contact.get("phones")))
        ]
        found = {
            "name": as_text(as_dict(contact.get("name")).get("formatted_name")),
            "phones": [phone for phone in phones if phone],
            "organisation": as_text(as_dict(contact.get("org")).get("company")),
        }
        contacts.append({key: part for key, part in found.items() if part})
    return {"payload": {"contacts": contacts}}


def _reaction(raw: dict[str, Any]) -> Parts:
    part = as_dict(raw.get("reaction"))
    return {
        "target_id": _id(part.get("message_id")),
        "payload": {"emoji": as_text(part.get("emoji"))[:32]},
    }


def _button(raw: dict[str, Any]) -> Parts:
    part = as_dict(raw.get("button"))
    return {"text": as_text(part.get("text")), "choice_id": as_text(part.get("payload"))}


def _interactive(raw: dict[str, Any]) -> Parts:
    interactive = as_dict(raw.get("interactive"))
    kind = as_text(interactive.get("type"))
    part = as_dict(interactive.get(kind))
    if kind in {"button_reply", "list_reply"}:
        return {
            "kind": kind,
            "text": as_text(part.get("title")),
            "choice_id": as_text(part.get("id")),
            "payload": _named(part, "description"),
        }
    if kind == "nfm_reply":
        return _flow_reply(part)
    return {"kind": kind, "payload": clean(raw)}


def _flow_reply(part: dict[str, Any]) -> Parts:
    given = part.get("response_json")
    try:
        # A gateway may have read the text already.
        answers = dict(as_dict(given)) or as_dict(_decode(as_text(given).encode()))
    except (ValueError, RecursionError):
        answers = {}
    # It may be missing: not every phone sends it back.
    token = as_text(answers.pop("flow_token", ""))
    is_form = as_text(part.get("name")) in {"", "flow"}
    return {
        "kind": "flow_reply",
        # Of a form it says only that it was sent; of an address, the address.
        "text": "" if is_form else as_text(part.get("body")),
        "choice_id": token,
        "payload": {"answers": clean(answers)},
    }


def _order(raw: dict[str, Any]) -> Parts:
    part = as_dict(raw.get("order"))
    items = [
        {
            "product": as_text(item.get("product_retailer_id")),
            "quantity": as_number(item.get("quantity")),
            "price": as_number(item.get("item_price")),
            "currency": as_text(item.get("currency")),
        }
        for item in map(as_dict, as_list(part.get("product_items")))
    ]
    return {"text": as_text(part.get("text")), "payload": {"items": items}}


def _edit(raw: dict[str, Any]) -> Parts:
    part = as_dict(raw.get("edit"))
    message = as_dict(part.get("message"))
    inner = as_dict(message.get(as_text(message.get("type"))))
    return {
        "target_id": _id(part.get("original_message_id")),
        "text": as_text(inner.get("body")) or as_text(inner.get("caption")),
    }


def _revoke(raw: dict[str, Any]) -> Parts:
    return {"target_id": _id(as_dict(raw.get("revoke")).get("original_message_id"))}


def _unsupported(raw: dict[str, Any]) -> Parts:
    what = as_text(as_dict(raw.get("unsupported")).get("type"))
    return {"kind": "unsupported", "payload": {"what": what} if what else {}}


KINDS: dict[str, Callable[[dict[str, Any]], Parts]] = {
    "text": _text,
    "image": _file,
    "audio": _file,
    "video": _file,
    "document": _file,
    "sticker": _file,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "edit": _edit,
    "revoke": _revoke,
    "unsupported": _unsupported,
    # As versions before the present one call it.
    "unknown": _unsupported,
}


def _message(
    raw: dict[str, Any],
    people: People,
    number_id: int,
    received_at: datetime,
    request_id: str,
) -> IncomingMessage | None:
    """One message in our words; None where it has no id or no sender."""
    external_id = as_text(raw.get("id"))
    whatsapp_id, phone = _names(raw.get("from_user_id"), raw.get("from"))
    known = people.get(whatsapp_id) or people.get(phone) or NOBODY
    whatsapp_id, phone = whatsapp_id or known[0], phone or known[1]
    if not external_id or len(external_id) > LONGEST_ID or not (whatsapp_id or phone):
        return None
    kind = as_text(raw.get("type")) or next((kind for kind in KINDS if raw.get(kind)), "")
    read = KINDS.get(kind)
    parts = read(raw | {"type": kind}) if read else {"payload": clean(raw)}
    context = raw.get("context")
    if isinstance(context, dict):
        parts["quoted_id"] = _id(context.get("id"))
        if context.get("frequently_forwarded") is True:
            parts["forwarded"] = "often"
        elif context.get("forwarded") is True:
            parts["forwarded"] = "once"
        if product := as_text(as_dict(context.get("referred_product")).get("product_retailer_id")):
            parts["payload"] = {**parts.get("payload", {}), "product": product}
    if group := as_text(raw.get("group_id"))[:LONGEST_ID]:
        parts["payload"] = {**parts.get("payload", {}), "group": group}
    if isinstance(raw.get("referral"), dict):
        referral = _named(raw["referral"], "source_url", "headline", "body")
        parts["payload"] = {**parts.get("payload", {}), "referral": referral}
    parts["kind"] = parts.get("kind", kind)[:30] or "unknown"
    return IncomingMessage(
        number_id=number_id,
        external_id=external_id,
        whatsapp_id=whatsapp_id,
        phone=phone,
        name=known[2],
        sent_at=_moment(raw.get("timestamp"), received_at),
        received_at=received_at,
        request_id=request_id,
        **{"text": "", **parts},
    )


def _identity_change(
    raw: dict[str, Any], received_at: datetime, request_id: str
) -> IdentityChange | None:
    """A new number or id of a person; None when it does not say whose or which."""
    system = as_dict(raw.get("system"))
    if as_text(system.get("type")) not in IDENTITY_CHANGES:
        return None
    # The second name of the new number is that of versions before the present one.
    new_phone = as_digits(system.get("wa_id")) or as_digits(system.get("new_wa_id"))
    new_whatsapp_id = _whatsapp_id(system.get("user_id"))
    from_id, from_phone = _names(raw.get("from_user_id"), raw.get("from"))
    # What has changed is named by what it was; the other name may still be theirs.
    is_about_number = "number" in as_text(system.get("type"))
    olds = [from_phone, from_id] if is_about_number else [from_id, from_phone]
    # Versions before the present one name the old number besides.
    olds.insert(1, as_digits(system.get("customer")))
    olds.insert(2, _old_in(as_text(system.get("body")), new_phone, new_whatsapp_id))
    return _change(
        olds,
        new_phone=new_phone,
        new_whatsapp_id=new_whatsapp_id,
        external_id=_id(raw.get("id")),
        received_at=received_at,
        request_id=request_id,
    )


def _id_update(
    raw: dict[str, Any], received_at: datetime, request_id: str
) -> IdentityChange | None:
    """The same, told for the whole account."""
    ids = as_dict(raw.get("user_id"))
    return _change(
        [_whatsapp_id(ids.get("previous"))],
        new_phone=as_digits(raw.get("wa_id")),
        new_whatsapp_id=_whatsapp_id(ids.get("current")),
        external_id="",
        received_at=_moment(raw.get("timestamp"), received_at),
        request_id=request_id,
    )


def _change(
    olds: list[str], *, new_phone: str, new_whatsapp_id: str, **facts: Any
) -> IdentityChange | None:
    old = next((name for name in olds if name and name not in {new_phone, new_whatsapp_id}), "")
    if not old and new_whatsapp_id:
        # The number that comes with a new id is the person's too: it tells who they are.
        old = new_phone
    if not old or not (new_phone or new_whatsapp_id):
        return None
    return IdentityChange(old=old, new_phone=new_phone, new_whatsapp_id=new_whatsapp_id, **facts)


def _old_in(body: str, new_phone: str, new_whatsapp_id: str) -> str:
    """The old number or id, where only the sentence tells it.

    Its beginning is the person's name, whatever they call themselves: only its end is the provider's.
    """
    said = _CHANGED.search(body)
    if not said or said[2] not in {new_phone, new_whatsapp_id} - {""}:
        return ""
    return as_digits(said[1]) if said[1].isdigit() else _whatsapp_id(said[1])


def _choice(raw: dict[str, Any], people: People, received_at: datetime) -> MarketingChoice | None:
    value = as_text(raw.get("value"))
    if as_text(raw.get("category")) != "marketing_messages" or value not in {"stop", *WANTED}:
        return None
    whatsapp_id, phone = _names(raw.get("user_id"), raw.get("wa_id"))
    known = people.get(whatsapp_id) or people.get(phone) or NOBODY
    whatsapp_id, phone = whatsapp_id or known[0], phone or known[1]
    if not whatsapp_id and not phone:
        return None
    return MarketingChoice(
        whatsapp_id=whatsapp_id,
        phone=phone,
        wants=value in WANTED,
        chosen_at=_moment(raw.get("timestamp"), received_at),
        received_at=received_at,
    )


def _notice(
    field: str, business_id: str, value: dict[str, Any], at: Any, received_at: datetime
) -> Notice:
    if "new_quality_score" in value:
        # The provider's own sample names another field.
        field = "message_template_quality_update"
    return Notice(
        field=field, business_id=business_id, value=clean(value), at=_moment(at, received_at)
    )


def _status(raw: dict[str, Any], received_at: datetime) -> DeliveryStatus | None:
    external_id, status = as_text(raw.get("id")), as_text(raw.get("status"))
    if not external_id or not status or len(external_id) > LONGEST_ID or len(status) > 20:
        return None
    errors = as_list(raw.get("errors"))
    return DeliveryStatus(
        external_id=external_id,
        status=status,
        recipient=(
            as_text(raw.get("recipient_participant_id"))
            or as_text(raw.get("recipient_id"))
            or as_text(raw.get("recipient_user_id"))
        )[:LONGEST_ID],
        callback=as_text(raw.get("biz_opaque_callback_data")),
        provider_at=_moment(raw.get("timestamp"), received_at),
        received_at=received_at,
        error=_error(as_dict(errors[0])) if errors else None,
    )


def _error(error: dict[str, Any]) -> dict[str, Any]:
    code = error.get("code")
    return {
        "code": code if isinstance(code, int) else None,
        "title": as_text(error.get("title"))[:300],
        "details": as_text(as_dict(error.get("error_data")).get("details"))[:500],
    }


def _id(value: Any) -> str:
    """The provider's id of another message; one that is too long is none of ours."""
    text = as_text(value)
    return text if len(text) <= LONGEST_ID else ""


def _named(part: dict[str, Any], *keys: str) -> dict[str, str]:
    """Those of these texts that are there."""
    found = {key: as_text(part.get(key)) for key in keys}
    return {key: text for key, text in found.items() if text}


def _moment(timestamp: Any, received_at: datetime) -> datetime:
    """The provider's time, or ours where it gives none that can be."""
    try:
        moment = datetime.fromtimestamp(int(timestamp), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return received_at
    return moment if EARLIEST <= moment <= received_at + LATEST else received_at
