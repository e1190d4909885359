"""Sharing the inbox: assigning, putting off, labels, notes, ready replies and views of one's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from bayan.channels import selectors as channels
from bayan.core import notices
from bayan.core.views import refusal, uuid_in
from bayan.inbox import selectors, services, steps
from bayan.inbox.filtering import KINDS_HELD, SPANS, chosen, filters_in, query_of
from bayan.inbox.models import (
    CannedReply,
    Conversation,
    ConversationQuerySet,
    Label,
    Macro,
    Note,
    SavedView,
)
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires

# More at once are a matter for a narrower filter.
MOST_AT_ONCE = 5_000


@require_POST
@requires("conversations.reply")
def act(request: StaffRequest) -> HttpResponse:
    """Do one thing with the chosen conversations, or with all that the filters let through."""
    now = timezone.now()
    rows = chosen(request.POST, member=request.user, now=now, most=MOST_AT_ONCE)
    rows = rows.filter(node__lineage__overlap=request.access.bodies_of("conversations.reply"))
    name, _colon, value = request.POST.get("do", "").partition(":")
    verb = {
        "assign": _assign,
        "snooze": _snooze,
        "label": _label,
        "unlabel": _unlabel,
        "macro": _run,
    }.get(name)
    if verb is None:
        raise Http404
    done, said = verb(request, rows, value, now)
    if not done.count:
        return refusal(request, _("Nothing was changed: it was so already."), status=422)
    notices.say(request, said, undo=done.undo)
    if request.htmx:
        return HttpResponse()
    return redirect(_back(request))


def _assign(
    request: StaffRequest, rows: ConversationQuerySet, value: str, now: datetime
) -> tuple[services.Done, str]:
    if value == "me":
        to: Member | None = request.user
    else:
        to = get_object_or_404(Member, public_id=uuid_in(value)) if value else None
    done = services.assign(rows, to=to, by=request.user, now=now)
    if to is None:
        said = ngettext(
            "%(count)s conversation is nobody's now.",
            "%(count)s conversations are nobody's now.",
            done.count,
        )
    else:
        said = ngettext(
            "%(count)s conversation was assigned to %(name)s.",
            "%(count)s conversations were assigned to %(name)s.",
            done.count,
        )
    return done, said % {"count": done.count, "name": to.name if to else ""}


def _snooze(
    request: StaffRequest, rows: ConversationQuerySet, value: str, now: datetime
) -> tuple[services.Done, str]:
    # A time of one's own stands in a field beside the button.
    word = (request.POST.get("until", "") or "?") if value == "at" else value
    until = services.moment_of(word, now=now)
    done = services.snooze(rows, until=until, by=request.user, now=now)
    if until is None:
        said = ngettext(
            "%(count)s conversation is back in the list.",
            "%(count)s conversations are back in the list.",
            done.count,
        )
    else:
        said = ngettext(
            "%(count)s conversation was put off; it comes back by itself.",
            "%(count)s conversations were put off; they come back by themselves.",
            done.count,
        )
    return done, said % {"count": done.count}


def _label(
    request: StaffRequest, rows: ConversationQuerySet, value: str, now: datetime
) -> tuple[services.Done, str]:
    label = _label_of(value)
    done = services.label(rows, add=[label], by=request.user, now=now)
    said = ngettext(
        "“%(name)s” was put on %(count)s conversation.",
        "“%(name)s” was put on %(count)s conversations.",
        done.count,
    )
    return done, said % {"count": done.count, "name": label.name}


def _unlabel(
    request: StaffRequest, rows: ConversationQuerySet, value: str, now: datetime
) -> tuple[services.Done, str]:
    label = _label_of(value)
    done = services.label(rows, remove=[label], by=request.user, now=now)
    said = ngettext(
        "“%(name)s” was taken off %(count)s conversation.",
        "“%(name)s” was taken off %(count)s conversations.",
        done.count,
    )
    return done, said % {"count": done.count, "name": label.name}


def _run(
    request: StaffRequest, rows: ConversationQuerySet, value: str, now: datetime
) -> tuple[services.Done, str]:
    macro = get_object_or_404(Macro, public_id=uuid_in(value))
    done = services.run_macro(rows, macro, by=request.user, now=now)
    said = ngettext(
        "“%(name)s” was done with %(count)s conversation.",
        "“%(name)s” was done with %(count)s conversations.",
        done.count,
    ) % {"count": done.count, "name": macro.title}
    # The page puts the words into the composer; the person at it sends them.
    if macro.reply_id and "inserts" in request.POST:
        said = _("“%(name)s” was done. Its words stand in the reply; you send them.") % {
            "name": macro.title
        }
        return services.Done(max(done.count, 1), done.undo), said
    return done, said


def _label_of(value: str) -> Label:
    return get_object_or_404(Label, public_id=uuid_in(value))


@require_GET
@requires("conversations.read")
def choices(request: StaffRequest) -> HttpResponse:
    """What the menus offer: by what the list can be narrowed, or which colleagues there are."""
    now = timezone.now()
    part = request.GET.get("part", "")
    if part == "callable":
        conversation = get_object_or_404(
            Conversation.objects.select_related("node"),
            public_id=uuid_in(request.GET.get("conversation", "")),
        )
        nodes = [conversation.node]
    else:
        nodes = selectors.nodes_seen(request.access)
    numbers = channels.all_numbers()
    context = {
        "filters": filters_in(request.GET),
        "bodies": nodes if len(nodes) > 1 else [],
        "colleagues": people.answering(nodes, now=now),
        "labels": selectors.labels_of(nodes),
        "kinds_held": KINDS_HELD.items(),
        "spans": SPANS.items(),
        "numbers": numbers if len(numbers) > 1 else [],
    }
    if part == "macros":
        context["macros"] = [row for row in selectors.macros_of(nodes) if row.changes_anything]
    part = part if part in {"callable", "colleagues", "macros"} else "narrow"
    return render(request, f"inbox/choices.html#{part}", context)


# --- Within one conversation


@require_POST
@requires("conversations.reply")
def note(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write an internal note, and call colleagues by it."""
    found = _checked(request, public_id)
    ids = [key for key in map(uuid_in, request.POST.getlist("mention")) if key]
    services.write_note(
        found.public_id,
        request.POST.get("text", ""),
        mentions=Member.objects.filter(public_id__in=ids),
        by=request.user,
        now=timezone.now(),
    )
    if request.htmx:
        return HttpResponse()
    return redirect("inbox:conversation", public_id)


@require_POST
@requires("conversations.reply")
def delete_note(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take back a note of one's own."""
    row = get_object_or_404(Note, public_id=public_id)
    conversation = services.delete_note(row.public_id, by=request.user, now=timezone.now())
    if request.htmx:
        return HttpResponse()
    return redirect("inbox:conversation", conversation.public_id)


@require_GET
@requires("conversations.read")
def presence(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Who else has this conversation before their eyes."""
    found = get_object_or_404(Conversation, public_id=public_id)
    others = selectors.others_here(found, but=request.user, now=timezone.now())
    return render(request, "inbox/inbox.html#presence", {"conversation": found, "others": others})


@require_GET
@requires("conversations.reply")
def hand(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What one may do with a conversation besides answering: who answers it, when, its labels."""
    found = _checked(request, public_id)
    part = "#menu" if request.htmx else ""
    return render(
        request, f"inbox/acts.html{part}", {"conversation": found} | _choices(request, found)
    )


@require_GET
@requires("conversations.reply")
def ready(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The ready replies of the conversation's body, filled in with what is known of it."""
    found = _checked(request, public_id)
    ready_ones = selectors.canned_replies_of(found.node)
    replies = services.filled_in(ready_ones, found, by=request.user)
    return render(request, "inbox/ready.html", {"replies": replies, "conversation": found})


def _choices(request: StaffRequest, found: Conversation) -> dict[str, Any]:
    now = timezone.now()
    return {
        "macros": services.offered_macros(found, by=request.user),
        "colleagues": people.answering([found.node], now=now),
        "labels": selectors.labels_of([found.node]),
        "now": now,
        "tomorrow": services.moment_of("tomorrow", now=now),
        "week": services.moment_of("week", now=now),
    }


def _checked(request: StaffRequest, public_id: UUID) -> Conversation:
    found = get_object_or_404(
        Conversation.objects.select_related("node", "contact"), public_id=public_id
    )
    request.access.require("conversations.reply", found.node)
    return found


def _back(request: StaffRequest) -> str:
    back = request.headers.get("Referer", "")
    known = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return back if known else "inbox:conversations"


# --- Views of one's own


@require_POST
@requires("conversations.read")
def save_view(request: StaffRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    query = query_of(filters_in(QueryDict(request.POST.get("query", ""))))
    view = services.save_view(
        page=SavedView.Page.CONVERSATIONS,
        name=request.POST.get("name", ""),
        query=query,
        by=request.user,
    )
    notices.say(request, _("The view “%(name)s” was saved.") % {"name": view.name})
    return redirect(f"{reverse('inbox:conversations')}?{query}")


@require_POST
@requires("conversations.read")
def delete_view(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Delete a view of one's own, of conversations or of cases; its list stays as it is seen."""
    services.delete_view(public_id, by=request.user)
    notices.say(request, _("The view was deleted."))
    return redirect(_back(request))


# --- Settings of a body


def bodies_managed(request: StaffRequest) -> list[Node]:
    """The bodies whose labels, ready replies and actions the member may change, in the order of the tree."""
    return list(
        Node.objects.filter(lineage__overlap=request.access.bodies_of("inbox.manage"))
        .exclude(kind__in=[Node.Kind.AGENCY, Node.Kind.DEPARTMENT])
        .order_by("position")
    )


@require_GET
@requires("inbox.manage")
def settings(request: StaffRequest) -> HttpResponse:
    """The ready-made actions, labels and ready replies of the bodies for which the member answers."""
    mine = bodies_managed(request)
    above = {key for node in mine for key in node.lineage}
    changeable = {node.pk for node in mine}
    labels = Label.objects.filter(node__in=above).select_related("node")
    replies = CannedReply.objects.filter(node__in=above).select_related("node")
    macros = selectors.macros_of(mine)
    return render(
        request,
        "inbox/settings.html",
        {
            "bodies": mine,
            "labels": labels.order_by("node__position", "name"),
            "replies": replies.order_by("node__position", "title"),
            "macros": [(row, said) for row, said in steps.in_words(macros)],
            "changeable": changeable,
            "tones": Label.Tone.choices,
        },
    )


@require_POST
@requires("inbox.manage")
def save_label(request: StaffRequest) -> HttpResponse:
    label_id = uuid_in(request.POST.get("id", ""))
    node = node_to_manage(request, Label, label_id)
    services.save_label(
        label_id,
        name=request.POST.get("name", ""),
        tone=request.POST.get("tone", ""),
        node=node,
        by=request.user,
        now=timezone.now(),
    )
    notices.say(request, _("The label was saved."))
    return redirect("inbox:settings")


@require_POST
@requires("inbox.manage")
def delete_label(request: StaffRequest, public_id: UUID) -> HttpResponse:
    node_to_manage(request, Label, public_id)
    services.delete_label(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The label was deleted and taken off all conversations."))
    return redirect("inbox:settings")


@require_POST
@requires("inbox.manage")
def save_reply(request: StaffRequest) -> HttpResponse:
    reply_id = uuid_in(request.POST.get("id", ""))
    node = node_to_manage(request, CannedReply, reply_id)
    services.save_canned_reply(
        reply_id,
        title=request.POST.get("title", ""),
        text=request.POST.get("text", ""),
        node=node,
        by=request.user,
        now=timezone.now(),
    )
    notices.say(request, _("The ready reply was saved."))
    return redirect("inbox:settings")


@require_POST
@requires("inbox.manage")
def delete_reply(request: StaffRequest, public_id: UUID) -> HttpResponse:
    node_to_manage(request, CannedReply, public_id)
    services.delete_canned_reply(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The ready reply was deleted."))
    return redirect("inbox:settings")


def node_to_manage(
    request: StaffRequest,
    model: type[Label] | type[CannedReply] | type[Macro],
    public_id: UUID | None,
) -> Node:
    """The body of this setting, or the one chosen for a new one, if the member's role allows it there."""
    if public_id:
        row: Any = get_object_or_404(model.objects.select_related("node"), public_id=public_id)
        node: Node = row.node
    else:
        node = get_object_or_404(Node, key=request.POST.get("node", ""))
    request.access.require("inbox.manage", node)
    return node
