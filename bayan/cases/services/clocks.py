"""What runs for a case: the first answer, its end, the promised next news; and the duty officer's phone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases import due, stages
from bayan.cases.models import Case
from bayan.cases.services.parts import StepNotPossible, entry, locked
from bayan.cases.whole.models import Promised
from bayan.core import audit, live
from bayan.core.references import grouped
from bayan.inbox.events import PeopleAnswered, PersonAnswered
from bayan.inbox.models import Conversation
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.events import ClockMissed, ItemEnded, ItemGiven, Subject
from bayan.work.models import Clock, Item
from bayan.work.services import Start, Task

# The subject type of a case's clocks and tasks (config/subscriptions.py), and the clocks by name.
CASE = "case"
ANSWER, CLOSE, UPDATE, PERSON, SECOND = (
    Clock.Name.ANSWER,
    Clock.Name.CLOSE,
    Clock.Name.UPDATE,
    Clock.Name.PERSON,
    Clock.Name.SECOND,
)
# Whoever is on duty has so long to say that they have seen an emergency.
SEEN_WITHIN = timedelta(minutes=10)
# Followers hear of a promise that stayed so long.
STAYS = timedelta(minutes=3)


def start(cases: Sequence[Case], *, now: datetime) -> None:
    """Let the clocks of new cases run, to the first answer and to their end; emergencies ring at once."""
    work.start(one for case in cases for one in (_answer(case), _close(case)))
    page_duty(cases, now=now)


def follow(cases: Collection[Case]) -> None:
    """Let the clocks of open cases follow their labels: `due_at` was set anew."""
    open_ones = [case for case in cases if not case.is_closed]
    if not open_ones:
        return
    work.reset([_close(case) for case in open_ones])
    _forget_second(open_ones)
    # The answer is owed sooner where it became more urgent; once given it is not owed again.
    work.reset([_answer(case) for case in open_ones], only_running=True)


def _forget_second(cases: Collection[Case]) -> None:
    """The end was set anew: a second term runs only once that is missed too."""
    missed = [case for case in cases if case.second_due_at is not None]
    if not missed:
        return
    # No moment of its own: it is as if it had not been.
    work.drop(CASE, [case.reference for case in missed], name=SECOND)
    for case in missed:
        case.second_due_at = None
    Case.objects.bulk_update(missed, ["second_due_at"], batch_size=500)


def follow_missed(missed: ClockMissed) -> None:
    """Let the second term run, where there is one, once the end was missed (config/subscriptions.py)."""
    clock = missed.clock
    if (clock.subject_type, clock.name) != (CASE, CLOSE):
        return
    case = Case.objects.open().filter(reference=clock.subject_key, second_due_at=None).first()
    if case is None:
        return
    labels = {"kind": case.kind, "category": case.category, "priority": case.priority}
    found = due.policy_of(due.SECOND, **labels)
    if found is None:
        return
    case.second_due_at = found.term.ends(case.due_at, of=case.node_id)
    case.save(update_fields=["second_due_at"])
    work.start(
        [
            Start(
                subject_type=CASE, subject_key=case.reference, name=SECOND, since=case.due_at,
                due_at=case.second_due_at, around_the_clock=found.term.around_the_clock,
                of=case.node_id, ladder="second",
            )
        ]
    )  # fmt: skip


def _close(case: Case) -> Start:
    term = due.term_of("due", kind=case.kind, category=case.category, priority=case.priority)
    return Start(
        subject_type=CASE,
        subject_key=case.reference,
        name=CLOSE,
        since=_since(case),
        due_at=case.due_at,
        around_the_clock=term.around_the_clock,
        of=case.node_id,
    )


def _answer(case: Case) -> Start:
    term = due.term_of("answer", kind=case.kind, category=case.category, priority=case.priority)
    return Start(
        subject_type=CASE,
        subject_key=case.reference,
        name=ANSWER,
        since=case.opened_at,
        due_at=term.ends(case.opened_at, of=case.node_id),
        around_the_clock=term.around_the_clock,
        of=case.node_id,
    )


def _since(case: Case) -> datetime:
    return max(filter(None, [case.opened_at, case.reopened_at]))


def end(cases: Collection[Case], *, now: datetime) -> None:
    """End all clocks of cases that are closed."""
    work.end(CASE, [case.reference for case in cases], now=now)


def pause(cases: Collection[Case], *, now: datetime) -> None:
    """While a case waits for its person, its end is not owed; whoever has it hears of a long silence."""
    for name in (CLOSE, SECOND):
        work.pause(CASE, [case.reference for case in cases], name=name, now=now)
    work.reset([_person(case, now=now) for case in cases])


def _person(case: Case, *, now: datetime) -> Start:
    term = due.term_of("person", kind=case.kind, category=case.category, priority=case.priority)
    return Start(
        subject_type=CASE,
        subject_key=case.reference,
        name=PERSON,
        since=now,
        due_at=term.ends(now, of=case.node_id),
        around_the_clock=term.around_the_clock,
        of=case.node_id,
        ladder="person",
    )


def resume(cases: Sequence[Case], *, now: datetime) -> None:
    """Let the clocks of these cases run on; `due_at` is set to what they had left, and saved."""
    work.end(CASE, [case.reference for case in cases], name=PERSON, now=now)
    moved = work.resume(CASE, [case.reference for case in cases], now=now)
    changed = [case for case in cases if (case.reference, CLOSE) in moved]
    for case in changed:
        case.due_at = moved[case.reference, CLOSE]
        case.second_due_at = moved.get((case.reference, SECOND), case.second_due_at)
    Case.objects.bulk_update(changed, ["due_at", "second_due_at"])


def hear_answer(answer: PersonAnswered) -> None:
    """A member has answered: neither the first answer nor promised news is owed (config/subscriptions.py)."""
    if answer.matter:
        _answered([answer.matter], at=answer.at)


def hear_answers(answer: PeopleAnswered) -> None:
    """As `hear_answer`, for many at once (config/subscriptions.py)."""
    _answered(answer.matters, at=answer.at)


def _answered(matters: Collection[str], *, at: datetime) -> None:
    for name in (ANSWER, UPDATE):
        work.end(CASE, matters, name=name, now=at)


@transaction.atomic
def promise(case_id: UUID, *, until: datetime, by: Member, now: datetime) -> Case:
    """Promise the person news by a time; the promise is a clock of its own.

    :raises StepNotPossible: the case is closed, or the time has passed
    """
    case = locked(case_id)
    if case.is_closed or until <= now:
        raise StepNotPossible(_("News is promised for an open case, and for a time to come."))
    work.reset(
        [
            Start(
                subject_type=CASE, subject_key=case.reference, name=UPDATE, since=now, due_at=until,
                of=case.node_id,
            )
        ]
    )  # fmt: skip
    # Those who follow it hear of it, once it stays so (`promising`).
    Promised.objects.update_or_create(case=case, defaults={"due_at": now + STAYS})
    audit.record(entry("case.news_promised", case, by=by, now=now, until=until.isoformat()))
    live.announce([(case.node_id, CASE, case.public_id)])
    return case


# Emergencies


def page_duty(cases: Sequence[Case], *, now: datetime) -> list[Item]:
    """Give whoever is on duty each new emergency to acknowledge; their phone rings, and then others' do.

    A case that waits to be acknowledged already is left alone.
    """
    urgent = [case for case in cases if case.priority == Case.Priority.EMERGENCY]
    if not urgent:
        return []
    paged = set(
        Item.objects.open()
        .filter(
            subject_type=CASE,
            subject_key__in=[case.reference for case in urgent],
            kind=Item.Kind.ACKNOWLEDGE,
            is_emergency=True,
        )
        .values_list("subject_key", flat=True)
    )
    nodes = organisation.nodes()
    by_key = {node.key: node for node in nodes.values()}
    wanted = [case for case in urgent if case.reference not in paged]
    conversations = dict(
        Conversation.objects.filter(pk__in=[case.conversation_id for case in wanted]).values_list(
            "pk", "public_id"
        )
    )
    with override("ar"):
        tasks = [
            Task(
                kind=Item.Kind.ACKNOWLEDGE,
                title=title_of(case),
                text="\n".join(
                    [
                        *([case.place] if case.place else []),
                        f"{settings.PUBLIC_URL}{_path(conversations[case.conversation_id])}",
                    ]
                ),
                node=by_key.get(case.points_to, nodes[case.node_id]),
                given_from=nodes[case.node_id],
                due_at=now + SEEN_WITHIN,
                subject=(CASE, case.reference),
                is_emergency=True,
            )
            for case in wanted
        ]
    return work.give_each(tasks, by=None, now=now) if tasks else []


# What is told of a case


def title_of(case: Case) -> str:
    """A case as a message may name it: its number and category, nothing that the person wrote."""
    number = _("Case %(number)s") % {"number": grouped(case.reference)}
    if not case.category or case.category == Case.Category.OTHER:
        return number
    return f"{number} · {case.get_category_display()}"


def describe_cases(keys: Collection[str]) -> dict[str, Subject]:
    """The open cases among these, as whoever must act is told of them."""
    return {
        case.reference: Subject(
            title=title_of(case),
            node_id=case.node_id,
            owner_id=case.owner_id,
            path=_path(case.conversation.public_id),
            live_key=str(case.public_id),
            is_emergency=case.priority == Case.Priority.EMERGENCY,
        )
        for case in Case.objects.open().filter(reference__in=keys).select_related("conversation")
    }


def _path(conversation_id: object) -> str:
    return f"{reverse('inbox:conversation', args=[conversation_id])}?view=all"


# Tasks of a case


def follow_given(given: ItemGiven) -> None:
    """A case whose task another body or a contractor has waits for them (config/subscriptions.py).

    Whoever only says that they have seen it holds nothing up.
    """
    item = given.item
    if item.kind == Item.Kind.ACKNOWLEDGE:
        return
    if item.subject_type == CASE and (item.is_outside or item.node_id != item.given_from_id):
        _step(item.subject_key, "ask_body", now=given.at)


def follow_ended(ended: ItemEnded) -> None:
    """A case goes on once nothing is out any more for which it waited (config/subscriptions.py)."""
    item = ended.item
    if item.subject_type != CASE:
        return
    is_waiting = (
        Item.objects.open()
        .filter(subject_type=CASE, subject_key=item.subject_key)
        .exclude(kind=Item.Kind.ACKNOWLEDGE)
        .exists()
    )
    if not is_waiting and item.kind != Item.Kind.ACKNOWLEDGE:
        case = Case.objects.filter(
            reference=item.subject_key, stage=Case.Stage.WAITS_FOR_BODY
        ).first()
        if case is not None:
            _step(case.reference, "resume", now=ended.at)
    case = Case.objects.filter(reference=item.subject_key).first()
    if case is not None:
        live.announce([(case.node_id, CASE, case.public_id)])


def _step(reference: str, step: str, *, now: datetime) -> None:
    case = Case.objects.filter(reference=reference).select_for_update(of=("self",)).first()
    target = stages.after(case.stage, step) if case else None
    if case is None or target is None or case.stage == Case.Stage.WAITS_FOR_PERSON:
        return
    case.stage = target
    case.save(update_fields=["stage"])
    audit.record(entry("case.stage_changed", case, by=audit.SYSTEM, now=now, stage=str(target)))
    live.announce([(case.node_id, CASE, case.public_id)])
