"""Input of the accounts' pages. Secrets come in and never go out again."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.validators import RegexValidator, validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bayan.channels.models import Account, Number, Portfolio, Template
from bayan.channels.services import templates
from bayan.channels.services.testing import NoMobileNumber, international
from bayan.core.forms import Controls
from bayan.core.templatetags.bayan import left_to_right
from bayan.organisation.models import Node

IS_AN_ID = RegexValidator(
    r"^\d{5,40}\Z", gettext_lazy("Only digits, as the provider's pages show it.")
)
HOURS = (1, 24, 72, 168)
OWN_PORTFOLIO = ""


class SecretInput(forms.PasswordInput):
    """Write-only: what was typed is not sent back, and no browser offers to keep it."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(attrs={"autocomplete": "off", "dir": "ltr", **attrs}, render_value=False)


def provider_address(address: str, *, nature: str) -> str:
    """The address, checked: a real account is reached by HTTPS, any other only on this machine."""
    parts = urlsplit(address)
    if parts.username or parts.query or parts.fragment:
        raise forms.ValidationError(_("Only scheme, host and path."))
    if nature == Account.Nature.REAL:
        if parts.scheme != "https" or not parts.hostname:
            raise forms.ValidationError(_("A real account needs an address with https."))
    elif not address.startswith("http://127.0.0.1:"):
        raise forms.ValidationError(
            _("An exercise reaches the emulator only: the address begins with http://127.0.0.1:")
        )
    return address


class NumberForm(Controls):
    """One number of an account."""

    external_id = forms.CharField(
        label=gettext_lazy("Phone number id"),
        max_length=40,
        validators=[IS_AN_ID],
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy("From the provider's page about the number; not the number itself."),
    )
    display = forms.CharField(
        label=gettext_lazy("Number, as people see it"),
        max_length=30,
        validators=[
            RegexValidator(r"^\+?[\d ()-]{5,30}\Z", gettext_lazy("Write it as +966 11 234 5678."))
        ],
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel", "autocomplete": "off"}),
    )
    node = forms.ModelChoiceField(
        label=gettext_lazy("Body that it belongs to"),
        queryset=Node.objects.order_by("position", "pk"),
        to_field_name="key",
        empty_label=None,
    )


class FactsForm(Controls):
    """What is no secret of an account."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    business_id = forms.CharField(
        label=gettext_lazy("WhatsApp business account id"),
        max_length=40,
        required=False,
        validators=[IS_AN_ID],
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy("Templates and forms are found by it."),
    )
    portfolio = forms.ChoiceField(
        label=gettext_lazy("Business portfolio"),
        required=False,
        help_text=gettext_lazy("Accounts of one business share one messaging limit."),
    )
    base_url = forms.URLField(
        label=gettext_lazy("Provider's address"),
        assume_scheme="https",
        max_length=200,
        widget=forms.URLInput(attrs={"dir": "ltr", "autocomplete": "off"}),
        initial="https://graph.facebook.com",
    )

    def __init__(self, *args: Any, nature: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.for_nature = nature
        known = Portfolio.objects.order_by("key").values_list("key", flat=True)
        field = self.fields["portfolio"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = [(OWN_PORTFOLIO, _("One of its own")), *((key, key) for key in known)]

    def clean_base_url(self) -> str:
        return provider_address(self.cleaned_data["base_url"], nature=self.for_nature)


class ChangeForm(FactsForm):
    """The same, with what can be set once the account is there."""

    api_version = forms.CharField(
        label=gettext_lazy("Provider's version"),
        max_length=10,
        validators=[RegexValidator(r"^v\d{1,3}\.\d\Z", gettext_lazy("Write it as v25.0."))],
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )
    reserve_percent = forms.IntegerField(
        label=gettext_lazy("Share of the messaging limit kept for a crisis, %"),
        min_value=0,
        max_value=100,
    )
    asks_where = forms.BooleanField(
        label=gettext_lazy("Ask people where it is"),
        required=False,
        help_text=gettext_lazy(
            "When a report leaves its municipality open: once a report, once a day each person."
        ),
    )

    @classmethod
    def of(cls, account: Account) -> ChangeForm:
        """The form as it stands for this account."""
        return cls(
            nature=account.nature,
            initial={
                "name": account.name,
                "business_id": account.business_id,
                "portfolio": account.portfolio.key,
                "base_url": account.base_url,
                "api_version": account.api_version,
                "reserve_percent": account.portfolio.reserve_percent,
                "asks_where": account.asks_where,
            },
        )


class NewAccountForm(FactsForm, NumberForm):
    """A whole new account with its first number."""

    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=40,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
        help_text=gettext_lazy("A short Latin word; it stands in the callback address and stays."),
    )
    nature = forms.ChoiceField(
        label=gettext_lazy("What it is for"),
        choices=[
            (Account.Nature.REAL, gettext_lazy("Real: writes to the public")),
            (Account.Nature.EXERCISE, gettext_lazy("Exercise: reaches the emulator only")),
        ],
    )
    app_secret = forms.CharField(
        label=gettext_lazy("App secret"), min_length=8, max_length=200, widget=SecretInput
    )
    verify_token = forms.CharField(
        label=gettext_lazy("Verify token"),
        min_length=8,
        max_length=200,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Copy it now and enter the same at the provider: it is not shown again."
        ),
    )
    access_token = forms.CharField(
        label=gettext_lazy("Access token"), min_length=8, max_length=1000, widget=SecretInput
    )

    field_order = (
        "name", "key", "nature", "business_id", "portfolio", "base_url",
        "external_id", "display", "node",
        "app_secret", "verify_token", "access_token",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["verify_token"].initial = secrets.token_urlsafe(18)
        self.for_nature = str(self.data.get("nature", ""))

    def clean_external_id(self) -> str:
        external_id: str = self.cleaned_data["external_id"]
        if Number.objects.filter(external_id=external_id).exists():
            raise forms.ValidationError(
                _("Another account has this number. Check the phone number id.")
            )
        return external_id

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if Account.objects.filter(key=key).exists():
            raise forms.ValidationError(_("An account with this key exists. Choose another key."))
        return key


class AppSecretForm(Controls):
    """Another app secret, and how long the old one is taken beside it."""

    secret = forms.CharField(
        label=gettext_lazy("New app secret"), min_length=8, max_length=200, widget=SecretInput
    )
    hours = forms.TypedChoiceField(
        label=gettext_lazy("Take the old one too for"),
        coerce=int,
        initial=24,
        help_text=gettext_lazy(
            "Until the provider signs with the new one. Nothing is refused meanwhile."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["hours"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101  # declared above
        field.choices = [
            (hours, ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours})
            for hours in HOURS
        ]


class VerifyTokenForm(Controls):
    """Another verify token."""

    token = forms.CharField(
        label=gettext_lazy("New verify token"),
        min_length=8,
        max_length=200,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Copy it now and enter the same at the provider: it is not shown again."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["token"].initial = secrets.token_urlsafe(18)


class AccessTokenForm(Controls):
    """Another access token, to be tried before it is taken."""

    token = forms.CharField(
        label=gettext_lazy("New access token"),
        min_length=8,
        max_length=1000,
        widget=SecretInput,
        help_text=gettext_lazy(
            "WhatsApp is asked about it first; until it agrees, the old one stays in use."
        ),
    )


class NumberChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # no such thing at run time
    """A number of ours with the account that it belongs to."""

    def label_from_instance(self, obj: Number) -> str:
        # Isolated, or the digits would turn around in an Arabic line.
        return f"{left_to_right(obj.display)} · {obj.account.name}"


class TestForm(Controls):
    """A test message: from which number, to which phone, and what."""

    number = NumberChoice(
        label=gettext_lazy("From the number"), queryset=Number.objects.none(), empty_label=None
    )
    phone = forms.CharField(
        label=gettext_lazy("To your mobile, or your e-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "on", "placeholder": "05"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Free text arrives only if you wrote to the number from this mobile in the last 24 hours."
        ),
    )

    def __init__(
        self, *args: Any, numbers: list[Number], template: Template | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["number"]
        assert isinstance(chosen, NumberChoice)  # noqa: S101  # declared above
        chosen.queryset = Number.objects.filter(
            pk__in=[number.pk for number in numbers]
        ).select_related("account", "node")
        if template is None:
            self.fields["text"].required = True
            return
        del self.fields["text"]
        for parameter in templates.parameters(template):
            if parameter.place == "button" and parameter.kind == "payload":
                continue
            self.fields[f"value:{parameter.key}"] = forms.CharField(
                label=parameter.label,
                max_length=1000,
                required=parameter.is_required,
                initial=parameter.example,
                widget=forms.TextInput(attrs={"class": "control"}),
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        number, address = given.get("number"), given.get("phone", "").strip()
        if number is None or not address:
            return given
        if number.account.channel == Account.Channel.EMAIL:
            try:
                validate_email(address)
            except forms.ValidationError as refused:
                self.add_error("phone", refused)
            return given | {"phone": address}
        try:
            return given | {"phone": international(address)}
        except NoMobileNumber as error:
            self.add_error("phone", str(error))
            return given

    @property
    def values(self) -> dict[str, str]:
        """What was filled into the template."""
        return {
            name.removeprefix("value:"): value
            for name, value in self.cleaned_data.items()
            if name.startswith("value:") and value
        }
