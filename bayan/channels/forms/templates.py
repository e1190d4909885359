"""The editor's input, and a template's parts as the editor shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.channels.adapters.whatsapp import templates as grammar
from bayan.channels.models import Account, Template

LIFETIMES = (
    ("", _("As long as WhatsApp keeps it (30 days)")),
    ("1800", _("Half an hour")),
    ("3600", _("One hour")),
    ("10800", _("Three hours")),
    ("21600", _("Six hours")),
    ("43200", _("Twelve hours")),
    ("86400", _("One day")),
    ("259200", _("Three days")),
)
HEADERS = (
    ("", _("None")),
    ("TEXT", _("Text")),
    ("LOCATION", _("Place on the map")),
)
BUTTONS = (
    ("", _("No button")),
    ("QUICK_REPLY", _("Reply button")),
    ("URL", _("Link")),
    ("PHONE_NUMBER", _("Phone call")),
    ("FLOW", _("Form")),
    ("COPY_CODE", _("Code to copy")),
    ("REQUEST_CONTACT_INFO", _("Share the phone number")),
)


@dataclass(frozen=True)
class Button:
    """One button as the editor shows it."""

    position: int
    kind: str = ""
    text: str = ""
    value: str = ""
    example: str = ""


class TemplateForm(forms.Form):
    """One template; which of its rules are broken is the provider's grammar's business."""

    name = forms.CharField(label=_("Name"), max_length=grammar.NAME_LIMIT, required=False)
    language = forms.ChoiceField(
        label=_("Language"), choices=tuple(grammar.LANGUAGES.items()), required=False
    )
    category = forms.ChoiceField(
        label=_("What it is for"),
        choices=[
            (Template.Category.UTILITY, Template.Category.UTILITY.label),
            (Template.Category.MARKETING, Template.Category.MARKETING.label),
        ],
        initial=Template.Category.UTILITY,
        required=False,
    )
    ttl_seconds = forms.ChoiceField(
        label=_("Worth delivering for"), choices=LIFETIMES, required=False
    )
    header_format = forms.ChoiceField(label=_("Heading"), choices=HEADERS, required=False)
    header_text = forms.CharField(label=_("Words of the heading"), required=False, max_length=500)
    body = forms.CharField(label=_("Text"), required=False, strip=True, max_length=5000)
    footer = forms.CharField(label=_("Footer"), required=False, max_length=500)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        accounts: list[Account],
        template: Template | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.template = template
        self.kept_header = _media_header(template.components) if template else {}
        super().__init__(data, initial=initial)
        self.fields["account"] = forms.ChoiceField(
            label=_("Account"),
            choices=[(account.key, account.name) for account in accounts],
            required=len(accounts) > 1 and template is None,
        )
        if self.kept_header:
            header = self.fields["header_format"]
            kept = self.kept_header["format"]
            header.choices = [(kept, _("As it is: a file")), *HEADERS]  # type: ignore[attr-defined]
        if template and template.ttl_seconds and str(template.ttl_seconds) not in dict(LIFETIMES):
            lifetimes = self.fields["ttl_seconds"]
            seconds = str(template.ttl_seconds)
            lifetimes.choices = [*LIFETIMES, (seconds, _("As it is"))]  # type: ignore[attr-defined]

    def say(self, faults: Mapping[str, str]) -> None:
        """Show each fault beside its field."""
        for field, text in faults.items():
            if field in self.fields:
                self.add_error(field, text)

    @property
    def ttl(self) -> int | None:
        value = self.cleaned_data.get("ttl_seconds")
        return int(value) if value else None

    @property
    def language_code(self) -> str:
        return self.template.language if self.template else str(self["language"].value() or "ar")

    @property
    def components(self) -> list[dict[str, Any]]:
        """The parts, as the provider wants them."""
        parts: list[dict[str, Any]] = []
        header_format = self.cleaned_data.get("header_format", "")
        if header_format == "TEXT":
            text = self.cleaned_data.get("header_text", "")
            parts.append(_with_examples("HEADER", text, self._examples("header"), format="TEXT"))
        elif header_format == "LOCATION":
            parts.append({"type": "HEADER", "format": "LOCATION"})
        elif header_format:
            parts.append(self.kept_header)
        # A browser ends its lines as on paper.
        body = self.cleaned_data.get("body", "").replace("\r\n", "\n")
        parts.append(_with_examples("BODY", body, self._examples("body")))
        if footer := self.cleaned_data.get("footer", ""):
            parts.append({"type": "FOOTER", "text": footer})
        if buttons := [_button_part(button) for button in self.buttons if button.kind]:
            parts.append({"type": "BUTTONS", "buttons": buttons})
        return parts

    @property
    def buttons(self) -> list[Button]:
        """All rows of buttons, those without a kind at the end."""
        if not self.is_bound:
            rows = list(_buttons_of(self.initial.get("components", [])))
        else:
            rows = [
                Button(
                    position,
                    kind=self._sent(f"button.{position}.kind"),
                    text=self._sent(f"button.{position}.text"),
                    value=self._sent(f"button.{position}.value"),
                    example=self._sent(f"example.button.{position}"),
                )
                for position in range(grammar.BUTTONS_LIMIT)
            ]
            rows = [row for row in rows if row.kind]
        rows += [Button(0)] * (grammar.BUTTONS_LIMIT - len(rows))
        return [
            Button(position, row.kind, row.text, row.value, row.example)
            for position, row in enumerate(rows)
        ]

    @property
    def examples(self) -> list[tuple[str, str, str]]:
        """(place, variable, example) of each variable in heading and text."""
        found = []
        for place, field in (("header", "header_text"), ("body", "body")):
            text = str(self[field].value() or "")
            known = self._examples(place)
            found += [(place, name, known.get(name, "")) for name in grammar.variables_in(text)]
        return found

    def _examples(self, place: str) -> dict[str, str]:
        if not self.is_bound:
            part = grammar.part(self.initial.get("components", []), place.upper())
            return grammar.examples_in(part, place=place)
        prefix = f"example.{place}."
        return {
            key.removeprefix(prefix): self._sent(key) for key in self.data if key.startswith(prefix)
        }

    def _sent(self, key: str) -> str:
        return str(self.data.get(key, "")).strip()[:5000]


def initial_of(template: Template) -> dict[str, Any]:
    """What the editor shows of a template."""
    header = grammar.part(template.components, "HEADER")
    return {
        "account": template.account.key,
        "name": template.name,
        "language": template.language,
        "category": template.category,
        "ttl_seconds": str(template.ttl_seconds or ""),
        "header_format": str(header.get("format", "")),
        "header_text": header.get("text", ""),
        "body": grammar.part(template.components, "BODY").get("text", ""),
        "footer": grammar.part(template.components, "FOOTER").get("text", ""),
        "components": template.components,
    }


def _media_header(components: Any) -> dict[str, Any]:
    header = grammar.part(components, "HEADER")
    return header if header.get("format") in grammar.MEDIA else {}


def _buttons_of(components: Any) -> Iterator[Button]:
    for position, button in enumerate(grammar.buttons_of(components)):
        kind = str(button.get("type", ""))
        yield Button(
            position,
            kind=kind,
            text=str(button.get("text", "")),
            value=str(
                button.get("url") or button.get("phone_number") or button.get("flow_id") or ""
            ),
            example=grammar.button_example(button),
        )


def _button_part(button: Button) -> dict[str, Any]:
    match button.kind:
        case "URL":
            part: dict[str, Any] = {"type": "URL", "text": button.text, "url": button.value}
            if grammar.VARIABLE.search(button.value):
                example = grammar.VARIABLE.sub(lambda _found: button.example, button.value)
                part["example"] = [example] if button.example else []
            return part
        case "PHONE_NUMBER":
            number = "".join(c for c in button.value if c.isascii() and c.isdigit())
            return {"type": "PHONE_NUMBER", "text": button.text, "phone_number": f"+{number}"}
        case "FLOW":
            return {"type": "FLOW", "text": button.text, "flow_id": button.value}
        case "COPY_CODE":
            return {"type": "COPY_CODE", "example": button.example}
        case "REQUEST_CONTACT_INFO":
            return {"type": "REQUEST_CONTACT_INFO"}
        case _:
            return {"type": button.kind, "text": button.text}


def _with_examples(
    kind: str, text: str, examples: Mapping[str, str], **more: str
) -> dict[str, Any]:
    # As the provider writes them: without spaces inside.
    text = grammar.VARIABLE.sub(r"{{\1}}", text)
    part: dict[str, Any] = {"type": kind, **more, "text": text}
    names = grammar.variables_in(text)
    if not names:
        return part
    key = f"{kind.lower()}_text"
    if all(name.isdigit() for name in names):
        values = [examples.get(name, "") for name in names]
        part["example"] = {key: [values] if kind == "BODY" else values}
    else:
        part["example"] = {
            f"{key}_named_params": [
                {"param_name": name, "example": examples.get(name, "")} for name in names
            ]
        }
    return part
