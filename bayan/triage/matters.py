"""The same matter: messages gathered as they come, by what they say, where and when.

Each message is held against the few matters that share its rare words or its place; how alike it is to each
is one number between 0 and 1, its likeness. Above `join` it is told to belong there, above `suggest` a
person is asked. Work a message does not grow with the matter: a matter keeps a handful of its messages and
what all have said together, within limits. What is compared stands in `alike`.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bayan.triage import alike, closely
from bayan.triage.bursts import Seen
from bayan.triage.likeness import Known, cosines, is_copy, rows_of
from bayan.triage.looks import Looks
from bayan.triage.places import AMBIGUOUS
from bayan.triage.text import plain, words_in

if TYPE_CHECKING:
    from bayan.triage.reading import Reading

Array = np.ndarray[Any, Any]
_NO_LOOKS: Array = np.zeros((0, 5), np.float32)
# Of what the first look weighs (`alike.ROUGH`) so much leads to matters.
_LEADS = 3
# So long after its last message a matter is over: who writes then begins a new one.
OPEN_FOR = timedelta(days=6)
# A matter remembers so many of its messages in full.
REMEMBERED = 6
# A message is compared with so many matters at most, of so many that its rarest words, its places, services
# and things lead to; so many matters, the latest, are listed by a word, and by a place, a service or a thing.
COMPARED, LOOKED_AT, BY_WORDS, LISTED_BY_WORD, LISTED_BY_PLACE = 6, 64, 12, alike.LISTED, 30
# A place, a service, a thing lead to so many of these at the first look.
LED_TO = 16
# A word that leads to so many says little: it leads to so few, and counts so much.
LISTED_IF_COMMON, WORTH_IF_COMMON = 6, 0.2
# So many are open at most, about 9 KB each, so that no stream needs 1 GB: beyond, the one that was silent
# longest is closed.
MOST_OPEN = 60_000
# A matter knows so many words, and so many marks, of all its messages.
FOUND_BY, MARKS = 80, 60
# Words rarer than this (`Vocabulary`: 1 is in every text) tell matters apart.
COMMON = 3.5
# The likeness of what is passed on or sent once more.
COPY = 0.97
# A message is looked at closely where its likeliest matter is likelier than the first, less than the second:
# beside matters that are likelier than that.
IN_DOUBT, LOOKED_AT_CLOSELY = (0.5, 0.97), 0.1
# Matters that are less worth than this at a first look (the logarithm; a new one is worth 0) are left out.
LEAST_WORTH = -5.0
_NOTHING: frozenset[str] = frozenset()
_NOTHING_NEAR: Mapping[str, float] = {}


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
    # Landmarks, streets, numbers, towns, words of names; what it means and is like, as a row (`alike`).
    marks: frozenset[str] = frozenset()
    look: Array = field(default_factory=lambda: np.zeros(alike.LOOK, np.float16), compare=False)

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


class Matter:
    """A matter: its first message, its latest ones, and the sum of all.

    Most have one message for ever. Then nothing is kept that this message does not hold.
    """

    __slots__ = (
        "began", "bodies", "categories", "first", "hour", "id", "last", "last_at", "latest", "marks",
        "members", "near", "places", "row", "size", "sorts", "things", "total", "words",
    )  # fmt: skip

    def __init__(self, id: str, trace: Trace, looks: Looks) -> None:  # noqa: A002  # its name
        self.id = id
        # Where its look is kept.
        self.row = looks.place(self)
        self.first = trace
        self.last_at = trace.at
        self.began = self.last = trace.at.timestamp()
        self.hour = trace.at.hour
        self.size = 1
        self.latest: tuple[Trace, ...] = (trace,)
        self.words: Collection[str] = trace.words
        self.places = trace.places
        self.things = trace.things
        self.marks = trace.marks
        self.sorts = alike.sorts_of(trace.marks)
        self.bodies: frozenset[str] = frozenset([trace.body]) if trace.body else _NOTHING
        self.categories = trace.categories
        # Matters that its first message may belong to, with their likeness.
        self.near: Mapping[str, float] = _NOTHING_NEAR
        # The looks of all, added; and of each remembered one.
        self.total = self.members = trace.look

    def take(self, trace: Trace) -> None:
        """Add a message."""
        self.size += 1
        if trace.at > self.last_at:
            self.last_at, self.last = trace.at, trace.at.timestamp()
        self.latest = (*self.latest, trace)[-REMEMBERED:]
        self.categories = _sum(self.categories, trace.categories)
        self.total = self.total.astype(np.float32) + trace.look
        self.members = np.concatenate([other.look for other in self.remembered()])
        self.places |= trace.places
        self.things |= trace.things
        if len(self.marks) < MARKS:
            self.marks |= trace.marks
            self.sorts |= alike.sorts_of(trace.marks)
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
        self._open: OrderedDict[str, Matter] = OrderedDict()
        # Of each word and of each place, service or thing the matters that it leads to, the latest last,
        # as rows of `_looks`.
        self._by_word: dict[str, array[int]] = {}
        self._by_place: dict[str, array[int]] = {}
        self._merged: dict[str, str] = {}
        self._looks = Looks()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, trace: Trace) -> Verdict:
        """Where this message belongs; it is remembered there."""
        self._close_before(trace.at - OPEN_FOR)
        found = self.alike(trace)
        best = self._surest(found)
        joins = best[1] >= self.limits.join
        others = tuple(
            one
            for one in found
            if one[1] >= self.limits.suggest and not (joins and one[0] == best[0])
        )[:3]
        matter_id = best[0] if joins else trace.id
        self._take(matter_id, trace)
        if not joins:
            self._open[matter_id].near = dict(others)
        return Verdict(matter_id, not joins, best[1], others)

    def _surest(self, found: Sequence[tuple[str, float]]) -> tuple[str, float]:
        """The likeliest matter, where one may lie in parts.

        What speaks for another matter speaks for it as far as one was likely the other when it began.
        """
        best = found[0] if found else ("", 0.0)
        if best[1] >= self.limits.join or sum(map(_second, found)) < self.limits.join:
            return best
        near = {
            one: {self._now_in(other): share for other, share in self._open[one].near.items()}
            for one, _likeness in found
        }
        for one, likeness in found:
            whole = likeness + sum(
                other_likeness * max(near[one].get(other, 0.0), near[other].get(one, 0.0))
                for other, other_likeness in found
                if other != one
            )
            if whole > best[1]:
                best = (one, whole)
        return best

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
        self._looks.leave(old.row)
        for trace in old.latest:
            self.put(trace, into)
        matter = self._open[into]
        # What it no longer remembers in full counts by its sums.
        rest = old.size - len(old.latest)
        matter.size += rest
        matter.near = {**old.near, **matter.near}
        matter.places |= old.places
        matter.things |= old.things
        matter.marks |= old.marks
        matter.bodies |= old.bodies
        matter.sorts |= old.sorts
        matter.total = matter.total.astype(np.float32) + old.total * np.float32(rest / old.size)
        matter.categories = _sum(matter.categories, old.categories, rest / old.size)
        self._looks.keep(matter)

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
        matter.members = np.concatenate([other.look for other in matter.remembered()])
        self._merged.pop(message_id, None)
        self.put(found[0], message_id)

    def _now_in(self, matter_id: str) -> str:
        while matter_id in self._merged:
            matter_id = self._merged[matter_id]
        return matter_id

    def alike(self, trace: Trace) -> list[tuple[str, float]]:
        """Open matters that this message may belong to, the likeliest first, with their likeness."""
        sides = _laid_out(trace)
        compared, beside = self._nearest(trace, sides)
        if not compared:
            return []
        held = [cosines(trace, matter) for matter in compared]
        copies = [
            matter
            for matter, (each, _words) in zip(compared, held, strict=True)
            if is_copy(trace, matter, each)
        ]
        if copies:
            return [(min(copies, key=lambda matter: matter.began).id, COPY)]
        meaning, seldom = alike.meaning(), self._seldom(trace)
        whole = meaning.evened(rows_of(Known(trace, seldom), compared, held, sides, beside))
        scores = meaning.score(whole)
        likeness = _shares(scores)
        if meaning.close and IN_DOUBT[0] < max(likeness) < IN_DOUBT[1]:
            near = [at for at, share in enumerate(likeness) if share > LOOKED_AT_CLOSELY]
            pairs = closely.pairs_of(trace, seldom, [compared[at] for at in near])
            scores[near] = closely.score(whole[near], pairs)
            likeness = _shares(scores)
        found = zip([matter.id for matter in compared], likeness, strict=True)
        return sorted(found, key=_second, reverse=True)

    def compared(self, trace: Trace) -> tuple[list[str], Array, closely.Pairs | None]:
        """The matters that a message is compared with, a row each of what is weighed, pairs; to fit it."""
        sides = _laid_out(trace)
        compared, beside = self._nearest(trace, sides)
        if not compared:
            return [], np.zeros((0, 0)), None
        seldom = self._seldom(trace)
        held = [cosines(trace, matter) for matter in compared]
        rows = rows_of(Known(trace, seldom), compared, held, sides, beside)
        return [matter.id for matter in compared], rows, closely.pairs_of(trace, seldom, compared)

    def looked_at(self, trace: Trace) -> tuple[list[str], Array]:
        """All matters that anything leads to, and of each a row of what the first look weighs; to fit it."""
        columns = [
            self._led_to(trace, [float(at == column) for at in range(_LEADS)])
            for column in range(_LEADS)
        ]
        rows = columns[0][0]
        if not len(rows):
            return [], np.zeros((0, len(alike.ROUGH)))
        held, beside = self._looks.first_look(
            rows, _laid_out(trace), trace.at.timestamp(), trace.body
        )
        led = [worth for _rows, worth in columns]
        ids = [self._looks.matters[row].id for row in rows.tolist()]
        return ids, np.column_stack([*led, beside[:, :3], held[:, alike.LOOK :]])

    def _seldom(self, trace: Trace) -> dict[str, float]:
        """How much it says to share its words, things, names: the more open matters know them, the less."""
        by_word, by_place = self._by_word, self._by_place
        known_to = alike.SELDOM
        found = {
            word: known_to[len(ids)]
            for word in trace.words
            if (ids := by_word.get(word)) is not None
        }
        for thing in trace.things:
            found[thing] = known_to[len(by_place.get(f"thing:{thing}", ()))]
        for mark in trace.marks:
            if mark[0] == "P":
                found[mark] = known_to[len(by_place.get(mark, ()))]
        return found

    def _led_to(self, trace: Trace, weights: Sequence[float]) -> tuple[Array, Array]:
        """Rows of matters that words, places and things lead to, and how much by these weights.

        Where few do, its services lead to some more.
        """
        rows = array("i")
        counts: list[int] = []
        worths: list[float] = []
        words: Collection[str] = trace.words
        if len(words) > BY_WORDS:
            words = heapq.nlargest(BY_WORDS, words, key=trace.words.__getitem__)
        for word in words:
            if (listed := self._by_word.get(word)) is None:
                continue
            known_to = len(listed)
            if known_to >= LISTED_BY_WORD:
                listed = listed[-LISTED_IF_COMMON:]
                worths.append(weights[0] * WORTH_IF_COMMON)
            else:
                worths.append(weights[0] * alike.SELDOM[known_to])
            rows.extend(listed)
            counts.append(len(listed))
        signs = [(place, weights[1]) for place in sorted(trace.places)]
        signs += [(thing, weights[2]) for thing in _signs(trace.things)]
        for sign, weight in signs:
            if (listed := self._by_place.get(sign)) is not None:
                worths.append(weight * alike.SELDOM[len(listed)])
                listed = listed[-LED_TO:]
                rows.extend(listed)
                counts.append(len(listed))
        if len(rows) < LOOKED_AT:
            for name in trace.categories:
                if (listed := self._by_place.get(f"category:{name}")) is not None:
                    listed = listed[-LED_TO:]
                    rows.extend(listed)
                    counts.append(len(listed))
                    worths.append(0.0)
        return self._looks.added(rows, worths, counts)

    def _nearest(self, trace: Trace, sides: Array) -> tuple[list[Matter], Array]:
        """The matters that a message is compared with, and how alike they look: what most of it leads to."""
        if not (trace.words or trace.places or trace.things):
            return [], _NO_LOOKS
        rough = alike.meaning().rough
        rows, worths = self._led_to(trace, rough[:_LEADS])
        if not len(rows):
            return [], _NO_LOOKS
        if len(rows) > LOOKED_AT:
            best = (-worths).argsort(kind="stable")[:LOOKED_AT]
            rows, worths = rows[best], worths[best]
        # What it means, when and whose it is tells the nearer ones among them.
        _held, beside = self._looks.first_look(rows, sides, trace.at.timestamp(), trace.body)
        worths = worths + beside[:, 5]
        order = worths.argsort(kind="stable")[: -1 - COMPARED : -1]
        order = order[worths[order] >= LEAST_WORTH - rough[-1]]
        return [self._looks.matters[row] for row in rows[order].tolist()], beside[order]

    def _take(self, matter_id: str, trace: Trace) -> None:
        matter = self._open.get(matter_id)
        if matter is None:
            matter = self._open[matter_id] = Matter(matter_id, trace, self._looks)
            new_words: Iterable[str] = trace.words
        else:
            matter.take(trace)
            self._open.move_to_end(matter_id)
            new_words = [word for word in trace.words if word not in matter.words]
            if new_words and len(matter.words) < FOUND_BY:
                matter.words = frozenset((*matter.words, *new_words))
            else:
                new_words = ()
        self._looks.keep(matter)
        for word in new_words:
            _list(self._by_word, word, matter.row, LISTED_BY_WORD)
        for place in _signposts(trace):
            listed = self._by_place.get(place)
            if place[:2] == f"{alike.NAMED}:" and place not in matter.marks:
                # It knows enough of them.
                continue
            if matter.size == 1 or listed is None or matter.row not in listed:
                _list(self._by_place, place, matter.row, LISTED_BY_PLACE)

    def _close_before(self, limit: datetime) -> None:
        while self._open:
            matter = next(iter(self._open.values()))
            if matter.last_at >= limit and len(self._open) < MOST_OPEN:
                return
            self._open.popitem(last=False)
            self._unlist(matter)
            self._looks.leave(matter.row)

    def _unlist(self, matter: Matter) -> None:
        for word in matter.words:
            _unlist(self._by_word, word, matter.row)
        for place in _signposts(matter):
            _unlist(self._by_place, place, matter.row)


def _shares(scores: Array) -> list[float]:
    """How likely each is by its score; what is left for a new matter is worth 1."""
    worth = [math.exp(min(score, 30.0)) for score in scores.tolist()]
    total = 1 + sum(worth)
    return [value / total for value in worth]


def _laid_out(trace: Trace) -> Array:
    return alike.meaning().laid_out(trace.look.astype(np.float32))


def _signs(things: Iterable[str]) -> list[str]:
    return [f"thing:{thing}" for thing in sorted(things)]


def _signposts(of: Trace | Matter) -> list[str]:
    """By what else than words a matter is found."""
    return [
        *of.places,
        *[f"category:{name}" for name in of.categories],
        *_signs(of.things),
        *[mark for mark in of.marks if mark[0] == alike.NAMED],
    ]


def _list(index: dict[str, array[int]], key: str, row: int, most: int) -> None:
    listed = index.get(key)
    if listed is None:
        index[key] = array("i", (row,))
        return
    listed.append(row)
    if len(listed) >= 2 * most:
        del listed[:-most]


def _unlist(index: dict[str, array[int]], key: str, row: int) -> None:
    listed = index.get(key)
    if listed is not None and row in listed:
        listed.remove(row)
        if not listed:
            del index[key]


def told_of(reading: Reading) -> tuple[dict[str, float], frozenset[str], set[str]]:
    """The stems that tell what a message is about, the things that it names, the words of its places."""
    named = {word for place in reading.places for word in _words_of(place.text)}
    return *alike.told(reading.read_words, named), named


def trace_of(
    reading: Reading,
    *,
    id: str,  # noqa: A002  # the field's name
    at: datetime,
) -> Trace:
    """What of a read message is compared. The names of its places count as places, not as words."""
    telling, things, named = told_of(reading)
    words = reading.read_words
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
            telling, things, alike.own_of(words, telling, reading.language), reading.probabilities
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


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
