"""The file of one story: words, originals, who approved it, who got it and what they did; to be sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.core.documents import compiled
from bayan.core.exports import UNICODE_MARK, written
from bayan.core.models import AuditEntry
from bayan.core.references import grouped
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.press import selectors, services
from bayan.press.models import Copy, Story

TEMPLATE = Path(__file__).with_name("story.typ")


def entries_of(found: Story, *, by: str, now: datetime) -> list[tuple[str, Path | bytes]]:
    """The files of a story's file, by their names."""
    files, missing = _files(found)
    return [
        (f"{found.reference}.pdf", document(found, by=by, now=now)),
        *files,
        ("journalists.csv", _csv(_copies(found))),
        ("approvals.csv", _csv(_approvals(found))),
        ("published.csv", _csv(_publications(found))),
        ("history.csv", _csv(_history(found))),
        ("story.json", _facts(found, missing)),
    ]


def document(found: Story, *, by: str, now: datetime) -> bytes:
    """The story as a PDF: what was approved, and how it came."""
    with override("ar"):
        files = [file for file in selectors.files_of(found) if file.twin_id is None]
        data = {
            "colour": organisation.HOUSE_COLOUR,
            "head": [_("Kingdom of Saudi Arabia"), organisation.desk().name, found.node.name],
            "title": found.shown_title or grouped(found.reference),
            "facts": [
                [_("Number"), found.reference],
                [_("Body"), found.node.name],
                [_("State"), str(found.get_state_display())],
                [_("Received"), _words(found.submitted_at)],
                [_("Approved"), _words(found.approved_at)],
                [_("Fingerprint"), found.version()],
            ],
            "text": found.shown_text,
            "original_head": _("As it came") if found.is_edited else "",
            "original": "\n".join([found.title, found.text]) if found.is_edited else "",
            "files_head": _("Pictures and clips") if files else "",
            "files": [
                f"{place}. {file.name}{f' · {file.caption}' if file.caption else ''}"
                for place, file in enumerate(files, start=1)
            ],
            "footer": _("Printed from Bayan by %(name)s on %(moment)s")
            % {"name": by, "moment": _words(now)},
        }
    return compiled(TEMPLATE, data, now=now)


def _files(found: Story) -> tuple[list[tuple[str, Path | bytes]], list[str]]:
    there: list[tuple[str, Path | bytes]] = []
    missing = []
    for place, file in enumerate(selectors.files_of(found), start=1):
        path = channels.media_path(file.media) if file.media.sha256 else None
        if path is None or not path.is_file():
            missing.append(file.name)
        else:
            there.append((f"original {place:02} {file.name}", path))
    return there, missing


def _copies(found: Story) -> Iterable[list[str]]:
    yield [
        _("Name"), _("Outlet"), _("Sent"), _("State"), _("Reason"), _("First opened"),
        _("Times opened"), _("Files fetched"),
    ]  # fmt: skip
    rows = Copy.objects.filter(release__story=found).select_related(
        "journalist__outlet", "outgoing", "release"
    )
    for copy in rows.order_by("pk"):
        outlet = copy.journalist.outlet
        yield [
            copy.journalist.name, outlet.name if outlet else "", _moment(copy.release.started_at),
            selectors.state_of(copy), str(copy.get_reason_display()) if copy.reason else "",
            _moment(copy.opened_at), str(copy.opens), str(copy.downloads),
        ]  # fmt: skip


def _approvals(found: Story) -> Iterable[list[str]]:
    yield [_("Name"), _("State"), _("Asked"), _("Ended"), _("Fingerprint")]
    for one in found.approvals.select_related("approver").order_by("pk"):
        yield [
            one.approver.name if one.approver else "", str(one.get_state_display()),
            _moment(one.asked_at), _moment(one.ended_at), one.version,
        ]  # fmt: skip


def _publications(found: Story) -> Iterable[list[str]]:
    yield [_("Outlet"), _("Address"), _("Time")]
    for one in found.publications.order_by("at"):
        yield [one.outlet, one.address, _moment(one.at)]


def _history(found: Story) -> Iterable[list[str]]:
    yield [_("Time"), _("What"), _("Who")]
    entries = AuditEntry.objects.filter(
        subject_type=services.STORY, subject_key=str(found.public_id)
    )
    for line in people.in_words(entries.order_by("pk")):
        yield [_moment(line.entry.at), line.action, line.actor]


def _facts(found: Story, missing: list[str]) -> bytes:
    facts: dict[str, Any] = {
        "id": str(found.public_id), "number": found.reference, "body": found.node.key,
        "state": found.state, "weight": found.weight, "came_by": found.source,
        "title": found.title, "text": found.text,
        "edited_title": found.edited_title, "edited_text": found.edited_text,
        "submitted_at": _iso(found.submitted_at), "approved_at": _iso(found.approved_at),
        "embargo_until": _iso(found.embargo_until),
        # SHA-256 over what journalists get (docs/press.md), and over what was approved.
        "fingerprint": found.version(), "approved_fingerprint": found.approved_version,
        "files_missing": missing,
    }  # fmt: skip
    return json.dumps(facts, ensure_ascii=False, indent=2).encode()


def _csv(rows: Iterable[list[str]]) -> bytes:
    return UNICODE_MARK + written(rows)


def _words(at: datetime | None) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else "—"


def _moment(at: datetime | None) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at else ""


def _iso(at: datetime | None) -> str | None:
    return timezone.localtime(at).isoformat() if at else None
