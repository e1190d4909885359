"""The call tree: when nothing else works, who calls whom, body by body."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from bayan.organisation.models import Node
from bayan.people.models import Member, Role, Turn
from bayan.people.permissions import Access

# Who is called before whom: those who decide and speak, those who answer, everybody else.
ORDER = (
    Role.Kind.DIRECTOR,
    Role.Kind.EXECUTIVE,
    Role.Kind.SPOKESPERSON,
    Role.Kind.PRESS_OFFICER,
    Role.Kind.RESPONDER,
    Role.Kind.EDITOR,
    Role.Kind.MONITOR,
    Role.Kind.FIELD_OFFICER,
    Role.Kind.ADMINISTRATOR,
    Role.Kind.LEGAL_REVIEWER,
    Role.Kind.TRAINER,
    Role.Kind.RESEARCHER,
    Role.Kind.VIEWER,
)


@dataclass(frozen=True)
class Person:
    """Somebody in the tree, with what they are there."""

    member: Member
    roles: tuple[str, ...]
    is_on_duty: bool


@dataclass
class Branch:
    """One body: who is called first, by whom, and whom they call."""

    node: Node
    people: list[Person] = field(default_factory=list)
    # Of the nearest body above it that has people; none at the top.
    called_by: Person | None = None
    # The bodies below whose first this body's first calls.
    below: list[Branch] = field(default_factory=list)

    @property
    def first(self) -> Person | None:
        return self.people[0] if self.people else None


def call_tree(access: Access, *, now: datetime) -> list[Branch]:
    """The bodies for which this member writes the roster, from the top down; those without people left out.

    Whoever is on duty comes first in their body: they answer the phone.
    """
    nodes = list(access.nodes_where("duty.manage").order_by("position", "pk"))
    roles: dict[int, dict[Member, list[Role]]] = defaultdict(lambda: defaultdict(list))
    for role in (
        Role.objects.current(now=now)
        .filter(node__in=nodes, member__is_active=True)
        .select_related("member")
        .order_by("pk")
    ):
        roles[role.node_id][role.member].append(role)
    turns = {
        turn.node_id: turn.member
        for turn in Turn.objects.at(now)
        .filter(node__in=nodes, member__is_active=True)
        .select_related("member")
    }
    branches = {node.pk: _branch(node, roles[node.pk], turns.get(node.pk)) for node in nodes}
    with_people = {key: branch for key, branch in branches.items() if branch.people}
    for branch in with_people.values():
        above = next(
            (with_people[key] for key in reversed(branch.node.lineage[:-1]) if key in with_people),
            None,
        )
        if above is not None:
            branch.called_by = above.first
            above.below.append(branch)
    return sorted(
        with_people.values(), key=lambda b: (len(b.node.lineage), b.node.position, b.node.pk)
    )


def _branch(node: Node, roles: dict[Member, list[Role]], on_duty: Member | None) -> Branch:
    found = dict(roles)
    if on_duty is not None:
        # From another body, perhaps.
        found.setdefault(on_duty, [])
    ranked = sorted(
        found.items(), key=lambda pair: (pair[0] != on_duty, _rank(pair[1]), pair[0].name_ar)
    )
    return Branch(
        node=node,
        people=[
            Person(
                member,
                tuple(str(role.get_kind_display()) for role in sorted(held, key=_rank_of)),
                member == on_duty,
            )
            for member, held in ranked
        ],
    )


def _rank(roles: list[Role]) -> int:
    return min((_rank_of(role) for role in roles), default=len(ORDER))


def _rank_of(role: Role) -> int:
    return ORDER.index(Role.Kind(role.kind))
