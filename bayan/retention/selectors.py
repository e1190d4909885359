"""Reading what is due, what its period is, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Value
from django.utils import timezone

from bayan.core.rls import as_worker
from bayan.organisation.models import Node
from bayan.people.permissions import Access
from bayan.retention.models import Decision, Hold, Removal, Schedule
from bayan.retention.periods import Period, periods
from bayan.retention.registry import Holding, Keeping, Thing, holdings, keepings

SHOWN = 50
# How far the page looks ahead.
AHEAD = timedelta(days=90)


@dataclass(frozen=True)
class Row:
    """One thing on the page."""

    keeping: Keeping | Holding
    thing: Thing
    title: str
    path: str
    kind: str
    since: datetime | None
    due_at: datetime | None
    # Its own, or that of what it belongs to.
    hold: Hold | None

    @property
    def has_period(self) -> bool:
        return isinstance(self.keeping, Keeping)

    @property
    def is_held_by_another(self) -> bool:
        return self.hold is not None and self.hold.what != self.thing.what


@dataclass(frozen=True)
class Due:
    """The things of one kind whose period is over."""

    keeping: Keeping
    rows: list[Row]
    count: int
    # Due too, but the reader does not see them: what is secret is decided by who has it.
    unseen: int
    # Due within the next months.
    soon: int
    removal: Removal | None

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to say of it."""
        return not (self.rows or self.count or self.unseen or self.soon or self.removal)


@dataclass(frozen=True)
class Preview:
    """What a removal would take, by its classes, and what it would leave."""

    keeping: Keeping
    node: Node
    as_of: datetime
    count: int
    held: int
    # Kind and grade in words, how many, from when to when.
    classes: list[tuple[str, int, datetime, datetime]]
    rows: list[Row]

    @property
    def goes(self) -> int:
        return self.count - self.held


@dataclass(frozen=True)
class Rule:
    """One rule in words, and its class as a form names it; no years: kept."""

    what: str
    label: str
    kinds: list[str]
    grades: list[str]
    years: int | None
    source: str
    period: Period


def rules() -> list[Rule]:
    """The rules in their order: the first that fits counts."""
    known = keepings()
    found = []
    for period in periods():
        if keeping := known.get(period.what):
            kinds, grades = dict(keeping.kinds), dict(keeping.grades)
            found.append(
                Rule(
                    period.what,
                    str(keeping.label),
                    [str(kinds.get(one, one)) for one in period.kinds],
                    [str(grades.get(one, one)) for one in period.grades],
                    period.years,
                    period.source,
                    period,
                )
            )
    return found


def schedule() -> Schedule | None:
    """The version that counts; None: the pack's file does."""
    return Schedule.objects.select_related("made_by").order_by("-number").first()


def _period(
    rules: Sequence[Period], keeping: Keeping, kind: str = "", grade: str = ""
) -> Period | None:
    return next((one for one in rules if _fits(one, keeping, kind, grade)), None)


def _fits(period: Period, keeping: Keeping, kind: str, grade: str) -> bool:
    return (
        period.what == keeping.what
        and (not period.kinds or kind in period.kinds)
        and (not period.grades or grade in period.grades)
    )


def _over(keeping: Keeping, rules: Sequence[Period], *, now: datetime) -> Q:
    """Of which things the period is over: each class by the first rule that fits it."""
    over = Q(pk=None)
    for kind, _label in keeping.kinds or (("", ""),):
        for grade, _grade_label in keeping.grades or (("", ""),):
            period = _period(rules, keeping, kind, grade)
            if period is None or period.years is None:
                continue
            one = Q(**{f"{keeping.since_field}__lte": _years(now, -period.years)})
            if keeping.kind_field:
                one &= Q(**{keeping.kind_field: kind})
            if keeping.grade_field:
                one &= Q(**{keeping.grade_field: grade})
            over |= one
    return over


def _years(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        # The 29th of February.
        return moment.replace(year=moment.year + years, day=28)


def due_rows(
    keeping: Keeping, *, now: datetime, rules: Sequence[Period] | None = None
) -> QuerySet[Any]:
    """What of one kind is due now: its period is over, and nothing else was decided."""
    decided = Decision.objects.filter(what=keeping.what, key=OuterRef("public_id"))
    binding = decided.filter(
        Q(verdict=Decision.Verdict.HAND_OVER)
        | Q(until__gt=now)
        # Of what is emptied the row stays. What came to it since has a period of its own.
        | Q(verdict=Decision.Verdict.DESTROY, at__gte=OuterRef(keeping.since_field))
    )
    return (
        keeping.rows()
        .filter(_over(keeping, periods() if rules is None else rules, now=now))
        .exclude(Exists(binding))
        .select_related("node")
    )


def held_rows(keeping: Keeping, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of these that a hold keeps: their own, or that of what they belong to."""
    held = Q()
    for what, path in {keeping.what: "public_id", **keeping.held_with}.items():
        held |= Q(Exists(Hold.objects.standing().filter(what=what, key=OuterRef(path))))
    return rows.filter(held)


def due(access: Access, *, now: datetime) -> list[Due]:
    """What is due in the bodies for which the reader decides, the oldest first."""
    given = periods()
    running = {
        one.what: one
        for one in Removal.objects.filter(
            state=Removal.State.RUNNING,
            node__in=access.nodes_where("retention.decide").values("pk"),
        )
    }
    found = []
    for keeping in keepings().values():
        bodies = access.nodes_where("retention.decide").values("pk")
        rows = due_rows(keeping, now=now, rules=given).filter(node__in=bodies)
        count = rows.count()
        soon = due_rows(keeping, now=now + AHEAD, rules=given).filter(node__in=bodies).count()
        shown = list(rows.order_by(keeping.since_field, "pk")[:SHOWN])
        with as_worker():
            whole = (
                due_rows(keeping, now=now, rules=given)
                .filter(node__lineage__overlap=access.bodies_of("retention.decide"))
                .count()
            )
        found.append(
            Due(
                keeping, _rows(keeping, shown, given), count, whole - count, max(0, soon - count),
                running.get(keeping.what),
            )
        )  # fmt: skip
    return found


def preview(keeping: Keeping, node: Node, *, now: datetime) -> Preview:
    """What a removal for a body and those below it would take now. Nothing is changed."""
    given = periods()
    rows = due_rows(keeping, now=now, rules=given).filter(node__lineage__contains=[node.pk])
    fields = [one for one in (keeping.kind_field, keeping.grade_field) if one]
    labels = [dict(keeping.kinds), dict(keeping.grades)]
    classes = []
    counted = rows.order_by().values(*fields) if fields else rows.order_by().values(all=Value(1))
    for row in (
        counted.annotate(n=Count("pk"), first=Min(keeping.since_field), last=Max(keeping.since_field))
        .order_by("first")
    ):  # fmt: skip
        words = [
            str(names.get(row[name], row[name]))
            for name, names in zip(fields, labels, strict=False)
            if row[name]
        ]
        classes.append((" · ".join(words), row["n"], row["first"], row["last"]))
    shown = list(rows.order_by(keeping.since_field, "pk")[:10])
    with as_worker():
        held = held_rows(keeping, rows.order_by()).count()
    return Preview(
        keeping, node, now, sum(one[1] for one in classes), held, classes,
        _rows(keeping, shown, given),
    )  # fmt: skip


def removals(access: Access) -> list[Removal]:
    """The removals in the reader's bodies, the latest first."""
    return list(
        Removal.objects.filter(node__in=access.nodes_where("retention.decide").values("pk"))
        .select_related("by", "node")
        .order_by("-started_at", "-pk")[:20]
    )


def _value(one: Any, path: str) -> Any:
    for name in path.split("__"):
        one = getattr(one, name)
    return one


def thing_of(keeping: Keeping, one: Any) -> Thing:
    """A row as a decision names it."""
    held_with = tuple((what, _value(one, path)) for what, path in keeping.held_with.items())
    return Thing(keeping.what, one.public_id, one.node, keeping.number(one), held_with)


def _rows(keeping: Keeping, shown: list[Any], given: Sequence[Period]) -> list[Row]:
    things = [thing_of(keeping, one) for one in shown]
    holders = {pair for thing in things for pair in thing.holders}
    holds = {
        (one.what, one.key): one
        for one in Hold.objects.standing()
        .filter(what__in={what for what, _key in holders}, key__in={key for _what, key in holders})
        .select_related("placed_by")
    }
    return [
        row_of(keeping, one, _hold(thing, holds), given)
        for one, thing in zip(shown, things, strict=True)
    ]


def _hold(thing: Thing, holds: dict[tuple[str, UUID], Hold]) -> Hold | None:
    own = holds.get((thing.what, thing.key))
    return own or next((holds[one] for one in thing.holders if one in holds), None)


def row_of(keeping: Keeping, one: Any, held: Hold | None, given: Sequence[Period]) -> Row:
    """A thing as the page shows it."""
    kind = getattr(one, keeping.kind_field) if keeping.kind_field else ""
    grade = getattr(one, keeping.grade_field) if keeping.grade_field else ""
    since = getattr(one, keeping.since_field)
    period = _period(given, keeping, kind, grade)
    labels = dict(keeping.kinds)
    return Row(
        keeping,
        thing_of(keeping, one),
        keeping.title(one),
        keeping.path(one),
        str(labels.get(kind, kind) or keeping.label),
        since,
        _years(timezone.localtime(since), period.years)
        if since and period and period.years
        else None,
        held,
    )


def find(what: str, key: UUID) -> Row | None:
    """One thing that has a period or can be held, if the reader sees it."""
    if holding := holdings().get(what):
        return _held_alone(holding, key)
    keeping = keepings().get(what)
    if keeping is None:
        return None
    rows = keeping.rows() if keeping.to_hold is None else keeping.to_hold()
    one = rows.filter(public_id=key).select_related("node").first()
    if one is None:
        return None
    return _rows(keeping, [one], periods())[0]


def _held_alone(holding: Holding, key: UUID) -> Row | None:
    one = holding.rows().filter(public_id=key).first()
    if one is None:
        return None
    held = Hold.objects.standing().filter(what=holding.what, key=key).select_related("placed_by")
    return Row(
        holding, Thing(holding.what, key, holding.node(one), holding.number(one)),
        holding.title(one), holding.path(one), str(holding.label), None, None, held.first(),
    )  # fmt: skip


def is_held(thing: Thing) -> bool:
    """Whether a hold keeps it: its own, or that of what it belongs to."""
    asked = Q()
    for what, key in thing.holders:
        asked |= Q(what=what, key=key)
    # A person may be held by another body, whose hold the member does not see.
    with as_worker():
        return Hold.objects.standing().filter(asked).exists()


def is_due(thing: Thing, *, now: datetime) -> bool:
    """Whether its period is over and nothing else was decided."""
    keeping = keepings()[thing.what]
    return due_rows(keeping, now=now).filter(public_id=thing.key).exists()


def decisions(access: Access, *, thing: Thing | None = None) -> list[Decision]:
    """What was decided, the latest first: of one thing, or in the reader's bodies."""
    rows = Decision.objects.filter(
        node__in=access.nodes_where("retention.decide").values("pk")
    ).select_related("by", "node")
    if thing is not None:
        rows = rows.filter(what=thing.what, key=thing.key)
    return list(rows.order_by("-at", "-pk")[:SHOWN])
