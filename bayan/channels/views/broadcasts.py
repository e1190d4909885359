"""Broadcasts: the list, a new one, its preview, its progress and its results."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Iterable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.channels import selectors
from bayan.channels.forms.broadcasts import BroadcastForm
from bayan.channels.models import BadLine, Broadcast, Outgoing, Template
from bayan.channels.services import broadcasts as services
from bayan.channels.services import recipients
from bayan.channels.services.broadcasts import Progress
from bayan.channels.services.recipients import ColumnMissing, ListTooLong, ListUnreadable
from bayan.channels.services.templates import ParameterRefused, shown
from bayan.channels.views.templates import is_rtl
from bayan.core.exports import csv_response
from bayan.core.paging import Cursor
from bayan.core.references import digits_in
from bayan.core.templatetags.bayan import failure
from bayan.people.permissions import StaffRequest, requires

# So many rows a look while results are written out: the file is never whole in memory.
ROWS = 2_000


@require_GET
@requires("broadcasts.send")
def broadcasts(request: StaffRequest) -> HttpResponse:
    """All broadcasts that the reader may see, newest first."""
    after = request.GET.get("after")
    page = selectors.page_of_broadcasts(request.access, after=Cursor.read(after) if after else None)
    context = {
        "page": page,
        "rows": [_row(broadcast) for broadcast in page.rows],
        "may_start": bool(selectors.numbers_for(request.access, "broadcasts.send")),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"channels/broadcasts.html{part}", context)


@require_http_methods(["GET", "POST"])
@requires("broadcasts.send")
def new(request: StaffRequest) -> HttpResponse:
    """Number, template, list: from this a draft is made, which can be looked at before it starts."""
    numbers, templates = _choices(request)
    if not numbers:
        return render(request, "channels/no_number.html")
    if request.method == "GET":
        form = BroadcastForm(numbers=numbers, templates=templates, initial=_beginning(request))
        return _editor(request, form)
    form = BroadcastForm(request.POST, request.FILES, numbers=numbers, templates=templates)
    if not form.is_valid() or form.chosen_template is None:
        return _editor(request, form, status=422)
    request.access.require("broadcasts.send", form.chosen_number.node)
    try:
        text: Iterable[str] = io.StringIO(form.cleaned_data["recipients"])
        if form.cleaned_data["file"]:
            text = recipients.as_text(form.cleaned_data["file"].file)
        made = services.create(
            number=form.chosen_number,
            template=form.chosen_template,
            title=form.cleaned_data["title"],
            text=text,
            common=form.common,
            is_crisis=form.is_crisis,
            ttl_seconds=form.ttl,
            by=request.user,
            now=timezone.now(),
        )
    except (ColumnMissing, ListTooLong, ListUnreadable) as refused:
        form.add_error("recipients", str(refused))
        return _editor(request, form, status=422)
    except ParameterRefused as refused:
        return _editor(request, form, faults={refused.field: str(refused)}, status=422)
    return redirect("channels:broadcast", made.public_id)


@require_POST
@requires("broadcasts.send")
def preview(request: StaffRequest) -> HttpResponse:
    """What the chosen template asks for, and how it looks with what was typed. Nothing is kept."""
    numbers, templates = _choices(request)
    if not numbers:
        return render(request, "channels/no_number.html")
    form = BroadcastForm(request.POST, numbers=numbers, templates=templates)
    part = "#parts" if request.GET.get("part") == "parts" else "#preview"
    return render(request, f"channels/broadcast_editor.html{part}", _facts_of_form(form))


@require_GET
@requires("broadcasts.send")
def broadcast(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One broadcast: before it starts how it would look, afterwards how far it is."""
    found = _found(request, public_id)
    if request.htmx and request.GET.get("part") == "recipients":
        return render(request, "channels/broadcast.html#recipients", _recipients_of(request, found))
    context = _facts_of(request, found) | _recipients_of(request, found)
    part = "#progress" if request.htmx else ""
    return render(request, f"channels/broadcast.html{part}", context)


def _verb(change: Callable[..., Broadcast]) -> Callable[..., Any]:
    @require_POST
    @requires("broadcasts.send")
    def view(request: StaffRequest, public_id: UUID) -> HttpResponse:
        _found(request, public_id)
        change(public_id, by=request.user, now=timezone.now())
        return redirect("channels:broadcast", public_id)

    view.__name__, view.__doc__ = change.__name__, change.__doc__
    return view


start = _verb(services.start)
pause = _verb(services.pause)
resume = _verb(services.resume)
cancel = _verb(services.cancel)


@require_GET
@requires("broadcasts.send")
def results(request: StaffRequest, public_id: UUID) -> StreamingHttpResponse:
    """Each recipient and what became of their message, as CSV."""
    found = _found(request, public_id)
    heading = [
        _("Mobile"), _("State"), _("Reason"), _("Sent"), _("Delivered"), _("Read"), _("Not delivered"),
    ]  # fmt: skip

    def rows(after: int) -> list[tuple[int, list[str]]]:
        page = Outgoing.objects.filter(broadcast=found, pk__gt=after).order_by("pk")[:ROWS]
        return [(row.pk, _result(row)) for row in page]

    return csv_response(f"broadcast-{found.public_id}", heading, rows)


@require_GET
@requires("broadcasts.send")
def bad_lines(request: StaffRequest, public_id: UUID) -> StreamingHttpResponse:
    """The lines of the list that could not be used, each with its reason, as CSV."""
    found = _found(request, public_id)

    def rows(after: int) -> list[tuple[int, list[str]]]:
        page = BadLine.objects.filter(broadcast=found, pk__gt=after).order_by("pk")[:ROWS]
        return [
            (line.pk, [str(line.line), reason_in_words(found.template, line.reason), line.text])
            for line in page
        ]

    return csv_response(
        f"bad-lines-{found.public_id}", [_("Line"), _("Reason"), _("As it was written")], rows
    )


def _result(row: Outgoing) -> list[str]:
    moments = (row.sent_at, row.delivered_at, row.read_at, row.failed_at)
    return [
        row.to_phone or row.to_whatsapp_id,
        str(row.get_state_display()),
        failure(row.error) if row.state == Outgoing.State.FAILED else "",
        *(f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}" if at else "" for at in moments),
    ]


def reason_in_words(template: Template, reason: str) -> str:
    """Why a line could not be used."""
    word, _colon, key = reason.partition(":")
    label = next((p.label for p in services.open_parameters(template) if p.key == key), key)
    words = {
        "no_number": _("There is no number in this line."),
        "no_mobile": _(
            "This is no mobile number. Others than Saudi ones need + and their country."
        ),
        "rounded": _(
            "The spreadsheet has rounded the number. Format the column as text and save again."
        ),
        "unreadable": _(
            "The line could not be read. Look for a quotation mark that is not closed."
        ),
        "missing": _("“%(name)s” is missing.") % {"name": label},
        "break": _("“%(name)s” has new lines, tabs or a row of spaces. Write it in one line.")
        % {"name": label},
        "long": _("“%(name)s” is too long. Shorten it.") % {"name": label},
    }
    return words.get(word) or _("“%(name)s” is not as WhatsApp wants it.") % {"name": label}


def _found(request: StaffRequest, public_id: UUID) -> Broadcast:
    """The broadcast, if a role of the reader lets them send in its body; otherwise it is not there."""
    found = get_object_or_404(
        Broadcast.objects.select_related(
            "number__account__portfolio", "template", "node", "created_by"
        ),
        public_id=public_id,
    )
    if not request.access.may("broadcasts.send", found.node):
        raise Http404
    return found


def _row(found: Broadcast) -> tuple[Broadcast, Progress, Hashable]:
    """A broadcast, how far it is, and all that a row shows of both but its age."""
    progress = _progress(found)
    look = (
        get_language(), found.public_id, found.title, found.is_crisis, str(found.template),
        found.state, found.total, progress.done, found.number.display,
    )  # fmt: skip
    return found, progress, look


def _progress(found: Broadcast) -> Progress:
    return Progress(dict(found.counts.get("states", {})))


def _choices(request: StaffRequest) -> tuple[list[Any], list[Template]]:
    numbers = selectors.numbers_for(request.access, "broadcasts.send")
    accounts = {number.account_id for number in numbers}
    approved = Template.objects.filter(
        account__in=accounts, status=Template.Status.APPROVED, forget_at=None
    )
    return numbers, [t for t in approved.order_by("name", "language") if services.is_for_many(t)]


def _beginning(request: StaffRequest) -> dict[str, Any]:
    initial: dict[str, Any] = {"template": request.GET.get("template", ""), "lane": "bulk"}
    copied = request.GET.get("copy", "")
    try:
        original = Broadcast.objects.filter(public_id=UUID(copied)).first() if copied else None
    except ValueError:
        original = None
    if original:
        initial |= {
            "template": str(original.template.public_id),
            "title": original.title,
            "number": original.number.external_id,
            "lane": "crisis" if original.is_crisis else "bulk",
            "ttl_seconds": str(original.ttl_seconds or ""),
        }
    return initial


def _editor(
    request: StaffRequest,
    form: BroadcastForm,
    *,
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _facts_of_form(form) | {"faults": faults or {}}
    return render(request, "channels/broadcast_editor.html", context, status=status)


def _facts_of_form(form: BroadcastForm) -> dict[str, Any]:
    template = form.chosen_template
    return {
        "form": form,
        "template": template,
        "seen": shown(template, form.common) if template else {},
        "is_rtl": is_rtl(template.language) if template else True,
        "room": selectors.room_of(form.chosen_number.account.portfolio, crisis=form.is_crisis),
    }


def _facts_of(request: StaffRequest, found: Broadcast) -> dict[str, Any]:
    progress = _progress(found)
    failures = found.counts.get("failures", [])
    room = selectors.room_of(found.number.account.portfolio, crisis=found.is_crisis)
    states = progress.states
    expired = sum(f["count"] for f in failures if f["title"] == "expired")
    context: dict[str, Any] = {
        "broadcast": found,
        "template": found.template,
        "progress": progress,
        "is_rtl": is_rtl(found.template.language),
        "bars": _bars(states, expired=expired),
        "failures": [
            {"reason": failure(entry), "count": entry["count"], "code": entry["code"]}
            for entry in failures
        ],
        "waits": found.counts.get("waits", []),
        "expired": expired,
        "failed": states.get("failed", 0) - expired,
        "percent": 100 * progress.done // found.total if found.total else 0,
        "seconds_left": progress.waiting / found.rate
        if found.state == Broadcast.State.RUNNING and found.rate
        else None,
        "room": room,
        "over_limit": max(0, found.total - room.left) if room.left is not None else 0,
        "seconds_in_all": max(1, found.total / max(1, found.number.throughput)),
        "stop_reason": failure(found.error) if found.error else "",
        "number_stop_reason": failure(found.number.stop_error) if found.number.stopped_at else "",
        "may_act": request.access.may("broadcasts.send", found.node),
    }
    if found.state == Broadcast.State.DRAFT:
        context["examples"] = selectors.examples_of(found)
    if found.bad_lines:
        lines = BadLine.objects.filter(broadcast=found).order_by("line")[:20]
        context["lines"] = [(line, reason_in_words(found.template, line.reason)) for line in lines]
    return context


# In the order in which a message passes through them; the tones are those of the sheet.
TONES = (
    ("read", "read"), ("delivered", "delivered"), ("sent", "sent"), ("uncertain", "uncertain"),
    ("failed", "failed"), ("sending", "sending"),
)  # fmt: skip


def _bars(states: dict[str, int], *, expired: int) -> list[dict[str, Any]]:
    """The parts of the progress bar, in hundredths of the whole."""
    whole, begin, bars = sum(states.values()) or 1, 0.0, []
    for state, tone in TONES:
        width = 100 * states.get(state, 0) / whole
        if width:
            # With a point, whatever the language: these are coordinates.
            bars.append({"tone": tone, "x": f"{begin:.3f}", "width": f"{width:.3f}"})
        begin += width
    return bars


def _recipients_of(request: StaffRequest, found: Broadcast) -> dict[str, Any]:
    state = request.GET.get("state", "")
    words = request.GET.get("q", "").strip()[:30]
    after = request.GET.get("after", "0")
    digits = digits_in(words).lstrip("0")
    rows, more_after = selectors.recipients_of(
        found, state=state, digits=digits, after=int(after) if after.isdigit() else 0
    )
    return {
        "broadcast": found,
        "state": state,
        "words": words,
        "states": Outgoing.State.choices,
        "rows": rows,
        "more_after": more_after,
        "is_first_page": after == "0",
    }
