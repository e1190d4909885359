"""Reading members, tokens and contacts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import connection
from django.db.models import Exists, F, Func, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.utils.translation import get_language

from bayan.core.arabic import fold
from bayan.core.models import AuditEntry
from bayan.core.queries import Prepared
from bayan.core.references import digits_in
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.menu import entries_for
from bayan.people.models import (
    HAND_OVER_AFTER,
    ApiToken,
    Contact,
    Deputyship,
    Identity,
    Invitation,
    Member,
    Role,
    Swap,
    Turn,
)
from bayan.people.permissions import ALLOWED, Access
from bayan.people.trail import Line, in_words

# Other apps show the trail in words and the pages that one may open, and reach both through this door.
__all__ = [
    "Line",
    "TokenHolder",
    "answering",
    "body_of_member",
    "demo_members",
    "entries_for",
    "home_of",
    "in_charge_of",
    "in_words",
    "is_in_charge",
    "linked_members",
    "member_of_token",
    "on_duty",
    "on_duty_everywhere",
    "responders_of",
    "visible_node_ids",
]


@dataclass(frozen=True)
class TokenHolder:
    """A member who came with a token, and what the token may do."""

    member: Member
    scopes: frozenset[str]


def hash_of(secret: str) -> bytes:
    """As which a secret of ours is kept: it is long and drawn by chance, so no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()


def member_of_token(header: str) -> TokenHolder | None:
    """The active member behind an `Authorization: Bearer …` header, or None."""
    scheme, _space, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret:
        return None
    token = (
        ApiToken.objects.select_related("member")
        .filter(
            hash=hash_of(secret.strip()),
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


def linked_members(contacts: Iterable[Contact]) -> dict[int, Member]:
    """The active members behind these contacts, who showed that they hold the mobile; by the contact's id."""
    linked = Member.objects.filter(is_active=True, phone_linked_at__isnull=False)
    pairs = dict(
        Identity.objects.filter(
            contact__in=list(contacts),
            scheme=Identity.Scheme.PHONE,
            value__in=linked.values("phone"),
        ).values_list("value", "contact_id")
    )
    if not pairs:
        return {}
    return {pairs[member.phone or ""]: member for member in linked.filter(phone__in=pairs)}


def may_hear(member: str, *, now: datetime) -> Q:
    """Rows whose member, reached by this field, has not asked for silence now; and rows without one."""
    return Q(**{f"{member}__quiet_until": None}) | Q(**{f"{member}__quiet_until__lte": now})


def answering(nodes: Collection[Node], *, now: datetime) -> list[Member]:
    """The active members who answer the public for one of these bodies, by name."""
    above = {key for node in nodes for key in node.lineage}
    kinds = [kind for kind, allowed in ALLOWED.items() if "conversations.reply" in allowed]
    roles = Role.objects.current(now=now).filter(kind__in=kinds, node__in=above)
    members = Member.objects.filter(pk__in=roles.values("member"), is_active=True)
    return sorted(members, key=lambda member: fold(member.name))


def body_of_member(member: Member, *, now: datetime) -> Node | None:
    """The municipality or authority for which this member works before all; None where for none now."""
    role = Access.of(member, now=now).main_role
    return organisation.body_of(role.node) if role else None


def bodies_of_members(members: Iterable[Member], *, now: datetime) -> dict[int, Node]:
    """As `body_of_member`, for many in as many statements as for one; by the member's key."""
    worn = _roles_of([member.pk for member in members], now=now)
    main = {
        key: min(roles, key=lambda role: len(role.node.lineage)).node
        for key, roles in worn.items()
        if roles
    }
    return organisation.bodies_of(main)


def who_may(
    permission: str, asked: Collection[tuple[int, Node]], *, now: datetime
) -> set[tuple[int, int]]:
    """Of these pairs of a member's key and a body those in which a role allows it, by both keys."""
    worn = _roles_of({key for key, _node in asked}, now=now)
    return {
        (key, node.pk)
        for key, node in asked
        if any(
            permission in ALLOWED[role.kind] and role.node_id in node.lineage for role in worn[key]
        )
    }


def _roles_of(keys: Collection[int], *, now: datetime) -> dict[int, list[Role]]:
    """The roles in which each of these may act now, as `Role.objects.held_by`, their own first."""
    wearers: dict[int, list[int]] = {key: [key] for key in keys}
    lent = Deputyship.objects.current(now=now).filter(deputy__in=keys, member__is_active=True)
    for deputy, lender in lent.values_list("deputy", "member"):
        wearers[deputy].append(lender)
    roles: dict[int, list[Role]] = {}
    for role in (
        Role.objects.current(now=now)
        .filter(member__in={one for each in wearers.values() for one in each})
        .select_related("node")
        .order_by("pk")
    ):
        roles.setdefault(role.member_id, []).append(role)
    return {
        key: [role for one in worn for role in roles.get(one, ())] for key, worn in wearers.items()
    }


def in_charge_of(node: Node, kinds: Collection[str], *, now: datetime) -> list[Member]:
    """Who has one of these roles for this body, in the nearest body above it where anybody has; by key."""
    roles = list(
        Role.objects.current(now=now)
        .filter(kind__in=kinds, node__in=node.lineage, member__is_active=True)
        .select_related("member")
        .order_by("-node__lineage__len", "member_id")
    )
    return list(dict.fromkeys(role.member for role in roles if role.node_id == roles[0].node_id))


def responders_of(nodes: Iterable[int], *, now: datetime) -> dict[int, list[int]]:
    """Who answers the public in each of these bodies itself: keys of members, by that of the body.

    Whoever is away and has named a deputy is left out.
    """
    away = Deputyship.objects.current(now=now).values("member")
    rows = (
        Role.objects.current(now=now)
        .filter(node__in=list(nodes), kind=Role.Kind.RESPONDER, member__is_active=True)
        .exclude(member__in=away)
        .order_by("member_id")
        .values_list("node_id", "member_id")
        .distinct()
    )
    found: dict[int, list[int]] = {}
    for node_id, member_id in rows:
        found.setdefault(node_id, []).append(member_id)
    return found


def on_duty_everywhere(*, now: datetime) -> dict[int, Turn]:
    """Whose turn it is now, by the key of the body; bodies without a turn of their own are not in it."""
    turns = Turn.objects.at(now).filter(member__is_active=True).select_related("member")
    return {turn.node_id: turn for turn in turns}


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
    named = found.annotate(
        plain_name=Func(Concat("name_ar", Value(" "), "name_en"), function="fold_arabic")
    )
    condition = Q(email__icontains=words)
    name = Q()
    for word in fold(words).split():
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

    @property
    def looks(self) -> list[tuple[Member, Hashable]]:
        """Each member with all that a row shows of them but when they were here last."""
        language = get_language()
        return [
            (
                row,
                (
                    language, row.public_id, row.name, row.email, row.phone,
                    tuple((r.kind, r.node.short_name, r.ends_at is None) for r in standing),
                ),
            )
            for row in self.rows
            for standing in [row.standing]  # type: ignore[attr-defined]
        ]  # fmt: skip


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


def open_invitations(access: Access) -> list[Invitation]:
    """What was sent and neither accepted nor withdrawn, the newest first, expired or not."""
    found = (
        Invitation.objects.filter(
            accepted_at=None,
            withdrawn_at=None,
            node__lineage__overlap=access.bodies_of("people.manage"),
        )
        .select_related("node", "invited_by")
        .order_by("-created_at", "-pk")
    )
    return [invitation for invitation in found if access.may_give(invitation.kind, invitation.node)]


def invitation_behind(secret: str, *, now: datetime) -> Invitation | None:
    """The open invitation to which this link leads; whoever holds the link may see it."""
    with as_worker():
        return (
            Invitation.objects.select_related("node")
            .filter(hash=hash_of(secret), accepted_at=None, withdrawn_at=None, expires_at__gt=now)
            .first()
        )


def colleagues_of(member: Member, *, now: datetime) -> QuerySet[Member]:
    """Everybody else who works in a body of the member's, above it or below it; by name."""
    lineages = list(member.roles.current(now=now).values_list("node_id", "node__lineage"))
    return _working_in(
        [key for key, _lineage in lineages],
        {above for _key, lineage in lineages for above in lineage},
        now=now,
    ).exclude(pk=member.pk)


def staff_of(node: Node, *, now: datetime) -> QuerySet[Member]:
    """Who may be on duty for this body: whoever has a role in it, above it or below it; by name."""
    return _working_in([node.pk], node.lineage, now=now)


def _working_in(
    bodies: Iterable[int], lineage: Iterable[int], *, now: datetime
) -> QuerySet[Member]:
    roles = Role.objects.standing(now=now).filter(
        Q(node__lineage__overlap=list(bodies)) | Q(node__in=list(lineage)), member=OuterRef("pk")
    )
    return Member.objects.filter(Exists(roles), is_active=True).order_by("name_ar", "pk")


def on_duty(node: Node, *, now: datetime) -> Turn | None:
    """Whose turn it is for this body now; where nobody's, then for the nearest body above it."""
    return next(iter(_ON_DUTY.rows(node.lineage, now)), None)


_ON_DUTY = Prepared(
    lambda lineage, now: (
        Turn.objects.at(now)
        .filter(node__any_of=lineage, member__is_active=True)
        .select_related("member", "node")
        .order_by("-node__lineage__len", "pk")[:1]
    ),
    list, datetime,
)  # fmt: skip


def duty_for(
    member: Member, node: Node | None, *, now: datetime
) -> tuple[Turn | None, Turn | None]:
    """Who is on duty for this body now (as `on_duty`), and the member's own turn, under way or next."""
    rows = _DUTY_FOR.rows(node.lineage if node else [], member.pk, now)
    there = [
        turn for turn in rows if turn.starts_at <= now and node and turn.node_id in node.lineage
    ]
    mine = [turn for turn in rows if turn.member_id == member.pk]
    return next(iter(there), None), min(mine, key=lambda turn: turn.starts_at, default=None)


def _duty_for(lineage: list[int], member_id: int, now: datetime) -> QuerySet[Turn]:
    on_duty = Turn.objects.at(now).filter(node__any_of=lineage, member__is_active=True)
    own = Turn.objects.ahead(now=now).filter(member=member_id).order_by("starts_at")
    return (
        Turn.objects.filter(Q(pk__in=on_duty.values("pk")) | Q(pk__in=own.values("pk")[:1]))
        .select_related("member", "node")
        .order_by("-node__lineage__len")
    )


_DUTY_FOR = Prepared(_duty_for, list, int, datetime)


def turns_of(node: Node, *, since: datetime, before: datetime) -> list[Turn]:
    """The body's turns that touch this time, in order, with what is being asked about them."""
    turns = _TURNS_OF.rows(node.pk, since, before)
    open_swaps: dict[int, list[Swap]] = defaultdict(list)
    for swap in _OPEN_SWAPS.rows([turn.pk for turn in turns]) if turns else []:
        open_swaps[swap.turn_id].append(swap)
    for turn in turns:
        turn.open_swaps = open_swaps[turn.pk]  # type: ignore[attr-defined]
    return turns


_TURNS_OF = Prepared(
    lambda node, since, before: (
        Turn.objects.filter(node=node, starts_at__lt=before, ends_at__gt=since)
        .select_related("member", "node", "acknowledged_by")
        .order_by("starts_at")
    ),
    int, datetime, datetime,
)  # fmt: skip
_OPEN_SWAPS = Prepared(
    lambda turns: Swap.objects.filter(turn__any_of=turns, outcome="").select_related(
        "asked", "in_return"
    ),
    list,
)


def turn_after(turn: Turn) -> Turn | None:
    """The next turn of the same body."""
    return (
        Turn.objects.filter(node=turn.node_id, starts_at__gte=turn.ends_at)
        .order_by("starts_at")
        .first()
    )


def hand_over_to(member: Member, *, now: datetime) -> list[Turn]:
    """Notes of the turns just before the member's own, which wait to be acknowledged."""
    return _HANDED_OVER.rows(member.pk, now - timedelta(days=7))


def _handed_over(member_id: int, since: datetime) -> QuerySet[Turn]:
    following = Turn.objects.filter(
        node=OuterRef("node"), starts_at__gte=OuterRef("ends_at")
    ).order_by("starts_at")
    return (
        Turn.objects.filter(noted_at__isnull=False, acknowledged_at=None, ends_at__gt=since)
        .annotate(next_member=Subquery(following.values("member")[:1]))
        .filter(next_member=member_id)
        .select_related("member", "node")
        .order_by("ends_at")
    )


_HANDED_OVER = Prepared(_handed_over, int, datetime)


def turns_ahead(member: Member, *, now: datetime, limit: int) -> list[Turn]:
    """The member's own turns, the one under way or just over first."""
    return list(
        Turn.objects.filter(member=member, ends_at__gt=now - HAND_OVER_AFTER)
        .select_related("node", "member")
        .order_by("starts_at")[:limit]
    )


def swaps_for(member: Member, *, now: datetime) -> list[Swap]:
    """What colleagues ask of the member, and what the member asks; only of turns ahead."""
    return list(
        Swap.objects.filter(
            Q(asked=member) | Q(turn__member=member), outcome="", turn__starts_at__gt=now
        )
        .select_related("turn__member", "turn__node", "in_return__node", "asked")
        .order_by("turn__starts_at")
    )


def deputies_of(member: Member, *, now: datetime) -> list[Deputyship]:
    """Who stands in for the member, now and later."""
    return list(member.deputyships.standing(now=now).select_related("deputy").order_by("starts_at"))


def acting_for(members: Collection[int], *, now: datetime) -> dict[int, Member]:
    """Who stands in for each of these now, by the key of whom; nobody who has left."""
    rows = Deputyship.objects.current(now=now).filter(member__in=members, deputy__is_active=True)
    return {row.member_id: row.deputy for row in rows.select_related("deputy")} if members else {}


def stands_in_for(member: Member, *, now: datetime) -> list[Deputyship]:
    """For whom the member stands in, now and later."""
    return list(member.stands_in.standing(now=now).select_related("member").order_by("starts_at"))


def deputyships_around(member: Member, *, now: datetime) -> QuerySet[Deputyship]:
    """Those in which the member is represented or represents, now and later."""
    return Deputyship.objects.standing(now=now).filter(Q(member=member) | Q(deputy=member))


def successors_of(member: Member, access: Access, *, now: datetime) -> QuerySet[Member]:
    """Who may take over from a leaving member: whoever works in the bodies of the one who decides."""
    return _working_in(access.bodies_of("people.manage"), [], now=now).exclude(pk=member.pk)


def exchangeable(turn: Turn, *, now: datetime) -> QuerySet[Turn]:
    """Turns of others for which this one may be exchanged: those ahead in the same body, for five weeks."""
    return (
        Turn.objects.filter(
            node=turn.node_id, starts_at__gt=now, starts_at__lt=now + timedelta(weeks=5)
        )
        .exclude(member=turn.member_id)
        .select_related("member")
        .order_by("starts_at")
    )


@dataclass(frozen=True)
class Factor:
    """A member's second factor: since when, when a code was taken last, how many are left on paper."""

    since: datetime
    last_used_at: datetime | None
    on_paper: int


def second_factor_of(member: Member) -> Factor | None:
    """What a member is asked for beside the password; None: nothing."""
    rows = {row.type: row for row in Authenticator.objects.filter(user=member)}
    app, paper = rows.get(Authenticator.Type.TOTP), rows.get(Authenticator.Type.RECOVERY_CODES)
    if app is None:
        return None
    left = len(RecoveryCodes(paper).get_unused_codes()) if paper else 0
    return Factor(app.created_at, app.last_used_at, left)
