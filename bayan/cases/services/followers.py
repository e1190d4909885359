"""Who follows what others reported first, until they want to hear no more; `telling` tells of its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case
from bayan.cases.services.parts import entry
from bayan.cases.whole.models import Follower
from bayan.channels.events import IncomingMessage
from bayan.core import audit, live
from bayan.core.arabic import words_of
from bayan.inbox import services as inbox
from bayan.people.models import Contact

# What a follower writes to hear no more of it; spelt as `core.arabic` folds it.
STOP = ("إلغاء المتابعة", "إيقاف المتابعة", "الغي المتابعة", "unfollow", "stop following")
_STOP = frozenset(tuple(words_of(words)) for words in STOP)
_LONGEST = max(map(len, STOP)) + 10


def follow(own: Case, case: Case, *, now: datetime) -> None:
    """Let the person of `own` follow `case`: they are told of its end under their own number."""
    Follower.objects.get_or_create(own=own, defaults={"case": case, "at": now})


def hear_stops(
    messages: Sequence[IncomingMessage], contacts: Mapping[str, Contact], *, now: datetime
) -> set[str]:
    """Which of these messages only say that a follower wants to hear no more; they are followers no longer.

    From anybody who follows nothing they are messages like any other.
    """
    asking = {
        message.external_id: contacts[message.external_id].pk
        for message in messages
        if message.text and len(message.text) <= _LONGEST and tuple(words_of(message.text)) in _STOP
    }
    if not asking:
        return set()
    rows = list(
        Follower.objects.filter(
            own__contact__in=asking.values(), stopped_at=None, told_at=None
        ).select_related("own__contact", "own__node")
    )
    Follower.objects.filter(pk__in=[row.pk for row in rows]).update(stopped_at=now)
    audit.record_all(
        entry("case.following_stopped", row.own, by=row.own.contact, now=now) for row in rows
    )
    live.announce((row.own.node_id, "case", row.own.public_id) for row in rows)
    followers = {row.own.contact_id for row in rows}
    return {name for name, contact in asking.items() if contact in followers}


def confirm_stops(arrivals: Collection[inbox.Arrival], *, now: datetime) -> None:
    """Tell those who stopped that they were understood."""
    for arrival in arrivals:
        with override("en" if arrival.message.text.isascii() else "ar"):
            text = _(
                "You will hear no more of what you followed. What you write to us is answered as before."
            )
        arrival.conversation.refresh_from_db()
        # What was in the journal for long is heard, but can no longer be answered.
        with suppress(inbox.WindowClosed):
            inbox.send(arrival.conversation, text, by=None, now=now)
