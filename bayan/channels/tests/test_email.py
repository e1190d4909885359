"""E-mail: a letter leaves once, what comes back fails, what a person writes is read, machines are not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email import message_from_string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Outcome, Reaction, Stops
from bayan.channels.adapters.email import outgoing, words
from bayan.channels.events import Parsed
from bayan.channels.models import Outgoing
from bayan.channels.tests.test_reaching import make_mail_number
from emulator.tests.test_letters import Side, side, whole

__all__ = ["side", "whole"]

RECEIVED_AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
NUMBERS = {"bayan@example.org": 7}
EMAIL = ADAPTERS["email"]
LETTER = """From: نورة <Noura@Example.org>
To: bayan@example.org
Subject: حفرة في حي النخيل
Message-ID: <a1@example.org>
Date: Mon, 23 Nov 2026 09:00:00 +0300
Content-Type: text/plain; charset=utf-8

السلام عليكم، توجد حفرة كبيرة أمام المدرسة.
"""


def parse(letter: str | bytes) -> Parsed:
    body = letter.encode() if isinstance(letter, str) else letter
    return EMAIL.parse(body, numbers=NUMBERS, received_at=RECEIVED_AT, request_id="r1")


def test_a_letter_of_a_person_is_a_message_of_theirs() -> None:
    (message,) = parse(LETTER).messages
    assert (message.email, message.name, message.number_id) == ("noura@example.org", "نورة", 7)
    assert message.external_id == "<a1@example.org>"
    assert message.text == "حفرة في حي النخيل\nالسلام عليكم، توجد حفرة كبيرة أمام المدرسة."
    assert message.sent_at < RECEIVED_AT


def test_an_answer_names_the_letter_that_it_answers_and_quotes_nothing() -> None:
    answer = LETTER.replace("Message-ID:", "In-Reply-To: <b2@example.org>\nMessage-ID:") + (
        "\nOn Mon, Nov 23, 2026 at 8:00 AM Bayan <bayan@example.org> wrote:\n> شكرًا لكم\n"
    )
    (message,) = parse(answer).messages
    assert message.quoted_id == "<b2@example.org>"
    assert message.text == "السلام عليكم، توجد حفرة كبيرة أمام المدرسة."


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (vacation)",
        "Precedence: bulk",
        "List-Id: <news.example.org>",
        "X-Auto-Response-Suppress: All",
        "X-Bayan-Message: 0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c",
        "From: bayan@example.org",
    ],
)
def test_what_a_machine_wrote_starts_nothing(header: str) -> None:
    name = header.partition(":")[0]
    letter = LETTER.replace("From: نورة <Noura@Example.org>\n", "") if name == "From" else LETTER
    parsed = parse(f"{header}\n{letter}")
    assert parsed.messages == ()
    assert parsed.remarks


BOUNCE = """From: Mail Delivery System <mailer-daemon@example.org>
To: bayan@example.org
Return-Path: <>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not work.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; example.org

Final-Recipient: rfc822; nobody@example.org
Action: {action}
Status: {status}

--b
Content-Type: text/rfc822-headers

Message-ID: <0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c@example.org>
X-Bayan-Message: 0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c
Subject: x
--b--
"""


def test_a_letter_that_came_back_has_failed_and_one_that_is_late_has_not() -> None:
    (status,) = parse(BOUNCE.format(action="failed", status="5.1.1")).statuses
    assert (status.status, status.callback) == ("failed", "0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c")
    assert status.external_id == "<0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c@example.org>"
    assert status.error == {"title": "bounced", "details": "5.1.1"}
    assert parse(BOUNCE.format(action="delayed", status="4.4.1")).statuses == ()


def test_html_is_read_as_its_reader_sees_it() -> None:
    page = (
        "<html><head><style>p{}</style></head><body><p>السلام&nbsp;عليكم</p><script>alert(1)</script>"
        "<div>توجد <b>حفرة</b></div><blockquote>قديم</blockquote></body></html>"
    )
    letter = LETTER.replace("text/plain", "text/html").rpartition("\n\n")[0] + f"\n\n{page}\n"
    (message,) = parse(letter).messages
    assert message.text == "حفرة في حي النخيل\nالسلام عليكم\n\nتوجد حفرة"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("نعم\n\n-----Original Message-----\nFrom: x", "نعم"),
        ("نعم\nفي الأحد، 22 نوفمبر 2026 في 8:00 ص كتب بيان <b@example.org>:\n> قديم", "نعم"),
        ("نعم\n-- \nنورة", "نعم"),
        ("> كله اقتباس", "> كله اقتباس"),
        ("من: القلب شكرًا", "من: القلب شكرًا"),
    ],
)
def test_only_what_is_new_of_an_answer_is_kept(text: str, kept: str) -> None:
    assert words.unquoted(text) == kept


def test_files_are_fetched_from_the_mailbox_where_they_lie() -> None:
    letter = (
        "X-Bayan-Mailbox: 12\r\n"
        + LETTER.replace("text/plain; charset=utf-8", 'multipart/mixed; boundary="b"')
    ).rpartition("\n\n")[0] + (
        "\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nصورة\n--b\nContent-Type: image/jpeg\n"
        'Content-Disposition: attachment; filename="a.jpg"\n'
        "Content-Transfer-Encoding: base64\n\n/9j/\n--b--\n"
    )
    text, picture = parse(letter).messages
    assert text.text.endswith("صورة")
    assert picture.kind == "image"
    assert picture.file is not None
    assert (picture.file.external_id, picture.file.name) == ("mail:12:2", "a.jpg")
    # Without that line above it, it may be anybody's.
    assert len(parse(letter.replace("X-Bayan-Mailbox: 12\r\n", "")).messages) == 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_strangers_bytes_are_read_or_refused_as_a_value_error(data: Any) -> None:
    body = bytearray(
        data.draw(
            st.sampled_from([LETTER, BOUNCE.format(action="failed", status="5.1.1")])
        ).encode()
    )
    for _time in range(data.draw(st.integers(0, 4))):
        position = data.draw(st.integers(0, len(body)))
        body[position : position + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    try:
        parsed = parse(bytes(body))
    except ValueError:
        return
    for message in parsed.messages:
        assert "\0" not in message.text + message.name + message.email
        message.text.encode()


@pytest.fixture
def row(side: Side, db: None) -> Outgoing:
    number = make_mail_number()
    account = number.account
    account.base_url = f"smtp://127.0.0.1:{side.smtp_port}"
    account.save(update_fields=["base_url"])
    content = EMAIL.text("تعميم 12\nhttps://example.org/t/1")
    content["email"]["subject"] = "تعميم\r\nBcc: all@example.org"
    return Outgoing(
        node=number.node, number=number, to_email="noura@example.org", content=content,
        lane=Outgoing.Lane.WORK, not_before=RECEIVED_AT, created_at=RECEIVED_AT,
    )  # fmt: skip


def send(row: Outgoing) -> Outcome:
    return asyncio.run(outgoing.send(row.number.account, row))


def test_a_letter_leaves_with_what_keeps_machines_from_answering_it(
    row: Outgoing, side: Side
) -> None:
    outcome = send(row)
    assert outcome.reaction is Reaction.ACCEPTED
    assert outcome.external_id == f"<{row.public_id}@example.org>"
    (letter,) = side.letters("noura@example.org")
    headers = letter["headers"]
    assert headers["Message-ID"] == outcome.external_id
    assert headers["Auto-Submitted"] == "auto-generated"
    # A line break in a subject begins no header.
    assert headers["Subject"] == "تعميم Bcc: all@example.org"
    assert "Bcc" not in headers
    assert letter["text"].strip() == "تعميم 12\nhttps://example.org/t/1"


def test_each_refusal_of_the_mail_server_means_one_thing(row: Outgoing, side: Side) -> None:
    def with_fault(**fault: Any) -> Outcome:
        side.fault("mail", count=1, **fault)
        return send(row)

    assert with_fault(kind="error", code=550).reaction is Reaction.GIVE_UP
    assert with_fault(kind="error", code=450).reaction is Reaction.RETRY
    assert with_fault(kind="rate_limit").reaction is Reaction.RETRY
    assert with_fault(kind="outage").reaction is Reaction.RETRY
    # It may have been taken: nobody sends it again by themselves.
    assert with_fault(kind="disconnect", code=1).reaction is Reaction.UNCERTAIN
    row.number.account.login = "bayan@example.org"
    refused = with_fault(kind="expired_token")
    assert (refused.reaction, refused.stops) == (Reaction.STOP, Stops.ACCOUNT)


def test_a_server_that_is_not_there_took_nothing(row: Outgoing) -> None:
    row.number.account.base_url = "smtp://127.0.0.1:9"
    assert send(row).reaction is Reaction.RETRY


def test_a_letter_has_no_lines_longer_than_mail_carries(row: Outgoing) -> None:
    row.content["email"]["text"] = "كلمة " * 3000
    written = outgoing.letter(row.number.account, row).as_bytes()
    assert max(len(line) for line in written.split(b"\r\n")) < 998
    assert message_from_string(written.decode())["To"] == "noura@example.org"
