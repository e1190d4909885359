"""The states of a request, and which step leads from which to which (docs/needs.md)."""

from __future__ import annotations

from collections.abc import Mapping

from bayan.needs.models import Need

State = Need.State
# A request in one of these states → the state after the step.
STEPS: Mapping[str, tuple[frozenset[str], str]] = {
    "take": (frozenset({State.ASKED}), State.REVIEW),
    "grant": (frozenset({State.ASKED, State.REVIEW}), State.GRANTED),
    "grant_part": (frozenset({State.ASKED, State.REVIEW}), State.PARTLY),
    "refuse": (frozenset({State.ASKED, State.REVIEW}), State.REFUSED),
    "provide": (frozenset({State.GRANTED, State.PARTLY}), State.PROVIDED),
    "confirm": (frozenset({State.PROVIDED}), State.CONFIRMED),
    # Not as it was granted: it goes back to whoever provides. In part stays in part (`services.deciding`).
    "dispute": (frozenset({State.PROVIDED}), State.GRANTED),
    "withdraw": (
        frozenset({State.ASKED, State.REVIEW, State.GRANTED, State.PARTLY}),
        State.WITHDRAWN,
    ),
}
ENDS = frozenset({State.REFUSED, State.CONFIRMED, State.WITHDRAWN})


def after(state: str, step: str) -> str | None:
    """The state to which this step leads from there; None: it leads nowhere."""
    sources, target = STEPS[step]
    return target if state in sources else None
