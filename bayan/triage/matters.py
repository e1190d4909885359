"""The same matter: messages gathered as they come, by what they say, where and when.

Each message is held against the few matters that share its rare words or its place; how alike it is to each
is one number between 0 and 1, its likeness. Above `join` it is told to belong there, above `suggest` a
person is asked. Work a message does not grow with the matter: a matter keeps a handful of its messages and
the sum of all.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from bayan.triage.bursts import Seen
from bayan.triage.lexicon import things_among
from bayan.triage.places import AMBIGUOUS
from bayan.triage.text import plain, words_in

if TYPE_CHECKING:
    from bayan.triage.reading import Reading

# So long after its last message a matter is over: who writes then begins a new one.
OPEN_FOR = timedelta(days=6)
# A matter remembers so many of its messages in full.
REMEMBERED = 6
# A message is compared with so many matters at most, found by so many of its rarest words; so many matters,
# the latest, are listed by a word, and by a place, a service or a thing.
COMPARED, BY_WORDS, LISTED_BY_WORD, LISTED_BY_PLACE = 12, 12, 40, 30
# So many are open at most, about 7 KB each: beyond, the one that was silent longest is closed.
MOST_OPEN = 150_000
# A matter is found by so many words; its sums stop after so many messages, and hold so many beginnings.
FOUND_BY, SUMMED, SUMS = 80, 200, 400
# So many letters begin a word.
BEGINNING = 4
# Words rarer than this (`Vocabulary`: 1 is in every text) tell matters apart.
COMMON = 3.5
# Fitted by `scripts/fit_matters.py` to sets of matters apart from the one that they are tried on.
WEIGHTS: tuple[float, ...] = (
    1.21, 1.22, 1.94, -1.59, 0.72, -2.54, 0.2, 0.03, 0.63, 0.29, 1.24, -1.07, 2.77, -0.58, -1.29, -0.52,
    0.19, -0.1, 2.3, -0.26, -1.0, 0.93, 0.73, -0.68, 1.01, 0.2, 0.29, 0.01, 0.72, -1.02, -0.48, 0.61, 0.18,
    -1.03, -0.2, 1.22, 0.26, 0.71, -7.09,
)  # fmt: skip
# A message of so many telling words or more, so near to another (cosine), is passed on or sent once more.
FEWEST_WORDS, ALL_BUT_THE_SAME, SAME_AT_A_PLACE, COPY = 4, 0.9, 0.6, 0.97
# Kinds that can be about the same matter: a fault is told, pointed out and asked about; praise is not a
# fault.
_FAULT = frozenset({"complaint", "observation", "enquiry", "rumour_claim"})


@dataclass(frozen=True)
class Limits:
    """From which likeness on a message joins a matter, or a person is asked (`thresholds`)."""

    join: float = 0.8
    suggest: float = 0.05


@dataclass(frozen=True, slots=True)
class Trace:
    """What of a message tells whether it is about the same matter as another.

    `words`: its telling words with their weights, the whole of length one.
    """

    id: str
    at: datetime
    words: Mapping[str, float]
    # How likely each service is, those that are at all.
    categories: Mapping[str, float]
    kind: str
    municipality: str | None
    places: frozenset[str]
    # What thing or fault it names (`things.toml`).
    things: frozenset[str] = frozenset()

    @property
    def body(self) -> str | None:
        """The one body that its places name."""
        return None if self.municipality == AMBIGUOUS else self.municipality

    def beginnings(self) -> dict[str, float]:
        """What its words begin with; of length one. Endings differ (حفرة، حفرتين، الحفر)."""
        found: dict[str, float] = {}
        for word, weight in self.words.items():
            begin = word[:BEGINNING]
            found[begin] = found.get(begin, 0.0) + weight
        return _unit(found)


@dataclass(frozen=True)
class Verdict:
    """Where a message belongs. `matter` is the id of the one that it joined or began.

    `suggestions`: other matters that it may belong to, with their likeness, the likeliest first.
    """

    matter: str
    is_new: bool
    likeness: float
    suggestions: tuple[tuple[str, float], ...] = ()


class _Matter:
    """A matter: its first message, its latest ones, and the sum of all.

    Most have one message for ever. Then nothing is kept that this message does not hold.
    """

    __slots__ = (
        "bodies", "categories", "first", "id", "kinds", "last_at", "latest", "length", "places", "size",
        "things", "total", "words",
    )  # fmt: skip

    def __init__(self, id: str, trace: Trace, begins: dict[str, float]) -> None:  # noqa: A002  # its name
        self.id = id
        self.first = trace
        self.last_at = trace.at
        self.size = 1
        self.latest: tuple[Trace, ...] = (trace,)
        self.total = begins
        self.length = 1.0 if begins else 0.0
        self.words: Collection[str] = trace.words
        self.places = trace.places
        self.things = trace.things
        self.bodies: frozenset[str] = frozenset([trace.body] if trace.body else ())
        self.categories = trace.categories
        self.kinds = frozenset([trace.kind])

    def take(self, trace: Trace, begins: Mapping[str, float]) -> None:
        """Add a message."""
        self.size += 1
        self.last_at = max(self.last_at, trace.at)
        self.latest = (*self.latest, trace)[-REMEMBERED:]
        # The sum of a huge matter changes no more, and is not to grow.
        if self.size <= SUMMED:
            self.total = _sum(self.total, begins)
            if self.size % 50 == 0:
                self.total = dict(heapq.nlargest(SUMS, self.total.items(), key=_second))
            self.length = math.sqrt(math.sumprod(self.total.values(), self.total.values()))
        self.categories = _sum(self.categories, trace.categories)
        self.kinds |= {trace.kind}
        self.places |= trace.places
        self.things |= trace.things
        if trace.body:
            self.bodies |= {trace.body}


class Matters:
    """The matters that are open, and where each new message belongs.

    Messages are to come in the order of time. What a person decides afterwards is told by `merge`.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        # The one that had a message last comes last.
        self._open: OrderedDict[str, _Matter] = OrderedDict()
        # Of each word and of each place, service or thing the matters that it leads to, the latest last.
        self._by_word: dict[str, list[str]] = {}
        self._by_place: dict[str, list[str]] = {}
        self._merged: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, trace: Trace) -> Verdict:
        """Where this message belongs; it is remembered there."""
        self._close_before(trace.at - OPEN_FOR)
        begins = trace.beginnings()
        found = self._alike(trace, begins)
        best = found[0] if found else ("", 0.0)
        joins = best[1] >= self.limits.join
        others = tuple(one for one in found[joins:][:3] if one[1] >= self.limits.suggest)
        matter_id = best[0] if joins else trace.id
        self._take(matter_id, trace, begins)
        return Verdict(matter_id, not joins, best[1], others)

    def put(self, trace: Trace, matter_id: str) -> None:
        """Remember a message in the matter that is known to be its own, as when matters are read again."""
        self._take(self._now_in(matter_id), trace, trace.beginnings())

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
        matter.places |= old.places
        matter.things |= old.things
        matter.bodies |= old.bodies
        matter.categories = _sum(matter.categories, old.categories, rest / old.size)

    def part(self, message_id: str, of: str) -> None:
        """A message is not about the matter that it was put to: a person says so. It begins its own."""
        matter = self._open.get(self._now_in(of))
        found = [] if matter is None else [one for one in matter.latest if one.id == message_id]
        if matter is None or not found or matter.id == message_id:
            # Told already, or no longer remembered.
            return
        matter.latest = tuple(one for one in matter.latest if one.id != message_id) or (
            matter.first,
        )
        self._merged.pop(message_id, None)
        self.put(found[0], message_id)

    def _now_in(self, matter_id: str) -> str:
        while matter_id in self._merged:
            matter_id = self._merged[matter_id]
        return matter_id

    def alike(self, trace: Trace) -> list[tuple[str, float]]:
        """Open matters that this message may belong to, the likeliest first, with their likeness."""
        return self._alike(trace, trace.beginnings())

    def _alike(self, trace: Trace, begins: Mapping[str, float]) -> list[tuple[str, float]]:
        compared = self._compared(trace)
        copies = [matter for matter, has in compared if _is_copy(trace, matter, has)]
        if copies:
            return [(min(copies, key=lambda matter: matter.first.at).id, COPY)]
        # What is left for a new matter is 1; the others share with it what their scores are worth.
        worth = [
            math.exp(min(math.sumprod(WEIGHTS, features_of(trace, begins, matter, has)), 30))
            for matter, has in compared
        ]
        total = 1 + sum(worth)
        likeness = [(m.id, value / total) for (m, _has), value in zip(compared, worth, strict=True)]
        return sorted(likeness, key=_second, reverse=True)

    def compared(self, trace: Trace) -> tuple[list[str], list[tuple[float, ...]]]:
        """The matters that a message is compared with, and of each what `WEIGHTS` weigh; to fit them."""
        begins, compared = trace.beginnings(), self._compared(trace)
        return [matter.id for matter, _has in compared], [
            features_of(trace, begins, matter, has) for matter, has in compared
        ]

    def _compared(self, trace: Trace) -> list[tuple[_Matter, _Common]]:
        """The nearest matters; those that only share a service with the message are not looked at closely."""
        found = []
        for matter in self._nearest(trace):
            has = _common(trace, matter)
            if has.words or has.things or not trace.places.isdisjoint(matter.places):
                found.append((matter, has))
        return found

    def _nearest(self, trace: Trace) -> list[_Matter]:
        """The matters that a message is compared with: those that most of it leads to."""
        points: dict[str, float] = {}
        for word in heapq.nlargest(BY_WORDS, trace.words, key=trace.words.__getitem__):
            if (ids := self._by_word.get(word)) is not None:
                worth = trace.words[word] ** 2
                for matter_id in ids[-LISTED_BY_WORD:]:
                    points[matter_id] = points.get(matter_id, 0.0) + worth
        for place, worth in _signposts(trace.places, trace.categories, trace.things):
            if (ids := self._by_place.get(place)) is not None:
                for matter_id in ids[-LISTED_BY_PLACE:]:
                    points[matter_id] = points.get(matter_id, 0.0) + worth
        nearest = heapq.nlargest(COMPARED, points, key=points.__getitem__)
        return [self._open[matter_id] for matter_id in nearest]

    def _take(self, matter_id: str, trace: Trace, begins: dict[str, float]) -> None:
        matter = self._open.get(matter_id)
        if matter is None:
            matter = self._open[matter_id] = _Matter(matter_id, trace, begins)
            new_words: Iterable[str] = trace.words
        else:
            matter.take(trace, begins)
            self._open.move_to_end(matter_id)
            new_words = [word for word in trace.words if word not in matter.words]
            if new_words and len(matter.words) < FOUND_BY:
                matter.words = frozenset((*matter.words, *new_words))
            else:
                new_words = ()
        for word in new_words:
            _list(self._by_word, word, matter_id, LISTED_BY_WORD)
        for place, _worth in _signposts(trace.places, trace.categories, trace.things):
            ids = self._by_place.get(place)
            if matter.size == 1 or ids is None or matter_id not in ids:
                _list(self._by_place, place, matter_id, LISTED_BY_PLACE)

    def _close_before(self, limit: datetime) -> None:
        while self._open:
            matter = next(iter(self._open.values()))
            if matter.last_at >= limit and len(self._open) < MOST_OPEN:
                return
            self._open.popitem(last=False)
            self._unlist(matter)

    def _unlist(self, matter: _Matter) -> None:
        for word in matter.words:
            _unlist(self._by_word, word, matter.id)
        for place, _worth in _signposts(matter.places, matter.categories, matter.things):
            _unlist(self._by_place, place, matter.id)


def _signposts(
    places: Iterable[str], categories: Mapping[str, float], things: Iterable[str]
) -> list[tuple[str, float]]:
    """By what else than words a matter is found, and how much it counts."""
    found = [(place, 0.3) for place in places]
    found += [(f"category:{name}", 0.3 * share) for name, share in categories.items()]
    found += [(f"thing:{thing}", 0.3) for thing in things]
    return found


def _list(index: dict[str, list[str]], key: str, matter_id: str, most: int) -> None:
    ids = index.get(key)
    if ids is None:
        index[key] = [matter_id]
        return
    ids.append(matter_id)
    if len(ids) >= 2 * most:
        del ids[:-most]


def _unlist(index: dict[str, list[str]], key: str, matter_id: str) -> None:
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
    named = {word for place in reading.places for word in _words_of(place.text)}
    words: dict[str, float] = {}
    for word in reading.read_words:
        if word in named or (len(word) < 3 and not word.isdecimal()):
            continue
        stem, rarity = vocabulary.stem_and_rarity(word)
        if rarity >= COMMON:
            words[stem] = rarity
    return Trace(
        id=id,
        at=at,
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
        things=things_among(reading.read_words),
    )


@lru_cache(maxsize=16_384)
def _words_of(name: str) -> list[str]:
    return [word for word, _start, _end in words_in(plain(name).text)]


def seen_of(reading: Reading, *, id: str, at: datetime) -> Seen:  # noqa: A002  # the field's name
    """A read message as bursts count it: for its body, its service, its places, and by its telling words."""
    vocabulary = reading.model.vocabulary
    terms: dict[str, str] = {}
    for word, start, end in reading.words:
        stem, rarity = vocabulary.stem_and_rarity(word)
        if len(stem) > 2 and rarity >= COMMON:
            terms[stem] = reading.as_written(start, end)
    about = [("category", reading.category)]
    if reading.municipality and reading.municipality != AMBIGUOUS:
        about.append(("municipality", reading.municipality))
    about.extend(
        ("place", place.entries[0].key) for place in reading.places if len(place.entries) == 1
    )
    return Seen(at=at, id=id, about=tuple(dict.fromkeys(about)), terms=terms)


def _unit(weights: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(math.sumprod(weights.values(), weights.values())) or 1.0
    return {term: weight / length for term, weight in weights.items()}


def _sum(
    one: Mapping[str, float], other: Mapping[str, float], times: float = 1.0
) -> dict[str, float]:
    total = dict(one)
    for key, value in other.items():
        total[key] = total.get(key, 0.0) + times * value
    return total


def _product(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The sum over what both have of the products of its weights: of unit length, their cosine."""
    both = one.keys() & other.keys()
    return sum([one[key] * other[key] for key in both]) if both else 0.0


class _Common(NamedTuple):
    """What a message has in common with the remembered messages of a matter, with the one that has most."""

    # With each of them.
    cosines: list[float]
    cosine: float
    words: int
    # Of the message's words, by the squares of their weights.
    share: float
    # Of the things that either names.
    things: float


def _common(trace: Trace, matter: _Matter) -> _Common:
    others = matter.latest
    if matter.size > REMEMBERED:
        others = (*others, matter.first)
    own, own_things = trace.words, trace.things
    cosines: list[float] = []
    words, share, things = 0, 0.0, 0.0
    for other in others:
        theirs = other.words
        cosine = 0.0
        if both := own.keys() & theirs.keys():
            weight = 0.0
            for word in both:
                cosine += own[word] * theirs[word]
                weight += own[word] ** 2
            words, share = max(words, len(both)), max(share, weight)
        cosines.append(cosine)
        if shared := own_things & other.things:
            things = max(things, len(shared) / len(own_things | other.things))
    return _Common(cosines, max(cosines), words, share, things)


def _is_copy(trace: Trace, matter: _Matter, has: _Common) -> bool:
    """Whether its words are all but those of another message there, and no other place is named."""
    # Where both name the same place, a greeting and an end may differ too.
    least = SAME_AT_A_PLACE if trace.places else ALL_BUT_THE_SAME
    if has.cosine < least or len(trace.words) < FEWEST_WORDS:
        return False
    return any(
        cosine >= least
        and trace.places == other.places
        and trace.municipality == other.municipality
        for cosine, other in zip(has.cosines, (*matter.latest, matter.first), strict=False)
    )


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def features_of(
    trace: Trace, begins: Mapping[str, float], matter: _Matter, has: _Common
) -> tuple[float, ...]:
    """What `WEIGHTS` weigh; 1 last, for the threshold.

    What both say, of which thing and service, where, how far apart, and what of it goes together.
    """
    to_all = _product(begins, matter.total) / matter.length if matter.length else 0.0
    both_placed = bool(trace.places and matter.places)
    same_place = both_placed and not trace.places.isdisjoint(matter.places)
    other_place = both_placed and not same_place
    body = trace.body
    same_body = body in matter.bodies
    other_body = bool(body and matter.bodies) and not same_body
    nowhere = trace.municipality is None
    category = 0.0
    for name, share in trace.categories.items():
        category += share * matter.categories.get(name, 0.0)
    category /= matter.size
    faults = trace.kind in _FAULT and not _FAULT.isdisjoint(matter.kinds)
    days = min((trace.at - matter.last_at) / timedelta(days=1), 6.0)
    lately = 1 / (1 + 8 * max(days, 0.0))
    named = len(trace.things & matter.things)
    other_thing = bool(trace.things and matter.things) and not named
    return (
        has.cosine,
        to_all,
        same_place,
        other_place,
        same_body,
        other_body,
        nowhere,
        category,
        same_place * category,
        same_body * category,
        nowhere * category,
        same_place * to_all,
        nowhere * to_all,
        faults or trace.kind in matter.kinds,
        days,
        not matter.bodies and not matter.places,
        has.words,
        has.share,
        math.log1p(len(trace.words)),
        math.log(matter.size),
        lately,
        has.things,
        named,
        other_thing,
        not trace.things,
        not matter.things,
        same_place * has.things,
        same_body * has.things,
        nowhere * has.things,
        other_place * has.things,
        same_place * other_thing,
        same_body * other_thing,
        nowhere * other_thing,
        same_place * has.share,
        other_place * has.share,
        nowhere * has.share,
        same_place * lately,
        nowhere * lately,
        1.0,
    )
