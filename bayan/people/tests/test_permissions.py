"""What each role allows, and who may give it to whom."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import ALLOWED, Access

AUTHORITY = Node(pk=1, kind=Node.Kind.AUTHORITY, lineage=[1])
KHOBAR = Node(pk=2, kind=Node.Kind.MUNICIPALITY, lineage=[1, 2])
QATIF = Node(pk=3, kind=Node.Kind.MUNICIPALITY, lineage=[1, 3])
BEACHES = Node(pk=4, kind=Node.Kind.DEPARTMENT, lineage=[1, 2, 4])
BODIES = (AUTHORITY, KHOBAR, QATIF, BEACHES)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def access(*hats: tuple[str, Node]) -> Access:
    return Access(
        Member(pk=1),
        tuple(Role(member_id=1, kind=kind, node=node, starts_at=SINCE) for kind, node in hats),
    )


def test_every_role_has_its_rights() -> None:
    assert set(ALLOWED) == set(Role.Kind.values)


def test_the_administrator_may_do_whatever_anybody_may() -> None:
    assert all(rights <= ALLOWED[Role.Kind.ADMINISTRATOR] for rights in ALLOWED.values())


def test_people_are_managed_by_administrators_and_directors_alone() -> None:
    managers = {kind for kind, rights in ALLOWED.items() if "people.manage" in rights}
    assert managers == {Role.Kind.ADMINISTRATOR, Role.Kind.DIRECTOR}


@pytest.mark.parametrize("kind", [Role.Kind.TRAINER, Role.Kind.RESEARCHER])
def test_whoever_does_not_serve_the_public_reads_nothing_that_it_wrote(kind: Role.Kind) -> None:
    assert not ALLOWED[kind] & {"conversations.read", "cases.read"}


@pytest.mark.parametrize(("own", "home"), list(product(Role.Kind, BODIES)))
def test_nobody_gives_a_role_beyond_their_own_bodies_and_rights(own: Role.Kind, home: Node) -> None:
    giver = access((own, home))
    for kind, body in product(Role.Kind, BODIES):
        if giver.may_give(kind, body):
            assert "people.manage" in ALLOWED[own]
            assert home.pk in body.lineage
            for right, place in product(ALLOWED[kind], BODIES):
                receiver = access((kind, body))
                assert not receiver.may(right, place) or giver.may(right, place)


def test_a_director_gives_what_is_below_and_no_administrator() -> None:
    director = access((Role.Kind.DIRECTOR, KHOBAR))
    assert director.may_give(Role.Kind.RESPONDER, BEACHES)
    assert director.may_give(Role.Kind.DIRECTOR, KHOBAR)
    assert not director.may_give(Role.Kind.ADMINISTRATOR, KHOBAR)
    assert not director.may_give(Role.Kind.VIEWER, QATIF)
    assert not director.may_give(Role.Kind.VIEWER, AUTHORITY)


def test_rights_of_two_bodies_do_not_add_up_in_either() -> None:
    both = access((Role.Kind.DIRECTOR, KHOBAR), (Role.Kind.ADMINISTRATOR, QATIF))
    assert both.may_give(Role.Kind.ADMINISTRATOR, QATIF)
    assert not both.may_give(Role.Kind.ADMINISTRATOR, KHOBAR)
