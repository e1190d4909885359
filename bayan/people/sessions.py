"""Sessions that know their member, so that all of somebody's can be ended at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as Store
from django.utils import timezone

from bayan.core.queries import Prepared
from bayan.people.models import Session

_LIVE = Prepared(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now), str, datetime
)


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
        if not found:
            self._session_key = None
            return None
        return found[0]

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        row.member_id = data.get(SESSION_KEY)
        return row
