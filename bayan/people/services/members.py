"""Everything that changes members, their roles and their keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people import selectors
from bayan.people.models import ApiToken, Member, Role, Session
from bayan.people.permissions import Access

SCOPES = ("read", "write")


class UnknownMember(DomainError):
    pass


class UnknownScope(DomainError):
    pass


class AddressTaken(DomainError):
    pass


class RoleHeldAlready(DomainError):
    pass


class EndsInThePast(DomainError):
    pass


class OwnRights(DomainError):
    pass


class RoleHasEnded(DomainError):
    pass


class NobodyLeft(DomainError):
    pass


class SwitchedOffAlready(DomainError):
    pass


class SwitchedOnAlready(DomainError):
    pass


@transaction.atomic
def create_member(
    *,
    email: str,
    name_ar: str,
    name_en: str = "",
    password: str | None,
    role: Role.Kind,
    node: Node,
    now: datetime,
    phone: str | None = None,
    is_demo: bool = False,
) -> Member:
    """Make a member with one role. Without a password only a demo sign-in lets them in.

    :raises AddressTaken: another member has this e-mail address
    """
    if Member.objects.filter(email__iexact=email).exists():
        raise AddressTaken(_("%(email)s already belongs to a member.") % {"email": email})
    member = Member(
        email=email.lower(), phone=phone, name_ar=name_ar, name_en=name_en, is_demo=is_demo
    )
    member.set_password(password)
    member.save()
    Role.objects.create(member=member, kind=role, node=node, starts_at=now)
    audit.record(
        audit.Entry(
            action="member.created",
            subject_type="member",
            subject_key=str(member.public_id),
            by=audit.SYSTEM,
            at=now,
            node_id=node.pk,
            details={"role": role, "node": node.key},
        )
    )
    return member


@transaction.atomic
def create_token(*, email: str, scopes: Sequence[str], now: datetime) -> str:
    """A new API key for this member, shown this once: only its hash is kept.

    :raises UnknownMember: nobody active has this e-mail address
    :raises UnknownScope: a scope is not one of `SCOPES`
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise UnknownScope(
            _("Unknown scope: %(scope)s. Choose from: %(known)s.")
            % {"scope": ", ".join(unknown) or "—", "known": ", ".join(SCOPES)}
        )
    member = Member.objects.filter(email__iexact=email, is_active=True).first()
    if member is None:
        raise UnknownMember(_("No active member has the address %(email)s.") % {"email": email})
    secret = f"bayan_{secrets.token_urlsafe(32)}"
    ApiToken.objects.create(
        member=member,
        hash=hashlib.sha256(secret.encode()).digest(),
        scopes=sorted(set(scopes)),
        created_at=now,
    )
    audit.record(
        audit.Entry(
            action="token.created",
            subject_type="member",
            subject_key=str(member.public_id),
            by=audit.SYSTEM,
            at=now,
            node_id=None,
            details={"scopes": sorted(set(scopes))},
        )
    )
    return secret


@transaction.atomic
def give_role(
    member: Member,
    *,
    kind: Role.Kind,
    node: Node,
    ends_at: datetime | None = None,
    by: Access,
    now: datetime,
) -> Role:
    """Let a member act in this role in this body from now on; with an end it ends by itself.

    :raises PermissionDenied: the role lies outside the giver's bodies or above their rights
    :raises OwnRights: nobody gives a role to themselves
    :raises EndsInThePast: the end is not ahead
    :raises RoleHeldAlready: they act in it already; end that one first
    """
    lock(member)
    refuse_oneself(member, by)
    _require_giving(kind, node, by)
    if ends_at is not None and ends_at <= now:
        raise EndsInThePast(_("The end must lie ahead."))
    if member.roles.standing(now=now).filter(kind=kind, node=node).exists():
        raise RoleHeldAlready(
            _("%(name)s has this role in %(body)s already. To change its end, end it first.")
            % {"name": member.name, "body": node.name}
        )
    role = Role.objects.create(member=member, kind=kind, node=node, starts_at=now, ends_at=ends_at)
    _trace("member.role_given", role, by=by, now=now, until=ends_at)
    return role


@transaction.atomic
def end_role(role: Role, *, by: Access, now: datetime) -> None:
    """Take a role away now.

    :raises PermissionDenied: the role lies outside the taker's bodies or above their rights
    :raises OwnRights: nobody takes a role from themselves
    :raises RoleHasEnded: it has ended by itself, or somebody was faster
    :raises NobodyLeft: it is the last administrator's
    """
    lock(role.member)
    refuse_oneself(role.member, by)
    _require_giving(role.kind, role.node, by)
    role = Role.objects.select_related("member", "node").get(pk=role.pk)
    if role.ends_at is not None and role.ends_at <= now:
        raise RoleHasEnded(_("This role has ended already."))
    keep_an_administrator([role], now=now)
    end(role, now=now)
    _trace("member.role_ended", role, by=by, now=now)


@transaction.atomic
def cut_role(role: Role, *, by: audit.Actor, now: datetime) -> None:
    """End a role that was given for a time, before that time; whoever calls has checked that it may be.

    :raises NobodyLeft: it is the last administrator's
    """
    lock(role.member)
    keep_an_administrator([role], now=now)
    end(role, now=now)
    audit.record(
        audit.Entry(
            action="member.role_ended",
            subject_type="member",
            subject_key=str(role.member.public_id),
            by=by,
            at=now,
            node_id=role.node_id,
            details={"role": role.kind, "node": role.node.key},
        )
    )


@transaction.atomic
def switch_off(member: Member, *, by: Access, now: datetime) -> None:
    """Let a member in no more, and end the sessions they have open. Their roles wait for them.

    :raises PermissionDenied: a role of theirs lies outside the other's bodies or above their rights
    :raises OwnRights: nobody switches themselves off
    :raises SwitchedOffAlready: they are off
    :raises NobodyLeft: they are the last administrator
    """
    lock(member)
    refuse_oneself(member, by)
    require_charge(member, by=by, now=now)
    if not member.is_active:
        raise SwitchedOffAlready(_("This member is switched off already."))
    keep_an_administrator(member.roles.standing(now=now), now=now)
    member.is_active = False
    member.save(update_fields=["is_active"])
    end_sessions(member)
    trace(member, "member.switched_off", by=by.member, now=now)


@transaction.atomic
def switch_on(member: Member, *, by: Access, now: datetime) -> None:
    """Let a member in again.

    :raises PermissionDenied: a role of theirs lies outside the other's bodies or above their rights
    :raises SwitchedOnAlready: they are on
    """
    lock(member)
    require_charge(member, by=by, now=now)
    if member.is_active:
        raise SwitchedOnAlready(_("This member is switched on already."))
    member.is_active = True
    member.save(update_fields=["is_active"])
    trace(member, "member.switched_on", by=by.member, now=now)


def end_sessions(member: Member) -> int:
    """Sign the member out wherever they are signed in. Returns in how many browsers that was."""
    return Session.objects.filter(member=member).delete()[0]


def require_charge(member: Member, *, by: Access, now: datetime) -> None:
    """Refuse unless every role of the member lies within the other's bodies and rights.

    :raises PermissionDenied: one does not
    """
    if not selectors.is_in_charge(by, member, now=now):
        raise PermissionDenied(
            _("A role of this member lies outside your bodies or above your own rights.")
        )


def trace(
    member: Member, action: str, *, by: audit.Actor, now: datetime, **details: object
) -> None:
    """Leave a line about this member, where those who are in charge of them read it."""
    home = selectors.home_of(member, now=now)
    audit.record(
        audit.Entry(
            action=action,
            subject_type="member",
            subject_key=str(member.public_id),
            by=by,
            at=now,
            node_id=home.pk if home else None,
            details=details,
        )
    )


def _trace(
    action: str, role: Role, *, by: Access, now: datetime, until: datetime | None = None
) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="member",
            subject_key=str(role.member.public_id),
            by=by.member,
            at=now,
            node_id=role.node_id,
            details={"role": role.kind, "node": role.node.key}
            | ({"until": until.isoformat()} if until else {}),
        )
    )


def lock(member: Member) -> None:
    """One change of a member's rights at a time, and from their newest state."""
    fresh = Member.objects.select_for_update().get(pk=member.pk)
    member.is_active = fresh.is_active


def refuse_oneself(member: Member, by: Access) -> None:
    if member.pk == by.member.pk:
        raise OwnRights(_("Your own rights are changed by somebody else."))


def _require_giving(kind: str, node: Node, by: Access) -> None:
    if not by.may_give(kind, node):
        raise PermissionDenied(
            _("Your role in %(body)s does not allow giving or taking this role.")
            % {"body": node.name}
        )


def keep_an_administrator(lost: Iterable[Role], *, now: datetime) -> None:
    """Somebody must be left who can mend everything."""
    lost_keys = [role.pk for role in lost if role.kind == Role.Kind.ADMINISTRATOR]
    if not lost_keys:
        return
    # Two administrators who end each other at the same moment must not both succeed.
    others = (
        Role.objects.select_for_update(of=("self",))
        .current(now=now)
        .filter(ends_at=None, kind=Role.Kind.ADMINISTRATOR, member__is_active=True)
    )
    if not set(others.values_list("pk", flat=True)) - set(lost_keys):
        raise NobodyLeft(_("This is the last administrator. Give the role to somebody else first."))


def end(role: Role, *, now: datetime) -> None:
    if role.starts_at >= now:
        # It never began: nothing is left to remember but the trail.
        role.delete()
        return
    role.ends_at = now
    role.save(update_fields=["ends_at"])
