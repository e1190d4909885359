"""Reading the mailboxes of our e-mail accounts: each letter goes to the journal once, like a webhook's body.

How far a mailbox has been read is written in the transaction that journals the letters: whoever dies in
between reads them again, and nobody journals them twice. A mailbox that is new to us is read from now on.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import structlog
from django.db import Error, connection, transaction

from bayan.channels import services as channels
from bayan.channels.models import Account, Alert

TIMEOUT_SECONDS = 15
# So many letters a time and mailbox; a larger one concerns nobody here.
AT_ONCE = 50
LARGEST = 1024 * 1024
UNREACHABLE = "mailbox_unreachable"

log = structlog.get_logger(__name__)


class MailboxUnreadable(Exception):
    """The server did not answer as it should; the text says how."""


@dataclass(frozen=True)
class Found:
    """What is new in a mailbox."""

    generation: int
    position: int
    letters: tuple[bytes, ...]


def read_mailboxes(*, now: datetime) -> int:
    """Journal what is new in every mailbox; returns how many letters. One that fails holds up no other."""
    read = 0
    for account in Account.objects.filter(channel=Account.Channel.EMAIL).exclude(inbox_url=""):
        try:
            found = look_into(account)
        except (OSError, imaplib.IMAP4.error, MailboxUnreadable) as error:
            log.warning("mailbox.unreadable", account=account.key, error=type(error).__name__)
            channels.raise_alert(
                account,
                UNREACHABLE,
                severity=Alert.Severity.WARNING,
                facts={"details": str(error)[:200].replace("\0", "")},
                now=now,
            )
            continue
        except Error:
            raise
        except Exception:
            # Whatever a stranger's server may answer.
            log.exception("mailbox.failed", account=account.key)
            continue
        read += journal(account, found, now=now)
        channels.settle_alert(account, UNREACHABLE, now=now)
    return read


@transaction.atomic
def journal(account: Account, found: Found, *, now: datetime) -> int:
    """Put these letters into the journal, unless somebody else has read on meanwhile; returns how many."""
    fresh = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    before = (account.inbox_generation, account.inbox_position)
    if (fresh.inbox_generation, fresh.inbox_position) != before:
        return 0
    if before == (found.generation, found.position):
        return 0
    Account.objects.filter(pk=account.pk).update(
        inbox_generation=found.generation, inbox_position=found.position
    )
    if found.letters:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO intake_journal (received_at, account_id, request_id, body) "
                "SELECT now(), %s, '', body FROM unnest(%s::bytea[]) AS body",
                [account.pk, list(found.letters)],
            )
            cursor.execute("SELECT pg_notify('bayan_intake', '')")
    return len(found.letters)


def look_into(account: Account) -> Found:
    """What is new in the account's mailbox; nothing there is changed.

    :raises OSError, imaplib.IMAP4.error, MailboxUnreadable: it could not be read
    """
    parts = urlsplit(account.inbox_url)
    host, is_real = parts.hostname or "", account.nature == Account.Nature.REAL
    context = ssl.create_default_context()
    if parts.scheme == "imaps":
        box: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            host, parts.port or 993, ssl_context=context, timeout=TIMEOUT_SECONDS
        )
    else:
        box = imaplib.IMAP4(host, parts.port or 143, timeout=TIMEOUT_SECONDS)
    try:
        if is_real and parts.scheme == "imap":
            box.starttls(context)
        box.login(account.login, account.access_token)
        return _read(box, account)
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            box.logout()


def _read(box: imaplib.IMAP4, account: Account) -> Found:
    box.select("INBOX", readonly=True)
    generation, following = _number(box, "UIDVALIDITY"), _number(box, "UIDNEXT")
    position = account.inbox_position
    if position is None or account.inbox_generation != generation:
        return Found(generation, max(following - 1, 0), ())
    _state, answers = box.uid("SEARCH", f"UID {position + 1}:*")
    words = (answers[0] or b"").split() if answers else []
    # A server names its last letter even where that is older.
    found = {int(word) for word in words if word.isdigit()}
    keys = sorted(key for key in found if key > position)[:AT_ONCE]
    letters = [letter for key in keys if (letter := _fetch(box, key))]
    return Found(generation, keys[-1] if keys else position, tuple(letters))


def _fetch(box: imaplib.IMAP4, key: int) -> bytes:
    """A letter; empty for one that is too large or gone."""
    _state, answers = box.uid("FETCH", str(key), "(RFC822.SIZE)")
    said = b" ".join(answer for answer in answers if isinstance(answer, bytes))
    size = re.search(rb"RFC822\.SIZE (\d+)", said)
    if size is None or int(size[1]) > LARGEST:
        return b""
    _state, answers = box.uid("FETCH", str(key), "(BODY.PEEK[])")
    for answer in answers:
        if isinstance(answer, tuple) and isinstance(answer[1], bytes):
            return answer[1][:LARGEST]
    return b""


def _number(box: imaplib.IMAP4, name: str) -> int:
    _state, answers = box.response(name)
    value = answers[0] if answers else None
    if not isinstance(value, bytes) or not value.isdigit():
        raise MailboxUnreadable(f"no {name}")
    return int(value)
