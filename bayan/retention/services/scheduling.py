"""How long what is kept: changed rule by rule by an administrator; each change is a version with its date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.people.models import Member
from bayan.retention import selectors
from bayan.retention.models import Schedule
from bayan.retention.periods import MOST_YEARS, Period, periods
from bayan.retention.registry import keepings


class PeriodUnusable(DomainError):
    pass


class ChangedMeanwhile(DomainError):
    """Somebody else changed the periods since they were read."""


def set_period(period: Period, *, seen: int, by: Member, now: datetime) -> Schedule:
    """Set how long things of a class are kept; a rule of the same class is replaced.

    A narrower class goes before those that hold it too, so that it counts. `seen` is the version before the
    member's eyes, 0 for the pack's file.

    :raises PeriodUnusable: there is no such class, the period is none, or nothing says why
    :raises ChangedMeanwhile: the periods were changed since
    """
    _check(period)

    def with_it(rules: list[Period]) -> list[Period]:
        for place, one in enumerate(rules):
            if _class_of(one) == _class_of(period):
                return [*rules[:place], period, *rules[place + 1 :]]
        place = next((i for i, one in enumerate(rules) if _covers(one, period)), len(rules))
        return [*rules[:place], period, *rules[place:]]

    return _change(with_it, "retention.period_set", period, seen=seen, by=by, now=now)


def remove_period(period: Period, *, seen: int, by: Member, now: datetime) -> Schedule:
    """Take the rule of a class away: it goes by the next one that fits, or is kept.

    :raises PeriodUnusable: there is none
    :raises ChangedMeanwhile: the periods were changed since
    """
    if _class_of(period) not in {_class_of(one) for one in periods()}:
        raise PeriodUnusable(_("There is no such period any more. Reload the page."))
    return _change(
        lambda rules: [one for one in rules if _class_of(one) != _class_of(period)],
        "retention.period_removed", period, seen=seen, by=by, now=now,
    )  # fmt: skip


@transaction.atomic
def _change(
    change: Callable[[list[Period]], list[Period]],
    action: str,
    period: Period,
    *,
    seen: int,
    by: Member,
    now: datetime,
) -> Schedule:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('bayan.retention.rules', 0))")
    current = selectors.schedule()
    number = current.number if current else 0
    if seen != number:
        raise ChangedMeanwhile(
            _("Somebody changed the periods meanwhile. Reload the page and look again.")
        )
    made = Schedule.objects.create(
        number=number + 1, rules=[asdict(one) for one in change(list(periods()))], made_at=now,
        made_by=by,
    )  # fmt: skip
    years = {} if period.years is None else {"years": period.years}
    audit.record(
        audit.Entry(
            action=action, subject_type="retention", subject_key=period.what, by=by, at=now,
            node_id=None,
            details={
                "what": period.what, "kinds": list(period.kinds), "grades": list(period.grades),
                "version": made.number, **years,
            },
        )
    )  # fmt: skip
    return made


def _check(period: Period) -> None:
    keeping = keepings().get(period.what)
    if (
        keeping is None
        or set(period.kinds) - {value for value, _label in keeping.kinds}
        or set(period.grades) - {value for value, _label in keeping.grades}
    ):
        raise PeriodUnusable(_("There is no such class."))
    if period.years is not None and not 1 <= period.years <= MOST_YEARS:
        raise PeriodUnusable(_("A period has 1 to %(most)d years.") % {"most": MOST_YEARS})
    if period.years is not None and not period.source.strip():
        raise PeriodUnusable(
            _("Name the rule that says so: the schedule and its row, or the decision.")
        )


def _class_of(period: Period) -> tuple[str, frozenset[str], frozenset[str]]:
    return period.what, frozenset(period.kinds), frozenset(period.grades)


def _covers(wide: Period, narrow: Period) -> bool:
    """Whether everything of the narrow class is of the wide one too."""
    return wide.what == narrow.what and all(
        not outer or (inner and set(inner) <= set(outer))
        for outer, inner in ((wide.kinds, narrow.kinds), (wide.grades, narrow.grades))
    )
