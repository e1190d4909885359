"""Which cases close with a picture, and how many closed ones are judged: from the authority's pack."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from bayan.cases.due import DueTimesUnreadable
from bayan.cases.models import Case

# What is put right at a place that anybody can see, where the pack names none.
SEEN = frozenset(
    str(category)
    for category in (
        Case.Category.CLEANLINESS,
        Case.Category.ROADS,
        Case.Category.LIGHTING,
        Case.Category.STORM_WATER,
        Case.Category.WATER_SEWAGE,
        Case.Category.PARKS_BEACHES,
        Case.Category.PESTS,
        Case.Category.STRAY_ANIMALS,
        Case.Category.BUILDING,
        Case.Category.VISUAL_POLLUTION,
        Case.Category.EXCAVATION,
        Case.Category.PUBLIC_FACILITIES,
        Case.Category.SAFETY_HAZARD,
    )
)


@dataclass(frozen=True)
class Size:
    """How many of a body's closed cases a month's sample holds."""

    percent: int = 5
    least: int = 10
    most: int = 100
    # What was closed without a picture is looked at as a whole, up to so many.
    excused: int = 30

    def of(self, closed: int) -> int:
        """How many of so many are drawn."""
        share = -(-closed * self.percent // 100)
        return min(closed, max(self.least, min(share, self.most)))


def shown_by_picture() -> frozenset[str]:
    """The categories that close as put right with a picture."""
    return _read(settings.CASES_FILE)[0]


def sample_size() -> Size:
    return _read(settings.CASES_FILE)[1]


@cache
def _read(path: Path | None) -> tuple[frozenset[str], Size]:
    return read(path) if path is not None and path.is_file() else (SEEN, Size())


def read(path: Path) -> tuple[frozenset[str], Size]:
    """`[proof] categories` and `[quality]` of a file; what it does not name is as usual.

    :raises DueTimesUnreadable: names the file and what is wrong in it
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DueTimesUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    categories: Any = given.get("proof", {}).get("categories", sorted(SEEN))
    if not isinstance(categories, list) or set(categories) - set(Case.Category.values):
        raise _wrong(path, "proof.categories")
    sizes: dict[str, Any] = given.get("quality", {})
    for name, value in sizes.items():
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if name not in Size.__dataclass_fields__ or not is_number or not 0 <= value <= 1_000:
            raise _wrong(path, f"quality.{name}")
    return frozenset(categories), Size(**sizes)


def _wrong(path: Path, where: str) -> DueTimesUnreadable:
    return DueTimesUnreadable(
        _(
            "%(path)s: “%(where)s” is not understood. Write known categories and whole numbers, "
            'for example: categories = ["roads"] or percent = 5'
        )
        % {"path": path, "where": where}
    )
