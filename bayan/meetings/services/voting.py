"""Voting: on the page, by a button or a list in WhatsApp, or by a word that names an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.core.arabic import fold
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.meetings.models import Option, Poll, Voter
from bayan.meetings.selectors.deputies import lenders_of, stands_in
from bayan.meetings.services.asking import VOTER, NotOpen, close, locked_open
from bayan.meetings.services.ballots import cast
from bayan.meetings.services.parts import note
from bayan.meetings.services.telling import question_text
from bayan.meetings.services.wording import (
    SEEN,
    address_of,
    buttons_of,
    instead_of,
    rows_of,
)
from bayan.people.models import Member
from bayan.work import services as work

_SIGNS = str.maketrans(dict.fromkeys(".!؟?،,«»\"'", " "))
# What a member wrote is looked at in so many polls that wait for them.
MOST_POLLS = 3


class NotAsked(DomainError):
    pass


class NoSuchOption(DomainError):
    pass


class OnThePageOnly(DomainError):
    pass


@transaction.atomic
def vote(
    poll_id: UUID,
    position: int,
    *,
    by: Member,
    now: datetime,
    fingerprint: str,
    voter_id: UUID | None = None,
) -> Option:
    """Choose an answer, or another one; the last to vote closes the poll. Returns what was chosen.

    `fingerprint` is that of the question which the voter saw, or its first `SEEN` characters. `voter_id` says
    whose voice it is where it is not their own: a deputy's choice counts for whom they stand in, and the
    trail names both.

    :raises NotOpen: it is over, or was not sent
    :raises NotAsked: the member is none of those asked
    :raises NoSuchOption: it has no such answer, or the question seen was another
    """
    poll = locked_open(poll_id)
    voter = _voice(poll, by, voter_id, now=now)
    if voter is None:
        raise NotAsked(_("You are not among those who are asked."))
    option = poll.options.filter(position=position).first()
    if option is None or fingerprint[:SEEN] != poll.fingerprint[:SEEN]:
        raise NoSuchOption(_("This answer belongs to another question. Vote on the page."))
    if poll.due_at is not None and now >= poll.due_at:
        # The worker closes it within a second; what comes late does not count for that.
        raise NotOpen(_("The time of this poll is over."))
    is_first = cast(poll, voter, option, now=now)
    for_whom = {} if voter.member_id == by.pk else {"member": str(voter.member.public_id)}
    note("voted" if is_first else "changed_vote", poll, by=by, now=now, **for_whom)
    if not poll.voters.filter(voted_at=None).exists():
        close(poll, Poll.Why.ALL, by=by, now=now)
    return option


def _voice(poll: Poll, by: Member, voter_id: UUID | None, *, now: datetime) -> Voter | None:
    """The voice that this member uses: their own, or one for which they stand in."""
    rows = poll.voters.select_related("member")
    if voter_id is None:
        return rows.filter(member=by).first()
    voter = rows.filter(public_id=voter_id).first()
    is_theirs = voter is not None and (
        voter.member_id == by.pk or stands_in(by, voter.member_id, now=now)
    )
    return voter if is_theirs else None


@transaction.atomic
def receive(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime
) -> list[IncomingMessage]:
    """Count what members pressed or wrote under a poll. Returns what is none of a member's."""
    voters = {
        str(voter.public_id): voter
        for voter in Voter.objects.filter(
            public_id__in=[key for _message, key in replies]
        ).select_related("poll__node", "member")
    }

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        _take(voters.get(key), message, member, conversation, now=now)

    return work.hear_each(replies, do, now=now)


def hear(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Count words of members that name an answer of a poll which waits for them; returns the messages' ids.

    Where several polls have such an answer, their questions come again.
    """
    taken = set()
    for message, member in messages:
        word = plain(message.text) if message.kind == "text" else ""
        if not word or len(word) > 100:
            continue
        waiting = (
            Voter.objects.filter(
                Q(member=member) | Q(member__in=lenders_of(member, now=now).values("member")),
                poll__state=Poll.State.OPEN,
                handed_at__isnull=False,
                voted_at=None,
            )
            .select_related("poll__node", "member")
            .order_by("-handed_at", "-pk")[:MOST_POLLS]
        )
        named = [voter for voter in waiting if _named(voter.poll, word)]
        conversation = work.keep(message, member, now=now) if named else None
        if conversation is None:
            continue
        taken.add(message.external_id)
        with override(member.language):
            for voter in named:
                if len(named) == 1:
                    _take(voter, message, member, conversation, now=now)
                else:
                    ask_again(voter, conversation, to=member, now=now)
    return taken


def plain(text: str) -> str:
    """What somebody wrote without what spelling and signs differ in."""
    return " ".join(fold(text).translate(_SIGNS).split())


def _named(poll: Poll, word: str) -> int | None:
    """The place of the answer that this word names, by its text or its number."""
    for option in poll.options.all():
        if word in {plain(option.text), str(option.position)}:
            return option.position
    return None


def _take(
    voter: Voter | None,
    message: IncomingMessage,
    member: Member,
    conversation: Conversation,
    *,
    now: datetime,
) -> None:
    if voter is None or not (
        voter.member_id == member.pk or stands_in(member, voter.member_id, now=now)
    ):
        work.say(conversation, _("This question was sent to somebody else."), now=now)
        return
    poll = voter.poll
    position, seen = _chosen(message, poll)
    if poll.is_open and poll.is_secret:
        words = {"address": address_of(poll)}
        text = _("This poll is secret: please vote on its page.\n%(address)s") % words
        if position is not None:
            text = (
                _(
                    "This poll is secret: what is written here would bear your name, so it was not counted. "
                    "Please vote on its page.\n%(address)s"
                )
                % words
            )
        work.say(conversation, text, now=now)
        return
    if position is None and poll.is_open:
        ask_again(voter, conversation, to=member, now=now)
        return
    try:
        option = vote(
            poll.public_id, position or 0, by=member, now=now, fingerprint=seen,
            voter_id=voter.public_id,
        )  # fmt: skip
    except DomainError as refused:
        work.say(conversation, str(refused), now=now)
        return
    poll.refresh_from_db()
    said = {"answer": option.text}
    if poll.is_open:
        text = _("Noted: %(answer)s. You may choose anew until %(time)s.") % {
            **said,
            "time": work.when(poll.due_at or now, now=now),
        }
    else:
        text = _("Noted: %(answer)s. Thank you; everybody has voted now.") % said
    work.say(conversation, text, now=now)


def _chosen(message: IncomingMessage, poll: Poll) -> tuple[int | None, str]:
    """The place of the answer that a message names, and the fingerprint of the question that it saw."""
    what, _dash, rest = message.choice_id.partition("-")
    place, _dash, seen = rest.partition("-")
    if what == "vote" and place.isdecimal():
        return int(place), seen
    word = plain(message.text) if not message.choice_id else ""
    return (_named(poll, word) if word else None), poll.fingerprint


def ask_again(voter: Voter, conversation: Conversation, *, to: Member, now: datetime) -> None:
    """Send the question with its answers to a member who just wrote."""
    poll = voter.poll
    text = question_text(poll, now=now)
    if voter.member_id != to.pk:
        text = instead_of(voter.member, text)
    inbox.send(
        conversation, text, by=None, now=now, lane=Outgoing.Lane.PERSON,
        buttons=buttons_of(poll), rows=rows_of(poll), button=_("Choose an answer"),
        subject=(VOTER, str(voter.public_id)),
    )  # fmt: skip
