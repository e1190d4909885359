"""Signing in to the demo with one click, and the stream that keeps screens live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from allauth.account.views import LoginView
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import login
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bayan.core import notices
from bayan.core import undo as core_undo
from bayan.core.live import hub
from bayan.core.models import AuditEntry
from bayan.core.references import digits_in
from bayan.people import selectors
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires, sign_in_first
from bayan.people.trail import in_words

# A browser that hears nothing for longer takes the line for dead; proxies do so after a minute.
HEARTBEAT_SECONDS = 20
VISIBILITY_SECONDS = 60
PAGE_OF_TRAIL = 100


class SignIn(LoginView):  # type: ignore[misc]  # allauth ships no types
    """E-mail and password; in the demo also its people, one click each."""

    def get_context_data(self, **extra: Any) -> dict[str, Any]:
        members = selectors.demo_members() if settings.IS_DEMO else []
        context: dict[str, Any] = super().get_context_data(demo_members=members, **extra)
        return context


sign_in = SignIn.as_view()


@require_POST
def demo_sign_in(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Sign in as one of the demo's people; exists only while the demo runs."""
    if not settings.IS_DEMO:
        raise Http404
    member = get_object_or_404(Member, public_id=public_id, is_demo=True, is_active=True)
    login(request, member, backend=settings.AUTHENTICATION_BACKENDS[0])
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = settings.LOGIN_REDIRECT_URL
    return redirect(target)


@require_GET
@requires("audit.read")
def trail(request: StaffRequest) -> HttpResponse:
    """The audit trail of the bodies that the reader sees, newest first; all of one subject if asked."""
    subject = request.GET.get("subject", "").strip()[:80]
    before = request.GET.get("before", "")
    entries = AuditEntry.objects.order_by("-pk")
    if subject:
        # A reference is read aloud in groups, and written so.
        compact = "".join(subject.split())
        entries = entries.filter(subject_key=digits_in(compact) if compact.isdecimal() else subject)
    if before.isdigit():
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: PAGE_OF_TRAIL + 1])
    context = {
        "entries": in_words(found[:PAGE_OF_TRAIL]),
        "subject": subject,
        "next_before": found[PAGE_OF_TRAIL - 1].pk if len(found) > PAGE_OF_TRAIL else None,
    }
    part = "#rows" if request.htmx else ""
    return render(request, f"people/trail.html{part}", context)


@require_POST
@requires("conversations.read")
def undo(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Undo what the member has just done; the screens follow by themselves."""
    core_undo.undo(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Undone."))
    if request.htmx:
        return HttpResponse()
    back = request.headers.get("Referer", "")
    known = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if known else settings.LOGIN_REDIRECT_URL)


@require_GET
async def live(request: StaffRequest) -> HttpResponse | StreamingHttpResponse:
    """Server-sent events: what changed, as topic and id, of what this member may see."""
    if not (await request.auser()).is_authenticated:
        return await sync_to_async(sign_in_first)(request)  # type: ignore[return-value]
    member = request.user
    # Read here, inside the request's transaction: the stream itself has none.
    nodes = await sync_to_async(selectors.visible_node_ids)(member)
    response = StreamingHttpResponse(_stream(member, nodes), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _stream(member: Member, nodes: frozenset[int]) -> AsyncGenerator[bytes]:
    read_at = time.monotonic()
    yield b"retry: 2000\n\n"
    async with hub.subscription() as queue:
        while True:
            try:
                notice = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if notice is None:
                # The browser reconnects and then fetches its lists anew.
                return
            if time.monotonic() - read_at > VISIBILITY_SECONDS:
                nodes = await sync_to_async(_visible_now)(member)
                read_at = time.monotonic()
            if notice.node_id in nodes:
                yield f"event: change\ndata: {notice.topic} {notice.key}\n\n".encode()


def _visible_now(member: Member) -> frozenset[int]:
    try:
        return selectors.visible_node_ids(member)
    finally:
        # A stream lives for hours: its connection goes back to the pool meanwhile.
        connection.close()
