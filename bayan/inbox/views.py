"""The inbox: conversations, one of them, and answering in it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.core.files import file_response
from bayan.core.paging import Cursor
from bayan.core.views import refusal, uuid_in
from bayan.inbox import composing, selectors, services
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("conversations.read")
def conversations(request: StaffRequest) -> HttpResponse:
    """The list alone: as a page, or as the fragment that a live page fetches."""
    context = _list(request)
    # The next page's rows are added to those that stand there already.
    fragment = "#rows" if "after" in request.GET else "#list"
    return render(request, f"inbox/inbox.html{fragment if request.htmx else ''}", context)


@require_GET
@requires("conversations.read")
def conversation(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One conversation: within the page, or as the part of it that is asked for."""
    context = _thread(request, public_id)
    part = request.GET.get("part", "") if request.htmx else ""
    if part == "messages":
        return render(request, "inbox/inbox.html#messages", context)
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "inbox/inbox.html#workspace", context)
    return render(request, "inbox/inbox.html", context | _list(request))


@require_GET
@requires("conversations.read")
def message(request: StaffRequest, outgoing_id: UUID) -> HttpResponse:
    """One message of ours, fetched anew when the provider said something of it."""
    row = selectors.message_of_outgoing(outgoing_id)
    if row is None:
        raise Http404
    return _bubble(request, row)


@require_safe
@requires("conversations.read")
def media(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """A file of a message: whoever sees the message's body sees it, as row-level security decides."""
    scopes = getattr(request, "api_scopes", None)
    if scopes is not None and "read" not in scopes:
        raise PermissionDenied
    found = get_object_or_404(Media, public_id=public_id, state=Media.State.STORED)
    path = channels.media_path(found)
    if not path.is_file():
        raise Http404
    return file_response(
        request,
        path,
        mime_type=found.mime_type,
        name=found.name or f"{found.kind}-{found.public_id}",
        etag=found.sha256,
        to_save="download" in request.GET,
    )


@require_POST
@requires("conversations.reply")
def reply(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Answer the person, with whatever kind of message the composer holds."""
    found = _checked(request, public_id)
    try:
        composing.send(request.POST, request.FILES, found, by=request.user, now=timezone.now())
    except composing.Incomplete as problem:
        return refusal(request, str(problem), status=422)
    if not request.htmx:
        return redirect("inbox:conversation", public_id)
    return render(request, "inbox/inbox.html#thread", _thread(request, public_id))


@require_GET
@requires("conversations.reply")
def compose(request: StaffRequest, public_id: UUID, kind: str) -> HttpResponse:
    """What the composer asks for a message of this kind, besides its text."""
    found = _checked(request, public_id)
    if kind not in composing.KINDS:
        raise Http404
    context = {"conversation": found} | composing.context(kind, found, request.GET)
    return render(request, "inbox/extra.html", context)


@require_POST
@requires("conversations.reply")
def react(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Put an emoji on a message of the person, or take it back."""
    row = get_object_or_404(Message.objects.select_related("node"), public_id=public_id)
    request.access.require("conversations.reply", row.node)
    services.react(
        row.public_id, request.POST.get("emoji", ""), by=request.user, now=timezone.now()
    )
    return _again(request, row.public_id)


@require_POST
@requires("conversations.reply")
def looked(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A member has the conversation before their eyes: what the person wrote is read."""
    found = _checked(request, public_id)
    services.look_at(found.public_id, now=timezone.now())
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_POST
@requires("conversations.reply")
def typing(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A member is writing an answer."""
    found = _checked(request, public_id)
    services.say_typing(found.public_id, now=timezone.now())
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_POST
@requires("conversations.reply")
def resend(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Send a message again of which nobody knows whether it arrived."""
    row = get_object_or_404(Message.objects.select_related("node"), public_id=public_id)
    request.access.require("conversations.reply", row.node)
    row = services.resend(row.public_id, by=request.user, now=timezone.now())
    if not request.htmx:
        return redirect("inbox:conversation", row.conversation.public_id)
    return _again(request, row.public_id)


@require_POST
@requires("conversations.reply")
def withdraw(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take back a message that waits for the person to write."""
    row = get_object_or_404(Message.objects.select_related("node"), public_id=public_id)
    request.access.require("conversations.reply", row.node)
    row = services.withdraw(row.public_id, by=request.user, now=timezone.now())
    if not request.htmx:
        return redirect("inbox:conversation", row.conversation.public_id)
    return _again(request, row.public_id)


def _again(request: StaffRequest, public_id: UUID) -> HttpResponse:
    row = selectors.message_of(public_id)
    if row is None:
        raise Http404
    return _bubble(request, row)


def _bubble(request: StaffRequest, row: Message) -> HttpResponse:
    return render(
        request,
        "inbox/bubble.html",
        {"message": row} | _rights(request, row.conversation, row.node, now=timezone.now()),
    )


def _rights(
    request: StaffRequest, conversation: Conversation, node: Node, *, now: datetime
) -> dict[str, bool]:
    """What the member may do in this conversation now."""
    may_reply = request.access.may("conversations.reply", node)
    is_writable = conversation.is_writable(now=now)
    return {
        "may_reply": may_reply,
        "is_writable": is_writable,
        "can_write": may_reply and is_writable and bool(conversation.matter),
    }


def _checked(request: StaffRequest, public_id: UUID) -> Conversation:
    """The conversation, if the member's role answers for its body."""
    found = get_object_or_404(
        Conversation.objects.select_related("node", "number"), public_id=public_id
    )
    request.access.require("conversations.reply", found.node)
    return found


def _list(request: StaffRequest) -> dict[str, Any]:
    filters = _filters(request)
    found = selectors.look_for(filters.words) if filters.words else None
    now = timezone.now()
    after = request.GET.get("after")
    return {
        "filters": filters,
        "view": filters.view,
        "words": filters.words,
        "is_near": found is not None and found.is_near,
        "counts": selectors.counts(filters, member=request.user, now=now, found=found),
        "page": selectors.page_of_conversations(
            selectors.conversations(filters, member=request.user, now=now, found=found),
            is_oldest_first=filters.is_oldest_first,
            after=Cursor.read(after) if after else None,
        ),
    }


def _filters(request: StaffRequest) -> selectors.Filters:
    given = request.GET
    view = given.get("view", "open")
    view = view if view in selectors.VIEWS else "open"
    order = given.get("order") or ("oldest" if view == "waiting" else "newest")
    return selectors.Filters(
        view=view,
        words=given.get("q", "").strip()[:100],
        body=given.get("body", "")[:60],
        label=uuid_in(given.get("label", "")),
        assignee=_member_in(given.get("assignee", "")),
        is_oldest_first=order == "oldest",
    )


def _member_in(given: str) -> str:
    return given if given == "none" or uuid_in(given) else ""


def _thread(request: StaffRequest, public_id: UUID) -> dict[str, Any]:
    found = get_object_or_404(
        Conversation.objects.select_related("contact", "node", "number"), public_id=public_id
    )
    before = request.GET.get("before", "")
    now = timezone.now()
    messages = selectors.messages_of(found, before=int(before) if before.isdigit() else None)
    context: dict[str, Any] = {
        "conversation": found,
        "messages": messages,
        # A full page may have another one before it.
        "earlier_before": messages[0].pk if len(messages) == selectors.PAGE_OF_MESSAGES else None,
        "heading": services.heading(found),
        "now": now,
        "newest": found.last_inbound_at,
    }
    context |= _rights(request, found, found.node, now=now)
    if context["may_reply"] and found.matter:
        # Without JavaScript the composer's kinds are pages of their own.
        context |= composing.offer(found, request.GET, is_writable=context["is_writable"])
    return context
