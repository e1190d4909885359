"""Ending many cases of the work list by one press, with one outcome and one text.

As with all that leaves for many (ADR 25), a press only notes them: for some seconds it can be undone, and
nobody has heard of it. Then the worker writes to each person and closes, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.services import proof
from bayan.cases.services.closing import Question, close_each, question_to
from bayan.cases.services.parts import OutcomeMissing, entry
from bayan.cases.whole.models import Ending, EndingCase
from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.core import audit, live, undo
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.people.models import Member
from bayan.people.permissions import Access

ENDED = "cases.ended_together"
BATCH = 200
LONGEST = 3_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ended:
    """What one press will end, and what it leaves open for what reason."""

    done: inbox.Done
    # Of these nobody hears: they last wrote more than 24 hours ago.
    untold: int = 0
    urgent: list[Case] = field(default_factory=list)
    without: list[Case] = field(default_factory=list)
    nowhere: list[Case] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.urgent) + len(self.without) + len(self.nowhere)


@transaction.atomic
def end_together(
    rows: CaseQuerySet, *, outcome: str, words: str, by: Member, now: datetime
) -> Ended:
    """Let the worker close these open cases and tell each person, once the time to undo is over.

    Left open, and named: emergencies, and what is put right without the picture of it that it needs.

    :raises OutcomeMissing: no known outcome is named
    :raises TextTooLong: the words are longer than the channel carries
    """
    if outcome not in Case.Outcome.values:
        raise OutcomeMissing(_("Choose how the case ended."))
    found = list(
        rows.open()
        .exclude(pk__in=EndingCase.objects.values("case"))
        .select_related(
            "conversation__node", "conversation__number__account", "conversation__contact", "node"
        )
        .order_by("pk")
    )
    urgent = [case for case in found if case.priority == Case.Priority.EMERGENCY]
    calm = [case for case in found if case.priority != Case.Priority.EMERGENCY]
    sifted = proof.sift(calm, outcome)
    stays = {case.pk for case in (*sifted.without, *sifted.nowhere)}
    ending = [case for case in calm if case.pk not in stays]
    told = {case.conversation_id for case in ending if case.conversation.is_writable(now=now)}
    _check_words(words, [case.conversation for case in ending if case.conversation_id in told])
    untold = sum(case.conversation_id not in told for case in ending)
    if not ending:
        return Ended(inbox.Done(0), urgent=urgent, without=sifted.without, nowhere=sifted.nowhere)
    made = Ending.objects.create(
        by=by, outcome=outcome, words=words.strip()[:LONGEST], due_at=now + undo.OFFERED_FOR
    )
    EndingCase.objects.bulk_create(
        [EndingCase(ending=made, case=case) for case in ending],
        # A colleague pressed in this very moment.
        ignore_conflicts=True,
    )
    step = undo.remember(ENDED, {"ending": made.pk}, member_id=by.pk, now=now)
    return Ended(
        inbox.Done(len(ending), step),
        untold=untold,
        urgent=urgent,
        without=sifted.without,
        nowhere=sifted.nowhere,
    )


def _check_words(words: str, conversations: Sequence[Conversation]) -> None:
    """Refuse what would not fit under the longest heading, before anything is noted."""
    if not conversations:
        return
    longest = max(conversations, key=lambda one: len(one.node.name))
    longest.matter = longest.matter or "0" * 9
    question = Question.of(words, longest.contact.language)
    channels.compose(
        longest.number,
        lambda channel: channel.choices(
            f"*{inbox.heading(longest)}*\n{question.text}",
            button=question.button,
            rows=question.rows,
        ),
    )


def undo_end_together(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Leave open what the worker has not closed yet.

    :raises TooLate: nothing of it is left
    """
    ending = (
        Ending.objects.select_for_update(of=("self",)).filter(pk=facts["ending"], by=by).first()
    )
    if ending is None:
        raise undo.TooLate(_("It is too late to undo this."))
    ending.delete()


@transaction.atomic
def end_some(*, now: datetime, limit: int = BATCH) -> int:
    """Close the next of what was pressed and tell its people. Returns how many were looked at."""
    ending = (
        Ending.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("by")
        .filter(due_at__lte=now)
        .order_by("due_at", "pk")
        .first()
    )
    if ending is None:
        return 0
    waiting = ending.cases.select_related("case").order_by("case__conversation_id", "pk")
    rows = list(waiting[:limit])
    if not rows:
        ending.delete()
        return 1
    # Whoever has several of them is told once: a conversation is never cut in two.
    last = rows[-1]
    rows += waiting.filter(case__conversation=last.case.conversation_id, pk__gt=last.pk)
    _end(ending, rows, now=now)
    EndingCase.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _end(ending: Ending, rows: Sequence[EndingCase], *, now: datetime) -> None:
    by, outcome = ending.by, ending.outcome
    # Conversations first, as everybody does: two orders would wait for each other.
    conversations = inbox.lock_conversations({row.case.conversation_id for row in rows})
    cases = list(
        Case.objects.open()
        .filter(pk__in=[row.case_id for row in rows], conversation__in=conversations)
        .select_related("node")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    # What became urgent meanwhile, went to another body or lost its picture stays as it is.
    access = Access.of(by, now=now)
    calm = [
        case
        for case in cases
        if case.priority != Case.Priority.EMERGENCY and access.may("cases.close", case.node)
    ]
    sifted = proof.sift(calm, outcome)
    stays = {case.pk for case in (*sifted.without, *sifted.nowhere)}
    first: dict[int, Case] = {}
    for case in calm:
        if case.pk not in stays and conversations[case.conversation_id].is_writable(now=now):
            first.setdefault(case.conversation_id, case)
    letters = [
        question_to(conversations[case.conversation_id], case, ending.words)
        for case in first.values()
    ]
    sent = inbox.send_each(letters, by=by, now=now, lane=Outgoing.Lane.WORK)
    asked: set[int] = set()
    for case, result in zip(first.values(), sent, strict=True):
        if isinstance(result, DomainError):
            # Nobody's case ends without a word that could have been said.
            stays |= {one.pk for one in calm if one.conversation_id == case.conversation_id}
        else:
            asked.add(case.pk)
    closing = [case for case in calm if case.pk not in stays]
    proof.keep(closing, proof.PLAIN, sifted.shown, outcome=outcome, by=by, now=now)
    close_each(
        closing,
        outcome=outcome,
        by=by,
        now=now,
        details={
            case.pk: {"asked": case.pk in asked, "together": True}
            | ({"shown": "picture"} if case.pk in sifted.shown else {})
            for case in closing
        },
    )
    closed = {case.pk for case in closing}
    left = [case for case in cases if case.pk not in closed]
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(entry("case.not_ended", case, by=label, now=now) for case in left)
    live.announce((case.node_id, "case", case.public_id) for case in left)
    log.info("cases.ended_together", closed=len(closing), left=len(left))
