"""Reading the tree, and when the authority works."""

from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings

from bayan.core.calendar import Span, WorkingCalendar
from bayan.organisation.models import Node

log = structlog.get_logger(__name__)


def desk() -> Node:
    """The authority itself, whose desk owns what no other body owns yet."""
    return Node.objects.get(kind=Node.Kind.AUTHORITY)


@cache
def authority_names() -> dict[str, str]:
    """What the authority is called, by language; every page says it, so it is read once a process."""
    found = desk()
    return {"ar": found.name_ar, "en": found.name_en}


@cache
def calendar() -> WorkingCalendar:
    """When the authority works, by its pack; read once a process.

    :raises CalendarUnreadable: the pack's `calendar.toml` is not what it should be
    """
    path = settings.CALENDAR_FILE
    if path is not None and path.is_file():
        return WorkingCalendar.read(path)
    log.warning("the authority has no calendar.toml: Sunday to Thursday, 08:00 to 16:00", path=path)
    usual = (Span(timedelta(hours=8), timedelta(hours=16)),)
    # Monday to Thursday, the weekend of Friday and Saturday, Sunday.
    week = (*[usual] * 4, (), (), usual)
    return WorkingCalendar(zone=ZoneInfo(settings.TIME_ZONE), week=week)
