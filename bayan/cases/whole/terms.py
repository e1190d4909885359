"""Changing the times of cases: one row at a time, looked at before it holds, with a way back."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from bayan.cases import due
from bayan.cases.due import Term
from bayan.cases.services import terms as services
from bayan.cases.services.terms import Row
from bayan.cases.whole.deadlines import PRIORITIES, WHAT, length_in_words, name_of
from bayan.cases.whole.models import TermsSet
from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.forms import Controls
from bayan.core.views import refusal, uuid_in
from bayan.people.permissions import StaffRequest, requires

HOUR = timedelta(hours=1)


class TermsForm(Controls):
    """Hours of each time of one row, by the clock or by working time; empty: as the standard has it."""

    def __init__(self, *args: Any, row: tuple[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for what, label in WHAT.items():
            term = due.terms_in_force(what).get(row)
            standard = due.standard_terms(what).get(row)
            self.fields[f"{what}_hours"] = forms.FloatField(
                label=str(label),
                required=False,
                min_value=0.1,
                max_value=2000,
                initial=f"{term.length / HOUR:g}" if term else None,
                widget=forms.NumberInput(
                    attrs={"dir": "ltr", "class": "control", "step": "any", "min": "0.1"}
                ),
                help_text=(
                    _("Standard: %(length)s") % {"length": length_in_words(standard)}
                    if standard
                    else _("Standard: as for all")
                    if row[0]
                    else _("Standard: none")
                ),
            )
            self.fields[f"{what}_clock"] = forms.BooleanField(
                label=gettext_lazy("day and night"),
                required=False,
                initial=term.around_the_clock if term else False,
            )

    @property
    def pairs(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"{what}_hours"], self[f"{what}_clock"]) for what in WHAT]

    @property
    def terms(self) -> dict[str, Term | None]:
        given = self.cleaned_data
        return {
            what: Term(timedelta(hours=given[f"{what}_hours"]), given[f"{what}_clock"])
            if given[f"{what}_hours"] is not None
            else None
            for what in WHAT
        }


@require_http_methods(["GET", "POST"])
@requires("deadlines.manage", everywhere=True)
def change(request: StaffRequest) -> HttpResponse:
    """The times of one priority, of all cases or of one kind or category: looked at, then set."""
    asked = request.POST if request.method == "POST" else request.GET
    of, priority = asked.get("of", ""), asked.get("priority", "")
    try:
        services.check(Row(of, priority, {}))
    except DomainError as refused:
        return refusal(request, str(refused), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    form = TermsForm(request.POST or None, row=(of, priority))
    context: dict[str, Any] = {
        "form": form,
        "of": of,
        "priority": priority,
        "name": f"{name_of(of)} · {PRIORITIES[priority]}",
    }
    if request.method == "POST" and form.is_valid():
        now, row = timezone.now(), Row(of, priority, form.terms)
        if request.POST.get("do") == "set":
            step = services.set_terms(
                row, redate=bool(request.POST.get("redate")), by=request.user, now=now
            )
            notices.say(request, _("These times hold from now on."), undo=step)
            return redirect("cases:deadlines")
        context["changed"] = services.preview(row, now=now)
        return render(request, "cases/terms.html", context)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "cases/terms.html", context, status=status)


@require_POST
@requires("deadlines.manage", everywhere=True)
def restore(request: StaffRequest) -> HttpResponse:
    """Let earlier times, or those of the standard, hold again."""
    key = uuid_in(request.POST.get("set", ""))
    if key and not TermsSet.objects.filter(public_id=key).exists():
        return refusal(request, _("There are no such times."), status=HTTPStatus.NOT_FOUND)
    step = services.restore_terms(
        key, redate=bool(request.POST.get("redate")), by=request.user, now=timezone.now()
    )
    notices.say(request, _("These times hold from now on."), undo=step)
    return redirect("cases:deadlines")
