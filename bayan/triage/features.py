"""A text as tokens, and each token as weighed pieces: what the classifiers count.

Everything about a token is worked out once and kept: a text's scores are the sums of its tokens' scores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
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
# Question and exclamation marks, and what is no letter above the first arrow: emoji and other signs.
_MARK = re.compile(r"[؟?!؛]|[^\w\u0000-\u2190]")


def tokens_of(read_text: str) -> list[str]:
    """The tokens of a read text: its words, each two words side by side, marks and emoji, signs of danger.

    They come in this order. A pair holds a space, a mark begins with `m:`, a sign of danger with `d:`.
    """
    return tokens_among([word for word, _start, _end in words_in(read_text)], read_text)


def tokens_among(plain_words: Sequence[str], read_text: str) -> list[str]:
    """The tokens of a read text whose words are known already."""
    words = ["0" if word.isdecimal() else word for word in plain_words]
    return [
        *words,
        *map("{} {}".format, words, words[1:]),
        *(f"m:{mark}" for mark in dict.fromkeys(_MARK.findall(read_text))),
        *(f"d:{sign}" for sign in signs_among(plain_words)),
    ]


def windows_of(tokens: Sequence[str]) -> list[list[str]]:
    """The tokens of each stretch of a long text; none where the text is short.

    A cry for help in the middle of a long letter is a small part of it: looked at alone it is heard.
    """
    words = [token for token in tokens if " " not in token and token[1:2] != ":"]
    return [tokens_among(words[first:behind], "") for first, behind in stretches(len(words))]


def stretches(number_of_words: int) -> list[tuple[int, int]]:
    """From which to before which word the stretches of a text of so many words go; none of a short one."""
    if number_of_words <= WINDOW:
        return []
    return [
        (at, min(at + WINDOW, number_of_words))
        for at in range(0, min(number_of_words, LONGEST_READ) - WINDOW + STRIDE, STRIDE)
    ]


def pieces_of(token: str) -> list[str]:
    """What a token is made of.

    Itself, its labels in the lexicon, and the letters of a word two to five by five.
    """
    if token[1:2] == ":":
        return [token]
    first, _space, second = token.partition(" ")
    if second:
        return [f"w:{token}", *(f"l:{one}" for one in meanings().labels_of_pair(first, second))]
    padded = f" {token} "
    return [
        f"w:{token}",
        *(f"l:{label}" for label in meanings().labels_of(token)),
        *map(padded.__getitem__, _PARTS.get(len(padded)) or _parts_of(len(padded))),
    ]


def _parts_of(length: int) -> list[slice]:
    """Where the pieces of a word of so many letters stand in it."""
    return [
        slice(at, at + size)
        for size in range(SHORTEST, min(LONGEST, length) + 1)
        for at in range(length - size + 1)
    ]


# Of all words but those that are none.
_PARTS = {length: _parts_of(length) for length in range(SHORTEST, 40)}


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
        self._may_begin, self._may_end = meanings().first_of_pair, meanings().second_of_pair
        # Two words that say something side by side.
        self.pairs = {piece[2:] for piece in self.pieces if piece[:2] == "w:" and " " in piece}

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

    def telling(self, tokens: Iterable[str]) -> list[str]:
        """Those of these tokens that may say anything; of pairs what does so as itself or by the lexicon."""
        pairs, may_begin, may_end = self.pairs, self._may_begin, self._may_end
        found: list[str] = []
        for token in tokens:
            if " " in token and token not in pairs:
                first, _space, second = token.partition(" ")
                # Few words end a pair; most are done here.
                if not (
                    may_end(second)
                    and may_begin(first)
                    and meanings().labels_of_pair(first, second)
                ):
                    continue
            found.append(token)
        return found

    def row(self, token: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Columns and values of a token; no columns where all of it is unknown.

        What stands in it twice is there twice.
        """
        columns = np.array(self.columns_of(token), dtype=np.int64)
        return columns, self.rarity[columns]

    def columns_of(self, token: str) -> list[int]:
        """The columns of a token's pieces."""
        return [at for at in map(self._columns.get, pieces_of(token)) if at is not None]
