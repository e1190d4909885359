"""A letter that a person wrote, as a message of theirs; each of its files is one more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from bayan.channels.adapters.email import words
from bayan.channels.adapters.whatsapp.reading import as_text
from bayan.channels.events import IncomingFile, IncomingMessage

ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
)
MESSAGE_ID = re.compile(r"<[^<>\s]{3,150}>")
MOST_FILES = 5
LONGEST_SUBJECT = 200
# The line that whoever read the mailbox wrote above the letter: where it lies there.
POSITION = "X-Bayan-Mailbox"
KINDS = {"image": "image", "audio": "audio", "video": "video"}


def messages_of(
    message: EmailMessage,
    body: bytes,
    *,
    numbers: Mapping[str, int],
    received_at: datetime,
    request_id: str,
) -> tuple[IncomingMessage, ...]:
    """What a person wrote; nothing where it does not say who, or only comes from ourselves."""
    sender, name = _sender(message)
    number = _number(message, numbers)
    if not sender or number is None or sender in numbers:
        return ()
    text = as_text(words.of(message))
    answered = _answered(message)
    subject = " ".join(as_text(str(message.get("Subject") or "")).split())[:LONGEST_SUBJECT]
    if subject and not answered:
        text = f"{subject}\n{text}".strip()
    key = _key(message, body)
    facts: dict[str, Any] = {
        "number_id": number,
        "whatsapp_id": "",
        "phone": "",
        "email": sender,
        "name": as_text(name)[:200],
        "sent_at": _moment(message, received_at),
        "received_at": received_at,
        "quoted_id": answered,
        "request_id": request_id,
    }
    found = [IncomingMessage(external_id=key, kind="text", text=text, **facts)] if text else []
    for count, (part, file) in enumerate(_files(message, body), start=1):
        kind = KINDS.get(part.get_content_maintype(), "document")
        found.append(
            IncomingMessage(
                external_id=f"{key}#{count}"[:160], kind=kind, text="", file=file, **facts
            )
        )
    return tuple(found)


def _sender(message: EmailMessage) -> tuple[str, str]:
    for name, address in getaddresses([str(message.get("From") or "")[:500]]):
        if ADDRESS.fullmatch(address) and len(address) <= 160:
            return address.lower(), " ".join(name.split())
    return "", ""


def _number(message: EmailMessage, numbers: Mapping[str, int]) -> int | None:
    named = [str(message.get(name) or "")[:4000] for name in ("To", "Cc", "Delivered-To")]
    for _name, address in getaddresses(named):
        if address.lower() in numbers:
            return numbers[address.lower()]
    # It lay in our mailbox: a blind copy, or an address of another name.
    return next(iter(numbers.values()), None)


def _answered(message: EmailMessage) -> str:
    """Which letter it answers, by its Message-ID; the last one named is the nearest."""
    for header in ("In-Reply-To", "References"):
        if named := MESSAGE_ID.findall(str(message.get(header) or "")[-4000:]):
            return str(named[-1])
    return ""


def _key(message: EmailMessage, body: bytes) -> str:
    named = MESSAGE_ID.search(str(message.get("Message-ID") or "")[:400])
    # Without a name of its own the same letter is the one that says the same.
    return named[0] if named else f"<{hashlib.sha256(body).hexdigest()}@nameless>"


def _moment(message: EmailMessage, received_at: datetime) -> datetime:
    try:
        moment = parsedate_to_datetime(str(message.get("Date") or ""))
    except (ValueError, TypeError, IndexError):
        return received_at
    # A clock in the future would put it above what comes later.
    return min(moment, received_at) if moment.tzinfo else received_at


def _files(message: EmailMessage, body: bytes) -> list[tuple[EmailMessage, IncomingFile]]:
    position = str(message.get(POSITION) or "")
    if not body.startswith(POSITION.encode()) or not position.isdigit():
        # Not from a mailbox of ours, so they could not be fetched.
        return []
    found: list[tuple[EmailMessage, IncomingFile]] = []
    for number, part in enumerate(message.walk()):
        if len(found) == MOST_FILES:
            break
        if part.is_multipart() or not _is_file(part):
            continue
        file = IncomingFile(
            external_id=f"mail:{position}:{number}",
            mime_type=part.get_content_type()[:100],
            name=as_text(part.get_filename() or "")[:240],
        )
        found.append((part, file))
    return found


def _is_file(part: EmailMessage) -> bool:
    if part.get_content_disposition() == "attachment":
        return True
    # A picture within the text, unless it is a letterhead's.
    return part.get_content_maintype() in KINDS and bool(part.get_filename())
