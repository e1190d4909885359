"""Input of a body's own working hours and days."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.core.calendar import Span, WorkingCalendar, spans_in
from bayan.core.forms import Controls
from bayan.organisation.models import BodyHours

# The week as it is lived here.
WEEK = (6, 0, 1, 2, 3, 4, 5)
_COMMA = re.compile(r"[,،؛;]")


def written(spans: tuple[Span, ...]) -> str:
    """Hours as they are typed: 07:30-14:30, 16:00-18:00."""
    return ", ".join(f"{_clock(span.start)}-{_clock(span.end)}" for span in spans)


def _clock(passed: timedelta) -> str:
    minutes = int(passed.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def hours_in(text: str) -> list[str]:
    """The hours that were typed.

    :raises ValidationError: they are none
    """
    parts = [part.strip() for part in _COMMA.split(text.replace("–", "-"))]
    found = [part for part in parts if part]
    try:
        spans_in(found)
    except ValueError as error:
        raise ValidationError(
            _("“%(given)s” are no hours. Write them as 07:30-14:30, with commas between several.")
            % {"given": error}
        ) from error
    return found


class Hours(forms.CharField):
    """Some hours of a day; empty: none."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"})
        super().__init__(max_length=120, required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> list[str]:
        return hours_in(super().clean(value))


class HoursForm(Controls):
    """The week of a body and its hours in Ramadan, each its own or the authority's."""

    own_week = forms.BooleanField(label=gettext_lazy("Hours of its own"), required=False)
    own_ramadan = forms.BooleanField(
        label=gettext_lazy("Hours of its own in Ramadan"), required=False
    )
    ramadan = Hours(label=gettext_lazy("On working days in Ramadan"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day in WEEK:
            self.fields[f"day{day}"] = Hours(label=WEEKDAYS[day])
            self.fields[f"day{day}"].widget.attrs["class"] = "control"

    @classmethod
    def of(cls, hours: BodyHours | None, known: WorkingCalendar) -> HoursForm:
        """The form with what holds now."""
        return cls(
            initial={
                "own_week": hours is not None and hours.week is not None,
                "own_ramadan": hours is not None and hours.ramadan is not None,
                "ramadan": written(known.ramadan or ()),
                **{f"day{day}": written(known.week[day]) for day in WEEK},
            }
        )

    @property
    def days(self) -> list[Any]:
        return [self[f"day{day}"] for day in WEEK]

    @property
    def week(self) -> list[list[str]] | None:
        """Monday first; None: as above it."""
        given = self.cleaned_data
        return [given[f"day{day}"] for day in range(7)] if given["own_week"] else None

    @property
    def in_ramadan(self) -> list[str] | None:
        return self.cleaned_data["ramadan"] if self.cleaned_data["own_ramadan"] else None


class DayForm(Controls):
    """Days on which a body is closed, or open at other hours."""

    name = forms.CharField(label=gettext_lazy("What is on these days"), max_length=120)
    first = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    hours = Hours(
        label=gettext_lazy("Open at these hours"), help_text=gettext_lazy("Empty: closed.")
    )
