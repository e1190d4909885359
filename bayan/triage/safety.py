"""Signs of danger to life, for and against.

Words of `safety.toml` say of whom, of what harm, of which source of danger and of which time a text speaks,
and what makes it past, unreal or a figure of speech. Which of them stand near each other are the signs, and
the classifier of emergencies weighs them (`features.tokens_of`): deciding by them alone finds half of the
emergencies (docs/triage.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bayan.triage.lexicon import Lexicon

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


def signs_among(words: Sequence[str]) -> list[str]:
    """The signs, for and against, that plain words in their order give."""
    return signs_of(stands_among(words))


def stands_among(words: Sequence[str]) -> list[tuple[int, int, str]]:
    """What of danger plain words speak, in order, each with the places of its first and its last word."""
    return _WORDS.spoken_of(words)


def signs_of(stands: Sequence[tuple[int, int, str]]) -> list[str]:
    """The signs that these give: what is spoken of, and what of it stands near each other."""
    by_label: dict[str, list[int]] = {}
    for _first, at, label in stands:
        by_label.setdefault(label, []).append(at)
    signs = list(by_label)
    if len(signs) > 1:
        for first, second in _BESIDE:
            ones, others = by_label.get(first, ()), by_label.get(second, ())
            if any(0 < abs(one - other) <= NEAR for one in ones for other in others):
                signs.append(f"{first} {second}")
    return signs
