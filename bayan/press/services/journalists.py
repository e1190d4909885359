"""The register of journalists: outlets, people, lists; one by one or from a file."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.channels.services.recipients import as_text, phone_in
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.press.models import Journalist, Outlet, PressList

JOURNALIST = "journalist"
MOST_LINES = 500
# What people write above a column, by the field it fills.
HEADINGS = {
    "name": ("name", "journalist", "الاسم", "اسم الصحفي", "الصحفي"),
    "outlet": ("outlet", "media", "newspaper", "الجهة", "الوسيلة", "الصحيفة", "الجهة الإعلامية"),
    "beat": ("beat", "field", "المجال", "التخصص", "الاهتمام"),
    "phone": ("phone", "mobile", "whatsapp", "الجوال", "رقم الجوال", "واتساب", "الهاتف"),
    "email": ("email", "e-mail", "البريد", "البريد الإلكتروني", "الإيميل"),
}
_FIELD_OF = {word: key for key, words in HEADINGS.items() for word in words}


class NameMissing(DomainError):
    pass


class PhoneUnusable(DomainError):
    pass


class PhoneTaken(DomainError):
    pass


class ListNameTaken(DomainError):
    pass


class TooManyLines(DomainError):
    pass


class NobodyToAdd(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a journalist, as a form or a line of a file has it."""

    name: str
    outlet: str = ""
    beat: str = ""
    phone: str = ""
    email: str = ""
    language: str = "ar"
    has_agreed: bool = False
    notes: str = ""


@transaction.atomic
def save_journalist(
    public_id: UUID | None, facts: Facts, *, by: Member, now: datetime
) -> Journalist:
    """Write a journalist down, or change what is known of one.

    :raises NameMissing: nobody is named
    :raises PhoneUnusable: a number is given that is no mobile
    :raises PhoneTaken: another journalist has this number
    """
    desk = organisation.desk()
    name = " ".join(facts.name.split())[:120]
    if not name:
        raise NameMissing(_("Write the journalist's name."))
    phone = phone_in(facts.phone)
    if facts.phone.strip() and not phone:
        raise PhoneUnusable(
            _("This is no mobile number. Write it as 05… or with the country code.")
        )
    others = Journalist.objects.filter(node=desk, phone=phone)
    if public_id:
        others = others.exclude(public_id=public_id)
    if phone and (other := others.first()):
        raise PhoneTaken(_("%(name)s has this number already.") % {"name": other.name})
    row = (
        Journalist.objects.select_for_update(of=("self",)).get(public_id=public_id)
        if public_id
        else Journalist(node=desk, created_at=now)
    )
    row.name, row.phone, row.email = name, phone, facts.email.strip()
    row.outlet = outlet_of(facts.outlet)
    row.beat, row.language = facts.beat.strip()[:120], facts.language
    row.notes = facts.notes.strip()[:2000]
    row.agreed_at = (row.agreed_at or now) if facts.has_agreed else None
    row.ended_at = None
    row.save()
    _note("journalist.saved", row, by=by, now=now)
    return row


def outlet_of(name: str) -> Outlet | None:
    """The outlet of this name, written down where it is new."""
    name = " ".join(name.split())[:120]
    if not name:
        return None
    return Outlet.objects.get_or_create(node=organisation.desk(), name=name)[0]


@transaction.atomic
def end_journalist(public_id: UUID, *, by: Member, now: datetime) -> Journalist:
    """Take a journalist out of the register and of all lists; what they got stays on record."""
    row = Journalist.objects.select_for_update(of=("self",)).get(public_id=public_id)
    row.ended_at = now
    # The number is free for whoever has it next.
    row.phone = ""
    row.save(update_fields=["ended_at", "phone"])
    row.lists.clear()
    _note("journalist.ended", row, by=by, now=now)
    return row


@transaction.atomic
def save_list(
    public_id: UUID | None, *, name: str, members: Collection[UUID], by: Member, now: datetime
) -> PressList:
    """Make a list of journalists, or change its name and who is on it.

    :raises NameMissing: it has no name
    :raises ListNameTaken: another one is called so
    """
    desk = organisation.desk()
    name = " ".join(name.split())[:80]
    if not name:
        raise NameMissing(_("Give the list a name."))
    named = PressList.objects.filter(node=desk, name=name)
    if (named.exclude(public_id=public_id) if public_id else named).exists():
        raise ListNameTaken(_("Another list is called so. Choose a different name."))
    found = PressList.objects.get(public_id=public_id) if public_id else PressList(node=desk)
    found.name = name
    found.save()
    found.journalists.set(Journalist.objects.current().filter(public_id__in=members))
    audit.record(
        audit.Entry(
            action="press_list.saved", subject_type="press_list",
            subject_key=str(found.public_id), by=by, at=now, node_id=desk.pk,
            details={"count": found.journalists.count()},
        )
    )  # fmt: skip
    return found


@transaction.atomic
def delete_list(public_id: UUID, *, by: Member, now: datetime) -> None:
    """Delete a list; its journalists stay in the register."""
    found = PressList.objects.get(public_id=public_id)
    audit.record(
        audit.Entry(
            action="press_list.deleted", subject_type="press_list",
            subject_key=str(found.public_id), by=by, at=now, node_id=found.node_id,
        )
    )  # fmt: skip
    found.delete()


# From a file


@dataclass(frozen=True)
class Listed:
    """One line of a file: what it says, and what is wrong with it."""

    line: int
    facts: Facts
    problems: list[str | Promise] = field(default_factory=list)
    # Somebody in the register has this number: they are brought up to date.
    is_known: bool = False


def read_list(lines: Iterable[str]) -> list[Listed]:
    """What the lines of a file say, each with its faults; nothing is changed.

    Columns are found by their headings, or stand as: name, outlet, beat, mobile, e-mail.

    :raises TooManyLines: more than five hundred
    :raises NobodyToAdd: it holds no line
    """
    text = list(lines)
    sample = text[0] if text else ""
    delimiter = max(",;\t|", key=lambda mark: (sample.count(mark), mark == ","))
    rows = csv.reader(text, delimiter=delimiter, strict=False)
    columns: list[str] = []
    found: list[Listed] = []
    seen: set[str] = set()
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            named = [_FIELD_OF.get(cell.strip("\ufeff \t").casefold(), "") for cell in cells]
            columns = named if any(named) else list(HEADINGS)
            if any(named):
                continue
        if len(found) >= MOST_LINES:
            raise TooManyLines(_("A file may have %(most)d lines.") % {"most": MOST_LINES})
        given = {key: cell.strip() for key, cell in zip(columns, cells, strict=False) if key}
        found.append(_listed(rows.line_num, given, seen))
    if not found:
        raise NobodyToAdd(_("No line of this file names a journalist."))
    known = set(
        Journalist.objects.current()
        .filter(phone__in=[one.facts.phone for one in found if one.facts.phone])
        .values_list("phone", flat=True)
    )
    return [
        Listed(one.line, one.facts, one.problems, is_known=one.facts.phone in known)
        for one in found
    ]


def _listed(line: int, given: dict[str, str], seen: set[str]) -> Listed:
    problems: list[str | Promise] = []
    phone = phone_in(given.get("phone", ""))
    if not given.get("name"):
        problems.append(gettext_lazy("the name is missing"))
    if given.get("phone") and not phone:
        problems.append(gettext_lazy("the number is no mobile"))
    if phone and phone in seen:
        problems.append(gettext_lazy("the number stands in an earlier line"))
    email = given.get("email", "")
    if email:
        try:
            validate_email(email)
        except ValidationError:
            problems.append(gettext_lazy("the e-mail address is wrong"))
    if not phone and not email and not problems:
        problems.append(gettext_lazy("neither mobile nor e-mail"))
    seen.add(phone)
    facts = Facts(
        name=given.get("name", "")[:120], outlet=given.get("outlet", "")[:120],
        beat=given.get("beat", "")[:120], phone=phone or given.get("phone", ""), email=email,
    )  # fmt: skip
    return Listed(line, facts, problems)


def lines_of(source: object) -> list[str]:
    """The lines of an uploaded file, however it was saved.

    :raises ListUnreadable: it is no text
    """
    return list(as_text(source))  # type: ignore[arg-type]


@transaction.atomic
def import_list(
    listed: Sequence[Listed], *, into: str, has_agreed: bool, by: Member, now: datetime
) -> int:
    """Take the good lines into the register, and all of them onto a list; returns how many.

    Who is known by their number is brought up to date, and their agreement stays as it was.

    :raises NobodyToAdd: every line has a fault
    """
    good = [one for one in listed if not one.problems]
    if not good:
        raise NobodyToAdd(_("Every line has a fault. Correct the file and choose it again."))
    desk = organisation.desk()
    known = {
        row.phone or row.email.lower(): row
        for row in Journalist.objects.current()
        .filter(
            Q(phone__in=[one.facts.phone for one in good if one.facts.phone])
            | Q(phone="", email__in=[one.facts.email for one in good if not one.facts.phone])
        )
        .select_for_update(of=("self",))
    }
    outlets: dict[str, Outlet | None] = {}
    rows = []
    for one in good:
        facts = one.facts
        if facts.outlet not in outlets:
            outlets[facts.outlet] = outlet_of(facts.outlet)
        row = known.get(facts.phone or facts.email.lower())
        row = row or Journalist(node=desk, created_at=now, phone=facts.phone)
        row.name, row.outlet, row.beat = facts.name, outlets[facts.outlet], facts.beat
        row.email = facts.email or row.email
        if has_agreed and row.agreed_at is None:
            row.agreed_at = now
        row.save()
        rows.append(row)
    if into.strip():
        found, _is_new = PressList.objects.get_or_create(
            node=desk, name=" ".join(into.split())[:80]
        )
        found.journalists.add(*rows)
    audit.record(
        audit.Entry(
            action="journalists.imported", subject_type=JOURNALIST, subject_key="", by=by, at=now,
            node_id=desk.pk, details={"count": len(rows)},
        )
    )  # fmt: skip
    return len(rows)


def _note(action: str, row: Journalist, *, by: audit.Actor, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action, subject_type=JOURNALIST, subject_key=str(row.public_id), by=by, at=now,
            node_id=row.node_id,
        )
    )  # fmt: skip
    live.announce([(row.node_id, JOURNALIST, row.public_id)])
