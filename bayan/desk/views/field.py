"""Reports from the field: list and map, one report, what becomes of it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bayan.cases.models import Case
from bayan.core import maps, notices
from bayan.core.events import phone_numbers
from bayan.core.exports import small_csv
from bayan.core.paging import Cursor
from bayan.core.references import digits_in, grouped
from bayan.core.views import refusal
from bayan.desk import field as reading
from bayan.desk import services
from bayan.desk.field import Filters
from bayan.desk.models import FieldReport
from bayan.inbox import selectors as inbox
from bayan.inbox import services as inbox_services
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("cases.read")
def reports(request: StaffRequest) -> HttpResponse:
    """The reports as a list and on the map, by body, day and state."""
    filters = Filters.by(request.GET)
    after = request.GET.get("after")
    found = reading.page(filters, after=Cursor.read(after) if after else None)
    drawn, spots = (None, []) if after else reading.chart(filters)
    context = {
        "filters": filters,
        "query": filters.query(),
        "rows": reading.shown(found.rows),
        "next_cursor": found.next_cursor,
        "counts": {} if after else reading.counts(filters),
        "map": drawn,
        "spots": spots,
        "bodies": inbox.nodes_seen(request.access),
        "is_narrowed": bool(filters.body or filters.since or filters.until),
        "numbers": phone_numbers(),
        "is_linked": request.user.phone_linked_at is not None,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"desk/field.html{part}", context)


@require_GET
@requires("cases.read")
def export(request: StaffRequest) -> HttpResponse:
    """The reports of the list as a file for spreadsheets."""
    now, filters = timezone.now(), Filters.by(request.GET)
    lines = reading.lines(filters)
    inbox_services.note_export(
        "field_reports.exported",
        len(lines),
        access=request.access,
        now=now,
        view=filters.view,
        body=filters.body,
    )
    heading = [
        _("Time"), _("Body"), _("Sent by"), _("Words"), _("Place"), _("Latitude"), _("Longitude"),
        _("Files"), _("State"), _("Case number"),
    ]  # fmt: skip
    return small_csv(f"field-reports-{now:%Y-%m-%d}", [heading, *lines])


@require_GET
@requires("cases.read")
def report(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One report: pictures, place, words, and the case that it belongs to or may belong to."""
    found = _found(public_id)
    may_act = request.access.may("cases.close", found.node)
    is_free = found.case_id is None and not found.is_awaited(now=timezone.now())
    point = found.point
    context = {
        "row": reading.shown([found])[0],
        "report": found,
        "may_act": may_act and is_free,
        "near": reading.cases_near(found) if may_act and is_free else [],
        "map": maps.around(*point) if point else None,
        "is_awaited": found.is_awaited(now=timezone.now()),
    }
    return render(request, f"desk/report.html{'#content' if request.htmx else ''}", context)


@require_POST
@requires("cases.close")
def open_case(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Make a case of it."""
    found = _found(public_id)
    request.access.require("cases.close", found.node)
    case = services.open_case(public_id, by=request.user, now=timezone.now())
    said = _("Case %(number)s was opened of this report.")
    notices.say(request, said % {"number": grouped(case.reference)})
    return redirect("inbox:conversation", case.conversation.public_id)


@require_POST
@requires("cases.close")
def join(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Make it part of the case with this number."""
    found = _found(public_id)
    request.access.require("cases.close", found.node)
    number = digits_in(request.POST.get("case", ""))
    case = Case.objects.select_related("node", "conversation").filter(reference=number).first()
    if case is None or not number:
        return refusal(request, _("There is no case of this number that you may see."), status=422)
    request.access.require("cases.close", case.node)
    services.join_report(public_id, case.public_id, by=request.user, now=timezone.now())
    said = _("The report is part of case %(number)s now.")
    notices.say(request, said % {"number": grouped(case.reference)})
    return redirect("inbox:conversation", case.conversation.public_id)


def _found(public_id: UUID) -> FieldReport:
    rows = FieldReport.objects.shown().select_related("node", "member", "case__conversation")
    return get_object_or_404(rows, public_id=public_id)
