"""Polls and meetings of before: what was taken over from elsewhere is told to nobody."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from bayan.meetings.models import Invitee, Meeting, Poll, Voter


@transaction.atomic
def let_past(*, now: datetime) -> None:
    """Count everybody as told of all that has been asked, called, moved or ended by now."""
    Voter.objects.filter(handed_at=None, poll__sent_at__lte=now).update(handed_at=now)
    Poll.objects.filter(handed_at=None, sent_at__lte=now).update(handed_at=now)
    Voter.objects.filter(told_at=None, poll__ended_at__lte=now).update(told_at=now)
    Poll.objects.filter(told_at=None, ended_at__lte=now).update(told_at=now)
    for meeting in Meeting.objects.filter(called_at__lte=now).only("pk", "revision"):
        rows = Invitee.objects.filter(meeting=meeting, told_revision__lt=meeting.revision)
        rows.update(told_revision=meeting.revision)
    invited = Invitee.objects.filter(meeting__called_at__lte=now)
    invited.filter(meeting__starts_at__lte=now).update(day_told_at=now, hour_told_at=now)
    invited.filter(meeting__cancelled_at__lte=now).update(cancel_told_at=now)
    invited.filter(meeting__approved_at__lte=now).update(minutes_told_at=now)
