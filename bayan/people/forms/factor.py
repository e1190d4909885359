"""Input of codes of the second factor."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.core.forms import Controls
from bayan.core.references import digits_in


class CodeForm(Controls):
    """One code: six digits of the app, or eight on paper."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "dir": "ltr",
                "autofocus": True,
            }
        ),
    )

    def clean_code(self) -> str:
        digits = digits_in(self.cleaned_data["code"])
        if len(digits) not in {6, 8}:
            raise ValidationError(_("The app shows six digits; a code on paper has eight."))
        return digits
