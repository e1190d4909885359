"""An authority with two municipalities, and who writes, who gets and who must not see letters there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from bayan.correspondence.tests.factories import linked, make_director
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member


@dataclass(frozen=True)
class Office:
    desk: Node
    khobar: Node
    qatif: Node
    # Writes and signs for the authority.
    writer: Member
    # Of Khobar, and of Qatif beside it.
    mayor: Member
    neighbour: Member


@pytest.fixture
def office(desk: Node, khobar: Node, qatif: Node, now: datetime) -> Office:
    return Office(
        desk,
        khobar,
        qatif,
        make_director(desk, now=now),
        linked(make_member(Role.Kind.EXECUTIVE, khobar), now=now),
        make_member(Role.Kind.EXECUTIVE, qatif),
    )
