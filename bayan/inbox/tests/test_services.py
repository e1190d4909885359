from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.core.models import AuditEntry
from bayan.core.references import grouped
from bayan.inbox import services
from bayan.inbox.models import Conversation, Message
from bayan.inbox.tests.factories import make_conversation
from bayan.organisation.models import Node
from bayan.people.models import Member


def test_a_reply_carries_the_body_and_the_number_of_the_matter(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)

    services.reply(conversation.public_id, "وصلنا بلاغكم.", by=khobar_responder, now=now)

    sent = Outgoing.objects.get().content["text"]["body"]
    assert sent == f"*بلدية محافظة الخبر · بلاغ {grouped(conversation.matter)}*\nوصلنا بلاغكم."
    assert Message.objects.latest("pk").text == "وصلنا بلاغكم."


def test_a_reply_is_queued_once_and_leaves_its_trace(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)

    message = services.reply(conversation.public_id, "في الطريق", by=khobar_responder, now=now)

    row = Outgoing.objects.get()
    assert (row.state, row.lane) == (Outgoing.State.QUEUED, Outgoing.Lane.PERSON)
    assert row.to_phone == conversation.contact.identities.get(scheme="phone").value
    entry = AuditEntry.objects.get(action="message.sent")
    assert entry.actor == khobar_responder.audit_key
    assert entry.details == {"message": str(message.public_id), "kind": "text"}
    assert "في الطريق" not in str(entry.details)


def test_after_24_hours_nothing_is_sent_that_cannot_arrive(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)
    with pytest.raises(services.WindowClosed):
        services.reply(
            conversation.public_id, "مرحبًا", by=khobar_responder, now=now + timedelta(hours=24)
        )
    assert not Outgoing.objects.exists()


def test_a_message_that_waits_for_the_person_is_taken_back_once(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)
    message = services.reply(conversation.public_id, "في الطريق", by=khobar_responder, now=now)
    with pytest.raises(channels.NotHeld):
        services.withdraw(message.public_id, by=khobar_responder, now=now)
    Outgoing.objects.update(state=Outgoing.State.HELD)

    services.withdraw(message.public_id, by=khobar_responder, now=now)

    row = Outgoing.objects.get()
    assert (row.state, row.error) == (Outgoing.State.FAILED, {"title": "withdrawn"})
    assert AuditEntry.objects.filter(action="message.withdrawn").count() == 1


def test_a_waiting_conversation_stops_waiting_once_it_is_answered(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)
    assert Conversation.objects.waiting().exists()

    services.reply(
        conversation.public_id,
        "في الطريق",
        by=khobar_responder,
        now=now + timedelta(minutes=1),
    )

    assert not Conversation.objects.waiting().exists()
    assert Conversation.objects.open().exists()


@pytest.mark.parametrize("text", ["", " " * 5, "ا" * 4096])
def test_a_text_that_the_channel_does_not_carry_is_refused(
    khobar: Node, khobar_responder: Member, now: datetime, text: str
) -> None:
    conversation = make_conversation(node=khobar)
    with pytest.raises(channels.TextTooLong):
        services.reply(conversation.public_id, text, by=khobar_responder, now=now)
