"""Conversations for tests, made the way real ones are made."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.channels.tests.factories import incoming, make_number
from bayan.core.references import new_reference
from bayan.inbox import services
from bayan.inbox.models import Conversation
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import services as people

MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def make_conversation(
    text: str = "الشارع مظلم من أمس",
    *,
    node: Node | None = None,
    matter: str | None = None,
    now: datetime = MONDAY,
    **changes: Any,
) -> Conversation:
    """A conversation with one message of a person and, unless `matter` is empty, an open matter."""
    message = incoming(text, received_at=now, **changes)
    matter = new_reference() if matter is None else matter
    sender = people.Sender(whatsapp_id=message.whatsapp_id, phone=message.phone, name=message.name)
    contact = people.contacts_of([sender], now=now)[sender]
    (conversation,) = services.conversations_for(
        [(contact, message.number_id)], node=node or organisation.desk(), now=now
    ).values()
    services.name_matters({conversation.pk: matter})
    services.store([services.Arrival(message, conversation, matter)])
    return Conversation.objects.select_related("contact", "node").get(pk=conversation.pk)


def make_media(
    content: bytes = b"\xff\xd8\xff\xe0", *, node: Node | None = None, **facts: Any
) -> Media:
    """A file that is kept, a picture unless `facts` say otherwise; its bytes lie where they belong."""
    known: dict[str, Any] = {
        "node": node or organisation.desk(),
        "number": make_number(),
        "kind": "image",
        "state": Media.State.STORED,
        "mime_type": "image/jpeg",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "created_at": MONDAY,
    }
    media = Media.objects.create(**known | facts)
    path = channels.media_path(media)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return media
