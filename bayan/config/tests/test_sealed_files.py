"""The file of one letter and of one story: `sha256sum -c` holds every file in it against its fingerprint."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.correspondence import services as correspondence
from bayan.correspondence.models import Address, Letter, Look
from bayan.correspondence.services import File, To
from bayan.correspondence.tests.factories import make_director, make_letter, tell
from bayan.organisation.models import Node
from bayan.people.models import Role
from bayan.people.tests.factories import make_member
from bayan.press.tests.factories import a_journalist, a_picture, a_release, a_story
from conftest import StaffClient


def unpacked(response: Any, folder: Path) -> dict[str, bytes]:
    """The files of the archive, once `sha256sum` has found each of them whole."""

    @async_to_sync
    async def streamed() -> list[bytes]:
        return [piece async for piece in response.streaming_content]

    with zipfile.ZipFile(io.BytesIO(b"".join(streamed()))) as archive:
        archive.extractall(folder)
        names = archive.namelist()
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.count(": OK") == len(names) - 1
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def letter(desk: Node, khobar: Node, now: datetime) -> Letter:
    make_number()
    director, mayor = make_director(desk, now=now), make_member(Role.Kind.EXECUTIVE, khobar)
    made = make_letter(
        desk, director, now=now, to=[To(kind=Address.Kind.BODY, node=khobar)],
        grade=Letter.Grade.RESTRICTED,
    )  # fmt: skip
    correspondence.attach(
        made.public_id,
        [File(BytesIO(a_picture()), "خطة المضخات.jpg", "image/jpeg", kind="image")],
        by=director,
        now=now,
    )
    correspondence.submit(made.public_id, signer=director, by=director, now=now)
    tell(now=now)
    found = Letter.objects.get(pk=made.pk)
    correspondence.remark(found, "وصلنا", by=mayor, now=now)
    return found


def test_the_file_of_a_letter_is_whole_checkable_and_noted(
    letter: Letter, client: StaffClient, tmp_path: Path
) -> None:
    assert letter.signer is not None
    client.force_login(letter.signer)
    files = unpacked(client.get(reverse("correspondence:whole", args=[letter.public_id])), tmp_path)
    assert json.loads(files["letter.json"])["fingerprint"] == letter.submitted_hash
    assert files["1448-1.pdf"].startswith(b"%PDF-")
    assert "attachment 01 خطة المضخات.jpg" in files
    assert "وصلنا" in files["replies.csv"].decode()
    assert letter.signer.name in files["views.csv"].decode()
    assert Look.objects.filter(letter=letter, member=letter.signer).count() == 1
    noted = AuditEntry.objects.get(action="letter.exported")
    assert noted.details["sha256"] == letter.submitted_hash


def test_nobody_but_its_writers_has_the_file_of_a_letter(
    letter: Letter, khobar: Node, client: StaffClient, now: datetime
) -> None:
    address = reverse("correspondence:whole", args=[letter.public_id])
    mayor = letter.recipients.get().member
    client.force_login(mayor)
    assert client.get(address).status_code == 403
    client.force_login(make_director(khobar, now=now))
    assert client.get(address).status_code in {403, 404}
    Letter.objects.filter(pk=letter.pk).update(grade=Letter.Grade.SECRET)
    assert letter.signer is not None
    client.force_login(letter.signer)
    asked = client.get(address)
    assert asked.headers["Location"].startswith(reverse("people:confirm_factor"))
    assert not AuditEntry.objects.filter(action="letter.exported").exists()


def test_the_file_of_a_story_has_the_originals_and_who_got_it(
    desk: Node, khobar: Node, client: StaffClient, tmp_path: Path, now: datetime
) -> None:
    picture = a_picture()
    editor = make_member(Role.Kind.EDITOR, desk)
    story = a_story(khobar, by=editor, now=now, files=[picture])
    a_release(story, a_journalist(desk, now=now, name="=صحفي"), now=now)
    client.force_login(editor)
    files = unpacked(client.get(reverse("press:whole", args=[story.public_id])), tmp_path)
    assert files["original 01 picture-1.jpg"] == picture
    assert "'=صحفي" in files["journalists.csv"].decode()
    assert json.loads(files["story.json"])["fingerprint"] == story.version()
    assert AuditEntry.objects.filter(action="story.exported").count() == 1
    client.force_login(make_member(Role.Kind.EDITOR, khobar))
    assert client.get(reverse("press:whole", args=[story.public_id])).status_code == 403
