"""Tables for spreadsheets, as CSV."""

import csv
import io
from collections.abc import Iterable

# Spreadsheets take a file for Unicode by its first bytes.
UNICODE_MARK = b"\xef\xbb\xbf"


def written(rows: Iterable[list[str]]) -> bytes:
    """These rows as lines of a CSV file."""
    text = io.StringIO()
    # What begins like a formula would be one in a spreadsheet.
    csv.writer(text).writerows(
        [f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in row]
        for row in rows
    )
    return text.getvalue().encode("utf-8", "replace")
