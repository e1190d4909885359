"""A close look: each part of what a message says beside the nearest of what a matter's members told."""

from __future__ import annotations

import numpy as np
import pytest

from bayan.triage import alike, closely
from bayan.triage import matters as module
from bayan.triage.matters import Limits, Matters, trace_of
from bayan.triage.reading import Triage
from bayan.triage.tests.factories import MONDAY, make_trace


def matters_of(**told: str) -> Matters:
    """Matters by their names, of a message each."""
    matters = Matters()
    for name, words in told.items():
        matters.put(make_trace(name, words), name)
    return matters


def test_what_a_matter_says_too_is_marked_so_and_what_it_does_not_stands_beside_the_nearest() -> (
    None
):
    matters = matters_of(one="حفر شارع", other="كلب حديق")
    held = [matters._open[name] for name in ("one", "other")]
    pairs = closely.pairs_of(make_trace("new", "حفر اسفلت"), {"حفر": 2.0}, held)

    # Two words, one thing, no mark; beside each of two matters.
    assert (pairs.each, pairs.said.shape) == (3, (6, closely.SAID))
    same = pairs.said[:, len(closely.SORTS)]
    # All of them are about roads, as the factory has it.
    assert same.tolist() == [1, 0, 1, 0, 0, 1]
    meaning = alike.meaning()
    asphalt, nearest = pairs.own[1], pairs.theirs[1]
    there = [meaning.columns[word] for word in ("حفر", "شارع") if word in meaning.columns]
    units = meaning.units
    assert units[asphalt] @ units[nearest] == pytest.approx(
        max(units[asphalt] @ units[at] for at in there)
    )


def test_what_nobody_wrote_before_is_near_nothing() -> None:
    held = [*matters_of(one="حفر شارع")._open.values()]
    pairs = closely.pairs_of(make_trace("new", "زخنفرطيش حفر"), {}, held)
    nobody = len(alike.meaning().units) - 1

    assert (pairs.own[0], pairs.theirs[0]) == (nobody, nobody)
    rows = closely.laid_out(
        pairs.said, alike.meaning().units[pairs.own], alike.meaning().units[pairs.theirs]
    )
    assert rows.shape == (3, closely.WIDE)
    assert not rows[0, closely.SAID :].any()
    assert np.isfinite(rows).all()


def test_only_what_is_in_doubt_is_looked_at_closely(
    reader: Triage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    score = closely.score

    def counted(whole: closely.Array, pairs: closely.Pairs) -> closely.Array:
        asked.append(len(whole))
        return score(whole, pairs)

    monkeypatch.setattr(closely, "score", counted)
    matters = Matters(Limits(join=1.0))
    hole = "حفرة كبيرة في شارع الملك سعود بسيهات كسرت كفر سيارتي"
    for name, text in (
        ("first", hole),
        ("of nothing that is open", "متى دوام البلدية؟"),
        ("passed on", hole),
    ):
        matters.add(trace_of(reader.read(text), id=name, at=MONDAY))
    assert asked == []
    # What a look as a whole leaves at this likeness is in doubt, or is not.
    heard = trace_of(reader.read("طاحت سيارتي بحفرة بسيهات شارع الملك سعود"), id="last", at=MONDAY)
    monkeypatch.setattr(module, "IN_DOUBT", (1.0, 1.0))
    ((_matter, likeness), *_others) = matters.alike(heard)
    assert asked == []
    monkeypatch.setattr(module, "IN_DOUBT", (likeness - 0.01, likeness + 0.01))
    matters.alike(heard)
    assert len(asked) == 1
