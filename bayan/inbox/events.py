"""What the inbox announces to those above it (config/subscriptions.py)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bayan.people.models import Member


@dataclass(frozen=True, kw_only=True)
class PersonAnswered:
    """A member wrote to the person under an open matter."""

    matter: str
    by: Member
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PeopleAnswered:
    """A member wrote to several persons at once, to each under an open matter."""

    matters: Collection[str]
    by: Member
    at: datetime
