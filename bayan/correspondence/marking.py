"""Attachments of what is classified: each leaves with its reader's name across every page (ADR 24).

PDF and pictures are set anew by Typst as they are, with the mark over them; what else a file holds (scripts,
forms, what its camera wrote) stays behind. Other kinds have no pages that could bear a name.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.channels.models import Media
from bayan.core.documents import compiled
from bayan.core.errors import DomainError
from bayan.people.models import Member

TEMPLATE = Path(__file__).parent / "attachment.typ"
PDF = "application/pdf"
ENDINGS = {PDF: "pdf", "image/jpeg": "jpg", "image/png": "png"}
# A book is not set anew for each reader while they wait.
MOST_PAGES, LARGEST = 300, 50 * 1024 * 1024
# Typst counts nothing, but says how many there are when it is asked for one too many.
ONE_TOO_MANY = 1_000_000
_COUNT = re.compile(r"only has (\d{1,6}) page")


class CannotBeMarked(DomainError):
    pass


def mark_of(reader: Member, *, now: datetime) -> str:
    """What stands across a page: who has it, since when."""
    return f"{reader.name_ar} · {timezone.localtime(now):%Y-%m-%d %H:%M}"


def has_pages(media: Media) -> bool:
    """Whether a file is of a kind that can bear a name."""
    return media.mime_type.partition(";")[0].strip().lower() in ENDINGS


def marked(media: Media, path: Path, *, reader: Member, now: datetime) -> bytes:
    """The file as a PDF with its reader's name across every page.

    :raises CannotBeMarked: its kind has no pages, it is locked by a password, broken, or too long
    """
    ending = ENDINGS.get(media.mime_type.partition(";")[0].strip().lower())
    if ending is None or path.stat().st_size > LARGEST:
        raise CannotBeMarked(_refusal())
    name = f"file.{ending}"
    data = {
        "title": media.name,
        "mark": mark_of(reader, now=now),
        "file": name,
        "ask": 0,
        "colour": "#000000",
    }
    pages = 0
    if ending == "pdf":
        pages = _count_of(data, name, path, now=now)
        if not 0 < pages <= MOST_PAGES:
            raise CannotBeMarked(_refusal())
    # Thirty megabytes that no page needs.
    from typst import TypstError

    try:
        return compiled(
            TEMPLATE, data | {"pages": pages}, now=now, files={name: path}, is_archival=False
        )
    except TypstError as error:
        raise CannotBeMarked(_refusal()) from error


def _refusal() -> str:
    return _(
        "This file cannot bear its reader's name, so it is not handed over. Ask whoever sent it for a PDF."
    )


def _count_of(data: dict[str, object], name: str, path: Path, *, now: datetime) -> int:
    """How many pages a PDF has; none where it cannot be read."""
    from typst import TypstError

    try:
        compiled(
            TEMPLATE, data | {"pages": 0, "ask": ONE_TOO_MANY}, now=now, files={name: path},
            is_archival=False,
        )  # fmt: skip
    except TypstError as error:
        found = _COUNT.search(" ".join([str(error), *map(str, error.hints)]))
        return int(found[1]) if found else 0
    return 0
