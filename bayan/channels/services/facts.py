"""The provider's facts about accounts: asked when they are due, written down, alerts raised and settled.

Each `ask_…` is one step of `channels.syncing`: it asks the provider and writes down what it said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import (
    FlowFacts,
    NumberFacts,
    ProviderRefused,
    Reaction,
    TokenFacts,
)
from bayan.channels.models import (
    Account,
    Alert,
    Flow,
    Number,
    Outgoing,
    Portfolio,
    Quality,
    Template,
)
from bayan.channels.services.accounts import (
    forget_previous_app_secrets,
    refuse_new_token,
    take_new_token,
    with_new_token,
)
from bayan.channels.services.health import raise_alert, settle_alert
from bayan.channels.services.pausing import resume_after_token
from bayan.channels.services.templates import sync_templates
from bayan.core import live

if TYPE_CHECKING:
    import aiohttp

# A few requests an account each time; the provider permits 200 an hour (reference 1.11).
SYNC_EVERY = timedelta(minutes=10)
# Long enough before its end that a new token can be had in office hours.
TOKEN_ENDS_SOON = timedelta(days=14)
# The provider confirms a message within seconds; after so long without a word it does not reach us.
CONFIRMED_WITHIN = timedelta(minutes=5)
NEWEST = 500
LONG_AGO = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger(__name__)


def accounts_to_sync(*, now: datetime) -> list[Account]:
    """The accounts whose facts somebody wants, or are old, or whose templates wait; with their numbers."""
    waiting = Template.objects.filter(
        Q(status=Template.Status.SUBMITTING)
        | (Q(forget_at__lte=now) & ~Q(status=Template.Status.DELETED)),
        account=OuterRef("pk"),
    )
    return list(
        Account.objects.filter(
            Q(sync_wanted_at__lte=now)
            | Q(synced_at=None)
            | Q(synced_at__lte=now - SYNC_EVERY)
            | Exists(waiting)
        )
        .prefetch_related("numbers")
        .order_by("pk")
    )


@transaction.atomic
def note_sync(
    account: Account, *, error: dict[str, Any] | None, began: datetime, now: datetime
) -> None:
    """Write down that the provider was asked everything since `began`, or what went wrong."""
    changes: dict[str, Any] = {"sync_error": error}
    if error is None:
        changes["synced_at"] = now
    Account.objects.filter(pk=account.pk).update(**changes)
    forget_previous_app_secrets(now=now)
    # Whoever wants it since has not been served yet.
    Account.objects.filter(pk=account.pk, sync_wanted_at__lte=began).update(sync_wanted_at=None)
    _announce(account)


async def try_new_token(session: aiohttp.ClientSession, account: Account) -> None:
    """Put a new access token in the old one's place if it opens the account and each of its numbers.

    :raises ProviderRefused: that is not known yet
    """
    if account.new_access_token_locked is None:
        return
    adapter, tried = ADAPTERS[account.channel], with_new_token(account)
    facts = await adapter.token_facts(session, tried)
    error: dict[str, Any] | None = None if facts.is_valid else {"code": 190}
    for number in account.numbers.all() if facts.is_valid else ():
        try:
            await adapter.number_facts(session, tried, number.external_id)
        except ProviderRefused as refusal:
            if refusal.outcome.reaction in {Reaction.RETRY, Reaction.WAIT}:
                raise
            error = {**(refusal.outcome.error or {}), "number": number.display}
            break
    if error:
        await sync_to_async(refuse_new_token)(account, error, now=timezone.now())
        return
    taken = await sync_to_async(_take_new_token)(account, facts, now=timezone.now())
    if taken:
        # The steps that follow use it already.
        account.access_token_locked = tried.access_token_locked


@transaction.atomic
def _take_new_token(account: Account, facts: TokenFacts, *, now: datetime) -> bool:
    if not take_new_token(account, expires_at=facts.expires_at, now=now):
        return False
    resume_after_token(account, now=now)
    return True


async def ask_token(session: aiohttp.ClientSession, account: Account) -> None:
    """Ask whether the account's access token is still good."""
    facts = await ADAPTERS[account.channel].token_facts(session, account)
    await sync_to_async(keep_token_facts)(account, facts, now=timezone.now())


async def ask_numbers(session: aiohttp.ClientSession, account: Account) -> None:
    """Ask how each number of the account stands; one that is refused does not hide the others."""
    first_refusal: ProviderRefused | None = None
    for number in account.numbers.all():
        try:
            facts = await ADAPTERS[account.channel].number_facts(
                session, account, number.external_id
            )
        except ProviderRefused as refusal:
            first_refusal = first_refusal or refusal
        else:
            await sync_to_async(keep_number_facts)(number, facts, now=timezone.now())
    if first_refusal:
        raise first_refusal


async def ask_flows(session: aiohttp.ClientSession, account: Account) -> None:
    """Ask which forms the account has."""
    if account.business_id:
        adapter = ADAPTERS[account.channel]
        facts = await adapter.flow_facts(session, account)
        await sync_to_async(keep_flow_facts)(account, facts)
        # What is published never changes: it is read once.
        async for flow in Flow.objects.filter(
            account=account, status="PUBLISHED", first_screen=None
        ):
            try:
                flow.first_screen = await adapter.first_screen(session, account, flow.external_id)
            except ProviderRefused as refusal:
                # It can still be sent; the provider then says whether the form knows its beginning.
                log.warning("flow.unread", account=account.key, error=str(refusal))
            else:
                await flow.asave(update_fields=["first_screen"])


async def ask_templates(session: aiohttp.ClientSession, account: Account) -> None:
    """Hand in what is submitted, and ask how each template stands."""
    if account.business_id:
        await sync_templates(session, account)


async def watch_silence(session: aiohttp.ClientSession, account: Account) -> None:
    """Notice that messages go out and nothing comes back."""
    await sync_to_async(_keep_silence)(account, now=timezone.now())


def silent_among(accounts: Iterable[Account], *, now: datetime) -> set[int]:
    """The accounts, by key, that sent a message a while ago and have heard nothing since."""
    late = now - CONFIRMED_WITHIN
    # Text messages and e-mails may have no receipt at all.
    heard = {account.pk: account.last_webhook_at for account in accounts if account.is_whatsapp}
    wanted = {key for key, at in heard.items() if at is None or at <= late}
    if not wanted:
        return set()
    # Only the newest: what was sent before them was sent before `heard`, or they were too.
    newest = Outgoing.objects.exclude(claimed_at=None).order_by("-pk")
    sent = newest.values_list("number__account", "sent_at")[:NEWEST]
    return {
        key
        for key, sent_at in sent
        if key in wanted and sent_at and sent_at < late and sent_at > (heard[key] or LONG_AGO)
    }


@transaction.atomic
def _keep_silence(account: Account, *, now: datetime) -> None:
    account = Account.objects.get(pk=account.pk)
    if silent_among([account], now=now):
        raise_alert(account, "webhooks_silent", severity=Alert.Severity.CRITICAL, now=now)
    elif account.last_webhook_at and account.last_webhook_at > now - SYNC_EVERY:
        settle_alert(account, "webhooks_silent", now=now)


@transaction.atomic
def keep_token_facts(account: Account, facts: TokenFacts, *, now: datetime) -> None:
    """Write down how the token stands; raise or settle the alerts about it."""
    locked = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if bytes(locked.access_token_locked) != bytes(account.access_token_locked):
        # Another token took its place while we asked.
        return
    was_refused = locked.token_is_valid is False
    locked.token_checked_at, locked.token_is_valid = now, facts.is_valid
    locked.token_expires_at = facts.expires_at
    locked.save(update_fields=["token_checked_at", "token_is_valid", "token_expires_at"])
    if facts.is_valid:
        settle_alert(account, "token_refused", now=now)
        if was_refused:
            resume_after_token(account, now=now)
    else:
        raise_alert(account, "token_refused", severity=Alert.Severity.CRITICAL, now=now)
    if facts.is_valid and facts.expires_at and facts.expires_at - now < TOKEN_ENDS_SOON:
        raise_alert(
            account,
            "token_expires",
            severity=Alert.Severity.WARNING,
            facts={"at": facts.expires_at.isoformat()},
            now=now,
        )
    else:
        settle_alert(account, "token_expires", now=now)


@transaction.atomic
def keep_number_facts(number: Number, facts: NumberFacts, *, now: datetime) -> None:
    """Write down how a number stands; raise or settle the alert about its quality."""
    told = {
        "verified_name": facts.verified_name,
        "name_status": facts.name_status,
        "quality": facts.quality,
        "throughput": facts.throughput,
    }
    changes = {
        name: value for name, value in told.items() if value and value != getattr(number, name)
    }
    if changes:
        Number.objects.filter(pk=number.pk).update(**changes)
        live.announce([(number.node_id, "health", number.account.key)])
    if facts.knows_limit:
        Portfolio.objects.filter(pk=number.account.portfolio_id).exclude(
            daily_limit=facts.daily_limit
        ).update(daily_limit=facts.daily_limit)
    if facts.quality == Quality.RED:
        raise_alert(
            number.account, "quality_low", severity=Alert.Severity.WARNING, number=number, now=now
        )
    elif facts.quality:
        settle_alert(number.account, "quality_low", number=number, now=now)


@transaction.atomic
def keep_flow_facts(account: Account, facts: Iterable[FlowFacts]) -> None:
    """Bring our list of the account's forms in line with the provider's."""
    told = {each.external_id: each for each in facts}
    known = {flow.external_id: flow for flow in Flow.objects.filter(account=account)}
    Flow.objects.filter(account=account).exclude(external_id__in=told).delete()
    Flow.objects.bulk_create(
        Flow(account=account, external_id=key, name=each.name, status=each.status)
        for key, each in told.items()
        if key not in known
    )
    changed = [
        flow
        for key, flow in known.items()
        if key in told and (flow.name, flow.status) != (told[key].name, told[key].status)
    ]
    for flow in changed:
        flow.name, flow.status = told[flow.external_id].name, told[flow.external_id].status
    Flow.objects.bulk_update(changed, ["name", "status"])


def _announce(account: Account) -> None:
    nodes = Number.objects.filter(account=account).values_list("node_id", flat=True)
    live.announce((node_id, "health", account.key) for node_id in nodes)
