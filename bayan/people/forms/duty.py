"""Planning a week of duty, exchanging a turn, handing over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from bayan.core.forms import Controls
from bayan.organisation.models import Node
from bayan.people import selectors
from bayan.people.forms.deputies import MemberChoice
from bayan.people.models import Turn
from bayan.people.services import Slot

DAYS_OF_WEEK = 7


def first_of_week(day: date) -> date:
    """The Sunday of this day's week, with which the week begins here."""
    return day - timedelta(days=(day.weekday() + 1) % DAYS_OF_WEEK)


def moment(day: date, at: time = time.min) -> datetime:
    """This time of this day, here."""
    return timezone.make_aware(datetime.combine(day, at))


class Clock(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class PlanForm(Controls):
    """A week's pattern: the same hours each day, somebody for each day that has duty."""

    starts = forms.TimeField(label=_("From"), widget=Clock, initial=time(16))
    ends = forms.TimeField(
        label=_("Until"),
        widget=Clock,
        initial=time(8),
        help_text=_("An end before the beginning is the next morning's."),
    )

    def __init__(
        self, *args: Any, node: Node, first_day: date, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        staff = list(selectors.staff_of(node, now=now))
        week = [first_day + timedelta(days=number) for number in range(DAYS_OF_WEEK)]
        # What has been is not planned any more.
        self.days = [day for day in week if day >= timezone.localdate(now)]
        for day in self.days:
            self.fields[f"on_{day.isoformat()}"] = forms.ChoiceField(
                label=date_format(day, "l j F"),
                required=False,
                choices=[("", _("Nobody")), *((str(m.public_id), m.name) for m in staff)],
                widget=forms.Select(attrs={"class": "control"}),
            )
        self._staff = {str(member.public_id): member for member in staff}

    @property
    def on_days(self) -> list[forms.BoundField]:
        return [self[f"on_{day.isoformat()}"] for day in self.days]

    @property
    def slots(self) -> Iterator[Slot]:
        """The turns that the pattern means."""
        starts, ends = self.cleaned_data["starts"], self.cleaned_data["ends"]
        for day in self.days:
            member = self._staff.get(self.cleaned_data[f"on_{day.isoformat()}"])
            if member:
                yield Slot(
                    member=member,
                    starts_at=moment(day, starts),
                    ends_at=moment(day if ends > starts else day + timedelta(days=1), ends),
                )


class SwapForm(Controls):
    """Who takes the turn: a colleague, or one of theirs in exchange."""

    to = MemberChoice(label=_("Colleague"), empty_label=_("Choose a colleague"))
    in_return = forms.ModelChoiceField(
        label=_("In exchange for"),
        queryset=Turn.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label=_("Nothing: they take it over"),
        help_text=_("Only a turn of the colleague chosen above."),
    )

    def __init__(self, *args: Any, turn: Turn, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = selectors.staff_of(turn.node, now=now).exclude(pk=turn.member_id)
        self.fields["to"].queryset = staff  # type: ignore[attr-defined]
        others = selectors.exchangeable(turn, now=now)
        self.fields["in_return"].queryset = others  # type: ignore[attr-defined]
        self.fields["in_return"].label_from_instance = _turn_label  # type: ignore[attr-defined]


def _turn_label(turn: Turn) -> str:
    return f"{turn.member.name} · {date_format(timezone.localtime(turn.starts_at), 'l j F')}"


class NoteForm(Controls):
    """What the next one on duty must know."""

    note = forms.CharField(
        label=_("Hand-over note"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What is still open, who was promised what, what to watch."),
    )
