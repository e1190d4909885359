"""The looks of open matters side by side, with when and whose they are, so that many are seen at once."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayan.triage import alike

if TYPE_CHECKING:
    from bayan.triage.matters import Matter

Array = np.ndarray[Any, Any]
# Behind a look: the hours of a matter's last message, whose it is, how large. At a first look soon, lately,
# other body, same body and size stand there (`alike.ROUGH`).
_HOUR, _BODY, _SIZE = alike.LOOK, alike.LOOK + 1, alike.LOOK + 4
_WIDE = alike.LOOK + 5
_NOBODY, _MANY = 0.0, -1.0
_NOTHING: Array = np.zeros(0, np.intp)
# A larger matter is not likelier.
_LARGE = 20


class Looks:
    """A row for each open matter, 336 bytes; rows of closed ones are used again."""

    def __init__(self) -> None:
        self._rows: Array = np.zeros((256, _WIDE), np.float32)
        # For sums, by rows.
        self._sums: Array = np.zeros(256, np.float32)
        self._last: Array = np.zeros(256, np.intp)
        # By its row; of rows that are not in use a matter that is closed.
        self.matters: list[Matter] = []
        self._free: list[int] = []
        self._bodies: dict[str, float] = {}
        # Hours are counted from the first one on: there are few enough for their minutes to be told apart.
        self._began: float | None = None

    def place(self, matter: Matter) -> int:
        """A row for one more matter."""
        if self._free:
            row = self._free.pop()
            self.matters[row] = matter
            return row
        self.matters.append(matter)
        if len(self.matters) > len(self._rows):
            more = np.zeros((len(self._rows) // 2, _WIDE), np.float32)
            self._rows = np.concatenate([self._rows, more])
            self._sums = np.zeros(len(self._rows), np.float32)
            self._last = np.zeros(len(self._rows), np.intp)
        return len(self.matters) - 1

    def leave(self, row: int) -> None:
        """A matter is closed."""
        self._free.append(row)

    def added(
        self, rows: array[int], worths: Sequence[float], counts: Sequence[int]
    ) -> tuple[Array, Array]:
        """Each of these rows once, and what they are worth; one worth for so many of them each."""
        if not rows:
            return _NOTHING, _NOTHING
        many = np.frombuffer(rows, np.int32).astype(np.intp)
        numbers = np.arange(len(many))
        self._sums[many] = 0
        np.add.at(self._sums, many, alike.numbers(worths).repeat(counts))
        self._last[many] = numbers
        once = many[self._last[many] == numbers]
        return once, self._sums[once]

    def keep(self, matter: Matter) -> None:
        """What is seen of a matter at a first look."""
        row = self._rows[matter.row]
        row[: alike.LOOK] = matter.total if matter.size == 1 else alike.of_length_one(matter.total)
        row[_HOUR], row[_BODY] = self._hours(matter.last), self._body(matter)
        row[_SIZE] = math.log(min(matter.size, _LARGE))

    def first_look(
        self, rows: Array, beside: Array, at: float, body: str | None
    ) -> tuple[Array, Array]:
        """Their rows, with what the first look weighs at the end (`soon` and on), and those by `beside`."""
        held = self._rows.take(rows, axis=0)
        hours = np.maximum(self._hours(at) - held[:, _HOUR], 0)
        whose = held[:, _BODY].copy()
        held[:, _HOUR] = 1 / (1 + hours / 6)
        held[:, _HOUR + 1] = 1 / (1 + hours / 48)
        if body:
            same = whose == self._bodies.get(body, math.inf)
            held[:, _SIZE - 1] = same
            held[:, _SIZE - 2] = (whose > _NOBODY) & ~same
        else:
            held[:, _SIZE - 2 : _SIZE] = 0
        return held, held @ beside

    def _hours(self, at: float) -> float:
        if self._began is None:
            self._began = at
        return (at - self._began) / 3600

    def _body(self, matter: Matter) -> float:
        if not matter.bodies:
            return _NOBODY
        if len(matter.bodies) > 1:
            return _MANY
        (body,) = matter.bodies
        return self._bodies.setdefault(body, len(self._bodies) + 1.0)
