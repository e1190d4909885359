"""Outgoing messages: queued, claimed, settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Outcome, Reaction
from bayan.channels.models import Number, Outgoing
from bayan.channels.services.statuses import apply_early
from bayan.core import live
from bayan.core.errors import DomainError
from bayan.people.models import Contact, Identity

# After this an answer is not coming any more: the request itself times out at 15 s.
IN_FLIGHT = timedelta(seconds=30)
GIVE_UP_AFTER = 8

log = structlog.get_logger(__name__)


class TextTooLong(DomainError):
    pass


class NotUncertain(DomainError):
    pass


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
    apply_early(accepted)


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


def wake_dispatcher() -> None:
    """Tell the dispatchers, once this is committed, that there is something to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('bayan_outgoing', '')")
