"""Working time, against an implementation so slow that it is obviously right."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayan.core import calendar
from bayan.core.calendar import CalendarUnreadable, WorkingCalendar, hijri

EASTERN = Path(__file__).parents[3] / "authorities" / "eastern" / "calendar.toml"
RIYADH = ZoneInfo("Asia/Riyadh")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A_WORKING_DAY = timedelta(hours=7)
A_SMALL_OFFICE = """
time_zone = "Asia/Riyadh"

[week]
sunday = ["08:00-12:00", "13:00-16:00"]
monday = ["08:00-16:00"]
"""
# Doors that open where Berlin turns its clocks, at 02:00 and 03:00 of a Sunday.
A_NIGHT_DESK = """
time_zone = "Europe/Berlin"

[week]
saturday = ["22:00-24:00"]
sunday = ["00:00-01:30", "02:15-02:45", "03:00-10:00"]
monday = ["08:00-16:00"]

[ramadan]
hours = ["10:00-15:00"]

[[holidays]]
name_ar = "عيد"
name_en = "A feast"
hijri = "10-01"
days = 3

[[dates]]
date = 2026-03-30
hours = ["00:00-24:00"]

[[dates]]
date = 2026-10-26
closed = true
"""


def calendar_of(text: str, folder: Path) -> WorkingCalendar:
    path = folder / "calendar.toml"
    path.write_text(text, encoding="utf-8")
    return WorkingCalendar.read(path)


def riyadh(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=RIYADH)


@pytest.fixture(scope="module")
def eastern() -> WorkingCalendar:
    return WorkingCalendar.read(EASTERN)


@pytest.fixture(scope="module")
def night_desk(tmp_path_factory: pytest.TempPathFactory) -> WorkingCalendar:
    return calendar_of(A_NIGHT_DESK, tmp_path_factory.mktemp("night"))


# --- What the eastern authority's calendar says


def test_doors_open_at_half_past_seven_and_close_at_half_past_two(eastern: WorkingCalendar) -> None:
    assert eastern.intervals(date(2026, 11, 23)) == (
        (riyadh(2026, 11, 23, 7, 30), riyadh(2026, 11, 23, 14, 30)),
    )
    assert eastern.is_working(riyadh(2026, 11, 23, 7, 30))
    assert not eastern.is_working(riyadh(2026, 11, 23, 14, 30))


def test_friday_and_saturday_are_free(eastern: WorkingCalendar) -> None:
    assert eastern.intervals(date(2026, 11, 27)) == eastern.intervals(date(2026, 11, 28)) == ()
    assert eastern.next_opening(riyadh(2026, 11, 26, 15)) == riyadh(2026, 11, 29, 7, 30)


def test_in_ramadan_other_hours_hold(eastern: WorkingCalendar) -> None:
    # 1 Ramadan 1447 was 18 February 2026.
    assert eastern.intervals(date(2026, 2, 17))[0][0] == riyadh(2026, 2, 17, 7, 30)
    assert eastern.intervals(date(2026, 2, 18)) == (
        (riyadh(2026, 2, 18, 10), riyadh(2026, 2, 18, 15)),
    )


def test_eid_al_fitr_of_1447_is_as_it_was_announced(eastern: WorkingCalendar) -> None:
    last_day, first_day = date(2026, 3, 12), date(2026, 3, 25)
    assert hijri(last_day) == (1447, 9, 23)
    assert hijri(first_day) == (1447, 10, 6)
    closed = eastern.intervals(last_day)[0][1]
    assert eastern.next_opening(closed) == eastern.intervals(first_day)[0][0]


def test_eid_al_adha_ends_with_the_15th(eastern: WorkingCalendar) -> None:
    # 4 and 16 Dhu al-Hijjah 1447; the 16th was a Tuesday.
    assert hijri(date(2026, 5, 21)) == (1447, 12, 4)
    assert hijri(date(2026, 6, 2)) == (1447, 12, 16)
    assert eastern.next_opening(riyadh(2026, 5, 21, 14, 30)) == riyadh(2026, 6, 2, 7, 30)


def test_founding_day_and_national_day_are_free(eastern: WorkingCalendar) -> None:
    assert eastern.intervals(date(2026, 2, 22)) == ()
    assert eastern.intervals(date(2026, 9, 23)) == ()
    assert eastern.intervals(date(2026, 9, 24)) != ()


def test_beyond_the_hijri_table_there_are_ordinary_weeks(eastern: WorkingCalendar) -> None:
    for year in (1900, 2100):
        assert hijri(date(year, 1, 1)) is None
        assert eastern.between(riyadh(year, 1, 1), riyadh(year + 1, 1, 1)) > 255 * A_WORKING_DAY


def test_the_years_in_which_the_hijri_table_begins_and_ends_work(eastern: WorkingCalendar) -> None:
    for year in (1924, 1925, 2076, 2077, 2078):
        assert eastern.between(riyadh(year, 1, 1), riyadh(year + 1, 1, 1)) > 220 * A_WORKING_DAY


# --- What the methods mean


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        # Within the day; exactly to its end, which is due when the doors close; over the weekend.
        (riyadh(2026, 11, 23, 8), 3, riyadh(2026, 11, 23, 11)),
        (riyadh(2026, 11, 23, 7, 30), 7, riyadh(2026, 11, 23, 14, 30)),
        (riyadh(2026, 11, 26, 12, 30), 3, riyadh(2026, 11, 29, 8, 30)),
        # What comes in at night counts from the morning.
        (riyadh(2026, 11, 22, 23), 1, riyadh(2026, 11, 23, 8, 30)),
        # No time at all: the next working moment.
        (riyadh(2026, 11, 23, 9), 0, riyadh(2026, 11, 23, 9)),
        (riyadh(2026, 11, 26, 14, 30), 0, riyadh(2026, 11, 29, 7, 30)),
    ],
)
def test_working_time_is_added(
    eastern: WorkingCalendar, begin: datetime, hours: int, end: datetime
) -> None:
    assert eastern.add(begin, timedelta(hours=hours)) == end


def test_a_lunch_break_is_no_working_time(tmp_path: Path) -> None:
    office = calendar_of(A_SMALL_OFFICE, tmp_path)
    sunday = riyadh(2026, 11, 29)
    assert office.between(sunday, sunday + DAY) == timedelta(hours=7)
    assert office.add(sunday + 11 * HOUR, 2 * HOUR) == sunday + 14 * HOUR


def test_any_zone_of_the_moment_means_the_same(eastern: WorkingCalendar) -> None:
    moment = riyadh(2026, 11, 23, 8)
    assert eastern.add(moment.astimezone(ZoneInfo("America/New_York")), HOUR) == moment + HOUR


def test_negative_working_time_is_refused(eastern: WorkingCalendar) -> None:
    with pytest.raises(calendar.TimeRunsBackwards):
        eastern.add(riyadh(2026, 11, 23), -MINUTE)


def test_a_moment_without_a_zone_is_a_bug(eastern: WorkingCalendar) -> None:
    with pytest.raises(ValueError, match="aware"):
        eastern.is_working(datetime(2026, 11, 23, 8))  # noqa: DTZ001  # that is the point


def test_what_never_comes_is_refused(eastern: WorkingCalendar) -> None:
    with pytest.raises(calendar.BeyondTheCalendar):
        eastern.next_opening(datetime(9998, 6, 1, tzinfo=UTC))


def test_where_clocks_are_turned_the_wall_clock_counts(night_desk: WorkingCalendar) -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    # 02:15 to 02:45 does not happen in spring and happens twice in autumn.
    worked = [
        sum((end - start for start, end in night_desk.intervals(day)), timedelta())
        for day in (spring, autumn)
    ]
    assert worked == [timedelta(hours=8.5), timedelta(hours=9.5)]
    assert len(night_desk.intervals(autumn)) == 4


# --- The laws, against the slow one


class Slow:
    """Steps through time minute by minute and looks at the wall clock."""

    def __init__(self, fast: WorkingCalendar) -> None:
        self._zone, self._fast = fast.zone, fast
        # The only shortcut: a day is looked up once.
        self._spans = cache(self._hours_of)

    def is_working(self, moment: datetime) -> bool:
        wall = moment.astimezone(self._zone)
        day, passed = wall.date(), timedelta(hours=wall.hour, minutes=wall.minute)
        return any(span.start <= passed < span.end for span in self._spans(day))

    def add(self, moment: datetime, working_time: timedelta) -> datetime:
        while not self.is_working(moment):
            moment += MINUTE
        while working_time:
            working_time -= self.is_working(moment) * MINUTE
            moment += MINUTE
        return moment

    def between(self, a: datetime, b: datetime) -> timedelta:
        minutes = range(int((b - a) / MINUTE))
        return sum(self.is_working(a + passed * MINUTE) for passed in minutes) * MINUTE

    def _hours_of(self, day: date) -> tuple[calendar.Span, ...]:
        fast = self._fast
        if day in fast.dates:
            return fast.dates[day]
        found, begun = hijri(day), []
        for holiday in fast.holidays:
            for passed in range(holiday.days or 0):
                earlier = day - passed * DAY
                named = hijri(earlier) if holiday.is_hijri else None
                begun.append((named[1:] if named else (earlier.month, earlier.day), holiday))
            if holiday.until and found and holiday.start <= found[1:] <= holiday.until:
                return ()
        if any(named == holiday.start for named, holiday in begun):
            return ()
        usual = fast.week[day.weekday()]
        return fast.ramadan if usual and fast.ramadan and found and found[1] == 9 else usual


def minutes_around(*days: date) -> st.SearchStrategy[datetime]:
    """Whole minutes of UTC in the fortnight around one of these days."""
    return st.builds(
        lambda day, passed: datetime.combine(day, time(), UTC) + passed * MINUTE,
        st.sampled_from(days),
        st.integers(-7 * 24 * 60, 7 * 24 * 60),
    )


# Both Eids, the ends of a year and of the Hijri table, and where Berlin turns its clocks. (Where that table
# begins, in 1924, Riyadh's clocks did not show whole minutes of UTC yet.)
MOMENTS = minutes_around(
    date(2026, 3, 15), date(2026, 3, 29), date(2026, 5, 25), date(2026, 10, 25), date(2027, 1, 1),
    date(2077, 11, 16),
)  # fmt: skip
ANY_MOMENT = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WORKING_TIME = st.timedeltas(timedelta(0), timedelta(hours=300))


@pytest.fixture(scope="module")
def own_hours(eastern: WorkingCalendar) -> WorkingCalendar:
    """The eastern authority's calendar as a municipality with two shifts and days of its own has it."""
    morning, evening = calendar.spans_in(["08:00-12:00", "16:00-20:00"])
    ordinary = (morning, evening)
    return eastern.with_own(
        week=(ordinary, ordinary, (morning,), ordinary, ordinary, (), (evening,)),
        ramadan=calendar.spans_in(["21:00-24:00"]),
        dates={date(2026, 3, 29): (), date(2027, 1, 1): calendar.spans_in(["10:00-11:30"])},
    )


def test_a_body_of_its_own_keeps_the_authoritys_holidays_and_not_its_hours(
    eastern: WorkingCalendar, own_hours: WorkingCalendar
) -> None:
    assert own_hours.intervals(date(2026, 11, 23)) == (
        (riyadh(2026, 11, 23, 8), riyadh(2026, 11, 23, 12)),
        (riyadh(2026, 11, 23, 16), riyadh(2026, 11, 23, 20)),
    )
    # The national day, and a day that is its own alone.
    assert own_hours.intervals(date(2026, 9, 23)) == ()
    assert own_hours.intervals(date(2026, 3, 29)) == ()
    assert eastern.intervals(date(2026, 3, 29)) != ()


@pytest.mark.parametrize("given", [["7-14"], ["14:00-07:00"], ["07:30-14:30", "14:00-15:00"]])
def test_what_are_no_hours_is_refused(given: list[str]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        calendar.spans_in(given)


@pytest.fixture(params=["eastern", "night_desk", "own_hours"], scope="module")
def any_calendar(request: pytest.FixtureRequest) -> WorkingCalendar:
    found: WorkingCalendar = request.getfixturevalue(request.param)
    return found


@given(moment=MOMENTS)
def test_it_works_when_the_slow_one_works(any_calendar: WorkingCalendar, moment: datetime) -> None:
    assert any_calendar.is_working(moment) == Slow(any_calendar).is_working(moment)


@settings(max_examples=50)
@given(moment=MOMENTS, minutes=st.integers(0, 15 * 60))
def test_it_adds_what_the_slow_one_adds(
    any_calendar: WorkingCalendar, moment: datetime, minutes: int
) -> None:
    expected = Slow(any_calendar).add(moment, minutes * MINUTE)
    assert any_calendar.add(moment, minutes * MINUTE) == expected


@settings(max_examples=50)
@given(moment=MOMENTS, minutes=st.integers(0, 7 * 24 * 60))
def test_it_counts_what_the_slow_one_counts(
    any_calendar: WorkingCalendar, moment: datetime, minutes: int
) -> None:
    end = moment + minutes * MINUTE
    assert any_calendar.between(moment, end) == Slow(any_calendar).between(moment, end)


@given(moment=ANY_MOMENT, working_time=WORKING_TIME)
def test_between_gives_back_what_add_took(
    any_calendar: WorkingCalendar, moment: datetime, working_time: timedelta
) -> None:
    assert any_calendar.between(moment, any_calendar.add(moment, working_time)) == working_time


@given(moments=st.tuples(ANY_MOMENT, ANY_MOMENT), times=st.tuples(WORKING_TIME, WORKING_TIME))
def test_who_begins_earlier_with_less_to_do_is_not_done_later(
    any_calendar: WorkingCalendar,
    moments: tuple[datetime, datetime],
    times: tuple[timedelta, timedelta],
) -> None:
    (earlier, later), (less, more) = sorted(moments), sorted(times)
    # No time at all leads to the next opening: it may come after a close that some time leads to.
    if less or not more:
        assert any_calendar.add(earlier, less) <= any_calendar.add(later, more)


@given(moment=ANY_MOMENT, first=WORKING_TIME, second=WORKING_TIME.filter(bool))
def test_time_added_in_two_steps_is_time_added_at_once(
    any_calendar: WorkingCalendar, moment: datetime, first: timedelta, second: timedelta
) -> None:
    in_steps = any_calendar.add(any_calendar.add(moment, first), second)
    assert in_steps == any_calendar.add(moment, first + second)


@given(moments=st.tuples(ANY_MOMENT, ANY_MOMENT, ANY_MOMENT))
def test_working_time_adds_up_over_what_lies_between(
    any_calendar: WorkingCalendar, moments: tuple[datetime, datetime, datetime]
) -> None:
    a, b, c = moments
    assert any_calendar.between(a, b) + any_calendar.between(b, c) == any_calendar.between(a, c)
    assert any_calendar.between(a, b) == -any_calendar.between(b, a)


@given(moment=ANY_MOMENT)
def test_the_next_opening_is_the_first_working_moment(
    any_calendar: WorkingCalendar, moment: datetime
) -> None:
    opening = any_calendar.next_opening(moment)
    assert any_calendar.is_working(opening)
    assert opening >= moment
    assert any_calendar.between(moment, opening) == timedelta()
    assert (opening == moment) == any_calendar.is_working(moment)


@given(moment=ANY_MOMENT)
def test_a_day_has_the_working_time_of_its_intervals(
    any_calendar: WorkingCalendar, moment: datetime
) -> None:
    day = moment.date()
    start, end = (
        datetime.combine(each, time(), any_calendar.zone).astimezone(UTC)
        for each in (day, day + DAY)
    )
    worked = sum((b - a for a, b in any_calendar.intervals(day)), timedelta())
    assert any_calendar.between(start, end) == worked


# --- What is wrong with a file is said where it is wrong


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("this is not TOML", "line 1"),
        (A_SMALL_OFFICE.replace("Asia/Riyadh", "Asia/Atlantis"), "time_zone"),
        (A_SMALL_OFFICE.replace('time_zone = "Asia/Riyadh"', ""), "time_zone"),
        (A_SMALL_OFFICE.replace("monday", "moonday"), r"week\.moonday"),
        ('time_zone = "Asia/Riyadh"\n[week]', "week"),
        (A_SMALL_OFFICE.replace("08:00-16:00", "16:00-08:00"), r"week\.monday.*16:00-08:00"),
        (A_SMALL_OFFICE.replace("08:00-16:00", "8-16"), r"week\.monday"),
        (A_SMALL_OFFICE.replace("13:00", "11:00"), r"week\.sunday"),
        (A_SMALL_OFFICE + '[ramadan]\nhours = "10:00-15:00"', r"ramadan\.hours"),
        (A_SMALL_OFFICE + "[holidays]\n", "holidays"),
        (A_SMALL_OFFICE + '[[holidays]]\nname_ar = "أ"\nname_en = "A"\n', r"holidays\[1\]"),
        *(
            (
                A_SMALL_OFFICE + f'[[holidays]]\nname_ar = "أ"\nname_en = "A"\n{fields}\n',
                rf"holidays\[1\]\.{where}",
            )
            for fields, where in [
                ('hijri = "09-30"\ndays = 3', "hijri"),
                ('hijri = "13-01"\ndays = 3', "hijri"),
                ('gregorian = "02-29"\ndays = 1', "gregorian"),
                ('gregorian = "00-01"\ndays = 1', "gregorian"),
                ('gregorian = "09-23"\ndays = 0', "days"),
                ('gregorian = "09-23"\ndays = 366', "days"),
                ('gregorian = "09-23"\nuntil = "09-22"', "until"),
                ('gregorian = "09-23"\ndays = 1\ncolour = "green"', "colour"),
            ]
        ),
        (A_SMALL_OFFICE + "[[dates]]\ndate = 2027-01-10\n", r"dates\[1\]"),
        (A_SMALL_OFFICE + '[[dates]]\ndate = "soon"\nclosed = true\n', r"dates\[1\]\.date"),
        (A_SMALL_OFFICE + 2 * "[[dates]]\ndate = 2027-01-10\nclosed = true\n", r"dates\[2\]\.date"),
        (A_SMALL_OFFICE + "[[dates]]\ndate = 2027-01-10\nclosed = false\n", r"dates\[1\]\.closed"),
    ],
)
def test_a_broken_calendar_says_where_it_is_broken(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(CalendarUnreadable, match=f"(?s)calendar.toml.*{complaint}"):
        calendar_of(text, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalendarUnreadable, match=r"nowhere\.toml"):
        WorkingCalendar.read(tmp_path / "nowhere.toml")
