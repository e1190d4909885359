"""Every reaction in the platform, in one list: who takes charge of what."""

from bayan.cases import services as cases
from bayan.core import events, undo
from bayan.inbox import services as inbox
from bayan.inbox.events import PersonAnswered


def load() -> None:
    """Fill the registries of `core.events` and `core.undo`; called once at start."""
    events.receive_replies(cases.SATISFACTION, cases.receive_satisfaction)
    events.subscribe(PersonAnswered, cases.follow_answer)

    undo.register(inbox.ASSIGNED, inbox.undo_assign)
    undo.register(inbox.SNOOZED, inbox.undo_snooze)
    undo.register(inbox.LABELLED, inbox.undo_label)
    undo.register(cases.PASSED_ON, cases.undo_pass_on)
    undo.register(cases.GIVEN, cases.undo_give_to)
    undo.register(cases.PRIORITY_SET, cases.undo_set_priority)
