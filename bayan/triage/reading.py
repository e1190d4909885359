"""What triage says of one message.

Language, labels with how sure, places, danger, and the words that weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bayan.triage.features import read, tokens_among
from bayan.triage.model import HEADS, Model, Weighed
from bayan.triage.places import AMBIGUOUS, Gazetteer, Mention
from bayan.triage.taxonomy import INFO_TYPES
from bayan.triage.text import Plain, language_of, plain, words_in
from bayan.triage.thresholds import Thresholds, read_thresholds

# The model that comes with Bayan; `bayan train` writes others beside it.
SHIPPED = Path(__file__).parent / "model"
# A sign holds from this probability on, unless the authority or the model's card sets another.
LIKELY = 0.5
# WhatsApp marks what was passed on more than five times. Such a message is so much likelier to spread an
# unconfirmed claim than its words alone say (odds; docs/triage.md): from 0.25 on it counts as one.
PASSED_ON_OFTEN = 3.0
# A service that is less likely than this is not considered where messages are compared.
LEAST_SHARE = 0.1
_INFO_COLUMNS = [(name, f"info_type.{name}") for name in INFO_TYPES]
_CATEGORY_COLUMNS = [(name, f"category.{name}") for name in HEADS["category"]]


@dataclass(frozen=True)
class Reading:
    """One message understood. Labels are those of the taxonomy (docs/triage.md).

    `confidence` holds a probability for each of the four heads, `rumour_claim`, `emergency` and each kind of
    information that holds; `municipality` is an id of the authority's tree or of an outside body,
    `ambiguous`, or None where no place is named.
    """

    text: str
    language: str
    kind: str
    category: str
    sentiment: str
    urgency: str
    info_types: tuple[str, ...]
    is_rumour_claim: bool
    places: tuple[Mention, ...]
    municipality: str | None
    confidence: Mapping[str, float]
    # How likely each service is, those that are at all.
    categories: Mapping[str, float]
    probabilities: Mapping[str, float]
    form: Plain
    # The words of the plain form, each with where it begins and ends there; and those that were weighed:
    # Arabizi is read in Arabic letters too.
    words: Sequence[tuple[str, int, int]]
    read_words: Sequence[str]
    weighed: Weighed
    model: Model
    # It was passed on many times, which spoke for an unconfirmed claim.
    is_passed_on_often: bool = False

    def as_written(self, start: int, end: int) -> str:
        """What stands in the text where the plain form has these characters."""
        first, behind = self.form.span(start, end)
        return self.text[first:behind]

    @cached_property
    def reasons(self) -> Mapping[str, list[str]]:
        """For each head the words that spoke most for its label, as written, the strongest first."""
        stands = {word: (start, end) for word, start, end in reversed(self.words)}
        plain_words = self.weighed.reasons(
            {head: f"{head}.{getattr(self, head)}" for head in HEADS}
        )
        # Arabic letters that Arabizi was read in stand nowhere.
        return {
            head: [self.as_written(*stands[word]) for word in words if word in stands]
            for head, words in plain_words.items()
        }

    @property
    def by_sender(self) -> bool:
        """True where nothing in the text settles the municipality, only where the sender wrote before."""
        of_it = [place for place in self.places if place.served_by == self.municipality]
        return self.municipality != AMBIGUOUS and bool(of_it) and all(p.by_sender for p in of_it)

    def shares(self, head: str) -> dict[str, float]:
        """How likely each label of a head is."""
        return {name: self.probabilities[f"{head}.{name}"] for name in HEADS[head]}

    def as_line(self) -> dict[str, Any]:
        """As `bayan triage` prints it."""
        return {
            "lang": self.language,
            "kind": self.kind,
            "category": self.category,
            "sentiment": self.sentiment,
            "urgency": self.urgency,
            "info_type": list(self.info_types),
            "is_rumour_claim": self.is_rumour_claim,
            "places": [
                {
                    "text": place.text,
                    "start": place.start,
                    "end": place.end,
                    "place_id": place.place.key if place.place else None,
                    "name_ar": (place.place or place.entries[0]).name_ar,
                    "municipality": place.served_by,
                    "confidence": place.confidence,
                }
                for place in self.places
            ],
            "municipality": self.municipality,
            "confidence": {name: round(value, 3) for name, value in self.confidence.items()},
            "explanation": [
                {"label": head, "value": getattr(self, head), "words": words}
                for head, words in self.reasons.items()
            ],
        }


class Triage:
    """Reads messages; made once, used for many."""

    def __init__(
        self, model: Model, gazetteer: Gazetteer, thresholds: Thresholds | None = None
    ) -> None:
        self.model = model
        self.gazetteer = gazetteer
        self.thresholds = thresholds or Thresholds()
        of_card = float(model.card.get("emergency_threshold", LIKELY))
        set_by_authority = self.thresholds.emergency
        self._emergency = of_card if set_by_authority is None else set_by_authority

    @classmethod
    def load(cls, authority: Path, model: Path = SHIPPED) -> Triage:
        """With the places and thresholds of an authority pack and the model of a folder.

        :raises OSError: a file is missing
        :raises ThresholdsUnreadable: the pack's `triage.toml` cannot be used
        """
        thresholds = read_thresholds(authority)
        held = Model.load(model)
        places = authority / "places"
        gazetteer = (
            Gazetteer.read(places, ordinary=held.ordinary) if places.is_dir() else Gazetteer([])
        )
        return cls(held, gazetteer, thresholds)

    def read(self, text: str, *, near: str = "", passed_on_often: bool = False) -> Reading:
        """Understand one text. `near`: a place or municipality that the sender wrote from before.

        `passed_on_often`: WhatsApp says that it was forwarded many times.
        """
        form = plain(text)
        language = language_of(text)
        read_text = read(text, form, language)
        words = words_in(form.text)
        read_words = [
            word
            for word, _start, _end in (words if read_text == form.text else words_in(read_text))
        ]
        weighed = self.model.weigh(tokens_among(read_words, read_text))
        places = tuple(self.gazetteer.find(text, form=form, words=words, near=near))
        guess = self.model.guess_of(weighed.scores)
        of = guess.probabilities
        labels = dict(guess.labels)
        confidence = {head: of[f"{head}.{label}"] for head, label in labels.items()}
        if of["emergency"] >= self._emergency:
            labels["urgency"] = "emergency"
            confidence["urgency"] = max(of["emergency"], of["urgency.emergency"])
        elif labels["urgency"] == "emergency":
            rest = [name for name in HEADS["urgency"] if name != "emergency"]
            labels["urgency"] = max(rest, key=lambda name: of[f"urgency.{name}"])
            confidence["urgency"] = 1 - of["emergency"]
        claim = of["rumour_claim"]
        if passed_on_often:
            claim = PASSED_ON_OFTEN * claim / (1 + (PASSED_ON_OFTEN - 1) * claim)
        is_claim = labels["kind"] == "rumour_claim" or claim >= LIKELY
        kinds = tuple(name for name, column in _INFO_COLUMNS if of[column] >= LIKELY)
        confidence["rumour_claim"] = claim
        confidence["emergency"] = of["emergency"]
        confidence.update((f"info_type.{name}", of[f"info_type.{name}"]) for name in kinds)
        return Reading(
            text=text,
            language=language,
            kind=labels["kind"],
            category=labels["category"],
            sentiment=labels["sentiment"],
            urgency=labels["urgency"],
            info_types=kinds,
            is_rumour_claim=is_claim,
            places=places,
            municipality=self.gazetteer.body_for(places),
            confidence=confidence,
            categories={
                name: share
                for name, column in _CATEGORY_COLUMNS
                if (share := of[column]) >= LEAST_SHARE
            },
            probabilities=of,
            form=form,
            words=words,
            read_words=read_words,
            weighed=weighed,
            model=self.model,
            is_passed_on_often=passed_on_often,
        )
