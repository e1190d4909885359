"""All of one kind that is due, destroyed together: looked at before, started by a member, done by the worker.

A batch is one transaction: what was destroyed, the line that says so and how far the removal is stand
together. Whoever is killed leaves the rest to the next worker, and nothing is done twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.retention import selectors
from bayan.retention.models import Decision, Removal
from bayan.retention.registry import keepings
from bayan.retention.services.deciding import IsHeld, ReasonMissing, decide

# So many in one transaction.
BATCH = 20
# A preview that is older is none: others are due by now.
SEEN_FOR = timedelta(hours=1)


class NotAtOnce(DomainError):
    """Each of these is decided by itself."""


class LookAgain(DomainError):
    pass


class RemovalRuns(DomainError):
    pass


class RemovalOver(DomainError):
    pass


def start_removal(
    what: str, node: Node, *, as_of: datetime, reason: str, by: Member, now: datetime
) -> Removal:
    """Begin to destroy what of one kind was due at `as_of` in a body and those below it.

    :raises NotAtOnce: what is secret or published is decided one by one
    :raises LookAgain: what was looked at is too old, or nothing is due
    :raises ReasonMissing: it says not why
    :raises RemovalRuns: one is under way
    """
    keeping = keepings().get(what)
    if keeping is None or not keeping.leaves:
        raise NotAtOnce(_("These are decided one by one."))
    words = reason.strip()[:500]
    if not words:
        raise ReasonMissing(_("Write why: the schedule, the decision."))
    count = selectors.due_rows(keeping, now=as_of).filter(node__lineage__contains=[node.pk]).count()
    if not as_of <= now <= as_of + SEEN_FOR or not count:
        raise LookAgain(_("Look again at what would be removed: it is not the same any more."))
    try:
        with transaction.atomic():
            removal = Removal.objects.create(
                what=what, node=node, as_of=as_of, due=count, reason=words, by=by, started_at=now
            )
            _note("retention.removal_started", removal, by=by, now=now, due=count)
    except IntegrityError as error:
        raise RemovalRuns(_("A removal of these is under way.")) from error
    return removal


@transaction.atomic
def stop_removal(removal_id: UUID, *, by: Member, now: datetime) -> Removal:
    """Let it take no more; what is gone stays gone.

    :raises RemovalOver: it has ended
    """
    removal = Removal.objects.select_for_update().get(public_id=removal_id)
    if removal.state != Removal.State.RUNNING:
        raise RemovalOver(_("This removal has ended already."))
    _end(removal, Removal.State.STOPPED, by=by, now=now)
    return removal


@transaction.atomic
def remove_some(*, now: datetime) -> int:
    """One batch of the oldest removal that nobody else is at; 0: there is none.

    To be called as the worker. The files of what is gone are deleted after the commit; those of a worker that
    was killed before it came to that are found once the removal is through.
    """
    removal = (
        Removal.objects.filter(state=Removal.State.RUNNING)
        .order_by("pk")
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("by", "node")
        .first()
    )
    if removal is None:
        return 0
    keeping = keepings()[removal.what]
    rows: list[Any] = list(
        selectors.due_rows(keeping, now=removal.as_of)
        .filter(node__lineage__contains=[removal.node_id], pk__gt=removal.after)
        .order_by("pk")[:BATCH]
    )
    for row in rows:
        thing = selectors.thing_of(keeping, row)
        try:
            with transaction.atomic():
                decide(
                    thing, Decision.Verdict.DESTROY, reason=removal.reason, by=removal.by, now=now
                )
        except IsHeld:
            removal.held += 1
        except DomainError:
            # Somebody decided of it meanwhile, or something is still to be done with it: it stays due.
            removal.refused += 1
        else:
            removal.removed += 1
        removal.after = row.pk
    if not rows:
        # Nothing was destroyed in this transaction, so what no row names is truly gone.
        channels.sweep_lost(now=now)
        _end(removal, Removal.State.FINISHED, by=removal.by, now=now)
        return 1
    removal.save(update_fields=["after", "removed", "held", "refused"])
    live.announce([(removal.node_id, "removal", removal.public_id)])
    return len(rows)


def _end(removal: Removal, state: str, *, by: Member, now: datetime) -> None:
    removal.state, removal.ended_at = state, now
    removal.save(update_fields=["after", "removed", "held", "refused", "state", "ended_at"])
    _note(
        f"retention.removal_{state}", removal, by=by, now=now, due=removal.due,
        removed=removal.removed, held=removal.held,
    )  # fmt: skip


def _note(action: str, removal: Removal, *, by: Member, now: datetime, **details: Any) -> None:
    audit.record(
        audit.Entry(
            action=action, subject_type="removal", subject_key=str(removal.public_id), by=by,
            at=now, node_id=removal.node_id, details={"what": removal.what, **details},
        )
    )  # fmt: skip
    live.announce([(removal.node_id, "removal", removal.public_id)])
