"""The month's sample of closed cases: drawn by chance, once, and judged by whoever heads the body."""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.cases.models import Case, Draw, Sampled
from bayan.cases.services.closing import reopen_case
from bayan.cases.services.parts import NotKnown, entry
from bayan.cases.whole import pack
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member

LOCK = "bayan.cases.quality"


class NothingToDraw(DomainError):
    pass


@dataclass(frozen=True)
class Answers:
    """What a director sees when they look: yes, no, or not to be said (None)."""

    outcome_true: bool | None = None
    proof_shows: bool | None = None
    words_kind: bool | None = None
    place_right: bool | None = None


def choose(
    closed: Collection[tuple[str, bool]],
    *,
    seed: str,
    size: pack.Size,
    drawn: Collection[str] = (),
) -> list[str]:
    """Which of these closed cases (a key, and whether it was excused from a picture) are drawn.

    By chance, but the same for the same seed, whatever order they come in: so many of all, and of the excused
    ones up to `size.excused`. What is `drawn` already counts, and is not drawn again.
    """
    known = set(drawn)

    def by_chance(key: str) -> bytes:
        return hashlib.sha256(f"{seed}:{key}".encode()).digest()

    order = sorted((key for key, _is_excused in closed if key not in known), key=by_chance)
    excused = {key for key, is_excused in closed if is_excused}
    # Others that were drawn may have been reopened since: they were looked at all the same.
    first = order[: max(0, size.of(len(closed)) - len(known))]
    left = size.excused - len(excused & {*known, *first})
    more = [key for key in order if key in excused and key not in set(first)][: max(0, left)]
    return first + more


def first_of(month: date) -> date:
    return month.replace(day=1)


def month_before(day: date) -> date:
    return first_of(first_of(day) - timedelta(days=1))


def _span(month: date) -> tuple[datetime, datetime]:
    zone = timezone.get_current_timezone()
    following = first_of(month + timedelta(days=32))
    return (
        datetime.combine(month, time(), zone),
        datetime.combine(following, time(), zone),
    )


def draw_when_due(*, now: datetime) -> int:
    """Draw the sample of the month before, unless that was done. Returns how many cases it has."""
    month = month_before(timezone.localdate(now))
    if Draw.objects.filter(month=month, is_whole=True).exists():
        return 0
    return draw(month, by=None, now=now)


@transaction.atomic
def draw(
    month: date, *, bodies: Sequence[Node] | None = None, by: Member | None, now: datetime
) -> int:
    """Draw the sample of a month for these bodies, or for all. Returns how many cases were added.

    A handful of statements, in one transaction: drawn once, whoever is killed or asks twice. Before the month
    is over it is drawn of what is closed already, and filled up later.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [LOCK, f"{month}"]
        )
    nodes = organisation.nodes() if bodies is None else {node.pk: node for node in bodies}
    since, until = _span(month)
    is_whole = now >= until
    drawn = {one.node_id: one for one in Draw.objects.filter(month=month, node__in=nodes)}
    closed: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for pk, node_id, excuse in Case.objects.filter(
        node__in=nodes, closed_at__gte=since, closed_at__lt=until
    ).values_list("pk", "node_id", "closing__excuse"):
        if not (node_id in drawn and drawn[node_id].is_whole):
            closed[node_id].append((pk, bool(excuse)))
    before: dict[int, list[int]] = defaultdict(list)
    for node_id, pk in Sampled.objects.filter(month=month, node__in=nodes).values_list(
        "node_id", "case_id"
    ):
        before[node_id].append(pk)
    rows, draws = [], []
    # The authority itself stands for the month, also where nothing was closed.
    for node_id in closed.keys() | ({organisation.desk().pk} & nodes.keys() if is_whole else set()):
        one = drawn.get(node_id) or Draw(
            node_id=node_id, month=month, seed=f"{month:%Y-%m}-{secrets.token_hex(8)}"
        )
        one.closed, one.is_whole, one.at = len(closed[node_id]), is_whole, now
        draws.append(one)
        excused = {str(pk): is_excused for pk, is_excused in closed[node_id]}
        picked = choose(
            list(excused.items()),
            seed=one.seed,
            size=pack.sample_size(),
            drawn=[str(pk) for pk in before[node_id]],
        )
        rows += [
            Sampled(
                node_id=node_id,
                month=month,
                case_id=int(key),
                is_excused=excused[key],
                position=position,
            )
            for position, key in enumerate(picked, start=len(before[node_id]) + 1)
        ]
    Draw.objects.bulk_create(
        draws,
        update_conflicts=True,
        unique_fields=["month", "node"],
        update_fields=["closed", "is_whole", "at"],
    )
    # A case closed here and sampled elsewhere this month stays where it was drawn.
    Sampled.objects.bulk_create(rows, ignore_conflicts=True)
    audit.record_all(
        audit.Entry(
            action="quality.drawn",
            subject_type="sample",
            subject_key=f"{month:%Y-%m}",
            by=by or audit.SYSTEM,
            at=now,
            node_id=one.node_id,
            details={"count": sum(row.node_id == one.node_id for row in rows)},
        )
        for one in draws
        # That nothing was closed, as in an instance's first month, is no story.
        if one.closed
    )
    return len(rows)


def draw_now(*, bodies: Sequence[Node], by: Member, now: datetime) -> int:
    """Draw for these bodies what the worker would draw later: the month before, and this one so far.

    :raises NothingToDraw: all of it was drawn, or nothing was closed
    """
    today = timezone.localdate(now)
    count = sum(
        draw(month, bodies=bodies, by=by, now=now)
        for month in (month_before(today), first_of(today))
    )
    if not count:
        raise NothingToDraw(_("There is nothing to draw: no further case was closed."))
    return count


@transaction.atomic
def judge(
    sampled_id: UUID, *, verdict: str, answers: Answers, note: str, by: Member, now: datetime
) -> Sampled:
    """Keep what a director thinks of a closing; the verdict "opened again" opens a closed case again.

    :raises NotKnown: there is no such verdict
    """
    if verdict not in Sampled.Verdict.values:
        raise NotKnown(_("Choose a verdict."))
    row = (
        Sampled.objects.select_for_update(of=("self",))
        .select_related("case__node")
        .get(public_id=sampled_id)
    )
    row.outcome_true, row.proof_shows = answers.outcome_true, answers.proof_shows
    row.words_kind, row.place_right = answers.words_kind, answers.place_right
    row.verdict, row.note = verdict, " ".join(note.split())[:300]
    row.judged_at, row.judged_by = now, by
    row.save(
        update_fields=[
            "outcome_true", "proof_shows", "words_kind", "place_right", "verdict", "note", "judged_at",
            "judged_by",
        ]
    )  # fmt: skip
    audit.record(entry("case.judged", row.case, by=by, now=now, verdict=verdict))
    if verdict == Sampled.Verdict.REOPENED and row.case.is_closed:
        reopen_case(row.case.public_id, by=by, now=now)
    live.announce([(row.node_id, "sample", row.public_id)])
    return row
