"""How well the three info types of a crisis are told, within crises and in one that was never seen.

    python scripts/try_crises.py "$BAYAN_DATA"

Learns from crisis_ar (CC BY 4.0) alone. Macro-F1 of the three labels: five-fold over all rows, and each
crisis by what was learned of the others. The freedom of the weights is `training.FREEDOM_OF_CRISES` for both.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold

from bayan.triage import training
from bayan.triage.features import Vocabulary, read, tokens_of


def main(folder: Path) -> None:
    rows = training.crises(folder)
    texts = [tokens_of(read(row.text)) for row in rows]
    target = np.array(
        [[row.signs[f"info_type.{name}"] for name in training.CRISIS] for row in rows]
    )
    events = np.array([row.given["event"] for row in rows])

    found = np.zeros(target.shape, dtype=bool)
    for learned, tried in KFold(5, shuffle=True, random_state=0).split(target):
        found[tried] = told(texts, target, learned, tried)
    print(f"within crises {macro_f1(target, found):.3f}")
    scores = []
    for event in sorted(set(events)):
        tried = np.flatnonzero(events == event)
        guess = told(texts, target, np.flatnonzero(events != event), tried)
        scores.append(macro_f1(target[tried], guess))
        print(f"never seen: {event} ({len(tried)} rows) {scores[-1]:.3f}")
    print(f"never seen: mean {np.mean(scores):.3f}")


def told(texts: Sequence[list[str]], target: Any, learned: Any, tried: Any) -> Any:
    """Which labels a model that learned from some rows gives to others."""
    known = [texts[at] for at in learned]
    vocabulary = Vocabulary.of(known, least=3)
    matrix = training.matrix_of(vocabulary, known)
    asked = training.matrix_of(vocabulary, [texts[at] for at in tried])
    judge = LogisticRegression(
        C=training.FREEDOM_OF_CRISES,
        solver="liblinear",
        dual=True,
        max_iter=300,
        class_weight="balanced",
    )
    return np.column_stack(
        [
            judge.fit(matrix, target[learned, label]).predict(asked)
            for label in range(target.shape[1])
        ]
    )


def macro_f1(target: Any, found: Any) -> float:
    return float(f1_score(target, found, average="macro", zero_division=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
