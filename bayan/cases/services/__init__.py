"""Everything that changes a case, and taking in what the public writes."""

from bayan.cases.services.closing import SATISFACTION, close_case, receive_satisfaction, reopen_case
from bayan.cases.services.handling import (
    GIVEN,
    PASSED_ON,
    PRIORITY_SET,
    Facts,
    assign_case,
    describe,
    follow_answer,
    give_to,
    hand_over,
    pass_on,
    set_priority,
    take_step,
    undo_give_to,
    undo_pass_on,
    undo_set_priority,
)
from bayan.cases.services.parts import (
    AlreadyThere,
    CaseAlreadyClosed,
    NotKnown,
    OutcomeMissing,
    StepNotPossible,
)
from bayan.cases.services.taking_in import follow_identities, note_choices, take_in

__all__ = [
    "GIVEN",
    "PASSED_ON",
    "PRIORITY_SET",
    "SATISFACTION",
    "AlreadyThere",
    "CaseAlreadyClosed",
    "Facts",
    "NotKnown",
    "OutcomeMissing",
    "StepNotPossible",
    "assign_case",
    "close_case",
    "describe",
    "follow_answer",
    "follow_identities",
    "give_to",
    "hand_over",
    "note_choices",
    "pass_on",
    "receive_satisfaction",
    "reopen_case",
    "set_priority",
    "take_in",
    "take_step",
    "undo_give_to",
    "undo_pass_on",
    "undo_set_priority",
]
