"""What a file is by its bytes, whatever its sender says; what may come in and go out (reference 1.13)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import imagesize
import puremagic

MB = 1024 * 1024
# Enough for every mark that a type is known by.
HEAD = 16 * 1024
# The provider passes on nothing larger.
LARGEST = 100 * MB

OFFICE = "application/vnd.openxmlformats-officedocument"
# What puremagic calls a type → how we do.
_BY_EXTENSION = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".heif": "image/heif",
    ".heic": "image/heif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".3gp": "video/3gpp",
    ".3ga": "video/3gpp",
    ".3g2": "video/3gpp",
    ".webm": "video/webm",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".amr": "audio/amr",
    ".mp3": "audio/mpeg",
    ".mp1": "audio/mpeg",
    ".aac": "audio/aac",
    ".wav": "audio/wav",
    ".pdf": "application/pdf",
}
# Each kind's types, the likelier first; a document may be anything that cannot run.
_SOUNDS = ("audio/ogg", "audio/aac", "audio/mpeg", "audio/mp4", "audio/amr", "audio/wav")
_TYPES = {
    "image": ("image/jpeg", "image/png", "image/webp", "image/gif", "image/heif"),
    "sticker": ("image/webp",),
    "video": ("video/mp4", "video/3gpp", "video/webm"),
    "audio": _SOUNDS,
    "voice": _SOUNDS,
}
# The name alone tells these from other texts and other bundles of files.
_BY_NAME = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
    "pptx": f"{OFFICE}.presentationml.presentation",
}
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RUNS = (
    b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"L\0\0\0\x01\x14\x02\0", b"dex\n", b"\0asm",
)  # fmt: skip
_RUNS_BY_NAME = {
    "apk", "app", "bat", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "htm", "html", "iso", "jar", "js",
    "lnk", "mht", "mhtml", "msi", "ps1", "scr", "sh", "svg", "vbe", "vbs", "wsf", "xhtml",
}  # fmt: skip
# A page or a drawing that a browser would run, after whatever may stand before its first mark.
_PAGE = re.compile(
    rb"<(!doctype\s+html|html|head|body|script|iframe|svg|meta|object|embed)[\s/>:]", re.IGNORECASE
)


class NotWhatItSays(Exception):
    """The bytes are not of the kind that the file was sent as; `found` names what they are instead."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def type_of(head: bytes, *, kind: str, name: str = "") -> str:
    """The type of a file that came as this kind, by its first bytes (and a document's name).

    :raises NotWhatItSays: it is something else, or something that can run
    """
    if _can_run(head, name):
        raise NotWhatItSays("active")
    found = _found(head)
    if kind in _TYPES:
        mime_type = next((known for known in _TYPES[kind] if known in found), "")
        # One container for moving pictures and for sound alone.
        if not mime_type and kind in {"audio", "voice"} and found & {"video/mp4", "video/3gpp"}:
            mime_type = "audio/mp4"
        if not mime_type:
            raise NotWhatItSays(next(iter(sorted(found)), "unknown"))
        return mime_type
    return _document_type(head, found, _extension(name))


def _document_type(head: bytes, found: set[str], extension: str) -> str:
    named = _BY_NAME.get(extension, "")
    is_office = head.startswith(_ZIP) and named.startswith(OFFICE)
    if is_office or (head.startswith(_OLE) and named in _OLD_OFFICE):
        return named
    for types in (("application/pdf",), *_TYPES.values()):
        for mime_type in types:
            if mime_type in found:
                return mime_type
    if head.startswith(_ZIP):
        return "application/zip"
    return "text/plain" if _is_text(head) else "application/octet-stream"


_OLD_OFFICE = {_BY_NAME[extension] for extension in ("doc", "xls", "ppt")}


def _found(head: bytes) -> set[str]:
    """The types of ours that these bytes are, as far as their marks can tell them apart."""
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return set()
    known = [match for match in matches if match.extension in _BY_EXTENSION]
    # One mark may be the beginning of another: the longer one says more.
    surest = max((match.confidence for match in known), default=0)
    return {_BY_EXTENSION[match.extension] for match in known if match.confidence == surest}


def _can_run(head: bytes, name: str) -> bool:
    script = head.startswith(b"#!") and not head.startswith(b"#!AMR")
    if script or head.startswith(_RUNS) or _extension(name) in _RUNS_BY_NAME:
        return True
    # Pictures and sounds may hold such letters by chance, deep inside; a page begins with them.
    return _is_text(head) and _PAGE.search(head[:4096]) is not None


def _is_text(head: bytes) -> bool:
    """True for UTF-8, which may be cut in the middle of a letter."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) >= HEAD
    return True


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower().strip() if "." in name else ""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How large a picture is, or how long a sound; what cannot be told is None."""

    width: int | None = None
    height: int | None = None
    seconds: float | None = None


def measure(path: Path, mime_type: str) -> Measures:
    """What the file says of its own size; never raises for what is in it."""
    if mime_type.startswith("image/"):
        try:
            width, height = imagesize.get(path)
        except Exception:  # whatever a stranger's bytes can cause in the library
            return Measures()
        if 0 < width < 100_000 and 0 < height < 100_000:
            return Measures(width=round(width), height=round(height))
    if mime_type == "audio/ogg":
        return Measures(seconds=_opus_seconds(path))
    return Measures()


def _opus_seconds(path: Path) -> float | None:
    """The length of an Opus sound: its last page says how many samples were played by then."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(max(0, path.stat().st_size - 4 * HEAD))
        tail = file.read()
    opus, last = head.find(b"OpusHead"), tail.rfind(b"OggS")
    if opus < 0 or last < 0 or len(tail) < last + 14 or len(head) < opus + 12:
        return None
    samples = int.from_bytes(tail[last + 6 : last + 14], "little", signed=True)
    skipped = int.from_bytes(head[opus + 10 : opus + 12], "little")
    seconds = (samples - skipped) / 48_000
    return round(seconds, 2) if 0 < seconds < 24 * 3600 else None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What of a kind the channel takes from us."""

    types: tuple[str, ...]
    most: int


_DOCUMENTS = tuple(_BY_NAME.values())
RULES = {
    "image": Rule(types=("image/jpeg", "image/png"), most=5 * MB),
    "video": Rule(types=("video/mp4", "video/3gpp"), most=16 * MB),
    "audio": Rule(
        types=("audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/ogg"), most=16 * MB
    ),
    "voice": Rule(types=("audio/ogg",), most=16 * MB),
    "document": Rule(types=_DOCUMENTS, most=LARGEST),
    "sticker": Rule(types=("image/webp",), most=500 * 1024),
}


def may_go_out(head: bytes, *, kind: str, mime_type: str) -> bool:
    """True for what the channel takes as this kind, by its type and by what the type holds."""
    if mime_type not in RULES[kind].types:
        return False
    if mime_type == "audio/ogg":
        # Opus with one channel, and nothing else.
        opus = head.find(b"OpusHead")
        return opus >= 0 and head[opus + 9 : opus + 10] == b"\x01"
    if mime_type == "image/png":
        # Eight bits a colour; three colours, with or without transparency.
        return head[24:25] == b"\x08" and head[25:26] in {b"\x02", b"\x06"}
    return True


def most_bytes(head: bytes, *, kind: str) -> int:
    """How large this file may be to go out as this kind."""
    is_animated = head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)
    return 100 * 1024 if kind == "sticker" and not is_animated else RULES[kind].most
