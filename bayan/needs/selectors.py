"""Reading requests: lists, one with all that belongs to it, what can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Prefetch, Q, QuerySet

from bayan.core.references import digits_in
from bayan.core.rls import as_worker
from bayan.needs.models import (
    Attachment,
    Booking,
    Form,
    Kind,
    Need,
    NeedQuerySet,
    Step,
    Thing,
)
from bayan.needs.models.asking import TO_PROVIDE
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access

VIEWS = ("waiting", "providing", "late", "ended", "all")
State = Need.State


@dataclass(frozen=True, kw_only=True)
class NeedFilter:
    """What a list of requests is narrowed to."""

    view: str = "waiting"
    words: str = ""
    kind: str = ""
    body: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> NeedFilter:
        """As an address gives it; what makes no sense is passed over."""
        view, kind = given.get("view", ""), given.get("kind", "")
        return cls(
            view=view if view in VIEWS else "waiting",
            words=given.get("q", "").strip()[:100],
            kind=kind if kind in Kind.values else "",
            body=given.get("body", "")[:60],
        )

    @property
    def query(self) -> str:
        """The address of the same list."""
        parts = {"view": self.view, "q": self.words, "kind": self.kind, "body": self.body}
        return urlencode({name: value for name, value in parts.items() if value})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.words or self.kind or self.body)


def views(asked: NeedFilter, access: Access, *, now: datetime) -> dict[str, NeedQuerySet]:
    """The requests of each view of the list, narrowed alike."""
    rows = Need.objects.filter(
        Q(node__lineage__overlap=access.bodies_of("needs.read"))
        | Q(provider__lineage__overlap=access.bodies_of("needs.read"))
    )
    digits = digits_in(asked.words)
    for word in asked.words.split():
        named = Q(title__icontains=word)
        # A single digit stands in most numbers.
        if len(digits) >= 3:
            named |= Q(reference__contains=digits)
        rows = rows.filter(named)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.body:
        rows = rows.filter(node__key=asked.body)
    return {
        "waiting": rows.undecided(),
        "providing": rows.filter(state__in=[*TO_PROVIDE, State.PROVIDED]),
        "late": rows.late(now=now),
        "ended": rows.filter(state__in=[State.REFUSED, State.CONFIRMED, State.WITHDRAWN]),
        "all": rows,
    }


def shown(rows: NeedQuerySet) -> NeedQuerySet:
    """With all that a row of the list shows."""
    return rows.select_related("node", "provider", "version", "asked_by", "item__owner")


def whole(rows: NeedQuerySet) -> NeedQuerySet:
    """With all that the page of one request shows."""
    return rows.select_related(
        "node", "provider", "version__form", "asked_by", "decided_by", "item__owner",
        "item__contractor", "item__outside", "item__node",
    ).prefetch_related(
        Prefetch(
            "steps",
            Step.objects.select_related("by", "reach__outgoing").order_by("-pk"),
            to_attr="history",
        ),
        Prefetch(
            "bookings",
            Booking.objects.select_related("thing").order_by("starts_at"),
            to_attr="booked",
        ),
    )  # fmt: skip


def attachments_of(need: Need) -> list[Attachment]:
    """The files of a request that its reader sees: the department sees those of every body."""
    with as_worker():
        return list(
            Attachment.objects.filter(need=need).select_related("media").order_by("field", "pk")
        )


def held_by(member: Member) -> int:
    """How many open requests and bookings are in this member's name."""
    return (
        Need.objects.open().filter(asked_by=member).count()
        + Booking.objects.standing().filter(booked_by=member).count()
    )


def offered() -> QuerySet[Form]:
    """What can be asked for now, in the order of the list."""
    return (
        Form.objects.filter(is_on=True, version__isnull=False)
        .select_related("version", "provider")
        .order_by("position", "pk")
    )


def home_of(access: Access, permission: str) -> Node | None:
    """The body in whose name this member acts: the highest in which their role allows it."""
    nodes = Node.objects.filter(pk__in=access.bodies_of(permission))
    return min(nodes, key=lambda one: (len(one.lineage), one.position), default=None)


def bodies_asking() -> list[Node]:
    """The bodies of which there are requests that the reader sees, by the tree's order."""
    return list(Node.objects.filter(pk__in=Need.objects.values("node")).order_by("position", "pk"))


def lent_things() -> QuerySet[Thing]:
    """What can be booked, by kind and name."""
    return (
        Thing.objects.filter(ended_at=None, is_consumable=False)
        .select_related("node")
        .order_by("kind", "name_ar", "pk")
    )
