"""What the worker does about polls: asks, reminds once, closes in time, tells the end; each once.

A batch is one transaction: its people are asked and marked, or nothing of it happened. Whoever dies in
between leaves the next one to do exactly what was left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from django.db import Error, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels.models import Outgoing, Reach
from bayan.core import audit
from bayan.core.queries import Waits
from bayan.meetings.models import Poll, PollQuerySet, Voter
from bayan.meetings.selectors.counts import outcome_of
from bayan.meetings.selectors.deputies import deputies_of, not_asked_yet
from bayan.meetings.services.asking import VOTER, close
from bayan.meetings.services.parts import POLL, announce, note
from bayan.meetings.services.wording import (
    address_of,
    buttons_of,
    instead_of,
    outcome_words,
    rows_of,
)
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.services import Telling

# So many people a transaction.
BATCH = 200
# In which round somebody is told of the same poll what.
QUESTION, REMINDER, END = 0, 1, 2
State = Poll.State
log = structlog.get_logger(__name__)


def tend_polls(*, now: datetime) -> int:
    """Do for all polls what is due; returns how many steps were made."""
    done = 0
    if not _WAITS(now):
        return done
    for waiting, step in _steps(now):
        for key in waiting.order_by("pk").values_list("pk", flat=True):
            try:
                while some := step(key, now):
                    done += some
            except Error:
                raise
            except Exception:
                # One that cannot be told must not hold up the others.
                log.exception("poll.failed", poll=key)
    return done


def _steps(now: datetime) -> tuple[tuple[PollQuerySet, Callable[[int, datetime], int]], ...]:
    """Which polls wait, and for what."""
    return (
        (Poll.objects.filter(state=State.OPEN, due_at__lte=now), _close),
        (Poll.objects.filter(state=State.OPEN, handed_at=None, leaves_at__lte=now), _ask_some),
        (
            Poll.objects.filter(state=State.OPEN, reminded_at=None, remind_at__lte=now),
            _remind_some,
        ),
        (
            Poll.objects.filter(
                Exists(Voter.objects.filter(_for_deputies(now), poll=OuterRef("pk"))),
                state=State.OPEN,
            ),
            _ask_deputies,
        ),
        (Poll.objects.filter(ended_at__isnull=False, told_at=None), _tell_end_to_some),
    )


def _for_deputies(now: datetime) -> Q:
    """Whose vote is missing, and whose deputy was named after they were asked."""
    named = Q(not_asked_yet(VOTER, QUESTION, now=now))
    return named & Q(handed_at__isnull=False, voted_at=None)


_WAITS = Waits(lambda now: [waiting for waiting, _step in _steps(now)], datetime)


def _ours(key: int, **states: object) -> Poll | None:
    """The poll, ours until the commit, if it still is so and nobody else is at it."""
    found: Poll | None = (
        Poll.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("node", "author")
        .prefetch_related("options")
        .filter(pk=key, **states)
        .first()
    )
    return found


@transaction.atomic
def _close(key: int, now: datetime) -> int:
    poll = _ours(key, state=State.OPEN, due_at__lte=now)
    if poll is None:
        return 0
    close(poll, Poll.Why.TIME, by=audit.SYSTEM, now=now)
    return 1


@transaction.atomic
def _ask_some(key: int, now: datetime) -> int:
    poll = _ours(key, state=State.OPEN, handed_at=None, leaves_at__lte=now)
    if poll is None:
        return 0
    rows = _some(poll, Q(handed_at=None))
    if not rows:
        poll.handed_at = now
        poll.save(update_fields=["handed_at"])
        announce(poll)
        return 0
    words = _words_to_each(rows, lambda row: _asked(poll, row, now=now), now=now)
    work.tell_each(words, subject_type=VOTER, now=now, lane=Outgoing.Lane.WORK, round=QUESTION)
    reaches = {
        (key, member): pk
        for key, member, pk in Reach.objects.filter(
            subject_type=VOTER, subject_key__in=[word.key for word in words], round=QUESTION
        ).values_list("subject_key", "member", "pk")
    }
    for row in rows:
        row.handed_at = now
        row.reach_id = reaches.get((str(row.public_id), row.member_id))
    Voter.objects.bulk_update(rows, ["handed_at", "reach"])
    announce(poll)
    return len(rows)


def _words_to_each(
    rows: Sequence[Voter], said: Callable[[Voter], Telling], *, now: datetime
) -> list[Telling]:
    """What each is told in their language; whoever stands in for one of them is told so, too."""
    words = []
    for row in rows:
        with override(row.member.language):
            words.append(said(row))
    return words + _words_to_deputies(rows, said, now=now)


def _words_to_deputies(
    rows: Sequence[Voter], said: Callable[[Voter], Telling], *, now: datetime
) -> list[Telling]:
    deputies = deputies_of([row.member_id for row in rows], now=now)
    words = []
    for row in rows:
        if deputy := deputies.get(row.member_id):
            with override(deputy.language):
                word = said(row)
                words.append(replace(word, member=deputy, text=instead_of(row.member, word.text)))
    return words


@transaction.atomic
def _ask_deputies(key: int, now: datetime) -> int:
    """Ask whoever stands in by now for somebody who was asked and has not voted; the vote stays one."""
    poll = _ours(key, state=State.OPEN)
    rows = _some(poll, _for_deputies(now)) if poll else []
    if poll is None or not rows:
        return 0
    words = _words_to_deputies(rows, lambda row: _asked(poll, row, now=now), now=now)
    work.tell_each(words, subject_type=VOTER, now=now, lane=Outgoing.Lane.WORK, round=QUESTION)
    return len(rows)


def _asked(poll: Poll, row: Voter, *, now: datetime) -> Telling:
    title = _("Poll: %(question)s") % {"question": poll.question}
    return _word(poll, row, question_text(poll, now=now), title, asks=True, now=now)


def _reminded(poll: Poll, row: Voter, *, now: datetime) -> Telling:
    text = _("A reminder: your vote is still missing.") + f"\n{question_text(poll, now=now)}"
    title = _("Reminder of the poll: %(question)s") % {"question": poll.question}
    return _word(poll, row, text, title, asks=True, now=now)


@transaction.atomic
def _remind_some(key: int, now: datetime) -> int:
    poll = _ours(key, state=State.OPEN, reminded_at=None, remind_at__lte=now)
    if poll is None:
        return 0
    rows = _some(poll, Q(voted_at=None, reminded_at=None, handed_at__isnull=False))
    if not rows:
        poll.reminded_at = now
        poll.save(update_fields=["reminded_at"])
        return 0
    words = _words_to_each(rows, lambda row: _reminded(poll, row, now=now), now=now)
    work.tell_each(words, subject_type=VOTER, now=now, lane=Outgoing.Lane.WORK, round=REMINDER)
    for row in rows:
        row.reminded_at = now
    Voter.objects.bulk_update(rows, ["reminded_at"])
    return len(rows)


@transaction.atomic
def _tell_end_to_some(key: int, now: datetime) -> int:
    poll = _ours(key, ended_at__isnull=False, told_at=None)
    if poll is None:
        return 0
    hear_it = poll.state == State.CANCELLED or poll.tells_all
    # Whoever was never asked is not told of the end.
    rows = _some(poll, Q(told_at=None, handed_at__isnull=False)) if hear_it else []
    if not rows:
        _tell_author(poll, now=now)
        poll.told_at = now
        poll.save(update_fields=["told_at"])
        return 0
    words = []
    for row in rows:
        if row.member_id != poll.author_id:
            with override(row.member.language):
                text, title = _end(poll)
                words.append(_word(poll, row, text, title, now=now))
        row.told_at = now
    work.tell_each(words, subject_type=VOTER, now=now, lane=Outgoing.Lane.WORK, round=END)
    Voter.objects.bulk_update(rows, ["told_at"])
    return len(rows)


def _tell_author(poll: Poll, *, now: datetime) -> None:
    """Whoever asked hears the result; who cancelled it knows."""
    if poll.state == State.CANCELLED or not poll.author.is_active:
        return
    author: Member = poll.author
    with override(author.language):
        text, title = _end(poll)
    word = Telling(
        member=author, key=str(poll.public_id), node_id=poll.node_id, text=text, title=title,
        due_at=now,
    )  # fmt: skip
    work.tell_each([word], subject_type=POLL, now=now, lane=Outgoing.Lane.WORK, round=END)
    note("result_told", poll, by=audit.SYSTEM, now=now)


def _end(poll: Poll) -> tuple[str, str]:
    """What is said of its end, and in a line."""
    question = {"question": poll.question}
    if poll.state == State.CANCELLED:
        title = _("Poll cancelled: %(question)s") % question
        lines = [_("The poll “%(question)s” was cancelled: %(reason)s")
                 % {**question, "reason": poll.cancel_reason}]  # fmt: skip
        return "\n".join(lines), title
    title = _("Result of the poll: %(question)s") % question
    outcome = outcome_of(poll)
    lines = [f"*{title}*", *outcome_words(outcome, is_over=True, is_secret=poll.is_secret)]
    lines += [f"• {text}: {count}" for text, count in outcome.votes]
    return "\n".join([*lines, address_of(poll)]), title


def question_text(poll: Poll, *, now: datetime) -> str:
    """The question as everybody gets it, whole in itself; of a secret one the way to its page."""
    options = [f"{option.position}. {option.text}" for option in poll.options.all()]
    lines = [
        f"*{_('Poll: %(question)s') % {'question': poll.question}}*",
        _("From: %(body)s") % {"body": poll.node.name},
        _("Until: %(time)s") % {"time": work.when(poll.due_at or now, now=now)},
        "",
        *options,
        "",
    ]
    if poll.is_secret:
        lines.append(_("It is secret: vote on its page, where nobody sees who chose what."))
    return "\n".join([*lines, address_of(poll)])


def _some(poll: Poll, waiting: Q) -> list[Voter]:
    return list(
        poll.voters.filter(waiting)
        .select_related("member", "node")
        .order_by("node", "pk")[:BATCH]
        .select_for_update(of=("self",))
    )


def _word(
    poll: Poll, row: Voter, text: str, title: str, *, asks: bool = False, now: datetime
) -> Telling:
    return Telling(
        member=row.member,
        key=str(row.public_id),
        node_id=row.node_id,
        text=text,
        title=title,
        due_at=poll.due_at or now,
        buttons=buttons_of(poll) if asks else (),
        rows=rows_of(poll) if asks else (),
        opens_rows=_("Choose an answer") if asks else "",
    )
