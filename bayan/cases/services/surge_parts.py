"""What the changes of a surge have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bayan.cases.surge.models import Surge
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.organisation.models import Node


class SurgeIsOver(DomainError):
    pass


def locked_surge(surge_id: UUID) -> Surge:
    """A surge under way, which nobody else changes meanwhile.

    :raises SurgeIsOver: it has ended
    """
    surge = (
        Surge.objects.select_for_update(of=("self",)).select_related("node").get(public_id=surge_id)
    )
    if not surge.is_on:
        raise SurgeIsOver(_("This surge is over."))
    return surge


def concerning(surges: Iterable[Surge], node: Node) -> Surge | None:
    """Which of these surges concerns a body: the nearest one, its own or that of a body above it."""
    found = [surge for surge in surges if surge.node_id in node.lineage]
    return max(found, key=lambda surge: node.lineage.index(surge.node_id), default=None)


def by_node(surges: Iterable[Surge], nodes: Iterable[Node]) -> dict[int, Surge]:
    """The surge that concerns each of these bodies, by the body's key; those without one are left out."""
    under_way = list(surges)
    found = {node.pk: concerning(under_way, node) for node in nodes}
    return {key: surge for key, surge in found.items() if surge is not None}


def note(action: str, surge: Surge, *, by: audit.Actor, now: datetime, **details: Any) -> None:
    """Leave a line of the trail, and tell the screens."""
    audit.record(surge_entry(action, surge, by=by, now=now, **details))
    live.announce([(surge.node_id, "surge", surge.public_id)])


def surge_entry(
    action: str, surge: Surge, *, by: audit.Actor, now: datetime, **details: Any
) -> audit.Entry:
    """A line of the trail about a surge."""
    return audit.Entry(
        action=action,
        subject_type="surge",
        subject_key=str(surge.public_id),
        by=by,
        at=now,
        node_id=surge.node_id,
        details=details,
    )
