"""The same matter: cases of several people about one thing, found by triage, decided by members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bayan.cases.models import Alike, Case, CaseQuerySet, Reading
from bayan.cases.services import shedding, understanding
from bayan.cases.services.parts import AlreadyThere, CaseAlreadyClosed, done, entry, lock_all
from bayan.cases.surge.models import Surge
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.triage.matters import OPEN_FOR, Matters, Trace, trace_of

JOINED, PARTED = "cases.joined", "cases.parted"
# So many at a time, between two looks at the journal: people's messages come first.
BATCH = 200
# Of the cases before this process began so many, the latest, are read again.
REMEMBERED = 5_000
LOCK = "bayan.cases.matters"
# So long a member's decision may take to become visible.
OVERLAP = timedelta(minutes=1)


class NotTheSame(DomainError):
    pass


class NothingToGather(DomainError):
    pass


class Matching:
    """What one process remembers of the matters that are open. One worker at a time does it for all.

    A case is looked at once: `Reading.matched_at` says so, whoever is killed in between.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.matters = Matters(understanding.thresholds().matters)
        self._to_learn: list[int] | None = None
        self._told_until: datetime | None = None

    def look(self, *, now: datetime) -> int:
        """Hold the next new cases against the open ones; returns how many were looked at."""
        if shedding.is_put_off(Surge.Step.LIKENESS):
            return 0
        if not is_only_one():
            # What is remembered here would grow old.
            self._forget()
            return 0
        if self._to_learn is None:
            self._to_learn = list(
                Reading.objects.filter(case__opened_at__gt=now - OPEN_FOR, matched_at__isnull=False)
                .order_by("-case_id")
                .values_list("case_id", flat=True)[:REMEMBERED]
            )
        if self._to_learn:
            some = [self._to_learn.pop() for _number in range(min(BATCH, len(self._to_learn)))]
            for case, trace in traces_of(Reading.objects.filter(case__in=some)):
                self.matters.put(trace, str(case.parent_id or case.pk))
            return len(some)
        self._hear_members(now=now)
        return self._match(now=now)

    def _hear_members(self, *, now: datetime) -> None:
        """What members joined and parted since the last look; before the first one it was read as it is."""
        since, self._told_until = self._told_until, now
        if since is None:
            return
        # Saying it twice changes nothing, and a transaction may have taken a while.
        told = Alike.objects.filter(decided_at__gt=since - OVERLAP).exclude(decided_by=None)
        for case, other, is_same in told.order_by("decided_at", "pk").values_list(
            "case_id", "other_id", "is_same"
        ):
            if is_same:
                self.matters.merge(str(case), into=str(other))
            elif is_same is False:
                self.matters.part(str(case), of=str(other))

    @transaction.atomic
    def _match(self, *, now: datetime) -> int:
        waiting = Reading.objects.filter(matched_at=None).order_by("case_id")
        keys = list(waiting.values_list("case_id", flat=True)[:BATCH])
        if not keys:
            return 0
        told: list[tuple[Case, int, float]] = []
        joined: dict[int, int] = {}
        for case, trace in traces_of(Reading.objects.filter(case__in=keys)):
            verdict = self.matters.add(trace)
            if not verdict.is_new:
                joined[case.pk] = int(verdict.matter)
                told.append((case, int(verdict.matter), verdict.likeness))
            told += [(case, int(key), likeness) for key, likeness in verdict.suggestions]
        Reading.objects.filter(case__in=keys).update(matched_at=now)
        # A matter is named by the case that began it; that may have become part of another since.
        known = Case.objects.in_bulk({key for _case, key, _likeness in told})
        roots = {key: known[key].parent_id or key for key in known}
        Alike.objects.bulk_create(
            (
                Alike(case=case, other_id=roots[key], likeness=likeness)
                for case, key, likeness in told
                if key in roots and roots[key] != case.pk
            ),
            ignore_conflicts=True,
        )
        join_at_once(joined, now=now)
        live.announce((case.node_id, "case", case.public_id) for case, _key, _likeness in told)
        return len(keys)


def is_only_one() -> bool:
    """True where no other worker compares cases; its connection keeps the lock until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [LOCK])
        return bool(cursor.fetchone()[0])


def join_at_once(joined: Mapping[int, int], *, now: datetime) -> None:
    """Let cases (key → key of the other) that are surely about the same be one matter.

    Only where nobody works on a case yet, and nobody has said to which matter it belongs.
    """
    if not joined:
        return
    rows = Case.objects.open().filter(pk__in={*joined, *joined.values()})
    known = {case.pk: case for case in lock_all(rows)}
    heads = set(Case.objects.filter(parent__in=joined).values_list("parent_id", flat=True))
    changed = []
    for pk, key in joined.items():
        case, other = known.get(pk), known.get(key)
        if case is None or other is None or case.node_id != other.node_id:
            continue
        if case.owner_id or case.priority == Case.Priority.EMERGENCY:
            continue
        if case.parent_id or pk in heads:
            continue
        case.parent_id = other.parent_id or other.pk
        changed.append(case)
    Case.objects.bulk_update(changed, ["parent"])
    parents = [case.parent_id for case in changed]
    Alike.objects.filter(
        Q(case__in=changed, other__in=parents) | Q(case__in=parents, other__in=changed)
    ).update(is_same=True, decided_at=now)
    audit.record_all(
        entry("case.joined", case, by=audit.SYSTEM, now=now, to=known[joined[case.pk]].reference)
        for case in changed
    )


def traces_of(rows: QuerySet[Reading]) -> list[tuple[Case, Trace]]:
    """What of the cases of these readings is compared, the earliest first; only of those with words."""
    cases = {
        row.case.reference: row.case for row in rows.select_related("case").order_by("case_id")
    }
    reader = understanding.reader()
    first: dict[str, Message] = {}
    for message in (
        Message.objects.filter(matter__in=cases, direction=Message.Direction.IN)
        .exclude(text="")
        .order_by("-sent_at", "-pk")
    ):
        first[message.matter] = message
    return [
        (
            case,
            trace_of(
                reader.read(first[reference].text[: understanding.LONGEST]),
                id=str(case.pk),
                at=case.opened_at,
            ),
        )
        for reference, case in cases.items()
        if reader is not None and reference in first
    ]


@transaction.atomic
def join_case(case_id: UUID, *, into: Case, by: Member, now: datetime) -> inbox.Done:
    """Let a case, with those that joined it, report the same matter as another.

    :raises CaseAlreadyClosed: one of them is closed
    :raises NotTheSame: it is the same case, or another body's
    :raises AlreadyThere: it is so already
    """
    cases = lock_all(
        Case.objects.filter(Q(public_id=case_id) | Q(pk=into.pk) | Q(parent__public_id=case_id))
    )
    case = next(one for one in cases if one.public_id == case_id)
    other = next(one for one in cases if one.pk == into.pk)
    root = other.parent_id or other.pk
    if root in {case.pk, case.parent_id}:
        if case.pk == other.pk:
            raise NotTheSame(_("This is the same case. Choose another one."))
        raise AlreadyThere(_("These cases are one matter already."))
    if case.is_closed or other.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if case.node_id != other.node_id:
        raise NotTheSame(
            _("Case %(number)s is with %(body)s. Assign this one there first.")
            % {"number": other.reference, "body": other.node.name}
        )
    moved = [one for one in cases if case.pk in (one.pk, one.parent_id)]
    facts = {"cases": [[one.pk, one.parent_id] for one in moved]}
    for one in moved:
        one.parent_id = root
    Case.objects.bulk_update(moved, ["parent"])
    _decide_all([case], root, is_same=True, by=by, now=now)
    _tell("case.joined", moved, by=by, now=now, to=other.reference)
    live.announce([(other.node_id, "case", other.public_id)])
    return done(moved, JOINED, facts, by=by, now=now)


@transaction.atomic
def gather(rows: CaseQuerySet, *, by: Member, now: datetime) -> inbox.Done:
    """Let these cases, as far as they are open and one body's, report one matter: that of the first of them.

    The body is the one that has most of them. Each keeps its place in the list, its priority and its clock.

    :raises NothingToGather: there are no two such cases that are not one matter yet
    """
    found = lock_all(rows.open())
    bodies = Counter(case.node_id for case in found)
    body = bodies.most_common(1)[0][0] if found else None
    # A matter moves as a whole.
    known = {case.pk for case in found}
    with_them = Case.objects.filter(parent__in=known, node=body).exclude(pk__in=known)
    found = sorted(
        [case for case in (*found, *lock_all(with_them)) if case.node_id == body],
        key=lambda case: (case.opened_at, case.pk),
    )
    first = next((case for case in found if not case.is_closed), None)
    root = 0 if first is None else first.parent_id or first.pk
    moved = [case for case in found if root not in {case.pk, case.parent_id}]
    if first is None or not moved:
        raise NothingToGather(_("There are no two open cases here that could become one."))
    facts = {"cases": [[case.pk, case.parent_id] for case in moved]}
    Case.objects.filter(pk__in=[case.pk for case in moved]).update(parent=root)
    _decide_all(moved, root, is_same=True, by=by, now=now)
    _tell("case.joined", moved, by=by, now=now, to=first.reference)
    live.announce([(first.node_id, "case", first.public_id)])
    return done(moved, JOINED, facts, by=by, now=now)


@transaction.atomic
def part_case(case_id: UUID, *, by: Member, now: datetime) -> inbox.Done:
    """Let a case be a matter of its own again."""
    rows = Case.objects.filter(public_id=case_id).exclude(parent=None)
    moved = lock_all(rows)
    facts = {"cases": [[one.pk, one.parent_id] for one in moved]}
    for case in moved:
        if case.parent_id is not None:
            _decide_all([case], case.parent_id, is_same=False, by=by, now=now)
        case.parent = None
    Case.objects.bulk_update(moved, ["parent"])
    _tell("case.parted", moved, by=by, now=now)
    return done(moved, PARTED, facts, by=by, now=now)


@transaction.atomic
def tell_apart(case: Case, *, other: Case, by: Member, now: datetime) -> None:
    """Two cases that seemed alike are not the same: it is asked no more."""
    _decide_all([case], other.pk, is_same=False, by=by, now=now)
    live.announce([(case.node_id, "case", case.public_id)])


def undo_matters(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Each case belongs again where it belonged before it was joined or parted."""
    before = dict(facts["cases"])
    cases = lock_all(Case.objects.filter(pk__in=before))
    for case in cases:
        case.parent_id = before[case.pk]
    Case.objects.bulk_update(cases, ["parent"])
    Alike.objects.filter(
        case__in=cases, decided_by=by, decided_at__gt=now - timedelta(minutes=1)
    ).update(is_same=None, decided_by=None, decided_at=None)
    _tell("case.joining_undone", cases, by=by, now=now)


def _decide_all(
    cases: Sequence[Case], other_id: int, *, is_same: bool, by: Member, now: datetime
) -> None:
    """Keep what a member says of pairs of cases; the worker that finds matters learns of it."""
    decided = {"is_same": is_same, "decided_by": by, "decided_at": now}
    keys = [case.pk for case in cases]
    Alike.objects.filter(case=other_id, other__in=keys).update(**decided)
    Alike.objects.bulk_create(
        [Alike(case_id=key, other_id=other_id, likeness=0, **decided) for key in keys],
        update_conflicts=True,
        unique_fields=["case", "other"],
        update_fields=[*decided],
    )


def _tell(action: str, cases: Sequence[Case], *, by: Member, now: datetime, **details: str) -> None:
    audit.record_all(entry(action, case, by=by, now=now, **details) for case in cases)
    live.announce((case.node_id, "case", case.public_id) for case in cases)
