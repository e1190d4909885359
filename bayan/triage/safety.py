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
    return signs_of(stands_among(words))


def stands_among(words: Sequence[str]) -> list[tuple[int, str]]:
    """What of danger plain words speak, each with the place of its (last) word among them, in order."""
    stands: list[tuple[int, str]] = []
    labels_of, second_of_pair = _WORDS.labels_of, _WORDS.second_of_pair
    for at, word in enumerate(words):
        if labels := labels_of(word):
            stands += [(at, label) for label in labels]
        if at and second_of_pair(word):
            stands += [(at, label) for label in _WORDS.labels_of_pair(words[at - 1], word)]
    return stands


def signs_of(stands: Sequence[tuple[int, str]]) -> list[str]:
    """The signs that these give: what is spoken of, and what of it stands near each other."""
    by_label: dict[str, list[int]] = {}
    for at, label in stands:
        by_label.setdefault(label, []).append(at)
    signs = list(by_label)
    if len(signs) > 1:
        for first, second in _BESIDE:
            ones, others = by_label.get(first, ()), by_label.get(second, ())
            if any(0 < abs(one - other) <= NEAR for one in ones for other in others):
                signs.append(f"{first} {second}")
    return signs
