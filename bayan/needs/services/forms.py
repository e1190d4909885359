"""The forms of requests: written by an administrator, each change a new version; the pack's first ones."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.models import uuid7
from bayan.needs.fields import MOST_CHOICES, Field, FieldKind
from bayan.needs.models import Form, FormVersion, Kind, Thing
from bayan.needs.models.asking import MOST_FIELDS
from bayan.organisation.models import Node
from bayan.people.models import Member

LOCK = "bayan.needs.forms"


class FormUnfit(DomainError):
    pass


class PackUnreadable(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A form as it is to be."""

    kind: str
    name_ar: str
    fields: Sequence[Field]
    provider: Node
    name_en: str = ""
    help_ar: str = ""
    help_en: str = ""
    is_on: bool = True


@transaction.atomic
def save_form(form: Form | None, draft: Draft, *, by: Member, now: datetime) -> Form:
    """Save a form, or a new one. What was asked with an earlier version keeps that one.

    :raises FormUnfit: without a name, without or with more than six fields, or with a field that is no field
    """
    fields = _checked(draft)
    _lock()
    if form is None:
        made = uuid7()
        form = Form(public_id=made, key=f"form-{made.hex[-12:]}", position=Form.objects.count() + 1)
    form.kind, form.provider, form.is_on = draft.kind, draft.provider, draft.is_on
    form.save()
    _give_version(form, draft, fields, by=by, now=now)
    audit.record(
        audit.Entry(
            action="need_form.saved",
            subject_type="need_form",
            subject_key=str(form.public_id),
            by=by,
            at=now,
            node_id=form.provider_id,
            details={"count": len(fields)},
        )
    )
    return form


@transaction.atomic
def move_form(form: Form, *, up: bool) -> None:
    """Let a form change places with the one before or after it in the list."""
    _lock()
    rows = list(Form.objects.order_by("position", "pk"))
    at = next(place for place, row in enumerate(rows) if row.pk == form.pk)
    other = at - 1 if up else at + 1
    if 0 <= other < len(rows):
        rows[at], rows[other] = rows[other], rows[at]
    for position, row in enumerate(rows, start=1):
        row.position = position
    Form.objects.bulk_update(rows, ["position"])


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK])


def _give_version(
    form: Form, draft: Draft, fields: Sequence[Field], *, by: Member | None, now: datetime
) -> None:
    last = form.versions.order_by("-number").values_list("number", flat=True).first() or 0
    form.version = FormVersion.objects.create(
        form=form,
        number=last + 1,
        name_ar=draft.name_ar.strip()[:80],
        name_en=draft.name_en.strip()[:80],
        help_ar=draft.help_ar.strip()[:200],
        help_en=draft.help_en.strip()[:200],
        fields=[field.as_kept for field in fields],
        made_by=by,
        made_at=now,
    )
    form.save(update_fields=["version"])


def _checked(draft: Draft) -> list[Field]:
    """The fields with keys of their own, as they may be kept."""
    if not draft.name_ar.strip():
        raise FormUnfit(_("Give the form a name in Arabic."))
    if draft.kind not in Kind.values:
        raise FormUnfit(_("Choose what kind of need it is."))
    if not 0 < len(draft.fields) <= MOST_FIELDS:
        raise FormUnfit(
            _("A form has one to %(most)d fields: it is filled in on a phone.")
            % {"most": MOST_FIELDS}
        )
    if sum(field.is_quantity for field in draft.fields) > 1:
        raise FormUnfit(_("Only one number says how many are asked for."))
    return [_checked_field(place, field) for place, field in enumerate(draft.fields, start=1)]


def _checked_field(place: int, field: Field) -> Field:
    if field.kind not in FieldKind.values or not field.label_ar.strip():
        raise FormUnfit(
            _("Field %(number)d: choose its kind and give it a label in Arabic.")
            % {"number": place}
        )
    if field.is_quantity and field.kind != FieldKind.NUMBER:
        raise FormUnfit(
            _("Field %(number)d: only a number says how many are asked for.") % {"number": place}
        )
    is_choice = field.kind == FieldKind.CHOICE
    if is_choice and not 2 <= len(field.choices) <= MOST_CHOICES:
        raise FormUnfit(
            _("Field %(number)d: write two to %(most)d choices, each on a line.")
            % {"number": place, "most": MOST_CHOICES}
        )
    return replace(
        field,
        key=f"f{place}",
        label_ar=field.label_ar.strip()[:80],
        label_en=field.label_en.strip()[:80],
        help_ar=field.help_ar.strip()[:160],
        help_en=field.help_en.strip()[:160],
        choices=field.choices if is_choice else (),
    )


# --- The authority pack's


@transaction.atomic
def load_pack(folder: Path, *, now: datetime) -> int:
    """Take over the forms and things of the pack's `needs.toml`, once: then they are edited on pages.

    Returns how many forms were taken over.

    :raises PackUnreadable: names the file and what is wrong in it
    """
    path = folder / "needs.toml"
    if Form.objects.exists() or Thing.objects.exists() or not path.is_file():
        return 0
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PackUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    nodes = {node.key: node for node in Node.objects.all()}
    forms, things = given.get("forms", []), given.get("things", [])
    for position, row in enumerate(forms, start=1):
        _load_form(row, position, nodes, given.get("provider", ""), path, now=now)
    for position, row in enumerate(things, start=1):
        _load_thing(row, position, nodes, given.get("provider", ""), path)
    return len(forms)


def _load_form(
    row: Any, position: int, nodes: dict[str, Node], provider: str, path: Path, *, now: datetime
) -> None:
    where = f"forms[{position}]"
    try:
        known = dict(row)
        key, provider = known.pop("key"), known.pop("provider", provider)
        fields = [
            Field(key="", **{**field, "choices": _pairs(field.get("choices", []))})
            for field in known.pop("fields")
        ]
        draft = Draft(fields=fields, provider=nodes[provider], **known)
        checked = _checked(draft)
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(path, where, str(error)) from error
    except FormUnfit as unfit:
        raise _wrong(path, where, str(unfit)) from unfit
    form = Form.objects.create(
        key=key, kind=draft.kind, provider=draft.provider, position=position, is_on=draft.is_on
    )
    _give_version(form, draft, checked, by=None, now=now)


def _pairs(choices: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(one["ar"]), str(one.get("en", ""))) for one in choices)


def _load_thing(row: Any, position: int, nodes: dict[str, Node], provider: str, path: Path) -> None:
    where = f"things[{position}]"
    try:
        known = dict(row)
        known["kind"] = Thing.Kind(known["kind"])
        node = nodes[known.pop("node", provider)]
        thing = Thing(node=node, **known)
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(path, where, str(error)) from error
    thing.save()


def _wrong(path: Path, where: str, what: str) -> PackUnreadable:
    return PackUnreadable(
        _("%(path)s: “%(where)s” is not understood (%(what)s); see docs/authority-pack.md.")
        % {"path": path, "where": where, "what": what}
    )
