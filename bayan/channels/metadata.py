"""What a camera writes into a picture: where and when it was taken is read, then all of it is taken out.

Only the parts of the file are looked at; the picture itself stays bit for bit what it was (ADR 27).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from django.utils import timezone

JPEG, PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
# Of a JPEG's application segments only these say how to draw it: JFIF, colours (ICC), Adobe.
DRAWING = {0xE0, 0xE2, 0xEE}
COMMENT, SCAN, END = 0xFE, 0xDA, b"\xff\xd9"
# Markers without a length.
ALONE = {0x01, *range(0xD0, 0xD8)}
# Chunks of a PNG that say what is not seen.
WORDS = {b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
# Tags of EXIF.
ORIENTATION, DETAILS, PLACE, TAKEN, OFFSET = 0x0112, 0x8769, 0x8825, 0x9003, 0x9011
# A clock that runs ahead by more than this is wrong; so is one before the first phones with a camera.
AHEAD, FIRST_YEAR = timedelta(minutes=10), 2005


@dataclass(frozen=True)
class Taken:
    """Where and when a picture was taken, by its camera; None: it does not say, or not believably."""

    at: datetime | None = None
    point: tuple[float, float] | None = None


def taken(data: bytes, *, now: datetime) -> Taken:
    """What the camera says. Never raises for what is in the file."""
    # Only who is sent pictures loads the decoders; nothing is decoded here.
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            exif = image.getexif()
            details, place = exif.get_ifd(DETAILS), exif.get_ifd(PLACE)
            return Taken(_moment(details, now=now), _point(place))
    except Exception:  # whatever a stranger's bytes can cause
        return Taken()


def _moment(details: dict[int, Any], *, now: datetime) -> datetime | None:
    said = str(details.get(TAKEN, "")).strip("\0 ")
    if not said:
        return None
    try:
        offset = str(details.get(OFFSET, "")).strip("\0 ")
        if offset:
            at = datetime.strptime(f"{said}{offset}", "%Y:%m:%d %H:%M:%S%z")
        else:
            # A camera without a zone goes by the clock on the wall.
            at = timezone.make_aware(datetime.strptime(said, "%Y:%m:%d %H:%M:%S"))  # noqa: DTZ007
    except ValueError:
        return None
    return at if at.year >= FIRST_YEAR and at <= now + AHEAD else None


def _point(place: dict[int, Any]) -> tuple[float, float] | None:
    if not {1, 2, 3, 4} <= place.keys():
        return None
    latitude = _degrees(place[2]) * (-1 if str(place[1]).startswith("S") else 1)
    longitude = _degrees(place[4]) * (-1 if str(place[3]).startswith("W") else 1)
    # Without a fix phones write zeros: nobody works in the sea off Ghana.
    is_nowhere = abs(latitude) < 0.001 and abs(longitude) < 0.001
    is_on_earth = -90 <= latitude <= 90 and -180 <= longitude <= 180
    return (latitude, longitude) if is_on_earth and not is_nowhere else None


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600


def stripped(data: bytes) -> bytes:
    """The same picture without what its camera and programs wrote beside it.

    Kept: how to turn it, and its colours. What is no JPEG or PNG, or is broken, comes back as it is.
    """
    try:
        if data.startswith(JPEG):
            return _jpeg(data)
        if data.startswith(PNG):
            return _png(data)
    except (struct.error, IndexError):
        pass
    return data


def _jpeg(data: bytes) -> bytes:
    orientation = _orientation(data)
    kept = [data[:2]]
    turned = not orientation
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return data
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in ALONE:
            kept.append(data[at : at + 2])
            at += 2
            continue
        end = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        if end > len(data) or end < at + 4:
            return data
        if not turned and marker != 0xE0:
            kept.append(_turning(orientation))
            turned = True
        if marker == SCAN:
            # What hangs behind the last picture is another one, or nobody's business.
            last = _end_of(data, end)
            return b"".join([*kept, data[at:last]])
        is_application = 0xE0 <= marker <= 0xEF
        if marker != COMMENT and (not is_application or _draws(marker, data[at + 4 : end])):
            kept.append(data[at:end])
        at = end
    return data


def _draws(marker: int, body: bytes) -> bool:
    """True for a segment that says how to draw; a second picture's list (MPF) shares the colours' number."""
    return marker in DRAWING and (marker != 0xE2 or body.startswith(b"ICC_PROFILE"))


def _end_of(data: bytes, begin: int) -> int:
    """Where the picture ends whose first scan begins here."""
    at = begin
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker == END[1]:
            return at + 2
        if marker == 0 or marker in ALONE or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        if at + 4 > len(data):
            break
        # Between the scans of a progressive picture stand tables, with their length.
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return len(data)


def _orientation(data: bytes) -> int:
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            said = int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # whatever a stranger's bytes can cause
        return 0
    return said if 2 <= said <= 8 else 0


def _turning(orientation: int) -> bytes:
    """A segment that says how to turn the picture, and nothing else."""
    directory = struct.pack(">HHHIHHI", 1, ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + directory
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(data: bytes) -> bytes:
    kept = [data[:8]]
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + struct.unpack(">I", data[at : at + 4])[0]
        kind = data[at + 4 : at + 8]
        if end > len(data):
            return data
        if kind not in WORDS:
            kept.append(data[at:end])
        at = end
        if kind == b"IEND":
            return b"".join(kept)
    return data
