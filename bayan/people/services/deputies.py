"""Standing in for a member who is away."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.people import selectors
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import Access
from bayan.people.services.members import require_charge

# Whoever is away for longer gets a successor, not a deputy.
AT_MOST = timedelta(days=90)


class NotAColleague(DomainError):
    pass


class PeriodUnusable(DomainError):
    pass


class DeputyNamedAlready(DomainError):
    pass


class DeputyshipIsOver(DomainError):
    pass


@transaction.atomic
def name_deputy(
    member: Member,
    *,
    deputy: Member,
    starts_at: datetime,
    ends_at: datetime,
    by: Access,
    now: datetime,
) -> Deputyship:
    """Let a colleague act in the member's place for this time.

    :raises PermissionDenied: neither the member nor somebody in charge of them names the deputy
    :raises NotAColleague: the deputy works in another line of bodies, or not any more
    :raises PeriodUnusable: the time lies behind us, ends before it begins, or is too long
    :raises DeputyNamedAlready: somebody else stands in for a part of that time
    """
    Member.objects.select_for_update().get(pk=member.pk)
    _require(member, by, now=now)
    if ends_at <= max(starts_at, now) or ends_at - starts_at > AT_MOST:
        raise PeriodUnusable(
            _("Choose an end after the beginning, at most %(days)s days later.")
            % {"days": AT_MOST.days}
        )
    if not selectors.colleagues_of(member, now=now).filter(pk=deputy.pk).exists():
        raise NotAColleague(_("The deputy must work in the same body, above or below it."))
    overlapping = member.deputyships.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)
    if overlapping.exists():
        raise DeputyNamedAlready(
            _("A deputy is named for a part of this time already. End that first.")
        )
    named = Deputyship.objects.create(
        member=member, deputy=deputy, starts_at=starts_at, ends_at=ends_at
    )
    _trace("member.deputy_named", named, by=by.member, now=now)
    return named


@transaction.atomic
def end_deputyship(deputyship: Deputyship, *, by: Access, now: datetime) -> None:
    """Let nobody act in the member's place from now on.

    :raises PermissionDenied: it is nobody's of those concerned
    :raises DeputyshipIsOver: it has ended already
    """
    found = (
        Deputyship.objects.select_for_update(of=("self",))
        .select_related("member", "deputy")
        .filter(pk=deputyship.pk, ends_at__gt=now)
        .first()
    )
    if found is None:
        raise DeputyshipIsOver(_("This has ended already."))
    if found.deputy_id != by.member.pk:
        _require(found.member, by, now=now)
    _trace("member.deputy_ended", found, by=by.member, now=now)
    end(found, now=now)


def end(deputyship: Deputyship, *, now: datetime) -> None:
    """End it, or, if it never began, forget it."""
    if deputyship.starts_at >= now:
        deputyship.delete()
        return
    deputyship.ends_at = now
    deputyship.save(update_fields=["ends_at"])


def _require(member: Member, by: Access, *, now: datetime) -> None:
    if member.pk == by.member.pk:
        return
    if not by.may("people.manage"):
        raise PermissionDenied(_("A deputy is named by the member or their director."))
    require_charge(member, by=by, now=now)


def _trace(action: str, deputyship: Deputyship, *, by: audit.Actor, now: datetime) -> None:
    home = selectors.home_of(deputyship.member, now=now)
    audit.record(
        audit.Entry(
            action=action,
            subject_type="member",
            subject_key=str(deputyship.member.public_id),
            by=by,
            at=now,
            node_id=home.pk if home else None,
            details={
                "member": str(deputyship.deputy.public_id),
                "until": deputyship.ends_at.isoformat(),
            },
        )
    )
