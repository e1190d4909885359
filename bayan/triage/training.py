"""Making a model: what it learns from, how it is tried, how sure it may be (`bayan train`)."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bayan.triage.features import Vocabulary, read, tokens_of, windows_of
from bayan.triage.model import (
    COLUMNS,
    EMERGENCY,
    HEADS,
    NEVER,
    SIGNS,
    WEIGHED,
    Array,
    Model,
    with_public,
)
from bayan.triage.taxonomy import INFO_TYPES, LANGUAGES

SETS = Path(__file__).parent / "sets"
# Frozen before anything was trained: docs/triage.md.
TEST_SHA256 = "345a8670a662c98309d3d7fcc486a8f9291a5be3eaf9f0a08534ae31a1e8d6eb"
# Pieces in fewer texts than this say nothing yet.
LEAST = 4
# How freely weights may follow the rows (scikit-learn's C).
FREEDOM, FREEDOM_OF_SIGNS = 0.3, 8.0
# What is learned of some crises is to hold in others: less freely.
FREEDOM_OF_CRISES = 1.0
# The same where pieces count as much as they tell a label from the rest (`_telling`): how freely, and how
# much a piece counts that tells nothing.
FREEDOM_OF_TELLING, TELLING_NOTHING = 0.1, 0.3
# Added to what a post in public says for each sentiment: found in cross-validation for the mean of F1 of
# negative and positive, since neutral posts are the most.
LEANING = {"negative": 0.15, "neutral": 0.0, "positive": 0.15}
FOLDS = 5
# So many of the training part's emergencies are to be found in cross-validation (docs/triage.md).
EMERGENCY_RECALL = 0.965
# The three info types that crisis_ar tells apart.
CRISIS = INFO_TYPES[:3]
CRISIS_SIGNS = {f"info_type.{name}" for name in CRISIS}
OURS_OF_A_CRISIS = 0.1
SENTIMENTS_OF_TWEETS = {"NEG": "negative", "NEU": "neutral", "POS": "positive"}


class SetChanged(Exception):
    """The frozen test part is not what was frozen."""


@dataclass
class Row:
    """One labelled text. A head that it says nothing of is missing from `labels`, a sign from `signs`."""

    text: str
    labels: dict[str, str] = field(default_factory=dict)
    signs: dict[str, bool] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0

    @property
    def is_public(self) -> bool:
        """It circulated in public; else it was written to a municipality."""
        return bool(self.given.keys() & {"event", "tweet", "set"})

    def weight_of(self, sign: str) -> float:
        """How much the row counts for a sign: of a crisis those who labelled one know more."""
        is_ours = sign in CRISIS_SIGNS and "event" not in self.given
        return OURS_OF_A_CRISIS if is_ours else 1.0


def own(part: str) -> list[Row]:
    """The municipal set written for this project: `train` or `test`.

    :raises SetChanged: the test part differs from what was frozen
    """
    content = (SETS / f"{part}.jsonl").read_bytes()
    if part == "test" and hashlib.sha256(content).hexdigest() != TEST_SHA256:
        raise SetChanged("bayan/triage/sets/test.jsonl is frozen and was changed.")
    return [labelled(json.loads(line)) for line in content.decode("utf-8").splitlines()]


def labelled(given: Mapping[str, Any]) -> Row:
    """A row of a set in the form of `sets/` (its README).

    Heads that it leaves out are not learned from it.
    """
    signs: dict[str, bool] = {}
    if "info_type" in given:
        signs = {f"info_type.{name}": name in given["info_type"] for name in INFO_TYPES}
    if "is_rumour_claim" in given:
        signs["rumour_claim"] = given["is_rumour_claim"] or given.get("kind") == "rumour_claim"
    if "urgency" in given:
        signs["emergency"] = given["urgency"] == "emergency"
    return Row(given["text"], {head: given[head] for head in HEADS if head in given}, signs, given)


def crises(folder: Path) -> list[Row]:
    """Tweets of six crises (crisis_ar, CC BY 4.0): three info types; "relevant" ones are left out."""
    rows = []
    for line in (folder / "crisis_ar" / "crisis_ar.jsonl").read_text(encoding="utf-8").splitlines():
        given = json.loads(line)
        held = [name for name in CRISIS if name in given["labels"]]
        if held:
            signs = {f"info_type.{name}": name in held for name in CRISIS}
            rows.append(Row(given["text"], {}, signs, given))
    return rows


def tweets(folder: Path, *, held_out: bool) -> list[Row]:
    """Tweets by sentiment (ArSarcasm-v2, MIT): the tenth that is held out, or the rest.

    Which tenth: those whose SHA-256 of the text ends in a byte divisible by ten.
    """
    rows = []
    with (folder / "arsarcasm_v2" / "training_data.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = row["tweet"].strip('"')
            if (hashlib.sha256(text.encode()).digest()[-1] % 10 == 0) == held_out:
                labels = {"sentiment": SENTIMENTS_OF_TWEETS[row["sentiment"]]}
                rows.append(Row(text, labels, {}, row))
    return rows


def real(folder: Path, *, held_out: bool) -> list[Row]:
    """Posts and reviews of the licensed sets, labelled for this project; their texts are read from there.

    `held_out`: those that no model learned from, else those that it learns from.

    :raises KeyError: a text is not in the folder
    :raises OSError: one of the sets is not there
    """
    texts = dict(_texts_of(folder))
    rows = []
    name = "real.jsonl" if held_out else "real-train.jsonl"
    for line in (SETS / name).read_text(encoding="utf-8").splitlines():
        given = json.loads(line)
        of_set = {"text": texts[given["set"], given["row"]], "set": given["set"]}
        rows.append(labelled(of_set | given["first"]))
    return rows


def _texts_of(folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Each text of the four sets by the set's name and the key that its publisher gave it, or its place."""
    for line in (folder / "crisis_ar" / "crisis_ar.jsonl").read_text(encoding="utf-8").splitlines():
        given = json.loads(line)
        yield ("crisis_ar", given["tweet_id"]), given["text"]
    for name, file, field_, mark in (
        ("arsarcasm_v2", "training_data.csv", "tweet", ","),
        ("saudi_irony", "SaudiIrony.csv", "Tweets with Decoded emojis", ","),
        ("saudi_tourism_reviews", "reviews.csv", "div_text", ";"),
    ):
        with (folder / name / file).open(encoding="utf-8", newline="") as rows:
            for place, row in enumerate(csv.DictReader(rows, delimiter=mark)):
                yield (name, row.get("Tweet ID", str(place))), row[field_]


def matrix_of(vocabulary: Vocabulary, texts: Sequence[Sequence[str]]) -> Any:
    """Texts, given as tokens, as a sparse matrix of what `Model.scores` multiplies its weights with."""
    from scipy import sparse

    row_of = lru_cache(maxsize=None)(vocabulary.row)
    columns: list[Array] = []
    values: list[Array] = []
    ends = [0]
    for tokens in texts:
        rows = [row_of(token) for token in tokens]
        square = sum(float(what @ vocabulary.rarity[where]) for where, what in rows)
        columns.extend(where for where, _what in rows)
        values.extend(what / (square**0.5 or 1.0) for _where, what in rows)
        ends.append(ends[-1] + sum(len(where) for where, _what in rows))
    matrix = sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), np.array(ends)),
        shape=(len(texts), len(vocabulary.pieces)),
    )
    matrix.sum_duplicates()
    return matrix


def fit(rows: Sequence[Row], matrix: Any, vocabulary: Vocabulary) -> Model:
    """A model of these rows, not calibrated; each head learns from the rows that know it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    weights = np.zeros((matrix.shape[1], len(WEIGHED)), dtype=np.float32)
    intercepts = np.zeros(len(WEIGHED), dtype=np.float32)
    for head, names in HEADS.items():
        known = [number for number, row in enumerate(rows) if head in row.labels]
        if head == "sentiment":
            # Posts by sentiment alone have a judge of their own.
            known = [at for at in known if len(rows[at].labels) > 1] or known
        target = np.array([names.index(rows[number].labels[head]) for number in known])
        sizes = np.array([rows[number].weight for number in known])
        learner = LinearSVC(C=FREEDOM, class_weight="balanced", random_state=0)
        learner.fit(matrix[known], target, sample_weight=sizes)
        for place, label in enumerate(learner.classes_):
            column = COLUMNS.index(f"{head}.{names[label]}")
            weights[:, column] = learner.coef_[place]
            intercepts[column] = learner.intercept_[place]
        if head in {"kind", "category"}:
            # Two that err in different ways, together: the mean of both.
            of_labels = [COLUMNS.index(f"{head}.{names[label]}") for label in learner.classes_]
            told, begins = _telling(matrix[known], target, learner.classes_, sizes)
            weights[:, of_labels] = (weights[:, of_labels] + told) / 2
            intercepts[of_labels] = (intercepts[of_labels] + begins) / 2
    _learn_public(rows, matrix, weights, intercepts)
    for sign in SIGNS:
        known = [number for number, row in enumerate(rows) if sign in row.signs]
        target = np.array([rows[number].signs[sign] for number in known])
        if not known or target.all() or not target.any():
            continue
        judge = LogisticRegression(
            C=FREEDOM_OF_CRISES if sign in CRISIS_SIGNS else FREEDOM_OF_SIGNS,
            solver="liblinear",
            dual=True,
            max_iter=300,
            class_weight="balanced",
        )
        sizes = np.array([rows[number].weight_of(sign) for number in known])
        judge.fit(matrix[known], target, sample_weight=sizes)
        column = COLUMNS.index(sign)
        weights[:, column] = judge.coef_[0]
        intercepts[column] = judge.intercept_[0]
    return Model(vocabulary, weights, intercepts, {})


def _telling(matrix: Any, target: Array, labels: Array, sizes: Array) -> tuple[Array, Array]:
    """Weights of pieces by labels, and what each label begins with.

    Each piece counts as much as it tells the label from all others: by the logarithm of how much oftener it
    stands in texts of the one than of the others (Wang and Manning 2012, "Baselines and Bigrams").
    """
    from scipy import sparse
    from sklearn.svm import LinearSVC

    is_there = (matrix > 0).astype(np.float32)
    of_all = np.asarray(is_there.sum(axis=0)).ravel()

    def one(label: int) -> tuple[Array, float]:
        mine = target == label
        of_it = 1 + np.asarray(is_there[mine].sum(axis=0)).ravel()
        of_others = 2 + of_all - of_it
        ratio = np.log((of_it / of_it.sum()) / (of_others / of_others.sum()))
        counts = (TELLING_NOTHING + np.abs(ratio)).astype(np.float32)
        learner = LinearSVC(C=FREEDOM_OF_TELLING, class_weight="balanced", tol=0.1, random_state=0)
        learner.fit((matrix @ sparse.diags(counts)).tocsr(), mine, sample_weight=sizes)
        return learner.coef_[0] * counts, float(learner.intercept_[0])

    # Learning lets go of the interpreter: two at once take half as long.
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(one, labels))
    return np.column_stack([told for told, _b in found]), np.array([begin for _t, begin in found])


def _learn_public(rows: Sequence[Row], matrix: Any, weights: Array, intercepts: Array) -> None:
    """What looks like a public post, and what one says of sentiment: written into these weights."""
    from sklearn.linear_model import LogisticRegression

    first = len(COLUMNS)
    is_public = np.array([row.is_public for row in rows])
    names = HEADS["sentiment"]
    known = [at for at, row in enumerate(rows) if row.is_public and "sentiment" in row.labels]
    target = np.array([names.index(rows[at].labels["sentiment"]) for at in known])
    if is_public.all() or len(set(target.tolist())) < len(names):
        intercepts[first] = NEVER
        return
    judge = LogisticRegression(C=1.0, solver="liblinear", dual=True, class_weight="balanced")
    judge.fit(matrix, is_public)
    weights[:, first] = judge.coef_[0]
    intercepts[first] = judge.intercept_[0]
    sizes = np.array([rows[at].weight for at in known])
    told, begins = _telling(matrix[known], target, np.arange(len(names)), sizes)
    weights[:, first + 1 :] = told
    intercepts[first + 1 :] = begins + [LEANING[name] for name in names]


def scores_of(model: Model, matrix: Any) -> Array:
    """What `Model.scores` would give, for all rows of a matrix at once."""
    return with_public(np.asarray(matrix @ model.weights + model.intercepts))


def macro_f1(given: Sequence[str], found: Sequence[str], labels: Iterable[str]) -> float:
    """The mean over labels of F1 = 2·tp / (2·tp + fp + fn); labels that nobody gave or found are left out."""
    scores = []
    for label in labels:
        hit = sum(g == label == f for g, f in zip(given, found, strict=True))
        wrong = sum((g == label) != (f == label) for g, f in zip(given, found, strict=True))
        if hit or wrong:
            scores.append(2 * hit / (2 * hit + wrong))
    return sum(scores) / len(scores) if scores else 0.0


def cross_validated(
    rows: Sequence[Row],
    matrix: Any,
    vocabulary: Vocabulary,
    texts: Sequence[Sequence[str]],
    *,
    folds: int = FOLDS,
) -> Array:
    """Scores of each row by models that did not learn from it (rows by COLUMNS, before calibration)."""
    from sklearn.model_selection import KFold

    stretches = [(at, part) for at, tokens in enumerate(texts) for part in windows_of(tokens)]
    owners = np.array([at for at, _part in stretches], dtype=int)
    parts = matrix_of(vocabulary, [part for _at, part in stretches]) if stretches else None
    found = np.zeros((len(rows), len(COLUMNS)), dtype=np.float32)

    def one(learned: Array, tried: Array) -> None:
        model = fit([rows[at] for at in learned], matrix[learned], vocabulary)
        found[tried] = scores_of(model, matrix[tried])
        if parts is not None:
            theirs = np.isin(owners, tried)
            heard = np.full(len(rows), -np.inf, dtype=np.float32)
            np.maximum.at(heard, owners[theirs], scores_of(model, parts[theirs])[:, EMERGENCY])
            found[tried, EMERGENCY] = np.maximum(found[tried, EMERGENCY], heard[tried])

    splits = list(KFold(folds, shuffle=True, random_state=0).split(np.arange(len(rows))))
    with ThreadPoolExecutor(2) as both:
        list(both.map(one, *zip(*splits, strict=True)))
    return found


def calibrate(model: Model, rows: Sequence[Row], scores: Array) -> Model:
    """The same model, as sure as it is right: fitted to the scores of rows that it did not learn from.

    Each head's scores are divided by a temperature (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"), each sign's shifted and divided (Platt 1999). The threshold of an emergency is the highest
    that still finds EMERGENCY_RECALL of them.
    """
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    temperatures: dict[str, float] = {}
    intercepts = model.intercepts.copy()
    at = 0
    for head, names in HEADS.items():
        known = np.array([number for number, row in enumerate(rows) if head in row.labels])
        target = np.array([names.index(rows[number].labels[head]) for number in known])
        part = scores[known, at : at + len(names)]

        def loss(temperature: float, part: Array = part, target: Array = target) -> float:
            scaled = part / temperature
            scaled -= scaled.max(axis=1, keepdims=True)
            chosen = scaled[np.arange(len(target)), target]
            return float((np.log(np.exp(scaled).sum(axis=1)) - chosen).mean())

        temperatures[head] = float(minimize_scalar(loss, bounds=(0.02, 5), method="bounded").x)
        at += len(names)
    for column, sign in enumerate(SIGNS, start=at):
        known = np.array(
            [number for number, row in enumerate(rows) if sign in row.signs], dtype=int
        )
        target = np.array([rows[number].signs[sign] for number in known])
        if not len(known) or target.all() or not target.any():
            continue
        judge = LogisticRegression(C=1e6).fit(scores[known, column : column + 1], target)
        slope = max(float(judge.coef_[0, 0]), 1e-3)
        temperatures[sign] = 1 / slope
        intercepts[column] += float(judge.intercept_[0]) / slope
    column = COLUMNS.index("emergency")
    dangers = np.array(
        [scores[n, column] for n, row in enumerate(rows) if row.signs.get("emergency")]
    )
    card = dict(model.card) | {"temperatures": temperatures}
    if len(dangers):
        shifted = dangers + intercepts[column] - model.intercepts[column]
        least = float(np.quantile(shifted, 1 - EMERGENCY_RECALL)) / temperatures["emergency"]
        card["emergency_threshold"] = round(1 / (1 + float(np.exp(-least))), 4)
    return Model(model.vocabulary, model.weights, intercepts, card, model.ordinary)


def judged(rows: Sequence[Row], scores: Array, card: Mapping[str, Any]) -> dict[str, float]:
    """Figures of these scores (rows by COLUMNS, after `calibrate`'s shift): macro-F1 by head, F1 of signs.

    `urgency_merged` takes normal and low as one; `emergency_recall` and `emergency_precision` are at the
    card's threshold; `calibration_error` by head is the mean distance between how sure the model is and how
    often it is right, in ten bins of equal width (ECE).
    """
    figures: dict[str, float] = {}
    temperatures = card.get("temperatures", {})
    at = 0
    for head, names in HEADS.items():
        known = [number for number, row in enumerate(rows) if head in row.labels]
        part = scores[known, at : at + len(names)] / temperatures.get(head, 1.0)
        at += len(names)
        if not known:
            continue
        given = [rows[number].labels[head] for number in known]
        found = [names[place] for place in part.argmax(axis=1)]
        figures[head] = macro_f1(given, found, names)
        if head == "sentiment":
            # F-PN, by which ArSarcasm-v2's shared task measured.
            figures["sentiment_pn"] = macro_f1(given, found, ("positive", "negative"))
        if head == "urgency":
            merged = {"low": "normal"}
            figures["urgency_merged"] = macro_f1(
                [merged.get(label, label) for label in given],
                [merged.get(label, label) for label in found],
                ("emergency", "high", "normal"),
            )
        part = np.exp(part - part.max(axis=1, keepdims=True))
        sure = (part / part.sum(axis=1, keepdims=True)).max(axis=1)
        right = np.array(given) == np.array(found)
        bins = np.minimum((sure * 10).astype(int), 9)
        figures[f"{head}_calibration_error"] = float(
            sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(10)) / len(right)
        )
    for column, sign in enumerate(SIGNS, start=at):
        known = [number for number, row in enumerate(rows) if sign in row.signs]
        if not known:
            continue
        target = np.array([rows[number].signs[sign] for number in known])
        chance = 1 / (1 + np.exp(-scores[known, column] / temperatures.get(sign, 1.0)))
        least = card.get("emergency_threshold", 0.5) if sign == "emergency" else 0.5
        held = chance >= least
        hits = int((held & target).sum())
        if sign == "emergency":
            figures["emergency_recall"] = hits / max(int(target.sum()), 1)
            figures["emergency_precision"] = hits / max(int(held.sum()), 1)
        elif target.any():
            figures[sign] = 2 * hits / int(held.sum() + target.sum())
    return figures


def train(
    rows: Sequence[Row], *, card: Mapping[str, Any], say: Callable[[str], None] = lambda _line: None
) -> Model:
    """A calibrated model of these rows; its card gains the figures of cross-validation, by language."""
    from bayan.triage.places import ordinary_words

    say(f"{len(rows)} rows to learn from")
    tokens = [tokens_of(read(row.text)) for row in rows]
    vocabulary = Vocabulary.of(tokens, least=LEAST)
    matrix = matrix_of(vocabulary, tokens)
    say(f"{len(vocabulary.pieces)} pieces; cross-validation in {FOLDS} parts")
    scores = cross_validated(rows, matrix, vocabulary, tokens)
    say("the whole")
    raw = fit(rows, matrix, vocabulary)
    model = calibrate(raw, rows, scores)
    shifted = scores + (model.intercepts - raw.intercepts)[: len(COLUMNS)]
    ours = [number for number, row in enumerate(rows) if "lang" in row.given]
    tried: dict[str, Any] = {"all": judged([rows[n] for n in ours], shifted[ours], model.card)}
    for language in LANGUAGES:
        some = [number for number in ours if rows[number].given["lang"] == language]
        if len(some) >= 100:
            tried[language] = judged([rows[n] for n in some], shifted[some], model.card)
    model.ordinary = ordinary_words(
        (row.text, row.given["places"]) for row in rows if "places" in row.given
    )
    model.card |= {
        **card,
        "rows": len(rows),
        "cross_validation": {
            name: {key: round(value, 4) for key, value in figures.items()}
            for name, figures in tried.items()
        },
    }
    return model


def tried_on(model: Model, rows: Sequence[Row]) -> dict[str, float]:
    """The figures of a model on rows that it did not learn from (`judged`)."""
    texts = [tokens_of(read(row.text)) for row in rows]
    return judged(rows, np.stack([model.scores(tokens) for tokens in texts]), model.card)
