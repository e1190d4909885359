"""Handing an answer over to everybody, batch by batch; run by the worker.

A batch is one transaction: its recipients are ours, their messages are queued and their cases closed, or
nothing of it happened. Whoever dies in between leaves the next one to do exactly what was left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import Error, connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from bayan.cases.models import Answer, AnswerRecipient, Case
from bayan.cases.services import answering, proof
from bayan.cases.services.closing import close_each, question_to
from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Template
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.queries import Waits
from bayan.core.references import grouped
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.inbox.services import Letter
from bayan.people.models import Member

# So many people a transaction.
BATCH = 200
# So many of an answer may stand in the queue: taking back is of use for the rest, and others in the lane
# wait a few seconds for them at most.
AHEAD = 500
# A message that was under way while its answer was taken back may come back to be tried again.
CALLED_BACK_FOR = timedelta(hours=1)
# What its people do with it is counted so long.
COUNTED_FOR = timedelta(days=14)
# Its own reports, so no message to many: who wants none of those gets it all the same. Replies of members
# and emergencies go before it; a running broadcast, which may take hours, does not.
LANE = Outgoing.Lane.WORK
State, To, Reason = Answer.State, AnswerRecipient.State, AnswerRecipient.Reason
log = structlog.get_logger(__name__)
ON_THE_WAY = Q(message__outgoing__state=Outgoing.State.QUEUED) | Q(
    message__outgoing__state=Outgoing.State.SENDING
)


class Delivery:
    """What one worker knows of the answers under way: how far each was when it last told of it."""

    def __init__(self) -> None:
        self._told: dict[int, dict[str, int]] = {}
        self._looked: dict[int, datetime] = {}

    def step(self, *, now: datetime) -> int:
        """Hand over what there is room for, in all answers; returns to how many people."""
        handed = 0
        if not _WAITS(now - CALLED_BACK_FOR, now - COUNTED_FOR):
            return handed
        for key in Answer.objects.filter(state=State.RUNNING).values_list("pk", flat=True):
            try:
                while some := deliver_some(key, now=now):
                    handed += some
                _finish(key, now=now)
            except Error:
                raise
            except Exception:
                # One that cannot be handed over must not hold up the others.
                log.exception("answer.failed", answer=key)
        follow_held(now=now)
        call_back_again(now=now)
        self._tell(now=now)
        return handed

    def _tell(self, *, now: datetime) -> None:
        """Tell the screens of answers of which some messages went further."""
        for answer in _moving(now - COUNTED_FOR):
            # The later after its end, the rarer: read ticks come in for days.
            quiet = now - answer.finished_at if answer.finished_at else timedelta()
            looked = self._looked.get(answer.pk)
            if looked and now - looked < min(quiet / 20, timedelta(hours=1)):
                continue
            self._looked[answer.pk] = now
            counts = counts_of(answer)
            if self._told.get(answer.pk) != counts:
                self._told[answer.pk] = counts
                live.announce([(answer.node_id, "answer", answer.public_id)])


# What a recipient's state comes to for those who look, where its message says nothing better.
SHOWN = {
    To.WAITING: "waiting",
    To.HELD: "held",
    To.EXCEPTED: "excepted",
    To.SKIPPED: "skipped",
    To.TAKEN_BACK: "taken_back",
}
UNDER_WAY = {Outgoing.State.HELD, Outgoing.State.SENDING}


def counts_of(answer: Answer) -> dict[str, int]:
    """How many people are where: by what the answer did, and of what was handed over by what became of it."""
    found = (
        answer.recipients.exclude(reason=Reason.SAME_PERSON)
        .order_by()
        .values_list("state", "message__outgoing__state")
        .annotate(number=Count("pk"))
    )
    counts: dict[str, int] = defaultdict(int)
    for state, outgoing, number in found:
        name = SHOWN.get(state) or ("queued" if outgoing in UNDER_WAY else outgoing)
        counts[name] += number
    return dict(counts)


@transaction.atomic
def deliver_some(answer_id: int, *, now: datetime) -> int:
    """Hand an answer over to the next of its people, as far as the queue has room; returns how many.

    Who cannot be written to is passed over, with the reason, and counts too.
    """
    # One batch of an answer at a time; who pauses it or takes it back goes first.
    answer = (
        Answer.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("template", "by")
        .filter(pk=answer_id, state=State.RUNNING)
        .first()
    )
    if answer is None or answer.by is None:
        return 0
    waits = answer.recipients.filter(ON_THE_WAY, state=To.QUEUED).count()
    rows = list(
        answer.recipients.filter(state=To.WAITING)
        .order_by("pk")
        .select_for_update(skip_locked=True)[: max(0, min(BATCH, AHEAD - waits))]
    )
    if not rows:
        return 0
    batch = _Batch(answer, answer.by, rows, now=now)
    batch.send()
    _keep(rows)
    batch.close()
    return len(rows)


class _Batch:
    """One batch: what it reads, it reads once for all of its people."""

    def __init__(
        self, answer: Answer, by: Member, rows: Sequence[AnswerRecipient], *, now: datetime
    ) -> None:
        self.answer, self.by, self.rows, self.now = answer, by, rows, now
        places = Case.objects.filter(pk__in=[row.case_id for row in rows])
        keys = list(places.values_list("pk", "conversation_id", "contact_id"))
        contacts = {contact for _case, _conversation, contact in keys}
        # Who was written to has it, under whatever case; two contacts may have become one person since.
        self.told = set(
            answer.recipients.filter(message__isnull=False, case__contact__in=contacts)
            .values_list("case__contact", flat=True)
        )  # fmt: skip
        self.others: list[AnswerRecipient] = []
        if answer.outcome:
            self.others = list(
                answer.recipients.filter(
                    state=To.SKIPPED, reason=Reason.SAME_PERSON, case__contact__in=contacts
                ).select_related("case")
            )
        more = {row.case_id: row.case.conversation_id for row in self.others}
        # Conversations before cases, as everywhere: two orders would wait for each other.
        self.conversations = inbox.lock_conversations(
            {conversation for _case, conversation, _contact in keys} | set(more.values())
        )
        self.cases = {
            case.pk: case
            for case in Case.objects.filter(pk__in={*(key for key, *_rest in keys), *more})
            .order_by("pk")
            .select_for_update(of=("self",))
        }
        self.names = channels.names_of(contacts)
        accounts = {row.number.account_id for row in self.conversations.values()}
        self.openers = inbox.openers(accounts) if answer.outside == Answer.Outside.NUDGE else {}
        self.asked: set[int] = set()

    def send(self) -> None:
        """Queue what can be sent, and say of each recipient what became of it."""
        letters: list[tuple[AnswerRecipient, Letter]] = []
        for row in self.rows:
            found = self._letter(self.cases[row.case_id], row)
            if isinstance(found, Letter):
                letters.append((row, found))
                self.told.add(self.cases[row.case_id].contact_id)
            else:
                row.state, row.reason = To.SKIPPED, found
        sent = inbox.send_each(
            [letter for _row, letter in letters], by=self.by, now=self.now, lane=LANE
        )
        for (row, letter), result in zip(letters, sent, strict=True):
            if isinstance(result, DomainError):
                row.state = To.SKIPPED
                row.reason = Reason.TEMPLATE if letter.template else Reason.TOO_LONG
                continue
            row.state = To.HELD if letter.waits else To.QUEUED
            row.message, row.at = result, self.now
            row.stage_before = self.cases[row.case_id].stage
            if letter.rows:
                self.asked.add(row.case_id)

    def _letter(self, case: Case, row: AnswerRecipient) -> Letter | AnswerRecipient.Reason:
        """What goes to one person, or why nothing does."""
        conversation = self.conversations.get(case.conversation_id)
        if case.is_closed:
            return Reason.CLOSED
        if conversation is None or conversation.node_id != row.node_id:
            return Reason.MOVED
        if case.contact_id in self.told:
            return Reason.SAME_PERSON
        if case.contact_id not in self.names:
            return Reason.UNREACHABLE
        return self._way(case, conversation) or (
            Reason.WINDOW if self.answer.outside == Answer.Outside.LEAVE else Reason.TEMPLATE
        )

    def _way(self, case: Case, conversation: Conversation) -> Letter | None:
        """What can go to a person who can be reached: words within the window, else what was chosen."""
        if conversation.is_writable(now=self.now):
            return self._words(case, conversation, waits=False)
        match self.answer.outside:
            case Answer.Outside.NUDGE if conversation.number.account_id in self.openers:
                return self._words(case, conversation, waits=True)
            case Answer.Outside.TEMPLATE if _fits(self.answer.template, conversation):
                return Letter(
                    conversation=conversation,
                    matter=case.reference,
                    template=self.answer.template,
                    values=filled_for(self.answer.values, case, conversation, by=self.by),
                )
        return None

    def _words(self, case: Case, conversation: Conversation, *, waits: bool) -> Letter:
        text = self.answer.text
        if self.answer.outcome:
            letter = question_to(conversation, case, text, waits=waits)
        else:
            letter = Letter(
                conversation=conversation, matter=case.reference, text=text, waits=waits
            )
        filled = filled_for({"text": letter.text}, case, conversation, by=self.by)["text"]
        return replace(letter, text=filled)

    def close(self) -> None:
        """Close the cases of those who are told now, and whatever else of theirs belongs to the matter."""
        if not self.answer.outcome:
            return
        told = {row.case_id for row in self.rows if row.state == To.QUEUED}
        persons = {self.cases[key].contact_id for key in told}
        bodies = {row.case_id: row.node_id for row in self.others}
        more = [
            row
            for row in self.others
            if (case := self.cases[row.case_id]).contact_id in persons
            and not case.is_closed
            and case.node_id == bodies[row.case_id]
        ]
        for row in more:
            row.at, row.stage_before = self.now, self.cases[row.case_id].stage
        _keep(more)
        keys = told | {row.case_id for row in more}
        closing = [self.cases[key] for key in sorted(keys)]
        rest_on(self.answer, closing, by=self.by, now=self.now)
        close_each(
            closing,
            outcome=self.answer.outcome,
            by=self.by,
            now=self.now,
            details={key: {"asked": key in self.asked} for key in keys},
        )


def rest_on(answer: Answer, cases: Sequence[Case], *, by: Member, now: datetime) -> None:
    """Write down on what these closings rest: the matter's picture, or why there is none."""
    shown = {
        case.pk: answer.proof
        for case in cases
        if answer.proof and proof.wants_picture(case, answer.outcome)
    }
    basis = proof.Basis(answer.excuse, words=answer.excuse_words)
    proof.keep(cases, basis, shown, outcome=answer.outcome, by=by, now=now)


def _fits(template: Template | None, conversation: Conversation) -> bool:
    return (
        template is not None
        and template.is_usable
        and template.account_id == conversation.number.account_id
    )


def filled_for(
    texts: Mapping[str, str], case: Case, conversation: Conversation, *, by: Member
) -> dict[str, str]:
    """These texts with what is known of one person put in, as in a ready reply."""
    values = {
        "name": conversation.contact.name,
        "reference": grouped(case.reference),
        "body": conversation.node.name_ar,
        "member": by.name_ar,
    }
    # «، سُدّت الحفرة» of a person without a name begins with the words.
    return {
        key: inbox.filled(text, values=values).lstrip("،, ") if "{" in text else text
        for key, text in texts.items()
    }


def _keep(rows: Sequence[AnswerRecipient]) -> None:
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cases_answerrecipient r SET state = n.state, reason = n.reason, "
            "message_id = n.message, at = n.at, stage_before = n.stage "
            "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], "
            "%s::text[]) AS n (id, state, reason, message, at, stage) WHERE r.id = n.id",
            [
                [row.pk for row in rows],
                [str(row.state) for row in rows],
                [str(row.reason) for row in rows],
                [row.message_id for row in rows],
                [row.at for row in rows],
                [row.stage_before for row in rows],
            ],
        )


def _moving(since: datetime) -> QuerySet[Answer]:
    """Answers whose figures still change: under way, or ended after this moment."""
    return Answer.objects.exclude(state=State.DRAFT).filter(
        Q(finished_at=None) | Q(finished_at__gt=since)
    )


def _opened() -> QuerySet[AnswerRecipient]:
    """Whose words waited for their conversation, and wait no more."""
    waited = AnswerRecipient.objects.filter(state=To.HELD)
    return waited.exclude(message__outgoing__state=Outgoing.State.HELD)


def _come_back(since: datetime) -> QuerySet[Answer]:
    """Answers taken back after this moment of which a message is to be tried again."""
    again = AnswerRecipient.objects.filter(
        Q(message__outgoing__state=Outgoing.State.QUEUED), answer=OuterRef("pk"), state=To.QUEUED
    )
    return Answer.objects.filter(Exists(again), state=State.TAKEN_BACK, finished_at__gt=since)


_WAITS = Waits(
    lambda called_back, counted: (
        Answer.objects.filter(state=State.RUNNING), _opened(), _come_back(called_back), _moving(counted),
    ),
    datetime, datetime,
)  # fmt: skip


@transaction.atomic
def follow_held(*, now: datetime) -> int:
    """Close the cases of those who have opened their conversation: only now the answer is on its way."""
    rows = list(
        _opened()
        .select_related("answer__by", "message__outgoing", "case")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:BATCH]
    )
    if not rows:
        return 0
    inbox.lock_conversations({row.case.conversation_id for row in rows})
    cases = {
        case.pk: case
        for case in Case.objects.filter(pk__in=[row.case_id for row in rows])
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    closing: dict[int, list[AnswerRecipient]] = defaultdict(list)
    for row in rows:
        row.state = To.QUEUED
        has_left = row.message is not None and _state_of(row.message) != Outgoing.State.FAILED
        if has_left and row.answer.outcome and not cases[row.case_id].is_closed:
            row.at, row.stage_before = now, cases[row.case_id].stage
            closing[row.answer_id].append(row)
    _keep(rows)
    for some in closing.values():
        answer = some[0].answer
        if answer.by is not None:
            rest_on(answer, [cases[row.case_id] for row in some], by=answer.by, now=now)
            close_each(
                [cases[row.case_id] for row in some],
                outcome=answer.outcome,
                by=answer.by,
                now=now,
                details={row.case_id: {"asked": True} for row in some},
            )
    return len(rows)


def _state_of(message: Message) -> str:
    return message.outgoing.state if message.outgoing else ""


def call_back_again(*, now: datetime) -> None:
    """Take back what was under way while its answer was, and came back to be tried again."""
    for key in _come_back(now - CALLED_BACK_FOR).values_list("pk", flat=True):
        with transaction.atomic():
            answer = (
                Answer.objects.select_for_update(of=("self",), skip_locked=True)
                .select_related("by")
                .filter(pk=key)
                .first()
            )
            if answer is not None and answer.by is not None:
                answering.call_back(answer, by=answer.by, now=now)


@transaction.atomic
def _finish(answer_id: int, *, now: datetime) -> None:
    answer = (
        Answer.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=answer_id, state=State.RUNNING)
        .first()
    )
    if answer is None:
        return
    rows = answer.recipients
    if rows.filter(state=To.WAITING).exists() or rows.filter(ON_THE_WAY, state=To.QUEUED).exists():
        return
    answer.state, answer.finished_at = State.DONE, now
    answer.save(update_fields=["state", "finished_at"])
    answering.note(answer, "answer.finished", by=audit.SYSTEM, now=now)
