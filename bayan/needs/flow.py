"""A form of requests as it opens in WhatsApp: one form at the provider shows all of ours (core.flows)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from bayan.core.flows import NOTHING, Row, Rows
from bayan.needs.fields import LONGEST_TEXT, MOST_FILES, Field, FieldKind, fields_of
from bayan.needs.models import FormVersion
from bayan.needs.models.asking import MOST_FIELDS

# The name of the form at the provider (docs/needs.md), and its screen.
FLOW, SCREEN = "bayan_need", "NEED"
# As WhatsApp shows them.
LONGEST_LABEL, LONGEST_CHOICE, LONGEST_AREA = 40, 30, 600
ROWS = Rows(
    most=MOST_FIELDS,
    components={
        "text": {"type": "TextInput", "input-type": "text", "max-chars": LONGEST_TEXT},
        "long": {"type": "TextArea", "max-length": LONGEST_AREA},
        "number": {"type": "TextInput", "input-type": "number"},
        "date": {"type": "DatePicker"},
        "choice": {"type": "Dropdown"},
    },
)
# What has no row: it stands below them, once.
SPAN = ("from_day", "from_time", "until_day", "until_time")
HALF_HOURS = [f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")]


def fits(version: FormVersion) -> bool:
    """Whether this form can be filled in there: what cannot is asked for on the page only."""
    fields = fields_of(version)
    kinds = [field.kind for field in fields]
    return (
        kinds.count(FieldKind.SPAN) <= 1
        and kinds.count(FieldKind.FILE) <= 1
        # Only pictures can be attached there.
        and not any(one.kind == FieldKind.FILE and one.is_required for one in fields)
        and all(len(one.label_ar) <= LONGEST_LABEL for one in fields)
        and all(len(one.label_en) <= LONGEST_LABEL for one in fields)
        and all(
            len(words) <= LONGEST_CHOICE for one in fields for pair in one.choices for words in pair
        )
    )


def data_of(version: FormVersion) -> dict[str, Any]:
    """What the provider's form is told of this one, in the language that is set."""
    data: dict[str, Any] = {
        "version": str(version.pk), "span_shown": False, "span_required": False,
        "photo_label": NOTHING, "photo_shown": False,
    } | {f"{name}_label": NOTHING for name in SPAN}  # fmt: skip
    rows: dict[int, Row] = {}
    for place, field in enumerate(fields_of(version), start=1):
        if field.kind == FieldKind.SPAN:
            data |= {"span_shown": True, "span_required": field.is_required} | _span_labels()
        elif field.kind == FieldKind.FILE:
            data |= {"photo_label": field.label, "photo_shown": True}
        else:
            rows[place] = Row(
                kind=FieldKind.TEXT if field.kind == FieldKind.PLACE else field.kind,
                label=field.label,
                is_required=field.is_required,
                choices=[(str(n), field.choice(str(n))) for n in range(len(field.choices))],
            )
    return data | ROWS.data(rows)


def _span_labels() -> dict[str, str]:
    return {
        "from_day_label": _("From the day"),
        "from_time_label": _("From the hour"),
        "until_day_label": _("Until the day"),
        "until_time_label": _("Until the hour"),
    }


def given_of(version: FormVersion, answers: Mapping[str, Any]) -> dict[str, str]:
    """What came back from the provider's form, as the page's own form would send it."""
    found: dict[str, str] = {}
    rows = ROWS.given(answers)
    for place, field in enumerate(fields_of(version), start=1):
        if field.kind == FieldKind.SPAN:
            found |= _span(field, answers)
        elif place in rows:
            found[field.key] = str(rows[place])
    return found


def _span(field: Field, answers: Mapping[str, Any]) -> dict[str, str]:
    day, hour, until_day, until = (str(answers.get(name) or "") for name in SPAN)
    return {
        f"{field.key}_0": f"{day}T{hour}" if day and hour else "",
        f"{field.key}_1": f"{until_day}T{until}" if until_day and until else "",
    }


def file_field(version: FormVersion) -> Field | None:
    """The field to which the form's pictures belong."""
    return next((one for one in fields_of(version) if one.kind == FieldKind.FILE), None)


def flow_json() -> dict[str, Any]:
    """The form to be made at the provider, in its own language; the same for all our forms."""
    data: dict[str, Any] = {
        "version": {"type": "string", "__example__": "7"},
        "span_shown": {"type": "boolean", "__example__": True},
        "span_required": {"type": "boolean", "__example__": True},
        "photo_label": {"type": "string", "__example__": "صورة"},
        "photo_shown": {"type": "boolean", "__example__": False},
    } | {f"{name}_label": {"type": "string", "__example__": "من يوم"} for name in SPAN}
    hours = [{"id": hour, "title": hour} for hour in HALF_HOURS]
    children: list[dict[str, Any]] = [
        ({"type": "Dropdown", "data-source": hours} if name.endswith("time") else {"type": "DatePicker"})
        | {
            "name": name, "label": f"${{data.{name}_label}}",
            "required": "${data.span_required}", "visible": "${data.span_shown}",
        }
        for name in SPAN
    ]  # fmt: skip
    children.append(
        {
            "type": "PhotoPicker", "name": "photos", "label": "${data.photo_label}",
            "visible": "${data.photo_shown}", "min-uploaded-photos": 0,
            "max-uploaded-photos": MOST_FILES,
        }
    )  # fmt: skip
    return ROWS.flow_json(SCREEN, "طلب احتياج", data=data, children=children)
