"""Conversations, and what the public writes into them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from bayan.channels import services as channels
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Media, Outgoing
from bayan.core import live
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact


def conversations_for(
    wanted: Iterable[tuple[Contact, int]], *, node: Node, now: datetime
) -> dict[tuple[int, int], Conversation]:
    """The conversation of each contact with this body through this number, begun where there is none.

    Keys of the answer are (contact's id, number's id).
    """
    pairs = {(contact.pk, number_id) for contact, number_id in wanted}
    Conversation.objects.bulk_create(
        (
            Conversation(
                contact_id=contact_id,
                number_id=number_id,
                node=node,
                last_message_at=now,
                created_at=now,
            )
            for contact_id, number_id in sorted(pairs)
        ),
        ignore_conflicts=True,
    )
    rows = Conversation.objects.filter(node=node, contact_id__in={pair[0] for pair in pairs})
    return {
        (row.contact_id, row.number_id): row
        for row in rows
        if (row.contact_id, row.number_id) in pairs
    }


@dataclass(frozen=True)
class Arrival:
    """A message of a person, where it belongs, and the reference of its case (or none)."""

    message: IncomingMessage
    conversation: Conversation
    matter: str = ""


def store(arrivals: Sequence[Arrival]) -> list[Message]:
    """Keep messages of persons in their conversations, in the order given, and tell the screens."""
    files = _expect_files(arrivals)
    messages = Message.objects.bulk_create(
        Message(
            node_id=conversation.node_id,
            conversation=conversation,
            direction=Message.Direction.IN,
            matter=matter,
            kind=message.kind,
            text=message.text,
            payload=message.payload,
            media=files.get((message.number_id, message.external_id)),
            forwarded=message.forwarded,
            number_id=message.number_id,
            external_id=message.external_id,
            quoted_id=message.quoted_id,
            request_id=message.request_id,
            sent_at=message.sent_at,
            received_at=message.received_at,
        )
        for message, conversation, matter in (
            (a.message, a.conversation, a.matter) for a in arrivals
        )
    )
    latest: dict[int, Message] = {}
    for message in messages:
        latest[message.conversation_id] = message
    rows = sorted(latest.values(), key=lambda message: message.conversation_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE inbox_conversation c
            SET last_message_at = greatest(c.last_message_at, l.at),
                last_inbound_at = greatest(c.last_inbound_at, l.at),
                preview = l.preview
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS l (id, at, preview)
            WHERE c.id = l.id
            """,
            [
                [message.conversation_id for message in rows],
                [message.received_at for message in rows],
                # What has no words is named by its kind, in the reader's language, by the template.
                [message.text[:160] for message in rows],
            ],
        )
    live.announce(
        (a.conversation.node_id, "conversation", a.conversation.public_id) for a in arrivals
    )
    return messages


def _expect_files(arrivals: Sequence[Arrival]) -> dict[tuple[int, str], Media]:
    """The file of each message that has one, to be fetched at once; by number and message id."""
    found = [
        ((a.message.number_id, a.message.external_id), a.message.file, a)
        for a in arrivals
        if a.message.file
    ]
    rows = channels.expect_files(
        channels.Expected(
            file=file,
            kind=arrival.message.kind,
            number_id=arrival.message.number_id,
            node_id=arrival.conversation.node_id,
            received_at=arrival.message.received_at,
        )
        for _key, file, arrival in found
    )
    return {key: row for (key, _file, _arrival), row in zip(found, rows, strict=True)}


def name_matters(matters: Mapping[int, str]) -> None:
    """Say which matter is open in these conversations (id → reference; empty: none)."""
    rows = sorted(matters.items())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inbox_conversation c SET matter = m.matter "
            "FROM unnest(%s::bigint[], %s::text[]) AS m (id, matter) WHERE c.id = m.id",
            [[row[0] for row in rows], [row[1] for row in rows]],
        )


def move(conversation: Conversation, *, to: Node) -> Conversation:
    """Hand a conversation with its messages to another body.

    Where the contact already has one there, the two become one. Returns the conversation that holds
    the messages now; the caller moves what else hangs on it.
    """
    target = (
        Conversation.objects.select_for_update()
        .filter(contact_id=conversation.contact_id, number_id=conversation.number_id, node=to)
        .first()
    )
    outgoing = Outgoing.objects.filter(message__conversation=conversation)
    outgoing.update(node=to)
    Media.objects.filter(messages__conversation=conversation).update(node=to)
    if target is None:
        conversation.messages.update(node=to)
        old_node_id, conversation.node = conversation.node_id, to
        conversation.save(update_fields=["node"])
        target = conversation
    else:
        conversation.messages.update(node=to, conversation=target)
        old_node_id = conversation.node_id
        _merge_facts(conversation, into=target)
    live.announce(
        (node_id, "conversation", key)
        for node_id in (old_node_id, to.pk)
        for key in {conversation.public_id, target.public_id}
    )
    return target


def discard(conversation: Conversation) -> None:
    """Remove a conversation whose messages went elsewhere."""
    conversation.delete()


def _merge_facts(source: Conversation, *, into: Conversation) -> None:
    newer = source.last_message_at >= into.last_message_at
    into.preview = source.preview if newer else into.preview
    into.matter = source.matter or into.matter
    for field in ("last_message_at", "last_inbound_at", "last_outbound_at"):
        moments = [m for m in (getattr(source, field), getattr(into, field)) if m is not None]
        setattr(into, field, max(moments, default=None))
    into.save(
        update_fields=[
            "preview",
            "matter",
            "last_message_at",
            "last_inbound_at",
            "last_outbound_at",
        ]
    )
