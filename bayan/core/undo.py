"""Undoing what one has just done: kept for ten seconds, by whoever did it, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.core.models import UndoStep

# So long the button stands on the screen (assets/js/notices.js).
OFFERED_FOR = timedelta(seconds=10)
# A press in the last moment takes its time to arrive.
ON_ITS_WAY = timedelta(seconds=10)

type Verb = Callable[..., None]


class TooLate(DomainError):
    pass


_verbs: dict[str, Verb] = {}


def register(action: str, verb: Verb) -> None:
    """Let `verb(facts, by=member, now=moment)` undo what `remember` kept for this action."""
    if action in _verbs:
        raise ValueError(f"{action} is undone already.")
    _verbs[action] = verb


def remember(action: str, facts: Mapping[str, Any], *, member_id: int, now: datetime) -> UUID:
    """Keep what it takes to undo this. Returns the name under which `undo` finds it."""
    step: UndoStep = UndoStep.objects.create(
        member_id=member_id, action=action, facts=dict(facts), expires_at=now + OFFERED_FOR
    )
    name: UUID = step.public_id
    return name


@transaction.atomic
def undo(public_id: UUID, *, by: Any, now: datetime) -> None:
    """Undo what this member did, once.

    :raises TooLate: the time is over, it is undone already, or it was somebody else's
    """
    step = (
        UndoStep.objects.select_for_update()
        .filter(public_id=public_id, member_id=by.pk, undone_at=None)
        .first()
    )
    if step is None or now > step.expires_at + ON_ITS_WAY:
        raise TooLate(_("It is too late to undo this."))
    _verbs[step.action](step.facts, by=by, now=now)
    step.undone_at = now
    step.save(update_fields=["undone_at"])


def forget(*, now: datetime) -> int:
    """Delete the steps that nobody can undo any more; returns how many."""
    return UndoStep.objects.filter(expires_at__lt=now - timedelta(hours=1)).delete()[0]
