"""What is due by its period, and what a director decides of it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from bayan.core import notices
from bayan.core.views import day_in, refusal, uuid_in
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires, requires_fresh_factor
from bayan.retention import selectors, services
from bayan.retention.models import Decision, Removal
from bayan.retention.periods import MOST_YEARS, Period
from bayan.retention.registry import keepings
from bayan.retention.selectors import Row

Verdict = Decision.Verdict


@require_GET
@requires("retention.decide")
def due(request: StaffRequest) -> HttpResponse:
    """What is due in the reader's bodies, how long what is kept, and what was decided."""
    now = timezone.now()
    version = selectors.schedule()
    found = selectors.due(request.access, now=now)
    context = {
        "due": [one for one in found if not one.is_quiet],
        "quiet": [one.keeping.label for one in found if one.is_quiet],
        "rules": selectors.rules(),
        "version": version,
        "seen": version.number if version else 0,
        "removals": selectors.removals(request.access),
        "decisions": selectors.decisions(request.access),
        "ahead": selectors.AHEAD.days,
        "may_set": request.access.may_everywhere("retention.set"),
        "keepings": keepings().values(),
        "most_years": MOST_YEARS,
        "now": now,
    }
    return render(request, "retention/due.html", context)


def _body(request: StaffRequest) -> Node:
    """The body for which the reader decides: of those, the highest."""
    bodies = Node.objects.filter(pk__in=request.access.bodies_of("retention.decide"))
    return min(bodies, key=lambda node: len(node.lineage))


@require_GET
@requires("retention.decide")
def preview(request: StaffRequest, what: str) -> HttpResponse:
    """What would go if all that is due went now; nothing is changed by looking."""
    keeping = keepings().get(what)
    if keeping is None or not keeping.leaves:
        raise Http404
    found = selectors.preview(keeping, _body(request), now=timezone.now())
    return render(request, "retention/preview.html", {"preview": found})


@require_POST
@requires("retention.decide")
@requires_fresh_factor
def start(request: StaffRequest, what: str) -> HttpResponse:
    """Let all that was looked at go; it cannot be undone, so a code is asked for."""
    as_of = parse_datetime(request.POST.get("as_of", "")) if request.POST.get("as_of") else None
    if as_of is None or timezone.is_naive(as_of):
        return refusal(request, _("Look again at what would be removed."), status=422)
    services.start_removal(
        what, _body(request), as_of=as_of, reason=request.POST.get("reason", ""),
        by=request.user, now=timezone.now(),
    )  # fmt: skip
    notices.say(request, _("Started. What is held stays; you can stop it."))
    return redirect("retention:due")


@require_POST
@requires("retention.decide")
def stop(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let a removal take no more."""
    found = get_object_or_404(Removal.objects.select_related("node"), public_id=public_id)
    request.access.require("retention.decide", found.node)
    services.stop_removal(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Stopped. What is gone stays gone."))
    return redirect("retention:due")


@require_POST
@requires("retention.set", everywhere=True)
def set_period(request: StaffRequest) -> HttpResponse:
    """Set how long a class is kept, or take its rule away."""
    years = request.POST.get("years", "").strip()
    if years and not (years.isascii() and years.isdigit()):
        return refusal(request, _("Write the years as a number."), status=422)
    period = Period(
        what=request.POST.get("what", ""),
        kinds=tuple(request.POST.getlist("kinds")),
        grades=tuple(request.POST.getlist("grades")),
        years=int(years[:4]) if years else None,
        source=request.POST.get("source", "").strip()[:200],
    )
    seen = request.POST.get("seen", "")
    is_gone = request.POST.get("do") == "remove"
    verb = services.remove_period if is_gone else services.set_period
    verb(
        period, seen=int(seen) if seen.isascii() and seen.isdigit() else -1, by=request.user,
        now=timezone.now(),
    )  # fmt: skip
    notices.say(request, _("The periods are changed, and noted."))
    return redirect(f"{reverse('retention:due')}#periods")


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
            until=day_in(request.POST.get("until", "")),
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
