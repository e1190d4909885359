"""Reading answers to everybody: who would get one and how, how far it is, who got it and who did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bayan.cases import services
from bayan.cases.models import Answer, AnswerRecipient, Case
from bayan.channels import selectors as channels
from bayan.channels import services as channel_services
from bayan.channels.models import Number, Outgoing, Template
from bayan.channels.selectors import Room
from bayan.core.paging import Cursor, page_of
from bayan.core.references import digits_in
from bayan.core.rls import as_worker
from bayan.core.templatetags.bayan import failure
from bayan.inbox import services as inbox
from bayan.inbox.models import WINDOW
from bayan.people.models import Identity, OptOut
from bayan.people.permissions import Access

ANSWERS_SHOWN, PEOPLE_SHOWN = 20, 30
State, To, Reason = Answer.State, AnswerRecipient.State, AnswerRecipient.Reason
IN_FLIGHT = Q(state=To.QUEUED) & (
    Q(message__outgoing__state="queued")
    | Q(message__outgoing__state="held")
    | Q(message__outgoing__state="sending")
)
# What the list of one that was started can be narrowed to.
AFTER = (
    "failed", "uncertain", "skipped", "excepted", "taken_back", "waiting", "queued", "held",
    "sent", "delivered", "read",
)  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """What would become of a draft if it were started now; numbers of people."""

    inside: int
    outside: int
    # Of those outside, to whom the template or the question to open the conversation can go.
    reached_outside: int
    unreachable: int
    excepted: int
    same_person: int
    # Want no messages to many; this one answers what they wrote themselves.
    unwilling: int
    # Outside the window, so against the limit of each portfolio.
    room: Room | None
    seconds: float
    # As one person will read it: within the window, and outside.
    words: str
    name: str
    template: Mapping[str, Any] | None
    cost: Template | None

    @property
    def total(self) -> int:
        return self.inside + self.reached_outside

    @property
    def left_out(self) -> int:
        """Outside the window, and nothing goes to them."""
        return self.outside - self.reached_outside

    @property
    def over_limit(self) -> int:
        if self.room is None or self.room.left is None:
            return 0
        return max(0, self.reached_outside - self.room.left)


def _known(answer: Answer, *, now: datetime) -> QuerySet[Any]:
    """The recipients with what decides how they can be reached; to be read as the worker."""
    contact = OuterRef("case__contact")
    return (
        answer.recipients.exclude(reason=Reason.SAME_PERSON)
        .alias(
            can_be_reached=Exists(Identity.objects.filter(contact=contact)),
            wants_none=Exists(OptOut.objects.filter(contact=contact, ended_at=None)),
        )
        .annotate(
            is_inside=Q(case__conversation__last_inbound_at__gt=now - WINDOW),
            is_unreachable=~Q(can_be_reached=True),
            is_unwilling=Q(wants_none=True),
        )
    )


def preview(answer: Answer, *, now: datetime) -> Preview:
    """What would become of a draft now. Its reader was let in at its door."""
    with as_worker():
        rows = _known(answer, now=now)
        numbers = rows.aggregate(
            inside=Count("pk", filter=Q(state=To.WAITING, is_inside=True, is_unreachable=False)),
            unreachable=Count("pk", filter=Q(state=To.WAITING, is_unreachable=True)),
            unwilling=Count("pk", filter=Q(state=To.WAITING, is_unwilling=True)),
            excepted=Count("pk", filter=Q(state=To.EXCEPTED)),
        )
        outside = Counter(
            dict(
                rows.filter(state=To.WAITING, is_unreachable=False)
                .exclude(is_inside=True)
                .order_by()
                .values_list("case__conversation__number__account")
                .annotate(Count("pk"))
            )
        )
        same_person = answer.recipients.filter(reason=Reason.SAME_PERSON).count()
        first = _first(rows)
        cost = _cost(answer, outside)
        reached = sum(
            count
            for account, count in outside.items()
            if cost and (answer.outside == Answer.Outside.NUDGE or account == cost.account_id)
        )
        number = first.case.conversation.number if first else None
        room = channels.room_of(cost.account.portfolio, crisis=False) if cost and reached else None
        words, seen = _as_read(answer, first, cost)
        return Preview(
            **numbers,
            outside=sum(outside.values()),
            reached_outside=reached,
            same_person=same_person,
            room=room,
            seconds=(numbers["inside"] + reached) / (number.throughput if number else 80),
            words=words,
            name=first.case.contact.name if first else "",
            template=seen,
            cost=cost,
        )


def _first(rows: QuerySet[Any]) -> AnswerRecipient | None:
    """Whose phone the preview shows: the first one who wrote within the window, else the first one."""
    return (
        rows.filter(state=To.WAITING)
        .select_related("case__contact", "case__conversation__node")
        .select_related("case__conversation__number__account", "case__conversation__contact")
        .order_by("-is_inside", "pk")
        .first()
    )


def _cost(answer: Answer, outside: Mapping[int, int]) -> Template | None:
    """The template that those outside the window cost, each once; None: nothing goes to them."""
    if answer.outside == Answer.Outside.TEMPLATE:
        return answer.template
    if answer.outside == Answer.Outside.NUDGE:
        return next(iter(inbox.openers(list(outside)).values()), None)
    return None


def _as_read(
    answer: Answer, row: AnswerRecipient | None, cost: Template | None
) -> tuple[str, Mapping[str, Any] | None]:
    if row is None or answer.by is None:
        return "", None
    conversation = row.case.conversation
    conversation.matter = row.case.reference
    text = answer.text
    if answer.outcome:
        text = services.Question.of(text, conversation.contact.language).text
    filled = services.filled_for(
        {"text": text, **answer.values}, row.case, conversation, by=answer.by
    )
    words = f"*{inbox.heading(conversation)}*\n{filled.pop('text')}"
    if cost is None:
        return words, None
    values = filled
    if answer.outside == Answer.Outside.NUDGE:
        values = inbox.reopening_values(conversation, cost)
    return words, channel_services.templates.shown(cost, values)


def templates_for(answer: Answer) -> list[Template]:
    """The approved templates of the service category that can go to the people of this answer."""
    with as_worker():
        accounts = set(
            Number.objects.filter(
                pk__in=answer.recipients.values("case__conversation__number")
            ).values_list("account", flat=True)
        )
    rows = Template.objects.filter(
        account__in=accounts,
        status=Template.Status.APPROVED,
        category=Template.Category.UTILITY,
        purpose="",
        forget_at=None,
    )
    return [row for row in rows.order_by("name", "language") if is_of_words(row)]


def open_parameters(template: Template) -> list[Any]:
    """What must be said for each message with this template."""
    return [each for each in channel_services.templates.parameters(template) if each.is_required]


def is_of_words(template: Template) -> bool:
    """False for one that wants a file, a place or a code."""
    return all(each.kind == "text" for each in open_parameters(template))


def fields_of(template: Template, values: Mapping[str, str]) -> list[tuple[Any, str]]:
    """What a template asks for, each with its value; a number is each person's own."""
    return [
        (each, values.get(each.key, "{رقم البلاغ}" if _is_number(each.example) else ""))
        for each in open_parameters(template)
    ]


def _is_number(example: str) -> bool:
    return example.replace(" ", "").isdigit()


@dataclass(frozen=True)
class Person:
    """One recipient as the list shows them."""

    row: AnswerRecipient
    # A key of AFTER, or where they stand before the start.
    state: str
    why: str

    @property
    def at(self) -> datetime | None:
        """Since when their message is where it is."""
        sent = self.row.message.outgoing if self.row.message else None
        moments = (sent.read_at, sent.delivered_at, sent.sent_at, sent.failed_at) if sent else ()
        return next(filter(None, moments), self.row.at)


def people(
    answer: Answer, *, state: str, words: str, after: int, now: datetime
) -> tuple[list[Person], int]:
    """The recipients of one state with these words or number; and after which more come (0: none)."""
    rows = _known(answer, now=now).filter(pk__gt=after)
    if words:
        digits = digits_in(words)
        named = Q(case__contact__name__icontains=words)
        rows = rows.filter(named | Q(case__reference__startswith=digits) if digits else named)
    rows = _narrowed(rows, state, is_draft=answer.is_draft)
    with as_worker():
        found = list(
            rows.select_related("case__contact", "case__conversation", "message__outgoing")
            .order_by("pk")[: PEOPLE_SHOWN + 1]
        )  # fmt: skip
    more = found[PEOPLE_SHOWN - 1].pk if len(found) > PEOPLE_SHOWN else 0
    return [_person(row, is_draft=answer.is_draft) for row in found[:PEOPLE_SHOWN]], more


def _narrowed(rows: QuerySet[Any], state: str, *, is_draft: bool) -> QuerySet[Any]:
    if is_draft:
        return {
            "inside": lambda: rows.filter(is_inside=True, is_unreachable=False),
            "outside": lambda: rows.exclude(is_inside=True).filter(is_unreachable=False),
            "unwilling": lambda: rows.filter(is_unwilling=True),
            "unreachable": lambda: rows.filter(is_unreachable=True),
            "excepted": lambda: rows.filter(state=To.EXCEPTED),
        }.get(state, lambda: rows)()
    if state == "queued":
        return rows.filter(IN_FLIGHT)
    if state in {"waiting", "held", "excepted", "skipped", "taken_back"}:
        return rows.filter(state=state)
    if state in AFTER:
        return rows.filter(state=To.QUEUED, message__outgoing__state=state)
    return rows


def _person(row: AnswerRecipient, *, is_draft: bool) -> Person:
    if row.state != To.QUEUED:
        return Person(row, row.state, row.get_reason_display() if row.reason else "")
    sent = row.message.outgoing if row.message else None
    if sent is None or sent.state in {Outgoing.State.HELD, Outgoing.State.SENDING}:
        return Person(row, "queued", "")
    is_failed = sent.state == Outgoing.State.FAILED
    return Person(row, sent.state, str(failure(sent.error)) if is_failed else "")


@dataclass(frozen=True)
class Progress:
    """How far an answer is: people by where their message is."""

    counts: Mapping[str, int]

    def __getattr__(self, name: str) -> int:
        if name in AFTER:
            return self.counts.get(name, 0)
        raise AttributeError(name)

    @property
    def gone(self) -> int:
        """Those whose message has left, whatever became of it."""
        return sum(self.counts.get(name, 0) for name in GONE)

    @property
    def total(self) -> int:
        """Everybody it was meant for when it was started."""
        return sum(self.counts.values()) - self.counts.get("excepted", 0)

    @property
    def left(self) -> int:
        return self.counts.get("waiting", 0) + self.counts.get("queued", 0)


GONE = ("sent", "delivered", "read", "failed", "uncertain")


def progress_of(answer: Answer) -> Progress:
    with as_worker():
        return Progress(services.counts_of(answer))


def failures_of(answer: Answer) -> list[tuple[str, int]]:
    """Why some did not get it, the most frequent first."""
    with as_worker():
        failed = Counter(
            str(failure(error))
            for error in answer.recipients.filter(
                state=To.QUEUED, message__outgoing__state=Outgoing.State.FAILED
            ).values_list("message__outgoing__error", flat=True)
        )
        skipped = (
            answer.recipients.filter(state=To.SKIPPED)
            .exclude(reason=Reason.SAME_PERSON)
            .order_by()
            .values_list("reason")
            .annotate(Count("pk"))
        )
        failed.update({str(Reason(reason).label).capitalize(): n for reason, n in skipped})
    return failed.most_common(12)


def throughput_of(answer: Answer) -> int:
    """How many messages a second the number of its people may send."""
    with as_worker():
        found = Number.objects.filter(
            pk=answer.recipients.values("case__conversation__number")[:1]
        ).first()
    return found.throughput if found else 80


@dataclass(frozen=True)
class Listed:
    """An answer as the list shows it."""

    answer: Answer
    subject: str
    people: int
    handed: int


def page_of_answers(
    access: Access, words: str, *, after: Cursor | None = None
) -> tuple[list[Listed], Cursor | None]:
    """The answers of the bodies in which the reader may give some, the latest first; with these words."""
    rows = Answer.objects.filter(node__in=access.nodes_where("conversations.reply")).select_related(
        "node", "by"
    )
    for word in words.split():
        digits = digits_in(word)
        found = Q(text__icontains=word) | Q(matter__subject__icontains=word)
        rows = rows.filter(found | Q(matter__reference__startswith=digits) if digits else found)
    page = page_of(rows, newest="created_at", after=after, limit=ANSWERS_SHOWN)
    matters = Case.objects.in_bulk([row.matter_id for row in page.rows])
    counts: dict[int, Counter[str]] = {row.pk: Counter() for row in page.rows}
    for key, state, number in (
        AnswerRecipient.objects.filter(answer__in=counts)
        .exclude(reason=Reason.SAME_PERSON)
        .order_by()
        .values_list("answer", "state")
        .annotate(Count("pk"))
    ):
        counts[key][state] += number
    listed = [
        Listed(
            row,
            matters[row.matter_id].subject if row.matter_id in matters else "",
            counts[row.pk].total() - counts[row.pk][To.EXCEPTED],
            counts[row.pk][To.QUEUED],
        )
        for row in page.rows
    ]
    return listed, page.next_cursor


def written(answer: Answer, nodes: list[int], *, after: int) -> list[tuple[int, list[str]]]:
    """The next five hundred recipients after a key, as lines of a table; only of these bodies."""

    def moment(value: datetime | None) -> str:
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S") if value else ""

    rows = (
        answer.recipients.filter(pk__gt=after, node__in=nodes)
        .select_related("case__contact", "message__outgoing")
        .order_by("pk")[:500]
    )
    lines = []
    for row in rows:
        person = _person(row, is_draft=False)
        sent = row.message.outgoing if row.message else None
        lines.append(
            (
                row.pk,
                [
                    row.case.reference, row.case.contact.name, str(state_words(person.state)), person.why,
                    moment(sent.sent_at if sent else None),
                    moment(sent.delivered_at if sent else None),
                    moment(sent.read_at if sent else None),
                ],
            )
        )  # fmt: skip
    return lines


# What the list of a draft can be narrowed to.
BEFORE: dict[str, str | Promise] = {
    "inside": _("Within 24 hours"),
    "outside": _("Outside the 24 hours"),
    "unwilling": _("wants no messages to many"),
    "unreachable": _("No number is known"),
    "excepted": To.EXCEPTED.label,
}


def states_of(answer: Answer) -> list[tuple[str, str | Promise]]:
    """What the list of people can be narrowed to, each with its words."""
    if answer.is_draft:
        return list(BEFORE.items())
    return [(state, state_words(state)) for state in AFTER]


def state_words(state: str) -> str:
    """A state of the list in words."""
    if state in To.values:
        return str(To(state).label)
    return str(Outgoing.State(state).label)


@dataclass(frozen=True)
class ForCase:
    """What the panel of a case says of answers to its matter."""

    # How many people an answer from here would go to; less than two: there is nobody else.
    people: int
    # The latest one that others got, and not this case.
    missed: Answer | None
    # The latest one of which this case is a part.
    got: Answer | None


def for_case(case: Case, *, is_shared: bool) -> ForCase | None:
    """What the panel shows of answers; None where the case is nobody else's matter."""
    if not is_shared:
        return None
    root = case.parent_id or case.pk
    people = (
        Case.objects.open()
        .filter(Q(pk=root) | Q(parent=root))
        .aggregate(number=Count("contact", distinct=True))["number"]
    )
    latest = (
        Answer.objects.filter(Q(matter=root) | Q(matter__parent=root), started_at__isnull=False)
        .exclude(state=State.TAKEN_BACK)
        .order_by("-started_at", "-pk")
        .first()
    )
    if latest is None:
        return ForCase(people, None, None)
    row = latest.recipients.filter(case=case).first()
    has_it = row is not None and (
        row.state not in {To.EXCEPTED, To.SKIPPED} or row.reason == Reason.SAME_PERSON
    )
    return ForCase(people, None if has_it or case.is_closed else latest, latest if has_it else None)
