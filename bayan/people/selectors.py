"""Reading members, tokens and contacts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from bayan.core.arabic import fold
from bayan.organisation.models import Node
from bayan.people.models import ApiToken, Member, Role
from bayan.people.permissions import ALLOWED
from bayan.people.trail import Line, in_words

# Other apps show the trail in words too, and reach it through this door.
__all__ = [
    "Line",
    "TokenHolder",
    "answering",
    "demo_members",
    "in_words",
    "member_of_token",
    "visible_node_ids",
]


@dataclass(frozen=True)
class TokenHolder:
    """A member who came with a token, and what the token may do."""

    member: Member
    scopes: frozenset[str]


def member_of_token(header: str) -> TokenHolder | None:
    """The active member behind an `Authorization: Bearer …` header, or None."""
    scheme, _space, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret:
        return None
    token = (
        ApiToken.objects.select_related("member")
        .filter(
            hash=hashlib.sha256(secret.strip().encode()).digest(),
            revoked_at=None,
            member__is_active=True,
        )
        .first()
    )
    return TokenHolder(token.member, frozenset(token.scopes)) if token else None


def visible_node_ids(member: Member) -> frozenset[int]:
    """The bodies whose rows this member sees now: where they have a role, and below."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM nodes_visible_to(%s)", [member.pk])
        return frozenset(row[0] for row in cursor.fetchall())


def answering(nodes: Collection[Node], *, now: datetime) -> list[Member]:
    """The active members who answer the public for one of these bodies, by name."""
    above = {key for node in nodes for key in node.lineage}
    kinds = [kind for kind, allowed in ALLOWED.items() if "conversations.reply" in allowed]
    roles = Role.objects.current(now=now).filter(kind__in=kinds, node__in=above)
    members = Member.objects.filter(pk__in=roles.values("member"), is_active=True)
    return sorted(members, key=lambda member: fold(member.name))


def demo_members() -> list[Member]:
    """The demo's people, each with one role, in the order in which the sign-in page offers them."""
    return list(
        Member.objects.filter(is_demo=True, is_active=True)
        .prefetch_related("roles__node")
        .order_by("pk")
    )
