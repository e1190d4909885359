"""Reports of text messages, and letters, on their way through the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest
from django.db import connection

from bayan.cases.models import Case
from bayan.channels import services as channels
from bayan.channels.models import Account, Outgoing
from bayan.channels.tests.test_reaching import make_mail_number, make_sms_number
from bayan.core.models import uuid7
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.intake import services
from bayan.intake.mailbox import journal
from bayan.people.models import Member


def waiting() -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM intake_journal WHERE processed_at IS NULL ORDER BY id")
        return [bytes(row[0]) for row in cursor.fetchall()]


def put(account: Account, body: bytes, *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_journal (received_at, account_id, request_id, body) VALUES (%s, %s, '', %s)",
            [now, account.pk, body],
        )


def test_a_gateways_report_moves_the_message_on(db: None, now: datetime) -> None:
    number = make_sms_number()
    facts: dict[str, Any] = {
        "node": number.node, "number": number, "to_phone": "966500000105", "content": {}, "lane": 30,
        "not_before": now, "created_at": now, "state": "sent", "sent_at": now,
    }  # fmt: skip
    known = Outgoing.objects.create(**facts, external_id="unifonic:42000348806924")
    # Its answer was lost, but the report brings our own id back.
    lost = Outgoing.objects.create(**facts | {"state": "uncertain"}, public_id=uuid7())
    put(number.account, b"MessageID=42000348806924&DLR=Delivered&Recipient=966500000105", now=now)
    put(
        number.account,
        f"MessageID=77&DLR=Undeliverable&Recipient=966500000105&CorrelationID={lost.public_id}".encode(),
        now=now,
    )
    assert services.work_off(now=now).set_aside == 0
    known.refresh_from_db()
    lost.refresh_from_db()
    assert (known.state, lost.state) == ("delivered", "failed")
    assert lost.error == {"code": 999, "title": "Undeliverable"}


LETTER = """From: Noura <noura@example.org>
To: bayan@example.org
Subject: حفرة
Message-ID: <a1@example.org>
Content-Type: text/plain; charset=utf-8

حفرة في حي النخيل
""".encode()


def test_a_letter_is_taken_in_once_and_answered_as_a_letter(
    desk_responder: Member, now: datetime
) -> None:
    number = make_mail_number()
    account = number.account
    found = channels.FoundLetters(generation=1, position=5, letters=(LETTER, LETTER))
    assert journal(account, found, now=now) == 2
    # Another worker that read the same: it is behind.
    assert journal(account, found, now=now) == 0
    services.work_off(now=now)
    assert waiting() == []
    case = Case.objects.get()
    assert case.contact.identities.get().value == "noura@example.org"

    answer = inbox.reply(case.conversation.public_id, "وصل بلاغكم", by=desk_responder, now=now)
    row = answer.outgoing
    assert row is not None
    assert (row.to_email, row.number, row.window_until) == ("noura@example.org", number, None)
    letter = row.content["email"]
    assert "وصل بلاغكم" in letter["text"]
    assert "*" not in letter["text"]
    assert (letter["in_reply_to"], letter["subject"]) == ("<a1@example.org>", "Re: حفرة")
    assert Message.objects.filter(direction="in").count() == 1


def test_an_answer_to_our_letter_comes_into_its_conversation(
    desk_responder: Member, now: datetime
) -> None:
    number = make_mail_number()
    put(number.account, LETTER, now=now)
    services.work_off(now=now)
    case = Case.objects.get()
    answer = inbox.reply(case.conversation.public_id, "أين بالضبط؟", by=desk_responder, now=now)
    assert answer.outgoing
    Outgoing.objects.filter(pk=answer.outgoing.pk).update(external_id="<b2@example.org>")
    again = LETTER.replace(b"<a1@", b"<a2@").replace(b"To:", b"In-Reply-To: <b2@example.org>\nTo:")
    put(number.account, again, now=now)
    services.work_off(now=now)
    assert Case.objects.count() == 1
    assert Message.objects.filter(conversation=case.conversation, direction="in").count() == 2


@pytest.fixture
def gateway(committed_account: Account) -> Account:
    """There before the intake starts."""
    return make_sms_number().account


@pytest.mark.parametrize(
    "body", [b"MessageID=1&DLR=Delivered", b'{"MessageID": 1, "DLR": "Delivered"}']
)
def test_only_the_address_that_the_gateway_was_given_takes_reports(
    gateway: Account, intake: str, body: bytes
) -> None:
    base = intake.rpartition("/hooks/")[0]
    account = gateway
    right = f"{base}/hooks/unifonic/sms/{account.verify_token}"
    assert httpx.post(right, content=body).status_code == 200
    assert httpx.post(f"{base}/hooks/unifonic/sms/wrong", content=body).status_code == 401
    assert httpx.post(f"{base}/hooks/unifonic/sms", content=body).status_code == 404
    assert httpx.get(right).status_code == 405
    assert httpx.post(right, content=b"x" * 70_000).status_code == 413
