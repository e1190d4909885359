"""What the pages of polls and meetings share."""

from __future__ import annotations

from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest


def body_of(request: StaffRequest) -> Node:
    """The body in whose name the reader calls: of those, the highest."""
    bodies = Node.objects.filter(pk__in=request.access.bodies_of("meetings.write"))
    return min(bodies, key=lambda node: len(node.lineage))
