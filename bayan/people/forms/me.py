"""What a member changes of their own."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.core.forms import Controls


class PhoneForm(Controls):
    """The mobile to be linked."""

    phone = forms.CharField(
        label=_("Your mobile"),
        max_length=30,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel", "autocomplete": "tel"}),
        help_text=_("Write it as 05… or with its country code."),
    )


class BackupForm(Controls):
    """Another mobile for when the first one gets nothing."""

    backup_phone = forms.CharField(
        label=_("Backup mobile"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel", "autocomplete": "off"}),
        help_text=_("Of the office or the family, for urgent messages. Empty: none."),
    )


class AddressForm(Controls):
    """The e-mail address of somebody who has none yet."""

    email = forms.EmailField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"dir": "ltr"})
    )


class QuietForm(Controls):
    """A time of one's own until when only emergencies come."""

    until = forms.DateTimeField(
        label=_("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
