"""Bursts: far more messages than this hour of this weekday brings, for a body, a service, a place or a word.

Messages are counted in steps of ten minutes. What is normal for a step is the larger of two: what the same
hour of the week has brought so far (Ramadan is remembered apart), and what the last six hours bring. Counts
of messages vary more than chance alone: they are taken as negative binomial, with the spread that the series
itself shows. An alarm needs a count that is next to impossible by that, several times the normal, and a
minimum.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from statistics import median
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=10)
# The series of all messages.
ALL = ("all", "")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
HOURS_OF_WEEK = 168


@dataclass(frozen=True)
class Limits:
    """When a burst is one (`thresholds`)."""

    # So many messages in one to three steps at the least.
    minimum: int = 20
    # So many times the normal at the least.
    times: float = 3.0
    # The chance of such a count in a normal step may be no larger.
    chance: float = 5e-5
    # After an alarm the same matter is silent for so long, unless it grows to `again` times the alarm's
    # volume.
    pause: timedelta = timedelta(hours=6)
    again: float = 1.3
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Riyadh"))


@dataclass(frozen=True)
class Alarm:
    """One burst. `volume` messages came since `started_at` where `baseline` is normal in as long a time.

    `score` is the negative decimal logarithm of the chance; `about` says whose count it is, as
    (`"municipality"`, key) and so on, all of them; `terms` and `places` are what these messages share.
    """

    detected_at: datetime
    started_at: datetime
    about: tuple[tuple[str, str], ...]
    volume: int
    baseline: float
    score: float
    terms: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    example_ids: tuple[str, ...] = ()

    @property
    def municipality(self) -> str | None:
        return next((key for kind, key in self.about if kind == "municipality"), None)


@dataclass
class Seen:
    """A message as bursts see it: when, whose counts it belongs to, and its telling words.

    `terms`: plain spelling to how it is written there.
    """

    at: datetime
    id: str = ""
    about: Sequence[tuple[str, str]] = ()
    terms: Mapping[str, str] = field(default_factory=dict)
    count: int = 1


@dataclass
class _Series:
    """The counts of one body, service or place."""

    # The current step and those before it, the latest last.
    steps: deque[int] = field(default_factory=lambda: deque([0], maxlen=37))
    # Mean count a step by hour of the week, and how many steps it stands on; ordinary weeks, then Ramadan.
    means: dict[tuple[bool, int], tuple[float, float]] = field(default_factory=dict)
    # Squares of what differs from the mean, beyond chance; for the spread.
    excess: float = 0.0
    expected_square: float = 0.0
    level: float = 0.0
    silent_until: datetime = LONG_AGO
    alarmed_volume: int = 0
    # The step of that alarm: within it nothing more is told.
    alarmed_in: datetime | None = None
    # What one, two and three steps need for an alarm, in this step.
    needed: tuple[int, int, int] | None = None
    normal: float = 0.0

    @property
    def spread(self) -> float:
        """The dispersion k of a negative binomial: variance is m + m² / k."""
        if self.expected_square < 50 or self.excess <= 0:
            return 2.0
        return min(8.0, max(0.7, self.expected_square / self.excess))


class Bursts:
    """Counts a stream of messages in time order, and says when it bursts."""

    def __init__(
        self, limits: Limits | None = None, *, is_ramadan: Callable[[datetime], bool] | None = None
    ) -> None:
        """`is_ramadan` says of a local time whether it falls in Ramadan; without it all weeks are alike."""
        self.limits = limits or Limits()
        self._is_ramadan = is_ramadan or (lambda _at: False)
        self._series: dict[tuple[str, str], _Series] = {}
        self._step: datetime | None = None
        self._slot = (False, 0)
        # The messages of the last three steps, by series: for terms and examples.
        self._latest: dict[tuple[str, str], deque[Seen]] = {}
        # How often a word is used, decaying with half a week: to tell what is special now.
        self._words: Counter[str] = Counter()
        self._said = 0.0

    def add(self, seen: Seen) -> list[Alarm]:
        """Count one message, or a whole step of them; alarms that it completes, mostly none.

        Messages are to come in the order of time; one that is late is counted now.
        """
        self._advance(seen.at)
        raised: list[tuple[tuple[str, str], int, int]] = []
        for name in (ALL, *seen.about):
            series = self._series.setdefault(name, _Series())
            series.steps[-1] += seen.count
            latest = self._latest.setdefault(name, deque(maxlen=200))
            if seen.id or seen.terms:
                latest.append(seen)
            if (found := self._exceeded(series, seen.at)) is not None:
                raised.append((name, *found))
        for term in seen.terms:
            self._words[term] += 1
        self._said += 1
        return [self._alarm(raised, seen.at)] if raised else []

    def _advance(self, at: datetime) -> None:
        """Close the steps before this moment: what they held becomes what is normal."""
        step = datetime.fromtimestamp(at.timestamp() // 600 * 600, UTC)
        if self._step is None:
            self._step = step
            self._slot = self._slot_of(step)
        while self._step < step:
            gap = (step - self._step) // STEP
            for series in self._series.values():
                self._learn(series)
                series.steps.append(0)
                series.needed = None
            self._step += STEP
            self._slot = self._slot_of(self._step)
            if gap > 40_000:  # nothing for most of a year: what was normal then says nothing now
                self._series.clear()
                self._step = step
                self._slot = self._slot_of(step)
            if self._step.hour == 0 and self._step.minute == 0:
                self._forget()

    def _slot_of(self, step: datetime) -> tuple[bool, int]:
        local = step.astimezone(self.limits.zone)
        return self._is_ramadan(local), local.weekday() * 24 + local.hour

    def _learn(self, series: _Series) -> None:
        count = series.steps[-1]
        mean, weight = series.means.get(self._slot, (0.0, 0.0))
        if weight >= 6:
            # A burst is not to become the normal: what is far above it counts as the most that is still
            # normal.
            count = min(count, math.ceil(4 * max(mean, 1.0)) + 4)
            series.excess = series.excess * 0.9995 + (count - mean) ** 2 - mean
            series.expected_square = series.expected_square * 0.9995 + mean * mean
        weight = min(weight + 1, 30.0)
        series.means[self._slot] = (mean + (count - mean) / weight, weight)
        series.level += (count - series.level) / 144

    def _normal(self, series: _Series) -> float:
        """What a step of now is expected to hold."""
        season, hour = self._slot
        learned = [
            series.means[slot]
            for slot in (
                (season, hour),
                (season, (hour - 24) % HOURS_OF_WEEK),
                (season, (hour + 24) % HOURS_OF_WEEK),
            )
            if slot in series.means
        ]
        weight = sum(weight for _mean, weight in learned)
        usual = sum(mean * weight for mean, weight in learned) / weight if weight >= 6 else 0.0
        if season and not usual and (ordinary := series.means.get((False, hour))):
            # Before the first Ramadan has been seen: its days are no quieter than this.
            usual = ordinary[0] * 0.7
        before = list(series.steps)[:-3]
        recent = median(before[-36:]) if len(before) >= 6 else 0.0
        return max(usual, float(recent), 0.05)

    def _exceeded(self, series: _Series, at: datetime) -> tuple[int, int] | None:
        """Over how many steps this series bursts, and how many messages they hold."""
        if series.needed is None:
            series.normal = self._normal(series)
            series.needed = (
                self._needed(series.normal, series.spread, 1),
                self._needed(series.normal, series.spread, 2),
                self._needed(series.normal, series.spread, 3),
            )
        volume = 0
        for steps, needed in enumerate(series.needed, start=1):
            if len(series.steps) < steps:
                break
            volume += series.steps[-steps]
            has_grown = (
                self._step != series.alarmed_in
                and volume >= self.limits.again * series.alarmed_volume
            )
            if volume >= needed and (at >= series.silent_until or has_grown):
                return steps, volume
        return None

    def _needed(self, normal: float, spread: float, steps: int) -> int:
        mean = normal * steps
        least = max(self.limits.minimum, math.ceil(self.limits.times * mean))
        # Means and spreads that are nearly the same need the same count.
        near = float(f"{mean:.2g}"), float(f"{spread * steps:.2g}")
        return max(least, upper_count(*near, self.limits.chance))

    def learn(self, at: datetime, counts: Mapping[tuple[str, str], int]) -> None:
        """Count what is known already, as after a restart.

        Whose counts, and how many messages in this step.
        """
        self._advance(at)
        for name, count in counts.items():
            self._series.setdefault(name, _Series()).steps[-1] += count

    def _alarm(self, raised: Collection[tuple[tuple[str, str], int, int]], at: datetime) -> Alarm:
        """One alarm for all series that burst with this message: the narrowest tells what it is about."""
        limits = self.limits
        name, steps, volume = max(
            raised,
            key=lambda one: one[2] / max(self._series[one[0]].normal * one[1], 0.5),
        )
        for other, _steps, other_volume in raised:
            series = self._series[other]
            series.silent_until = at + limits.pause
            series.alarmed_volume = other_volume
            series.alarmed_in = self._step
        series = self._series[name]
        started = (self._step or at) - (steps - 1) * STEP
        those = [seen for seen in self._latest.get(name, ()) if seen.at >= started]
        shared = Counter(key for seen in those for key in set(seen.about))
        about = tuple(
            key for key, count in shared.most_common() if 2 * count > len(those) and key != name
        )
        places = tuple(
            key
            for (kind, key), count in shared.most_common()
            if kind == "place" and 5 * count > len(those)
        )
        baseline = series.normal * steps
        return Alarm(
            detected_at=at,
            started_at=started,
            about=(*(() if name == ALL else (name,)), *about),
            volume=volume,
            baseline=round(baseline, 2),
            score=round(-math.log10(chance_of(volume, baseline, series.spread * steps)), 1),
            terms=self._special(those),
            places=places[:5],
            example_ids=tuple(seen.id for seen in those[:5] if seen.id),
        )

    def _special(self, those: Sequence[Seen]) -> tuple[str, ...]:
        """The words that these messages share and others do not."""
        counts = Counter(term for seen in those for term in set(seen.terms))
        total = max(self._said, 1.0)

        def weight(term: str) -> float:
            share = counts[term] / len(those)
            # Words fade at midnight, these messages do not: what is left of the others may be less than none.
            others = max(self._words[term] - counts[term], 0) + 1
            return share * math.log(share * total / others)

        often = [term for term, count in counts.items() if count >= max(3, len(those) // 20)]
        shown: dict[str, Counter[str]] = {}
        for seen in those:
            for term, written in seen.terms.items():
                shown.setdefault(term, Counter())[written] += 1
        best = sorted(often, key=weight, reverse=True)[:8]
        return tuple(shown[term].most_common(1)[0][0] for term in best)

    def _forget(self) -> None:
        """Once a day: words fade, and series that have been silent for long go."""
        for word in list(self._words):
            self._words[word] = round(self._words[word] * 0.9)
            if not self._words[word]:
                del self._words[word]
        self._said *= 0.9
        for name in [
            name
            for name, series in self._series.items()
            if not any(series.steps) and series.level < 1e-4
        ]:
            del self._series[name]
            self._latest.pop(name, None)


def chance_of(count: int, mean: float, spread: float) -> float:
    """The chance of so many or more, negative binomial with this mean and dispersion; never 0.

    By Wilson and Hilferty's cube root for the gamma distribution that it is near to, where means are large;
    by its terms where they are small.
    """
    if count <= 0:
        return 1.0
    if mean > 40:
        # Gamma of shape 1 / (1/m + 1/k), the same mean and variance.
        shape = 1 / (1 / mean + 1 / spread)
        root = (count / mean) ** (1 / 3)
        deviation = (root - 1 + 1 / (9 * shape)) * math.sqrt(9 * shape)
        return max(math.erfc(deviation / math.sqrt(2)) / 2, 1e-300)
    share = mean / (mean + spread)
    # P(X = x) = Γ(x + k) / (Γ(k) x!) · (1 - share)^k · share^x, summed upwards from the count.
    term = math.exp(
        math.lgamma(count + spread)
        - math.lgamma(spread)
        - math.lgamma(count + 1)
        + spread * math.log1p(-share)
        + count * math.log(share)
    )
    total, at = 0.0, count
    while term > total * 1e-9 and at < count + 20_000:
        total += term
        term *= share * (at + spread) / (at + 1)
        at += 1
    return max(total, 1e-300)


@lru_cache(maxsize=16_384)
def upper_count(mean: float, spread: float, chance: float) -> int:
    """The least count whose chance (of it or more) is no larger than `chance`."""
    low, high = int(mean), max(8, int(mean) * 2 + 8)
    while chance_of(high, mean, spread) > chance:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if chance_of(middle, mean, spread) > chance:
            low = middle
        else:
            high = middle
    return high
