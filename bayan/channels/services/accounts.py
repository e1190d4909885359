"""Accounts with their numbers and secrets; secrets change without a gap."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from bayan.channels.models import Account, Number, Pace, Portfolio
from bayan.core import audit, live, secretbox
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member

ACCOUNTS_CHANGED = "bayan_accounts"
SYNC_WANTED = "bayan_sync"
# The provider may still deliver what it signed with the old secret (reference 1.2).
LONGEST_OVERLAP = timedelta(days=7)
SECRETS = ("app_secret", "verify_token", "access_token")
# Messages a second. One gateway documents 100 requests a minute, the other none (reference 2.8); a mail
# server takes a few connections at once.
RATES = {Account.Channel.UNIFONIC: 10, Account.Channel.TAQNYAT: 1, Account.Channel.EMAIL: 5}


class AccountExists(DomainError):
    pass


class NumberTaken(DomainError):
    pass


class NumberInUse(DomainError):
    pass


class SecretUnchanged(DomainError):
    pass


class OverlapTooLong(DomainError):
    pass


class NoNewToken(DomainError):
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
    business_id: str = "",
    portfolio: str = "",
    channel: Account.Channel = Account.Channel.WHATSAPP,
    login: str = "",
    inbox_url: str = "",
    sender_class: str = "",
    by: audit.Actor = audit.SYSTEM,
) -> Account:
    """Make the account of this key, or change it; `numbers` maps provider ids to numbers.

    Of text messages a number is a sender's name of this kind, of e-mail an address; what signs webhooks
    and what else such an account has not is made up by `gateway_secrets`.

    Accounts of one business share a `portfolio`, which has the messaging limit; without its key the
    account has one of its own. The secrets take the place of the old ones at once.
    """
    before = Account.objects.filter(key=key).first()
    given = dict(zip(SECRETS, (app_secret, verify_token, access_token), strict=True))
    business, _is_new = Portfolio.objects.get_or_create(key=portfolio or key)
    account, is_new = Account.objects.update_or_create(
        key=key,
        defaults={
            "channel": channel,
            "nature": nature,
            "name": name,
            "portfolio": business,
            "business_id": business_id,
            "base_url": base_url.rstrip("/"),
            "login": login,
            "inbox_url": inbox_url.rstrip("/"),
            **{f"{which}_locked": secretbox.lock(secret) for which, secret in given.items()},
        },
    )
    for external_id, display in numbers.items():
        number, _is_new = Number.objects.update_or_create(
            external_id=external_id,
            defaults={"account": account, "display": display, "node": node}
            | _of_sender(account, sender_class),
        )
        Pace.objects.get_or_create(number=number, defaults={"next_at": now})
    _record(
        account,
        "account.created" if is_new else "account.changed",
        by=by,
        now=now,
        node=node,
        nature=nature,
    )
    if before:
        for which, secret in given.items():
            if _opened(before, which) != secret:
                _record(account, f"account.{which}_changed", by=by, now=now, node=node)
    _announce(account, now=now)
    return account


@transaction.atomic
def create_account(
    *, key: str, numbers: Mapping[str, str], node: Node, by: Member, now: datetime, **facts: Any
) -> Account:
    """Make an account as `save_account` does, but never change one nor take another's number.

    :raises AccountExists: this key is taken
    :raises NumberTaken: another account has the number
    """
    if Account.objects.filter(key=key).exists():
        raise AccountExists(_("An account with this key exists. Choose another key."))
    account = save_account(key=key, numbers={}, node=node, by=by, now=now, **facts)
    for external_id, display in numbers.items():
        save_number(
            account, external_id=external_id, display=display, node=node, by=by, now=now,
            sender_class=facts.get("sender_class", ""),
        )  # fmt: skip
    return account


def sender_id(key: str, name: str) -> str:
    """As which a sender's name of this account is known: two gateways may have the same one."""
    return f"{key}:{name}"


def gateway_secrets() -> dict[str, str]:
    """What an account needs that signs nothing: a token for the end of its callback's address."""
    return {"app_secret": secrets.token_urlsafe(24), "verify_token": secrets.token_urlsafe(24)}


@transaction.atomic
def change_gateway(
    account: Account,
    *,
    name: str,
    base_url: str,
    by: Member,
    now: datetime,
    login: str = "",
    inbox_url: str = "",
) -> Account:
    """Change what is no secret of an account of text messages or e-mail."""
    account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if account.inbox_url != inbox_url.rstrip("/"):
        # Another mailbox is read from its beginning.
        account.inbox_generation = account.inbox_position = None
    account.name, account.base_url = name, base_url.rstrip("/")
    account.login, account.inbox_url = login, inbox_url.rstrip("/")
    account.save(
        update_fields=[
            "name", "base_url", "login", "inbox_url", "inbox_generation", "inbox_position",
        ]
    )  # fmt: skip
    _record(account, "account.changed", by=by, now=now)
    _announce(account, now=now)
    return account


@transaction.atomic
def change_account(
    account: Account,
    *,
    name: str,
    base_url: str,
    api_version: str,
    business_id: str,
    portfolio: str,
    reserve_percent: int,
    asks_where: bool,
    by: Member,
    now: datetime,
) -> Account:
    """Change what is no secret of an account; the reserve holds for its whole portfolio."""
    business, _is_new = Portfolio.objects.get_or_create(key=portfolio or account.key)
    Portfolio.objects.filter(pk=business.pk).update(reserve_percent=reserve_percent)
    account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    account.name, account.base_url = name, base_url.rstrip("/")
    account.api_version, account.business_id = api_version, business_id
    account.portfolio = business
    switched: dict[str, Any] = (
        {} if account.asks_where == asks_where else {"asks_where": asks_where}
    )
    account.asks_where = asks_where
    account.save(
        update_fields=[
            "name", "base_url", "api_version", "business_id", "portfolio", "asks_where",
        ]
    )  # fmt: skip
    _record(account, "account.changed", by=by, now=now, **switched)
    _announce(account, now=now)
    return account


@transaction.atomic
def save_number(
    account: Account,
    *,
    external_id: str,
    display: str,
    node: Node,
    by: Member,
    now: datetime,
    sender_class: str = "",
) -> Number:
    """Give the account a number, or change how its own is shown and whose it is.

    :raises NumberTaken: another account has it
    """
    known = Number.objects.filter(external_id=external_id).first()
    if known and known.account_id != account.pk:
        raise NumberTaken(_("Another account has this number. Check the phone number id."))
    number, is_new = Number.objects.update_or_create(
        external_id=external_id,
        defaults={"account": account, "display": display, "node": node}
        | _of_sender(account, sender_class),
    )
    _give_pace(number, now=now)
    action = "number.added" if is_new else "number.changed"
    _record(account, action, by=by, now=now, node=node, number=external_id)
    _announce(account, now=now)
    return number


@transaction.atomic
def remove_number(number: Number, *, by: Member, now: datetime) -> None:
    """Remove a number that was never used, because it was mistyped.

    :raises NumberInUse: messages came or went through it, or it is the account's only one
    """
    account, external_id, node = number.account, number.external_id, number.node
    if account.numbers.count() == 1:
        raise NumberInUse(_("An account has one number at least. Add the right one first."))
    try:
        # With its pace, which is the dispatcher's.
        with as_worker():
            number.delete()
    except (ProtectedError, IntegrityError) as error:
        raise NumberInUse(
            _("Messages belong to this number, so it stays. Stop it instead.")
        ) from error
    _record(account, "number.removed", by=by, now=now, node=node, number=external_id)
    _announce(account, now=now)


@transaction.atomic
def rotate_app_secret(
    account: Account,
    secret: str,
    *,
    keep_previous_until: datetime,
    now: datetime,
    by: audit.Actor = audit.SYSTEM,
) -> None:
    """Take webhooks signed with a new app secret too, beside the old one until that moment.

    :raises SecretUnchanged: it is the one we have
    :raises OverlapTooLong: the old one would be taken for longer than anybody needs
    """
    account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if _opened(account, "app_secret") == secret:
        raise SecretUnchanged(_("This is the app secret that is in use."))
    if keep_previous_until - now > LONGEST_OVERLAP:
        raise OverlapTooLong(_("Keep the old app secret for seven days at most."))
    account.previous_app_secret_locked = account.app_secret_locked
    account.previous_app_secret_until = keep_previous_until
    account.app_secret_locked = secretbox.lock(secret)
    account.save(
        update_fields=[
            "previous_app_secret_locked",
            "previous_app_secret_until",
            "app_secret_locked",
        ]
    )
    until = keep_previous_until.isoformat()
    _record(account, "account.app_secret_changed", by=by, now=now, until=until)
    _announce(account, now=now)


@transaction.atomic
def end_previous_app_secret(account: Account, *, by: Member, now: datetime) -> None:
    """Take nothing signed with the app secret before this one any more; harmless when there is none."""
    ended = Account.objects.filter(pk=account.pk).exclude(previous_app_secret_until=None)
    if ended.update(previous_app_secret_locked=None, previous_app_secret_until=None):
        _record(account, "account.previous_app_secret_ended", by=by, now=now)
        _announce(account, now=now)


def forget_previous_app_secrets(*, now: datetime) -> int:
    """Remove what nobody may use any more. Returns how many."""
    return Account.objects.filter(previous_app_secret_until__lte=now).update(
        previous_app_secret_locked=None, previous_app_secret_until=None
    )


@transaction.atomic
def change_verify_token(
    account: Account, token: str, *, now: datetime, by: audit.Actor = audit.SYSTEM
) -> None:
    """Answer the provider's next handshake with this verify token only."""
    Account.objects.filter(pk=account.pk).update(verify_token_locked=secretbox.lock(token))
    _record(account, "account.verify_token_changed", by=by, now=now)
    _announce(account, now=now)


@transaction.atomic
def offer_access_token(
    account: Account, token: str, *, now: datetime, by: Member | None = None
) -> None:
    """Hand in a new access token. The provider is asked about it first; until then the old one is used.

    :raises SecretUnchanged: it is the one we have, and it is good
    """
    account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if _opened(account, "access_token") == token and account.token_is_valid:
        raise SecretUnchanged(_("This is the access token that is in use."))
    account.new_access_token_locked = secretbox.lock(token)
    account.new_access_token_at, account.new_access_token_by = now, by
    account.new_access_token_error = None
    account.save(
        update_fields=[
            "new_access_token_locked",
            "new_access_token_at",
            "new_access_token_by",
            "new_access_token_error",
        ]
    )
    _record(account, "account.access_token_offered", by=by or audit.SYSTEM, now=now)
    _announce(account, now=now)


def with_new_token(account: Account) -> Account:
    """The account as it would be with the token that was handed in, to try it.

    :raises NoNewToken: none was
    """
    if account.new_access_token_locked is None:
        raise NoNewToken(_("No new access token waits."))
    changed = copy.copy(account)
    changed.access_token_locked = account.new_access_token_locked
    return changed


@transaction.atomic
def take_new_token(account: Account, *, expires_at: datetime | None, now: datetime) -> bool:
    """Put the token that was handed in in the old one's place, since the provider knows it.

    False when another was handed in meanwhile: that one has to be tried first.
    """
    locked = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if not _is_still_offered(locked, account):
        return False
    by = locked.new_access_token_by
    locked.access_token_locked = locked.new_access_token_locked
    locked.new_access_token_locked = locked.new_access_token_at = None
    locked.new_access_token_by = locked.new_access_token_error = None
    locked.token_is_valid, locked.token_checked_at = True, now
    locked.token_expires_at = expires_at
    locked.save()
    _record(locked, "account.access_token_changed", by=by or audit.SYSTEM, now=now)
    _announce(locked, now=now, sync=False)
    return True


@transaction.atomic
def refuse_new_token(account: Account, error: Mapping[str, Any], *, now: datetime) -> bool:
    """Throw the token that was handed in away, since the provider does not take it, and say why.

    False when another was handed in meanwhile.
    """
    locked = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if not _is_still_offered(locked, account):
        return False
    by = locked.new_access_token_by
    locked.new_access_token_locked = None
    locked.new_access_token_error = dict(error)
    locked.save(update_fields=["new_access_token_locked", "new_access_token_error"])
    _record(locked, "account.access_token_refused", by=by or audit.SYSTEM, now=now)
    _announce(locked, now=now, sync=False)
    return True


@transaction.atomic
def want_sync(account: Account, *, now: datetime) -> None:
    """Have the provider asked about this account then, at the earliest when this is committed."""
    # The latest wish counts: what is being asked already may be older than it.
    Account.objects.filter(pk=account.pk).update(sync_wanted_at=now)
    _notify(SYNC_WANTED)


def _of_sender(account: Account, sender_class: str) -> dict[str, Any]:
    """What is particular to a sender that is no WhatsApp number."""
    if account.is_whatsapp:
        return {}
    rate = {"throughput": RATES[Account.Channel(account.channel)]}
    return rate | ({"sender_class": sender_class} if sender_class else {})


def _give_pace(number: Number, *, now: datetime) -> None:
    # How fast a number sends is the dispatcher's business: the web's role does not see it.
    with as_worker():
        Pace.objects.get_or_create(number=number, defaults={"next_at": now})


def _is_still_offered(locked: Account, tried: Account) -> bool:
    offered = locked.new_access_token_locked
    return (
        offered is not None
        and tried.new_access_token_locked is not None
        and bytes(offered) == bytes(tried.new_access_token_locked)
    )


def _opened(account: Account, which: str) -> str | None:
    """A secret in the clear; None when it was locked with another key, which is no secret of ours."""
    try:
        return str(getattr(account, which))
    except InvalidToken:
        return None


def owner_of(account: Account) -> Node:
    """The body whose business an account is: that of all its numbers, or the desk."""
    nodes = {
        number.node for number in Number.objects.filter(account=account).select_related("node")
    }
    return nodes.pop() if len(nodes) == 1 else organisation.desk()


def _record(
    account: Account,
    action: str,
    *,
    by: audit.Actor,
    now: datetime,
    node: Node | None = None,
    **details: Any,
) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="account",
            subject_key=account.key,
            by=by,
            at=now,
            node_id=(node or owner_of(account)).pk,
            details=details,
        )
    )


def _announce(account: Account, *, now: datetime, sync: bool = True) -> None:
    """Tell the intake, the screens and whoever asks the provider."""
    _notify(ACCOUNTS_CHANGED)
    nodes = Number.objects.filter(account=account).values_list("node_id", flat=True)
    live.announce((node_id, "health", account.key) for node_id in nodes)
    if sync:
        want_sync(account, now=now)


def _notify(channel: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [channel])
