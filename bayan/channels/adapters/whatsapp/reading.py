"""Reading what a stranger wrote: whatever it is, it comes back as the type that is wanted."""

from __future__ import annotations

import binascii
import math
from typing import Any

# Nobody says anything that deep; PostgreSQL takes no value much deeper.
DEEPEST = 30


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A text that PostgreSQL takes: no null character, no lone surrogate."""
    if not isinstance(value, str):
        return ""
    text: str = value
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def as_digits(value: Any) -> str:
    """A phone number's digits, however it is written; what has letters is none."""
    if isinstance(value, str):
        if value.isascii() and value.isdigit():
            return value[:20]
        if any(c.isalpha() for c in value):
            return ""
        return "".join(c for c in value if c.isascii() and c.isdigit())[:20]
    # Some write a phone number as a number.
    return str(value) if type(value) is int and 0 < value < 10**20 else ""


def as_number(value: Any) -> float | None:
    """A finite number, also one written as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_sha256(value: Any) -> str:
    """A SHA-256 in hexadecimal, given so or in base64; empty for anything else."""
    text = as_text(value).strip()
    try:
        digest = (
            bytes.fromhex(text)
            if len(text) == 64
            else binascii.a2b_base64(text.replace("-", "+").replace("_", "/"))
        )
    except ValueError:
        return ""
    return digest.hex() if len(digest) == 32 else ""


def clean(value: Any, depth: int = 0) -> Any:
    """The same, fit for jsonb: every text, every number, and no deeper than anybody speaks."""
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, dict):
        if depth == DEEPEST:
            return None
        return {as_text(key): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return None if depth == DEEPEST else [clean(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
