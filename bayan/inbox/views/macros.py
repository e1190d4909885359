"""Ready-made series of acts on the page of settings."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bayan.core import notices
from bayan.core.views import uuid_in
from bayan.inbox import services, steps
from bayan.inbox.models import Macro
from bayan.inbox.views.organising import bodies_managed, node_to_manage
from bayan.people.permissions import StaffRequest, requires


@require_http_methods(["GET", "POST"])
@requires("inbox.manage")
def save_macro(request: StaffRequest) -> HttpResponse:
    """The form of one (or of a new one), fetched when it is opened; and what it sends."""
    macro_id = uuid_in(request.POST.get("id", "") or request.GET.get("id", ""))
    if request.method == "GET":
        return _form(request, macro_id)
    node = node_to_manage(request, Macro, macro_id)
    services.save_macro(
        macro_id,
        title=request.POST.get("title", ""),
        steps=request.POST.getlist("step"),
        note=request.POST.get("note", ""),
        node=node,
        by=request.user,
        now=timezone.now(),
    )
    notices.say(request, _("The ready-made action was saved."))
    return redirect("inbox:settings")


@require_POST
@requires("inbox.manage")
def delete_macro(request: StaffRequest, public_id: UUID) -> HttpResponse:
    node_to_manage(request, Macro, public_id)
    services.delete_macro(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The ready-made action was deleted."))
    return redirect("inbox:settings")


def _form(request: StaffRequest, macro_id: UUID | None) -> HttpResponse:
    macro = None
    bodies = bodies_managed(request)
    if macro_id:
        macro = get_object_or_404(Macro.objects.select_related("node"), public_id=macro_id)
        request.access.require("inbox.manage", macro.node)
        bodies = [macro.node]
    chosen = macro.steps if macro else []
    places = [*chosen, *[""] * services.MOST_STEPS][: services.MOST_STEPS]
    return render(
        request,
        f"inbox/macro.html{'#form' if request.htmx else ''}",
        {
            "macro": macro,
            "bodies": bodies,
            "places": places,
            "groups": steps.offered(bodies, now=timezone.now()),
        },
    )
