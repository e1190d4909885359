"""Requests: the list, one with all that happened to it, and what may be done with it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from bayan.channels import services as channels
from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.exports import small_csv
from bayan.core.files import file_response
from bayan.core.paging import Cursor, counts_of, page_of
from bayan.core.views import refusal, uuid_in
from bayan.inbox import services as inbox
from bayan.needs import selectors, services
from bayan.needs.fields import AskForm, answered, fields_of
from bayan.needs.forms import USUAL_TERM, GrantForm, due_in
from bayan.needs.models import Attachment, Kind, Need, NeedQuerySet
from bayan.needs.selectors import NeedFilter
from bayan.people.permissions import StaffRequest, requires

SHOWN, MOST_SAVED, MOST_AT_ONCE = 50, 5_000, 200


@require_GET
@requires("needs.read")
def needs(request: StaffRequest) -> HttpResponse:
    """What the reader's bodies ask for, and what they are asked for."""
    now = timezone.now()
    asked = NeedFilter.read(request.GET.dict())
    after = request.GET.get("after")
    views = selectors.views(asked, request.access, now=now)
    page = page_of(
        selectors.shown(views[asked.view]),
        newest="asked_at",
        after=Cursor.read(after) if after else None,
        limit=SHOWN,
    )
    context = {
        "page": page,
        "asked": asked,
        "words": asked.words,
        "query": asked.query,
        "counts": {} if after else counts_of(views),
        "kinds": Kind.choices,
        "bodies": [] if after else selectors.bodies_asking(),
        "may_ask": request.access.may("needs.ask"),
        # No municipality provides what others ask for.
        "may_decide": request.access.may("needs.decide") and not request.access.is_municipal,
        "may_manage": request.access.may_everywhere("needs.manage"),
        "now": now,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"needs/needs.html{part}", context)


@require_GET
@requires("needs.read")
def export(request: StaffRequest) -> HttpResponse:
    """The list as a file for spreadsheets."""
    now = timezone.now()
    asked = NeedFilter.read(request.GET.dict())
    rows = selectors.views(asked, request.access, now=now)[asked.view]
    found = list(selectors.shown(rows).order_by("-asked_at", "-pk")[:MOST_SAVED])
    inbox.note_export("needs.exported", len(found), access=request.access, now=now, view=asked.view)
    heading = [
        _("Number"), _("Kind"), _("Subject"), _("Body that asks"), _("Asked on"), _("State"),
        _("How many asked"), _("How many granted"), _("How many provided"), _("Due"), _("Provided on"),
        _("Reason"),
    ]  # fmt: skip
    lines = [
        [
            need.reference, need.get_kind_display(), need.title, need.node.name, _day(need.asked_at),
            need.get_state_display(), str(need.quantity), _number(need.granted),
            _number(need.provided), _day(need.due_at), _day(need.provided_at), need.reason,
        ]
        for need in found
    ]  # fmt: skip
    return small_csv("needs", [heading, *lines])


def _day(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M") if moment else ""


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


@require_POST
@requires("needs.decide")
def act(request: StaffRequest) -> HttpResponse:
    """Grant or refuse several requests that wait for a decision; undone for ten seconds."""
    now = timezone.now()
    rows = _chosen(request, now=now)
    count = rows.undecided().count()
    if not count:
        return refusal(request, _("None of these waits for a decision."), status=422)
    match request.POST.get("do", ""):
        case "grant":
            done = services.grant_each(
                rows, services.Grant(due_at=due_in(USUAL_TERM, now=now)), by=request.user, now=now
            )
            said = ngettext(
                "%(count)d request is granted.", "%(count)d requests are granted.", done.count
            )
        case "refuse":
            done = services.refuse_each(
                rows, request.POST.get("reason", ""), by=request.user, now=now
            )
            said = ngettext(
                "%(count)d request is not granted.",
                "%(count)d requests are not granted.",
                done.count,
            )
        case _:
            raise Http404
    notices.say(request, said % {"count": done.count}, undo=done.undo)
    if request.htmx:
        return HttpResponse()
    return redirect(f"{reverse('needs:needs')}?{request.POST.get('query', '')[:600]}")


def _chosen(request: StaffRequest, *, now: datetime) -> NeedQuerySet:
    """The chosen rows, or all that the list's filters let through, in bodies where the reader decides."""
    if request.POST.get("all"):
        asked = NeedFilter.read(QueryDict(request.POST.get("query", "")[:600]).dict())
        rows = selectors.views(asked, request.access, now=now)[asked.view]
    else:
        keys = [key for text in request.POST.getlist("ids") if (key := uuid_in(text))]
        rows = Need.objects.filter(public_id__in=keys[:MOST_AT_ONCE])
    deciding = rows.filter(
        provider__lineage__overlap=request.access.bodies_of("needs.decide")
    ).values("pk")[:MOST_AT_ONCE]
    return Need.objects.filter(pk__in=list(deciding.values_list("pk", flat=True)))


# --- Asking


@require_GET
@requires("needs.ask")
def choose(request: StaffRequest) -> HttpResponse:
    """What can be asked for."""
    return render(request, "needs/choose.html", {"forms": selectors.offered()})


@require_http_methods(["GET", "POST"])
@requires("needs.ask")
def ask(request: StaffRequest, key: str) -> HttpResponse:
    """Ask for something in the name of the reader's body."""
    found = get_object_or_404(selectors.offered(), key=key)
    node = selectors.home_of(request.access, "needs.ask")
    assert node is not None  # noqa: S101  # the door let only members with such a role through
    assert found.version is not None  # noqa: S101  # only such are offered
    form = AskForm(request.POST or None, request.FILES or None, version=found.version)
    if request.method == "POST" and form.is_valid():
        made = services.ask(
            found.version,
            form.what(),
            node=node,
            by=request.user,
            now=timezone.now(),
            files=[
                services.Upload(field, upload.file, upload.name or "", upload.content_type or "")
                for field, upload in form.uploads()
            ],
        )
        notices.say(
            request, _("Asked. You are told by WhatsApp at each step, and see it on this page.")
        )
        return redirect("needs:need", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {"form": form, "found": found, "node": node}
    return render(request, "needs/ask.html", context, status=status)


# --- One request


@require_GET
@requires("needs.read")
def need(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One request: what is asked, how it stands, what happened, and what may be done now."""
    return _page(request, public_id)


def _page(
    request: StaffRequest, public_id: UUID, *, status: int = HTTPStatus.OK, **more: Any
) -> HttpResponse:
    now = timezone.now()
    found = get_object_or_404(selectors.whole(Need.objects.all()), public_id=public_id)
    access = request.access
    may_decide = access.may("needs.decide", found.provider)
    is_to_provide = found.state in {Need.State.GRANTED, Need.State.PARTLY}
    labels = {field.key: field.label for field in fields_of(found.version)}
    context = {
        "need": found,
        "answers": answered(found.version, found.answers),
        "files": [(labels.get(one.field, ""), one) for one in selectors.attachments_of(found)],
        "is_undecided": found.state in {Need.State.ASKED, Need.State.REVIEW},
        "is_to_provide": is_to_provide,
        "may_decide": may_decide,
        "may_provide": is_to_provide and access.may("needs.provide", found.provider),
        "may_answer": services.may_answer(found, access) and access.may("needs.ask"),
        "may_withdraw": services.may_answer(found, access)
        and found.is_open
        and found.state != Need.State.PROVIDED,
        "grant_form": GrantForm(need=found, now=now)
        if may_decide and (found.is_open and found.state != Need.State.PROVIDED)
        else None,
        "now": now,
    }
    part = "#content" if request.htmx and not more else ""
    return render(request, f"needs/need.html{part}", context | more, status=status)


@require_safe
@requires("needs.read")
def file(request: StaffRequest, public_id: UUID, attachment_id: int) -> HttpResponseBase:
    """A file of a request, for whoever sees the request."""
    found = get_object_or_404(Need, public_id=public_id)
    chosen: Attachment | None = next(
        (one for one in selectors.attachments_of(found) if one.pk == attachment_id), None
    )
    path = channels.media_path(chosen.media) if chosen else None
    if chosen is None or path is None or not chosen.media.sha256 or not path.is_file():
        raise Http404
    return file_response(
        request,
        path,
        mime_type=chosen.media.mime_type,
        name=chosen.media.name or f"{chosen.media.public_id}",
        etag=chosen.media.sha256,
        to_save=True,
    )


def _deciding(request: StaffRequest, public_id: UUID) -> Need:
    """The request, if its reader decides in the body that provides it."""
    found = get_object_or_404(
        Need.objects.select_related("provider", "version"), public_id=public_id
    )
    request.access.require("needs.decide", found.provider)
    return found


@require_POST
@requires("needs.decide")
def take(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Begin to look at it."""
    _deciding(request, public_id)
    services.take(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Under review; whoever asked is told."))
    return redirect("needs:need", public_id)


@require_POST
@requires("needs.decide")
def decide(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Grant it, in full or in part, or refuse it with a reason; or give it to somebody else."""
    found = _deciding(request, public_id)
    now = timezone.now()
    one = Need.objects.filter(pk=found.pk)
    what = request.POST.get("do", "")
    if what not in {"grant", "part", "give", "refuse"}:
        raise Http404
    try:
        if what == "refuse":
            done = services.refuse_each(
                one, request.POST.get("reason", ""), by=request.user, now=now
            )
            notices.say(request, _("Not granted; whoever asked gets the reason."), undo=done.undo)
            return redirect("needs:need", public_id)
        form = GrantForm(request.POST, need=found, now=now)
        if not form.is_valid():
            return _page(
                request, public_id, status=HTTPStatus.UNPROCESSABLE_ENTITY, grant_form=form
            )
        if what == "give":
            services.give_again(public_id, form.grant(), by=request.user, now=now)
            notices.say(request, _("The task is given."))
            return redirect("needs:need", public_id)
        done = services.grant_each(
            one, form.grant(is_part=what == "part"), by=request.user, now=now
        )
    except DomainError as refused:
        return refusal(request, str(refused), status=422)
    notices.say(
        request, _("Granted; the task is given, and whoever asked is told."), undo=done.undo
    )
    return redirect("needs:need", public_id)


@require_POST
@requires("needs.provide")
def provide(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say that it is provided."""
    found = get_object_or_404(Need.objects.select_related("provider"), public_id=public_id)
    request.access.require("needs.provide", found.provider)
    count = request.POST.get("provided", "")
    services.provide(
        public_id,
        by=request.access,
        now=timezone.now(),
        words=request.POST.get("words", "")[:500],
        provided=int(count) if count.isascii() and count.isdigit() and len(count) < 8 else None,
    )
    notices.say(request, _("Provided; whoever asked is asked whether it came."))
    return redirect("needs:need", public_id)


def _own(request: StaffRequest, public_id: UUID) -> Need:
    """The request, if its reader asks for the body that asked."""
    found = get_object_or_404(Need.objects.select_related("node"), public_id=public_id)
    request.access.require("needs.ask", found.node)
    return found


@require_POST
@requires("needs.ask")
def confirm(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say that it came."""
    _own(request, public_id)
    services.confirm(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Thank you: it is noted that it came."))
    return redirect("needs:need", public_id)


@require_POST
@requires("needs.ask")
def dispute(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say what is not as agreed."""
    _own(request, public_id)
    services.dispute(public_id, request.POST.get("words", ""), by=request.user, now=timezone.now())
    notices.say(request, _("Whoever provides it gets your words with a new task."))
    return redirect("needs:need", public_id)


@require_POST
@requires("needs.ask")
def withdraw(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take it back."""
    _own(request, public_id)
    services.withdraw_need(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The request is withdrawn."))
    return redirect("needs:need", public_id)
