"""Telling those who follow a matter of its end: once, each in their own conversation and window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from bayan.cases.models import Case, Closing
from bayan.cases.services import proof
from bayan.cases.services.closing import close_each, question_to
from bayan.cases.whole.models import Follower
from bayan.cases.words import closing_words
from bayan.channels.models import Outgoing
from bayan.core.errors import DomainError
from bayan.core.queries import Waits
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Member

# A closing that is taken back at once (an answer to everybody) has ended nothing.
SETTLED = timedelta(seconds=20)
BATCH = 200


def tell_followers(*, now: datetime, limit: int = BATCH) -> int:
    """Tell those who follow what has ended, once, and end their own report with it; run by the worker.

    Within their 24 hours by words with the question how content they are; beyond, the words wait behind the
    approved template that asks them to open the conversation. Returns how many were looked at.
    """
    if not _WAITS(now - SETTLED):
        return 0
    with transaction.atomic():
        return _tell_followers(now=now, limit=limit)


def _owed(settled: datetime) -> QuerySet[Follower]:
    """Who was not told yet of an end that nobody takes back any more."""
    return Follower.objects.filter(told_at=None, case__closed_at__lte=settled).exclude(
        case__closed_by=None
    )


def _opened() -> QuerySet[Follower]:
    """Whose words waited for their conversation, and wait no more."""
    return Follower.objects.exclude(held=None).exclude(held__outgoing__state=Outgoing.State.HELD)


_WAITS = Waits(lambda settled: (_owed(settled), _opened()), datetime)


def _tell_followers(*, now: datetime, limit: int) -> int:
    opened = _end_held(now=now)
    rows = list(
        _owed(now - SETTLED)
        .select_related("case__closed_by", "case__closing", "own")
        .order_by("own__conversation_id", "pk")
        .select_for_update(of=("self",), skip_locked=True)[:limit]
    )
    if not rows:
        return opened
    # Conversations first, as everybody does: two orders would wait for each other.
    conversations = inbox.lock_conversations({row.own.conversation_id for row in rows})
    # By when to expect news says nothing any more.
    promised = Message.objects.filter(pk__in=[row.promised_id for row in rows if row.promised_id])
    inbox.take_back_each(list(promised), now=now)
    own = {
        case.pk: case
        for case in Case.objects.filter(pk__in=[row.own_id for row in rows])
        .select_related("node")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    ends: dict[tuple[int, str], list[Follower]] = defaultdict(list)
    for row in rows:
        # Who was answered with the others has heard it; who has another matter by now follows nothing.
        if not own[row.own_id].is_closed and is_same(own[row.own_id], row.case):
            assert row.case.closed_by_id is not None  # noqa: S101  # asked for above
            ends[row.case.closed_by_id, row.case.outcome].append(row)
    for (_by, outcome), some in ends.items():
        by = some[0].case.closed_by
        assert by is not None  # noqa: S101  # asked for above
        _end(some, own, conversations, outcome=outcome, by=by, now=now)
    Follower.objects.filter(pk__in=[row.pk for row in rows]).update(told_at=now)
    return len(rows) + opened


def is_same(own: Case, case: Case) -> bool:
    """Whether a member has left the two together, or with two bodies."""
    return own.parent_id in {case.pk, case.parent_id} - {None} or own.node_id != case.node_id


def _end(
    rows: Sequence[Follower],
    own: Mapping[int, Case],
    conversations: Mapping[int, Conversation],
    *,
    outcome: str,
    by: Member,
    now: datetime,
) -> None:
    accounts = {conversations[own[row.own_id].conversation_id].number.account_id for row in rows}
    openers = inbox.openers(accounts)
    letters: dict[int, inbox.Letter] = {}
    for row in rows:
        case = own[row.own_id]
        conversation = conversations[case.conversation_id]
        is_open = conversation.is_writable(now=now)
        can_wait = conversation.number.account_id in openers
        if row.stopped_at or not (is_open or can_wait) or case.conversation_id in letters:
            continue
        words = closing_words(conversation.contact.language)[outcome]
        letters[case.conversation_id] = question_to(conversation, case, words, waits=not is_open)
    sent = inbox.send_each(list(letters.values()), by=by, now=now, lane=Outgoing.Lane.WORK)
    asked: set[str] = set()
    waiting: dict[str, Message] = {}
    for letter, result in zip(letters.values(), sent, strict=True):
        if isinstance(result, DomainError):
            continue
        asked.add(letter.matter)
        if letter.waits:
            waiting[letter.matter] = result
    for row in rows:
        row.held = waiting.get(own[row.own_id].reference)
    Follower.objects.bulk_update([row for row in rows if row.held], ["held"])
    _close([row for row in rows if not row.held], own, asked, outcome=outcome, by=by, now=now)


def _close(
    rows: Sequence[Follower],
    own: Mapping[int, Case],
    asked: Collection[str],
    *,
    outcome: str,
    by: Member,
    now: datetime,
) -> None:
    # What stands with another body is that one's to end.
    closing = [row for row in rows if own[row.own_id].node_id == row.case.node_id]
    _keep(closing, own, outcome=outcome, by=by, now=now)
    details = {
        row.own_id: {"asked": own[row.own_id].reference in asked, "together": True}
        for row in closing
    }
    ending = [own[row.own_id] for row in closing]
    close_each(ending, outcome=outcome, by=by, now=now, details=details)


def _end_held(*, now: datetime) -> int:
    """End the reports of those who have opened their conversation, or will not any more."""
    rows = list(
        _opened()
        .select_related("case__closed_by", "case__closing", "held__outgoing", "own")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:BATCH]
    )
    if not rows:
        return 0
    inbox.lock_conversations({row.own.conversation_id for row in rows})
    own = {
        case.pk: case
        for case in Case.objects.open()
        .filter(pk__in=[row.own_id for row in rows])
        .select_related("node")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    for row in rows:
        by = row.case.closed_by
        # Opened again meanwhile, what they follow has not ended.
        if row.own_id not in own or by is None or not is_same(own[row.own_id], row.case):
            continue
        outgoing = row.held.outgoing if row.held else None
        has_left = outgoing is not None and outgoing.state != Outgoing.State.FAILED
        asked = {own[row.own_id].reference} if has_left else set()
        _close([row], own, asked, outcome=row.case.outcome, by=by, now=now)
    Follower.objects.filter(pk__in=[row.pk for row in rows]).update(held=None)
    return len(rows)


def _keep(
    rows: Sequence[Follower],
    own: Mapping[int, Case],
    *,
    outcome: str,
    by: Member,
    now: datetime,
) -> None:
    """Their closings rest on what the followed one's rests on."""
    for row in rows:
        first: Closing | None = getattr(row.case, "closing", None)
        shown = {row.own_id: first.proof} if first and first.proof else {}
        basis = proof.Basis(first.excuse, words=first.words) if first else proof.PLAIN
        proof.keep([own[row.own_id]], basis, shown, outcome=outcome, by=by, now=now)
