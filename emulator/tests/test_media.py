"""Files in both directions: what is taken, how it is fetched, and when it is gone."""

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.app import Emulator
from emulator.settings import Options, Settings
from emulator.tests.conftest import (
    NOURA,
    OPTIONS,
    PATIENCE_S,
    SAMPLES,
    Api,
    Business,
    eventually,
    start,
)

ACCOUNT = "104857600000001"
MB = 1024 * 1024
JPEG = (SAMPLES / "photo.jpg").read_bytes()
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\x06"
KINDS = {
    "image": ("photo.jpg", "image/jpeg"),
    "audio": ("voice.ogg", "audio/ogg; codecs=opus"),
    "video": ("video.mp4", "video/mp4"),
    "document": ("document.pdf", "application/pdf"),
    "sticker": ("sticker.webp", "image/webp"),
}
ANIMATED = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02" + b"\0" * (101 * 1024)
REFUSED: dict[str, tuple[str, bytes, int]] = {
    "a type nobody takes": ("image/gif", b"GIF89a", 100),
    "nothing": ("text/plain", b"", 131053),
    "a picture over 5 MB": ("image/jpeg", JPEG + b"\0" * (5 * MB), 131053),
    "a still sticker over 100 KB": (
        "image/webp",
        (SAMPLES / "sticker.webp").read_bytes() + b"\0" * (100 * 1024),
        131053,
    ),
    "a page that says it is a picture": ("image/jpeg", b"<html>", 131053),
    "a vorbis song": ("audio/ogg", b"OggS\0\2" + b"\0" * 22 + b"\x01vorbis", 131053),
    "opus in stereo": ("audio/ogg", b"OggS\0\2" + b"\0" * 22 + b"OpusHead\1\2", 131053),
    "a png of 16 bits": ("image/png", PNG[:24] + b"\x10\x06", 131053),
}


def show(api: Api, object_id: str, **query: str) -> httpx.Response:
    return api.http.get(f"/v25.0/{object_id}", params=query, headers=api.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_uploaded_can_be_sent_and_fetched_unchanged(api: Api, kind: str) -> None:
    sample, mime_type = KINDS[kind]
    content = (SAMPLES / sample).read_bytes()
    uploaded = api.upload(sample, mime_type)
    assert uploaded.status_code == 200, uploaded.text
    media_id = uploaded.json()["id"]

    told = show(api, media_id, phone_number_id="106540000000940").json()
    assert told == {
        "messaging_product": "whatsapp",
        "url": told["url"],
        "mime_type": mime_type,
        "sha256": hashlib.sha256(content).hexdigest(),
        "file_size": len(content),
        "id": media_id,
    }
    fetched = api.http.get(told["url"], headers=api.headers)
    assert (fetched.content, fetched.headers["content-type"]) == (content, mime_type)
    assert api.send({"type": kind, kind: {"id": media_id}}).status_code == 200
    assert api.http.get(f"/_phone/media/{media_id}").content == content


@pytest.mark.parametrize(("mime_type", "content", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_breaks_a_rule_is_not_taken(
    api: Api, mime_type: str, content: bytes, code: int
) -> None:
    # An empty file of a form is not the same as none.
    files = {"file": ("name", content, mime_type)}
    data = {"messaging_product": "whatsapp", "type": mime_type}

    answer = api.http.post(
        "/v25.0/106540000000940/media", headers=api.headers, data=data, files=files
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text


def test_an_animated_sticker_may_be_larger(api: Api) -> None:
    assert api.upload("s.webp", "image/webp", ANIMATED).status_code == 200


def test_a_form_is_needed_with_all_its_parts(api: Api) -> None:
    path, files = "/v25.0/106540000000940/media", {"file": ("a.jpg", JPEG, "image/jpeg")}
    product = {"messaging_product": "whatsapp"}
    for path_, more in (
        (path, {"json": product}),
        (path, {"files": files}),
        (path, {"data": product, "files": {"other": files["file"]}}),
        ("/v25.0/1/media", {"data": product, "files": files}),
    ):
        answer = api.http.post(path_, headers=api.headers, **more)
        assert answer.json()["error"]["code"] == 100
    # Without `type` the part's own type counts.
    assert api.http.post(path, headers=api.headers, data=product, files=files).status_code == 200
    assert api.http.post(path, data=product, files=files).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"type": "image", "image": {"id": "1"}},
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "header": {"type": "image", "image": {"id": "1"}},
                "body": {"text": "نص"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "نعم"}}]},
            },
        },
        {
            "type": "template",
            "template": {
                "name": "street_work_ar",
                "language": {"code": "ar"},
                "components": [
                    {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}
                ],
            },
        },
    ],
)
def test_a_file_that_nobody_uploaded_is_not_sent(api: Api, body: dict[str, Any]) -> None:
    assert api.send(body).json()["error"]["code"] == 100


def test_a_file_is_sent_only_as_what_it_is(api: Api) -> None:
    media_id = api.upload("document.pdf", "application/pdf").json()["id"]

    answer = api.send({"type": "image", "image": {"id": media_id}})

    assert answer.json()["error"]["code"] == 131053


def test_an_address_needs_the_token_and_lives_five_minutes(api: Api) -> None:
    media_id = api.upload().json()["id"]
    url = show(api, media_id).json()["url"]

    assert api.http.get(url).status_code == 401
    assert api.http.get(url.replace("hash=", "hash=0"), headers=api.headers).status_code == 404
    api.set_clock(advance_s=301)
    assert api.http.get(url, headers=api.headers).status_code == 404
    fresh = show(api, media_id).json()["url"]
    assert api.http.get(fresh, headers=api.headers).content == JPEG


def test_a_file_is_gone_after_its_days_or_when_it_is_deleted(api: Api) -> None:
    media_id = api.upload().json()["id"]
    assert show(api, media_id, phone_number_id="1").json()["error"]["error_subcode"] == 33
    api.set_clock(advance_s=30 * 24 * 3600 - 60)
    assert show(api, media_id).status_code == 200
    api.set_clock(advance_s=61)
    assert show(api, media_id).json()["error"]["error_subcode"] == 33

    api.set_clock(offset_s=0)
    path = f"/v25.0/{media_id}"
    assert api.http.delete(path, headers=api.headers).json() == {"success": True}
    assert api.http.delete(path, headers=api.headers).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_sends_a_real_file_without_bringing_one(
    api: Api, business: Business, kind: str
) -> None:
    api.write(message={"type": kind, kind: {}})

    eventually(lambda: business.messages)
    part = business.messages[0][kind]
    sample, mime_type = KINDS[kind]
    fetched = api.http.get(part["url"], headers=api.headers).content
    assert fetched == (SAMPLES / sample).read_bytes()
    assert base64.b64decode(part["sha256"]) == hashlib.sha256(fetched).digest()
    assert part["mime_type"] == mime_type
    assert show(api, part["id"]).json()["file_size"] == len(fetched)
    more: dict[str, dict[str, Any]] = {
        "audio": {"voice": True},
        "document": {"filename": "document.pdf"},
        "sticker": {"animated": False},
    }
    assert more.get(kind, {}).items() <= part.items()


def test_what_a_person_attaches_reaches_the_business(api: Api, business: Business) -> None:
    content = os.urandom(5 * MB)
    headers = {
        "Content-Type": "application/pdf",
        "X-Filename": "%D8%B5%D9%88%D8%B1%D8%A9.pdf",
    }
    stored = api.http.post("/_phone/media", content=content, headers=headers).json()
    assert stored["file_size"] == len(content)

    message = {"type": "document", "document": {"id": stored["id"], "caption": "الصورة"}}
    api.write(message=message)

    eventually(lambda: business.messages)
    part = business.messages[0]["document"]
    assert part["filename"] == "صورة.pdf"
    assert part["sha256"] == stored["sha256"]
    assert api.http.get(part["url"], headers=api.headers).content == content
    # What people sent lives seven days, and is not the business's to send.
    again = api.send({"type": "document", "document": {"id": stored["id"]}})
    assert again.json()["error"]["code"] == 100
    api.set_clock(advance_s=7 * 24 * 3600 + 1)
    assert show(api, stored["id"]).status_code == 400


def test_a_player_may_ask_for_a_part(api: Api) -> None:
    media_id = api.upload("video.mp4", "video/mp4").json()["id"]
    content = (SAMPLES / "video.mp4").read_bytes()

    part = api.http.get(f"/_phone/media/{media_id}", headers={"Range": "bytes=10-19"})

    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert "sandbox" in part.headers["content-security-policy"]
    beyond = api.http.get(f"/_phone/media/{media_id}", headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, len(beyond.content)) == (200, len(content))


def test_nothing_attached_is_refused(api: Api) -> None:
    assert api.http.post("/_phone/media", content=b"").status_code == 400
    assert api.http.get("/_phone/media/1").status_code == 404


def test_a_picture_header_needs_an_uploaded_sample(api: Api) -> None:
    def create(name: str, handle: str) -> httpx.Response:
        header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [handle]}}
        body = {"type": "BODY", "text": "هذه خريطة الموقع."}
        made = {"name": name, "category": "UTILITY", "language": "ar", "components": [header, body]}
        return api.http.post(f"/v25.0/{ACCOUNT}/message_templates", json=made, headers=api.headers)

    assert create("map_ar", "4::mine").json()["error"]["error_subcode"] == 2388047
    query: dict[str, Any] = {
        "file_length": len(JPEG),
        "file_type": "image/jpeg",
        "file_name": "map.jpg",
    }
    begun = api.http.post(
        "/v25.0/102030405060708/uploads", params=query, headers=api.headers
    ).json()
    headers = {"Authorization": "OAuth demo-access-token", "file_offset": "0"}
    path = f"/v25.0/{begun['id']}"
    assert api.http.post(path, content=JPEG[1:], headers=headers).status_code == 400
    handle = api.http.post(path, content=JPEG, headers=headers).json()["h"]
    assert create("map_ar", handle).status_code == 200
    query["file_type"] = "image/gif"
    refused = api.http.post("/v25.0/102030405060708/uploads", params=query, headers=api.headers)
    assert refused.status_code == 400


def test_files_survive_a_restart_where_a_folder_is_given(
    tmp_path: Path, listening_business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_temporary = tmp_path / "temporary"
    own_temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own_temporary))
    settings = Settings(callback=listening_business.url, data_dir=tmp_path)
    media_id, content = "", b""
    for _ in range(2):
        server, thread, url = start(Emulator(settings, Options(**OPTIONS)))
        api = Api(url)
        media_id = media_id or api.upload().json()["id"]
        told = show(api, media_id).json()
        content = api.http.get(told["url"], headers=api.headers).content
        api.http.close()
        server.should_exit = True
        thread.join(PATIENCE_S)

    assert content == JPEG
    assert list(own_temporary.iterdir()) == []


def test_a_recorded_message_keeps_the_id_it_brings(api: Api, business: Business) -> None:
    part = {"id": "1908647269898587", "mime_type": "image/png", "sha256": "Yg=="}
    api.write(message={"type": "image", "image": part}, **{"from": NOURA})

    eventually(lambda: business.messages)
    assert business.messages[0]["image"] == part
