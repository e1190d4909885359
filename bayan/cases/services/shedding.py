"""The order in which work is put off while more comes in than can be worked off: measured, or by hand.

What is never put off: taking messages in, emergencies, what people write to people, the audit trail.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Max

from bayan.cases.services.surge_parts import locked_surge, note
from bayan.cases.surge.models import Surge
from bayan.channels.models import Broadcast
from bayan.channels.services import broadcasts
from bayan.core import audit
from bayan.core.rls import as_worker
from bayan.people.models import Member

Step = Surge.Step
# Each step begins when so many bodies wait in the journal, or the oldest has waited for so many seconds.
BEGINS: dict[Surge.Step, tuple[int, int]] = {
    Step.SECOND_OPINION: (1_000, 15),
    Step.LIKENESS: (3_000, 30),
    Step.WHERE: (5_000, 60),
    Step.BULK: (10_000, 120),
    Step.FIGURES: (30_000, 300),
}
# Upwards at once; downwards one step after so long, so that nothing flutters.
CALM_FOR = timedelta(minutes=2)
MEASURED_EVERY = timedelta(seconds=10)

log = structlog.get_logger(__name__)


def step_for(*, waiting: int, seconds: int) -> Surge.Step:
    """The step that so much waiting calls for."""
    return max(
        (step for step, (rows, age) in BEGINS.items() if waiting >= rows or seconds >= age),
        default=Step.NOTHING,
    )


def is_put_off(step: Surge.Step) -> bool:
    """Whether some surge under way puts this off: the work is everybody's, so the highest step counts."""
    highest = Surge.objects.on().aggregate(highest=Max("step"))["highest"]
    return highest is not None and highest >= step


def is_to_be_measured(*, now: datetime) -> bool:
    """Whether a surge is under way whose backlog was not measured just now."""
    due = Surge.objects.on().exclude(measured_at__gt=now - MEASURED_EVERY)
    return due.exists()


@transaction.atomic
def measure(*, waiting: int, seconds: int, now: datetime) -> None:
    """Let each surge follow what waits in the journal, as far as nobody chose its step by hand."""
    # Another worker that is at it has the same figures.
    surges = Surge.objects.on().select_related("node").order_by("pk")
    for surge in surges.select_for_update(of=("self",), skip_locked=True):
        surge.backlog, surge.backlog_seconds, surge.measured_at = waiting, seconds, now
        wanted = step_for(waiting=waiting, seconds=seconds)
        if not surge.is_by_hand:
            if wanted > surge.step:
                _take(surge, wanted, how="measured", by=audit.SYSTEM, now=now)
            elif wanted < surge.step and now - surge.step_at >= CALM_FOR:
                _take(surge, Step(surge.step - 1), how="measured", by=audit.SYSTEM, now=now)
        _follow_broadcasts(surge, now=now)
        surge.save(
            update_fields=[
                "backlog", "backlog_seconds", "measured_at", "step", "step_at", "steps", "paused",
            ]
        )  # fmt: skip


@transaction.atomic
def choose_step(surge_id: UUID, step: int | None, *, by: Member, now: datetime) -> Surge:
    """Let a member choose what is put off; None: what is measured decides again.

    :raises SurgeIsOver: it has ended
    """
    surge = locked_surge(surge_id)
    surge.is_by_hand = step is not None
    if step is not None and step != surge.step:
        _take(surge, Step(step), how="hand", by=by, now=now)
    else:
        note("surge.step_left", surge, by=by, now=now, step=surge.step, by_hand=surge.is_by_hand)
    _follow_broadcasts(surge, now=now)
    surge.save(update_fields=["is_by_hand", "step", "step_at", "steps", "paused"])
    return surge


def put_nothing_off(surge: Surge, *, now: datetime) -> None:
    """A surge ends: what it had paused goes on. The caller saves it."""
    if surge.step:
        _take(surge, Step.NOTHING, how="ended", by=audit.SYSTEM, now=now)
    surge.is_by_hand = False
    _follow_broadcasts(surge, now=now)


def _take(surge: Surge, step: Surge.Step, *, how: str, by: audit.Actor, now: datetime) -> None:
    surge.step, surge.step_at = step, now
    surge.steps = [
        *surge.steps,
        [now.isoformat(), int(step), how, surge.backlog, surge.backlog_seconds],
    ]
    log.info("surge.step", step=int(step), how=how, waiting=surge.backlog)
    note("surge.step", surge, by=by, now=now, step=int(step), how=how, waiting=surge.backlog)


def _follow_broadcasts(surge: Surge, *, now: datetime) -> None:
    """Pause running broadcasts from that step on, and let them go on below it. A crisis is not paused.

    Each is paused once: whoever lets one go on by hand knows why.
    """
    # Of all bodies, whoever presses: what is put off is everybody's.
    with as_worker():
        if surge.step >= Step.BULK:
            running = Broadcast.objects.filter(state=Broadcast.State.RUNNING, is_crisis=False)
            for broadcast in running.exclude(pk__in=surge.paused).order_by("pk"):
                broadcasts.pause(broadcast.public_id, by=audit.SYSTEM, now=now)
                surge.paused = [*surge.paused, broadcast.pk]
            return
        if not surge.paused:
            return
        elsewhere = Surge.objects.on().exclude(pk=surge.pk).filter(step__gte=Step.BULK)
        if elsewhere.exists():
            return
        paused = Broadcast.objects.filter(pk__in=surge.paused, state=Broadcast.State.PAUSED)
        for broadcast in paused.order_by("pk"):
            try:
                with transaction.atomic():
                    broadcasts.resume(broadcast.public_id, by=audit.SYSTEM, now=now)
            except (broadcasts.BroadcastOver, broadcasts.TemplateNotUsable) as refused:
                # It stays paused, where a person looks at it.
                log.info("surge.broadcast_stays", why=type(refused).__name__)
        surge.paused = []
