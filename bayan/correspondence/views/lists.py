"""Lists of addressees."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.views import uuid_in
from bayan.correspondence import selectors, services
from bayan.correspondence.forms import ListForm
from bayan.correspondence.models import AddressList
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("letters.write")
def lists(request: StaffRequest) -> HttpResponse:
    """The lists of the reader's bodies; one of them, or a new one, to be written."""
    key = uuid_in(request.GET.get("list", ""))
    found = get_object_or_404(selectors.lists_of(request.access), public_id=key) if key else None
    initial = (
        {"name": found.name, "members": [str(m.public_id) for m in found.members.all()]}
        if found
        else None
    )
    form = ListForm(access=request.access, now=timezone.now(), initial=initial)
    return _page(request, form, found)


def _page(
    request: StaffRequest, form: ListForm, found: AddressList | None, *, status: int = 200
) -> HttpResponse:
    context = {"lists": selectors.lists_of(request.access), "form": form, "list": found}
    return render(request, "correspondence/lists.html", context, status=status)


@require_POST
@requires("letters.write")
def save(request: StaffRequest) -> HttpResponse:
    """Keep a list."""
    key = uuid_in(request.POST.get("id", ""))
    found = get_object_or_404(selectors.lists_of(request.access), public_id=key) if key else None
    form = ListForm(request.POST, access=request.access, now=timezone.now())
    if form.is_valid():
        given = form.cleaned_data
        bodies = Node.objects.filter(pk__in=request.access.bodies_of("letters.write"))
        try:
            services.save_list(
                given["name"],
                list(given["members"]),
                node=found.node if found else min(bodies, key=lambda node: len(node.lineage)),
                list_id=found.public_id if found else None,
            )
        except DomainError as refused:
            form.add_error("name", str(refused))
        else:
            notices.say(request, _("The list is kept."))
            return redirect("correspondence:lists")
    return _page(request, form, found, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@require_POST
@requires("letters.write")
def delete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Throw a list away."""
    get_object_or_404(selectors.lists_of(request.access), public_id=public_id)
    services.delete_list(public_id)
    notices.say(request, _("The list is gone. Letters that went to it stay as they are."))
    return redirect("correspondence:lists")
