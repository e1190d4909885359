"""What persons answer where they were asked where it is, or whether it is what others reported there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.db import transaction
from django.utils.translation import override

from bayan.cases.models import Asked, Case
from bayan.cases.services import asking, near, routing
from bayan.cases.services.parts import contacts_of
from bayan.cases.services.taking_in import resume, take_in
from bayan.channels.events import IncomingMessage
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation


def _locked(references: set[str]) -> dict[str, Case]:
    # The conversations first, as members do: two orders would wait for each other.
    list(
        Conversation.objects.filter(cases__reference__in=references)
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk")
    )
    return {
        case.reference: case
        for case in Case.objects.filter(reference__in=references)
        .select_related("conversation", "contact", "node", "asked")
        .order_by("pk")
        .select_for_update(of=("self",))
    }


@transaction.atomic
def receive_same(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Take the answers to the question whether it is what others reported near by (`services.near`).

    The first answer counts; whoever changes their mind writes it, and a member parts the cases.
    """
    contacts = contacts_of([message for message, _reference in replies], now=now)
    cases = _locked({reference for _message, reference in replies})
    arrivals: list[inbox.Arrival] = []
    answers: list[tuple[Case, IncomingMessage]] = []
    for message, reference in replies:
        case = cases.get(reference)
        if case is None or case.contact_id != contacts[message.external_id].pk:
            # Somebody forwarded the question, or its case is gone: a message like any other.
            take_in([message], now=now)
            continue
        arrivals.append(inbox.Arrival(message, case.conversation, reference))
        answers.append((case, message))
    if arrivals:
        inbox.store(arrivals)
    resume(arrivals, but=(), now=now)
    for case, message in answers:
        with override(contacts[message.external_id].language):
            words = near.settle(case, message.choice_id, request_id=message.request_id, now=now)
        if not words:
            continue
        conversation = Conversation.objects.select_related(
            "node", "number__account", "contact"
        ).get(pk=case.conversation_id)
        with suppress(inbox.WindowClosed):
            inbox.send(conversation, words, by=None, now=now)


@transaction.atomic
def receive_place(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Take the answers to the question where it is, each with its case's reference.

    As long as the desk has not assigned the case and nothing else has settled its place, the last answer
    counts; later ones stand in the conversation and change nothing.
    """
    contacts = contacts_of([message for message, _reference in replies], now=now)
    cases = _locked({reference for _message, reference in replies})
    arrivals: list[inbox.Arrival] = []
    told: dict[int, tuple[Case, Asked.Answer, IncomingMessage]] = {}
    for message, reference in replies:
        case = cases.get(reference)
        if case is None or case.contact_id != contacts[message.external_id].pk:
            # Somebody forwarded the question, or its case is gone: a message like any other.
            take_in([message], now=now)
            continue
        arrivals.append(inbox.Arrival(message, case.conversation, reference))
        asked = asking.asked_of(case)
        if asked is None or not asking.may_choose(case):
            continue
        if message.choice_id == asking.ELSEWHERE:
            asking.take_back(case, asked)
            told[case.pk] = case, Asked.Answer.ELSEWHERE, message
        elif asking.choose(case, asked, message.choice_id.removeprefix(asking.CHOICE)):
            told[case.pk] = case, Asked.Answer.CHOSEN, message
    if arrivals:
        inbox.store(arrivals)
    resume(arrivals, but=(), now=now)
    routing.route_again(asking.keep(list(told.values()), now=now), now=now)
