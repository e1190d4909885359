"""Clocks: started, set, paused and ended by whoever owns their subject; rung by the worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from bayan.core import audit, live
from bayan.core.events import publish
from bayan.core.queries import update_each
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Deputyship, Member, Role
from bayan.work import events, ladders
from bayan.work.events import Subject
from bayan.work.ladders import Level, Term
from bayan.work.models import Clock, Item, Notice, OutsideNotice, Ring

# So many clocks a transaction: each is ours until its commit.
AT_ONCE = 200
# The subject type of an item's own clock, and the topic under which screens hear of it.
ITEM = "item"
CHASED_OUTSIDE = (Level.REMINDER, Level.FIRST, Level.SECOND)
HEADS = (Role.Kind.DIRECTOR,)
ABOVE = (Role.Kind.DIRECTOR, Role.Kind.EXECUTIVE)


@dataclass(frozen=True, kw_only=True)
class Start:
    """A clock that is to run."""

    subject_type: str
    subject_key: str
    name: str
    since: datetime
    due_at: datetime
    around_the_clock: bool = False
    ladder: str = "usual"
    # The body whose working time counts; None: the authority's.
    of: int | None = None


def start(wanted: Iterable[Start]) -> list[Clock]:
    """Let clocks run, with one statement; none of their names runs for their subjects yet."""
    return Clock.objects.bulk_create(
        Clock(
            subject_type=one.subject_type,
            subject_key=one.subject_key,
            name=one.name,
            ladder=one.ladder,
            since=one.since,
            due_at=one.due_at,
            around_the_clock=one.around_the_clock,
            calendar_of=one.of,
            rings_at=ladders.first_ring(
                ladders.named(one.ladder),
                Term(one.since, one.due_at, one.around_the_clock, one.of),
            ),
        )
        for one in wanted
    )


def call(started: Collection[Clock], node: Node, *, now: datetime) -> None:
    """Let whoever is on duty for this body, else whoever heads it, be told that these clocks run."""
    turn = people.on_duty(node, now=now)
    told = [turn.member] if turn else people.in_charge_of(node, HEADS, now=now)
    Notice.objects.bulk_create(
        Notice(member=member, clock=clock, created_at=now) for clock in started for member in told
    )


def end(subject_type: str, keys: Collection[str], *, name: str = "", now: datetime) -> int:
    """End the running clocks of these subjects, or those of one name. Returns how many."""
    rows = Clock.objects.filter(subject_type=subject_type, subject_key__in=keys, ended_at=None)
    if name:
        rows = rows.filter(name=name)
    return rows.update(ended_at=now)


def drop(subject_type: str, keys: Collection[str], *, name: str) -> None:
    """Take the running clocks of this name away, as if they had never run."""
    Clock.objects.filter(
        subject_type=subject_type, subject_key__in=keys, name=name, ended_at=None
    ).delete()


def reset(wanted: Sequence[Start], *, only_running: bool = False) -> None:
    """Give running clocks another term; their ladders begin anew.

    One that does not run is started, unless `only_running`.
    """
    if not wanted:
        return
    by_key = {(one.subject_type, one.subject_key, one.name): one for one in wanted}
    running = list(
        Clock.objects.filter(
            subject_type__in={one.subject_type for one in wanted},
            subject_key__in={one.subject_key for one in wanted},
            ended_at=None,
        )
        .order_by("pk")
        .select_for_update()
    )
    changed = []
    for clock in running:
        one = by_key.pop((clock.subject_type, clock.subject_key, clock.name), None)
        if one is None or (clock.due_at, clock.ladder) == (one.due_at, one.ladder):
            continue
        clock.since, clock.due_at = one.since, one.due_at
        clock.around_the_clock, clock.ladder = one.around_the_clock, one.ladder
        clock.calendar_of = one.of
        clock.rung = 0
        clock.rings_at = ladders.first_ring(ladders.named(clock.ladder), clock.term)
        changed.append(clock)
    update_each(
        changed,
        ["since", "due_at", "around_the_clock", "calendar_of", "ladder", "rung", "rings_at"],
    )
    if not only_running:
        start(by_key.values())


def pause(subject_type: str, keys: Collection[str], *, name: str = "", now: datetime) -> None:
    """Stop the running clocks of these subjects: they wait for somebody who owes us nothing."""
    rows = Clock.objects.filter(
        subject_type=subject_type, subject_key__in=keys, ended_at=None, paused_at=None
    )
    if name:
        rows = rows.filter(name=name)
    rows.update(paused_at=now)


def resume(
    subject_type: str, keys: Collection[str], *, now: datetime
) -> dict[tuple[str, str], datetime]:
    """Let paused clocks run on, with as much of their time as they had left.

    Returns when they are due now, by the subject's key and the clock's name. What was late when it was
    paused stays late, and its ladder goes on where it stood.
    """
    paused = list(
        Clock.objects.filter(
            subject_type=subject_type,
            subject_key__in=keys,
            ended_at=None,
            paused_at__isnull=False,
        )
        .order_by("pk")
        .select_for_update()
    )
    for clock in paused:
        stopped, term = clock.paused_at, clock.term
        assert stopped is not None  # noqa: S101  # asked for above
        if clock.due_at > stopped:
            clock.due_at = term.later(now, term.between(stopped, clock.due_at))
        if clock.rings_at is not None:
            clock.rings_at = term.later(now, term.between(stopped, clock.rings_at))
        clock.paused_at = None
    update_each(paused, ["due_at", "rings_at", "paused_at"])
    return {(clock.subject_key, clock.name): clock.due_at for clock in paused}


def revive(subject_type: str, keys: Collection[str], *, ended_at: datetime) -> None:
    """Let the clocks of these subjects that ended at that very moment run as if they had not.

    What ended them did not happen after all. One of whose name another runs by now stays ended.
    """
    rows = Clock.objects.filter(subject_type=subject_type, subject_key__in=keys, ended_at=ended_at)
    running = Clock.objects.filter(
        subject_type=subject_type,
        subject_key=OuterRef("subject_key"),
        name=OuterRef("name"),
        ended_at=None,
    )
    rows.exclude(Exists(running)).update(ended_at=None)


def rest(subject_type: str, key: str, *, until: datetime) -> None:
    """Let the next rung wait at least until then: whoever is silent has said why."""
    Clock.objects.filter(
        subject_type=subject_type, subject_key=key, ended_at=None, rings_at__lt=until
    ).update(rings_at=until)


def let_past(*, now: datetime) -> int:
    """Let clocks that should have rung by now ring no more: what was taken over from elsewhere chases nobody.

    Returns how many.
    """
    return Clock.objects.filter(rings_at__lte=now, ended_at=None).update(rings_at=None)


@transaction.atomic
def ring(*, now: datetime, limit: int = AT_ONCE) -> int:
    """Ring what is due: each rung once, in its order, whoever else rings and whatever was missed.

    Whom it concerns is told by `telling.tell`. Returns how many rang.
    """
    due = list(
        Clock.objects.filter(rings_at__lte=now, paused_at=None, ended_at=None)
        .order_by("rings_at", "pk")
        .select_for_update(skip_locked=True)[:limit]
    )
    if not due:
        return 0
    keys: dict[str, list[str]] = defaultdict(list)
    for clock in due:
        keys[clock.subject_type].append(clock.subject_key)
    known = {of: events.describe(of, names) for of, names in keys.items()}
    ringing: list[tuple[Clock, Ring, Subject]] = []
    for clock in due:
        subject = known[clock.subject_type].get(clock.subject_key)
        if subject is None:
            # It is over: whoever ended it forgot its clock.
            clock.ended_at = now
            continue
        ladder = ladders.named(clock.ladder)
        at = min(clock.rung, len(ladder) - 1)
        level = ladder[at].level
        ringing.append(
            (clock, Ring(clock=clock, rung=at, level=level, due_at=clock.due_at, at=now), subject)
        )
        clock.rings_at = ladders.next_ring(ladder, clock.term, rung=at, rang_at=now)
        clock.rung = at + 1
    Ring.objects.bulk_create(ring for _clock, ring, _subject in ringing)
    update_each(due, ["rung", "rings_at", "ended_at"])
    addressees = Addressees(now=now)
    Notice.objects.bulk_create(
        Notice(
            member=member, clock=clock, ring=rung, level=rung.level,
            is_emergency=subject.is_emergency, created_at=now,
        )
        for clock, rung, subject in ringing
        for member in addressees.of(rung.level, subject)
    )  # fmt: skip
    _remind_outside([(clock, rung) for clock, rung, _subject in ringing], now=now)
    audit.record_all(
        audit.Entry(
            action=f"{clock.subject_type}.rang",
            subject_type=clock.subject_type,
            subject_key=clock.subject_key,
            by=audit.SYSTEM,
            at=now,
            node_id=subject.node_id,
            details={"clock": clock.name, "level": str(rung.level)},
        )
        for clock, rung, subject in ringing
    )
    live.announce(
        (subject.node_id, clock.subject_type, subject.live_key) for clock, _rung, subject in ringing
    )
    for clock, rung, _subject in ringing:
        if rung.level != Level.REMINDER:
            publish(events.ClockMissed(clock=clock, at=now))
    return len(ringing)


def _remind_outside(ringing: Sequence[tuple[Clock, Ring]], *, now: datetime) -> None:
    """Whoever outside has an item is reminded and chased as its giver is; that it is raised is ours."""
    chased = {
        clock.subject_key: (clock, rung)
        for clock, rung in ringing
        if clock.subject_type == ITEM and rung.level in CHASED_OUTSIDE
    }
    if not chased:
        return
    items = Item.objects.open().filter(public_id__in=chased)
    found = items.exclude(contractor=None, outside=None).values_list("pk", "public_id")
    OutsideNotice.objects.bulk_create(
        OutsideNotice(item_id=pk, clock=clock, ring=rung, level=rung.level, created_at=now)
        for pk, public_id in found
        for clock, rung in [chased[str(public_id)]]
    )


class Addressees:
    """Who is told of a rung: whoever has it, then also whoever is in charge, then those above them."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._nodes: Mapping[int, Node] = organisation.nodes()
        self._known: dict[tuple[str, int, int | None], list[Member]] = {}

    def of(self, level: str, subject: Subject) -> list[Member]:
        """Each once. Nobody where the body, and all above it, has no such person."""
        key = level, subject.node_id, subject.owner_id
        if key not in self._known:
            self._known[key] = self._find(level, subject)
        return self._known[key]

    def _find(self, level: str, subject: Subject) -> list[Member]:
        node = self._nodes[subject.node_id]
        found = self._holders(node, subject.owner_id)
        if level in {Level.SECOND, Level.RAISED}:
            found += people.in_charge_of(node, HEADS, now=self._now)
        if level == Level.LAST:
            found += people.in_charge_of(node, ABOVE, now=self._now)
        if level == Level.RAISED:
            found += people.in_charge_of(node, ABOVE, now=self._now)
            if node.parent_id is not None:
                above = self._nodes[node.parent_id]
                found += people.in_charge_of(above, ABOVE, now=self._now)
        return list(dict.fromkeys(found))

    def _holders(self, node: Node, owner_id: int | None) -> list[Member]:
        owner = Member.objects.filter(pk=owner_id, is_active=True).first() if owner_id else None
        if owner is not None:
            deputies = Deputyship.objects.current(now=self._now).filter(
                member=owner, deputy__is_active=True
            )
            return [owner, *(row.deputy for row in deputies.select_related("deputy"))]
        turn = people.on_duty(node, now=self._now)
        return [turn.member] if turn else people.in_charge_of(node, HEADS, now=self._now)
