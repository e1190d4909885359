"""Input of the public pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.cases.models import Case
from bayan.core.references import LENGTH, digits_in, is_reference
from bayan.portal.models import Feedback


class ReferenceForm(forms.Form):
    """The number of a case, in whichever digits and groups."""

    reference = forms.CharField(
        max_length=40,
        error_messages={"required": _("Write the number of your case: nine digits.")},
    )

    def clean_reference(self) -> str:
        digits = digits_in(self.cleaned_data["reference"])
        if len(digits) != LENGTH:
            raise forms.ValidationError(
                _("The number of a case has nine digits. You find it over each of our messages.")
            )
        if not is_reference(digits):
            raise forms.ValidationError(
                _("One of the digits is not right. Compare the number with the one in our message.")
            )
        return digits


class CodeForm(forms.Form):
    """The six digits that came by WhatsApp."""

    code = forms.CharField(
        max_length=20, error_messages={"required": _("Write the six digits of the code.")}
    )

    def clean_code(self) -> str:
        digits = digits_in(self.cleaned_data["code"])
        if len(digits) != 6:
            raise forms.ValidationError(_("Write the six digits of the code."))
        return digits


class RatingForm(forms.Form):
    """How content the person is."""

    satisfaction = forms.TypedChoiceField(
        coerce=int,
        choices=Case.Satisfaction.choices,
        error_messages={"required": _("Choose one of the answers.")},
    )


class FeedbackForm(forms.Form):
    """Whether a page was useful."""

    page = forms.ChoiceField(choices=Feedback.Page.choices)
    useful = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])
