"""Digital clearance of a leaving member, and its certificate."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people import selectors, services
from bayan.people.forms.deputies import SuccessorForm
from bayan.people.models import Clearance, Role
from bayan.people.permissions import StaffRequest, requires


@require_http_methods(["GET", "POST"])
@requires("people.manage")
def clearance(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What the member holds, and to whom all of it goes."""
    member = selectors.known_member(request.access, public_id)
    if member is None:
        raise Http404
    now = timezone.now()
    form = SuccessorForm(
        request.POST or None, members=selectors.successors_of(member, request.access, now=now)
    )
    if request.method == "POST" and form.is_valid():
        try:
            done = services.clear_member(
                member, successor=form.cleaned_data["successor"], by=request.access, now=now
            )
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("people:certificate", done.public_id)
    context = {
        "member": member,
        "form": form,
        "may": member.pk != request.user.pk
        and selectors.is_in_charge(request.access, member, now=now),
        "holdings": [(holding.label, holding.count(member)) for holding in services.all_holdings()],
    }
    return render(request, "people/clearance.html", context, status=422 if form.errors else 200)


@require_GET
@requires("people.manage")
def certificate(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Who left, when, by whose hand, and what went to whom; to be printed."""
    found = get_object_or_404(
        Clearance.objects.select_related("member", "successor", "cleared_by", "home"),
        public_id=public_id,
    )
    if selectors.known_member(request.access, found.member.public_id) is None:
        raise Http404
    labels = {holding.key: holding.label for holding in services.all_holdings()}
    kinds = dict(Role.Kind.choices)
    bodies = {node.key: node.name for node in Node.objects.all()}
    context = {
        "clearance": found,
        "roles": [(kinds.get(kind, kind), bodies.get(key, key)) for kind, key in found.roles],
        "lines": [(labels.get(key, key), held, passed) for key, held, passed in found.handed_over],
    }
    return render(request, "people/certificate.html", context)
