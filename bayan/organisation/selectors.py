"""Reading the tree, and when the authority works."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings

from bayan.core.calendar import Span, WorkingCalendar
from bayan.core.queries import Prepared
from bayan.organisation.brand import read_brand, tokens
from bayan.organisation.models import Node

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
