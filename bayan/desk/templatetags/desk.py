"""What the desk's pages need."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from django import template
from django.utils.translation import get_language

from bayan.desk import charts
from bayan.desk.field import Filters
from bayan.organisation.models import Node
from bayan.people.models import Contact
from bayan.places.models import Place

register = template.Library()


@register.filter
def bodies_in(contact: Contact, nodes: Mapping[int, Node]) -> list[Node]:
    """The bodies to which this contact has written, as far as the reader sees it; each once."""
    return [nodes[key] for key in dict.fromkeys(vars(contact)["bodies"])]


@register.filter
def lines_of_spark(
    spark: tuple[tuple[float | None, ...], tuple[float | None, ...], float, bool],
) -> list[charts.Line]:
    """A body's weeks and the authority's, on the scale that all bodies share, as small lines."""
    own, average, top, _is_rtl = spark
    return charts.chart([own, average], width=120, height=32, top=top, has_levels=False).lines


@register.simple_tag
def field_query(filters: Filters, **changes: str) -> str:
    """The address of the same reports with something changed."""
    return filters.query(**changes)


@register.simple_tag
def place_look(place: Place) -> Hashable:
    """All that a row shows of this place: as long as it is the same, the row is."""
    return (
        get_language(), place.key, place.name, tuple(place.variants), place.type, place.parent_id,
        place.owner_id, place.outside_id, place.owner_since, place.certainty, place.source,
    )  # fmt: skip


@register.simple_tag
def contact_look(contact: Contact) -> Hashable:
    """All that a row shows of this contact but its clock: as long as it is the same, the row is."""
    facts = vars(contact)
    return (
        get_language(), contact.public_id, contact.name, facts["has_opted_out"], facts["open_cases"],
        tuple(facts["phones"]), tuple(facts["bodies"]),
    )  # fmt: skip
