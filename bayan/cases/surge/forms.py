"""Input of surge mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from bayan.cases import services
from bayan.cases.surge.models import Surge
from bayan.core.forms import Controls
from bayan.organisation.models import Node

HOURS = (1, 2, 4, 8, 12, 24, 48, 72)


def _hours(label: Any, initial: int, **more: Any) -> forms.TypedChoiceField:
    words = ngettext_lazy("%(count)d hour", "%(count)d hours", "count")
    return forms.TypedChoiceField(
        label=label,
        coerce=int,
        choices=[(hours, words % {"count": hours}) for hours in HOURS],
        initial=initial,
        **more,
    )


class BeginForm(Controls):
    """Where surge mode is switched on, and why."""

    node = forms.ModelChoiceField(label=_("Where"), queryset=Node.objects.none(), empty_label=None)
    reason = forms.CharField(
        label=_("Why"),
        max_length=200,
        help_text=_("In a few words: it stands on the band, in the summary and in the trail."),
    )

    def __init__(self, *args: Any, nodes: Sequence[Node], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["node"]
        field.queryset = Node.objects.filter(pk__in=[node.pk for node in nodes]).order_by(
            "position"
        )
        field.label_from_instance = lambda node: node.short_name
        field.to_field_name = "key"


class WordsForm(Controls):
    """What a surge says to people."""

    reason = forms.CharField(label=_("Why"), max_length=200)
    statement = forms.CharField(
        label=_("The statement"),
        max_length=600,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_(
            "As it is sent to those who are pointed to it. Empty: nobody can be pointed to it."
        ),
    )
    statement_link = forms.URLField(
        label=_("Where it can be read"),
        max_length=300,
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"dir": "ltr"}),
    )
    terms = forms.CharField(
        label=_("Words of those whom it answers"),
        max_length=200,
        required=False,
        help_text=_("With commas between. Empty: every question since surge mode was switched on."),
    )
    thanks = forms.CharField(
        label=_("What each person who writes is told, once in twelve hours"),
        max_length=900,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
        help_text=_(
            "{reference}, {wait} and {statement} are filled in for each. Whoever writes in English is told "
            "the same in English."
        ),
    )
    wait_words = forms.CharField(
        label=_("Expected wait"),
        max_length=60,
        required=False,
        help_text=_("Empty: worked out from the queue. Else as it stands in the sentence."),
    )

    def clean_thanks(self) -> str:
        text: str = self.cleaned_data["thanks"]
        try:
            services.check_thanks(text)
        except services.WordsUnusable as refused:
            raise ValidationError(str(refused)) from refused
        return text

    @property
    def words(self) -> services.SurgeWords:
        return services.SurgeWords(**self.cleaned_data)

    @classmethod
    def of(cls, surge: Surge) -> WordsForm:
        """The form with what a surge says now."""
        initial = {name: getattr(surge, name) for name in cls.base_fields}
        return cls(initial=initial | {"terms": "، ".join(surge.terms)})


class LinkForm(Controls):
    """A link by which members of other bodies come to help."""

    most = forms.IntegerField(label=_("For how many"), min_value=1, max_value=100, initial=10)
    good_for = _hours(_("The link opens for"), 2)
    help_for = _hours(_("They help for"), 8)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("good_for", 0) > given.get("help_for", 0):
            self.add_error("good_for", _("The link cannot open longer than the help lasts."))
        return given

    @property
    def lengths(self) -> dict[str, timedelta]:
        return {
            "good_for": timedelta(hours=self.cleaned_data["good_for"]),
            "help_for": timedelta(hours=self.cleaned_data["help_for"]),
        }
