"""Reports that an app of others passes on: each is a case of its own, as if the person had written to us."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.due import due_at
from bayan.cases.models import Case, Reading
from bayan.cases.services import clocks, near, placing, understanding
from bayan.cases.services.parts import due, entry, fresh_references, subject_of
from bayan.cases.services.placing import Pin
from bayan.channels import selectors as channels_selectors
from bayan.channels import services as channels
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Number
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation import selectors as organisation
from bayan.people import services as people
from bayan.people.models import Contact, Identity, Member

# The same report from the same app within so long is the same: it was sent again because no answer came.
AGAIN = timedelta(minutes=10)
# Ids of messages that came so begin with it.
SOURCE = "open311"


class NoNumber(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a person told an app; only the category is always there."""

    # Of the app and all that it sent: the same twice has the same.
    digest: str
    category: Case.Category
    description: str = ""
    pin: Pin | None = None
    # Where it is, in words of the person.
    address: str = ""
    name: str = ""
    # Digits with the country code; nobody has shown that they hold it.
    phone: str = ""
    balady_number: str = ""
    # What only those who work on it need to know.
    note: str = ""
    picture: inbox.Attachment | None = None


@transaction.atomic
def open_reported(report: Report, *, by: Member, now: datetime) -> Case:
    """Make a case of a report that an app, which acts as this member, passes on. Sent twice it is one case.

    The category is the person's choice; the rest is read from their words. Nobody is written to: with a
    mobile, an answer goes by WhatsApp as a template, until the person writes themselves.

    :raises NoNumber: the authority has no number yet
    :raises FileMissing, FileTooLarge, FileNotAllowed: the picture cannot be kept
    """
    number = channels_selectors.main_number()
    if number is None:
        raise NoNumber(_("No WhatsApp account is set up here yet, so no report can be taken."))
    key = _key(report.digest, now=now)
    known = _known(report.digest, number, now=now)
    if known is not None:
        return known
    contact, conversation = _conversation_of(report, number, now=now)
    (reference,) = fresh_references(1)
    text = report.description or str(_in_arabic(report.category))
    message = IncomingMessage(
        number_id=number.pk, external_id=key, whatsapp_id="", phone=report.phone, name=report.name,
        kind="image" if report.picture else "text", text=text, sent_at=now, received_at=now,
    )  # fmt: skip
    case = Case(
        reference=reference, node=conversation.node, contact=contact, conversation=conversation,
        subject=subject_of(text), opened_at=now, balady_number=report.balady_number,
        due_at=due_at(
            kind="", priority=Case.Priority.NORMAL, since=now, of=conversation.node_id
        ),
    )  # fmt: skip
    said = _understand(case, report, message, now=now)
    case.save()
    if said:
        said.save()
    conversation.matter = reference
    inbox.name_matters({conversation.pk: reference})
    _keep(message, report, conversation, number, by=by, now=now)
    clocks.start([case], now=now)
    # Members decide whether it is the same; the app's person is told of it.
    near.suggest(case, now=now)
    audit.record(entry("case.opened", case, by=by, now=now, channel=SOURCE))
    live.announce([(case.node_id, "case", case.public_id)])
    return case


def _key(digest: str, *, now: datetime) -> str:
    # A stretch of time is part of it: the same report a day later is another one.
    return f"{SOURCE}:{digest}:{int(now.timestamp() // AGAIN.total_seconds())}"


def _known(digest: str, number: Number, *, now: datetime) -> Case | None:
    """The case that this very report has become already; who sends it at the same time waits here."""
    lock = int.from_bytes(hashlib.sha256(digest.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
    matter = (
        Message.objects.filter(
            number=number,
            external_id__in=[_key(digest, now=now), _key(digest, now=now - AGAIN)],
            received_at__gt=now - AGAIN,
        )
        .values_list("matter", flat=True)
        .first()
    )
    return Case.objects.get(reference=matter) if matter else None


def _conversation_of(
    report: Report, number: Number, *, now: datetime
) -> tuple[Contact, Conversation]:
    """Whose report it is: the person with this mobile, unless a case of theirs is open with us.

    A conversation is about one open case, and an app's reports are one each; somebody else's mobile, given
    by mistake, must not mix up what that person writes about.
    """
    contact = None
    if report.phone:
        sender = people.Sender(phone=report.phone, name=report.name)
        people.lock_senders([sender])
        is_known = Identity.objects.filter(
            scheme=Identity.Scheme.PHONE, value=report.phone
        ).exists()
        if is_known:
            # What they are called is theirs to say.
            sender = replace(sender, name="")
        found = people.contacts_of([sender], now=now)[sender]
        is_busy = (
            Conversation.objects.filter(contact=found, number=number).exclude(matter="").exists()
        )
        contact = None if is_busy else found
    contact = contact or people.new_contact(now=now, name=report.name)
    (conversation,) = inbox.conversations_for(
        [(contact, number.pk)], node=organisation.desk(), now=now
    ).values()
    return contact, conversation


def _understand(
    case: Case, report: Report, message: IncomingMessage, *, now: datetime
) -> Reading | None:
    words = "\n".join(filter(None, [report.description, report.address]))
    readings = understanding.read([replace(message, text=words)], near={})
    reading = readings.get(message.external_id)
    if report.pin:
        placing.put(case, report.pin)
    case.place = report.address[:200]
    said = None
    if reading:
        placing.point_by_words(case, reading)
    if report.pin:
        placing.point_by_pins([(case, report.pin)])
    if reading and report.description:
        said = understanding.label(case, reading, now=now)
        understanding.keep_heard(readings, [message])
    case.category = report.category
    case.due_at = due(case)
    return said


def _keep(
    message: IncomingMessage,
    report: Report,
    conversation: Conversation,
    number: Number,
    *,
    by: Member,
    now: datetime,
) -> None:
    media = None
    if report.picture:
        media = channels.keep_file(
            report.picture.stream, kind="image", name=report.picture.name,
            declared=report.picture.declared, number=number, node=conversation.node, now=now,
        )  # fmt: skip
    arrival = inbox.Arrival(message, conversation, conversation.matter)
    inbox.keep_passed_on(arrival, by=by, media=media)
    if report.note:
        inbox.write_note(conversation.public_id, report.note, mentions=[], by=by, now=now)


def _in_arabic(category: Case.Category) -> str:
    with override("ar"):
        return str(category.label)
