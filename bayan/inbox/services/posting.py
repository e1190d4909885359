"""Writing to several persons at once: to each in their own conversation, under the number of their own case.

As many statements for two hundred as for one; the caller decides how many go into a transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F

from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Template
from bayan.core import audit, events, live
from bayan.core.errors import DomainError
from bayan.inbox.events import PeopleAnswered
from bayan.inbox.models import Conversation, Message
from bayan.inbox.services import sending
from bayan.inbox.services.sending import HELD_FOR, Draft
from bayan.people.models import Member

# The latest message of a member that has left, or still may.
OUTBOUND = """
    UPDATE inbox_conversation c SET last_outbound_at = (
        SELECT max(m.received_at) FROM inbox_message m
        JOIN channels_outgoing o ON o.id = m.outgoing_id
        WHERE m.conversation_id = c.id AND m.direction = 'out' AND m.author_id IS NOT NULL
        AND m.kind <> 'reaction' AND o.error ->> 'title' IS DISTINCT FROM 'withdrawn'
    )
    WHERE c.id = ANY (%s) RETURNING c.node_id, c.public_id
"""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What goes to one person: words, a template, or words that wait until they open the conversation."""

    # Locked by `lock_conversations`.
    conversation: Conversation
    # The reference of the case under whose number it goes.
    matter: str
    text: str = ""
    # A list of answers under the words, with its button.
    rows: Sequence[tuple[str, str]] = ()
    button: str = ""
    subject: tuple[str, str] = ("", "")
    template: Template | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False


def lock_conversations(ids: Collection[int]) -> dict[int, Conversation]:
    """These conversations, ours until the commit, with what a message needs."""
    rows = (
        Conversation.objects.filter(pk__in=ids)
        .select_related("node", "number__account", "contact")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    return {row.pk: row for row in rows}


def send_each(
    letters: Sequence[Letter], *, by: Member, now: datetime, lane: Outgoing.Lane
) -> list[Message | DomainError]:
    """Send each of these, in the running transaction: its message, or why it cannot be sent.

    Each conversation at most once. A letter that `waits` needs an opener, which goes out with it unless
    the person was asked within the last day. Nobody takes a conversation by it.
    """
    drafts = [_drafted(letter) for letter in letters]
    good = [
        (letter, draft)
        for letter, draft in zip(letters, drafts, strict=True)
        if isinstance(draft, Draft)
    ]
    asks = _asks([letter for letter, _draft in good if letter.waits], now=now)
    # The question first, the words that wait for its answer behind it.
    all_of_it = asks + good
    outgoing = channels.send_each(
        [_outgoing(letter, draft, now=now, lane=lane) for letter, draft in all_of_it], now=now
    )
    messages = Message.objects.bulk_create(
        Message(
            node_id=letter.conversation.node_id,
            conversation=letter.conversation,
            direction=Message.Direction.OUT,
            matter=letter.matter,
            kind=draft.kind,
            text=draft.text,
            payload=draft.payload,
            number=letter.conversation.number,
            outgoing=row,
            author=by,
            request_id=row.request_id,
            sent_at=now,
            received_at=now,
        )
        for (letter, draft), row in zip(all_of_it, outgoing, strict=True)
    )
    _touch(good, now=now)
    # The person reads it in the name of their body; who wrote it stands in the trail, read once.
    author = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(
        audit.Entry(
            action="message.sent",
            subject_type="case",
            subject_key=message.matter,
            by=author,
            at=now,
            node_id=message.node_id,
            details={"message": str(message.public_id), "kind": message.kind},
        )
        for message in messages
    )
    if good:
        matters = frozenset(letter.matter for letter, _draft in good)
        events.publish(PeopleAnswered(matters=matters, by=by, at=now))
    live.announce(
        (letter.conversation.node_id, "conversation", letter.conversation.public_id)
        for letter, _draft in good
    )
    sent = iter(messages[len(asks) :])
    return [next(sent) if isinstance(draft, Draft) else draft for draft in drafts]


def take_back_each(messages: Sequence[Message], *, now: datetime) -> set[int]:
    """Take back those of these messages of ours that no dispatcher has claimed; returns their ids.

    Where nothing else was answered, the person waits for an answer again.
    """
    gone = channels.withdraw_each([m.outgoing_id for m in messages if m.outgoing_id], now=now)
    taken = [message for message in messages if message.outgoing_id in gone]
    if taken:
        with connection.cursor() as cursor:
            cursor.execute(OUTBOUND, [[message.conversation_id for message in taken]])
            told: list[tuple[int, UUID]] = cursor.fetchall()
        live.announce((node_id, "conversation", public_id) for node_id, public_id in told)
    return {message.pk for message in taken}


def _drafted(letter: Letter) -> Draft | DomainError:
    conversation = letter.conversation
    # For the heading; the row itself is written by `_touch`.
    conversation.matter = letter.matter
    try:
        if letter.template is not None:
            return sending.template_draft(letter.template, letter.values)
        if letter.rows:
            return sending.list_draft(
                conversation, letter.text, rows=letter.rows, button=letter.button
            )
        return sending.text_draft(conversation, letter.text)
    except DomainError as refused:
        return refused


def _asks(letters: Sequence[Letter], *, now: datetime) -> list[tuple[Letter, Draft]]:
    """What asks these persons to open the conversation, without those who were asked already."""
    if not letters:
        return []
    asked = set(
        Message.objects.filter(
            conversation__in=[letter.conversation for letter in letters],
            outgoing__template__purpose=Template.Purpose.REOPEN,
            received_at__gt=now - timedelta(days=1),
        )
        .exclude(outgoing__state=Outgoing.State.FAILED)
        .exclude(received_at__lte=F("conversation__last_inbound_at"))
        .values_list("conversation", flat=True)
    )
    known = sending.openers({letter.conversation.number.account_id for letter in letters})
    found = []
    for letter in letters:
        if letter.conversation.pk in asked:
            continue
        template = known[letter.conversation.number.account_id]
        values = sending.reopening_values(letter.conversation, template)
        ask = Letter(conversation=letter.conversation, matter=letter.matter, template=template)
        found.append((ask, sending.template_draft(template, values)))
    return found


def _outgoing(letter: Letter, draft: Draft, *, now: datetime, lane: Outgoing.Lane) -> Outgoing:
    conversation = letter.conversation
    return Outgoing(
        node_id=conversation.node_id,
        number=conversation.number,
        contact=conversation.contact,
        content=draft.content,
        template=draft.template,
        lane=lane,
        subject_type=letter.subject[0],
        subject_key=letter.subject[1],
        state=Outgoing.State.HELD if letter.waits else Outgoing.State.QUEUED,
        window_until=None if letter.waits else conversation.window_closes_at,
        expires_at=now + HELD_FOR if letter.waits else None,
    )


def _touch(good: Sequence[tuple[Letter, Draft]], *, now: datetime) -> None:
    rows = sorted((letter.conversation.pk, draft.text[:160]) for letter, draft in good)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inbox_conversation c SET last_message_at = %s, last_outbound_at = %s, "
            "preview = p.preview FROM unnest(%s::bigint[], %s::text[]) AS p (id, preview) "
            "WHERE c.id = p.id",
            [now, now, [key for key, _words in rows], [words for _key, words in rows]],
        )
