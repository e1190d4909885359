"""Reading rules and decisions for the pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from bayan.cases.models import Case, Reading, RoutingDecision, RoutingRule
from bayan.cases.routing.sentences import Names, explained, in_words
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Member


@dataclass(frozen=True)
class Row:
    """One rule of the list."""

    rule: RoutingRule
    sentence: str
    # How many cases it decided of lately.
    hits: int
    is_first: bool
    is_last: bool


def rows(*, since: datetime) -> list[Row]:
    """All rules in their order, with how often each has decided since then."""
    found = list(RoutingRule.objects.select_related("node").order_by("position"))
    names = Names.of(found)
    # The page has a permission of its own, in the authority itself.
    with as_worker():
        decided = RoutingDecision.objects.filter(at__gt=since).values_list("rule")
        hits = dict(decided.annotate(Count("pk")).order_by())
    return [
        Row(rule, in_words(rule, names), hits.get(rule.public_id, 0), at == 0, at == len(found) - 1)
        for at, rule in enumerate(found)
    ]


def members(*, now: datetime) -> list[Member]:
    """Everybody who answers the public somewhere: to whom a rule may give cases."""
    return people.answering(list(organisation.nodes().values()), now=now)


def why_there(case: Case) -> tuple[RoutingDecision, str] | None:
    """Why a case went where it is, if a rule led it there: its last decision, in one sentence."""
    if not getattr(case, "has_decisions", True):
        return None
    decision = case.decisions.select_related("member", "team").order_by("-pk").first()
    reading: Reading | None = getattr(case, "reading", None)
    return (decision, explained(decision, reading)) if decision else None
