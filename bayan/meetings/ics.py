"""A meeting as a calendar file (RFC 5545): lines of at most 75 octets, folded between letters."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.urls import reverse

from bayan.meetings.models import Meeting

MOST_OCTETS = 75
# A calendar shows these as reminders of its own, besides those of WhatsApp.
ALARM = "-PT1H"


def of_meeting(meeting: Meeting, *, now: datetime) -> bytes:
    """The file; a later one of the same meeting takes the place of an earlier one."""
    address = f"{settings.PUBLIC_URL}{reverse('meetings:meeting', args=[meeting.public_id])}"
    agenda = [f"{item.position}. {item.title}" for item in meeting.agenda.order_by("position")]
    is_cancelled = meeting.state == Meeting.State.CANCELLED
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Bayan//Meetings//AR",
        "CALSCALE:GREGORIAN",
        f"METHOD:{'CANCEL' if is_cancelled else 'PUBLISH'}",
        "BEGIN:VEVENT",
        f"UID:{meeting.public_id}@bayan",
        f"SEQUENCE:{meeting.revision + is_cancelled}",
        f"DTSTAMP:{_moment(now)}",
        f"DTSTART:{_moment(meeting.starts_at)}",
        f"DTEND:{_moment(meeting.ends_at)}",
        f"SUMMARY:{escaped(meeting.title)}",
        f"LOCATION:{escaped(meeting.where)}",
        f"DESCRIPTION:{escaped('\n'.join(filter(None, [*agenda, meeting.link, address])))}",
        f"URL:{address}",
        f"STATUS:{'CANCELLED' if is_cancelled else 'CONFIRMED'}",
    ]
    if not is_cancelled:
        lines += [
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            f"DESCRIPTION:{escaped(meeting.title)}",
            f"TRIGGER:{ALARM}",
            "END:VALARM",
        ]
    lines += ["END:VEVENT", "END:VCALENDAR"]
    return b"".join(folded(line) + b"\r\n" for line in lines)


def escaped(text: str) -> str:
    """A text as a value: what separates values is written with a backslash, a new line as \\n."""
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def folded(line: str) -> bytes:
    """A line in pieces of at most 75 octets, each further one behind a blank; no letter is torn apart."""
    pieces: list[bytes] = []
    piece = b""
    for letter in line:
        octets = letter.encode()
        # The blank at the beginning of a further piece counts.
        if len(piece) + len(octets) > MOST_OCTETS - bool(pieces):
            pieces.append(piece)
            piece = b""
        piece += octets
    return b"\r\n ".join([*pieces, piece])


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
