"""The calendar of bookings, the stock, and the year's inventory: what is read by many rows at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta

from django.db import connection
from django.db.models import BigIntegerField, F, Func, QuerySet, Value
from django.utils import timezone

from bayan.core.rls import as_worker
from bayan.needs.models import Booking, Outage, Thing
from bayan.needs.models.things import STANDING
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.permissions import Access

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """A booking on one day of the calendar. Of other bodies' it is known when and how many, no more."""

    booking: Booking
    is_known: bool
    begins: bool
    ends: bool


@dataclass(frozen=True)
class Day:
    """One day of the calendar."""

    date: date
    entries: Sequence[Entry]
    outages: Sequence[Outage]
    # Of the month that is shown, and not of those around it.
    is_inside: bool


def sunday_of(day: date) -> date:
    """The day on which its week began: weeks begin on Sunday here."""
    return day - timedelta(days=(day.weekday() + 1) % 7)


def days(
    first: date, count: int, *, access: Access, thing: Thing | None, month: int | None = None
) -> list[Day]:
    """So many days with what is booked on them, in two statements."""
    since = timezone.make_aware(datetime.combine(first, time()))
    until = timezone.make_aware(datetime.combine(first + timedelta(days=count), time()))
    with as_worker():
        # Whoever plans must know that it is taken, though not by whom.
        rows = Booking.objects.filter(
            starts_at__lt=until, ends_at__gt=since, state__in=[*STANDING, Booking.State.RETURNED]
        ).select_related("thing", "node", "booked_by")
        out = Outage.objects.filter(starts_at__lt=until, ends_at__gt=since).select_related("thing")
        if thing is not None:
            rows, out = rows.filter(thing=thing), out.filter(thing=thing)
        bookings, outages = list(rows.order_by("starts_at", "pk")), list(out.order_by("pk"))
    nodes = organisation.nodes()
    seen = set(access.bodies_of("needs.read"))

    def is_known(booking: Booking) -> bool:
        return any(seen & set(nodes[key].lineage) for key in (booking.node_id, booking.lender_id))

    found = []
    for number in range(count):
        day = first + number * A_DAY
        begin = timezone.make_aware(datetime.combine(day, time()))
        end = begin + A_DAY
        found.append(
            Day(
                day,
                [
                    Entry(one, is_known(one), one.starts_at >= begin, one.ends_at <= end)
                    for one in bookings
                    if one.starts_at < end and one.ends_at > begin
                ],
                [one for one in outages if one.starts_at < end and one.ends_at > begin],
                month is None or day.month == month,
            )
        )
    return found


def things(*, now: datetime) -> QuerySet[Thing]:
    """What there is, by kind and name; `promised` of each is lent, or out of order, now."""
    return (
        Thing.objects.filter(ended_at=None)
        .select_related("node")
        .annotate(promised=_promised(now))
        .order_by("is_consumable", "kind", "name_ar", "pk")
    )


def _promised(now: datetime) -> Func:
    moment = now + timedelta(seconds=1)
    return Func(
        F("pk"), Value(now), Value(moment), function="needs_most_promised",
        output_field=BigIntegerField(),
    )  # fmt: skip


# --- The year's inventory


@dataclass(frozen=True)
class Sums:
    """How many requests were asked for, granted and provided, and how many pieces they were about."""

    asked: float = 0
    asked_pieces: float = 0
    granted: float = 0
    granted_pieces: float = 0
    provided: float = 0
    provided_pieces: float = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def divided(self, by: int) -> Sums:
        """An equal share of it."""
        return Sums(*(round(getattr(self, f.name) / by, 2) for f in fields(self)))

    @property
    def cells(self) -> list[float]:
        return [getattr(self, f.name) for f in fields(self)]


@dataclass(frozen=True)
class Inventory:
    """A year of needs, by body and kind."""

    year: int
    by_body: Mapping[int, Mapping[str, Sums]]
    municipalities: Sequence[int]

    def of(self, bodies: Iterable[int]) -> dict[str, Sums]:
        """These bodies together, by kind."""
        found: dict[str, Sums] = defaultdict(Sums)
        for body in bodies:
            for kind, sums in self.by_body.get(body, {}).items():
                found[kind] = found[kind] + sums
        return found

    def total(self, bodies: Iterable[int]) -> Sums:
        return sum(self.of(bodies).values(), Sums())

    def average(self) -> dict[str, Sums]:
        """What a municipality has on average, by kind; the authority's own is not in it."""
        count = len(self.municipalities) or 1
        return {kind: sums.divided(count) for kind, sums in self.of(self.municipalities).items()}


COUNT = """
SELECT coalesce(m.id, desk.id), n.kind,
       count(*), sum(n.quantity),
       count(*) FILTER (WHERE n.granted > 0), coalesce(sum(n.granted), 0),
       count(*) FILTER (WHERE n.provided > 0), coalesce(sum(n.provided), 0)
FROM needs_need n
JOIN organisation_node b ON b.id = n.node_id
JOIN organisation_node desk ON desk.kind = 'authority'
LEFT JOIN organisation_node m ON m.kind = 'municipality' AND m.id = ANY (b.lineage)
WHERE n.asked_at >= %s AND n.asked_at < %s AND n.state <> 'withdrawn'
GROUP BY 1, 2
"""


def inventory(year: int) -> Inventory:
    """What was asked for, granted and provided in this year, counted in one statement.

    Of all bodies: whoever shows it shows each reader what is theirs, and the average.
    """
    since, until = (timezone.make_aware(datetime(y, 1, 1)) for y in (year, year + 1))  # noqa: DTZ001
    by_body: dict[int, dict[str, Sums]] = defaultdict(dict)
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(COUNT, [since, until])
        for body, kind, *sums in cursor.fetchall():
            by_body[body][kind] = Sums(*map(int, sums))
    municipalities = [
        node.pk for node in organisation.nodes().values() if node.kind == Node.Kind.MUNICIPALITY
    ]
    return Inventory(year, by_body, municipalities)
