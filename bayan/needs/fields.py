"""The fields of a form: as they are kept, as a form asks for them, and as an answer is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext as _

from bayan.core.forms import Controls
from bayan.needs.models import FormVersion

LONGEST_TEXT, LONGEST_WORDS, MOST_OF_IT = 140, 3_000, 1_000_000
MOST_CHOICES, MOST_FILES = 12, 5


class FieldKind(models.TextChoices):
    """What a field asks for."""

    TEXT = "text", pgettext_lazy("field", "a short text")
    LONG = "long", pgettext_lazy("field", "a longer text")
    NUMBER = "number", pgettext_lazy("field", "a number")
    DATE = "date", pgettext_lazy("field", "a day")
    SPAN = "span", pgettext_lazy("field", "a time, from and until")
    CHOICE = "choice", pgettext_lazy("field", "a choice")
    PLACE = "place", pgettext_lazy("field", "a place")
    FILE = "file", pgettext_lazy("field", "files")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a form, as the version keeps it."""

    key: str
    kind: str
    label_ar: str
    label_en: str = ""
    help_ar: str = ""
    help_en: str = ""
    is_required: bool = True
    # Of a number: it says how many are asked for.
    is_quantity: bool = False
    # Of a choice: pairs of Arabic and English.
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        return (self.label_en if get_language() == "en" else "") or self.label_ar

    @property
    def help(self) -> str:
        return (self.help_en if get_language() == "en" else "") or self.help_ar

    @property
    def as_kept(self) -> dict[str, Any]:
        return {
            name: value for name, value in asdict(self).items() if value or name == "is_required"
        }

    def choice(self, kept: str) -> str:
        """The words of the choice that an answer keeps by its place."""
        arabic, english = self.choices[int(kept)]
        return (english if get_language() == "en" else "") or arabic


def fields_of(version: FormVersion) -> list[Field]:
    """The fields of a form, in their order."""
    return [
        Field(**{**kept, "choices": tuple((ar, en) for ar, en in kept.get("choices", ()))})
        for kept in version.fields
    ]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a filled-in form says of its request."""

    answers: dict[str, Any]
    title: str
    quantity: int
    starts_at: datetime | None
    ends_at: datetime | None


class SpanWidget(forms.MultiWidget):
    """From and until, each with its own name for who does not see them side by side."""

    def __init__(self) -> None:
        super().__init__(
            [
                forms.DateTimeInput(
                    attrs={"type": "datetime-local", "class": "control"}, format="%Y-%m-%dT%H:%M"
                )
                for _end in range(2)
            ]
        )

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        for part, label in zip(
            context["widget"]["subwidgets"], (_("From"), _("Until")), strict=True
        ):
            part["attrs"]["aria-label"] = label
            part["attrs"]["class"] = "control"
        return context

    def decompress(self, value: Any) -> list[Any]:
        return list(value) if value else [None, None]


class SpanField(forms.MultiValueField):
    """A time from then to then."""

    widget = SpanWidget

    def __init__(self, **options: Any) -> None:
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        parts = [forms.DateTimeField(input_formats=formats) for _end in range(2)]
        super().__init__(fields=parts, **options)

    def compress(self, data_list: Sequence[Any]) -> tuple[datetime, datetime] | None:
        if not data_list:
            return None
        starts, ends = data_list
        if ends <= starts:
            raise forms.ValidationError(_("The end must be after the beginning."))
        return starts, ends


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Up to a few files at once."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = [one for one in (data if isinstance(data, list | tuple) else [data]) if one]
        if len(given) > MOST_FILES:
            raise forms.ValidationError(_("Attach %(most)d files at most.") % {"most": MOST_FILES})
        found: list[Any] = [super(FilesField, self).clean(one, initial) for one in given]
        if not found:
            super().clean(None, initial)
        return found


class AskForm(Controls):
    """One form of the department's, as whoever asks fills it in."""

    def __init__(self, *args: Any, version: FormVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        self.asked_for = fields_of(version)
        for field in self.asked_for:
            self.fields[field.key] = _control(field)
            if field.kind != FieldKind.SPAN:
                self.fields[field.key].widget.attrs.setdefault("class", "control")

    def what(self) -> Asked:
        """What it says, once it is valid."""
        given = self.cleaned_data
        answers, title, quantity = {}, "", 1
        starts: datetime | None = None
        ends: datetime | None = None
        for field in self.asked_for:
            value = given.get(field.key)
            if value in (None, "", []) or field.kind == FieldKind.FILE:
                continue
            answers[field.key] = _kept(field, value)
            if field.kind == FieldKind.TEXT and not title:
                title = value
            elif field.is_quantity:
                quantity = value
            elif field.kind == FieldKind.DATE and starts is None:
                starts = timezone.make_aware(datetime.combine(value, time(8)))
            elif field.kind == FieldKind.SPAN and starts is None:
                starts, ends = value
        return Asked(
            answers=answers, title=title, quantity=quantity, starts_at=starts, ends_at=ends
        )

    def uploads(self) -> list[tuple[str, Any]]:
        """Its files, each with the key of its field."""
        return [
            (field.key, upload)
            for field in self.asked_for
            if field.kind == FieldKind.FILE
            for upload in self.cleaned_data.get(field.key) or []
        ]


# As long a list of kinds has as many ends.
def _control(field: Field) -> forms.Field:  # noqa: PLR0911
    common: dict[str, Any] = {
        "label": field.label, "help_text": field.help, "required": field.is_required,
    }  # fmt: skip
    match field.kind:
        case FieldKind.LONG:
            area = forms.Textarea(attrs={"rows": 4, "dir": "auto"})
            return forms.CharField(max_length=LONGEST_WORDS, widget=area, **common)
        case FieldKind.NUMBER:
            number = forms.NumberInput(attrs={"inputmode": "numeric", "dir": "ltr"})
            return forms.IntegerField(min_value=1, max_value=MOST_OF_IT, widget=number, **common)
        case FieldKind.DATE:
            day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(widget=day, **common)
        case FieldKind.SPAN:
            common["help_text"] = field.help or _("From, and below it until.")
            return SpanField(**common)
        case FieldKind.CHOICE:
            choices = [
                ("", "—"),
                *((str(n), field.choice(str(n))) for n in range(len(field.choices))),
            ]
            return forms.ChoiceField(choices=choices, **common)
        case FieldKind.FILE:
            return FilesField(**common)
    return forms.CharField(
        max_length=LONGEST_TEXT, widget=forms.TextInput(attrs={"dir": "auto"}), **common
    )


def _kept(field: Field, value: Any) -> Any:
    match field.kind:
        case FieldKind.DATE:
            return value.isoformat()
        case FieldKind.SPAN:
            return [moment.isoformat() for moment in value]
    return value


@dataclass(frozen=True)
class Answer:
    """One field with what was written in it."""

    field: Field
    text: str


def answered(version: FormVersion, answers: Mapping[str, Any]) -> list[Answer]:
    """What was asked and answered, in the form's order; what was left empty is left out."""
    return [
        Answer(field, read_again(field, answers[field.key]))
        for field in fields_of(version)
        if field.key in answers
    ]


def read_again(field: Field, kept: Any) -> str:
    """A kept answer in words."""
    match field.kind:
        case FieldKind.DATE:
            return date_format(date.fromisoformat(kept), "DATE_FORMAT")
        case FieldKind.SPAN:
            starts, ends = (timezone.localtime(datetime.fromisoformat(one)) for one in kept)
            is_one_day = ends.date() == starts.date()
            until = date_format(ends, "TIME_FORMAT" if is_one_day else "DATETIME_FORMAT")
            return f"{date_format(starts, 'DATETIME_FORMAT')} – {until}"
        case FieldKind.CHOICE:
            return field.choice(kept)
    return str(kept)
