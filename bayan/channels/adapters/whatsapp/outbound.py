"""What can be sent, as the provider wants it written; each limit stands beside its check (reference 1.12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from bayan.channels.adapters.base import PartRefused

# In UTF-16 units, to be on the safe side: an emoji may count as two.
TEXT_LIMIT, BODY_LIMIT, CAPTION_LIMIT = 4096, 1024, 1024
BUTTON_LIMIT, BUTTONS_LIMIT = 20, 3
ROWS_LIMIT, ROW_TITLE_LIMIT, ROW_DESCRIPTION_LIMIT = 10, 24, 72
URL_LIMIT = 2000
PLACE_LIMIT = 1000

Content = dict[str, Any]
# The provider knows a voice message by what is in the file.
PROVIDER_KINDS = {"voice": "audio"}


def text(text: str) -> Content:
    _check("text", text, TEXT_LIMIT)
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def file(kind: str, *, caption: str, name: str) -> Content:
    part: Content = {}
    kind = PROVIDER_KINDS.get(kind, kind)
    if caption:
        if kind in {"audio", "sticker"}:
            raise PartRefused("caption", 0)
        _check("caption", caption, CAPTION_LIMIT)
        part["caption"] = caption
    if kind == "document":
        part["filename"] = name
    return {"type": kind, kind: part}


def place(*, latitude: float, longitude: float, name: str, address: str) -> Content:
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise PartRefused("place", 0)
    part: Content = {"latitude": latitude, "longitude": longitude}
    for key, words in (("name", name), ("address", address)):
        if words:
            _check(key, words, PLACE_LIMIT)
            part[key] = words
    return {"type": "location", "location": part}


def reaction(emoji: str, *, to: str) -> Content:
    return {"type": "reaction", "reaction": {"message_id": to, "emoji": emoji}}


def buttons(text: str, *, replies: Sequence[tuple[str, str]]) -> Content:
    _check("body", text, BODY_LIMIT)
    _check_number("buttons", replies, BUTTONS_LIMIT)
    if len({title for _identifier, title in replies}) < len(replies):
        # The person could not tell them apart, and the provider refuses them.
        raise PartRefused("buttons", BUTTONS_LIMIT)
    for _identifier, title in replies:
        _check("button", title, BUTTON_LIMIT)
    return _interactive(
        "button",
        text,
        {
            "buttons": [
                {"type": "reply", "reply": {"id": key, "title": title}} for key, title in replies
            ]
        },
    )


def choices(text: str, *, button: str, rows: Sequence[tuple[str, ...]]) -> Content:
    _check("text", text, TEXT_LIMIT)
    _check("button", button, BUTTON_LIMIT)
    _check_number("rows", rows, ROWS_LIMIT)
    written = []
    for key, title, *description in rows:
        _check("row", title, ROW_TITLE_LIMIT)
        row = {"id": key, "title": title}
        if description and description[0]:
            _check("description", description[0], ROW_DESCRIPTION_LIMIT)
            row["description"] = description[0]
        written.append(row)
    return _interactive(
        "list", text, {"button": button, "sections": [{"title": button, "rows": written}]}
    )


def link(text: str, *, title: str, url: str) -> Content:
    _check("body", text, BODY_LIMIT)
    _check("button", title, BUTTON_LIMIT)
    _check("url", url, URL_LIMIT)
    try:
        address = urlsplit(url)
    except ValueError:
        raise PartRefused("url", URL_LIMIT) from None
    if address.scheme not in {"http", "https"} or not address.hostname or " " in url:
        raise PartRefused("url", URL_LIMIT)
    parameters = {"display_text": title, "url": url}
    return _interactive("cta_url", text, {"name": "cta_url", "parameters": parameters})


def ask_place(text: str) -> Content:
    _check("body", text, BODY_LIMIT)
    return _interactive("location_request_message", text, {"name": "send_location"})


def ask_phone(text: str) -> Content:
    _check("body", text, BODY_LIMIT)
    return _interactive("contact_request", text, {"name": "request_contact_info"})


def form(
    text: str,
    *,
    title: str,
    form_id: str,
    token: str,
    screen: str,
    data: Mapping[str, Any] | None = None,
) -> Content:
    _check("body", text, BODY_LIMIT)
    _check("button", title, BUTTON_LIMIT)
    if any(character > "\uffff" for character in title):
        raise PartRefused("form_button", BUTTON_LIMIT)
    parameters: Content = {
        "flow_message_version": "3",
        "flow_id": form_id,
        "flow_token": token,
        "flow_cta": title,
        "mode": "published",
    }
    if screen:
        shown: Content = {"screen": screen} | ({"data": dict(data)} if data else {})
        parameters |= {"flow_action": "navigate", "flow_action_payload": shown}
    else:
        # Without a first screen that we know, the form's own service says what comes first.
        parameters["flow_action"] = "data_exchange"
    return _interactive("flow", text, {"name": "flow", "parameters": parameters})


def quoting(content: Content, message_id: str) -> Content:
    return {**content, "context": {"message_id": message_id}}


def _interactive(kind: str, text: str, action: Content) -> Content:
    return {
        "type": "interactive",
        "interactive": {"type": kind, "body": {"text": text}, "action": action},
    }


def _check(part: str, text: str, limit: int) -> None:
    if not text or len(text.encode("utf-16-le", "surrogatepass")) // 2 > limit:
        raise PartRefused(part, limit)


def _check_number(part: str, items: Sequence[Any], limit: int) -> None:
    if not 0 < len(items) <= limit:
        raise PartRefused(part, limit)
