"""What can be sent, as the provider wants it written; each limit stands beside its check."""

from __future__ import annotations

from typing import Any

# Limits of what may be sent, in UTF-16 units to be on the safe side (reference 1.12).
TEXT_LIMIT = 4096
BUTTON_LIMIT = 20
ROWS_LIMIT = 10
ROW_TITLE_LIMIT = 24


def text(text: str) -> dict[str, Any]:
    _check(text, TEXT_LIMIT)
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def choices(text: str, *, button: str, rows: list[tuple[str, str]]) -> dict[str, Any]:
    _check(text, TEXT_LIMIT)
    _check(button, BUTTON_LIMIT)
    if not 0 < len(rows) <= ROWS_LIMIT:
        raise ValueError(f"a list has 1 to {ROWS_LIMIT} rows")
    for _identifier, title in rows:
        _check(title, ROW_TITLE_LIMIT)
    return {
        "type": "interactive",
        "interactive": {
            "type": "list",
            "body": {"text": text},
            "action": {
                "button": button,
                "sections": [
                    {
                        "title": button,
                        "rows": [{"id": key, "title": title} for key, title in rows],
                    }
                ],
            },
        },
    }


def _check(text: str, limit: int) -> None:
    if not text or len(text.encode("utf-16-le")) // 2 > limit:
        raise ValueError(f"a text of 1 to {limit} characters is needed here")
