"""The call tree, to be printed and laid beside the phone."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from bayan.people.calling import call_tree as tree_for
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("duty.manage")
def call_tree(request: StaffRequest) -> HttpResponse:
    """Who calls whom, with their numbers, in the bodies for which this member writes the roster."""
    now = timezone.now()
    return render(
        request,
        "people/call_tree.html",
        {"branches": tree_for(request.access, now=now), "now": now},
    )
