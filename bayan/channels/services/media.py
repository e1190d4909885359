"""Files that come in and go out: kept once by their hash, and only if they are what they say."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, ProtectedError
from django.utils.translation import gettext as _

from bayan.channels import files, metadata
from bayan.channels.events import IncomingFile
from bayan.channels.models import Alert, Media, Number
from bayan.channels.services.health import raise_alert, settle_alert
from bayan.core import live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.organisation.models import Node
from bayan.triage import images

EXPECTED = "bayan_media"
# Longer than any download may take: until then a claimed file is nobody else's.
LEASE = timedelta(minutes=15)
# So long the provider keeps what people send (reference 1.13).
PROVIDER_KEEPS = timedelta(days=7)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
# Until somebody has mended the token.
TOKEN_PAUSE = timedelta(minutes=5)
# A transfer may go wrong once or twice; a file that is never what was announced is another one.
MOST_WRONG_HASHES = 3
# Who fetches may be killed once or twice; a file at which it ends each time may be the reason.
MOST_DEATHS = 3
# As what pictures of something are sent; a sticker shows nothing that happened.
PICTURES = {"image", "document"}
PIECE = 256 * 1024

log = structlog.get_logger(__name__)


class FileTooLarge(DomainError):
    pass


class FileNotAllowed(DomainError):
    pass


class FileMissing(DomainError):
    pass


@dataclass(frozen=True)
class Expected:
    """A file that came with a message of this number, for this body."""

    file: IncomingFile
    kind: str
    number_id: int
    node_id: int
    received_at: datetime


def expect_files(expected: Iterable[Expected]) -> list[Media]:
    """A row for each file, in the order given; the dispatcher fetches them once this is committed."""
    rows = Media.objects.bulk_create(
        Media(
            node_id=one.node_id,
            number_id=one.number_id,
            kind=one.kind,
            state=Media.State.WAITING,
            mime_type=one.file.mime_type,
            name=one.file.name,
            expected_sha256=one.file.sha256,
            external_id=one.file.external_id,
            not_before=one.received_at,
            created_at=one.received_at,
        )
        for one in expected
    )
    if rows:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [EXPECTED])
    return rows


def media_path(media: Media) -> Path:
    """Where a stored file lies."""
    return _place_of(media.sha256)


def number_of_files() -> Number | None:
    """The number whose limits hold for files that members attach on pages, whoever sees our numbers.

    None where no WhatsApp number is set up.
    """
    with as_worker():
        return Number.objects.of_whatsapp().order_by("pk").first()


def keep_file(
    stream: IO[bytes],
    *,
    kind: str,
    name: str,
    declared: str,
    number: Number,
    node: Node,
    now: datetime,
) -> Media:
    """Keep a file that a member wants to send as this kind, under its hash.

    What counts are its bytes, not what its name or its browser (`declared`) says. Of a picture nothing is
    kept that its camera wrote beside it (`taken_of` reads that before).

    :raises FileMissing: nothing is in it
    :raises FileTooLarge: the channel takes no file of this kind that is so large
    :raises FileNotAllowed: it is not of a type that the channel takes as this kind
    """
    most = files.RULES[kind].most
    writer = FileWriter(limit=most)
    try:
        if kind == "image":
            stream = _stripped(stream, most=most)
        written = _written(stream, writer)
        try:
            mime_type = files.type_of(written.head, kind=kind, name=name)
        except files.NotWhatItSays as error:
            log.info("file.refused", kind=kind, declared=declared[:100], found=error.found)
            raise FileNotAllowed(what_is_allowed(kind)) from error
        if not files.may_go_out(written.head, kind=kind, mime_type=mime_type):
            raise FileNotAllowed(what_is_allowed(kind))
        if written.size > files.most_bytes(written.head, kind=kind):
            raise FileTooLarge(what_is_allowed(kind))
        writer.keep()
    except TooLarge as error:
        raise FileTooLarge(what_is_allowed(kind)) from error
    finally:
        writer.discard()
    return _kept(
        written, kind=kind, name=name, mime_type=mime_type, number=number, node=node, now=now
    )


def keep_original(
    stream: IO[bytes], *, name: str, declared: str, number: Number, node: Node, now: datetime
) -> Media:
    """Keep a file as it is, whatever the channel would take: as one that came as a document.

    :raises FileMissing: nothing is in it
    :raises FileTooLarge: it is larger than anything that comes by the channel
    :raises FileNotAllowed: it is something that can run
    """
    writer = FileWriter(limit=files.LARGEST)
    try:
        written = _written(stream, writer)
        try:
            mime_type = files.type_of(written.head, kind="document", name=name)
        except files.NotWhatItSays as error:
            log.info("file.refused", kind="original", declared=declared[:100], found=error.found)
            raise FileNotAllowed(_("A program or a web page is not taken.")) from error
        likeness = images.likeness_of(writer.path) if mime_type.startswith("image/") else None
        writer.keep()
    except TooLarge as error:
        raise FileTooLarge(_("A file may have up to 100 MB.")) from error
    finally:
        writer.discard()
    return _kept(
        written, kind="document", name=name, mime_type=mime_type, number=number, node=node, now=now,
        likeness=likeness,
    )  # fmt: skip


def _written(stream: IO[bytes], writer: FileWriter) -> Written:
    """All of the stream, on disk."""
    writer.open()
    while piece := stream.read(PIECE):
        writer.write(piece)
    written = writer.finish()
    if not written.size:
        raise FileMissing(_("The file is empty. Choose another one."))
    return written


def _kept(
    written: Written,
    *,
    kind: str,
    name: str,
    mime_type: str,
    number: Number,
    node: Node,
    now: datetime,
    likeness: int | None = None,
) -> Media:
    measures = files.measure(_place_of(written.sha256), mime_type)
    return Media.objects.create(
        node=node,
        number=number,
        kind=kind,
        state=Media.State.STORED,
        mime_type=mime_type,
        name=Path(name).name[:240],
        size=written.size,
        sha256=written.sha256,
        width=measures.width,
        height=measures.height,
        seconds=measures.seconds,
        likeness=likeness,
        created_at=now,
    )


def _stripped(stream: IO[bytes], *, most: int) -> IO[bytes]:
    data = stream.read(most + 1)
    if len(data) > most:
        raise TooLarge
    return BytesIO(metadata.stripped(data))


def taken_of(stream: IO[bytes], *, now: datetime) -> metadata.Taken:
    """Where and when the camera says that a picture was taken; the stream is as it was."""
    begin = stream.tell()
    data = stream.read(files.RULES["image"].most)
    stream.seek(begin)
    return metadata.taken(data, now=now)


def what_is_allowed(kind: str) -> str:
    """What the channel takes as this kind, as a sentence."""
    return {
        "image": _("As a picture WhatsApp takes JPEG, or PNG in full colour, up to 5 MB."),
        "video": _("As a video WhatsApp takes MP4 or 3GP, up to 16 MB."),
        "audio": _("As sound WhatsApp takes MP3, M4A, AAC, AMR or OGG (Opus, mono), up to 16 MB."),
        "voice": _("As a voice message WhatsApp takes OGG (Opus, mono), up to 16 MB."),
        "document": _(
            "As a document WhatsApp takes PDF, Word, Excel, PowerPoint or plain text, up to 100 MB."
        ),
        "sticker": _(
            "As a sticker WhatsApp takes WebP, up to 100 KB, or up to 500 KB if it is animated."
        ),
    }[kind]


# Fetching: channels.fetching asks for the bytes, what follows writes down what came of it.


def claim_files(*, limit: int, now: datetime) -> list[Media]:
    """Take the next files to fetch, the longest awaited first, each by one dispatcher only."""
    with transaction.atomic():
        due = Media.objects.filter(state=Media.State.WAITING, not_before__lte=now)
        ids = list(
            due.order_by("not_before", "pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", flat=True)[:limit]
        )
        Media.objects.filter(pk__in=ids).update(attempts=F("attempts") + 1, not_before=now + LEASE)
    rows = Media.objects.filter(pk__in=ids).select_related("number__account")
    return sorted(rows, key=lambda media: ids.index(media.pk))


def likeness_of(media: Media, writer: FileWriter) -> int | None:
    """What a picture that has come whole looks like; None for everything else, and where it cannot be told.

    Decodes what strangers send, which takes time and memory.
    """
    if media.kind not in PICTURES or (media.attempts > MOST_DEATHS and not media.error):
        return None
    return images.likeness_of(writer.path)


@transaction.atomic
def file_fetched(
    media: Media, writer: FileWriter, *, now: datetime, likeness: int | None = None
) -> None:
    """Keep the file that has come whole, or say why not: it is another one, or not what it says."""
    written = writer.finish()
    if media.expected_sha256 and written.sha256 != media.expected_sha256:
        if media.attempts < MOST_WRONG_HASHES:
            file_failed(media, {"title": "hash differs"}, now=now)
        else:
            file_refused(media, {"title": "hash differs"})
        return
    try:
        mime_type = files.type_of(written.head, kind=media.kind, name=media.name)
    except files.NotWhatItSays as error:
        declared = media.mime_type
        file_refused(media, {"title": "wrong type", "declared": declared, "found": error.found})
        return
    writer.keep()
    measures = files.measure(_place_of(written.sha256), mime_type)
    _settle(
        media,
        state=Media.State.STORED,
        mime_type=mime_type,
        size=written.size,
        sha256=written.sha256,
        width=measures.width,
        height=measures.height,
        seconds=measures.seconds,
        likeness=likeness if mime_type.startswith("image/") else None,
        error=None,
    )
    for kind in ("files_wait", "storage_failed"):
        settle_alert(media.number.account, kind, now=now)


def file_refused(media: Media, error: dict[str, Any]) -> None:
    """The file may not be kept: too large, another one than announced, or not what it says."""
    _settle(media, state=Media.State.REFUSED, error=error)


def file_gone(media: Media, error: dict[str, Any] | None) -> None:
    """The provider does not have the file any more."""
    _settle(media, state=Media.State.GONE, error=error)


def file_failed(
    media: Media, error: dict[str, Any] | None, *, now: datetime, wait: timedelta = timedelta()
) -> None:
    """It did not come this time: try again later, as long as the provider keeps it."""
    if now > media.created_at + PROVIDER_KEEPS:
        file_gone(media, error)
        return
    pause = min(FIRST_PAUSE * 2 ** min(media.attempts - 1, 12), LONGEST_PAUSE)
    Media.objects.filter(pk=media.pk).update(not_before=now + max(pause, wait), error=error)


@transaction.atomic
def files_wait(media: Media, error: dict[str, Any] | None, *, now: datetime) -> None:
    """The account is not let in: its files wait until somebody has mended that, and nothing is lost."""
    account = media.number.account
    Media.objects.filter(state=Media.State.WAITING, number__account=account).update(
        not_before=now + TOKEN_PAUSE
    )
    Media.objects.filter(pk=media.pk).update(attempts=media.attempts - 1, error=error)
    raise_alert(account, "files_wait", severity=Alert.Severity.CRITICAL, facts=error or {}, now=now)


@transaction.atomic
def storage_failed(media: Media, error: OSError, *, now: datetime) -> None:
    """Our own disk does not take the file: try again, and let people know."""
    file_failed(media, {"title": "storage", "details": error.strerror or ""}, now=now)
    raise_alert(
        media.number.account,
        "storage_failed",
        severity=Alert.Severity.CRITICAL,
        facts={"details": error.strerror or ""},
        now=now,
    )


def _settle(media: Media, **changes: Any) -> None:
    waiting = Media.objects.filter(pk=media.pk, state=Media.State.WAITING)
    if not waiting.update(not_before=None, **changes):
        return
    log.info("file.settled", media=str(media.public_id), state=str(changes["state"]))
    # The pages that show it stand above this floor: the key to the conversation is all we need.
    shown_in = Media.objects.filter(pk=media.pk, messages__isnull=False).values_list(
        "messages__node_id", "messages__conversation__public_id"
    )
    live.announce((node_id, "conversation", key) for node_id, key in shown_in)


class TooLarge(Exception):
    """More bytes came than are allowed."""


@dataclass(frozen=True)
class Written:
    """What came of a stream of bytes."""

    size: int
    sha256: str
    head: bytes


class FileWriter:
    """Writes a stream to disk piece by piece and keeps it under its hash, or leaves nothing behind."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        self._head = b""
        self.path = _folder() / "incoming" / secrets.token_hex(16)
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Begin; nothing is written before."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, piece: bytes) -> None:
        """Take in the next bytes.

        :raises TooLarge: it is more than the limit
        """
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLarge
        if len(self._head) < files.HEAD:
            self._head = (self._head + piece)[: files.HEAD]
        self._digest.update(piece)
        assert self._file is not None  # noqa: S101  # opened before
        self._file.write(piece)

    def finish(self) -> Written:
        """What has come; nothing more follows."""
        if self._file and not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return Written(self._size, self._digest.hexdigest(), self._head)

    def keep(self) -> None:
        """Put it where `media_path` says; the same file twice lies there once."""
        place = _place_of(self._digest.hexdigest())
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.replace(place)
        # The name must survive a power cut like the bytes.
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Leave nothing behind that was not kept."""
        if self._file:
            self._file.close()
        self.path.unlink(missing_ok=True)


@transaction.atomic
def discard_media(keys: Collection[int]) -> int:
    """Destroy files that nothing uses any more, their bytes too; returns how many.

    What something else still uses stays. To be called as the worker, after whatever used them is gone.
    """
    gone = 0
    for media in list(Media.objects.filter(pk__in=keys)):
        digest = media.sha256
        try:
            with transaction.atomic():
                media.delete()
        except ProtectedError:
            continue
        gone += 1
        if digest and not Media.objects.filter(sha256=digest).exists():
            transaction.on_commit(partial(_place_of(digest).unlink, missing_ok=True))
    return gone


def sweep_unfinished(*, now: datetime) -> int:
    """Remove what writers that died left behind; how many files that were."""
    swept = 0
    for path in (_folder() / "incoming").glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < (now - 2 * LEASE).timestamp():
                path.unlink()
                swept += 1
    return swept


def sweep_lost(*, now: datetime) -> int:
    """Delete the bytes of files that no row names; how many that were.

    Whoever destroyed them was killed before it came to that. To be called as the worker, in a transaction
    that destroys nothing. What was put there within the hour may belong to a row that is not committed yet.
    """
    swept = 0
    for folder in sorted(_folder().glob("[0-9a-f][0-9a-f]")):
        paths = {path.name: path for path in folder.iterdir()}
        known = Media.objects.filter(sha256__in=list(paths)).values_list("sha256", flat=True)
        for name in paths.keys() - set(known):
            with suppress(FileNotFoundError):
                if paths[name].stat().st_mtime < (now - 4 * LEASE).timestamp():
                    paths[name].unlink()
                    swept += 1
    return swept


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT)


def _place_of(sha256: str) -> Path:
    return _folder() / sha256[:2] / sha256
