"""Documents to print, by Typst (ADR 24): words go in as data, never as markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.http import HttpResponse

# assets/build.mjs puts them there (SIL Open Font License).
FONTS = Path(__file__).parent / "static" / "core" / "dist" / "fonts"


def compiled(
    source: Path,
    data: Mapping[str, Any],
    *,
    now: datetime,
    beside: Mapping[str, bytes] | None = None,
) -> bytes:
    """The PDF that a template makes of these data; `beside` are the files that it takes in, by name."""
    # Thirty megabytes that no other page needs.
    import typst

    with TemporaryDirectory() as folder:
        main = Path(folder, source.name)
        main.write_bytes(source.read_bytes())
        for name, content in (beside or {}).items():
            Path(folder, name).write_bytes(content)
        return typst.compile(
            str(main),
            root=folder,
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data)},
            pdf_standards=["a-2u"],
            timestamp=int(now.timestamp()),
        )


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A PDF to look at; whoever gets it is asked for each time."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response
