"""A letter as a document in the official form, and the certificate of who got it; by Typst (ADR 24)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core.documents import both_dates, compiled, moment_words
from bayan.correspondence.marking import mark_of
from bayan.correspondence.models import Address, Letter, Recipient
from bayan.correspondence.selectors import Matrix
from bayan.correspondence.templatetags.letters import stage_name
from bayan.organisation import selectors as organisation
from bayan.people.models import Member

FOLDER = Path(__file__).parent
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
            mark = mark_of(reader, now=now)
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
                way_of(row),
                moment_words(row.handed_at),
                moment_words(row.item.ended_at if row.item and row.item.ended_at else row.seen_at),
            ]
            for row in matrix.rows
        ]
        done = matrix.counts.get("done", 0)
        data = {
            **_head(found),
            "title": _("Certificate of service"),
            "subject": found.subject if not found.is_secret else "",
            "facts": [
                [_("Sent"), moment_words(found.sent_at)],
                [_("Due"), moment_words(found.due_at)],
                [_("Recipients"), str(matrix.total)],
                [_("Done"), str(done)],
                [_("Not yet"), str(matrix.total - done)],
                [_("Fingerprint"), found.submitted_hash[:32]],
            ],
            "columns": [
                _("Body"),
                _("Name"),
                _("State"),
                _("Way"),
                _("Handed over"),
                _("Seen or done"),
            ],
            "rows": rows,
            "footer": _("Printed from Bayan by %(name)s on %(moment)s")
            % {"name": by, "moment": moment_words(now)},
        }
    return _compiled("certificate.typ", data, found, now=now)


def way_of(row: Recipient) -> str:
    """By which way a letter got to somebody, or was tried last; on the page where none was open."""
    return str(row.reach.get_way_display()) if row.reach and row.reach.way else _("on the platform")


def _head(found: Letter) -> dict[str, Any]:
    desk = organisation.desk()
    bodies = [desk.name] if found.node_id == desk.pk else [desk.name, found.node.name]
    count = found.attachments.count()
    official = " · ".join(filter(None, [found.official_number, found.official_date]))
    letter_lines = [
        [_("Number"), found.reference or "—"],
        [_("Date"), both_dates(found.sent_at) if found.sent_at else "—"],
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


def _compiled(template: str, data: dict[str, Any], found: Letter, *, now: datetime) -> bytes:
    address = f"{settings.PUBLIC_URL}{reverse('correspondence:verify', args=[code_of(found)])}"
    return compiled(FOLDER / template, data, now=now, qr=address if data["qr"] else "")
