"""What was said and decided: written by the secretary, approved by the chair, then followed as tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.meetings.models import AgendaItem, Decision, Meeting
from bayan.meetings.services.calling import NotCalled, check_open
from bayan.meetings.services.parts import (
    MEETING,
    WordsMissing,
    announce,
    entry,
    locked_meeting,
    note,
)
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.events import ItemEnded, ItemPassedOn, Subject
from bayan.work.models import Item
from bayan.work.services import Task

# The chair approves within so many working hours; a decision has as many at least from then on.
TO_APPROVE, LEAST = timedelta(hours=14), timedelta(hours=7)
Minutes = Meeting.Minutes


class NotHeldYet(DomainError):
    pass


class ChangedSince(DomainError):
    pass


class MayNotApprove(DomainError):
    pass


class NoBody(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What was decided."""

    text: str
    owner: Member
    due_at: datetime
    agenda_item: AgendaItem | None = None


@transaction.atomic
def write_minutes(
    meeting_id: UUID,
    *,
    said: Mapping[UUID, str],
    attended: Collection[UUID],
    by: Member,
    now: datetime,
) -> Meeting:
    """Keep what was said about each item of the agenda, and who was there (by the invitees' names).

    :raises NotHeldYet: it has not begun
    :raises NotCalled, MinutesAreFinal: as `change_meeting`
    """
    meeting = _locked_held(meeting_id, now=now)
    items = list(meeting.agenda.all())
    for item in items:
        item.said = said.get(item.public_id, item.said).strip()[:6000]
    AgendaItem.objects.bulk_update(items, ["said"])
    meeting.invitees.filter(public_id__in=attended).update(attended=True)
    meeting.invitees.exclude(public_id__in=attended).update(attended=False)
    note("minutes_written", meeting, by=by, now=now)
    return meeting


@transaction.atomic
def decide(meeting_id: UUID, decided: Decided, *, by: Member, now: datetime) -> Decision:
    """Write down a decision. It becomes a task once the chair has approved the minutes.

    :raises WordsMissing: it says not what
    :raises NoBody: whoever is to do it works nowhere
    :raises NotHeldYet, NotCalled, MinutesAreFinal: as `write_minutes`
    """
    meeting = _locked_held(meeting_id, now=now)
    text = " ".join(decided.text.split())[:300]
    if not text:
        raise WordsMissing(_("Write what was decided."))
    invitee = meeting.invitees.select_related("node").filter(member=decided.owner).first()
    node: Node | None = invitee.node if invitee else people.body_of_member(decided.owner, now=now)
    if node is None:
        raise NoBody(_("%(name)s works for no body now.") % {"name": decided.owner.name})
    made: Decision = Decision.objects.create(
        meeting=meeting, text=text, owner=decided.owner, node=node, due_at=decided.due_at,
        agenda_item=decided.agenda_item,
    )  # fmt: skip
    note("decided", meeting, by=by, now=now)
    return made


@transaction.atomic
def drop_decision(decision_id: UUID, *, by: Member, now: datetime) -> Meeting:
    """Take a decision out of minutes that are not handed in.

    :raises NotHeldYet, NotCalled, MinutesAreFinal: as `write_minutes`
    """
    found = Decision.objects.select_related("meeting").get(public_id=decision_id)
    meeting = _locked_held(found.meeting.public_id, now=now)
    found.delete()
    note("decision_dropped", meeting, by=by, now=now)
    return meeting


@transaction.atomic
def submit_minutes(meeting_id: UUID, *, by: Member, now: datetime) -> Meeting:
    """Hand the minutes to the chair; the chair's own are approved by this.

    :raises WordsMissing: nothing is written
    :raises NotHeldYet, NotCalled, MinutesAreFinal: as `write_minutes`
    """
    meeting = _locked_held(meeting_id, now=now)
    if not (meeting.agenda.exclude(said="").exists() or meeting.decisions.exists()):
        raise WordsMissing(_("Write what was said or decided first."))
    meeting.submitted_hash, meeting.remark = meeting.fingerprint, ""
    meeting.minutes_state, meeting.changed_at = Minutes.REVIEW, now
    if meeting.chair_id != by.pk:
        with as_worker():
            meeting.approval = _asked(meeting, by=by, now=now)
    meeting.save()
    note("minutes_submitted", meeting, by=by, now=now, fingerprint=meeting.submitted_hash[:16])
    if meeting.chair_id == by.pk:
        _approve(meeting, by=by, now=now)
    return meeting


def _asked(meeting: Meeting, *, by: Member, now: datetime) -> Item:
    with override(meeting.chair.language):
        title = _("To approve: minutes of “%(title)s”") % {"title": meeting.title}
    return work.give(
        Task(
            kind=Item.Kind.APPROVE,
            title=title,
            node=people.body_of_member(meeting.chair, now=now) or meeting.node,
            given_from=meeting.node,
            owner=meeting.chair,
            due_at=organisation.calendar().add(now, TO_APPROVE),
            subject=(MEETING, str(meeting.public_id)),
            # Whoever approves them has read them where they stand.
            on_page=True,
        ),
        by=by,
        now=now,
    )


@transaction.atomic
def take_back_minutes(meeting_id: UUID, *, by: Member, now: datetime) -> Meeting:
    """Take the minutes back from the chair, to change them.

    :raises NotCalled: they do not wait for the chair
    """
    meeting = locked_meeting(meeting_id)
    if meeting.minutes_state != Minutes.REVIEW:
        raise NotCalled(_("They do not wait for the chair any more."))
    _open_again(meeting, now=now)
    with as_worker():
        # The listener below finds them open already.
        work.withdraw_of((MEETING, str(meeting.public_id)), by=by, now=now)
    note("minutes_taken_back", meeting, by=by, now=now)
    return meeting


def _open_again(meeting: Meeting, *, now: datetime) -> None:
    meeting.minutes_state, meeting.approval, meeting.submitted_hash = Minutes.NONE, None, ""
    meeting.changed_at = now
    meeting.save()


def follow_minutes(event: ItemEnded) -> None:
    """The chair has decided about the minutes; or a decision was done, and the screens show it.

    :raises MayNotApprove: it was passed on to somebody who is not the chair
    :raises ChangedSince: its words are not those that were submitted
    """
    item = event.item
    if item.subject_type != MEETING:
        return
    with as_worker():
        meeting = locked_meeting(UUID(item.subject_key))
    if item.kind != Item.Kind.APPROVE:
        announce(meeting)
        return
    if meeting.minutes_state != Minutes.REVIEW or meeting.approval_id != item.pk:
        return
    match item.state:
        case Item.State.DONE:
            if event.by is None:
                raise MayNotApprove(_("Minutes are approved by a member."))
            _approve(meeting, by=event.by, now=event.at)
        case Item.State.WITHDRAWN:
            _open_again(meeting, now=event.at)
        case _:
            meeting.minutes_state, meeting.remark = Minutes.RETURNED, item.answer
            meeting.changed_at = event.at
            meeting.save(update_fields=["minutes_state", "remark", "changed_at"])
            note("minutes_returned", meeting, by=event.by or meeting.chair, now=event.at)


@transaction.atomic
def decide_minutes(
    meeting_id: UUID, *, seen: str, end: str, words: str, by: Access, now: datetime
) -> Meeting:
    """Approve the minutes, or return them with a reason; `seen` is the fingerprint of what was read.

    A try that is refused stays in the trail.

    :raises NotCalled: they do not wait for the chair any more
    :raises ChangedSince: they are not those that were read
    :raises MayNotApprove: only the chair approves them
    """
    meeting = locked_meeting(meeting_id)

    def tried(why: str) -> list[audit.Entry]:
        return [entry("minutes_refused", meeting, by=by.member, now=now, why=why)]

    if meeting.approval is None or meeting.minutes_state != Minutes.REVIEW:
        raise NotCalled(_("They do not wait for the chair any more."), entries=tried("not open"))
    if seen != meeting.submitted_hash:
        raise ChangedSince(
            _("The minutes are not those that were handed in. They have to be handed in again."),
            entries=tried("changed"),
        )
    work.finish(meeting.approval.public_id, by=by, now=now, words=words, end=end)
    return meeting


def follow_passed_on(event: ItemPassedOn) -> None:
    """Nobody else approves minutes in the chair's place.

    :raises MayNotApprove: it is passed on to somebody who is not the chair
    """
    item = event.item
    if item.subject_type == MEETING and item.kind == Item.Kind.APPROVE:
        meeting = locked_meeting(UUID(item.subject_key))
        if meeting.chair_id != event.to.pk:
            raise MayNotApprove(_("Only the chair approves the minutes."))


def _approve(meeting: Meeting, *, by: Member, now: datetime) -> None:
    if meeting.chair_id != by.pk:
        raise MayNotApprove(_("Only the chair approves the minutes."))
    if meeting.fingerprint != meeting.submitted_hash:
        raise ChangedSince(
            _("The minutes are not those that were handed in. They have to be handed in again.")
        )
    with as_worker():
        meeting.minutes_state, meeting.approved_at = Minutes.APPROVED, now
        meeting.changed_at = now
        meeting.save()
        _give(meeting, by=by, now=now)
    note("minutes_approved", meeting, by=by, now=now)


def _give(meeting: Meeting, *, by: Member, now: datetime) -> None:
    """Make each decision a task of whoever does it."""
    decisions = list(meeting.decisions.select_related("owner", "node", "agenda_item"))
    least = organisation.calendar().add(now, LEAST)
    items = work.give_each(
        [
            Task(
                kind=Item.Kind.DO,
                title=one.text,
                text=_text(meeting, one),
                node=one.node,
                given_from=meeting.node,
                owner=one.owner,
                due_at=max(one.due_at, least),
                subject=(MEETING, str(meeting.public_id)),
            )
            for one in decisions
        ],
        by=by,
        now=now,
    )
    for one, item in zip(decisions, items, strict=True):
        one.item = item
    Decision.objects.bulk_update(decisions, ["item"])


def _text(meeting: Meeting, decision: Decision) -> str:
    with override(decision.owner.language):
        return _("Decided in the meeting “%(title)s”: %(decision)s") % {
            "title": meeting.title,
            "decision": decision.text,
        }


def describe_meetings(keys: Collection[str]) -> dict[str, Subject]:
    """The meetings among these, as far as the reader may know of them."""
    return {
        str(one.public_id): Subject(
            title=one.title,
            node_id=one.node_id,
            owner_id=one.secretary_id,
            path=reverse("meetings:meeting", args=[one.public_id]),
            live_key=str(one.public_id),
        )
        for one in Meeting.objects.filter(public_id__in=[UUID(key) for key in keys])
    }


def _locked_held(meeting_id: UUID, *, now: datetime) -> Meeting:
    """The meeting, ours until the commit, if its minutes may be written.

    :raises NotHeldYet: it has not begun
    :raises NotCalled, MinutesAreFinal: as `change_meeting`
    """
    meeting = locked_meeting(meeting_id)
    check_open(meeting)
    if not meeting.is_called:
        raise NotCalled(_("Nobody is invited to this meeting."))
    if now < meeting.starts_at:
        raise NotHeldYet(_("The minutes can be written once the meeting has begun."))
    return meeting
