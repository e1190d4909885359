"""Rules tried out: on the cases of last month, none of which is changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bayan.cases.models import Case, RoutingRule
from bayan.cases.routing.matching import Rule, Rules, To
from bayan.cases.services.routing import Surroundings, facts_of
from bayan.core.rls import as_worker
from bayan.organisation.models import Node

SINCE = timedelta(days=30)
# The latest so many are tried, so that nobody waits for minutes.
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


def with_draft(draft: RoutingRule | None = None) -> Rules:
    """The rules that are on, and a draft in its place: where it stands already, or behind the others."""
    rows = list(RoutingRule.objects.order_by("position"))
    if draft is not None:
        draft.is_on = True
        rows = [draft if row.pk == draft.pk else row for row in rows]
        rows = rows if draft.pk else [*rows, draft]
    return Rules(Rule.of(row) for row in rows if row.is_on)


def dry_run(held: Rules, *, now: datetime) -> Trial:
    """Try these rules on last month's cases as they came in, the latest first, `MOST` of them at the most.

    Workload is today's, and whoever would get a case is not worked out.
    """
    trial = Trial()
    # The page has a permission of its own, in the authority itself.
    with as_worker():
        recent = Case.objects.filter(opened_at__gt=now - SINCE).order_by("-opened_at", "-pk")
        keys = list(recent.values_list("pk", flat=True)[: MOST + 1])
        trial.is_cut = len(keys) > MOST
        around = Surroundings(now=now)
        rows: dict[tuple[object, int], Row] = {}
        for start in range(0, min(len(keys), MOST), CHUNK):
            some = keys[start : min(start + CHUNK, MOST)]
            cases = list(Case.objects.filter(pk__in=some).order_by("-opened_at", "-pk"))
            trial.count += len(cases)
            for case, facts in facts_of(cases, held, around, as_born=True):
                rule = held.first(facts)
                if rule is None:
                    trial.left += 1
                    continue
                target = rule.target(facts)
                body = around.nodes[facts.node_id if target is None else target]
                row = rows.setdefault((rule.id, body.pk), Row(rule, body))
                _count(trial, row, case, around.nodes[case.node_id])
        shown = {change.case.pk: change for change in trial.changes}
        full = Case.objects.select_related("node", "conversation").in_bulk(list(shown))
        trial.changes = [
            Change(full[key], change.rule, change.body) for key, change in shown.items()
        ]
    order = Counter({rule.id: number for number, rule in enumerate(held.rules)})
    trial.rows = sorted(rows.values(), key=lambda row: (order[row.rule.id], -row.count))
    return trial


def _count(trial: Trial, row: Row, case: Case, now_at: Node) -> None:
    row.count += 1
    if now_at.pk == row.body.pk:
        row.there += 1
        return
    # What stays at the desk is what members have passed on since.
    if row.rule.to == To.STAYS:
        row.elsewhere += 1
        return
    if now_at.is_desk:
        row.at_desk += 1
    else:
        row.elsewhere += 1
    trial.changed += 1
    if len(trial.changes) < SHOWN:
        trial.changes.append(Change(case, row.rule, row.body))
