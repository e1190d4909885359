"""The first page after signing in."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, get_language_bidi, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from bayan.cases.models import Case
from bayan.core.exports import small_csv
from bayan.core.templatetags.bayan import lasting, since
from bayan.desk import charts
from bayan.desk.today import Standing, Today, standings, today, weeks
from bayan.inbox.models import Conversation
from bayan.people.permissions import StaffRequest, requires

# What takes longer is drawn in hours.
MOST_MINUTES = 200


@require_GET
@requires("cases.read")
def page(request: StaffRequest) -> HttpResponse:
    """What needs the member now; for those who look after bodies also how these stand."""
    found = today(request.access, now=timezone.now())
    context: dict[str, Any] = {
        "today": found,
        "news": _news(found),
        "may_see": request.access.may("cases.close"),
        "is_officer": request.access.is_municipal,
        "waiting": [(row, _look_of_waiting(row)) for row in found.waiting],
        "due": [(case, _look_of_due(case)) for case in found.due],
    }
    if found.is_head:
        context |= _figures(found)
        home = request.access.main_role
        # All that chart and table of the weeks show.
        context["weeks_look"] = (
            get_language(), found.is_whole, home and home.node.short_name,
            tuple(found.own), tuple(found.average),
        )  # fmt: skip
    return render(request, f"desk/today.html{'#content' if request.htmx else ''}", context)


def _news(found: Today) -> str:
    """The page in two or three sentences."""
    if not found.waiting_count and not found.late:
        sentences = [_("Everybody has an answer, and nothing is late.")]
    else:
        count = found.waiting_count
        waits = ngettext(
            "%(count)s conversation waits for an answer: it came %(since)s.",
            "%(count)s conversations wait for an answer, the oldest of which came %(since)s.",
            count,
        ) % {
            "count": f"{count:,}",
            "since": since(found.waiting_since or found.now, now=found.now),
        }
        late = ngettext(
            "%(count)s case is past its time.", "%(count)s cases are past their time.", found.late
        ) % {"count": f"{found.late:,}"}
        sentences = [
            waits if count else _("Everybody has an answer."),
            late if found.late else _("Nothing is late."),
        ]
    first, last = found.own[0], found.this_week
    if found.is_head and first.seconds is not None and last.seconds is not None:
        sentences.append(
            _(
                "Half of those who wrote this week had a first answer within %(now)s; "
                "three months ago it took %(then)s."
            )
            % {"now": lasting(last.seconds), "then": lasting(first.seconds)}
        )
    return " ".join(sentences)


def _figures(found: Today) -> dict[str, Any]:
    """The lines of the weeks: one's own beside the authority's, and each body's on one scale."""
    own = _minutes(found.own)
    series = [own] if found.is_whole else [own, _minutes(found.average)]
    in_hours = charts.top_of(series) > MOST_MINUTES
    if in_hours:
        series = [[value and value / 60 for value in line] for line in series]
    drawn = charts.chart(series, width=640, height=180)
    context: dict[str, Any] = {
        "chart": drawn,
        "in_hours": in_hours,
        # A line needs two points.
        "has_line": sum(value is not None for value in own) > 1,
        # Every third week is named, the one under way among them.
        "names": list(zip(drawn.columns, found.own, strict=True))[::3],
        "pairs": list(zip(found.own, found.average, strict=True)),
    }
    if len(found.standings) > 1:
        # A body without any work would be a line of zeros.
        busy = [
            standing
            for standing in found.worst
            if standing.open or standing.waiting or standing.node.pk in found.weeks.by_body
        ]
        lines = {s.node.pk: tuple(_minutes(found.weeks.of(s.node.pk))) for s in busy}
        average = tuple(_minutes(found.average))
        top = charts.top_of([*lines.values(), average])
        context["bodies"] = [
            (
                standing,
                found.weeks.of(standing.node.pk)[-1],
                spark := (lines[standing.node.pk], average, top, get_language_bidi()),
                _look(standing, spark),
            )
            for standing in busy
        ]
        context["quiet"] = len(found.standings) - len(busy)
    return context


def _look(standing: Standing, spark: Hashable) -> Hashable:
    """All that a body's row shows; its line is drawn with it."""
    return (
        get_language(), standing.node.key, standing.node.short_name, standing.late, standing.open,
        standing.waiting, spark,
    )  # fmt: skip


def _look_of_waiting(row: Conversation) -> Hashable:
    """All that the row of one who waits shows, but for how long."""
    known = vars(row)
    return (
        get_language(), row.public_id, row.contact.name, row.preview, row.node.short_name,
        known["last_kind"], known["last_revoked_at"],
    )  # fmt: skip


def _look_of_due(case: Case) -> Hashable:
    """All that the row of a case shows, but for when it is due."""
    return (
        get_language(), case.reference, case.conversation.public_id, case.subject, case.priority,
        case.node.short_name, case.owner and case.owner.name,
    )  # fmt: skip


def _minutes(figures: Any) -> list[float | None]:
    return [week.minutes for week in figures]


@require_GET
@requires("cases.read")
def export(request: StaffRequest) -> HttpResponse:
    """The weeks of the reader's bodies and of the authority as a whole, as a file for spreadsheets."""
    now = timezone.now()
    found = weeks(now=now)
    heading = [
        _("Body"), _("Week from"), _("Opened"), _("Closed"), _("Closed in time"), _("Answered"),
        _("Minutes to the first answer (median)"), _("Hours to the end (median)"), _("Rated"), _("Satisfied"),
        _("Past the second deadline"),
    ]  # fmt: skip
    rows = [
        [name, week.begins.isoformat(), *week.cells]
        for name, key in [
            (_("The authority as a whole"), None),
            *((s.node.name, s.node.pk) for s in standings(request.access, now=now)),
        ]
        for week in found.of(key)
    ]
    return small_csv(f"weeks-{now:%Y-%m-%d}", [heading, *rows])
