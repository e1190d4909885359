"""What the tests of triage share: texts as bad as they come, moments, traces."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path

from hypothesis import strategies as st

from bayan.triage import alike
from bayan.triage.matters import Trace
from bayan.triage.model import COLUMNS

EASTERN = Path(__file__).parents[3] / "authorities" / "eastern"
# A Monday, 10:00 in Riyadh.
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)

_PARTS = (
    "حفرة", "الخبر", "بالدمام", "مررررة", "شـــارع", "بلديّةُ", "أؤئءٱى", "ﷲ", "ﻻ", "گلی",
    "٩٤٠", "۹۴۰", "९४०", "৯৪০", "#حي_الروضة", "@someone", "https://a.example/b?c", "www.", "3ndna",
    "7ofra", "help", "A\u0301", "½", "İ", "\u200f", "\u202b", "\u202e", "\u2067", "\u200d", "\ufeff",
    "\ufe0f", "\ud83d", "\udc00", "\x00", "\r\n", "😡", "👨‍👩‍👧", "🇸🇦",
)  # fmt: skip
# Unicode of all kinds, halves of surrogate pairs included, among what people type.
WRITTEN = st.lists(
    st.sampled_from((*_PARTS, " ", " ", "ه", "ا", ".", "؟")) | st.text(st.characters(), max_size=5),
    max_size=30,
).map("".join)


def make_trace(
    name: str,
    words: str,
    *,
    at: datetime = MONDAY,
    category: str = "roads",
    places: Collection[str] = (),
    municipality: str | None = "khobar",
    things: Collection[str] | None = None,
) -> Trace:
    """A complaint of these words, all of them equally rare, about a thing that is named as its category."""
    telling = words.split()
    named_things = frozenset([category] if things is None else things)
    return Trace(
        id=name,
        at=at,
        words={word: 1 / sqrt(len(telling)) for word in telling},
        categories={category: 1.0},
        kind="complaint",
        municipality=municipality,
        places=frozenset(places),
        things=named_things,
        look=alike.meaning().look(
            dict.fromkeys(telling, 6.0),
            named_things,
            alike.own_of(telling, telling, "ar"),
            dict.fromkeys(COLUMNS, 0.0) | {f"category.{category}": 1.0, "kind.complaint": 1.0},
        ),
        marks=frozenset({"A:ar"}),
    )
