"""Fetching what people send: from a provider that answers, lies, is slow, forgets, or lets nobody in."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from django.utils import timezone
from PIL import Image

from bayan.channels import fetching, files, services
from bayan.channels.adapters.whatsapp import files as whatsapp_files
from bayan.channels.events import IncomingFile
from bayan.channels.loops import DatabaseThread
from bayan.channels.models import Account, Alert, Media
from bayan.channels.services import media as media_services
from bayan.channels.tests.factories import make_account
from bayan.channels.tests.provider import Answer, Provider, running_provider
from bayan.channels.tests.test_files import EXE, JPEG, PDF, opus
from bayan.triage.images import SAME
from bayan.triage.tests.pictures import bomb, scaled, street, written

DIGEST = hashlib.sha256(JPEG).hexdigest()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def account(committed_db: None, provider: Provider, tmp_path: Path, settings: Any) -> Account:
    settings.MEDIA_ROOT = tmp_path / "media"
    return make_account(base_url=provider.url)


def expect(account: Account, kind: str = "image", sha256: str = DIGEST, **changes: Any) -> Media:
    number = account.numbers.get()
    facts = {"external_id": "9001", "mime_type": "image/jpeg", "sha256": sha256} | changes
    (media,) = services.expect_files(
        [
            services.Expected(
                file=IncomingFile(**facts),
                kind=kind,
                number_id=number.pk,
                node_id=number.node_id,
                received_at=timezone.now(),
            )
        ]
    )
    return media


def offer(provider: Provider, *contents: bytes, size: int = 0, path: str = "/file") -> None:
    """Say where the file is, then give it; for each content."""
    for content in contents:
        provider.say({"url": provider.url + path, "file_size": size, "id": "9001"})
        provider.answers.append(Answer(body=content))


def fetch(*, now: datetime | None = None) -> list[Media]:
    """Fetch all that is due, once each."""

    async def run() -> None:
        database = DatabaseThread("test")
        async with aiohttp.ClientSession() as session:
            moment = now or timezone.now()
            rows = await database.run(lambda: media_services.claim_files(limit=50, now=moment))
            for row in rows:
                await fetching.fetch(session, database, row)
        await database.close()

    asyncio.run(run())
    return list(Media.objects.order_by("pk"))


def left_over() -> list[Path]:
    return list((media_services._folder() / "incoming").glob("*"))


def test_a_file_is_fetched_checked_and_kept(account: Account, provider: Provider) -> None:
    expect(account)
    offer(provider, JPEG, size=len(JPEG))

    (media,) = fetch()

    assert (media.state, media.mime_type, media.size, media.sha256) == (
        "stored", "image/jpeg", len(JPEG), DIGEST,
    )  # fmt: skip
    assert (media.width, media.height) == (1280, 720)
    assert services.media_path(media).read_bytes() == JPEG
    number = account.numbers.get()
    assert provider.paths == [f"/v25.0/9001?phone_number_id={number.external_id}", "/file"]
    assert {headers["authorization"] for headers in provider.headers} == {
        "Bearer demo-access-token"
    }
    assert left_over() == []
    assert fetch() == [media]
    assert len(provider.paths) == 2


def test_an_address_that_has_expired_is_asked_for_again(
    account: Account, provider: Provider
) -> None:
    expect(account)
    provider.say({"url": f"{provider.url}/old"})
    provider.answers.append(Answer(404, b"Not found"))
    offer(provider, JPEG)

    (media,) = fetch()

    assert media.state == "stored"


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_what_the_provider_has_no_more_is_gone(
    account: Account, provider: Provider, is_forgotten: bool
) -> None:
    expect(account)
    if is_forgotten:
        provider.refuse(100, 400, subcode=33)
    else:
        for _time in range(2):
            provider.say({"url": f"{provider.url}/old"})
            provider.answers.append(Answer(404, b"Not found"))

    (media,) = fetch()

    assert (media.state, media.not_before) == ("gone", None)
    assert media.error


@pytest.mark.parametrize(
    "trouble",
    [
        [Answer(500, b"")],
        [Answer(503, json.dumps({"error": {"code": 2, "message": "service"}}).encode())],
        [Answer(429, b"")],
        [Answer(hangs_up=True)],
        [Answer(200, b"not json")],
        [Answer(200, b"[]")],
    ],
    ids=["500", "2", "429", "hangs up", "no json", "no object"],
)
def test_a_provider_in_trouble_is_asked_again_later(
    account: Account, provider: Provider, trouble: list[Answer]
) -> None:
    expect(account)
    provider.answers.extend(trouble)

    (media,) = fetch()
    assert (media.state, media.attempts) == ("waiting", 1)
    assert media.not_before is not None
    assert timedelta(0) < media.not_before - timezone.now() < timedelta(minutes=2)
    asked = len(provider.paths)
    fetch()
    assert len(provider.paths) == asked

    provider.answers.clear()
    offer(provider, JPEG)
    (media,) = fetch(now=timezone.now() + timedelta(minutes=2))
    assert (media.state, media.attempts) == ("stored", 2)


def test_a_transfer_that_breaks_off_leaves_nothing_and_is_tried_again(
    account: Account, provider: Provider
) -> None:
    expect(account)
    provider.say({"url": f"{provider.url}/file"})
    provider.answers.append(Answer(body=JPEG, breaks_off=True))

    (media,) = fetch()

    assert media.state == "waiting"
    assert left_over() == []


def test_pauses_grow_and_end_with_the_providers_patience(account: Account) -> None:
    media = expect(account)
    pauses = []
    now = media.created_at
    for attempt in (1, 2, 5, 30):
        media.attempts = attempt
        media_services.file_failed(media, {"title": "x"}, now=now)
        media.refresh_from_db()
        assert media.not_before is not None
        pauses.append((media.not_before - now).total_seconds())
    assert pauses == [5, 10, 80, 3600]

    media_services.file_failed(media, {"title": "x"}, now=now + timedelta(days=7, seconds=1))
    media.refresh_from_db()
    assert (media.state, media.error) == ("gone", {"title": "x"})


@pytest.mark.parametrize("is_said_at_the_address", [True, False])
def test_a_token_that_opens_nothing_raises_an_alert_and_loses_nothing(
    account: Account, provider: Provider, is_said_at_the_address: bool
) -> None:
    expect(account)
    if is_said_at_the_address:
        provider.refuse(190, 401)
    else:
        provider.say({"url": f"{provider.url}/file"})
        provider.answers.append(Answer(401, b"<h1>Unauthorized</h1>"))

    (media,) = fetch()
    assert (media.state, media.attempts) == ("waiting", 0)
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.account) == ("files_wait", "critical", account)
    assert len(fetch()) == 1
    waited = len(provider.paths)

    offer(provider, JPEG)
    (media,) = fetch(now=timezone.now() + timedelta(minutes=6))
    assert len(provider.paths) == waited + 2
    assert media.state == "stored"
    alert.refresh_from_db()
    assert alert.resolved_at is not None


def test_another_file_than_the_announced_one_is_refused_after_three_tries(
    account: Account, provider: Provider
) -> None:
    expect(account, sha256=hashlib.sha256(b"another").hexdigest())
    offer(provider, JPEG, JPEG, JPEG)

    states = [fetch(now=timezone.now() + timedelta(hours=n))[0].state for n in range(3)]

    media = Media.objects.get()
    assert states == ["waiting", "waiting", "refused"]
    assert (media.error, media.sha256) == ({"title": "hash differs"}, "")
    assert not services.media_path(Media(sha256=DIGEST)).exists()


@pytest.mark.parametrize(
    ("content", "kind", "found"),
    [
        (EXE, "image", "active"),
        (b"<html><script>alert(1)</script>", "image", "active"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image", "active"),
        (PDF, "image", "application/pdf"),
        (JPEG, "voice", "image/jpeg"),
        (PDF, "document", "active"),
    ],
)
def test_a_lying_file_is_refused_and_not_kept(
    account: Account, provider: Provider, content: bytes, kind: str, found: str
) -> None:
    expect(account, kind, sha256="", name="invoice.exe" if kind == "document" else "")
    offer(provider, content)

    (media,) = fetch()

    assert media.state == "refused"
    assert media.error == {"title": "wrong type", "declared": "image/jpeg", "found": found}
    assert not [path for path in media_services._folder().rglob("*") if path.is_file()]


@pytest.mark.parametrize("is_announced", [True, False])
def test_what_is_too_large_is_stopped_while_it_comes(
    account: Account, provider: Provider, monkeypatch: pytest.MonkeyPatch, is_announced: bool
) -> None:
    monkeypatch.setattr(files, "LARGEST", 1000)
    expect(account, sha256="")
    offer(provider, JPEG + b"\0" * 5000, size=6000 if is_announced else 0)

    (media,) = fetch()

    assert (media.state, media.error) == ("refused", {"title": "too large", "most": 1000})
    assert len(provider.paths) == (1 if is_announced else 2)
    assert left_over() == []


def test_a_disk_that_takes_nothing_raises_an_alert_and_loses_nothing(
    account: Account, provider: Provider, tmp_path: Path, settings: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    (tmp_path / "media").write_text("in the way")
    expect(account)

    (media,) = fetch()

    assert (media.state, Alert.objects.get().kind) == ("waiting", "storage_failed")
    (tmp_path / "media").unlink()
    offer(provider, JPEG)
    (media,) = fetch(now=timezone.now() + timedelta(minutes=1))
    assert media.state == "stored"
    assert Alert.objects.get().resolved_at is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/file",
        "http://169.254.169.254/latest/meta-data",
        "https://attacker.example/file",
        "https://lookaside.fbsbx.com.attacker.example/file",
        "https://lookaside.fbsbx.com@attacker.example/",
        "https://user:pw@lookaside.fbsbx.com/",
        "http://lookaside.fbsbx.com/file",
        "https://lookaside.fbsbx.com:8443/file",
        "file:///etc/passwd",
        "//lookaside.fbsbx.com/file",
        "http://[::1/",
        "https://lookaside.fbsbx.com:port/",
        "",
    ],
)
def test_the_token_goes_to_nobody_but_the_provider(
    account: Account, provider: Provider, url: str
) -> None:
    expect(account)
    provider.say({"url": url})

    (media,) = fetch()

    assert (media.state, media.error) == ("waiting", {"title": "foreign address"})
    assert len(provider.paths) == 1


def test_a_redirect_is_not_followed(account: Account, provider: Provider) -> None:
    expect(account)
    provider.say({"url": f"{provider.url}/file"})
    provider.answers.append(Answer(302, b"", headers={"Location": f"{provider.url}/elsewhere"}))

    fetch()

    assert provider.paths[-1] == "/file"


@pytest.mark.parametrize(
    ("url", "addresses", "is_allowed"),
    [
        ("https://lookaside.fbsbx.com/file?mid=1", ["157.240.1.1"], True),
        ("https://lookaside.fbsbx.com/file", ["10.0.0.7"], False),
        ("https://lookaside.fbsbx.com/file", ["157.240.1.1", "::1"], False),
        ("https://graph.facebook.com/file", ["157.240.1.1"], True),
        ("https://graph.facebook.com/file", ["127.0.0.1"], False),
    ],
)
async def test_a_real_account_never_reaches_into_our_own_network(
    monkeypatch: pytest.MonkeyPatch, url: str, addresses: list[str], is_allowed: bool
) -> None:
    account = Account(nature=Account.Nature.REAL, base_url="https://graph.facebook.com")

    async def resolve(*_arguments: Any, **_more: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve, raising=False)

    assert await whatsapp_files.may_ask(account, url) is is_allowed


def test_two_dispatchers_never_fetch_the_same_file(account: Account) -> None:
    expect(account)
    now = timezone.now()

    assert len(media_services.claim_files(limit=10, now=now)) == 1
    assert media_services.claim_files(limit=10, now=now) == []
    # Its dispatcher died: the lease ends.
    later = now + media_services.LEASE
    assert len(media_services.claim_files(limit=10, now=later)) == 1


def test_the_loop_is_woken_fetches_several_at_once_and_ends(
    account: Account, provider: Provider
) -> None:
    async def run() -> float:
        stop = asyncio.Event()
        database = DatabaseThread("test")
        async with aiohttp.ClientSession() as session:
            loop = asyncio.create_task(fetching.run(session, stop))
            await asyncio.sleep(0.3)
            began = asyncio.get_running_loop().time()
            # Both wait half a second for their address.
            provider.answers.extend([Answer(404, b"{}", delay=0.5)] * 2)
            await database.run(lambda: [expect(account, external_id=name) for name in ("1", "2")])
            failed = Media.objects.filter(error__isnull=False)
            while await database.run(failed.count) < 2:
                await asyncio.sleep(0.02)
                assert asyncio.get_running_loop().time() - began < 10
            took = asyncio.get_running_loop().time() - began
            stop.set()
            await asyncio.wait_for(loop, 5)
        await database.close()
        return took

    assert asyncio.run(run()) < 0.95


def test_what_a_dead_writer_left_behind_is_swept_up(account: Account) -> None:
    writer = media_services.FileWriter(limit=10)
    writer.open()
    writer.finish()

    assert media_services.sweep_unfinished(now=timezone.now()) == 0
    assert media_services.sweep_unfinished(now=timezone.now() + timedelta(hours=1)) == 1
    assert left_over() == []


def test_voice_messages_have_a_length(account: Account, provider: Provider) -> None:
    expect(account, "voice", sha256="")
    offer(provider, opus())

    (media,) = fetch()

    assert (media.mime_type, media.seconds) == ("audio/ogg", 3.0)


PHOTOGRAPH = written(street(1), quality=80)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", ["image", "document"])
def test_a_picture_is_kept_with_what_it_looks_like(
    account: Account, provider: Provider, kind: str
) -> None:
    copy = written(scaled(street(1), 0.5), quality=60)
    for content in (PHOTOGRAPH, copy):
        expect(account, kind=kind, sha256=sha256(content))
    offer(provider, PHOTOGRAPH, copy)

    first, second = fetch()

    assert (first.state, second.state) == ("stored", "stored")
    assert first.likeness is not None
    assert second.likeness is not None
    assert (first.likeness ^ second.likeness).bit_count() <= SAME


@pytest.mark.parametrize(
    "content",
    [
        PHOTOGRAPH[: len(PHOTOGRAPH) // 2],
        b"\x89PNG\r\n\x1a\n" + PHOTOGRAPH[8:],
        bomb(20_000),
        written(Image.new("RGB", (1, 1))),
        written(Image.new("RGB", (1600, 1200), (200, 190, 160))),
        written(street(1), "GIF"),
    ],
    ids=["half", "lies", "bomb", "one point", "one colour", "another form"],
)
def test_what_shows_nothing_is_kept_all_the_same(
    account: Account, provider: Provider, content: bytes
) -> None:
    expect(account, sha256=sha256(content))
    offer(provider, content)

    (media,) = fetch()

    assert (media.state, media.likeness) == ("stored", None)
    assert services.media_path(media).read_bytes() == content


def test_other_files_look_like_nothing(account: Account, provider: Provider) -> None:
    sticker = written(street(1), "WEBP")
    expect(account, kind="sticker", sha256=sha256(sticker))
    expect(account, kind="document", sha256=sha256(PDF))
    offer(provider, sticker, PDF)

    assert [(media.state, media.likeness) for media in fetch()] == [("stored", None)] * 2


def test_a_picture_at_which_each_fetcher_ended_is_kept_undecoded(
    account: Account, provider: Provider
) -> None:
    media = expect(account, sha256=sha256(PHOTOGRAPH))
    for _death in range(media_services.MOST_DEATHS):
        media_services.claim_files(limit=1, now=timezone.now())
        Media.objects.update(not_before=media.not_before)
    offer(provider, PHOTOGRAPH)

    (media,) = fetch()

    assert (media.state, media.likeness) == ("stored", None)
