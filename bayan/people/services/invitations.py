"""Inviting somebody who is to work here, and their coming in."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.organisation.models import Node
from bayan.people import selectors
from bayan.people.models import Invitation, Member, Role
from bayan.people.permissions import Access
from bayan.people.services.members import AddressTaken, EndsInThePast

GOOD_FOR = timedelta(days=7)


class PhoneTaken(DomainError):
    pass


class InvitedAlready(DomainError):
    pass


class InvitationIsOver(DomainError):
    pass


@transaction.atomic
def invite(
    *,
    email: str,
    phone: str,
    name_ar: str,
    kind: Role.Kind,
    node: Node,
    role_ends_at: datetime | None = None,
    by: Access,
    now: datetime,
) -> tuple[Invitation, str]:
    """Invite somebody to this role. Returns also the secret of the link, which is shown this once.

    :raises PermissionDenied: the role lies outside the inviter's bodies or above their rights
    :raises AddressTaken: a member has this e-mail address
    :raises PhoneTaken: a member has this mobile
    :raises InvitedAlready: an open invitation goes to the same address or mobile
    :raises EndsInThePast: the role's end is not ahead
    """
    _require(by, kind, node)
    if role_ends_at is not None and role_ends_at <= now:
        raise EndsInThePast(_("The end must lie ahead."))
    email = email.lower()
    _refuse_known(email, phone)
    same = Q()
    if email:
        same |= Q(email=email)
    if phone:
        same |= Q(phone=phone)
    # What another body has invited is not visible here; on acceptance the first one wins.
    if Invitation.objects.filter(same, accepted_at=None, withdrawn_at=None, expires_at__gt=now):
        raise InvitedAlready(
            _("This person is invited already. Make a new link for that invitation instead.")
        )
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email,
        phone=phone,
        name_ar=name_ar,
        kind=kind,
        node=node,
        role_ends_at=role_ends_at,
        hash=selectors.hash_of(secret),
        invited_by=by.member,
        created_at=now,
        expires_at=now + GOOD_FOR,
    )
    _trace("invitation.created", invitation, by=by.member, now=now)
    return invitation, secret


@transaction.atomic
def renew_invitation(invitation: Invitation, *, by: Access, now: datetime) -> str:
    """A new link for the same invitation, good for as long again; the old one leads nowhere any more.

    :raises PermissionDenied: the role lies outside the other's bodies or above their rights
    :raises InvitationIsOver: it was accepted or withdrawn
    """
    found = _open(invitation, by)
    secret = secrets.token_urlsafe(32)
    found.hash = selectors.hash_of(secret)
    found.expires_at = now + GOOD_FOR
    found.save(update_fields=["hash", "expires_at"])
    _trace("invitation.renewed", found, by=by.member, now=now)
    return secret


@transaction.atomic
def withdraw_invitation(invitation: Invitation, *, by: Access, now: datetime) -> None:
    """Let the link lead nowhere.

    :raises PermissionDenied: the role lies outside the other's bodies or above their rights
    :raises InvitationIsOver: it was accepted, or withdrawn before
    """
    found = _open(invitation, by)
    found.withdrawn_at = now
    found.save(update_fields=["withdrawn_at"])
    _trace("invitation.withdrawn", found, by=by.member, now=now)


@transaction.atomic
def accept_invitation(
    secret: str, *, name_ar: str, name_en: str, email: str, password: str, now: datetime
) -> Member:
    """Make a member of whoever holds the link. An address in the invitation goes before the given one.

    :raises InvitationIsOver: it was accepted, withdrawn, replaced, or its time has passed
    :raises AddressTaken: a member has this e-mail address
    :raises PhoneTaken: a member has this mobile
    """
    # Whoever comes is nobody yet: the link itself is their permission, for this one row.
    with as_worker():
        invitation = (
            Invitation.objects.select_for_update(of=("self",))
            .select_related("node")
            .filter(
                hash=selectors.hash_of(secret),
                accepted_at=None,
                withdrawn_at=None,
                expires_at__gt=now,
            )
            .first()
        )
        if invitation is None:
            raise InvitationIsOver(
                _("This link is not good any more. Ask whoever invited you for a new one.")
            )
        email = invitation.email or email.lower()
        _refuse_known(email, invitation.phone)
        member = Member(
            email=email, phone=invitation.phone or None, name_ar=name_ar, name_en=name_en
        )
        member.set_password(password)
        member.save()
        if invitation.role_ends_at is None or invitation.role_ends_at > now:
            Role.objects.create(
                member=member,
                kind=invitation.kind,
                node=invitation.node,
                starts_at=now,
                ends_at=invitation.role_ends_at,
            )
        invitation.accepted_at = now
        invitation.save(update_fields=["accepted_at"])
        audit.record(
            audit.Entry(
                action="member.joined",
                subject_type="member",
                subject_key=str(member.public_id),
                by=member,
                at=now,
                node_id=invitation.node_id,
                details={"role": invitation.kind, "node": invitation.node.key},
            )
        )
    return member


def _refuse_known(email: str, phone: str) -> None:
    if email and Member.objects.filter(email__iexact=email).exists():
        raise AddressTaken(_("%(email)s already belongs to a member.") % {"email": email})
    if phone and Member.objects.filter(phone=phone).exists():
        raise PhoneTaken(_("This mobile already belongs to a member."))


def _require(by: Access, kind: str, node: Node) -> None:
    if not by.may_give(kind, node):
        raise PermissionDenied(
            _("Your role in %(body)s does not allow giving or taking this role.")
            % {"body": node.name}
        )


def _open(invitation: Invitation, by: Access) -> Invitation:
    found = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("node")
        .get(pk=invitation.pk)
    )
    _require(by, found.kind, found.node)
    if found.accepted_at or found.withdrawn_at:
        raise InvitationIsOver(_("This invitation was accepted or withdrawn meanwhile."))
    return found


def _trace(action: str, invitation: Invitation, *, by: audit.Actor, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="invitation",
            subject_key=str(invitation.public_id),
            by=by,
            at=now,
            node_id=invitation.node_id,
            details={"role": invitation.kind, "node": invitation.node.key},
        )
    )
