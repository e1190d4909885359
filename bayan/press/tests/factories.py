"""Stories, journalists and what was sent to them, for tests."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from typing import Any

from PIL import Image

from bayan.channels.events import IncomingFile, IncomingMessage
from bayan.channels.models import Media
from bayan.channels.services.media import FileWriter
from bayan.channels.tests.factories import make_number
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.press import services
from bayan.press.models import Copy, Journalist, PressList, Release, Story, StoryFile
from bayan.press.services import links
from bayan.work.tests.factories import written_by

TEXT = (
    "افتتحت بلدية محافظة الخبر اليوم الاثنين ممشى الواجهة البحرية بطول أربعة كيلومترات.\n"
    "ويضم الممشى مسارات للدراجات ومناطق لعب للأطفال."
)
_numbers = count(1)


def a_picture(colour: str = "#3a7", size: tuple[int, int] = (640, 480)) -> bytes:
    """A small JPEG that differs from every other one."""
    file = BytesIO()
    picture = Image.new("RGB", size, colour)
    picture.putpixel((0, 0), (next(_numbers) % 256, 1, 1))
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def a_story(node: Node, *, by: Member | None, now: datetime, **changes: Any) -> Story:
    """A story that was handed in by the page, without files unless `files` has their bytes."""
    files = changes.pop("files", ())
    if files:
        make_number()
    facts = {"title": "افتتاح ممشى الواجهة البحرية", "text": TEXT} | changes
    uploads = [
        services.Upload(BytesIO(content), f"picture-{place}.jpg", "image/jpeg")
        for place, content in enumerate(files, start=1)
    ]
    return services.hand_in(services.Request(**facts), uploads, node=node, by=by, now=now)  # type: ignore[arg-type]


def accepted(story: Story, *, by: Member, now: datetime) -> Story:
    """The story, accepted as a routine one by its editor."""
    return services.ask_approval(
        story.public_id, Story.Weight.ROUTINE, version=story.version(), approvers=[], by=by, now=now
    )


def a_journalist(node: Node, *, now: datetime, **changes: Any) -> Journalist:
    """Somebody who agreed to get news, with a mobile of their own."""
    number = next(_numbers)
    facts: dict[str, Any] = {
        "node": node, "name": f"صحفي {number}", "phone": f"9665510{number:05}", "agreed_at": now,
        "created_at": now,
    }  # fmt: skip
    return Journalist.objects.create(**facts | changes)


def a_list(node: Node, *journalists: Journalist, name: str = "") -> PressList:
    made = PressList.objects.create(node=node, name=name or f"قائمة {next(_numbers)}")
    made.journalists.set(journalists)
    return made


def a_release(story: Story, *journalists: Journalist, now: datetime) -> Release:
    """A finished sending whose messages were never made."""
    release = Release.objects.create(
        story=story, node=journalists[0].node, version=story.version(), state="finished",
        lists=["قائمة"], not_before=now, links_until=now + timedelta(days=30), started_at=now,
        finished_at=now,
    )  # fmt: skip
    for one in journalists:
        Copy.objects.create(release=release, journalist=one, state=Copy.State.QUEUED)
    return release


def a_secret(copy: Copy, *, now: datetime) -> str:
    """The secret of a new link to this copy."""
    link, address = links.new_link(copy, until=copy.release.links_until, made_by=None, now=now)
    link.save()
    return address.rstrip("/").rpartition("/")[2]


def sent_file(
    member: Member, content: bytes, *, kind: str = "document", at: datetime, **changes: Any
) -> IncomingMessage:
    """A file as the member sends it from their mobile; `arrive` brings its bytes."""
    digest = hashlib.sha256(content).hexdigest()
    file = IncomingFile(
        external_id=f"file-{next(_numbers)}", sha256=digest,
        mime_type="video/mp4" if kind == "video" else "image/jpeg",
        name="IMG.jpg" if kind == "document" else "",
    )  # fmt: skip
    return written_by(
        member, changes.pop("text", ""), kind=kind, file=file, received_at=at, **changes
    )


def arrive(file: StoryFile, content: bytes, *, likeness: int | None = None) -> None:
    """The bytes of a file have been fetched."""
    writer = FileWriter(limit=len(content) + 1)
    writer.open()
    writer.write(content)
    written = writer.finish()
    writer.keep()
    Media.objects.filter(pk=file.media_id).update(
        state=Media.State.STORED, sha256=written.sha256, size=written.size, mime_type="image/jpeg",
        likeness=likeness, not_before=None,
    )  # fmt: skip
