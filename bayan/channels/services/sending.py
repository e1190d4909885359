"""Outgoing messages: queued, held, taken back; handed to the provider."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.channels.models import Account, Media, Number, Outgoing, Template
from bayan.core import live
from bayan.core.errors import DomainError
from bayan.people.models import Contact, Identity

# A window of the provider's (reference 1.9).
WINDOW = timedelta(hours=24)


class NotUncertain(DomainError):
    pass


class NotHeld(DomainError):
    pass


class NobodyToWriteTo(DomainError):
    pass


def send(
    *,
    number: Number,
    contact: Contact,
    content: dict[str, Any],
    node_id: int,
    lane: Outgoing.Lane,
    now: datetime,
    subject: tuple[str, str] = ("", ""),
    media: Media | None = None,
    template: Template | None = None,
    window_until: datetime | None = None,
    expires_at: datetime | None = None,
    held: bool = False,
) -> Outgoing:
    """Queue one message in the running transaction; a dispatcher sends it once that is committed.

    `window_until` says until when the person may be written to freely; what is no template fails after
    it without being sent. A `held` message waits until the person writes (`release_held`).

    :raises NobodyToWriteTo: no way is known in which the channel reaches this person
    """
    names = dict(contact.identities.values_list("scheme", "value"))
    row = Outgoing.objects.create(
        node_id=node_id,
        number=number,
        contact=contact,
        **_addressed(number, names),
        content=content,
        media=media,
        template=template,
        lane=lane,
        subject_type=subject[0],
        subject_key=subject[1],
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        state=Outgoing.State.HELD if held else Outgoing.State.QUEUED,
        window_until=window_until,
        expires_at=expires_at,
        not_before=now,
        created_at=now,
    )
    if not held:
        wake_dispatcher()
    return row


@transaction.atomic
def resend(outgoing: Outgoing, *, now: datetime) -> None:
    """Queue an uncertain message again, now that a person accepts that it might arrive twice.

    :raises NotUncertain: meanwhile a status has settled it
    """
    changed = Outgoing.objects.filter(pk=outgoing.pk, state=Outgoing.State.UNCERTAIN).update(
        state=Outgoing.State.QUEUED, not_before=now, attempts=0, error=None
    )
    if not changed:
        raise NotUncertain(_("This message has been settled meanwhile; it was not sent again."))
    live.announce([(outgoing.node_id, "outgoing", outgoing.public_id)])
    wake_dispatcher()


@transaction.atomic
def withdraw(outgoing_id: UUID, *, now: datetime) -> Outgoing:
    """Take back a message that waits for the person to write; it fails with the error "withdrawn".

    :raises NotHeld: it is on its way already, or was sent
    """
    changed = Outgoing.objects.filter(
        public_id=outgoing_id, state=Outgoing.State.HELD, broadcast=None
    ).update(state=Outgoing.State.FAILED, failed_at=now, error={"title": "withdrawn"})
    if not changed:
        raise NotHeld(_("This message is already on its way; it cannot be taken back."))
    row = Outgoing.objects.get(public_id=outgoing_id)
    live.announce([(row.node_id, "outgoing", row.public_id)])
    return row


def release_held(writers: Mapping[tuple[int, int], datetime]) -> int:
    """Let go what waited for these people to write: (contact's id, number's id) → when they wrote.

    Returns how many messages go out now, in the order in which they were written.
    """
    if not writers:
        return 0
    keys = sorted(writers)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE channels_outgoing o SET state = 'queued', not_before = w.wrote_at, "
            "window_until = w.wrote_at + make_interval(secs => %s) "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) "
            "AS w (contact_id, number_id, wrote_at) "
            "WHERE o.state = 'held' AND o.broadcast_id IS NULL "
            "AND o.contact_id = w.contact_id AND o.number_id = w.number_id "
            "RETURNING o.node_id, o.public_id",
            [
                WINDOW.total_seconds(),
                [contact_id for contact_id, _number_id in keys],
                [number_id for _contact_id, number_id in keys],
                [writers[key] for key in keys],
            ],
        )
        released = cursor.fetchall()
    live.announce((node_id, "outgoing", public_id) for node_id, public_id in released)
    if released:
        wake_dispatcher()
    return len(released)


def forget_words(keys: Iterable[int]) -> int:
    """Take the words out of messages that are done with: a secret is worth nothing after its time.

    What is still on its way keeps them. Returns how many messages were emptied.
    """
    on_the_way = [Outgoing.State.HELD, Outgoing.State.QUEUED, Outgoing.State.SENDING]
    rows = Outgoing.objects.filter(pk__in=keys).exclude(state__in=on_the_way)
    # What is emptied already is not written again.
    return rows.exclude(content={}).update(content={})


@transaction.atomic
def expire_held(*, now: datetime) -> int:
    """Let fail what waited for a person too long. Returns how many."""
    held = Outgoing.objects.filter(
        state=Outgoing.State.HELD, broadcast=None, expires_at__lte=now
    ).select_for_update(skip_locked=True)
    rows = list(held)
    Outgoing.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=Outgoing.State.FAILED, failed_at=now, error={"title": "expired"}
    )
    live.announce((row.node_id, "outgoing", row.public_id) for row in rows)
    return len(rows)


# What is put off until somebody lets it go waits until then: no claim looks so far ahead.
PUT_OFF = datetime(2100, 1, 1, tzinfo=UTC)


@transaction.atomic
def send_each(rows: Sequence[Outgoing], *, now: datetime) -> list[Outgoing]:
    """Queue these messages, each for its contact, with as many statements for one as for hundreds.

    Who it goes to, its number and its content are the caller's; a row that is `HELD` waits as in `send`.

    :raises NobodyToWriteTo: of one of them no way is known in which the channel reaches them
    """
    names = names_of([row.contact_id for row in rows if row.contact_id])
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    for row in rows:
        known = _addressed(row.number, names.get(row.contact_id or 0, {}))
        row.to_phone, row.to_whatsapp_id = known["to_phone"], known["to_whatsapp_id"]
        row.to_email = known["to_email"]
        row.request_id, row.not_before, row.created_at = request_id, now, now
    made = Outgoing.objects.bulk_create(rows)
    wake_dispatcher()
    return made


def _addressed(number: Number, names: Mapping[str, str]) -> dict[str, str]:
    """Where a message of this number goes to a person of these names.

    :raises NobodyToWriteTo: the channel knows none of them
    """
    account = number.account
    is_email = account.channel == Account.Channel.EMAIL
    # WhatsApp takes both and prefers the phone; a person may have hidden theirs.
    found = {
        "to_phone": "" if is_email else names.get(Identity.Scheme.PHONE, ""),
        "to_whatsapp_id": names.get(Identity.Scheme.WHATSAPP, "") if account.is_whatsapp else "",
        "to_email": names.get(Identity.Scheme.EMAIL, "") if is_email else "",
    }
    if not any(found.values()):
        raise NobodyToWriteTo(_("No number of who wrote this is known: it was passed on."))
    return found


def names_of(contacts: Collection[int]) -> dict[int, dict[str, str]]:
    """By what the channels know these contacts: scheme → value, for each that is known at all."""
    found: dict[int, dict[str, str]] = {}
    rows = Identity.objects.filter(contact__in=contacts)
    for contact, scheme, value in rows.values_list("contact", "scheme", "value"):
        found.setdefault(contact, {})[scheme] = value
    return found


def withdraw_each(ids: Collection[int], *, now: datetime) -> set[int]:
    """Take back those of these messages that no dispatcher has claimed. Returns the ids of those.

    A claim takes a row only as long as it is queued, and so does this: one of the two gets it.
    """
    return _unclaimed(
        ids,
        "SET state = 'failed', failed_at = %s, error = '{\"title\": \"withdrawn\"}' "
        "WHERE state IN ('queued', 'held')",
        now,
    )


def put_off_each(ids: Collection[int]) -> set[int]:
    """Let those of these messages wait that no dispatcher has claimed, until `let_go_each`."""
    return _unclaimed(ids, "SET not_before = %s WHERE state = 'queued'", PUT_OFF)


def let_go_each(ids: Collection[int], *, now: datetime) -> set[int]:
    """Let those of these messages leave that `put_off_each` made wait."""
    gone = _unclaimed(ids, "SET not_before = %s WHERE state = 'queued'", now)
    wake_dispatcher()
    return gone


def _unclaimed(ids: Collection[int], change: str, moment: datetime) -> set[int]:
    if not ids:
        return set()
    with connection.cursor() as cursor:
        # Claims hold this row, then messages; taking them in the same order nobody waits in a circle.
        cursor.execute(
            "SELECT 1 FROM channels_pace WHERE number_id IN "
            "(SELECT number_id FROM channels_outgoing WHERE id = ANY (%s)) "
            "ORDER BY number_id FOR UPDATE",
            [list(ids)],
        )
        cursor.execute(
            f"UPDATE channels_outgoing {change} AND id = ANY (%s) "  # constants
            "RETURNING id, node_id, public_id",
            [moment, list(ids)],
        )
        rows = cursor.fetchall()
    live.announce((node_id, "outgoing", public_id) for _id, node_id, public_id in rows)
    return {row[0] for row in rows}


def wake_dispatcher() -> None:
    """Tell the dispatchers, once this is committed, that there is something to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('bayan_outgoing', '')")
