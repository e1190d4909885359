"""By when a case is owed its end: hours for each kind and priority, from the authority's `cases.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation


class DueTimesUnreadable(DomainError):
    pass


@dataclass(frozen=True)
class Term:
    """So long a case may take: on the clock day and night, or while the authority works."""

    length: timedelta
    around_the_clock: bool = False

    def ends(self, since: datetime) -> datetime:
        if self.around_the_clock:
            return since + self.length
        return organisation.calendar().add(since, self.length)


# Where the authority says nothing: two hours for danger, then one, three and five days of seven hours.
USUAL = {
    Case.Priority.EMERGENCY: Term(timedelta(hours=2), around_the_clock=True),
    Case.Priority.HIGH: Term(timedelta(hours=7)),
    Case.Priority.NORMAL: Term(timedelta(hours=21)),
    Case.Priority.LOW: Term(timedelta(hours=35)),
}
type Terms = Mapping[tuple[str, str], Term]


def due_at(*, kind: str, priority: str, since: datetime) -> datetime:
    """The moment by which a case that began then is due."""
    terms = _terms(settings.CASES_FILE)
    term = (
        terms.get((kind, priority)) or terms.get(("", priority)) or USUAL[Case.Priority(priority)]
    )
    return term.ends(since)


@cache
def _terms(path: Path | None) -> Terms:
    return read_terms(path) if path is not None and path.is_file() else {}


def read_terms(path: Path) -> Terms:
    """The terms of a file by (kind, priority); those of every kind stand under an empty kind.

    :raises DueTimesUnreadable: names the file and what is wrong in it
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")).get("due", {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DueTimesUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    terms: dict[tuple[str, str], Term] = {}
    for name, value in given.items():
        if name in Case.Priority.values:
            terms["", name] = _term(value, path, f"due.{name}")
        elif name in Case.Kind.values and isinstance(value, dict):
            for priority, term in value.items():
                if priority not in Case.Priority.values:
                    raise _wrong(path, f"due.{name}.{priority}")
                terms[name, priority] = _term(term, path, f"due.{name}.{priority}")
        else:
            raise _wrong(path, f"due.{name}")
    return terms


def _term(value: Any, path: Path, where: str) -> Term:
    if not isinstance(value, dict) or set(value) - {"hours", "around_the_clock"}:
        raise _wrong(path, where)
    hours, around = value.get("hours"), value.get("around_the_clock", False)
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours < 10_000:
        raise _wrong(path, where)
    if not isinstance(around, bool):
        raise _wrong(path, where)
    return Term(timedelta(hours=hours), around)


def _wrong(path: Path, where: str) -> DueTimesUnreadable:
    return DueTimesUnreadable(
        _(
            "%(path)s: “%(where)s” is not understood. Write hours of a known kind or priority, "
            "for example: high = { hours = 7 }"
        )
        % {"path": path, "where": where}
    )
