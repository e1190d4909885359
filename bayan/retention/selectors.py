"""Reading what is due, what its period is, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from bayan.core.rls import as_worker
from bayan.people.permissions import Access
from bayan.retention.models import Decision, Hold
from bayan.retention.periods import Period, periods
from bayan.retention.registry import Keeping, Thing, keepings

SHOWN = 50


@dataclass(frozen=True)
class Row:
    """One thing on the page."""

    keeping: Keeping
    thing: Thing
    title: str
    path: str
    kind: str
    since: datetime
    due_at: datetime | None
    hold: Hold | None


@dataclass(frozen=True)
class Due:
    """The things of one kind whose period is over."""

    keeping: Keeping
    rows: list[Row]
    count: int
    # Due too, but the reader does not see them: what is secret is decided by who has it.
    unseen: int


@dataclass(frozen=True)
class Rule:
    """One rule of the pack in words; no years: kept."""

    label: str
    kinds: list[str]
    grades: list[str]
    years: int | None
    source: str


def rules() -> list[Rule]:
    """The rules in their order: the first that fits counts."""
    known = keepings()
    found = []
    for period in periods():
        if keeping := known.get(period.what):
            kinds, grades = dict(keeping.kinds), dict(keeping.grades)
            found.append(
                Rule(
                    str(keeping.label),
                    [str(kinds.get(one, one)) for one in period.kinds],
                    [str(grades.get(one, one)) for one in period.grades],
                    period.years,
                    period.source,
                )
            )
    return found


def _period(keeping: Keeping, kind: str, grade: str) -> Period | None:
    return next((one for one in periods() if _fits(one, keeping, kind, grade)), None)


def _fits(period: Period, keeping: Keeping, kind: str, grade: str) -> bool:
    return (
        period.what == keeping.what
        and (not period.kinds or kind in period.kinds)
        and (not period.grades or grade in period.grades)
    )


def _over(keeping: Keeping, *, now: datetime) -> Q:
    """Of which things the period is over: each class by the first rule that fits it."""
    over = Q(pk=None)
    for kind, _label in keeping.kinds:
        for grade, _grade_label in keeping.grades or (("", ""),):
            period = _period(keeping, kind, grade)
            if period is None or period.years is None:
                continue
            one = Q(
                **{
                    keeping.kind_field: kind,
                    f"{keeping.since_field}__lte": _years(now, -period.years),
                }
            )
            over |= one & Q(**{keeping.grade_field: grade}) if keeping.grade_field else one
    return over


def _years(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        # The 29th of February.
        return moment.replace(year=moment.year + years, day=28)


def due_rows(keeping: Keeping, *, now: datetime) -> QuerySet[Any]:
    """What of one kind is due now: its period is over, and nothing else was decided."""
    decided = Decision.objects.binding(now=now).filter(what=keeping.what)
    return (
        keeping.rows()
        .filter(_over(keeping, now=now))
        .exclude(public_id__in=decided.values("key"))
        .select_related("node")
    )


def due(access: Access, *, now: datetime) -> list[Due]:
    """What is due in the bodies for which the reader decides, the oldest first."""
    found = []
    for keeping in keepings().values():
        bodies = access.nodes_where("retention.decide").values("pk")
        rows = due_rows(keeping, now=now).filter(node__in=bodies)
        count = rows.count()
        shown = list(rows.order_by(keeping.since_field, "pk")[:SHOWN])
        with as_worker():
            whole = (
                due_rows(keeping, now=now)
                .filter(node__lineage__overlap=access.bodies_of("retention.decide"))
                .count()
            )
        found.append(Due(keeping, _rows(keeping, shown), count, whole - count))
    return found


def _rows(keeping: Keeping, shown: list[Any]) -> list[Row]:
    keys = [one.public_id for one in shown]
    holds = {
        one.key: one
        for one in Hold.objects.standing()
        .filter(what=keeping.what, key__in=keys)
        .select_related("placed_by")
    }
    return [row_of(keeping, one, holds.get(one.public_id)) for one in shown]


def row_of(keeping: Keeping, one: Any, held: Hold | None) -> Row:
    """A thing as the page shows it."""
    kind = getattr(one, keeping.kind_field)
    grade = getattr(one, keeping.grade_field) if keeping.grade_field else ""
    since = getattr(one, keeping.since_field)
    period = _period(keeping, kind, grade)
    labels = dict(keeping.kinds)
    return Row(
        keeping,
        Thing(keeping.what, one.public_id, one.node, keeping.number(one)),
        keeping.title(one),
        keeping.path(one),
        str(labels.get(kind, kind)),
        since,
        _years(timezone.localtime(since), period.years) if period and period.years else None,
        held,
    )


def find(what: str, key: UUID) -> Row | None:
    """One thing that has a period, if the reader sees it."""
    keeping = keepings().get(what)
    one = keeping.rows().filter(public_id=key).select_related("node").first() if keeping else None
    if keeping is None or one is None:
        return None
    held = Hold.objects.standing().filter(what=what, key=key).select_related("placed_by").first()
    return row_of(keeping, one, held)


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
