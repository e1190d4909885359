"""Reading the mailboxes of our e-mail accounts: each letter goes to the journal once, like a webhook's body.

How far a mailbox has been read is written in the transaction that journals the letters: whoever dies in
between reads them again, and nobody journals them twice. A mailbox that is new to us is read from now on.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import Error, connection, transaction

from bayan.channels import services as channels
from bayan.channels.models import Account, Alert

UNREACHABLE = "mailbox_unreachable"

log = structlog.get_logger(__name__)


def read_mailboxes(*, now: datetime) -> int:
    """Journal what is new in every mailbox; returns how many letters. One that fails holds up no other."""
    read = 0
    for account in Account.objects.filter(channel=Account.Channel.EMAIL).exclude(inbox_url=""):
        try:
            found = channels.look_into_mailbox(account)
        except channels.MailboxUnreadable as error:
            log.warning("mailbox.unreadable", account=account.key)
            with transaction.atomic():
                channels.raise_alert(
                    account,
                    UNREACHABLE,
                    severity=Alert.Severity.WARNING,
                    facts={"details": str(error).replace("\0", "")},
                    now=now,
                )
        except Error:
            raise
        except Exception:
            # Whatever a stranger's server may answer.
            log.exception("mailbox.failed", account=account.key)
        else:
            read += journal(account, found, now=now)
            channels.settle_alert(account, UNREACHABLE, now=now)
    return read


@transaction.atomic
def journal(account: Account, found: channels.FoundLetters, *, now: datetime) -> int:
    """Put these letters into the journal, unless somebody else has read on meanwhile; returns how many."""
    if not channels.note_mailbox_read(account, found):
        return 0
    if found.letters:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO intake_journal (received_at, account_id, request_id, body) "
                "SELECT %s, %s, '', body FROM unnest(%s::bytea[]) AS body",
                [now, account.pk, list(found.letters)],
            )
            cursor.execute("SELECT pg_notify('bayan_intake', '')")
    return len(found.letters)
