"""The list of polls, one poll, and what is done with it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.exports import small_csv
from bayan.core.paging import Cursor, counts_of, page_of
from bayan.core.views import uuid_in
from bayan.meetings import selectors, services
from bayan.meetings.forms import PollForm, initial_of_poll
from bayan.meetings.models import Poll
from bayan.meetings.views.shared import body_of
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

SHOWN, MOST_SAVED = 50, 2_000


@require_GET
@requires("work.do")
def polls(request: StaffRequest) -> HttpResponse:
    """What waits for the reader's vote, and what else is asked."""
    words, view, views = _asked(request)
    after = request.GET.get("after")
    page = page_of(
        selectors.shown_polls(views[view]),
        newest="changed_at",
        after=Cursor.read(after) if after else None,
        limit=SHOWN,
    )
    selectors.with_outcomes(page.rows)
    context = {
        "rows": page.rows,
        "next_cursor": page.next_cursor,
        "view": view,
        "words": words,
        "counts": {} if after else counts_of(views),
        "writes": request.access.may("meetings.write"),
        "now": timezone.now(),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"meetings/polls.html{part}", context)


def _asked(request: StaffRequest) -> tuple[str, str, dict[str, QuerySet[Poll]]]:
    """The words sought, the view, and the rows of each view."""
    words = request.GET.get("q", "").strip()[:100]
    writes = request.access.may("meetings.write")
    views = {
        key: selectors.polls_found(rows, words)
        for key, rows in selectors.views_of_polls(request.access, now=timezone.now()).items()
        if writes or key != "drafts"
    }
    view = request.GET.get("view", "")
    return words, view if view in views else "open", views


@require_GET
@requires("work.do")
def export(request: StaffRequest) -> HttpResponse:
    """One view of the list as a file for spreadsheets."""
    _words, view, views = _asked(request)
    rows = list(selectors.shown_polls(views[view]).order_by("-changed_at", "-pk")[:MOST_SAVED])
    outcomes = selectors.outcomes_of(rows)
    heading = [
        _("Question"), _("Body"), _("State"), _("Sent"), _("Until"), _("Asked"), _("Voted"),
        _("Needed"), _("Quorum reached"), _("Votes"),
    ]  # fmt: skip
    lines = [
        [
            row.question, row.node.name, str(row.get_state_display()), _moment(row.sent_at),
            _moment(row.due_at), str(outcome.asked), str(outcome.voted),
            str(outcome.needed or ""), _("yes") if outcome.is_reached else _("no"),
            "; ".join(f"{text}: {count}" for text, count in outcome.votes),
        ]
        for row in rows
        for outcome in [outcomes[row.pk]]
    ]  # fmt: skip
    return small_csv("polls", [heading, *lines])


def _moment(at: datetime | None) -> str:
    return date_format(timezone.localtime(at), "Y-m-d H:i") if at else ""


@require_http_methods(["GET", "POST"])
@requires("meetings.write")
def new(request: StaffRequest) -> HttpResponse:
    """Begin a poll."""
    node = body_of(request)
    form = PollForm(request.POST or None, node=node, access=request.access, now=timezone.now())
    return _edited(request, form, node, None)


@require_http_methods(["GET", "POST"])
@requires("meetings.write")
def edit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write a draft anew."""
    found = _own(request, public_id)
    if not found.is_draft:
        raise services.NotADraft(
            _("It was sent: its question stands. Cancel it and ask anew, to correct it.")
        )
    form = PollForm(
        request.POST or None, node=found.node, access=request.access, now=timezone.now(),
        initial=initial_of_poll(found),
    )  # fmt: skip
    return _edited(request, form, found.node, found)


def _edited(request: StaffRequest, form: PollForm, node: Node, found: Poll | None) -> HttpResponse:
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        question = form.question_asked()
        try:
            if found is None:
                kept = services.draft_poll(question, node=node, by=request.user, now=now)
            else:
                kept = services.change_poll(found.public_id, question, by=request.user, now=now)
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            notices.say(request, _("Kept. Nobody is asked before you send it."))
            return redirect("meetings:poll", kept.public_id)
    context = {"form": form, "poll": found, "node": node}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "meetings/poll_form.html", context, status=status)


def _found(public_id: UUID) -> Poll:
    found: Poll = get_object_or_404(
        Poll.objects.select_related("node", "author"), public_id=public_id
    )
    return found


def _own(request: StaffRequest, public_id: UUID) -> Poll:
    """A poll for whose body the reader writes."""
    found = _found(public_id)
    request.access.require("meetings.write", found.node)
    return found


@require_GET
@requires("work.do")
def poll(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One poll: to vote, to see how it stands, to end it."""
    now = timezone.now()
    found, access = _found(public_id), request.access
    leads = selectors.may_lead(found, access)
    if found.is_draft and not leads:
        raise PermissionDenied(_("It is being written still."))
    mine = found.voters.filter(member=request.user).select_related("option").first()
    outcome = selectors.outcome_of(found)
    voters = selectors.voters_of(found, access) if found.sent_at else []
    context = {
        "poll": found,
        "options": list(found.options.all()),
        "mine": mine,
        "lent": selectors.lent_voices(found, access, now=now) if found.is_open else [],
        "leads": leads,
        "outcome": outcome,
        "said": services.outcome_words(
            outcome, is_over=found.state == Poll.State.CLOSED, is_secret=found.is_secret
        )
        if found.sent_at
        else [],
        "most": max((count for _text, count in outcome.votes), default=0),
        "bodies": selectors.by_body(found) if found.sent_at and leads else [],
        # One's own vote stands above already.
        "voters": voters if leads or len(voters) > 1 else [],
        "reach": services.asked_of(found, now=now) if found.is_draft else None,
        "seen": found.fingerprint[: services.SEEN],
        "history": selectors.history_of(found) if leads else [],
        "now": now,
    }
    part = "#content" if request.htmx else ""
    return render(request, f"meetings/poll.html{part}", context)


@require_POST
@requires("work.do")
def vote(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Choose an answer, or another one."""
    found = _found(public_id)
    given = request.POST.get("option", "")
    services.vote(
        found.public_id,
        int(given) if given.isdecimal() and len(given) < 4 else 0,
        by=request.user,
        now=timezone.now(),
        fingerprint=request.POST.get("seen", ""),
        voter_id=uuid_in(request.POST.get("voter", "")),
    )
    notices.say(request, _("Your vote is counted. You may choose anew until the poll closes."))
    return redirect("meetings:poll", public_id)


@require_POST
@requires("meetings.write")
def send(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Ask everybody."""
    _own(request, public_id)
    step = services.send_poll(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("It leaves in ten seconds."), undo=step)
    return redirect("meetings:poll", public_id)


@require_POST
@requires("meetings.write")
def close(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Close it before its time."""
    _own(request, public_id)
    services.close_poll(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Closed and counted."))
    return redirect("meetings:poll", public_id)


@require_POST
@requires("meetings.write")
def cancel(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """End it without a result."""
    _own(request, public_id)
    reason = request.POST.get("reason", "")
    services.cancel_poll(public_id, reason, by=request.user, now=timezone.now())
    notices.say(request, _("Cancelled. Everybody who was asked is told why."))
    return redirect("meetings:poll", public_id)


@require_POST
@requires("meetings.write")
def copy(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Begin a new one from it."""
    _own(request, public_id)
    made = services.copy_poll(public_id, by=request.user, now=timezone.now())
    return redirect("meetings:edit_poll", made.public_id)


@require_POST
@requires("meetings.write")
def delete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    _own(request, public_id)
    services.delete_poll(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The draft is gone."))
    return redirect("meetings:polls")


@require_GET
@requires("work.do")
def votes_export(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Who was asked, who voted and, where all may see it, what; as a file for spreadsheets."""
    found = _found(public_id)
    if found.is_draft:
        raise PermissionDenied(_("It is being written still."))
    rows = selectors.voters_of(found, request.access)
    services.note("exported", found, by=request.user, now=timezone.now(), rows=len(rows))
    heading = [_("Body"), _("Name"), _("Voted")]
    lines = [
        [row.node.name, row.member.name, _("yes") if row.voted_at else _("no")] for row in rows
    ]
    if not found.is_secret:
        heading += [_("When"), _("Answer")]
        for line, row in zip(lines, rows, strict=True):
            line += [_moment(row.voted_at), row.option.text if row.option else ""]
    outcome = selectors.outcome_of(found)
    lines += [["", text, str(count)] for text, count in outcome.votes]
    return small_csv("votes", [heading, *lines])
