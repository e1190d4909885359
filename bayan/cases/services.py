"""Everything that changes a case, and taking in what the public writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case
from bayan.channels import services as channels
from bayan.channels.events import IdentityChange, IncomingMessage, MarketingChoice
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.references import new_reference
from bayan.inbox import selectors as inbox_selectors
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Contact, Member, OptOut

# What an answer to the satisfaction question is about (config/subscriptions.py).
SATISFACTION = "cases.satisfaction"
# Kinds whose words may be a wish to stop or to resume what goes to many.
WORDED = {"text", "button", "button_reply", "list_reply"}


class CaseAlreadyClosed(DomainError):
    pass


class AlreadyThere(DomainError):
    pass


class OutcomeMissing(DomainError):
    pass


@transaction.atomic
def take_in(messages: Sequence[IncomingMessage], *, now: datetime) -> None:
    """Take in messages of the public, in their order: contact, conversation, case.

    A message joins the open case of its conversation; where none is open, it opens one, unless it only
    changes another message or says no more than that the person wants no messages that go to many.
    """
    if not messages:
        return
    contacts = _contacts_of(messages, now=now)
    wishes = _wishes_of(messages, contacts)
    heard = people.note_wishes(wishes.values(), now=now)
    quoted = inbox_selectors.conversation_ids_of_quoted(
        name for m in messages for name in (m.quoted_id, m.target_id)
    )
    desk = organisation.desk()
    theirs: dict[tuple[int, int], list[Conversation]] = defaultdict(list)
    for conversation in inbox_selectors.conversations_of(contacts.values()):
        theirs[conversation.contact_id, conversation.number_id].append(conversation)

    chosen: dict[str, Conversation | None] = {}
    for message in messages:
        key = contacts[message.external_id].pk, message.number_id
        chosen[message.external_id] = inbox_selectors.choose(
            theirs[key], quoted=quoted.get(message.quoted_id or message.target_id), now=now
        )
    at_desk = inbox.conversations_for(
        ((contacts[m.external_id], m.number_id) for m in messages if chosen[m.external_id] is None),
        node=desk,
        now=now,
    )

    arrivals: list[inbox.Arrival] = []
    opened: list[Case] = []
    references = _fresh_references(len(messages))
    matters: dict[int, str] = {}
    for message in messages:
        contact = contacts[message.external_id]
        conversation = chosen[message.external_id] or at_desk[contact.pk, message.number_id]
        matter = matters.get(conversation.pk, conversation.matter)
        if not matter and message.external_id not in wishes and _opens_a_case(message):
            matter = references.pop()
            opened.append(
                Case(
                    reference=matter,
                    node_id=conversation.node_id,
                    contact=contact,
                    conversation=conversation,
                    opened_at=message.received_at,
                )
            )
        if matter:
            matters[conversation.pk] = matter
        arrivals.append(inbox.Arrival(message, conversation, matter))

    Case.objects.bulk_create(opened)
    inbox.name_matters(matters)
    inbox.store(arrivals)
    first_words = {a.matter: a.message for a in reversed(arrivals)}
    audit.record_all(
        audit.Entry(
            action="case.opened",
            subject_type="case",
            subject_key=case.reference,
            by=case.contact,
            at=now,
            node_id=case.node_id,
            details={"channel": "whatsapp"},
            request_id=first_words[case.reference].request_id,
        )
        for case in opened
    )
    live.announce((case.node_id, "case", case.public_id) for case in opened)
    _confirm(arrivals, wishes, heard, now=now)


def _opens_a_case(message: IncomingMessage) -> bool:
    """False for what says nothing by itself, also where the provider only tells that it happened."""
    if message.kind == "unsupported":
        return message.payload.get("what") not in inbox.TOUCHES
    return message.kind not in inbox.TOUCHES


def _wishes_of(
    messages: Sequence[IncomingMessage], contacts: Mapping[str, Contact]
) -> dict[str, people.Wish]:
    """Which of these messages only say that the person wants, or does not want, what goes to many."""
    wishes = {}
    for message in messages:
        wants = people.wish_of(message.text) if message.kind in WORDED else None
        if wants is not None:
            wishes[message.external_id] = people.Wish(
                contact=contacts[message.external_id],
                wants=wants,
                source=OptOut.Source.WORD,
                at=min(message.sent_at, message.received_at),
            )
    # To resume what was never stopped is no wish: «start» is how some begin to write.
    stopping = {wish.contact.pk for wish in wishes.values() if not wish.wants}
    resuming = {wish.contact.pk for wish in wishes.values() if wish.wants}
    stopped = stopping | set(
        OptOut.objects.filter(contact__in=resuming, ended_at=None).values_list(
            "contact_id", flat=True
        )
        if resuming
        else ()
    )
    return {
        key: wish for key, wish in wishes.items() if not wish.wants or wish.contact.pk in stopped
    }


def _confirm(
    arrivals: Sequence[inbox.Arrival],
    wishes: Mapping[str, people.Wish],
    heard: set[int],
    *,
    now: datetime,
) -> None:
    """Tell those whose wish was heard, once, in the language of their word."""
    latest = {
        wish.contact.pk: (wish, arrival)
        for arrival in arrivals
        if (wish := wishes.get(arrival.message.external_id)) and wish.contact.pk in heard
    }
    for wish, arrival in latest.values():
        conversation = arrival.conversation
        conversation.refresh_from_db()
        with override("en" if arrival.message.text.isascii() else "ar"):
            text = (
                _("You will get our awareness messages and news again. To stop them, write: stop")
                if wish.wants
                else _(
                    "You will get no more awareness messages and news from us. What you write to us is "
                    "answered as before. To get them again, write: subscribe"
                )
            )
        # What was in the journal for long is heard, but can no longer be answered.
        with suppress(inbox.WindowClosed):
            inbox.send(conversation, text, by=None, now=now)


@transaction.atomic
def follow_identities(changes: Sequence[IdentityChange], *, now: datetime) -> None:
    """Let persons whose number or id has changed go on as who they are.

    Where two contacts turn out to be one person, conversations, cases and wishes become theirs together.
    """
    for change in changes:
        found = people.change_identity(
            old=change.old,
            new_phone=change.new_phone,
            new_whatsapp_id=change.new_whatsapp_id,
            now=now,
            request_id=change.request_id,
        )
        if found is None:
            continue
        contact, others = found
        for old in (contact, *others):
            channels.follow_contact(
                old,
                into=contact,
                old_name=change.old,
                new_phone=change.new_phone,
                new_whatsapp_id=change.new_whatsapp_id,
            )
        for other in others:
            _join(other, into=contact)
            people.absorb_contact(other, into=contact, now=now, request_id=change.request_id)


def _join(other: Contact, *, into: Contact) -> None:
    moved = inbox.join(other, into=into)
    for source, target in moved.items():
        if source != target:
            Case.objects.filter(conversation=source).update(conversation=target)
            inbox.discard(source)
    Case.objects.filter(contact=other).update(contact=into)
    live.announce((case.node_id, "case", case.public_id) for case in into.cases.all())


@transaction.atomic
def note_choices(choices: Sequence[MarketingChoice], *, now: datetime) -> None:
    """Keep what persons told the provider about messages that go to many, also who never wrote to us."""
    senders = {
        choice: people.Sender(whatsapp_id=choice.whatsapp_id, phone=choice.phone)
        for choice in choices
    }
    people.lock_senders(senders.values())
    contacts = people.contacts_of(senders.values(), now=now)
    people.note_wishes(
        [
            people.Wish(
                contact=contacts[sender],
                wants=choice.wants,
                source=OptOut.Source.PROVIDER,
                at=min(choice.chosen_at, choice.received_at),
            )
            for choice, sender in senders.items()
        ],
        now=now,
    )


@transaction.atomic
def assign_case(case_id: UUID, *, to: Node, by: Member, now: datetime) -> Case:
    """Give a case, with its conversation and messages, to the body in charge.

    :raises CaseAlreadyClosed: nothing is left to do about it
    :raises AlreadyThere: it is that body's already
    """
    case = _locked(case_id)
    if case.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if case.node_id == to.pk:
        raise AlreadyThere(_("The case is already with %(body)s.") % {"body": to.name})
    source, origin = case.conversation, case.node
    target = inbox.move(source, to=to)
    Case.objects.filter(conversation=source).update(node=to, conversation=target)
    if target.pk != source.pk:
        inbox.discard(source)
    case.node, case.conversation = to, target
    audit.record(
        audit.Entry(
            action="case.assigned",
            subject_type="case",
            subject_key=case.reference,
            by=by,
            at=now,
            node_id=to.pk,
            details={"from": origin.key, "to": to.key},
        )
    )
    live.announce((node_id, "case", case.public_id) for node_id in (origin.pk, to.pk))
    return case


@transaction.atomic
def close_case(case_id: UUID, *, outcome: str, words: str, by: Member, now: datetime) -> Case:
    """Close the case once, tell the person how it ended, and ask how content they are.

    The question goes out as a WhatsApp list. Where the 24-hour window is closed nothing can be sent:
    the case closes all the same, and the trail says that nobody was asked.

    :raises CaseAlreadyClosed: two officers pressed the button; the first one wins
    :raises OutcomeMissing: no known outcome is named
    """
    case = _locked(case_id)
    if case.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if outcome not in Case.Outcome.values:
        raise OutcomeMissing(_("Choose how the case ended."))
    conversation = case.conversation
    can_ask = conversation.is_writable(now=now)
    if can_ask:
        conversation.matter = case.reference
        with override("ar"):
            # The person reads this, not the member who closes.
            question = _("How was our service?")
            inbox.send(
                conversation,
                f"{words.strip()}\n\n{question}".strip(),
                by=by,
                now=now,
                rows=[
                    (f"satisfaction-{value}", str(label))
                    for value, label in Case.Satisfaction.choices
                ],
                button=str(_("Rate our service")),
                subject=(SATISFACTION, case.reference),
            )
    case.closed_at, case.closed_by, case.outcome = now, by, outcome
    case.save(update_fields=["closed_at", "closed_by", "outcome"])
    still_open = (
        Case.objects.open().filter(conversation=conversation).order_by("-opened_at", "-pk").first()
    )
    inbox.name_matters({conversation.pk: still_open.reference if still_open else ""})
    audit.record(
        audit.Entry(
            action="case.closed",
            subject_type="case",
            subject_key=case.reference,
            by=by,
            at=now,
            node_id=case.node_id,
            details={"outcome": outcome, "asked": can_ask},
        )
    )
    live.announce(
        [
            (case.node_id, "case", case.public_id),
            (case.node_id, "conversation", conversation.public_id),
        ]
    )
    return case


@transaction.atomic
def receive_satisfaction(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Keep the answers to the satisfaction question, each with its case's reference.

    Whoever answers twice has changed their mind: the last answer counts, the trail holds both.
    """
    contacts = _contacts_of([message for message, _reference in replies], now=now)
    cases = {
        case.reference: case
        for case in Case.objects.filter(reference__in={reference for _m, reference in replies})
        .select_related("conversation")
        .order_by("conversation_id", "pk")
        .select_for_update(of=("self",))
    }
    arrivals, entries, changed = [], [], []
    for message, reference in replies:
        case = cases.get(reference)
        if case is None or case.contact_id != contacts[message.external_id].pk:
            # Somebody forwarded the question, or its case is gone: a message like any other.
            take_in([message], now=now)
            continue
        arrivals.append(inbox.Arrival(message, case.conversation, reference))
        answer = message.choice_id.removeprefix("satisfaction-")
        if answer not in map(str, Case.Satisfaction.values):
            continue
        case.satisfaction, case.satisfaction_at = int(answer), message.received_at
        changed.append(case)
        entries.append(
            audit.Entry(
                action="case.satisfaction_given",
                subject_type="case",
                subject_key=reference,
                by=contacts[message.external_id],
                at=now,
                node_id=case.node_id,
                details={"satisfaction": int(answer)},
                request_id=message.request_id,
            )
        )
    Case.objects.bulk_update(changed, ["satisfaction", "satisfaction_at"])
    if arrivals:
        inbox.store(arrivals)
    audit.record_all(entries)
    live.announce((case.node_id, "case", case.public_id) for case in changed)


def _contacts_of(messages: Sequence[IncomingMessage], *, now: datetime) -> dict[str, Contact]:
    """The contact behind each message, by the message's id; their rows stay ours until the commit."""
    senders = {
        m.external_id: people.Sender(whatsapp_id=m.whatsapp_id, phone=m.phone, name=m.name)
        for m in messages
    }
    people.lock_senders(senders.values())
    contacts = people.contacts_of(senders.values(), now=now)
    return {external_id: contacts[sender] for external_id, sender in senders.items()}


def _fresh_references(count: int) -> list[str]:
    """Numbers that no case has yet. The table's constraint guards against the rest of chance."""
    drawn: set[str] = set()
    while len(drawn) < count:
        drawn |= {new_reference() for _draw in range(count - len(drawn))}
        drawn -= set(Case.objects.filter(reference__in=drawn).values_list("reference", flat=True))
    return list(drawn)


def _locked(case_id: UUID) -> Case:
    # The conversation first, as the worker does: two orders would wait for each other.
    Conversation.objects.select_for_update().filter(cases__public_id=case_id).first()
    return (
        Case.objects.select_for_update(of=("self",))
        .select_related(
            "node", "conversation__node", "conversation__number__account", "conversation__contact"
        )
        .get(public_id=case_id)
    )
