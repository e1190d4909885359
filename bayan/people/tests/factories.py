"""Members for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.models import Member, Role

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count(1)


def make_member(role: Role.Kind, node: Node) -> Member:
    """A member with this role in this body, who has been shown around."""
    number = next(_numbers)
    member = services.create_member(
        email=f"{role}.{node.key}.{number}@example.org",
        name_ar=f"موظف {number}",
        name_en=f"Member {number}",
        password="correct horse battery staple",
        role=role,
        node=node,
        now=SINCE,
    )
    services.end_tour(member, now=SINCE)
    return member
