"""An authority's own thresholds: what they change, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bayan.triage.reading import SHIPPED, Triage
from bayan.triage.taxonomy import CATEGORIES
from bayan.triage.thresholds import SURE, Thresholds, ThresholdsUnreadable, read_thresholds

ALL_OF_THEM = """
emergency = 0.05

[sure]
kind = 0.3

[sure.category]
usual = 0.5
safety_hazard = 0.8

[matters]
join = 0.95
suggest = 0.4

[bursts]
minimum = 8
times = 2
chance = 1e-6
pause_hours = 2.5
again = 1.5
"""


def written(folder: Path, text: str) -> Path:
    (folder / "triage.toml").write_text(text, encoding="utf-8")
    return folder


def test_every_threshold_can_be_set(tmp_path: Path) -> None:
    found = read_thresholds(written(tmp_path, ALL_OF_THEM))

    assert found.emergency == 0.05
    assert (found.matters.join, found.matters.suggest) == (0.95, 0.4)
    assert (found.bursts.minimum, found.bursts.times, found.bursts.chance) == (8, 2, 1e-6)
    assert (found.bursts.pause, found.bursts.again) == (timedelta(hours=2.5), 1.5)
    assert found.is_sure("kind", "praise", 0.3)
    assert not found.is_sure("category", "roads", 0.49)
    assert found.is_sure("category", "roads", 0.5)
    assert not found.is_sure("category", "safety_hazard", 0.79)


@pytest.mark.parametrize("text", [None, "", "[bursts]\n"])
def test_what_is_not_set_is_as_bayan_has_it(tmp_path: Path, text: str | None) -> None:
    found = read_thresholds(tmp_path if text is None else written(tmp_path, text))

    assert found == Thresholds()
    assert all(found.is_sure("category", label, SURE) for label in CATEGORIES)
    assert not found.is_sure("kind", "complaint", SURE - 0.01)


def test_the_threshold_of_an_emergency_comes_before_that_of_the_model(tmp_path: Path) -> None:
    alarmed = Triage.load(written(tmp_path, "emergency = 0.001"), SHIPPED)
    calm = Triage.load(written(tmp_path, "emergency = 0.5"), SHIPPED)
    text = "فيه سلك مكشوف قريب من الألعاب"

    likely = calm.read(text).probabilities["emergency"]
    assert 0.001 < likely < 0.5
    assert alarmed.read(text).urgency == "emergency" != calm.read(text).urgency


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sure = [", "cannot be read"),
        (
            "emergancy = 0.1",
            "emergancy is not known. Known there: sure, emergency, matters, bursts",
        ),
        ("sure = 0.4", "sure is 0.4: write a table [sure]."),
        ("sure.mood = 0.4", "sure.mood is not known. Known there: kind, category"),
        ("sure.category.street = 0.4", "sure.category.street is not known"),
        ("sure.kind = 1.2", "sure.kind.usual is 1.2: write a number from 0 to 1."),
        ('sure.kind = "0.4"', "sure.kind.usual is 0.4"),
        ("emergency = 0.6", "emergency is 0.6: write a number from 0.001 to 0.5."),
        ("emergency = 0", "emergency is 0"),
        ("emergency = nan", "emergency is nan"),
        ("emergency = true", "emergency is True"),
        ("matters.join = 0.4", "matters.join is 0.4"),
        ("matters = { join = 0.5, suggest = 0.6 }", "suggest (0.6) is above matters.join (0.5)"),
        ("matters.open_for = 3", "matters.open_for is not known. Known there: join, suggest"),
        ("bursts.minimum = 4.5", "bursts.minimum is 4.5: write a whole number from 3 to 10000."),
        ("bursts.times = inf", "bursts.times is inf"),
        ("bursts.chance = 0", "bursts.chance is 0"),
        ("bursts.pause_hours = 0.5", "bursts.pause_hours is 0.5"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ThresholdsUnreadable) as refused:
        read_thresholds(written(tmp_path, text))

    assert reason in str(refused.value)
    assert str(tmp_path / "triage.toml") in str(refused.value)
