"""Opening a letter: noted each time; a link opens once; and what its readers write about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from bayan.channels.events import IncomingMessage
from bayan.core import live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.correspondence.models import Letter, Look, Recipient, Reply
from bayan.correspondence.services import filling
from bayan.correspondence.services.parts import LETTER, named, note, titled
from bayan.correspondence.services.sending import RECIPIENT
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Deputyship, Member
from bayan.people.selectors import hash_of
from bayan.work import services as work
from bayan.work.events import Subject
from bayan.work.models import Item


class LinkIsDead(DomainError):
    pass


def recipient_of(letter: Letter, member: Member, *, now: datetime) -> Recipient | None:
    """As whom this member gets the letter: for themselves, else for whom they stand in."""
    lenders = Deputyship.objects.current(now=now).filter(deputy=member, member__is_active=True)
    rows = list(
        letter.recipients.filter(Q(member=member) | Q(member__in=lenders.values("member")))
        .select_related("item", "member", "node")
        .order_by("pk")
    )
    return min(rows, key=lambda row: row.member_id != member.pk, default=None)


@transaction.atomic
def look(
    letter: Letter, what: str, *, by: Member, now: datetime, is_marked: bool | None = None
) -> Recipient | None:
    """Note that a member opened a letter; returns as whom they get it, or None.

    `is_marked`: of a file of what is classified, whether it bears its reader's name.
    """
    mine = recipient_of(letter, by, now=now)
    Look.objects.create(letter=letter, member=by, what=what, at=now)
    if letter.is_classified:
        marked = {} if is_marked is None else {"marked": is_marked}
        note("letter.looked", letter, by=by, now=now, what=what, **marked)
    if mine is not None and mine.seen_at is None:
        mine.seen_at = now
        mine.save(update_fields=["seen_at"])
        live.announce([(letter.node_id, LETTER, letter.public_id)])
    return mine


@transaction.atomic
def open_link(secret: str, *, by: Member, now: datetime) -> Letter:
    """The letter to which a link in a message leads, for the one person who got it, once.

    :raises LinkIsDead: it was used, is another's, or the letter was recalled
    """
    with as_worker():
        found = (
            Recipient.objects.select_for_update(of=("self",))
            .select_related("letter__node")
            .filter(link_hash=hash_of(secret))
            .first()
        )
        if found is None:
            raise LinkIsDead(_("This link leads nowhere."))
        letter = found.letter
        why = _why_dead(found, by)
        if not why:
            found.link_used_at = now
            found.save(update_fields=["link_used_at"])
            return letter
    raise LinkIsDead(why)


def note_refused_link(secret: str, *, by: Member, now: datetime) -> None:
    """Keep in the trail that a member tried a link that is dead or another's."""
    with as_worker():
        found = Recipient.objects.select_related("letter").filter(link_hash=hash_of(secret)).first()
        if found is not None:
            note("letter.link_refused", found.letter, by=by, now=now)


def _why_dead(found: Recipient, by: Member) -> str:
    if found.letter.state == Letter.State.RECALLED:
        return _("This letter was recalled.")
    if found.member_id != by.pk:
        return _("This link was sent to somebody else; it opens for them only.")
    if found.link_used_at is not None:
        return _("This link was used already. The letter is among yours under “Letters”.")
    return ""


def take_remark(item: Item, member: Member, message: Message, now: datetime) -> bool:
    """Keep what a recipient wrote in WhatsApp under the message about their letter."""
    found = Recipient.objects.filter(item=item).select_related("letter").first()
    if found is None:
        return False
    _keep(found, member, message, now=now)
    return True


@transaction.atomic
def receive(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime
) -> list[IncomingMessage]:
    """Do what recipients pressed under the message about a letter, and keep what they wrote there.

    Returns what is none of a member's.
    """
    rows = {
        str(row.public_id): row
        for row in Recipient.objects.filter(
            public_id__in=[key for _message, key in replies]
        ).select_related("item", "letter")
    }
    tasks, others = [], []
    last = work.last_parts([message for message, _key in replies])
    for message, key in replies:
        row = rows.get(key)
        if row is None:
            others.append(message)
        elif (
            row.letter.fields
            and not row.letter.is_classified
            and _form_heard(message, row, now=now)
        ):
            continue
        elif row.item is not None:
            tasks.append((message, str(row.item.public_id)))
        elif not _remarked(message, row, is_last=message.external_id in last, now=now):
            others.append(message)
    return others + (work.receive(tasks, now=now) if tasks else [])


def _form_heard(message: IncomingMessage, row: Recipient, *, now: datetime) -> bool:
    """Take the form that came back, or open it for whoever turns to its letter; False: something else."""
    is_back = message.kind == "flow_reply"
    is_turn = row.item is not None and row.item.is_open and message.kind == "button"
    if not is_back and not is_turn:
        return False

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        if is_back:
            filling.hear(message, row, member, conversation, now=now)
            return
        form = filling.form_of(row.letter, row)
        path = reverse("correspondence:letter", args=[row.letter.public_id])
        text = f"*{titled(row.letter)}*\n{settings.PUBLIC_URL}{path}"
        if form is None or not work.send_form(
            conversation, text, form, subject=(RECIPIENT, key), now=now
        ):
            work.say(conversation, text, now=now)

    return not work.hear_each([(message, str(row.public_id))], do, now=now)


def _remarked(message: IncomingMessage, row: Recipient, *, is_last: bool, now: datetime) -> bool:
    """Keep what somebody wrote under the message about a copy; False where it is none of a member's."""

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        kept = Message.objects.get(
            number=message.number_id, external_id=message.external_id, direction="in"
        )
        _keep(row, member, kept, now=now)
        noted = _("Noted, and handed on to whoever sent it.")
        if not message.email:
            work.say(conversation, noted, now=now)
        elif is_last:
            work.confirm(conversation, noted, subject=(RECIPIENT, key), now=now)

    return not work.hear_each([(message, str(row.public_id))], do, now=now)


def _keep(found: Recipient, member: Member, message: Message, *, now: datetime) -> None:
    Reply.objects.get_or_create(
        message=message, defaults={"recipient": found, "text": message.text, "at": now}
    )
    if found.seen_at is None:
        found.seen_at = now
        found.save(update_fields=["seen_at"])
    note("letter.remarked", found.letter, by=member, now=now)


@transaction.atomic
def remark(letter: Letter, text: str, *, by: Member, now: datetime) -> Reply | None:
    """Keep what a recipient wrote on the page; None where they are none, or wrote nothing."""
    mine = recipient_of(letter, by, now=now)
    if mine is None or not text.strip():
        return None
    note("letter.remarked", letter, by=by, now=now)
    made: Reply = Reply.objects.create(recipient=mine, text=text.strip()[:3000], at=now)
    return made


def describe_letters(keys: Collection[str]) -> dict[str, Subject]:
    """The letters among these, as far as the reader may know of them."""
    return {
        str(one.public_id): Subject(
            title=named(one) if one.number else str(one.get_kind_display()).capitalize(),
            node_id=one.node_id,
            owner_id=one.author_id,
            path=reverse("correspondence:letter", args=[one.public_id]),
            live_key=str(one.public_id),
        )
        for one in Letter.objects.filter(public_id__in=[UUID(key) for key in keys])
    }
