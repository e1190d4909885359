"""One message understood: what is said of it, why, how sure, and how often that is right."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from itertools import batched
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.triage import features, taxonomy, training
from bayan.triage import model as models
from bayan.triage.features import Vocabulary
from bayan.triage.model import COLUMNS, HEADS, WEIGHED, Model
from bayan.triage.places import Gazetteer
from bayan.triage.reading import Reading, Triage
from bayan.triage.tests.factories import EASTERN, WRITTEN

# What the shipped model reaches on the frozen test part, at the least.
FLOORS = {"kind": 0.82, "category": 0.80, "urgency_merged": 0.85, "emergency_recall": 0.97}
HOLE = "حفرة كبيرة في شارع الملك سعود بسيهات كسرت كفر سيارتي"
SCORE = st.floats(-50, 50)


def told_apart(scores: dict[str, float], *, threshold: float = 0.5) -> Reading:
    """What is read of a text by a model that gives every text these scores, and -40 for all others."""
    intercepts = np.array([scores.get(column, -40.0) for column in COLUMNS])
    nothing = Vocabulary([], np.zeros(0))
    weights = np.zeros((0, len(COLUMNS)))
    model = Model(nothing, weights, intercepts, {"emergency_threshold": threshold})
    return Triage(model, Gazetteer([])).read("نص")


def test_the_shipped_model_is_as_right_as_is_said(reader: Triage) -> None:
    figures = training.tried_on(reader.model, training.own("test"))
    assert {name: figures[name] for name in FLOORS if figures[name] < FLOORS[name]} == {}


@pytest.mark.parametrize(
    ("text", "kind", "category", "urgency"),
    [
        (HOLE, "complaint", "roads", "normal"),
        ("الزبالة متكدسة عند الحاوية من أسبوع ومحد شالها", "complaint", "cleanliness", "normal"),
        ("شكرا على تطوير الكورنيش والحديقة، يعطيكم العافية", "praise", "parks_beaches", "low"),
        ("الحقونا ولد طاح في منهل مفتوح", "complaint", "safety_hazard", "emergency"),
        ("Street lights in our street are off, please fix", "complaint", "lighting", "normal"),
    ],
)
def test_plain_messages_are_understood(
    reader: Triage, text: str, kind: str, category: str, urgency: str
) -> None:
    reading = reader.read(text)
    assert (reading.kind, reading.category, reading.urgency) == (kind, category, urgency)


def test_what_looks_public_is_felt_by_the_judge_of_what_circulates() -> None:
    known = Vocabulary(["w:خبر"], np.ones(1))
    weights = np.zeros((1, len(WEIGHED)))
    intercepts = np.zeros(len(WEIGHED))
    weights[0, WEIGHED.index("sentiment.negative")] = 2
    weights[0, WEIGHED.index("public.positive")] = 2
    for looks_public, felt in ((-30, "negative"), (30, "positive")):
        intercepts[WEIGHED.index("public")] = looks_public
        reading = Triage(Model(known, weights, intercepts, {}), Gazetteer([])).read("خبر")
        assert reading.sentiment == felt
        assert reading.reasons["sentiment"] == ["خبر"]


def test_a_line_holds_what_the_contract_names(reader: Triage) -> None:
    text = "صحيح إن مطار الدمام بينقفل وحي الروضة غرقان؟"
    line = reader.read(text).as_line()

    assert list(line) == [
        "lang", "kind", "category", "sentiment", "urgency", "info_type", "is_rumour_claim", "places",
        "municipality", "confidence", "explanation",
    ]  # fmt: skip
    assert json.loads(json.dumps(line)) == line
    assert line["lang"] == "ar"
    assert line["municipality"] == "bayda"
    airport, quarter = line["places"]
    assert airport == {
        "text": "مطار الدمام",
        "start": 8,
        "end": 19,
        "place_id": "king-fahd-international-airport",
        "name_ar": "مطار الملك فهد الدولي",
        "municipality": "bayda",
        "confidence": 0.95,
    }
    assert quarter["text"] == "الروضة"
    assert quarter["place_id"] is None
    assert quarter["municipality"] == "ambiguous"
    assert set(line["confidence"]) == {*HEADS, "rumour_claim", "emergency"} | {
        f"info_type.{name}" for name in line["info_type"]
    }
    assert [(one["label"], one["value"]) for one in line["explanation"]] == [
        (head, line[head]) for head in HEADS
    ]


def test_a_reading_says_that_only_the_senders_earlier_place_settles_it(reader: Triage) -> None:
    told = reader.read("حفرة في حي الروضة", near="jubail")

    assert (told.municipality, told.by_sender) == ("jubail", True)
    assert not reader.read("حفرة في حي الروضة بالجبيل", near="jubail").by_sender
    assert not reader.read("حفرة في حي الروضة", near="dammam").by_sender
    assert not reader.read("حفرة كبيرة", near="jubail").by_sender


def test_what_was_passed_on_many_times_is_a_claim_sooner_and_nothing_else(reader: Triage) -> None:
    text = "يقولون بيقفلون الكوبري الليلة"
    plain, marked = reader.read(text), reader.read(text, passed_on_often=True)
    of = plain.confidence["rumour_claim"]
    assert marked.confidence["rumour_claim"] == pytest.approx(3 * of / (1 + 2 * of))
    assert (marked.kind, marked.urgency, marked.category) == (
        plain.kind, plain.urgency, plain.category,
    )  # fmt: skip
    # Words that claim nothing do not become a claim by going round.
    assert not reader.read("صباح الخير", passed_on_often=True).is_rumour_claim


def test_the_reasons_are_words_as_they_stand_in_the_text(reader: Triage) -> None:
    reasons = reader.read("حُفرة كبييييرة #كسرت_كفر السيارة 7ofra").reasons

    assert "حُفرة" in reasons["category"]
    assert {word for words in reasons.values() for word in words} <= {
        "حُفرة", "كبييييرة", "كسرت", "كفر", "السيارة", "7ofra",
    }  # fmt: skip


@given(text=WRITTEN)
def test_any_text_is_read_and_reads_the_same_again(reader: Triage, text: str) -> None:
    reading = reader.read(text)
    line = reading.as_line()

    assert line["kind"] in taxonomy.KINDS
    assert line["category"] in taxonomy.CATEGORIES
    assert line["sentiment"] in taxonomy.SENTIMENTS
    assert line["urgency"] in taxonomy.URGENCIES
    assert set(line["info_type"]) <= set(taxonomy.INFO_TYPES)
    assert line["lang"] in taxonomy.LANGUAGES
    assert all(0 <= value <= 1 for value in line["confidence"].values())
    for head in HEADS:
        assert math.isclose(sum(reading.shares(head).values()), 1)
    for reason in line["explanation"]:
        assert all(word and word in text for word in reason["words"])
    assert reader.read(text).as_line() == line


def test_a_calm_report_of_danger_is_heard(reader: Triage) -> None:
    """Who sees a fire says so in five words and without a cry; none of these was learned from."""
    reports = (
        "فيه حريق في المبنى المجاور للحديقة",
        "حريق في حي الفيصلية",
        "شب حريق في سوق الخضار",
        "يوجد حريق خلف مدرسة البنات",
        "دخان كثيف ونار في الشقة اللي فوقنا",
        "فيه تسرب غاز في العمارة",
        "ريحة غاز قوية في الحي",
        "أسلاك كهرباء مكشوفة في الحديقة",
        "عمود الانارة يكهرب اللي يلمسه",
        "سقط سقف المدرسة على الطلاب",
        "سيارة غرقانة في النفق وفيها ناس",
        "فيه واحد محبوس في المصعد",
        "There is a fire in the building next to the park",
        "exposed live wires in the park, kids playing",
    )
    assert [text for text in reports if reader.read(text).urgency != "emergency"] == []


def test_a_long_text_is_as_dangerous_as_its_most_dangerous_stretch(reader: Triage) -> None:
    model = reader.model
    texts = [row.text for row in training.own("train")[:400]]
    for text in (*texts, *map(" ".join, batched(texts, 8, strict=True))):
        tokens = features.tokens_of(features.read(text))
        alone = [emergency_of(model, part) for part in (tokens, *features.windows_of(tokens))]
        assert math.isclose(model.scores(tokens)[models.EMERGENCY], max(alone), abs_tol=1e-3)


@cache
def emergency_by_piece(model: Model) -> np.ndarray[Any, Any]:
    return model.weights[:, models.EMERGENCY]


def emergency_of(model: Model, tokens: Sequence[str]) -> float:
    """The score of an emergency of these tokens as they are, as the classifier was taught."""
    known = model.vocabulary.telling(tokens)
    rows = [model.vocabulary.row(token) for token in known]
    says = emergency_by_piece(model)
    score = sum(float(values @ says[at]) for at, values in rows)
    length = math.sqrt(sum(float(values @ values) for _at, values in rows)) or 1
    return score / length + float(model.intercepts[models.EMERGENCY])


def test_what_was_read_before_changes_nothing(
    reader: Triage, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [row.text for row in training.own("train")[:60]]
    lines = [reader.read(text).as_line() for text in texts]

    # Nothing is remembered from one message to the next, and they come the other way round.
    monkeypatch.setattr(models, "KEPT", 1)
    monkeypatch.setattr(features, "KEPT", 1)
    assert [reader.read(text).as_line() for text in reversed(texts)] == lines[::-1]


@pytest.mark.parametrize("text", ["", " ", "\n\u200f\u200e", "...", "\ud800"])
def test_a_text_without_words_is_nothing_urgent(reader: Triage, text: str) -> None:
    reading = reader.read(text)

    assert (reading.kind, reading.municipality, reading.places) == ("other", None, ())
    assert reading.urgency in {"low", "normal"}
    assert not reading.is_rumour_claim
    assert not any(reading.reasons.values())


@pytest.mark.parametrize(
    "part", ["ا", "😡", f"{HOLE}، ", "1 ", "kh", "\u200f", "حي الروضة بالخبر "]
)
def test_a_hundred_thousand_characters_are_read(reader: Triage, part: str) -> None:
    text = (part * 100_000)[:100_000]
    line = reader.read(text).as_line()

    assert all(text[place["start"] : place["end"]] == place["text"] for place in line["places"])
    assert (line["municipality"] is None) == (not line["places"])
    assert all(math.isfinite(value) for value in line["confidence"].values())


def test_a_danger_to_life_wins_over_every_other_urgency() -> None:
    reading = told_apart({"urgency.low": 9.0, "urgency.emergency": -9.0, "emergency": 0.1})

    assert reading.urgency == "emergency"
    assert reading.confidence["urgency"] > 0.5


def test_without_danger_to_life_nothing_is_an_emergency() -> None:
    reading = told_apart({"urgency.emergency": 9.0, "urgency.high": 8.0, "emergency": -0.1})

    assert reading.urgency == "high"


@given(
    scores=st.lists(SCORE, min_size=len(COLUMNS), max_size=len(COLUMNS)),
    threshold=st.floats(0.001, 0.999),
)
def test_an_emergency_is_what_reaches_the_threshold_and_nothing_else(
    scores: list[float], threshold: float
) -> None:
    reading = told_apart(dict(zip(COLUMNS, scores, strict=True)), threshold=threshold)

    is_danger = reading.probabilities["emergency"] >= threshold
    assert (reading.urgency == "emergency") == is_danger
    assert all(0 <= value <= 1 for value in reading.confidence.values())


def test_a_claim_may_stand_beside_another_kind() -> None:
    reading = told_apart({"kind.enquiry": 3.0, "rumour_claim": 1.0, "info_type.irrelevant": 1.0})

    assert (reading.kind, reading.is_rumour_claim) == ("enquiry", True)
    assert reading.info_types == ("irrelevant",)
    assert told_apart({"kind.rumour_claim": 3.0}).is_rumour_claim


def test_a_pack_without_places_names_none(reader: Triage) -> None:
    assert not (EASTERN / "places" / "places").exists()
    without = Triage.load(EASTERN / "places")

    assert without.read(HOLE).places == ()
    assert without.read(HOLE).kind == reader.read(HOLE).kind
