"""The times of cases, set on the page: kept as sets, of which the latest holds; open cases are dated anew."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bayan.cases import due
from bayan.cases.due import OwnTerms, Term
from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.services import clocks
from bayan.cases.services.parts import due as due_of
from bayan.cases.services.parts import lock_all
from bayan.cases.whole.models import TermsSet
from bayan.core import audit, live, undo
from bayan.core.errors import DomainError
from bayan.core.queries import Waits
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.organisation import selectors as organisation
from bayan.people.models import Member

TERMS_SET = "cases.terms_set"
WHAT = ("answer", "due", due.SECOND, "person")
# More would be no promise to anybody.
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(hours=2000)
BATCH = 200
# A preview looks at so many open cases, the latest.
LOOKED_AT = 5000


class TermUnusable(DomainError):
    pass


class NothingChanged(DomainError):
    pass


@dataclass(frozen=True)
class Row:
    """The times of one priority, of all cases or of one kind or category; None: as the standard has it."""

    of: str
    priority: str
    terms: Mapping[str, Term | None]


@dataclass(frozen=True)
class Changed:
    """What other times would do to the open cases."""

    looked_at: int
    sooner: int
    later: int
    # Of these, late at once; and late now and not then.
    late: int
    saved: int
    is_all: bool

    @property
    def count(self) -> int:
        return self.sooner + self.later


def _latest() -> TermsSet | None:
    return TermsSet.objects.order_by("-pk").first()


def _with(row: Row) -> dict[str, Any]:
    """The times that are set, with this row in its place.

    :raises TermUnusable: a time is too short or too long, or an answer is owed after the end
    """
    check(row)
    latest = _latest()
    terms = deepcopy(latest.terms) if latest else {}
    for what in WHAT:
        term = row.terms.get(what)
        by_name = terms.setdefault(what, {})
        rows = by_name.setdefault(row.of, {})
        if term is None or term == due.standard_terms(what).get((row.of, row.priority)):
            rows.pop(row.priority, None)
        else:
            rows[row.priority] = [term.length / timedelta(hours=1), term.around_the_clock]
        if not rows:
            del by_name[row.of]
        if not by_name:
            del terms[what]
    return terms


def check(row: Row) -> None:
    """Refuse times that nobody could keep.

    :raises TermUnusable: names what is wrong
    """
    known = {"", *Case.Kind.values, *(f"{due.OF_CATEGORY}.{key}" for key in Case.Category.values)}
    if row.of not in known or row.priority not in Case.Priority.values:
        raise TermUnusable(_("Choose for which cases it is to hold."))
    for term in row.terms.values():
        if term is not None and not SHORTEST <= term.length <= LONGEST:
            raise TermUnusable(_("A time is between five minutes and 2,000 hours."))
    answer, end = row.terms.get("answer"), row.terms.get("due")
    same = answer and end and answer.around_the_clock == end.around_the_clock
    if same and answer and end and answer.length > end.length:
        raise TermUnusable(_("The first answer cannot be owed after the end."))


def preview(row: Row, *, now: datetime) -> Changed:
    """What these times would do to the open cases that do not wait for their person; nothing is changed.

    :raises TermUnusable: as `set_terms`
    """
    terms = {
        **due.standard_terms("due"),
        **due.terms_of_set(TermsSet(terms=_with(row))).get("due", {}),
    }
    # Whoever sets times for all cases need not see each.
    with as_worker():
        rows = list(_datable(row).order_by("-pk")[: LOOKED_AT + 1])
    sooner = later = late = saved = 0
    for case in rows[:LOOKED_AT]:
        found = due.policy_in(terms, kind=case.kind, category=case.category, priority=case.priority)
        if found is None:
            continue
        since = max(filter(None, [case.opened_at, case.reopened_at]))
        at = found.term.ends(since, of=case.node_id)
        sooner += at < case.due_at
        later += at > case.due_at
        late += at < now <= case.due_at
        saved += case.due_at < now <= at
    return Changed(
        looked_at=min(len(rows), LOOKED_AT), sooner=sooner, later=later, late=late, saved=saved,
        is_all=len(rows) <= LOOKED_AT,
    )  # fmt: skip


def _datable(row: Row | None = None) -> CaseQuerySet:
    """The open cases whose end runs; of those that wait for their person it stands still."""
    rows = Case.objects.open().exclude(stage=Case.Stage.WAITS_FOR_PERSON)
    if row is None:
        return rows
    rows = rows.filter(priority=row.priority)
    category = row.of.removeprefix(f"{due.OF_CATEGORY}.")
    if category != row.of:
        return rows.filter(category=category)
    return rows.filter(kind=row.of) if row.of else rows


@transaction.atomic
def set_terms(row: Row, *, redate: bool, by: Member, now: datetime) -> UUID:
    """Let these times hold from now on, for open cases too if `redate`; returns what undoes it.

    :raises TermUnusable: a time is too short or too long, or an answer is owed after the end
    :raises NothingChanged: they hold already
    """
    _lock()
    before = _latest()
    terms = _with(row)
    if terms == (before.terms if before else {}):
        raise NothingChanged(_("These times hold already."))
    return _keep(
        TermsSet(terms=terms, of=row.of, priority=row.priority),
        before,
        redate=redate,
        by=by,
        now=now,
    )


@transaction.atomic
def restore_terms(public_id: UUID | None, *, redate: bool, by: Member, now: datetime) -> UUID:
    """Let an older set of times hold again, or (None) the standard; returns what undoes it.

    :raises NothingChanged: they hold already
    """
    _lock()
    before = _latest()
    terms = TermsSet.objects.get(public_id=public_id).terms if public_id else {}
    if terms == (before.terms if before else {}):
        raise NothingChanged(_("These times hold already."))
    return _keep(TermsSet(terms=terms), before, redate=redate, by=by, now=now)


def undo_terms(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Let what held before hold again, for open cases too where they were dated anew.

    :raises TooLate: somebody has set other times since
    """
    _lock()
    latest = _latest()
    if latest is None or latest.pk != facts["set"]:
        raise undo.TooLate(_("It is too late to undo this."))
    before = TermsSet.objects.filter(pk=facts["before"]).first() if facts["before"] else None
    terms = before.terms if before else {}
    _keep(TermsSet(terms=terms), latest, redate=facts["redate"], by=by, now=now)


def _lock() -> None:
    """One change at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('bayan.cases.terms'))")


def _keep(
    made: TermsSet, before: TermsSet | None, *, redate: bool, by: Member, now: datetime
) -> UUID:
    # What an earlier change has not dated yet is dated by this one.
    unfinished = TermsSet.objects.filter(dated_to__isnull=False).update(dated_to=None)
    made.by, made.at = by, now
    made.dated_to = 0 if redate or unfinished else None
    made.save()
    audit.record(
        audit.Entry(
            action="deadlines.changed", subject_type="deadlines", subject_key=str(made.public_id),
            by=by, at=now, node_id=organisation.desk().pk,
            details={"of": made.of, "priority": made.priority, "open_too": redate},
        )
    )  # fmt: skip
    # Read in this transaction by nobody else; whoever reads later asks anew.
    transaction.on_commit(OwnTerms.forget)
    OwnTerms.forget()
    facts = {"set": made.pk, "before": before.pk if before else None, "redate": redate}
    return undo.remember(TERMS_SET, facts, member_id=by.pk, now=now)


def _to_date() -> QuerySet[TermsSet]:
    return TermsSet.objects.filter(dated_to__isnull=False)


_WAITS = Waits(lambda: (_to_date(),))


def date_anew(*, now: datetime, limit: int = BATCH) -> int:
    """Give the next open cases the end that holds now; run by the worker. Returns how many were looked at.

    Whoever is killed leaves the next one to go on where the last commit was.
    """
    if not _WAITS():
        return 0
    with transaction.atomic():
        return _date_anew(limit=limit)


def _date_anew(*, limit: int) -> int:
    found = _to_date().order_by("-pk").select_for_update(skip_locked=True).first()
    if found is None or found.dated_to is None:
        return 0
    OwnTerms.forget()
    open_ones = _datable().filter(pk__gt=found.dated_to).order_by("pk")
    wanted = list(open_ones.values_list("pk", "conversation_id")[:limit])
    if not wanted:
        found.dated_to = None
        found.save(update_fields=["dated_to"])
        return 1
    # Conversations first, as everybody does: two orders would wait for each other.
    inbox.lock_conversations({conversation for _pk, conversation in wanted})
    moved = []
    for case in lock_all(_datable().filter(pk__in=[pk for pk, _conversation in wanted])):
        at = due_of(case)
        if at != case.due_at:
            case.due_at = at
            moved.append(case)
    Case.objects.bulk_update(moved, ["due_at"], batch_size=500)
    clocks.follow(moved)
    live.announce((case.node_id, "case", case.public_id) for case in moved)
    found.dated_to = wanted[-1][0]
    found.save(update_fields=["dated_to"])
    return len(wanted)
