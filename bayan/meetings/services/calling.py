"""A meeting from its draft on: written, invited to, moved, cancelled, answered, followed by the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.core import undo
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.correspondence import services as correspondence
from bayan.correspondence.services import Reach, To
from bayan.meetings.models import AgendaItem, Invitee, Meeting
from bayan.meetings.selectors.deputies import stands_in
from bayan.meetings.services.parts import (
    NobodyAsked,
    NotADraft,
    ReasonMissing,
    WordsMissing,
    address,
    lines_of,
    locked_meeting,
    note,
    to_of,
)
from bayan.organisation.models import Node
from bayan.people.models import Member

MOST_ITEMS = 20
# The action by which core.undo knows that people were invited.
CALLED = "meeting.called"
# What an answer to an invitation is about: the one who got it (config/subscriptions.py).
INVITEE = "meeting.invitee"
# The next one of a series is suggested for then.
BETWEEN = timedelta(days=28)
State, Answer = Meeting.State, Invitee.Answer


class InThePast(DomainError):
    pass


class PlaceMissing(DomainError):
    pass


class NotCalled(DomainError):
    pass


class NotInvited(DomainError):
    pass


class Moved(DomainError):
    pass


class MinutesAreFinal(DomainError):
    pass


class HasItsNext(DomainError):
    pass


@dataclass(frozen=True)
class Point:
    """An item of the agenda; `key` where it is one that there is."""

    title: str
    presenter: str = ""
    takes: int | None = None
    key: UUID | None = None


@dataclass(frozen=True)
class File:
    """A file that goes with an item, still open; `declared` is the browser's opinion of its type."""

    stream: IO[bytes]
    name: str
    declared: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a meeting is about, when and where, and who is invited."""

    title: str
    starts_at: datetime
    minutes_long: int
    chair: Member
    secretary: Member
    agenda: Sequence[Point]
    to: Sequence[To] = ()
    kind: str = Meeting.Kind.SINGLE
    place: str = ""
    link: str = ""


@transaction.atomic
def draft_meeting(plan: Plan, *, node: Node, by: Member, now: datetime) -> Meeting:
    """Begin a meeting of a body. Nobody is invited before it is called.

    :raises WordsMissing: it has no title or no agenda
    :raises PlaceMissing: it is nowhere
    :raises NobodyAsked: it invites nobody
    """
    meeting = Meeting(node=node, author=by, created_at=now)
    _write(meeting, plan, now=now)
    address(meeting, plan.to)
    note("drafted", meeting, by=by, now=now)
    return meeting


@transaction.atomic
def change_meeting(meeting_id: UUID, plan: Plan, *, by: Member, now: datetime) -> Meeting:
    """Write a draft anew; of one that was called, what is on the agenda, and when and where it is.

    Whoever was invited is told anew where time or place changed, and answers anew.

    :raises MinutesAreFinal: its minutes wait for the chair, or are approved
    :raises NotCalled: it was cancelled
    :raises InThePast: it was called, and would be over already
    :raises WordsMissing, PlaceMissing, NobodyAsked: as `draft_meeting`
    """
    meeting = locked_meeting(meeting_id)
    check_open(meeting)
    before = (meeting.starts_at, meeting.place, meeting.link)
    _write(meeting, plan, now=now)
    if meeting.is_draft:
        address(meeting, plan.to)
    elif before != (meeting.starts_at, meeting.place, meeting.link):
        if before[0] != meeting.starts_at and meeting.starts_at <= now:
            raise InThePast(_("Choose a time that is still to come."))
        _move(meeting)
    note("changed", meeting, by=by, now=now, revision=meeting.revision)
    return meeting


def _write(meeting: Meeting, plan: Plan, *, now: datetime) -> None:
    meeting.title = " ".join(plan.title.split())[:140]
    points = [point for point in plan.agenda if point.title.strip()][:MOST_ITEMS]
    if not meeting.title or not points:
        raise WordsMissing(_("Write the title and at least one item of the agenda."))
    meeting.place, meeting.link = " ".join(plan.place.split())[:120], plan.link.strip()[:200]
    if not meeting.place and not meeting.link:
        raise PlaceMissing(_("Write where it is: a place, or a link."))
    if meeting.link and urlsplit(meeting.link).scheme not in {"http", "https"}:
        raise PlaceMissing(_("The link begins with https://"))
    meeting.kind, meeting.starts_at = plan.kind, plan.starts_at
    meeting.minutes_long = plan.minutes_long
    meeting.chair, meeting.secretary = plan.chair, plan.secretary
    meeting.changed_at = now
    meeting.save()
    known = {one.public_id: one for one in meeting.agenda.all()}
    kept = set()
    for place, point in enumerate(points, start=1):
        one = known.get(point.key) if point.key else None
        one = one or AgendaItem(meeting=meeting)
        one.position, one.title = place, " ".join(point.title.split())[:200]
        one.presenter, one.takes = " ".join(point.presenter.split())[:120], point.takes
        one.save()
        kept.add(one.pk)
    meeting.agenda.exclude(pk__in=kept).delete()


def _move(meeting: Meeting) -> None:
    meeting.revision += 1
    meeting.save(update_fields=["revision"])
    meeting.invitees.update(
        answer="", answered_at=None, stand_in="", awaits_until=None, day_told_at=None,
        hour_told_at=None,
    )  # fmt: skip


def check_open(meeting: Meeting) -> None:
    """Refuse to change a meeting that was cancelled, or whose minutes are handed in.

    :raises NotCalled: it was cancelled
    :raises MinutesAreFinal: its minutes wait for the chair, or are approved
    """
    if meeting.state == State.CANCELLED:
        raise NotCalled(_("This meeting was cancelled."))
    if meeting.minutes_state in {Meeting.Minutes.REVIEW, Meeting.Minutes.APPROVED}:
        raise MinutesAreFinal(
            _("The minutes were handed in: nothing can be changed before they come back.")
        )


@transaction.atomic
def attach_to_item(item_id: UUID, file: File, *, by: Member, now: datetime) -> AgendaItem:
    """Put a file to an item of the agenda, in place of what was there.

    :raises NotCalled, MinutesAreFinal: as `change_meeting`
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    item = AgendaItem.objects.select_related("meeting").get(public_id=item_id)
    meeting = locked_meeting(item.meeting.public_id)
    check_open(meeting)
    number = channels.number_of_files()
    if number is not None:
        item.media = channels.keep_file(
            file.stream, kind="document", name=file.name, declared=file.declared, number=number,
            node=meeting.node, now=now,
        )  # fmt: skip
        item.save(update_fields=["media"])
    note("changed", meeting, by=by, now=now, files=1)
    return item


@transaction.atomic
def delete_meeting(meeting_id: UUID, *, by: Member, now: datetime) -> None:
    """Throw a draft away.

    :raises NotADraft: people were invited
    """
    meeting = _locked_draft(meeting_id)
    note("deleted", meeting, by=by, now=now)
    meeting.delete()


def invited_to(meeting: Meeting, *, now: datetime) -> Reach:
    """Whom a draft would invite now, and which bodies of its address have nobody."""
    return correspondence.people_of(lines_of(meeting), now=now)


@transaction.atomic
def call_meeting(meeting_id: UUID, *, by: Member, now: datetime) -> UUID:
    """Invite everybody; the worker tells them after ten seconds. Returns the name under which it is undone.

    The chair and the secretary come without being asked, unless they are among those invited.

    :raises NotADraft: people were invited already
    :raises InThePast: it has begun
    :raises NobodyAsked: nobody would get it
    """
    meeting = _locked_draft(meeting_id)
    if meeting.starts_at <= now:
        raise InThePast(_("Choose a time that is still to come."))
    with as_worker():
        people = invited_to(meeting, now=now).people
        if not people:
            raise NobodyAsked(_("Nobody would get it: the bodies chosen have nobody here yet."))
        meeting.state, meeting.called_at, meeting.changed_at = State.CALLED, now, now
        meeting.leaves_at = now + undo.OFFERED_FOR
        meeting.save()
        Invitee.objects.bulk_create(
            Invitee(meeting=meeting, member=person.member, node=person.node) for person in people
        )
    note("called", meeting, by=by, now=now, invited=len(people))
    return undo.remember(CALLED, {"meeting": str(meeting.public_id)}, member_id=by.pk, now=now)


def undo_call(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Make a meeting of which nobody was told yet a draft again.

    :raises NotCalled: somebody was told already
    """
    meeting = locked_meeting(UUID(facts["meeting"]))
    with as_worker():
        if not meeting.is_called or meeting.invitees.filter(told_revision__gte=0).exists():
            raise NotCalled(_("The invitations have left already. You can cancel the meeting."))
        meeting.invitees.all().delete()
        meeting.state, meeting.called_at, meeting.leaves_at = State.DRAFT, None, None
        meeting.changed_at = now
        meeting.save()
    note("calling_undone", meeting, by=by, now=now)


@transaction.atomic
def cancel_meeting(meeting_id: UUID, reason: str, *, by: Member, now: datetime) -> Meeting:
    """Cancel a meeting; whoever was invited is told why.

    :raises NotCalled: nobody was invited, or it is cancelled
    :raises InThePast: it has begun
    :raises ReasonMissing: it says not why
    """
    meeting = locked_meeting(meeting_id)
    if not meeting.is_called:
        raise NotCalled(_("Nobody is invited to this meeting."))
    if meeting.starts_at <= now:
        raise InThePast(_("It has begun already."))
    reason = " ".join(reason.split())[:500]
    if not reason:
        raise ReasonMissing(_("Write why; everybody who was invited reads it."))
    meeting.state, meeting.cancelled_at, meeting.cancel_reason = State.CANCELLED, now, reason
    meeting.changed_at = now
    meeting.save()
    keys = meeting.invitees.values_list("public_id", flat=True)
    channels.call_off(INVITEE, [str(key) for key in keys], now=now)
    note("cancelled", meeting, by=by, now=now)
    return meeting


@transaction.atomic
def answer_invitation(
    meeting_id: UUID,
    answer: str,
    *,
    by: Member,
    now: datetime,
    stand_in: str = "",
    revision: int | None = None,
    invitee_id: UUID | None = None,
) -> Invitee:
    """Say that one comes, does not, or who comes instead; the last answer counts.

    `revision` is that of the invitation which was answered. `invitee_id` says for whom it is where it is not
    for oneself: a deputy answers for whom they stand in, and the trail names both.

    :raises NotCalled: it was cancelled, or nobody is invited
    :raises InThePast: it has begun
    :raises NotInvited: the member is none of those invited
    :raises Moved: time or place have changed since
    :raises WordsMissing: somebody else comes, but it says not who
    """
    meeting = locked_meeting(meeting_id)
    if not meeting.is_called:
        raise NotCalled(_("This meeting was cancelled."))
    if now >= meeting.starts_at:
        raise InThePast(_("It has begun already."))
    rows = meeting.invitees.select_related("member")
    invitee = rows.filter(**({"public_id": invitee_id} if invitee_id else {"member": by})).first()
    if invitee is not None and invitee.member_id != by.pk:
        invitee = invitee if stands_in(by, invitee.member_id, now=now) else None
    if invitee is None or answer not in set(Answer) - {Answer.NONE}:
        raise NotInvited(_("You are not among those who are invited."))
    if revision is not None and revision != meeting.revision:
        raise Moved(_("Time or place have changed since. Please answer the new invitation."))
    stand_in = " ".join(stand_in.split())[:120] if answer == Answer.SENDS else ""
    if answer == Answer.SENDS and not stand_in:
        raise WordsMissing(_("Write who comes in your place."))
    invitee.answer, invitee.answered_at, invitee.stand_in = answer, now, stand_in
    invitee.awaits_until = None
    invitee.save(update_fields=["answer", "answered_at", "stand_in", "awaits_until"])
    for_whom = {} if invitee.member_id == by.pk else {"member": str(invitee.member.public_id)}
    note("answered", meeting, by=by, now=now, answer=answer, **for_whom)
    return invitee


@transaction.atomic
def next_meeting(meeting_id: UUID, *, by: Member, now: datetime) -> Meeting:
    """Begin the next meeting of a periodic series: the same people, and first what was decided and not done.

    :raises NotCalled: it was not held
    :raises HasItsNext: there is one already
    """
    old = locked_meeting(meeting_id)
    if not old.is_called or old.kind != Meeting.Kind.PERIODIC:
        raise NotCalled(_("Only a periodic meeting to which people were invited has a next one."))
    if Meeting.objects.filter(follows=old).exists():
        raise HasItsNext(_("Its next meeting is being prepared already."))
    with override("ar"):
        first = _("Follow-up of the decisions of the last meeting")
    starts_at = old.starts_at + BETWEEN
    while starts_at <= now:
        starts_at += BETWEEN
    meeting = draft_meeting(
        Plan(
            title=old.title, kind=old.kind, starts_at=starts_at, minutes_long=old.minutes_long,
            place=old.place, link=old.link, chair=old.chair, secretary=old.secretary,
            agenda=[Point(first)], to=to_of(old),
        ),
        node=old.node, by=by, now=now,
    )  # fmt: skip
    meeting.follows = old
    meeting.save(update_fields=["follows"])
    return meeting


def _locked_draft(meeting_id: UUID) -> Meeting:
    meeting = locked_meeting(meeting_id)
    if not meeting.is_draft:
        raise NotADraft(_("People were invited already."))
    return meeting
