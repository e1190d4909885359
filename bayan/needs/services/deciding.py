"""Whoever decides and provides: looks at requests, grants or refuses them, gives the task, hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core import undo
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.core.rls import as_worker
from bayan.needs.fields import answered
from bayan.needs.models import Need, NeedQuerySet, Step
from bayan.needs.services.steps import (
    NEED,
    ReasonMissing,
    StepNotPossible,
    locked,
    move,
    note,
    note_each,
    record,
    words_in,
)
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.events import ItemEnded
from bayan.work.models import Contractor, Item
from bayan.work.services import Task

# The action by which core.undo knows a decision.
DECIDED = "needs.decided"
State = Need.State


class MoreThanAsked(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Who provides it by when. Without `granted` all that was asked for; less is in part, with a reason."""

    due_at: datetime
    granted: int | None = None
    is_part: bool = False
    words: str = ""
    # Nobody: whoever of the providing body comes first.
    owner: Member | None = None
    node: Node | None = None
    contractor: Contractor | None = None
    outside: OutsideBody | None = None


@dataclass(frozen=True)
class Done:
    """How many requests were decided, and the name under which `core.undo` undoes it."""

    count: int
    undo: UUID | None = None


@transaction.atomic
def take(need_id: UUID, *, by: Member, now: datetime) -> Need:
    """Begin to look at a request: whoever asked is told.

    :raises StepNotPossible: somebody was faster
    """
    need = locked(need_id)
    move(need, "take")
    need.save(update_fields=["state"])
    note("need.taken", need, by=by, now=now, tell_after=undo.OFFERED_FOR)
    return need


@transaction.atomic
def grant_each(rows: NeedQuerySet, grant: Grant, *, by: Member, now: datetime) -> Done:
    """Grant requests that wait for a decision, and give the task of providing them.

    :raises MoreThanAsked: more is granted than was asked for
    :raises ReasonMissing: it is granted in part, and says not what and why
    :raises StepNotPossible: none of them waits for a decision any more
    :raises DueInThePast, NotTheirWork: as `work.give`
    """
    words = words_in(grant.words)
    needs = _undecided(rows)
    before = [(need.pk, need.state) for need in needs]
    for need in needs:
        granted = need.quantity if grant.granted is None else grant.granted
        if not 0 < granted <= need.quantity:
            raise MoreThanAsked(
                _("Grant between 1 and %(asked)d: so many were asked for.")
                % {"asked": need.quantity}
            )
        is_part = grant.is_part or granted < need.quantity
        if is_part and not words:
            raise ReasonMissing(_("Write what is granted, and why not all of it."))
        move(need, "grant_part" if is_part else "grant")
        need.granted = granted
        need.reason = words if is_part else ""
        need.decided_by, need.decided_at, need.due_at = by, now, grant.due_at
    items = work.give_each([_task(need, grant) for need in needs], by=by, now=now)
    for need, item in zip(needs, items, strict=True):
        need.item = item
    Need.objects.bulk_update(
        needs, ["state", "granted", "reason", "decided_by", "decided_at", "due_at", "item"]
    )
    return _decided("need.granted", needs, before, words, by=by, now=now)


@transaction.atomic
def refuse_each(rows: NeedQuerySet, reason: str, *, by: Member, now: datetime) -> Done:
    """Refuse requests that wait for a decision; the reason is told to whoever asked.

    :raises ReasonMissing: it says not why
    :raises StepNotPossible: none of them waits for a decision any more
    """
    words = words_in(reason)
    if not words:
        raise ReasonMissing(_("Write the reason: whoever asked gets it, politely."))
    needs = _undecided(rows)
    before = [(need.pk, need.state) for need in needs]
    for need in needs:
        move(need, "refuse")
        need.reason, need.granted = words, 0
        need.decided_by, need.decided_at, need.ended_at = by, now, now
    Need.objects.bulk_update(
        needs, ["state", "reason", "granted", "decided_by", "decided_at", "ended_at"]
    )
    return _decided("need.refused", needs, before, words, by=by, now=now)


def _undecided(rows: NeedQuerySet) -> list[Need]:
    needs = list(
        rows.undecided()
        .select_related("node", "provider", "version")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    if not needs:
        raise StepNotPossible(_("This was decided meanwhile. Reload the page."))
    return needs


def _decided(
    action: str,
    needs: Sequence[Need],
    before: Sequence[tuple[int, str]],
    words: str,
    *,
    by: Member,
    now: datetime,
) -> Done:
    work.end(NEED, [str(need.public_id) for need in needs], now=now)
    note_each(
        action, needs, by=by, now=now, words={need.pk: words for need in needs},
        tell_after=undo.OFFERED_FOR,
    )  # fmt: skip
    step = undo.remember(
        DECIDED, {"before": list(before), "at": now.isoformat()}, member_id=by.pk, now=now
    )
    return Done(len(needs), step)


@transaction.atomic
def undo_decision(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Let requests wait for a decision again. What was provided meanwhile stays as it is."""
    at = datetime.fromisoformat(facts["at"])
    before = dict(facts["before"])
    needs = list(
        Need.objects.filter(
            pk__in=before,
            decided_at=at,
            state__in=[State.GRANTED, State.PARTLY, State.REFUSED],
        )
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    for need in needs:
        need.state = before[need.pk]
        need.granted = need.decided_at = need.due_at = need.ended_at = need.item = None
        need.decided_by, need.reason = None, ""
    Need.objects.bulk_update(
        needs,
        ["state", "granted", "decided_at", "due_at", "ended_at", "item", "decided_by", "reason"],
    )
    keys = [str(need.public_id) for need in needs]
    work.withdraw_of_all(NEED, keys, by=by, now=now)
    work.revive(NEED, keys, ended_at=at)
    Step.objects.filter(need__in=needs, at=at, told_at=None).delete()
    record("need.decision_undone", needs, by=by, now=now)


def give_task(need: Need, grant: Grant, *, by: Member, now: datetime) -> Item:
    """Give the task of providing a request that was granted."""
    return work.give(_task(need, grant), by=by, now=now)


def _task(need: Need, grant: Grant) -> Task:
    # Colleagues, contractors and the trail read it in one language.
    with override("ar"):
        lines = [f"{a.field.label}: {a.text}" for a in answered(need.version, need.answers)]
    if need.granted is not None and need.granted != 1:
        lines.append(f"× {need.granted}")
    return Task(
        kind=Item.Kind.DO,
        title=f"{need.version.name_ar} · {need.node.short_name_ar} · {grouped(need.reference)}",
        text="\n".join([*lines, words_in(grant.words)]).strip(),
        node=grant.node or need.provider,
        given_from=need.provider,
        owner=grant.owner,
        contractor=grant.contractor,
        outside=grant.outside,
        due_at=grant.due_at,
        subject=(NEED, str(need.public_id)),
    )


@transaction.atomic
def provide(
    need_id: UUID, *, by: Access, now: datetime, words: str = "", provided: int | None = None
) -> Need:
    """Say that what was granted is provided, all of it or so many.

    :raises MoreThanAsked: more is provided than was granted
    :raises StepNotPossible: it was not granted, or was provided already
    """
    need = locked(need_id)
    granted = need.granted or 1
    if provided is not None and not 0 < provided <= granted:
        raise MoreThanAsked(
            _("Between 1 and %(granted)d: so many were granted.") % {"granted": granted}
        )
    item = need.item
    _provided(need, words=words, by=by.member, by_name="", provided=provided, now=now)
    if item is not None and item.is_open:
        # Who may hand over may end the task, whoever of the body has it.
        with as_worker():
            work.end_item(item, end=Item.State.DONE, words=words, proofs=(), by=by.member, now=now)
    return need


def follow_ended(ended: ItemEnded) -> None:
    """A task that is done has provided its request; a withdrawn one leaves it (config/subscriptions.py)."""
    item = ended.item
    if item.subject_type != NEED:
        return
    # Who did it may work for a body that sees nothing of the request.
    with as_worker():
        need = (
            Need.objects.select_for_update(of=("self",))
            .filter(item=item, state__in=[State.GRANTED, State.PARTLY])
            .first()
        )
        if need is None:
            return
        if item.state == Item.State.DONE:
            _provided(
                need, words=item.answer, by=ended.by, by_name=item.ended_name, provided=None,
                now=ended.at,
            )  # fmt: skip
        else:
            need.item = None
            need.save(update_fields=["item"])
            note("need.task_withdrawn", need, by=ended.by, now=ended.at)


def _provided(
    need: Need,
    *,
    words: str,
    by: Member | None,
    by_name: str,
    provided: int | None,
    now: datetime,
) -> None:
    move(need, "provide")
    need.provided = need.granted if provided is None else provided
    need.provided_at = now
    need.save(update_fields=["state", "provided", "provided_at"])
    note(
        "need.provided", need, by=by, by_name=by_name, now=now, words=words_in(words),
        tell_after=timedelta(),
    )  # fmt: skip


@transaction.atomic
def give_again(need_id: UUID, grant: Grant, *, by: Member, now: datetime) -> Need:
    """Give the task of a granted request to somebody else, or anew after it was withdrawn.

    :raises StepNotPossible: it is not granted, or was provided
    :raises DueInThePast, NotTheirWork: as `work.give`
    """
    need = locked(need_id)
    if need.state not in {State.GRANTED, State.PARTLY}:
        raise StepNotPossible(_("Only what is granted and not provided yet can be given."))
    need.item, need.due_at = None, grant.due_at
    need.save(update_fields=["item", "due_at"])
    work.withdraw_of((NEED, str(need.public_id)), by=by, now=now)
    need.item = give_task(need, grant, by=by, now=now)
    need.save(update_fields=["item"])
    record("need.given", [need], by=by, now=now)
    return need
