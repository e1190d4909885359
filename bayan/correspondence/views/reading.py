"""Reading a letter: its page, its document, its files; doing what it wants; checking one from outside."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from bayan.channels import services as channels
from bayan.core import notices
from bayan.core.documents import pdf_response
from bayan.core.files import file_response
from bayan.core.rls import as_worker
from bayan.core.views import note_after
from bayan.correspondence import checks, document, marking, selectors, services
from bayan.correspondence.forms import AnswerForm
from bayan.correspondence.models import Letter, Look, Recipient
from bayan.correspondence.questions import AnswersFaulty, questions_of
from bayan.correspondence.views.drafting import kind_of
from bayan.people.permissions import StaffRequest, requires
from bayan.work import services as work


def _letter(public_id: UUID) -> Letter:
    found: Letter = get_object_or_404(
        Letter.objects.select_related(
            "node", "author", "signer", "approval", "refers_to", "corrects"
        ),
        public_id=public_id,
    )
    return found


@require_GET
@requires("work.do")
def letter(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One letter: to read it, to do what it wants, to see how far it is."""
    return letter_page(request, _letter(public_id))


def letter_page(
    request: StaffRequest, found: Letter, *, status: int = 200, **more: object
) -> HttpResponse:
    """The page of a letter; that it was opened is noted once it has left."""
    now = timezone.now()
    access = request.access
    mine = (
        services.look(found, Look.What.PAGE, by=request.user, now=now)
        if found.sent_at and not request.htmx
        else services.recipient_of(found, request.user, now=now)
    )
    writes = access.may("letters.write", found.node) or request.user.pk == found.author_id
    sees_all = bool(found.sent_at) and selectors.may_see_all(found, access)
    is_recalled = found.state == Letter.State.RECALLED
    context = {
        "letter": found,
        "mine": mine,
        # Whoever got it reads no word of what was recalled.
        "is_hidden": is_recalled and not sees_all,
        "writes": writes,
        "sees_all": sees_all,
        "decides_period": access.may("retention.decide", found.node),
        "files": selectors.files_of(found),
        "addresses": found.addresses.select_related("node", "member", "list").order_by(
            "is_copy", "pk"
        ),
        "reach": services.reach_of(found, now=now) if found.sent_at is None and writes else None,
        "hints": list(checks.hints(found)) if found.is_open and writes else [],
        "signers": selectors.signers_of(found.node, now=now) if found.is_open and writes else [],
        "reviewers": selectors.reviewers_of(found, now=now) if found.is_open and writes else [],
        "review": services.review_for(found, access, now=now),
        "reviews": selectors.reviews_of(found) if found.sent_at is None or writes else [],
        "may_decide": found.state == Letter.State.REVIEW
        and found.approval is not None
        and work.may_act(found.approval, access, now=now),
        "matrix": selectors.matrix(found, access, now=now, most=1) if sees_all else None,
        "questions": questions_of(found.fields),
        "answer_form": AnswerForm(letter=found)
        if found.fields and mine and mine.item and mine.item.is_open
        else None,
        "digests": selectors.digests_of(found, access, mine) if found.sent_at else [],
        "corrected_by": found.corrected_by.sent().first(),
        "looks": selectors.looks_of(found) if sees_all and found.is_classified else [],
        "history": selectors.history_of(found) if writes else [],
        "now": now,
    }
    part = "#content" if request.htmx and not more else ""
    return render(request, f"correspondence/letter.html{part}", context | more, status=status)


@require_POST
@requires("work.do")
def finish(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Do what the letter wants of the reader, or write a word about it."""
    now = timezone.now()
    found = _letter(public_id)
    mine = services.recipient_of(found, request.user, now=now)
    words = request.POST.get("words", "")[:3000]
    if "remark" in request.POST:
        if services.remark(found, words, by=request.user, now=now):
            notices.say(request, _("Noted, and handed on to whoever sent it."))
    elif mine is not None and mine.item is not None and found.fields:
        return _filled(request, found, mine)
    elif mine is not None and mine.item is not None:
        shown = [
            work.Picture(
                upload.file, upload.name or "", upload.content_type or "",
                kind_of(upload.content_type),
            )
            for upload in request.FILES.getlist("proof")
            if upload.file is not None
        ]  # fmt: skip
        work.finish(mine.item.public_id, by=request.access, now=now, words=words, pictures=shown)
        notices.say(request, _("Noted. Whoever sent it sees it."))
    return redirect("correspondence:letter", public_id)


def _filled(request: StaffRequest, found: Letter, mine: Recipient) -> HttpResponse:
    """What was filled into the form of a letter; with its faults beside the fields."""
    form = AnswerForm(request.POST, letter=found)
    pictures = [
        work.Picture(upload.file, upload.name or "", upload.content_type or "")
        for upload in request.FILES.values()
        if not isinstance(upload, list) and upload.file is not None
    ]
    try:
        with transaction.atomic():
            services.fill(
                mine,
                form.given(),
                version=request.POST.get("version", ""),
                by=request.access,
                now=timezone.now(),
                pictures=pictures,
            )
    except AnswersFaulty as faulty:
        form.full_clean()
        for name, fault in faulty.faults.items():
            form.errors[name] = form.error_class([fault])
        return letter_page(request, found, status=HTTPStatus.UNPROCESSABLE_ENTITY, answer_form=form)
    notices.say(request, _("Noted. Whoever sent it sees it."))
    return redirect("correspondence:letter", found.public_id)


@require_GET
@requires("work.do")
def open_link(request: StaffRequest, secret: str) -> HttpResponse:
    """The link of a message: once, for the one who got it."""
    now = timezone.now()
    try:
        found = services.open_link(secret, by=request.user, now=now)
    except services.LinkIsDead as dead:
        context = {"why": str(dead)}
        response = render(request, "correspondence/dead_link.html", context, status=HTTPStatus.GONE)
        note_after(response, partial(services.note_refused_link, secret, by=request.user, now=now))
        return response
    return redirect("correspondence:letter", found.public_id)


def _readable(request: StaffRequest, public_id: UUID, what: str) -> Letter:
    """A letter whose words the reader may have; that they had them is noted."""
    found = _letter(public_id)
    _refuse_recalled(request, found)
    if found.sent_at:
        services.look(found, what, by=request.user, now=timezone.now())
    return found


def _refuse_recalled(request: StaffRequest, found: Letter) -> None:
    if found.state == Letter.State.RECALLED and not selectors.may_see_all(found, request.access):
        raise services.NotSent(_("This letter was recalled."))


@require_GET
@requires("work.do")
def as_document(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The letter in its official form, as a PDF; what is classified bears its reader's name on each page."""
    found = _readable(request, public_id, Look.What.DOCUMENT)
    content = document.letter(found, reader=request.user, now=timezone.now())
    name = f"{found.year}-{found.number}.pdf" if found.number else "draft.pdf"
    return pdf_response(content, name)


@require_safe
@requires("work.do")
def file(request: StaffRequest, public_id: UUID, media_id: UUID) -> HttpResponseBase:
    """A file that goes with the letter; of what is classified with its reader's name across each page."""
    found = _letter(public_id)
    _refuse_recalled(request, found)
    files = {one.media.public_id: one.media for one in selectors.files_of(found)}
    media, now = files.get(media_id), timezone.now()
    if media is None:
        raise Http404
    path = channels.media_path(media)
    if not path.is_file():
        return HttpResponse(status=HTTPStatus.GONE)
    content = None
    if found.sent_at and found.is_classified:
        try:
            content = marking.marked(media, path, reader=request.user, now=now)
        except marking.CannotBeMarked:
            if found.is_secret:
                # Checked before it was signed; whatever has happened since, none leaves unmarked.
                raise
    if found.sent_at:
        is_marked = content is not None if found.is_classified else None
        services.look(found, Look.What.FILE, by=request.user, now=now, is_marked=is_marked)
    if content is not None:
        return pdf_response(content, f"{Path(media.name or 'file').stem}.pdf")
    return file_response(
        request, path, mime_type=media.mime_type, name=media.name, etag=media.sha256, to_save=False
    )


@require_GET
def verify(request: HttpRequest, code: str) -> HttpResponse:
    """For whoever holds a print: whether it is a letter of ours, and still good. It tells nothing else."""
    key = document.key_behind(code)
    with as_worker():
        found = (
            Letter.objects.sent().filter(public_id=key).select_related("node").first()
            if key
            else None
        )
        newer = found.corrected_by.sent().first() if found else None
    context = {
        "letter": found,
        "newer": newer,
        "is_good": found is not None and found.state == Letter.State.SENT,
    }
    status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
    response = render(request, "correspondence/verify.html", context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response
