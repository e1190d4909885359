"""Input of the inbox."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ReplyForm(forms.Form):
    """A text to the person. The channel's limit is the service's business."""

    text = forms.CharField(
        label=_("Reply"),
        max_length=4000,
        error_messages={"required": _("Write the reply first.")},
    )
