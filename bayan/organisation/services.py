"""Everything that changes the tree."""

import tomllib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.calendar import spans_in
from bayan.core.errors import DomainError
from bayan.core.phones import mobile_in
from bayan.organisation import selectors
from bayan.organisation.brand import read_brand
from bayan.organisation.models import BodyHours, Node, OutsideBody, OwnDay


class PackUnreadable(DomainError):
    pass


class AnotherAuthority(DomainError):
    pass


class AddressUnusable(DomainError):
    pass


class HoursUnusable(DomainError):
    pass


# As many days of its own a body keeps; a longer closure is no holiday.
LONGEST_CLOSURE = timedelta(days=60)


@transaction.atomic
def save_hours(
    node: Node,
    *,
    week: Sequence[Sequence[str]] | None,
    ramadan: Sequence[str] | None,
    by: audit.Actor,
    now: datetime,
) -> None:
    """Let a body, and what lies below it, work at these hours; None: as the authority does.

    What is due already stays due when it was; what is counted from now on counts so.

    :raises HoursUnusable: hours are not written as 07:30-14:30, overlap, or no day has any
    """
    for day in [*(week or []), ramadan or []]:
        _check_hours(day)
    if week is not None and (len(week) != 7 or not any(week)):
        raise HoursUnusable(_("Give hours to at least one day."))
    if ramadan is not None and not ramadan:
        raise HoursUnusable(_("Write the hours in Ramadan, or leave them to the authority."))
    if week is None and ramadan is None:
        BodyHours.objects.filter(node=node).delete()
    else:
        BodyHours.objects.update_or_create(
            node=node,
            defaults={
                "week": None if week is None else [list(day) for day in week],
                "ramadan": None if ramadan is None else list(ramadan),
            },
        )
    _hours_changed(node, "body.hours_changed", by=by, now=now)


@transaction.atomic
def add_day(
    node: Node,
    *,
    first: date,
    last: date,
    name: str,
    hours: Sequence[str] = (),
    by: audit.Actor,
    now: datetime,
) -> OwnDay:
    """Let a body be closed on these days, or open at other hours.

    :raises HoursUnusable: the days are in the wrong order or too many, have no name, or the hours are none
    """
    name = " ".join(name.split())[:120]
    if not name:
        raise HoursUnusable(_("Write what is on these days."))
    if not first <= last <= first + LONGEST_CLOSURE:
        raise HoursUnusable(_("The last day comes after the first, and within sixty days."))
    _check_hours(hours)
    made: OwnDay = OwnDay.objects.create(
        node=node, first=first, last=last, name=name, hours=list(hours)
    )
    _hours_changed(node, "body.day_added", by=by, now=now)
    return made


@transaction.atomic
def remove_day(node: Node, day_id: int, *, by: audit.Actor, now: datetime) -> None:
    """Let a body work on these days as on any other."""
    day = OwnDay.objects.filter(node=node, pk=day_id).first()
    if day is not None:
        day.delete()
        _hours_changed(node, "body.day_removed", by=by, now=now)


def _check_hours(given: Sequence[str]) -> None:
    try:
        spans_in(given)
    except ValueError as error:
        raise HoursUnusable(
            _("“%(given)s” are no hours. Write them as 07:30-14:30, with commas between several.")
            % {"given": error}
        ) from error


def _hours_changed(node: Node, action: str, *, by: audit.Actor, now: datetime) -> None:
    selectors.OwnHours.forget()
    audit.record(
        audit.Entry(
            action=action,
            subject_type="body",
            subject_key=node.key,
            by=by,
            at=now,
            node_id=node.pk,
            details={"body": node.key},
        )
    )


@transaction.atomic
def load_pack(folder: Path) -> int:
    """Bring the tree in line with the authority pack's `organisation.toml`; harmless when repeated.

    Bodies that the pack no longer names stay, since rows may belong to them. Returns the number of
    bodies in the pack; those outside are not counted.

    :raises PackUnreadable: the file is not TOML, or a body lacks a name or names an unknown parent
    :raises BrandUnreadable: the pack's `brand.toml` cannot be used
    :raises AnotherAuthority: this instance already serves another one
    """
    read_brand(folder)
    path = folder / "organisation.toml"
    try:
        pack = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PackUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    known: dict[str, Node] = {}
    rows = [pack.get("authority", {}) | {"kind": "authority"}, *pack.get("bodies", [])]
    served = Node.objects.filter(kind=Node.Kind.AUTHORITY).first()
    if served and served.key != rows[0].get("key"):
        raise AnotherAuthority(
            _(
                "This instance serves %(authority)s. Set BAYAN_DATA_DIR to another folder for another one."
            )
            % {"authority": served.name}
        )
    for position, row in enumerate(rows):
        try:
            known[row["key"]] = _save(row, position=position, known=known)
        except KeyError as error:
            raise PackUnreadable(
                _("%(path)s: body %(number)s lacks or names an unknown %(field)s.")
                % {"path": path, "number": position, "field": error}
            ) from error
    for position, row in enumerate(pack.get("outside", [])):
        try:
            OutsideBody.objects.update_or_create(
                key=row["key"], defaults=_names(row) | {"position": position}
            )
        except KeyError as error:
            raise PackUnreadable(
                _("%(path)s: outside body %(number)s lacks %(field)s.")
                % {"path": path, "number": position + 1, "field": error}
            ) from error
    selectors.authority_names.cache_clear()
    return len(known)


def _save(row: dict[str, Any], *, position: int, known: dict[str, Node]) -> Node:
    parent = None if row["kind"] == "authority" else known[row["parent"]]
    node, _created = Node.objects.update_or_create(
        key=row["key"],
        defaults={
            "kind": row["kind"],
            "parent": parent,
            "position": position,
        }
        | _names(row),
    )
    lineage = [*(parent.lineage if parent else []), node.pk]
    if node.lineage != lineage:
        node.lineage = lineage
        node.save(update_fields=["lineage"])
    return node


def _names(row: dict[str, Any]) -> dict[str, str]:
    return {
        "name_ar": row["name_ar"],
        "name_en": row["name_en"],
        "short_name_ar": row.get("short_name_ar", row["name_ar"]),
        "short_name_en": row.get("short_name_en", row["name_en"]),
    }


@transaction.atomic
def change_address(
    key: str, *, contact_name: str, phone: str, email: str, by: audit.Actor, now: datetime
) -> OutsideBody:
    """Write down who takes what we give an outside body, and by what they are reached.

    :raises AddressUnusable: this is no mobile number
    """
    mobile = mobile_in(phone) if phone.strip() else ""
    if mobile is None:
        raise AddressUnusable(
            _("This is no mobile number. Write it as 05… or with its country code.")
        )
    body = OutsideBody.objects.select_for_update().get(key=key)
    body.contact_name = " ".join(contact_name.split())[:120]
    body.phone, body.email = mobile, email.strip()
    body.save(update_fields=["contact_name", "phone", "email"])
    audit.record(
        audit.Entry(
            action="outside_body.address_changed", subject_type="outside_body",
            subject_key=body.key, by=by, at=now, node_id=selectors.desk().pk,
        )
    )  # fmt: skip
    return body
