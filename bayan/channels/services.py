"""Everything that changes accounts and outgoing messages; the way to the adapters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Outcome, Reaction
from bayan.channels.events import DeliveryStatus, Parsed
from bayan.channels.models import Account, Number, Outgoing, Status
from bayan.core import audit, live, secretbox
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people.models import Contact, Identity

# After this an answer is not coming any more: the request itself times out at 15 s.
IN_FLIGHT = timedelta(seconds=30)
GIVE_UP_AFTER = 8
# How far a message has come; a late lower rank never takes it back. `failed` counts until it arrived.
RANK = {
    "queued": 0,
    "sending": 1,
    "uncertain": 1,
    "sent": 2,
    "failed": 3,
    "delivered": 4,
    "read": 5,
}
# The first play of a voice message implies that it was read.
STATES_OF_STATUS = {
    "sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed",
}  # fmt: skip
ACCOUNTS_CHANGED = "bayan_accounts"

log = structlog.get_logger(__name__)


class TextTooLong(DomainError):
    pass


class NotUncertain(DomainError):
    pass


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
) -> Account:
    """Make the WhatsApp account of this key, or change it; `numbers` maps provider ids to numbers."""
    account, is_new = Account.objects.update_or_create(
        key=key,
        defaults={
            "channel": Account.Channel.WHATSAPP,
            "nature": nature,
            "name": name,
            "base_url": base_url.rstrip("/"),
            "app_secret_locked": secretbox.lock(app_secret),
            "verify_token_locked": secretbox.lock(verify_token),
            "access_token_locked": secretbox.lock(access_token),
        },
    )
    for external_id, display in numbers.items():
        Number.objects.update_or_create(
            external_id=external_id,
            defaults={"account": account, "display": display, "node": node},
        )
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
    return account


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


def text_content(number: Number, text: str) -> dict[str, Any]:
    """The content of a plain text on this number's channel.

    :raises TextTooLong: empty, or longer than the channel carries
    """
    try:
        return ADAPTERS[number.account.channel].text(text)
    except ValueError as error:
        raise TextTooLong(
            _("The text is empty or too long for the channel. Shorten it.")
        ) from error


def choices_content(
    number: Number, text: str, *, button: str, rows: list[tuple[str, str]]
) -> dict[str, Any]:
    """The content of a question with a list of answers, as (id, title).

    :raises TextTooLong: a part is longer than the channel carries
    """
    try:
        return ADAPTERS[number.account.channel].choices(text, button=button, rows=rows)
    except ValueError as error:
        raise TextTooLong(
            _("The text is empty or too long for the channel. Shorten it.")
        ) from error


def send(
    *,
    number: Number,
    contact: Contact,
    content: dict[str, Any],
    node_id: int,
    lane: Outgoing.Lane,
    now: datetime,
    subject: tuple[str, str] = ("", ""),
) -> Outgoing:
    """Queue one message in the running transaction; a dispatcher sends it once that is committed."""
    names = dict(contact.identities.values_list("scheme", "value"))
    row = Outgoing.objects.create(
        node_id=node_id,
        number=number,
        # The provider takes both and prefers the phone; a person may have hidden theirs.
        to_phone=names.get(Identity.Scheme.PHONE, ""),
        to_whatsapp_id=names.get(Identity.Scheme.WHATSAPP, ""),
        content=content,
        lane=lane,
        subject_type=subject[0],
        subject_key=subject[1],
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        not_before=now,
        created_at=now,
    )
    _wake_dispatcher()
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
    _wake_dispatcher()


def claim(*, limit: int, now: datetime) -> list[Outgoing]:
    """Take the next messages to send: the more urgent lane first, each by one dispatcher only."""
    with transaction.atomic():
        ids = list(
            Outgoing.objects.filter(state=Outgoing.State.QUEUED, not_before__lte=now)
            .order_by("lane", "not_before", "pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", flat=True)[:limit]
        )
        Outgoing.objects.filter(pk__in=ids).update(
            state=Outgoing.State.SENDING, claimed_at=now, attempts=F("attempts") + 1
        )
    rows = Outgoing.objects.filter(pk__in=ids).select_related("number__account")
    return sorted(rows, key=lambda row: ids.index(row.pk))


async def deliver(client: Any, row: Outgoing) -> Outcome:
    """Hand a claimed message to its provider; the outcome is settled by `settle`."""
    return await ADAPTERS[row.number.account.channel].send(client, row.number.account, row)


@transaction.atomic
def settle(results: Sequence[tuple[Outgoing, Outcome]], *, now: datetime) -> None:
    """Write down what came of claimed messages. A status that was faster keeps its say."""
    accepted: dict[str, int] = {}
    for row, outcome in results:
        # Another dispatcher may have given us up for dead; unless somebody claimed the row anew since,
        # what we know is the better knowledge.
        waiting = Outgoing.objects.filter(
            pk=row.pk,
            state__in=[Outgoing.State.SENDING, Outgoing.State.UNCERTAIN],
            claimed_at=row.claimed_at,
        )
        if outcome.reaction is Reaction.ACCEPTED:
            accepted[outcome.external_id] = row.pk
            Outgoing.objects.filter(pk=row.pk).update(external_id=outcome.external_id)
            waiting.update(state=Outgoing.State.SENT, sent_at=now, error=None)
        elif outcome.reaction is Reaction.RETRY and row.attempts < GIVE_UP_AFTER:
            # Longer with every attempt, so that a provider in trouble is not hammered.
            pause = max(outcome.wait, timedelta(seconds=1)) * 2 ** min(row.attempts - 1, 6)
            waiting.update(state=Outgoing.State.QUEUED, not_before=now + pause, error=outcome.error)
        elif outcome.reaction is Reaction.UNCERTAIN:
            waiting.update(state=Outgoing.State.UNCERTAIN, error=outcome.error)
        else:
            waiting.update(state=Outgoing.State.FAILED, failed_at=now, error=outcome.error)
        log.info(
            "outgoing.settled",
            outgoing=str(row.public_id),
            outcome=outcome.reaction.value,
            code=(outcome.error or {}).get("code"),
            request_id=row.request_id,
        )
    live.announce((row.node_id, "outgoing", row.public_id) for row, _outcome in results)
    _apply_early_statuses(accepted)


def _apply_early_statuses(accepted: Mapping[str, int]) -> None:
    """Statuses that came before we knew the provider's id, and did not echo ours."""
    early = list(Status.objects.filter(external_id__in=accepted, outgoing=None).order_by("pk"))
    for status in early:
        status.outgoing_id = accepted[status.external_id]
    Status.objects.bulk_update(early, ["outgoing"])
    _move_on(
        [(accepted[s.external_id], s.external_id, s.status, s.provider_at, s.error) for s in early]
    )


@transaction.atomic
def release_stranded(*, now: datetime) -> int:
    """Mark as uncertain what a dispatcher claimed and never settled: it died, or we did.

    Their statuses may still settle them; whoever looks can send them again.
    """
    rows = list(
        Outgoing.objects.filter(
            state=Outgoing.State.SENDING, claimed_at__lt=now - IN_FLIGHT
        ).select_for_update(skip_locked=True)
    )
    Outgoing.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=Outgoing.State.UNCERTAIN, error={"title": "interrupted"}
    )
    live.announce((row.node_id, "outgoing", row.public_id) for row in rows)
    return len(rows)


def apply_statuses(statuses: Iterable[DeliveryStatus]) -> int:
    """Keep what the provider said, each thing once, and move our messages on, never back.

    Returns how many of our messages moved. Statuses of messages that we did not send are kept.
    """
    unique = {(s.external_id, s.status, s.recipient): s for s in statuses}
    if not unique:
        return 0
    rows = [unique[key] for key in sorted(unique)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH said AS (
                SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::uuid[],
                                     %s::timestamptz[], %s::timestamptz[], %s::jsonb[])
                    AS s (external_id, status, recipient, callback, provider_at, received_at, error)
            )
            INSERT INTO channels_status
                (external_id, status, recipient, outgoing_id, provider_at, received_at, error)
            SELECT s.external_id, s.status, s.recipient,
                   coalesce(
                       (SELECT id FROM channels_outgoing o WHERE o.external_id = s.external_id),
                       -- A status may be faster than the answer to the request that made it.
                       (SELECT id FROM channels_outgoing o WHERE o.public_id = s.callback)
                   ),
                   s.provider_at, s.received_at, s.error
            FROM said s
            ON CONFLICT DO NOTHING
            RETURNING outgoing_id, external_id, status, provider_at, error
            """,
            [
                [s.external_id for s in rows],
                [s.status for s in rows],
                [s.recipient for s in rows],
                [_public_id(s.callback) for s in rows],
                [s.provider_at for s in rows],
                [s.received_at for s in rows],
                [json.dumps(s.error) if s.error else None for s in rows],
            ],
        )
        ours = [row for row in cursor.fetchall() if row[0] is not None]
    return _move_on(ours)


def _move_on(said: list[tuple[int, str, str, datetime, Any]]) -> int:
    if not said:
        return 0
    rows = {
        row.pk: row
        for row in Outgoing.objects.filter(pk__in={line[0] for line in said})
        .order_by("pk")
        .select_for_update()
    }
    for pk, external_id, status, provider_at, error in said:
        row, state = rows[pk], STATES_OF_STATUS.get(status)
        row.external_id = row.external_id or external_id
        if state is None:
            continue
        moment = f"{state}_at"
        known = getattr(row, moment)
        # The earliest: "played" says "read" again, and either may come first.
        if known is None or provider_at < known:
            setattr(row, moment, provider_at)
        if RANK[state] > RANK[row.state]:
            row.state = state
        if state == "failed":
            row.error = json.loads(error) if isinstance(error, str) else error
    Outgoing.objects.bulk_update(
        rows.values(),
        ["state", "external_id", "sent_at", "delivered_at", "read_at", "failed_at", "error"],
    )
    live.announce((row.node_id, "outgoing", row.public_id) for row in rows.values())
    return len(rows)


def _wake_dispatcher() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('bayan_outgoing', '')")


def _public_id(callback: str) -> UUID | None:
    try:
        return UUID(callback)
    except ValueError:
        return None
