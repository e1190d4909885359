"""That somebody has read what a person wrote, or is writing to them: told to the person's phone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from bayan.channels import services as channels
from bayan.inbox.models import Conversation, Message


@transaction.atomic
def look_at(conversation_id: UUID, *, now: datetime) -> bool:
    """Mark all that the person wrote as read, now that a member really looks at it.

    Returns whether there was anything new to mark.
    """
    conversation = Conversation.objects.select_for_update().get(public_id=conversation_id)
    newest = conversation.last_inbound_at
    if newest is None or (conversation.read_at and conversation.read_at >= newest):
        return False
    latest = _latest(conversation)
    conversation.read_at = max(newest, now)
    conversation.save(update_fields=["read_at"])
    if latest is None:
        return False
    # The provider marks what came before it too.
    channels.mark_read(latest.number, latest.external_id, now=now)
    return True


@transaction.atomic
def say_typing(conversation_id: UUID, *, now: datetime) -> None:
    """Let the person see that somebody is writing to them."""
    conversation = Conversation.objects.get(public_id=conversation_id)
    latest = _latest(conversation)
    if latest is not None and conversation.is_writable(now=now):
        channels.mark_read(latest.number, latest.external_id, typing=True, now=now)


def _latest(conversation: Conversation) -> Message | None:
    return (
        conversation.messages.select_related("number")
        .filter(direction=Message.Direction.IN, author=None)
        .exclude(external_id="")
        .order_by("-received_at", "-pk")
        .first()
    )
