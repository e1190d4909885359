"""What Open311 shows of cases, which is what everybody may know: never words, names, numbers or pictures."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Round
from django.utils.translation import gettext as _

from bayan.api.open311.catalogue import SERVICES
from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.places import selectors as places

Out = dict[str, Any]
Category, Kind = Case.Category, Case.Kind

# A hundred metres: enough for a map of a city, too little for a door.
DECIMALS = 3
KILOMETRES = 111.32
# What everybody may read: faults and wishes that are somewhere on a map. Not what people ask, spread or
# praise, and not where somebody is in danger just now.
KINDS = ("", Kind.COMPLAINT, Kind.OBSERVATION, Kind.SUGGESTION)
NOWHERE = ("", Category.DIGITAL_SERVICES, Category.STAFF_SERVICE, Category.EVENTS, Category.OTHER)
FIELDS = (
    "public_id", "reference", "category", "stage", "outcome", "opened_at", "reopened_at", "closed_at",
    "latitude", "longitude", "node_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Area:
    """A box of latitudes and longitudes, or what of it lies in a circle around its centre."""

    south: float
    west: float
    north: float
    east: float
    kilometres: float | None = None

    @classmethod
    def around(cls, latitude: float, longitude: float, kilometres: float) -> Area:
        high = kilometres / KILOMETRES
        wide = high / max(0.01, math.cos(math.radians(latitude)))
        return cls(
            south=latitude - high,
            north=latitude + high,
            west=longitude - wide,
            east=longitude + wide,
            kilometres=kilometres,
        )


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which requests are asked for."""

    since: datetime
    until: datetime
    categories: Collection[str] = ()
    is_closed: bool | None = None
    area: Area | None = None
    page: int = 1
    page_size: int = 1000


def listed(filters: Filters, *, reader: Member | None, extended: bool) -> list[Out]:
    """Requests, newest first: what this member sees, or without one what everybody may read."""
    rows = _requests().filter(opened_at__gte=filters.since, opened_at__lte=filters.until)
    if reader is None:
        rows = rows.filter(kind__in=KINDS).exclude(
            Q(category__in=NOWHERE) | Q(priority=Case.Priority.EMERGENCY)
        )
    if filters.categories:
        rows = rows.filter(category__in=filters.categories)
    if filters.is_closed is not None:
        rows = rows.filter(closed_at__isnull=not filters.is_closed)
    if filters.area:
        rows = _within(rows, filters.area)
    first = (filters.page - 1) * filters.page_size
    rows = rows.order_by("-opened_at", "-pk")[first : first + filters.page_size]
    return _out(rows, reader=reader, extended=extended)


def named(names: Iterable[str], *, reader: Member | None, extended: bool) -> list[Out]:
    """The requests with these ids; who knows an id that nobody can guess is told how it stands.

    A member's app may also name them by the numbers of the cases.
    """
    ids, numbers = [], []
    for name in names:
        try:
            ids.append(UUID(name))
        except ValueError:
            numbers.append(name)
    rows = _requests().filter(
        Q(public_id__in=ids) | Q(reference__in=numbers) if reader else Q(public_id__in=ids)
    )
    return _out(rows.order_by("-opened_at", "-pk"), reader=reader, extended=extended)


def _requests() -> QuerySet[Case]:
    return Case.objects.exclude(category="")


def _within(rows: QuerySet[Case], area: Area) -> QuerySet[Case]:
    # By what is shown: else one could ask where a case is until one knows it to the metre.
    rows = rows.annotate(
        y=Round("latitude", precision=DECIMALS), x=Round("longitude", precision=DECIMALS)
    ).filter(y__range=(area.south, area.north), x__range=(area.west, area.east))
    if area.kilometres is None:
        return rows
    latitude, longitude = (area.south + area.north) / 2, (area.west + area.east) / 2
    high = (F("y") - latitude) * KILOMETRES
    wide = (F("x") - longitude) * (KILOMETRES * math.cos(math.radians(latitude)))
    return rows.annotate(far=high * high + wide * wide).filter(far__lte=area.kilometres**2)


def _out(rows: QuerySet[Case], *, reader: Member | None, extended: bool) -> list[Out]:
    found = list(rows.values_list(*FIELDS, named=True))
    if not found:
        return []
    bodies = {key: _body(node) for key, node in organisation.nodes().items()}
    words = _own_words([row.reference for row in found], reader)
    addresses = _addresses({_point(row) for row in found if row.latitude is not None})
    names = {code: str(service.category.label) for code, service in SERVICES.items()}
    stages = {stage.value: str(stage.label) for stage in Case.Stage}
    outcomes = {outcome.value: str(outcome.label) for outcome in Case.Outcome}
    out = []
    for row in found:
        point = _point(row) if row.latitude is not None else None
        body, municipality = bodies[row.node_id]
        request: Out = {
            "service_request_id": row.public_id,
            "status": "closed" if row.closed_at else "open",
            "status_notes": outcomes.get(row.outcome) or stages[row.stage],
            "service_name": names[row.category],
            "service_code": row.category,
            "description": words.get(row.reference),
            "agency_responsible": body,
            "service_notice": None,
            "requested_datetime": row.opened_at,
            "updated_datetime": max(filter(None, (row.opened_at, row.reopened_at, row.closed_at))),
            "expected_datetime": None,
            "address": addresses.get(point) if point else None,
            "address_id": None,
            "zipcode": None,
            "lat": point[0] if point else None,
            "long": point[1] if point else None,
            "media_url": None,
        }
        if extended:
            more: Out = {
                "municipality": municipality,
                "stage": row.stage,
                "outcome": row.outcome or None,
            }
            request["extended_attributes"] = more | ({"reference": row.reference} if reader else {})
        out.append(request)
    return out


def _point(row: Any) -> tuple[float, float]:
    return round(row.latitude, DECIMALS), round(row.longitude, DECIMALS)


def _body(node: Node) -> tuple[str, str | None]:
    """The name of who is responsible, and the key of the municipality if it is one."""
    if node.kind == Node.Kind.MUNICIPALITY:
        return node.name, node.key
    return node.name, None


def _addresses(points: Collection[tuple[float, float]]) -> dict[tuple[float, float], str]:
    """The district or town near each point: a guess from what is shown of it, whatever the person wrote."""
    asked = sorted(points)
    return {
        point: _("near %(place)s") % {"place": near.place.name}
        for point, near in zip(asked, places.nearest(asked), strict=True)
        if near
    }


def _own_words(references: Collection[str], reader: Member | None) -> dict[str, str]:
    """What an app itself sent with these cases: it may read that again, and nothing else of what was said."""
    if reader is None:
        return {}
    return dict(
        Message.objects.filter(
            matter__in=references, author=reader, external_id__startswith=f"{cases.SOURCE}:"
        ).values_list("matter", "text")
    )
