"""Figures of response: how a body did in a period, by service and by hour, beside the authority's average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bayan.cases.models import Case, Figure
from bayan.desk.today import COLUMNS, Sums
from bayan.organisation.models import Node


@dataclass(frozen=True)
class Response:
    """One body in one period, and what it is held against."""

    now: Sums
    before: Sums
    # The authority as a whole, in the same period.
    average: Sums
    # By category, the one with most cases first: its own, as long before, the authority's.
    services: Sequence[tuple[str, Sums, Sums, Sums]]
    # By the hour of the week, 0 to 167 from Sunday's first one.
    hours: Mapping[int, Sums] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True where nothing came, nothing ended and nobody rated."""
        return self.now == Sums()


def response(node: Node | None, *, days: int) -> Response:
    """How this body did in the last `days`, as last counted; the authority as a whole without one.

    One statement. What the reader does not see is empty.
    """
    found: dict[tuple[int | None, bool, str, str], Sums] = {}
    key = None if node is None else node.pk
    rows = Figure.objects.filter(days=days, node=key) | Figure.objects.filter(
        days=days, node=None
    ).exclude(by=Figure.By.HOUR)
    for body, is_before, by, name, *sums in rows.values_list(
        "node_id", "is_before", "by", "key", *COLUMNS
    ):
        found[body, is_before, by, name] = Sums(*sums)
    none = Sums()

    def of(body: int | None, is_before: bool, by: str = "", name: str = "") -> Sums:
        return found.get((body, is_before, by, name), none)

    names = {name for body, _before, by, name in found if body == key and by == Figure.By.CATEGORY}
    services = [
        (
            name,
            of(key, False, "category", name),
            of(key, True, "category", name),
            of(None, False, "category", name),
        )
        for name in names
    ]
    services.sort(key=lambda row: (-row[1].opened, row[0]))
    return Response(
        now=of(key, False),
        before=of(key, True),
        average=of(None, False),
        services=[row for row in services if row[1] != none],
        hours={
            int(name): sums
            for (body, is_before, by, name), sums in found.items()
            if body == key and not is_before and by == Figure.By.HOUR
        },
    )


def past_second(node: Node | None, *, now: datetime) -> int:
    """How many open cases of a body, and below it, missed their second deadline too; of all without one."""
    rows = Case.objects.all().past_second(now=now)
    return (rows if node is None else rows.filter(node__lineage__contains=[node.pk])).count()


def compared(*, days: int) -> dict[int, tuple[Sums, Sums]]:
    """Each body that the reader sees, by its id: the period, and as long before. One statement."""
    found: dict[int | None, list[Sums]] = {}
    rows = Figure.objects.filter(days=days, by=Figure.By.ALL).exclude(node=None)
    for node, is_before, *sums in rows.values_list("node_id", "is_before", *COLUMNS):
        found.setdefault(node, [Sums(), Sums()])[is_before] = Sums(*sums)
    return {node: (now, before) for node, (now, before) in found.items() if node is not None}


def category_label(name: str) -> str:
    """The category's word; empty where triage was not sure and nobody said."""
    return str(Case.Category(name).label) if name in Case.Category.values else ""
