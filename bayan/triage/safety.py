"""Danger to life: signs that would rather ask a person too often than miss one in need.

Words of `safety.toml` say of whom, of what harm, of which source of danger and of which time a text speaks,
and what makes it past, unreal or a figure of speech. Which of them stand near each other are the signs: the
classifiers weigh them (`features.tokens_of`), and `danger_in` decides by them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bayan.triage.lexicon import Lexicon
from bayan.triage.text import words_in

_WORDS = Lexicon(Path(__file__).parent / "safety.toml")
# So many words apart are near: a clause or two.
NEAR = 7
_BESIDE = (
    ("somebody", "harm"),
    ("somebody", "source"),
    ("harm", "source"),
    ("harm", "now"),
    ("source", "now"),
)
_EXCUSES = ("past", "unreal", "figure")


@dataclass(frozen=True)
class Danger:
    """What speaks for danger to life, and what against it; names of signs."""

    signs: tuple[str, ...]
    excuses: tuple[str, ...]

    @property
    def is_likely(self) -> bool:
        """Whether the rules alone would wake somebody."""
        if "cry" in self.signs:
            return "unreal" not in self.excuses
        together = {"somebody harm", "harm source", "source now", "harm now"} & set(self.signs)
        return len(together) > len(self.excuses)


def danger_in(read_text: str) -> Danger:
    """What a read text says of danger to life."""
    signs = signs_among([word for word, _start, _end in words_in(read_text)])
    return Danger(
        tuple(sign for sign in signs if sign not in _EXCUSES),
        tuple(sign for sign in signs if sign in _EXCUSES),
    )


def signs_among(words: Sequence[str]) -> list[str]:
    """The signs, for and against, that plain words in their order give."""
    stands: dict[str, list[int]] = {}
    labels_of, labels_of_pair = _WORDS.labels_of, _WORDS.labels_of_pair
    before = ""
    for at, word in enumerate(words):
        for label in labels_of(word):
            stands.setdefault(label, []).append(at)
        if before:
            for label in labels_of_pair(before, word):
                stands.setdefault(label, []).append(at)
        before = word
    signs = list(stands)
    for first, second in _BESIDE:
        ones, others = stands.get(first, ()), stands.get(second, ())
        if any(0 < abs(one - other) <= NEAR for one in ones for other in others):
            signs.append(f"{first} {second}")
    return signs
