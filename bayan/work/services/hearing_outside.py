"""What contractors and bodies outside answer to a message about what they were given, in words or by a press.

It reaches the task, and is no case. Only from the number or address by which they were told: what others
write, also with such a message before them, is the public's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import selectors as channel_selectors
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Reach
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people import services as people
from bayan.people.models import Contact, Identity
from bayan.work.models import Item, Proof, Remark
from bayan.work.services import hearing, items, links, saying
from bayan.work.services.items import BY_LINK, Shown, State
from bayan.work.services.joining import PICTURES
from bayan.work.services.onward import OUTSIDE
from bayan.work.services.outside import addresses_of

ENDS = {
    "outside-done": State.DONE,
    "outside-decline": State.DECLINED,
    "outside-return": State.RETURNED,
    "outside-refuse": State.REFUSED,
}
WHY = "outside-why-"


@transaction.atomic
def receive_outside(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime
) -> list[IncomingMessage]:
    """Do what whoever outside has an item pressed under a message about it.

    Returns what somebody else pressed.
    """
    senders = {
        message.external_id: people.Sender(
            whatsapp_id=message.whatsapp_id, phone=message.phone, name=message.name
        )
        for message, _key in replies
    }
    people.lock_senders(senders.values())
    contacts = people.contacts_of(senders.values(), now=now)
    others = []
    for message, key in replies:
        contact = contacts[senders[message.external_id]]
        item = _theirs(key, message, contact)
        if item is None:
            others.append(message)
            continue
        conversation, kept = _keep(message, item, contact, now=now)
        with override(contact.language):
            _act(item, message.choice_id, kept, conversation, now=now)
    return others


def hear_outside(
    messages: Sequence[IncomingMessage], contacts: Mapping[str, Contact], *, now: datetime
) -> set[str]:
    """Take words and pictures that quote a message about an item, or that somebody was just asked for.

    Returns the messages' ids. A wish for no more messages is none of them.
    """
    written = [message for message in messages if hearing.is_word(message)]
    asked = _asked(now=now) if written else []
    quoting = [m for m in written if m.quoted_id and not m.forwarded]
    subjects = channel_selectors.subjects_of(m.quoted_id for m in quoting)
    quoted = {
        message.external_id: subject.key
        for message in quoting
        if (subject := subjects.get(message.quoted_id)) and subject.type == OUTSIDE
    }
    known = _known_by(asked)
    taken: set[str] = set()
    for message in written if asked or quoted else ():
        key = quoted.get(message.external_id, "")
        contact = contacts[message.external_id]
        names = {message.phone, message.email} | known.get(contact.pk, set())
        item = next(
            (one for one in asked if key in {"", str(one.public_id)} and _is_of(one, names)), None
        )
        is_answer = item is not None and not message.forwarded
        item = item if is_answer else _theirs(key, message, contact)
        if item is None or people.wish_of(message.text) is not None:
            continue
        conversation, kept = _keep(message, item, contact, now=now)
        taken.add(message.external_id)
        with override(contact.language):
            if is_answer:
                _take(item, kept, conversation, now=now)
            else:
                _remark(item, kept, conversation, now=now)
    return taken


def _asked(*, now: datetime) -> list[Item]:
    """What somebody outside was asked a moment ago to write or to show."""
    rows = Item.objects.open().filter(owner=None, awaits_until__gt=now)
    rows = rows.exclude(contractor=None, outside=None)
    return list(
        rows.select_related("given_from", "contractor", "outside").order_by("-awaits_until")
    )


def _known_by(asked: Sequence[Item]) -> dict[int, set[str]]:
    """By contact which of the addresses of these items' holders are theirs, asked for once for all."""
    wanted = {address for item in asked for address in addresses_of(item)}
    known: dict[int, set[str]] = defaultdict(set)
    if wanted:
        schemes = [Identity.Scheme.PHONE, Identity.Scheme.EMAIL]
        rows = Identity.objects.filter(scheme__in=schemes, value__in=wanted)
        for contact_id, address in rows.values_list("contact", "value"):
            known[contact_id].add(address)
    return known


def _theirs(key: str, message: IncomingMessage, contact: Contact) -> Item | None:
    """The item of this key, if this is who was told of it."""
    if not key:
        return None
    known = Item.objects.select_related("given_from", "contractor", "outside")
    item = known.filter(public_id=UUID(key)).first()
    if item is None or not item.is_outside:
        return None
    names = _names_of(message, contact)
    if _is_of(item, names):
        return item
    # They may have another number on record by now.
    told = Reach.objects.filter(subject_type=OUTSIDE, subject_key=key)
    return item if told.filter(words__to__phone__in=sorted(names)).exists() else None


def _names_of(message: IncomingMessage, contact: Contact) -> set[str]:
    known = contact.identities.values_list("value", flat=True)
    return {message.phone, message.email, *known} - {""}


def _is_of(item: Item, names: Collection[str]) -> bool:
    return not addresses_of(item).isdisjoint(names)


def _keep(
    message: IncomingMessage, item: Item, contact: Contact, *, now: datetime
) -> tuple[Conversation, Message]:
    """Keep what they wrote in their conversation with the body that gave the item."""
    inbox.conversations_for([(contact, message.number_id)], node=item.given_from, now=now)
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("node", "number__account", "contact")
        .get(contact=contact, number=message.number_id, node=item.given_from)
    )
    [kept] = inbox.store([inbox.Arrival(message, conversation)])
    conversation.refresh_from_db(fields=["last_inbound_at", "last_message_at"])
    # It is no word about a case of their own that may be open there.
    conversation.matter = ""
    return conversation, kept


def _act(
    item: Item, choice: str, kept: Message, conversation: Conversation, *, now: datetime
) -> None:
    if not choice.startswith("outside-"):
        # The button of a template has words: as good as any.
        _remark(item, kept, conversation, now=now)
        return
    try:
        item = items.locked_open(item.public_id)
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return
    if choice == "outside-later":
        saying.ask(
            conversation,
            _("Why does it take longer? Choose, and nobody chases you for a working day."),
            [
                (f"{WHY}{value}", str(label)[: saying.LONGEST_TITLE])
                for value, label in Item.Silence.choices
            ],
            button=_("Choose the reason"),
            subject=(OUTSIDE, str(item.public_id)),
            now=now,
        )
        return
    if choice.startswith(WHY):
        _explain(item, choice.removeprefix(WHY), conversation, now=now)
        return
    end = ENDS.get(choice, State.DONE)
    if asked := hearing.question(item, end):
        item.awaits, item.awaits_until = end, now + hearing.AWAITED
        item.save(update_fields=["awaits_until", "awaits"])
        saying.say(conversation, asked, now=now)
        return
    _end(item, end, conversation, now=now)


def _explain(item: Item, silence: str, conversation: Conversation, *, now: datetime) -> None:
    try:
        items.explain_item(item, silence, by=None, now=now)
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return
    saying.say(conversation, _("Noted; whoever gave the task sees the reason."), now=now)


def _end(
    item: Item,
    end: str,
    conversation: Conversation,
    *,
    words: str = "",
    proofs: Sequence[Shown] = (),
    now: datetime,
) -> None:
    """End an item, and say so; or say why not."""
    holder = item.holder_outside
    name = (holder.contact_name or holder.name) if holder else ""
    try:
        with transaction.atomic():
            ended = items.end_item(
                item, end=end, words=words, proofs=proofs, by=None, name=name, now=now
            )
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return
    saying.say(conversation, hearing.thanks(ended), now=now)
    if end in items.WANT_REASON:
        links.tell_giver_of_end(ended, now=now)


def _take(item: Item, kept: Message, conversation: Conversation, *, now: datetime) -> None:
    """Take what they wrote for what they were asked for."""
    if hearing.word_of(kept.text) in hearing.NEVER_MIND:
        Item.objects.filter(pk=item.pk).update(awaits_until=None)
        saying.say(conversation, _("All right, nothing was changed."), now=now)
        return
    try:
        item = items.locked_open(item.public_id)
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return
    shown = [Shown(kept.media)] if kept.media and kept.kind in PICTURES else []
    _end(item, item.awaits or State.DONE, conversation, words=kept.text, proofs=shown, now=now)


def _remark(item: Item, kept: Message, conversation: Conversation, *, now: datetime) -> None:
    """Keep what they wrote for whoever gave the task, who hears of it; a picture shows what was done."""
    Remark.objects.get_or_create(
        message=kept, defaults={"item": item, "member": None, "text": kept.text, "at": now}
    )
    if item.is_open and item.kind == Item.Kind.DO and kept.media and kept.kind in PICTURES:
        Proof.objects.bulk_create(
            [Proof(item=item, media=kept.media, at=now)], ignore_conflicts=True
        )
    items.note("item.remarked", item, by=BY_LINK, now=now)
    saying.say(conversation, _("Noted, and handed on to whoever sent it."), now=now)
    holder = item.holder_outside
    saying.tell_member_who_gave(
        item,
        lambda: _("%(name)s writes about it") % {"name": holder.name if holder else ""},
        words=kept.text,
        now=now,
    )
