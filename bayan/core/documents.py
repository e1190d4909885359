"""Documents as PDF, set by Typst (ADR 24): what those of all apps share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import segno
from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from bayan.core.calendar import hijri
from bayan.core.templatetags.bayan import hijri_words

HERE = Path(__file__).parent
PARTS = HERE / "documents_typ" / "parts.typ"
# assets/build.mjs puts them there (SIL Open Font License).
FONTS = HERE / "static" / "core" / "dist" / "fonts"


def compiled(  # what a document is made of
    source: Path,
    data: dict[str, Any],
    *,
    now: datetime,
    qr: str = "",
    files: Mapping[str, Path] = MappingProxyType({}),
    is_archival: bool = True,
) -> bytes:
    """The document of this source with these words, as a PDF that can be searched.

    `qr` is an address; `files` stand beside the source under these names. What embeds others' files is
    not archival (PDF/A).
    """
    # Thirty megabytes that no page needs.
    import typst

    with TemporaryDirectory() as folder:
        for path in (source, PARTS):
            Path(folder, path.name).write_bytes(path.read_bytes())
        for name, path in files.items():
            Path(folder, name).symlink_to(path.resolve())
        if qr:
            segno.make(qr, error="m").save(str(Path(folder, "qr.svg")), border=0)
        return typst.compile(
            str(Path(folder, source.name)),
            root=folder,
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data)},
            pdf_standards=["a-2u"] if is_archival else ["2.0"],
            timestamp=int(now.timestamp()),
        )


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A PDF to look at; whoever gets it is asked for each time."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(False, name) or "inline"
    response["Cache-Control"] = "private, no-store"
    return response


def both_dates(at: datetime) -> str:
    """As letters are dated: the Hijri day, then the Gregorian one."""
    day = timezone.localdate(at)
    found = hijri(day)
    gregorian = _("%(date)s CE") % {"date": date_format(day, "DATE_FORMAT")}
    if found is None:
        return gregorian
    return _("%(hijri)s, that is %(gregorian)s") % {
        "hijri": hijri_words(day),
        "gregorian": gregorian,
    }


def moment_words(at: datetime | None) -> str:
    """A moment as a table says it; a dash where there is none."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else "—"
