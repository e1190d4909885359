"""What triage says of one message.

Language, labels with how sure, places, danger, and the words that weighed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bayan.triage.features import read, tokens_of
from bayan.triage.model import HEADS, Model, Weighed
from bayan.triage.places import AMBIGUOUS, Gazetteer, Mention
from bayan.triage.taxonomy import INFO_TYPES
from bayan.triage.text import language_of, plain, words_in

# The model that comes with Bayan; `bayan train` writes others beside it.
SHIPPED = Path(__file__).parent / "model"
# A sign holds from this probability on, unless the model's card sets another.
LIKELY = 0.5


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
    read_text: str
    weighed: Weighed
    model: Model

    @cached_property
    def reasons(self) -> Mapping[str, list[str]]:
        """For each head the words that spoke most for its label, as written, the strongest first."""
        form = plain(self.text)
        written: dict[str, str] = {}
        for word, start, end in words_in(form.text):
            first, behind = form.span(start, end)
            written.setdefault(word, self.text[first:behind])
        plain_words = self.weighed.reasons(
            {head: f"{head}.{getattr(self, head)}" for head in HEADS}
        )
        # Arabizi is read in Arabic letters too, which nobody wrote.
        return {
            head: [written[word] for word in words if word in written]
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

    def __init__(self, model: Model, gazetteer: Gazetteer) -> None:
        self.model = model
        self.gazetteer = gazetteer
        self._emergency = float(model.card.get("emergency_threshold", LIKELY))

    @classmethod
    def load(cls, authority: Path, model: Path = SHIPPED) -> Triage:
        """With the places of an authority pack and the model of a folder.

        :raises OSError: a file is missing
        """
        held = Model.load(model)
        places = authority / "places"
        gazetteer = (
            Gazetteer.read(places, ordinary=held.ordinary) if places.is_dir() else Gazetteer([])
        )
        return cls(held, gazetteer)

    def read(self, text: str, *, near: str = "") -> Reading:
        """Understand one text. `near`: a place or municipality that the sender wrote from before."""
        form = plain(text)
        language = language_of(text)
        read_text = read(text, form, language)
        tokens = tokens_of(read_text)
        weighed = self.model.weigh(tokens)
        places = tuple(self.gazetteer.find(text, form=form, near=near))
        return self._reading(text, language, read_text, weighed, places)

    def _reading(
        self,
        text: str,
        language: str,
        read_text: str,
        weighed: Weighed,
        places: tuple[Mention, ...],
    ) -> Reading:
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
        is_claim = labels["kind"] == "rumour_claim" or of["rumour_claim"] >= LIKELY
        kinds = tuple(name for name in INFO_TYPES if of[f"info_type.{name}"] >= LIKELY)
        confidence["rumour_claim"] = of["rumour_claim"]
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
                for name in HEADS["category"]
                if (share := of[f"category.{name}"]) >= 0.1
            },
            probabilities=of,
            read_text=read_text,
            weighed=weighed,
            model=self.model,
        )
