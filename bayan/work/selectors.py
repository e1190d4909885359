"""Reading work: what needs a member now, what they gave, what belongs to a subject."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from django.db.models import Count, Prefetch, Q, QuerySet

from bayan.core.models import AuditEntry
from bayan.core.paging import Counts
from bayan.core.queries import Prepared
from bayan.organisation.models import OutsideBody
from bayan.people import selectors as people
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import Access
from bayan.people.selectors import Line
from bayan.work import sending
from bayan.work.ladders import Ladder, named
from bayan.work.models import Clock, Contractor, Item, ItemQuerySet, Notice, Project, Proof, Remark

# The page shows so many; what ended longer ago is found by search.
MOST = 100


def needs(access: Access, *, now: datetime) -> ItemQuerySet:
    """What needs this member now, in one statement: theirs, theirs as a deputy, and nobody's of their bodies.

    What is due first comes first.
    """
    return _needs(access.member.pk, [role.node_id for role in access.roles], now)


def _needs(member_id: int, bodies: list[int], now: datetime) -> ItemQuerySet:
    lenders = (
        Deputyship.objects.current(now=now)
        .filter(deputy=member_id, member__is_active=True)
        .values("member")
    )
    return (
        Item.objects.open()
        .filter(
            Q(owner=member_id)
            | Q(owner__in=lenders)
            | Q(
                owner=None, contractor=None, outside=None,
                node__any_of=bodies,
            )
        )
        .order_by("due_at", "pk")
    )  # fmt: skip


def items(access: Access, key: str, *, words: str = "", now: datetime) -> QuerySet[Item]:
    """The items of one view, with all that a row shows.

    `mine`: what needs the reader; `given`: what their bodies gave and is open; `body`: all that is open in
    their bodies; `ended`: the latest that ended.
    """
    roots = [role.node_id for role in access.roles]
    match key:
        case "given":
            rows = Item.objects.open().filter(given_from__lineage__overlap=roots)
            rows = rows.exclude(owner=access.member).order_by("due_at", "pk")
        case "body":
            rows = Item.objects.open().order_by("due_at", "pk")
        case "ended":
            rows = Item.objects.exclude(state=Item.State.OPEN).order_by("-ended_at", "-pk")
        case _:
            rows = needs(access, now=now)
    if words:
        rows = rows.filter(Q(title__icontains=words) | Q(subject_key=words.replace(" ", "")))
    return shown(rows)


def first_needs(access: Access, most: int, *, now: datetime) -> tuple[list[Item], int]:
    """The first of what needs this member, with all that a row shows, and how much there is in all."""
    values = access.member.pk, [role.node_id for role in access.roles], now
    found = _first_needs(most).rows(*values)
    # Counted only where more is there than is shown.
    return found[:most], len(found) if len(found) <= most else _NEEDS_COUNT.of(*values)["all"]


@cache
def _first_needs(most: int) -> Prepared[Item]:
    return Prepared(
        lambda member, bodies, now: _needs(member, bodies, now).select_related(
            "node", "owner", "contractor", "outside"
        )[: most + 1],
        int, list, datetime,
    )  # fmt: skip


_NEEDS_COUNT = Counts(
    lambda member, bodies, now: {"all": _needs(member, bodies, now)}, int, list, datetime
)


def shown(rows: QuerySet[Item]) -> QuerySet[Item]:
    """With all that a row or a panel shows, so that none is asked for row by row."""
    return rows.select_related(
        "node", "given_from", "given_by", "owner", "contractor", "outside", "project", "ended_by"
    ).prefetch_related(
        Prefetch("proofs", Proof.objects.select_related("media").order_by("pk"), to_attr="pictures")
    )


def counts(access: Access, *, now: datetime) -> dict[str, int]:
    """How many items the reader's views hold, and how many of theirs are late."""
    mine = (
        needs(access, now=now)
        .order_by()
        .aggregate(mine=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now)))
    )
    return {"mine": mine["mine"], "late": mine["late"]}


def items_of(subject: tuple[str, str]) -> list[Item]:
    """All that was given for one subject, the latest first; of what is outside how far its message is."""
    rows = list(
        shown(Item.objects.filter(subject_type=subject[0], subject_key=subject[1]).order_by("-pk"))
    )
    sending.show(rows)
    return rows


def clocks_of(subject: tuple[str, str]) -> list[Clock]:
    """The clocks that run for one subject, what is due first before the rest."""
    return list(
        Clock.objects.filter(
            subject_type=subject[0], subject_key=subject[1], ended_at=None
        ).order_by("due_at", "pk")
    )


def ladder(key: str) -> Ladder:
    """The rungs of this ladder, from the mildest up."""
    return named(key)


def proofs_of(subject: tuple[str, str]) -> list[Proof]:
    """The pictures that show what was done for one subject."""
    return list(
        Proof.objects.filter(
            item__subject_type=subject[0], item__subject_key=subject[1], item__state="done"
        )
        .select_related("media", "item")
        .order_by("pk")
    )


def newer_version(item: Item) -> Item | None:
    """What was asked about a newer version of its file."""
    return Item.objects.filter(paper__replaces=item).first()


def history_of(item: Item) -> list[Line]:
    """What happened to it, the newest first."""
    return people.in_words(
        AuditEntry.objects.filter(subject_type="item", subject_key=str(item.public_id)).order_by(
            "-pk"
        )[:MOST]
    )


def told(item: Item) -> list[Notice]:
    """Who was told of it, when and how, with what became of the message; the newest first."""
    return list(
        Notice.objects.filter(clock__subject_type="item", clock__subject_key=str(item.public_id))
        .select_related("member", "outgoing", "reach__outgoing")
        .order_by("-pk")
    )


def outside_of(item: Item) -> sending.Sending:
    """How whoever outside has it was told of it, and how far that is."""
    return sending.of(item)


def remarks_of(item: Item) -> list[Remark]:
    """What members wrote about it in WhatsApp, the oldest first."""
    return list(item.remarks.select_related("member", "message__media").order_by("at", "pk"))


def contractors() -> QuerySet[Contractor]:
    """Those who work for the authority now, by name, with their projects."""
    return (
        Contractor.objects.filter(ended_at=None)
        .prefetch_related(
            Prefetch(
                "projects",
                Project.objects.filter(ended_at=None).select_related("department").order_by("name"),
                to_attr="current",
            )
        )
        .order_by("name")
    )


def outside_bodies() -> QuerySet[OutsideBody]:
    """The bodies outside, in their order."""
    return OutsideBody.objects.order_by("position", "pk")


def waiting_for(member: Member, *, now: datetime) -> Item | None:
    """The item about which Bayan asked this member something in WhatsApp a moment ago."""
    return (
        Item.objects.open()
        .filter(owner=member, awaits_until__gt=now)
        .order_by("-awaits_until")
        .first()
    )
