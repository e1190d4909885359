"""Ladders: each rung once, in its order, with its distance, whatever was missed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.work import ladders
from bayan.work.ladders import EMERGENCY, USUAL, LaddersUnreadable, Level, Rung, Term

MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
terms = st.builds(
    lambda after, length, way: Term(
        MONDAY + after * MINUTE,
        ladders.later(MONDAY + after * MINUTE, length * MINUTE, around_the_clock=way),
        way,
    ),
    after=st.integers(0, 20_000),
    length=st.integers(4, 5_000),
    way=st.booleans(),
)


def climbed(
    ladder: ladders.Ladder, term: Term, looks: list[datetime]
) -> list[tuple[int, datetime]]:
    """Which rungs ring, and when, for somebody who looks at these moments only."""
    rung, rings_at = 0, ladders.first_ring(ladder, term)
    rang = []
    for moment in looks:
        if rings_at is not None and rings_at <= moment:
            rang.append((rung, moment))
            following = ladders.next_ring(ladder, term, rung=rung, rang_at=moment)
            rung, rings_at = rung + 1, following  # type: ignore[assignment]
    return rang


@given(term=terms, ladder=st.sampled_from([USUAL, EMERGENCY]))
def test_whoever_looks_each_minute_rings_every_rung_when_it_is_planned(
    term: Term, ladder: ladders.Ladder
) -> None:
    moments = [term.moment(rung) for rung in ladder]
    assert moments == sorted(moments)
    looks = sorted({m + shift for m in moments for shift in (-MINUTE, timedelta())})
    assert climbed(ladder, term, looks)[: len(ladder)] == list(enumerate(moments))


@given(
    term=terms,
    ladder=st.sampled_from([USUAL, EMERGENCY]),
    outages=st.lists(st.integers(1, 4 * 24 * 60), min_size=1, max_size=40),
)
def test_after_any_outage_rungs_ring_once_in_order_and_keep_their_distance(
    term: Term, ladder: ladders.Ladder, outages: list[int]
) -> None:
    looks = []
    at = term.since
    for minutes in [*outages, *[1_440] * 60]:
        at += minutes * MINUTE
        looks.append(at)
    rang = climbed(ladder, term, looks)
    assert [rung for rung, _at in rang] == list(range(len(ladder)))
    for (rung, before), (_next, after) in itertools.pairwise(rang):
        apart = ladders.between(
            term.moment(ladder[rung]), term.moment(ladder[rung + 1]),
            around_the_clock=term.around_the_clock,
        )  # fmt: skip
        assert ladders.between(before, after, around_the_clock=term.around_the_clock) >= apart


def test_a_working_term_is_chased_in_working_hours() -> None:
    thursday = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
    term = Term(thursday, ladders.later(thursday, 7 * HOUR, around_the_clock=False))
    for rung in USUAL:
        local = term.moment(rung) + 3 * HOUR
        assert local.weekday() not in {4, 5}, rung


def test_an_authority_writes_its_own_ladders(tmp_path: Path) -> None:
    path = tmp_path / "work.toml"
    path.write_text(
        "[ladder.usual]\nreminder = { share = 0.5 }\nraised = { hours = 3.5 }\n"
        "[ladder.press]\nfirst = { minutes = 0 }\n"
    )
    assert ladders.read_ladders(path) == {
        "usual": (Rung(Level.REMINDER, 0.5), Rung(Level.RAISED, after=3.5 * HOUR)),
        "press": (Rung(Level.FIRST),),
    }


@pytest.mark.parametrize(
    "text",
    [
        "[ladder.usual]\nshout = { hours = 1 }",
        "[ladder.usual]\nfirst = { share = 1.5 }",
        "[ladder.usual]\nfirst = { hours = -1 }",
        "[ladder.usual]\nfirst = { hours = 1, minutes = 2 }",
        "[ladder.usual]\nfirst = { hours = 4 }\nsecond = { hours = 1 }",
        "[ladder.usual]",
        "[ladder",
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "work.toml"
    path.write_text(text)
    with pytest.raises(LaddersUnreadable, match=r"work\.toml"):
        ladders.read_ladders(path)
