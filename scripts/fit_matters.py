"""Fit the weights that tell messages about one matter, and try them: `WEIGHTS` of matters.py.

    python scripts/fit_matters.py

Learns from bayan/triage/sets/matters-train.jsonl. Its months are streams of their own: first each is tried
with weights of the others, then the weights of all are printed and tried on the frozen matters.jsonl. Printed
are the precision and recall of joins and the recall with suggestions at several limits.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from bayan.triage import matters
from bayan.triage.matters import Limits, Matters, Trace, trace_of
from bayan.triage.reading import Triage

ROOT = Path(__file__).parent.parent
SETS = ROOT / "bayan" / "triage" / "sets"


def main() -> None:
    reader = Triage.load(ROOT / "authorities" / "eastern")
    learned, tried = (
        traces(SETS / name, reader) for name in ("matters-train.jsonl", "matters.jsonl")
    )
    months = defaultdict(list)
    for trace, group in learned:
        months[trace.at.month].append((trace, group))
    choices = {month: chosen(rows) for month, rows in months.items()}
    for month, rows in months.items():
        others = [one for other, found in choices.items() if other != month for one in found]
        show(f"month {month}", rows, fitted(others))
    together = [one for found in choices.values() for one in found]
    compared = sum(right >= 0 for _xs, right in together)
    print(f"{len(together)} messages, {compared} with their matter among those compared")
    weights = fitted(together)
    print("WEIGHTS =", weights)
    show("frozen", tried, weights)


def show(name: str, rows: list[tuple[Trace, str | None]], weights: tuple[float, ...]) -> None:
    matters.WEIGHTS = weights
    for join in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        print(f"{name}, join {join}: {figures(rows, Limits(join, 0.05))}")


def traces(path: Path, reader: Triage) -> list[tuple[Trace, str | None]]:
    """Each message with the matter that it is about, in the order of time."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: datetime.fromisoformat(row["created_at"]))
    return [
        (
            trace_of(
                reader.read(row["text"]), id=row["id"], at=datetime.fromisoformat(row["created_at"])
            ),
            row["group"],
        )
        for row in rows
    ]


def chosen(rows: list[tuple[Trace, str | None]]) -> list[tuple[np.ndarray, int]]:
    """For each message the features of the matters that it is compared with, and which is its own.

    All messages before it stand where they belong; -1 where it begins a matter.
    """
    held = Matters()
    found = []
    for trace, group in rows:
        ids, xs = held.compared(trace)
        if ids:
            found.append((np.array(xs), ids.index(group) if group in ids else -1))
        held.put(trace, group or trace.id)
    return found


def fitted(choices: list[tuple[np.ndarray, int]], strength: float = 0.5) -> tuple[float, ...]:
    """Weights of a conditional logit: the chance of each matter among those compared and a new one."""

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = strength * float(weights @ weights), 2 * strength * weights
        for xs, right in choices:
            scores = xs @ weights
            most = max(float(scores.max()), 0.0)
            worth = np.exp(scores - most)
            total = worth.sum() + np.exp(-most)
            value += float(np.log(total)) + most
            slope = slope + (worth / total) @ xs
            if right >= 0:
                value -= float(scores[right])
                slope = slope - xs[right]
        return value / len(choices), slope / len(choices)

    found = minimize(loss, np.zeros(len(choices[0][0][0])), jac=True, method="L-BFGS-B")
    return tuple(round(float(weight), 2) for weight in found.x)


def figures(rows: list[tuple[Trace, str | None]], limits: Limits) -> str:
    """Joins that are right, those that should be and are, and those that are joined or suggested."""
    held = Matters(limits)
    # What a matter of the program is about: what its first message is about.
    about: dict[str, str | None] = {}
    begun: set[str] = set()
    right = joins = could = found = offered = 0
    for trace, group in rows:
        verdict = held.add(trace)
        if verdict.is_new:
            about[verdict.matter] = group or trace.id
        is_right = not verdict.is_new and about[verdict.matter] == group
        joins += not verdict.is_new
        right += is_right
        if group in begun:
            could += 1
            found += is_right
            offered += is_right or any(about[one] == group for one, _l in verdict.suggestions)
        if group:
            begun.add(group)
    return (
        f"precision {right / max(joins, 1):.3f} ({joins} joins), recall {found / could:.3f}, "
        f"with suggestions {offered / could:.3f}"
    )


if __name__ == "__main__":
    main()
