"""A text as tokens, and each token as weighed pieces: what the classifiers count.

Everything about a token is worked out once and kept: a text's scores are the sums of its tokens' scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bayan.triage.lexicon import meanings, stem_of
from bayan.triage.safety import signs_among
from bayan.triage.text import Plain, in_arabic_letters, language_of, plain, words_in

# Pieces of this many letters, within words and over their edges.
SHORTEST, LONGEST = 2, 5
# How much more a word of the lexicon counts.
LEXICON = 2.0
# A long text is also looked at in stretches of so many words, each beginning so many after the one before.
WINDOW, STRIDE = 16, 8
# What comes after so many words is only read as a part of the whole.
LONGEST_READ = 1_000
# So many words are remembered with their stems.
KEPT = 100_000
_MARKS = frozenset("؟?!؛")


def tokens_of(read_text: str) -> list[str]:
    """The tokens of a read text: its words, each two words side by side, marks and emoji, signs of danger.

    A pair holds a space, a mark begins with `m:`, a sign of danger with `d:`.
    """
    return _tokens([word for word, _start, _end in words_in(read_text)], read_text)


def windows_of(tokens: Sequence[str]) -> list[list[str]]:
    """The tokens of each stretch of a long text; none where the text is short.

    A cry for help in the middle of a long letter is a small part of it: looked at alone it is heard.
    """
    words = [token for token in tokens if " " not in token and token[1:2] != ":"]
    if len(words) <= WINDOW:
        return []
    return [
        _tokens(words[at : at + WINDOW], "")
        for at in range(0, min(len(words), LONGEST_READ) - WINDOW + STRIDE, STRIDE)
    ]


def _tokens(plain_words: Sequence[str], read_text: str) -> list[str]:
    words = ["0" if word.isdecimal() else word for word in plain_words]
    tokens = list(words)
    tokens.extend(f"{first} {second}" for first, second in pairwise(words))
    tokens.extend(
        f"m:{character}"
        for character in set(read_text)
        if character in _MARKS or (character > "\u2190" and not character.isalnum())
    )
    tokens.extend(f"d:{sign}" for sign in signs_among(plain_words))
    return tokens


def pieces_of(token: str) -> Iterator[str]:
    """What a token is made of.

    Itself, its labels in the lexicon, and the letters of a word two to five by five.
    """
    if token[1:2] == ":":
        yield token
        return
    first, _space, second = token.partition(" ")
    yield f"w:{token}"
    if second:
        for label in meanings().labels_of_pair(first, second):
            yield f"l:{label}"
        return
    for label in meanings().labels_of(token):
        yield f"l:{label}"
    padded = f" {token} "
    for size in range(SHORTEST, min(LONGEST, len(padded)) + 1):
        for at in range(len(padded) - size + 1):
            yield padded[at : at + size]


def read(text: str, form: Plain | None = None, language: str = "") -> str:
    """The plain text that tokens are taken of: Arabizi stands there in Arabic letters too."""
    written = (form or plain(text)).text
    if (language or language_of(text)) == "ar-Latn":
        return f"{written} {in_arabic_letters(written)}"
    return written


class Vocabulary:
    """The pieces that count, each with its column, and how rare it is."""

    def __init__(self, pieces: Sequence[str], rarity: np.ndarray[Any, Any]) -> None:
        self.pieces = list(pieces)
        self.rarity = rarity.astype(np.float32)
        self.rarest = float(self.rarity.max()) if len(self.pieces) else 1.0
        self._stems: dict[str, tuple[str, float]] = {}
        self._columns = {piece: column for column, piece in enumerate(self.pieces)}

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], *, least: int) -> Vocabulary:
        """The pieces that occur in at least `least` of these texts, given as tokens.

        Rarity is the smoothed inverse document frequency, ln((1 + n) / (1 + df)) + 1.
        """
        counts: Counter[str] = Counter()
        number = 0
        for tokens in texts:
            number += 1
            counts.update({piece for token in tokens for piece in pieces_of(token)})
        kept = sorted(piece for piece, count in counts.items() if count >= least)
        found = np.array([counts[piece] for piece in kept], dtype=np.float64)
        rarity = np.log((1 + number) / (1 + found)) + 1
        # A word of the lexicon stands for all its like: it says more than any single piece.
        rarity[[piece.startswith("l:") for piece in kept]] *= LEXICON
        return cls(kept, rarity)

    def stem_and_rarity(self, word: str) -> tuple[str, float]:
        """A word without what is written as one with it, and how rare it is.

        A word never seen is the rarest.
        """
        known = self._stems.get(word)
        if known is None:
            stem = stem_of(word)
            column = self._columns.get(f"w:{stem}", self._columns.get(f"w:{word}", -1))
            known = stem, float(self.rarity[column]) if column >= 0 else self.rarest
            if len(self._stems) >= KEPT:
                self._stems.clear()
            self._stems[word] = known
        return known

    def knows(self, pair: str) -> bool:
        """Whether a pair of words says anything: as itself, or by the lexicon."""
        if f"w:{pair}" in self._columns:
            return True
        first, _space, second = pair.partition(" ")
        return bool(meanings().labels_of_pair(first, second))

    def row(self, token: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Columns and values of a token; no columns where all of it is unknown."""
        found: Mapping[int, int] = Counter(
            column for piece in pieces_of(token) if (column := self._columns.get(piece)) is not None
        )
        columns = np.fromiter(found, dtype=np.int64, count=len(found))
        counts = np.fromiter(found.values(), dtype=np.float32, count=len(found))
        return columns, counts * self.rarity[columns]
