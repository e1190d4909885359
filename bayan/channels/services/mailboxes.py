"""How far the mailboxes of e-mail accounts have been read."""

from __future__ import annotations

from bayan.channels.adapters.email.mailbox import Found
from bayan.channels.models import Account


def note_mailbox_read(account: Account, found: Found) -> bool:
    """Keep how far the mailbox was read, in the running transaction, which also keeps what was found.

    False when there is nothing new, or somebody else has read on since we looked: then it is theirs.
    """
    fresh = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    before = (account.inbox_generation, account.inbox_position)
    after = (found.generation, found.position)
    if (fresh.inbox_generation, fresh.inbox_position) != before or before == after:
        return False
    Account.objects.filter(pk=account.pk).update(
        inbox_generation=found.generation, inbox_position=found.position
    )
    return True
