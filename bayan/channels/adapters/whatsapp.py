"""WhatsApp Business Platform (Cloud API)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from bayan.channels.adapters.base import Outcome, Reaction
from bayan.channels.events import DeliveryStatus, IncomingMessage, Parsed
from bayan.channels.models import Account, Outgoing

# Limits of what may be sent, in UTF-16 units to be on the safe side (reference 1.12).
TEXT_LIMIT = 4096
BUTTON_LIMIT = 20
ROWS_LIMIT = 10
ROW_TITLE_LIMIT = 24

# Errors after which the same message may be tried again (reference 1.14, class T), and after what pause.
RETRY_AFTER = {
    1: timedelta(seconds=5),
    2: timedelta(seconds=5),
    4: timedelta(seconds=60),
    80007: timedelta(seconds=60),
    130429: timedelta(seconds=1),
    131000: timedelta(seconds=5),
    131016: timedelta(seconds=5),
    131056: timedelta(seconds=6),  # the pair limit: one message in six seconds to the same person
    131057: timedelta(seconds=60),
    133004: timedelta(seconds=5),
}
# A claimed row whose answer is later than this stands as uncertain (channels.services).
TIMEOUT = httpx.Timeout(15, connect=5)
# No clock of a provider is further off than this; a time outside it is a broken field.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
SHOWN_KINDS = {"text", "list_reply"}


class WhatsApp:
    """Implements `Adapter` by shape."""

    def is_authentic(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        given = headers.get("x-hub-signature-256", "")
        expected = "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
        return hmac.compare_digest(given.encode(), expected.encode())

    def parse(
        self, body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
    ) -> Parsed:
        envelope = _decode(body)
        if not isinstance(envelope, dict):
            raise ValueError("the body is not an object")  # noqa: TRY004  # a fault of the data, not of our types
        messages: list[IncomingMessage] = []
        statuses: list[DeliveryStatus] = []
        notices: list[str] = []
        unknown: list[str] = []
        for field, value in _changes(envelope):
            if field != "messages":
                notices.append(field)
                continue
            external_number = _text(_dict(value.get("metadata")).get("phone_number_id"))
            number_id = numbers.get(external_number)
            people = _people(_list(value.get("contacts")))
            for raw in _list(value.get("messages")):
                if number_id is None:
                    unknown.append(external_number)
                    continue
                message = _message(raw, people, number_id, received_at, request_id)
                if message:
                    messages.append(message)
                else:
                    notices.append(f"message:{_text(_dict(raw).get('type')) or 'without sender'}")
            statuses.extend(
                status
                for raw in _list(value.get("statuses"))
                if (status := _status(raw, received_at))
            )
            if _list(value.get("errors")):
                notices.append("errors")
        return Parsed(
            messages=tuple(messages),
            statuses=tuple(statuses),
            notices=tuple(notices),
            unknown_numbers=tuple(dict.fromkeys(unknown)),
        )

    async def send(self, client: httpx.AsyncClient, account: Account, row: Outgoing) -> Outcome:
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **row.content,
            # Comes back with every status: settles what was in flight when we died.
            "biz_opaque_callback_data": str(row.public_id),
        }
        if row.to_phone:
            body["to"] = row.to_phone
        else:
            body["recipient"] = row.to_whatsapp_id
        url = f"{account.base_url}/{account.api_version}/{row.number.external_id}/messages"
        try:
            response = await client.post(
                url,
                content=json.dumps(body, ensure_ascii=False).encode(),
                headers={
                    "Authorization": f"Bearer {account.access_token}",
                    "Content-Type": "application/json",
                },
                timeout=TIMEOUT,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            # No connection, so no message: safe to try again.
            return Outcome(
                reaction=Reaction.RETRY,
                error={"title": type(error).__name__},
                wait=timedelta(seconds=5),
            )
        except httpx.HTTPError as error:
            return Outcome(reaction=Reaction.UNCERTAIN, error={"title": type(error).__name__})
        return _outcome(response)

    def text(self, text: str) -> dict[str, Any]:
        _check(text, TEXT_LIMIT)
        return {"type": "text", "text": {"body": text, "preview_url": False}}

    def choices(self, text: str, *, button: str, rows: list[tuple[str, str]]) -> dict[str, Any]:
        _check(text, TEXT_LIMIT)
        _check(button, BUTTON_LIMIT)
        if not 0 < len(rows) <= ROWS_LIMIT:
            raise ValueError(f"a list has 1 to {ROWS_LIMIT} rows")
        for _identifier, title in rows:
            _check(title, ROW_TITLE_LIMIT)
        return {
            "type": "interactive",
            "interactive": {
                "type": "list",
                "body": {"text": text},
                "action": {
                    "button": button,
                    "sections": [
                        {
                            "title": button,
                            "rows": [{"id": key, "title": title} for key, title in rows],
                        }
                    ],
                },
            },
        }


def _outcome(response: httpx.Response) -> Outcome:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    answer = _dict(answer)
    if response.status_code == HTTPStatus.OK:
        sent = _list(answer.get("messages"))
        external_id = _text(_dict(sent[0]).get("id")) if sent else ""
        if external_id:
            return Outcome(reaction=Reaction.ACCEPTED, external_id=external_id)
        return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "an answer without an id"})
    error = _dict(answer.get("error"))
    code = error.get("code")
    if not isinstance(code, int):
        # A gateway in between answered, not the provider: it may have passed the message on.
        told_to_wait = response.status_code == HTTPStatus.TOO_MANY_REQUESTS
        return Outcome(
            reaction=Reaction.RETRY if told_to_wait else Reaction.UNCERTAIN,
            error={"title": f"HTTP {response.status_code}"},
            wait=timedelta(seconds=5),
        )
    details = {
        "code": code,
        "title": _text(error.get("message"))[:300],
        "details": _text(_dict(error.get("error_data")).get("details"))[:500],
    }
    if code in RETRY_AFTER:
        return Outcome(reaction=Reaction.RETRY, error=details, wait=RETRY_AFTER[code])
    return Outcome(reaction=Reaction.GIVE_UP, error=details)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Lone surrogates are valid JSON, and no valid text: the standard library lets them through.
        return json.loads(body)


def _changes(envelope: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for entry in _list(envelope.get("entry")):
        for change in _list(_dict(entry).get("changes")):
            yield _text(_dict(change).get("field")), _dict(_dict(change).get("value"))


def _people(contacts: list[Any]) -> dict[str, tuple[str, str, str]]:
    """Every name a message may call its sender by → (business-scoped id, phone, profile name)."""
    people = {}
    for contact in map(_dict, contacts):
        identity = (
            _text(contact.get("user_id"))[:160],
            _digits(contact.get("wa_id")),
            _text(_dict(contact.get("profile")).get("name")).strip(),
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
    raw = _dict(raw)
    external_id = _text(raw.get("id"))
    whatsapp_id, phone = _text(raw.get("from_user_id"))[:160], _digits(raw.get("from"))
    known = people.get(whatsapp_id) or people.get(phone) or ("", "", "")
    whatsapp_id, phone, name = whatsapp_id or known[0], phone or known[1], known[2]
    kind = _text(raw.get("type"))
    if not external_id or len(external_id) > 160 or not (whatsapp_id or phone) or kind == "system":
        return None
    text, choice_id = "", ""
    if kind == "text":
        text = _text(_dict(raw.get("text")).get("body"))
    elif kind == "interactive":
        interactive = _dict(raw.get("interactive"))
        kind = _text(interactive.get("type"))
        if kind == "list_reply":
            reply = _dict(interactive.get("list_reply"))
            text, choice_id = _text(reply.get("title")), _text(reply.get("id"))
    context = _dict(raw.get("context"))
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
        quoted_id=_text(context.get("id"))[:160],
        choice_id=choice_id,
        payload={} if kind in SHOWN_KINDS else _clean(raw),
        request_id=request_id,
    )


def _status(raw: Any, received_at: datetime) -> DeliveryStatus | None:
    raw = _dict(raw)
    external_id, status = _text(raw.get("id")), _text(raw.get("status"))
    if not external_id or not status or len(external_id) > 160 or len(status) > 20:
        return None
    errors = _list(raw.get("errors"))
    error = _dict(errors[0]) if errors else None
    return DeliveryStatus(
        external_id=external_id,
        status=status,
        recipient=(
            _text(raw.get("recipient_participant_id"))
            or _text(raw.get("recipient_id"))
            or _text(raw.get("recipient_user_id"))
        )[:160],
        callback=_text(raw.get("biz_opaque_callback_data")),
        provider_at=_moment(raw.get("timestamp"), received_at),
        received_at=received_at,
        error=error
        and {
            "code": error.get("code"),
            "title": _text(error.get("title"))[:300],
            "details": _text(_dict(error.get("error_data")).get("details"))[:500],
        },
    )


def _moment(timestamp: Any, received_at: datetime) -> datetime:
    """The provider's time, or ours where it gives none that can be."""
    try:
        moment = datetime.fromtimestamp(int(timestamp), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return received_at
    return moment if EARLIEST <= moment <= received_at + timedelta(days=365) else received_at


def _check(text: str, limit: int) -> None:
    if not text or len(text.encode("utf-16-le")) // 2 > limit:
        raise ValueError(f"a text of 1 to {limit} characters is needed here")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A text that PostgreSQL takes: no null character, no lone surrogate."""
    if not isinstance(value, str):
        return ""
    return (
        value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _digits(value: Any) -> str:
    return "".join(c for c in _text(value) if c.isascii() and c.isdigit())[:20]


def _clean(value: Any) -> Any:
    """The same, with every text in it fit for jsonb."""
    if isinstance(value, dict):
        return {_text(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _text(value) if isinstance(value, str) else value
