"""Everything that changes the tree."""

import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.organisation import selectors
from bayan.organisation.brand import read_brand
from bayan.organisation.models import Node, OutsideBody


class PackUnreadable(DomainError):
    pass


class AnotherAuthority(DomainError):
    pass


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
