"""The working calendar that the platform uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bayan.core.calendar import CalendarUnreadable
from bayan.organisation import selectors

# A Thursday, 14:00 in Riyadh.
THURSDAY = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    selectors.authority_calendar.cache_clear()
    yield
    selectors.authority_calendar.cache_clear()


def test_the_calendar_is_that_of_the_authority_and_read_once() -> None:
    calendar = selectors.calendar()
    # The doors close at 14:30 and open on Sunday at 07:30.
    assert calendar.add(THURSDAY, timedelta(hours=1)) == THURSDAY + timedelta(days=2, hours=18)
    assert selectors.calendar() is calendar


def test_an_authority_without_one_works_from_sunday_to_thursday(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CALENDAR_FILE = tmp_path / "calendar.toml"
    calendar = selectors.calendar()
    # The doors close at 16:00 and open on Sunday at 08:00.
    assert calendar.add(THURSDAY, timedelta(hours=3)) == THURSDAY + timedelta(days=2, hours=19)
    assert "no calendar.toml" in caplog.text


def test_a_broken_one_is_not_replaced_in_silence(settings: Any, tmp_path: Path) -> None:
    settings.CALENDAR_FILE = tmp_path / "calendar.toml"
    settings.CALENDAR_FILE.write_text("[week]")
    with pytest.raises(CalendarUnreadable, match="time_zone"):
        selectors.calendar()
