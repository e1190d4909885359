"""Everything that changes the gazetteer: it comes with the authority pack."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction
from django.forms.models import model_to_dict

from bayan.organisation.models import Node, OutsideBody
from bayan.places import reading
from bayan.places.areas import areas
from bayan.places.models import Outline, Place
from bayan.places.reading import PlacesUnreadable, Row
from bayan.places.spelling import trigrams, words_of_name

__all__ = ["PlacesUnreadable", "load_pack"]

# What a place has from the pack; its public id stays.
TAKEN = [
    "type", "name_ar", "name_en", "variants", "latitude", "longitude", "parent", "owner",
    "owner_since", "outside", "source", "certainty", "position", "is_current", "search", "trigrams",
]  # fmt: skip


@transaction.atomic
def load_pack(folder: Path) -> int:
    """Bring the gazetteer in line with the pack's folder `places`; harmless when repeated.

    A place that the pack no longer names stays, since rows may speak of it, but is found no more.
    The municipalities' bodies must be loaded before. Returns the number of places in the pack.

    :raises PlacesUnreadable: names the file, the line and the field
    """
    owners = {node.key: node for node in Node.objects.municipalities()}
    outside = {body.key: body for body in OutsideBody.objects.all()}
    rows = reading.rows(folder, owners=owners, outside=outside)
    outlines = reading.outlines(folder)
    saved = Place.objects.in_bulk(field_name="key")
    places: dict[str, Place] = {}
    position = 0
    for type_ in Place.Type:
        made = []
        for row in rows:
            if row.type != type_:
                continue
            position += 1
            made.append(_place(row, position, places, owners, outside))
        # Each start loads the pack, which is mostly as it was.
        changed = [place for place in made if not _is_same(place, saved.get(place.key))]
        # Those in which others lie are saved first, so that these find them.
        Place.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["key"], update_fields=TAKEN
        )
        saved |= Place.objects.in_bulk([place.key for place in changed], field_name="key")
        places |= {place.key: saved[place.key] for place in made}
    Place.objects.exclude(key__in=places).update(is_current=False)
    _draw(list(places.values()), list(outlines.values()))
    return len(places)


def _is_same(place: Place, saved: Place | None) -> bool:
    return saved is not None and model_to_dict(place, TAKEN) == model_to_dict(saved, TAKEN)


def _place(
    row: Row,
    position: int,
    places: dict[str, Place],
    owners: dict[str, Node],
    outside: dict[str, OutsideBody],
) -> Place:
    names = [words_of_name(name) for name in (row.name_ar, row.name_en, *row.variants)]
    return Place(
        key=row.key,
        type=row.type,
        name_ar=row.name_ar,
        name_en=row.name_en,
        variants=list(row.variants),
        latitude=row.latitude,
        longitude=row.longitude,
        parent=places[row.parent] if row.parent else None,
        owner=owners[row.owner] if row.owner else None,
        owner_since=row.owner_since,
        outside=outside[row.outside] if row.outside else None,
        source=row.source,
        certainty=row.certainty,
        position=position,
        is_current=True,
        search="\n".join(dict.fromkeys(" ".join(words) for words in names)),
        trigrams=trigrams(word for words in names for word in words),
    )


def _draw(places: list[Place], outlines: list[list[reading.Ring]]) -> None:
    """Keep the rough area of each municipality, for maps."""
    with_districts = {
        place.parent_id for place in places if place.type == Place.Type.DISTRICT and place.latitude
    }
    centres = {
        (place.longitude, place.latitude): place.owner_id
        for place in places
        if place.latitude is not None
        and place.longitude is not None
        # A city stands for itself only where its districts are not known.
        and (
            place.type == Place.Type.DISTRICT
            or (place.type == Place.Type.CITY and place.pk not in with_districts)
        )
    }
    drawn = areas(centres, outlines)
    Outline.objects.exclude(municipality__in=drawn).delete()
    Outline.objects.bulk_create(
        [Outline(municipality_id=owner, rings=rings) for owner, rings in drawn.items()],
        update_conflicts=True, unique_fields=["municipality"], update_fields=["rings"],
    )  # fmt: skip
