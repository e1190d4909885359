"""Working time: when an authority is open, and what that makes of a span of time.

Moments are aware datetimes of any zone; what is returned is in UTC, where sums and comparisons hold even
when a zone turns its clocks. Working is what the wall clock of the calendar's zone says: in Riyadh, which
turns no clocks, a working hour is an hour; elsewhere one that the clocks leap over is none, and one that
they show twice is two.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _
from hijridate import Gregorian

from bayan.core.errors import DomainError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RAMADAN = 9
# A longer "holiday" is a slip of the pen, and would leave a calendar that never opens.
LONGEST_HOLIDAY = 60
# A Hijri month has 29 or 30 days: what begins with the 30th would be missed in half of the years.
LAST_SURE_HIJRI_DAY = 29
A_COMMON_YEAR = 2001
# A year needs the days around it.
FIRST_YEAR, LAST_YEAR = 3, 9997
A_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
A_MONTH_AND_DAY = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
A_DAY = timedelta(days=1)
NOTHING = timedelta()

Interval = tuple[datetime, datetime]


class CalendarUnreadable(DomainError):
    pass


class TimeRunsBackwards(DomainError):
    pass


class BeyondTheCalendar(DomainError):
    pass


class HijriDate(NamedTuple):
    """A day of the Umm al-Qura calendar."""

    year: int
    month: int
    day: int


def hijri(day: date) -> HijriDate | None:
    """The day in the Umm al-Qura calendar; None outside of 1924 to 2077, where its table ends."""
    try:
        return HijriDate(*Gregorian.fromdate(day).to_hijri().datetuple())
    except (OverflowError, ValueError):
        return None


def is_ramadan(at: datetime) -> bool:
    """Whether the day of this local time falls in Ramadan.

    False outside the years that the calendar covers.
    """
    found = hijri(at.date())
    return found is not None and found.month == RAMADAN


@dataclass(frozen=True, order=True)
class Span:
    """Some hours of a day by the wall clock, as times since its midnight: the end may be 24:00."""

    start: timedelta
    end: timedelta


@dataclass(frozen=True, kw_only=True)
class Holiday:
    """Days off that come back each year: from this month and day on, so many days or until another day."""

    is_hijri: bool
    start: tuple[int, int]
    days: int | None = None
    until: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Year:
    """The working intervals of a year of UTC, and the working time that has passed before each of them."""

    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    passed: tuple[timedelta, ...]  # one more than there are intervals: the last is the year's sum


@dataclass(frozen=True, kw_only=True, eq=False)
class WorkingCalendar:
    """When an authority works. What it answers never changes; a year is worked out once and kept."""

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]  # Monday first; an empty day is free
    ramadan: tuple[Span, ...] | None = None
    holidays: tuple[Holiday, ...] = ()
    dates: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False)
    _days_off: dict[int, frozenset[date]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def read(cls, path: Path) -> WorkingCalendar:
        """The calendar that an authority's `calendar.toml` describes.

        :raises CalendarUnreadable: the file is not TOML, or something in it is not what it should be
        """
        return _Reader(path).calendar()

    def with_own(
        self,
        *,
        week: tuple[tuple[Span, ...], ...] | None = None,
        ramadan: tuple[Span, ...] | None = None,
        dates: Mapping[date, tuple[Span, ...]] | None = None,
    ) -> WorkingCalendar:
        """This calendar with the week, the hours in Ramadan and the single days of one body in its place."""
        return replace(
            self,
            week=self.week if week is None else week,
            ramadan=self.ramadan if ramadan is None else ramadan,
            dates={**self.dates, **(dates or {})},
        )

    def is_working(self, moment: datetime) -> bool:
        """True from the moment the doors open until the one they close."""
        utc = _utc(moment)
        year = self._year(utc.year)
        at = bisect_right(year.ends, utc)
        return at < len(year.starts) and year.starts[at] <= utc

    def intervals(self, day: date) -> tuple[Interval, ...]:
        """When work begins and ends on this day of the calendar's zone."""
        return tuple(self._intervals([day]))

    def next_opening(self, moment: datetime) -> datetime:
        """The moment itself when it is a working one, else the next one at which work begins."""
        utc = _utc(moment)
        number = utc.year
        while True:
            year = self._year(number)
            at = bisect_right(year.ends, utc)
            if at < len(year.starts):
                return max(utc, year.starts[at])
            number += 1

    def add(self, moment: datetime, working_time: timedelta) -> datetime:
        """The moment at which so much working time has passed.

        What runs out with the working day is due when it closes, not when the next one opens. No time at all
        leads to the next working moment.

        :raises TimeRunsBackwards: the time is negative
        """
        if working_time < NOTHING:
            raise TimeRunsBackwards(_("Working time that is added must not be negative."))
        if not working_time:
            return self.next_opening(moment)
        utc = _utc(moment)
        number = utc.year
        due = self._passed(utc) + working_time
        while due > (total := self._year(number).passed[-1]):
            due -= total
            number += 1
        year = self._year(number)
        at = bisect_left(year.passed, due) - 1
        return year.starts[at] + (due - year.passed[at])

    def between(self, a: datetime, b: datetime) -> timedelta:
        """The working time from `a` to `b`; negative when `b` comes first."""
        first, last = _utc(a), _utc(b)
        if last < first:
            return -self.between(last, first)
        years = (self._year(number).passed[-1] for number in range(first.year, last.year))
        return sum(years, NOTHING) + self._passed(last) - self._passed(first)

    def _passed(self, utc: datetime) -> timedelta:
        """The working time since the moment's year of UTC began."""
        year = self._year(utc.year)
        at = bisect_right(year.starts, utc)
        if not at:
            return NOTHING
        return year.passed[at - 1] + min(utc, year.ends[at - 1]) - year.starts[at - 1]

    def _year(self, number: int) -> _Year:
        if number not in self._years:
            if not FIRST_YEAR <= number <= LAST_YEAR:
                raise BeyondTheCalendar(
                    _("Working time is known for the years %(first)d to %(last)d only.")
                    % {"first": FIRST_YEAR, "last": LAST_YEAR}
                )
            self._years[number] = self._worked_out(number)
        return self._years[number]

    def _worked_out(self, number: int) -> _Year:
        first, last = datetime(number, 1, 1, tzinfo=UTC), datetime(number + 1, 1, 1, tzinfo=UTC)
        # A day of the zone may begin on another one of UTC.
        days = _days(date(number, 1, 1) - 2 * A_DAY, date(number + 1, 1, 1) + 2 * A_DAY)
        clipped = [
            (max(start, first), min(end, last))
            for start, end in self._intervals(days)
            if start < last and end > first
        ]
        return _Year(
            starts=tuple(start for start, _end in clipped),
            ends=tuple(end for _start, end in clipped),
            passed=tuple(accumulate((end - start for start, end in clipped), initial=NOTHING)),
        )

    def _intervals(self, days: Iterable[date]) -> list[Interval]:
        """The working time of successive days, in the order of time."""
        wanted = list(days)
        found = [
            (max(start - offset, since), min(end - offset, until))
            for since, until, offset in self._offsets(wanted[0], wanted[-1])
            for day in wanted
            for start, end in self._wall(day)
            # What this offset's wall clock shows while it holds.
            if start - offset < until and end - offset > since
        ]
        return sorted(found)

    def _wall(self, day: date) -> Iterator[Interval]:
        """The working time of a day as its wall clock shows it, written as if it were UTC."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for span in self._spans(day):
            yield midnight + span.start, midnight + span.end

    def _spans(self, day: date) -> tuple[Span, ...]:
        if day in self.dates:
            return self.dates[day]
        ordinary = self.week[day.weekday()]
        if not ordinary or day in self._off(day.year):
            return ()
        if self.ramadan is not None and (found := hijri(day)) and found.month == RAMADAN:
            return self.ramadan
        return ordinary

    def _off(self, year: int) -> frozenset[date]:
        """The holidays of a year, weekends among them."""
        if year not in self._days_off:
            begun = date(year, 1, 1) - LONGEST_HOLIDAY * A_DAY
            self._days_off[year] = frozenset(
                day
                for holiday in self.holidays
                for day in _days_of(holiday, begun, date(year + 1, 1, 1))
                if day.year == year
            )
        return self._days_off[year]

    def _offsets(self, first: date, last: date) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """Which offset from UTC the zone's clocks have, and from when until when."""
        since = datetime(first.year, first.month, first.day, tzinfo=UTC) - A_DAY
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + 2 * A_DAY
        at, offset = since, self._offset(since)
        while at < end:
            later = at + A_DAY
            if self._offset(later) != offset:
                turned = self._turn(at, later)
                yield since, turned, offset
                since, offset = turned, self._offset(later)
            at = later
        yield since, end, offset

    def _turn(self, before: datetime, after: datetime) -> datetime:
        """The second at which the clocks are turned; no zone turns them twice within a day."""
        old = self._offset(before)
        seconds = range(int((after - before).total_seconds()) + 1)
        return before + timedelta(
            seconds=bisect_left(
                seconds,
                True,
                key=lambda passed: self._offset(before + timedelta(seconds=passed)) != old,
            )
        )

    def _offset(self, utc: datetime) -> timedelta:
        return utc.astimezone(self.zone).utcoffset() or NOTHING


def spans_in(texts: Iterable[str]) -> tuple[Span, ...]:
    """Hours of a day such as 07:30-14:30, in their order.

    :raises ValueError: one of them is none, or they overlap
    """
    spans = []
    for text in texts:
        found = A_SPAN.fullmatch(text.strip())
        if found is None:
            raise ValueError(text)
        from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
        start = timedelta(hours=from_hour, minutes=from_minute)
        end = timedelta(hours=to_hour, minutes=to_minute)
        if from_minute > 59 or to_minute > 59 or not start < end <= A_DAY:
            raise ValueError(text)
        spans.append(Span(start, end))
    spans.sort()
    if any(later.start < earlier.end for earlier, later in pairwise(spans)):
        raise ValueError(", ".join(texts))
    return tuple(spans)


def _days(first: date, end: date) -> Iterator[date]:
    """The days from the first one up to, but not including, the end."""
    return (first + passed * A_DAY for passed in range((end - first).days))


def _days_of(holiday: Holiday, first: date, end: date) -> Iterator[date]:
    """The days of a holiday among those that begin within a span of days."""
    left = 0
    is_until = False
    for day in _days(first, end):
        named = _month_and_day(day, is_hijri=holiday.is_hijri)
        if named == holiday.start:
            left, is_until = holiday.days or 0, holiday.until is not None
        if named is None:
            # Beyond the table of Hijri dates its holidays do not apply.
            left, is_until = 0, False
        if left > 0 or is_until:
            yield day
        left -= 1
        is_until = is_until and named != holiday.until


def _month_and_day(day: date, *, is_hijri: bool) -> tuple[int, int] | None:
    if not is_hijri:
        return day.month, day.day
    found = hijri(day)
    return (found.month, found.day) if found else None


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("Working time is counted between aware moments.")
    return moment.astimezone(UTC)


class _Reader:
    """One reading of a calendar's file; what is wrong with it is said with the field's name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def calendar(self) -> WorkingCalendar:
        try:
            given = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CalendarUnreadable(
                _("%(path)s cannot be read: %(error)s") % {"path": self._path, "error": error}
            ) from error
        self._fields(given, "", needed={"time_zone", "week"}, more={"ramadan", "holidays", "dates"})
        return WorkingCalendar(
            zone=self._zone(given["time_zone"]),
            week=self._week(given["week"]),
            ramadan=self._ramadan(given["ramadan"]) if "ramadan" in given else None,
            holidays=tuple(
                self._holiday(row, where) for row, where in self._rows(given, "holidays")
            ),
            dates=self._dates(given),
        )

    def _zone(self, given: Any) -> ZoneInfo:
        try:
            return ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise self._wrong(
                "time_zone", given, _("that is no time zone such as Asia/Riyadh")
            ) from None

    def _week(self, given: Any) -> tuple[tuple[Span, ...], ...]:
        week = self._table(given, "week")
        self._fields(week, "week", needed=set(), more=set(WEEKDAYS))
        if not any(week.values()):
            raise self._wrong("week", given, _("not one day has working hours"))
        return tuple(self._spans(week.get(day, []), f"week.{day}") for day in WEEKDAYS)

    def _ramadan(self, given: Any) -> tuple[Span, ...]:
        ramadan = self._table(given, "ramadan")
        self._fields(ramadan, "ramadan", needed={"hours"}, more=set())
        return self._spans(ramadan["hours"], "ramadan.hours")

    def _holiday(self, row: dict[str, Any], where: str) -> Holiday:
        self._fields(
            row, where, needed={"name_ar", "name_en"}, more={"hijri", "gregorian", "days", "until"}
        )
        begins = self._one_of(row, where, "hijri", "gregorian")
        lasts = self._one_of(row, where, "days", "until")
        is_hijri = begins == "hijri"
        days = row.get("days")
        if days is not None and (type(days) is not int or not 0 < days <= LONGEST_HOLIDAY):
            raise self._wrong(
                f"{where}.days", days,
                _("that is no number from 1 to %(most)d") % {"most": LONGEST_HOLIDAY},
            )  # fmt: skip
        start = self._month_and_day(row[begins], f"{where}.{begins}", is_hijri=is_hijri)
        if lasts == "days":
            return Holiday(is_hijri=is_hijri, start=start, days=days)
        until = self._month_and_day(row["until"], f"{where}.until", is_hijri=is_hijri)
        roughly = (until[0] - start[0]) % 12 * 30 + until[1] - start[1] + 1
        if not 0 < roughly <= LONGEST_HOLIDAY:
            raise self._wrong(
                f"{where}.until", row["until"],
                _("a holiday lasts %(most)d days at most") % {"most": LONGEST_HOLIDAY},
            )  # fmt: skip
        return Holiday(is_hijri=is_hijri, start=start, until=until)

    def _dates(self, given: dict[str, Any]) -> dict[date, tuple[Span, ...]]:
        dates: dict[date, tuple[Span, ...]] = {}
        for row, where in self._rows(given, "dates"):
            self._fields(
                row, where, needed={"date"}, more={"name_ar", "name_en", "closed", "hours"}
            )
            day = row["date"]
            if type(day) is not date:
                raise self._wrong(f"{where}.date", day, _("that is no date such as 2027-01-10"))
            if day in dates:
                raise self._wrong(f"{where}.date", day, _("this day stands there twice"))
            if self._one_of(row, where, "closed", "hours") == "hours":
                dates[day] = self._spans(row["hours"], f"{where}.hours")
            elif row["closed"] is True:
                dates[day] = ()
            else:
                raise self._wrong(f"{where}.closed", row["closed"], _("only true has a meaning"))
        return dates

    def _spans(self, given: Any, where: str) -> tuple[Span, ...]:
        if not isinstance(given, list):
            raise self._wrong(where, given, _("that is no list of hours such as 07:30-14:30"))
        spans = sorted(self._span(each, where) for each in given)
        for earlier, later in pairwise(spans):
            if later.start < earlier.end:
                raise self._wrong(where, given, _("these hours overlap"))
        return tuple(spans)

    def _span(self, given: Any, where: str) -> Span:
        found = A_SPAN.fullmatch(given) if isinstance(given, str) else None
        if found:
            from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
            start = timedelta(hours=from_hour, minutes=from_minute)
            end = timedelta(hours=to_hour, minutes=to_minute)
            if from_minute < 60 and to_minute < 60 and start < end <= A_DAY:
                return Span(start, end)
        raise self._wrong(where, given, _("that is no span of hours such as 07:30-14:30"))

    def _month_and_day(self, given: Any, where: str, *, is_hijri: bool) -> tuple[int, int]:
        found = A_MONTH_AND_DAY.fullmatch(given) if isinstance(given, str) else None
        if found:
            month, day = map(int, found.groups())
            # Only days that each year has: what begins or ends with another would be missed in some.
            longest = LAST_SURE_HIJRI_DAY if is_hijri else monthrange(A_COMMON_YEAR, month or 1)[1]
            if 1 <= month <= 12 and 1 <= day <= longest:
                return month, day
        raise self._wrong(
            where, given, _("that is no month and day, such as 09-23, that each year has")
        )

    def _rows(self, given: dict[str, Any], name: str) -> Iterator[tuple[dict[str, Any], str]]:
        rows = given.get(name, [])
        if not isinstance(rows, list):
            raise self._wrong(name, rows, _("write each row under [[%(name)s]]") % {"name": name})
        for number, row in enumerate(rows, start=1):
            where = f"{name}[{number}]"
            yield self._table(row, where), where

    def _table(self, given: Any, where: str) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise self._wrong(where, given, _("that is no table"))
        return given

    def _fields(self, row: dict[str, Any], where: str, *, needed: set[str], more: set[str]) -> None:
        before = f"{where}." if where else ""
        for name in sorted(row.keys() - needed - more):
            raise self._wrong(f"{before}{name}", row[name], _("nothing of this name is known here"))
        for name in sorted(needed - row.keys()):
            raise self._wrong(f"{before}{name}", row, _("it is missing"))

    def _one_of(self, row: dict[str, Any], where: str, one: str, other: str) -> str:
        if (one in row) == (other in row):
            raise self._wrong(
                where, row, _("give either %(one)s or %(other)s") % {"one": one, "other": other}
            )
        return one if one in row else other

    def _wrong(self, where: str, given: Any, complaint: str) -> CalendarUnreadable:
        return CalendarUnreadable(
            _("%(path)s, %(field)s: %(complaint)s (%(given)s).")
            % {"path": self._path, "field": where, "complaint": complaint, "given": given}
        )
