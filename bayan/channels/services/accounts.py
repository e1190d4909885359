"""Accounts with their secrets and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction

from bayan.channels.models import Account, Number, Pace, Portfolio
from bayan.core import audit, secretbox
from bayan.organisation.models import Node

ACCOUNTS_CHANGED = "bayan_accounts"
SYNC_WANTED = "bayan_sync"


@transaction.atomic
def save_account(
    *,
    key: str,
    nature: Account.Nature,
    name: str,
    base_url: str,
    app_secret: str,
    verify_token: str,
    access_token: str,
    numbers: Mapping[str, str],
    node: Node,
    now: datetime,
    business_id: str = "",
    portfolio: str = "",
) -> Account:
    """Make the WhatsApp account of this key, or change it; `numbers` maps provider ids to numbers.

    Accounts of one business share a `portfolio`, which has the messaging limit; without its key the
    account has one of its own.
    """
    business, _is_new = Portfolio.objects.get_or_create(key=portfolio or key)
    account, is_new = Account.objects.update_or_create(
        key=key,
        defaults={
            "channel": Account.Channel.WHATSAPP,
            "nature": nature,
            "name": name,
            "portfolio": business,
            "business_id": business_id,
            "base_url": base_url.rstrip("/"),
            "app_secret_locked": secretbox.lock(app_secret),
            "verify_token_locked": secretbox.lock(verify_token),
            "access_token_locked": secretbox.lock(access_token),
        },
    )
    for external_id, display in numbers.items():
        number, _is_new = Number.objects.update_or_create(
            external_id=external_id,
            defaults={"account": account, "display": display, "node": node},
        )
        Pace.objects.get_or_create(number=number, defaults={"next_at": now})
    audit.record(
        audit.Entry(
            action="account.created" if is_new else "account.changed",
            subject_type="account",
            subject_key=key,
            by=audit.SYSTEM,
            at=now,
            node_id=node.pk,
            details={"nature": nature},
        )
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [ACCOUNTS_CHANGED])
    want_sync(account, now=now)
    return account


def want_sync(account: Account, *, now: datetime) -> None:
    """Have the provider asked about this account then, at the earliest when this is committed."""
    # The latest wish counts: what is being asked already may be older than it.
    Account.objects.filter(pk=account.pk).update(sync_wanted_at=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [SYNC_WANTED])
