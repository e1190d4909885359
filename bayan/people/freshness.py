"""How lately the member of a session gave a code of their second factor; kept in the session itself."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import Any

# In the session: when the member last gave a code.
GIVEN_AT = "second_factor_at"
# Before what is graver than the rest a code is asked for again, unless one was given so lately.
FRESH_FOR = timedelta(minutes=10)


def confirm(session: MutableMapping[str, Any], *, now: datetime) -> None:
    """Keep in the member's session that they gave a code just now."""
    session[GIVEN_AT] = now.isoformat()


def is_given(session: Mapping[str, Any]) -> bool:
    """Whether a code was given in this session at all."""
    return GIVEN_AT in session


def is_fresh(session: Mapping[str, Any], *, now: datetime, within: timedelta = FRESH_FOR) -> bool:
    """Whether a code was given in this session so lately that a grave act needs no other one."""
    given: str = session.get(GIVEN_AT, "")
    return bool(given) and timedelta() <= now - datetime.fromisoformat(given) <= within
