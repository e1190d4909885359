"""Files under way in either direction: what may be uploaded, how long it lives, where it is."""

import base64
import hashlib
import hmac
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from emulator.errors import ProviderError

SAMPLES = Path(__file__).parent / "samples"
MB = 1024 * 1024
LARGEST_FILE = 100 * MB
DAY_S = 24 * 3600
UPLOADED_LIVES_S, RECEIVED_LIVES_S = 30 * DAY_S, 7 * DAY_S
URL_LIVES_S = 5 * 60
UPLOAD_FAILED = 131053

OFFICE = "application/vnd.openxmlformats-officedocument"
# kind: the types it may have; and the most bytes of each kind
TYPES: dict[str, tuple[str, ...]] = {
    "audio": ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
    "document": (
        "text/plain",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        f"{OFFICE}.wordprocessingml.document",
        f"{OFFICE}.spreadsheetml.sheet",
        f"{OFFICE}.presentationml.presentation",
    ),
    "image": ("image/jpeg", "image/png"),
    "sticker": ("image/webp",),
    "video": ("video/3gpp", "video/mp4"),
}
MOST = {
    "audio": 16 * MB,
    "document": LARGEST_FILE,
    "image": 5 * MB,
    "sticker": 500 * 1024,
    "video": 16 * MB,
}
MOST_STILL_STICKER = 100 * 1024
KIND_OF = {mime_type: kind for kind, types in TYPES.items() for mime_type in types}
# What a file of each type begins with; types without a mark of their own are taken on trust.
BEGINNINGS: dict[str, re.Pattern[bytes]] = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "audio/ogg": re.compile(rb"OggS"),
    "audio/amr": re.compile(rb"#!AMR"),
    "audio/aac": re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"),
    "audio/mpeg": re.compile(rb"ID3|\xff[\xe0-\xff]"),
    "audio/mp4": re.compile(rb"....ftyp", re.DOTALL),
    "video/mp4": re.compile(rb"....ftyp", re.DOTALL),
    "video/3gpp": re.compile(rb"....ftyp", re.DOTALL),
    "application/pdf": re.compile(rb"%PDF-"),
}
# What a person sends who attaches nothing of their own.
READY_MADE = {
    "image": ("photo.jpg", "image/jpeg"),
    "audio": ("voice.ogg", "audio/ogg; codecs=opus"),
    "video": ("video.mp4", "video/mp4"),
    "document": ("document.pdf", "application/pdf"),
    "sticker": ("sticker.webp", "image/webp"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """One file, uploaded by the business or sent by a person."""

    id: str
    mime_type: str
    sha256: str  # hexadecimal
    file_size: int
    stored_at: float
    is_received: bool
    number: str | None = None  # of the business, where it was uploaded
    filename: str | None = None
    sample: str | None = None

    @property
    def kind(self) -> str | None:
        return KIND_OF.get(bare_type(self.mime_type))

    @property
    def sha256_base64(self) -> str:
        """As webhooks write it."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


class MediaStore:
    """Keeps the files; in a folder of its own that goes with it, unless told where to keep them."""

    def __init__(self, now: Callable[[], float], base_url: str) -> None:
        self._now = now
        self._base_url = base_url
        self._secret = secrets.token_bytes(16)
        self._temporary = tempfile.TemporaryDirectory(prefix="emulator-")
        self._folder = Path(self._temporary.name)
        self._media: dict[str, Media] = {}
        self._uploads: dict[str, int] = {}
        self._handles: set[str] = set()

    def keep_in(self, folder: Path) -> None:
        """Read back the files kept there, and keep those that follow."""
        self._folder = folder / "media"
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("*.json"):
            media = Media(**msgspec.json.decode(path.read_bytes()))
            if self.path(media).exists():
                self._media[media.id] = media

    def close(self) -> None:
        self._temporary.cleanup()

    def upload(self, number: str, mime_type: str, content: bytes, filename: str | None) -> Media:
        """Keep a file that the business may send.

        :raises ProviderError: its type or size is not allowed, or it is not what it says
        """
        check(mime_type, content)
        return self._keep(
            content, mime_type=mime_type, is_received=False, number=number, filename=filename
        )

    def receive(self, mime_type: str, content: bytes, filename: str | None) -> Media:
        """Keep a file that a person attaches."""
        return self._keep(content, mime_type=mime_type, is_received=True, filename=filename)

    def ready_made(self, kind: str) -> Media:
        """A small real file of that kind, as if a person had attached it."""
        sample, mime_type = READY_MADE[kind]
        content = (SAMPLES / sample).read_bytes()
        return self._keep(content, mime_type=mime_type, is_received=True, sample=sample)

    def get(self, media_id: str) -> Media | None:
        """The file, unless its time is over."""
        media = self._media.get(media_id)
        if media is None:
            return None
        lives_s = RECEIVED_LIVES_S if media.is_received else UPLOADED_LIVES_S
        return media if self._now() - media.stored_at < lives_s else None

    def to_send(self, kind: str, media_id: str) -> Media:
        """The uploaded file for a message of that kind.

        :raises ProviderError: there is none, or it is of another kind
        """
        media = self.get(media_id)
        if media is None or media.is_received:
            raise ProviderError(100, f"There is no uploaded media with the id {media_id}.")
        if media.kind != kind:
            raise ProviderError(UPLOAD_FAILED, f"{media.mime_type} cannot be sent as {kind}.")
        return media

    def delete(self, media: Media) -> None:
        del self._media[media.id]
        (self._folder / f"{media.id}.json").unlink(missing_ok=True)
        if media.sample is None:
            self.path(media).unlink(missing_ok=True)

    def path(self, media: Media) -> Path:
        return SAMPLES / media.sample if media.sample else self._folder / media.id

    def url(self, media: Media) -> str:
        """Where the business may fetch it for the next five minutes."""
        until = int(self._now()) + URL_LIVES_S
        mark = self._mark(media.id, until)
        return f"{self._base_url}/attachments/?mid={media.id}&ext={until}&hash={mark}"

    def by_url(self, query: dict[str, str]) -> Media | None:
        """The file that such an address means, while it is valid."""
        media_id, until, mark = (query.get(name, "") for name in ("mid", "ext", "hash"))
        if not until.isascii() or not until.isdigit() or int(until) < self._now():
            return None
        if not hmac.compare_digest(mark.encode(), self._mark(media_id, int(until)).encode()):
            return None
        return self.get(media_id)

    def _mark(self, media_id: str, until: int) -> str:
        return hmac.new(self._secret, f"{media_id} {until}".encode(), hashlib.sha256).hexdigest()

    # Samples for template headers come by the resumable upload.

    def begin_upload(self, size: int) -> str:
        session = secrets.token_urlsafe(18)
        self._uploads[session] = size
        return session

    def finish_upload(self, session: str, content: bytes) -> str:
        """The handle of the uploaded sample.

        :raises ProviderError: there is no such upload, or not all of it came
        """
        if session not in self._uploads:
            raise ProviderError(100, "There is no such upload session.")
        if self._uploads[session] != len(content):
            raise ProviderError(100, "The file has another length than announced.")
        del self._uploads[session]
        handle = "4::" + secrets.token_urlsafe(24)
        self._handles.add(handle)
        return handle

    def knows_handle(self, handle: str) -> bool:
        return handle in self._handles

    def _keep(self, content: bytes, **described: Any) -> Media:
        media = Media(
            id=str(10**15 + secrets.randbelow(9 * 10**15)),
            sha256=hashlib.sha256(content).hexdigest(),
            file_size=len(content),
            stored_at=self._now(),
            **described,
        )
        if media.sample is None:
            self.path(media).write_bytes(content)
        (self._folder / f"{media.id}.json").write_bytes(msgspec.json.encode(asdict(media)))
        self._media[media.id] = media
        return media


def bare_type(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()


def check(mime_type: str, content: bytes) -> None:
    """Refuse a file that the provider would not take.

    :raises ProviderError: its type or size is not allowed, or it is not what it says
    """
    bare = bare_type(mime_type)
    kind = KIND_OF.get(bare)
    if kind is None:
        allowed = ", ".join(KIND_OF)
        raise ProviderError(100, f"Param file must be one of {allowed}; it is {mime_type}.")
    is_still = bare == "image/webp" and not _is_animated(content)
    most = MOST_STILL_STICKER if is_still else MOST[kind]
    if not content:
        raise ProviderError(UPLOAD_FAILED, "The file is empty.")
    if len(content) > most:
        raise ProviderError(UPLOAD_FAILED, f"The file is larger than {most} bytes.")
    beginning = BEGINNINGS.get(bare)
    if beginning and not beginning.match(content):
        raise ProviderError(UPLOAD_FAILED, f"The file says {bare} and is something else.")
    if bare == "audio/ogg":
        opus = content.find(b"OpusHead", 0, 4096)
        if opus < 0 or content[opus + 9 : opus + 10] != b"\x01":
            raise ProviderError(UPLOAD_FAILED, "OGG audio must be Opus with one channel.")
    if bare == "image/png" and (content[24:25] != b"\x08" or content[25:26] not in b"\x02\x06"):
        raise ProviderError(UPLOAD_FAILED, "PNG images must be 8-bit RGB or RGBA.")


def _is_animated(webp: bytes) -> bool:
    return webp[12:16] == b"VP8X" and bool(webp[20] & 0x02 if len(webp) > 20 else 0)


def form_fields(content_type: str, body: bytes) -> dict[str, tuple[bytes, str | None, str | None]]:
    """The parts of a multipart form: content, file name and type of each.

    :raises ProviderError: it is not such a form
    """
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.lower().startswith("multipart/form-data") or boundary is None:
        raise ProviderError(100, "The request must be multipart/form-data.")
    fields = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace")
        name = re.search(r'[;\s]name="([^"]*)"', lines)
        filename = re.search(r'filename="([^"]*)"', lines)
        extended = re.search(r"filename\*=UTF-8''(\S+)", lines, re.IGNORECASE)
        mime_type = re.search(r"^content-type:\s*(.+?)\s*$", lines, re.IGNORECASE | re.MULTILINE)
        if name:
            given = unquote(extended[1]) if extended else filename and filename[1]
            fields[name[1]] = (content, given or None, mime_type and mime_type[1])
    return fields
