"""Everything that changes a case, and taking in what the public writes."""

from bayan.cases.services.answers import receive_place
from bayan.cases.services.asking import WHERE
from bayan.cases.services.bursts import Watch, forget_heard, see_burst
from bayan.cases.services.closing import (
    SATISFACTION,
    close_case,
    rate_case,
    receive_satisfaction,
    reopen_case,
)
from bayan.cases.services.counting import count_weeks, days_of_weeks
from bayan.cases.services.deciding import receive_decision
from bayan.cases.services.forwards import FORWARD, answer_forwards
from bayan.cases.services.giving_back import give_back
from bayan.cases.services.handling import (
    GIVEN,
    PASSED_ON,
    PRIORITY_SET,
    SORTED,
    Facts,
    assign_case,
    describe,
    follow_answer,
    give_to,
    hand_over,
    pass_on,
    set_priority,
    sort,
    sort_matters,
    take_step,
    undo_give_to,
    undo_pass_on,
    undo_set_priority,
    undo_sort,
)
from bayan.cases.services.matters import (
    JOINED,
    PARTED,
    Matching,
    NothingToGather,
    NotTheSame,
    gather,
    join_case,
    part_case,
    tell_apart,
    undo_matters,
)
from bayan.cases.services.merging import (
    MERGED,
    NotAllTheirs,
    SameContact,
    merge_contacts,
    split_contact,
    undo_merge_contacts,
)
from bayan.cases.services.parts import (
    AlreadyThere,
    CaseAlreadyClosed,
    NotKnown,
    OutcomeMissing,
    ReasonMissing,
    StepNotPossible,
)
from bayan.cases.services.pictures import look_at_pictures
from bayan.cases.services.placing import Pin
from bayan.cases.services.reporting import SOURCE, NoNumber, Report, open_reported
from bayan.cases.services.second import give_second_opinions
from bayan.cases.services.taking_in import follow_identities, note_choices, take_in
from bayan.cases.services.understanding import reader, thresholds

__all__ = [
    "FORWARD",
    "GIVEN",
    "JOINED",
    "MERGED",
    "PARTED",
    "PASSED_ON",
    "PRIORITY_SET",
    "SATISFACTION",
    "SORTED",
    "SOURCE",
    "WHERE",
    "AlreadyThere",
    "CaseAlreadyClosed",
    "Facts",
    "Matching",
    "NoNumber",
    "NotAllTheirs",
    "NotKnown",
    "NotTheSame",
    "NothingToGather",
    "OutcomeMissing",
    "Pin",
    "ReasonMissing",
    "Report",
    "SameContact",
    "StepNotPossible",
    "Watch",
    "answer_forwards",
    "assign_case",
    "close_case",
    "count_weeks",
    "days_of_weeks",
    "describe",
    "follow_answer",
    "follow_identities",
    "forget_heard",
    "gather",
    "give_back",
    "give_second_opinions",
    "give_to",
    "hand_over",
    "join_case",
    "look_at_pictures",
    "merge_contacts",
    "note_choices",
    "open_reported",
    "part_case",
    "pass_on",
    "rate_case",
    "reader",
    "receive_decision",
    "receive_place",
    "receive_satisfaction",
    "reopen_case",
    "see_burst",
    "set_priority",
    "sort",
    "sort_matters",
    "split_contact",
    "take_in",
    "take_step",
    "tell_apart",
    "thresholds",
    "undo_give_to",
    "undo_matters",
    "undo_merge_contacts",
    "undo_pass_on",
    "undo_set_priority",
    "undo_sort",
]
