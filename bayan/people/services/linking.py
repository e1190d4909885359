"""Linking a member to their mobile by a code that they send from there."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.core.phones import mobile_in
from bayan.core.references import digits_in
from bayan.people.models import LinkCode, Member
from bayan.people.services.members import trace
from bayan.people.wishes import folded

DIGITS = 6
GOOD_FOR = timedelta(minutes=10)
TRIES = 5
# The word before the code, if the member writes it; as `folded` spells it.
WORDS = frozenset({"اربط", "ربط", "اربطني", "رمز", "رمز الربط", "link", "code"})
# A longer message is about something else.
_LONGEST = 40
_THE_MESSAGE = re.compile(rf"(?P<word>[^\d]*?) ?(?P<code>\d(?: ?\d){{{DIGITS - 1}}})")


class NoMobile(DomainError):
    pass


class NotLinked(DomainError):
    pass


@transaction.atomic
def ask_link_code(member: Member, phone: str, *, now: datetime) -> str:
    """A code that the member sends from this mobile within ten minutes. A code before it is void.

    :raises NoMobile: this is no mobile number
    """
    mobile = mobile_in(phone)
    if mobile is None:
        raise NoMobile(_("This is no mobile number. Write it as 05… or with its country code."))
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    LinkCode.objects.update_or_create(
        member=member,
        defaults={
            "phone": mobile,
            "hash": _hash(code, mobile),
            "expires_at": now + GOOD_FOR,
            "tries": 0,
        },
    )
    return code


def link_code_of(text: str) -> str | None:
    """The code, if a message is one that links a mobile and nothing else; in whichever digits."""
    if not text or len(text) > _LONGEST:
        return None
    plain = "".join(digits_in(c) if c.isdecimal() else c for c in folded(text))
    found = _THE_MESSAGE.fullmatch(plain)
    if found is None or (found["word"] and found["word"].strip() not in WORDS):
        return None
    return found["code"].replace(" ", "")


@transaction.atomic
def link_phone_by_code(code: str, phone: str, *, now: datetime) -> Member | None:
    """Link the member who asked for this code to the mobile it came from. None: it is no code of ours.

    Whoever holds the mobile holds it now: a member who had it linked before loses it.
    """
    waiting = list(
        LinkCode.objects.select_for_update(of=("self",))
        .select_related("member")
        .filter(
            phone=mobile_in(phone) or "",
            expires_at__gt=now,
            tries__lt=TRIES,
            member__is_active=True,
        )
        .order_by("pk")
    )
    wanted = _hash(code, mobile_in(phone) or "")
    right = [row for row in waiting if constant_time_compare(row.hash, wanted)]
    if not right:
        LinkCode.objects.filter(pk__in=[row.pk for row in waiting]).update(tries=F("tries") + 1)
        return None
    member, mobile = right[0].member, right[0].phone
    try:
        with transaction.atomic():
            for former in Member.objects.filter(phone=mobile).exclude(pk=member.pk):
                _take_away(former, now=now)
            member.phone = mobile
            member.phone_linked_at = now
            member.save(update_fields=["phone", "phone_linked_at"])
    except IntegrityError:
        # The mobile is all by which somebody else can be reached: an administrator has to decide.
        return None
    right[0].delete()
    trace(member, "member.phone_linked", by=member, now=now)
    return member


@transaction.atomic
def unlink_phone(member: Member, *, now: datetime) -> None:
    """Know the member by this mobile no more.

    :raises NotLinked: none is linked, or they can be reached by nothing else
    """
    if not member.phone or not member.email:
        raise NotLinked(_("No mobile is linked that could be taken off."))
    _take_away(member, now=now)


def _take_away(member: Member, *, now: datetime) -> None:
    member.phone = None
    member.phone_linked_at = None
    member.save(update_fields=["phone", "phone_linked_at"])
    trace(member, "member.phone_unlinked", by=member, now=now)


def _hash(code: str, mobile: str) -> str:
    # Six digits are soon tried out: without our key the hash says nothing.
    return salted_hmac("people.link_code", f"{mobile}:{code}", algorithm="sha256").hexdigest()
