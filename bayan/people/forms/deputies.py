"""Choosing members: a deputy, a successor."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bayan.core.forms import Controls
from bayan.people import selectors
from bayan.people.forms.members import Day, end_of
from bayan.people.models import Member


class MemberChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable
    """One of some members."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", Member.objects.none())
        super().__init__(to_field_name="public_id", **kwargs)


class DeputyForm(Controls):
    """Who stands in, and from when until when."""

    deputy = MemberChoice(label=_("Deputy"), empty_label=_("Choose a colleague"))
    first_day = forms.DateField(label=_("From"), widget=Day)
    last_day = forms.DateField(
        label=_("Until"), widget=Day, help_text=_("The last day is included.")
    )

    def __init__(self, *args: Any, member: Member, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deputy"].queryset = selectors.colleagues_of(member, now=now)  # type: ignore[attr-defined]
        self.fields["first_day"].initial = timezone.localdate(now)
        self.now = now

    @property
    def starts_at(self) -> datetime:
        """The beginning of the first day; now, if that is today."""
        first = datetime.combine(self.cleaned_data["first_day"], time.min)
        return max(timezone.make_aware(first), self.now)

    @property
    def ends_at(self) -> datetime:
        ends_at = end_of(self.cleaned_data["last_day"])
        assert ends_at is not None  # noqa: S101  # a required field
        return ends_at


class SuccessorForm(Controls):
    """Who takes over from a leaving member."""

    successor = MemberChoice(label=_("Successor"), empty_label=_("Choose the successor"))

    def __init__(self, *args: Any, members: QuerySet[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["successor"].queryset = members  # type: ignore[attr-defined]
