"""What of two messages is laid side by side, and how much each part of it says that they are of one matter.

Words are compared by their stems, by what they mean (what else is written beside them in the training part)
and by how few open matters know them; places also by landmarks, streets and numbers; and a message is held
against the whole of a matter, since each who writes tells another part of it. What speaks is weighed by a
small net, fitted by `scripts/fit_matters.py` and kept in `model/matters.npz`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bayan.triage.taxonomy import CATEGORIES, KINDS

FILE = Path(__file__).parent / "model" / "matters.npz"
Array = np.ndarray[Any, Any]

# Written as one with a word; the longest first. A single letter goes only where the rest is likelier.
_PREFIXES = ("وبال", "فبال", "وكال", "وال", "فال", "بال", "كال", "هال", "عال", "ولل", "لل", "ال")
_LETTERS = frozenset("وبلفكه")
_SUFFIXES = ("تين", "تنا", "هم", "ها", "نا", "كم", "ين", "ات", "ون", "وا", "ه", "ي", "ت")
# Words behind which a landmark, or the name of a street, stands.
_BESIDE = frozenset(
    """جنب عند قدام ورا مقابل قريب قرب قبال خلف بجانب بجوار امام يم وراء حول حوالين تحت فوق قبل بعد near
    behind opposite beside next at by outside front jnb janb gedam gddam 3nd wara""".split()  # noqa: SIM905
)
_STREET = frozenset("شارع بشارع الشارع طريق بطريق ش street road st share3 shar3 شوارع".split())  # noqa: SIM905
# Who asks how and when; who comes back to what was told before.
_ASKING = frozenset(
    "متي كم كيف وين هل ايش وش شروط رسوم how when where what which".split()  # noqa: SIM905
)
_AGAIN = frozenset(
    """نفس رجع رجعت للحين لسا لسه لساته مازال ثاني مره مرة again still same اليوم امس البارح الليله الحين
    تكرر نفسه كمان صلحو صلحوا صلحتو شكرا خلص انحل اشتغلت رجعوا جوا جو بعد""".split()  # noqa: SIM905
)
# Marks: what a message says of where, beside the gazetteer's places. Each begins with one of these.
NAMED, LANDMARK, STREET, NUMBER, TOWN, LANGUAGE = "P", "L", "S", "N", "C", "A"
_PLACED = (NAMED, LANDMARK, STREET, NUMBER, TOWN)
# A matter is listed by a word, a thing or a name so often at most: what more share says nothing.
LISTED = 40
RAREST = math.log(1 + LISTED)
# So many numbers say what a message means.
MEANING = 48
_KINDS = MEANING + len(CATEGORIES)
_OWN = _KINDS + len(KINDS)
# Of its own at the end of a look: how long it is, asks, comes back, is in Arabic.
LOOK = _OWN + 4
# Where in a look each part begins.
_PARTS = (0, MEANING, _KINDS, _OWN)
# So many columns compare the looks of a message and a matter, and so many are of the message alone.
LOOKS, ALONE = 8, len(KINDS) + 4
# Words that are rarer than this tell matters apart; a number, which nobody wrote before, counts so much.
TELLING, OF_A_NUMBER = 3.0, 4.0
UNKNOWN = 10.0
_COLUMNS = [*(f"category.{name}" for name in CATEGORIES), *(f"kind.{name}" for name in KINDS)]
# What finds the matters that are looked at closely; by hand, until it is fitted with the net.
ROUGH = (
    "word",
    "place",
    "service",
    "thing",
    "name",
    "means",
    "soon",
    "lately",
    "other_body",
    "same_body",
    "size",
)
_BY_HAND = (0.2, 0.43, 0.25, 0.73, -0.38, 0.92, -1.61, 8.35, -4.06, 0.72, -0.29, -10.28)


class Meaning:
    """Stems, how rare and how near to each other they are, and the net that weighs likeness."""

    def __init__(self, held: Mapping[str, Array]) -> None:
        self.counts = dict(zip(held["written"].tolist(), held["counts"].tolist(), strict=True))
        self.columns = {stem: at for at, stem in enumerate(held["stems"].tolist())}
        self.rarity = held["rarity"].astype(np.float32).tolist()
        self.vectors = held["vectors"].astype(np.float32)
        self.net = {
            name[4:]: array.astype(np.float32)
            for name, array in held.items()
            if name.startswith("net.")
        }
        self.rough: tuple[float, ...] = (
            tuple(held["rough"].tolist()) if "rough" in held else _BY_HAND
        )
        self.stem = lru_cache(maxsize=65_536)(self._stem)
        self.known = lru_cache(maxsize=65_536)(self._known)

    def _stem(self, word: str) -> str:
        if word.isdecimal():
            return word
        for prefix in _PREFIXES:
            if word.startswith(prefix) and len(word) - len(prefix) >= 3:
                word = word[len(prefix) :]
                break
        else:
            if word[0] in _LETTERS and len(word) >= 5:
                rest = self.counts.get(word[1:], 0)
                if rest and (word[0] == "و" or rest > 1.35 * self.counts.get(word, 0)):
                    word = word[1:]
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                return word[: -len(suffix)]
        return word

    def _known(self, word: str) -> tuple[str, float]:
        """A word's stem and how rare it is; 0 where it tells nothing."""
        if word.isdecimal():
            return word, OF_A_NUMBER
        stem = self.stem(word)
        rarity = self.rarity_of(stem) if len(word) > 2 else 0.0
        return stem, rarity if rarity >= TELLING else 0.0

    def rarity_of(self, stem: str) -> float:
        """How rare a stem is; one never seen is the rarest."""
        column = self.columns.get(stem)
        return UNKNOWN if column is None else self.rarity[column]

    def look(
        self, words: Mapping[str, float], things: Iterable[str], own: Sequence[float],
        probabilities: Mapping[str, float],
    ) -> Array:  # fmt: skip
        """What a message means, of which services and kinds it may be, and `own`, as one row of numbers."""
        found = np.zeros(LOOK, np.float32)
        rows, weights = [], []
        columns = self.columns
        for stem, weight in words.items():
            if (column := columns.get(stem)) is not None:
                rows.append(column)
                weights.append(weight)
        for thing in sorted(things):
            if (column := columns.get(f"T:{thing}")) is not None:
                rows.append(column)
                weights.append(6.0)
        if rows:
            meant = np.array(weights, np.float32) @ self.vectors[rows]
            found[:MEANING] = meant / (math.sqrt(meant @ meant) or 1.0)
        found[MEANING:_OWN] = [math.sqrt(probabilities.get(name, 0.0)) for name in _COLUMNS]
        found[_OWN:] = own
        return found.astype(np.float16)

    def score(self, features: Array) -> Array:
        """What each of the compared matters is worth, a new one being worth 0."""
        net = self.net
        inner = ((features - net["mean"]) / net["spread"]).clip(-4, 4)
        return np.asarray(
            np.tanh(inner @ net["in"] + net["bias"]) @ net["out"] + inner @ net["skip"] + net["new"]
        )


@cache
def meaning() -> Meaning:
    """What comes with Bayan; read when it is first asked for."""
    with np.load(FILE) as held:
        return Meaning(dict(held))


def telling(words: Iterable[str], named: Collection[str]) -> dict[str, float]:
    """The stems that tell matters apart, with how rare they are; names of places are compared as places."""
    known = meaning().known
    found: dict[str, float] = {}
    for word in words:
        stem, rarity = known(word)
        if rarity and word not in named:
            found[stem] = rarity
    return found


def marks_of(
    words: Sequence[str], named: Iterable[str], towns: Iterable[str], language: str
) -> frozenset[str]:
    """Landmarks, streets, numbers, towns and words of names; and the language."""
    held = meaning()
    found = {f"{LANGUAGE}:{language}"}
    found.update(f"{TOWN}:{town}" for town in towns)
    found.update(f"{NAMED}:{name}" for name in named if len(name) > 2)
    last = len(words) - 1
    for at, word in enumerate(words):
        if word.isdecimal():
            found.add(f"{NUMBER}:{word}")
        if at == last:
            break
        if word in _BESIDE:
            for other in words[at + 1 : at + 3]:
                stem = held.stem(other)
                if len(other) > 2 and held.rarity_of(stem) > 4:
                    found.add(f"{LANDMARK}:{stem}")
        elif word in _STREET:
            found.add(f"{STREET}:{held.stem(words[at + 1])}")
    return frozenset(found)


def own_of(words: Sequence[str], telling_words: Collection[str], language: str) -> list[float]:
    """What a message is like by itself."""
    return [
        math.log1p(len(telling_words)),
        float(not _ASKING.isdisjoint(words)),
        float(min(sum(word in _AGAIN for word in words), 3)),
        float(language == "ar"),
    ]


def sorts_of(marks: Iterable[str]) -> frozenset[str]:
    """Which sorts of marks there are."""
    return frozenset([mark[0] for mark in marks])


def seldom(times: int) -> float:
    """How much it says that two share what so many open matters are listed by."""
    return RAREST - math.log1p(min(times, LISTED))


def meant_alike(own: Array, looks: Array) -> Array:
    """How near what a message means is to what each of these, a row each, means."""
    meant = looks[:, :MEANING]
    return np.asarray((meant @ own[:MEANING]) / (np.sqrt((meant * meant).sum(axis=1)) + 1e-6))


def looks_alike(own: Array, looks: Array, members: Array, starts: Sequence[int]) -> Array:
    """By their looks: a message, the sums of matters, and the remembered messages of each.

    Rows of LOOKS columns, one for each matter.
    """
    meant, service, kind = own[:MEANING], own[MEANING:_KINDS], own[_KINDS:_OWN]
    squares = looks * looks
    lengths = np.sqrt(np.add.reduceat(squares, _PARTS, axis=1)) + 1e-6
    services = looks[:, MEANING:_KINDS] / lengths[:, 1:2]
    kinds = looks[:, _KINDS:_OWN] / lengths[:, 2:3]
    found = np.empty((len(looks), LOOKS), np.float32)
    found[:, 0] = looks[:, :MEANING] @ meant / lengths[:, 0]
    found[:, 1] = np.maximum.reduceat(members[:, :MEANING] @ meant, starts)
    found[:, 2] = services @ service
    found[:, 3] = (services * services) @ (service * service)
    found[:, 4] = np.maximum.reduceat(members[:, MEANING:_KINDS] @ service, starts)
    found[:, 5] = kinds @ kind
    found[:, 6] = kinds[:, 0] ** 2 + kinds[:, 1] ** 2
    found[:, 7] = service.max() ** 2
    return found


def against_others(held: Array) -> Array:
    """By how much each matter is ahead of the best other one in each column; behind it is below 0."""
    if len(held) < 2:
        return held * 0
    order = np.sort(held, axis=0)
    return np.asarray(held - np.where(held >= order[-1], order[-2], order[-1]))


def of_message(own: Array) -> Array:
    """What a message is by itself: of what kinds, and its own."""
    return np.concatenate([own[_KINDS:_OWN] ** 2, own[_OWN:]])
