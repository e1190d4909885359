"""Conversations and messages as files for spreadsheets: what the reader sees, and a line in the trail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse

from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry
from bayan.inbox import services, tables
from bayan.inbox.models import Conversation, Label, Message
from bayan.inbox.tests.factories import make_conversation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient


async def written(response: Any) -> str:
    return b"".join([part async for part in response.streaming_content]).decode()


def cells(conversation: Conversation) -> dict[str, str]:
    (found,) = tables.conversations(Conversation.objects.filter(pk=conversation.pk), after=0)
    return dict(zip(tables.heading_of_conversations(), found[1], strict=True))


def test_a_line_tells_all_that_the_list_shows(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    who: dict[str, Any] = {"whatsapp_id": "SA.1", "phone": "966500000001", "name": "نورة"}
    conversation = make_conversation("السلام عليكم", node=khobar, matter="482173095", **who)
    label = Label.objects.create(node=khobar, name="أمطار")
    rows = Conversation.objects.all()
    services.label(rows, add=[label], by=khobar_responder, now=now)
    services.assign(rows, to=khobar_responder, by=khobar_responder, now=now)
    services.snooze(rows, until=now + timedelta(hours=3), by=khobar_responder, now=now)
    # They write again and wait since their first words.
    later = now + timedelta(minutes=30)
    message = incoming("أين أنتم؟", received_at=later, **who)
    services.store([services.Arrival(message, conversation, "482173095")])

    line = cells(conversation)

    assert list(line.values()) == [
        "نورة", "966500000001", khobar.name, "مفتوح", "482173095", khobar_responder.name, "أمطار",
        "2026-11-23 10:30", "2026-11-23 10:00", "", "أين أنتم؟",
    ]  # fmt: skip


def test_whoever_was_answered_waits_since_nothing(desk_responder: Member, now: datetime) -> None:
    conversation = make_conversation()
    services.reply(conversation.public_id, "وصلنا", by=desk_responder, now=now)
    assert list(cells(conversation).values())[8] == ""


def test_five_hundred_conversations_cost_two_statements(
    desk_responder: Member, django_assert_num_queries: Any
) -> None:
    for _number in range(5):
        make_conversation()
    with django_assert_num_queries(2):
        assert len(tables.conversations(Conversation.objects.all(), after=0)) == 5


def test_what_was_deleted_is_not_told_in_the_file_of_messages(
    desk_responder: Member, now: datetime
) -> None:
    conversation = make_conversation("رقم هويتي")
    services.reply(conversation.public_id, "شكرًا لكم", by=desk_responder, now=now)
    Message.objects.filter(direction="in").update(revoked_at=now)
    lines = [cells for _key, cells in tables.messages(conversation, after=0)]
    assert lines[0][3] == ""
    assert lines[1][1] == desk_responder.name
    assert lines[1][3].endswith("شكرًا لكم")


@pytest.mark.usefixtures("committed_db")
async def test_a_list_is_saved_with_what_the_member_may_read_and_nothing_else() -> None:
    def prepared() -> tuple[Any, Any]:
        khobar, qatif = Node.objects.get(key="khobar"), Node.objects.get(key="qatif")
        mine = make_conversation("=1+1", node=khobar)
        make_conversation("سر", node=qatif)
        # A trainer is in a body without reading what people write to it.
        member = make_member(Role.Kind.RESPONDER, khobar)
        make_member_also(member, Role.Kind.TRAINER, qatif)
        client = StaffClient()
        client.force_login(member)
        address = reverse("inbox:export_messages", args=[mine.public_id])
        return client.get(reverse("inbox:export") + "?view=all"), client.get(address)

    listed, one = await sync_to_async(prepared)()
    text = await written(listed)
    assert "'=1+1" in text
    assert "سر" not in text
    assert "'=1+1" in await written(one)

    def told() -> list[tuple[str, Any]]:
        return list(
            AuditEntry.objects.filter(action__endswith=".exported")
            .order_by("pk")
            .values_list("action", "details")
        )

    assert await sync_to_async(told)() == [
        ("conversations.exported", {"count": 1, "view": "all"}),
        ("conversation.exported", {}),
    ]


def make_member_also(member: Member, kind: str, node: Node) -> None:
    first = member.roles.get()
    Role.objects.create(member=member, kind=kind, node=node, starts_at=first.starts_at)


def test_a_conversation_of_another_body_is_not_saved(
    client: StaffClient, khobar_responder: Member, qatif: Node
) -> None:
    client.force_login(khobar_responder)
    other = make_conversation(node=qatif)
    address = reverse("inbox:export_messages", args=[other.public_id])
    assert client.get(address).status_code == 404
    assert not AuditEntry.objects.filter(action__endswith=".exported").exists()
