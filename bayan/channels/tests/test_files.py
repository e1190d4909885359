"""What a file is by its bytes, and keeping it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from bayan.channels import files, services
from bayan.channels.models import Media
from bayan.channels.services import media as media_services
from bayan.channels.tests.factories import make_number

JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x02\xd0\x05\x00\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"\0" * 40
)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\x20\0\0\x02\x58\x08\x06\0\0\0" + b"\0" * 40
WEBP = b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\xff\x01\0" + b"\0" * 40
PDF = b"%PDF-1.7\n" + b"\0" * 40
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2avc1mp41" + b"\0" * 40
AMR = b"#!AMR\n" + b"\0" * 40
AAC = b"\xff\xf1\x50\x80" + b"\0" * 40
EXE = b"MZ\x90\0\x03\0\0\0" + b"\0" * 60
HTML = b"\xef\xbb\xbf\n <!DOCTYPE html><html><script>alert(1)</script>"
SVG = b"<?xml version='1.0'?><!-- x --><svg xmlns='http://www.w3.org/2000/svg' onload='x'/>"


def opus(*, channels: int = 1, samples: int = 48_000 * 3 + 312) -> bytes:
    """A sound of three seconds, as far as its pages say."""
    head = b"OpusHead\x01" + bytes([channels]) + (312).to_bytes(2, "little") + b"\0" * 7
    first = b"OggS\0\x02" + bytes(20) + b"\x01\x13" + head
    return first + b"\0" * 100 + b"OggS\0\x04" + samples.to_bytes(8, "little") + b"\0" * 60


def office(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        for name in names:
            bundle.writestr(name, "x")
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "name", "mime_type"),
    [
        (JPEG, "image", "", "image/jpeg"),
        (PNG, "image", "صورة.exe.png", "image/png"),
        (WEBP, "sticker", "", "image/webp"),
        (WEBP, "image", "", "image/webp"),
        (MP4, "video", "", "video/mp4"),
        (MP4, "audio", "", "audio/mp4"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0" * 40, "audio", "", "audio/mp4"),
        (b"\0\0\0\x18ftyp3gp4\0\0\0\x003gp43gp6" + b"\0" * 40, "video", "", "video/3gpp"),
        (opus(), "voice", "", "audio/ogg"),
        (AMR, "audio", "", "audio/amr"),
        (AAC, "audio", "", "audio/aac"),
        (b"ID3\x03\0" + b"\0" * 40, "audio", "", "audio/mpeg"),
        (b"\xff\xfb\x90\x00" + b"\0" * 40, "audio", "", "audio/mpeg"),
        (PDF, "document", "تقرير.pdf", "application/pdf"),
        (PDF, "document", "no-name", "application/pdf"),
        (JPEG, "document", "original.jpg", "image/jpeg"),
        (
            office("[Content_Types].xml", "word/document.xml"), "document", "خطاب.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (office("a.txt"), "document", "files.zip", "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "document", "a.xls", "application/vnd.ms-excel"),
        ("ملاحظات <مهمة>".encode(), "document", "a.txt", "text/plain"),
        (("س" * files.HEAD).encode()[: files.HEAD - 1], "document", "a.csv", "text/plain"),
        (bytes(range(256)), "document", "a.bin", "application/octet-stream"),
    ],
)  # fmt: skip
def test_a_file_is_what_its_bytes_say(content: bytes, kind: str, name: str, mime_type: str) -> None:
    head = content[: files.HEAD]
    if name == "a.csv":
        head = head.ljust(files.HEAD, b"x")
    assert files.type_of(head, kind=kind, name=name) == mime_type


@pytest.mark.parametrize("kind", ["image", "video", "audio", "voice", "sticker", "document"])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (EXE, "photo.jpg"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 40, "photo.jpg"),
        (b"#!/bin/sh\nrm -rf /", "notes.txt"),
        (HTML, "photo.jpg"),
        (SVG, "photo.png"),
        (b"<sCRipt>alert(1)</script>", "notes.txt"),
        (JPEG, "photo.exe"),
        (office("AndroidManifest.xml"), "balady.apk"),
        (PDF, "page.HTML"),
    ],
)
def test_what_can_run_is_never_kept(content: bytes, name: str, kind: str) -> None:
    with pytest.raises(files.NotWhatItSays, match="active"):
        files.type_of(content, kind=kind, name=name)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "image"),
        (WEBP, "audio"),
        (WEBP, "video"),
        (JPEG, "sticker"),
        (MP4, "image"),
        (opus(), "video"),
        (b"", "image"),
        (bytes(range(256)), "voice"),
        (b"plain words", "image"),
    ],
)
def test_what_came_as_another_kind_is_refused(content: bytes, kind: str) -> None:
    with pytest.raises(files.NotWhatItSays):
        files.type_of(content, kind=kind)


@given(
    content=st.binary(max_size=300)
    | st.sampled_from([JPEG, PNG, WEBP, MP4, opus(), PDF]).flatmap(
        lambda whole: st.binary(max_size=50).map(lambda tail: whole[: len(whole) // 2] + tail)
    ),
    kind=st.sampled_from(["image", "voice", "document", "sticker"]),
)
def test_no_bytes_make_looking_at_them_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    try:
        mime_type = files.type_of(content, kind=kind)
    except files.NotWhatItSays:
        return
    path = tmp_path_factory.getbasetemp() / "some-file"
    path.write_bytes(content)
    files.measure(path, mime_type)


def test_pictures_and_sounds_are_measured(tmp_path: Path) -> None:
    def measure(content: bytes, mime_type: str) -> tuple[Any, ...]:
        path = tmp_path / "file"
        path.write_bytes(content)
        found = files.measure(path, mime_type)
        return found.width, found.height, found.seconds

    assert measure(JPEG, "image/jpeg") == (1280, 720, None)
    assert measure(PNG, "image/png") == (800, 600, None)
    assert measure(WEBP, "image/webp") == (512, 512, None)
    assert measure(opus(), "audio/ogg") == (None, None, 3.0)
    assert measure(opus(samples=5), "audio/ogg") == (None, None, None)
    assert measure(b"OggS", "audio/ogg") == (None, None, None)
    assert measure(b"\xff\xd8\xff", "image/jpeg") == (None, None, None)


def keep(content: bytes, kind: str, name: str = "file", **changes: Any) -> Media:
    number = make_number()
    facts: dict[str, Any] = {
        "declared": "image/png",
        "number": number,
        "node": number.node,
        "now": datetime.fromtimestamp(1795328100).astimezone(),
    }
    return services.keep_file(io.BytesIO(content), kind=kind, name=name, **facts | changes)


def left_over() -> list[Path]:
    folder = media_services._folder() / "incoming"
    return list(folder.glob("*")) if folder.is_dir() else []


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def test_what_a_member_attaches_is_kept_under_its_hash(db: None, folder: Path) -> None:
    first = keep(JPEG, "image", "../../etc/صورة.jpg")
    again = keep(JPEG, "image", "other.jpg")

    digest = hashlib.sha256(JPEG).hexdigest()
    path = services.media_path(first)
    assert path == folder / digest[:2] / digest
    assert path.read_bytes() == JPEG
    assert path.stat().st_mode & 0o777 == 0o600
    assert services.media_path(again) == path
    assert (first.state, first.mime_type, first.size) == ("stored", "image/jpeg", len(JPEG))
    assert (first.width, first.height, first.name) == (1280, 720, "صورة.jpg")
    assert left_over() == []


@pytest.mark.parametrize(
    ("content", "kind", "name"),
    [
        (EXE, "document", "a.exe"),
        (SVG, "image", "a.svg"),
        (PDF, "image", "a.pdf"),
        (WEBP, "image", "a.webp"),
        (PNG[:25] + b"\x03" + PNG[26:], "image", "palette.png"),
        (opus(channels=2), "voice", "stereo.ogg"),
        (b"OggS\0\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(40), "audio", "vorbis.ogg"),
        (office("a.txt"), "document", "a.zip"),
        (JPEG, "document", "a.jpg"),
    ],
)
def test_what_the_channel_does_not_take_is_refused_with_what_it_takes(
    db: None, content: bytes, kind: str, name: str
) -> None:
    with override("en"), pytest.raises(services.FileNotAllowed, match="WhatsApp takes"):
        keep(content, kind, name)
    assert Media.objects.count() == 0
    assert left_over() == []


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (JPEG + b"\0" * (5 * files.MB), "image", "up to 5 MB"),
        (opus() + b"\0" * (16 * files.MB), "voice", "up to 16 MB"),
        (WEBP + b"\0" * (100 * 1024), "sticker", "up to 100 KB"),
    ],
)
def test_what_is_too_large_is_refused_with_the_limit(
    db: None, content: bytes, kind: str, words: str
) -> None:
    with override("en"), pytest.raises(services.FileTooLarge, match=words):
        keep(content, kind)
    assert left_over() == []


def test_an_animated_sticker_may_be_larger(db: None) -> None:
    animated = WEBP[:20] + b"\x02" + WEBP[21:]
    assert keep(animated + b"\0" * (400 * 1024), "sticker").size


def test_an_empty_file_is_refused(db: None) -> None:
    with pytest.raises(services.FileMissing):
        keep(b"", "document", "a.pdf")
