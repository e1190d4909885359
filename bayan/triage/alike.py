"""What of two messages is laid side by side, and how much each part of it says that they are of one matter.

Words are compared by their stems, by what they mean (what else is written beside them in the training part)
and by how few open matters know them; places also by landmarks, streets and numbers; and a message is held
against the whole of a matter, since each who writes tells another part of it. What speaks is weighed by a
small net, fitted by `scripts/fit_matters.py` and kept in `model/matters.npz`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bayan.triage.lexicon import things
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
# Behind these the name is two words: "the King Saud street" is no other's.
_TITLES = frozenset(
    "الملك الامير الاميره الامام الشيخ ابو ابي ام ابن بن عبد king prince imam abu bin".split()  # noqa: SIM905
)
# What there is many of, each with a name of its own: two that bear other names are two places.
_FACILITIES = """مدرسه مدارس ابتدائيه متوسطه ثانويه روضه جامع مسجد مصلي محطه مقهي كوفي مطعم مخبز بقاله تموينات
    اسواق سوق صيدليه مغسله حديقه منتزه ملعب قاعه استراحه مجمع برج عماره سكن مستشفي مستوصف مركز مكتب دوار جسر
    كوبري نفق تقاطع اشاره مخرج شاطئ كورنيش واجهه مقبره ورشه مصنع مخطط حي school mosque station cafe
    restaurant bakery park mall tower hospital clinic roundabout bridge tunnel beach""".split()  # noqa: SIM905
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
# A facility with its name, and of which sort one is named.
FACILITY, SORT = "F", "K"
# A matter is listed by a word, a thing or a name so often at most: what more share says nothing.
LISTED = 40
RAREST = math.log(1 + LISTED)
# How much it says to share what so many open matters are listed by; twice as many are listed at most.
SELDOM = [RAREST - math.log1p(min(times, LISTED)) for times in range(2 * LISTED + 1)]
# So many numbers say what a message means.
MEANING = 48
_KINDS = MEANING + len(CATEGORIES)
_OWN = _KINDS + len(KINDS)
# Of its own at the end of a look: how long it is, asks, comes back, is in Arabic.
LOOK = _OWN + 4
# Where in a look each part begins that is of length one.
_PARTS = (0, MEANING, _KINDS)
_LONG = (MEANING, len(CATEGORIES), len(KINDS), LOOK - _OWN)
# So many columns compare the looks of a message and a matter, and so many are of the message alone.
LOOKS, ALONE = 7, len(KINDS) + 5
# Words that are rarer than this tell matters apart; a number, which nobody wrote before, counts so much.
TELLING, OF_A_NUMBER, OF_A_THING = 3.0, 4.0, 6.0
UNKNOWN = 10.0
_COLUMNS = [*(f"category.{name}" for name in CATEGORIES), *(f"kind.{name}" for name in KINDS)]
_shares_of = itemgetter(*_COLUMNS)
# What finds the matters that are looked at closely; by hand, until it is fitted with the net.
ROUGH = (
    "word", "place", "thing", "means", "service", "kind", "soon", "lately", "other_body", "same_body", "size",
)  # fmt: skip
_BY_HAND = (0.2, 0.43, 0.73, 0.92, 1.0, 0.0, -1.61, 8.35, -4.06, 0.72, -0.29, -11.28)


class Known(NamedTuple):
    """What is known of a word: its stem, how rare that is (0: it tells nothing), the things that it names.

    `ends_pair`: it may name a thing together with the word before it.
    """

    stem: str
    rarity: float
    things: tuple[str, ...]
    ends_pair: bool


class Meaning:
    """Stems, how rare and how near to each other they are, and the net that weighs likeness."""

    def __init__(self, held: Mapping[str, Array]) -> None:
        self.counts = dict(zip(held["written"].tolist(), held["counts"].tolist(), strict=True))
        self.columns = {stem: at for at, stem in enumerate(held["stems"].tolist())}
        self.rarity = held["rarity"].astype(np.float32).tolist()
        self.vectors = held["vectors"].astype(np.float32)
        # Of length one each; behind them what means nothing, for what is not known.
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        nothing = np.zeros((1, self.vectors.shape[1]), np.float32)
        self.units = np.concatenate([self.vectors / (lengths + 1e-6), nothing])
        self.take_net({name[4:]: array for name, array in held.items() if name[:4] == "net."})
        # The net of a close look (`closely`).
        self.close = {
            name[6:]: held[name].astype(np.float32) for name in held if name[:6] == "close."
        }
        self.rough = held["rough"].tolist() if "rough" in held else [*_BY_HAND]
        self.stem = lru_cache(maxsize=65_536)(self._stem)
        self.known = lru_cache(maxsize=65_536)(self._known)
        self.things = things()
        self.facilities = frozenset(map(self._stem, _FACILITIES))

    @property
    def rough(self) -> list[float]:
        """What the first look makes of `ROUGH`, and behind them of a new matter."""
        return self._rough

    @rough.setter
    def rough(self, weights: Sequence[float]) -> None:
        self._rough = [*weights]
        means, service, kind, *rest = self._rough[ROUGH.index("means") : -1]
        self._first_look = np.zeros((LOOK + 5, 6), np.float32)
        self._first_look[_KINDS, 3] = self._first_look[_KINDS + 1, 4] = 1.0
        column = self._first_look[:, 5]
        column[:MEANING], column[MEANING:_KINDS], column[_KINDS:_OWN] = means, service, kind
        column[LOOK:] = rest

    def laid_out(self, own: Array) -> Array:
        """A message's look as what rows of `Looks` are multiplied with, to see how alike they are.

        Columns: what is meant, service, kind; how much of it complains, and points out; what the first look
        makes of it (by `ROUGH` from `means` on).
        """
        found = self._first_look.copy()
        found[:MEANING, 0] = own[:MEANING]
        found[MEANING:_KINDS, 1] = own[MEANING:_KINDS]
        found[_KINDS:_OWN, 2] = own[_KINDS:_OWN]
        found[:_OWN, 5] *= own[:_OWN]
        return found

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

    def take_net(self, net: Mapping[str, Array]) -> None:
        """Weigh by this net from now on."""
        self.net = {name: array.astype(np.float32) for name, array in net.items()}
        if "spread" in net:
            self.net["narrow"] = (1 / net["spread"]).astype(np.float32)

    def name_at(self, words: Sequence[str], at: int) -> str:
        """The name that begins there, as stems; of two words behind a title."""
        if words[at] in _TITLES and at + 1 < len(words):
            return f"{self.stem(words[at])} {self.stem(words[at + 1])}"
        return self.stem(words[at])

    def _known(self, word: str) -> Known:
        things, ends_pair = self.things.labels_of(word), bool(self.things.second_of_pair(word))
        if word.isdecimal():
            return Known(word, OF_A_NUMBER, things, ends_pair)
        stem = self.stem(word)
        rarity = self.rarity_of(stem) if len(word) > 2 else 0.0
        return Known(stem, rarity if rarity >= TELLING else 0.0, things, ends_pair)

    def rarity_of(self, stem: str) -> float:
        """How rare a stem is; one never seen is the rarest."""
        column = self.columns.get(stem)
        return UNKNOWN if column is None else self.rarity[column]

    def parts_of(
        self, words: Mapping[str, float], things: Iterable[str]
    ) -> tuple[list[int], list[float]]:
        """The rows of `vectors` that say what a message means, and how much each of them says."""
        rows, weights = [], []
        columns = self.columns
        for stem, weight in words.items():
            if (column := columns.get(stem)) is not None:
                rows.append(column)
                weights.append(weight)
        for thing in sorted(things):
            if (column := columns.get(f"T:{thing}")) is not None:
                rows.append(column)
                weights.append(OF_A_THING)
        return rows, weights

    def look(
        self, words: Mapping[str, float], things: Iterable[str], own: Sequence[float],
        probabilities: Mapping[str, float],
    ) -> Array:  # fmt: skip
        """What a message means, of which services and kinds it may be, and `own`, as one row of numbers."""
        found = np.zeros(LOOK, np.float32)
        rows, weights = self.parts_of(words, things)
        if rows:
            meant = numbers(weights) @ self.vectors.take(rows, axis=0)
            found[:MEANING] = meant / (math.sqrt(meant @ meant) or 1.0)
        found[MEANING:] = numbers([*map(math.sqrt, _shares_of(probabilities)), *own])
        return found.astype(np.float16)

    def evened(self, features: Array) -> Array:
        """Features of matters as the nets weigh them: around 0, about as far from it each."""
        inner = features - self.net["mean"]
        inner *= self.net["narrow"]
        np.maximum(inner, -4, out=inner)
        np.minimum(inner, 4, out=inner)
        return np.asarray(inner)

    def score(self, inner: Array) -> Array:
        """What each of the compared matters is worth by its `evened` features, a new one being worth 0."""
        net = self.net
        middle = inner @ net["in"]
        middle += net["bias"]
        np.tanh(middle, out=middle)
        return np.asarray(middle @ net["out"] + inner @ net["skip"] + net["new"])


def numbers(values: Sequence[float]) -> Array:
    """These as an array: numpy alone would look at each of them several times."""
    return np.frombuffer(array("f", values), np.float32)


@cache
def meaning() -> Meaning:
    """What comes with Bayan; read when it is first asked for."""
    with np.load(FILE) as held:
        return Meaning(dict(held))


def told(words: Sequence[str], named: Collection[str]) -> tuple[dict[str, float], frozenset[str]]:
    """The stems that tell matters apart, with how rare they are, and the things and faults that are named.

    Names of places are compared as places.
    """
    held = meaning()
    known = held.known
    telling: dict[str, float] = {}
    found: set[str] = set()
    before = ""
    for word in words:
        stem, rarity, named_things, ends_pair = known(word)
        if rarity and word not in named:
            telling[stem] = rarity
        if named_things:
            found.update(named_things)
        if ends_pair and before:
            found.update(held.things.labels_of_pair(before, word))
        before = word
    return telling, frozenset(found)


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
            found.add(f"{STREET}:{held.name_at(words, at + 1)}")
        elif (
            (sort := held.stem(word)) in held.facilities
            and len(words[at + 1]) > 2
            and words[at + 1] not in _BESIDE
        ):
            found.update((f"{FACILITY}:{sort} {held.name_at(words, at + 1)}", f"{SORT}:{sort}"))
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


def of_length_one(total: Array) -> Array:
    """The look of many messages together by the sum of theirs: each part of length one, as of a message."""
    lengths = np.sqrt(np.add.reduceat(total * total, (*_PARTS, _OWN))) + 1e-6
    lengths[-1] = 1.0
    return np.asarray(total / np.repeat(lengths, _LONG))


def against_others(held: Array) -> Array:
    """By how much each matter is ahead of the best other one in each column; behind it is below 0."""
    if len(held) < 2:
        return held * 0
    order = held.copy()
    order.sort(axis=0)
    best, second = order[-1], order[-2]
    return np.asarray(held - np.where(held >= best, second, best))


def of_message(own: Array) -> Array:
    """What a message is by itself: of what kinds, its own, and how sure its service is."""
    found = np.empty(ALONE, np.float32)
    kinds = own[_KINDS:_OWN]
    np.multiply(kinds, kinds, out=found[: len(KINDS)])
    found[len(KINDS) : -1] = own[_OWN:]
    found[-1] = own[MEANING:_KINDS].max() ** 2
    return found
