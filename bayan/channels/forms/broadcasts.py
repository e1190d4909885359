"""Input of broadcasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from bayan.channels.adapters.whatsapp.templates import Parameter
from bayan.channels.models import Number, Template
from bayan.channels.services.broadcasts import open_parameters

LARGEST_FILE = 24 * 1024 * 1024
LIFETIMES = (
    ("", _("As long as it takes")),
    ("1800", _("Half an hour")),
    ("3600", _("One hour")),
    ("10800", _("Three hours")),
    ("43200", _("Twelve hours")),
    ("86400", _("One day")),
)


class BroadcastForm(forms.Form):
    """To whom, what, and how urgently."""

    title = forms.CharField(
        label=_("Title"),
        max_length=120,
        error_messages={"required": _("Give it a title, so that your colleagues know it.")},
    )
    number = forms.ChoiceField(label=_("From the number"), required=False)
    template = forms.ChoiceField(
        label=_("Template"),
        error_messages={
            "required": _("Choose the template."),
            "invalid_choice": _("This template cannot be used any more. Choose another one."),
        },
    )
    lane = forms.ChoiceField(
        label=_("Urgency"), choices=[("bulk", ""), ("crisis", "")], initial="bulk", required=False
    )
    ttl_seconds = forms.ChoiceField(label=_("Worth sending for"), choices=LIFETIMES, required=False)
    recipients = forms.CharField(label=_("Recipients"), required=False)
    file = forms.FileField(label=_("Or a CSV file"), required=False, allow_empty_file=True)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        *,
        numbers: list[Number],
        templates: list[Template],
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial=initial)
        self.numbers = {number.external_id: number for number in numbers}
        self.templates = {str(template.public_id): template for template in templates}
        self.fields["number"].choices = [(key, n.display) for key, n in self.numbers.items()]  # type: ignore[attr-defined]
        self.fields["template"].choices = [(key, str(t)) for key, t in self.templates.items()]  # type: ignore[attr-defined]

    @property
    def chosen_number(self) -> Number:
        given = self.numbers.get(str(self["number"].value()))
        return given or next(iter(self.numbers.values()))

    @property
    def fitting_templates(self) -> list[Template]:
        """Those of the chosen number's account."""
        account_id = self.chosen_number.account_id
        return [t for t in self.templates.values() if t.account_id == account_id]

    @property
    def chosen_template(self) -> Template | None:
        given = self.templates.get(str(self["template"].value()))
        return given if given in self.fitting_templates else None

    @property
    def parameters(self) -> list[tuple[Parameter, str]]:
        """What the template asks for, each with the value for everybody that was typed."""
        if self.chosen_template is None:
            return []
        return [(each, self._sent(each.key)) for each in open_parameters(self.chosen_template)]

    @property
    def common(self) -> dict[str, str]:
        return {each.key: value for each, value in self.parameters if value}

    @property
    def columns(self) -> list[Parameter]:
        """What the list must give."""
        return [each for each, value in self.parameters if not value]

    @property
    def ttl(self) -> int | None:
        value = self.cleaned_data.get("ttl_seconds")
        return int(value) if value else None

    @property
    def is_crisis(self) -> bool:
        return bool(self["lane"].value() == "crisis")

    def clean_file(self) -> UploadedFile[bytes] | None:
        file: UploadedFile[bytes] | None = self.cleaned_data.get("file")
        if file and file.size and file.size > LARGEST_FILE:
            raise forms.ValidationError(_("The file is too large. Divide it into several."))
        return file

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not data.get("file") and not data.get("recipients", "").strip():
            self.add_error("recipients", _("Paste the numbers, or choose a file."))
        if data.get("template") and self.chosen_template is None:
            self.add_error("template", _("This template belongs to another number."))
        return data

    def _sent(self, key: str) -> str:
        if self.is_bound:
            return str(self.data.get(f"value.{key}", "")).strip()[:2000]
        return str(self.initial.get("values", {}).get(key, ""))
