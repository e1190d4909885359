"""Files for spreadsheets, written while they are sent."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import get_language, override

from bayan.core.rls import as_worker

# Spreadsheets take a file for Unicode by its first bytes.
UNICODE_MARK = b"\xef\xbb\xbf"


def csv_response(
    name: str, heading: list[str], rows: Callable[[int], list[tuple[int, list[str]]]]
) -> StreamingHttpResponse:
    """A file written while it is sent; `rows` gives the next ones after an id."""
    language = get_language() or "ar"

    def part(after: int) -> tuple[int, bytes]:
        # The stream has no transaction of its own; who may read was checked before it began.
        try:
            with override(language), as_worker():
                found = rows(after)
        finally:
            connection.close()
        return (found[-1][0] if found else 0), written(cells for _key, cells in found)

    async def lines() -> AsyncGenerator[bytes]:
        yield UNICODE_MARK + written([heading])
        after = 0
        while True:
            after, text = await sync_to_async(part)(after)
            if not after:
                return
            yield text

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["X-Accel-Buffering"] = "no"
    return response


def small_csv(name: str, rows: Iterable[list[str]]) -> HttpResponse:
    """A file of few lines, heading included, written at once."""
    response = HttpResponse(UNICODE_MARK + written(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def written(rows: Iterable[list[str]]) -> bytes:
    """These rows as lines of a CSV file."""
    text = io.StringIO()
    # What begins like a formula would be one in a spreadsheet.
    csv.writer(text).writerows(
        [f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in row]
        for row in rows
    )
    return text.getvalue().encode("utf-8", "replace")
