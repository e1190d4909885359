"""The list of letters, and how far one is with its people."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_safe

from bayan.cases import services as cases
from bayan.channels import services as channels
from bayan.core.documents import pdf_response
from bayan.core.errors import DomainError
from bayan.core.exports import small_csv
from bayan.core.files import file_response, zip_response
from bayan.core.paging import Cursor, counts_of, page_of
from bayan.correspondence import document, exporting, searching, selectors, services
from bayan.correspondence.models import Letter, Look
from bayan.correspondence.templatetags.letters import percent, stage_name
from bayan.inbox import services as inbox_services
from bayan.people.permissions import StaffRequest, requires, requires_fresh_factor

VIEWS = ("open", "mine", "drafts", "waiting", "sent")
SHOWN, MOST_SAVED = 50, 5_000


@require_GET
@requires("work.do")
def letters(request: StaffRequest) -> HttpResponse:
    """What came to the reader, and what their bodies write."""
    now = timezone.now()
    writes = request.access.may("letters.write")
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "open"
    asked = searching.asked_in(request.GET)
    found = searching.look_for(asked.words)
    after = request.GET.get("after")
    views = {
        key: searching.narrowed(rows, asked, found)
        for key, rows in selectors.views_of(request.access, now=now).items()
        if writes or key in {"open", "mine", "waiting"}
    }
    view = view if view in views else "open"
    page = page_of(
        selectors.shown(views[view]),
        newest="changed_at",
        after=Cursor.read(after) if after else None,
        limit=SHOWN,
    )
    selectors.with_counts(page.rows, request.access)
    context = {
        "rows": page.rows,
        "next_cursor": page.next_cursor,
        "view": view,
        "words": asked.words,
        "asked": asked,
        "kinds": Letter.Kind.choices,
        "states": Letter.State.choices,
        "counts": {} if after else counts_of(views),
        "writes": writes,
        "now": now,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"correspondence/letters.html{part}", context)


@require_GET
@requires("work.do")
def export(request: StaffRequest) -> HttpResponse:
    """One view of the list as a file for spreadsheets."""
    now = timezone.now()
    views = selectors.views_of(request.access, now=now)
    rows = views.get(request.GET.get("view", ""), views["mine"])
    asked = searching.asked_in(request.GET)
    asked_for = searching.narrowed(rows, asked, searching.look_for(asked.words))
    found = list(selectors.shown(asked_for).order_by("-changed_at", "-pk")[:MOST_SAVED])
    selectors.with_counts(found, request.access)
    inbox_services.note_export("letters.exported", len(found), access=request.access, now=now)
    heading = [
        _("Follow-up number"), _("Kind"), _("Subject"), _("Body"), _("State"), _("Sent"), _("Due"),
        _("Recipients"), _("Done"), _("Number in official correspondence"),
    ]  # fmt: skip
    return small_csv("letters", [heading, *map(_line, found)])


def _line(one: Letter) -> list[str]:
    return [
        one.reference, str(one.get_kind_display()), one.shown_subject, one.node.name,  # type: ignore[attr-defined]
        str(one.get_state_display()), _moment(one.sent_at), _moment(one.due_at),
        str(one.total), str(one.done), one.official_number,  # type: ignore[attr-defined]
    ]  # fmt: skip


def _moment(at: object) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at else ""  # type: ignore[arg-type]


@require_GET
@requires("work.do")
def recipients(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Who has seen it and done what was wanted: كشف الاطلاع."""
    now = timezone.now()
    letter = _sent(request, public_id)
    stage = request.GET.get("stage", "")
    context = {
        "letter": letter,
        "matrix": selectors.matrix(letter, request.access, now=now, stage=stage),
        "stage": stage,
        "sees_all": selectors.may_see_all(letter, request.access),
        "answers": selectors.answers_of(letter, request.access),
        "replies": selectors.replies_of(letter, request.access),
        "filled": selectors.filled_of(letter, request.access),
        "now": now,
    }
    part = "#matrix" if request.htmx else ""
    return render(request, f"correspondence/recipients.html{part}", context)


def _sent(request: StaffRequest, public_id: UUID) -> Letter:
    """A letter that has left, of whose recipients the reader may see some."""
    letter: Letter = get_object_or_404(
        Letter.objects.sent().select_related("node", "author", "signer"), public_id=public_id
    )
    if not (selectors.may_see_all(letter, request.access) or request.access.may("people.manage")):
        raise PermissionDenied(_("Who else got it is shown to whoever sent it."))
    return letter


@require_GET
@requires("work.do")
def recipients_export(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The same as a file for spreadsheets."""
    now = timezone.now()
    letter = _sent(request, public_id)
    rows = selectors.matrix(letter, request.access, now=now).rows
    inbox_services.note_export(
        "letter.recipients_exported", len(rows), access=request.access, now=now
    )
    heading = [
        _("Body"), _("Name"), _("Copy"), _("State"), _("Handed over"), _("Seen"), _("Done"),
        _("Answer"),
    ]  # fmt: skip
    lines = [
        [
            row.node.name, row.member.name, _("yes") if row.is_copy else "",
            str(stage_name(row.stage)),  # type: ignore[attr-defined]
            _moment(row.handed_at), _moment(row.seen_at),
            _moment(row.item.ended_at if row.item else None), row.item.answer if row.item else "",
        ]
        for row in rows
    ]  # fmt: skip
    return small_csv("recipients", [heading, *lines])


@require_GET
@requires("work.do")
def answers_export(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What was filled into the letter's form as a file for spreadsheets: a column for each field."""
    now = timezone.now()
    letter = _sent(request, public_id)
    filled = selectors.filled_of(letter, request.access)
    if filled is None:
        raise Http404
    inbox_services.note_export(
        "letter.recipients_exported", len(filled.rows), access=request.access, now=now
    )
    heading = [_("Body"), _("Name"), _("When"), *(one.label for one in filled.questions)]
    lines = [
        [one.recipient.node.name, one.recipient.member.name, _moment(one.at), *line]
        for one, line in filled.rows
    ]
    return small_csv("answers", [heading, *lines])


@require_safe
@requires("work.do")
def answer_picture(request: StaffRequest, public_id: UUID, media_id: UUID) -> HttpResponseBase:
    """A picture that was filled into the letter's form."""
    letter = _sent(request, public_id)
    filled = selectors.filled_of(letter, request.access)
    rows = filled.rows if filled else []
    media = next(
        (one.picture for one, _line in rows if one.picture and one.picture.public_id == media_id),
        None,
    )
    if media is None:
        raise Http404
    try:
        path = channels.media_path(media)
    except DomainError:
        return HttpResponse(status=HTTPStatus.GONE)
    return file_response(
        request, path, mime_type=media.mime_type, name=media.name, etag=media.sha256, to_save=False
    )


@require_GET
@requires("letters.write")
def certificate(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """محضر التبليغ: who got it, when they saw it, what they answered; as a document."""
    now = timezone.now()
    letter = _sent(request, public_id)
    if not selectors.may_see_all(letter, request.access):
        raise PermissionDenied(_("Who else got it is shown to whoever sent it."))
    found = selectors.matrix(letter, request.access, now=now)
    services.note("letter.certified", letter, by=request.user, now=now)
    content = document.certificate(letter, found, now=now, by=request.user.name)
    return pdf_response(content, f"{letter.year}-{letter.number}-certificate.pdf")


@require_GET
@requires("letters.write")
def whole(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """The file of a letter as one archive: document, attachments, who got it, replies, views, sums."""
    letter = _sent(request, public_id)
    if not selectors.may_see_all(letter, request.access):
        raise PermissionDenied(_("Who else got it is shown to whoever sent it."))
    saved = requires_fresh_factor(_whole) if letter.is_secret else _whole
    return saved(request, letter)


def _whole(request: StaffRequest, letter: Letter) -> HttpResponseBase:
    now = timezone.now()
    services.look(letter, Look.What.DOCUMENT, by=request.user, now=now)
    services.note(
        "letter.exported", letter, by=request.user, now=now, sha256=letter.submitted_hash,
        number=letter.reference,
    )  # fmt: skip
    entries = exporting.entries_of(letter, request.access, now=now)
    return zip_response(f"{letter.year}-{letter.number}.zip", entries, is_sealed=True)


@require_GET
@requires("work.do")
def responses(request: StaffRequest) -> HttpResponse:
    """How bodies answer what is sent to them in a period, beside the one before and all together."""
    now, days = timezone.now(), _days(request)
    each, together = selectors.responses(request.access, days=days, now=now)
    context = {
        "rows": each, "together": together, "days": days, "periods": cases.PERIODS, "now": now,
    }  # fmt: skip
    return render(request, "correspondence/responses.html", context)


@require_GET
@requires("work.do")
def responses_export(request: StaffRequest) -> HttpResponse:
    """The same as a file for spreadsheets."""
    now, days = timezone.now(), _days(request)
    each, together = selectors.responses(request.access, days=days, now=now)
    heading = [
        _("Body"), _("Recipients"), _("Done"), _("In time"), _("Hours until done (median)"),
        _("In time, in the period before"),
    ]  # fmt: skip
    lines = [
        [
            name, str(row.total), str(row.done), percent(row.share),
            "" if row.median is None else f"{row.median / 3600:.1f}",
            percent(row.before.share) if row.before else "",
        ]
        for name, row in [
            *((row.node.name, row) for row in each),
            *([(_("The authority as a whole"), together)] if together else []),
        ]
    ]  # fmt: skip
    inbox_services.note_export(
        "letters.responses_saved", len(lines), access=request.access, now=now
    )
    return small_csv(f"letters-{days}-{timezone.localdate(now):%Y-%m-%d}", [heading, *lines])


def _days(request: StaffRequest) -> int:
    """The period that is asked for; a quarter where none is."""
    text = request.GET.get("days", "")
    known = text.isascii() and text.isdigit() and int(text) in cases.PERIODS
    return int(text) if known else max(cases.PERIODS)
