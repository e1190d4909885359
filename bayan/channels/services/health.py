"""How well accounts, numbers and templates are: what the provider says of it, and the alerts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import wording
from bayan.channels.events import AlertRaised, AlertSettled
from bayan.channels.models import Account, Alert, Number, Template
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.events import publish
from bayan.organisation import selectors as organisation
from bayan.people.models import Member

# With these nothing goes out any more by the number, or by all numbers of the account.
STANDSTILLS = {"sending_stopped", "account_banned", "account_deleted"}

log = structlog.get_logger(__name__)


class AlertRaisedAgain(DomainError):
    pass


def raise_alert(
    account: Account,
    kind: str,
    *,
    severity: Alert.Severity,
    now: datetime,
    number: Number | None = None,
    template: Template | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Alert:
    """Let people know of a trouble in the running transaction.

    The same trouble again (this account, number, template and kind) is the same alert, counted once
    more, with the latest facts.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO channels_alert
                (account_id, number_id, template_id, kind, severity, facts, first_at, last_at, times)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1)
            ON CONFLICT (account_id, number_id, template_id, kind) WHERE resolved_at IS NULL
            DO UPDATE SET times = channels_alert.times + 1,
                          last_at = greatest(channels_alert.last_at, EXCLUDED.last_at),
                          severity = EXCLUDED.severity, facts = EXCLUDED.facts
            RETURNING id, times
            """,
            [
                account.pk,
                number.pk if number else None,
                template.pk if template else None,
                kind[:60],
                severity,
                json.dumps(dict(facts or {}), ensure_ascii=False),
                now,
                now,
            ],
        )
        key, times = cursor.fetchone()
    if times == 1:
        log.warning("account.alert", account=account.key, kind=kind, severity=str(severity))
        _record("account.alert_raised", account, kind, number, template, by=audit.SYSTEM, now=now)
    live.announce([(_owner_of(number), "health", account.key)])
    alert = Alert.objects.select_related("account", "number", "template").get(pk=key)
    _call(alert, now=now)
    return alert


def _call(alert: Alert, *, now: datetime) -> None:
    """Let a person be called who must hear of this; a rehearsal concerns nobody."""
    if alert.severity != Alert.Severity.CRITICAL or alert.account.nature == Account.Nature.EXERCISE:
        return
    # Whoever takes it over reads it in the language of the house, whoever noticed it.
    with override(settings.LANGUAGE_CODE):
        words = wording.of_alert(alert)
        about = alert.template or alert.number or alert.account.name
        title = f"{words.title} · {about}"
        text = "\n".join(str(part) for part in (words.why, words.todo) if part)
    publish(
        AlertRaised(
            alert=alert,
            title=title,
            text=text,
            node_id=_owner_of(alert.number),
            is_standstill=alert.kind in STANDSTILLS and not _others_run(alert),
            at=now,
        )
    )


def _others_run(alert: Alert) -> bool:
    """Whether another number can still send; text messages and letters are no chat."""
    running = Number.objects.filter(stopped_at=None).exclude(
        account__nature=Account.Nature.EXERCISE
    )
    if alert.account.is_whatsapp:
        running = running.of_whatsapp()
    if alert.number is None:
        return running.exclude(account=alert.account_id).exists()
    return running.exclude(pk=alert.number.pk).exists()


@transaction.atomic
def settle_alert(
    account: Account,
    kind: str,
    *,
    now: datetime,
    number: Number | None = None,
    template: Template | None = None,
    by: Member | None = None,
) -> bool:
    """Mark a trouble as over, whoever noticed it; False when none of this kind is open."""
    # One at most is open.
    alert = (
        Alert.objects.filter(
            account=account, kind=kind, number=number, template=template, resolved_at=None
        )
        .select_for_update()
        .first()
    )
    if alert is not None:
        Alert.objects.filter(pk=alert.pk).update(resolved_at=now, resolved_by=by)
        _record(
            "account.alert_settled", account, kind, number, template, by=by or audit.SYSTEM, now=now
        )
        live.announce([(_owner_of(number), "health", account.key)])
        publish(AlertSettled(alert_id=alert.pk, by=by, at=now))
    return alert is not None


@transaction.atomic
def mark_settled(alert_id: int, *, by: Member, now: datetime) -> Alert:
    """Mark one alert as over; harmless for one that is.

    :raises Alert.DoesNotExist: there is none
    """
    alert = Alert.objects.select_related("account", "number", "template").get(pk=alert_id)
    settle_alert(
        alert.account, alert.kind, number=alert.number, template=alert.template, by=by, now=now
    )
    return alert


@transaction.atomic
def reopen_alert(alert_id: int, *, by: Member, now: datetime) -> Alert:
    """Take back that an alert is over.

    :raises AlertRaisedAgain: the same trouble has come back meanwhile and has an alert of its own
    """
    alert = Alert.objects.select_related("account", "number", "template").get(pk=alert_id)
    try:
        with transaction.atomic():
            Alert.objects.filter(pk=alert_id).update(resolved_at=None, resolved_by=None)
    except IntegrityError as error:
        raise AlertRaisedAgain(_("The same trouble has come back and is shown above.")) from error
    _record(
        "account.alert_reopened", alert.account, alert.kind, alert.number, alert.template,
        by=by, now=now,
    )  # fmt: skip
    live.announce([(_owner_of(alert.number), "health", alert.account.key)])
    _call(alert, now=now)
    return alert


def _record(
    action: str,
    account: Account,
    kind: str,
    number: Number | None,
    template: Template | None,
    *,
    by: audit.Actor,
    now: datetime,
) -> None:
    details = {"kind": kind}
    if number:
        details["number"] = number.external_id
    if template:
        details["template"] = str(template)
    audit.record(
        audit.Entry(
            action=action,
            subject_type="account",
            subject_key=account.key,
            by=by,
            at=now,
            node_id=_owner_of(number),
            details=details,
        )
    )


def _owner_of(number: Number | None) -> int:
    """Who is told: the number's body; what concerns a whole account is the desk's."""
    return number.node_id if number else organisation.desk().pk
