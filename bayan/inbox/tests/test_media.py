"""Files of messages over HTTP: who may have them, and how little a stranger's file may do."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from bayan.channels.models import Media
from bayan.inbox.tests.factories import make_media
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import StaffClient

SOUND = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def media_dir(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def body(answer: Any) -> bytes:
    """All of an answer; files come in pieces."""
    if not answer.streaming:
        return bytes(answer.content)

    async def whole() -> bytes:
        return b"".join([piece async for piece in answer])

    return async_to_sync(whole)()


def path_of(media: Media) -> str:
    return reverse("inbox:media", args=[media.public_id])


def test_a_file_comes_whole_with_its_type_and_may_run_nothing(
    client: StaffClient, desk_responder: Member, desk: Node
) -> None:
    media = make_media(SOUND, kind="voice", mime_type="audio/ogg; codecs=opus", node=desk)
    client.force_login(desk_responder)

    answer = client.get(path_of(media))

    assert body(answer) == SOUND
    assert answer.headers["Content-Type"] == "audio/ogg"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Content-Length"] == str(len(SOUND))


def test_only_members_of_the_body_have_its_files(
    client: StaffClient, desk: Node, khobar: Node, khobar_responder: Member
) -> None:
    own, other = make_media(b"1", node=khobar), make_media(b"2", node=desk)

    assert client.get(path_of(own)).status_code == 302
    client.force_login(khobar_responder)
    assert client.get(path_of(own)).status_code == 200
    assert client.get(path_of(other)).status_code == 404


@pytest.mark.parametrize(
    "mime_type",
    ["text/html", "image/svg+xml", "application/pdf", "text/xml", "", "audio/ogg, text/html"],
)
def test_what_could_hold_a_script_is_only_handed_over(
    client: StaffClient, desk_responder: Member, desk: Node, mime_type: str
) -> None:
    media = make_media(b"<script>alert(1)</script>", mime_type=mime_type, node=desk)
    client.force_login(desk_responder)

    answer = client.get(path_of(media))

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=10200-", slice(10200, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=100-999999", slice(100, None)),
    ],
)
def test_a_player_may_ask_for_a_piece(
    client: StaffClient, desk_responder: Member, desk: Node, asked: str, given: slice
) -> None:
    media = make_media(SOUND, mime_type="audio/ogg", node=desk)
    client.force_login(desk_responder)

    answer = client.get(path_of(media), headers={"Range": asked})

    assert answer.status_code == 206
    assert body(answer) == SOUND[given]
    first = SOUND[given]
    start = given.indices(len(SOUND))[0]
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(first) - 1}/{len(SOUND)}"


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", "bytes=5-1"])
def test_a_piece_beyond_the_end_is_refused(
    client: StaffClient, desk_responder: Member, desk: Node, asked: str
) -> None:
    media = make_media(SOUND, mime_type="audio/ogg", node=desk)
    client.force_login(desk_responder)
    answer = client.get(path_of(media), headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "items=0-1", "bytes=a-b", "bytes=٠-١", "bytes"])
def test_whatever_else_is_asked_for_gives_the_whole_file(
    client: StaffClient, desk_responder: Member, desk: Node, asked: str
) -> None:
    media = make_media(SOUND, mime_type="audio/ogg", node=desk)
    client.force_login(desk_responder)
    answer = client.get(path_of(media), headers={"Range": asked})
    assert answer.status_code == 200
    assert body(answer) == SOUND


def test_what_the_browser_has_is_not_sent_again_but_asked_for_each_time(
    client: StaffClient, desk_responder: Member, khobar_responder: Member, desk: Node
) -> None:
    media = make_media(SOUND, mime_type="image/png", node=desk)
    tag = f'"{hashlib.sha256(SOUND).hexdigest()}"'
    client.force_login(desk_responder)
    assert client.get(path_of(media)).headers["ETag"] == tag
    assert client.get(path_of(media), headers={"If-None-Match": tag}).status_code == 304

    # A piece of another version would not fit the rest.
    answer = client.get(path_of(media), headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert body(answer) == SOUND

    client.force_login(khobar_responder)
    assert client.get(path_of(media), headers={"If-None-Match": tag}).status_code == 404


def test_a_strangers_name_cannot_leave_its_header(
    client: StaffClient, desk_responder: Member, desk: Node
) -> None:
    media = make_media(b"x", name='../../etc/"pass\r\nwd\u202egpj.exe', node=desk)
    client.force_login(desk_responder)
    said = client.get(path_of(media) + "?download").headers["Content-Disposition"]
    assert said == 'attachment; filename="etcpasswdgpj.exe"'


def test_a_file_that_is_not_here_is_not_found(
    client: StaffClient, desk_responder: Member, desk: Node, media_dir: Path
) -> None:
    client.force_login(desk_responder)
    waiting = make_media(b"x", node=desk, state=Media.State.WAITING)
    assert client.get(path_of(waiting)).status_code == 404
    lost = make_media(b"y", node=desk)
    next(media_dir.rglob(lost.sha256)).unlink()
    assert client.get(path_of(lost)).status_code == 404


def test_asking_what_it_is_sends_nothing(
    client: StaffClient, desk_responder: Member, desk: Node
) -> None:
    media = make_media(SOUND, mime_type="video/mp4", node=desk)
    client.force_login(desk_responder)
    answer = client.head(path_of(media))
    assert (answer.headers["Content-Length"], answer.content) == (str(len(SOUND)), b"")
