"""Input of the pages about stories and journalists."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.core.forms import Controls
from bayan.press.models import Outlet, Story


def _moment(**more: Any) -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local", **more}, format="%Y-%m-%dT%H:%M")


class StoryForm(Controls):
    """A story as its body hands it in: five fields, and the files beside them."""

    title = forms.CharField(
        label=_("Title"), max_length=140, widget=forms.TextInput({"dir": "auto"})
    )
    text = forms.CharField(
        label=_("Text of the story"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        help_text=_("What happened, where, when, and who said what."),
    )
    shows_people = forms.ChoiceField(
        label=_("People in the pictures"), choices=Story.People.choices, required=False
    )
    publish_by = forms.DateField(
        label=_("Wanted by (if it matters)"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    embargo_until = forms.DateTimeField(
        label=_("Embargoed until (if at all)"), required=False, widget=_moment()
    )


class EditForm(Controls):
    """The editors' words; the files stand beside them."""

    title = forms.CharField(
        label=_("Title"), max_length=140, widget=forms.TextInput({"dir": "auto"})
    )
    text = forms.CharField(
        label=_("Text for journalists"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 12, "dir": "auto"}),
    )
    embargo_until = forms.DateTimeField(
        label=_("Embargoed until (if at all)"), required=False, widget=_moment()
    )
    is_open_early = forms.BooleanField(
        label=_("Journalists see the material before, to prepare it"), required=False
    )


class PublicationForm(Controls):
    """Where a story was published."""

    outlet = forms.CharField(label=_("Outlet"), max_length=120)
    address = forms.URLField(
        label=_("Address of the page"),
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"dir": "ltr", "placeholder": "https://"}),
    )


class JournalistForm(Controls):
    """Who they are, for whom they write, how they are reached: six fields, and their agreement."""

    name = forms.CharField(label=_("Name"), max_length=120)
    outlet = forms.CharField(
        label=_("Outlet"),
        max_length=120,
        required=False,
        widget=forms.TextInput({"list": "outlets"}),
    )
    beat = forms.CharField(label=_("Beat"), max_length=120, required=False)
    phone = forms.CharField(
        label=_("Mobile (WhatsApp)"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel"}),
    )
    email = forms.EmailField(
        label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"dir": "ltr"})
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=[("ar", "العربية"), ("en", "English")], initial="ar"
    )
    has_agreed = forms.BooleanField(
        label=_("They have agreed to get our news by WhatsApp or e-mail"), required=False
    )
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )

    @staticmethod
    def outlets() -> list[str]:
        """The outlets that are known, to choose from."""
        return list(Outlet.objects.order_by("name").values_list("name", flat=True)[:500])
