"""Reading the tree, and when the authority works."""

import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import ClassVar
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from bayan.core.calendar import Span, WorkingCalendar, spans_in
from bayan.core.queries import Prepared
from bayan.organisation.brand import read_brand, tokens
from bayan.organisation.models import BodyHours, Node, OwnDay

log = structlog.get_logger(__name__)


def desk() -> Node:
    """The authority itself, whose desk owns what no other body owns yet."""
    return Node.objects.get(kind=Node.Kind.AUTHORITY)


def body_of(node: Node) -> Node:
    """The municipality to which a body belongs, or that it is; the desk for all of the authority's own."""
    own = Node.objects.municipalities().filter(pk__in=node.lineage).first()
    return own or desk()


def bodies_of[Key](given: Mapping[Key, Node]) -> dict[Key, Node]:
    """As `body_of`, for many at once."""
    known, authority = nodes(), desk()
    municipalities = {key for key, node in known.items() if node.kind == Node.Kind.MUNICIPALITY}
    return {
        key: next((known[one] for one in node.lineage if one in municipalities), authority)
        for key, node in given.items()
    }


def nodes() -> dict[int, Node]:
    """All bodies by their keys."""
    return {node.pk: node for node in _NODES.rows()}


def nodes_in_groups() -> list[tuple[str, list[Node]]]:
    """All bodies as a long list offers them: each agency with its departments, then the municipalities."""
    known = nodes()
    # In the order of the tree.
    rows = sorted(known.values(), key=lambda node: [known[key].position for key in node.lineage])
    towns = {node.pk for node in rows if node.kind == Node.Kind.MUNICIPALITY}
    return [
        (_("Agencies and departments"), [node for node in rows if not towns & set(node.lineage)]),
        (_("Municipalities"), [node for node in rows if towns & set(node.lineage)]),
    ]


_NODES = Prepared(lambda: Node.objects.order_by("position"))


@cache
def authority_names() -> dict[str, str]:
    """What the authority is called, by language; every page says it, so it is read once a process."""
    found = desk()
    return {"ar": found.name_ar, "en": found.name_en}


# As assets/css/tokens.css is written; an authority of this colour needs no sheet of its own.
HOUSE_COLOUR = "#1f7a4f"


@cache
def brand_sheet() -> str:
    """The authority's colours in place of the house's, as a stylesheet; empty where it has none."""
    path = settings.BRAND_FILE
    brand = read_brand(path.parent) if path is not None else None
    if brand is None or brand.primary == HOUSE_COLOUR:
        return ""
    colours = "".join(
        f"--{name}:light-dark({colour['light']},{colour['dark']});"
        for name, colour in tokens(brand.primary).items()
    )
    return f":root{{{colours}}}\n"


def calendar(of: int | None = None) -> WorkingCalendar:
    """When the authority works, or one of its bodies (by its key), with hours and holidays of its own.

    :raises CalendarUnreadable: the pack's `calendar.toml` is not what it should be
    """
    usual = authority_calendar()
    return usual if of is None else own_calendars().get(of, usual)


class OwnHours:
    """What a process remembers for seconds: asked for with every due time, and changed a few times a year."""

    calendars: ClassVar[dict[int, WorkingCalendar]] = {}
    until: ClassVar[float] = 0.0

    # Another process takes so long at the most to hear of a change.
    REMEMBERED: ClassVar[float] = 15.0

    @classmethod
    def forget(cls) -> None:
        """Ask anew with the next question: this process has changed something."""
        cls.until = 0.0


def own_calendars() -> dict[int, WorkingCalendar]:
    """The calendars of bodies that have hours or holidays of their own, or lie below one, by their keys."""
    if time.monotonic() >= OwnHours.until:
        OwnHours.calendars = _read_own()
        OwnHours.until = time.monotonic() + OwnHours.REMEMBERED
    return OwnHours.calendars


def _read_own() -> dict[int, WorkingCalendar]:
    hours = {row.node_id: row for row in BodyHours.objects.all()}
    days: dict[int, dict[date, tuple[Span, ...]]] = defaultdict(dict)
    for day in OwnDay.objects.order_by("first", "pk"):
        for passed in range((day.last - day.first).days + 1):
            days[day.node_id][day.first + timedelta(days=passed)] = spans_in(day.hours)
    if not hours and not days:
        return {}
    usual = authority_calendar()
    found = {}
    for node in Node.objects.all():
        known = usual
        # A department works as its municipality does, but for what is its own.
        for key in node.lineage:
            if key in hours or key in days:
                own = hours.get(key)
                known = known.with_own(
                    week=own.spans_of_week() if own else None,
                    ramadan=own.spans_of_ramadan() if own else None,
                    dates=days.get(key),
                )
        if known is not usual:
            found[node.pk] = known
    return found


@cache
def authority_calendar() -> WorkingCalendar:
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
