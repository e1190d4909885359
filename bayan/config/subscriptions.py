"""Every reaction in the platform, in one list: who takes charge of what."""

from bayan.cases import services as cases
from bayan.core import events


def load() -> None:
    """Fill the registry of `core.events`; called once at start."""
    events.receive_replies(cases.SATISFACTION, cases.receive_satisfaction)
