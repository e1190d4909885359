"""Conversations, and what the public writes into them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from bayan.channels import services as channels
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Account, Media, Number
from bayan.core import live
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member


def conversations_for(
    wanted: Iterable[tuple[Contact, int]], *, node: Node, now: datetime
) -> dict[tuple[int, int], Conversation]:
    """The conversation of each contact with this body through this number, begun where there is none.

    Keys of the answer are (contact's id, number's id).
    """
    pairs = {(contact.pk, number_id) for contact, number_id in wanted}
    if not pairs:
        return {}
    found = _of_pairs(pairs, node)
    new = sorted(pairs - found.keys())
    if not new:
        return found
    without_window = set(
        Number.objects.filter(pk__in={pair[1] for pair in new})
        .exclude(account__channel=Account.Channel.WHATSAPP)
        .values_list("pk", flat=True)
    )
    Conversation.objects.bulk_create(
        (
            Conversation(
                contact_id=contact_id,
                number_id=number_id,
                node=node,
                has_window=number_id not in without_window,
                last_message_at=now,
                created_at=now,
            )
            for contact_id, number_id in new
        ),
        ignore_conflicts=True,
    )
    # Another may have begun one at the same moment.
    return found | _of_pairs(set(new), node)


def _of_pairs(
    pairs: AbstractSet[tuple[int, int]], node: Node
) -> dict[tuple[int, int], Conversation]:
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


# They change another message of the same person's conversation, and say nothing by themselves.
TOUCHES = frozenset({"reaction", "edit", "revoke"})


def store(arrivals: Sequence[Arrival]) -> list[Message]:
    """Keep messages of persons in their conversations, in the order given, and tell the screens.

    Reactions, edits and revocations change the message that they are about; one whose message is not here
    (yet) is kept as a message until it comes. Replies that waited for these people to write go out.
    """
    targets = _targets_of(arrivals)
    touches: list[tuple[Key, IncomingMessage]] = []
    said: list[Arrival] = []
    coming = {
        (a.message.number_id, a.message.external_id): a.conversation.contact_id
        for a in arrivals
        if a.message.kind not in TOUCHES
    }
    for arrival in arrivals:
        key = arrival.message.number_id, arrival.message.target_id
        target = targets.get(key)
        if arrival.message.kind in TOUCHES and (
            (target and _may_touch(arrival, target))
            or coming.get(key) == arrival.conversation.contact_id
        ):
            touches.append((key, arrival.message))
        else:
            said.append(arrival)
    messages = create(said)
    spoken = [message for message in messages if message.kind not in TOUCHES]
    targets |= {(m.number_id, m.external_id): m for m in spoken}
    waited = _touches_waiting_for(spoken)
    _touch(targets, [*touches, *waited])
    _renew(spoken)
    channels.release_held({(m.conversation.contact_id, m.number_id): m.received_at for m in spoken})
    live.announce(
        [(a.conversation.node_id, "conversation", a.conversation.public_id) for a in arrivals]
        + [
            (targets[key].node_id, "conversation", targets[key].conversation.public_id)
            for key, _touch in touches
        ]
    )
    return messages


def create(arrivals: Sequence[Arrival], *, by: Member | None = None) -> list[Message]:
    """The rows of messages that came in; `by` is the member through whom they came, if one did."""
    files = _expect_files(arrivals)
    return Message.objects.bulk_create(
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
            author=by,
            # What a touch is about is found by it when it comes later.
            quoted_id=message.quoted_id or message.target_id,
            request_id=message.request_id,
            sent_at=message.sent_at,
            received_at=message.received_at,
        )
        for message, conversation, matter in (
            (a.message, a.conversation, a.matter) for a in arrivals
        )
    )


def _renew(messages: Sequence[Message]) -> None:
    """Move the conversations of these messages to the top; the time to write freely runs anew."""
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
                preview = l.preview,
                snoozed_until = NULL
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS l (id, at, preview)
            WHERE c.id = l.id
            """,
            [
                [message.conversation_id for message in rows],
                [message.received_at for message in rows],
                # What has no words is named by its kind, in the reader's language, by the template.
                [_preview(message) for message in rows],
            ],
        )


def _preview(message: Message) -> str:
    return "" if message.revoked_at else message.text[:160]


# A message by its number's id and the provider's id.
type Key = tuple[int, str]


def _targets_of(arrivals: Sequence[Arrival]) -> dict[Key, Message]:
    """The messages, theirs or ours, that these arrivals change; their rows are ours until the commit."""
    wanted = {
        (a.message.number_id, a.message.target_id)
        for a in arrivals
        if a.message.kind in TOUCHES and a.message.target_id
    }
    if not wanted:
        return {}
    ids = {external_id for _number_id, external_id in wanted}
    rows = (
        Message.objects.filter(number__in={number_id for number_id, _external_id in wanted})
        .select_related("conversation", "outgoing")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    theirs = rows.filter(direction=Message.Direction.IN, external_id__in=ids)
    found = {(row.number_id, row.external_id): row for row in theirs.exclude(kind__in=TOUCHES)} | {
        (row.number_id, row.outgoing.external_id or ""): row
        for row in rows.filter(outgoing__external_id__in=ids)
        if row.outgoing
    }
    return {key: row for key, row in found.items() if key in wanted}


def _may_touch(arrival: Arrival, target: Message) -> bool:
    """A person changes what they wrote themselves, and reacts to what stands in their own conversation."""
    if target.conversation.contact_id != arrival.conversation.contact_id:
        return False
    return arrival.message.kind == "reaction" or target.direction == Message.Direction.IN


def _touches_waiting_for(messages: Sequence[Message]) -> list[tuple[Key, Message]]:
    """What came before the message that it is about; it is no message of its own any more."""
    by_key = {(m.number_id, m.external_id): m for m in messages}
    rows = Message.objects.filter(
        direction=Message.Direction.IN,
        kind__in=["reaction", "edit", "revoke"],
        quoted_id__in=[external_id for _number_id, external_id in by_key],
    ).select_related("conversation")
    found = [
        ((row.number_id, row.quoted_id), row)
        for row in rows
        if (target := by_key.get((row.number_id, row.quoted_id)))
        and target.conversation.contact_id == row.conversation.contact_id
    ]
    Message.objects.filter(pk__in=[row.pk for _key, row in found]).delete()
    return found


def _touch(
    targets: Mapping[Key, Message], touches: Iterable[tuple[Key, IncomingMessage | Message]]
) -> None:
    changed: dict[int, Message] = {}
    for key, touch in sorted(touches, key=lambda pair: pair[1].sent_at):
        target = targets[key]
        changed[target.pk] = target
        if touch.kind == "reaction":
            _react(target, touch)
        elif touch.kind == "edit":
            _edit(target, touch)
        else:
            target.revoked_at = min(filter(None, [target.revoked_at, touch.sent_at]))
    Message.objects.bulk_update(
        changed.values(), ["their_reaction", "text", "payload", "edited_at", "revoked_at"]
    )
    # Of a conversation already there, the last words may be among them.
    reworded = [m for m in changed.values() if m.edited_at or m.revoked_at]
    for message in sorted(reworded, key=lambda message: message.conversation_id):
        newer = Message.objects.filter(conversation=message.conversation_id, pk__gt=message.pk)
        if not newer.exclude(direction="in", kind__in=TOUCHES).exists():
            Conversation.objects.filter(pk=message.conversation_id).update(
                preview=_preview(message)
            )


def _react(target: Message, touch: IncomingMessage | Message) -> None:
    # Webhooks come in any order: the latest reaction counts.
    at = touch.sent_at.isoformat()
    if at >= target.payload.get("reacted_at", ""):
        target.their_reaction = touch.payload.get("emoji", "")
        target.payload = {**target.payload, "reacted_at": at}


def _edit(target: Message, touch: IncomingMessage | Message) -> None:
    is_latest = target.edited_at is None or touch.sent_at >= target.edited_at
    former = target.text if is_latest else touch.text
    target.payload = {**target.payload, "former": [*target.payload.get("former", []), former]}
    if is_latest:
        target.text, target.edited_at = touch.text, touch.sent_at


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
