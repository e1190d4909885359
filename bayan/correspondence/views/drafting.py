"""Writing a letter, handing it to whoever signs, signing, correcting and recalling it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.views import uuid_in
from bayan.correspondence import services
from bayan.correspondence.forms import LetterForm, initial_of
from bayan.correspondence.models import Letter
from bayan.correspondence.services import File
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires, requires_fresh_factor
from bayan.work.models import Item


def _own(request: StaffRequest, public_id: UUID) -> Letter:
    """A letter for whose body the reader writes."""
    found: Letter = get_object_or_404(
        Letter.objects.select_related("node", "author", "refers_to"), public_id=public_id
    )
    request.access.require("letters.write", found.node)
    return found


def writing_body(request: StaffRequest) -> Node:
    """The body in whose name the reader writes: of those, the highest."""
    bodies = Node.objects.filter(pk__in=request.access.bodies_of("letters.write"))
    return min(bodies, key=lambda node: len(node.lineage))


@require_http_methods(["GET", "POST"])
@requires("letters.write")
def new(request: StaffRequest) -> HttpResponse:
    """Begin a letter."""
    node = writing_body(request)
    form = LetterForm(request.POST or None, node=node, access=request.access, now=timezone.now())
    return _edited(request, form, node, None)


@require_http_methods(["GET", "POST"])
@requires("letters.write")
def edit(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write a draft anew."""
    found = _own(request, public_id)
    if not found.is_open:
        raise services.NotOpen(
            _("This can no longer be changed: it waits for a signature, or has left.")
        )
    form = LetterForm(
        request.POST or None, node=found.node, access=request.access, now=timezone.now(),
        initial=initial_of(found),
    )  # fmt: skip
    return _edited(request, form, found.node, found)


def _edited(
    request: StaffRequest, form: LetterForm, node: Node, found: Letter | None
) -> HttpResponse:
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        try:
            if found is None:
                kept = services.draft_letter(form.words(), node=node, by=request.user, now=now)
            else:
                kept = services.change_letter(
                    found.public_id, form.words(), by=request.user, now=now
                )
            services.attach(kept.public_id, files_of(request), by=request.user, now=now)
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            notices.say(request, _("Kept. Nobody gets it before it is signed."))
            return redirect("correspondence:letter", kept.public_id)
    context = {
        "form": form,
        "letter": found,
        "node": node,
        "files": found.attachments.select_related("media").order_by("pk") if found else [],
        "most": services.MOST_FILES,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "correspondence/editor.html", context, status=status)


def files_of(request: HttpRequest) -> list[File]:
    """The files of a form, still open."""
    return [
        File(
            upload.file,
            upload.name or "",
            upload.content_type or "",
            kind_of(upload.content_type),
        )
        for upload in request.FILES.getlist("files")
        if upload.file is not None
    ]


def kind_of(declared: str | None) -> str:
    """The kind of message under whose limits a file falls."""
    return "image" if (declared or "").startswith("image/") else "document"


@require_POST
@requires("letters.write")
def remove_file(request: StaffRequest, public_id: UUID, media_id: UUID) -> HttpResponse:
    """Take a file from a draft."""
    _own(request, public_id)
    services.detach(public_id, media_id, by=request.user, now=timezone.now())
    return redirect("correspondence:edit", public_id)


@require_POST
@requires("letters.write")
def submit(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """Hand a draft to whoever signs it, or first to whoever reviews it."""
    found = _own(request, public_id)
    key = uuid_in(request.POST.get("signer", ""))
    signer = Member.objects.filter(public_id=key).first() if key else None
    if signer is None:
        raise services.MayNotSign(_("Choose who signs it."))
    keys = [key for one in request.POST.getlist("reviewers") if (key := uuid_in(one))]
    reviewers = list(Member.objects.filter(public_id__in=keys).order_by("name_ar", "pk"))
    if found.is_secret and signer == request.user and not reviewers:
        return requires_fresh_factor(_submitted)(request, public_id, signer, reviewers)
    return _submitted(request, public_id, signer, reviewers)


def _submitted(
    request: StaffRequest, public_id: UUID, signer: Member, reviewers: Sequence[Member]
) -> HttpResponse:
    letter = services.submit(
        public_id, signer=signer, reviewers=reviewers, by=request.user, now=timezone.now()
    )
    if letter.state == Letter.State.REVIEWING:
        names = _(", ").join(one.name for one in reviewers)
        notices.say(request, _("Handed to %(names)s to review.") % {"names": names})
    elif letter.state == Letter.State.SENT:
        notices.say(request, _("Signed. It is on its way to everybody."))
    else:
        notices.say(request, _("Handed to %(name)s to sign.") % {"name": signer.name})
    return redirect("correspondence:letter", public_id)


@require_POST
@requires("work.do")
def decide(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """Sign or review it, return or refuse it; what is secret wants a code of the second factor."""
    found = get_object_or_404(Letter, public_id=public_id)
    decided = requires_fresh_factor(_decided) if found.is_secret else _decided
    return decided(request, found)


def _decided(request: StaffRequest, found: Letter) -> HttpResponse:
    end = request.POST.get("end", "")
    letter = services.decide(
        found.public_id, seen=request.POST.get("print", ""), end=end,
        words=request.POST.get("words", "")[:1000], by=request.access, now=timezone.now(),
    )  # fmt: skip
    letter.refresh_from_db(fields=["state"])
    if letter.state == Letter.State.SENT:
        notices.say(request, _("Signed. It is on its way to everybody."))
    elif end == Item.State.DONE:
        notices.say(request, _("Approved. It goes on once all who review it have approved."))
    else:
        notices.say(request, _("Whoever wrote it reads your reason."))
    return redirect("correspondence:letter", found.public_id)


@require_POST
@requires("letters.write")
def take_back(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take it back from whoever was to sign it."""
    _own(request, public_id)
    services.take_back(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("It is a draft again."))
    return redirect("correspondence:letter", public_id)


@require_POST
@requires("letters.write")
def delete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    _own(request, public_id)
    services.delete_draft(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Thrown away."))
    return redirect("correspondence:letters")


@require_POST
@requires("letters.write")
def copy(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Begin a new one from it."""
    _own(request, public_id)
    made = services.copy(public_id, by=request.user, now=timezone.now())
    return redirect("correspondence:edit", made.public_id)


@require_POST
@requires("letters.write")
def correct(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Begin a correction."""
    _own(request, public_id)
    made = services.correct(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Write the correction; it goes to the same people once it is signed."))
    return redirect("correspondence:edit", made.public_id)


@require_POST
@requires("letters.write")
def recall(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a letter back that was sent."""
    _own(request, public_id)
    services.recall(
        public_id, reason=request.POST.get("reason", ""), by=request.user, now=timezone.now()
    )
    notices.say(request, _("Recalled. Whoever was told of it is told that now."))
    return redirect("correspondence:letter", public_id)
