"""By when a case is owed its first answer and its end, from the authority's `cases.toml`.

Hours for each priority; a kind or a category may have times of its own. Once the end is missed a second term
runs, where the file has one. What was set on the page goes before the file (`services.terms`).
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.whole.models import TermsSet
from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation


class DueTimesUnreadable(DomainError):
    pass


@dataclass(frozen=True)
class Term:
    """So long a case may take: on the clock day and night, or while the authority works."""

    length: timedelta
    around_the_clock: bool = False

    def ends(self, since: datetime, *, of: int | None = None) -> datetime:
        """When it is over that began then; `of`: the body whose working time counts, else the authority's."""
        if self.around_the_clock:
            return since + self.length
        return organisation.calendar(of).add(since, self.length)


# Where the authority says nothing. The end: two hours for danger, then one, three and five days of seven
# hours. The first answer: a quarter of an hour for danger, then two hours, one day and two. How long a person
# who was asked may be silent: five days.
USUAL: Mapping[str, Mapping[Any, Term]] = {
    "due": {
        Case.Priority.EMERGENCY: Term(timedelta(hours=2), around_the_clock=True),
        Case.Priority.HIGH: Term(timedelta(hours=7)),
        Case.Priority.NORMAL: Term(timedelta(hours=21)),
        Case.Priority.LOW: Term(timedelta(hours=35)),
    },
    "answer": {
        Case.Priority.EMERGENCY: Term(timedelta(minutes=15), around_the_clock=True),
        Case.Priority.HIGH: Term(timedelta(hours=2)),
        Case.Priority.NORMAL: Term(timedelta(hours=7)),
        Case.Priority.LOW: Term(timedelta(hours=14)),
    },
    "person": dict.fromkeys(Case.Priority, Term(timedelta(hours=35))),
}
# What an authority may have besides: it has none where it names none.
SECOND = "second"
# What a file's terms are of: kinds and categories share a word, so categories stand under this name.
OF_CATEGORY = "category"
type Terms = Mapping[tuple[str, str], Term]


def due_at(
    *, kind: str, priority: str, since: datetime, category: str = "", of: int | None = None
) -> datetime:
    """The moment by which the end of a case that began then is due, by the working time of this body."""
    return term_of("due", kind=kind, category=category, priority=priority).ends(since, of=of)


def term_of(what: str, *, kind: str, category: str, priority: str) -> Term:
    """How long a case's `answer`, its end (`due`) or its `person`'s silence may take.

    By its kind, else its category, else for all.
    """
    found = policy_of(what, kind=kind, category=category, priority=priority)
    assert found is not None  # noqa: S101  # of these there is always a usual one
    return found.term


class By(StrEnum):
    """What of a case decides which term holds."""

    KIND = "kind"
    CATEGORY = "category"
    PRIORITY = "priority"


@dataclass(frozen=True)
class Policy:
    """Which term holds for a case, and by what of it."""

    term: Term
    by: By


def policy_of(what: str, *, kind: str, category: str, priority: str) -> Policy | None:
    """The term that holds and why; None: there is none, as of the second one where the file names none."""
    return policy_in(terms_in_force(what), kind=kind, category=category, priority=priority)


def policy_in(terms: Terms, *, kind: str, category: str, priority: str) -> Policy | None:
    """The same among these terms."""
    for name, by in (
        (kind, By.KIND), (f"{OF_CATEGORY}.{category}", By.CATEGORY), ("", By.PRIORITY),
    ):  # fmt: skip
        term = terms.get((name, priority)) if name or by == By.PRIORITY else None
        if term is not None:
            return Policy(term, by)
    return None


def second_due(
    *, kind: str, category: str, priority: str, due_at: datetime, of: int | None = None
) -> datetime | None:
    """When the second term is over that begins where the first one ended; None: there is none."""
    found = policy_of(SECOND, kind=kind, category=category, priority=priority)
    return found.term.ends(due_at, of=of) if found else None


def terms_in_force(what: str) -> Terms:
    """All terms of `answer`, `due`, `second` or `person`: of the page, else of the file, else the usual ones.

    By (kind or `category.…`, priority); those for all stand under an empty name.
    """
    own = own_terms().get(what)
    standard = standard_terms(what)
    return {**standard, **own} if own else standard


def standard_terms(what: str) -> Terms:
    """The same without what was set on the page."""
    return _in_force(settings.CASES_FILE, what)


class OwnTerms:
    """What a process remembers for seconds of what was set on the page: it is asked with every due time."""

    terms: ClassVar[Mapping[str, Terms]] = {}
    until: ClassVar[float] = 0.0

    # Another process takes so long at the most to hear of a change.
    REMEMBERED: ClassVar[float] = 15.0

    @classmethod
    def forget(cls) -> None:
        """Ask anew with the next question: this process has changed something, or must know."""
        cls.until = 0.0


def own_terms() -> Mapping[str, Terms]:
    """What was set on the page, by `answer`, `due`, …"""
    if time.monotonic() >= OwnTerms.until:
        OwnTerms.terms = terms_of_set(TermsSet.objects.order_by("-pk").first())
        OwnTerms.until = time.monotonic() + OwnTerms.REMEMBERED
    return OwnTerms.terms


def terms_of_set(found: TermsSet | None) -> dict[str, Terms]:
    """The times of a set, as they are counted."""
    return {
        what: {
            (name, priority): Term(timedelta(hours=hours), around)
            for name, rows in by_name.items()
            for priority, (hours, around) in rows.items()
        }
        for what, by_name in (found.terms if found else {}).items()
    }


@cache
def _in_force(path: Path | None, what: str) -> Terms:
    usual = {("", str(priority)): term for priority, term in USUAL.get(what, {}).items()}
    given = read_terms(path, what) if path is not None and path.is_file() else {}
    return usual | dict(given)


def read_terms(path: Path, what: str = "due") -> Terms:
    """The terms of a file by (kind or `category.…`, priority); those of every kind stand under an empty one.

    :raises DueTimesUnreadable: names the file and what is wrong in it
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")).get(what, {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DueTimesUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    terms: dict[tuple[str, str], Term] = {}
    for name, value in given.items():
        if name in Case.Priority.values:
            terms["", name] = _term(value, path, f"{what}.{name}")
        elif name in Case.Kind.values:
            terms |= _of_one(name, value, path, f"{what}.{name}")
        elif name == OF_CATEGORY and isinstance(value, dict):
            for category, rows in value.items():
                where = f"{what}.{OF_CATEGORY}.{category}"
                if category not in Case.Category.values:
                    raise _wrong(path, where)
                terms |= _of_one(f"{OF_CATEGORY}.{category}", rows, path, where)
        else:
            raise _wrong(path, f"{what}.{name}")
    return terms


def _of_one(name: str, rows: Any, path: Path, where: str) -> dict[tuple[str, str], Term]:
    if not isinstance(rows, dict):
        raise _wrong(path, where)
    for unknown in set(rows) - set(Case.Priority.values):
        raise _wrong(path, f"{where}.{unknown}")
    return {
        (name, priority): _term(term, path, f"{where}.{priority}")
        for priority, term in rows.items()
    }


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
