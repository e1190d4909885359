"""A poll from its draft to its end: written, sent, closed, cancelled; what was sent is never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core import audit, undo
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.correspondence import services as correspondence
from bayan.correspondence.services import Reach, To
from bayan.meetings import counting
from bayan.meetings.models import Option, Poll, Voter
from bayan.meetings.services.ballots import tally
from bayan.meetings.services.parts import (
    NobodyAsked,
    NotADraft,
    ReasonMissing,
    WordsMissing,
    address,
    lines_of,
    locked_poll,
    note,
    to_of,
)
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member

FEWEST, MOST = 2, 10
LONGEST_OPTION = 100
# The action by which core.undo knows that a poll was sent.
SENT = "poll.sent"
# What an answer to the message about a poll is about: the one who was asked (config/subscriptions.py).
VOTER = "poll.voter"
State = Poll.State


class NotOpen(DomainError):
    pass


class TimeMissing(DomainError):
    pass


class QuorumImpossible(DomainError):
    pass


class TooFewForSecrecy(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a poll asks, whom, and until when."""

    question: str
    options: Sequence[str]
    to: Sequence[To]
    is_secret: bool = False
    tells_all: bool = True
    quorum_kind: str = Poll.Quorum.SHARE
    quorum: int = 50
    # Working hours from when it is sent, or a moment.
    term_hours: int | None = 14
    until: datetime | None = None


@transaction.atomic
def draft_poll(question: Question, *, node: Node, by: Member, now: datetime) -> Poll:
    """Begin a poll in the name of a body. Nobody is asked before it is sent.

    :raises WordsMissing: it has no question, or not two to ten different answers
    :raises NobodyAsked: it asks nobody
    :raises TimeMissing: it says not until when
    :raises QuorumImpossible: more than a hundred of a hundred
    """
    poll = Poll(node=node, author=by, created_at=now)
    _write(poll, question, now=now)
    note("drafted", poll, by=by, now=now)
    return poll


@transaction.atomic
def change_poll(poll_id: UUID, question: Question, *, by: Member, now: datetime) -> Poll:
    """Write a draft anew.

    :raises NotADraft: it was sent
    :raises WordsMissing, NobodyAsked, TimeMissing, QuorumImpossible: as `draft_poll`
    """
    poll = _locked_draft(poll_id)
    _write(poll, question, now=now)
    note("changed", poll, by=by, now=now)
    return poll


def _write(poll: Poll, question: Question, *, now: datetime) -> None:
    poll.question = " ".join(question.question.split())[:300]
    options = [" ".join(text.split())[:LONGEST_OPTION] for text in question.options]
    options = [text for text in options if text]
    if not poll.question or not FEWEST <= len(options) <= MOST:
        raise WordsMissing(_("Write the question and two to ten answers."))
    if len({text.casefold() for text in options}) < len(options):
        raise WordsMissing(_("Two answers are the same. Each must differ from the others."))
    if not question.term_hours and (question.until is None or question.until <= now):
        raise TimeMissing(_("Choose until when people may vote."))
    if question.quorum_kind == Poll.Quorum.SHARE and not 1 <= question.quorum <= 100:
        raise QuorumImpossible(_("The quorum is between 1 and 100 percent."))
    poll.is_secret, poll.tells_all = question.is_secret, question.tells_all
    poll.quorum_kind, poll.quorum = question.quorum_kind, question.quorum
    poll.term_hours, poll.until = question.term_hours, question.until
    poll.changed_at = now
    poll.save()
    poll.options.all().delete()
    Option.objects.bulk_create(
        Option(poll=poll, position=place, text=text) for place, text in enumerate(options, start=1)
    )
    address(poll, question.to)


@transaction.atomic
def delete_poll(poll_id: UUID, *, by: Member, now: datetime) -> None:
    """Throw a draft away.

    :raises NotADraft: it was sent
    """
    poll = _locked_draft(poll_id)
    note("deleted", poll, by=by, now=now)
    poll.delete()


@transaction.atomic
def copy_poll(poll_id: UUID, *, by: Member, now: datetime) -> Poll:
    """Begin a new draft with question, answers and people of another: so a poll is corrected."""
    old = locked_poll(poll_id)
    return draft_poll(
        Question(
            question=old.question,
            options=[option.text for option in old.options.all()],
            to=to_of(old),
            is_secret=old.is_secret,
            tells_all=old.tells_all,
            quorum_kind=old.quorum_kind,
            quorum=old.quorum,
            term_hours=old.term_hours or 14,
        ),
        node=old.node,
        by=by,
        now=now,
    )


def asked_of(poll: Poll, *, now: datetime) -> Reach:
    """Whom a draft would ask now, and which bodies of its address have nobody."""
    return correspondence.people_of(lines_of(poll), now=now)


@transaction.atomic
def send_poll(poll_id: UUID, *, by: Member, now: datetime) -> UUID:
    """Ask everybody; the worker tells them after ten seconds. Returns the name under which it is undone.

    :raises NotADraft: it was sent already
    :raises NobodyAsked: nobody would get it
    :raises TimeMissing: its time is over by now
    :raises QuorumImpossible: more must vote than are asked
    :raises TooFewForSecrecy: of so few one could tell who chose what
    """
    poll = _locked_draft(poll_id)
    with as_worker():
        people = asked_of(poll, now=now).people
        _check(poll, len(people), now=now)
        poll.state, poll.sent_at, poll.changed_at = State.OPEN, now, now
        poll.leaves_at = now + undo.OFFERED_FOR
        poll.due_at, poll.remind_at = _times(poll, now=now)
        poll.fingerprint = poll.print_of([option.text for option in poll.options.all()])
        poll.bodies = sorted({person.node.pk for person in people})
        poll.save()
        Voter.objects.bulk_create(
            Voter(poll=poll, member=person.member, node=person.node) for person in people
        )
    note("sent", poll, by=by, now=now, asked=len(people), fingerprint=poll.fingerprint[:16])
    return undo.remember(SENT, {"poll": str(poll.public_id)}, member_id=by.pk, now=now)


def _check(poll: Poll, asked: int, *, now: datetime) -> None:
    if not asked:
        raise NobodyAsked(_("Nobody would get it: the bodies chosen have nobody here yet."))
    if not poll.term_hours and (poll.until is None or poll.until <= now):
        raise TimeMissing(_("Choose until when people may vote."))
    if poll.quorum_kind == Poll.Quorum.PEOPLE and poll.quorum > asked:
        raise QuorumImpossible(
            _("The quorum is %(quorum)d people, but only %(asked)d are asked.")
            % {"quorum": poll.quorum, "asked": asked}
        )
    if poll.is_secret and asked < counting.LEAST_SECRET:
        raise TooFewForSecrecy(
            _(
                "A secret poll asks at least %(least)d people: of fewer one could tell who chose what."
            )
            % {"least": counting.LEAST_SECRET}
        )


def _times(poll: Poll, *, now: datetime) -> tuple[datetime, datetime]:
    """Until when people may vote, and when the silent are reminded: after two thirds of the time."""
    calendar = organisation.calendar()
    if poll.term_hours:
        term = timedelta(hours=poll.term_hours)
        return calendar.add(now, term), calendar.add(now, term * 2 / 3)
    until = poll.until or now
    return until, min(calendar.next_opening(now + (until - now) * 2 / 3), until)


def undo_send(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Make a poll that has not left yet a draft again.

    :raises NotOpen: somebody was told of it already
    """
    poll = locked_poll(UUID(facts["poll"]))
    with as_worker():
        if not poll.is_open or poll.voters.filter(handed_at__isnull=False).exists():
            raise NotOpen(_("It has left already. You can cancel it."))
        poll.voters.all().delete()
        poll.state, poll.fingerprint, poll.bodies = State.DRAFT, "", []
        poll.sent_at = poll.leaves_at = poll.due_at = poll.remind_at = None
        poll.changed_at = now
        poll.save()
    note("sending_undone", poll, by=by, now=now)


@transaction.atomic
def close_poll(poll_id: UUID, *, by: Member, now: datetime) -> Poll:
    """Close a poll before its time.

    :raises NotOpen: it is over, or was not sent
    """
    poll = locked_open(poll_id)
    close(poll, Poll.Why.HAND, by=by, now=now)
    return poll


@transaction.atomic
def cancel_poll(poll_id: UUID, reason: str, *, by: Member, now: datetime) -> Poll:
    """End a poll without a result; whoever was asked is told why. Its votes are thrown away.

    :raises NotOpen: it is over, or was not sent
    :raises ReasonMissing: it says not why
    """
    poll = locked_open(poll_id)
    reason = " ".join(reason.split())[:500]
    if not reason:
        raise ReasonMissing(_("Write why; everybody who was asked reads it."))
    poll.state, poll.ended_at, poll.changed_at = State.CANCELLED, now, now
    poll.cancel_reason = reason
    poll.save()
    with as_worker():
        poll.ballots.all().delete()
        _call_off(poll, now=now)
    note("cancelled", poll, by=by, now=now)
    return poll


def close(poll: Poll, why: str, *, by: audit.Actor, now: datetime) -> None:
    """Close a locked, open poll and count it."""
    poll.state, poll.why, poll.ended_at, poll.changed_at = State.CLOSED, why, now, now
    poll.save()
    with as_worker():
        voted = tally(poll)
        _call_off(poll, now=now)
    note("closed", poll, by=by, now=now, why=why, voted=voted)


def _call_off(poll: Poll, *, now: datetime) -> None:
    """Let no question go out any more that has not left."""
    keys = poll.voters.exclude(handed_at=None).values_list("public_id", flat=True)
    channels.call_off(VOTER, [str(key) for key in keys], now=now)


def locked_open(poll_id: UUID) -> Poll:
    """The poll, ours until the commit.

    :raises NotOpen: it is over, or was not sent
    """
    poll = locked_poll(poll_id)
    if not poll.is_open:
        raise NotOpen(_("This poll is over; nothing can be voted or changed any more."))
    return poll


def _locked_draft(poll_id: UUID) -> Poll:
    poll = locked_poll(poll_id)
    if not poll.is_draft:
        raise NotADraft(
            _("It was sent: its question stands. Cancel it and ask anew, to correct it.")
        )
    return poll
