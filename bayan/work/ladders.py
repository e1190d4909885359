"""Ladders: when somebody who is silent is reminded, chased, and when it is raised; from `work.toml`.

Each rung is a moment of the term: a share of it before its end, or so long after it. A term counts working
time or the clock, and its rungs count as it does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation

NOTHING = timedelta()


class LaddersUnreadable(DomainError):
    pass


class Level(models.TextChoices):
    """What a rung does, from the mildest up (words.md)."""

    REMINDER = "reminder", pgettext_lazy("level", "reminder")
    FIRST = "first", pgettext_lazy("level", "first follow-up")
    SECOND = "second", pgettext_lazy("level", "second follow-up")
    RAISED = "raised", pgettext_lazy("level", "raised")
    # Not of the usual ladder: the second deadline of a case, told to the head of its body.
    LAST = "last", pgettext_lazy("level", "second deadline missed")


@dataclass(frozen=True)
class Rung:
    """One step up: at a share of the term (1 is its end), and so long after that."""

    level: Level
    share: float = 1.0
    after: timedelta = NOTHING


type Ladder = tuple[Rung, ...]

# A reminder when a quarter is left, a follow-up when it is over, another after a working day, then up.
USUAL: Ladder = (
    Rung(Level.REMINDER, 0.75),
    Rung(Level.FIRST),
    Rung(Level.SECOND, after=timedelta(hours=7)),
    Rung(Level.RAISED, after=timedelta(hours=14)),
)
# Where life may be in danger, minutes count.
EMERGENCY: Ladder = (
    Rung(Level.REMINDER, 0.5),
    Rung(Level.FIRST),
    Rung(Level.SECOND, after=timedelta(minutes=5)),
    Rung(Level.RAISED, after=timedelta(minutes=10)),
)
# Nobody is late who waits for the person: one word, to whoever has it.
PERSON: Ladder = (Rung(Level.REMINDER, 1.0),)
# What was late once and is late again: at its end, and no sooner.
LAST: Ladder = (Rung(Level.LAST),)
LADDERS: Mapping[str, Ladder] = {
    "usual": USUAL, "emergency": EMERGENCY, "person": PERSON, "second": LAST,
}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """The time from a beginning to an end; `around_the_clock` counts day and night, else working time."""

    since: datetime
    until: datetime
    around_the_clock: bool = False
    # The body whose working time counts; None: the authority's.
    of: int | None = None

    def moment(self, rung: Rung) -> datetime:
        """When this rung is due by the plan."""
        if rung.share >= 1:
            return self.later(self.until, rung.after)
        length = self.between(self.since, self.until)
        return self.later(self.since, length * rung.share + rung.after)

    def later(self, moment: datetime, length: timedelta) -> datetime:
        """So long after a moment, in the time that counts for this term."""
        return later(moment, length, around_the_clock=self.around_the_clock, of=self.of)

    def between(self, since: datetime, until: datetime) -> timedelta:
        """The time that counts for this term, from one moment to a later one."""
        return between(since, until, around_the_clock=self.around_the_clock, of=self.of)


def later(
    moment: datetime, length: timedelta, *, around_the_clock: bool, of: int | None = None
) -> datetime:
    """So long after a moment, in the time that counts."""
    if not length:
        return moment
    return moment + length if around_the_clock else organisation.calendar(of).add(moment, length)


def between(
    since: datetime, until: datetime, *, around_the_clock: bool, of: int | None = None
) -> timedelta:
    """The time that counts from one moment to a later one; none where it comes first."""
    if until <= since:
        return NOTHING
    return until - since if around_the_clock else organisation.calendar(of).between(since, until)


def first_ring(ladder: Ladder, term: Term) -> datetime:
    """When the first rung is due."""
    return term.moment(ladder[0])


def next_ring(ladder: Ladder, term: Term, *, rung: int, rang_at: datetime) -> datetime | None:
    """When the rung after this one is due, which rang just now; None: it was the last.

    As planned. Where this one rang late, since nothing ran, the next keeps its distance: whoever is told
    has the time that the ladder gives them, and nobody gets two rungs at once.
    """
    if rung + 1 >= len(ladder):
        return None
    planned, following = term.moment(ladder[rung]), term.moment(ladder[rung + 1])
    distance = term.between(planned, following)
    return max(following, term.later(rang_at, distance))


def named(key: str) -> Ladder:
    """The ladder of this name; the usual one where the authority has none so called."""
    ladders = _ladders(settings.WORK_FILE)
    return ladders.get(key) or ladders["usual"]


@cache
def _ladders(path: Path | None) -> Mapping[str, Ladder]:
    return {**LADDERS, **(read_ladders(path) if path is not None and path.is_file() else {})}


def read_ladders(path: Path) -> dict[str, Ladder]:
    """The ladders of a file by name.

    :raises LaddersUnreadable: names the file and what is wrong in it
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")).get("ladder", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LaddersUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    return {name: _ladder(rows, path, f"ladder.{name}") for name, rows in given.items()}


def _ladder(rows: Any, path: Path, where: str) -> Ladder:
    if not isinstance(rows, dict) or not rows:
        raise _wrong(path, where)
    rungs = []
    for level, row in rows.items():
        if level not in Level.values or not isinstance(row, dict):
            raise _wrong(path, f"{where}.{level}")
        rungs.append(_rung(Level(level), row, path, f"{where}.{level}"))
    # A chaser before its reminder would be a slip of the pen.
    for before, after in pairwise(rungs):
        if (before.share, before.after) > (after.share, after.after):
            raise _wrong(path, f"{where}.{after.level}")
    return tuple(rungs)


def _rung(level: Level, row: dict[str, Any], path: Path, where: str) -> Rung:
    match row:
        case {"share": int() | float() as share, **rest} if not rest and 0 < share <= 1:
            return Rung(level, float(share))
        case {"hours": int() | float() as hours, **rest} if not rest and 0 <= hours < 10_000:
            return Rung(level, after=timedelta(hours=hours))
        case {"minutes": int() | float() as minutes, **rest} if not rest and 0 <= minutes < 10_000:
            return Rung(level, after=timedelta(minutes=minutes))
    raise _wrong(path, where)


def _wrong(path: Path, where: str) -> LaddersUnreadable:
    return LaddersUnreadable(
        _(
            "%(path)s: “%(where)s” is not understood. Write a share of the term or the time after it, "
            "for example: reminder = { share = 0.75 } or second = { hours = 7 }"
        )
        % {"path": path, "where": where}
    )
