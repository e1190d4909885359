"""The audit trail, to be read."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from bayan.core.models import AuditEntry
from bayan.core.references import digits_in
from bayan.people.permissions import StaffRequest, requires
from bayan.people.trail import in_words

PAGE = 50


@require_GET
@requires("audit.read")
def trail(request: StaffRequest) -> HttpResponse:
    """The audit trail of the reader's bodies, newest first; all of one subject if asked."""
    subject = request.GET.get("subject", "").strip()[:80]
    before = request.GET.get("before", "")
    nodes = request.access.nodes_where("audit.read")
    entries = AuditEntry.objects.filter(node_id__in=nodes.values("pk")).order_by("-pk")
    if subject:
        # A reference is read aloud in groups, and written so.
        compact = "".join(subject.split())
        entries = entries.filter(subject_key=digits_in(compact) if compact.isdecimal() else subject)
    if before.isdigit():
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: PAGE + 1])
    context = {
        "entries": in_words(found[:PAGE]),
        "subject": subject,
        "next_before": found[PAGE - 1].pk if len(found) > PAGE else None,
    }
    part = "#rows" if request.htmx else ""
    return render(request, f"people/trail.html{part}", context)
