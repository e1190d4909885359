"""What stands in the mailbox: letters that came back, receipts of a kind, and everything else.

A letter is a stranger's: nothing of it is believed but what says which of our own letters it is about. What
comes back as undeliverable (RFC 3464, or a mailer's own words about our Message-ID) fails the message; what a
machine answers (RFC 3834) is noted and answered by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from typing import Any

from bayan.channels.adapters.email import persons
from bayan.channels.adapters.email.outgoing import MARK
from bayan.channels.events import DeliveryStatus, Parsed

LARGEST = 4 * 1024 * 1024
MOST_PARTS = 100
# Our own ids: those of rows.
OWN_ID = re.compile(
    r"<([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})@[A-Za-z0-9.-]{1,120}>"
)
OWN_MARK = re.compile(rf"^{MARK}: ([0-9a-f-]{{36}})\s*$", re.MULTILINE | re.IGNORECASE)
STATUS_CODE = re.compile(r"^Status: *([245])\.(\d{1,3})\.(\d{1,3})", re.MULTILINE | re.IGNORECASE)
ACTION = re.compile(r"^Action: *(\w+)", re.MULTILINE | re.IGNORECASE)
READ_FOR_BOUNCES = 64 * 1024


def parse(
    body: bytes, *, numbers: Mapping[str, int], received_at: datetime, request_id: str
) -> Parsed:
    """What of a letter concerns us.

    :raises ValueError: it is no letter
    """
    if not body or len(body) > LARGEST:
        raise ValueError("no letter")
    message = message_from_bytes(body, _class=EmailMessage, policy=default)
    try:
        if is_bounce(message):
            return _bounce(message, body, received_at=received_at)
        if reason := is_automatic(message):
            return Parsed(remarks=(f"automatic: {reason}",))
        found = persons.messages_of(
            message, body, numbers=numbers, received_at=received_at, request_id=request_id
        )
    except (LookupError, UnicodeError, AttributeError, RecursionError, IndexError) as error:
        # The library reads headers that nobody should write; some of them break it.
        raise ValueError("a letter that cannot be read") from error
    return Parsed(messages=found, remarks=() if found else ("a letter of nobody",))


def is_bounce(message: Message) -> bool:
    """True for what a mail server says of a letter that it could not deliver."""
    if message.get_content_type() == "multipart/report":
        kind = message.get_param("report-type")
        return not isinstance(kind, tuple) and str(kind or "").lower() == "delivery-status"
    sender = _header(message, "From").lower()
    is_empty = _header(message, "Return-Path").strip() == "<>"
    return is_empty and ("mailer-daemon" in sender or "postmaster" in sender)


def is_automatic(message: Message) -> str:
    """Why no person wrote this letter, so that nobody answers it; empty for a person's."""
    if _header(message, MARK):
        return "our own"
    submitted = _header(message, "Auto-Submitted").split(";")[0].strip().lower()
    if submitted not in {"", "no"}:
        return "auto-submitted"
    if _header(message, "Precedence").strip().lower() in {"bulk", "junk", "list", "auto_reply"}:
        return "precedence"
    for name in (
        "List-Id",
        "List-Unsubscribe",
        "X-Autoreply",
        "X-Autorespond",
        "X-Auto-Response-Suppress",
    ):
        if _header(message, name):
            return name.lower()
    return ""


def _bounce(message: EmailMessage, body: bytes, *, received_at: datetime) -> Parsed:
    text = body[:LARGEST].decode("utf-8", "replace")
    report, original = "", ""
    for count, part in enumerate(message.walk()):
        if count > MOST_PARTS:
            break
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            report += part.as_string()[:READ_FOR_BOUNCES]
        elif kind in {"message/rfc822", "text/rfc822-headers"}:
            original += part.as_string()[:READ_FOR_BOUNCES]
    action = ACTION.search(report)
    status = STATUS_CODE.search(report)
    is_final = action is None or action[1].lower() == "failed"
    if not is_final or (status is not None and status[1] != "5"):
        return Parsed(remarks=("a letter that is delayed",))
    marked = OWN_MARK.search(original) or OWN_MARK.search(text[:READ_FOR_BOUNCES])
    named = OWN_ID.search(original or text)
    if marked is None and named is None:
        return Parsed(remarks=("a letter that came back, not ours",))
    callback = marked[1] if marked else named[1] if named else ""
    error: dict[str, Any] = {"title": "bounced"}
    if status:
        error["details"] = ".".join(status.groups())
    found = DeliveryStatus(
        external_id=named[0] if named else f"<{callback}>",
        status="failed",
        recipient="",
        callback=callback,
        provider_at=received_at,
        received_at=received_at,
        error=error,
    )
    return Parsed(statuses=(found,))


def _header(message: Message, name: str) -> str:
    value = message.get(name)
    return "" if value is None else str(value)[:500]
