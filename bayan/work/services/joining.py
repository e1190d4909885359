"""What a member wrote freely, put to what it answers: a task, a letter, or whatever else asked them.

One way for what quotes a message about a task and for what was chosen from a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import events
from bayan.work.models import Item, Proof, Remark
from bayan.work.services import items, saying
from bayan.work.services.clocks import ITEM
from bayan.work.services.items import Shown, State

PICTURES = {"image", "document", "video"}


@dataclass(frozen=True)
class Thing:
    """Something that wants an answer of a member; `of` and `key` name it as a row of a list does."""

    of: str
    key: str
    title: str
    due_at: datetime


def open_things(member: Member, *, now: datetime) -> list[Thing]:
    """What wants an answer of this member that may be given in WhatsApp; the first due first."""
    rows = (
        Item.objects.open()
        .filter(owner=member, on_page=False)
        .exclude(kind=Item.Kind.APPROVE)
        .order_by("due_at", "pk")
    )
    things = [Thing(ITEM, str(row.public_id), row.title, row.due_at) for row in rows[:20]]
    for of, answerable in events.answerables().items():
        things += [Thing(of, *one) for one in answerable.open_to(member, now)]
    return sorted(things, key=lambda thing: thing.due_at)


def thread(
    thing: tuple[str, str],
    member: Member,
    conversation: Conversation,
    kept: Sequence[Message],
    *,
    now: datetime,
) -> bool:
    """Put these messages of a member's to what they answer, and say so; False where that is over.

    What asked for an answer has it with this. Of what is to be done or seen it is a remark, and its buttons
    are shown once more.
    """
    of, key = thing
    if of != ITEM:
        answerable = events.answerables().get(of)
        said = answerable.take(key, member, kept, now) if answerable else ""
        if said:
            saying.say(conversation, said, now=now)
        return bool(said)
    try:
        item = items.locked_for(UUID(key), Access.of(member, now=now), now=now)
        if item.kind == Item.Kind.ANSWER:
            words = "\n".join(row.text for row in kept if row.text.strip())
            shown = [Shown(row.media) for row in kept if row.media and row.kind in PICTURES]
            items.end_item(item, end=State.DONE, words=words, proofs=shown, by=member, now=now)
            saying.say(conversation, _("Thank you, it is noted as done."), now=now)
            return True
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return False
    for row in kept:
        remark(item, member, row, now=now)
    saying.say(conversation, _("Noted, and handed on to whoever sent it."), now=now)
    saying.send_item(conversation, item, now=now)
    return True


def thread_later(
    thing: tuple[str, str], member: Member, message: Message, *, now: datetime
) -> None:
    """Put what came a moment after an answer to the same, whatever became of it."""
    of, key = thing
    if of != ITEM:
        if answerable := events.answerables().get(of):
            answerable.take(key, member, [message], now)
        return
    item = items.find(UUID(key))
    if item is not None:
        remark(item, member, message, now=now)


def remark(item: Item, member: Member, message: Message, *, now: datetime) -> None:
    """Keep what was written about a task, for whoever gave it; a picture shows what was done."""
    if not events.remark(item, member, message, now=now):
        Remark.objects.get_or_create(
            message=message,
            defaults={"item": item, "member": member, "text": message.text, "at": now},
        )
        items.note("item.remarked", item, by=member, now=now)
    if item.kind != Item.Kind.ACKNOWLEDGE and message.media and message.kind in PICTURES:
        Proof.objects.bulk_create(
            [Proof(item=item, media=message.media, at=now)], ignore_conflicts=True
        )
