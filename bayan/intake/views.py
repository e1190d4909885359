"""What could not be processed: shown to the administrator, who can try it again."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bayan.core.rls import as_worker
from bayan.intake import selectors, services
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("journal.manage", everywhere=True)
def set_aside(request: StaffRequest) -> HttpResponse:
    """The webhook bodies that were set aside, without their content."""
    with as_worker():
        entries = selectors.entries(set_aside_only=True, limit=200)
    return render(request, "intake/set_aside.html", {"entries": entries})


@require_POST
@requires("journal.manage", everywhere=True)
def replay(request: StaffRequest, entry_id: int) -> HttpResponse:
    """Put one back into the queue."""
    with as_worker():
        services.replay(entry_id, by=request.user, now=timezone.now())
    return redirect("intake:set_aside")
