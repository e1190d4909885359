"""The staff's view of the gazetteer: the places app itself lies below people and knows no member."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from bayan.core.exports import csv_response
from bayan.people.permissions import StaffRequest, requires
from bayan.places import selectors
from bayan.places.models import Place

PAGE = 50
# Of a search only the likeliest are of use.
BEST = 30
# So many rows a look while the file is written.
ROWS = 500


@require_GET
@requires("places.read")
def places(request: StaffRequest) -> HttpResponse:
    """All places in the pack's order, or those that words may mean, the likeliest first."""
    words = request.GET.get("q", "").strip()[:100]
    type_ = request.GET.get("type", "")
    type_ = type_ if type_ in Place.Type.values else ""
    after = request.GET.get("after", "")
    more_after = None
    if words:
        found = selectors.find(words, BEST, type=type_)
    else:
        following = selectors.places(type=type_).order_by("position")
        if after.isdecimal():
            following = following.filter(position__gt=int(after[:9]))
        found = list(following[: PAGE + 1])
        if len(found) > PAGE:
            found = found[:PAGE]
            more_after = found[-1].position
    counts = selectors.counts()
    context = {
        "places": found,
        "words": words,
        "type": type_,
        "types": [(key, label, counts[key]) for key, label in Place.Type.choices],
        "all": sum(counts.values()),
        "more_after": more_after,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"desk/places.html{part}", context)


@require_GET
@requires("places.read")
def find(request: StaffRequest) -> HttpResponse:
    """What is meant by the words typed so far: options for a page, JSON for a program."""
    words = request.GET.get("q", "").strip()[:100]
    found = selectors.find(words)
    if request.htmx:
        return render(request, "desk/places.html#options", {"places": found, "words": words})
    items = [
        {
            "id": str(place.public_id),
            "key": place.key,
            "type": place.type,
            "name": place.name,
            "within": place.parent.name if place.parent else None,
            "municipality": place.owner.key if place.owner else None,
            "outside": place.outside.key if place.outside else None,
            "served_by": place.served_by.short_name if place.served_by else None,
            "at": None if place.latitude is None else [place.latitude, place.longitude],
        }
        for place in found
    ]
    return JsonResponse({"items": items})


@require_GET
@requires("places.read")
def export(request: StaffRequest) -> StreamingHttpResponse:
    """The whole gazetteer as CSV."""
    heading = [
        _("Key"), _("Type"), _("Name in Arabic"), _("Name in English"), _("Other names"),
        _("Latitude"), _("Longitude"), _("Lies in"), _("Served by"), _("Since"), _("Certainty"), _("Source"),
    ]  # fmt: skip

    def rows(after: int) -> list[tuple[int, list[str]]]:
        page = selectors.places().filter(position__gt=after).order_by("position")[:ROWS]
        return [(place.position, _cells(place)) for place in page]

    return csv_response("places", heading, rows)


def _cells(place: Place) -> list[str]:
    return [
        place.key,
        str(place.get_type_display()),
        place.name_ar,
        place.name_en,
        " | ".join(place.variants),
        "" if place.latitude is None else str(place.latitude),
        "" if place.longitude is None else str(place.longitude),
        place.parent.name if place.parent else "",
        place.served_by.name if place.served_by else "",
        place.owner_since.isoformat() if place.owner_since else "",
        str(place.get_certainty_display()),
        place.source,
    ]
