"""The pack's folder `places`: CSV files that people edit, read with an exact word on what is wrong."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.places.models import Place

FILES = {
    Place.Type.GOVERNORATE: "governorates.csv",
    Place.Type.CITY: "cities.csv",
    Place.Type.DISTRICT: "districts.csv",
    Place.Type.ROAD: "roads.csv",
    Place.Type.LANDMARK: "landmarks.csv",
}
COLUMNS = (
    "key", "name_ar", "name_en", "variants", "latitude", "longitude", "parent", "owner",
    "owner_since", "outside", "source", "certainty",
)  # fmt: skip
A_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

Ring = list[tuple[float, float]]


class PlacesUnreadable(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a file, checked as far as a line alone can be."""

    file: Path
    line: int
    type: str
    key: str
    name_ar: str
    name_en: str
    variants: tuple[str, ...]
    latitude: float | None
    longitude: float | None
    parent: str
    owner: str
    owner_since: date | None
    outside: str
    source: str
    certainty: str

    def wrong(self, field: str, why: str) -> PlacesUnreadable:
        return wrong(self.file, self.line, field, why)


def wrong(file: Path, line: int, field: str, why: str) -> PlacesUnreadable:
    """The refusal that names file, line and field."""
    return PlacesUnreadable(
        _("%(file)s, line %(line)s, %(field)s: %(why)s")
        % {"file": file, "line": line, "field": field, "why": why}
    )


def rows(folder: Path, *, owners: Collection[str], outside: Collection[str]) -> list[Row]:
    """All places of the pack, those first in which others lie; none where it has no such folder.

    :raises PlacesUnreadable: names the file, the line and the field
    """
    places = folder / "places"
    if not places.is_dir():
        return []
    sources = dict(_sources(places / "sources.csv"))
    known: dict[str, str] = {}
    read: list[Row] = []
    for type_, name in FILES.items():
        above = set(known)
        for row in _rows(places / name, type_, sources):
            if row.key in known:
                raise row.wrong("key", _("“%(key)s” stands twice.") % {"key": row.key})
            if row.parent and row.parent not in above:
                raise row.wrong(
                    "parent",
                    _("no place of an earlier file is called “%(key)s”.") % {"key": row.parent},
                )
            if not row.parent and type_ != Place.Type.GOVERNORATE:
                raise row.wrong("parent", _("the place that it lies in is missing."))
            if row.owner and row.owner not in owners:
                raise row.wrong(
                    "owner", _("“%(key)s” is no municipality of the pack.") % {"key": row.owner}
                )
            if row.outside and row.outside not in outside:
                raise row.wrong(
                    "outside", _("“%(key)s” is no outside body of the pack.") % {"key": row.outside}
                )
            known[row.key] = type_
            read.append(row)
    return read


def outlines(folder: Path) -> dict[str, list[Ring]]:
    """Governorate by key: the rings of its rough outline; none where the pack has no `outlines.json`.

    :raises PlacesUnreadable: the file is not GeoJSON of polygons
    """
    path = folder / "outlines.json"
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["features"]
        return {
            feature["properties"]["key"]: [
                [(float(x), float(y)) for x, y in polygon[0]]
                for polygon in feature["geometry"]["coordinates"]
            ]
            for feature in found
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise PlacesUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": repr(error)}
        ) from error


def _sources(path: Path) -> Iterator[tuple[str, str]]:
    for line, given in _lines(path, ("prefix", "name", "licence")):
        if not all(given.values()):
            raise wrong(path, line, "prefix, name, licence", _("one of them is missing."))
        yield given["prefix"], f"{given['name']} ({given['licence']})"


def _rows(path: Path, type_: str, sources: Mapping[str, str]) -> Iterator[Row]:
    for line, given in _lines(path, COLUMNS):
        for field in ("key", "name_ar", "name_en", "source", "certainty"):
            if not given[field]:
                raise wrong(path, line, field, _("it is missing."))
        if not A_KEY.fullmatch(given["key"]):
            raise wrong(
                path, line, "key", _("only small letters, digits and hyphens may stand here.")
            )
        if given["certainty"] not in Place.Certainty.values:
            raise wrong(path, line, "certainty", _("“confirmed” or “probable” is meant."))
        if bool(given["latitude"]) != bool(given["longitude"]):
            raise wrong(path, line, "longitude", _("latitude and longitude belong together."))
        if given["owner"] and given["outside"]:
            raise wrong(path, line, "outside", _("a place has a municipality or an outside body."))
        if given["owner_since"] and not given["owner"]:
            raise wrong(path, line, "owner_since", _("there is no owner."))
        yield Row(
            file=path,
            line=line,
            type=type_,
            key=given["key"],
            name_ar=given["name_ar"],
            name_en=given["name_en"],
            variants=tuple(filter(None, (part.strip() for part in given["variants"].split("|")))),
            latitude=_degrees(path, line, "latitude", given["latitude"], 90),
            longitude=_degrees(path, line, "longitude", given["longitude"], 180),
            parent=given["parent"],
            owner=given["owner"],
            owner_since=_day(path, line, given["owner_since"]),
            outside=given["outside"],
            source=_named(path, line, given["source"], sources),
            certainty=given["certainty"],
        )


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a CSV file with their numbers; an absent file has none."""
    if not path.exists():
        return
    try:
        # Spreadsheets write a mark before the first letter.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise wrong(path, 1, ", ".join(missing), _("this column is missing."))
            for given in reader:
                if None in given or None in given.values():
                    raise wrong(
                        path, reader.line_num, columns[0], _("it has too many or too few columns.")
                    )
                yield reader.line_num, {name: given[name].strip() for name in columns}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlacesUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error


def _degrees(path: Path, line: int, field: str, given: str, limit: int) -> float | None:
    if not given:
        return None
    try:
        value = float(given)
    except ValueError:
        value = float("inf")
    if not -limit <= value <= limit:
        raise wrong(
            path, line, field,
            _("“%(value)s” is no number between −%(limit)s and %(limit)s.")
            % {"value": given, "limit": limit},
        )  # fmt: skip
    return value


def _day(path: Path, line: int, given: str) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise wrong(
            path,
            line,
            "owner_since",
            _("“%(value)s” is no day such as 2022-04-06.") % {"value": given},
        ) from error


def _named(path: Path, line: int, given: str, sources: Mapping[str, str]) -> str:
    """«wof:12; mc:3» with the sources' names, as people read it."""
    named = []
    for part in given.split(";"):
        prefix, _colon, key = part.strip().partition(":")
        if not key or prefix not in sources:
            raise wrong(
                path, line, "source",
                _("“%(part)s” names no source of sources.csv with its number.")
                % {"part": part.strip()},
            )  # fmt: skip
        named.append(f"{sources[prefix]} {key}")
    return "; ".join(named)
