"""Telling many members of what is theirs to do, each in a message with words of its own.

As many statements for two hundred as for one (and one more for each body): the caller decides how many go
into a transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import override

from bayan.channels import services as channels
from bayan.channels.models import Account, Number, Outgoing, Template
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.inbox.services import Letter
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member
from bayan.work.models import Clock, Item, Notice
from bayan.work.services.items import ITEM
from bayan.work.services.telling import when


@dataclass(frozen=True, kw_only=True)
class Word:
    """What one member is told: within the window as `text`, outside by a template that names it."""

    member: Member
    text: str
    # What it is, in a line that may leave the house.
    title: str
    due_at: datetime
    # What an answer to the message is about (config/subscriptions.py).
    subject: tuple[str, str]
    # At most three, of 20 characters: (key, title).
    buttons: Sequence[tuple[str, str]] = ()
    # Its own task, for the list of who was told.
    item: Item | None = None


@dataclass(frozen=True)
class Told:
    """How a member was told; without a message the page alone shows it."""

    way: str
    outgoing: Outgoing | None = None


def tell_each(words: Sequence[Word], *, now: datetime, lane: Outgoing.Lane) -> list[Told]:
    """Queue a message to each of these members, in the running transaction. Each member at most once."""
    number = (
        Number.objects.filter(stopped_at=None)
        .exclude(account__nature=Account.Nature.EXERCISE)
        .select_related("account")
        .order_by("pk")
        .first()
    )
    conversations = _conversations([word.member for word in words], number, now=now)
    templates = _templates(number)
    letters = {
        place: letter
        for place, word in enumerate(words)
        if (conversation := conversations.get(word.member.pk))
        and (letter := _letter(word, conversation, templates, now=now))
    }
    sent = dict(
        zip(letters, inbox.notify_each(list(letters.values()), now=now, lane=lane), strict=True)
    )
    told = [_told(letters.get(place), sent.get(place)) for place in range(len(words))]
    _note(words, told, now=now)
    return told


def _told(letter: Letter | None, sent: object) -> Told:
    if letter is None or not isinstance(sent, Message):
        return Told(Notice.Way.PAGE)
    way = Notice.Way.TEMPLATE if letter.template else Notice.Way.WHATSAPP
    return Told(way, sent.outgoing)


def _conversations(
    members: Sequence[Member], number: Number | None, *, now: datetime
) -> dict[int, Conversation]:
    """The conversation in which each of these is written to, by the member's key; ours until the commit."""
    reached = [m for m in members if m.phone and m.phone_linked_at is not None]
    if number is None or not reached:
        return {}
    bodies = people_selectors.bodies_of_members(reached, now=now)
    senders = {m.pk: people.Sender(phone=m.phone or "") for m in reached if m.pk in bodies}
    people.lock_senders(senders.values())
    contacts = people.contacts_of(senders.values(), now=now)
    by_body = defaultdict(list)
    for member in reached:
        if member.pk in bodies:
            by_body[bodies[member.pk]].append(member)
    found: dict[int, int] = {}
    for body, there in by_body.items():
        pairs = [(contacts[senders[m.pk]], number.pk) for m in there]
        made = inbox.conversations_for(pairs, node=body, now=now)
        for member, pair in zip(there, pairs, strict=True):
            found[member.pk] = made[pair[0].pk, number.pk].pk
    locked = inbox.lock_conversations(found.values())
    return {member: locked[key] for member, key in found.items()}


def _letter(
    word: Word,
    conversation: Conversation,
    templates: dict[str, Template],
    *,
    now: datetime,
) -> Letter | None:
    if conversation.is_writable(now=now):
        return Letter(
            conversation=conversation, matter="", text=word.text, buttons=word.buttons,
            subject=word.subject,
        )  # fmt: skip
    template = templates.get(word.member.language) or templates.get("ar")
    if template is None:
        return None
    with override(template.language[:2]):
        said = [word.title, when(word.due_at, now=now)]
    keys = [p.key for p in channels.templates.parameters(template) if p.is_required]
    return Letter(
        conversation=conversation, matter="", template=template, subject=word.subject,
        values=dict(zip(keys, said, strict=False)),
    )  # fmt: skip


def _templates(number: Number | None) -> dict[str, Template]:
    """The approved templates that tell members of work, by language."""
    if number is None:
        return {}
    rows = Template.objects.filter(
        account=number.account_id,
        purpose=Template.Purpose.WORK,
        status=Template.Status.APPROVED,
        forget_at=None,
    )
    return {row.language[:2]: row for row in rows.order_by("-language")}


def _note(words: Sequence[Word], told: Sequence[Told], *, now: datetime) -> None:
    """Keep who was told of which task, as for those of which Bayan tells by itself."""
    keys = {str(word.item.public_id): word for word in words if word.item is not None}
    clocks = {
        clock.subject_key: clock
        for clock in Clock.objects.filter(
            subject_type=ITEM, subject_key__in=keys, name=Clock.Name.DUE, ended_at=None
        )
    }
    Notice.objects.bulk_create(
        Notice(
            member=word.member, clock=clocks[str(word.item.public_id)], created_at=now,
            told_at=now, way=one.way, outgoing=one.outgoing,
        )
        for word, one in zip(words, told, strict=True)
        if word.item is not None and str(word.item.public_id) in clocks
    )  # fmt: skip
