"""Who stands in for whom at this time: a deputy votes and answers for whoever is away."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from bayan.channels.models import Reach
from bayan.people.models import Deputyship, Member


def lenders_of(deputy: Member, *, now: datetime) -> QuerySet[Deputyship]:
    """The deputyships in which this member stands in for somebody who still works here."""
    return Deputyship.objects.current(now=now).filter(deputy=deputy, member__is_active=True)


def stands_in(deputy: Member, member_id: int, *, now: datetime) -> bool:
    """Whether the one stands in for the other."""
    return lenders_of(deputy, now=now).filter(member=member_id).exists()


def deputies_of(members: Collection[int], *, now: datetime) -> dict[int, Member]:
    """Who stands in for each of these members, for those for whom somebody does."""
    rows = Deputyship.objects.current(now=now).filter(member__in=members, deputy__is_active=True)
    return {row.member_id: row.deputy for row in rows.select_related("deputy")}


def not_asked_yet(subject_type: str, round_: int | Combinable, *, now: datetime) -> Exists:
    """Of rows with `member`: whoever stands in for them by now was told nothing in this round of it."""
    told = Reach.objects.filter(
        subject_type=subject_type,
        subject_key=Cast(OuterRef(OuterRef("public_id")), CharField()),
        member=OuterRef("deputy"),
        round=round_,
    )
    return Exists(
        Deputyship.objects.current(now=now).filter(
            ~Exists(told),
            member=OuterRef("member"),
            member__is_active=True,
            deputy__is_active=True,
        )
    )
