"""What every staff page shows of the channels."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest

from bayan.channels import health


def alarm(request: HttpRequest) -> dict[str, Any]:
    """How many critical alerts are open, for those who look after channels."""
    return {"channel_alarm": lambda: _count(request)}


def _count(request: HttpRequest) -> int:
    known: int | None = getattr(request, "channel_alarm", None)
    if known is None:
        try:
            known = health.critical_alerts()
        except DatabaseError:
            # The page that says so must not fail for the same reason.
            known = 0
        request.channel_alarm = known  # type: ignore[attr-defined]
    return known
