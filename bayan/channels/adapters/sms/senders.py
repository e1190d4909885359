"""Kinds of senders' names and the hours at which they may write, from `senders.toml` beside this file.

The authority for communications (CST) has every name registered with the operators: at most eleven letters
and digits, and those that advertise end in -AD (reference 2.8). What does not advertise and does not warn of
danger is a service, as what goes to members is; only awareness and advertising keep to the hours, whose
sources stand in the file.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path

from django.utils import timezone

FILE = Path(__file__).with_name("senders.toml")
LONGEST_NAME = 11
NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 .&-]*")


@dataclass(frozen=True)
class Kind:
    """What is said of one kind of senders' names."""

    message_type: int
    begins: time | None = None
    ends: time | None = None
    suffix: str = ""

    def opens_at(self, now: datetime) -> datetime:
        """From when on such a sender may write: now, or the next morning."""
        if self.begins is None or self.ends is None:
            return now
        local = timezone.localtime(now)
        if self.begins <= local.time() < self.ends:
            return now
        day = local.date() + timedelta(days=int(local.time() >= self.ends))
        return timezone.make_aware(datetime.combine(day, self.begins))


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name."""
    return {
        name: Kind(
            message_type=facts["message_type"],
            begins=facts.get("from"),
            ends=facts.get("until"),
            suffix=facts.get("suffix", ""),
        )
        for name, facts in tomllib.loads(FILE.read_text(encoding="utf-8")).items()
    }


def opens_at(sender_class: str, *, now: datetime) -> datetime:
    """From when on a sender of this kind may write; now for what is no such sender."""
    kind = kinds().get(sender_class)
    return kind.opens_at(now) if kind else now


def is_possible(name: str, sender_class: str) -> bool:
    """True for a name that the operators register as one of this kind."""
    suffix = kinds()[sender_class].suffix
    fits = bool(NAME.fullmatch(name)) and len(name) <= LONGEST_NAME
    return fits and name.endswith("-AD") == (suffix == "-AD")
