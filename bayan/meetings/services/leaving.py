"""What a member who leaves hands over: drafts of polls, and meetings whose minutes are not approved."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from bayan.core import audit
from bayan.meetings.models import Meeting, Poll
from bayan.meetings.services.parts import note
from bayan.people.models import Member


def _held(member: Member) -> tuple[QuerySet[Poll], QuerySet[Meeting]]:
    polls = Poll.objects.filter(author=member, state=Poll.State.DRAFT)
    meetings = (
        Meeting.objects.filter(Q(chair=member) | Q(secretary=member))
        .exclude(state=Meeting.State.CANCELLED)
        .exclude(minutes_state=Meeting.Minutes.APPROVED)
    )
    return polls, meetings


def count_held(member: Member) -> int:
    """How many there are."""
    return sum(rows.count() for rows in _held(member))


def hand_over(member: Member, *, to: Member, by: Member, now: datetime) -> int:
    """Give them to another; returns how many. What was sent in their name stays theirs."""
    polls, meetings = _held(member)
    drafts = list(polls.select_related("node").order_by("pk").select_for_update(of=("self",)))
    open_ones = list(meetings.select_related("node").order_by("pk").select_for_update(of=("self",)))
    for poll in drafts:
        poll.author = to
    Poll.objects.bulk_update(drafts, ["author"])
    for meeting in open_ones:
        meeting.chair = to if meeting.chair_id == member.pk else meeting.chair
        meeting.secretary = to if meeting.secretary_id == member.pk else meeting.secretary
    Meeting.objects.bulk_update(open_ones, ["chair", "secretary"])
    actor = audit.Named(by.audit_key, by.audit_label)
    for poll in drafts:
        note("handed_over", poll, by=actor, now=now)
    for meeting in open_ones:
        note("handed_over", meeting, by=actor, now=now)
    return len(drafts) + len(open_ones)
