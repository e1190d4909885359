"""Work items: given, done, answered, approved, explained, delegated, withdrawn; each step is in the trail."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.events import publish
from bayan.core.rls import as_worker
from bayan.organisation.models import Node, OutsideBody
from bayan.people import selectors as people
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import Access
from bayan.work import ladders
from bayan.work.events import ItemEnded, ItemGiven, ItemPassedOn, Subject
from bayan.work.models import (
    Clock,
    Contractor,
    Item,
    Link,
    Notice,
    OutsideNotice,
    Paper,
    Project,
    Proof,
)
from bayan.work.services import clocks
from bayan.work.services.clocks import HEADS, ITEM, Start
from bayan.work.services.onward import OUTSIDE

# A reason for silence buys a working day, in an emergency a few minutes.
PATIENCE, PATIENCE_IN_EMERGENCY = timedelta(hours=7), timedelta(minutes=10)
MOST_PICTURES = 8
# What was done a little before it was put down as a task is done.
GIVEN_AFTER = timedelta(days=1)
State = Item.State
# Which end which kind may have; whoever gave it may withdraw every kind.
ENDS: Mapping[str, frozenset[str]] = {
    Item.Kind.ACKNOWLEDGE: frozenset({State.DONE}),
    Item.Kind.ANSWER: frozenset({State.DONE}),
    Item.Kind.DO: frozenset({State.DONE}),
    Item.Kind.APPROVE: frozenset({State.DONE, State.RETURNED, State.REFUSED}),
}
# By a link nobody commands: whoever has it may say that they will not, and why.
BY_LINK_TOO = frozenset({State.DECLINED})
WANT_REASON = frozenset({State.RETURNED, State.REFUSED, State.DECLINED})


# Who came by a link has no name in the trail.
BY_LINK = audit.Named("link", "link")


class ItemIsOver(DomainError):
    pass


class NotYours(DomainError):
    pass


class NotTheirWork(DomainError):
    pass


class TitleMissing(DomainError):
    pass


class DueInThePast(DomainError):
    pass


class WordsMissing(DomainError):
    pass


class ProofMissing(DomainError):
    pass


class PictureTooOld(DomainError):
    pass


class TooManyPictures(DomainError):
    pass


class NotPossible(DomainError):
    pass


# Something is still wanted of whoever does it: they send it, and nothing was refused them.
UNFINISHED = (WordsMissing, ProofMissing, PictureTooOld, TooManyPictures)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be done, by whom, until when."""

    kind: str
    title: str
    node: Node
    given_from: Node
    due_at: datetime
    text: str = ""
    owner: Member | None = None
    contractor: Contractor | None = None
    outside: OutsideBody | None = None
    project: Project | None = None
    subject: tuple[str, str] = ("", "")
    around_the_clock: bool = False
    wants_proof: bool = False
    is_emergency: bool = False
    on_page: bool = False
    # Whoever gives it tells of it (`tell_each`); else Bayan does so.
    tells: bool = True
    # Told besides whoever has it or is on duty.
    told_too: Sequence[Member] = ()


@dataclass(frozen=True)
class Picture:
    """A file that somebody attached, still open; `declared` is the browser's opinion of its type."""

    stream: IO[bytes]
    name: str
    declared: str
    # The kind of message under whose limits it falls: a picture, or a document.
    kind: str = "image"


@dataclass(frozen=True)
class Shown:
    """A picture of what was done, or another file that shows it."""

    media: Media
    latitude: float | None = None
    longitude: float | None = None
    # When it was taken, where its camera says so.
    at: datetime | None = None


@transaction.atomic
def give(task: Task, *, by: Member | None, now: datetime) -> Item:
    """Give somebody something to do. They are told at once, a contractor with a link.

    :raises TitleMissing: it says not what
    :raises DueInThePast: it could not be done in time any more
    :raises NotTheirWork: the member does not work there
    """
    [item] = give_each([task], by=by, now=now)
    return item


@transaction.atomic
def give_each(tasks: Sequence[Task], *, by: Member | None, now: datetime) -> list[Item]:
    """Give several things to do, with as many statements for hundreds as for one.

    :raises TitleMissing, DueInThePast, NotTheirWork: as `give`; nothing of it is given
    """
    titles = [" ".join(task.title.split())[:140] for task in tasks]
    for task, title in zip(tasks, titles, strict=True):
        if not title:
            raise TitleMissing(_("Write in a few words what is to be done."))
        if task.due_at <= now:
            raise DueInThePast(_("Choose a time that is still to come."))
    _check_works_for([(task.owner, task.node) for task in tasks if task.owner], now=now)
    items = Item.objects.bulk_create(
        Item(
            kind=task.kind,
            title=title,
            text=task.text.strip(),
            subject_type=task.subject[0],
            subject_key=task.subject[1],
            node=task.node,
            given_from=task.given_from,
            given_by=by,
            given_at=now,
            owner=task.owner,
            contractor=task.contractor,
            outside=task.outside,
            project=task.project,
            due_at=task.due_at,
            is_emergency=task.is_emergency,
            wants_proof=task.wants_proof,
            on_page=task.on_page,
        )
        for task, title in zip(tasks, titles, strict=True)
    )
    started = clocks.start(
        Start(
            subject_type=ITEM,
            subject_key=str(item.public_id),
            name=Clock.Name.DUE,
            since=now,
            due_at=task.due_at,
            around_the_clock=task.around_the_clock or task.is_emergency,
            ladder="emergency" if task.is_emergency else "usual",
            of=task.node.pk,
        )
        for task, item in zip(tasks, items, strict=True)
    )
    told = [place for place, task in enumerate(tasks) if task.tells]
    _let_know(
        [items[place] for place in told],
        [started[place] for place in told],
        [tasks[place].told_too for place in told],
        now=now,
    )
    note_each(
        "item.given", items, by=by or audit.SYSTEM, now=now,
        details=[{"item_kind": item.kind, **_holder(item)} for item in items],
    )  # fmt: skip
    for item in items:
        publish(ItemGiven(item=item, at=now))
    return items


def _let_know(
    items: Sequence[Item],
    started: Sequence[Clock],
    too: Sequence[Sequence[Member]],
    *,
    now: datetime,
) -> None:
    """Whoever has an item is told, outside too, with whoever stands in for them; else whoever is on duty for
    its body, or heads it.

    `too` are those who are told of each besides.
    """
    charge: dict[int, list[Member]] = {}
    acting = people.acting_for({item.owner_id for item in items if item.owner_id}, now=now)
    notices = []
    outside = []
    for item, clock, others in zip(items, started, too, strict=True):
        if item.is_outside:
            outside.append(OutsideNotice(item=item, clock=clock, created_at=now))
            continue
        if item.owner is not None:
            deputy = acting.get(item.owner.pk)
            told = [item.owner, deputy] if deputy else [item.owner]
        else:
            if item.node_id not in charge:
                turn = people.on_duty(item.node, now=now)
                charge[item.node_id] = (
                    [turn.member] if turn else people.in_charge_of(item.node, HEADS, now=now)
                )
            told = charge[item.node_id]
        notices += [
            Notice(member=member, clock=clock, is_emergency=item.is_emergency, created_at=now)
            for member in dict.fromkeys([*told, *others])
        ]
    Notice.objects.bulk_create(notices)
    OutsideNotice.objects.bulk_create(outside)


def _check_works_for(pairs: Sequence[tuple[Member, Node]], *, now: datetime) -> None:
    allowed = people.who_may("work.do", [(member.pk, node) for member, node in pairs], now=now)
    for member, node in pairs:
        if not member.is_active or (member.pk, node.pk) not in allowed:
            raise NotTheirWork(
                _("%(name)s does not work for %(body)s.") % {"name": member.name, "body": node.name}
            )


def may_act(item: Item, access: Access, *, now: datetime) -> bool:
    """Whether this member may do it: it is theirs, they stand in, nobody has it, or they head the body.

    What a contractor or another body has is ended by whoever gave it.
    """
    if item.is_outside:
        return access.may("work.give", item.given_from)
    if item.owner_id is None:
        return access.may("work.do", item.node)
    return (
        item.owner_id == access.member.pk
        or access.may("people.manage", item.node)
        or Deputyship.objects.current(now=now)
        .filter(member=item.owner_id, deputy=access.member)
        .exists()
    )


@transaction.atomic
def finish(
    item_id: UUID,
    *,
    by: Access,
    now: datetime,
    words: str = "",
    pictures: Sequence[Picture] = (),
    place: tuple[float, float] | None = None,
    end: str = State.DONE,
) -> Item:
    """End an item: seen, answered, done, approved; or returned or refused, which need their reason.

    `place` is where the sender is, for pictures that do not say where they were taken.

    :raises ItemIsOver: it has ended already; the first one wins
    :raises NotYours: somebody else has it
    :raises WordsMissing: an answer without words, a return or a refusal without a reason
    :raises ProofMissing: a picture is wanted and none is there
    :raises PictureTooOld: it was taken before the item was given
    :raises TooManyPictures: eight are enough
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    try:
        item = locked_for(item_id, by, now=now)
        proofs = keep_pictures(pictures, item, place=place, now=now)
        return end_item(item, end=end, words=words, proofs=proofs, by=by.member, now=now)
    except UNFINISHED:
        raise
    except DomainError as refused:
        # That somebody tried to approve what they may not, or what has changed, stays in the trail.
        tried = find(item_id)
        if tried is not None and tried.kind == Item.Kind.APPROVE:
            refused.entries += tuple(
                _entries("item.refused", [tried], by=by.member, now=now, details=[{"press": end}])
            )
        raise


def is_of_a_place(item: Item) -> bool:
    """Whether what shows that it was done is a picture of a place, or whatever else does."""
    return item.subject_type in {"", "case"}


def keep_pictures(
    pictures: Sequence[Picture],
    item: Item,
    *,
    place: tuple[float, float] | None = None,
    now: datetime,
) -> list[Shown]:
    """Keep pictures as files of the body that gave the item, each with where and when it was taken.

    What the camera says of that goes before `place`, where the sender is; nothing else of it is kept.

    :raises PictureTooOld: it was taken before the item was given, so it cannot show what was done
    """
    if len(pictures) > MOST_PICTURES:
        raise TooManyPictures(_("Attach %(most)d pictures at most.") % {"most": MOST_PICTURES})
    number = channels.number_of_files() if pictures else None
    if number is None:
        return []
    shown = []
    for picture in pictures:
        taken = channels.taken_of(picture.stream, now=now)
        if item.kind == Item.Kind.DO:
            check_age(taken.at, since=item.given_at - GIVEN_AFTER)
        # Whoever does it may not see the files of the body that gave it.
        with as_worker():
            media = channels.keep_file(
                picture.stream, kind=picture.kind, name=picture.name, declared=picture.declared,
                number=number, node=item.given_from, now=now,
            )  # fmt: skip
        latitude, longitude = taken.point or place or (None, None)
        shown.append(Shown(media, latitude, longitude, taken.at))
    return shown


def check_age(at: datetime | None, *, since: datetime) -> None:
    """Refuse a picture whose camera says that it was taken before `since`.

    :raises PictureTooOld: it shows how it was then
    """
    if at is not None and at < since:
        day = date_format(timezone.localtime(at), "DATE_FORMAT")
        raise PictureTooOld(
            _(
                "This picture was taken on %(date)s, before there was anything to do. Attach one of the "
                "place as it is now."
            )
            % {"date": day}
        )


def end_item(
    item: Item,
    *,
    end: str,
    words: str,
    proofs: Sequence[Shown],
    by: Member | None,
    now: datetime,
    name: str = "",
) -> Item:
    """End a locked, open item; `name` is what somebody without an account calls themselves."""
    words = words.strip()
    is_refused = by is None and item.kind != Item.Kind.APPROVE and end in BY_LINK_TOO
    if end not in ENDS[item.kind] and not is_refused:
        raise NotPossible(_("This cannot be done with this task."))
    if end in WANT_REASON and not words:
        raise WordsMissing(_("Write the reason; it helps to put it right."))
    if item.kind == Item.Kind.ANSWER and not words:
        raise WordsMissing(_("Write the answer."))
    if item.wants_proof and end == State.DONE and not proofs and not item.proofs.exists():
        raise ProofMissing(
            _("Attach a picture of the place as it is now.")
            if is_of_a_place(item)
            else _("Attach a picture or a file that shows that it was done.")
        )
    Proof.objects.bulk_create(
        (
            Proof(
                item=item, media=shown.media, latitude=shown.latitude,
                longitude=shown.longitude,
                at=min(shown.at or now, now),
            )
            for shown in proofs
        ),
        ignore_conflicts=True,
    )  # fmt: skip
    item.state, item.answer = end, words
    item.ended_at, item.ended_by, item.ended_name = now, by, name
    item.awaits_until = None
    item.save(
        update_fields=["state", "answer", "ended_at", "ended_by", "ended_name", "awaits_until"]
    )
    clocks.end(ITEM, [str(item.public_id)], now=now)
    _tell_no_more([item], now=now)
    actor: audit.Actor = by or BY_LINK
    note("item.ended", item, by=actor, now=now, item_state=str(end))
    publish(ItemEnded(item=item, by=by, at=now))
    return item


@transaction.atomic
def explain(item_id: UUID, silence: str, *, by: Access, now: datetime) -> Item:
    """Keep why it takes longer; the ladder rests for a working day.

    :raises NotPossible: there is no such reason
    :raises ItemIsOver, NotYours: as `finish`
    """
    item = locked_for(item_id, by, now=now)
    return explain_item(item, silence, by=by.member, now=now)


def explain_item(item: Item, silence: str, *, by: Member | None, now: datetime) -> Item:
    """Keep why a locked, open item takes longer."""
    if silence not in Item.Silence.values:
        raise NotPossible(_("Choose a reason from the list."))
    item.silence, item.silence_at = silence, now
    item.save(update_fields=["silence", "silence_at"])
    patience = PATIENCE_IN_EMERGENCY if item.is_emergency else PATIENCE
    until = ladders.later(now, patience, around_the_clock=item.is_emergency, of=item.node_id)
    clocks.rest(ITEM, str(item.public_id), until=until)
    actor: audit.Actor = by or BY_LINK
    note("item.explained", item, by=actor, now=now, why=silence)
    return item


@transaction.atomic
def delegate(item_id: UUID, *, to: Member, by: Access, now: datetime) -> Item:
    """Let another member of the body do it; the time it is due stays.

    :raises NotTheirWork: they do not work there
    :raises ItemIsOver, NotYours: as `finish`
    :raises DomainError: whoever asked for an approval lets nobody else give it
    """
    item = locked_open(item_id)
    if item.is_outside or not (may_act(item, by, now=now) or by.may("work.give", item.given_from)):
        raise NotYours(_("Somebody else has this task. Ask them, or whoever gave it."))
    _check_works_for([(to, item.node)], now=now)
    if item.owner_id == to.pk:
        raise NotPossible(_("They have it already."))
    item.owner = to
    item.save(update_fields=["owner"])
    clock = Clock.objects.get(subject_type=ITEM, subject_key=str(item.public_id), ended_at=None)
    Notice.objects.get_or_create(
        member=to,
        clock=clock,
        ring=None,
        defaults={"is_emergency": item.is_emergency, "created_at": now},
    )
    note("item.delegated", item, by=by.member, now=now, **_holder(item))
    publish(ItemPassedOn(item=item, to=to, by=by.member, at=now))
    return item


@transaction.atomic
def withdraw(item_id: UUID, *, by: Access, now: datetime) -> Item:
    """Take an open item back; its links lead nowhere any more.

    :raises NotYours: only whoever may give work in that body
    :raises ItemIsOver: it has ended already
    """
    item = locked_open(item_id)
    if not by.may("work.give", item.given_from):
        raise NotYours(_("Only whoever gave the task may withdraw it."))
    _withdraw_each([item], by=by.member, now=now)
    return item


def withdraw_of(subject: tuple[str, str], *, by: Member | None, now: datetime) -> int:
    """Withdraw all that is open for a subject which is over. Returns how many there were."""
    return withdraw_of_all(subject[0], [subject[1]], by=by, now=now)


def withdraw_of_all(
    subject_type: str, keys: Collection[str], *, by: Member | None, now: datetime
) -> int:
    """As `withdraw_of`, for several subjects of one type together; whoever listens hears of each end."""
    rows = list(
        Item.objects.open()
        .filter(subject_type=subject_type, subject_key__in=keys)
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    _withdraw_each(rows, by=by, now=now)
    return len(rows)


def forget_of(subject: tuple[str, str]) -> list[int]:
    """Take the words and pictures out of the tasks of a subject that is destroyed, and out of their messages.

    That there were tasks, whose and when, stays. Returns the keys of the pictures, which nothing of the tasks
    uses any more. To be called as the worker, once none of them is open.
    """
    rows = Item.objects.filter(subject_type=subject[0], subject_key=subject[1])
    keys = [str(key) for key in rows.values_list("public_id", flat=True)]
    told = Notice.objects.filter(
        clock__subject_type=ITEM, clock__subject_key__in=keys, outgoing__isnull=False
    )
    channels.forget_words(told.values_list("outgoing", flat=True))
    channels.forget_letters(OUTSIDE, keys)
    proofs = Proof.objects.filter(item__in=rows)
    pictures = list(proofs.values_list("media", flat=True))
    proofs.delete()
    papers = Paper.objects.filter(item__in=rows)
    pictures += papers.values_list("media", flat=True)
    papers.delete()
    rows.update(title="—", text="", answer="")
    return pictures


def _tell_no_more(items: Sequence[Item], *, now: datetime) -> None:
    """What has not left yet for whoever outside has these is not sent, and goes no further way."""
    outside = [item for item in items if item.is_outside]
    if outside:
        OutsideNotice.objects.filter(item__in=outside, told_at=None).update(told_at=now)
        channels.call_off(OUTSIDE, [str(item.public_id) for item in outside], now=now)


def _withdraw_each(items: Sequence[Item], *, by: Member | None, now: datetime) -> None:
    if not items:
        return
    for item in items:
        item.state, item.ended_at, item.ended_by = State.WITHDRAWN, now, by
        item.awaits_until = None
    Item.objects.bulk_update(items, ["state", "ended_at", "ended_by", "awaits_until"])
    clocks.end(ITEM, [str(item.public_id) for item in items], now=now)
    Link.objects.filter(item__in=items, withdrawn_at=None).update(withdrawn_at=now)
    _tell_no_more(items, now=now)
    note_each("item.withdrawn", items, by=by or audit.SYSTEM, now=now, details=[{}] * len(items))
    for item in items:
        publish(ItemEnded(item=item, by=by, at=now))


@transaction.atomic
def send_again(item_id: UUID, *, reason: str, due_at: datetime, by: Access, now: datetime) -> Item:
    """Give an item that was done, but not well, back to whoever did it, with a new time.

    :raises NotYours: only whoever may give work in that body
    :raises NotPossible: it is open, or was withdrawn
    :raises WordsMissing: it says not what is missing
    :raises DueInThePast: as `give`
    """
    item = _locked(item_id)
    if not by.may("work.give", item.given_from):
        raise NotYours(_("Only whoever gave the task may give it back."))
    if item.state in {State.OPEN, State.WITHDRAWN}:
        raise NotPossible(_("Only what was ended can be given back."))
    if not reason.strip():
        raise WordsMissing(_("Write what is still missing."))
    if due_at <= now:
        raise DueInThePast(_("Choose a time that is still to come."))
    item.state, item.ended_at, item.ended_by, item.ended_name = State.OPEN, None, None, ""
    item.text = f"{item.text}\n\n{reason.strip()}".strip()
    item.answer, item.due_at, item.silence, item.silence_at = "", due_at, "", None
    item.save(
        update_fields=[
            "state", "ended_at", "ended_by", "ended_name", "text", "answer", "due_at", "silence",
            "silence_at",
        ]
    )  # fmt: skip
    # What was shown before is no proof of what is asked now.
    item.proofs.all().delete()
    [clock] = clocks.start(
        [
            Start(
                subject_type=ITEM, subject_key=str(item.public_id), name=Clock.Name.DUE, since=now,
                due_at=due_at, around_the_clock=item.is_emergency,
                ladder="emergency" if item.is_emergency else "usual", of=item.node_id,
            )
        ]
    )  # fmt: skip
    _let_know([item], [clock], [()], now=now)
    note("item.sent_again", item, by=by.member, now=now)
    return item


def hand_over(member: Member, *, to: Member, by: Member, now: datetime) -> int:
    """Give a leaving member's open items to another; returns how many."""
    rows = list(
        Item.objects.open().filter(owner=member).order_by("pk").select_for_update(of=("self",))
    )
    for item in rows:
        item.owner = to
    Item.objects.bulk_update(rows, ["owner"])
    label = audit.Named(by.audit_key, by.audit_label)
    for item in rows:
        note("item.delegated", item, by=label, now=now, **_holder(item))
    return len(rows)


def describe_items(keys: Collection[str]) -> dict[str, Subject]:
    """The open items among these, as whoever must act is told of them."""
    return {
        str(item.public_id): Subject(
            title=item.title,
            # A contractor's silence is the business of whoever gave it to them.
            node_id=item.given_from_id if item.is_outside else item.node_id,
            owner_id=item.given_by_id if item.is_outside else item.owner_id,
            path=reverse("work:item", args=[item.public_id]),
            live_key=str(item.public_id),
            is_emergency=item.is_emergency,
        )
        for item in Item.objects.open().filter(public_id__in=keys)
    }


def _locked(item_id: UUID) -> Item:
    return (
        Item.objects.select_for_update(of=("self",))
        .select_related("node", "given_from", "owner")
        .get(public_id=item_id)
    )


def find(item_id: UUID) -> Item | None:
    """The item, ours until the commit, whatever became of it."""
    return (
        Item.objects.select_for_update(of=("self",))
        .select_related("node", "given_from", "owner")
        .filter(public_id=item_id)
        .first()
    )


def locked_open(item_id: UUID) -> Item:
    """The item, ours until the commit.

    :raises ItemIsOver: it has ended
    """
    item = _locked(item_id)
    if item.state == State.WITHDRAWN and item.kind == Item.Kind.APPROVE:
        raise ItemIsOver(
            _("What you were to approve was changed or withdrawn: this approval no longer counts.")
        )
    if not item.is_open:
        raise ItemIsOver(_("This task has ended already."))
    return item


def locked_for(item_id: UUID, access: Access, *, now: datetime) -> Item:
    """The item, ours until the commit, if this member may act on it.

    :raises ItemIsOver: it has ended
    :raises NotYours: somebody else has it
    """
    item = locked_open(item_id)
    if not may_act(item, access, now=now):
        raise NotYours(_("Somebody else has this task. Ask them, or whoever gave it."))
    return item


def _holder(item: Item) -> dict[str, str]:
    """Who has it, by a key: a member can be deleted, the trail cannot."""
    if item.owner is not None:
        return {"member": str(item.owner.public_id)}
    if item.outside is not None:
        return {"body": item.outside.key}
    return {} if item.contractor_id is not None else {"body": item.node.key}


def note(action: str, item: Item, *, by: audit.Actor, now: datetime, **details: Any) -> None:
    """Write a step into the trail of the item and of what it is part of, and tell the screens."""
    note_each(action, [item], by=by, now=now, details=[details])


def _entries(
    action: str,
    items: Sequence[Item],
    *,
    by: audit.Actor,
    now: datetime,
    details: Sequence[Mapping[str, Any]],
) -> list[audit.Entry]:
    by = audit.Named(by.audit_key, by.audit_label)
    return [
        audit.Entry(
            action=action,
            subject_type=of,
            subject_key=key,
            by=by,
            at=now,
            node_id=item.given_from_id,
            details={"item": str(item.public_id), **more},
        )
        for item, more in zip(items, details, strict=True)
        for of, key in _subjects_of(item)
    ]


def note_each(
    action: str,
    items: Sequence[Item],
    *,
    by: audit.Actor,
    now: datetime,
    details: Sequence[Mapping[str, Any]],
) -> None:
    """Write the same step of several items, each with its own details, as `note`."""
    audit.record_all(_entries(action, items, by=by, now=now, details=details))
    live.announce(
        (node_id, ITEM, item.public_id)
        for item in items
        for node_id in {item.node_id, item.given_from_id}
    )


def _subjects_of(item: Item) -> list[tuple[str, str]]:
    """Under what a step is filed: the item, and what it is part of, whose story it belongs to."""
    own = [(ITEM, str(item.public_id))]
    return [*own, (item.subject_type, item.subject_key)] if item.subject_type else own
