"""Reading conversations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from bayan.channels.models import Outgoing
from bayan.core.paging import Cursor, Page, page_of
from bayan.inbox.models import Conversation, Message, Quote
from bayan.people.models import Contact

# A person who writes again within this time means the same body (architecture.md, "Tenancy").
SAME_BODY = timedelta(hours=72)


def conversations_of(contacts: Iterable[Contact]) -> list[Conversation]:
    """All conversations of these contacts, locked, each contact's latest first."""
    return list(
        Conversation.objects.filter(contact__in=list(contacts))
        # Always in one order, so that two workers never wait for each other.
        .order_by("pk")
        .select_for_update()
    )


def conversation_ids_of_quoted(quoted: Iterable[str]) -> dict[str, int]:
    """The conversation of each quoted message, by the provider's id, theirs or ours."""
    wanted = {external_id for external_id in quoted if external_id}
    if not wanted:
        return {}
    rows = Message.objects.filter(
        Q(external_id__in=wanted) | Q(outgoing__external_id__in=wanted)
    ).values_list("external_id", "outgoing__external_id", "conversation_id")
    return {theirs or ours or "": conversation_id for theirs, ours, conversation_id in rows}


def choose(
    conversations: list[Conversation], *, quoted: int | None, now: datetime
) -> Conversation | None:
    """The one of a contact's conversations that a new message joins; None: the desk's.

    In this order: that of the message it quotes; the one with an open case and the latest message;
    the latest one of the last 72 hours.
    """
    newest_first = sorted(conversations, key=lambda c: (c.last_message_at, c.pk), reverse=True)
    for conversation in newest_first:
        if conversation.pk == quoted:
            return conversation
    for conversation in newest_first:
        if conversation.matter:
            return conversation
    latest = next(iter(newest_first), None)
    return latest if latest and latest.last_message_at > now - SAME_BODY else None


VIEWS = ("waiting", "open", "closed", "all")
PAGE = 40
PAGE_OF_MESSAGES = 60


def page_of_conversations(*, view: str, words: str, after: Cursor | None) -> Page[Conversation]:
    """Conversations of this view, newest first, with all that a row shows."""
    # What has no words to show is named by its kind.
    latest = (
        Message.objects.filter(conversation=OuterRef("pk"))
        .exclude(kind="reaction", direction=Message.Direction.OUT)
        .order_by("-pk")
    )
    rows = Conversation.objects.select_related("contact", "node").annotate(
        last_kind=Subquery(latest.values("kind")[:1]),
        last_revoked_at=Subquery(latest.values("revoked_at")[:1]),
    )
    if view in ("waiting", "open", "closed"):
        rows = getattr(rows, view)()
    if words:
        rows = rows.matching(words)
    return page_of(rows, newest="last_message_at", after=after, limit=PAGE)


def counts() -> dict[str, int]:
    """How many conversations each view holds.

    In two queries: what is open has an index, and of the rest only the number is needed.
    """
    waiting = Q(last_outbound_at=None) | Q(last_inbound_at__gt=F("last_outbound_at"))
    found = Conversation.objects.open().aggregate(
        open=Count("pk"), waiting=Count("pk", filter=waiting)
    )
    # Counted without a column, which the index on the body answers alone.
    total = Conversation.objects.count()
    return {**found, "all": total, "closed": total - found["open"]}


def messages_of(conversation: Conversation, *, before: int | None = None) -> list[Message]:
    """The latest messages of a conversation (those before a key, if given), oldest first.

    Each knows what it quotes (`quote`) and the message that carried our reaction (`reaction`).
    """
    rows = _thread().filter(conversation=conversation)
    if before:
        rows = rows.filter(pk__lt=before)
    return _with_quotes(list(rows.order_by("-pk")[:PAGE_OF_MESSAGES])[::-1])


def message_of_outgoing(outgoing_id: UUID) -> Message | None:
    """The message to show anew when something was said of this row; for a reaction, what it stands on."""
    carrier = (
        Message.objects.select_related("outgoing").filter(outgoing__public_id=outgoing_id).first()
    )
    if carrier is None:
        return None
    found = _thread().filter(pk=carrier.pk)
    if carrier.kind == "reaction":
        found = _thread().filter(
            conversation=carrier.conversation_id,
            direction=Message.Direction.IN,
            external_id=carrier.quoted_id,
        )
    return next(iter(_with_quotes(list(found))), None)


def message_of(public_id: UUID) -> Message | None:
    """One message as a thread shows it."""
    return next(iter(_with_quotes(list(_thread().filter(public_id=public_id)))), None)


def _thread() -> QuerySet[Message]:
    # A reaction is shown on what it stands on, never as a message of its own.
    return Message.objects.select_related(
        "outgoing", "author", "media", "conversation", "node"
    ).exclude(kind="reaction", direction=Message.Direction.OUT)


def _with_quotes(messages: list[Message]) -> list[Message]:
    quotes = _quotes_of(messages)
    reactions = _reactions_on(messages)
    for message in messages:
        message.quote = quotes.get((message.number_id, message.quoted_id))
        message.reaction = reactions.get((message.conversation_id, message.external_id))
    return messages


def _quotes_of(messages: Sequence[Message]) -> dict[tuple[int, str], Quote]:
    """What these messages quote, by number and the provider's id: theirs, ours, or of a broadcast."""
    wanted = {message.quoted_id for message in messages if message.quoted_id}
    if not wanted:
        return {}
    conversations = {message.conversation_id for message in messages}
    numbers = {message.number_id for message in messages}
    theirs = Message.objects.filter(
        number__in=numbers, external_id__in=wanted, direction=Message.Direction.IN
    )
    found = {
        (row.number_id, row.external_id): Quote(
            row.kind,
            "" if row.revoked_at else row.text,
            is_ours=False,
            message_id=row.public_id if row.conversation_id in conversations else None,
        )
        for row in theirs
    }
    ours = Outgoing.objects.filter(external_id__in=wanted).select_related("message", "template")
    for row in ours:
        message = getattr(row, "message", None)
        # A broadcast has no message in any conversation: its words stand in what was sent.
        found[row.number_id, row.external_id or ""] = (
            Quote(
                message.kind,
                message.text,
                is_ours=True,
                message_id=message.public_id if message.conversation_id in conversations else None,
            )
            if message
            else Quote(row.content.get("type", ""), words_of(row), is_ours=True)
        )
    return found


def _reactions_on(messages: Sequence[Message]) -> dict[tuple[int, str], Message]:
    """The latest message that carried a reaction of ours, for each of these that has one."""
    marked = [message for message in messages if message.our_reaction]
    if not marked:
        return {}
    rows = Message.objects.filter(
        conversation__in={message.conversation_id for message in marked},
        kind="reaction",
        direction=Message.Direction.OUT,
        quoted_id__in={message.external_id for message in marked},
    ).select_related("outgoing")
    return {(row.conversation_id, row.quoted_id): row for row in rows.order_by("pk")}


def words_of(row: Outgoing) -> str:
    """The words of a message of ours that stands in no conversation, from what was sent."""
    if row.template is None:
        return str(row.content.get("text", {}).get("body", ""))
    texts = {part.get("type"): part.get("text", "") for part in row.template.components}
    words = str(texts.get("BODY", ""))
    for part in row.content.get("template", {}).get("components", []):
        if part.get("type") == "body":
            for position, parameter in enumerate(part.get("parameters", []), start=1):
                name = parameter.get("parameter_name") or str(position)
                words = words.replace(f"{{{{{name}}}}}", str(parameter.get("text", "")))
    return words
