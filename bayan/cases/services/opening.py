"""A case opened by hand: for who called, who came to the counter, or as a second one of a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.services import clocks, near, placing, understanding
from bayan.cases.services.handling import LONGEST, Facts
from bayan.cases.services.parts import NotKnown, due, entry, fresh_references, subject_of
from bayan.cases.services.reporting import NoNumber
from bayan.channels import selectors as channels_selectors
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Number
from bayan.channels.services.recipients import phone_in
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Contact, Member

# Ids of messages that were told to a member begin with it.
HAND = "hand"


class WordsToldMissing(DomainError):
    pass


class PhoneUnreadable(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Call:
    """What somebody said on the phone, at the counter or elsewhere, as a member writes it down."""

    # Of the form: sent twice it is one case.
    key: UUID
    source: str
    words: str
    name: str = ""
    # As it was written; empty where they gave none.
    phone: str = ""


@transaction.atomic
def open_called(call: Call, facts: Facts, *, node: Node, by: Member, now: datetime) -> Case:
    """Open a case for who called or came: theirs, in this body, handled by whoever wrote it down.

    The person with this mobile is found, or is new. Their words stand in the conversation as passed on by the
    member: they open no time to write freely in, so what they are told goes by a template or another way.

    :raises NoNumber: the authority has no number yet
    :raises WordsToldMissing: it is not said what it is about
    :raises PhoneUnreadable: what was written is no mobile
    :raises NotKnown: a label or the way it came is none of ours
    """
    words = call.words.strip()[: understanding.LONGEST]
    if not words:
        raise WordsToldMissing(_("Write what the person said."))
    if call.source not in {Case.Source.CALL, Case.Source.COUNTER, Case.Source.OTHER}:
        raise NotKnown(_("Choose how it reached you."))
    phone = phone_in(call.phone) if call.phone.strip() else ""
    if call.phone.strip() and not phone:
        raise PhoneUnreadable(
            _("This is no mobile number. Write it as 05…, or with its country code.")
        )
    number = channels_selectors.main_number()
    if number is None:
        raise NoNumber(_("No WhatsApp account is set up here yet, so no report can be taken."))
    # The member may not see who this is elsewhere; the person is the same all over the house.
    with as_worker():
        contact = _contact_of(phone, call.name, now=now)
    known = _known(call.key, number)
    if known is not None:
        return known
    (conversation,) = inbox.conversations_for([(contact, number.pk)], node=node, now=now).values()
    [reference] = fresh_references(1)
    case = Case(
        reference=reference,
        node=node,
        contact=contact,
        conversation=conversation,
        subject=subject_of(words),
        source=call.source,
        owner=by,
        opened_at=now,
    )
    open_by_hand(case, facts, words=words, now=now)
    conversation.matter = reference
    inbox.name_matters({conversation.pk: reference})
    message = IncomingMessage(
        number_id=number.pk, external_id=f"{HAND}:{call.key}", whatsapp_id="", phone=phone,
        name=call.name, kind="text", text=words, sent_at=now, received_at=now,
    )  # fmt: skip
    inbox.keep_passed_on(inbox.Arrival(message, conversation, reference), by=by)
    clocks.start([case], now=now)
    with as_worker():
        near.suggest(case, now=now)
    audit.record(entry("case.opened", case, by=by, now=now, channel=str(case.source)))
    live.announce([(case.node_id, "case", case.public_id)])
    return case


def _contact_of(phone: str, name: str, *, now: datetime) -> Contact:
    name = " ".join(name.split())
    if not phone:
        return people.new_contact(now=now, name=name)
    sender = people.Sender(phone=phone, name=name)
    people.lock_senders([sender])
    return people.contacts_of([sender], now=now)[sender]


def _known(key: UUID, number: Number) -> Case | None:
    """The case that this very form has become already: it was sent twice."""
    matter = (
        Message.objects.filter(number=number, external_id=f"{HAND}:{key}")
        .values_list("matter", flat=True)
        .first()
    )
    return Case.objects.get(reference=matter) if matter else None


def open_by_hand(case: Case, facts: Facts, *, words: str, now: datetime) -> None:
    """Save a new case with what triage says of its words; what the member knows goes before that.

    :raises NotKnown: a label is none of ours
    """
    for name, labels in (
        ("kind", Case.Kind.values),
        ("category", Case.Category.values),
        ("priority", Case.Priority.values),
    ):
        value = getattr(facts, name)
        if value and value not in labels:
            raise NotKnown(_("This value is not known. Choose one from the list."))
    message = IncomingMessage(
        number_id=case.conversation.number_id, external_id=HAND, whatsapp_id="", phone="", name="",
        kind="text", text="\n".join(filter(None, [words, facts.place])), sent_at=now, received_at=now,
    )  # fmt: skip
    readings = understanding.read([message], near={})
    reading = readings.get(message.external_id)
    case.place = (facts.place or "").strip()[: LONGEST["place"]]
    said = None
    if reading:
        placing.point_by_words(case, reading)
        said = understanding.label(case, reading, now=now)
    for name in ("kind", "category", "priority"):
        setattr(case, name, getattr(facts, name) or getattr(case, name))
    if facts.point:
        case.latitude, case.longitude = facts.point
        # At the desk it points to whose place that is.
        placing.point_by_pins([(case, placing.Pin(*facts.point, words=case.place))])
    case.due_at = due(case)
    case.save()
    if said:
        # What triage says is not a member's to write.
        with as_worker():
            said.save()
