"""Writing the minutes, approving them, and the decisions of all meetings."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.documents import pdf_response
from bayan.core.errors import DomainError
from bayan.core.exports import small_csv
from bayan.core.views import uuid_in
from bayan.inbox import services as inbox_services
from bayan.meetings import document, selectors, services
from bayan.meetings.forms import DecisionForm
from bayan.meetings.models import Decision, Meeting
from bayan.people.permissions import StaffRequest, requires
from bayan.work.models import Item

SHOWN, MOST_SAVED = 200, 5_000


def _writable(request: StaffRequest, public_id: UUID) -> Meeting:
    """A meeting whose minutes the reader writes."""
    found: Meeting = get_object_or_404(
        Meeting.objects.select_related("node", "chair", "secretary", "approval"),
        public_id=public_id,
    )
    if not selectors.may_write_minutes(found, request.access):
        raise PermissionDenied(_("The secretary writes the minutes."))
    return found


@require_http_methods(["GET", "POST"])
@requires("work.do")
def write(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write what was said, and who was there."""
    found = _writable(request, public_id)
    if request.method == "POST":
        said = {
            key: str(text)
            for name, text in request.POST.items()
            if name.startswith("said-") and (key := uuid_in(name.removeprefix("said-")))
        }
        there = {key for given in request.POST.getlist("attended") if (key := uuid_in(given))}
        services.write_minutes(
            public_id, said=said, attended=there, by=request.user, now=timezone.now()
        )
        notices.say(request, _("The minutes are kept."))
        return redirect("meetings:minutes", public_id)
    return _page(request, found, DecisionForm(meeting=found))


def _page(
    request: StaffRequest, found: Meeting, form: DecisionForm, *, status: int = HTTPStatus.OK
) -> HttpResponse:
    now = timezone.now()
    services.check_open(found)
    if not found.is_called or now < found.starts_at:
        raise services.NotHeldYet(_("The minutes can be written once the meeting has begun."))
    context = {
        "meeting": found,
        "agenda": list(found.agenda.order_by("position")),
        "people": selectors.invitees_of(found),
        "decisions": selectors.decisions_of(found),
        "form": form,
        "now": now,
    }
    return render(request, "meetings/minutes.html", context, status=status)


@require_POST
@requires("work.do")
def add_decision(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write down a decision."""
    found = _writable(request, public_id)
    form = DecisionForm(request.POST, meeting=found)
    if form.is_valid():
        try:
            services.decide(public_id, form.decided(), by=request.user, now=timezone.now())
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            notices.say(request, _("Written down. It becomes a task once the chair has approved."))
            return redirect("meetings:minutes", public_id)
    return _page(request, found, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@require_POST
@requires("work.do")
def drop_decision(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a decision out again."""
    found = get_object_or_404(Decision.objects.select_related("meeting"), public_id=public_id)
    _writable(request, found.meeting.public_id)
    services.drop_decision(public_id, by=request.user, now=timezone.now())
    return redirect("meetings:minutes", found.meeting.public_id)


@require_POST
@requires("work.do")
def submit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Hand them to the chair."""
    _writable(request, public_id)
    meeting = services.submit_minutes(public_id, by=request.user, now=timezone.now())
    said = _("Handed to %(name)s to approve.") % {"name": meeting.chair.name}
    if meeting.minutes_state == Meeting.Minutes.APPROVED:
        said = _("Approved. Everybody who was invited gets them, and decisions are tasks now.")
    notices.say(request, said)
    return redirect("meetings:meeting", public_id)


@require_POST
@requires("work.do")
def take_back(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take them back from the chair."""
    _writable(request, public_id)
    services.take_back_minutes(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("You can change them now."))
    return redirect("meetings:minutes", public_id)


@require_POST
@requires("work.do")
def approve(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Approve them, or return them with a reason: as the chair, exactly as they were read."""
    get_object_or_404(Meeting, public_id=public_id)
    end = request.POST.get("end", "")
    services.decide_minutes(
        public_id, seen=request.POST.get("print", ""), end=end,
        words=request.POST.get("words", "")[:1000], by=request.access, now=timezone.now(),
    )  # fmt: skip
    said = _("Returned; the secretary reads your reason.")
    if end == Item.State.DONE:
        said = _("Approved. Everybody who was invited gets them, and decisions are tasks now.")
    notices.say(request, said)
    return redirect("meetings:meeting", public_id)


@require_GET
@requires("work.do")
def as_document(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The minutes as a PDF; before they are approved it says that they are a draft."""
    found: Meeting = get_object_or_404(
        Meeting.objects.select_related("node", "chair", "secretary", "follows"),
        public_id=public_id,
    )
    if not selectors.may_read_minutes(found, request.access):
        raise PermissionDenied(_("The minutes can be read once the chair has approved them."))
    return pdf_response(document.minutes(found, now=timezone.now()), "minutes.pdf")


@require_GET
@requires("work.do")
def decisions(request: StaffRequest) -> HttpResponse:
    """The decisions of all meetings that the reader sees, and how far each is."""
    state, words = _asked(request)
    rows = selectors.decisions_seen(state=state, words=words, now=timezone.now())
    context = {"rows": list(rows[:SHOWN]), "state": state, "words": words, "now": timezone.now()}
    part = "#list" if request.htmx else ""
    return render(request, f"meetings/decisions.html{part}", context)


@require_GET
@requires("work.do")
def decisions_export(request: StaffRequest) -> HttpResponse:
    """The same as a file for spreadsheets."""
    now = timezone.now()
    state, words = _asked(request)
    rows = list(selectors.decisions_seen(state=state, words=words, now=now)[:MOST_SAVED])
    inbox_services.note_export(
        "meeting.decisions_exported", len(rows), access=request.access, now=now
    )
    heading = [_("Meeting"), _("Day"), _("Decision"), _("Body"), _("Who does it"), _("Until"),
               _("State"), _("Done"), _("What was done")]  # fmt: skip
    lines = [
        [
            row.meeting.title, date_format(timezone.localtime(row.meeting.starts_at), "Y-m-d"),
            row.text, row.node.name, row.owner.name,
            date_format(timezone.localtime(row.due_at), "Y-m-d H:i"),
            str(row.item.get_state_display()) if row.item else _("not approved yet"),
            date_format(timezone.localtime(row.item.ended_at), "Y-m-d H:i")
            if row.item and row.item.ended_at else "",
            row.item.answer if row.item else "",
        ]
        for row in rows
    ]  # fmt: skip
    return small_csv("decisions", [heading, *lines])


def _asked(request: StaffRequest) -> tuple[str, str]:
    state = request.GET.get("state", "")
    words = request.GET.get("q", "").strip()[:100]
    return (state if state in {"open", "late", "done"} else ""), words
