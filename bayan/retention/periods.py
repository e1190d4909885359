"""How long what is kept: the rules of the authority pack's `retention.toml`. What no rule names is kept."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError


class RetentionUnreadable(DomainError):
    """The pack's file is broken; the text names the place."""


@dataclass(frozen=True)
class Period:
    """How long things of one kind and these classes are kept; no years: for good."""

    what: str
    # Empty: all of them.
    kinds: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    years: int | None = None
    # Where the period stands: a schedule, a decision.
    source: str = ""


@cache
def periods() -> tuple[Period, ...]:
    """The rules in their order, the first that fits counts; read once in a process."""
    file: Path | None = settings.RETENTION_FILE
    return read(file) if file is not None and file.is_file() else ()


def read(file: Path) -> tuple[Period, ...]:
    """The rules of a file.

    :raises RetentionUnreadable: names the file and what is wrong in it
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RetentionUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": file, "error": error}
        ) from error
    return tuple(_period(row, place, file) for place, row in enumerate(given.get("periods", []), 1))


def _period(row: Any, place: int, file: Path) -> Period:
    try:
        period = Period(
            **row | {name: tuple(map(str, row.get(name, ()))) for name in ("kinds", "grades")}
        )
        error = _fault(period)
    except TypeError as wrong:
        error = str(wrong)
    if error:
        raise RetentionUnreadable(
            _("%(path)s, periods[%(place)d]: %(error)s")
            % {"path": file, "place": place, "error": error}
        )
    return period


def _fault(period: Period) -> str:
    if period.years is None:
        return ""
    if not isinstance(period.years, int) or not 1 <= period.years <= 100:
        return "years: 1 to 100"
    # A period that nobody has decided is none.
    return "" if period.source else "source: which rule says so"
