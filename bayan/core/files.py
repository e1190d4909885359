"""A stranger's file over HTTP: in pieces, revalidated, and never more than the browser may safely show."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import zipfile
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

# Shown in the page; everything else is handed over to be saved. No type that can hold a script.
SHOWN_TYPES = {
    "image/jpeg", "image/png", "image/webp", "image/gif",
    "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/wav",
    "video/mp4", "video/3gpp", "video/webm",
}  # fmt: skip
PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def file_response(
    request: HttpRequest, path: Path, *, mime_type: str, name: str, etag: str, to_save: bool
) -> HttpResponseBase:
    """The file, or the piece of it that is asked for; 304 where the browser has it, 416 beyond its end."""
    kind = mime_type.partition(";")[0].strip().lower()
    is_shown = kind in SHOWN_TYPES
    headers = {
        "Content-Type": kind if is_shown else "application/octet-stream",
        "Content-Disposition": content_disposition_header(to_save or not is_shown, _safe(name))
        or "inline",
        # Whatever it really is: nothing in it may run, load or be taken for another type.
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        # Who may see it is asked each time; the hash tells whether it must be sent again.
        "Cache-Control": "private, no-cache",
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
    }
    size = path.stat().st_size
    unchanged = get_conditional_response(request, etag=headers["ETag"])
    if unchanged is not None:
        for key in ("Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"):
            unchanged.headers[key] = headers[key]
        return unchanged
    span: range | None = range(size)
    status = HTTPStatus.OK
    if request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        if asked:
            span, status = _span(*asked.groups(), size=size), HTTPStatus.PARTIAL_CONTENT
    if span is None:
        headers["Content-Range"] = f"bytes */{size}"
        return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    headers["Content-Length"] = str(len(span))
    if status is HTTPStatus.PARTIAL_CONTENT:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    return StreamingHttpResponse(_pieces(path, span), status=status, headers=headers)


def _span(first: str, last: str, *, size: int) -> range | None:
    """The bytes from `first` to `last`, or the last so many; None beyond the end."""
    if not first and not last:
        return range(size)
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    return range(start, stop) if start < stop else None


async def _pieces(path: Path, span: range) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        await asyncio.to_thread(file.seek, span.start)
        left = len(span)
        while left:
            piece = await asyncio.to_thread(file.read, min(PIECE, left))
            if not piece:
                return
            left -= len(piece)
            yield piece


def _safe(name: str) -> str:
    """A stranger's file name without what steers a screen or a path."""
    shown = "".join(c for c in name if c.isprintable() and c not in '/\\"')
    return shown.strip(". ")[:200]


class _Outlet(io.RawIOBase):
    """Where a zip writer puts its bytes, to be taken from there piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


# The last entry of a sealed archive: `sha256sum -c SHA256SUMS` checks all others.
SEAL = "SHA256SUMS"


def zip_response(
    name: str, entries: Sequence[tuple[str, Path | bytes]], *, is_sealed: bool = False
) -> StreamingHttpResponse:
    """Files as one archive, written while it is sent: neither memory nor disk ever holds it whole.

    `is_sealed` adds the SHA-256 of each file, taken of the very bytes that are sent.
    """
    response = StreamingHttpResponse(
        _zipped(entries, is_sealed=is_sealed), content_type="application/zip"
    )
    response["Content-Disposition"] = content_disposition_header(True, _safe(name)) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _zipped(
    entries: Sequence[tuple[str, Path | bytes]], *, is_sealed: bool
) -> AsyncIterator[bytes]:
    outlet = _Outlet()
    names: set[str] = {SEAL.casefold()} if is_sealed else set()
    sums: list[str] = []
    # Pictures and clips are packed already: they are stored as they are.
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for name, source in entries:
            one = _unlike(_safe(name) or "file", names)
            digest = hashlib.sha256()
            with archive.open(_entry(one, await _size_of(source)), "w") as member:
                async for piece in _pieces_of(source):
                    digest.update(piece)
                    member.write(piece)
                    yield outlet.taken()
            sums.append(f"{digest.hexdigest()}  {one}\n")
            yield outlet.taken()
        if is_sealed:
            content = "".join(sums).encode()
            with archive.open(_entry(SEAL, len(content)), "w") as member:
                member.write(content)
    yield outlet.taken()


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    info.file_size = size
    return info


async def _size_of(source: Path | bytes) -> int:
    if isinstance(source, bytes):
        return len(source)
    return (await asyncio.to_thread(source.stat)).st_size


async def _pieces_of(source: Path | bytes) -> AsyncIterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with await asyncio.to_thread(source.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def _unlike(name: str, names: set[str]) -> str:
    """The name, or one beside it where another file is called so."""
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (name, "")
    found, number = name, 2
    while found.casefold() in names:
        found, number = f"{stem} ({number}){ending}", number + 1
    names.add(found.casefold())
    return found
