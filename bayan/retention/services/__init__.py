"""What becomes of what is due: held, kept longer, handed over, destroyed; and how long what is kept."""

from bayan.retention.periods import RetentionUnreadable
from bayan.retention.registry import (
    Holding,
    Keeping,
    Thing,
    register_holding,
    register_keeping,
)
from bayan.retention.services.deciding import (
    IsHeld,
    NotDue,
    NothingHeld,
    ReasonMissing,
    TimeMissing,
    check_pack,
    decide,
    hold,
    lift,
)
from bayan.retention.services.removing import (
    LookAgain,
    NotAtOnce,
    RemovalOver,
    RemovalRuns,
    remove_some,
    start_removal,
    stop_removal,
)
from bayan.retention.services.scheduling import (
    ChangedMeanwhile,
    PeriodUnusable,
    remove_period,
    set_period,
)

__all__ = [
    "ChangedMeanwhile",
    "Holding",
    "IsHeld",
    "Keeping",
    "LookAgain",
    "NotAtOnce",
    "NotDue",
    "NothingHeld",
    "PeriodUnusable",
    "ReasonMissing",
    "RemovalOver",
    "RemovalRuns",
    "RetentionUnreadable",
    "Thing",
    "TimeMissing",
    "check_pack",
    "decide",
    "hold",
    "lift",
    "register_holding",
    "register_keeping",
    "remove_period",
    "remove_some",
    "set_period",
    "start_removal",
    "stop_removal",
]
