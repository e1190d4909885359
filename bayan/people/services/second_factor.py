"""A second factor: codes of an authenticator app, and codes on paper for whoever has lost their mobile.

The tables, the secrets' place in them and the step at sign-in are allauth's (`allauth.mfa`); which codes are
taken is decided here, so that each is taken once, by the moment that is passed in, and leaves its line.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from hashlib import sha1
from urllib.parse import quote, urlencode

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.core.references import digits_in
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.people.services.members import (
    end_sessions,
    refuse_oneself,
    require_charge,
    trace,
)

# As every authenticator app makes them: six digits, another one each half minute (RFC 6238).
DIGITS, PERIOD = 6, 30
# A clock that is half a minute off is no thief.
TOLERANCE = 1
TOTP, PAPER = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES


class WrongCode(DomainError):
    pass


class FactorIsSet(DomainError):
    pass


class FactorIsWanted(DomainError):
    pass


class NoFactor(DomainError):
    pass


def new_secret() -> str:
    """What an app and we will share, as it is typed or drawn."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def address_of(member: Member, secret: str, *, issuer: str) -> str:
    """The address that an app reads from the drawn code."""
    label = quote(f"{issuer}:{member.email or member.name_ar}")
    return (
        f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer}, quote_via=quote)}"
    )


def code_at(secret: str, counter: int) -> str:
    """The code of one half minute since 1970 (RFC 4226)."""
    key = base64.b32decode(secret)
    digest = hmac.new(key, counter.to_bytes(8, "big"), sha1).digest()
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def _counter_of(secret: str, code: str, *, now: datetime) -> int | None:
    """To which half minute a code belongs, of those that count now; None: to none of them."""
    current = int(now.timestamp()) // PERIOD
    for counter in range(current - TOLERANCE, current + TOLERANCE + 1):
        if constant_time_compare(code_at(secret, counter), code):
            return counter
    return None


@transaction.atomic
def set_up(member: Member, secret: str, code: str, *, now: datetime) -> list[str]:
    """Ask this member for codes from now on. Returns the codes on paper, of which each is good once.

    :raises FactorIsSet: they have one; it is taken off first
    :raises WrongCode: the app shows another code, so it was not set up
    """
    Member.objects.select_for_update().get(pk=member.pk)
    if Authenticator.objects.filter(user=member, type=TOTP).exists():
        raise FactorIsSet(_("Your second factor is set up already."))
    counter = _counter_of(secret, digits_in(code), now=now)
    if counter is None:
        raise WrongCode(
            _("This is not the code that the app shows now. Wait for the next one and write that.")
        )
    Authenticator.objects.create(
        user=member, type=TOTP, data={"secret": encrypt(secret), "counter": counter}, created_at=now
    )
    trace(member, "member.second_factor_set", by=member, now=now)
    return _new_paper(member)


def _new_paper(member: Member) -> list[str]:
    Authenticator.objects.filter(user=member, type=PAPER).delete()
    codes: list[str] = RecoveryCodes.activate(member).generate_codes()
    return codes


@transaction.atomic
def check(member: Member, code: str, *, now: datetime) -> None:
    """Take a code of the app, or one on paper; neither is taken twice.

    :raises NoFactor: the member has none
    :raises WrongCode: it is none of theirs, or was taken before
    """
    rows = {
        row.type: row
        for row in Authenticator.objects.select_for_update()
        .filter(user=member, type__in=[TOTP, PAPER])
        .order_by("pk")
    }
    app = rows.get(TOTP)
    if app is None:
        raise NoFactor(_("You have no second factor yet."))
    digits = digits_in(code)
    if len(digits) == DIGITS:
        counter = _counter_of(decrypt(app.data["secret"]), digits, now=now)
        if counter is not None and counter > app.data.get("counter", 0):
            app.data["counter"], app.last_used_at = counter, now
            app.save(update_fields=["data", "last_used_at"])
            return
    elif PAPER in rows and RecoveryCodes(rows[PAPER]).validate_code(digits):
        trace(member, "member.recovery_code_used", by=member, now=now)
        return
    raise WrongCode(
        _("This code is wrong, or was used already. Wait for the next one, or use one on paper.")
    )


@transaction.atomic
def renew_codes(member: Member, *, now: datetime) -> list[str]:
    """Other codes on paper; those before are worth nothing any more.

    :raises NoFactor: the member has none
    """
    if not Authenticator.objects.filter(user=member, type=TOTP).exists():
        raise NoFactor(_("You have no second factor yet."))
    trace(member, "member.recovery_codes_renewed", by=member, now=now)
    return _new_paper(member)


@transaction.atomic
def take_off(member: Member, *, is_wanted: bool, now: datetime) -> None:
    """Ask this member for no codes any more; `is_wanted`: a role of theirs does not go without.

    :raises FactorIsWanted: see `is_wanted`
    :raises NoFactor: the member has none
    """
    if is_wanted:
        raise FactorIsWanted(_("Your role wants a second factor: it cannot be taken off."))
    if not Authenticator.objects.filter(user=member).delete()[0]:
        raise NoFactor(_("You have no second factor yet."))
    trace(member, "member.second_factor_taken_off", by=member, now=now)


@transaction.atomic
def reset(member: Member, *, by: Access, now: datetime) -> None:
    """Take somebody's second factor off, who has lost app and paper, and sign them out everywhere.

    :raises PermissionDenied: a role of theirs lies outside the other's bodies or above their rights
    :raises OwnRights: nobody resets their own
    :raises NoFactor: the member has none
    """
    refuse_oneself(member, by)
    require_charge(member, by=by, now=now)
    if not Authenticator.objects.filter(user=member).delete()[0]:
        raise NoFactor(_("This member has no second factor."))
    end_sessions(member)
    trace(member, "member.second_factor_reset", by=by.member, now=now)
