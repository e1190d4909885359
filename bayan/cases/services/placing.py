"""Where a case is, and to which body that points.

By the words of its first messages, a location that was sent, or where the person wrote from before. What it
comes to is proposed to the authority's desk, which decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

from bayan.cases.models import Case
from bayan.channels.events import IncomingMessage
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Contact
from bayan.places import selectors as places

if TYPE_CHECKING:
    from bayan.triage import reading as triage

# Where somebody wrote from longer ago says little of today.
REMEMBERED = timedelta(days=180)
LEFT_OPEN = "ambiguous"

By = Case.PointedBy


@dataclass(frozen=True)
class Pin:
    """A location that a person sent, with the words that came with it."""

    latitude: float
    longitude: float
    words: str

    @property
    def point(self) -> tuple[float, float]:
        return self.latitude, self.longitude


def earlier(contacts: Collection[Contact], *, now: datetime) -> dict[int, str]:
    """The body of each contact's latest case whose body is known, by the contact's key.

    What was only taken from an earlier case itself does not count, or one guess would lead to the next.
    """
    rows = (
        Case.objects.filter(contact__in=contacts, opened_at__gt=now - REMEMBERED)
        .filter(Q(node__kind=Node.Kind.MUNICIPALITY) | ~Q(points_to="") & ~Q(points_by=By.EARLIER))
        .order_by("contact_id", "-opened_at", "-pk")
        .distinct("contact_id")
        .values_list("contact_id", "node__kind", "node__key", "points_to")
    )
    return {
        contact_id: key if kind == Node.Kind.MUNICIPALITY else points_to
        for contact_id, kind, key, points_to in rows
    }


def is_open(case: Case) -> bool:
    """Whether it is still to be found out whose a case is: at the desk, with nothing but a weak sign."""
    return (
        not case.is_closed
        and case.node.is_desk
        and (not case.points_to or case.points_by == By.EARLIER)
    )


def body_of(reading: triage.Reading) -> str:
    """The body that the words of a message point to, or nothing."""
    body = reading.municipality or ""
    return "" if body == LEFT_OPEN else body


def place(
    opened: Sequence[Case],
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
) -> None:
    """Say of new cases, not yet saved, where they are and to whom that points.

    What words say outweighs a location, which near a border may be the neighbour's; both outweigh where the
    person wrote from before.
    """
    new = {case.reference: case for case in opened}
    pinned: dict[str, Pin] = {}
    for arrival in arrivals:
        case = new.get(arrival.matter)
        if case is None:
            continue
        pin = pin_of(arrival.message)
        if pin and case.reference not in pinned:
            pinned[case.reference] = pin
            put(case, pin)
        reading = readings.get(arrival.message.external_id)
        if reading:
            point_by_words(case, reading)
    point_by_pins([(new[reference], pin) for reference, pin in pinned.items()])


def point_by_words(case: Case, reading: triage.Reading) -> None:
    """Let a case point to the body that words name, as far as that is open."""
    body = body_of(reading)
    by = By.EARLIER if reading.by_sender else By.WORDS
    if body and is_open(case) and (by == By.WORDS or not case.points_to):
        case.points_to, case.points_by = body, by


def put(case: Case, pin: Pin) -> None:
    """Put a case on the map; what is known of its place in words stays where the pin has none."""
    case.latitude, case.longitude = pin.point
    case.place = pin.words or case.place


def point_by_pins(pinned: Sequence[tuple[Case, Pin]]) -> list[Case]:
    """Let these cases point to whose district their pin lies in, as far as that is open. Returns which do."""
    asking = [(case, pin) for case, pin in pinned if is_open(case)]
    found = places.nearest([pin.point for _case, pin in asking])
    pointed = []
    for (case, _pin), near in zip(asking, found, strict=True):
        body = near and near.place.served_by
        if body:
            case.points_to, case.points_by = body.key, By.PIN
            pointed.append(case)
    return pointed


def pin_of(message: IncomingMessage | Message) -> Pin | None:
    """The location that a message is, if it is one on earth."""
    if message.kind != "location":
        return None
    try:
        latitude = float(message.payload["latitude"])
        longitude = float(message.payload["longitude"])
    except (KeyError, TypeError, ValueError):
        return None
    # Not a number is in no range either.
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    words = [message.payload.get("name"), message.payload.get("address")]
    return Pin(latitude, longitude, " · ".join(str(word) for word in words if word)[:200])
