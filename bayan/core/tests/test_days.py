"""Days as they stand in an address."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bayan.core.views import day_in, midnight


def test_a_day_is_read_and_begins_at_midnight_here() -> None:
    day = day_in("2026-11-30")
    assert day == date(2026, 11, 30)
    assert midnight(day).isoformat() == "2026-11-30T00:00:00+03:00"


@pytest.mark.parametrize("given", ["", "x", "2026-13-01", "2026-02-30", "0001-01-01", "9999-12-31"])
def test_what_is_no_day_or_beyond_all_reckoning_is_left_out(given: str) -> None:
    assert day_in(given) is None


def test_of_every_day_that_is_read_the_next_one_begins_too() -> None:
    day = day_in("2199-12-31")
    assert day is not None
    assert midnight(day + timedelta(days=1)).year == 2200
