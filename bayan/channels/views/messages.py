"""Automatic messages: all of them on one page, and the editor of each with its preview."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.channels import bubbles, said, selectors, services
from bayan.channels.forms.messages import LANGUAGE_NAMES, WordsForm
from bayan.core import automatic, notices
from bayan.core.automatic import Automatic, To
from bayan.core.errors import DomainError
from bayan.core.exports import small_csv
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("templates.manage", everywhere=True)
def messages(request: StaffRequest) -> HttpResponse:
    """What Bayan writes by itself, by whom it goes to."""
    words = request.GET.get("q", "").strip()[:100]
    to = request.GET.get("to", "")
    view = request.GET.get("view", "")
    everything = said.everything()
    found = said.narrowed(everything, to=to, words=words, only_own=view == "own")
    context = {
        "groups": [
            (label, rows)
            for key, label in To.choices
            if (rows := [one for one in found if one.message.to == key])
        ],
        "words": words,
        "to": to,
        "view": view,
        "audiences": [
            (key, label, count)
            for key, label in To.choices
            if (count := sum(one.message.to == key for one in everything))
        ],
        "total": len(everything),
        "own": sum(one.is_own for one in everything),
    }
    return render(request, f"channels/messages.html{'#list' if request.htmx else ''}", context)


@require_GET
@requires("templates.manage", everywhere=True)
def export(request: StaffRequest) -> HttpResponse:
    """All texts in both languages, as a file for spreadsheets."""
    return small_csv("messages", said.table())


@require_http_methods(["GET", "POST"])
@requires("templates.manage", everywhere=True)
def message(request: StaffRequest, key: str) -> HttpResponse:
    """One message: its texts, how it arrives, what became of it; and keeping what was written."""
    found = _found(key)
    own = bubbles.own_words()
    if request.method == "GET":
        return _editor(request, WordsForm(found, own))
    form = WordsForm(found, own, request.POST)
    if form.faults:
        return _editor(request, form, faults=form.faults, status=422)
    step = services.word(found, form.texts, by=request.user, now=timezone.now())
    done = _("It is said so from now on.") if step else _("Nothing was changed.")
    notices.say(request, done, undo=step)
    return redirect("channels:message", key)


@require_POST
@requires("templates.manage", everywhere=True)
def preview(request: StaffRequest, key: str) -> HttpResponse:
    """How what is being written would arrive. Nothing is kept."""
    form = WordsForm(_found(key), bubbles.own_words(), request.POST)
    return render(request, "channels/message.html#preview", _preview_of(form))


@require_POST
@requires("templates.manage", everywhere=True)
def reset(request: StaffRequest, key: str) -> HttpResponse:
    """Bayan's own words again."""
    step = services.reset_words(_found(key), by=request.user, now=timezone.now())
    done = _("Bayan's own words are back.") if step else _("These are Bayan's own words already.")
    notices.say(request, done, undo=step)
    return redirect("channels:message", key)


@require_POST
@requires("templates.manage", everywhere=True)
def try_out(request: StaffRequest, key: str) -> HttpResponse:
    """Send what is being written to one's own phone; it is not kept by that."""
    form = WordsForm(_found(key), bubbles.own_words(), request.POST)
    if form.faults:
        return _editor(request, form, faults=form.faults, status=422)
    language = request.POST.get("try", "ar")
    if language not in form.message.languages:
        raise Http404
    number = selectors.main_number()
    problem = _("No WhatsApp account is set up here yet.") if number is None else ""
    if number is not None:
        try:
            services.try_words(
                form.message, form.texts, language, number=number, by=request.user,
                now=timezone.now(),
            )  # fmt: skip
        except DomainError as refused:
            problem = str(refused)
    if problem:
        return _editor(request, form, problem=problem, status=409)
    notices.say(request, _("It is on its way to your phone."))
    return _editor(request, form)


def _found(key: str) -> Automatic:
    found = automatic.message(key)
    if found is None:
        raise Http404
    return found


def _editor(
    request: StaffRequest,
    form: WordsForm,
    *,
    faults: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    rows = form.rows(faults or {})
    member = request.user
    context = {
        "message": form.message,
        "rows": rows,
        "faults": faults or {},
        "problem": problem,
        "is_own": any(row.is_own for row in rows),
        "history": said.history_of(form.message),
        "languages": [(code, LANGUAGE_NAMES[code]) for code in form.message.languages],
        "may_try": bool(member.phone and member.phone_linked_at),
        **_preview_of(form),
    }
    return render(request, "channels/message.html", context, status=status)


def _preview_of(form: WordsForm) -> dict[str, Any]:
    message = form.message
    phones = (
        [
            {
                "language": language,
                "name": LANGUAGE_NAMES[language],
                "is_rtl": language == "ar",
                "bubbles": bubbles.seen(message, form.texts, language),
                "lengths": bubbles.lengths(message, form.texts, language),
            }
            for language in message.languages
        ]
        if form.can_be_shown
        else []
    )
    return {"message": message, "phones": phones, "open_faults": form.faults}
