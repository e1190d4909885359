"""What comes in: whether it is authentic, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import connection

from bayan.channels.adapters import ADAPTERS
from bayan.channels.events import Parsed
from bayan.channels.models import Account, Outgoing, Repeated
from bayan.people.models import Contact


def verify(channel: str, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """True when the channel's provider signed these bytes with this secret."""
    return ADAPTERS[channel].is_authentic(headers, body, secret)


def parse(account: Account, body: bytes, *, received_at: datetime, request_id: str) -> Parsed:
    """Everything that a webhook body of this account holds.

    :raises ValueError: the body is not what this provider sends
    """
    numbers = {number.external_id: number.pk for number in account.numbers.all()}
    return ADAPTERS[account.channel].parse(
        body, numbers=numbers, received_at=received_at, request_id=request_id
    )


# The last moment is shown in minutes: no need to write it with every message.
SAY_RECEIVED_EVERY = timedelta(seconds=10)
# The page of health shows a day.
KEEP_REPEATED = timedelta(days=30)


def note_received(*, accounts: Mapping[int, datetime], numbers: Mapping[int, datetime]) -> None:
    """Keep when each account's last webhook and each number's last message of a person came.

    A row that another worker is just writing is left to it: the moment is nearly the same.
    """
    _note("channels_account", "last_webhook_at", accounts)
    _note("channels_number", "last_received_at", numbers)


def _note(table: str, column: str, moments: Mapping[int, datetime]) -> None:
    if not moments:
        return
    keys = sorted(moments)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} t SET {column} = m.at
            FROM (
                SELECT o.id, n.at FROM {table} o
                JOIN unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[])
                    AS n (id, at, long_before) ON o.id = n.id
                WHERE o.{column} IS NULL OR o.{column} < n.long_before
                FOR UPDATE OF o SKIP LOCKED
            ) AS m
            WHERE t.id = m.id
            """,  # noqa: S608  # the names are constants
            [
                keys,
                [moments[key] for key in keys],
                [moments[key] - SAY_RECEIVED_EVERY for key in keys],
            ],
        )


def give_back(keys: Iterable[int], *, to: Contact) -> None:
    """Let these messages be addressed to the contact again whose they were before two became one."""
    Outgoing.objects.filter(pk__in=list(keys)).update(contact=to)


def follow_contact(
    old: Contact, *, into: Contact, old_name: str, new_phone: str, new_whatsapp_id: str
) -> None:
    """Let what is addressed to a person follow them to their new contact, number and id."""
    Outgoing.objects.filter(contact=old).update(contact=into)
    waiting = Outgoing.objects.filter(
        contact=into, state__in=[Outgoing.State.QUEUED, Outgoing.State.HELD]
    )
    if new_phone:
        waiting.filter(to_phone=old_name).update(to_phone=new_phone)
    if new_whatsapp_id:
        waiting.exclude(to_whatsapp_id="").update(to_whatsapp_id=new_whatsapp_id)


def note_repeated(counts: Mapping[int, tuple[int, int, int]], *, now: datetime) -> None:
    """Count what came that was known already, by account: (messages, statuses, statuses too late).

    Last in a batch: whoever waits for these rows holds everything else that a batch needs.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [(key, *counts[key]) for key in sorted(counts) if any(counts[key])]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO channels_repeated AS r (account_id, hour, messages, statuses, late) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (account_id, hour) DO UPDATE SET "
            "messages = r.messages + EXCLUDED.messages, statuses = r.statuses + EXCLUDED.statuses, "
            "late = r.late + EXCLUDED.late",
            [(key, hour, *three) for key, *three in rows],
        )


def forget_repeated(*, now: datetime) -> None:
    """Forget counts that no page shows any more."""
    Repeated.objects.filter(hour__lt=now - KEEP_REPEATED).delete()
