"""What members write to Bayan itself: the menu, the situation, silence, reports from the field."""

from bayan.desk.services.field import (
    NotSentYet,
    ReportIsWithACase,
    hear_parts,
    join_report,
    open_case,
)
from bayan.desk.services.forgetting import FIELD_REPORT, forget_report
from bayan.desk.services.menu import ENTRIES, STAFF, hear_commands, receive_choice
from bayan.desk.services.wishes import hear_wishes

__all__ = [
    "ENTRIES",
    "FIELD_REPORT",
    "STAFF",
    "NotSentYet",
    "ReportIsWithACase",
    "forget_report",
    "hear_commands",
    "hear_parts",
    "hear_wishes",
    "join_report",
    "open_case",
    "receive_choice",
]
