"""Members who answer by e-mail: who they are, and what becomes of their words.

A letter says of its sender what anybody can write. An answer counts for a member's only if it names a message
of ours (its Message-ID, which is drawn at random and stands in their mailbox alone), comes from the very
address to which that one went, and a member has this address now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.core import audit
from bayan.core.arabic import fold
from bayan.core.errors import DomainError
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Identity, Member
from bayan.people.permissions import Access
from bayan.work.models import Item
from bayan.work.services import items, joining, saying
from bayan.work.services.items import State
from bayan.work.services.onward import ONE

# Who was told so often within a day what became of their letters is a machine that does not say so: to tell
# it once more would be answered once more.
MOST_A_DAY, A_DAY = 12, timedelta(days=1)
# Lines that say that it was seen, or done; however they are spelt.
SIGNS = str.maketrans(dict.fromkeys(".!؟?،,«»\"'", " "))
DONE = frozenset(
    map(fold, ("تم", "تم التنفيذ", "تم الإنجاز", "تم الانتهاء", "نُفّذ", "أُنجز", "done", "completed"))
)
SEEN = DONE | frozenset(
    map(
        fold,
        (
            "تم الاطلاع",
            "اطلعت",
            "اطلعت عليه",
            "تم العلم",
            "للعلم",
            "علم",
            "seen",
            "noted",
            "acknowledged",
        ),
    )
)


def members_by_mail(messages: Sequence[IncomingMessage], *, now: datetime) -> dict[str, Member]:
    """The member behind each message that answers an e-mail of ours about something, by the message's id."""
    answers = [m for m in messages if m.email and m.quoted_id]
    if not answers:
        return {}
    ours = {
        row.external_id: row
        for row in Outgoing.objects.filter(external_id__in={m.quoted_id for m in answers})
        .exclude(subject_type="")
        .exclude(to_email="")
    }
    theirs = [
        (m, ours[m.quoted_id])
        for m in answers
        if m.quoted_id in ours and ours[m.quoted_id].to_email.lower() == m.email
    ]
    if not theirs:
        return {}
    members = {
        (member.email or "").lower(): member
        for member in Member.objects.alias(address=Lower("email")).filter(
            is_active=True, address__in={m.email for m, _row in theirs}
        )
    }
    often = _answered_often(members, now=now)
    return {
        m.external_id: members[m.email]
        for m, _row in theirs
        if m.email in members and m.email not in often
    }


def _answered_often(addresses: Collection[str], *, now: datetime) -> set[str]:
    name = "conversation__contact__identities"
    rows = (
        Message.objects.filter(
            direction=Message.Direction.OUT,
            author=None,
            received_at__gt=now - A_DAY,
            conversation__has_window=False,
            **{f"{name}__scheme": Identity.Scheme.EMAIL, f"{name}__value__in": addresses},
        )
        .values_list(f"{name}__value")
        .annotate(count=Count("pk"))
        .filter(count__gte=MOST_A_DAY)
    )
    return {address for address, _count in rows}


def files_first(messages: Sequence[IncomingMessage]) -> list[IncomingMessage]:
    """The same, a letter's files before its words: what shows that it was done is there when they say so."""
    return sorted(messages, key=lambda message: message.kind == "text")


def last_parts(messages: Sequence[IncomingMessage]) -> Collection[str]:
    """Of each letter the part that came last, by its id: its writer is answered once."""
    return {m.external_id[: m.external_id.rfind(">") + 1]: m.external_id for m in messages}.values()


def hear_answer(
    key: str,
    member: Member,
    conversation: Conversation,
    message: IncomingMessage,
    *,
    is_last: bool,
    now: datetime,
) -> None:
    """Put what a member answered by e-mail to an item: it is the answer that was asked for, else a remark.

    A letter has no buttons: what is to be seen or done is ended by a line that says no more than that it was,
    or on its page; they are told where. What is to be approved is not ended by e-mail.
    """
    item = items.find(UUID(key))
    kept = Message.objects.filter(
        number=message.number_id, external_id=message.external_id, direction="in"
    ).first()
    if item is None or kept is None:
        return
    said = _ended(item, member, message, now=now) if _is_the_answer(item, message) else ""
    if item.is_open:
        joining.remark(item, member, kept, now=now)
        noted = _("Noted, and handed on to whoever sent it.")
        said = f"{said or noted}\n{saying.address_of(item)}"
    elif not said:
        joining.remark(item, member, kept, now=now)
        said = _("Noted, and handed on to whoever sent it.")
    if is_last:
        confirm(conversation, said, subject=(ONE, key), now=now)


def confirm(
    conversation: Conversation, text: str, *, subject: tuple[str, str], now: datetime
) -> None:
    """Tell who wrote what became of it; what they answer to that comes to the same."""
    saying.send(conversation, text, subject=subject, lane=Outgoing.Lane.PERSON, now=now)


def _is_the_answer(item: Item, message: IncomingMessage) -> bool:
    written = message.text.strip()
    if not item.is_open or item.on_page or not written:
        return False
    # A greeting may stand before it, a name behind it: a line of its own says it.
    lines = {" ".join(fold(line).translate(SIGNS).split()) for line in written.splitlines()}
    match item.kind:
        case Item.Kind.ANSWER:
            return True
        case Item.Kind.ACKNOWLEDGE:
            return not lines.isdisjoint(SEEN)
        case Item.Kind.DO:
            return not lines.isdisjoint(DONE)
        case _:
            return False


def _ended(item: Item, member: Member, message: IncomingMessage, *, now: datetime) -> str:
    """End an item with these words; what the member is told, thanks or why not."""
    try:
        with transaction.atomic():
            items.locked_for(item.public_id, Access.of(member, now=now), now=now)
            items.end_item(item, end=State.DONE, words=message.text, proofs=(), by=member, now=now)
    except DomainError as refused:
        audit.record_all(refused.entries)
        item.refresh_from_db()
        return str(refused)
    return _("Thank you, it is noted as done.")
