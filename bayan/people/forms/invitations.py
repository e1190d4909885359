"""Inviting somebody, and coming in by the link."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    password_validators_help_texts,
    validate_password,
)
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.core.forms import Controls
from bayan.core.phones import mobile_in
from bayan.people.forms.members import RoleForm
from bayan.people.models import Invitation, Member


class InviteForm(RoleForm):
    """Whom to invite, and to which role."""

    name_ar = forms.CharField(
        label=gettext_lazy("Name in Arabic"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("They may correct it when they come in."),
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        required=False,
        widget=forms.EmailInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )
    phone = forms.CharField(
        label=gettext_lazy("Mobile"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("At least one of the two: e-mail or mobile."),
    )
    field_order = ("name_ar", "email", "phone", "kind", "node", "until")

    def clean_phone(self) -> str:
        given: str = self.cleaned_data["phone"]
        mobile = mobile_in(given) if given else ""
        if mobile is None:
            raise forms.ValidationError(
                _("This is no mobile number. Write it as 05… or with its country code.")
            )
        return mobile

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors and not given["email"] and not given["phone"]:
            self.add_error("email", _("Give an e-mail address or a mobile."))
        return given

    @property
    def role_ends_at(self) -> datetime | None:
        ends_at: datetime | None = self.cleaned_data["until"]
        return ends_at


class AcceptForm(Controls):
    """Who comes in, and the password they will sign in with."""

    name_ar = forms.CharField(
        label=gettext_lazy("Your name in Arabic"),
        max_length=120,
        widget=forms.TextInput(attrs={"lang": "ar", "dir": "rtl", "autocomplete": "name"}),
    )
    name_en = forms.CharField(
        label=gettext_lazy("Your name in English"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"lang": "en", "dir": "ltr"}),
        help_text=gettext_lazy("Not needed; the English pages show it."),
    )
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail"),
        widget=forms.EmailInput(attrs={"dir": "ltr", "autocomplete": "username"}),
        help_text=gettext_lazy("You sign in with it."),
    )
    password = forms.CharField(
        label=gettext_lazy("A password of your own"),
        strip=False,
        widget=forms.PasswordInput(attrs={"dir": "ltr", "autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=gettext_lazy("The password once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"dir": "ltr", "autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name_ar"].initial = invitation.name_ar
        self.fields["password"].help_text = " ".join(password_validators_help_texts())
        if invitation.email:
            # They come in by the address to which the invitation went; it is only shown.
            self.fields["email"].initial = invitation.email
            self.fields["email"].disabled = True

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        password = given.get("password")
        if password and password != given.get("again"):
            self.add_error("again", _("The two passwords differ."))
        elif password:
            who = Member(email=given.get("email"), name_ar=given.get("name_ar", ""))
            try:
                validate_password(password, who)
            except forms.ValidationError as refused:
                self.add_error("password", refused)
        return given
