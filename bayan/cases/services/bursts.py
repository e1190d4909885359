"""Looking for bursts in what the public writes, as it comes in, and telling of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction

from bayan.cases.models import Burst, Heard
from bayan.cases.services import understanding
from bayan.core import audit, live
from bayan.core.calendar import is_ramadan
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.triage.bursts import Alarm, Bursts, Seen

# So much of the past says what is usual; older counts are forgotten.
LEARNED, KEPT = timedelta(days=35), timedelta(days=60)
# A burst is told by the words of its last half hour, read once; the rest is for a worker that was held up.
WORDS_KEPT = timedelta(hours=3)
BATCH = 2_000
# Rows of two workers may become visible out of their order: so many are looked at twice.
OVERLAP = 500
# Two workers may notice a burst some messages apart; each by itself is silent for longer than this after one.
SAME = timedelta(minutes=30)

log = structlog.get_logger(__name__)


class Watch:
    """A process's detector, and how far it has read. Every worker reads all: who is first tells."""

    def __init__(self) -> None:
        self.detector = Bursts(understanding.thresholds().bursts, is_ramadan=is_ramadan)
        self._last = 0
        self._done: set[int] = set()
        self._has_learned = False

    def look(self, *, now: datetime) -> int:
        """Count what was heard since the last look; returns how many bursts were told."""
        if not self._has_learned:
            self._learn(now=now)
        told = 0
        while True:
            rows = list(
                Heard.objects.filter(pk__gt=self._last - OVERLAP)
                .exclude(pk__in=self._done)
                .order_by("pk")
                .values_list("pk", "at", "external_id", "about", "terms")[:BATCH]
            )
            for pk, at, external_id, about, terms in rows:
                seen = Seen(
                    at=at,
                    id=external_id,
                    about=[(kind, key) for kind, key in about],
                    terms=terms,
                )
                for alarm in self.detector.add(seen):
                    told += tell(alarm, now=now)
                self._done.add(pk)
            if rows:
                self._last = max(self._last, rows[-1][0])
                self._done = {pk for pk in self._done if pk > self._last - OVERLAP}
            if len(rows) < BATCH:
                return told

    def _learn(self, *, now: datetime) -> None:
        """What is usual, from what was heard before this process began. Tells nothing."""
        steps: dict[datetime, dict[tuple[str, str], int]] = defaultdict(dict)
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(id), 0) FROM cases_heard")
            self._last = cursor.fetchone()[0]
            cursor.execute(
                "SELECT date_bin('10 minutes', at, 'epoch'), pair->>0, pair->>1, count(*) "
                "FROM cases_heard, jsonb_array_elements(about || %s) AS pair "
                "WHERE at >= %s AND id <= %s GROUP BY 1, 2, 3",
                ['[["all", ""]]', now - LEARNED, self._last],
            )
            for at, kind, key, count in cursor.fetchall():
                steps[at][kind, key] = count
        for at in sorted(steps):
            self.detector.learn(at.astimezone(UTC), steps[at])
        self._done = set(
            Heard.objects.filter(pk__gt=self._last - OVERLAP).values_list("pk", flat=True)
        )
        self._has_learned = True


@transaction.atomic
def tell(alarm: Alarm, *, now: datetime) -> bool:
    """Put a burst before those whom it concerns; False when another worker has told of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cases_burst'))")
    node = _node_of(alarm)
    about = [list(pair) for pair in alarm.about]
    same = Burst.objects.filter(
        node=node,
        about__contains=about[:1],
        detected_at__gt=alarm.detected_at - SAME,
        detected_at__lt=alarm.detected_at + SAME,
    )
    if same.exists():
        return False
    burst = Burst.objects.create(
        node=node,
        about=about,
        detected_at=alarm.detected_at,
        started_at=alarm.started_at,
        volume=alarm.volume,
        baseline=alarm.baseline,
        score=alarm.score,
        terms=list(alarm.terms),
        examples=list(alarm.example_ids),
        told_at=now,
    )
    log.info("burst.noticed", volume=alarm.volume, baseline=alarm.baseline, body=node.key)
    audit.record_all(
        [
            audit.Entry(
                action="burst.noticed",
                subject_type="burst",
                subject_key=str(burst.public_id),
                by=audit.SYSTEM,
                at=alarm.detected_at,
                node_id=node.pk,
                details={"volume": alarm.volume, "baseline": alarm.baseline},
            )
        ]
    )
    live.announce([(node.pk, "burst", burst.public_id)])
    return True


def _node_of(alarm: Alarm) -> Node:
    if alarm.municipality:
        node = Node.objects.municipalities().filter(key=alarm.municipality).first()
        if node is not None:
            return node
    return organisation.desk()


@transaction.atomic
def see_burst(burst_id: UUID, *, by: Member, now: datetime) -> Burst:
    """Somebody has seen it: it leaves the first page, and stays in the list."""
    burst = Burst.objects.select_for_update(of=("self",)).get(public_id=burst_id)
    if burst.seen_at is None:
        burst.seen_by, burst.seen_at = by, now
        burst.save(update_fields=["seen_by", "seen_at"])
        live.announce([(burst.node_id, "burst", burst.public_id)])
    return burst


def forget_heard(*, now: datetime) -> int:
    """Words go after hours, counts after two months; returns how many counts went.

    A batch at a time, so that nothing waits for long.
    """
    spoken = Heard.objects.filter(at__lt=now - WORDS_KEPT).exclude(terms={}).order_by("at")
    while Heard.objects.filter(pk__in=list(spoken.values_list("pk", flat=True)[:BATCH])).update(
        terms={}
    ):
        pass
    old = Heard.objects.filter(at__lt=now - KEPT).order_by("at")
    gone = 0
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        gone += Heard.objects.filter(pk__in=keys).delete()[0]
    return gone
