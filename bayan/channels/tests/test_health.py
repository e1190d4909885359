"""Alerts and what the provider says of accounts, numbers and templates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from bayan.channels import services
from bayan.channels.models import Account, Alert, Template
from bayan.channels.tests.factories import SINCE, make_account
from bayan.core.models import AuditEntry
from bayan.people.models import Member


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


def make_template(account: Account, name: str = "storm_alert", **changes: Any) -> Template:
    facts: dict[str, Any] = {
        "account": account,
        "name": name,
        "language": "ar",
        "category": Template.Category.UTILITY,
        "status": Template.Status.APPROVED,
        "components": [],
        "external_id": "5001",
        "changed_at": SINCE,
    }
    return Template.objects.create(**facts | changes)


def raise_alert(account: Account, kind: str = "token_expired", **changes: Any) -> Alert:
    facts: dict[str, Any] = {"severity": Alert.Severity.CRITICAL, "now": SINCE} | changes
    return services.raise_alert(account, kind, **facts)


def test_the_same_trouble_again_is_the_same_alert(account: Account, now: datetime) -> None:
    first = raise_alert(account, facts={"code": 190})
    again = raise_alert(account, facts={"code": 0}, now=now, severity=Alert.Severity.WARNING)

    assert again.pk == first.pk
    assert (again.times, again.first_at, again.last_at) == (2, SINCE, now)
    assert (again.severity, again.facts) == ("warning", {"code": 0})
    assert AuditEntry.objects.filter(action="account.alert_raised").count() == 1


def test_each_number_and_template_has_an_alert_of_its_own(account: Account) -> None:
    number, template = account.numbers.get(), make_template(account)

    raise_alert(account)
    raise_alert(account, number=number)
    raise_alert(account, number=number, template=template)
    raise_alert(account, "token_expires")

    assert Alert.objects.count() == 4


def test_a_settled_trouble_that_comes_back_is_a_new_alert(
    account: Account, desk_responder: Member, now: datetime
) -> None:
    first = raise_alert(account)

    assert services.settle_alert(account, "token_expired", now=now, by=desk_responder)
    assert not services.settle_alert(account, "token_expired", now=now)
    later = raise_alert(account, now=now + timedelta(hours=1))

    first.refresh_from_db()
    assert (first.resolved_at, first.resolved_by) == (now, desk_responder)
    assert (later.pk == first.pk, later.times) == (False, 1)
    settled = AuditEntry.objects.get(action="account.alert_settled")
    assert settled.actor == desk_responder.audit_key


def test_settling_one_leaves_the_others_open(account: Account, now: datetime) -> None:
    number = account.numbers.get()
    raise_alert(account)
    raise_alert(account, number=number)

    services.settle_alert(account, "token_expired", number=number, now=now)

    assert Alert.objects.get(resolved_at=None).number is None


def test_the_screens_hear_of_it_when_it_is_committed(committed_db: None) -> None:
    account = make_account()
    with connection.cursor() as cursor:
        cursor.execute("LISTEN bayan_live")
    raise_alert(account)

    raw = connection.connection
    heard = [n.payload for n in raw.notifies(timeout=5, stop_after=1)]

    node = account.numbers.get().node
    assert f"{node.pk} health demo" in heard
