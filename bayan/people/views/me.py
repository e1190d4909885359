"""A member's own page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from bayan.people.models import Role
from bayan.people.permissions import StaffRequest, for_members


@require_GET
@for_members
def me(request: StaffRequest) -> HttpResponse:
    """What the member may do, where, and until when."""
    context = {"roles": Role.objects.held_by(request.user, now=timezone.now())}
    return render(request, "people/me.html", context)
