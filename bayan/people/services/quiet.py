"""Silence: until when Bayan writes to a member only of emergencies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.people.services.members import trace

# Whoever is away for longer names a deputy: then somebody does the work.
LONGEST = timedelta(days=3)
MORNING = time(7)


class QuietTooLong(DomainError):
    pass


class QuietInThePast(DomainError):
    pass


@transaction.atomic
def be_quiet(member: Member, until: datetime, *, now: datetime) -> None:
    """Write to the member only of emergencies until then; what else there is comes together afterwards.

    :raises QuietInThePast: it is over already
    :raises QuietTooLong: it is more than three days
    """
    if until <= now:
        raise QuietInThePast(_("Choose a time that is still to come."))
    if until > now + LONGEST:
        raise QuietTooLong(_("Silence lasts three days at the most. For longer, name a deputy."))
    member.quiet_until = until
    member.save(update_fields=["quiet_until"])
    trace(member, "member.quieted", by=member, now=now, until=until.isoformat())


@transaction.atomic
def end_quiet(member: Member, *, now: datetime) -> bool:
    """Write to the member as usual again. False: it was so already."""
    if not member.is_quiet(now=now):
        return False
    # Not forgotten: what waited until now comes together (work.services.telling).
    member.quiet_until = now
    member.save(update_fields=["quiet_until"])
    trace(member, "member.quiet_ended", by=member, now=now)
    return True


def _in_two_hours(now: datetime) -> datetime:
    return now + timedelta(hours=2)


def _in_the_morning(now: datetime) -> datetime:
    at = timezone.localtime(now)
    day = at.date() if at.time() < MORNING else at.date() + timedelta(days=1)
    return datetime.combine(day, MORNING, tzinfo=at.tzinfo)


def _until_work(now: datetime) -> datetime:
    """When the authority next begins to work, not counting the hours under way."""
    calendar = organisation.calendar()
    at = now
    while calendar.is_working(at):
        at += timedelta(hours=1)
    return calendar.next_opening(at)


# What is offered, by its key.
SPANS: dict[str, tuple[str | Promise, Callable[[datetime], datetime]]] = {
    "hours": (gettext_lazy("For two hours"), _in_two_hours),
    "morning": (gettext_lazy("Until 7 in the morning"), _in_the_morning),
    "work": (gettext_lazy("Until work begins"), _until_work),
}


def end_of(span: str, *, now: datetime) -> datetime:
    """When a span that is offered ends; one that would last too long ends after the longest time."""
    _label, ends = SPANS[span]
    return min(ends(now), now + LONGEST)
