"""Input of cases."""

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.cases.models import Case
from bayan.organisation.models import Node


class AssignForm(forms.Form):
    """The body that shall take the case over."""

    to = forms.ModelChoiceField(
        label=_("Body in charge"),
        queryset=Node.objects.municipalities().order_by("position"),
        to_field_name="key",
        empty_label=_("Choose a municipality"),
        error_messages={"required": _("Choose the municipality first.")},
    )


class CloseForm(forms.Form):
    """How the case ended, and the words in which the person hears it."""

    outcome = forms.ChoiceField(
        label=_("Outcome"),
        choices=[("", _("Choose how the case ended")), *Case.Outcome.choices],
        error_messages={"required": _("Choose how the case ended.")},
    )
    words = forms.CharField(
        label=_("Closing message to the person"),
        max_length=3000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
