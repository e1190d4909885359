"""Attachments of what is classified leave with their reader's name, or not at all, or by a plain word."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime
from itertools import pairwise
from typing import Any

import pypdfium2
import pytest
from django.urls import reverse
from PIL import Image

from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.correspondence import services
from bayan.correspondence.marking import CannotBeMarked
from bayan.correspondence.models import Letter
from bayan.correspondence.services import File
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import make_letter, tell
from bayan.correspondence.tests.test_views import address, to
from bayan.people.models import Member
from conftest import StaffClient

WIDE, HIGH = 400, 300


def pdf_of(pages: int) -> bytes:
    made, kept = pypdfium2.PdfDocument.new(), io.BytesIO()
    for _page in range(pages):
        made.new_page(WIDE, HIGH)
    made.save(kept)
    return kept.getvalue()


def picture() -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (64, 48), "black").save(kept, "JPEG")
    return kept.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "خطة.pdf": (pdf_of(3), "application/pdf"),
    "موقع.jpg": (picture(), "image/jpeg"),
    "بيان.txt": ("قائمة".encode(), "text/plain"),
}


@pytest.fixture(autouse=True)
def number(db: None) -> None:
    make_number()


def drafted(office: Office, *names: str, now: datetime, **changes: Any) -> Letter:
    letter = make_letter(office.desk, office.writer, now=now, to=to(office.khobar), **changes)
    files = [
        File(
            io.BytesIO(FILES[name][0]), name, FILES[name][1],
            "image" if FILES[name][1].startswith("image/") else "document",
        )
        for name in names
    ]  # fmt: skip
    services.attach(letter.public_id, files, by=office.writer, now=now)
    return letter


def sent(letter: Letter, *, by: Member, now: datetime) -> Letter:
    services.submit(letter.public_id, signer=by, by=by, now=now)
    tell(now=now)
    letter.refresh_from_db()
    return letter


def addresses(letter: Letter) -> list[str]:
    return [
        reverse("correspondence:file", args=[letter.public_id, one.media.public_id])
        for one in letter.attachments.select_related("media").order_by("pk")
    ]


def content_of(response: Any) -> bytes:
    """What is streamed, whole."""

    async def pieces() -> list[bytes]:
        return [piece async for piece in response.streaming_content]

    return b"".join(asyncio.run(pieces()))


def turned(member: Member) -> str:
    """A name as a reader of PDF tells it, the last word first."""
    return " ".join(reversed(member.name_ar.split()))


def test_each_page_and_picture_bears_its_reader_and_no_other(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = drafted(office, "خطة.pdf", "موقع.jpg", now=now, grade=Letter.Grade.RESTRICTED)
    sent(letter, by=office.writer, now=now)
    for reader, other in ((office.mayor, office.writer), (office.writer, office.mayor)):
        client.force_login(reader)
        for url, pages in zip(addresses(letter), (3, 1), strict=True):
            response = client.get(url)
            assert response["Content-Type"] == "application/pdf"
            assert "no-store" in response["Cache-Control"]
            read = pypdfium2.PdfDocument(response.content)
            assert len(read) == pages
            for page in read:
                text = page.get_textpage().get_text_range()
                assert (turned(reader) in text, turned(other) in text) == (True, False)
            if pages == 3:
                assert read[0].get_size() == (WIDE, HIGH)
                # In each third of the page, so that no half of it is anybody's.
                assert read[0].get_textpage().get_text_range().count(turned(reader)) == 3
    looks = AuditEntry.objects.filter(action="letter.looked", details__what="file")
    assert set(looks.values_list("details__marked", flat=True)) == {True}


def test_what_is_public_leaves_as_it_came(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = sent(drafted(office, "خطة.pdf", now=now), by=office.writer, now=now)
    client.force_login(office.mayor)
    (url,) = addresses(letter)
    assert content_of(client.get(url)) == FILES["خطة.pdf"][0]


def test_what_has_no_pages_says_so_with_a_restricted_letter_and_is_noted(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = drafted(office, "بيان.txt", now=now, grade=Letter.Grade.RESTRICTED)
    client.force_login(office.writer)
    assert "بلا اسم قارئه" in client.get(address("letter", letter)).content.decode()
    sent(letter, by=office.writer, now=now)
    client.force_login(office.mayor)
    assert "لا يحمل اسم" in client.get(address("letter", letter)).content.decode()
    (url,) = addresses(letter)
    assert content_of(client.get(url)) == FILES["بيان.txt"][0]
    taken = AuditEntry.objects.filter(details__marked=False).get()
    assert (taken.action, taken.actor_label) == ("letter.looked", office.mayor.audit_label)


@pytest.mark.parametrize("name", ["بيان.txt", "مكسور.pdf"])
def test_what_cannot_be_marked_does_not_go_with_a_secret_letter(
    office: Office, name: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    monkeypatch.setitem(FILES, "مكسور.pdf", (broken, "application/pdf"))
    letter = drafted(office, "خطة.pdf", name, now=now, grade=Letter.Grade.SECRET)
    with pytest.raises(CannotBeMarked, match=name):
        services.submit(letter.public_id, signer=office.writer, by=office.writer, now=now)
    letter.refresh_from_db()
    assert letter.is_open


def test_a_letters_document_bears_the_code_that_checks_it(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = sent(drafted(office, now=now), by=office.writer, now=now)
    client.force_login(office.mayor)
    read = pypdfium2.PdfDocument(client.get(address("document", letter)).content)
    drawn = read[len(read) - 1].render(scale=3).to_pil().convert("1")
    # A code is a thicket of black and white at the foot of the page; words and lines are not so dense.
    foot = [
        [drawn.getpixel((x, y)) for x in range(int(drawn.width * 0.78), drawn.width)]
        for y in range(int(drawn.height * 0.75), drawn.height, 4)
    ]
    assert sum(sum(a != b for a, b in pairwise(row)) > 12 for row in foot) > 20
