"""Reading polls and meetings."""

from bayan.meetings.selectors.counts import by_body, outcome_of, outcomes_of
from bayan.meetings.selectors.deputies import lenders_of
from bayan.meetings.selectors.meetings import (
    answers_in,
    decisions_of,
    decisions_seen,
    invitees_of,
    lent_seats,
    may_read_minutes,
    may_write_minutes,
    meetings_found,
    open_decisions_before,
    shown_meetings,
    views_of_meetings,
)
from bayan.meetings.selectors.polls import (
    history_of,
    lent_voices,
    may_lead,
    polls_found,
    shown_polls,
    views_of_polls,
    voters_of,
    with_outcomes,
)

__all__ = [
    "answers_in",
    "by_body",
    "decisions_of",
    "decisions_seen",
    "history_of",
    "invitees_of",
    "lenders_of",
    "lent_seats",
    "lent_voices",
    "may_lead",
    "may_read_minutes",
    "may_write_minutes",
    "meetings_found",
    "open_decisions_before",
    "outcome_of",
    "outcomes_of",
    "polls_found",
    "shown_meetings",
    "shown_polls",
    "views_of_meetings",
    "views_of_polls",
    "voters_of",
    "with_outcomes",
]
