"""Input of the health page."""

from django import forms
from django.utils.translation import gettext_lazy as _


class StopForm(forms.Form):
    """Why a number shall send nothing for a while."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        error_messages={"required": _("Say why, so that colleagues know.")},
    )
