"""The same matter: cases of several people about one thing, found by triage, decided by members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bayan.cases.models import Alike, Case, Reading
from bayan.cases.services import understanding
from bayan.cases.services.parts import AlreadyThere, CaseAlreadyClosed, done, entry, lock_all
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.triage.matters import OPEN_FOR, Limits, Matters, Trace, trace_of

JOINED, PARTED = "cases.joined", "cases.parted"
# So many at a time, between two looks at the journal: people's messages come first.
BATCH = 200
# Of the cases before this process began so many, the latest, are read again.
REMEMBERED = 5_000
# What is less likely is not worth a member's look.
ASKED = 0.25
LOCK = "bayan.cases.matters"


class NotTheSame(DomainError):
    pass


class Matching:
    """What one process remembers of the matters that are open. One worker at a time does it for all.

    A case is looked at once: `Reading.matched_at` says so, whoever is killed in between.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.matters = Matters(Limits(suggest=ASKED))
        self._to_learn: list[int] | None = None

    def look(self, *, now: datetime) -> int:
        """Hold the next new cases against the open ones; returns how many were looked at."""
        with connection.cursor() as cursor:
            # The connection holds the lock until it ends; the same one may ask again.
            cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [LOCK])
            if not cursor.fetchone()[0]:
                # Another worker does it, and what is remembered here would grow old.
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
        return self._match(now=now)

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
        self._join(joined, now=now)
        live.announce((case.node_id, "case", case.public_id) for case, _key, _likeness in told)
        return len(keys)

    @staticmethod
    def _join(joined: Mapping[int, int], *, now: datetime) -> None:
        """What is surely the same is one matter at once, where nobody works on it yet."""
        if not joined:
            return
        rows = Case.objects.open().filter(pk__in={*joined, *joined.values()})
        known = {case.pk: case for case in lock_all(rows)}
        changed = []
        for pk, key in joined.items():
            case, other = known.get(pk), known.get(key)
            if case is None or other is None or case.node_id != other.node_id:
                continue
            if case.owner_id or case.priority == Case.Priority.EMERGENCY:
                continue
            case.parent_id = other.parent_id or other.pk
            changed.append(case)
        Case.objects.bulk_update(changed, ["parent"])
        Alike.objects.filter(case__in=changed, other__in=[c.parent_id for c in changed]).update(
            is_same=True, decided_at=now
        )
        audit.record_all(
            entry(
                "case.joined", case, by=audit.SYSTEM, now=now, to=known[joined[case.pk]].reference
            )
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
    _decide(case, root, is_same=True, by=by, now=now)
    _tell("case.joined", moved, by=by, now=now, to=other.reference)
    live.announce([(other.node_id, "case", other.public_id)])
    return done(moved, JOINED, facts, by=by, now=now)


@transaction.atomic
def part_case(case_id: UUID, *, by: Member, now: datetime) -> inbox.Done:
    """Let a case be a matter of its own again."""
    rows = Case.objects.filter(public_id=case_id).exclude(parent=None)
    moved = lock_all(rows)
    facts = {"cases": [[one.pk, one.parent_id] for one in moved]}
    for case in moved:
        _decide(case, case.parent_id, is_same=False, by=by, now=now)
        case.parent = None
    Case.objects.bulk_update(moved, ["parent"])
    _tell("case.parted", moved, by=by, now=now)
    return done(moved, PARTED, facts, by=by, now=now)


@transaction.atomic
def tell_apart(case: Case, *, other: Case, by: Member, now: datetime) -> None:
    """Two cases that seemed alike are not the same: it is asked no more."""
    _decide(case, other.pk, is_same=False, by=by, now=now)
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


def _decide(case: Case, other_id: int | None, *, is_same: bool, by: Member, now: datetime) -> None:
    Alike.objects.filter(Q(case=case, other=other_id) | Q(case=other_id, other=case)).update(
        is_same=is_same, decided_by=by, decided_at=now
    )


def _tell(action: str, cases: Sequence[Case], *, by: Member, now: datetime, **details: str) -> None:
    audit.record_all(entry(action, case, by=by, now=now, **details) for case in cases)
    live.announce((case.node_id, "case", case.public_id) for case in cases)
