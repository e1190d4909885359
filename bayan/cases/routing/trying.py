"""Rules tried out: on the cases of last month, none of which is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bayan.cases.models import Case, RoutingRule
from bayan.cases.routing.matching import Facts, Rule, Rules, To
from bayan.cases.services.routing import Surroundings, facts_of
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node

SINCE = timedelta(days=30)
# The latest so many are tried, a chunk at a time, so that whoever waits sees how far it is.
MOST = 10_000
CHUNK = 1_000
SHOWN = 20


@dataclass
class Row:
    """What one rule would do with one body's cases."""

    rule: Rule
    body: Node
    count: int = 0
    # Where they are now: there, still at the desk, with another body.
    there: int = 0
    at_desk: int = 0
    elsewhere: int = 0


@dataclass(frozen=True)
class Change:
    """A case that would be somewhere else than where members have put it, or left it."""

    case: Case
    rule: Rule
    body: Node


@dataclass
class Trial:
    """What the rules would have made of last month's cases."""

    count: int = 0
    is_cut: bool = False
    # No rule fits these: a person decides, as now.
    left: int = 0
    rows: list[Row] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    changed: int = 0
    # Of the rule that is looked at: how many fit it, and how many of these an earlier rule takes, which one.
    fits: int = 0
    before: list[tuple[Rule, int]] = field(default_factory=list)


def with_draft(draft: RoutingRule | None = None) -> Rules:
    """The rules that are on, and a draft in its place: where it stands already, or behind the others."""
    rows = list(RoutingRule.objects.order_by("position"))
    if draft is not None:
        draft.is_on = True
        rows = [draft if row.pk == draft.pk else row for row in rows]
        rows = rows if draft.pk else [*rows, draft]
    return Rules(Rule.of(row) for row in rows if row.is_on)


def to_try(*, now: datetime) -> tuple[list[int], bool]:
    """The keys of last month's cases, the latest first, `MOST` at the most; and whether there were more."""
    # The page has a permission of its own, in the authority itself.
    with as_worker():
        recent = Case.objects.filter(opened_at__gt=now - SINCE).order_by("-opened_at", "-pk")
        keys = list(recent.values_list("pk", flat=True)[: MOST + 1])
    return keys[:MOST], len(keys) > MOST


def dry_run(
    held: Rules, keys: Sequence[int], *, now: datetime, focus: UUID | None = None
) -> dict[str, Any]:
    """Try these rules on these cases as they came in, all at once; see `try_some` for what it returns."""
    found: dict[str, Any] = {}
    for start in range(0, len(keys), CHUNK):
        found = try_some(found, held, keys[start : start + CHUNK], focus=focus, now=now)
    return found


def try_some(
    found: Mapping[str, Any],
    held: Rules,
    keys: Sequence[int],
    *,
    focus: UUID | None = None,
    now: datetime,
) -> dict[str, Any]:
    """Add to what was found, in plain values that can be kept, what these rules make of some more cases.

    Workload is today's, and whoever would get a case is not worked out. `focus`: the rule that is looked at.
    """
    tally = _Tally(found, held, focus)
    with as_worker():
        around = Surroundings(now=now)
        cases = list(Case.objects.filter(pk__in=keys).order_by("-opened_at", "-pk"))
        for case, facts in facts_of(cases, held, around, as_born=True):
            tally.add(case, facts, around)
    return tally.found


class _Tally:
    def __init__(self, found: Mapping[str, Any], held: Rules, focus: UUID | None) -> None:
        self.found: dict[str, Any] = {
            "count": 0, "left": 0, "changed": 0, "fits": 0, "rows": {}, "changes": [], "before": {},
        } | dict(found)  # fmt: skip
        self._held = held
        self._focus = next((rule for rule in held.rules if rule.id == focus), None)

    def add(self, case: Case, facts: Facts, around: Surroundings) -> None:
        found = self.found
        found["count"] += 1
        rule = self._held.first(facts)
        if self._focus is not None and (rule is self._focus or self._focus.fits(facts)):
            found["fits"] += 1
            if rule is not None and rule is not self._focus:
                key = str(rule.id)
                found["before"][key] = found["before"].get(key, 0) + 1
        if rule is None:
            found["left"] += 1
            return
        target = rule.target(facts)
        body = around.nodes[facts.node_id if target is None else target]
        # How many; of these there, at the desk, elsewhere.
        row = found["rows"].setdefault(f"{rule.id} {body.pk}", [0, 0, 0, 0])
        row[0] += 1
        now_at = around.nodes[case.node_id]
        if now_at.pk == body.pk:
            row[1] += 1
            return
        # What stays at the desk is what members have passed on since.
        if rule.to == To.STAYS:
            row[3] += 1
            return
        row[2 if now_at.is_desk else 3] += 1
        found["changed"] += 1
        if len(found["changes"]) < SHOWN:
            found["changes"].append([case.pk, str(rule.id), body.pk])


def shown(found: Mapping[str, Any], held: Rules, *, is_cut: bool) -> Trial:
    """What was found, with rules, bodies and cases in place of their keys."""
    rules = {str(rule.id): rule for rule in held.rules}
    order = {key: number for number, key in enumerate(rules)}
    nodes = organisation.nodes()
    rows = []
    for key, numbers in found.get("rows", {}).items():
        rule, _space, body = key.partition(" ")
        if rule in rules:
            rows.append(Row(rules[rule], nodes[int(body)], *numbers))
    changes = found.get("changes", [])
    with as_worker():
        full = Case.objects.select_related("node", "conversation").in_bulk(
            [case for case, _rule, _body in changes]
        )
    before = found.get("before", {})
    return Trial(
        count=found.get("count", 0),
        is_cut=is_cut,
        left=found.get("left", 0),
        rows=sorted(rows, key=lambda row: (order[str(row.rule.id)], -row.count)),
        changes=[
            Change(full[case], rules[rule], nodes[body])
            for case, rule, body in changes
            if case in full and rule in rules
        ],
        changed=found.get("changed", 0),
        fits=found.get("fits", 0),
        before=[(rule, before[key]) for key, rule in rules.items() if key in before],
    )
