"""One answer to everybody who reported a matter: written, started, paused, taken back.

`delivering` hands it over, batch by batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bayan.cases.models import Answer, AnswerRecipient, Case, CaseQuerySet, Closing
from bayan.cases.services import proof
from bayan.cases.services.closing import unclose_each
from bayan.cases.services.matters import NothingToGather, gather
from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Template
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.people.permissions import Access

LONGEST = 3_000
# More people than this, and whoever sends it says that they have read it as one of them.
LOOK_TWICE: int = settings.ANSWER_READ_TWICE
State, To = Answer.State, AnswerRecipient.State

# Everybody of the matter, the case that came first for each person; what is another body's is its own.
GATHER = """
    INSERT INTO cases_answerrecipient (answer_id, node_id, case_id, state, reason, stage_before)
    SELECT %(answer)s, c.node_id, c.id,
           CASE WHEN c.place_of_person > 1 THEN 'skipped' WHEN c.has_stopped THEN 'excepted'
                ELSE 'waiting' END,
           CASE WHEN c.place_of_person = 1 THEN '' ELSE 'same_person' END, ''
    FROM (
        SELECT c.*, row_number() OVER (PARTITION BY contact_id ORDER BY opened_at, id)
            AS place_of_person, f.stopped_at IS NOT NULL AS has_stopped
        FROM cases_case c
        LEFT JOIN cases_follower f ON f.own_id = c.id
        WHERE (c.id = %(matter)s OR c.parent_id = %(matter)s) AND c.closed_at IS NULL
        AND c.node_id = ANY (%(nodes)s)
    ) c
    ORDER BY c.opened_at, c.id
    ON CONFLICT DO NOTHING
"""


class AnswerOver(DomainError):
    pass


class NobodyToAnswer(DomainError):
    pass


class WordsMissing(DomainError):
    pass


class NotReadTwice(DomainError):
    pass


class TemplateMissing(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Words:
    """What an answer says, and to whom by which way."""

    text: str
    outcome: str = ""
    outside: str = Answer.Outside.LEAVE
    template: Template | None = None
    values: Mapping[str, str]
    # Closing.Excuse, where what is put right is shown by no picture; and its words.
    excuse: str = ""
    excuse_words: str = ""
    # Cases whose persons stood before the writer, and those of them that are left out.
    listed: frozenset[UUID] = frozenset()
    left_out: frozenset[UUID] = frozenset()


@transaction.atomic
def draft_answer(case: Case, *, by: Member, now: datetime) -> Answer:
    """A draft for everybody with an open case of this one's matter, in the bodies for which `by` answers.

    Nothing is sent. A draft of theirs that is there already is taken up again, with who came since.

    :raises NobodyToAnswer: no case of the matter is open
    """
    root = case.parent_id or case.pk
    _follow_matter(root)
    answer = (
        Answer.objects.filter(matter=root, by=by, state=State.DRAFT).select_for_update().first()
    )
    if answer is None:
        answer = Answer.objects.create(matter_id=root, node_id=case.node_id, by=by, created_at=now)
    _gather(answer, by=by, now=now)
    if not answer.recipients.exists():
        raise NobodyToAnswer(_("No case of this matter is open any more."))
    return answer


@transaction.atomic
def answer_together(rows: CaseQuerySet, *, by: Member, now: datetime) -> tuple[Answer, inbox.Done]:
    """Let these open cases of one body be one matter, as far as they are not, and begin an answer to it.

    :raises NobodyToAnswer: there are no two of them
    """
    # Of the body that has most of them, as `gather` chooses it.
    bodies = Counter(rows.open().values_list("node", flat=True))
    if not bodies or bodies.most_common(1)[0][1] < 2:
        raise NobodyToAnswer(_("Choose two open cases or more that one answer fits."))
    first = rows.open().filter(node=bodies.most_common(1)[0][0]).earliest("opened_at", "pk")
    try:
        done = gather(rows.all(), by=by, now=now)
    except NothingToGather:
        done = inbox.Done(0)
    first.refresh_from_db(fields=["parent"])
    return draft_answer(first, by=by, now=now), done


def _follow_matter(root: int) -> None:
    """What began for a matter that has become part of this one belongs to this one."""
    Answer.objects.filter(matter__parent=root).update(matter_id=root)


def _drop_strangers(answer: Answer) -> None:
    """Leave out of a draft what is another matter by now."""
    with as_worker():
        matter = Case.objects.get(pk=answer.matter_id)
        root = matter.parent_id or matter.pk
        answer.recipients.exclude(Q(case=root) | Q(case__parent=root)).delete()


def _gather(answer: Answer, *, by: Member, now: datetime) -> None:
    nodes = Access.of(by, now=now).nodes_where("conversations.reply").values_list("pk", flat=True)
    with connection.cursor() as cursor:
        # One person gets one message; where a draft is filled up, a case of theirs that it had comes first.
        cursor.execute(
            GATHER, {"answer": answer.pk, "matter": answer.matter_id, "nodes": list(nodes)}
        )


@transaction.atomic
def write_answer(answer_id: UUID, words: Words, *, by: Member, now: datetime) -> Answer:
    """Keep what a draft says, and who is left out of it.

    :raises AnswerOver: it was started
    """
    answer = _draft(answer_id)
    answer.text = words.text.strip()[:LONGEST]
    answer.outcome = words.outcome if words.outcome in Case.Outcome.values else ""
    answer.outside, answer.template = words.outside, words.template
    answer.values, answer.by = dict(words.values), by
    answer.excuse = words.excuse if words.excuse in Closing.Excuse.values else ""
    answer.excuse_words = " ".join(words.excuse_words.split())[:300] if answer.excuse else ""
    answer.save(
        update_fields=[
            "text", "outcome", "outside", "template", "values", "by", "excuse", "excuse_words",
        ]
    )  # fmt: skip
    _leave_out(answer, words)
    return answer


def _leave_out(answer: Answer, words: Words) -> None:
    """Leave out those who were ticked, and let those have it who are ticked no more."""
    for cases, before, after in (
        (words.listed & words.left_out, To.WAITING, To.EXCEPTED),
        (words.listed - words.left_out, To.EXCEPTED, To.WAITING),
    ):
        if cases:
            rows = answer.recipients.filter(case__public_id__in=cases, state=before)
            rows.update(state=after)


@transaction.atomic
def discard_answer(answer_id: UUID) -> None:
    """Throw a draft away.

    :raises AnswerOver: it was started
    """
    _draft(answer_id).delete()


@transaction.atomic
def start_answer(answer_id: UUID, *, by: Member, now: datetime, read_twice: bool = False) -> Answer:
    """Let a draft go to everybody, from the next second on. Repeated, it does nothing.

    :raises AnswerOver: it is over
    :raises WordsMissing: it says nothing
    :raises TemplateMissing: it names no approved template for those outside the window
    :raises NobodyToAnswer: everybody was left out
    :raises NotReadTwice: it goes to so many that it must be read once more
    :raises ProofMissing, PlaceMissing, ExcuseMissing: it closes what is put right, and nothing shows it
    """
    answer = _locked(answer_id)
    if answer.state != State.DRAFT:
        _refuse_when_over(answer)
        return answer
    if not answer.text:
        raise WordsMissing(_("Write the answer first."))
    if unknown := inbox.unknown_places(answer.text):
        raise WordsMissing(
            _("Nothing is known that could stand for {%(name)s}.") % {"name": unknown[0]}
        )
    _drop_strangers(answer)
    if answer.outside == Answer.Outside.TEMPLATE and (
        answer.template is None or not answer.template.is_usable
    ):
        raise TemplateMissing(
            _("Choose an approved template for those who wrote more than 24 hours ago.")
        )
    if answer.template is not None and not all(
        answer.values.get(each.key)
        for each in channels.templates.parameters(answer.template)
        if each.is_required
    ):
        raise TemplateMissing(_("Fill in what the template asks for."))
    count = answer.recipients.filter(state=To.WAITING).count()
    if not count:
        raise NobodyToAnswer(_("Everybody was left out. Put somebody back first."))
    if count > LOOK_TWICE and not read_twice:
        raise NotReadTwice(_("So many people read this. Say that you have read it as one of them."))
    concerned = Case.objects.filter(
        Q(pk=answer.matter_id) | Q(answered_by__in=answer.recipients.filter(state=To.WAITING))
    )
    answer.proof = proof.check_together(
        list(concerned.distinct()),
        answer.outcome,
        proof.Basis(answer.excuse, words=answer.excuse_words),
    )
    answer.by, answer.started_at = by, now
    answer.save(update_fields=["proof"])
    _move(answer, State.RUNNING, "answer.started", by=by, now=now, people=count)
    return answer


@transaction.atomic
def pause_answer(answer_id: UUID, *, by: Member, now: datetime) -> Answer:
    """Hold back what has not left yet. Repeated, it does nothing.

    :raises AnswerOver: it is over
    """
    answer = _locked(answer_id)
    if answer.state != State.RUNNING:
        _refuse_when_over(answer)
        return answer
    with as_worker():
        channels.put_off_each(_pending(answer, Outgoing.State.QUEUED))
    _move(answer, State.PAUSED, "answer.paused", by=by, now=now)
    return answer


@transaction.atomic
def resume_answer(answer_id: UUID, *, by: Member, now: datetime) -> Answer:
    """Let a paused one go on. Repeated, it does nothing.

    :raises AnswerOver: it is over
    """
    answer = _locked(answer_id)
    if answer.state != State.PAUSED:
        _refuse_when_over(answer)
        return answer
    with as_worker():
        channels.let_go_each(_pending(answer, Outgoing.State.QUEUED), now=now)
    _move(answer, State.RUNNING, "answer.resumed", by=by, now=now)
    return answer


@transaction.atomic
def take_back_answer(answer_id: UUID, *, by: Member, now: datetime) -> Answer:
    """Take back all that no dispatcher has claimed, for good; cases that were closed with it are open again.

    What has left stays with its people. Repeated, it does nothing.

    :raises AnswerOver: it was never started, or all of it has left
    """
    answer = _locked(answer_id)
    if answer.state == State.TAKEN_BACK:
        return answer
    if answer.state == State.DRAFT:
        raise AnswerOver(_("This answer was not sent yet."))
    waiting = answer.recipients.filter(state=To.WAITING).update(state=To.TAKEN_BACK)
    with as_worker():
        called = call_back(answer, by=by, now=now)
    if answer.state == State.DONE and not waiting + called:
        raise AnswerOver(_("All of it has left; nothing can be taken back any more."))
    answer.finished_at = now
    _move(answer, State.TAKEN_BACK, "answer.taken_back", by=by, now=now, people=waiting + called)
    return answer


@transaction.atomic
def answer_also(answer_id: UUID, case_id: UUID, *, by: Member, now: datetime) -> Answer:
    """Send an answer that others of the matter got to one more: who came later, or was left out.

    :raises AnswerOver: it is a draft, was taken back, or this case has it
    """
    answer = _locked(answer_id)
    case = Case.objects.get(public_id=case_id)
    row = answer.recipients.filter(case=case).select_for_update().first()
    again = row is None or row.state in {To.EXCEPTED, To.SKIPPED}
    if answer.state in {State.DRAFT, State.TAKEN_BACK} or not again or case.is_closed:
        raise AnswerOver(_("This answer cannot go to this case any more."))
    # What was skipped because they got it elsewhere would be skipped again.
    if row is None:
        row = AnswerRecipient(answer=answer, case=case)
    row.node_id, row.state, row.reason = case.node_id, To.WAITING, ""
    row.save()
    if answer.state == State.DONE:
        answer.finished_at = None
        _move(answer, State.RUNNING, "answer.resumed", by=by, now=now, people=1)
    return answer


def call_back(answer: Answer, *, by: Member, now: datetime) -> int:
    """Take back what of an answer still waits in the queue; with the worker's eyes, and the answer locked."""
    rows = list(
        answer.recipients.filter(
            Q(state=To.QUEUED) | Q(state=To.HELD),
            Q(message__outgoing__state=Outgoing.State.QUEUED)
            | Q(message__outgoing__state=Outgoing.State.HELD),
        )
        .select_related("message")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    if not rows:
        return 0
    messages = [row.message for row in rows if row.message is not None]
    # Conversations before cases, as everywhere: two orders would wait for each other.
    inbox.lock_conversations({message.conversation_id for message in messages})
    gone = inbox.take_back_each(messages, now=now)
    taken = [row for row in rows if row.message_id in gone]
    AnswerRecipient.objects.filter(pk__in=[row.pk for row in taken]).update(state=To.TAKEN_BACK)
    _put_back(answer, taken, by=by, now=now)
    return len(taken)


def _put_back(
    answer: Answer, taken: Collection[AnswerRecipient], *, by: Member, now: datetime
) -> None:
    """Let the cases of what was taken back be what they were, as far as nobody changed them since."""
    batches: dict[datetime, dict[int, str]] = defaultdict(dict)
    for row in [*taken, *_others_of(answer, taken)]:
        if row.at is not None and row.stage_before:
            batches[row.at][row.case_id] = row.stage_before
    for at, stages in batches.items():
        cases = list(
            Case.objects.filter(pk__in=stages).order_by("pk").select_for_update(of=("self",))
        )
        closed = [case for case in cases if case.closed_at == at]
        began = [
            case
            for case in cases
            if not case.is_closed
            and case.stage == Case.Stage.IN_PROGRESS
            and stages[case.pk] == Case.Stage.NEW
        ]
        unclose_each(closed + began, stages, ended_at=at, by=by, now=now)


def _others_of(answer: Answer, taken: Collection[AnswerRecipient]) -> list[AnswerRecipient]:
    """The other cases of these persons, which were closed with theirs."""
    contacts = Case.objects.filter(pk__in=[row.case_id for row in taken]).values("contact")
    return list(
        answer.recipients.filter(
            state=To.SKIPPED, reason=AnswerRecipient.Reason.SAME_PERSON, case__contact__in=contacts
        ).exclude(stage_before="")
    )


def _pending(answer: Answer, state: str) -> list[int]:
    rows = Message.objects.filter(
        pk__in=answer.recipients.filter(state=To.QUEUED).values("message"), outgoing__state=state
    )
    return list(rows.values_list("outgoing_id", flat=True))


def _draft(answer_id: UUID) -> Answer:
    answer = _locked(answer_id)
    if answer.state != State.DRAFT:
        raise AnswerOver(_("This answer is on its way already; it cannot be changed any more."))
    return answer


def _locked(answer_id: UUID) -> Answer:
    return (
        Answer.objects.select_for_update(of=("self",))
        .select_related("template", "node")
        .get(public_id=answer_id)
    )


def _refuse_when_over(answer: Answer) -> None:
    if answer.is_over:
        raise AnswerOver(_("This answer is over; nothing of it waits any more."))


def _move(
    answer: Answer,
    state: Answer.State,
    action: str,
    *,
    by: audit.Actor,
    now: datetime,
    **details: int,
) -> None:
    answer.state = state
    answer.save(update_fields=["state", "by", "started_at", "finished_at"])
    note(answer, action, by=by, now=now, **details)


def note(answer: Answer, action: str, *, by: audit.Actor, now: datetime, **details: int) -> None:
    """One line in the trail, and a word to the screens."""
    audit.record(
        audit.Entry(
            action=action,
            subject_type="answer",
            subject_key=str(answer.public_id),
            by=by,
            at=now,
            node_id=answer.node_id,
            details=details,
        )
    )
    live.announce([(answer.node_id, "answer", answer.public_id)])
