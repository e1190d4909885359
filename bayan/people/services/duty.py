"""The duty roster: planning turns, exchanging them, handing over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people import selectors
from bayan.people.models import Member, Swap, Turn
from bayan.people.permissions import Access

# Longer is no turn but a job: a typing error.
LONGEST = timedelta(days=3)


class TurnUnusable(DomainError):
    pass


class NotOfThisBody(DomainError):
    pass


class TurnsOverlap(DomainError):
    pass


class TurnIsOver(DomainError):
    pass


class SwapAskedAlready(DomainError):
    pass


class SwapIsOver(DomainError):
    pass


class NotYourTurn(DomainError):
    pass


class NothingToAcknowledge(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A turn before it is in the roster."""

    member: Member
    starts_at: datetime
    ends_at: datetime


@transaction.atomic
def plan_turns(node: Node, slots: Sequence[Slot], *, by: Access, now: datetime) -> list[Turn]:
    """Put these turns into the body's roster: all of them or none.

    :raises PermissionDenied: the roster of this body is not theirs to write
    :raises TurnUnusable: there is none, one ends before it begins or before now, or is too long
    :raises NotOfThisBody: somebody does not work in this body
    :raises TurnsOverlap: somebody is on duty at that time already, there or elsewhere
    """
    by.require("duty.manage", node)
    if not slots:
        raise TurnUnusable(_("Choose somebody for at least one day."))
    for slot in slots:
        if slot.ends_at <= max(slot.starts_at, now) or slot.ends_at - slot.starts_at > LONGEST:
            raise TurnUnusable(
                _("The turn of %(moment)s has passed, or is too long.")
                % {"moment": _shown(slot.starts_at)}
            )
    _lock([node], [slot.member for slot in slots])
    staff = set(selectors.staff_of(node, now=now).values_list("pk", flat=True))
    for slot in slots:
        if slot.member.pk not in staff:
            raise NotOfThisBody(
                _("%(name)s does not work in %(body)s.")
                % {"name": slot.member.name, "body": node.name}
            )
    turns = []
    for slot in slots:
        _refuse_overlap(node, slot.member, slot.starts_at, slot.ends_at)
        turns.append(
            Turn.objects.create(
                node=node, member=slot.member, starts_at=slot.starts_at, ends_at=slot.ends_at
            )
        )
    _trace("duty.planned", turns, by=by.member, now=now)
    return turns


@transaction.atomic
def remove_turn(turn: Turn, *, by: Access, now: datetime) -> None:
    """Take a turn out of the roster that has not ended.

    :raises PermissionDenied: the roster of this body is not theirs to write
    :raises TurnIsOver: what has been is not rewritten
    """
    by.require("duty.manage", turn.node)
    found = _locked(turn)
    _refuse_past([found], now=now)
    _trace("duty.removed", [found], by=by.member, now=now)
    found.delete()


@transaction.atomic
def ask_swap(
    turn: Turn, *, to: Member, in_return: Turn | None, by: Access, now: datetime
) -> Swap | None:
    """Ask a colleague to take the turn over, or to exchange it for one of theirs.

    Whoever writes the roster does it at once: there is nothing left to ask, and None is returned.

    :raises NotYourTurn: it is somebody else's, or the one in return is not the colleague's
    :raises NotOfThisBody: the colleague does not work in this body
    :raises TurnIsOver: one of the turns has begun or passed
    :raises SwapAskedAlready: the question stands already
    :raises TurnsOverlap: the one or the other is on duty at that time already
    """
    _lock([turn.node], [turn.member, to])
    found = _locked(turn)
    returned = _locked(in_return) if in_return else None
    directs = by.may("duty.manage", found.node)
    if found.member_id != by.member.pk and not directs:
        raise NotYourTurn(_("Only your own turns are yours to give."))
    if to.pk == found.member_id or (
        returned and (returned.member_id != to.pk or returned.node_id != found.node_id)
    ):
        raise NotYourTurn(_("Choose a colleague, or one of their turns in the same body."))
    _refuse_begun([found, *filter(None, [returned])], now=now)
    if not selectors.staff_of(found.node, now=now).filter(pk=to.pk).exists():
        raise NotOfThisBody(
            _("%(name)s does not work in %(body)s.") % {"name": to.name, "body": found.node.name}
        )
    open_ones = Swap.objects.filter(turn=found, outcome="")
    if directs:
        open_ones.update(outcome=Swap.Outcome.WITHDRAWN, answered_at=now)
        _exchange(found, returned, to=to, now=now)
        _trace("duty.swapped", [found, *filter(None, [returned])], by=by.member, now=now)
        return None
    if open_ones.exists():
        raise SwapAskedAlready(_("Somebody is asked already. Take that question back first."))
    swap = Swap.objects.create(turn=found, in_return=returned, asked=to, created_at=now)
    _trace("duty.swap_asked", [found], by=by.member, now=now)
    return swap


@transaction.atomic
def answer_swap(swap: Swap, *, accepts: bool, by: Access, now: datetime) -> None:
    """Take the turn over as asked, or not.

    :raises PermissionDenied: somebody else was asked
    :raises SwapIsOver: it was answered, taken back or overtaken
    :raises TurnIsOver: one of the turns has begun meanwhile
    :raises TurnsOverlap: the one or the other is on duty at that time already
    """
    found = _open_swap(swap)
    if found.asked_id != by.member.pk:
        raise PermissionDenied(_("Somebody else was asked."))
    turn, returned = found.turn, found.in_return
    if accepts:
        _lock([turn.node], [turn.member, found.asked])
        turn = _locked(turn)
        returned = _locked(returned) if returned else None
        if returned and returned.member_id != found.asked_id:
            raise SwapIsOver(_("The turns have changed meanwhile. Ask anew."))
        _refuse_begun([turn, *filter(None, [returned])], now=now)
        _exchange(turn, returned, to=found.asked, now=now)
    found.outcome = Swap.Outcome.ACCEPTED if accepts else Swap.Outcome.DECLINED
    found.answered_at = now
    found.save(update_fields=["outcome", "answered_at"])
    action = "duty.swapped" if accepts else "duty.swap_declined"
    _trace(action, [turn, *filter(None, [returned])], by=by.member, now=now)


@transaction.atomic
def withdraw_swap(swap: Swap, *, by: Access, now: datetime) -> None:
    """Take the question back.

    :raises PermissionDenied: it was not theirs
    :raises SwapIsOver: it was answered meanwhile
    """
    found = _open_swap(swap)
    if found.turn.member_id != by.member.pk:
        raise PermissionDenied(_("Only your own turns are yours to give."))
    found.outcome = Swap.Outcome.WITHDRAWN
    found.answered_at = now
    found.save(update_fields=["outcome", "answered_at"])
    _trace("duty.swap_withdrawn", [found.turn], by=by.member, now=now)


@transaction.atomic
def hand_over(turn: Turn, note: str, *, by: Access, now: datetime) -> None:
    """Write down what the next one on duty must know.

    :raises NotYourTurn: somebody else was on duty
    :raises TurnUnusable: it is too early or too late for it, or nothing is written
    :raises TurnIsOver: the next one has read it already
    """
    found = _locked(turn)
    if found.member_id != by.member.pk:
        raise NotYourTurn(_("Whoever was on duty hands over."))
    if not note.strip():
        raise TurnUnusable(_("Write what the next one must know."))
    if found.acknowledged_at:
        raise TurnIsOver(_("The next one has read your note already. Call them."))
    if not found.may_be_handed_over(now=now):
        raise TurnUnusable(_("The hand-over is written towards the end of the turn."))
    found.note = note.strip()
    found.noted_at = now
    found.save(update_fields=["note", "noted_at"])
    _trace("duty.handed_over", [found], by=by.member, now=now)


@transaction.atomic
def acknowledge(turn: Turn, *, by: Access, now: datetime) -> None:
    """Say that the note of the turn before one's own was read.

    :raises NothingToAcknowledge: there is no note, or somebody has acknowledged it
    :raises NotYourTurn: somebody else is next
    """
    found = _locked(turn)
    if not found.noted_at or found.acknowledged_at:
        raise NothingToAcknowledge(_("There is nothing to acknowledge any more."))
    following = selectors.turn_after(found)
    if following is None or following.member_id != by.member.pk:
        raise NotYourTurn(_("Whoever is on duty next acknowledges the hand-over."))
    found.acknowledged_at = now
    found.acknowledged_by = by.member
    found.save(update_fields=["acknowledged_at", "acknowledged_by"])
    _trace("duty.acknowledged", [found], by=by.member, now=now)


def pass_turns_on(member: Member, *, to: Member, now: datetime) -> int:
    """Give all turns ahead of a leaving member to another; those at which the other is on duty end.

    Returns how many the other one got.
    """
    _lock([], [member, to])
    Swap.objects.filter(Q(turn__member=member) | Q(asked=member), outcome="").update(
        outcome=Swap.Outcome.WITHDRAWN, answered_at=now
    )
    passed = 0
    for turn in Turn.objects.filter(member=member).ahead(now=now).order_by("starts_at"):
        busy = Turn.objects.filter(
            member=to, starts_at__lt=turn.ends_at, ends_at__gt=max(turn.starts_at, now)
        ).exists()
        if turn.starts_at < now:
            # The one that is under way: what was, was the leaving member's.
            rest = turn.ends_at
            turn.ends_at = now
            turn.save(update_fields=["ends_at"])
            if not busy:
                Turn.objects.create(node=turn.node, member=to, starts_at=now, ends_at=rest)
        elif busy:
            turn.delete()
        else:
            turn.member = to
            turn.save(update_fields=["member"])
        passed += not busy
    return passed


def _exchange(turn: Turn, returned: Turn | None, *, to: Member, now: datetime) -> None:
    giver = turn.member
    aside = {turn.pk, returned.pk if returned else None}
    _refuse_overlap(turn.node, to, turn.starts_at, turn.ends_at, aside=aside)
    if returned:
        _refuse_overlap(returned.node, giver, returned.starts_at, returned.ends_at, aside=aside)
        returned.member = giver
        returned.save(update_fields=["member"])
        Swap.objects.filter(turn=returned, outcome="").update(
            outcome=Swap.Outcome.WITHDRAWN, answered_at=now
        )
    turn.member = to
    turn.save(update_fields=["member"])


def _refuse_overlap(
    node: Node,
    member: Member,
    starts_at: datetime,
    ends_at: datetime,
    *,
    aside: Collection[int | None] = (),
) -> None:
    """In words what the table's constraints would refuse without any."""
    other = (
        Turn.objects.filter(
            Q(node=node) | Q(member=member), starts_at__lt=ends_at, ends_at__gt=starts_at
        )
        .exclude(pk__in=[key for key in aside if key])
        .select_related("member", "node")
        .first()
    )
    if other:
        raise TurnsOverlap(
            _("%(name)s is on duty for %(body)s at that time: %(moment)s.")
            % {
                "name": other.member.name,
                "body": other.node.name,
                "moment": _shown(other.starts_at),
            }
        )


def _lock(nodes: Sequence[Node], members: Sequence[Member]) -> None:
    """One change at a time of these bodies' and members' turns, so that an overlap is found before the table.

    In one order, so that nobody waits for each other.
    """
    names = sorted(
        {f"duty:node:{node.pk}" for node in nodes}
        | {f"duty:member:{member.pk}" for member in members}
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) "
            "FROM unnest(%s::text[]) AS name",
            [names],
        )


def _locked(turn: Turn) -> Turn:
    return (
        Turn.objects.select_for_update(of=("self",))
        .select_related("node", "member")
        .get(pk=turn.pk)
    )


def _open_swap(swap: Swap) -> Swap:
    found = (
        Swap.objects.select_for_update(of=("self",))
        .select_related("turn__node", "turn__member", "in_return__node", "asked")
        .get(pk=swap.pk)
    )
    if found.outcome:
        raise SwapIsOver(_("This question was answered or taken back meanwhile."))
    return found


def _refuse_past(turns: Sequence[Turn], *, now: datetime) -> None:
    if any(turn.ends_at <= now for turn in turns):
        raise TurnIsOver(_("This turn is over."))


def _refuse_begun(turns: Sequence[Turn], *, now: datetime) -> None:
    if any(turn.starts_at <= now for turn in turns):
        raise TurnIsOver(_("This turn has begun. Only turns ahead are exchanged."))


def _shown(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def _trace(action: str, turns: Sequence[Turn], *, by: audit.Actor, now: datetime) -> None:
    audit.record_all(
        audit.Entry(
            action=action,
            subject_type="turn",
            subject_key=str(turn.public_id),
            by=by,
            at=now,
            node_id=turn.node_id,
            details={
                "node": turn.node.key,
                "member": str(turn.member.public_id),
                "on": turn.starts_at.isoformat(),
            },
        )
        for turn in turns
    )
