"""The call tree, to be printed and laid beside the phone."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from bayan.core.documents import pdf_response
from bayan.people.calling import call_tree as tree_for
from bayan.people.permissions import StaffRequest, requires
from bayan.people.printing import call_tree_document


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


@require_GET
@requires("duty.manage")
def call_tree_pdf(request: StaffRequest) -> HttpResponse:
    """The same to print, level by level."""
    now = timezone.now()
    branches = tree_for(request.access, now=now)
    content = call_tree_document(branches, by=request.user.name, now=now)
    return pdf_response(content, f"call-tree-{timezone.localdate(now):%Y-%m-%d}.pdf")
