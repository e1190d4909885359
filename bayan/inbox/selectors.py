"""Reading conversations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, F, OuterRef, Q, Subquery

from bayan.core.paging import Cursor, Page, page_of
from bayan.inbox.models import Conversation, Message
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
    latest = Message.objects.filter(conversation=OuterRef("pk")).order_by("-pk")
    rows = Conversation.objects.select_related("contact", "node").annotate(
        last_kind=Subquery(latest.values("kind")[:1])
    )
    if view in ("waiting", "open", "closed"):
        rows = getattr(rows, view)()
    if words:
        rows = rows.matching(words)
    return page_of(rows, newest="last_message_at", after=after, limit=PAGE)


def counts() -> dict[str, int]:
    """How many conversations each view holds, in one query."""
    waiting = Q(last_outbound_at=None) | Q(last_inbound_at__gt=F("last_outbound_at"))
    return Conversation.objects.aggregate(
        all=Count("pk"),
        open=Count("pk", filter=~Q(matter="")),
        closed=Count("pk", filter=Q(matter="")),
        waiting=Count("pk", filter=~Q(matter="") & waiting),
    )


def messages_of(conversation: Conversation, *, before: int | None = None) -> list[Message]:
    """The latest messages of a conversation (those before a key, if given), oldest first."""
    rows = conversation.messages.select_related("outgoing", "author")
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:PAGE_OF_MESSAGES])[::-1]
