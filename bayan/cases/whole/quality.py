"""Pages of the quality sample: the month at a glance, and one card after the other."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.cases import services
from bayan.cases.models import Sampled
from bayan.cases.whole import judging
from bayan.core import notices
from bayan.core.exports import small_csv
from bayan.core.views import refusal
from bayan.inbox import services as inbox_services
from bayan.people.permissions import StaffRequest, requires

QUESTIONS = {
    "outcome_true": gettext_lazy("Is the outcome true?"),
    "proof_shows": gettext_lazy("Does the picture show it?"),
    "words_kind": gettext_lazy("Are the words kind and correct?"),
    "place_right": gettext_lazy("Is the place right?"),
}


def _asked(request: StaffRequest) -> dict[str, Any]:
    """Which month, body and state are asked for; the latest month where none is."""
    months = judging.months(request.access)
    month: date | None
    try:
        month = date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        month = months[0] if months else None
    state = request.GET.get("state", "open")
    return {
        "months": months,
        "month": month,
        "state": state if state in judging.STATES else "open",
        "body": request.GET.get("body", "")[:60],
    }


@require_GET
@requires("quality.manage")
def sample(request: StaffRequest) -> HttpResponse:
    """A month's sample: how far it is judged, what came of it by body, and its cases."""
    asked = _asked(request)
    every = judging.of_month(request.access, asked["month"])
    rows = judging.of_month(request.access, asked["month"], body=asked["body"])
    after = request.GET.get("after", "")
    found, cursor = judging.page(
        judging.narrowed(rows, asked["state"]), after=int(after) if after.isdecimal() else 0
    )
    figures = judging.figures(every)
    shown = [one for one in figures if not asked["body"] or one.node.key == asked["body"]]
    context = asked | {
        "rows": found,
        "next_cursor": cursor,
        "figures": figures,
        "total": sum(one.total for one in shown),
        "judged": sum(one.judged for one in shown),
        "first": judging.narrowed(rows, "open").first() if shown else None,
        "counts": {
            "all": sum(one.total for one in shown),
            "open": sum(one.total - one.judged for one in shown),
            "good": sum(one.good for one in shown),
            "to_improve": sum(one.to_improve for one in shown),
            "reopened": sum(one.reopened for one in shown),
        },
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"cases/quality.html{part}", context)


@require_POST
@requires("quality.manage")
def draw(request: StaffRequest) -> HttpResponse:
    """Draw now what would be drawn on the first of the month."""
    now = timezone.now()
    bodies = list(request.access.nodes_where("quality.manage"))
    count = services.draw_now(bodies=bodies, by=request.user, now=now)
    notices.say(
        request,
        ngettext("%(count)s case was drawn.", "%(count)s cases were drawn.", count)
        % {"count": count},
    )
    return redirect("cases:quality")


@require_GET
@requires("quality.manage")
def export(request: StaffRequest) -> HttpResponse:
    """The sample of a month as a file for spreadsheets."""
    asked = _asked(request)
    rows = judging.of_month(request.access, asked["month"], body=asked["body"])
    lines = judging.written(rows)
    inbox_services.note_export(
        "cases.exported", len(lines), access=request.access, now=timezone.now(), view="quality",
        body=asked["body"],
    )  # fmt: skip
    return small_csv("quality", [judging.heading(), *lines])


@require_http_methods(["GET", "POST"])
@requires("quality.manage")
def card(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One closed case, to be judged."""
    row = get_object_or_404(
        Sampled.objects.select_related(
            "node", "judged_by", "case__node", "case__conversation", "case__closed_by"
        ),
        public_id=public_id,
    )
    request.access.require("quality.manage", row.node)
    rows = judging.of_month(request.access, row.month)
    following = judging.following(rows, row)
    if request.method == "POST":
        if request.POST.get("verdict", "") not in Sampled.Verdict.values:
            return refusal(request, _("Choose a verdict."), status=422)
        services.judge(
            public_id,
            verdict=request.POST["verdict"],
            answers=_answers(request),
            note=request.POST.get("note", ""),
            by=request.user,
            now=timezone.now(),
        )
        notices.say(request, _("Judged."))
        if following is not None:
            return redirect("cases:sampled", following.public_id)
        return redirect(f"{reverse('cases:quality')}?month={row.month:%Y-%m}&state=all")
    context = {
        "card": judging.card_of(row),
        "row": row,
        "case": row.case,
        "following": following,
        "total": rows.count(),
        "judged": rows.exclude(verdict="").count(),
        "questions": [(name, label, getattr(row, name)) for name, label in QUESTIONS.items()],
        "verdicts": Sampled.Verdict.choices,
    }
    return render(request, "cases/sampled.html", context)


def _answers(request: StaffRequest) -> services.Answers:
    said = {"yes": True, "no": False}
    return services.Answers(
        **{name: said.get(request.POST.get(name, "")) for name in judging.QUESTIONS}
    )
