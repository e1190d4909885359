"""The same matter: messages gathered as they come, by what they say, where and when.

Each message is held against the few matters that share its rare words or its place; how alike it is to each
is one number between 0 and 1, its likeness. Above `join` it is told to belong there, above `suggest` a
person is asked. Work a message does not grow with the matter: a matter keeps a handful of its messages and
what all have said together, within limits. What is compared stands in `alike`.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayan.triage import alike
from bayan.triage.bursts import Seen
from bayan.triage.lexicon import things_among
from bayan.triage.places import AMBIGUOUS
from bayan.triage.taxonomy import CATEGORIES, KINDS
from bayan.triage.text import plain, words_in

if TYPE_CHECKING:
    from bayan.triage.reading import Reading

# So long after its last message a matter is over: who writes then begins a new one.
OPEN_FOR = timedelta(days=6)
# A matter remembers so many of its messages in full.
REMEMBERED = 6
# A message is compared with so many matters at most, of so many that its rarest words, its places, services
# and things lead to; so many matters, the latest, are listed by a word, and by a place, a service or a thing.
COMPARED, LOOKED_AT, BY_WORDS, LISTED_BY_WORD, LISTED_BY_PLACE = 12, 30, 12, alike.LISTED, 30
# So many are open at most, about 8 KB each: beyond, the one that was silent longest is closed.
MOST_OPEN = 150_000
# A matter knows so many words, and so many marks, of all its messages.
FOUND_BY, MARKS = 80, 60
# Words rarer than this (`Vocabulary`: 1 is in every text) tell matters apart.
COMMON = 3.5
# A message of so many telling words or more, so near to another (cosine), is passed on or sent once more.
FEWEST_WORDS, ALL_BUT_THE_SAME, SAME_AT_A_PLACE, COPY = 4, 0.9, 0.6, 0.97
_NOTHING: frozenset[str] = frozenset()
# What a message has in common with a matter, in this order, before its looks and its own (`alike`).
FEATURES = (
    "cosine", "words", "cover", "seldom", "seldom_second", "seldom_all", "seldom_share", "rare",
    "rare_second", "same_place", "other_place", "same_town", "other_town", "same_names", "seldom_name",
    "other_names", "same_body", "other_body", "nowhere", "matter_nowhere", "placed", "matter_placed",
    "same_landmark", "landmark_told", "other_landmark", "same_street", "other_street", "same_number",
    "other_number", "same_things", "things_share", "other_thing", "seldom_things", "seldom_thing",
    "things_cover", "thing", "matter_thing", "hours", "lately", "hours_of_first", "days", "hour_of_day",
    "size", "same_language",
)  # fmt: skip
# Of these and of the looks behind them also by how much a matter is ahead of the others.
_AHEAD = (
    *(FEATURES.index(name) for name in ("cosine", "seldom_all", "seldom_things", "lately", "seldom_name")),
    len(FEATURES), len(FEATURES) + 2,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """From which likeness on a message joins a matter, or a person is asked (`thresholds`)."""

    join: float = 0.9
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
    # Landmarks, streets, numbers, towns, words of names; what it means and is like, as a row (`alike`).
    marks: frozenset[str] = frozenset()
    look: np.ndarray[Any, Any] = field(
        default_factory=lambda: np.zeros(alike.LOOK, np.float16), compare=False
    )

    @property
    def body(self) -> str | None:
        """The one body that its places name."""
        return None if self.municipality == AMBIGUOUS else self.municipality


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
        "bodies", "categories", "first", "id", "last_at", "latest", "look", "marks", "places", "size",
        "things", "words",
    )  # fmt: skip

    def __init__(self, id: str, trace: Trace) -> None:  # noqa: A002  # its name
        self.id = id
        self.first = trace
        self.last_at = trace.at
        self.size = 1
        self.latest: tuple[Trace, ...] = (trace,)
        self.words: Collection[str] = trace.words
        self.places = trace.places
        self.things = trace.things
        self.marks = trace.marks
        self.bodies: frozenset[str] = frozenset([trace.body]) if trace.body else _NOTHING
        self.categories = trace.categories
        self.look = trace.look

    def take(self, trace: Trace) -> None:
        """Add a message."""
        self.size += 1
        self.last_at = max(self.last_at, trace.at)
        self.latest = (*self.latest, trace)[-REMEMBERED:]
        self.categories = _sum(self.categories, trace.categories)
        self.look = self.look.astype(np.float32) + trace.look
        self.places |= trace.places
        self.things |= trace.things
        if len(self.marks) < MARKS:
            self.marks |= trace.marks
        if trace.body:
            self.bodies |= {trace.body}

    def remembered(self) -> tuple[Trace, ...]:
        """Its latest messages, and its first one."""
        return (*self.latest, self.first) if self.size > REMEMBERED else self.latest


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
        found = self.alike(trace)
        best = found[0] if found else ("", 0.0)
        joins = best[1] >= self.limits.join
        others = tuple(one for one in found[joins:][:3] if one[1] >= self.limits.suggest)
        matter_id = best[0] if joins else trace.id
        self._take(matter_id, trace)
        return Verdict(matter_id, not joins, best[1], others)

    def put(self, trace: Trace, matter_id: str) -> None:
        """Remember a message in the matter that is known to be its own, as when matters are read again."""
        self._take(self._now_in(matter_id), trace)

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
        matter.marks |= old.marks
        matter.bodies |= old.bodies
        matter.look = matter.look.astype(np.float32) + old.look * np.float32(rest / old.size)
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
        compared = self._nearest(trace)
        if not compared:
            return []
        common = [_common(trace, matter) for matter in compared]
        copies = [
            matter
            for matter, has in zip(compared, common, strict=True)
            if _is_copy(trace, matter, has)
        ]
        if copies:
            return [(min(copies, key=lambda matter: matter.first.at).id, COPY)]
        # What is left for a new matter is 1; the others share with it what their scores are worth.
        features = self._features(trace, compared, common)
        worth = np.exp(np.minimum(alike.meaning().score(features), 30)).tolist()
        total = 1 + sum(worth)
        likeness = [(m.id, value / total) for m, value in zip(compared, worth, strict=True)]
        return sorted(likeness, key=_second, reverse=True)

    def compared(self, trace: Trace) -> tuple[list[str], np.ndarray[Any, Any]]:
        """The matters that a message is compared with, and of each a row of what is weighed; to fit it."""
        compared = self._nearest(trace)
        if not compared:
            return [], np.zeros((0, 0))
        common = [_common(trace, matter) for matter in compared]
        return [matter.id for matter in compared], self._features(trace, compared, common)

    def _features(
        self, trace: Trace, compared: Sequence[_Matter], common: Sequence[_Common]
    ) -> np.ndarray[Any, Any]:
        """What is weighed: of what both say, where and when, of their looks, and of the message alone."""
        seldom = {
            word: alike.seldom(len(ids))
            for word in trace.words
            if (ids := self._by_word.get(word)) is not None
        }
        for thing in trace.things:
            seldom[f"thing:{thing}"] = alike.seldom(len(self._by_place.get(f"thing:{thing}", ())))
        for mark in trace.marks:
            if mark[0] == alike.NAMED:
                seldom[mark] = alike.seldom(len(self._by_place.get(mark, ())))
        known = _Known(trace, seldom)
        rows = [features_of(known, *pair) for pair in zip(compared, common, strict=True)]
        members: list[np.ndarray[Any, Any]] = []
        starts = []
        for matter in compared:
            starts.append(len(members))
            members.extend(other.look for other in matter.remembered())
        looks = alike.looks_alike(
            trace.look,
            np.array([matter.look for matter in compared], np.float32),
            np.array(members, np.float32),
            starts,
        )
        held = np.concatenate([np.array(rows, np.float32), looks], axis=1)
        alone = np.tile(alike.of_message(trace.look), (len(rows), 1))
        return np.concatenate([held, alone, alike.against_others(held, _AHEAD)], axis=1)

    def _nearest(self, trace: Trace) -> list[_Matter]:
        """The matters that a message is compared with: those that most of it leads to."""
        if not (trace.words or trace.places or trace.things):
            return []
        points: dict[str, float] = {}
        for word in heapq.nlargest(BY_WORDS, trace.words, key=trace.words.__getitem__):
            if (ids := self._by_word.get(word)) is not None:
                worth = alike.seldom(len(ids))
                for matter_id in ids[-LISTED_BY_WORD:]:
                    points[matter_id] = points.get(matter_id, 0.0) + worth
        for sign, worth in _signposts(trace):
            if (ids := self._by_place.get(sign)) is not None:
                counts = worth or alike.seldom(len(ids))
                for matter_id in ids[-LISTED_BY_PLACE:]:
                    points[matter_id] = points.get(matter_id, 0.0) + counts
        if not points:
            return []
        found = [self._open[one] for one in heapq.nlargest(LOOKED_AT, points, key=points.get)]  # type: ignore[arg-type]
        if len(found) <= COMPARED:
            return found
        # What it means, when and whose it is tells the nearer ones among them.
        meant = np.array([matter.look[: alike.MEANING] for matter in found], np.float32)
        near = meant @ trace.look[: alike.MEANING].astype(np.float32)
        near /= np.sqrt((meant**2).sum(axis=1)) + 1e-6
        body, at = trace.body, trace.at
        worths = []
        for matter, means in zip(found, near.tolist(), strict=True):
            hours = max((at - matter.last_at).total_seconds() / 3600, 0.0)
            worth = points[matter.id] + 3 * means + 2 / (1 + hours / 6)
            if body and matter.bodies and body not in matter.bodies:
                worth -= 3
            worths.append(worth)
        order = heapq.nlargest(COMPARED, range(len(found)), key=worths.__getitem__)
        return [found[one] for one in order]

    def _take(self, matter_id: str, trace: Trace) -> None:
        matter = self._open.get(matter_id)
        if matter is None:
            matter = self._open[matter_id] = _Matter(matter_id, trace)
            new_words: Iterable[str] = trace.words
        else:
            matter.take(trace)
            self._open.move_to_end(matter_id)
            new_words = [word for word in trace.words if word not in matter.words]
            if new_words and len(matter.words) < FOUND_BY:
                matter.words = frozenset((*matter.words, *new_words))
            else:
                new_words = ()
        for word in new_words:
            _list(self._by_word, word, matter_id, LISTED_BY_WORD)
        for place, _worth in _signposts(trace):
            ids = self._by_place.get(place)
            if place[:2] == f"{alike.NAMED}:" and place not in matter.marks:
                # It knows enough of them.
                continue
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
        for place, _worth in _signposts(matter):
            _unlist(self._by_place, place, matter.id)


def _signposts(of: Trace | _Matter) -> list[tuple[str, float]]:
    """By what else than words a matter is found, and how much it counts; 0: the less, the more know it."""
    found = [(place, 3.0) for place in of.places]
    found += [(f"category:{name}", 3 * share) for name, share in of.categories.items()]
    found += [(f"thing:{thing}", 0.0) for thing in of.things]
    found += [(mark, 1.0) for mark in of.marks if mark[0] == alike.NAMED]
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
    named = {word for place in reading.places for word in _words_of(place.text)}
    words, of = reading.read_words, reading.probabilities
    telling = alike.telling(words, named)
    things = things_among(words)
    fine, towns = set(), set()
    for place in reading.places:
        for entry in place.entries:
            if entry.type in {"districts", "roads", "landmarks"}:
                fine.add(entry.key)
            else:
                towns.add(entry.key)
    return Trace(
        id=id,
        at=at,
        words=_unit(telling),
        categories=reading.categories,
        kind=reading.kind,
        municipality=reading.municipality,
        places=frozenset(fine),
        things=things,
        marks=alike.marks_of(words, named, towns, reading.language),
        look=alike.meaning().look(
            telling,
            things,
            alike.own_of(words, telling, reading.language),
            {name: of[f"category.{name}"] for name in CATEGORIES},
            {name: of[f"kind.{name}"] for name in KINDS},
        ),
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


class _Common(NamedTuple):
    """What a message has in common with the remembered messages of a matter."""

    # With each of them, and the most.
    cosines: list[float]
    cosine: float
    # How many words, with the one that has most.
    words: int


def _common(trace: Trace, matter: _Matter) -> _Common:
    own = trace.words
    cosines: list[float] = []
    words = 0
    for other in matter.remembered():
        theirs = other.words
        cosine = 0.0
        if both := own.keys() & theirs.keys():
            for word in both:
                cosine += own[word] * theirs[word]
            words = max(words, len(both))
        cosines.append(cosine)
    return _Common(cosines, max(cosines), words)


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


class _Known:
    """What is asked again for each matter that a message is held against."""

    def __init__(self, trace: Trace, seldom: Mapping[str, float]) -> None:
        self.trace = trace
        self.seldom = seldom
        self.marks = frozenset(mark for mark in trace.marks if mark[0] != alike.LANGUAGE)
        self.has = alike.has_of(trace.marks)
        self.language = next(
            (mark for mark in trace.marks if mark[0] == alike.LANGUAGE), alike.LANGUAGE
        )
        self.landmarks = [mark[2:] for mark in trace.marks if mark[0] == alike.LANDMARK]
        self.names = sum(mark[0] == alike.NAMED for mark in trace.marks)
        self.things = sum(seldom.get(f"thing:{thing}", 0.0) for thing in trace.things)


def features_of(known: _Known, matter: _Matter, has: _Common) -> tuple[float, ...]:
    """What a message and a matter say alike or apart, as `FEATURES` names it."""
    trace, seldom = known.trace, known.seldom
    words = trace.words
    shared = [word for word in words if word in matter.words]
    loc = sorted((seldom.get(word, 0.0) for word in shared), reverse=True)
    rarity = alike.meaning().rarity_of
    rare = sorted(map(rarity, shared), reverse=True)
    all_seldom = sum(loc)
    fine = not trace.places.isdisjoint(matter.places)
    both_placed = bool(trace.places and matter.places)
    here = known.marks & matter.marks
    theirs = {mark[0] for mark in matter.marks}
    sorts = [mark[0] for mark in here]
    names = sorts.count(alike.NAMED)
    landmarks = alike.LANDMARK in sorts
    told = landmarks or any(word in matter.words for word in known.landmarks)

    def parts(sort: str) -> bool:
        return sort in known.has and sort in theirs and sort not in sorts

    body = trace.body
    same_body = body is not None and body in matter.bodies
    things = trace.things & matter.things
    of_things = [seldom[f"thing:{thing}"] for thing in things]
    hours = max((trace.at - matter.last_at).total_seconds() / 3600, 0.0)
    since_first = max((trace.at - matter.first.at).total_seconds() / 3600, 0.0)
    return (
        has.cosine,
        has.words,
        sum([words[word] ** 2 for word in shared]),
        loc[0] if loc else 0.0,
        loc[1] if len(loc) > 1 else 0.0,
        min(all_seldom, 25.0),
        all_seldom / alike.RAREST / (1 + len(words)),
        rare[0] if rare else 0.0,
        rare[1] if len(rare) > 1 else 0.0,
        fine,
        both_placed and not fine,
        alike.TOWN in sorts,
        parts(alike.TOWN),
        min(names, 3),
        max((seldom.get(mark, 0.0) for mark in here if mark[0] == alike.NAMED), default=0.0),
        parts(alike.NAMED),
        same_body,
        bool(body and matter.bodies) and not same_body,
        not known.names,
        alike.NAMED not in theirs,
        bool(trace.places),
        bool(matter.places),
        landmarks,
        told,
        parts(alike.LANDMARK) and not told,
        alike.STREET in sorts,
        parts(alike.STREET),
        alike.NUMBER in sorts,
        parts(alike.NUMBER),
        len(things),
        len(things) / (len(trace.things | matter.things) or 1),
        bool(trace.things and matter.things) and not things,
        sum(of_things),
        max(of_things, default=0.0),
        sum(of_things) / (known.things or 1.0),
        bool(trace.things),
        bool(matter.things),
        math.log1p(hours),
        1 / (1 + hours / 3),
        math.log1p(since_first),
        min(hours / 24, 6.0),
        math.cos((trace.at.hour - matter.first.at.hour) / 12 * math.pi),
        math.log(min(matter.size, 20)),
        known.language in matter.marks,
    )
