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
