"""Polls and meetings: who is asked or invited, what they answered, what was decided."""

from bayan.meetings.models.meetings import AgendaItem, Decision, Invitee, Meeting, MeetingQuerySet
from bayan.meetings.models.polls import Ballot, Option, Poll, PollQuerySet, Voter
from bayan.meetings.models.whom import Address

__all__ = [
    "Address",
    "AgendaItem",
    "Ballot",
    "Decision",
    "Invitee",
    "Meeting",
    "MeetingQuerySet",
    "Option",
    "Poll",
    "PollQuerySet",
    "Voter",
]
