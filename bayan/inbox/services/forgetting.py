"""Messages whose period is over (retention): emptied, so that what was counted by them stays counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Status
from bayan.core import audit
from bayan.core.rls import as_worker
from bayan.inbox.models import Conversation, Message, Note
from bayan.people import services as people
from bayan.people.models import Member

CONVERSATION = "conversation"
EMPTY = Q(text="", payload={}, media=None)


@transaction.atomic
def forget_conversation(key: UUID, *, by: Member, now: datetime) -> str:
    """Empty what was said in a conversation outside of any case; returns the SHA-256 of what it was.

    What belongs to a case is kept as long as the case. That there were messages, when and of which kind,
    stays.
    """
    with as_worker():
        conversation = Conversation.objects.select_for_update(of=("self",)).get(public_id=key)
        messages = conversation.messages.filter(matter="")
        digest = digest_of(messages)
        count = messages.count()
        media = forget_messages(messages)
        Note.objects.filter(conversation=conversation, matter="").delete()
        settle(conversation)
        channels.discard_media(media)
        audit.record(
            audit.Entry(
                action="conversation.emptied", subject_type=CONVERSATION, subject_key=str(key), by=by,
                at=now, node_id=conversation.node_id, details={"messages": count, "sha256": digest},
            )
        )  # fmt: skip
    return digest


def digest_of(messages: QuerySet[Message], *more: str) -> str:
    """SHA-256, hexadecimal, over words and files of these in their order, and what else is said."""
    digest = hashlib.sha256()
    rows = messages.order_by("received_at", "pk").values_list("direction", "text", "media__sha256")
    for part in [*more, *(f"{direction} {text} {file or ''}" for direction, text, file in rows)]:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def forget_messages(messages: QuerySet[Message]) -> list[int]:
    """Take words, files and numbers out of these messages and out of what was sent for them.

    Direction, kind and times stay. Returns the keys of the files, which these do not use any more. To be
    called as the worker.
    """
    on_the_way = [Outgoing.State.HELD, Outgoing.State.QUEUED, Outgoing.State.SENDING]
    rows = list(
        messages.exclude(outgoing__state__in=on_the_way).values_list(
            "pk", "media", "outgoing", "outgoing__media"
        )
    )
    media = {file for row in rows for file in (row[1], row[3]) if file is not None}
    sent = [row[2] for row in rows if row[2] is not None]
    channels.forget_words(sent)
    Status.objects.filter(outgoing__in=sent).delete()
    # A message names somebody at least; this is nobody's name. The provider's ids hold the number.
    Outgoing.objects.filter(pk__in=sent).update(
        to_phone="", to_email="", to_whatsapp_id="-", external_id=None, media=None, error=None
    )
    Message.objects.filter(pk__in=[row[0] for row in rows]).update(
        text="", payload={}, media=None, their_reaction="", our_reaction="", quoted_id="",
        external_id=Concat(Value("gone:"), Cast(F("pk"), CharField())),
    )  # fmt: skip
    return sorted(media)


def settle(conversation: Conversation) -> None:
    """After some of it was emptied: no last words where none are left, and no person where nothing is.

    To be called as the worker.
    """
    if not conversation.messages.exclude(EMPTY).exists():
        Conversation.objects.filter(pk=conversation.pk).update(preview="")
    forget_people([conversation.contact_id])


def forget_people(contacts: Iterable[int]) -> int:
    """Forget who these were, as far as nothing is left that they said or are owed an answer to."""
    return people.forget_contacts(
        key
        for key in set(contacts)
        if not Message.objects.filter(conversation__contact=key).exclude(EMPTY).exists()
        and not Conversation.objects.filter(contact=key).exclude(matter="").exists()
    )
