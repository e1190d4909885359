"""The year's inventory of needs: one's own beside the average, all bodies for the authority."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from bayan.core.exports import small_csv
from bayan.inbox import services as inbox
from bayan.needs import planning
from bayan.needs.models import Kind
from bayan.needs.planning import Inventory, Sums
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

# Needs are not kept from before.
FIRST_YEAR = 2026


@dataclass(frozen=True)
class Row:
    """One kind, or one body, with its sums and, beside them, the average."""

    label: str
    sums: Sums
    average: Sums | None = None
    key: str = ""


@dataclass(frozen=True)
class Asked:
    """What a reader looks at: a year, and a body or all that they may see."""

    year: int
    bodies: list[Node]
    chosen: Node | None
    sees_all: bool


def _asked(request: StaffRequest) -> Asked:
    this_year = timezone.localdate().year
    given = request.GET.get("year", "")
    year = int(given) if given.isascii() and given.isdigit() and len(given) == 4 else this_year
    access = request.access
    roots = set(access.bodies_of("needs.read"))
    bodies = [
        node
        for node in organisation.nodes().values()
        if node.kind in {Node.Kind.AUTHORITY, Node.Kind.MUNICIPALITY} and roots & set(node.lineage)
    ]
    key = request.GET.get("body", "")
    chosen = next((node for node in bodies if node.key == key), None)
    sees_all = access.may_everywhere("figures.compare")
    if chosen is None and len(bodies) == 1:
        chosen = bodies[0]
    return Asked(max(FIRST_YEAR, min(year, this_year)), bodies, chosen, sees_all)


def _by_kind(found: Inventory, asked: Asked) -> list[Row]:
    bodies = [asked.chosen] if asked.chosen else asked.bodies
    own = found.of(node.pk for node in bodies)
    average = found.average() if asked.chosen else {}
    return [
        Row(
            str(Kind(kind).label),
            own.get(kind, Sums()),
            average.get(kind, Sums()) if asked.chosen else None,
        )
        for kind in Kind.values
        if kind in own or kind in average
    ]


def _by_body(found: Inventory, asked: Asked) -> list[Row]:
    return [
        Row(node.short_name, found.total([node.pk]), key=node.key)
        for node in asked.bodies
        if node.pk in found.by_body
    ]


@require_GET
@requires("needs.read")
def inventory(request: StaffRequest) -> HttpResponse:
    """What was asked for, granted and provided in a year."""
    asked = _asked(request)
    found = planning.inventory(asked.year)
    kinds = _by_kind(found, asked)
    is_compared = asked.sees_all or len(asked.bodies) > 1
    context = {
        "asked": asked,
        "years": range(timezone.localdate().year, FIRST_YEAR - 1, -1),
        "kinds": kinds,
        "total": sum((row.sums for row in kinds), Sums()),
        "average": sum((row.average for row in kinds if row.average), Sums())
        if asked.chosen
        else None,
        "bodies": _by_body(found, asked) if is_compared and not asked.chosen else [],
        "is_compared": is_compared,
    }
    return render(request, "needs/inventory.html", context)


@require_GET
@requires("needs.read")
def export(request: StaffRequest) -> HttpResponse:
    """The inventory by body and kind, as a file for spreadsheets."""
    asked = _asked(request)
    found = planning.inventory(asked.year)
    shown = [asked.chosen] if asked.chosen else asked.bodies
    heading = [
        _("Year"), _("Body"), _("Kind"), _("Requests asked"), _("Pieces asked"), _("Requests granted"),
        _("Pieces granted"), _("Requests provided"), _("Pieces provided"),
    ]  # fmt: skip
    lines = [
        [
            str(asked.year),
            node.name,
            str(Kind(kind).label),
            *(str(int(cell)) for cell in sums.cells),
        ]
        for node in shown
        for kind, sums in sorted(found.by_body.get(node.pk, {}).items())
    ]
    inbox.note_export(
        "needs.exported", len(lines), access=request.access, now=timezone.now(), view="inventory"
    )
    return small_csv(f"needs-{asked.year}", [heading, *lines])
