"""What can be reported: the categories of cases, as GeoReport's services, and what is asked beside each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bayan.cases.models import Case

type Words = str | Promise
Category = Case.Category


@dataclass(frozen=True)
class Attribute:
    """Something that an app asks the person beside the usual; never required."""

    code: str
    words: Words
    datatype: str = "string"
    # Of a list: key and words of each answer.
    answers: Mapping[str, Words] | None = None


@dataclass(frozen=True)
class Service:
    """One kind of report; its parts, in words, are also its keywords."""

    category: Category
    group: Words
    parts: Words
    attributes: tuple[Attribute, ...] = ()


CLEAN, STREET, WATER = _("Cleanliness and health"), _("Streets"), _("Water")
TRADE, OFFICE = _("Building and trade"), _("Municipal services")

DEPTH = Attribute(
    "depth", _("How deep is the water?"), "singlevaluelist",
    {"ankle": _("up to the ankle"), "knee": _("up to the knee"), "above": _("above the knee")},
)  # fmt: skip
SHOP = Attribute("shop", _("Name of the shop"))
LICENCE = Attribute("licence", _("Number of the licence, if it is posted"))
LAMP = Attribute("lamp_post", _("Number on the lamp post"))
BALADY = Attribute("balady_number", _("Number of the 940 or Balady report"))
ANIMALS = Attribute("animals", _("How many animals?"), "number")

SERVICES: dict[str, Service] = {
    service.category: service
    for service in (
        Service(Category.CLEANLINESS, CLEAN, _("full containers, litter, building waste, sand")),
        Service(Category.ROADS, STREET, _("potholes, asphalt, pavements, road signs")),
        Service(Category.LIGHTING, STREET, _("dark street, lamp post, exposed wires"), (LAMP,)),
        Service(Category.STORM_WATER, WATER, _("ponds, blocked drains, underpass"), (DEPTH,)),
        Service(Category.WATER_SEWAGE, WATER, _("leak, sewage, manhole cover")),
        Service(Category.PARKS_BEACHES, OFFICE, _("parks, playgrounds, trees, beaches")),
        Service(Category.FOOD_HEALTH, CLEAN, _("restaurants, spoilt food, hygiene"), (SHOP,)),
        Service(Category.PESTS, CLEAN, _("mosquitoes, rodents, cockroaches")),
        Service(Category.STRAY_ANIMALS, CLEAN, _("dogs, cats, dead animals"), (ANIMALS,)),
        Service(Category.BUILDING, TRADE, _("building violations, licences"), (LICENCE,)),
        Service(Category.COMMERCE, TRADE, _("shops, markets, street vendors"), (SHOP,)),
        Service(Category.VISUAL_POLLUTION, CLEAN, _("graffiti, posters, abandoned cars")),
        Service(Category.EXCAVATION, STREET, _("excavations, detours, barriers"), (LICENCE,)),
        Service(Category.PUBLIC_FACILITIES, OFFICE, _("toilets, benches, car parks")),
        Service(Category.SAFETY_HAZARD, STREET, _("falling parts, open pits, risk of collapse")),
        Service(Category.DIGITAL_SERVICES, OFFICE, _("Balady, applications, payment"), (BALADY,)),
        Service(Category.STAFF_SERVICE, OFFICE, _("quality of service, conduct of staff")),
        Service(Category.EVENTS, OFFICE, _("events, awareness")),
        Service(Category.OTHER, OFFICE, _("anything else")),
    )
}
