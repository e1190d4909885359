"""The small form that a letter may carry: its fields, what may be answered, and the provider's form for it.

One form at the provider shows all of them: it has a place for each kind in each of its six rows, and each
message says which of these are shown and what they are called (`data`). So a form needs no look by the
provider before its letter leaves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import models
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from bayan.core.errors import DomainError
from bayan.core.flows import NOTHING, Row, Rows

MOST_FIELDS, MOST_CHOICES = 6, 10
# As WhatsApp shows them: a label of a field, a title of a choice, what is written into a field.
LONGEST_LABEL, LONGEST_CHOICE, LONGEST_TEXT = 40, 30, 300
MOST_OF_IT = Decimal(10**12)
# The name of the form at the provider (docs/letters.md), and its screen.
FLOW, SCREEN = "bayan_form", "FORM"
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫،", "01234567890123456789..")


class FieldKind(models.TextChoices):
    """What a field asks for."""

    TEXT = "text", pgettext_lazy("field", "a short text")
    NUMBER = "number", pgettext_lazy("field", "a number")
    DATE = "date", pgettext_lazy("field", "a day")
    CHOICE = "choice", pgettext_lazy("field", "a choice")
    YES_NO = "yes_no", pgettext_lazy("field", "yes or no")
    PICTURE = "picture", pgettext_lazy("field", "a picture")


class FormFaulty(DomainError):
    pass


class AnswersFaulty(DomainError):
    """What was filled in cannot stand; `faults` says of each field why."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = dict(faults)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One field."""

    kind: str
    label: str
    is_required: bool = True
    choices: tuple[str, ...] = ()

    @property
    def as_kept(self) -> dict[str, Any]:
        return asdict(self) | {"choices": list(self.choices)}


def checked(questions: Sequence[Question]) -> list[Question]:
    """The same, with their words in order.

    :raises FormFaulty: too many, one without a name, a choice of less than two, two pictures
    """
    if len(questions) > MOST_FIELDS:
        raise FormFaulty(_("A form has %(most)d fields at most.") % {"most": MOST_FIELDS})
    found = []
    for one in questions:
        label = " ".join(one.label.split())
        choices = tuple(dict.fromkeys(c for c in (" ".join(c.split()) for c in one.choices) if c))
        if one.kind not in FieldKind.values or not label or len(label) > LONGEST_LABEL:
            raise FormFaulty(
                _("Give each field a name of %(most)d letters at most.") % {"most": LONGEST_LABEL}
            )
        if one.kind == FieldKind.CHOICE and not (
            2 <= len(choices) <= MOST_CHOICES and all(len(c) <= LONGEST_CHOICE for c in choices)
        ):
            raise FormFaulty(
                _("“%(label)s” needs two to %(most)d choices of %(letters)d letters at most.")
                % {"label": label, "most": MOST_CHOICES, "letters": LONGEST_CHOICE}
            )
        found.append(
            Question(
                kind=one.kind, label=label, is_required=one.is_required,
                choices=choices if one.kind == FieldKind.CHOICE else (),
            )
        )  # fmt: skip
    if sum(one.kind == FieldKind.PICTURE for one in found) > 1:
        raise FormFaulty(_("A form asks for one picture at most."))
    if len({one.label for one in found}) < len(found):
        raise FormFaulty(_("Give each field a name of its own."))
    return found


def questions_of(kept: Sequence[Mapping[str, Any]]) -> list[Question]:
    """The fields of a form as they are kept with its letter."""
    return [Question(**{**row, "choices": tuple(row.get("choices", ()))}) for row in kept]


def version_of(kept: Sequence[Mapping[str, Any]]) -> str:
    """What tells this form from one with other fields."""
    text = json.dumps(list(kept), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def key(place: int) -> str:
    """Under which the answer to the field at this place is kept."""
    return f"f{place}"


def cleaned(questions: Sequence[Question], given: Mapping[str, Any]) -> dict[str, str]:
    """What was filled in, as it is kept; pictures are the caller's.

    :raises AnswersFaulty: something is missing or is not what its field asks for
    """
    kept, faults = {}, {}
    for place, one in enumerate(questions, start=1):
        if one.kind == FieldKind.PICTURE:
            continue
        raw = " ".join(str(given.get(key(place)) or "").split())
        if not raw:
            if one.is_required:
                faults[key(place)] = missing(one)
            continue
        value = _value(one, raw)
        if value is None:
            faults[key(place)] = _("“%(label)s” cannot be read.") % {"label": one.label}
        else:
            kept[key(place)] = value
    if faults:
        raise AnswersFaulty(faults)
    return kept


def missing(one: Question) -> str:
    """What is said of a field that was left empty."""
    return _("“%(label)s” is missing.") % {"label": one.label}


def _value(one: Question, raw: str) -> str | None:
    match one.kind:
        case FieldKind.NUMBER:
            return _number(raw)
        case FieldKind.DATE:
            return _day(raw)
        case FieldKind.CHOICE:
            # A place in the list, or the words themselves.
            if raw in one.choices:
                return raw
            return (
                one.choices[int(raw)] if raw.isdecimal() and int(raw) < len(one.choices) else None
            )
        case FieldKind.YES_NO:
            return raw if raw in {"yes", "no"} else None
    return raw[:LONGEST_TEXT]


def _number(raw: str) -> str | None:
    try:
        number = Decimal(raw.translate(_DIGITS))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > MOST_OF_IT:
        return None
    return format(number.normalize(), "f")


def _day(raw: str) -> str | None:
    try:
        found: date | None = parse_date(raw.translate(_DIGITS))
    except ValueError:
        return None
    return found.isoformat() if found else None


def shown(one: Question, value: str) -> str:
    """An answer as people read it."""
    if one.kind == FieldKind.YES_NO:
        return _("yes") if value == "yes" else _("no")
    if one.kind == FieldKind.DATE:
        return date_format(date.fromisoformat(value), "DATE_FORMAT")
    return _("a picture") if one.kind == FieldKind.PICTURE else value


def in_words(questions: Sequence[Question], values: Mapping[str, str]) -> str:
    """All answers, a line each."""
    return "\n".join(
        # A question has its mark already.
        f"{one.label}{'' if one.label[-1] in '؟?' else ':'} {shown(one, values[key(place)])}"
        for place, one in enumerate(questions, start=1)
        if values.get(key(place))
    )


# The rows of the provider's form.
ROWS = Rows(
    most=MOST_FIELDS,
    components={
        "text": {"type": "TextInput", "input-type": "text", "max-chars": LONGEST_TEXT},
        "number": {"type": "TextInput", "input-type": "number"},
        "date": {"type": "DatePicker"},
        "choice": {"type": "Dropdown"},
    },
)


def data_of(kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the provider's form is told of this one: of each row what is shown, and under which name."""
    rows: dict[int, Row] = {}
    data: dict[str, Any] = {"version": version_of(kept), "photo_label": NOTHING, "photo_shown": False,
                            "least_photos": 0}  # fmt: skip
    for place, one in enumerate(questions_of(kept), start=1):
        if one.kind == FieldKind.PICTURE:
            data |= {"photo_label": one.label, "photo_shown": True}
            data["least_photos"] = int(one.is_required)
        else:
            kind = FieldKind.CHOICE if one.kind == FieldKind.YES_NO else one.kind
            rows[place] = Row(
                kind=kind, label=one.label, is_required=one.is_required, choices=_choices(one)
            )
    return data | ROWS.data(rows)


def _choices(one: Question) -> list[tuple[str, str]]:
    if one.kind == FieldKind.YES_NO:
        return [("yes", _("yes")), ("no", _("no"))]
    return [(str(at), title) for at, title in enumerate(one.choices)]


def given_of(answers: Mapping[str, Any]) -> dict[str, Any]:
    """What came back from the provider's form, by our own keys."""
    return {key(place): value for place, value in ROWS.given(answers).items()}


def flow_json() -> dict[str, Any]:
    """The form to be made at the provider, in its own language; the same for all letters."""
    return ROWS.flow_json(
        SCREEN,
        "طلب إفادة",
        data={
            "version": {"type": "string", "__example__": "0123456789ab"},
            "photo_label": {"type": "string", "__example__": "صورة"},
            "photo_shown": {"type": "boolean", "__example__": False},
            "least_photos": {"type": "number", "__example__": 0},
        },
        children=[
            {
                "type": "PhotoPicker", "name": "photos", "label": "${data.photo_label}",
                "visible": "${data.photo_shown}", "min-uploaded-photos": "${data.least_photos}",
                "max-uploaded-photos": 1,
            }
        ],
    )  # fmt: skip
