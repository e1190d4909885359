"""Taking a letter back: its tasks, what has not left yet, and its links are dead."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.channels.models import Reach
from bayan.core.rls import as_worker
from bayan.correspondence.models import Letter
from bayan.correspondence.services.drafting import WordsMissing
from bayan.correspondence.services.parts import LETTER, NotSent, locked, named, note
from bayan.correspondence.services.sending import RECIPIENT
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.models import Item


@transaction.atomic
def recall(letter_id: UUID, *, reason: str, by: Member, now: datetime) -> Letter:
    """Recall a letter: nobody reads it any more, and whoever was told of it is told that.

    The reason stays in the house.

    :raises WordsMissing: without a reason
    :raises NotSent: it has not left, or is recalled already
    """
    letter = locked(letter_id)
    if letter.state != Letter.State.SENT:
        raise NotSent(_("Only a letter that was sent can be recalled."))
    if not reason.strip():
        raise WordsMissing(_("Write why it is recalled; only your own body reads that."))
    letter.state, letter.recalled_at, letter.changed_at = Letter.State.RECALLED, now, now
    letter.recall_reason = reason.strip()[:1000]
    # The worker tells those who were told of it.
    letter.handed_at = None
    letter.save()
    with as_worker():
        work.withdraw_of((LETTER, str(letter.public_id)), by=by, now=now)
        # Their tasks say no more than that there was one.
        tasks = Item.objects.filter(pk__in=letter.recipients.values("item"))
        tasks.update(title=named(letter), text="")
        keys = [str(key) for key in letter.recipients.values_list("public_id", flat=True)]
        channels.call_off(RECIPIENT, keys, now=now)
        # Whom nothing had left for has nothing to be told about, unless whoever stands in for them was told.
        to_deputies = (
            Reach.objects.filter(subject_type=RECIPIENT, subject_key__in=keys)
            .exclude(member__in=letter.recipients.values("member"))
            .exclude(outgoing=None)
            .exclude(outgoing__error__title="withdrawn")
        )
        unaware = letter.recipients.filter(
            Q(reach__outgoing=None) | Q(reach__outgoing__error__title="withdrawn"),
            reach__isnull=False,
        ).exclude(
            public_id__in=[UUID(key) for key in to_deputies.values_list("subject_key", flat=True)]
        )
        stopped = unaware.update(recall_told_at=now)
    note("letter.recalled", letter, by=by, now=now, stopped=stopped)
    return letter
