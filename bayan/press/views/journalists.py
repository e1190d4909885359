"""The register of journalists, their lists, and taking in a file."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.views import uuid_in
from bayan.people.permissions import StaffRequest, requires
from bayan.press import selectors, services
from bayan.press.forms import JournalistForm
from bayan.press.models import Journalist, PressList

SHOWN = 200


@require_GET
@requires("press.contacts", everywhere=True)
def register(request: StaffRequest) -> HttpResponse:
    """Everybody in the register, by name, and the lists."""
    words = request.GET.get("q", "").strip()[:100]
    of = uuid_in(request.GET.get("list", ""))
    rows = list(selectors.journalists(words, of=str(of) if of else "")[: SHOWN + 1])
    context = {
        "rows": rows[:SHOWN],
        "has_more": len(rows) > SHOWN,
        "words": words,
        "of": str(of) if of else "",
        "lists": selectors.lists(),
    }
    return render(request, f"press/journalists.html{'#list' if request.htmx else ''}", context)


@require_http_methods(["GET", "POST"])
@requires("press.contacts", everywhere=True)
def new(request: StaffRequest) -> HttpResponse:
    """Write a journalist down."""
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@requires("press.contacts", everywhere=True)
def journalist(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What is known of a journalist, to be changed."""
    found = get_object_or_404(Journalist.objects.select_related("outlet"), public_id=public_id)
    return _form(request, found)


def _form(request: StaffRequest, found: Journalist | None) -> HttpResponse:
    initial: dict[str, Any] = {}
    if found is not None:
        initial = {
            "name": found.name,
            "outlet": found.outlet.name if found.outlet else "",
            "beat": found.beat,
            "phone": found.phone,
            "email": found.email,
            "language": found.language,
            "has_agreed": found.agreed_at is not None,
            "notes": found.notes,
        }
    form = JournalistForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        facts = services.Facts(**form.cleaned_data)
        key = found.public_id if found else None
        try:
            services.save_journalist(key, facts, by=request.user, now=timezone.now())
        except (services.PhoneUnusable, services.PhoneTaken) as refused:
            form.add_error("phone", str(refused))
        else:
            notices.say(request, _("Saved in the register."))
            return redirect("press:journalists")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {
        "form": form,
        "journalist": found,
        "outlets": JournalistForm.outlets(),
        "copies": found.copies.select_related("release__story", "outgoing").order_by("-pk")[:20]
        if found
        else [],
    }
    return render(request, "press/journalist.html", context, status=status)


@require_POST
@requires("press.contacts", everywhere=True)
def end(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a journalist out of the register."""
    get_object_or_404(Journalist, public_id=public_id)
    services.end_journalist(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Taken out of the register and of all lists."))
    return redirect("press:journalists")


@require_http_methods(["GET", "POST"])
@requires("press.contacts", everywhere=True)
def new_list(request: StaffRequest) -> HttpResponse:
    """Make a list."""
    return _list(request, None)


@require_http_methods(["GET", "POST"])
@requires("press.contacts", everywhere=True)
def press_list(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Who is on a list, to be changed."""
    return _list(request, get_object_or_404(PressList, public_id=public_id))


def _list(request: StaffRequest, found: PressList | None) -> HttpResponse:
    problem = ""
    if request.method == "POST":
        members = [key for text in request.POST.getlist("member") if (key := uuid_in(text))]
        try:
            services.save_list(
                found.public_id if found else None,
                name=request.POST.get("name", ""),
                members=members,
                by=request.user,
                now=timezone.now(),
            )
        except DomainError as refused:
            problem = str(refused)
        else:
            notices.say(request, _("The list is saved."))
            return redirect("press:journalists")
    on_it = (
        set(request.POST.getlist("member"))
        if problem
        else {str(one.public_id) for one in found.journalists.all()}
        if found
        else set()
    )
    context = {
        "list": found,
        "name": request.POST.get("name", found.name if found else ""),
        "rows": [(one, str(one.public_id) in on_it) for one in selectors.journalists("")[:1000]],
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return render(request, "press/list.html", context, status=status)


@require_POST
@requires("press.contacts", everywhere=True)
def delete_list(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Delete a list; its journalists stay."""
    get_object_or_404(PressList, public_id=public_id)
    services.delete_list(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The list is deleted; its journalists stay in the register."))
    return redirect("press:journalists")


@require_http_methods(["GET", "POST"])
@requires("press.contacts", everywhere=True)
def from_file(request: StaffRequest) -> HttpResponse:
    """Take a file in: first what each line says and what is wrong with it, then the good lines."""
    problem, listed = "", []
    text = request.POST.get("text", "")
    try:
        upload = request.FILES.get("file")
        if upload is not None and upload.file is not None:
            text = "".join(services.lines_of(upload.file))[:500_000]
        if text:
            listed = services.read_list(text.splitlines(keepends=True))
        if listed and "confirm" in request.POST:
            count = services.import_list(
                listed,
                into=request.POST.get("into", ""),
                has_agreed="has_agreed" in request.POST,
                by=request.user,
                now=timezone.now(),
            )
            said = ngettext(
                "%(n)d journalist is in the register now.",
                "%(n)d journalists are in the register now.",
                count,
            )
            notices.say(request, said % {"n": count})
            return redirect("press:journalists")
    except DomainError as refused:
        problem = str(refused)
    good = sum(not one.problems for one in listed)
    context = {
        "listed": listed,
        "text": text,
        "good": good,
        "bad": len(listed) - good,
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return render(request, "press/import.html", context, status=status)
