"""Reacting to what an error means for more than its one message: slow down, leave alone, stop and call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from bayan.channels.adapters.base import Outcome, Reaction, Stops
from bayan.channels.models import Account, Alert, Broadcast, Number, Outgoing, Pace, Pair, Template
from bayan.channels.services.accounts import want_sync
from bayan.channels.services.claiming import PAIR_AHEAD
from bayan.channels.services.health import raise_alert
from bayan.channels.services.pausing import TOKEN_CODES
from bayan.people import services as people
from bayan.people.models import OptOut

THROUGHPUT, PAIR_RATE, TEMPLATE_DISABLED = 130429, 131056, 132016


def code_of(error: Mapping[str, Any] | None) -> int:
    """The provider's number for an error; -1 where it gave none."""
    code = (error or {}).get("code")
    return code if isinstance(code, int) else -1


@transaction.atomic
def react(row: Outgoing, outcome: Outcome, *, now: datetime) -> None:
    """Draw the consequences of one message's error for its number, its recipient, its template."""
    code = code_of(outcome.error)
    if code == THROUGHPUT:
        Pace.objects.filter(number=row.number_id).update(
            next_at=Greatest(F("next_at"), now + timedelta(seconds=1))
        )
    elif code == PAIR_RATE:
        Pair.objects.filter(number=row.number_id, recipient=row.recipient).update(
            next_at=Greatest(F("next_at"), now + PAIR_AHEAD + outcome.wait)
        )
    if outcome.opted_out and row.contact is not None:
        people.note_wishes(
            [people.Wish(row.contact, wants=False, source=OptOut.Source.REFUSAL, at=now)], now=now
        )
    if outcome.reaction is Reaction.STOP:
        _stop(row, outcome, now=now)


def _stop(row: Outgoing, outcome: Outcome, *, now: datetime) -> None:
    number = Number.objects.select_related("account").get(pk=row.number_id)
    if outcome.stops is Stops.TEMPLATE and row.template_id:
        _stop_template(row.template_id, outcome, now=now)
        return
    if code_of(outcome.error) in TOKEN_CODES and _has_another_token(row):
        # It left with the old one; it is queued again and leaves with the new.
        return
    stopped = Number.objects.filter(stopped_at=None)
    if outcome.stops is Stops.ACCOUNT:
        stopped = stopped.filter(account=number.account)
    else:
        stopped = stopped.filter(pk=number.pk)
    stopped.update(stopped_at=now, stop_error=outcome.error)
    # Whether the token is still good is better known now than in ten minutes.
    want_sync(number.account, now=now)
    raise_alert(
        number.account,
        "sending_stopped",
        severity=Alert.Severity.CRITICAL,
        number=None if outcome.stops is Stops.ACCOUNT else number,
        facts=outcome.error or {},
        now=now,
    )


def _has_another_token(row: Outgoing) -> bool:
    """True when the account's access token was changed since this message was claimed."""
    # Locked: a change that is being made now is either seen here, or sees what we stop.
    account = Account.objects.select_for_update(of=("self",)).get(pk=row.number.account_id)
    return bytes(account.access_token_locked) != bytes(row.number.account.access_token_locked)


def _stop_template(template_id: int, outcome: Outcome, *, now: datetime) -> None:
    template = Template.objects.select_for_update().get(pk=template_id)
    template.status = (
        Template.Status.DISABLED
        if code_of(outcome.error) == TEMPLATE_DISABLED
        else Template.Status.PAUSED
    )
    template.error, template.changed_at = outcome.error, now
    template.save(update_fields=["status", "error", "changed_at"])
    running = Broadcast.objects.filter(template=template, state=Broadcast.State.RUNNING)
    ids = list(running.values_list("pk", flat=True))
    running.update(state=Broadcast.State.STOPPED, error=outcome.error)
    Outgoing.objects.filter(broadcast__in=ids, state=Outgoing.State.QUEUED).update(
        state=Outgoing.State.HELD
    )
    raise_alert(
        template.account,
        "template_stopped",
        severity=Alert.Severity.CRITICAL,
        template=template,
        facts=outcome.error or {},
        now=now,
    )
