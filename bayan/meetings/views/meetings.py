"""The list of meetings, one meeting, its invitations, and its calendar file."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.channels import services as channels
from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.files import file_response
from bayan.core.paging import Cursor, counts_of, page_of
from bayan.core.views import uuid_in
from bayan.meetings import ics, selectors, services
from bayan.meetings.forms import MeetingForm, initial_of_meeting
from bayan.meetings.models import AgendaItem, Meeting
from bayan.meetings.services import Point
from bayan.meetings.views.shared import body_of
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

SHOWN = 50
EMPTY_LINES = 4


@require_GET
@requires("work.do")
def meetings(request: StaffRequest) -> HttpResponse:
    """The meetings to come, and those that were."""
    now = timezone.now()
    words = request.GET.get("q", "").strip()[:100]
    writes = request.access.may("meetings.write")
    views = {
        key: selectors.meetings_found(rows, words)
        for key, rows in selectors.views_of_meetings(request.access, now=now).items()
        if writes or key != "drafts"
    }
    view = request.GET.get("view", "")
    view = view if view in views else "coming"
    after = request.GET.get("after")
    order = {"oldest": "starts_at"} if view == "coming" else {"newest": "starts_at"}
    page = page_of(
        selectors.shown_meetings(views[view], request.access),
        after=Cursor.read(after) if after else None,
        limit=SHOWN,
        **order,
    )
    context = {
        "rows": page.rows,
        "next_cursor": page.next_cursor,
        "view": view,
        "words": words,
        "counts": {} if after else counts_of(views),
        "writes": writes,
        "now": now,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"meetings/meetings.html{part}", context)


def _found(public_id: UUID) -> Meeting:
    found: Meeting = get_object_or_404(
        Meeting.objects.select_related(
            "node", "author", "chair", "secretary", "approval", "follows"
        ),
        public_id=public_id,
    )
    return found


def own(request: StaffRequest, public_id: UUID) -> Meeting:
    """A meeting for whose body the reader calls."""
    found = _found(public_id)
    request.access.require("meetings.write", found.node)
    return found


@require_http_methods(["GET", "POST"])
@requires("meetings.write")
def new(request: StaffRequest) -> HttpResponse:
    """Begin a meeting."""
    node = body_of(request)
    form = MeetingForm(request.POST or None, node=node, access=request.access, now=timezone.now())
    return _edited(request, form, node, None)


@require_http_methods(["GET", "POST"])
@requires("meetings.write")
def edit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Change a meeting; whoever was invited hears of another time or place."""
    found = own(request, public_id)
    form = MeetingForm(
        request.POST or None, node=found.node, access=request.access, now=timezone.now(),
        initial=initial_of_meeting(found),
    )  # fmt: skip
    return _edited(request, form, found.node, found)


def _points(request: HttpRequest) -> list[Point]:
    """The agenda as it was written, line by line."""
    lines = zip(
        request.POST.getlist("item"),
        request.POST.getlist("presenter"),
        request.POST.getlist("takes"),
        request.POST.getlist("key"),
        strict=False,
    )
    return [
        Point(
            title,
            presenter,
            int(takes) if takes.isdecimal() and len(takes) < 4 else None,
            uuid_in(key),
        )
        for title, presenter, takes, key in lines
        if title.strip()
    ]


def _edited(
    request: StaffRequest, form: MeetingForm, node: Node, found: Meeting | None
) -> HttpResponse:
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        plan = form.plan(_points(request))
        try:
            if found is None:
                kept = services.draft_meeting(plan, node=node, by=request.user, now=now)
            else:
                kept = services.change_meeting(found.public_id, plan, by=request.user, now=now)
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            said = _("Kept. Nobody is invited before you send the invitations.")
            if not kept.is_draft:
                said = _("Kept. Whoever was invited hears of another time or place.")
            notices.say(request, said)
            return redirect("meetings:meeting", kept.public_id)
    points: list[Point] = _points(request) if form.is_bound else []
    if not form.is_bound and found is not None:
        points = [
            Point(one.title, one.presenter, one.takes, one.public_id)
            for one in found.agenda.order_by("position")
        ]
    context = {
        "form": form,
        "meeting": found,
        "node": node,
        "points": [*points, *[Point("")] * EMPTY_LINES],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "meetings/meeting_form.html", context, status=status)


@require_GET
@requires("work.do")
def meeting(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One meeting: when, where, who comes, what is on the agenda, what was decided."""
    now = timezone.now()
    found, access = _found(public_id), request.access
    leads = selectors.may_lead(found, access) or request.user.pk in {
        found.chair_id, found.secretary_id,
    }  # fmt: skip
    if found.is_draft and not leads:
        raise PermissionDenied(_("It is being written still."))
    people = selectors.invitees_of(found)
    may_read = selectors.may_read_minutes(found, access)
    following = Meeting.objects.filter(follows=found).first()
    is_settled = found.minutes_state in {Meeting.Minutes.REVIEW, Meeting.Minutes.APPROVED}
    context = {
        "meeting": found,
        "leads": leads,
        "writes": access.may("meetings.write", found.node),
        "mine": next((one for one in people if one.member_id == request.user.pk), None),
        "lent": selectors.lent_seats(people, access, now=now) if found.is_called else [],
        "people": people,
        "answers": selectors.answers_in(people),
        "agenda": list(found.agenda.select_related("media").order_by("position")),
        "is_coming": found.is_called and now < found.starts_at,
        "has_begun": found.is_called and now >= found.starts_at,
        "reach": services.invited_to(found, now=now) if found.is_draft else None,
        "may_write_minutes": selectors.may_write_minutes(found, access),
        "may_read_minutes": may_read,
        "may_decide": found.minutes_state == Meeting.Minutes.REVIEW
        and found.chair_id == request.user.pk,
        "decisions": selectors.decisions_of(found) if may_read else [],
        "open_from_last": selectors.open_decisions_before(found),
        "next": following,
        # What is over and approved is moved and cancelled no more.
        "is_settled": is_settled,
        "goes_on": found.is_called
        and (not is_settled or (found.kind == Meeting.Kind.PERIODIC and not following)),
        "history": selectors.history_of(found) if leads else [],
        "now": now,
    }
    part = "#content" if request.htmx else ""
    return render(request, f"meetings/meeting.html{part}", context)


@require_POST
@requires("meetings.write")
def call(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Invite everybody."""
    own(request, public_id)
    step = services.call_meeting(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The invitations leave in ten seconds."), undo=step)
    return redirect("meetings:meeting", public_id)


@require_POST
@requires("work.do")
def answer(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say whether one comes."""
    found = _found(public_id)
    services.answer_invitation(
        found.public_id,
        request.POST.get("answer", ""),
        by=request.user,
        now=timezone.now(),
        stand_in=request.POST.get("stand_in", ""),
        invitee_id=uuid_in(request.POST.get("invitee", "")),
    )
    notices.say(request, _("Noted. Whoever called the meeting sees it."))
    return redirect("meetings:meeting", public_id)


@require_POST
@requires("meetings.write")
def cancel(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Cancel it."""
    own(request, public_id)
    reason = request.POST.get("reason", "")
    services.cancel_meeting(public_id, reason, by=request.user, now=timezone.now())
    notices.say(request, _("Cancelled. Everybody who was invited is told why."))
    return redirect("meetings:meeting", public_id)


@require_POST
@requires("meetings.write")
def delete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    own(request, public_id)
    services.delete_meeting(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The draft is gone."))
    return redirect("meetings:meetings")


@require_POST
@requires("meetings.write")
def next_one(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Begin the next meeting of the series."""
    own(request, public_id)
    made = services.next_meeting(public_id, by=request.user, now=timezone.now())
    return redirect("meetings:edit_meeting", made.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("work.do")
def agenda_file(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """The file that goes with an item of the agenda; or one put there."""
    item = get_object_or_404(
        AgendaItem.objects.select_related("meeting__node", "media"), public_id=public_id
    )
    if request.method == "POST":
        request.access.require("meetings.write", item.meeting.node)
        upload = request.FILES.get("file")
        if upload is not None and upload.file is not None:
            file = services.File(upload.file, upload.name or "", upload.content_type or "")
            services.attach_to_item(public_id, file, by=request.user, now=timezone.now())
        return redirect("meetings:meeting", item.meeting.public_id)
    if item.media is None:
        return HttpResponse(status=HTTPStatus.NOT_FOUND)
    try:
        path = channels.media_path(item.media)
    except DomainError:
        return HttpResponse(status=HTTPStatus.GONE)
    return file_response(
        request, path, mime_type=item.media.mime_type, name=item.media.name,
        etag=item.media.sha256, to_save=False,
    )  # fmt: skip


@require_GET
@requires("work.do")
def calendar(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The meeting for one's own calendar."""
    found = _found(public_id)
    if found.is_draft:
        raise PermissionDenied(_("It is being written still."))
    response = HttpResponse(
        ics.of_meeting(found, now=timezone.now()), content_type="text/calendar; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    response["Cache-Control"] = "private, no-store"
    return response
