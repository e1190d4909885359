"""Reading members, tokens and contacts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, Func, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Concat

from bayan.core.models import AuditEntry
from bayan.core.references import digits_in
from bayan.organisation.models import Node
from bayan.people.models import ApiToken, Member, Role
from bayan.people.permissions import Access
from bayan.people.trail import Line, in_words
from bayan.people.wishes import PLAIN_LETTERS, folded

# Other apps show the trail in words too, and reach it through this door.
__all__ = [
    "Line",
    "TokenHolder",
    "demo_members",
    "home_of",
    "in_words",
    "is_in_charge",
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


def demo_members() -> list[Member]:
    """The demo's people, each with one role, in the order in which the sign-in page offers them."""
    return list(
        Member.objects.filter(is_demo=True, is_active=True)
        .prefetch_related("roles__node")
        .order_by("pk")
    )


@dataclass(frozen=True, kw_only=True)
class MemberFilter:
    """What a list of members is narrowed to."""

    words: str = ""
    body: Node | None = None
    role: str = ""
    is_active: bool = True


def members_for(access: Access, asked: MemberFilter, *, now: datetime) -> QuerySet[Member]:
    """The members whom this one is to know of: whoever has or had a role in their bodies; by name."""
    roles = Role.objects.filter(
        member=OuterRef("pk"), node__lineage__overlap=access.bodies_of("people.manage")
    )
    if asked.body or asked.role:
        roles = roles.standing(now=now)
    if asked.body:
        roles = roles.filter(node__lineage__contains=[asked.body.pk])
    if asked.role:
        roles = roles.filter(kind=asked.role)
    found = Member.objects.filter(Exists(roles), is_active=asked.is_active)
    if asked.words:
        found = _searched(found, asked.words)
    standing = Role.objects.standing(now=now).select_related("node").order_by("pk")
    return found.prefetch_related(Prefetch("roles", standing, to_attr="standing")).order_by(
        "name_ar", "pk"
    )


def _searched(found: QuerySet[Member], words: str) -> QuerySet[Member]:
    """By name, however its letters are written; by e-mail; by the digits of the mobile."""
    mixed, plain = zip(*sorted(PLAIN_LETTERS.items()), strict=True)
    named = found.annotate(
        plain_name=Func(
            Concat("name_ar", Value(" "), "name_en"),
            Value("".join(mixed)),
            Value("".join(plain)),
            function="translate",
        )
    )
    condition = Q(email__icontains=words)
    name = Q()
    for word in folded(words).split():
        name &= Q(plain_name__icontains=word)
    condition |= name or Q(pk=None)
    digits = digits_in(words).lstrip("0")
    # Three digits are in every number; the zero before a mobile is not in its international form.
    if len(digits) > 3:
        condition |= Q(phone__contains=digits)
    return named.filter(condition)


@dataclass(frozen=True)
class MemberPage:
    rows: list[Member]
    next_cursor: UUID | None


def page_of_members(found: QuerySet[Member], *, after: UUID | None, limit: int) -> MemberPage:
    """The next members by name after this one."""
    if after:
        last = Member.objects.filter(public_id=after).values_list("name_ar", "pk").first()
        if last:
            name, key = last
            found = found.filter(Q(name_ar__gt=name) | Q(name_ar=name, pk__gt=key))
    rows = list(found[: limit + 1])
    return MemberPage(rows[:limit], rows[limit - 1].public_id if len(rows) > limit else None)


def known_member(access: Access, public_id: UUID) -> Member | None:
    """This member, if the other one is to know of them."""
    return Member.objects.filter(
        Exists(
            Role.objects.filter(
                member=OuterRef("pk"), node__lineage__overlap=access.bodies_of("people.manage")
            )
        ),
        public_id=public_id,
    ).first()


def is_in_charge(access: Access, member: Member, *, now: datetime) -> bool:
    """True when every role of the member lies within the other's bodies and rights.

    Whoever has none left is judged by those they had.
    """
    roles = member.roles.select_related("node")
    judged = list(roles.standing(now=now)) or list(roles)
    return all(access.may_give(role.kind, role.node) for role in judged)


def home_of(member: Member, *, now: datetime) -> Node | None:
    """The body to which what concerns the member as a whole belongs: of their roles the highest."""
    roles = member.roles.select_related("node").order_by(F("ends_at").desc(nulls_first=True), "pk")
    judged = list(roles.standing(now=now)) or list(roles[:1])
    return min((role.node for role in judged), key=lambda node: len(node.lineage), default=None)


def bodies_for(access: Access, permission: str) -> QuerySet[Node]:
    """The bodies in which this member may do this, in the order of the tree."""
    return Node.objects.filter(lineage__overlap=access.bodies_of(permission)).order_by(
        "position", "pk"
    )


def history_of(member: Member, *, limit: int) -> list[Line]:
    """What was done to and about this member, the newest first, as far as the reader may see it."""
    entries = AuditEntry.objects.filter(
        subject_type="member", subject_key=str(member.public_id)
    ).order_by("-pk")
    return in_words(entries[:limit])
