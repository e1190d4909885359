"""Reading a list of recipients as people have it: pasted, or from a spreadsheet, however it was saved."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from django.utils.translation import gettext as _

from bayan.channels.adapters.whatsapp.templates import Parameter
from bayan.core.errors import DomainError

MOST_LINES = 100_000
CHUNK = 64 * 1024
# What stands around a number in lists: spaces, brackets, marks of direction, a spreadsheet's apostrophe.
DECORATION = re.compile(r"[\s\-().'’\"=\u00a0\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
DIGITS = {
    **{ord("٠") + n: str(n) for n in range(10)},
    **{ord("۰") + n: str(n) for n in range(10)},
    ord("＋"): "+",
}
SAUDI = re.compile(r"(?:\+|00)?(?:9660?|0)?(5\d{8})")
FOREIGN = re.compile(r"(?:\+|00)([1-9]\d{7,14})")
# Spreadsheets turn long numbers into 9.66501E+11, and the last digits are gone.
ROUNDED = re.compile(r"\d+(?:,\d+)?[eE]\+?\d{1,2}")
PHONE_HEADINGS = {
    "phone", "mobile", "number", "tel", "telephone", "whatsapp", "msisdn", "phone number",
    "mobile number", "الجوال", "جوال", "رقم الجوال", "رقم الهاتف", "الهاتف", "هاتف", "الرقم", "رقم",
    "رقم الموبايل", "واتساب", "رقم الواتساب", "الموبايل",
}  # fmt: skip


class ListUnreadable(DomainError):
    pass


class ListTooLong(DomainError):
    pass


class ColumnMissing(DomainError):
    pass


@dataclass(frozen=True, slots=True)
class Recipient:
    """One usable line: to whom, and what the template's variables are for them."""

    line: int
    phone: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Unusable:
    """One line that names nobody who could be written to, and why, as a word."""

    line: int
    reason: str
    text: str


@dataclass
class Columns:
    """Which column holds the number and which a variable, by position."""

    phone: int = 0
    values: dict[str, int] = field(default_factory=dict)


def phone_in(text: str) -> str:
    """The digits of a mobile number, however it is written; empty when it is none.

    Saudi mobiles in every spelling; others with + or 00 before the country code.
    """
    compact = DECORATION.sub("", text.translate(DIGITS))
    if saudi := SAUDI.fullmatch(compact):
        return f"966{saudi[1]}"
    foreign = FOREIGN.fullmatch(compact)
    # 966 and then no 5: a landline, or a digit is missing.
    if foreign and not foreign[1].startswith("966"):
        return foreign[1]
    return ""


def as_text(source: IO[bytes]) -> io.TextIOWrapper:
    """The file's text, in whichever of the usual encodings it was saved.

    :raises ListUnreadable: it is no text
    """
    source.seek(0)
    start = source.read(CHUNK)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise ListUnreadable(
            _("This is a spreadsheet or a document. Save it as CSV (UTF-8) and choose that file.")
        )
    encoding = _encoding_of(source, start)
    source.seek(0)
    return io.TextIOWrapper(source, encoding, errors="replace", newline="")


def _encoding_of(source: IO[bytes], start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start[1:200:2].count(0) > len(start[1:200:2]) // 3:
        return "utf-16-le"
    if start[:200:2].count(0) > len(start[:200:2]) // 3:
        return "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    part = start
    try:
        while part:
            decoder.decode(part)
            part = source.read(CHUNK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # What is left of the days before Unicode: spreadsheets on Windows in Arabic.
        return "cp1256"
    return "utf-8-sig"


def read(text: Iterable[str], *, wanted: Sequence[Parameter]) -> Iterator[Recipient | Unusable]:
    """Every line of the list, one after the other: usable or not. Empty lines are passed over.

    Columns are found by their headings, or without any by their order: the number, then the variables
    in the template's order. `wanted` are the variables that the list must give.

    :raises ColumnMissing: the headings lack a variable, or the number
    :raises ListTooLong: more lines than one broadcast may have
    """
    lines = _Counted(text)
    rows = csv.reader(lines, delimiter=lines.delimiter, strict=False)
    columns: Columns | None = None
    used = 0
    while True:
        try:
            cells = next(rows, None)
        except csv.Error:
            yield Unusable(lines.number, "unreadable", lines.last[:200].strip())
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns, is_heading = _columns_of(cells, wanted)
            if is_heading:
                continue
        used += 1
        if used > MOST_LINES:
            raise ListTooLong(
                _("The list has more than %(count)s lines. Divide it into several broadcasts.")
                % {"count": f"{MOST_LINES:,}"}
            )
        yield _recipient(rows.line_num, cells, columns)


def _recipient(line: int, cells: Sequence[str], columns: Columns) -> Recipient | Unusable:
    written = cells[columns.phone].strip() if columns.phone < len(cells) else ""
    phone = phone_in(written)
    if not phone:
        compact = DECORATION.sub("", written)
        if not compact:
            reason = "no_number"
        elif ROUNDED.fullmatch(compact.translate(DIGITS)):
            reason = "rounded"
        else:
            reason = "no_mobile"
        return Unusable(line, reason, _clean(" | ".join(cells)))
    values = {
        key: cells[position].strip() if position < len(cells) else ""
        for key, position in columns.values.items()
    }
    return Recipient(line, phone, values)


def _columns_of(cells: Sequence[str], wanted: Sequence[Parameter]) -> tuple[Columns, bool]:
    """What the first line says of the columns, and whether it is a line of headings."""
    if any(phone_in(cell) for cell in cells):
        # Data from the first line on: the number stands where one is, the rest in its order.
        phone = next(place for place, cell in enumerate(cells) if phone_in(cell))
        others = [place for place in range(max(len(cells), len(wanted) + 1)) if place != phone]
        keys = [parameter.key for parameter in wanted]
        return Columns(phone, dict(zip(keys, others, strict=False))), False
    headings = [_heading(cell) for cell in cells]
    phone_places = [place for place, heading in enumerate(headings) if heading in PHONE_HEADINGS]
    if not phone_places:
        if len(cells) == 1 and not wanted:
            # A list of numbers whose first one is wrong, or a word above it.
            is_word = not any(character.isdigit() for character in cells[0])
            return Columns(), is_word
        if any(character.isdigit() for character in "".join(cells)):
            keys = [parameter.key for parameter in wanted]
            return Columns(0, dict(zip(keys, range(1, len(keys) + 1), strict=True))), False
        raise ColumnMissing(
            _(
                "No column of mobile numbers was found. Call it “%(name)s”, or put the numbers first "
                "and leave the headings out."
            )
            % {"name": _("Mobile")}
        )
    return Columns(phone_places[0], _by_heading(headings, phone_places[0], wanted)), True


def _by_heading(headings: Sequence[str], phone: int, wanted: Sequence[Parameter]) -> dict[str, int]:
    found: dict[str, int] = {}
    for parameter in wanted:
        names = {_heading(parameter.key), _heading(parameter.label), _heading(parameter.name)}
        place = next((n for n, heading in enumerate(headings) if heading in names), None)
        if place is not None and place != phone:
            found[parameter.key] = place
    others = [n for n in range(len(headings)) if n != phone]
    if not found and len(others) >= len(wanted):
        # Headings in the sender's own words: their order counts.
        return {parameter.key: others[n] for n, parameter in enumerate(wanted)}
    for parameter in wanted:
        if parameter.key not in found:
            raise ColumnMissing(
                _("The list has no column “%(name)s”. Add it, or write one value for everybody.")
                % {"name": parameter.label}
            )
    return found


def _heading(text: str) -> str:
    return " ".join(text.translate(DIGITS).strip("\ufeff \t").casefold().split())


def _clean(text: str) -> str:
    """Fit for the database and a page: no null characters, not too long."""
    return text.replace("\0", "\ufffd").strip()[:200]


class _Counted:
    """The lines of a text with their delimiter, the latest one, and how many there were."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = iter(text)
        self.number = 0
        self.last = ""
        self._first = next(self._lines, None)
        sample = self._first or ""
        self.delimiter = max(",;\t|", key=lambda mark: (sample.count(mark), mark == ","))

    def __iter__(self) -> Iterator[str]:
        while True:
            line = self._first if self.number == 0 else next(self._lines, None)
            if line is None:
                return
            self.number += 1
            self.last = line.replace("\0", "\ufffd")
            yield self.last
