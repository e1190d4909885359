"""The lanes in which the work of a surge is laid out; each is a filter of the list of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import pgettext_lazy

from bayan.cases.surge.models import Handled, Surge

# So many of a burst's words are looked for.
MOST_TERMS = 6
LANES = {
    "danger": pgettext_lazy("lane", "Danger first"),
    "new": pgettext_lazy("lane", "New people waiting"),
    "matters": pgettext_lazy("lane", "Many about one matter"),
    "statement": pgettext_lazy("lane", "Answered by the statement"),
    "nothing": pgettext_lazy("lane", "Need no answer"),
}
ASKS = ("enquiry", "rumour_claim")
SAYS_THANKS = ("praise", "spam")


@dataclass(frozen=True)
class Asked:
    """What the statements answer: questions since then, with one of these words if there are any."""

    since: datetime | None = None
    terms: tuple[str, ...] = ()

    @classmethod
    def of(cls, surges: Sequence[Surge]) -> Asked:
        terms = dict.fromkeys(term for surge in surges for term in surge.terms)
        return cls(min((surge.since for surge in surges), default=None), tuple(terms)[:MOST_TERMS])


def condition_of(lane: str, asked: Asked) -> Q:
    """What an open case of a lane is like. Every case is in one lane at the most, but for its matter."""
    if lane == "danger":
        return Q(priority="emergency")
    not_urgent = ~Q(priority="emergency")
    if lane == "matters":
        return not_urgent & Q(parent=None) & Q(has_others=True)
    if lane == "nothing":
        return not_urgent & Q(kind__in=SAYS_THANKS)
    asks = Q(kind__in=ASKS) & (Q(opened_at__gte=asked.since) if asked.since else Q())
    named = Q(pk__in=[]) if asked.terms else Q()
    for term in asked.terms:
        named |= Q(subject__icontains=term)
    if lane == "statement":
        return not_urgent & asks & named
    # Whoever asks for what the statement answers waits in that lane.
    return not_urgent & Q(stage="new") & ~Q(kind__in=SAYS_THANKS) & ~(asks & named)


def in_lane[Rows: QuerySet](rows: Rows, lane: str) -> Rows:  # type: ignore[type-arg]
    """Of these cases the open ones of a lane that nobody has handled together yet."""
    surges = (
        list(Surge.objects.on().select_related("burst")) if lane in {"new", "statement"} else []
    )
    return prepared(rows).filter(condition_of(lane, Asked.of(surges)))


def prepared[Rows: QuerySet](rows: Rows) -> Rows:  # type: ignore[type-arg]
    """Open cases, with whether others are about the same; without those that were pressed just now."""
    pressed = Handled.objects.filter(case=OuterRef("pk"), done_at=None)
    others = rows.model.objects.filter(parent=OuterRef("pk"), closed_at=None)
    return rows.filter(~Exists(pressed), closed_at=None).annotate(has_others=Exists(others))
