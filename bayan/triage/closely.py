"""A close look at the few matters that a message may belong to: each part of what it says beside theirs.

Taken as a whole (`likeness`), what two say leaves many in doubt: the same fault in the same district may be
another lamp. So each word, thing, name and mark of the message is laid beside what of the matter comes
nearest to it, alike or not; a small net weighs each such pair, and another one what they come to together. It
is fitted by `scripts/fit_matters.py` and kept in `model/matters.npz`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayan.triage import alike

if TYPE_CHECKING:
    from bayan.triage.matters import Matter, Trace

Array = np.ndarray[Any, Any]
WORD, THING = "W", "T"
# What a part of a message is, in this order.
SORTS = (
    WORD, THING, alike.NAMED, alike.LANDMARK, alike.STREET, alike.NUMBER, alike.TOWN, alike.FACILITY,
)  # fmt: skip
_SORT_AT = {sort: at for at, sort in enumerate(SORTS)}
# Of a pair, before what its two sides mean: the sort; whether the matter says the same, and anything of this
# sort; that, if few matters do; how much it weighs, how rare it is, how few matters know it, how near the
# nearest and the second are; whether it is unknown; that it is the same, by its rarity.
_SAME, _ANY_SUCH, _SAME_SELDOM, _WEIGHT, _RARE, _FEW, _NEAR, _SECOND, _UNKNOWN, _SAME_RARE = range(
    len(SORTS), len(SORTS) + 10
)
SAID = _SAME_RARE + 1
_IS = [[float(sort == other) for other in SORTS] for sort in SORTS]
WIDE = SAID + 2 * alike.MEANING
# What both sides mean is multiplied so, to count like the rest.
_BOTH = 4.0
# What all pairs come to counts so much less than the most that one comes to: there are many.
ADDED = 4.0
# Words are as rare as this at most, for what is weighed to lie between 0 and 1.
_RAREST = 10.0


class Pairs(NamedTuple):
    """Each part of a message beside the nearest of each matter, the pairs of a matter one behind the other.

    `said`: a row of `SAID` numbers each; `own`, `theirs`: rows of `Meaning.units`; so many pairs a matter.
    """

    said: Array
    own: Array
    theirs: Array
    each: int


def pairs_of(trace: Trace, seldom: Mapping[str, float], matters: Sequence[Matter]) -> Pairs:
    """Lay a message beside matters; `seldom` as in `likeness.Known`."""
    meaning = alike.meaning()
    columns, units, rarities = meaning.columns, meaning.units, meaning.rarity
    nobody = len(units) - 1
    words, things, marks = trace.words, trace.things, trace.marks
    rows: list[float] = []
    own, known_to = [], seldom.get
    for word, weight in words.items():
        own.append(at := columns.get(word, nobody))
        rarity = alike.UNKNOWN if at == nobody else rarities[at]
        if word.isdecimal():
            rarity = alike.OF_A_NUMBER
        few = known_to(word, alike.RAREST) / 4
        rows += (*_IS[0], 0, 1, 0, weight, rarity / _RAREST, few, 0, 0, at == nobody, 0)
    for thing in things:
        own.append(at := columns.get(f"{THING}:{thing}", nobody))
        few = known_to(thing, alike.RAREST) / 4
        rows += (*_IS[1], 0, 1, 0, 1, 0, few, 0, 0, at == nobody, 0)
    compared = [mark for mark in marks if mark[0] in _SORT_AT]
    for mark in compared:
        own.append(nobody)
        few = known_to(mark, alike.RAREST) / 4
        rows += (*_IS[_SORT_AT[mark[0]]], 0, 0, 0, 1, 0, few, 0, 0, 1, 0)
    alone, held, count = alike.numbers(rows).reshape(-1, SAID), np.array(own), len(own)
    known = count - len(compared)
    said = np.empty((len(matters), count, SAID), np.float32)
    said[:] = alone
    theirs = np.empty((len(matters), count), int)
    theirs[:] = nobody
    meant, unknown = units[held[:known]], held[:known] == nobody
    numbers = np.arange(known)
    for matter, row, nearest in zip(matters, said, theirs, strict=True):
        same = [word in matter.words for word in words]
        same += [thing in matter.things for thing in things]
        if compared:
            same += [mark in matter.marks for mark in compared]
            row[known:, _ANY_SUCH] = [mark[0] in matter.sorts for mark in compared]
        row[:, _SAME] = same
        there = [columns[word] for word in matter.words if word in columns]
        there += [columns[key] for thing in matter.things if (key := f"{THING}:{thing}") in columns]
        if there and known:
            beside = meant @ units[there].T
            best = beside.argmax(axis=1)
            nearest[:known] = np.array(there)[best]
            row[:known, _NEAR] = beside[numbers, best]
            if len(there) > 1:
                beside[numbers, best] = -2
                row[:known, _SECOND] = beside.max(axis=1)
            row[:known, _NEAR : _SECOND + 1][unknown] = 0
            nearest[:known][unknown] = nobody
    same_rows = said[:, :, _SAME]
    said[:, :, _SAME_SELDOM] = same_rows * alone[:, _FEW]
    said[:, :, _SAME_RARE] = same_rows * alone[:, _RARE]
    own_rows = np.concatenate([held] * len(matters))
    return Pairs(said.reshape(-1, SAID), own_rows, theirs.reshape(-1), count)


def laid_out(said: Array, own: Array, theirs: Array) -> Array:
    """Pairs as rows of `WIDE` numbers; `own` and `theirs`: what both sides mean."""
    return np.concatenate([said, own * theirs * _BOTH, own + theirs], axis=1)


def score(whole: Array, pairs: Pairs) -> Array:
    """What each matter is worth at a close look, a new one being worth 0.

    `whole`: of each a row of what is weighed as a whole (`Meaning.evened`).
    """
    net, units = alike.meaning().close, alike.meaning().units
    weighed = laid_out(pairs.said, units[pairs.own], units[pairs.theirs]) @ net["pair"]
    weighed += net["pair_bias"]
    np.tanh(weighed, out=weighed)
    by_matter = weighed.reshape(len(whole), pairs.each, -1)
    together = [whole, by_matter.sum(axis=1) / ADDED, by_matter.max(axis=1)]
    inner = np.tanh(np.concatenate(together, axis=1) @ net["in"] + net["bias"])
    return np.asarray(inner @ net["out"] + whole @ net["skip"] + net["new"])
