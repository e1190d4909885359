"""Input of the inbox: one form for each kind of message. The channel's limits are the services' business."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.channels.models import Flow, Template

MOST_FILES = 10
MOST_BUTTONS, MOST_ROWS = 3, 10


class ReplyForm(forms.Form):
    """A text to the person; what it answers, if it answers one message."""

    text = forms.CharField(
        label=_("Reply"),
        max_length=4000,
        error_messages={"required": _("Write the reply first.")},
    )
    quoting = forms.UUIDField(required=False)

    @property
    def problem(self) -> str:
        """The first thing that is wrong, as a sentence."""
        return str(next(iter(self.errors.values()))[0])

    @property
    def words(self) -> str:
        return str(self.cleaned_data["text"])

    @property
    def quoted(self) -> UUID | None:
        found: UUID | None = self.cleaned_data["quoting"]
        return found


class CaptionForm(ReplyForm):
    """What stands under files; it may be missing."""

    text = forms.CharField(label=_("Reply"), max_length=4000, required=False)


class PlaceForm(CaptionForm):
    """A place: its coordinates, as the map or a person writes them."""

    latitude = forms.CharField(label=_("Latitude"), max_length=60)
    longitude = forms.CharField(label=_("Longitude"), max_length=30, required=False)
    name = forms.CharField(label=_("Name of the place"), max_length=200, required=False)
    address = forms.CharField(label=_("Address"), max_length=300, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        # Both together, as other maps copy them: 26.4344, 50.1033.
        written = f"{cleaned.get('latitude', '')},{cleaned.get('longitude', '')}"
        # Arabic digits are digits to Python too; their decimal point is not a point.
        numbers = re.findall(r"[-+]?\d+(?:\.\d+)?", written.replace("٫", "."))
        if len(numbers) != 2:
            raise forms.ValidationError(
                _("Choose a place on the map, or write its latitude and longitude.")
            )
        cleaned["latitude"], cleaned["longitude"] = map(float, numbers)
        return cleaned


class ButtonsForm(ReplyForm):
    """A question with a few answers as buttons."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, MOST_BUTTONS + 1):
            self.fields[f"button_{number}"] = forms.CharField(max_length=40, required=False)

    @property
    def titles(self) -> list[str]:
        titles = (self.cleaned_data[f"button_{n}"] for n in range(1, MOST_BUTTONS + 1))
        return [title for title in titles if title]


class ListForm(ReplyForm):
    """A question with a list of answers."""

    button = forms.CharField(max_length=40)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, MOST_ROWS + 1):
            self.fields[f"row_{number}"] = forms.CharField(max_length=60, required=False)
            self.fields[f"explanation_{number}"] = forms.CharField(max_length=150, required=False)

    @property
    def rows(self) -> list[tuple[str, str]]:
        pairs = (
            (self.cleaned_data[f"row_{n}"], self.cleaned_data[f"explanation_{n}"])
            for n in range(1, MOST_ROWS + 1)
        )
        return [pair for pair in pairs if pair[0]]


class LinkForm(ReplyForm):
    """A text with a button that opens a page."""

    title = forms.CharField(max_length=40)
    url = forms.CharField(max_length=2100)


class FlowForm(ReplyForm):
    """A text with a button that opens a form of the account's."""

    title = forms.CharField(max_length=40)
    form = forms.ModelChoiceField(Flow.objects.none(), to_field_name="external_id")

    def __init__(self, *args: Any, account_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["form"]
        chosen.queryset = Flow.objects.filter(account=account_id, status="PUBLISHED")


class TemplateForm(forms.Form):
    """Which template; its values come beside it, named by their keys."""

    template = forms.ModelChoiceField(
        Template.objects.none(),
        to_field_name="public_id",
        error_messages={
            "required": _("Choose a template."),
            "invalid_choice": _("Choose a template."),
        },
    )

    def __init__(self, *args: Any, account_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["template"]
        chosen.queryset = Template.objects.filter(
            account=account_id, status=Template.Status.APPROVED
        )
