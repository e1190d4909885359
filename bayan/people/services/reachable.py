"""Where a member is to be reached when their mobile is not."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core.phones import mobile_in
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.people.services.linking import NoMobile
from bayan.people.services.members import AddressTaken, require_charge, trace


@transaction.atomic
def set_backup_phone(member: Member, phone: str, *, by: Access, now: datetime) -> None:
    """Reach the member on this mobile too, when theirs gets nothing; an empty one takes it away.

    Nobody is known by it, and two members may have the same: that of their office.

    :raises PermissionDenied: it is another's, a role of whom lies outside one's bodies or above one's rights
    :raises NoMobile: this is no mobile number, or the one that they have already
    """
    if member.pk != by.member.pk:
        require_charge(member, by=by, now=now)
    mobile = mobile_in(phone) if phone else ""
    if mobile is None:
        raise NoMobile(_("This is no mobile number. Write it as 05… or with its country code."))
    if mobile and mobile == member.phone:
        raise NoMobile(_("This is the first mobile. Write another one."))
    if mobile == member.backup_phone:
        return
    Member.objects.filter(pk=member.pk).update(backup_phone=mobile)
    member.backup_phone = mobile
    action = "member.backup_phone_set" if mobile else "member.backup_phone_removed"
    trace(member, action, by=by.member, now=now)


@transaction.atomic
def give_address(member: Member, email: str, *, by: Access, now: datetime) -> None:
    """Give a member who has no e-mail address one: it is a way to them, and the name to sign in with.

    :raises PermissionDenied: a role of theirs lies outside the other's bodies or above their rights
    :raises AddressTaken: they have one, or another member has this one
    """
    require_charge(member, by=by, now=now)
    if member.email or Member.objects.filter(email__iexact=email).exists():
        raise AddressTaken(_("%(email)s already belongs to a member.") % {"email": email})
    Member.objects.filter(pk=member.pk, email=None).update(email=email.lower())
    member.email = email.lower()
    trace(member, "member.address_given", by=by.member, now=now)
