"""What every channel's adapter must do, whatever the channel: one contract, run over all of them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Adapter, Outcome, PartRefused, Reaction
from bayan.channels.adapters.sms import TOKEN_HEADER, taqnyat, unifonic, web
from bayan.channels.adapters.whatsapp import graph
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import PHONE_NUMBER_ID, make_account
from bayan.channels.tests.provider import Answer, running_provider

RECEIVED_AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
RECORDINGS = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Channel:
    """What the contract has to know of a channel."""

    key: str
    recordings: str  # the names of its recorded bodies
    number: str
    sign: Callable[[bytes, str], dict[str, str]]
    accepted: dict[str, Any]  # how the provider says yes
    busy: tuple[int, dict[str, Any]]  # how it says: later
    refused: tuple[int, dict[str, Any]]  # how it says: never
    longest_text: int
    most_choices: int = 0  # none: it asks no questions and carries no files
    is_signed: bool = True  # each body, not only the address that it comes to
    names_its_number: bool = True
    accepted_id: str = "wamid.1"
    accepted_status: int = 200

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.key]

    @property
    def bodies(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(RECORDINGS.glob(self.recordings))]


def sign_like_meta(body: bytes, secret: str) -> dict[str, str]:
    return {
        "x-hub-signature-256": "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    }


CHANNELS = [
    Channel(
        key="whatsapp",
        recordings="wa_*.json",
        number=PHONE_NUMBER_ID,
        sign=sign_like_meta,
        accepted={"messages": [{"id": "wamid.1"}]},
        busy=(400, {"error": {"code": 130429, "message": "Rate limit hit"}}),
        refused=(400, {"error": {"code": 131026, "message": "Message undeliverable"}}),
        longest_text=4096,
        most_choices=10,
    ),
    Channel(
        key="unifonic",
        recordings="unifonic_*",
        number="sms:EasternMun",
        sign=lambda _body, secret: {TOKEN_HEADER: secret},
        accepted={"success": True, "errorCode": "ER-00", "data": {"MessageID": 42000348806924}},
        accepted_id="unifonic:42000348806924",
        busy=(429, {"success": False, "message": "Too many", "errorCode": "429", "data": {}}),
        refused=(400, {"success": False, "message": "Too short", "errorCode": "ER-04", "data": {}}),
        longest_text=536,
        is_signed=False,
        names_its_number=False,
    ),
    Channel(
        key="taqnyat",
        recordings="taqnyat_*",
        number="sms:EasternMun",
        sign=lambda _body, secret: {TOKEN_HEADER: secret},
        accepted={"statusCode": 201, "messageId": 6231450, "cost": "0.05", "rejected": "[]"},
        accepted_id="taqnyat:6231450",
        accepted_status=201,
        busy=(429, {"statusCode": 429, "message": "Too many requests"}),
        refused=(400, {"statusCode": 400, "message": "recipients is required"}),
        longest_text=536,
        is_signed=False,
        names_its_number=False,
    ),
]
every_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.key)
every_signed_channel = pytest.mark.parametrize(
    "channel", [c for c in CHANNELS if c.is_signed], ids=lambda channel: channel.key
)
every_asking_channel = pytest.mark.parametrize(
    "channel", [c for c in CHANNELS if c.most_choices], ids=lambda channel: channel.key
)
every_plain_channel = pytest.mark.parametrize(
    "channel", [c for c in CHANNELS if not c.most_choices], ids=lambda channel: channel.key
)


def parse(channel: Channel, body: bytes) -> Any:
    return channel.adapter.parse(
        body, numbers={channel.number: 7}, received_at=RECEIVED_AT, request_id="r1"
    )


def test_every_channel_has_a_contract() -> None:
    # A mail server speaks no HTTP: its contract is in test_email.py.
    assert {channel.key for channel in CHANNELS} == set(ADAPTERS) - {"email"}


@every_channel
def test_only_what_the_provider_signed_is_authentic(channel: Channel) -> None:
    for body in channel.bodies:
        good = channel.sign(body, "secret")
        assert channel.adapter.is_authentic(good, body, "secret")
        assert not channel.adapter.is_authentic(good, body, "another")
        assert channel.adapter.is_authentic(good, body + b"\n", "secret") != channel.is_signed
        assert not channel.adapter.is_authentic({}, body, "secret")
        assert not channel.adapter.is_authentic(dict.fromkeys(good, "é"), body, "secret")


@every_channel
def test_every_recording_holds_something_for_us(channel: Channel) -> None:
    assert channel.bodies
    for body in channel.bodies:
        parsed = parse(channel, body)
        assert parsed.messages or parsed.statuses
        assert parsed.unknown_numbers == ()
        for message in parsed.messages:
            assert message.external_id
            assert message.whatsapp_id or message.phone
            assert message.phone == "" or message.phone.isdigit()
            assert message.kind
            assert message.number_id == 7
            assert message.received_at == RECEIVED_AT
            assert message.sent_at.tzinfo is not None
            assert message.request_id == "r1"
            assert message.text or message.payload or message.file
        for status in parsed.statuses:
            assert status.external_id
            assert status.status
            assert status.provider_at < RECEIVED_AT


@every_channel
def test_the_same_body_reads_the_same_twice(channel: Channel) -> None:
    for body in channel.bodies:
        assert parse(channel, body) == parse(channel, body)


@every_channel
def test_a_number_that_is_not_ours_is_named(channel: Channel) -> None:
    numbers = {"another": 1}
    named = set()
    for body in channel.bodies:
        parsed = channel.adapter.parse(
            body, numbers=numbers, received_at=RECEIVED_AT, request_id=""
        )
        assert parsed.messages == ()
        named |= set(parsed.unknown_numbers)
    # What a gateway says is about a message, not about its sender.
    assert named == ({channel.number} if channel.names_its_number else set())


@every_channel
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_is_no_webhook_is_refused_as_a_value_error_and_nothing_else(
    channel: Channel, data: Any
) -> None:
    body = bytearray(data.draw(st.sampled_from(channel.bodies)))
    for _time in range(data.draw(st.integers(0, 3))):
        position = data.draw(st.integers(0, max(0, len(body) - 1)))
        body[position : position + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))

    try:
        parsed = parse(channel, bytes(body))
    except ValueError:
        return
    for message in parsed.messages:
        # All of it fits PostgreSQL: neither null characters nor halves of characters.
        text = json.dumps(
            [message.text, message.name, message.payload, message.quoted_id], ensure_ascii=False
        )
        assert "\0" not in text
        text.encode()


@every_channel
def test_texts_up_to_the_limit_can_be_sent_and_longer_ones_are_refused(channel: Channel) -> None:
    channel.adapter.text("س" * channel.longest_text)
    for text in ("", "س" * (channel.longest_text + 1), "🌧" * (channel.longest_text // 2 + 1)):
        with pytest.raises(PartRefused) as refused:
            channel.adapter.text(text)
        assert (refused.value.part, refused.value.limit) == ("text", channel.longest_text)


@every_asking_channel
def test_a_question_has_as_many_answers_as_the_channel_carries(channel: Channel) -> None:
    def ask(count: int, title: str = "راضٍ") -> dict[str, Any]:
        rows = [(f"id-{n}", title) for n in range(count)]
        return channel.adapter.choices("كيف كانت خدمتنا؟", button="قيّم", rows=rows)

    sent = json.dumps(ask(channel.most_choices))
    assert all(f"id-{n}" in sent for n in range(channel.most_choices))
    for count, title in ((0, "x"), (channel.most_choices + 1, "x"), (1, ""), (1, "x" * 100)):
        with pytest.raises(PartRefused):
            ask(count, title)


LONG = "س" * 10_000


@every_plain_channel
def test_what_is_more_than_text_is_refused_by_its_part(channel: Channel) -> None:
    adapter = channel.adapter
    writes: list[Callable[[], Any]] = [
        lambda: adapter.file("image", caption="", name="a.jpg"),
        lambda: adapter.buttons("؟", replies=[("1", "نعم")]),
        lambda: adapter.choices("؟", button="اختر", rows=[("1", "نعم")]),
        lambda: adapter.reaction("👍", to="1"),
        lambda: adapter.ask_place("؟"),
        lambda: adapter.ask_phone("؟"),
        lambda: adapter.form("؟", title="املأ", form_id="1", token="t", screen=""),
    ]
    for write in writes:
        with pytest.raises(PartRefused) as refused:
            write()
        assert refused.value.part == "kind"
    said = [
        adapter.text("قبل الإصلاح"),
        adapter.link("قبل الإصلاح", title="افتح", url="https://example.org/ar?a=1#x"),
        adapter.place(latitude=26.4, longitude=50.1, name="قبل الإصلاح", address="الدمام"),
    ]
    for content in said:
        assert "قبل الإصلاح" in json.dumps(content, ensure_ascii=False)
    assert "https://example.org/ar?a=1#x" in json.dumps(said[1])
    assert "26.4" in json.dumps(said[2])


@every_asking_channel
def test_every_kind_that_can_be_sent_says_what_it_was_given(channel: Channel) -> None:
    adapter = channel.adapter
    contents = [
        adapter.file("image", caption="قبل الإصلاح", name="a.jpg"),
        adapter.file("document", caption="", name="قبل الإصلاح.pdf"),
        adapter.place(latitude=26.4, longitude=50.1, name="قبل الإصلاح", address="الدمام"),
        adapter.buttons("قبل الإصلاح", replies=[("yes", "نعم"), ("no", "لا")]),
        adapter.choices("قبل الإصلاح", button="اختر", rows=[("1", "نعم", "شرح"), ("2", "لا", "")]),
        adapter.link("قبل الإصلاح", title="افتح", url="https://example.org/ar?a=1#x"),
        adapter.ask_place("قبل الإصلاح"),
        adapter.ask_phone("قبل الإصلاح"),
        adapter.form("قبل الإصلاح", title="املأ", form_id="77", token="t-1", screen="FIRST"),
        adapter.form("قبل الإصلاح", title="املأ", form_id="77", token="t-1", screen=""),
    ]
    for content in contents:
        assert "قبل الإصلاح" in json.dumps(content, ensure_ascii=False)
        quoting = adapter.quoting(content, "wamid.77")
        assert "wamid.77" in json.dumps(quoting)
        assert "wamid.77" not in json.dumps(content)
    # A voice message has nothing but its sound, whose id comes when it is handed over.
    assert adapter.file("voice", caption="", name="voice.ogg")
    assert "wamid.77" in json.dumps(adapter.reaction("👍", to="wamid.77"))
    assert "wamid.77" in json.dumps(adapter.reaction("", to="wamid.77"))


@every_asking_channel
@pytest.mark.parametrize(
    ("part", "write"),
    [
        ("caption", lambda a: a.file("image", caption=LONG, name="")),
        ("caption", lambda a: a.file("voice", caption="نص", name="")),
        ("place", lambda a: a.place(latitude=91, longitude=0, name="", address="")),
        ("place", lambda a: a.place(latitude=0, longitude=-181, name="", address="")),
        ("place", lambda a: a.place(latitude=float("nan"), longitude=0, name="", address="")),
        ("name", lambda a: a.place(latitude=1, longitude=1, name=LONG, address="")),
        ("body", lambda a: a.buttons("", replies=[("1", "نعم")])),
        ("body", lambda a: a.buttons(LONG, replies=[("1", "نعم")])),
        ("buttons", lambda a: a.buttons("؟", replies=[])),
        ("buttons", lambda a: a.buttons("؟", replies=[(f"{n}", f"{n}") for n in range(9)])),
        ("buttons", lambda a: a.buttons("؟", replies=[("1", "نعم"), ("2", "نعم")])),
        ("button", lambda a: a.buttons("؟", replies=[("1", "🌧" * 11)])),
        ("description", lambda a: a.choices("؟", button="اختر", rows=[("1", "نعم", LONG)])),
        ("url", lambda a: a.link("؟", title="افتح", url="javascript:alert(1)")),
        ("url", lambda a: a.link("؟", title="افتح", url="https://")),
        ("url", lambda a: a.link("؟", title="افتح", url="https://[::1")),
        ("url", lambda a: a.link("؟", title="افتح", url="https://example.org/a b")),
        ("button", lambda a: a.link("؟", title="", url="https://example.org/")),
        ("body", lambda a: a.ask_place("")),
        ("body", lambda a: a.ask_phone(LONG)),
        ("button", lambda a: a.form("؟", title=LONG, form_id="1", token="t", screen="")),
        ("form_button", lambda a: a.form("؟", title="املأ 📝", form_id="1", token="t", screen="")),
    ],
)
def test_what_a_channel_does_not_carry_is_refused_by_its_part(
    channel: Channel, part: str, write: Callable[[Adapter], dict[str, Any]]
) -> None:
    with pytest.raises(PartRefused) as refused:
        write(channel.adapter)
    assert refused.value.part == part


def send(channel: Channel, *answers: Answer, url: str = "") -> Outcome:
    """What one message comes to when the provider behaves like this."""
    with running_provider() as provider:
        provider.answers.extend(answers)
        account = make_account(base_url=url or provider.url)
        number = account.numbers.get()
        row = Outgoing(
            node=number.node, number=number, to_phone="966500000105", content=channel.adapter.text("تم"),
            lane=Outgoing.Lane.PERSON, not_before=RECEIVED_AT, created_at=RECEIVED_AT,
        )  # fmt: skip

        async def run() -> Outcome:
            async with aiohttp.ClientSession() as session:
                return await channel.adapter.send(session, account, row)

        return asyncio.run(run())


@every_channel
def test_the_providers_answer_tells_what_became_of_the_message(channel: Channel, db: None) -> None:
    def answering(status: int, body: dict[str, Any]) -> Outcome:
        return send(channel, Answer(status, json.dumps(body).encode()))

    accepted = answering(channel.accepted_status, channel.accepted)
    assert (accepted.reaction, accepted.external_id) == (Reaction.ACCEPTED, channel.accepted_id)
    busy = answering(*channel.busy)
    assert busy.reaction is Reaction.RETRY
    assert busy.wait.total_seconds() > 0
    refused = answering(*channel.refused)
    assert refused.reaction is Reaction.GIVE_UP
    assert (refused.error or {})["code"]


@every_channel
def test_a_broken_line_is_retried_only_if_nothing_can_have_passed(
    channel: Channel, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayan.channels.adapters.whatsapp.graph.TIMEOUT", {"total": 0.2})
    monkeypatch.setattr("bayan.channels.adapters.sms.web.TIMEOUT", {"total": 0.2})

    assert send(channel, url="http://127.0.0.1:9").reaction is Reaction.RETRY
    assert send(channel, Answer(hangs_up=True)).reaction is Reaction.UNCERTAIN
    assert send(channel, Answer(delay=0.5)).reaction is Reaction.UNCERTAIN
    assert send(channel, Answer(302, b"")).reaction is Reaction.UNCERTAIN
    assert send(channel, Answer(502, b"<h1>Bad Gateway</h1>")).reaction is Reaction.UNCERTAIN
    assert send(channel, Answer(429, b"")).reaction is Reaction.RETRY


@settings(max_examples=60, deadline=None)
@given(
    status=st.integers(200, 599),
    content=st.binary(max_size=40)
    | st.sampled_from(
        [
            b"null",
            b"[]",
            b'{"error": 1}',
            b'{"messages": {}}',
            b'{"success": true, "data": 1}',
            b'{"success": "x", "errorCode": 7}',
            b'{"statusCode": 201, "messageId": {}}',
            b'{"statusCode": true}',
        ]
    ),
)
def test_no_answer_of_the_provider_makes_the_adapter_fail(status: int, content: bytes) -> None:
    assert isinstance(graph.outcome(status, content), Outcome)
    answer = web.decoded(content)
    assert isinstance(unifonic.outcome(status, answer), Outcome)
    assert isinstance(taqnyat.outcome(status, answer), Outcome)
