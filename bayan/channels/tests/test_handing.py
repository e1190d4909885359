"""Files go to the provider before the message that names them; what was read is told."""

from __future__ import annotations

import asyncio
import hashlib
import io
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from django.utils import timezone

from bayan.channels import dispatcher, services, telling
from bayan.channels.adapters.whatsapp.uploading import with_file
from bayan.channels.models import Media, Number, Outgoing, ReadMark
from bayan.channels.tests.factories import make_account
from bayan.channels.tests.provider import running_provider
from emulator.tests.conftest import SAMPLES, Api, eventually, listening_business, running

__all__ = ["listening_business", "running"]

PERSON = "966500000101"


@pytest.fixture
def provider(running: Api, committed_db: None) -> Api:  # the fixture
    """The emulator, and our account at it; the person's window is open."""
    make_account(base_url=str(running.http.base_url).rstrip("/"))
    running.http.delete("/_control/sent")
    running.http.delete("/_control/faults")
    running.write(text="السلام عليكم")
    return running


def photo(number: Number) -> Media:
    content = (SAMPLES / "photo.jpg").read_bytes()
    return services.keep_file(
        io.BytesIO(content), kind="image", name="قبل.jpg", declared="image/jpeg",
        number=number, node=number.node, now=timezone.now(),
    )  # fmt: skip


def queue(number: Number, media: Media | None, content: dict[str, Any]) -> Outgoing:
    now = timezone.now()
    return Outgoing.objects.create(
        node=number.node, number=number, to_phone=PERSON, lane=Outgoing.Lane.PERSON, media=media,
        content=content, not_before=now, created_at=now,
    )  # fmt: skip


def dispatch() -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            sender = dispatcher.Sender(session)
            await sender.claim()
            await sender.finish()

    asyncio.run(run())


def test_a_file_is_uploaded_once_and_named_by_every_message(provider: Api) -> None:
    number = Number.objects.get()
    media = photo(number)
    rows = [
        queue(number, media, {"type": "image", "image": {"caption": f"صورة {n}"}}) for n in range(3)
    ]

    dispatch()

    sent = provider.http.get("/_control/sent").json()["items"]
    ids = {item["body"]["image"]["id"] for item in sent}
    assert len(sent) == 3
    assert len(ids) == 1
    assert {Outgoing.objects.get(pk=row.pk).state for row in rows} <= {"sent", "delivered"}
    media.refresh_from_db()
    assert {media.external_id} == ids
    assert media.external_until is not None
    assert media.external_until > timezone.now() + timedelta(days=28)
    stored = provider.http.get(f"/_phone/media/{media.external_id}").content
    assert hashlib.sha256(stored).hexdigest() == media.sha256


def test_a_file_that_the_provider_does_not_take_leaves_the_message_unsent(provider: Api) -> None:
    number = Number.objects.get()
    provider.fault(kind="outage")
    row = queue(number, photo(number), {"type": "image", "image": {}})

    dispatch()

    row.refresh_from_db()
    assert row.state == "queued"
    assert row.error is not None
    assert provider.http.get("/_control/sent").json()["items"] == []


def test_the_file_goes_where_the_content_keeps_a_place_for_it() -> None:
    header = {"type": "image", "image": {}}
    template = {
        "type": "template",
        "template": {"name": "x", "components": [{"type": "header", "parameters": [header]}]},
    }
    buttons = {"type": "interactive", "interactive": {"type": "button", "header": header}}

    assert with_file({"type": "document", "document": {"filename": "a"}}, "7") == {
        "type": "document",
        "document": {"filename": "a", "id": "7"},
    }
    filled = with_file(template, "7")["template"]["components"][0]["parameters"][0]
    assert filled == {"type": "image", "image": {"id": "7"}}
    assert with_file(buttons, "7")["interactive"]["header"]["image"] == {"id": "7"}
    linked = {"type": "image", "image": {"link": "https://example.sa/a.jpg"}}
    assert with_file(linked, "7") == linked
    assert header == {"type": "image", "image": {}}


def test_what_a_member_read_is_told_and_typing_only_while_it_is_true(committed_db: None) -> None:
    with running_provider() as recorder:
        number = make_account(base_url=recorder.url).numbers.get()
        now = timezone.now()
        services.mark_read(number, "wamid.1", now=now)
        services.mark_read(number, "wamid.1", typing=True, now=now)
        services.mark_read(number, "wamid.1", typing=True, now=now)
        services.mark_read(number, "wamid.2", typing=True, now=now - timedelta(minutes=1))
        recorder.refuse(131009)

        async def run() -> None:
            stop = asyncio.Event()
            async with aiohttp.ClientSession() as session:
                loop = asyncio.create_task(telling.run(session, stop))
                await asyncio.to_thread(eventually, lambda: len(recorder.received) == 2)
                stop.set()
                await loop

        asyncio.run(run())

    told = sorted("typing_indicator" in body for body in recorder.received)
    assert told == [False, True]
    assert {body["message_id"] for body in recorder.received} == {"wamid.1"}
    assert {body["status"] for body in recorder.received} == {"read"}
    # A refusal is no reason to ask again.
    assert ReadMark.objects.count() == 0
