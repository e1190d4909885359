"""How long what is kept: as the page has it, else the pack's `retention.toml`. What no rule names is kept."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.retention.models import Schedule

MOST_YEARS = 100


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


def periods() -> tuple[Period, ...]:
    """The rules in their order, the first that fits counts."""
    rules = Schedule.objects.order_by("-number").values_list("rules", flat=True).first()
    return of_pack() if rules is None else tuple(rule_of(row) for row in rules)


def rule_of(row: Mapping[str, Any]) -> Period:
    """A rule as it is written in a file or a row.

    :raises TypeError: it has a field that no rule has
    """
    lists = {name: tuple(map(str, row.get(name) or ())) for name in ("kinds", "grades")}
    return Period(**{**row, **lists})


@cache
def of_pack() -> tuple[Period, ...]:
    """The rules of the pack; read once in a process."""
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
        period = rule_of(row)
        error = fault(period)
    except TypeError as wrong:
        error = str(wrong)
    if error:
        raise RetentionUnreadable(
            _("%(path)s, periods[%(place)d]: %(error)s")
            % {"path": file, "place": place, "error": error}
        )
    return period


def fault(period: Period) -> str:
    """What is wrong with a rule; empty: nothing."""
    if period.years is None:
        return ""
    if not isinstance(period.years, int) or not 1 <= period.years <= MOST_YEARS:
        return f"years: 1 to {MOST_YEARS}"
    # A period that nobody has decided is none.
    return "" if period.source else "source: which rule says so"
