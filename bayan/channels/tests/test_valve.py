"""The valve of the dispatcher: no second ever holds more messages than a number may send."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayan.channels import dispatcher
from bayan.channels.models import Number, Outgoing
from bayan.channels.services.claiming import SHARE_OF_RATE

ROUND_OF_THE_LOOP = asyncio.sleep
BEGINNING = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


class Clock:
    """Time that passes only in sleep, and longer there than asked whenever the process is held up."""

    def __init__(self, stalls: list[float]) -> None:
        self.seconds = 0.0
        self._stalls = list(stalls)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        # Who was let out goes before time does.
        await ROUND_OF_THE_LOOP(0)
        self.seconds += seconds + (self._stalls.pop() if self._stalls else 0)


def departures(
    clock: Clock, moments: list[float], *, throughput: int, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[int, float]]:
    """Which message leaves when, as (position, second), for messages planned at these moments."""
    number = Number(throughput=throughput)
    valve, left = dispatcher.Valve(), []

    async def leave(position: int, moment: float) -> None:
        row = Outgoing(number=number)
        row.leaves_at = BEGINNING + timedelta(seconds=moment)
        await valve.passage(row)
        left.append((position, clock.seconds))

    async def all_leave() -> None:
        async with asyncio.TaskGroup() as tasks:
            for position, moment in enumerate(moments):
                tasks.create_task(leave(position, moment))

    runner = asyncio.Runner()
    with monkeypatch.context() as patch, runner:
        patch.setattr("bayan.channels.dispatcher.time.monotonic", clock.monotonic)
        patch.setattr("bayan.channels.dispatcher.timezone.now", clock.now)
        patch.setattr("bayan.channels.dispatcher.asyncio.sleep", clock.sleep)
        runner.run(all_leave())
    return left


@settings(deadline=None)
@given(
    throughput=st.integers(1, 40),
    stalls=st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.02, 0.3, 2.5]), max_size=80),
    seconds=st.integers(1, 6),
)
def test_whatever_holds_it_up_no_second_is_too_full_and_none_leaves_early_or_out_of_turn(
    throughput: int, stalls: list[float], seconds: int
) -> None:
    every = 1 / (throughput * SHARE_OF_RATE)
    moments = [position * every for position in range(throughput * seconds)]
    with pytest.MonkeyPatch.context() as monkeypatch:
        left = departures(Clock(stalls), moments, throughput=throughput, monkeypatch=monkeypatch)

    assert [position for position, _at in left] == list(range(len(moments)))
    times = [at for _position, at in left]
    assert all(at >= moment - 1e-6 for at, moment in zip(times, moments, strict=True))
    fullest = max(bisect_left(times, at + 1) - index for index, at in enumerate(times))
    assert fullest <= throughput


def test_what_was_held_up_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    every = 1 / (80 * SHARE_OF_RATE)
    moments = [position * every for position in range(80 * 10)]
    clock = Clock([0.0] * 200 + [0.04] + [0.0] * 100)

    left = departures(clock, moments, throughput=80, monkeypatch=monkeypatch)

    late = [at - moment for (_position, at), moment in zip(left, moments, strict=True)]
    assert max(late) > 0.03
    assert late[-1] < 0.001
