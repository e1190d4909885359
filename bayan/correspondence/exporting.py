"""The file of one letter: itself, what went with it, who got it, and what they did with it; to be sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core.errors import DomainError
from bayan.core.exports import UNICODE_MARK, written
from bayan.core.models import AuditEntry
from bayan.core.rls import as_worker
from bayan.correspondence import document, selectors, services
from bayan.correspondence.models import Letter, Reply
from bayan.correspondence.templatetags.letters import stage_name
from bayan.people import selectors as people
from bayan.people.permissions import Access


def entries_of(found: Letter, access: Access, *, now: datetime) -> list[tuple[str, Path | bytes]]:
    """The files of a letter's file, by their names: for whoever sees everybody who got it."""
    matrix = selectors.matrix(found, access, now=now)
    name = f"{found.year}-{found.number}"
    files, missing = _files(found)
    return [
        (f"{name}.pdf", document.letter(found, reader=access.member, now=now)),
        (
            f"{name}-certificate.pdf",
            document.certificate(found, matrix, now=now, by=access.member.name),
        ),
        *files,
        ("recipients.csv", _csv(_recipients(matrix))),
        ("replies.csv", _csv(_replies(found))),
        ("views.csv", _csv(_looks(found))),
        ("history.csv", _csv(_history(found))),
        ("letter.json", _facts(found, missing)),
    ]


def _files(found: Letter) -> tuple[list[tuple[str, Path | bytes]], list[str]]:
    there: list[tuple[str, Path | bytes]] = []
    missing = []
    rows = found.attachments.select_related("media").order_by("pk")
    for place, attached in enumerate(rows, start=1):
        media = attached.media
        try:
            path = channels.media_path(media)
        except DomainError:
            path = None
        if path is None or not path.is_file():
            missing.append(media.name or str(media.public_id))
            continue
        there.append((f"attachment {place:02} {media.name or media.public_id}", path))
    return there, missing


def _recipients(matrix: selectors.Matrix) -> Iterable[list[str]]:
    yield [
        _("Body"), _("Name"), _("Copy"), _("State"), _("Way"), _("Handed over"), _("Seen"),
        _("Done"), _("Answer"),
    ]  # fmt: skip
    for row in matrix.rows:
        yield [
            row.node.name, row.member.name, _("yes") if row.is_copy else "",
            str(stage_name(row.stage)),  # type: ignore[attr-defined]
            document.way_of(row),
            _moment(row.handed_at), _moment(row.seen_at),
            _moment(row.item.ended_at if row.item else None), row.item.answer if row.item else "",
        ]  # fmt: skip


def _replies(found: Letter) -> Iterable[list[str]]:
    yield [_("Body"), _("Name"), _("Time"), _("Text")]
    with as_worker():
        rows = list(
            Reply.objects.filter(recipient__letter=found)
            .select_related("recipient__member", "recipient__node")
            .order_by("at", "pk")
        )
    for row in rows:
        yield [row.recipient.node.name, row.recipient.member.name, _moment(row.at), row.text]


def _looks(found: Letter) -> Iterable[list[str]]:
    yield [_("Name"), _("What"), _("Time")]
    with as_worker():
        rows = list(found.looks.select_related("member").order_by("at", "pk"))
    for row in rows:
        yield [row.member.name, str(row.get_what_display()), _moment(row.at)]


def _history(found: Letter) -> Iterable[list[str]]:
    yield [_("Time"), _("What"), _("Who")]
    entries = AuditEntry.objects.filter(
        subject_type=services.LETTER, subject_key=str(found.public_id), action__startswith="letter."
    )
    for line in people.in_words(entries.order_by("pk")):
        yield [_moment(line.entry.at), line.action, line.actor]


def _facts(found: Letter, missing: list[str]) -> bytes:
    facts: dict[str, Any] = {
        "id": str(found.public_id), "number": found.reference, "kind": found.kind,
        "body": found.node.key, "subject": found.subject, "text": found.text,
        "grade": found.grade, "urgency": found.urgency, "wanted": found.wants,
        "state": found.state, "sent_at": _iso(found.sent_at), "due_at": _iso(found.due_at),
        "recalled_at": _iso(found.recalled_at), "recall_reason": found.recall_reason,
        "official_number": found.official_number, "official_date": found.official_date,
        "transaction_number": found.transaction_number,
        "signed_by": found.signer.name_ar if found.signer else "",
        "signer_title": found.signer_title,
        # SHA-256 over what was signed (docs/letters.md).
        "fingerprint": found.submitted_hash,
        "attachments_missing": missing,
    }  # fmt: skip
    return json.dumps(facts, ensure_ascii=False, indent=2).encode()


def _csv(rows: Iterable[list[str]]) -> bytes:
    return UNICODE_MARK + written(rows)


def _moment(at: datetime | None) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at else ""


def _iso(at: datetime | None) -> str | None:
    return timezone.localtime(at).isoformat() if at else None
