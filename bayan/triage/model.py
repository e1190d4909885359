"""The classifiers: for each token a score for each label; a text's scores are the sums of its tokens'."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from bayan.triage.features import WINDOW, Vocabulary, stretches
from bayan.triage.safety import signs_of, stands_among
from bayan.triage.taxonomy import CATEGORIES, INFO_TYPES, KINDS, SENTIMENTS, URGENCIES

Array = np.ndarray[Any, Any]

# What is told apart, by name; of these one label each holds.
HEADS: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "category": CATEGORIES,
    "sentiment": SENTIMENTS,
    "urgency": URGENCIES,
}
# Each of these holds or not, by itself.
SIGNS: tuple[str, ...] = (
    *(f"info_type.{name}" for name in INFO_TYPES),
    "rumour_claim",
    "emergency",
)
# With every label of HEADS, then SIGNS, in this order: a column of the model each.
COLUMNS: tuple[str, ...] = (
    *(f"{head}.{label}" for head, labels in HEADS.items() for label in labels),
    *SIGNS,
)
EMERGENCY = COLUMNS.index("emergency")
# What circulates in public is glad and angry in other words than what is written to a municipality: how much
# a text looks like it decides between two judges of sentiment. These columns stand behind COLUMNS.
PUBLIC: tuple[str, ...] = ("public", *(f"public.{label}" for label in SENTIMENTS))
WEIGHED: tuple[str, ...] = (*COLUMNS, *PUBLIC)
_FIRST_SENTIMENT = COLUMNS.index(f"sentiment.{SENTIMENTS[0]}")
_SENTIMENT = slice(_FIRST_SENTIMENT, _FIRST_SENTIMENT + len(SENTIMENTS))
_OF_PUBLIC = slice(len(COLUMNS) + 1, len(WEIGHED))
# The score of a model that has never seen anything public.
NEVER = -30.0
# So many words explain a label; a word that says less than this (in the model's scores) explains nothing.
REASONS, LEAST_SHARE = 4, 0.05
# Tokens whose numbers are kept: 170 bytes each.
KEPT = 120_000


@dataclass(frozen=True)
class Guess:
    """What the classifiers say of one text: for each head its label, and probabilities (0 to 1) of all."""

    labels: Mapping[str, str]
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Weighed:
    """A text's scores for each of COLUMNS, and what each token adds to them.

    `rows`: tokens by WEIGHED and one more, to be divided by the text's length; `public`: how much the text
    looks like what circulates in public, 0 to 1.
    """

    tokens: Sequence[str]
    rows: Array
    length: float
    scores: Array
    public: float = 0.0

    def reasons(self, labels: Mapping[str, str]) -> dict[str, list[str]]:
        """For each label (`head.label`) the plain words that spoke most for it, the strongest first."""
        columns = [COLUMNS.index(label) for label in labels.values()]
        found: dict[str, list[str]] = {}
        parts = self.rows[:, columns] / self.length
        for place, label in enumerate(labels.values()):
            head, _dot, said = label.partition(".")
            if head == "sentiment":
                in_public = self.rows[:, WEIGHED.index(f"public.{said}")] / self.length
                parts[:, place] += self.public * (in_public - parts[:, place])
        shares_of = parts.T.tolist()
        for name, shares in zip(labels, shares_of, strict=True):
            by_word: dict[str, float] = {}
            for token, share in zip(self.tokens, shares, strict=True):
                if token[1:2] == ":":
                    continue
                # Two words side by side add to what each says.
                first, _space, second = token.partition(" ")
                part = share / 2 if second else share
                by_word[first] = by_word.get(first, 0.0) + part
                if second:
                    by_word[second] = by_word.get(second, 0.0) + part
            best = sorted(by_word, key=by_word.__getitem__, reverse=True)[:REASONS]
            found[name] = [word for word in best if by_word[word] > LEAST_SHARE]
        return found


def with_public(scores: Array) -> Array:
    """Scores by COLUMNS of scores by WEIGHED, of one text or of many: sentiment as its two judges agree."""
    found = scores[..., : len(COLUMNS)].copy()
    share = 1 / (1 + np.exp(-np.clip(scores[..., len(COLUMNS), None], NEVER, -NEVER)))
    found[..., _SENTIMENT] += share * (scores[..., _OF_PUBLIC] - found[..., _SENTIMENT])
    return found


class Model:
    """Weights of pieces for each label; made by `bayan train`, read from a folder."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        weights: Array,
        intercepts: Array,
        card: Mapping[str, Any],
        ordinary: Sequence[str] = (),
        *,
        weight_scale: Array | None = None,
    ) -> None:
        """`weights`: pieces by WEIGHED, or by COLUMNS; `card["temperatures"]`: by head and sign.

        `weight_scale`: what each column is to be multiplied with.
        """
        self.vocabulary = vocabulary
        if weights.shape[1] == len(COLUMNS):
            weights = np.pad(weights, ((0, 0), (0, len(PUBLIC))))
            if weight_scale is not None:
                weight_scale = np.append(weight_scale, np.ones(len(PUBLIC)))
            intercepts = np.append(intercepts, [NEVER, *(0.0 for _label in SENTIMENTS)])
        # As they come, of a byte each where they were read from a folder; times `weight_scale` they weigh.
        self._weights = weights if weight_scale is not None else weights.astype(np.float32)
        self._weight_scale = weight_scale
        self.intercepts = intercepts.astype(np.float32)
        self.card = dict(card)
        # Words that mostly mean no place (`places.ordinary_words`).
        self.ordinary = list(ordinary)
        temperatures = self.card.get("temperatures", {})
        self._spans: list[tuple[str, int, int]] = []
        at = 0
        for head, labels in HEADS.items():
            self._spans.append((head, at, at + len(labels)))
            at += len(labels)
        self._signs_at = at
        self._scale = np.ones(len(COLUMNS), dtype=np.float32)
        for head, first, last in self._spans:
            self._scale[first:last] = temperatures.get(head, 1.0)
        for place, name in enumerate(SIGNS, start=at):
            self._scale[place] = temperatures.get(name, 1.0)
        # Of each token seen lately its scores and, last, the square of its length; what says nothing has
        # the first row.
        self._rows: dict[str, int] = {}
        self._table = np.zeros((4_096, len(WEIGHED) + 1), dtype=np.float32)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """The model in this folder (`model.npz`, `card.json`).

        :raises OSError: a file is missing
        """
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        with np.load(folder / "model.npz", allow_pickle=False) as held:
            pieces = held["pieces"].tobytes().decode("utf-8").split("\n")
            return cls(
                Vocabulary(pieces, held["rarity"]),
                held["weights"],
                held["intercepts"],
                card,
                held["ordinary"].tobytes().decode("utf-8").split("\n"),
                weight_scale=held["weight_scale"].astype(np.float32),
            )

    @property
    def weights(self) -> Array:
        """What each piece says for each of WEIGHED."""
        if self._weight_scale is None:
            return self._weights
        return np.asarray(self._weights * self._weight_scale, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write it into this folder; a piece's weights in a byte each."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = self.weights
        scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127
        np.savez_compressed(
            folder / "model.npz",
            pieces=np.frombuffer("\n".join(self.vocabulary.pieces).encode("utf-8"), dtype=np.uint8),
            rarity=self.vocabulary.rarity.astype(np.float16),
            weights=np.rint(weights / scale).astype(np.int8),
            weight_scale=scale,
            intercepts=self.intercepts,
            ordinary=np.frombuffer("\n".join(self.ordinary).encode("utf-8"), dtype=np.uint8),
        )
        (folder / "card.json").write_text(
            json.dumps(self.card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )

    def _row(self, token: str) -> int:
        """Where the token's numbers stand in the table."""
        return self._learn([token])[0] if self.vocabulary.telling([token]) else 0

    def _learn(self, tokens: Sequence[str]) -> range:
        """Work out the numbers of these tokens, all at once; returns where they stand in the table."""
        first = len(self._rows) + 1
        rows = range(first, first + len(tokens))
        while rows.stop > len(self._table):
            self._table = np.vstack([self._table, np.zeros_like(self._table)])
        pieces = [self.vocabulary.columns_of(token) for token in tokens]
        said = [at for at, each in enumerate(pieces) if each]
        if said:
            begins = [0, *accumulate(len(pieces[at]) for at in said)]
            columns = np.fromiter(chain.from_iterable(pieces), np.int64, begins.pop())
            values = self.vocabulary.rarity.take(columns)
            held = self._weights.take(columns, axis=0) * values[:, None]
            # Pieces count one by one, so that a text's length is the sum of what its tokens bring.
            values *= values
            into: slice | list[int] = slice(rows.start, rows.stop)
            if len(said) < len(tokens):
                into = [first + at for at in said]
            weighed = np.add.reduceat(held, begins)
            if self._weight_scale is not None:
                weighed *= self._weight_scale
            self._table[into, :-1] = weighed
            self._table[into, -1] = np.add.reduceat(values, begins)
        if len(said) < len(tokens):
            self._table[[first + at for at, each in enumerate(pieces) if not each]] = 0
        self._rows.update(zip(tokens, rows, strict=True))
        return rows

    def weigh(self, tokens: Sequence[str]) -> Weighed:
        """The scores of a text, and what each of its tokens adds to them.

        The score of an emergency is the highest of the whole and of its stretches (`features.windows_of`).
        """
        if len(self._rows) >= KEPT:
            self._rows.clear()
        known = self._rows
        # Most pairs say nothing and are asked for again.
        if new := self.vocabulary.telling({token for token in tokens if token not in known}):
            self._learn(new)
        places = [at or 0 for at in map(known.get, tokens)]
        rows = self._table.take(places, axis=0) if places else self._table[:0]
        total = rows.sum(axis=0)
        length = float(total[-1]) ** 0.5 or 1.0
        weighed = total[:-1] / length + self.intercepts
        public = 1 / (1 + math.exp(-min(max(float(weighed[len(COLUMNS)]), NEVER), -NEVER)))
        scores = weighed[: len(COLUMNS)]
        scores[_SENTIMENT] += public * (weighed[_OF_PUBLIC] - scores[_SENTIMENT])
        if len(tokens) > 2 * WINDOW:
            scores[EMERGENCY] = max(scores[EMERGENCY], self._emergency_in_stretches(tokens, rows))
        return Weighed(tokens, rows, length, scores, public)

    def _emergency_in_stretches(self, tokens: Sequence[str], rows: Array) -> float:
        """The highest score of an emergency in any stretch of this text, given with its tokens' numbers."""
        words = list(takewhile(lambda token: " " not in token and token[1:2] != ":", tokens))
        parts = stretches(len(words))
        if not parts:
            return -math.inf
        last = 2 * len(words) - 1
        weights, squares = rows[:last, (EMERGENCY, -1)].T.tolist()
        # Sums up to each word, and up to each pair of words.
        of_words, of_pairs, words_long, pairs_long = (
            list(accumulate(values, initial=0.0))
            for values in (
                weights[: len(words)],
                weights[len(words) :],
                squares[: len(words)],
                squares[len(words) :],
            )
        )
        stands = stands_among(words) if tokens[-1].startswith("d:") else []
        highest = -math.inf
        for begin, end in parts:
            weight = of_words[end] - of_words[begin] + of_pairs[end - 1] - of_pairs[begin]
            square = words_long[end] - words_long[begin] + pairs_long[end - 1] - pairs_long[begin]
            for sign in signs_of([one for one in stands if begin <= one[0] and one[1] < end]):
                row = self._table[self._rows.get(f"d:{sign}") or self._row(f"d:{sign}")]
                weight, square = weight + float(row[EMERGENCY]), square + float(row[-1])
            highest = max(highest, weight / (math.sqrt(square) if square > 0 else 1.0))
        return highest + float(self.intercepts[EMERGENCY])

    def scores(self, tokens: Sequence[str]) -> Array:
        """A score for each of COLUMNS, before calibration."""
        return self.weigh(tokens).scores

    def guess_of(self, scores: Array) -> Guess:
        """Labels and probabilities by these scores."""
        scaled = (scores / self._scale).tolist()
        labels: dict[str, str] = {}
        values: list[float] = []
        for head, first, last in self._spans:
            part = scaled[first:last]
            most = max(part)
            labels[head] = HEADS[head][part.index(most)]
            raised = [math.exp(value - most) for value in part]
            total = sum(raised)
            values.extend(value / total for value in raised)
        values.extend(
            1 / (1 + math.exp(-min(max(value, -30), 30))) for value in scaled[self._signs_at :]
        )
        return Guess(labels, dict(zip(COLUMNS, values, strict=True)))
