"""Lists of words that speak for something, read from a TOML file.

What people call things, signs of danger.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

# Written as one with a word; the longest first.
_PREFIXES = (
    "وبال", "فبال", "وال", "فال", "بال", "كال", "هال", "ولل", "لل", "ال", "وب", "ول", "و", "ب", "ل", "ف",
    "ك", "ه",
)  # fmt: skip
# By their first letter, each with its length: most words ask few of them.
_BY_LETTER = {
    letter: [(prefix, len(prefix)) for prefix in _PREFIXES if prefix[0] == letter]
    for letter in {prefix[0] for prefix in _PREFIXES}
}


@lru_cache(maxsize=65_536)
def bare_forms(word: str) -> tuple[str, ...]:
    """A word, and the word without what may be written as one with it."""
    prefixes = _BY_LETTER.get(word[:1])
    if prefixes is None:
        return (word,)
    longest = len(word) - 3
    return (
        word,
        *[
            word[length:]
            for prefix, length in prefixes
            if length <= longest and word.startswith(prefix)
        ],
    )


@lru_cache(maxsize=65_536)
def stem_of(word: str) -> str:
    """The shortest of a word\'s bare forms."""
    return min(bare_forms(word), key=len)


def _forms_in(known: set[str]) -> Callable[[str], tuple[str, ...]]:
    """Which of a word's bare forms are among these."""

    @lru_cache(maxsize=65_536)
    def forms(word: str) -> tuple[str, ...]:
        return tuple([form for form in bare_forms(word) if form in known])

    return forms


class Lexicon:
    """Which labels a word, or two words side by side, speak for.

    In the file each label has one string of words: `*` ends a beginning of words, `_` joins two that stand
    side by side. What is written as one with a word (و، ب، ال …) does not matter. Labels in a table are named
    `table.label`.
    """

    def __init__(self, path: Path) -> None:
        self._wholes: dict[str, list[str]] = {}
        self._begins: dict[str, list[str]] = {}
        self._pairs: dict[str, list[str]] = {}
        with path.open("rb") as file:
            self._add("", tomllib.load(file))
        # By their first three letters, the shortest first: most words begin like none.
        self._by_three: dict[str, list[str]] = {}
        for begin in sorted(self._begins, key=len):
            self._by_three.setdefault(begin[:3], []).append(begin)
        self.labels_of = lru_cache(maxsize=65_536)(self._labels_of)
        # Few words stand in any pair, and few say anything: most questions end here.
        self.first_of_pair = _forms_in({key.partition(" ")[0] for key in self._pairs})
        self.second_of_pair = _forms_in({key.partition(" ")[2] for key in self._pairs})
        self._says_anything = lru_cache(maxsize=65_536)(
            lambda word: bool(self.labels_of(word) or self.second_of_pair(word))
        )

    def _add(self, above: str, tables: dict[str, Any]) -> None:
        for name, held in tables.items():
            label = f"{above}{name}"
            if isinstance(held, dict):
                self._add(f"{label}.", held)
                continue
            for given in held.split():
                is_begin = given.endswith("*")
                word = given.rstrip("*").replace("_", " ")
                kind = self._pairs if " " in word else self._begins if is_begin else self._wholes
                kind.setdefault(word, []).append(label)

    def _labels_of(self, word: str) -> tuple[str, ...]:
        """The labels for which a plain word speaks."""
        found: list[str] = []
        for form in bare_forms(word):
            if labels := self._wholes.get(form):
                found += labels
            for begin in self._by_three.get(form[:3], ()):
                if form.startswith(begin):
                    found += self._begins[begin]
        return tuple(dict.fromkeys(found)) if found else ()

    def spoken_of(self, words: Sequence[str]) -> list[tuple[int, int, str]]:
        """The labels for which plain words in their order speak.

        Each with the places of its first and its last word.
        """
        found: list[tuple[int, int, str]] = []
        for at, says in enumerate(map(self._says_anything, words)):
            if not says:
                continue
            word = words[at]
            found += [(at, at, label) for label in self.labels_of(word)]
            if at and self.second_of_pair(word):
                found += [(at - 1, at, label) for label in self.labels_of_pair(words[at - 1], word)]
        return found

    def labels_of_pair(self, first: str, second: str) -> tuple[str, ...]:
        """The labels for which two plain words side by side speak."""
        seconds = self.second_of_pair(second)
        firsts = self.first_of_pair(first) if seconds else ()
        if not firsts:
            return ()
        found = [
            label
            for other in seconds
            for one in firsts
            for label in self._pairs.get(f"{one} {other}", ())
        ]
        return tuple(dict.fromkeys(found)) if found else ()


@cache
def meanings() -> Lexicon:
    """What people call things; read when it is first asked for, since many a process never asks."""
    return Lexicon(Path(__file__).parent / "lexicon.toml")


@cache
def things() -> Lexicon:
    """The things and faults that are told apart, finer than services."""
    return Lexicon(Path(__file__).parent / "things.toml")


def things_among(words: Sequence[str]) -> frozenset[str]:
    """The things and faults that plain words in their order name, finer than services (`things.toml`)."""
    return frozenset(label for _first, _last, label in things().spoken_of(words))
