"""Input of the pages about accounts of text messages and e-mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.channels.adapters.sms import senders
from bayan.channels.forms.accounts import SecretInput, provider_address
from bayan.channels.models import Account, Number
from bayan.core.forms import Controls
from bayan.organisation.models import Node

GATEWAYS = {
    Account.Channel.UNIFONIC: "https://el.cloud.unifonic.com",
    Account.Channel.TAQNYAT: "https://api.taqnyat.sa",
}
LATIN = {"dir": "ltr", "autocomplete": "off"}
NATURES = [
    (Account.Nature.REAL, gettext_lazy("Real: writes to people")),
    (Account.Nature.EXERCISE, gettext_lazy("Exercise: reaches the emulator only")),
]
CLASSES = [
    (Number.Class.SERVICE, gettext_lazy("Service: at any hour")),
    (Number.Class.AWARENESS, gettext_lazy("Awareness: by day")),
    (Number.Class.WARNING, gettext_lazy("Warning of danger: at any hour")),
    (Number.Class.PROMOTIONAL, gettext_lazy("Advertising, with -AD: by day")),
]


def mail_address(address: str, *, nature: str, schemes: tuple[str, str]) -> str:
    """A mail server's address, checked: a real account's connection is encrypted, others stay here.

    :raises forms.ValidationError: it cannot be used
    """
    parts = urlsplit(address)
    try:
        is_whole = bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.username or parts.query or parts.fragment or parts.path.strip("/"):
        raise forms.ValidationError(
            _("Write it as %(example)s.") % {"example": f"{schemes[1]}://mail.example.org"}
        )
    if parts.scheme not in schemes:
        raise forms.ValidationError(
            _("It begins with %(one)s:// or %(other)s://.")
            % {"one": schemes[1], "other": schemes[0]}
        )
    if nature != Account.Nature.REAL and not address.startswith(f"{schemes[0]}://127.0.0.1:"):
        raise forms.ValidationError(
            _("An exercise reaches the emulator only: the address begins with %(address)s")
            % {"address": f"{schemes[0]}://127.0.0.1:"}
        )
    return address.rstrip("/")


class NewForm(Controls):
    """What every new account needs."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=40,
        widget=forms.TextInput(attrs=LATIN),
        help_text=gettext_lazy("A short Latin word; it stays as it is."),
    )
    nature = forms.ChoiceField(label=gettext_lazy("What it is for"), choices=NATURES)
    node = forms.ModelChoiceField(
        label=gettext_lazy("Body that it belongs to"),
        queryset=Node.objects.order_by("position", "pk"),
        to_field_name="key",
        empty_label=None,
    )

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if Account.objects.filter(key=key).exists():
            raise forms.ValidationError(_("An account with this key exists. Choose another key."))
        return key


class SenderForm(Controls):
    """A sender's name with what it may be used for."""

    sender = forms.CharField(
        label=gettext_lazy("Sender's name"),
        max_length=senders.LONGEST_NAME,
        widget=forms.TextInput(attrs=LATIN),
        help_text=gettext_lazy(
            "As it is registered with the operators: eleven Latin letters and digits at most."
        ),
    )
    sender_class = forms.ChoiceField(
        label=gettext_lazy("Registered as"),
        choices=CLASSES,
        help_text=gettext_lazy("Only a service or a warning reaches members."),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        name, sender_class = given.get("sender"), given.get("sender_class")
        if name and sender_class and not senders.is_possible(name, sender_class):
            self.add_error(
                "sender",
                _("A name for advertising ends in -AD.")
                if sender_class == Number.Class.PROMOTIONAL
                else _(
                    "Latin letters and digits, one letter at least, without -AD: that is for advertising."
                ),
            )
        return given


class NewSmsForm(NewForm, SenderForm):
    """A gateway of text messages with its first sender."""

    channel = forms.ChoiceField(
        label=gettext_lazy("Gateway"),
        choices=[
            (Account.Channel.UNIFONIC, gettext_lazy("Unifonic")),
            (Account.Channel.TAQNYAT, gettext_lazy("Taqnyat")),
        ],
    )
    base_url = forms.URLField(
        label=gettext_lazy("Gateway's address"),
        required=False,
        assume_scheme="https",
        max_length=200,
        widget=forms.URLInput(attrs=LATIN),
        help_text=gettext_lazy("Leave it empty for the gateway's own."),
    )
    access_token = forms.CharField(
        label=gettext_lazy("Key of the gateway"),
        min_length=8,
        max_length=1000,
        widget=SecretInput,
        help_text=gettext_lazy("Unifonic calls it AppSid, Taqnyat bearer token."),
    )
    field_order = (
        "name", "key", "nature", "channel", "base_url", "node", "sender", "sender_class", "access_token",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if "base_url" in given and "channel" in given:
            address = given["base_url"] or GATEWAYS[Account.Channel(given["channel"])]
            try:
                given["base_url"] = provider_address(address, nature=given.get("nature", ""))
            except forms.ValidationError as refused:
                self.add_error("base_url", refused)
        return given


class MailboxForm(Controls):
    """Where an e-mail account's servers are."""

    base_url = forms.CharField(
        label=gettext_lazy("Server for sending"),
        max_length=200,
        widget=forms.TextInput(attrs=LATIN),
        help_text=gettext_lazy("smtps://mail.example.org, or smtp:// with STARTTLS."),
    )
    inbox_url = forms.CharField(
        label=gettext_lazy("Mailbox"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=LATIN),
        help_text=gettext_lazy(
            "imaps://mail.example.org: what comes back as undeliverable is seen there."
        ),
    )
    login = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=254,
        required=False,
        widget=forms.TextInput(attrs=LATIN),
    )

    def check_addresses(self, given: dict[str, Any], *, nature: str) -> None:
        """Mark addresses that cannot be used."""
        for field, schemes in (("base_url", ("smtp", "smtps")), ("inbox_url", ("imap", "imaps"))):
            if given.get(field):
                try:
                    given[field] = mail_address(given[field], nature=nature, schemes=schemes)
                except forms.ValidationError as refused:
                    self.add_error(field, refused)


class NewEmailForm(NewForm, MailboxForm):
    """An e-mail account with its address."""

    address = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs=LATIN),
        help_text=gettext_lazy("From which the messages come."),
    )
    access_token = forms.CharField(
        label=gettext_lazy("Password"), max_length=1000, required=False, widget=SecretInput
    )
    field_order = (
        "name", "key", "nature", "node", "address", "base_url", "inbox_url", "login", "access_token",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self.check_addresses(given, nature=given.get("nature", ""))
        return given


class ChangeSmsForm(Controls):
    """What is no secret of a gateway's account."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    base_url = forms.URLField(
        label=gettext_lazy("Gateway's address"),
        assume_scheme="https",
        max_length=200,
        widget=forms.URLInput(attrs=LATIN),
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        initial = {"name": account.name, "base_url": account.base_url}
        super().__init__(*args, initial=initial, **kwargs)
        self.for_nature = account.nature

    def clean_base_url(self) -> str:
        return provider_address(self.cleaned_data["base_url"], nature=self.for_nature)


class ChangeEmailForm(MailboxForm):
    """What is no secret of an e-mail account."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    field_order = ("name", "base_url", "inbox_url", "login")

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        names = ("name", "base_url", "inbox_url", "login")
        initial = {name: getattr(account, name) for name in names}
        super().__init__(*args, initial=initial, **kwargs)
        self.for_nature = account.nature

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self.check_addresses(given, nature=self.for_nature)
        return given


class KeyForm(Controls):
    """Another key or password, to be tried before it is taken."""

    token = forms.CharField(
        label=gettext_lazy("New key or password"),
        max_length=1000,
        widget=SecretInput,
        help_text=gettext_lazy(
            "The provider is asked about it first; until it agrees, the old one stays in use."
        ),
    )


def change_form(account: Account, data: Any = None) -> ChangeSmsForm | ChangeEmailForm:
    """The form of this account's settings, as they are or as they were entered."""
    if account.channel == Account.Channel.EMAIL:
        return ChangeEmailForm(data, account=account)
    return ChangeSmsForm(data, account=account)
