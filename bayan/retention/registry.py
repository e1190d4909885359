"""What has periods: each app that keeps such things says what there is and how it is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet
from django.utils.functional import Promise

from bayan.organisation.models import Node
from bayan.people.models import Member


class Destroy(Protocol):
    """Destroys one thing with all its words and files, within the running transaction."""

    def __call__(self, key: UUID, *, by: Member, now: datetime) -> str:
        """Returns the SHA-256 of what it was."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """One kind of thing that has periods: whose app says what there is, shows it, and destroys it."""

    what: str
    label: str | Promise
    # What is over and may be destroyed one day, as far as the reader sees it; with `node`.
    rows: Callable[[], QuerySet[Any]]
    # Fields of these rows: since when its period runs, its kind and its grade (empty: it has none).
    since_field: str
    kind_field: str = ""
    kinds: Sequence[tuple[str, str | Promise]] = ()
    grade_field: str = ""
    grades: Sequence[tuple[str, str | Promise]] = ()
    # Its number, its title, and the address of its page.
    number: Callable[[Any], str]
    title: Callable[[Any], str]
    path: Callable[[Any], str]
    destroy: Destroy
    # Many at once, without looking at each: what stays then, as a sentence; empty: one by one only.
    leaves: str | Promise = ""
    # What can be held, where that is more than what has a period already: what is still open.
    to_hold: Callable[[], QuerySet[Any]] | None = None
    # What else keeps it while that is held, as a person's hold keeps their cases: its kind, and its field.
    held_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One kind of thing that has no period of its own and can be held, with all that belongs to it."""

    what: str
    label: str | Promise
    rows: Callable[[], QuerySet[Any]]
    # The body whose directors hold it.
    node: Callable[[Any], Node]
    number: Callable[[Any], str]
    title: Callable[[Any], str]
    path: Callable[[Any], str]


_holdings: dict[str, Holding] = {}
_keepings: dict[str, Keeping] = {}


def register_keeping(keeping: Keeping) -> None:
    """Let things of this kind have periods (config/subscriptions.py)."""
    if keeping.what in _keepings:
        raise ValueError(f"The period of {keeping.what} is registered already.")
    _keepings[keeping.what] = keeping


def keepings() -> dict[str, Keeping]:
    """What has periods, in the order in which it was registered."""
    return dict(_keepings)


def register_holding(holding: Holding) -> None:
    """Let things of this kind be held (config/subscriptions.py)."""
    if holding.what in _holdings:
        raise ValueError(f"Holds on {holding.what} are registered already.")
    _holdings[holding.what] = holding


def holdings() -> dict[str, Holding]:
    """What can be held and has no period."""
    return dict(_holdings)


@dataclass(frozen=True)
class Thing:
    """One thing, as a decision names it."""

    what: str
    key: UUID
    node: Node
    number: str
    # What else keeps it while that is held, each with its key.
    held_with: tuple[tuple[str, UUID], ...] = ()

    @property
    def holders(self) -> list[tuple[str, UUID]]:
        """Whose hold keeps it: its own, and that of what it belongs to."""
        return sorted({(self.what, self.key), *self.held_with})
