"""Handing conversations over: to another body, or to the contact who turns out to be the same person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from bayan.channels.models import Media, Outgoing
from bayan.core import live
from bayan.inbox.models import Conversation, Mention, Message, Note, Presence
from bayan.inbox.services.conversations import Arrival, create
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member

# What hangs on a conversation and stands in its body; messages and files are more, and come first.
PARTS = (Note, Mention, Presence)
MESSAGES, NOTES, MENTIONS = "inbox_message", "inbox_note", "inbox_mention"


def move(conversations: Iterable[Conversation], *, to: Node) -> Mapping[int, int]:
    """Hand conversations with all that they hold to another body (see `move_each`)."""
    return move_each(dict.fromkeys(conversations, to))


def move_each(destinations: Mapping[Conversation, Node]) -> Mapping[int, int]:
    """Hand conversations with all that they hold each to its body, in a few statements for all of them.

    To the desk from a body whose members do not see it, the database does the same by itself
    (cases/migrations/0005_back_to_the_desk.py): what is added here is added there.

    Where the contact already has one there, the two become one. Returns which conversation holds the messages
    of each one now, by their keys; the caller moves what else hangs on them and then calls `discard`.
    """
    sources = sorted(
        (row for row, node in destinations.items() if row.node_id != node.pk),
        key=lambda row: row.pk,
    )
    nodes = {row.pk: destinations[row].pk for row in sources}
    there = {
        (row.contact_id, row.number_id, row.node_id): row.pk
        for row in Conversation.objects.filter(
            node__in=set(nodes.values()), contact__in={row.contact_id for row in sources}
        )
        .order_by("pk")
        .select_for_update()
    }
    # Two of one person that come from two bodies become one as well.
    targets = {
        row.pk: there.setdefault((row.contact_id, row.number_id, nodes[row.pk]), row.pk)
        for row in sources
    }
    _readdress(
        {key: nodes[key] for key in targets}, kept=[k for k, to in targets.items() if k == to]
    )
    _carry(targets, nodes)
    _renew(set(targets.values()))
    public_ids = dict(
        Conversation.objects.filter(pk__in=set(targets.values())).values_list("pk", "public_id")
    )
    live.announce(
        (node_id, "conversation", key)
        for row in sources
        for node_id in (row.node_id, nodes[row.pk])
        for key in {row.public_id, public_ids[targets[row.pk]]}
    )
    return targets


def _readdress(nodes: Mapping[int, int], *, kept: Sequence[int]) -> None:
    """Give these conversations, where they stay what they are, and all that was sent in them their body."""
    pairs = [list(nodes), list(nodes.values())]
    with connection.cursor() as cursor:
        for table, column in (("channels_outgoing", "outgoing_id"), ("channels_media", "media_id")):
            cursor.execute(
                f"UPDATE {table} o SET node_id = t.node FROM inbox_message m "  # noqa: S608  # our tables
                "JOIN unnest(%s::bigint[], %s::bigint[]) AS t (source, node) ON m.conversation_id = t.source "
                f"WHERE o.id = m.{column}",
                pairs,
            )
        cursor.execute(
            "UPDATE inbox_conversation c SET node_id = t.node "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS t (source, node) WHERE c.id = t.source",
            [list(kept), [nodes[key] for key in kept]],
        )


def release(keys: Iterable[int]) -> None:
    """Let nobody in particular answer these conversations, before another body gets them."""
    Conversation.objects.filter(pk__in=list(keys), assignee__isnull=False).update(assignee=None)


def facts_of(conversations: Iterable[Conversation]) -> list[dict[str, Any]]:
    """What `move_back` needs of conversations that are about to be moved, as JSON takes it."""
    rows = {row.pk: row for row in conversations}
    messages: dict[int, list[int]] = {pk: [] for pk in rows}
    pairs = Message.objects.filter(conversation__in=rows).values_list("conversation_id", "pk")
    for conversation_id, message_id in pairs.order_by("pk"):
        messages[conversation_id].append(message_id)
    notes: dict[int, list[int]] = {pk: [] for pk in rows}
    for conversation_id, note_id in Note.objects.filter(conversation__in=rows).values_list(
        "conversation_id", "pk"
    ):
        notes[conversation_id].append(note_id)
    return [
        {
            "id": row.pk,
            "public_id": str(row.public_id),
            "node": row.node_id,
            "contact": row.contact_id,
            "number": row.number_id,
            "matter": row.matter,
            "created_at": row.created_at.isoformat(),
            "read_at": row.read_at.isoformat() if row.read_at else None,
            "snoozed_until": row.snoozed_until.isoformat() if row.snoozed_until else None,
            "assignee": row.assignee_id,
            "labels": row.labels,
            "messages": messages[row.pk],
            "notes": notes[row.pk],
        }
        for row in rows.values()
    ]


def move_back(facts: Sequence[Mapping[str, Any]]) -> None:
    """Put moved conversations back where they were, with the messages that they held then.

    One that had become part of another begins anew under its old name. What was written since stays with the
    body that has it now, unless the conversation itself goes back.
    """
    with connection.cursor() as cursor:
        for row in facts:
            cursor.execute(
                """
                INSERT INTO inbox_conversation
                    (id, public_id, node_id, contact_id, number_id, matter, preview,
                     last_message_at, created_at, read_at, snoozed_until, assignee_id, labels, has_window)
                VALUES (%(id)s, %(public_id)s, %(node)s, %(contact)s, %(number)s, %(matter)s, '',
                        %(created_at)s, %(created_at)s, %(read_at)s, %(snoozed_until)s, %(assignee)s,
                        %(labels)s,
                        (SELECT a.channel = 'whatsapp' FROM channels_number n
                         JOIN channels_account a ON a.id = n.account_id WHERE n.id = %(number)s))
                ON CONFLICT (id) DO UPDATE SET node_id = excluded.node_id,
                    contact_id = excluded.contact_id, read_at = excluded.read_at,
                    snoozed_until = excluded.snoozed_until, assignee_id = excluded.assignee_id,
                    labels = excluded.labels
                """,
                dict(row),
            )
    held = dict(
        Message.objects.filter(pk__in=[m for row in facts for m in row["messages"]]).values_list(
            "pk", "conversation_id"
        )
    )
    nodes = {row["id"]: row["node"] for row in facts}
    targets = {message: row["id"] for row in facts for message in row["messages"]}
    notes = {note: row["id"] for row in facts for note in row["notes"]}
    touched = set(held.values()) | set(nodes)
    # What came meanwhile to a conversation that had kept its name goes with it.
    for node_id in set(nodes.values()):
        mine = [key for key, node in nodes.items() if node == node_id]
        Message.objects.filter(conversation__in=mine).update(node_id=node_id)
        for part in PARTS:
            part.objects.filter(conversation__in=mine).update(node_id=node_id)
    _put(MESSAGES, targets, nodes)
    _put(NOTES, notes, nodes)
    for mention in Mention.objects.filter(note__in=notes):
        mention.conversation_id = notes[mention.note_id]
        mention.node_id = nodes[mention.conversation_id]
        mention.save(update_fields=["conversation", "node"])
    for node_id in set(nodes.values()):
        mine = [key for key, node in nodes.items() if node == node_id]
        Outgoing.objects.filter(message__conversation__in=mine).update(node_id=node_id)
        Media.objects.filter(messages__conversation__in=mine).update(node_id=node_id)
    _renew(touched)
    live.announce(
        (node_id, "conversation", public_id)
        for node_id, public_id in Conversation.objects.filter(pk__in=touched).values_list(
            "node_id", "public_id"
        )
    )


def join(other: Contact, *, into: Contact) -> Mapping[int, int]:
    """Give all conversations of one contact to another who is the same person.

    Those with the same body through the same number become one. Returns which conversation holds the messages
    of each one now, by their keys; the caller moves what else hangs on them and then calls `discard`.
    """
    rows = Conversation.objects.filter(contact__in=[other, into])
    rows = rows.order_by("pk").select_for_update()
    theirs = {(c.number_id, c.node_id): c for c in rows if c.contact_id == into.pk}
    targets: dict[int, int] = {}
    told = []
    for conversation in rows:
        if conversation.contact_id != other.pk:
            continue
        target = theirs.get((conversation.number_id, conversation.node_id))
        if target is None:
            conversation.contact = into
            conversation.save(update_fields=["contact"])
            target = conversation
        targets[conversation.pk] = target.pk
        told += [conversation, target]
    _carry(targets)
    _renew(set(targets.values()))
    live.announce((c.node_id, "conversation", c.public_id) for c in told)
    return targets


def hand_on(messages: Iterable[int], *, to: Conversation, by: Member) -> None:
    """Put messages of a member's own, by their keys, into a conversation as what they passed on to it.

    They open no time to write freely there, and nobody waits for an answer to them.
    """
    rows = Message.objects.filter(pk__in=list(messages))
    sources = set(rows.values_list("conversation_id", flat=True))
    Media.objects.filter(messages__in=rows).update(node=to.node_id)
    rows.update(conversation=to, node=to.node_id, matter=to.matter, author=by)
    _renew(sources | {to.pk})
    live.announce(
        (node_id, "conversation", key)
        for node_id, key in Conversation.objects.filter(pk__in=sources | {to.pk}).values_list(
            "node_id", "public_id"
        )
    )


def file_under(messages: Iterable[int], *, matter: str) -> None:
    """Let messages, by their keys, belong to another case; they stay in their conversation."""
    Message.objects.filter(pk__in=list(messages)).update(matter=matter)


def keep_passed_on(arrival: Arrival, *, by: Member, media: Media | None = None) -> Message:
    """Keep a message that reaches a person's conversation through a member, as by an app of theirs.

    It opens no time to write freely there, and nobody waits for an answer to it.
    """
    (message,) = create([arrival], by=by)
    if media is not None:
        message.media = media
        message.save(update_fields=["media"])
    conversation = arrival.conversation
    _renew({conversation.pk})
    live.announce([(conversation.node_id, "conversation", conversation.public_id)])
    return message


def discard(targets: Mapping[int, int]) -> None:
    """Remove the conversations whose messages went elsewhere."""
    Conversation.objects.filter(pk__in=[key for key, to in targets.items() if to != key]).delete()


def _carry(targets: Mapping[int, int], nodes: Mapping[int, int] | None = None) -> None:
    """Move what the conversations hold; those that are not merged only change their body."""
    pairs = [list(targets), list(targets.values())]
    with connection.cursor() as cursor:
        # Who is present is asked anew by the pages themselves.
        cursor.execute(
            "DELETE FROM inbox_presence WHERE conversation_id = ANY (%s)", [list(targets)]
        )
        for table in (MESSAGES, NOTES, MENTIONS):
            cursor.execute(
                f"UPDATE {table} p SET conversation_id = t.target, node_id = coalesce(t.node, p.node_id) "  # noqa: S608  # our tables
                "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS t (source, target, node) "
                "WHERE p.conversation_id = t.source",
                [*pairs, [nodes[key] if nodes else None for key in targets]],
            )
        # What was known of both is known of the one.
        cursor.execute(
            """
            UPDATE inbox_conversation c
            SET matter = coalesce(nullif(s.matter, ''), c.matter),
                assignee_id = coalesce(c.assignee_id, s.assignee_id),
                labels = c.labels || ARRAY(SELECT unnest(s.labels) EXCEPT SELECT unnest(c.labels)),
                read_at = least(c.read_at, s.read_at)
            FROM unnest(%s::bigint[], %s::bigint[]) AS t (source, target)
            JOIN inbox_conversation s ON s.id = t.source
            WHERE c.id = t.target AND t.source <> t.target
            """,
            pairs,
        )


def _put(table: str, targets: Mapping[int, int], nodes: Mapping[int, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} p SET conversation_id = t.target, node_id = t.node "  # noqa: S608  # our tables
            "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS t (id, target, node) WHERE p.id = t.id",
            [list(targets), list(targets.values()), [nodes[key] for key in targets.values()]],
        )


def _renew(keys: set[int]) -> None:
    """Read anew from their messages what conversations know of them; what nobody wrote answers nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE inbox_conversation c
            SET last_message_at = coalesce(m.last_at, c.last_message_at),
                last_inbound_at = m.last_inbound_at,
                -- Where no person wrote, only a member passed something on, nobody waits for an answer.
                last_outbound_at = coalesce(
                    m.last_outbound_at, CASE WHEN m.last_inbound_at IS NULL THEN m.last_at END
                ),
                preview = coalesce((
                    SELECT CASE WHEN w.revoked_at IS NULL THEN left(w.text, 160) ELSE '' END
                    FROM inbox_message w
                    WHERE w.conversation_id = c.id AND w.kind NOT IN ('reaction', 'edit', 'revoke')
                        AND (w.direction = 'in' OR w.author_id IS NOT NULL)
                    ORDER BY w.received_at DESC, w.id DESC LIMIT 1
                ), '')
            FROM (
                SELECT k.id, max(received_at) AS last_at,
                       max(received_at) FILTER (WHERE direction = 'in' AND author_id IS NULL)
                           AS last_inbound_at,
                       max(received_at) FILTER (WHERE direction = 'out') AS last_outbound_at
                FROM unnest(%s::bigint[]) AS k (id)
                LEFT JOIN inbox_message x ON x.conversation_id = k.id
                    AND x.kind <> 'reaction'
                    AND (x.author_id IS NOT NULL OR x.direction = 'in' AND x.kind NOT IN ('edit', 'revoke'))
                GROUP BY k.id
            ) AS m
            WHERE m.id = c.id
            """,
            [sorted(keys)],
        )
