"""Stories: the queue, one story for its sender and for the editors, and each step as a press."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from bayan.channels import services as channels
from bayan.core import notices
from bayan.core.files import file_response, zip_response
from bayan.core.paging import Cursor
from bayan.core.views import refusal, uuid_in
from bayan.mandates import selectors as mandates
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires, requires_fresh_factor
from bayan.press import exporting, pictures, selectors, services, wording
from bayan.press.forms import EditForm, PublicationForm, StoryForm
from bayan.press.models import Approval, Story, StoryFile
from bayan.work.models import Item

SIZES = {"small": pictures.SMALL, "web": pictures.WEB}


@require_GET
@requires("press.submit")
def stories(request: StaffRequest) -> HttpResponse:
    """The stories of the reader's bodies; for the editors, of all of them."""
    filters = selectors.filters_in(request.GET)
    after = request.GET.get("after")
    page = selectors.page_of_stories(
        filters, member=request.user, after=Cursor.read(after) if after else None
    )
    is_desk = request.access.may_everywhere("press.edit")
    context = {
        "rows": page.rows,
        "next_cursor": page.next_cursor,
        "asked": filters,
        "view": filters.view,
        "words": filters.words,
        "body": filters.body,
        "states": Story.State.choices,
        "counts": {} if after else selectors.counts(filters, member=request.user),
        "bodies": list(organisation.nodes().values()) if is_desk else [],
        "is_desk": is_desk,
        "may_contact": request.access.may_everywhere("press.contacts"),
        "now": timezone.now(),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"press/stories.html{part}", context)


def _uploads(request: HttpRequest) -> list[services.Upload]:
    return [
        services.Upload(upload.file, upload.name or "", upload.content_type or "")
        for upload in request.FILES.getlist("files")
        if upload.file is not None
    ]


def _request(form: StoryForm) -> services.Request:
    given = form.cleaned_data
    return services.Request(
        title=given["title"],
        text=given["text"],
        shows_people=given["shows_people"],
        publish_by=given["publish_by"],
        embargo_until=given["embargo_until"],
    )


@require_http_methods(["GET", "POST"])
@requires("press.submit")
def new(request: StaffRequest) -> HttpResponse:
    """Hand a story in for the body that one works for."""
    now = timezone.now()
    body = people.body_of_member(request.user, now=now)
    assert body is not None  # noqa: S101  # the door let only members with a role through
    form = StoryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.hand_in(
            _request(form), _uploads(request), node=body, by=request.user, now=now
        )
        notices.say(request, _("The request has arrived at the editors. You hear of each step."))
        return redirect("press:story", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "press/new.html", {"form": form, "node": body}, status=status)


@require_http_methods(["GET", "POST"])
@requires("press.submit")
def complete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Complete a draft or a returned story and hand it in again."""
    found = _found(request, public_id)
    form = StoryForm(
        request.POST or None,
        initial={
            "title": found.title,
            "text": found.text,
            "shows_people": found.shows_people,
            "publish_by": found.publish_by,
            "embargo_until": found.embargo_until and timezone.localtime(found.embargo_until),
        },
    )
    if request.method == "POST" and form.is_valid():
        services.hand_in_again(
            public_id, _request(form), _uploads(request), by=request.user, now=timezone.now()
        )
        notices.say(request, _("The request has arrived at the editors. You hear of each step."))
        return redirect("press:story", public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {"form": form, "node": found.node, "story": found, "files": selectors.files_of(found)}
    return render(request, "press/new.html", context, status=status)


def _found(request: StaffRequest, public_id: UUID) -> Story:
    """A story of a body for which the reader hands in."""
    found = get_object_or_404(selectors.shown(Story.objects.all()), public_id=public_id)
    request.access.require("press.submit", found.node)
    return found


@require_GET
@requires("press.submit")
def story(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One story: for its body where it stands; for the editors their desk."""
    return _page(request, _found(request, public_id))


def _page(request: StaffRequest, found: Story, *, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    access = request.access
    files = selectors.files_of(found)
    is_editor = access.may_everywhere("press.edit")
    may_edit = is_editor and found.state in {
        Story.State.SUBMITTED, Story.State.IN_REVIEW, Story.State.ACCEPTED,
    }  # fmt: skip
    is_open = found.state in {Story.State.DRAFT, Story.State.RETURNED}
    context: dict[str, Any] = {
        "story": found,
        "files": files,
        "is_editor": is_editor,
        "may_edit": may_edit,
        "may_complete": is_open,
        "may_add": is_open or found.state == Story.State.SUBMITTED,
        "may_withdraw": is_open or found.state in {"submitted", "in_review", "accepted"},
        "may_send": access.may_everywhere("press.send")
        and found.state in {"accepted", "sent", "published"},
        "may_publish": is_editor and found.state in {"accepted", "sent", "published"},
        "news": found.news.order_by("-pk"),
        "publications": found.publications.order_by("at"),
        "decides_period": found.state in services.OVER
        and access.may("retention.decide", found.node),
        "history": selectors.history_of(found),
        "now": now,
    }
    if is_editor or access.may_everywhere("press.approve"):
        context |= _for_the_desk(found, files, now=now) | {"me": request.user}
        approval = selectors.approval_for(found, context["version"], access, now=now)
        context |= {"approval": approval, "is_grave": services.is_grave(found)}
    if may_edit:
        context["form"] = EditForm(
            initial={
                "title": found.shown_title,
                "text": found.shown_text,
                "embargo_until": found.embargo_until and timezone.localtime(found.embargo_until),
                "is_open_early": found.is_open_early,
            }
        )
    if context["may_publish"]:
        context["publication_form"] = PublicationForm()
    return render(request, "press/story.html", context | more, status=status)


def _for_the_desk(found: Story, files: list[StoryFile], *, now: datetime) -> dict[str, Any]:
    return {
        "editors": selectors.editors(now=now),
        "approvers": selectors.approvers(now=now),
        "approvals": list(
            found.approvals.select_related("approver", "item").order_by("-asked_at", "-pk")[:10]
        ),
        "asked": Approval.State.ASKED,
        "releases": list(found.releases.order_by("-pk")),
        "findings": wording.findings(found, files),
        "title_changes": wording.changes(found.title, found.edited_title)
        if found.edited_title
        else [],
        "text_changes": wording.changes(found.text, found.edited_text) if found.edited_text else [],
        "weights": Story.Weight.choices,
        "topics": mandates.topics(),
        "who_speaks": mandates.answer(found.topic, found.node, now=now),
        "version": found.version(),
    }


@require_POST
@requires("press.submit")
def add(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Add files: originals of what came compressed, or what was forgotten."""
    _found(request, public_id)
    files = _uploads(request)
    if not files:
        return refusal(request, _("Choose the files first."), status=422)
    services.add_files(public_id, files, by=request.user, now=timezone.now())
    notices.say(request, _("The files are added as they are."))
    return redirect("press:story", public_id)


@require_POST
@requires("press.submit")
def withdraw(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a story back before it is with journalists."""
    _found(request, public_id)
    services.withdraw(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The request is withdrawn."))
    return redirect("press:story", public_id)


@require_POST
@requires("press.edit", everywhere=True)
def take(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Make oneself or a colleague the story's editor."""
    get_object_or_404(Story, public_id=public_id)
    now = timezone.now()
    key = uuid_in(request.POST.get("to", ""))
    editors = {one.public_id: one for one in selectors.editors(now=now)}
    editor = editors.get(key) if key else request.user
    if editor is None:
        return refusal(request, _("Choose an editor."), status=422)
    services.take(public_id, editor=editor, by=request.user, now=now)
    notices.say(request, _("%(name)s has the story now.") % {"name": editor.name})
    return redirect("press:story", public_id)


@require_POST
@requires("press.edit", everywhere=True)
def edit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Keep the editors' words, captions, choice and order."""
    found = get_object_or_404(selectors.shown(Story.objects.all()), public_id=public_id)
    form = EditForm(request.POST)
    if not form.is_valid():
        return _page(request, found, status=HTTPStatus.UNPROCESSABLE_ENTITY, form=form)
    given = form.cleaned_data
    services.edit(
        public_id,
        services.Edit(
            title=given["title"],
            text=given["text"],
            embargo_until=given["embargo_until"],
            is_open_early=given["is_open_early"],
            files=_arranged(request, found),
        ),
        by=request.user,
        now=timezone.now(),
    )
    notices.say(request, _("Saved. The original stays beside it."))
    return redirect("press:story", public_id)


def _arranged(request: HttpRequest, found: Story) -> dict[UUID, tuple[str, int, bool]]:
    """What the form says of each file: caption, place, whether it goes out."""
    arranged = {}
    for file in found.files.all():
        key = str(file.public_id)
        if f"place-{key}" not in request.POST:
            continue
        place = request.POST[f"place-{key}"]
        arranged[file.public_id] = (
            request.POST.get(f"caption-{key}", "").strip()[:500],
            min(int(place), 999) if place.isascii() and place.isdigit() else file.position,
            f"chosen-{key}" in request.POST,
        )
    return arranged


@require_POST
@requires("press.edit", everywhere=True)
def answer(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Return a story for completion, or decline it, with words that the sender reads."""
    get_object_or_404(Story, public_id=public_id)
    verb = services.decline if request.POST.get("do") == "decline" else services.give_back
    verb(public_id, request.POST.get("reason", ""), by=request.user, now=timezone.now())
    notices.say(request, _("The sender is told, in your words."))
    return redirect("press:story", public_id)


@require_POST
@requires("press.edit", everywhere=True)
def approve(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """Accept a routine story, or ask those who must approve it."""
    found = get_object_or_404(Story.objects.select_related("node"), public_id=public_id)
    weight = request.POST.get("weight", "")
    if weight not in Story.Weight.values:
        return refusal(request, _("Choose how much approval it needs."), status=422)
    topic = request.POST.get("topic", "")
    if topic not in dict(mandates.topics()):
        topic = ""
    # Who accepts it alone approves it; whoever only asks others does not.
    is_alone = not services.WANTED[Story.Weight(weight)]
    if is_alone and services.is_grave(found, weight=weight, topic=topic):
        return requires_fresh_factor(_approved)(request, found, weight, topic)
    return _approved(request, found, weight, topic)


def _approved(request: StaffRequest, found: Story, weight: str, topic: str) -> HttpResponse:
    now = timezone.now()
    asked = [
        member
        for field in ("first", "second")
        if (member := _approver(request.POST.get(field, ""), now=now))
    ]
    asked_for = services.ask_approval(
        found.public_id,
        weight,
        version=request.POST.get("version", ""),
        approvers=asked,
        topic=topic,
        by=request.user,
        now=now,
    )
    notices.say(
        request,
        _("Accepted. It can be sent to journalists now.")
        if asked_for.state == Story.State.ACCEPTED
        else _("Those who approve are asked; their WhatsApp shows it."),
    )
    return redirect("press:story", found.public_id)


def _approver(given: str, *, now: datetime) -> Member | None:
    key = uuid_in(given)
    return next((one for one in selectors.approvers(now=now) if one.public_id == key), None)


@require_POST
@requires("press.submit")
def decide(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """Approve what one was asked to, return it, or refuse it; what is grave is approved with a code."""
    found = _found(request, public_id)
    is_approving = request.POST.get("end") == Item.State.DONE
    wants_code = is_approving and services.is_grave(found)
    return (requires_fresh_factor(_decided) if wants_code else _decided)(request, found)


def _decided(request: StaffRequest, found: Story) -> HttpResponse:
    end = request.POST.get("end", "")
    services.decide_approval(
        found.public_id, version=request.POST.get("version", ""), end=end,
        words=request.POST.get("words", "")[:1000], by=request.access, now=timezone.now(),
    )  # fmt: skip
    notices.say(
        request,
        _("Approved, and noted.") if end == Item.State.DONE else _("The editors read your reason."),
    )
    return redirect("press:story", found.public_id)


@require_POST
@requires("press.edit", everywhere=True)
def publish(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Keep where it was published."""
    found = get_object_or_404(selectors.shown(Story.objects.all()), public_id=public_id)
    form = PublicationForm(request.POST)
    if not form.is_valid():
        return _page(request, found, status=HTTPStatus.UNPROCESSABLE_ENTITY, publication_form=form)
    services.publish(
        public_id,
        outlet=form.cleaned_data["outlet"],
        address=form.cleaned_data["address"],
        by=request.user,
        now=timezone.now(),
    )
    notices.say(request, _("Noted as published; the sender gets the link."))
    return redirect("press:story", public_id)


@require_safe
@requires("press.submit")
def file(request: StaffRequest, public_id: UUID, file_id: UUID) -> HttpResponseBase:
    """A file of a story: as it came, or a picture made smaller for the screen."""
    _found(request, public_id)
    found = get_object_or_404(
        StoryFile.objects.select_related("media"), public_id=file_id, story__public_id=public_id
    )
    return served(request, found, size=request.GET.get("size", ""))


def served(request: HttpRequest, found: StoryFile, *, size: str = "") -> HttpResponseBase:
    """The bytes of a file, or of its smaller picture."""
    path = channels.media_path(found.media)
    if not found.media.sha256 or not path.is_file():
        raise Http404
    if size in SIZES and found.kind == "image":
        small = pictures.smaller(path, SIZES[size])
        if small is not None:
            response = HttpResponse(small, content_type="image/jpeg")
            # Its name is its hash: what is behind the address never changes.
            response["Cache-Control"] = "private, max-age=86400"
            response["X-Content-Type-Options"] = "nosniff"
            if "download" in request.GET:
                response["Content-Disposition"] = f'attachment; filename="{found.public_id}.jpg"'
            return response
    return file_response(
        request,
        path,
        mime_type=found.media.mime_type,
        name=found.name,
        etag=found.media.sha256,
        to_save="download" in request.GET,
    )


@require_GET
@requires("press.edit", everywhere=True)
def whole(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """The file of a story as one archive: document, originals, who got it and what they did, fingerprints."""
    found = get_object_or_404(selectors.shown(Story.objects.all()), public_id=public_id)
    now = timezone.now()
    services.note(
        found, "story.exported", by=request.user, now=now, sha256=found.version(),
        number=found.reference,
    )  # fmt: skip
    entries = exporting.entries_of(found, by=request.user.name, now=now)
    return zip_response(f"{found.reference}.zip", entries, is_sealed=True)


@require_GET
@requires("press.submit")
def archive(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """All files of a story as they came, as one archive."""
    found = _found(request, public_id)
    files = [file for file in selectors.files_of(found) if file.twin_id is None]
    return zipped(found, files)


def zipped(story: Story, files: list[StoryFile]) -> HttpResponseBase:
    """These files as one archive, in their order."""
    entries = [
        (f"{number:02} {file.name}", path)
        for number, file in enumerate(files, start=1)
        if file.media.sha256 and (path := channels.media_path(file.media)).is_file()
    ]
    return zip_response(f"{story.reference}.zip", entries)
