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
    clock: Clock,
    moments: list[float],
    *,
    throughput: int,
    monkeypatch: pytest.MonkeyPatch,
    openings: list[float] | None = None,
) -> list[tuple[int, float]]:
    """Which message leaves when, as (position, second), for messages planned at these moments.

    `openings`: how long each waits for a connection after its turn has come.
    """
    number = Number(throughput=throughput)
    valve, left = dispatcher.Valve(), []

    async def leave(position: int, moment: float) -> None:
        row = Outgoing(number=number)
        row.leaves_at = BEGINNING + timedelta(seconds=moment)
        has_left = await valve.passage(row)
        if openings and openings[position]:
            await clock.sleep(openings[position])
        left.append((position, clock.seconds))
        has_left()

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


def fullest_second(times: list[float]) -> int:
    return max(bisect_left(times, at + 1) - index for index, at in enumerate(times))


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
    assert all(
        at >= moment - dispatcher.EARLY_SECONDS - 1e-6
        for at, moment in zip(times, moments, strict=True)
    )
    assert fullest_second(times) <= throughput


@settings(deadline=None)
@given(data=st.data(), throughput=st.integers(1, 40), seconds=st.integers(1, 4))
def test_what_waits_for_a_connection_counts_from_when_it_leaves(
    data: st.DataObject, throughput: int, seconds: int
) -> None:
    moments = [position / throughput for position in range(throughput * seconds)]
    each = st.sampled_from([0.0, 0.0, 0.005, 0.1, 0.9])
    openings = data.draw(st.lists(each, min_size=len(moments), max_size=len(moments)))
    with pytest.MonkeyPatch.context() as monkeypatch:
        left = departures(
            Clock([]), moments, throughput=throughput, monkeypatch=monkeypatch, openings=openings
        )

    assert len(left) == len(moments)
    assert fullest_second(sorted(at for _position, at in left)) <= throughput


def test_of_what_is_permitted_a_part_is_kept_back_for_what_is_held_up_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = departures(Clock([]), [0.0] * 3_000, throughput=1000, monkeypatch=monkeypatch)

    times = [at for _position, at in left]
    assert fullest_second(times) == 985
    assert times[-1] - times[0] < 3_000 / 980


def test_what_was_held_up_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    every = 1 / (1000 * SHARE_OF_RATE)
    moments = [position * every for position in range(10_000)]
    clock = Clock([0.0] * 9_000 + [0.02] + [0.0] * 300)

    left = departures(clock, moments, throughput=1000, monkeypatch=monkeypatch)

    late = [at - moment for (_position, at), moment in zip(left, moments, strict=True)]
    assert max(late) > 0.015
    assert late[-1] < 0.001
