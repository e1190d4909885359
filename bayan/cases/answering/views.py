"""The pages of answers to everybody: one is written and looked at, started, and followed to its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from bayan.cases import services
from bayan.cases.answering import reading
from bayan.cases.forms import CloseForm
from bayan.cases.models import Answer, Case, CaseQuerySet, Closing
from bayan.cases.words import closing_words
from bayan.core import notices
from bayan.core.exports import csv_response
from bayan.core.paging import Cursor
from bayan.core.views import refusal, uuid_in
from bayan.inbox import services as inbox
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

answering = requires("conversations.reply")


@require_GET
@answering
def answers(request: StaffRequest) -> HttpResponse:
    """The answers that went to everybody of a matter, the latest first."""
    words = request.GET.get("q", "").strip()[:100]
    after = request.GET.get("after")
    rows, cursor = reading.page_of_answers(
        request.access, words, after=Cursor.read(after) if after else None
    )
    context = {"rows": rows, "next_cursor": cursor, "words": words}
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"cases/answers.html{part}", context)


@require_POST
@answering
def answer_matter(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Begin an answer to everybody of a case's matter."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("conversations.reply", case.node)
    made = services.draft_answer(case, by=request.user, now=timezone.now())
    return redirect("cases:answer", made.public_id)


def together(request: StaffRequest, rows: CaseQuerySet) -> HttpResponse:
    """Make one matter of these cases, and go to the answer to all who reported it."""
    made, done = services.answer_together(rows, by=request.user, now=timezone.now())
    left = rows.open().exclude(node=made.node_id).count()
    if left:
        said = ngettext(
            "%(count)s of the chosen cases stands with another body than %(body)s, and is left out.",
            "%(count)s of the chosen cases stand with another body than %(body)s, and are left out.",
            left,
        )
        notices.say(request, said % {"count": left, "body": made.node.name})
    if done.count:
        said = ngettext(
            "%(count)s case was joined to the first one.",
            "%(count)s cases were joined to the first one.",
            done.count,
        )
        notices.say(request, said % {"count": done.count}, undo=done.undo)
    address = reverse("cases:answer", args=[made.public_id])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@require_GET
@answering
def answer(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One answer: before it starts how it would look, afterwards how far it is."""
    found = _found(request, public_id)
    now = timezone.now()
    if request.htmx and request.GET.get("part") == "people":
        return render(request, "cases/answer_people.html", _people(request, found, now=now))
    if found.is_draft:
        return _draft(request, found, now=now)
    context = _progress(request, found) | _people(request, found, now=now)
    return render(request, f"cases/answer.html{'#progress' if request.htmx else ''}", context)


@require_POST
@answering
def save(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Keep what was typed and ticked, and show how it would look."""
    found = _found(request, public_id)
    now = timezone.now()
    try:
        found = services.write_answer(public_id, _words(request, found), by=request.user, now=now)
    except services.AnswerOver:
        # Started in the moment between typing and saving: what was typed went with it.
        if request.htmx:
            return HttpResponseClientRedirect(reverse("cases:answer", args=[public_id]))
    if not request.htmx:
        return redirect("cases:answer", public_id)
    part = "#fields" if request.GET.get("part") == "fields" else "#preview"
    return render(request, f"cases/answer_draft.html{part}", _facts(request, found, now=now))


@require_POST
@answering
def start(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Send it to everybody."""
    found = _found(request, public_id)
    now = timezone.now()
    if found.is_draft:
        found = services.write_answer(public_id, _words(request, found), by=request.user, now=now)
    nodes = Node.objects.filter(pk__in=found.recipients.values("node"))
    for node in nodes:
        request.access.require("conversations.reply", node)
        if found.outcome:
            request.access.require("cases.close", node)
    try:
        services.start_answer(
            public_id, by=request.user, now=now, read_twice=request.POST.get("read") == "1"
        )
    except (
        services.WordsMissing,
        services.TemplateMissing,
        services.NotReadTwice,
        services.NobodyToAnswer,
        services.ProofMissing,
        services.PlaceMissing,
        services.ExcuseMissing,
    ) as refused:
        if request.htmx:
            return refusal(request, str(refused), status=422)
        return _draft(request, found, now=now, fault=str(refused))
    return redirect("cases:answer", public_id)


def _verb(change: Callable[..., Answer], name: str, text: str) -> Callable[..., Any]:
    @require_POST
    @answering
    def view(request: StaffRequest, public_id: UUID) -> HttpResponse:
        _found(request, public_id)
        change(public_id, by=request.user, now=timezone.now())
        return redirect("cases:answer", public_id)

    view.__name__, view.__doc__ = name, text
    return view


pause = _verb(services.pause_answer, "pause", "Hold back what has not left yet.")
resume = _verb(services.resume_answer, "resume", "Let it go on.")
take_back = _verb(services.take_back_answer, "take_back", "Take back what has not left yet.")


@require_POST
@answering
def discard(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    _found(request, public_id)
    services.discard_answer(public_id)
    notices.say(request, _("The draft was thrown away; nobody was written to."))
    return redirect("cases:answers")


@require_POST
@answering
def also(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Send an answer to one more case of the matter, on which its panel asks for it."""
    found = _found(request, public_id)
    key = uuid_in(request.POST.get("case", ""))
    matter = Case.objects.filter(
        Q(pk=found.matter_id) | Q(parent=found.matter_id) | Q(parent__parent=found.matter_id)
    )
    asked = matter.filter(public_id=key) if key else matter.none()
    case = asked.select_related("node", "conversation").first()
    if case is None:
        return refusal(request, _("This matter has no such case that you may see."), status=422)
    request.access.require("conversations.reply", case.node)
    if found.outcome:
        request.access.require("cases.close", case.node)
    services.answer_also(public_id, case.public_id, by=request.user, now=timezone.now())
    notices.say(request, _("It goes to this person too."))
    if not request.htmx:
        return redirect(reverse("inbox:conversation", args=[case.conversation.public_id]))
    return HttpResponse(headers={"HX-Reswap": "none"})


@require_GET
@answering
def recipients(request: StaffRequest, public_id: UUID) -> StreamingHttpResponse:
    """Each person and what became of their message, as CSV."""
    found = _found(request, public_id)
    # The stream reads with the worker's eyes: only what the member sees is let through here.
    nodes = list(request.access.nodes_where("conversations.reply").values_list("pk", flat=True))
    inbox.note_export(
        "answer.exported", found.recipients.count(), access=request.access, now=timezone.now(),
        answer=str(found.public_id),
    )  # fmt: skip
    heading = [
        _("Case number"), _("Name"), _("State"), _("Reason"), _("Sent"), _("Delivered"), _("Read"),
    ]  # fmt: skip
    return csv_response(
        f"answer-{found.public_id}",
        heading,
        lambda after: reading.written(found, nodes, after=after),
    )


def _found(request: StaffRequest, public_id: UUID) -> Answer:
    """The answer, if a role of the reader lets them write in its body; otherwise it is not there."""
    found = get_object_or_404(
        Answer.objects.select_related("node", "template__account__portfolio", "by"),
        public_id=public_id,
    )
    if not request.access.may("conversations.reply", found.node):
        raise Http404
    return found


def _words(request: StaffRequest, found: Answer) -> services.Words:
    """What the form says; what cannot be is as if it had been left empty."""
    given = request.POST
    outside = given.get("outside", "")
    template = next(
        (
            row
            for row in reading.templates_for(found)
            if str(row.public_id) == given.get("template", "")
        ),
        None,
    )
    fields = reading.fields_of(template, {}) if template else []
    may_close = request.access.may("cases.close", found.node)
    return services.Words(
        text=given.get("text", ""),
        outcome=given.get("outcome", "") if may_close else "",
        outside=outside if outside in Answer.Outside.values else Answer.Outside.LEAVE,
        template=template if outside == Answer.Outside.TEMPLATE else None,
        excuse=given.get("excuse", ""),
        excuse_words=given.get("excuse_words", ""),
        values={
            each.key: given.get(f"value.{each.key}", default)[:500] for each, default in fields
        },
        listed=_cases(" ".join(given.getlist("listed"))),
        left_out=_cases(" ".join(given.getlist("left_out"))),
    )


def _cases(given: str) -> frozenset[UUID]:
    return frozenset(filter(None, map(uuid_in, given.split())))


def _draft(request: StaffRequest, found: Answer, *, now: datetime, fault: str = "") -> HttpResponse:
    context = _facts(request, found, now=now) | _people(request, found, now=now)
    return render(
        request,
        "cases/answer_draft.html",
        context | {"fault": fault},
        status=422 if fault else 200,
    )


def _facts(request: StaffRequest, found: Answer, *, now: datetime) -> dict[str, Any]:
    preview = reading.preview(found, now=now)
    return {
        "answer": found,
        "preview": preview,
        # A part of the page is drawn without what stands around it.
        "save_address": reverse("cases:save_answer", args=[found.public_id]),
        "matter": Case.objects.filter(pk=found.matter_id).first(),
        "templates": reading.templates_for(found),
        "fields": reading.fields_of(found.template, found.values) if found.template else [],
        "outcomes": CloseForm.base_fields["outcome"].choices[1:],  # type: ignore[attr-defined]
        "closing_words": closing_words(),
        "excuses": Closing.Excuse.choices,
        "may_close": request.access.may("cases.close", found.node),
        "longest": services.LONGEST,
        "is_many": preview.total > services.LOOK_TWICE,
        "is_read": request.POST.get("read") == "1",
    }


def _progress(request: StaffRequest, found: Answer) -> dict[str, Any]:
    progress = reading.progress_of(found)
    throughput = reading.throughput_of(found)
    return {
        "answer": found,
        "progress": progress,
        "matter": Case.objects.select_related("conversation").filter(pk=found.matter_id).first(),
        "bars": _bars(progress),
        "percent": 100 * progress.gone // progress.total if progress.total else 0,
        "seconds_left": max(1, progress.left / throughput) if progress.left else None,
        "failures": reading.failures_of(found),
        "may_close": request.access.may("cases.close", found.node),
    }


# In the order in which a message passes through them; the tones are those of the sheet.
TONES = ("read", "delivered", "sent", "uncertain", "failed")


def _bars(progress: reading.Progress) -> list[dict[str, str]]:
    """The parts of the progress bar, in hundredths of the whole."""
    whole, begin, bars = progress.total or 1, 0.0, []
    for tone in TONES:
        width = 100 * progress.counts.get(tone, 0) / whole
        if width:
            # With a point, whatever the language: these are coordinates.
            bars.append({"tone": tone, "x": f"{begin:.3f}", "width": f"{width:.3f}"})
        begin += width
    return bars


def _people(request: StaffRequest, found: Answer, *, now: datetime) -> dict[str, Any]:
    given = request.POST if request.method == "POST" else request.GET
    state, words = given.get("state", ""), given.get("q", "").strip()[:60]
    after = given.get("after", "0")
    rows, more_after = reading.people(
        found, state=state, words=words, after=int(after) if after.isdigit() else 0, now=now
    )
    return {
        "answer": found,
        "state": state,
        "words": words,
        "states": reading.states_of(found),
        "people": rows,
        "more_after": more_after,
        "is_first_page": after == "0",
    }
