"""What is due by its period, and what a director decides of it."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from bayan.core import notices
from bayan.core.views import refusal, uuid_in
from bayan.people.permissions import StaffRequest, requires, requires_fresh_factor
from bayan.retention import selectors, services
from bayan.retention.models import Decision
from bayan.retention.selectors import Row

Verdict = Decision.Verdict


@require_GET
@requires("retention.decide")
def due(request: StaffRequest) -> HttpResponse:
    """What is due in the reader's bodies, how long what is kept, and what was decided."""
    now = timezone.now()
    context = {
        "due": selectors.due(request.access, now=now),
        "rules": selectors.rules(),
        "decisions": selectors.decisions(request.access),
        "now": now,
    }
    return render(request, "retention/due.html", context)


@require_POST
@requires("retention.decide")
def decide(request: StaffRequest) -> HttpResponseBase:
    """Decide of what was ticked; destroying wants a code of the second factor."""
    verdict = request.POST.get("verdict", "")
    if verdict not in Verdict.values:
        raise Http404
    return (requires_fresh_factor(_decided) if verdict == Verdict.DESTROY else _decided)(
        request, verdict
    )


def _decided(request: StaffRequest, verdict: str) -> HttpResponse:
    now = timezone.now()
    what = request.POST.get("what", "")
    keys = [
        key for given in request.POST.getlist("key")[: selectors.SHOWN] if (key := uuid_in(given))
    ]
    if not keys:
        return refusal(request, _("Tick what you decide of."), status=422)
    for key in keys:
        found = _found(request, what, key)
        services.decide(
            found.thing,
            verdict,
            reason=request.POST.get("reason", ""),
            until=_day(request.POST.get("until", "")),
            by=request.user,
            now=now,
        )
    count = len(keys)
    notices.say(
        request,
        ngettext("Decided of %(count)d, and noted.", "Decided of %(count)d, and noted.", count)
        % {"count": count},
    )
    return redirect("retention:due")


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _found(request: StaffRequest, what: str, key: UUID) -> Row:
    """A thing of a body for which the reader decides."""
    found = selectors.find(what, key)
    if found is None:
        raise Http404
    request.access.require("retention.decide", found.thing.node)
    return found


@require_GET
@requires("retention.decide")
def thing(request: StaffRequest, what: str, key: UUID) -> HttpResponse:
    """How long one thing is kept, whether it is held, and what was decided of it."""
    found = _found(request, what, key)
    context = {
        "row": found,
        "decisions": selectors.decisions(request.access, thing=found.thing),
        "now": timezone.now(),
    }
    return render(request, "retention/thing.html", context)


@require_POST
@requires("retention.decide")
def hold(request: StaffRequest, what: str, key: UUID) -> HttpResponse:
    """Place a legal hold."""
    found = _found(request, what, key)
    services.hold(found.thing, request.POST.get("reason", ""), by=request.user, now=timezone.now())
    notices.say(request, _("Held: nobody destroys it until the hold is lifted."))
    return redirect("retention:thing", what, key)


@require_POST
@requires("retention.decide")
def lift(request: StaffRequest, what: str, key: UUID) -> HttpResponse:
    """Lift the hold."""
    found = _found(request, what, key)
    services.lift(found.thing, by=request.user, now=timezone.now())
    notices.say(request, _("The hold is lifted."))
    return redirect("retention:thing", what, key)
