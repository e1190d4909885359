"""The inbox: conversations, one of them, and answering in it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.core import live
from bayan.core.exports import csv_response
from bayan.core.files import file_response
from bayan.core.paging import Cursor
from bayan.core.views import refusal
from bayan.inbox import composing, selectors, services, tables
from bayan.inbox.filtering import Asked, query_of
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

MOST_PRINTED = 2_000


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
    context = thread(request, public_id)
    part = request.GET.get("part", "") if request.htmx else ""
    if part in {"messages", "about"}:
        return render(request, f"inbox/inbox.html#{part}", context)
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "inbox/inbox.html#workspace", context)
    return render(request, "inbox/inbox.html", context | _list(request))


@require_GET
@requires("conversations.read")
def printed(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A conversation for paper: its latest two thousand messages, with the facts of its case."""
    found = get_object_or_404(
        Conversation.objects.select_related("contact", "node", "assignee"), public_id=public_id
    )
    return render(
        request,
        "inbox/print.html",
        {
            "conversation": found,
            "entries": selectors.messages_of(found, most=MOST_PRINTED),
            "heading": services.heading(found) if found.matter else "",
            "now": timezone.now(),
        },
    )


@require_GET
@requires("conversations.read")
def export(request: StaffRequest) -> StreamingHttpResponse:
    """All conversations that the filters of the list let through, as a file for spreadsheets."""
    asked = Asked.by(request.GET, is_all=True)
    now = timezone.now()
    # The stream reads with the worker's eyes: only what the member may read is let through here.
    readable = list(request.access.nodes_where("conversations.read").values_list("pk", flat=True))
    found = asked.rows(member=request.user, now=now).filter(node__in=readable)
    services.note_export(
        "conversations.exported",
        found.count(),
        access=request.access,
        now=now,
        view=asked.filters.view,
        body=asked.filters.body,
    )
    return csv_response(
        "conversations",
        tables.heading_of_conversations(),
        lambda after: tables.conversations(found, after=after),
    )


@require_GET
@requires("conversations.read")
def export_messages(request: StaffRequest, public_id: UUID) -> StreamingHttpResponse:
    """The messages of one conversation as a file for spreadsheets."""
    found = get_object_or_404(
        Conversation.objects.select_related("contact", "node"), public_id=public_id
    )
    request.access.require("conversations.read", found.node)
    services.note_export_of(found, by=request.user, now=timezone.now())
    return csv_response(
        f"conversation-{found.public_id}",
        tables.heading_of_messages(),
        lambda after: tables.messages(found, after=after),
    )


@require_GET
@requires("conversations.read")
def gallery(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """All files of a conversation, the newest first."""
    found = get_object_or_404(
        Conversation.objects.select_related("contact", "node"), public_id=public_id
    )
    files = selectors.files_of(found)
    return render(request, "inbox/gallery.html", {"conversation": found, "files": files})


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
    return render(request, "inbox/inbox.html#thread", thread(request, public_id))


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
    now = timezone.now()
    services.look_at(found.public_id, now=now)
    services.be_here(found, by=request.user, writes=False, now=now)
    if services.see_mentions(found, by=request.user, now=now):
        live.announce([(found.node_id, "conversation", found.public_id)])
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_POST
@requires("conversations.reply")
def typing(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A member is writing an answer."""
    found = _checked(request, public_id)
    now = timezone.now()
    services.say_typing(found.public_id, now=now)
    services.be_here(found, by=request.user, writes=True, now=now)
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
    asked = Asked.by(request.GET)
    filters = asked.filters
    now = timezone.now()
    after = request.GET.get("after")
    page = selectors.page_of_conversations(
        filters,
        member=request.user,
        now=now,
        found=asked.found,
        after=Cursor.read(after) if after else None,
    )
    return {
        "filters": filters,
        "view": filters.view,
        "words": filters.words,
        "query": query_of(filters),
        "is_narrowed": filters.is_narrowed,
        "is_near": asked.found is not None and asked.found.is_near,
        "is_cut": asked.found is not None and asked.found.is_cut,
        "counts": asked.counts(member=request.user, now=now),
        "page": page,
        "labels": selectors.labels(),
        "saved_views": selectors.saved_views_of(request.user, "conversations"),
        "may_act": request.access.may("conversations.reply"),
        "now": now,
    }


def thread(request: StaffRequest, public_id: UUID) -> dict[str, Any]:
    """What the page shows of one conversation."""
    now = timezone.now()
    found = selectors.thread_of(public_id, reader=request.user, now=now)
    if found is None:
        raise Http404
    before = request.GET.get("before", "")
    messages = selectors.messages_of(found, before=int(before) if before.isdigit() else None)
    is_full = len(messages) == selectors.PAGE_OF_MESSAGES
    context: dict[str, Any] = {
        "conversation": found,
        "entries": selectors.with_notes(messages, found, is_start=not is_full, is_end=not before),
        # A full page may have another one before it.
        "earlier_before": messages[0].pk if is_full else None,
        "thread_labels": selectors.labels_on(found),
        "others": selectors.others_here(found, but=request.user, now=now)
        if vars(found)["has_lookers"]
        else [],
        "heading": services.heading(found),
        "now": now,
        "newest": found.last_inbound_at,
    }
    context |= _rights(request, found, found.node, now=now)
    # Whose words only came through another may still have left a mobile.
    context["is_reachable"] = bool(found.last_inbound_at) or found.contact.identities.exists()
    if context["may_reply"] and found.matter and context["is_reachable"]:
        # Without JavaScript the composer's kinds are pages of their own.
        context |= composing.offer(
            found, request.GET, messages=messages, is_writable=context["is_writable"], now=now
        )
    return context
