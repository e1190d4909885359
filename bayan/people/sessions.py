"""Sessions that know their member, so that all of somebody's can be ended at once."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as Store

from bayan.people.models import Session


class SessionStore(Store):
    """Django's own, in our table (settings.SESSION_ENGINE)."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        row.member_id = data.get(SESSION_KEY)
        return row
