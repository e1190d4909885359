"""Fit what tells messages about one matter, `bayan/triage/model/matters.npz`, and try it.

    python scripts/fit_matters.py [--frozen]

How rare words are and which mean the like is learned from the training part (train.jsonl); the net that
weighs, from bayan/triage/sets/matters-train.jsonl. Its months are streams of their own: a net of all is
written, then each is tried with a net of the others. Printed are the precision and recall of joins, and the
recall with suggestions, at several limits; once more with a member who answers each suggestion rightly.
The card beside it, `matters.json`, holds the figures. `--frozen` also tries the frozen matters.jsonl: it is
no set to tune by.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from sklearn.decomposition import TruncatedSVD

from bayan.triage import alike
from bayan.triage.features import read
from bayan.triage.lexicon import things_among
from bayan.triage.matters import Limits, Matters, Trace, trace_of
from bayan.triage.reading import Triage
from bayan.triage.text import words_in

ROOT = Path(__file__).parent.parent
SETS = ROOT / "bayan" / "triage" / "sets"
# The net: so many inner values of each of so many fits that begin elsewhere; how much it is held back.
INNER, FITS, STRENGTH, ROUNDS = 12, 3, 6e-3, 80
# Of the messages of a matter so many begin one of their own, where the net is fitted.
BEGUN = (0.0, 0.5)
# Words and stems that occur in so many messages of the training part are kept.
LEAST = 3
Array = np.ndarray[Any, Any]
Net = dict[str, Array]
# Of a message the features of matters, a row each, and which of them are its own.
Choice = tuple[Array, list[int]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frozen", action="store_true")
    options = parser.parse_args()
    meaning = meaning_of_words()
    _write(meaning, {"new": np.array(0.0)})
    alike.meaning.cache_clear()
    reader = Triage.load(ROOT / "authorities" / "eastern")
    months = defaultdict(list)
    for trace, group in traces(SETS / "matters-train.jsonl", reader):
        months[trace.at.month].append((trace, group))
    net = fitted_to(list(months.values()))
    _write(meaning, net)
    tried = {}
    apart = []
    for month, rows in months.items():
        others = [held for other, held in months.items() if other != month]
        apart.append((rows, fitted_to(others)))
        show(f"month {month}", apart[-1:])
    tried["each month by the others"] = show("each month by the others", apart)
    if options.frozen:
        tried["frozen set"] = show("frozen", [(traces(SETS / "matters.jsonl", reader), net)])
    _write_card([len(rows) for rows in months.values()], reader, tried)


def fitted_to(months: list[list[tuple[Trace, str | None]]]) -> Net:
    """What finds the matters to compare, and then the net that weighs them."""
    rough = fitted_roughly([one for rows in months for one in looked_at(rows)])
    alike.meaning().rough = rough.tolist()
    choices = [one for rows in months for begun in BEGUN for one in chosen(rows, begun)]
    compared = sum(bool(right) for _xs, right in choices)
    print(f"{len(choices)} messages, {compared} with their matter among those compared")
    return {**fitted(choices), "rough": rough}


def meaning_of_words() -> dict[str, Array]:
    """Words with how often they occur; stems with how rare they are and, as a row each, what they mean.

    Stems that occur in the same messages more often than by chance mean the like: the rows are the first
    axes of that (positive pointwise mutual information, smoothed).
    """
    lines = (SETS / "train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [read(json.loads(line)["text"]) for line in lines]
    written = [[word for word, _start, _end in words_in(text)] for text in texts]
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


def show(
    name: str, tried: list[tuple[list[tuple[Trace, str | None]], Net]]
) -> dict[str, dict[str, float]]:
    """Print how good these are, each by its net, at several limits; returns the figures by limit."""
    found = {}
    for join in (0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        by_itself, answered = (
            sum(
                (figures(rows, net, Limits(join, 0.05), told=told) for rows, net in tried),
                Counter(),
            )
            for told in (False, True)
        )
        print(
            f"{name}, join {join}: {_said(by_itself)}; suggestions answered: {_said(answered)}",
            flush=True,
        )
        found[str(join)] = {
            **_shares(by_itself),
            **{f"{key}_answered": value for key, value in _shares(answered).items()},
        }
    return found


def _write_card(
    months: list[int], reader: Triage, tried: dict[str, dict[str, dict[str, float]]]
) -> None:
    """The card of the net, beside it: from what it was made, and how good it is."""
    card = {
        "reads_with": reader.model.card["version"],
        "learned_from": [
            {"name": "Bayan's own set, training part: words", "licence": "EUPL-1.2"},
            {
                "name": "Bayan's own set, matters-train.jsonl: the net",
                "rows": sum(months),
                "by_month": months,
                "licence": "EUPL-1.2",
            },
        ],
        "net": {
            "inner": INNER, "fits": FITS, "strength": STRENGTH, "rounds": ROUNDS, "begun": list(BEGUN),
        },
        "limits": {"join": Limits().join, "suggest": Limits().suggest},
        "scores": tried,
    }  # fmt: skip
    text = json.dumps(card, ensure_ascii=False, indent=2) + "\n"
    alike.FILE.with_suffix(".json").write_text(text, encoding="utf-8")


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


def looked_at(rows: list[tuple[Trace, str | None]]) -> list[Choice]:
    """For each message what the first look weighs of the matters that anything leads to, and its own."""
    held = Matters()
    found = []
    for trace, group in rows:
        ids, features = held.looked_at(trace)
        if ids:
            found.append((features, [ids.index(group)] if group in ids else []))
        held.put(trace, group or trace.id)
    return found


def fitted_roughly(choices: list[Choice]) -> Array:
    """Weights of what the first look weighs, and of a matter against a new one."""
    every = np.vstack([features for features, _right in choices])
    starts, of, right, right_of = _laid_out(choices)

    def loss(flat: Array) -> tuple[float, Array]:
        value, share = _surprise(every @ flat[:-1] + flat[-1], starts, of, right, right_of)
        slope = np.append(every.T @ share + 2e-4 * flat[:-1], share.sum())
        return value + 1e-4 * float((flat[:-1] ** 2).sum()), slope

    best = minimize(loss, np.zeros(every.shape[1] + 1), jac=True, method="L-BFGS-B")
    return np.asarray(best.x, np.float32)


def _laid_out(choices: list[Choice]) -> tuple[Array, Array, Array, Array]:
    """Where each message's rows begin, whose each row is, which rows are right and whose those are."""
    sizes = [len(features) for features, _right in choices]
    starts = np.cumsum([0, *sizes])[:-1]
    of = np.repeat(np.arange(len(choices)), sizes)
    pairs = [
        (start + at, number)
        for number, (start, (_f, rights)) in enumerate(zip(starts, choices, strict=True))
        for at in rights
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


def chosen(rows: list[tuple[Trace, str | None]], begun: float) -> list[Choice]:
    """For each message the features of the matters that it is compared with, and which are its own.

    All messages before it stand where they belong, but so many of them, by chance, have begun another matter
    about the same, as at work; none is right where it begins one.
    """
    held = Matters()
    chance = np.random.default_rng(0)
    parts: dict[str, list[str]] = defaultdict(list)
    found = []
    for trace, group in rows:
        ids, features = held.compared(trace)
        own = parts[group] if group else []
        if ids:
            found.append((features, [at for at, one in enumerate(ids) if one in own]))
        if not own or chance.random() < begun:
            own.append(trace.id)
            held.put(trace, trace.id)
        else:
            held.put(trace, own[chance.integers(len(own))])
    return found


def fitted(choices: list[Choice]) -> Net:
    """The net: the chance of each matter among those compared and of a new one, as often as it was so."""
    every = np.vstack([features for features, _right in choices])
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

    found = []
    for fit in range(FITS):
        chance = np.random.default_rng(fit)
        start = [
            chance.normal(size=wide * inner) * 0.45 / math.sqrt(wide), np.zeros(inner),
            chance.normal(size=inner) * 0.3, np.zeros(wide), [-3.0],
        ]  # fmt: skip
        best = minimize(
            loss, np.concatenate(start), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}
        )
        found.append(parts(best.x))
    firsts, biases, outs, skips, news = zip(*found, strict=True)
    return {
        "mean": mean,
        "spread": spread,
        "in": np.hstack(firsts),
        "bias": np.concatenate(biases),
        "out": np.concatenate(outs) / FITS,
        "skip": np.mean(skips, axis=0),
        "new": np.array(np.mean(news)),
    }


def _write(meaning: dict[str, Array], net: Net) -> None:
    named = {
        name if name == "rough" else f"net.{name}": array.astype(np.float32)
        for name, array in net.items()
    }
    np.savez_compressed(alike.FILE, allow_pickle=False, **meaning, **named)


def figures(
    rows: list[tuple[Trace, str | None]], net: Net, limits: Limits, *, told: bool
) -> Counter[str]:
    """Joins, those that are right, messages that should be joined and are, or are joined or suggested.

    `told`: a member says of each suggestion whether it is right, and right ones are joined then.
    """
    alike.meaning().take_net(net)
    alike.meaning().rough = net["rough"].tolist()
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
