"""A letter as a document in the official form, and the certificate of who got it; by Typst (ADR 24)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core.calendar import hijri
from bayan.core.templatetags.bayan import hijri_words
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.selectors import Matrix
from bayan.correspondence.templatetags.letters import stage_name
from bayan.organisation import selectors as organisation
from bayan.people.models import Member

FOLDER = Path(__file__).parent
# assets/build.mjs puts them there (SIL Open Font License).
FONTS = Path(__file__).parents[1] / "core" / "static" / "core" / "dist" / "fonts"
_CODES = signing.Signer(salt="bayan.correspondence.print")


def code_of(letter: Letter) -> str:
    """What stands in the QR code of a print: the letter's name, signed, so that nobody makes one up."""
    return _CODES.sign(letter.public_id.hex)


def key_behind(code: str) -> UUID | None:
    """The letter that a print's code names; None where it is not ours."""
    try:
        return UUID(_CODES.unsign(code))
    except (signing.BadSignature, ValueError):
        return None


def letter(found: Letter, *, reader: Member, now: datetime) -> bytes:
    """The letter as a PDF. What is classified bears its reader on every page; a draft says that it is one."""
    with override("ar"):
        mark = ""
        if found.sent_at is None:
            mark = _("Draft")
        elif found.is_classified:
            mark = f"{reader.name_ar} · {timezone.localtime(now):%Y-%m-%d %H:%M}"
        data = {
            **_head(found),
            "title": found.subject,
            "urgency": ""
            if found.urgency == Letter.Urgency.USUAL
            else str(found.get_urgency_display()),
            "grade": str(found.get_grade_display()) if found.is_classified else "",
            "kind": str(found.get_kind_display()),
            "to": _lines(found, is_copy=False),
            "copies": _lines(found, is_copy=True),
            "text": _text(found),
            "reference_line": _reference(found),
            "signer": found.signer.name_ar if found.signer and found.sent_at else "",
            "signer_title": found.signer_title,
            "mark": mark,
            "footer": _(
                "Bayan gives a follow-up number; official numbers are those of the correspondence system."
            ),
        }
    return _compiled("letter.typ", data, found, now=now)


def _text(found: Letter) -> str:
    """Its words, and what is to be filled in: whoever signs, signs that too."""
    if not found.fields:
        return found.text
    lines = [f"{at}. {one['label']}" for at, one in enumerate(found.fields, start=1)]
    return "\n".join([found.text, "", _("To be filled in:"), *lines])


def certificate(found: Letter, matrix: Matrix, *, now: datetime, by: str) -> bytes:
    """محضر التبليغ as a PDF: everybody who got it, how and when, in one table."""
    with override("ar"):
        rows = [
            [
                row.node.name,
                row.member.name_ar,
                str(stage_name(row.stage)),  # type: ignore[attr-defined]
                _moment(row.handed_at),
                _moment(row.item.ended_at if row.item and row.item.ended_at else row.seen_at),
            ]
            for row in matrix.rows
        ]
        done = matrix.counts.get("done", 0)
        data = {
            **_head(found),
            "title": _("Certificate of service"),
            "subject": found.subject if not found.is_secret else "",
            "facts": [
                [_("Sent"), _moment(found.sent_at)],
                [_("Due"), _moment(found.due_at)],
                [_("Recipients"), str(matrix.total)],
                [_("Done"), str(done)],
                [_("Not yet"), str(matrix.total - done)],
                [_("Fingerprint"), found.submitted_hash[:32]],
            ],
            "columns": [_("Body"), _("Name"), _("State"), _("Handed over"), _("Seen or done")],
            "rows": rows,
            "footer": _("Printed from Bayan by %(name)s on %(moment)s")
            % {"name": by, "moment": _moment(now)},
        }
    return _compiled("certificate.typ", data, found, now=now)


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A PDF to look at; whoever gets it is asked for each time."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _head(found: Letter) -> dict[str, Any]:
    desk = organisation.desk()
    bodies = [desk.name] if found.node_id == desk.pk else [desk.name, found.node.name]
    count = found.attachments.count()
    official = " · ".join(filter(None, [found.official_number, found.official_date]))
    letter_lines = [
        [_("Number"), found.reference or "—"],
        [_("Date"), _both_dates(found.sent_at) if found.sent_at else "—"],
        [_("Attachments"), str(count) if count else "—"],
    ]
    if official:
        letter_lines.append([_("Official number"), official])
    if found.transaction_number:
        letter_lines.append([_("Transaction number"), found.transaction_number])
    return {
        "head": [_("Kingdom of Saudi Arabia"), *bodies],
        "letter": letter_lines,
        "colour": organisation.HOUSE_COLOUR,
        "qr": bool(found.sent_at),
        "check": _("To check this print, scan the code."),
    }


def _lines(found: Letter, *, is_copy: bool) -> list[str]:
    names = []
    for line in found.addresses.filter(is_copy=is_copy).select_related("node", "member", "list"):
        match line.kind:
            case Address.Kind.MUNICIPALITIES:
                names.append(_("All municipalities"))
            case Address.Kind.BODY:
                names.append(line.node.name if line.node else "")
            case Address.Kind.MEMBER:
                names.append(line.member.name_ar if line.member else "")
            case _:
                names.append(line.list.name if line.list else "")
    return [name for name in names if name]


def _reference(found: Letter) -> str:
    if found.corrects is not None:
        return _("Correction of our letter %(number)s") % {"number": found.corrects.reference}
    if found.refers_to is not None:
        return _("Further to our letter %(number)s") % {"number": found.refers_to.reference}
    return ""


def _both_dates(at: datetime) -> str:
    """As letters are dated: the Hijri day, then the Gregorian one."""
    day = timezone.localdate(at)
    found = hijri(day)
    gregorian = _("%(date)s CE") % {"date": date_format(day, "DATE_FORMAT")}
    if found is None:
        return gregorian
    islamic = hijri_words(day)
    return _("%(hijri)s, that is %(gregorian)s") % {"hijri": islamic, "gregorian": gregorian}


def _moment(at: datetime | None) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else "—"


def _compiled(template: str, data: dict[str, Any], found: Letter, *, now: datetime) -> bytes:
    # Thirty megabytes that no other page needs.
    import typst

    with TemporaryDirectory() as folder:
        source = Path(folder, template)
        for name in (template, "parts.typ"):
            Path(folder, name).write_bytes((FOLDER / name).read_bytes())
        if data["qr"]:
            address = (
                f"{settings.PUBLIC_URL}{reverse('correspondence:verify', args=[code_of(found)])}"
            )
            segno.make(address, error="m").save(str(Path(folder, "qr.svg")), border=0)
        return typst.compile(
            str(source),
            root=folder,
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data)},
            pdf_standards=["a-2u"],
            timestamp=int(now.timestamp()),
        )
