"""Quiet months, simulated: counts of messages with the rhythm of days, weeks and Ramadan, and no event.

An alarm in such a month is a false one. Counts are drawn from a negative binomial
distribution: their variance is m + m² / 2 around the mean m of that hour, far above that of a Poisson
process, as counts of messages are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bayan.core.calendar import RAMADAN, hijri

RIYADH = ZoneInfo("Asia/Riyadh")
STEP = timedelta(minutes=10)
DISPERSION = 2.0
# Four weeks to learn the rhythm from, then the month that counts.
LEARNING, COUNTED = timedelta(days=28), timedelta(days=30)
# Share of a day's messages by local hour: little at night, most in the morning and after the sunset prayer.
BY_HOUR = (
    18, 11, 7, 5, 5, 8, 16, 34, 54, 62, 64, 60, 52, 46, 42, 44, 50, 54, 56, 62, 66, 60, 46, 30,
)  # fmt: skip
# In Ramadan mornings start late and nights are long.
BY_HOUR_IN_RAMADAN = (
    62, 50, 36, 22, 14, 8, 6, 8, 14, 26, 38, 46, 50, 48, 44, 38, 28, 12, 16, 40, 58, 70, 74, 70,
)  # fmt: skip
# Monday first; the weekend is Friday and Saturday.
BY_WEEKDAY = (1.05, 1.0, 1.0, 0.95, 0.7, 0.85, 1.1)
# (year, month, messages a day): small and large bodies, all seasons, and two years' Ramadan (18 February to
# 19 March 2026, 8 February to 8 March 2027).
_CHOSEN = (
    (2026, 1, 150), (2026, 2, 600), (2026, 3, 2_400), (2026, 4, 9_600), (2026, 5, 150), (2026, 6, 600),
    (2026, 7, 2_400), (2026, 8, 9_600), (2026, 9, 150), (2026, 11, 600), (2027, 1, 2_400), (2027, 2, 600),
)  # fmt: skip
# Seed, first day, messages a day.
MONTHS = tuple(
    (2_400 + number, datetime(year, month, 1, tzinfo=RIYADH), daily)
    for number, (year, month, daily) in enumerate(_CHOSEN)
)


def quiet_month(seed: int, first_day: datetime, daily: int) -> Iterator[tuple[datetime, int]]:
    """Counts in steps of ten minutes (UTC), from four weeks before this day to thirty days after it."""
    numbers = np.random.default_rng(seed)
    at = first_day - LEARNING
    while at < first_day + COUNTED:
        local = at.astimezone(RIYADH)
        hours = BY_HOUR_IN_RAMADAN if _is_ramadan(local) else BY_HOUR
        mean = daily * hours[local.hour] / sum(hours) / 6 * BY_WEEKDAY[local.weekday()]
        # As NumPy has it: successes until so many failures; its mean is n (1 - p) / p.
        count = numbers.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
        yield at.astimezone(UTC), int(count)
        at += STEP


def _is_ramadan(at: datetime) -> bool:
    day = hijri(at.date())
    return day is not None and day.month == RAMADAN
