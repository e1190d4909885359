"""Ending a case, hearing how content the person is, and opening it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case, Closing
from bayan.cases.services import clocks, proof
from bayan.cases.services.handling import name_matters_of
from bayan.cases.services.parts import (
    CaseAlreadyClosed,
    NotKnown,
    OutcomeMissing,
    StepNotPossible,
    contacts_of,
    due,
    entry,
    locked,
)
from bayan.cases.services.taking_in import take_in
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Media
from bayan.core import audit, live
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.services import Picture

# What an answer to the satisfaction question is about (config/subscriptions.py).
SATISFACTION = "cases.satisfaction"
# From "dissatisfied" down the case opens again.
UNHAPPY = Case.Satisfaction.DISSATISFIED


@dataclass(frozen=True)
class Question:
    """The closing words with the question how content the person is, as they read it."""

    text: str
    rows: list[tuple[str, str]]
    button: str

    @classmethod
    def of(cls, words: str, language: str) -> Question:
        """`language`: that of the person, who reads this, not of the member who closes."""
        with override(language):
            return cls(
                text=f"{words.strip()}\n\n{_('How was our service?')}".strip(),
                rows=[
                    (f"satisfaction-{value}", str(label))
                    for value, label in Case.Satisfaction.choices
                ],
                button=str(_("Rate our service")),
            )


def question_to(
    conversation: Conversation, case: Case, words: str, *, waits: bool = False
) -> inbox.Letter:
    """The closing words of this case with the question, as a letter to its person."""
    question = Question.of(words, conversation.contact.language)
    return inbox.Letter(
        conversation=conversation,
        matter=case.reference,
        text=question.text,
        rows=question.rows,
        button=question.button,
        subject=(SATISFACTION, case.reference),
        waits=waits,
    )


@transaction.atomic
def close_case(
    case_id: UUID,
    *,
    outcome: str,
    words: str,
    by: Member,
    now: datetime,
    basis: proof.Basis = proof.PLAIN,
    picture: Picture | None = None,
    place: str = "",
) -> Case:
    """Close the case once, tell the person how it ended, and ask how content they are.

    The question goes out as a WhatsApp list. Where the 24-hour window is closed nothing can be sent:
    the case closes all the same, and the trail says that nobody was asked. What is put right at a place is
    shown by a picture (`services.proof`): one that is there, or `picture`; `place` is where, if nobody knew.

    :raises CaseAlreadyClosed: two officers pressed the button; the first one wins
    :raises OutcomeMissing: no known outcome is named
    :raises ProofMissing, PlaceMissing, ExcuseMissing, NotTriedEnough: see `proof.check`
    :raises PictureTooOld: the picture was taken before the case was opened last
    """
    case = locked(case_id)
    if case.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if outcome not in Case.Outcome.values:
        raise OutcomeMissing(_("Choose how the case ended."))
    if place.strip() and not case.place:
        case.place = " ".join(place.split())[:200]
    uploaded = proof.keep_picture(picture, case, now=now) if picture else None
    shown = proof.check([case], outcome, basis, uploaded=uploaded)
    proof.keep([case], basis, shown, outcome=outcome, by=by, now=now)
    conversation = case.conversation
    can_ask = conversation.is_writable(now=now)
    if can_ask:
        conversation.matter = case.reference
        question = Question.of(words, conversation.contact.language)
        inbox.send(
            conversation,
            question.text,
            by=by,
            now=now,
            rows=question.rows,
            button=question.button,
            subject=(SATISFACTION, case.reference),
        )
    case.save(update_fields=["place", "latitude", "longitude"])
    told = {"asked": can_ask} | _told_of(basis, shown, case, outcome)
    close_each([case], outcome=outcome, by=by, now=now, details={case.pk: told})
    live.announce([(case.node_id, "conversation", conversation.public_id)])
    return case


def note_printed(
    case: Case, *, with_notes: bool, with_person: bool, by: Member, now: datetime
) -> None:
    """Note that a case was printed as a document, and with what."""
    what = [name for name, told in (("notes", with_notes), ("person", with_person)) if told]
    audit.record(entry("case.printed", case, by=by, now=now, fields=what))


def _told_of(
    basis: proof.Basis, shown: Mapping[int, Media], case: Case, outcome: str
) -> dict[str, str]:
    if case.pk in shown:
        return {"shown": "picture"}
    if proof.wants_picture(case, outcome):
        return {"excuse": basis.excuse}
    return {"why": basis.why} if basis.why and outcome == Case.Outcome.NOT_ACTIONABLE else {}


def close_each(
    cases: Sequence[Case],
    *,
    outcome: str,
    by: Member | None,
    now: datetime,
    details: Mapping[int, Mapping[str, Any]],
) -> None:
    """Close these open cases, locked with their conversations; whoever is told is told by the caller.

    `details` is what the trail says of each, by its key: `asked`, where the person was asked how content
    they are, and more. Without a member nobody withdraws its tasks.
    """
    if not cases:
        return
    # Asked anew, they answer anew.
    ended = {
        "closed_at": now, "closed_by": by, "outcome": outcome, "stage": Case.Stage.CLOSED,
        "satisfaction": None, "satisfaction_at": None,
    }  # fmt: skip
    for case in cases:
        for name, value in ended.items():
            setattr(case, name, value)
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(**ended)
    if by is not None:
        work.withdraw_of_all(clocks.CASE, [case.reference for case in cases], by=by, now=now)
    clocks.end(cases, now=now)
    name_matters_of({case.conversation_id for case in cases}, contacts=set())
    label = audit.Named(by.audit_key, by.audit_label) if by else audit.SYSTEM
    audit.record_all(
        entry("case.closed", case, by=label, now=now, outcome=outcome, **details[case.pk])
        for case in cases
    )
    live.announce((case.node_id, "case", case.public_id) for case in cases)


def unclose_each(
    cases: Sequence[Case],
    stages: Mapping[int, str],
    *,
    ended_at: datetime,
    by: Member,
    now: datetime,
) -> None:
    """Let these cases, locked, be as open as they were: nobody heard of their end at `ended_at`.

    `stages` are those in which they were, by key. Their clocks run on; tasks that were withdrawn stay so.
    """
    if not cases:
        return
    for case in cases:
        case.stage, case.outcome = stages[case.pk], ""
        case.closed_at = case.closed_by = None
    Case.objects.bulk_update(cases, ["stage", "outcome", "closed_at", "closed_by"])
    Closing.objects.filter(case__in=cases, at=ended_at).delete()
    work.revive(clocks.CASE, [case.reference for case in cases], ended_at=ended_at)
    unnamed = Conversation.objects.filter(
        pk__in=[case.conversation_id for case in cases], matter=""
    ).values_list("pk", flat=True)
    names = {case.conversation_id: case.reference for case in cases}
    inbox.name_matters({key: names[key] for key in unnamed})
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(
        entry("case.answer_taken_back", case, by=label, now=now, moment=ended_at.isoformat())
        for case in cases
    )
    live.announce((case.node_id, "case", case.public_id) for case in cases)


@transaction.atomic
def reopen_case(case_id: UUID, *, by: Member, now: datetime) -> Case:
    """Open a closed case again; it is due anew, its conversation names it again, and its person hears of it.

    Where they last wrote more than 24 hours ago, the words wait behind the template that asks them to open
    the conversation; where there is none, the trail says that nobody was told.

    :raises StepNotPossible: it is open
    """
    case = locked(case_id)
    if not case.is_closed:
        raise StepNotPossible(_("This case is open already."))
    conversation = case.conversation
    conversation.matter = case.reference
    with override(conversation.contact.language):
        text = _(
            "We have opened your report again, to look into it once more. You hear here what comes of it. "
            "Thank you for your patience."
        )
    told = inbox.notify(conversation, text, now=now)
    _reopen(case, by=by, now=now, told=told is not None)
    return case


def _reopen(case: Case, *, by: audit.Actor, now: datetime, **details: Any) -> None:
    case.stage, case.outcome = Case.Stage.IN_PROGRESS, ""
    case.closed_at = case.closed_by = None
    case.reopened_at = now
    case.times_reopened += 1
    case.due_at = due(case)
    case.save(
        update_fields=[
            "stage", "outcome", "closed_at", "closed_by", "reopened_at", "times_reopened", "due_at",
        ]
    )  # fmt: skip
    clocks.follow([case])
    conversation = Conversation.objects.get(pk=case.conversation_id)
    if not conversation.matter:
        inbox.name_matters({conversation.pk: case.reference})
    audit.record(entry("case.reopened", case, by=by, now=now, **details))
    live.announce(
        [
            (case.node_id, "case", case.public_id),
            (case.node_id, "conversation", conversation.public_id),
        ]
    )


@transaction.atomic
def receive_satisfaction(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Keep the answers to the satisfaction question, each with its case's reference.

    Whoever answers twice has changed their mind: the last answer counts, the trail holds both.
    """
    contacts = contacts_of([message for message, _reference in replies], now=now)
    cases = {
        case.reference: case
        for case in Case.objects.filter(reference__in={reference for _m, reference in replies})
        .select_related("conversation", "contact")
        .order_by("conversation_id", "pk")
        .select_for_update(of=("self",))
    }
    arrivals, entries, changed = [], [], []
    unhappy: dict[str, Case] = {}
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
        if case.satisfaction <= UNHAPPY and case.is_closed:
            unhappy[reference] = case
        else:
            unhappy.pop(reference, None)
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
    for case in unhappy.values():
        _reopen(case, by=case.contact, now=now)
        _tell_that_it_goes_on(case, now=now)


@transaction.atomic
def rate_case(case_id: UUID, satisfaction: int, *, now: datetime) -> Case:
    """Keep how content the person of a closed case is, told elsewhere than in the chat.

    As in the chat the last answer counts, and an unhappy one opens the case again.

    :raises StepNotPossible: it is open, so there is nothing to rate
    :raises NotKnown: there is no such answer
    """
    if satisfaction not in Case.Satisfaction.values:
        raise NotKnown(_("Choose one of the answers."))
    case = locked(case_id)
    if not case.is_closed:
        raise StepNotPossible(_("This case is open: it can be rated once it is closed."))
    case.satisfaction, case.satisfaction_at = satisfaction, now
    case.save(update_fields=["satisfaction", "satisfaction_at"])
    person = case.conversation.contact
    audit.record(
        entry("case.satisfaction_given", case, by=person, now=now, satisfaction=satisfaction)
    )
    live.announce([(case.node_id, "case", case.public_id)])
    if satisfaction <= UNHAPPY:
        _reopen(case, by=person, now=now)
        _tell_that_it_goes_on(case, now=now)
    return case


def _tell_that_it_goes_on(case: Case, *, now: datetime) -> None:
    conversation = Conversation.objects.select_related("contact", "number", "node").get(
        pk=case.conversation_id
    )
    with override(conversation.contact.language):
        text = _(
            "We are sorry that this did not satisfy you. Your report is open again and is being followed up. "
            "If you wish, write to us what is still missing."
        )
    conversation.matter = case.reference
    # An answer that was in the journal for long is heard, but can no longer be answered.
    with suppress(inbox.WindowClosed):
        inbox.send(conversation, text, by=None, now=now)
