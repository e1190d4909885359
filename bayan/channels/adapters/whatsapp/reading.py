"""Reading what a stranger wrote: whatever it is, it comes back as the type that is wanted."""

from __future__ import annotations

from typing import Any


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A text that PostgreSQL takes: no null character, no lone surrogate."""
    if not isinstance(value, str):
        return ""
    return (
        value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def as_digits(value: Any) -> str:
    return "".join(c for c in as_text(value) if c.isascii() and c.isdigit())[:20]


def clean(value: Any) -> Any:
    """The same, with every text in it fit for jsonb."""
    if isinstance(value, dict):
        return {as_text(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return as_text(value) if isinstance(value, str) else value
