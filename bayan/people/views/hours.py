"""When a body works: its own hours and days, by which its clocks count."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation
from bayan.organisation import services
from bayan.organisation.models import BodyHours, Node, OwnDay
from bayan.people.forms.hours import DayForm, HoursForm
from bayan.people.permissions import StaffRequest, requires


@require_http_methods(["GET", "POST"])
@requires("duty.manage")
def hours(request: StaffRequest, key: str) -> HttpResponse:
    """The working hours of one body and the days on which it is closed, or open otherwise."""
    node = get_object_or_404(request.access.nodes_where("duty.manage"), key=key)
    request.access.require("duty.manage", node)
    own = BodyHours.objects.filter(node=node).first()
    form = HoursForm.of(own, organisation.calendar(node.pk))
    day = DayForm()
    if request.method == "POST":
        now, by = timezone.now(), request.user
        try:
            match request.POST.get("do"):
                case "remove":
                    services.remove_day(node, int(request.POST.get("day", "0")), by=by, now=now)
                    return _done(request, node)
                case "add":
                    day = DayForm(request.POST)
                    if day.is_valid():
                        given = day.cleaned_data
                        services.add_day(
                            node, first=given["first"], last=given["last"] or given["first"],
                            name=given["name"], hours=given["hours"], by=by, now=now,
                        )  # fmt: skip
                        return _done(request, node)
                case _:
                    form = HoursForm(request.POST)
                    if form.is_valid():
                        services.save_hours(
                            node, week=form.week, ramadan=form.in_ramadan, by=by, now=now
                        )
                        return _done(request, node)
        except (DomainError, ValueError) as refused:
            (day if request.POST.get("do") == "add" else form).add_error(None, str(refused))
    context = {
        "node": node,
        "form": form,
        "day_form": day,
        "days": OwnDay.objects.filter(node=node, last__gte=timezone.localdate()).order_by("first"),
        "above": organisation.authority_names(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    return render(request, "people/hours.html", context, status=status)


def _done(request: StaffRequest, node: Node) -> HttpResponse:
    notices.say(
        request, _("Saved. What is due already stays; what is counted from now on counts so.")
    )
    return redirect("people:hours", node.key)
