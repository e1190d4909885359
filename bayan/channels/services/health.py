"""How well accounts, numbers and templates are: what the provider says of it, and the alerts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import connection

from bayan.channels.models import Account, Alert, Number, Template
from bayan.core import audit, live
from bayan.organisation import selectors as organisation
from bayan.people.models import Member

log = structlog.get_logger(__name__)


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
    return Alert.objects.get(pk=key)


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
    settled = Alert.objects.filter(
        account=account, kind=kind, number=number, template=template, resolved_at=None
    ).update(resolved_at=now, resolved_by=by)
    if settled:
        _record(
            "account.alert_settled", account, kind, number, template, by=by or audit.SYSTEM, now=now
        )
        live.announce([(_owner_of(number), "health", account.key)])
    return bool(settled)


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
