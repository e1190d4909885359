"""What a member decides of what they passed on: a case of its own, part of another, or for information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.due import due_at
from bayan.cases.models import Case, Forward
from bayan.cases.services import clocks, forwards, placing, routing, unclear, understanding
from bayan.cases.services.forwards import CREATE, JOIN, NOTE
from bayan.cases.services.parts import (
    contacts_of,
    entry,
    fresh_references,
    locked,
    subject_of,
)
from bayan.cases.services.placing import Pin
from bayan.cases.services.taking_in import take_in
from bayan.channels.events import IncomingMessage
from bayan.core import audit, events, live
from bayan.core.references import grouped
from bayan.inbox import selectors as inbox_selectors
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Contact, Member
from bayan.people.permissions import Access


@transaction.atomic
def receive_decision(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Do what members chose by a button, each with the id of what they passed on; twice is once.

    What belongs to a case stays there. What was kept for information may still become one.
    """
    contacts = contacts_of([message for message, _key in replies], now=now)
    members = people_selectors.linked_members(contacts.values())
    # As taking in does: the conversations first.
    inbox_selectors.conversations_of(contacts.values())
    for message, key in replies:
        contact = contacts[message.external_id]
        member = members.get(contact.pk)
        forward = (
            Forward.objects.select_related("node")
            .select_for_update(of=("self",))
            .filter(public_id=key)
            .first()
        )
        if member is None or forward is None:
            # Their mobile is linked no more: a message like any other.
            take_in([message], now=now)
            continue
        conversation = _heard(message, contact, forward, now=now)
        with override(member.language):
            if forward.member_id != member.pk:
                text = _("A colleague passed this on; what becomes of it is theirs to decide.")
                forwards.send(conversation, text, now=now)
            else:
                _decide(forward, message.choice_id, conversation, by=member, now=now)


def _heard(
    message: IncomingMessage, contact: Contact, forward: Forward, *, now: datetime
) -> Conversation:
    """The member's own conversation, with the tap in it."""
    (conversation,) = inbox.conversations_for(
        [(contact, message.number_id)], node=forward.node, now=now
    ).values()
    inbox.store([inbox.Arrival(message, conversation)])
    return forwards.locked_conversations().get(pk=conversation.pk)


def _decide(
    forward: Forward, choice: str, conversation: Conversation, *, by: Member, now: datetime
) -> None:
    if forward.case is not None:
        number = grouped(forward.case.reference)
        was = {
            Forward.State.CREATED: _("Case %(number)s was made of it already."),
            Forward.State.JOINED: _("It is part of case %(number)s already."),
        }[Forward.State(forward.state)]
        text = f"{was % {'number': number}}\n{_address_of(forward.case)}"
    elif choice.startswith(unclear.ANSWER):
        unclear.decide(forward, choice, conversation, by=by, now=now)
        return
    elif choice == CREATE:
        case = _create(forward, conversation, by=by, now=now)
        said = _("Case %(number)s was created of what you passed on.")
        text = f"{said % {'number': grouped(case.reference)}}\n{_address_of(case)}"
    elif choice == JOIN:
        joined = _join(forward, by=by, now=now)
        if joined is None:
            forwards.ask(
                conversation,
                _("That case is closed or with another body by now. What is to become of it?"),
                forward,
                now=now,
            )
            return
        said = _("What you passed on is part of case %(number)s now.")
        text = f"{said % {'number': grouped(joined.reference)}}\n{_address_of(joined)}"
    elif choice == NOTE:
        if forward.state == Forward.State.WAITING:
            _settle(forward, Forward.State.NOTED, now=now)
        text = _("Kept for information. Nothing else is needed.")
    elif more := events.forward_choices().get(choice):
        if forward.state == Forward.State.WAITING:
            _settle(forward, Forward.State.NOTED, now=now)
        text = more.act(forward, by, now)
    else:
        return
    forwards.send(conversation, text, now=now)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a member brought, of which a case is to be made: messages of their own, by their keys."""

    node: Node
    number_id: int
    messages: Sequence[int]
    text: str
    pin: Pin | None
    # Where it comes from, as the trail says it.
    source: str


def open_told(told: Told, *, author: Member, by: Member, now: datetime) -> Case:
    """A case of nobody we know: what a member brought is its conversation, and its reporter is the member.

    `author` brought it, `by` decided that it becomes a case.
    """
    (reference,) = fresh_references(1)
    contact = people.new_contact(now=now)
    (target,) = inbox.conversations_for(
        [(contact, told.number_id)], node=told.node, now=now
    ).values()
    case = Case(
        reference=reference,
        node=told.node,
        contact=contact,
        conversation=target,
        subject=subject_of(told.text),
        opened_at=now,
        due_at=due_at(kind="", priority=Case.Priority.NORMAL, since=now, of=told.node.pk),
    )
    said = None
    if reading := forwards.read_words(told.text):
        placing.point_by_words(case, reading)
    if told.pin:
        placing.put(case, told.pin)
        placing.point_by_pins([(case, told.pin)])
    if reading:
        said = understanding.label(case, reading, now=now)
    case.save()
    if said:
        said.save()
    inbox.name_matters({target.pk: reference})
    forwards.hand_on(told.messages, to=case, by=author)
    clocks.start([case], now=now)
    _record("case.opened", case, by=by, now=now, channel="whatsapp", source=told.source)
    routing.route_again([case], now=now)
    return case


def join_told(
    messages: Sequence[int], *, to: Case, action: str, author: Member, by: Member, now: datetime
) -> None:
    """Make messages of a member's own part of an open case that is locked (`parts.locked`)."""
    forwards.hand_on(messages, to=to, by=author)
    _record(action, to, by=by, now=now)


def _create(forward: Forward, conversation: Conversation, *, by: Member, now: datetime) -> Case:
    told = Told(
        node=forward.node,
        number_id=conversation.number_id,
        messages=forward.messages,
        text=forward.text,
        pin=forwards.pin_in(forward),
        source="forward",
    )
    case = open_told(told, author=by, by=by, now=now)
    _settle(forward, Forward.State.CREATED, case=case, now=now)
    return case


def _join(forward: Forward, *, by: Member, now: datetime) -> Case | None:
    """Make it part of the case that was offered; None where that is not possible any more."""
    if forward.likeliest is None:
        return None
    case = locked(forward.likeliest.public_id)
    if case.is_closed or not Access.of(by, now=now).may("cases.read", case.node):
        return None
    join_told(forward.messages, to=case, action="case.forward_joined", author=by, by=by, now=now)
    _settle(forward, Forward.State.JOINED, case=case, now=now)
    return case


def _record(action: str, case: Case, *, by: Member, now: datetime, **details: str) -> None:
    audit.record(entry(action, case, by=by, now=now, **details))
    live.announce([(case.node_id, "case", case.public_id)])


def _settle(
    forward: Forward, state: Forward.State, *, case: Case | None = None, now: datetime
) -> None:
    forward.state, forward.case, forward.decided_at = state, case, now
    forward.save(update_fields=["state", "case", "decided_at"])
    live.announce([(forward.node_id, "forward", forward.public_id)])


def _address_of(case: Case) -> str:
    path = reverse("inbox:conversation", args=[case.conversation.public_id])
    return f"{settings.PUBLIC_URL}{path}?view=all"
