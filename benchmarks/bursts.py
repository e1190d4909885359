"""`bayan bench bursts`: false alarms in quiet months, and how soon real events are noticed."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from bayan.core.calendar import is_ramadan
from bayan.triage.bursts import STEP, Bursts, Seen
from benchmarks.quiet import MONTHS, quiet_month

# An event begins with the first of three steps in a row that hold so many messages, and so many times
# the median of the six hours before it.
IN_A_ROW, LEAST, TIMES, STEPS_BEFORE = 3, 20, 5, 36
# An alarm up to an hour before belongs to the event: three full steps are a late sign of a beginning.
EARLIEST, LATEST = timedelta(hours=-1), timedelta(minutes=20)

Counts = Sequence[tuple[datetime, int]]


@dataclass(frozen=True)
class Event:
    """A real event: when it began, and when the first alarm came that belongs to it."""

    name: str
    onset: datetime
    alarm_at: datetime | None

    @property
    def delay(self) -> timedelta | None:
        return self.alarm_at - self.onset if self.alarm_at else None

    @property
    def is_in_time(self) -> bool:
        return self.delay is not None and self.delay <= LATEST


@dataclass(frozen=True)
class Month:
    """A quiet month, and when alarms came in it, all of them false."""

    first_day: datetime
    daily: int
    alarms: Sequence[datetime]


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 2 when the file of events cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        found, left_out = _events(Path(options.events)) if options.events else ([], [])
    except (OSError, KeyError, ValueError) as problem:
        print(f"{options.events} holds no counts of events: {problem}", file=sys.stderr)
        return 2
    months = [_month(*month) for month in MONTHS]
    _report(months, found, left_out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench bursts",
        description="Look for bursts in twelve simulated months in which nothing happens: every alarm is a "
        "false one. With --events also in counts of real events: how long after its onset each is noticed.",
    )
    parser.add_argument(
        "--events", metavar="FILE", help="CSV with event, start_utc, tweets, a row for ten minutes"
    )
    return parser


def alarms_in(counts: Iterable[tuple[datetime, int]]) -> list[datetime]:
    """When bursts are noticed in counts of steps: what a step held is known at its end."""
    detector = Bursts(is_ramadan=is_ramadan)
    return [at + STEP for at, count in counts for _alarm in detector.add(Seen(at, count=count))]


def onset_of(counts: Sequence[int]) -> int | None:
    """The step with which an event begins; None where nothing in these counts is one."""
    for at in range(len(counts) - IN_A_ROW + 1):
        least = min(counts[at : at + IN_A_ROW])
        if least < LEAST:
            continue
        before = counts[max(0, at - STEPS_BEFORE) : at]
        if least >= TIMES * (median(before) if before else 0):
            return at
    return None


def _month(seed: int, first_day: datetime, daily: int) -> Month:
    alarms = alarms_in(quiet_month(seed, first_day, daily))
    return Month(first_day, daily, [at for at in alarms if at > first_day])


def _events(file: Path) -> tuple[list[Event], list[str]]:
    """The events of a file, and the names of those that begin too soon or never."""
    found, left_out = [], []
    for name, held in _counts_of(file).items():
        counts = _without_gaps(held)
        onset = onset_of([count for _at, count in counts])
        if onset is None or onset < STEPS_BEFORE:
            left_out.append(name)
            continue
        began = counts[onset][0]
        alarms = (at for at in alarms_in(counts) if at - began >= EARLIEST)
        found.append(Event(name, began, next(alarms, None)))
    return found, left_out


def _counts_of(file: Path) -> dict[str, dict[datetime, int]]:
    counts: dict[str, dict[datetime, int]] = defaultdict(dict)
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            counts[row["event"]][datetime.fromisoformat(row["start_utc"])] = int(row["tweets"])
    return counts


def _without_gaps(held: Mapping[datetime, int]) -> Counts:
    """All steps from the first to the last; those that are missing held nothing."""
    first = min(held)
    steps = (max(held) - first) // STEP + 1
    return [(at, held.get(at, 0)) for at in (first + number * STEP for number in range(steps))]


def _report(months: Sequence[Month], found: Sequence[Event], left_out: Sequence[str]) -> None:
    false = sum(len(month.alarms) for month in months)
    print(f"{'quiet month':<16}{'messages a day':>16}{'false alarms':>16}")
    for month in months:
        print(f"{month.first_day:%Y-%m}{'':<9}{month.daily:>16,}{len(month.alarms):>16}")
    print(f"{'all':<32}{false:>16}")
    figures: dict[str, object] = {
        "months": len(months),
        "false_alarms": false,
        "false_alarms_per_month": round(false / len(months), 3),
    }
    if found or left_out:
        print(f"\n{'event':<36}{'onset (UTC)':<20}{'alarm (UTC)':>20}{'minutes':>10}")
        for event in found:
            print(_line(event))
        in_time = sum(event.is_in_time for event in found)
        minutes = LATEST // timedelta(minutes=1)
        print(f"noticed within {minutes} minutes: {in_time} of {len(found)}")
        print(f"left out, less than six hours before the onset or no onset: {len(left_out)}")
        figures |= {
            "events": len(found), "within_20_minutes": in_time, "left_out": sorted(left_out),
            "delays_min": {event.name: _minutes(event.delay) for event in found},
        }  # fmt: skip
    print(json.dumps(figures, ensure_ascii=False))


def _line(event: Event) -> str:
    alarm = f"{event.alarm_at:%Y-%m-%d %H:%M}" if event.alarm_at else "none"
    minutes = "" if event.delay is None else str(_minutes(event.delay))
    return f"{event.name:<36}{event.onset:%Y-%m-%d %H:%M}".ljust(56) + f"{alarm:>20}{minutes:>10}"


def _minutes(delay: timedelta | None) -> int | None:
    return None if delay is None else delay // timedelta(minutes=1)
