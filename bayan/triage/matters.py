"""The same matter: messages gathered as they come, by what they say, where and when.

Each message is held against the few matters that share its rare words or its place; how alike it is to each
is one number between 0 and 1, its likeness. Above `join` it is told to belong there, above `suggest` a
person is asked. Work a message does not grow with the matter: a matter keeps a handful of its messages and
the sum of all.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bayan.triage.bursts import Seen
from bayan.triage.places import AMBIGUOUS
from bayan.triage.text import plain, words_in

if TYPE_CHECKING:
    from bayan.triage.reading import Reading

# So long after its last message a matter is over: who writes then begins a new one.
OPEN_FOR = timedelta(days=6)
# A matter remembers so many of its messages in full.
REMEMBERED = 6
# A message is compared with so many matters at most, found by so many of its rarest words.
COMPARED, BY_WORDS, BY_PLACE = 12, 12, 30
# Words rarer than this (`Vocabulary`: 1 is in every text) tell matters apart.
COMMON = 3.5
# Fitted by `scripts/fit_matters.py` to a set of matters apart from the one that they are tried on.
WEIGHTS = (
    -1.04, 2.57, 1.96, -3.25, 2.35, -1.36, 1.76, 1.55, 1.64, 0.23, 0.72, -8.52, 13.43, 0.31, -0.93, -0.74,
    -2.84,
)  # fmt: skip
# A message of so many telling words or more, so near to another (cosine), is passed on or sent once more.
FEWEST_WORDS, ALL_BUT_THE_SAME, SAME_AT_A_PLACE, COPY = 4, 0.9, 0.6, 0.97
# Kinds that can be about the same matter: a fault is told, pointed out and asked about; praise is not a
# fault.
_FAULT = frozenset({"complaint", "observation", "enquiry", "rumour_claim"})


@dataclass(frozen=True)
class Limits:
    """From which likeness on a message joins a matter, or a person is asked; an authority may change them."""

    join: float = 0.9
    suggest: float = 0.1


@dataclass(frozen=True)
class Trace:
    """What of a message tells whether it is about the same matter as another.

    `terms` are pieces of its words with their weights, the whole of length one; `words` the same for the
    whole words by which matters are found.
    """

    id: str
    at: datetime
    terms: Mapping[str, float]
    words: Mapping[str, float]
    # How likely each service is, those that are at all.
    categories: Mapping[str, float]
    kind: str
    municipality: str | None
    places: frozenset[str]


@dataclass(frozen=True)
class Verdict:
    """Where a message belongs. `matter` is the id of the one that it joined or began.

    `suggestions`: other matters that it may belong to, with their likeness, the likeliest first.
    """

    matter: str
    is_new: bool
    likeness: float
    suggestions: tuple[tuple[str, float], ...] = ()


@dataclass
class _Matter:
    id: str
    first_at: datetime
    last_at: datetime
    size: int = 0
    total: Counter[str] = field(default_factory=Counter)
    length: float = 1.0
    latest: deque[Trace] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    first: Trace | None = None
    words: set[str] = field(default_factory=set)
    places: Counter[str] = field(default_factory=Counter)
    municipalities: Counter[str] = field(default_factory=Counter)
    categories: dict[str, float] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)


class Matters:
    """The matters that are open, and where each new message belongs.

    Messages are to come in the order of time. What a person decides afterwards is told by `merge`.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        # The one that had a message last comes last.
        self._open: OrderedDict[str, _Matter] = OrderedDict()
        self._by_word: dict[str, deque[str]] = {}
        self._by_place: dict[str, deque[str]] = {}
        self._merged: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, trace: Trace) -> Verdict:
        """Where this message belongs; it is remembered there."""
        self._close_before(trace.at - OPEN_FOR)
        found = self.alike(trace)
        best = found[0] if found else ("", 0.0)
        joins = best[1] >= self.limits.join
        others = tuple(one for one in found[joins:][:3] if one[1] >= self.limits.suggest)
        matter = self._open[best[0]] if joins else _Matter(trace.id, trace.at, trace.at)
        self._take(matter, trace)
        return Verdict(matter.id, not joins, best[1] if found else 0.0, others)

    def put(self, trace: Trace, matter_id: str) -> None:
        """Remember a message in the matter that is known to be its own, as when matters are read again."""
        matter_id = self._now_in(matter_id)
        self._take(self._open.get(matter_id) or _Matter(matter_id, trace.at, trace.at), trace)

    def merge(self, matter_id: str, into: str) -> None:
        """One matter becomes part of another: a person says that they are the same."""
        matter_id, into = self._now_in(matter_id), self._now_in(into)
        if matter_id == into:
            return
        self._merged[matter_id] = into
        old = self._open.pop(matter_id, None)
        if old is None:
            return
        self._unlist(old)
        for trace in old.latest:
            self.put(trace, into)
        matter = self._open[into]
        # What it no longer remembers in full counts by its sums.
        rest = old.size - len(old.latest)
        matter.size += rest
        matter.places.update(old.places)
        matter.municipalities.update(old.municipalities)
        for category, share in old.categories.items():
            before = matter.categories.get(category, 0.0)
            matter.categories[category] = before + share * rest / old.size

    def _now_in(self, matter_id: str) -> str:
        while matter_id in self._merged:
            matter_id = self._merged[matter_id]
        return matter_id

    def alike(self, trace: Trace) -> list[tuple[str, float]]:
        """Open matters that this message may belong to, the likeliest first, with their likeness."""
        points: dict[str, float] = {}
        for word, weight in sorted(trace.words.items(), key=_second, reverse=True)[:BY_WORDS]:
            for matter_id in self._by_word.get(word, ()):
                points[matter_id] = points.get(matter_id, 0.0) + weight * weight
        for place in trace.places:
            for matter_id in self._by_place.get(place, ()):
                points[matter_id] = points.get(matter_id, 0.0) + 0.3
        for category, share in trace.categories.items():
            for matter_id in self._by_place.get(f"category:{category}", ()):
                points[matter_id] = points.get(matter_id, 0.0) + 0.3 * share
        nearest = sorted(points, key=points.__getitem__, reverse=True)[:COMPARED]
        copies = [one for one in nearest if _is_copy(trace, self._open[one])]
        if copies:
            return [(min(copies, key=lambda one: self._open[one].first_at), COPY)]
        # What is left for a new matter is 1; the others share with it what their scores are worth.
        worth = {one: math.exp(min(score_of(trace, self._open[one]), 30)) for one in nearest}
        total = 1 + sum(worth.values())
        return sorted(
            ((one, value / total) for one, value in worth.items()), key=_second, reverse=True
        )

    def _take(self, matter: _Matter, trace: Trace) -> None:
        matter.first = matter.first or trace
        matter.size += 1
        matter.last_at = max(matter.last_at, trace.at)
        matter.latest.append(trace)
        # The sum of a huge matter changes no more, and is not to grow.
        if matter.size <= 200:
            matter.total.update(trace.terms)
            if matter.size % 50 == 0:
                matter.total = Counter(dict(matter.total.most_common(400)))
            matter.length = math.sqrt(sum(w * w for w in matter.total.values())) or 1.0
        for category, share in trace.categories.items():
            before = matter.categories.get(category, 0.0)
            matter.categories[category] = before + share
        matter.kinds[trace.kind] += 1
        matter.places.update(trace.places)
        if trace.municipality and trace.municipality != AMBIGUOUS:
            matter.municipalities[trace.municipality] += 1
        self._open[matter.id] = matter
        self._open.move_to_end(matter.id)
        if len(matter.words) < 80:
            for word, weight in trace.words.items():
                if weight > 0.1 and word not in matter.words:
                    matter.words.add(word)
                    self._by_word.setdefault(word, deque(maxlen=40)).appendleft(matter.id)
        for place in (*trace.places, *(f"category:{category}" for category in trace.categories)):
            ids = self._by_place.setdefault(place, deque(maxlen=BY_PLACE))
            if matter.id not in ids:
                ids.appendleft(matter.id)

    def _close_before(self, limit: datetime) -> None:
        while self._open:
            matter = next(iter(self._open.values()))
            if matter.last_at >= limit:
                return
            self._open.popitem(last=False)
            self._unlist(matter)

    def _unlist(self, matter: _Matter) -> None:
        for word in matter.words:
            self._leave(self._by_word, word, matter.id)
        for place in (*matter.places, *(f"category:{one}" for one in matter.categories)):
            self._leave(self._by_place, place, matter.id)

    @staticmethod
    def _leave(index: dict[str, deque[str]], key: str, matter_id: str) -> None:
        ids = index.get(key)
        if ids is not None and matter_id in ids:
            ids.remove(matter_id)
            if not ids:
                del index[key]


def trace_of(
    reading: Reading,
    *,
    id: str,  # noqa: A002  # the field's name
    at: datetime,
) -> Trace:
    """What of a read message is compared. The names of its places count as places, not as words."""
    vocabulary = reading.model.vocabulary
    named = {word for place in reading.places for word, _s, _e in words_in(plain(place.text).text)}
    terms: dict[str, float] = {}
    words: dict[str, float] = {}
    for word, _start, _end in words_in(reading.read_text):
        if word in named or (len(word) < 3 and not word.isdecimal()):
            continue
        stem, rarity = vocabulary.stem_and_rarity(word)
        if rarity < COMMON:
            continue
        words[stem] = rarity
        # Endings differ (حفرة، حفرتين، الحفر): what a word begins with says most.
        for term, weight in ((stem[:3], 0.6), (stem[:4], 0.8), (f"{stem} ", 1.0)):
            terms[term] = terms.get(term, 0.0) + weight * rarity
    return Trace(
        id=id,
        at=at,
        terms=_unit(terms),
        words=_unit(words),
        categories=reading.categories,
        kind=reading.kind,
        municipality=reading.municipality,
        places=frozenset(
            entry.key
            for place in reading.places
            for entry in place.entries
            if entry.type in {"districts", "roads", "landmarks"}
        ),
    )


def seen_of(reading: Reading, *, id: str, at: datetime) -> Seen:  # noqa: A002  # the field's name
    """A read message as bursts count it: for its body, its service, its places, and by its telling words."""
    vocabulary = reading.model.vocabulary
    form = plain(reading.text)
    terms: dict[str, str] = {}
    for word, start, end in words_in(form.text):
        stem, rarity = vocabulary.stem_and_rarity(word)
        if len(stem) > 2 and rarity >= COMMON:
            first, behind = form.span(start, end)
            terms[stem] = reading.text[first:behind]
    about = [("category", reading.category)]
    if reading.municipality and reading.municipality != AMBIGUOUS:
        about.append(("municipality", reading.municipality))
    about.extend(
        ("place", place.entries[0].key) for place in reading.places if len(place.entries) == 1
    )
    return Seen(at=at, id=id, about=tuple(dict.fromkeys(about)), terms=terms)


def _unit(weights: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {term: weight / length for term, weight in weights.items()}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other[term] for term, weight in one.items() if term in other)


def _is_copy(trace: Trace, matter: _Matter) -> bool:
    """Whether its words are all but those of another message there, and no other place is named."""
    if len(trace.words) < FEWEST_WORDS:
        return False
    # Where both name the same place, a greeting and an end may differ too.
    least = SAME_AT_A_PLACE if trace.places else ALL_BUT_THE_SAME
    return any(
        trace.places == other.places
        and _cosine(trace.words, other.words) >= least
        and trace.municipality == other.municipality
        for other in (*matter.latest, *([matter.first] if matter.first else []))
    )


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def score_of(trace: Trace, matter: _Matter) -> float:
    """How much speaks for a message being about this matter, against its being about a new one (0)."""
    return sum(w * x for w, x in zip(WEIGHTS, features_of(trace, matter), strict=True))


def features_of(trace: Trace, matter: _Matter) -> tuple[float, ...]:
    """What `WEIGHTS` weigh: what both say, where, of which service, how far apart; 1 for the threshold."""
    by_words = max(_cosine(trace.words, other.words) for other in matter.latest)
    if matter.first is not None and matter.size > REMEMBERED:
        by_words = max(by_words, _cosine(trace.words, matter.first.words))
    to_all = _cosine(trace.terms, matter.total) / matter.length
    same_place = bool(trace.places & matter.places.keys())
    other_place = bool(trace.places) and bool(matter.places) and not same_place
    known = trace.municipality is not None and trace.municipality != AMBIGUOUS
    same_body = known and trace.municipality in matter.municipalities
    other_body = known and bool(matter.municipalities) and not same_body
    nowhere = trace.municipality is None
    category = _cosine(trace.categories, matter.categories) / matter.size
    faults = trace.kind in _FAULT and any(kind in _FAULT for kind in matter.kinds)
    days = (trace.at - matter.last_at) / timedelta(days=1)
    return (
        by_words,
        to_all,
        float(same_place),
        float(other_place),
        float(same_body),
        float(other_body),
        float(nowhere),
        category,
        same_place * category,
        same_body * category,
        nowhere * category,
        same_place * to_all,
        nowhere * to_all,
        float(faults or trace.kind in matter.kinds),
        min(days, 6.0),
        float(not matter.municipalities and not matter.places),
        1.0,
    )
