"""Which stage of a case follows which; docs/cases.md shows the table (a test compares the two)."""

from __future__ import annotations

from bayan.cases.models import Case

Stage = Case.Stage

# step → (from these stages, to that one). Whoever may answer may take every step in their own body.
STEPS: dict[str, tuple[frozenset[str], str]] = {
    # A member takes it up, or answers the person.
    "start": (frozenset({Stage.NEW}), Stage.IN_PROGRESS),
    "ask_person": (frozenset({Stage.NEW, Stage.IN_PROGRESS, Stage.WAITS_FOR_BODY}), Stage.WAITS_FOR_PERSON),
    "ask_body": (frozenset({Stage.NEW, Stage.IN_PROGRESS, Stage.WAITS_FOR_PERSON}), Stage.WAITS_FOR_BODY),
    # The person has written, the other body has answered, or a member goes on without.
    "resume": (frozenset({Stage.WAITS_FOR_PERSON, Stage.WAITS_FOR_BODY}), Stage.IN_PROGRESS),
    "close": (
        frozenset({Stage.NEW, Stage.IN_PROGRESS, Stage.WAITS_FOR_PERSON, Stage.WAITS_FOR_BODY}),
        Stage.CLOSED,
    ),
    # By an unhappy answer, or by a member who sees that it was not the end.
    "reopen": (frozenset({Stage.CLOSED}), Stage.IN_PROGRESS),
}  # fmt: skip


def steps_from(stage: str) -> list[str]:
    """The steps that can be taken in this stage, in the order of the table."""
    return [step for step, (before, _after) in STEPS.items() if stage in before]


def after(stage: str, step: str) -> str | None:
    """The stage that this step leads to; None where it cannot be taken."""
    before, target = STEPS[step]
    return target if stage in before else None
