"""Names of places as people type them: which words count, and how near two words are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from bayan.core.arabic import bare, words_of

# What says only what kind of place it is: people write it or leave it out.
GENERIC = frozenset(
    words_of(
        "حي أحياء شارع ش طريق مدينة محافظة بلدة قرية هجرة دوار "
        "al ad an ar as ash at ath az adh el the district neighbourhood neighborhood governorate city town "
        "village street st road rd highway"
    )
)
# Below this two words are not taken for one: «الثقبه» and «الثكبة» are one, «النور» and «النورس» hardly.
ALIKE = 0.6
# The beginning of a word is what somebody has typed so far; the whole word says more.
A_BEGINNING = 0.85
# Letters in another order share few trigrams; slower, so only asked of words that begin alike.
A_SLIP_OF_THE_PEN = 0.95


def words_of_name(text: str) -> tuple[str, ...]:
    """The folded words that tell this place from others; all of them if no others are left."""
    words = words_of(text)
    telling = [_bare(word) for word in words if not GENERIC & {word, bare(word)}]
    return tuple(telling or words)


def _bare(word: str) -> str:
    """Without the article, also of a word that is only begun: «البح» of «البحيرة»."""
    if word.startswith("ال") and len(word) > 3:
        return word[2:]
    stem = bare(word)
    # A single letter before a short rest is the name's own: «فهد» is no «هد».
    return stem if len(stem) > 3 or len(word) - len(stem) > 1 else word


def trigrams_of(word: str) -> frozenset[str]:
    """Its pieces of three letters, with the edges of the word as letters of their own."""
    padded = f"  {word} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def trigrams(words: Iterable[str]) -> list[str]:
    """The pieces of all these words, each once."""
    return sorted(frozenset[str]().union(*map(trigrams_of, words)))


@lru_cache(maxsize=100_000)
def likeness(asked: str, word: str) -> float:
    """How well a word that was typed fits a word of a name: 1 the same, 0 nothing in common."""
    if asked == word:
        return 1.0
    if len(asked) > 1 and word.startswith(asked):
        return A_BEGINNING + (1 - A_BEGINNING) * len(asked) / len(word)
    mine, its = trigrams_of(asked), trigrams_of(word)
    likeness = 2 * len(mine & its) / (len(mine) + len(its))
    # Words of two letters differ by one without being one.
    if len(asked) > 2 and abs(len(asked) - len(word)) <= 2 and asked[0] == word[0]:
        ratio = SequenceMatcher(None, asked, word, autojunk=False).ratio()
        likeness = max(likeness, A_SLIP_OF_THE_PEN * ratio if ratio >= 0.75 else 0)
    return likeness


@dataclass(frozen=True, order=True)
class Fit:
    """How well a name answers what was asked; the greater, the better."""

    is_the_name: bool
    is_its_beginning: bool
    likeness: float
    # Of two names that hold the words, the shorter one is meant.
    brevity: float


def fit(
    asked: tuple[str, ...], names: Iterable[tuple[str, ...]], around: Iterable[str] = ()
) -> Fit | None:
    """How the best of a place's names answers; None if none does.

    `around` are words of what the place lies in: «العليا الخبر» asks for العليا in الخبر.
    """
    around = list(around)
    outside = [max((0.9 * likeness(ask, word) for word in around), default=0.0) for ask in asked]
    best: Fit | None = None
    for name in names:
        own = [max((likeness(ask, word) for word in name), default=0.0) for ask in asked]
        held = [max(pair) for pair in zip(own, outside, strict=True)]
        if max(own, default=0.0) < ALIKE or not _hold_together(held):
            continue
        # What the surroundings answer is no part of the name.
        left = tuple(ask for ask, mine, its in zip(asked, own, outside, strict=True) if mine >= its)
        found = Fit(
            is_the_name=left == name,
            is_its_beginning=bool(left) and name[: len(left)] == left,
            likeness=round(sum(held) / len(held), 3),
            brevity=1 / (1 + len(name)),
        )
        best = max(best, found) if best else found
    return best


def _hold_together(held: list[float]) -> bool:
    """Each word fits; of three and more one may be misspelt beyond knowing."""
    return min(held) >= ALIKE or (len(held) > 2 and sum(held) / len(held) >= 0.75)
