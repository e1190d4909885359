"""«الموقف الآن» as a page, and the rows behind its figures."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from bayan.core.events import phone_numbers
from bayan.desk import situation as reading
from bayan.desk.situation import Scope
from bayan.desk.today import standings
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("cases.read")
def page(request: StaffRequest, key: str = reading.WHOLE) -> HttpResponse:
    """How a body stands now, or all that the reader sees."""
    now = timezone.now()
    bodies = reading.bodies_of(request.access)
    scope = _scope(key, bodies)
    context = {
        "situation": reading.situation(request.access, scope, now=now),
        "bodies": bodies,
        "standings": standings(request.access, now=now) if scope.node is None else [],
        "numbers": phone_numbers(),
        "is_linked": request.user.phone_linked_at is not None,
    } | _frame(scope)
    return render(request, f"desk/situation.html{'#content' if request.htmx else ''}", context)


@require_GET
@requires("cases.read")
def circulating(request: StaffRequest, key: str) -> HttpResponse:
    """What many write of and what members passed on within a day."""
    now = timezone.now()
    scope = _scope(key, reading.bodies_of(request.access))
    bursts, forwards = reading.circulating(scope, now=now)
    context = {
        "bursts": bursts,
        "forwards": forwards,
        "counts": reading.counts_of_circulating(scope, now=now),
    } | _frame(scope)
    return render(request, f"desk/circulating.html{'#content' if request.htmx else ''}", context)


@require_GET
@requires("cases.read")
def statements(request: StaffRequest, key: str) -> HttpResponse:
    """What the public was told, the latest first."""
    scope = _scope(key, reading.bodies_of(request.access))
    context = {"statements": reading.statements(scope)} | _frame(scope)
    return render(request, "desk/statements.html", context)


def _frame(scope: Scope) -> dict[str, Any]:
    return {"scope": scope, "title": reading.title_of(scope)}


def _scope(key: str, bodies: list[Any]) -> Scope:
    if not bodies:
        raise PermissionDenied(_("Your role does not include this page."))
    scope = reading.scope_named(key, bodies)
    if scope is None:
        # A body that one does not see is not there.
        raise Http404
    return scope
