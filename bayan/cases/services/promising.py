"""Telling those who follow a matter by when to expect news of it: once for each time that this changes.

It waits a few minutes, so that whoever corrects a promise at once says it to nobody twice. Each hears in
their own conversation, under their own number and within its window, as of the end (`telling`).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case
from bayan.cases.services.clocks import CASE, UPDATE
from bayan.cases.services.telling import is_same
from bayan.cases.whole.models import Follower, Promised
from bayan.core.errors import DomainError
from bayan.core.queries import Waits
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.work import services as work
from bayan.work.models import Clock

BATCH = 50


def tell_promises(*, now: datetime, limit: int = BATCH) -> int:
    """Tell followers of the next promise that has stayed for some minutes; run by the worker.

    What was promised and is over by then, by an answer or the end, is told to nobody. Returns how many were
    looked at.
    """
    if not _WAITS(now):
        return 0
    with transaction.atomic():
        return _tell(now=now, limit=limit)


def _due(now: datetime) -> QuerySet[Promised]:
    return Promised.objects.filter(due_at__lte=now)


_WAITS = Waits(lambda now: (_due(now),), datetime)


def _tell(*, now: datetime, limit: int) -> int:
    promised = (
        _due(now)
        .select_related("case")
        .order_by("due_at", "pk")
        .select_for_update(of=("self",), skip_locked=True)
        .first()
    )
    if promised is None:
        return 0
    case = promised.case
    clock = Clock.objects.filter(
        subject_type=CASE, subject_key=case.reference, name=UPDATE, ended_at=None
    ).first()
    rows: list[Follower] = []
    if clock is not None and clock.due_at > now and not case.is_closed:
        rows = list(
            Follower.objects.filter(case=case, stopped_at=None, told_at=None)
            .filter(Q(promised_until=None) | ~Q(promised_until=clock.due_at))
            .select_related("own")
            .order_by("own__conversation_id", "pk")[:limit]
        )
    if clock is None or not rows:
        promised.due_at = None
        promised.save(update_fields=["due_at"])
        return 1
    # Conversations first, then followers, as everybody does: two orders would wait for each other.
    conversations = inbox.lock_conversations({row.own.conversation_id for row in rows})
    locked = Follower.objects.filter(pk__in=[row.pk for row in rows], stopped_at=None, told_at=None)
    current = set(locked.select_for_update(of=("self",)).values_list("pk", flat=True))
    heard: set[int] = set()
    for row in rows:
        if row.pk not in current:
            continue
        _take_back(row, now=now)
        conversation = conversations[row.own.conversation_id]
        row.promised, row.promised_until = None, clock.due_at
        if not row.own.is_closed and is_same(row.own, case) and conversation.pk not in heard:
            # Who follows it by two reports hears it once.
            heard.add(conversation.pk)
            row.promised = _say(conversation, row.own, clock.due_at, now=now)
    Follower.objects.bulk_update(rows, ["promised", "promised_until"])
    return len(rows)


def _take_back(row: Follower, *, now: datetime) -> None:
    """What still waits for them to write is out of date."""
    if row.promised_id is not None:
        inbox.take_back_each(list(Message.objects.filter(pk=row.promised_id)), now=now)


def _say(
    conversation: Conversation, own: Case, until: datetime, *, now: datetime
) -> Message | None:
    conversation.matter = own.reference
    with override(conversation.contact.language):
        text = _(
            "On the report that you follow, news is expected by %(time)s. To hear no more of it, write: "
            "unfollow"
        ) % {"time": work.when(until, now=now)}
    try:
        return inbox.notify(conversation, text, now=now)
    except DomainError:
        # No way to them: as with the end, they hear nothing.
        return None
