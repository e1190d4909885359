"""An authority whose director asks and invites people of two municipalities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from bayan.meetings.tests.factories import linked
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member


@dataclass(frozen=True)
class Office:
    desk: Node
    khobar: Node
    qatif: Node
    # Asks and invites for the authority.
    director: Member
    # Of Khobar two, of Qatif one: they are asked.
    mayor: Member
    officer: Member
    neighbour: Member

    @property
    def asked(self) -> list[Member]:
        return [self.mayor, self.officer, self.neighbour]


@pytest.fixture
def office(desk: Node, khobar: Node, qatif: Node, now: datetime) -> Office:
    return Office(
        desk,
        khobar,
        qatif,
        linked(make_member(Role.Kind.DIRECTOR, desk), now=now),
        linked(make_member(Role.Kind.EXECUTIVE, khobar), now=now),
        linked(make_member(Role.Kind.PRESS_OFFICER, khobar), now=now),
        linked(make_member(Role.Kind.EXECUTIVE, qatif), now=now),
    )
