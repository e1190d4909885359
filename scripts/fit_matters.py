"""Fit what tells messages about one matter, `bayan/triage/model/matters.npz`, and try it.

    python scripts/fit_matters.py [--frozen]

How rare words are and which mean the like is learned from the training part (train.jsonl) and from
bayan/triage/sets/matters-train.jsonl; from the latter alone, what words mean for telling matters apart,
and the nets that weigh. Its months are streams of their own: what is written is learned from all, then
each is tried by what others taught. Printed are the precision and recall of joins, and the recall with
suggestions, at several limits; once more with a member who answers each suggestion rightly. It takes 25
minutes on two cores.
The card beside it, `matters.json`, holds the figures. `--frozen` also tries the frozen matters.jsonl: it is
no set to tune by.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from bayan.triage import alike, closely
from bayan.triage.closely import Pairs
from bayan.triage.features import read
from bayan.triage.lexicon import things_among
from bayan.triage.matters import Limits, Matters, Trace, told_of, trace_of
from bayan.triage.reading import Reading, Triage
from bayan.triage.text import words_in

ROOT = Path(__file__).parent.parent
SETS = ROOT / "bayan" / "triage" / "sets"
# The net: so many inner values; how much it is held back.
INNER, STRENGTH, ROUNDS = 24, 2e-3, 150
# The net of a close look: so many values of a pair, and inner ones; how often all is seen, so many messages
# at once; how far a step goes, how much of a pair is left out by chance, how much its weights shrink.
OF_PAIRS, INSIDE, EPOCHS, SEEN_AT_ONCE = 32, 32, 20, 512
STEP, LEFT_OUT, SHRINK = 3e-3, 0.35, 1e-2
# Of the messages of a matter so many begin one of their own, where the nets are fitted.
BEGUN = (0.0, 0.6)
# Words and stems that occur in so many messages of the training part are kept.
LEAST = 3
# What words mean is taught so many times by each stream, by so many matters at once; how far a step goes, how
# much cosines differ, how much the words are held back where they were.
TAUGHT, AT_ONCE, PACE, WARMTH, HELD_BACK = 25, 192, 0.01, 0.1, 1e-4
# What is taught by some streams is weighed by the others.
PARTS, FOLDS = 2, 3
# Streams whose writers were asked to say little: in a third of what they wrote no telling word stands that
# others of the matter wrote, and most of it names no place. They are tried apart.
SCARCE = frozenset(
    """2027-04 2027-06 2027-07 2027-08 2027-10 2027-11 2027-12 2028-01 2028-02 2028-03 2028-05 2028-06 2028-09
    2028-10 2028-11 2028-12""".split()  # noqa: SIM905
)
# So many processes fit at a time.
AT_A_TIME = 2
LIMITS = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
Array = np.ndarray[Any, Any]
# What is kept in `matters.npz`, or a part of it.
Held = dict[str, Array]
_NO_NET: Held = {"net.new": np.array(0.0)}


class Choice(NamedTuple):
    """Of a message the features of matters, a row each, which of them are its own, and the pairs."""

    features: Array
    own: list[int]
    pairs: Pairs | None = None


@dataclass(frozen=True)
class Message:
    """A message as it is read, with the matter that it is about."""

    id: str
    at: datetime
    group: str | None
    reading: Reading


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frozen", action="store_true")
    options = parser.parse_args()
    # Something to read with, until it is learned.
    _write({**meaning_of_words([]), **_NO_NET})
    alike.meaning.cache_clear()
    reader = Triage.load(ROOT / "authorities" / "eastern")
    streams = defaultdict(list)
    for one in messages_of(SETS / "matters-train.jsonl", reader):
        streams[one.at.strftime("%Y-%m")].append(one)
    names = sorted(streams)
    months = [streams[name] for name in names]
    folds = [
        [rows for at, rows in enumerate(months) if at % FOLDS != fold] for fold in range(FOLDS)
    ]
    found, *by_fold = apart(fitted_to, [months, *folds])
    tried = {}
    for name, which in (("each stream by others", False), ("each scarce stream by others", True)):
        by_others = [
            (rows, by_fold[at % FOLDS])
            for at, rows in enumerate(months)
            if (names[at] in SCARCE) == which
        ]
        tried[name] = show(name, by_others)
    if options.frozen:
        frozen = list(messages_of(SETS / "matters.jsonl", reader))
        tried["frozen set"] = show("frozen", [(frozen, found)])
    _write(found)
    _write_card({name: len(rows) for name, rows in streams.items()}, reader, tried)


# What is at work apart: processes have it already when they begin.
_shared: list[Any] = []


def apart(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """What this makes of each item, in processes of their own."""
    _shared[:] = items
    with ProcessPoolExecutor(AT_A_TIME, mp_context=get_context("fork")) as pool:
        return list(pool.map(partial(_by_itself, work), range(len(items))))


def _by_itself(work: Callable[[Any], Any], number: int) -> Any:
    # What is read by is kept in a file of its own meanwhile.
    with TemporaryDirectory() as folder, threadpool_limits(1):
        alike.FILE = Path(folder) / alike.FILE.name
        return work(_shared[number])


def fitted_to(streams: list[list[Message]]) -> Held:
    """All that tells matters apart, learned from these streams.

    What words mean is taught by some of the streams and weighed by the others, in turn: by its own examples
    it would look better than it is.
    """
    texts = [one.reading for rows in streams for one in rows]
    meaning = meaning_of_words(texts)
    parts = [streams[at::PARTS] for at in range(PARTS)]
    looked: list[Choice] = []
    laid = []
    for at, part in enumerate(parts):
        others = [rows for other, held in enumerate(parts) if other != at for rows in held]
        taught = {**meaning, "vectors": taught_by(others, meaning)}
        _take(taught)
        traces = [traced(rows) for rows in part]
        laid.append((taught, traces))
        looked += [one for rows in traces for one in looked_at(rows)]
    rough = fitted_roughly(looked)
    choices, units = [], []
    for taught, traces in laid:
        _take(taught)
        alike.meaning().rough = rough.tolist()
        begun_at = sum(map(len, units))
        units.append(alike.meaning().units)
        choices += [
            one for rows in traces for begun in BEGUN for one in chosen(rows, begun, begun_at)
        ]
    compared = sum(bool(one.own) for one in choices)
    print(f"{len(choices)} messages, {compared} with their matter among those compared", flush=True)
    net = fitted(choices)
    close = fitted_closely(choices, np.concatenate(units), net)
    return {
        **meaning,
        "vectors": taught_by(streams, meaning),
        "rough": rough,
        **{f"net.{name}": array for name, array in net.items()},
        **{f"close.{name}": array for name, array in close.items()},
    }


def taught_by(streams: list[list[Message]], meaning: Held) -> Array:
    """What stems mean, moved so that messages about one matter lie near each other, and others apart.

    Of a stream so many matters at once: of each two messages by chance, which are to be nearer to each other
    than to those of the other matters and of none (softmax of their cosines; Adam).
    """
    _take(meaning)
    chance = np.random.default_rng(0)
    begun = np.asarray(meaning["vectors"], np.float32)
    vectors = begun.copy()
    slope, square = np.zeros_like(vectors), np.zeros_like(vectors)
    laid = [_bags(rows) for rows in streams]
    step = 0
    for _round in range(TAUGHT):
        for bags, groups, alone in laid:
            for _turn in range(max(1, sum(map(len, groups)) // AT_ONCE)):
                some = chance.choice(len(groups), min(AT_ONCE, len(groups)), replace=False)
                pairs = np.array([chance.choice(groups[at], 2, replace=False) for at in some])
                none = chance.choice(alone, min(AT_ONCE, len(alone)), replace=False)
                one, other = bags[pairs[:, 0]], bags[np.concatenate([pairs[:, 1], none])]
                turn = _pulled(one, other, vectors) + HELD_BACK * (vectors - begun)
                step += 1
                slope = 0.9 * slope + 0.1 * turn
                square = 0.999 * square + 0.001 * turn * turn
                vectors -= (
                    PACE * (slope / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
                )
    return vectors


def _bags(rows: list[Message]) -> tuple[Any, list[list[int]], Array]:
    """What a look is made of (`Meaning.look`), a row a message; the rows of each matter; those of none."""
    held = alike.meaning()
    cells = [
        (at, column, weight)
        for at, one in enumerate(rows)
        for column, weight in zip(*held.parts_of(*told_of(one.reading)[:2]), strict=True)
    ]
    of, columns, weights = zip(*cells, strict=True)
    shape = (len(rows), len(held.columns))
    bags = sparse.csr_matrix((np.array(weights, np.float32), (of, columns)), shape=shape)
    groups = defaultdict(list)
    for at, one in enumerate(rows):
        if one.group:
            groups[one.group].append(at)
    alone = np.array([at for at, one in enumerate(rows) if not one.group])
    return bags, list(groups.values()), alone


def _pulled(one: Any, other: Any, vectors: Array) -> Array:
    """The slope of how little the first of each pair foresees the second among all others."""
    looks, lengths = [], []
    for bags in (one, other):
        meant = bags @ vectors
        length = np.linalg.norm(meant, axis=1, keepdims=True) + 1e-3
        looks.append(meant / length)
        lengths.append(length)
    near = looks[0] @ looks[1].T / WARMTH
    share = np.exp(near - near.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    own = np.arange(len(share))
    share[own, own] -= 1
    share /= len(share) * WARMTH
    found = np.zeros_like(vectors)
    for bags, look, length, back in (
        (one, looks[0], lengths[0], share @ looks[1]),
        (other, looks[1], lengths[1], share.T @ looks[0]),
    ):
        found += bags.T @ ((back - (back * look).sum(axis=1, keepdims=True) * look) / length)
    return found


def _take(held: Held) -> None:
    """Read by this from now on."""
    alike.meaning.cache_clear()
    _write({**_NO_NET, **held})
    alike.meaning()


@cache
def written_to_train() -> list[list[str]]:
    """The words of each message of the training part."""
    lines = (SETS / "train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [read(json.loads(line)["text"]) for line in lines]
    return [[word for word, _start, _end in words_in(text)] for text in texts]


def meaning_of_words(more: list[Reading]) -> Held:
    """Of the training part and these, words with how often they occur; stems with their rarity and meaning.

    Stems that occur in the same messages more often than by chance mean the like: the rows of `vectors` are
    the first axes of that (positive pointwise mutual information, smoothed).
    """
    written = [*written_to_train(), *(list(one.read_words) for one in more)]
    counts = Counter(word for words in written for word in set(words))
    kept = sorted(word for word, count in counts.items() if count >= LEAST)
    nothing = np.zeros((0, alike.MEANING))
    stem = alike.Meaning(
        {
            "written": np.array(kept), "counts": np.array([counts[word] for word in kept]),
            "stems": np.array([], str), "rarity": np.array([]), "vectors": nothing,
        }
    ).stem  # fmt: skip
    messages = [
        {stem(word) for word in words if len(word) > 1}
        | {f"T:{thing}" for thing in things_among(words)}
        for words in written
    ]
    often = Counter(one for found in messages for one in found)
    stems = sorted(one for one, count in often.items() if count >= LEAST)
    column = {one: at for at, one in enumerate(stems)}
    places = [
        (at, column[one])
        for at, found in enumerate(messages)
        for one in sorted(found)
        if one in column
    ]
    rows, columns = np.array(places).T
    there = sparse.csr_matrix(
        (np.ones(len(rows)), (rows, columns)), shape=(len(messages), len(stems))
    )
    beside = (there.T @ there).tocoo()
    times = np.array([often[one] for one in stems], float)
    smooth = times**0.75
    smooth *= times.sum() / smooth.sum()
    shared = np.log(beside.data * len(messages) / (times[beside.row] * smooth[beside.col]))
    more = (shared > 0) & (beside.row != beside.col)
    table = sparse.csr_matrix(
        (shared[more], (beside.row[more], beside.col[more])), shape=beside.shape
    )
    axes = TruncatedSVD(alike.MEANING, n_iter=5, random_state=0)
    vectors = axes.fit_transform(table) / np.sqrt(axes.singular_values_)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    return {
        "written": np.array(kept),
        "counts": np.array([counts[word] for word in kept], np.int32),
        "stems": np.array(stems),
        "rarity": np.array(
            [math.log(len(messages) / (1 + often[one])) for one in stems], np.float16
        ),
        "vectors": vectors.astype(np.float16),
    }


def show(name: str, tried: list[tuple[list[Message], Held]]) -> dict[str, dict[str, float]]:
    """Print how good these are, each by what was learned, at several limits; returns the figures by limit."""
    sums: dict[tuple[float, bool], Counter[str]] = defaultdict(Counter)
    for by_limit in apart(_tried, tried):
        for limit, found_by_it in by_limit.items():
            sums[limit] += found_by_it
    found = {}
    for join in LIMITS:
        by_itself, answered = sums[join, False], sums[join, True]
        print(
            f"{name}, join {join}: {_said(by_itself)}; suggestions answered: {_said(answered)}",
            flush=True,
        )
        found[str(join)] = {
            **_shares(by_itself),
            **{f"{key}_answered": value for key, value in _shares(answered).items()},
        }
    return found


def _tried(by: tuple[list[Message], Held]) -> dict[tuple[float, bool], Counter[str]]:
    rows, held = by
    _take(held)
    traces = traced(rows)
    return {
        (join, told): figures(traces, Limits(join, 0.05), told=told)
        for join in LIMITS
        for told in (False, True)
    }


def _write_card(
    streams: dict[str, int], reader: Triage, tried: dict[str, dict[str, dict[str, float]]]
) -> None:
    """The card of the net, beside it: from what it was made, and how good it is."""
    card = {
        "reads_with": reader.model.card["version"],
        "learned_from": [
            {"name": "Bayan's own set, training part: words", "licence": "EUPL-1.2"},
            {
                "name": "Bayan's own set, matters-train.jsonl: words, what they mean, the net",
                "rows": sum(streams.values()),
                "by_stream": streams,
                "licence": "EUPL-1.2",
            },
        ],
        "net": {
            "inner": INNER, "strength": STRENGTH, "rounds": ROUNDS, "begun": list(BEGUN),
        },
        "close_look": {
            "of_pairs": OF_PAIRS, "inside": INSIDE, "epochs": EPOCHS, "step": STEP, "left_out": LEFT_OUT,
            "shrink": SHRINK,
        },
        "limits": {"join": Limits().join, "suggest": Limits().suggest},
        "scores": tried,
    }  # fmt: skip
    text = json.dumps(card, ensure_ascii=False, indent=2) + "\n"
    alike.FILE.with_suffix(".json").write_text(text, encoding="utf-8")


def messages_of(path: Path, reader: Triage) -> Iterator[Message]:
    """Each message with the matter that it is about, in the order of time."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in sorted(rows, key=lambda row: datetime.fromisoformat(row["created_at"])):
        at = datetime.fromisoformat(row["created_at"])
        yield Message(row["id"], at, row["group"], reader.read(row["text"]))


def traced(rows: list[Message]) -> list[tuple[Trace, str | None]]:
    """Their traces by what is known now, each with the matter that it is about."""
    return [(trace_of(one.reading, id=one.id, at=one.at), one.group) for one in rows]


def looked_at(rows: list[tuple[Trace, str | None]]) -> list[Choice]:
    """For each message what the first look weighs of the matters that anything leads to, and its own."""
    held = Matters()
    found = []
    for trace, group in rows:
        ids, features = held.looked_at(trace)
        if ids:
            found.append(Choice(features, [ids.index(group)] if group in ids else []))
        held.put(trace, group or trace.id)
    return found


def fitted_roughly(choices: list[Choice]) -> Array:
    """Weights of what the first look weighs, and of a matter against a new one."""
    every = np.vstack([one.features for one in choices])
    starts, of, right, right_of = _laid_out(choices)

    def loss(flat: Array) -> tuple[float, Array]:
        value, share = _surprise(every @ flat[:-1] + flat[-1], starts, of, right, right_of)
        slope = np.append(every.T @ share + 2e-4 * flat[:-1], share.sum())
        return value + 1e-4 * float((flat[:-1] ** 2).sum()), slope

    best = minimize(loss, np.zeros(every.shape[1] + 1), jac=True, method="L-BFGS-B")
    return np.asarray(best.x, np.float32)


def _laid_out(choices: list[Choice]) -> tuple[Array, Array, Array, Array]:
    """Where each message's rows begin, whose each row is, which rows are right and whose those are."""
    sizes = [len(one.features) for one in choices]
    starts = np.cumsum([0, *sizes])[:-1]
    of = np.repeat(np.arange(len(choices)), sizes)
    pairs = [
        (start + at, number)
        for number, (start, one) in enumerate(zip(starts, choices, strict=True))
        for at in one.own
    ]
    right, right_of = np.array(pairs).T
    return starts, of, right, right_of


def _surprise(
    scores: Array, starts: Array, of: Array, right: Array, right_of: Array
) -> tuple[float, Array]:
    """How little the scores foresee what is right, of which a new matter has 0, and its slope."""
    most = np.maximum(np.maximum.reduceat(scores, starts), 0)
    worth = np.exp(scores - most[of])
    new = np.exp(-most)
    total = np.add.reduceat(worth, starts) + new
    good = np.bincount(right_of, worth[right], minlength=len(starts))
    good[np.bincount(right_of, minlength=len(starts)) == 0] = 0
    is_new = np.ones(len(starts), bool)
    is_new[right_of] = False
    good[is_new] = new[is_new]
    good = np.maximum(good, 1e-30)
    share = worth / total[of]
    share[right] -= worth[right] / good[right_of]
    return float((np.log(total) - np.log(good)).mean()), share / len(starts)


def chosen(rows: list[tuple[Trace, str | None]], begun: float, units_at: int) -> list[Choice]:
    """For each message the features of the matters that it is compared with, and which are its own.

    All messages before it stand where they belong, but so many of them, by chance, have begun another matter
    about the same, as at work; none is right where it begins one. What pairs mean stands from row `units_at`
    on.
    """
    held = Matters()
    chance = np.random.default_rng(0)
    parts: dict[str, list[str]] = defaultdict(list)
    found = []
    for trace, group in rows:
        ids, features, pairs = held.compared(trace)
        own = parts[group] if group else []
        if pairs:
            # There are millions of pairs.
            smaller = Pairs(
                pairs.said.astype(np.float16),
                (pairs.own + units_at).astype(np.int32),
                (pairs.theirs + units_at).astype(np.int32),
                pairs.each,
            )
            found.append(
                Choice(features, [at for at, one in enumerate(ids) if one in own], smaller)
            )
        if not own or chance.random() < begun:
            own.append(trace.id)
            held.put(trace, trace.id)
        else:
            held.put(trace, own[chance.integers(len(own))])
    return found


def fitted(choices: list[Choice]) -> Held:
    """The net: the chance of each matter among those compared and of a new one, as often as it was so."""
    every = np.vstack([one.features for one in choices])
    mean, spread = every.mean(axis=0), every.std(axis=0) + 1e-6
    every = np.clip((every - mean) / spread, -4, 4).astype(np.float32)
    starts, of, right, right_of = _laid_out(choices)
    wide, inner = every.shape[1], INNER

    def parts(flat: Array) -> tuple[Array, Array, Array, Array, float]:
        first, rest = flat[: wide * inner].reshape(wide, inner), flat[wide * inner :]
        return first, rest[:inner], rest[inner : 2 * inner], rest[2 * inner : -1], rest[-1]

    def loss(flat: Array) -> tuple[float, Array]:
        first, bias, out, skip, new = parts(flat.astype(np.float32))
        middle = np.tanh(every @ first + bias)
        scores = (middle @ out + every @ skip + new).astype(float)
        value, share = _surprise(scores, starts, of, right, right_of)
        share = share.astype(np.float32)
        back = np.outer(share, out) * (1 - middle**2)
        slope = [
            (every.T @ back + 2 * STRENGTH * first).ravel(), back.sum(axis=0),
            middle.T @ share + 2 * STRENGTH * out, every.T @ share + 2 * STRENGTH * skip, [share.sum()],
        ]  # fmt: skip
        held_back = STRENGTH * sum(float((one**2).sum()) for one in (first, out, skip))
        return value + held_back, np.concatenate(slope).astype(float)

    chance = np.random.default_rng(0)
    start = [
        chance.normal(size=wide * inner) * 0.45 / math.sqrt(wide), np.zeros(inner),
        chance.normal(size=inner) * 0.3, np.zeros(wide), [-3.0],
    ]  # fmt: skip
    best = minimize(
        loss, np.concatenate(start), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}
    )
    first, bias, out, skip, new = parts(best.x)
    return {
        "mean": mean, "spread": spread, "in": first, "bias": bias, "out": out, "skip": skip,
        "new": np.array(new),
    }  # fmt: skip


def fitted_closely(choices: list[Choice], units: Array, net: Held) -> Held:
    """The net of a close look (`closely.score`): it foresees the same as `fitted`, by pairs as well.

    Adam, whose steps grow in the first third and shrink to nothing; of what is known of a pair a part is left
    out each time, so that it learns no words by heart.
    """
    whole = np.vstack([one.features for one in choices])
    whole = np.clip((whole - net["mean"]) / net["spread"], -4, 4).astype(np.float32)
    laid = _Laid(choices, whole, units)
    chance = np.random.default_rng(0)

    def begun(wide: int, narrow: int) -> Array:
        return chance.uniform(-1, 1, (wide, narrow)) / math.sqrt(wide)

    held = {
        "pair": begun(closely.WIDE, OF_PAIRS), "pair_bias": np.zeros(OF_PAIRS),
        "in": begun(whole.shape[1] + 2 * OF_PAIRS, INSIDE), "bias": np.zeros(INSIDE),
        "out": begun(INSIDE, 1)[:, 0], "skip": np.zeros(whole.shape[1]), "new": np.full(1, -3.0),
    }  # fmt: skip
    held = {name: array.astype(np.float32) for name, array in held.items()}
    slopes = {name: np.zeros_like(array) for name, array in held.items()}
    squares = {name: np.zeros_like(array) for name, array in held.items()}
    turns = len(choices) // SEEN_AT_ONCE
    for epoch in range(EPOCHS):
        order = chance.permutation(len(choices))
        surprise = 0.0
        for turn in range(turns):
            some = np.sort(order[turn * SEEN_AT_ONCE : (turn + 1) * SEEN_AT_ONCE])
            value, slope = laid.slope(held, some, chance)
            surprise += value
            step = epoch * turns + turn + 1
            pace = STEP * _pace(step / (EPOCHS * turns))
            for name, array in slope.items():
                slopes[name] += 0.1 * (array - slopes[name])
                squares[name] += 0.001 * (array * array - squares[name])
                way = slopes[name] / (1 - 0.9**step)
                way /= np.sqrt(squares[name] / (1 - 0.999**step)) + 1e-8
                held[name] -= pace * (way + SHRINK * held[name])
    print(f"closely: surprised by {surprise / turns:.3f}", flush=True)
    return held


def _pace(done: float) -> float:
    """How much of the longest step is taken, when so much is done."""
    rising = 0.3
    if done < rising:
        return 0.52 - 0.48 * math.cos(math.pi * done / rising)
    return 0.5 + 0.5 * math.cos(math.pi * (done - rising) / (1 - rising))


class _Laid:
    """All choices one behind the other, for the net of a close look."""

    def __init__(self, choices: list[Choice], whole: Array, units: Array) -> None:
        self.whole, self.units = whole, units
        pairs = [one.pairs for one in choices if one.pairs]
        self.said = np.concatenate([one.said for one in pairs])
        self.own = np.concatenate([one.own for one in pairs])
        self.theirs = np.concatenate([one.theirs for one in pairs])
        # Where each message's matters begin and how many it has; each matter's pairs likewise.
        self.sizes = np.array([len(one.features) for one in choices])
        self.starts = np.cumsum([0, *self.sizes])[:-1]
        self.each = np.repeat([one.each for one in pairs], self.sizes)
        self.pairs_at = np.cumsum([0, *self.each])[:-1]
        self.right = np.zeros(len(whole), bool)
        self.right[_laid_out(choices)[2]] = True

    def slope(self, net: Held, some: Array, chance: np.random.Generator) -> tuple[float, Held]:
        """How little these messages are foreseen, and how that changes with the net."""
        rows, starts = _runs(self.starts[some], self.sizes[some])
        each = self.each[rows]
        at, pairs_at = _runs(self.pairs_at[rows], each)
        whole, wide = self.whole[rows], self.whole.shape[1]
        pairs = closely.laid_out(
            self.said[at].astype(np.float32), self.units[self.own[at]], self.units[self.theirs[at]]
        )
        pairs *= chance.random(pairs.shape, dtype=np.float32) > LEFT_OUT
        pairs *= 1 / (1 - LEFT_OUT)
        weighed = np.tanh(pairs @ net["pair"] + net["pair_bias"])
        most = np.maximum.reduceat(weighed, pairs_at)
        together = np.add.reduceat(weighed, pairs_at) / closely.ADDED
        laid = np.concatenate([whole, together, most], axis=1)
        inner = np.tanh(laid @ net["in"] + net["bias"])
        scores = inner @ net["out"] + whole @ net["skip"] + net["new"]
        right = np.flatnonzero(self.right[rows])
        of = np.repeat(np.arange(len(some)), self.sizes[some])
        value, share = _surprise(scores.astype(float), starts, of, right, of[right])
        share = share.astype(np.float32)
        back = np.outer(share, net["out"]) * (1 - inner**2)
        added, largest = np.hsplit(back @ net["in"][wide:].T, 2)
        whose = np.repeat(np.arange(len(rows)), each)
        deep = added[whose] / closely.ADDED + largest[whose] * (weighed == most[whose])
        deep *= 1 - weighed**2
        return value, {
            "pair": pairs.T @ deep, "pair_bias": deep.sum(axis=0),
            "in": laid.T @ back, "bias": back.sum(axis=0),
            "out": inner.T @ share, "skip": whole.T @ share, "new": share.sum(keepdims=True),
        }  # fmt: skip


def _runs(starts: Array, sizes: Array) -> tuple[Array, Array]:
    """All numbers of runs that begin there, one behind the other, and where each run begins among them."""
    begins = np.cumsum([0, *sizes])[:-1]
    return np.repeat(starts - begins, sizes) + np.arange(sizes.sum()), begins


def _write(held: Held) -> None:
    smaller = {
        name: array.astype(np.float32)
        if name.partition(".")[0] in {"rough", "net", "close"}
        else array
        for name, array in held.items()
    }
    smaller["vectors"] = held["vectors"].astype(np.float16)
    np.savez_compressed(alike.FILE, allow_pickle=False, **smaller)


def figures(rows: list[tuple[Trace, str | None]], limits: Limits, *, told: bool) -> Counter[str]:
    """Joins, those that are right, messages that should be joined and are, or are joined or suggested.

    `told`: a member says of each suggestion whether it is right, and right ones are joined then.
    """
    held = Matters(limits)
    # What a matter of the program is about: what its first message is about.
    about: dict[str, str | None] = {}
    begun: set[str] = set()
    found: Counter[str] = Counter()
    for trace, group in rows:
        verdict = held.add(trace)
        if verdict.is_new:
            about[verdict.matter] = group or trace.id
        is_right = not verdict.is_new and about[verdict.matter] == group
        offered = [one for one, _likeness in verdict.suggestions if group and about[one] == group]
        found["joins"] += not verdict.is_new
        found["right"] += is_right
        if group in begun:
            found["could"] += 1
            found["found"] += is_right
            found["offered"] += bool(is_right or offered)
        if group:
            begun.add(group)
        if told and verdict.is_new and offered:
            held.merge(verdict.matter, into=offered[0])
    return found


def _said(found: Counter[str]) -> str:
    shares = _shares(found)
    return (
        f"precision {shares['precision']:.3f} ({found['joins']} joins), "
        f"recall {shares['recall']:.3f}, "
        f"with suggestions {shares['with_suggestions']:.3f}"
    )


def _shares(found: Counter[str]) -> dict[str, float]:
    return {
        "joins": found["joins"],
        "precision": round(found["right"] / max(found["joins"], 1), 3),
        "recall": round(found["found"] / found["could"], 3),
        "with_suggestions": round(found["offered"] / found["could"], 3),
    }


if __name__ == "__main__":
    main()
