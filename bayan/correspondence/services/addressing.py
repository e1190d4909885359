"""Who a letter goes to: the lines of its address, as people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.correspondence.models import Address, AddressList, Letter
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member, Role

# Who of a body gets what is written to the body: whoever heads it, and its media.
HEADS = (Role.Kind.EXECUTIVE, Role.Kind.DIRECTOR, Role.Kind.PRESS_OFFICER)


class NotBelow(DomainError):
    pass


class Line(Protocol):
    """A line of an address, a letter's or another's."""

    @property
    def kind(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def is_copy(self) -> bool: ...
    @property
    def node_id(self) -> int | None: ...
    @property
    def node(self) -> Node | None: ...
    @property
    def member(self) -> Member | None: ...
    @property
    def list(self) -> AddressList | None: ...


@dataclass(frozen=True)
class Person:
    """One who gets it, and for which body."""

    member: Member
    node: Node
    is_copy: bool


@dataclass(frozen=True)
class Reach:
    """Whom a letter would reach now, and which bodies of its address have nobody."""

    people: list[Person]
    empty: list[Node]


def reach_of(letter: Letter, *, now: datetime) -> Reach:
    """Everybody to whom this letter goes, each once; who is addressed and gets a copy too is addressed.

    Whoever writes it gets none.
    """
    lines = list(
        letter.addresses.select_related("node", "member", "list")
        .prefetch_related("list__members")
        .order_by("is_copy", "pk")
    )
    return people_of(lines, but=letter.author_id, now=now)


def people_of(lines: Sequence[Line], *, but: int | None = None, now: datetime) -> Reach:
    """Everybody behind these lines, each once, in their order; without the member of the key `but`."""
    municipalities = list(Node.objects.municipalities().order_by("position", "pk"))
    staff = _staff(_bodies(lines, municipalities), now=now)
    named = [line.member for line in lines if line.member]
    named += [member for line in lines if line.list for member in line.list.members.all()]
    homes = people.bodies_of_members(named, now=now)
    found: dict[int, Person] = {}
    empty = []
    for line in lines:
        match line.kind:
            case Address.Kind.MUNICIPALITIES | Address.Kind.BODY:
                bodies = municipalities if line.node is None else [line.node]
                some = []
                for body in bodies:
                    there = _of_body(staff[body.pk], line.role)
                    some += [Person(member, body, line.is_copy) for member in there]
                    if not there:
                        empty.append(body)
            case Address.Kind.MEMBER:
                some = _at_home([line.member] if line.member else [], homes, line)
            case _:
                members = line.list.members.all() if line.list else ()
                some = _at_home([m for m in members if m.is_active], homes, line)
        for person in some:
            if person.member.pk != but:
                found.setdefault(person.member.pk, person)
    return Reach(list(found.values()), list(dict.fromkeys(empty)))


def check_below(letter: Letter, reach: Reach) -> None:
    """Refuse a circular that goes to others than those under the body that writes it.

    :raises NotBelow: it names one of them
    """
    if letter.kind not in {Letter.Kind.CIRCULAR, Letter.Kind.DIRECTION, Letter.Kind.ASSIGNMENT}:
        return
    for person in reach.people:
        if letter.node_id not in person.node.lineage:
            raise NotBelow(
                _("%(body)s is not under %(own)s: write a letter, not this kind.")
                % {"body": person.node.name, "own": letter.node.name}
            )


def _at_home(members: Iterable[Member], homes: dict[int, Node], line: Line) -> list[Person]:
    return [
        Person(member, homes[member.pk], line.is_copy) for member in members if member.pk in homes
    ]


def _bodies(lines: Sequence[Line], municipalities: list[Node]) -> set[int]:
    bodies = {line.node_id for line in lines if line.node_id is not None}
    if any(line.kind == Address.Kind.MUNICIPALITIES for line in lines):
        bodies |= {node.pk for node in municipalities}
    return bodies


def _staff(bodies: set[int], *, now: datetime) -> dict[int, list[Role]]:
    """Who has which role in each of these bodies itself."""
    found: dict[int, list[Role]] = defaultdict(list)
    for role in (
        Role.objects.current(now=now)
        .filter(node__in=bodies, member__is_active=True)
        .select_related("member")
        .order_by("member__name_ar", "pk")
    ):
        found[role.node_id].append(role)
    return found


def _of_body(roles: list[Role], wanted: str) -> list[Member]:
    if wanted:
        chosen = [role for role in roles if role.kind == wanted]
    else:
        # A body so small that it has none of them: whoever works there.
        chosen = [role for role in roles if role.kind in HEADS] or roles
    return list(dict.fromkeys(role.member for role in chosen))
