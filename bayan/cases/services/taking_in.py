"""Taking in what the public writes: contact, conversation, case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.due import due_at
from bayan.cases.models import Case, Reading
from bayan.cases.services import (
    acknowledging,
    asking,
    clocks,
    followers,
    forwards,
    near,
    pictures,
    placing,
    routing,
    understanding,
)
from bayan.cases.services.parts import (
    contacts_of,
    entry,
    fresh_references,
    subject_of,
)
from bayan.cases.surge.models import Surge
from bayan.channels import services as channels
from bayan.channels.events import IdentityChange, IncomingMessage, MarketingChoice
from bayan.core import audit, events, live
from bayan.inbox import selectors as inbox_selectors
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Contact, Member, OptOut
from bayan.work import services as work

if TYPE_CHECKING:
    from bayan.triage import reading as triage

# Kinds whose words may be a wish to stop or to resume what goes to many.
WORDED = {"text", "button", "button_reply", "list_reply"}
# So many words say in which language somebody writes.
A_SENTENCE = 3


@transaction.atomic
def take_in(messages: Sequence[IncomingMessage], *, now: datetime) -> None:
    """Take in messages of the public, in their order: contact, conversation, case.

    A message joins the open case of its conversation; where none is open, it opens one, unless it only
    changes another message or says no more than that the person wants no messages that go to many. What a
    member passes on opens none by itself (`services.forwards`).
    """
    if not messages:
        return
    contacts = contacts_of(messages, now=now)
    members = people_selectors.linked_members(contacts.values())
    # First of all: whoever is asked something may call it off by a word that else stops broadcasts.
    messages = _without_work(messages, contacts, members, now=now)
    # A word that stops a following stops no broadcasts, too.
    stopped = followers.hear_stops(messages, contacts, now=now)
    wishes = _wishes_of(messages, contacts, but=stopped)
    heard = people.note_wishes(wishes.values(), now=now)
    linked = _linked(messages, now=now)
    quoted = inbox_selectors.conversation_ids_of_quoted(
        (m.number_id, name) for m in messages for name in (m.quoted_id, m.target_id)
    )
    desk, nodes = organisation.desk(), organisation.nodes()
    theirs: dict[tuple[int, int], list[Conversation]] = defaultdict(list)
    for conversation in inbox_selectors.conversations_of(contacts.values()):
        theirs[conversation.contact_id, conversation.number_id].append(conversation)

    chosen: dict[str, Conversation | None] = {}
    for message in messages:
        key = contacts[message.external_id].pk, message.number_id
        chosen[message.external_id] = inbox_selectors.choose(
            theirs[key], quoted=quoted.get(message.quoted_id or message.target_id), now=now
        )
    mute = {*wishes, *linked, *stopped}
    messages = _without_forwards(messages, contacts, chosen, members, but=mute, now=now)
    at_desk = inbox.conversations_for(
        ((contacts[m.external_id], m.number_id) for m in messages if chosen[m.external_id] is None),
        node=desk,
        now=now,
    )

    arrivals: list[inbox.Arrival] = []
    opened: list[Case] = []
    references = fresh_references(len(messages))
    matters: dict[int, str] = {}
    for message in messages:
        contact = contacts[message.external_id]
        conversation = chosen[message.external_id] or at_desk[contact.pk, message.number_id]
        matter = matters.get(conversation.pk, conversation.matter)
        if not matter and message.external_id not in mute and _opens_a_case(message):
            matter = references.pop()
            opened.append(
                Case(
                    reference=matter,
                    node=nodes[conversation.node_id],
                    contact=contact,
                    conversation=conversation,
                    subject=subject_of(message.text),
                    opened_at=message.received_at,
                    due_at=due_at(
                        kind="",
                        priority=Case.Priority.NORMAL,
                        since=message.received_at,
                        of=conversation.node_id,
                    ),
                )
            )
        if matter:
            matters[conversation.pk] = matter
        arrivals.append(inbox.Arrival(message, conversation, matter))

    readings = understanding.read(messages, near=_at_home(contacts, now=now))
    placing.place(opened, arrivals, readings)
    _note_who_writes(opened, arrivals, readings, contacts)
    said = _understand(opened, arrivals, readings, now=now)
    decided, arrivals, matters = _routed(opened, arrivals, readings, matters, now=now)
    Case.objects.bulk_create(opened)
    Reading.objects.bulk_create(said)
    inbox.name_matters(matters)
    pictures.expect_pictures(inbox.store(arrivals))
    new = {case.reference for case in opened}
    resume(arrivals, but=new, now=now)
    told = [
        *asking.hear(arrivals, readings, but=new, now=now),
        *understanding.hear_danger(readings, arrivals, but=new, now=now),
    ]
    understanding.keep_heard(readings, messages)
    _tell_of_new(opened, arrivals, now=now)
    # Why they went where they are, the question where it is, and what is owed by when.
    _begin(decided, opened, arrivals, readings, nodes=nodes, mute=mute, now=now, told=told)
    _confirm(arrivals, wishes, heard, now=now)
    for names, tell in ((linked, _tell_of_links), (stopped, followers.confirm_stops)):
        tell([a for a in arrivals if a.message.external_id in names], now=now)
    # Last: with them conversations move.
    routing.route_again(told, now=now)


def _note_who_writes(
    opened: Sequence[Case],
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    contacts: Mapping[str, Contact],
) -> None:
    """Keep that these people write by now, and in which language.

    What they report in decides; later on a sentence in the other one changes it.
    """
    people.see_by_their_own(contacts.values())
    new = {case.reference for case in opened}
    written: list[tuple[Contact, str]] = []
    for arrival in arrivals:
        message, reading = arrival.message, readings.get(arrival.message.external_id)
        language = asking.LANGUAGES.get(reading.language) if reading else None
        # Digits are of no language, and "ok" is said in all.
        if language is None or not any(map(str.isalpha, message.text)):
            continue
        if arrival.matter in new or len(message.text.split()) >= A_SENTENCE:
            written.append((contacts[message.external_id], language))
    people.note_languages(written)


def _at_home(contacts: Mapping[str, Contact], *, now: datetime) -> dict[str, str]:
    """The body to which the sender of each message wrote of a place before."""
    known = placing.earlier(contacts.values(), now=now)
    return {name: known.get(contact.pk, "") for name, contact in contacts.items()}


def _begin(
    decided: list[routing.Decided],
    opened: Sequence[Case],
    arrivals: list[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    *,
    nodes: Mapping[int, Node],
    mute: Collection[str],
    now: datetime,
    told: Sequence[Case],
) -> None:
    routing.keep(decided, now=now)
    surges = list(Surge.objects.on())
    asking.ask(opened, arrivals, readings, surges=surges, now=now)
    # Whether it is known already, where that has a place by now.
    near.ask([*opened, *told], now=now)
    clocks.start(opened, now=now)
    if surges:
        acknowledging.owe(arrivals, surges, nodes=nodes, but=mute, now=now)


def _routed(
    opened: Sequence[Case],
    arrivals: list[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    matters: dict[int, str],
    *,
    now: datetime,
) -> tuple[list[routing.Decided], list[inbox.Arrival], dict[int, str]]:
    """Let rules decide of new cases; what was to go into a conversation goes where that went."""
    decided = routing.decide_new(opened, arrivals, readings, now=now)
    moved = routing.lead(decided, now=now)
    if not moved:
        return decided, arrivals, matters
    return (
        decided,
        [
            replace(arrival, conversation=moved.get(arrival.conversation.pk, arrival.conversation))
            for arrival in arrivals
        ],
        {moved[key].pk if key in moved else key: matter for key, matter in matters.items()},
    )


def _without_work(
    messages: Sequence[IncomingMessage],
    contacts: Mapping[str, Contact],
    members: Mapping[int, Member],
    *,
    now: datetime,
) -> Sequence[IncomingMessage]:
    """Hand over what members write to Bayan itself, and return the messages that are left.

    Words that ask for something come first, then what they were asked for, then everything else.
    """
    theirs = [
        (message, member)
        for message in messages
        if (member := members.get(contacts[message.external_id].pk))
    ]
    # A letter can be a member's only as an answer; their words of command are for the chat.
    mailed = work.members_by_mail(messages, now=now)
    letters = work.files_first([m for m in messages if m.external_id in mailed])
    taken = work.hear_quotations([(m, mailed[m.external_id]) for m in letters], now=now)
    for hear in (*events.hearers(first=True), work.hear_members, *events.hearers()):
        left = [pair for pair in theirs if pair[0].external_id not in taken]
        if left:
            taken |= hear(left, now=now)
    # What a contractor writes about a task is no report of theirs.
    left_over = [message for message in messages if message.external_id not in taken]
    taken |= work.hear_outside(left_over, contacts, now=now)
    return [message for message in messages if message.external_id not in taken]


def _without_forwards(
    messages: Sequence[IncomingMessage],
    contacts: Mapping[str, Contact],
    chosen: Mapping[str, Conversation | None],
    members: Mapping[int, Member],
    *,
    but: Collection[str],
    now: datetime,
) -> Sequence[IncomingMessage]:
    """Hand over what members passed on, and return the messages that are left."""
    passed_on = {
        message.external_id: (message, contact, member)
        for message in messages
        if (contact := contacts[message.external_id])
        and (member := members.get(contact.pk))
        and message.external_id not in but
        and forwards.is_forward(message, chosen[message.external_id])
        and people_selectors.body_of_member(member, now=now)
    }
    if not passed_on:
        return messages
    forwards.gather(list(passed_on.values()), now=now)
    return [message for message in messages if message.external_id not in passed_on]


def _understand(
    opened: Sequence[Case],
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    *,
    now: datetime,
) -> list[Reading]:
    """Label new cases by the first words of theirs that triage could read."""
    said: dict[str, Reading] = {}
    new = {case.reference: case for case in opened}
    for arrival in arrivals:
        reading = readings.get(arrival.message.external_id)
        if reading and arrival.matter in new and arrival.matter not in said:
            said[arrival.matter] = understanding.label(new[arrival.matter], reading, now=now)
    return list(said.values())


@transaction.atomic
def receive_work(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Do what members pressed under a message about a task; what others press is a message like any other."""
    take_in(work.receive(replies, now=now), now=now)


@transaction.atomic
def receive_work_choice(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Show what members chose from the list of their tasks; see `receive_work`."""
    take_in(work.receive_choice(replies, now=now), now=now)


@transaction.atomic
def receive_outside(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Do what contractors and bodies outside pressed under a message about a task; see `receive_work`."""
    take_in(work.receive_outside(replies, now=now), now=now)


def _linked(messages: Sequence[IncomingMessage], *, now: datetime) -> set[str]:
    """Which of these messages only link the mobile of somebody who works here to them."""
    return {
        message.external_id
        for message in messages
        if message.kind == "text"
        and message.phone
        and (code := people.link_code_of(message.text))
        and people.link_phone_by_code(code, message.phone, now=now)
    }


def _tell_of_new(
    opened: Sequence[Case], arrivals: Sequence[inbox.Arrival], *, now: datetime
) -> None:
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


def _tell_of_links(arrivals: Sequence[inbox.Arrival], *, now: datetime) -> None:
    members = people_selectors.linked_members([a.conversation.contact for a in arrivals])
    for arrival in arrivals:
        member = members.get(arrival.conversation.contact_id)
        with override(member.language if member else "ar"):
            text = _("This mobile is linked to your account in Bayan now.")
        arrival.conversation.refresh_from_db()
        with suppress(inbox.WindowClosed):
            inbox.send(arrival.conversation, text, by=None, now=now)


def resume(arrivals: Sequence[inbox.Arrival], *, but: Collection[str], now: datetime) -> None:
    """A case that waited for its person goes on when they write."""
    said = {
        arrival.matter: arrival.message
        for arrival in arrivals
        if arrival.matter
        and arrival.matter not in but
        and arrival.message.kind not in inbox.TOUCHES
    }
    if not said:
        return
    waiting = list(
        Case.objects.filter(stage=Case.Stage.WAITS_FOR_PERSON, reference__in=said).select_related(
            "contact"
        )
    )
    for case in waiting:
        case.stage = Case.Stage.IN_PROGRESS
    Case.objects.bulk_update(waiting, ["stage"])
    clocks.resume(waiting, now=now)
    audit.record_all(
        entry(
            "case.resumed",
            case,
            by=case.contact,
            now=now,
            request_id=said[case.reference].request_id,
        )
        for case in waiting
    )
    live.announce((case.node_id, "case", case.public_id) for case in waiting)


def _opens_a_case(message: IncomingMessage) -> bool:
    """False for what says nothing by itself, also where the provider only tells that it happened."""
    if message.kind == "unsupported":
        return message.payload.get("what") not in inbox.TOUCHES
    return message.kind not in inbox.TOUCHES


def _wishes_of(
    messages: Sequence[IncomingMessage],
    contacts: Mapping[str, Contact],
    *,
    but: Collection[str] = (),
) -> dict[str, people.Wish]:
    """Which of these messages only say that the person wants, or does not want, what goes to many."""
    wishes = {}
    for message in messages:
        is_heard = message.kind in WORDED and message.external_id not in but
        wants = people.wish_of(message.text) if is_heard else None
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
            join_contacts(other, into=contact)
            people.absorb_contact(other, into=contact, now=now, request_id=change.request_id)


def join_contacts(other: Contact, *, into: Contact) -> None:
    targets = inbox.join(other, into=into)
    _follow(targets)
    inbox.discard(targets)
    Case.objects.filter(contact=other).update(contact=into)
    live.announce((case.node_id, "case", case.public_id) for case in into.cases.all())


def _follow(targets: Mapping[int, int]) -> None:
    """Let cases hang on the conversations that hold their messages now."""
    for source, target in targets.items():
        if source != target:
            Case.objects.filter(conversation=source).update(conversation=target)


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
