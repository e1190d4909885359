"""Stopping a number and letting it go on: by hand, or because what stopped it is mended."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels.models import BY_HAND, Account, Number
from bayan.channels.services.health import settle_alert
from bayan.channels.services.sending import wake_dispatcher
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.people.models import Member

# The providers' codes for a token, a key or a password that opens nothing (any more): mended by another one.
TOKEN_CODES = (0, 190, 401, 402, 535)


class AlreadyStopped(DomainError):
    pass


class NotStopped(DomainError):
    pass


@transaction.atomic
def stop_number(number: Number, *, reason: str, by: Member, now: datetime) -> None:
    """Send nothing more from this number until somebody lets it go on; what waits stays queued.

    :raises AlreadyStopped: it stands still already
    """
    stopped = Number.objects.filter(pk=number.pk, stopped_at=None).update(
        stopped_at=now, stop_error={"title": BY_HAND, "reason": reason}
    )
    if not stopped:
        raise AlreadyStopped(_("This number is stopped already."))
    _record(number, "number.stopped", by=by, now=now)


@transaction.atomic
def resume_number(number: Number, *, by: Member, now: datetime) -> None:
    """Let a stopped number go on with what waits. If the fault is still there, it stops again.

    :raises NotStopped: it is running
    """
    resumed = Number.objects.filter(pk=number.pk).exclude(stopped_at=None)
    if not resumed.update(stopped_at=None, stop_error=None):
        raise NotStopped(_("This number is running."))
    _settle(number, by=by, now=now)
    _record(number, "number.resumed", by=by, now=now)
    wake_dispatcher()


@transaction.atomic
def resume_after_token(account: Account, *, now: datetime) -> int:
    """Let the numbers go on that only a bad access token had stopped. Returns how many."""
    stopped = list(
        Number.objects.select_for_update().filter(account=account, stop_error__code__in=TOKEN_CODES)
    )
    Number.objects.filter(pk__in=[number.pk for number in stopped]).update(
        stopped_at=None, stop_error=None
    )
    for number in stopped:
        _settle(number, by=None, now=now)
        _record(number, "number.resumed", by=audit.SYSTEM, now=now)
    if stopped:
        wake_dispatcher()
    return len(stopped)


def _settle(number: Number, *, by: Member | None, now: datetime) -> None:
    settle_alert(number.account, "sending_stopped", number=number, by=by, now=now)
    others = Number.objects.filter(account=number.account_id).exclude(stopped_at=None)
    if not others.exists():
        settle_alert(number.account, "sending_stopped", by=by, now=now)


def _record(number: Number, action: str, *, by: audit.Actor, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="account",
            subject_key=number.account.key,
            by=by,
            at=now,
            node_id=number.node_id,
            details={"number": number.external_id},
        )
    )
    live.announce([(number.node_id, "health", number.account.key)])
