"""What has periods: each app that keeps such things says what there is and how it is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    # Fields of these rows: its kind, its grade (empty: it has none), since when its period runs.
    kind_field: str
    kinds: Sequence[tuple[str, str | Promise]]
    since_field: str
    grade_field: str = ""
    grades: Sequence[tuple[str, str | Promise]] = ()
    # Its number, its title, and the address of its page.
    number: Callable[[Any], str]
    title: Callable[[Any], str]
    path: Callable[[Any], str]
    destroy: Destroy


_keepings: dict[str, Keeping] = {}


def register_keeping(keeping: Keeping) -> None:
    """Let things of this kind have periods (config/subscriptions.py)."""
    if keeping.what in _keepings:
        raise ValueError(f"The period of {keeping.what} is registered already.")
    _keepings[keeping.what] = keeping


def keepings() -> dict[str, Keeping]:
    """What has periods, in the order in which it was registered."""
    return dict(_keepings)


@dataclass(frozen=True)
class Thing:
    """One thing, as a decision names it."""

    what: str
    key: UUID
    node: Node
    number: str
