"""Dry runs of routing that take a while: kept from step to step, to be watched and broken off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from bayan.cases.models import RuleBook
from bayan.cases.routing.matching import Rules
from bayan.cases.routing.trying import CHUNK, try_some
from bayan.cases.whole.models import RoutingTrial
from bayan.people.models import Member


def _stamp() -> UUID | None:
    stamp: UUID | None = RuleBook.objects.values_list("stamp", flat=True).first()
    return stamp


@transaction.atomic
def begin_trial(
    keys: Sequence[int],
    *,
    is_cut: bool,
    asked: str,
    rule: UUID | None,
    by: Member,
    now: datetime,
) -> RoutingTrial:
    """Keep what is to be tried: `asked` is the rule as it was typed. A member has one trial at a time."""
    RoutingTrial.objects.filter(by=by).delete()
    made: RoutingTrial = RoutingTrial.objects.create(
        by=by, asked=asked, rule=rule, keys=list(keys), is_cut=is_cut, stamp=_stamp(), begun_at=now
    )
    return made


@transaction.atomic
def step_trial(
    public_id: UUID, held: Rules, *, focus: UUID | None, by: Member, now: datetime
) -> RoutingTrial | None:
    """Try the next cases; None: it was broken off. A trial that is over is forgotten with its last step.

    Where somebody has changed the rules meanwhile, it begins anew.
    """
    trial = (
        RoutingTrial.objects.select_for_update(of=("self",))
        .filter(public_id=public_id, by=by)
        .first()
    )
    if trial is None:
        return None
    found: dict[str, Any] = trial.found
    stamp = _stamp()
    if stamp != trial.stamp:
        trial.stamp, trial.done, found = stamp, 0, {}
    some = trial.keys[trial.done : trial.done + CHUNK]
    trial.found = try_some(found, held, some, focus=focus, now=now)
    trial.done += len(some)
    if trial.is_over:
        trial.delete()
    else:
        trial.save(update_fields=["found", "done", "stamp"])
    return trial


@transaction.atomic
def cancel_trial(public_id: UUID, *, by: Member) -> None:
    """Break a trial off; nothing of it stays."""
    RoutingTrial.objects.filter(public_id=public_id, by=by).delete()
