"""What the worker does for surges each second: nothing at all while none is under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bayan.cases.services import acknowledging, shedding, team, together
from bayan.cases.surge.models import Surge


def tend_surges(backlog: Callable[[], tuple[int, int]], *, now: datetime) -> int:
    """Measure, thank, handle what was pressed, let helpers go. Returns how much was done.

    `backlog` says how much waits in the journal, and for how many seconds the oldest; it is asked only
    while a surge is under way.
    """
    is_on = Surge.objects.on().exists()
    if not is_on and not together.is_any_waiting():
        return 0
    done = 0
    if is_on:
        if shedding.is_to_be_measured(now=now):
            waiting, seconds = backlog()
            shedding.measure(waiting=waiting, seconds=seconds, now=now)
        done += acknowledging.acknowledge(now=now)
        done += team.let_helpers_go(now=now)
    return done + together.do_handled(now=now)
