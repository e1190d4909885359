"""Nothing happens, and nobody is woken: bursts in simulated months of the benchmark."""

from __future__ import annotations

from benchmarks.bursts import alarms_in
from benchmarks.quiet import LEARNING, MONTHS, STEP, quiet_month


def test_a_quiet_month_raises_hardly_an_alarm() -> None:
    # With half of Ramadan in it, and the feast.
    seed, first_day, daily = MONTHS[2]
    counts = list(quiet_month(seed, first_day, daily))
    alarms = [at for at in alarms_in(counts) if at > first_day]

    assert counts[0][0] + LEARNING == first_day
    assert sum(count for _at, count in counts) > 50 * daily
    assert len(alarms) <= 2
    # The same month with one evening in which something happens is noticed.
    at = len(counts) - 1_000
    burst = [
        *counts[:at],
        *((when, count + 400) for when, count in counts[at : at + 3]),
        *counts[at + 3 :],
    ]
    found = set(alarms_in(burst)) - set(alarms)
    assert burst[at][0] + STEP in found
