"""Digital clearance: somebody leaves, and one action hands over all they hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.events import Holding, holdings
from bayan.people import selectors
from bayan.people.models import (
    ApiToken,
    Clearance,
    Deputyship,
    Invitation,
    LinkCode,
    Member,
    Role,
    Turn,
)
from bayan.people.permissions import Access
from bayan.people.services import deputies, duty, members


class NoSuccessor(DomainError):
    pass


@transaction.atomic
def clear_member(member: Member, *, successor: Member, by: Access, now: datetime) -> Clearance:
    """Hand over what a leaving member holds, end their rights, and let them in no more.

    Being switched on again later brings none of it back.

    :raises PermissionDenied: a role of theirs lies outside the other's bodies or above their rights
    :raises OwnRights: nobody clears themselves
    :raises NobodyLeft: they are the last administrator
    :raises NoSuccessor: whoever takes over is the member themselves, or does not work there
    """
    members.lock(member)
    members.refuse_oneself(member, by)
    members.require_charge(member, by=by, now=now)
    members.keep_an_administrator(member.roles.standing(now=now), now=now)
    if not selectors.successors_of(member, by, now=now).filter(pk=successor.pk).exists():
        raise NoSuccessor(_("Choose somebody who works in your bodies and is switched on."))
    home = selectors.home_of(member, now=now)
    roles = list(member.roles.standing(now=now).select_related("node").order_by("pk"))
    handed_over: list[tuple[str, int, int]] = []
    for holding in all_holdings():
        held = holding.count(member)
        passed = holding.hand_over(member, to=successor, by=by.member, now=now)
        if held or passed:
            handed_over.append((holding.key, max(held, passed), passed))
    member.is_active = False
    member.save(update_fields=["is_active"])
    cleared = Clearance.objects.create(
        member=member,
        successor=successor,
        cleared_by=by.member,
        cleared_at=now,
        home=home,
        roles=[[role.kind, role.node.key] for role in roles],
        handed_over=handed_over,
    )
    audit.record(
        audit.Entry(
            action="member.cleared",
            subject_type="member",
            subject_key=str(member.public_id),
            by=by.member,
            at=now,
            node_id=home.pk if home else None,
            details={
                "member": str(successor.public_id),
                "handed_over": {key: passed for key, _held, passed in handed_over},
            },
        )
    )
    return cleared


def all_holdings() -> tuple[Holding, ...]:
    """What a member may hold: first the work, whose visibility hangs on the roles, which end last."""
    return (*holdings(), *OWN)


def _turns_of(member: Member) -> int:
    return Turn.objects.filter(member=member).ahead(now=timezone.now()).count()


def _pass_turns_on(member: Member, *, to: Member, by: Any, now: datetime) -> int:
    return duty.pass_turns_on(member, to=to, now=now)


def _deputyships_of(member: Member) -> int:
    return selectors.deputyships_around(member, now=timezone.now()).count()


def _end_deputyships(member: Member, *, to: Member, by: Any, now: datetime) -> int:
    found: list[Deputyship] = list(selectors.deputyships_around(member, now=now))
    for deputyship in found:
        deputies.end(deputyship, now=now)
    return len(found)


def _invitations_of(member: Member) -> int:
    return Invitation.objects.filter(invited_by=member, accepted_at=None, withdrawn_at=None).count()


def _withdraw_invitations(member: Member, *, to: Member, by: Any, now: datetime) -> int:
    return Invitation.objects.filter(invited_by=member, accepted_at=None, withdrawn_at=None).update(
        withdrawn_at=now
    )


def _tokens_of(member: Member) -> int:
    return ApiToken.objects.filter(member=member, revoked_at=None).count()


def _revoke_tokens(member: Member, *, to: Member, by: Any, now: datetime) -> int:
    return ApiToken.objects.filter(member=member, revoked_at=None).update(revoked_at=now)


def _sessions_of(member: Member) -> int:
    return member.sessions.filter(expire_date__gt=timezone.now()).count()


def _end_sessions(member: Member, *, to: Member, by: Any, now: datetime) -> int:
    LinkCode.objects.filter(member=member).delete()
    open_ones = member.sessions.filter(expire_date__gt=now).count()
    members.end_sessions(member)
    return open_ones


def _roles_of(member: Member) -> int:
    return member.roles.standing(now=timezone.now()).count()


def _end_roles(member: Member, *, to: Member, by: Any, now: datetime) -> int:
    found: list[Role] = list(member.roles.standing(now=now))
    for role in found:
        members.end(role, now=now)
    return len(found)


OWN = (
    Holding(
        key="turns",
        label=gettext_lazy("Duty turns ahead: go to the successor"),
        count=_turns_of,
        hand_over=_pass_turns_on,
    ),
    Holding(
        key="deputyships",
        label=gettext_lazy("Deputyships, their own and of others: end"),
        count=_deputyships_of,
        hand_over=_end_deputyships,
    ),
    Holding(
        key="invitations",
        label=gettext_lazy("Open invitations: are withdrawn"),
        count=_invitations_of,
        hand_over=_withdraw_invitations,
    ),
    Holding(
        key="tokens",
        label=gettext_lazy("API keys: are revoked"),
        count=_tokens_of,
        hand_over=_revoke_tokens,
    ),
    Holding(
        key="sessions",
        label=gettext_lazy("Open sessions: are ended"),
        count=_sessions_of,
        hand_over=_end_sessions,
    ),
    Holding(
        key="roles",
        label=gettext_lazy("Roles: end"),
        count=_roles_of,
        hand_over=_end_roles,
    ),
)
