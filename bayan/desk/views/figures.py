"""The page of figures: how fast people are answered, by service, hour and body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from bayan.cases import services as cases
from bayan.core.exports import small_csv
from bayan.core.templatetags.bayan import took
from bayan.desk import figures
from bayan.desk.figures import Response
from bayan.desk.today import Sums
from bayan.organisation.models import Node
from bayan.people.permissions import Access, StaffRequest, requires

# Shades of the map of hours, from the palest; none where nothing came.
SHADES = 5
# Of fewer, a median says little: the map leaves the hour pale.
FEW = 3


@dataclass(frozen=True)
class Tile:
    """One figure: its value, what it was before, and what the authority has."""

    name: str
    value: str
    # "better", "worse" or empty: how it went since the period before.
    went: str
    change: str
    average: str


@require_GET
@requires("cases.read")
def page(request: StaffRequest) -> HttpResponse:
    """How one body did in a period; who compares bodies sees them all beside each other."""
    days, bodies, node = _asked(request)
    found = figures.response(node, days=days)
    compares = request.access.may_everywhere("figures.compare")
    sort = request.GET.get("sort", "")
    context: dict[str, Any] = {
        "past_second": figures.past_second(node, now=timezone.now()),
        "may_see_deadlines": request.access.may("deadlines.read"),
        "periods": cases.PERIODS,
        "days": days,
        "bodies": bodies,
        "node": node,
        "is_whole": node is None,
        "may_be_whole": request.access.may_everywhere("cases.read"),
        "found": found,
        "tiles": _tiles(found, is_whole=node is None, days=days),
        "services": [
            (figures.category_label(name), name, *sums, width, 100 - width)
            for name, *sums in found.services
            for width in [_width(sums[0].opened, found)]
        ],
        "shade": "answer" if request.GET.get("shade") == "answer" else "opened",
        "week": _week(found, by_answer=request.GET.get("shade") == "answer"),
        "compared": _compared(bodies, days=days, sort=sort) if compares else [],
        "sort": sort if sort in SORTS else "opened",
    }
    return render(request, "desk/figures.html", context)


@require_GET
@requires("cases.read")
def export(request: StaffRequest) -> HttpResponse:
    """The same figures as a file for spreadsheets: together, by service, by hour, and by body."""
    days, bodies, node = _asked(request)
    found = figures.response(node, days=days)
    heading = [
        _("What"), _("New cases"), _("Closed"), _("Closed in time"), _("Answered"),
        _("Minutes to the first answer (median)"), _("Hours to the end (median)"), _("Rated"), _("Satisfied"),
        _("Past the second deadline"),
    ]  # fmt: skip
    name = _("The authority as a whole") if node is None else node.name
    rows = [[name, *found.now.cells], [_("As long before"), *found.before.cells]]
    if node is not None:
        rows.append([_("The authority as a whole"), *found.average.cells])
    rows += [
        [figures.category_label(key) or _("No category"), *sums.cells]
        for key, sums, _before, _average in found.services
    ]
    rows += [
        [f"{_day(hour // 24)} {hour % 24:02d}:00", *sums.cells]
        for hour, sums in sorted(found.hours.items())
    ]
    if request.access.may_everywhere("figures.compare"):
        by_body = figures.compared(days=days)
        rows += [[body.name, *by_body[body.pk][0].cells] for body in bodies if body.pk in by_body]
    return small_csv(f"figures-{days}-{timezone.now():%Y-%m-%d}", [heading, *rows])


def _asked(request: StaffRequest) -> tuple[int, list[Node], Node | None]:
    """The period, the bodies to choose from, and the one that is meant; None is the authority as a whole."""
    text = request.GET.get("days", "")
    days = int(text) if text.isascii() and text.isdigit() and int(text) in cases.PERIODS else 28
    bodies = list(_bodies(request.access))
    by_key = {body.key: body for body in bodies}
    node = by_key.get(request.GET.get("body", ""))
    if node is None and not request.access.may_everywhere("cases.read") and bodies:
        node = bodies[0]
    return days, bodies, node


def _bodies(access: Access) -> Any:
    return (
        access.nodes_where("cases.read")
        .filter(kind__in=[Node.Kind.AUTHORITY, Node.Kind.MUNICIPALITY])
        .order_by("position", "pk")
    )


def _tiles(found: Response, *, is_whole: bool, days: int) -> list[Tile]:
    now, before, average = found.now, found.before, found.average

    def tile(
        name: str,
        read: Callable[[Sums], float | None],
        write: Callable[[float], str],
        *,
        more_is: str,
        is_sum: bool = False,
    ) -> Tile:
        value, was, whole = read(now), read(before), read(average)
        went = ""
        if value is not None and was is not None and more_is and write(value) != write(was):
            other = {"better": "worse", "worse": "better"}[more_is]
            went = more_is if value > was else other
        return Tile(
            name=name,
            value="" if value is None else write(value),
            went=went,
            change="" if was is None else _("before: %(value)s") % {"value": write(was)},
            average=""
            # Against a sum of all bodies one holds nothing.
            if is_whole or is_sum or whole is None
            else _("authority: %(value)s") % {"value": write(whole)},
        )

    def percent(value: float) -> str:
        return f"\u2066{value:.0f}%\u2069"

    return [
        Tile(
            _("New cases"),
            f"{now.opened:,}",
            "",
            _("before: %(value)s") % {"value": f"{before.opened:,}"},
            "",
        ),
        tile(_("First answer"), lambda s: s.seconds, took, more_is="worse"),
        tile(_("Closed in time"), lambda s: s.in_time, percent, more_is="better"),
        tile(
            _("Past the second deadline"),
            lambda s: s.past_second,
            "{:,}".format,
            more_is="worse",
            is_sum=True,
        ),
        tile(_("To the end"), lambda s: s.close_seconds, took, more_is="worse"),
        tile(_("Satisfied"), lambda s: s.satisfaction, percent, more_is="better"),
    ]


def _width(opened: int, found: Response) -> int:
    """The length of a bar, in percent of the longest."""
    most = max((sums.opened for _name, sums, *_rest in found.services), default=0)
    return round(100 * opened / most) if most else 0


def _day(number: int) -> str:
    """The weekday's name; Sunday is 0."""
    return str(WEEKDAYS[(number + 6) % 7])


def _week(found: Response, *, by_answer: bool) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """The map of hours: for each day its 24 hours, each with its shade (0 is none) and its words."""

    def value(sums: Sums) -> float | None:
        if not by_answer:
            return sums.opened or None
        return sums.minutes if sums.answered >= FEW else None

    values = {hour: value(sums) for hour, sums in found.hours.items()}
    known = sorted(v for v in values.values() if v is not None)

    def shade(hour: int) -> int:
        own = values.get(hour)
        if own is None:
            return 0
        # By rank, so that one flood does not pale all the rest.
        below = sum(1 for v in known if v <= own)
        return max(1, -(-SHADES * below // len(known)))

    def words(hour: int) -> str:
        sums = found.hours.get(hour, Sums())
        parts = [_("cases: %(count)s") % {"count": f"{sums.opened:,}"}]
        if sums.seconds is not None:
            parts.append(_("first answer: %(time)s") % {"time": took(sums.seconds)})
        return f"{_day(hour // 24)} {hour % 24:02d}:00 · " + " · ".join(parts)

    return [
        (
            _day(day),
            [(hour, shade(24 * day + hour), words(24 * day + hour)) for hour in range(24)],
        )
        for day in range(7)
    ]


def _last(value: float | None) -> tuple[bool, float]:
    """Who has no figure stands at the end, whichever way it is sorted."""
    return value is None, value or 0


SORTS: dict[str, Callable[[Sums], Any]] = {
    "opened": lambda sums: -sums.opened,
    "answer": lambda sums: _last(sums.minutes),
    "in_time": lambda sums: _last(None if sums.in_time is None else -sums.in_time),
    "second": lambda sums: sums.past_second,
    "end": lambda sums: _last(sums.hours),
    "satisfied": lambda sums: _last(None if sums.satisfaction is None else -sums.satisfaction),
}


def _compared(
    bodies: Sequence[Node], *, days: int, sort: str
) -> list[tuple[int, Node, Sums, Sums]]:
    """The municipalities, the best by this figure first; its place, itself, now and before."""
    found = figures.compared(days=days)
    by = SORTS.get(sort, SORTS["opened"])
    rows = [
        (body, *found[body.pk])
        for body in bodies
        if body.pk in found and body.kind == Node.Kind.MUNICIPALITY
    ]
    rows.sort(key=lambda row: by(row[1]))
    return [(place, *row) for place, row in enumerate(rows, start=1)]
