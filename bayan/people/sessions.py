"""Sessions that know their member, so that all of somebody's can be ended at once."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as Store
from django.utils import timezone

from bayan.core.queries import Prepared
from bayan.people.models import Member, Session

_LIVE = Prepared(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now).select_related(
        "member"
    ),
    str, datetime,
)  # fmt: skip
# Every request asks for its session, and right after it for the session's member: they are read together.
_just_read: ContextVar[Member | None] = ContextVar("_just_read", default=None)


def member_just_read(key: int) -> Member | None:
    """The member with this key, if the session read last is theirs; each time it was read at most once."""
    member = _just_read.get()
    _just_read.set(None)
    return member if member is not None and member.pk == key else None


class SessionStore(Store):
    """Django's own, in our table (settings.SESSION_ENGINE)."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        # PostgreSQL takes no null byte in a text; no key of ours holds one.
        found = (
            [] if "\0" in (self.session_key or "") else _LIVE.rows(self.session_key, timezone.now())
        )
        _just_read.set(found[0].member if found else None)
        if not found:
            self._session_key = None
            return None
        return found[0]

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        row.member_id = data.get(SESSION_KEY)
        return row
