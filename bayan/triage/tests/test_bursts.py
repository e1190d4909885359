"""Bursts: noticed when they come, once, and never in what is usual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.triage.bursts import ALL, STEP, Alarm, Bursts, Limits, Seen, chance_of, upper_count
from bayan.triage.tests.factories import MONDAY

DAY = timedelta(days=1)
KHOBAR, QATIF = ("municipality", "khobar"), ("municipality", "qatif")
WATER = ("category", "water_sewage")
# A message a minute or so, and it varies.
USUAL = (9, 14, 11, 7, 13, 10)
# Where that is usual, 85 in ten minutes are a burst by this.
LIMITS = Limits(chance=1e-5, again=2.0)


def usual(start: datetime, length: timedelta, *, times: int = 1) -> list[Seen]:
    return [
        Seen(start + number * STEP, count=USUAL[number % len(USUAL)] * times)
        for number in range(length // STEP)
    ]


def alarms_of(detector: Bursts, messages: Iterable[Seen]) -> list[Alarm]:
    return [alarm for seen in messages for alarm in detector.add(seen)]


def messages(
    count: int, start: datetime, *, about: tuple[tuple[str, str], ...] = (), word: str = ""
) -> list[Seen]:
    """So many messages, one every two seconds."""
    return [
        Seen(
            start + number * timedelta(seconds=2),
            id=f"{word}{number}",
            about=about,
            terms={word: f"ال{word}"} if word else {},
        )
        for number in range(count)
    ]


@pytest.fixture
def detector() -> Bursts:
    """It has seen two usual days in Khobar before Monday morning."""
    detector = Bursts(LIMITS)
    for seen in usual(MONDAY - 2 * DAY, 2 * DAY):
        detector.learn(seen.at, {ALL: seen.count, KHOBAR: seen.count})
    return detector


def test_a_steady_stream_raises_nothing(detector: Bursts) -> None:
    assert alarms_of(detector, usual(MONDAY, 3 * DAY)) == []


def test_a_jump_is_noticed_while_it_happens(detector: Bursts) -> None:
    assert alarms_of(detector, usual(MONDAY, timedelta(hours=1))) == []
    noon = MONDAY + timedelta(hours=1)
    (alarm,) = alarms_of(detector, messages(100, noon))

    assert alarm.started_at == noon
    assert noon < alarm.detected_at < noon + timedelta(minutes=4)
    assert 80 <= alarm.volume <= 90
    assert 8 <= alarm.baseline <= 14
    assert alarm.score >= 5


def test_a_jump_that_is_no_multiple_of_the_usual_is_none(detector: Bursts) -> None:
    assert alarms_of(detector, usual(MONDAY, timedelta(hours=2), times=2)) == []


def test_a_burst_needs_a_minimum_of_messages() -> None:
    assert alarms_of(Bursts(), messages(19, MONDAY)) == []
    (alarm,) = alarms_of(Bursts(), messages(20, MONDAY))
    assert alarm.volume == 20
    (early,) = alarms_of(Bursts(Limits(minimum=5)), messages(6, MONDAY))
    assert early.volume == 5


def test_a_burst_may_take_three_steps_and_no_more() -> None:
    slowly = [Seen(MONDAY + number * timedelta(minutes=1.4)) for number in range(20)]
    (alarm,) = alarms_of(Bursts(), slowly)
    assert alarm.started_at == MONDAY

    too_slowly = [Seen(MONDAY + number * timedelta(minutes=2)) for number in range(60)]
    assert alarms_of(Bursts(), too_slowly) == []


def test_after_an_alarm_the_matter_is_silent_unless_it_grows(detector: Bursts) -> None:
    (first,) = alarms_of(detector, messages(100, MONDAY))
    later = MONDAY + timedelta(minutes=40)
    grown = ceil(LIMITS.again * first.volume)
    assert alarms_of(detector, messages(grown - 1, later)) == []
    (second,) = alarms_of(detector, messages(1, later + timedelta(minutes=9)))
    assert second.volume == grown


def test_after_the_pause_the_same_is_told_again(detector: Bursts) -> None:
    (first,) = alarms_of(detector, messages(100, MONDAY))
    after = MONDAY + timedelta(hours=6, minutes=20)
    assert alarms_of(detector, usual(MONDAY + timedelta(minutes=20), timedelta(hours=6))) == []
    (second,) = alarms_of(detector, messages(100, after))
    assert second.volume == first.volume


def test_one_body_bursts_while_all_others_write_as_usual(detector: Bursts) -> None:
    stream = [replace(seen, about=(KHOBAR,)) for seen in usual(MONDAY, timedelta(hours=8))]
    assert alarms_of(detector, stream[: len(stream) // 2]) == []
    at = stream[len(stream) // 2].at
    (alarm,) = alarms_of(detector, messages(25, at, about=(QATIF, WATER)))

    assert alarm.municipality == "qatif"
    assert set(alarm.about) == {QATIF, WATER}


def test_an_alarm_says_what_it_is_about() -> None:
    place = ("place", "qatif-al-bahr")
    detector = Bursts(LIMITS)
    assert alarms_of(detector, messages(15, MONDAY - 3 * DAY, word="بلدي")) == []
    burst = messages(30, MONDAY, about=(QATIF, WATER, place), word="تسرب")
    burst = [replace(seen, terms={"بلدي": "البلدية", **seen.terms}) for seen in burst]
    (alarm,) = alarms_of(detector, burst)

    assert set(alarm.about) == {QATIF, WATER, place}
    assert alarm.municipality == "qatif"
    assert alarm.places == ("qatif-al-bahr",)
    # What everybody says anyway comes after what only these messages say.
    assert alarm.terms == ("التسرب", "البلدية")
    assert alarm.example_ids == tuple(f"تسرب{number}" for number in range(5))


def test_words_fade_at_midnight_while_a_burst_goes_on() -> None:
    midnight = MONDAY.replace(hour=0)
    burst = messages(15, midnight - timedelta(minutes=5), word="سيل")
    burst += messages(15, midnight + timedelta(minutes=1), word="سيل")
    (alarm,) = alarms_of(Bursts(), burst)

    assert alarm.terms == ("السيل",)


def test_what_is_learned_from_counts_is_what_messages_teach() -> None:
    told, counted = Bursts(LIMITS), Bursts(LIMITS)
    for seen in usual(MONDAY - DAY, DAY):
        for number in range(seen.count):
            assert told.add(Seen(seen.at + timedelta(seconds=number), about=(KHOBAR,))) == [] or (
                seen.at < MONDAY - DAY + timedelta(hours=1)
            )
        counted.learn(seen.at, {ALL: seen.count, KHOBAR: seen.count})

    burst = messages(100, MONDAY, about=(KHOBAR,), word="سيل")
    (one,), (other,) = alarms_of(told, burst), alarms_of(counted, burst)
    assert one == other


def test_the_first_ramadan_is_expected_to_be_a_little_quieter() -> None:
    def baseline(detector: Bursts) -> float:
        # At this hour of Sundays, Mondays and Tuesdays, for three weeks.
        for days in (22, 21, 20, 15, 14, 13, 8, 7, 6, 1):
            for seen in usual(MONDAY - days * DAY, timedelta(hours=1), times=3):
                detector.learn(seen.at, {ALL: seen.count})
        return alarms_of(detector, messages(300, MONDAY))[0].baseline

    ordinary = baseline(Bursts(LIMITS))
    holy = baseline(Bursts(LIMITS, is_ramadan=lambda at: at >= MONDAY))
    assert ordinary == pytest.approx(32, abs=0.5)
    assert holy == pytest.approx(0.7 * ordinary, abs=0.1)


@given(
    moments=st.lists(
        st.tuples(st.integers(-3_000, 3_000), st.integers(1, 60)), min_size=1, max_size=60
    )
)
def test_late_and_repeated_times_are_counted_now(moments: list[tuple[int, int]]) -> None:
    detector = Bursts()
    total = 0
    for minutes, count in moments:
        total += count
        seen = Seen(MONDAY + minutes * timedelta(minutes=1), "x", (QATIF,), {"سيل": "سيل"}, count)
        for alarm in detector.add(seen):
            assert alarm.detected_at == seen.at
            assert 20 <= alarm.volume <= total
            assert alarm.baseline > 0


def test_a_late_message_completes_a_burst_of_now() -> None:
    detector = Bursts()
    assert alarms_of(detector, messages(19, MONDAY)) == []
    (alarm,) = detector.add(Seen(MONDAY - timedelta(hours=5)))
    assert alarm.volume == 20


def test_years_of_silence_are_passed_over() -> None:
    detector = Bursts()
    detector.add(Seen(MONDAY - 400 * 7 * DAY, count=5))
    (alarm,) = alarms_of(detector, messages(20, MONDAY))
    assert alarm.baseline <= 0.1


@given(mean=st.floats(0.05, 500), spread=st.floats(0.7, 24), chance=st.floats(1e-9, 1e-2))
def test_the_count_needed_is_the_least_that_is_so_unlikely(
    mean: float, spread: float, chance: float
) -> None:
    count = upper_count(mean, spread, chance)
    assert chance_of(count, mean, spread) <= chance < chance_of(count - 1, mean, spread)


@given(mean=st.floats(0.05, 500), spread=st.floats(0.7, 24), count=st.integers(0, 2_000))
def test_more_messages_are_less_likely(mean: float, spread: float, count: int) -> None:
    assert 1 >= chance_of(count, mean, spread) >= chance_of(count + 1, mean, spread) > 0


def test_both_ways_of_reckoning_a_chance_meet() -> None:
    exact, near = chance_of(90, 40.0, 2.0), chance_of(90, 40.001, 2.0)
    assert near == pytest.approx(exact, rel=0.1)
