"""Lines over weeks: round axes, gaps, and time that runs the way one reads."""

from __future__ import annotations

import math
import re

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from bayan.desk.charts import chart, top_of

VALUES = st.one_of(st.none(), st.floats(0, 1e7))
SERIES = st.integers(2, 13).flatmap(
    lambda weeks: st.lists(st.lists(VALUES, min_size=weeks, max_size=weeks), min_size=1, max_size=3)
)


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (1, 1), (1.2, 2), (38, 50), (50, 50), (51, 100), (740, 1000)]
)
def test_an_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert top_of([[3, None], [highest]] if highest > 3 else [[highest]]) == top


def test_the_numbers_of_an_axis_are_round() -> None:
    def numbers(top: float) -> list[str]:
        return [number for _y, number in chart([[top, top]], width=10, height=10).levels]

    assert numbers(50) == ["0", "10", "20", "30", "40", "50"]
    assert numbers(20) == ["0", "5", "10", "15", "20"]
    assert numbers(100) == ["0", "25", "50", "75", "100"]


def test_time_runs_the_way_one_reads() -> None:
    with override("ar"):
        assert chart([[1, 2, 3]], width=100, height=10).lines[0].x == 0
    with override("en"):
        assert chart([[1, 2, 3]], width=100, height=10).lines[0].x == 100


def test_a_week_without_a_value_is_a_gap_and_a_lone_one_a_dot() -> None:
    with override("en"):
        line = chart([[1, 1, None, 1]], width=30, height=10, top=1).lines[0]

    assert line.paths == ["M0,0L10,0", "M30,0L30,0"]


@given(series=SERIES)
def test_every_value_is_drawn_within_the_picture(series: list[list[float | None]]) -> None:
    drawn = chart(series, width=640, height=180)

    assert math.isfinite(top_of(series))
    for line, values in zip(drawn.lines, series, strict=True):
        points = re.findall(r"([\d.]+),([\d.]+)", " ".join(line.paths))
        assert all(0 <= float(x) <= 640 and 0 <= float(y) <= 180 for x, y in points)
        assert len(points) >= sum(value is not None for value in values)
