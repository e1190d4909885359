"""How alike a message is to a matter: what both say of what, where and when, as a row of numbers each.

What is the same for all matters that a message is held against is worked out once (`Known`); the net that
weighs the rows stands in `alike`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayan.triage import alike

if TYPE_CHECKING:
    from bayan.triage.matters import Matter, Trace

Array = np.ndarray[Any, Any]
# What a message has in common with a matter, in this order, before its looks and its own (`alike`).
FEATURES = (
    "cosine", "words", "cover", "seldom", "seldom_second", "seldom_all", "seldom_share", "rare",
    "rare_second", "same_place", "other_place", "same_town", "other_town", "same_names", "seldom_name",
    "other_names", "same_body", "other_body", "nowhere", "matter_nowhere", "placed", "matter_placed",
    "same_landmark", "landmark_told", "other_landmark", "same_street", "other_street", "same_number",
    "other_number", "same_facility", "other_facility", "same_things", "things_share", "other_thing",
    "seldom_things", "seldom_thing", "things_cover", "thing", "matter_thing", "hours", "lately",
    "hours_of_first", "days", "hour_of_day", "size", "same_language",
)  # fmt: skip
_HELD = len(FEATURES) + alike.LOOKS
# Of these and of the looks behind them also by how much a matter is ahead of the others.
_AHEAD = [
    *(FEATURES.index(name) for name in ("cosine", "seldom_all", "seldom_things", "lately", "seldom_name")),
    len(FEATURES), len(FEATURES) + 2,
]  # fmt: skip
_ALONE = _HELD + alike.ALONE
WIDE = _ALONE + len(_AHEAD)
# A message of so many telling words or more, so near to another (cosine), is passed on or sent once more.
FEWEST_WORDS, ALL_BUT_THE_SAME, SAME_AT_A_PLACE = 4, 0.9, 0.6


class Known:
    """A message that is held against matters, with how seldom open matters know what it says."""

    def __init__(self, trace: Trace, seldom: Mapping[str, float]) -> None:
        self.trace = trace
        self.seldom = seldom
        rarity = alike.meaning().rarity_of
        self.words = [
            (word, seldom.get(word, 0.0), rarity(word), weight * weight)
            for word, weight in trace.words.items()
        ]
        self.length = len(self.words)
        self.places, self.things, self.body = trace.places, trace.things, trace.body
        marks = trace.marks
        sorts = {mark[0] for mark in marks}
        self.marks = frozenset([mark for mark in marks if mark[0] != alike.LANGUAGE])
        self.towns = alike.TOWN in sorts
        self.streets = alike.STREET in sorts
        self.numbers = alike.NUMBER in sorts
        self.names = alike.NAMED in sorts
        self.landmarks = [mark[2:] for mark in marks if mark[0] == alike.LANDMARK]
        self.language = next((m for m in marks if m[0] == alike.LANGUAGE), alike.LANGUAGE)
        self.of_things = {thing: seldom.get(thing, 0.0) for thing in sorted(self.things)}
        self.all_things = sum(self.of_things.values()) or 1.0
        self.at, self.hour = trace.at.timestamp(), trace.at.hour


def cosines(trace: Trace, matter: Matter) -> tuple[list[float], int]:
    """The cosine of a message's words with each remembered one's; and the most words shared with one."""
    own = trace.words
    found: list[float] = []
    words = 0
    for other in matter.remembered():
        theirs = other.words
        shared = [word for word in own if word in theirs]
        found.append(sum([own[word] * theirs[word] for word in shared]))
        words = max(words, len(shared))
    return found, words


def is_copy(trace: Trace, matter: Matter, held: Sequence[float]) -> bool:
    """Whether its words are all but those of another message there (`cosines`), and no other place named."""
    # Where both name the same place, a greeting and an end may differ too.
    least = SAME_AT_A_PLACE if trace.places else ALL_BUT_THE_SAME
    if max(held) < least or len(trace.words) < FEWEST_WORDS:
        return False
    return any(
        cosine >= least
        and trace.places == other.places
        and trace.municipality == other.municipality
        for cosine, other in zip(held, matter.remembered(), strict=True)
    )


def rows_of(
    known: Known, matters: Sequence[Matter], held: Sequence[tuple[list[float], int]],
    sides: Array, beside: Array,
) -> Array:  # fmt: skip
    """A row for each matter: what is the same and apart, their looks, the message alone, and who is ahead.

    `held`: `cosines` of each; `sides`: the message's look, laid out; `beside`: their looks by that.
    """
    rows = np.empty((len(matters), WIDE), np.float32)
    alike_in: list[float] = []
    for matter, (each, words) in zip(matters, held, strict=True):
        alike_in += features_of(known, matter, max(each), words)
    rows[:, : len(FEATURES)] = alike.numbers(alike_in).reshape(len(matters), -1)
    looks = rows[:, len(FEATURES) : _HELD]
    looks[:, 0:4:2] = looks[:, 1:4:2] = beside[:, :2]
    looks[:, 4:] = beside[:, 2:5]
    for row, matter in enumerate(matters):
        if matter.size > 1:
            # Also the remembered message that is nearest.
            members = matter.members.reshape(-1, alike.LOOK).astype(np.float32)
            looks[row, 1:4:2] = (members @ sides[: alike.LOOK, :2]).max(axis=0)
    rows[:, _HELD:_ALONE] = alike.of_message(known.trace.look.astype(np.float32))
    rows[:, _ALONE:] = alike.against_others(rows.take(_AHEAD, axis=1))
    return rows


def features_of(  # noqa: PLR0912, PLR0915  # asked for each matter: calls would cost as much as it
    known: Known, matter: Matter, cosine: float, words: int
) -> tuple[float, ...]:
    """What a message and a matter say alike or apart, as `FEATURES` names it."""
    their_words = matter.words
    first = second = together = rare = rare_second = cover = 0.0
    for word, seldom, rarity, share in known.words:
        if word in their_words:
            cover += share
            together += seldom
            if seldom > first:
                first, second = seldom, first
            elif seldom > second:
                second = seldom
            if rarity > rare:
                rare, rare_second = rarity, rare
            elif rarity > rare_second:
                rare_second = rarity
    places, their_places = known.places, matter.places
    both_placed = bool(places and their_places)
    fine = both_placed and not places.isdisjoint(their_places)
    theirs = matter.sorts
    names, town, landmark, street, number, name = 0, False, False, False, False, 0.0
    facility = sort_of_facility = False
    for mark in known.marks & matter.marks:
        sort = mark[0]
        if sort == alike.NAMED:
            names += 1
            name = max(name, known.seldom.get(mark, 0.0))
        elif sort == alike.TOWN:
            town = True
        elif sort == alike.LANDMARK:
            landmark = True
        elif sort == alike.STREET:
            street = True
        elif sort == alike.NUMBER:
            number = True
        elif sort == alike.FACILITY:
            facility = True
        else:
            sort_of_facility = True
    told = landmark
    if not told:
        for word in known.landmarks:
            if word in their_words:
                told = True
                break
    body, bodies = known.body, matter.bodies
    same_body = body is not None and body in bodies
    things, their_things, thing, most, shared = known.things, matter.things, 0.0, 0.0, 0
    if things and their_things:
        for one, value in known.of_things.items():
            if one in their_things:
                shared += 1
                thing += value
                most = max(most, value)
    either = len(things) + len(their_things) - shared
    hours = max((known.at - matter.last) / 3600, 0.0)
    since_first = max((known.at - matter.began) / 3600, 0.0)
    return (
        cosine,
        words,
        cover,
        first,
        second,
        min(together, 25.0),
        together / alike.RAREST / (1 + known.length),
        rare,
        rare_second,
        fine,
        both_placed and not fine,
        town,
        known.towns and alike.TOWN in theirs and not town,
        min(names, 3),
        name,
        known.names and alike.NAMED in theirs and not names,
        same_body,
        bool(body and bodies) and not same_body,
        not known.names,
        alike.NAMED not in theirs,
        bool(places),
        bool(their_places),
        landmark,
        told,
        bool(known.landmarks) and alike.LANDMARK in theirs and not told,
        street,
        known.streets and alike.STREET in theirs and not street,
        number,
        known.numbers and alike.NUMBER in theirs and not number,
        facility,
        sort_of_facility and not facility,
        shared,
        shared / (either or 1),
        bool(things and their_things) and not shared,
        thing,
        most,
        thing / known.all_things,
        bool(things),
        bool(their_things),
        math.log1p(hours),
        1 / (1 + hours / 3),
        math.log1p(since_first),
        min(hours / 24, 6.0),
        math.cos((known.hour - matter.hour) / 12 * math.pi),
        math.log(min(matter.size, 20)),
        known.language in matter.marks,
    )
