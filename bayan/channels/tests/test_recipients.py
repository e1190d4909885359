"""Lists of recipients: every usual spelling is understood, every bad line named, nothing crashes."""

from __future__ import annotations

import contextlib
import io
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.channels.adapters.whatsapp.templates import Parameter
from bayan.channels.services import recipients
from bayan.channels.services.recipients import (
    ColumnMissing,
    ListTooLong,
    ListUnreadable,
    Recipient,
    Unusable,
)

DISTRICT = Parameter(key="body.district", place="body", name="district", kind="text")
FIRST = Parameter(key="body.1", place="body", name="1", kind="text")
SECOND = Parameter(key="body.2", place="body", name="2", kind="text")


def read(text: str, *wanted: Parameter) -> list[Recipient | Unusable]:
    return list(recipients.read(io.StringIO(text, newline=""), wanted=wanted))


@pytest.mark.parametrize(
    "written",
    [
        "0501234567", "501234567", "966501234567", "+966501234567", "00966501234567",
        "+966 50 123 4567", "050-123-4567", "(050) 1234567", "٠٥٠١٢٣٤٥٦٧", "۰۵۰۱۲۳۴۵۶۷",
        "+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "'0501234567", '="0501234567"', "\u200f0501234567\u200e",
        "+9660501234567", "050\u00a0123\u00a04567", "050.123.4567", "\ufeff0501234567",
    ],
)  # fmt: skip
def test_a_saudi_mobile_is_understood_however_it_is_written(written: str) -> None:
    assert recipients.phone_in(written) == "966501234567"


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("+97335551234", "97335551234"),
        ("0020 100 123 4567", "201001234567"),
        ("+44 7700 900123", "447700900123"),
    ],
)
def test_a_foreign_mobile_needs_its_country_code(written: str, digits: str) -> None:
    assert recipients.phone_in(written) == digits
    assert recipients.phone_in(digits) == ""


@pytest.mark.parametrize(
    "written",
    ["", "940", "0138001234", "+966138001234", "050123456", "05012345678", "966401234567",
     "9.66501E+11", "نورة", "0501234567x", "+", "+1234567890123456"],
)  # fmt: skip
def test_what_is_no_mobile_is_none(written: str) -> None:
    assert recipients.phone_in(written) == ""


def test_without_headings_the_columns_count_by_their_order() -> None:
    assert read("0501234567,نورة,الراكة\n0501234568,سارة,النخيل,زائد\n", FIRST, SECOND) == [
        Recipient(1, "966501234567", {"body.1": "نورة", "body.2": "الراكة"}),
        Recipient(2, "966501234568", {"body.1": "سارة", "body.2": "النخيل"}),
    ]


def test_the_number_may_stand_in_another_column() -> None:
    assert read("نورة;0501234567\nسارة;0501234568\n", FIRST) == [
        Recipient(1, "966501234567", {"body.1": "نورة"}),
        Recipient(2, "966501234568", {"body.1": "سارة"}),
    ]


@pytest.mark.parametrize(
    "headings", ["district,mobile,x", "District,رقم الجوال,x", "body.district,PHONE,x"]
)
def test_headings_name_the_columns(headings: str) -> None:
    assert read(f"{headings}\nالراكة,0501234567,لا شيء\n", DISTRICT) == [
        Recipient(2, "966501234567", {"body.district": "الراكة"})
    ]


def test_headings_in_other_words_leave_the_order_to_count() -> None:
    assert read("الاسم\tالجوال\tالحي\nنورة\t0501234567\tالراكة\n", FIRST, SECOND) == [
        Recipient(2, "966501234567", {"body.1": "نورة", "body.2": "الراكة"})
    ]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ColumnMissing, match="district"):
        read("mobile\n0501234567\n", DISTRICT)
    with pytest.raises(ColumnMissing):
        read("اسم,حي\nنورة,الراكة\n", FIRST)


def test_a_plain_column_of_numbers_needs_nothing_else() -> None:
    listed = "الأرقام\n0501234567\n\n \n٠٥٠١٢٣٤٥٦٨\n"
    assert read(listed) == [Recipient(2, "966501234567", {}), Recipient(5, "966501234568", {})]


def test_each_bad_line_is_named_with_its_number_and_reason() -> None:
    listed = "0501234567,أ\n,ب\n9.66501E+11,ج\n0138001234,د\n"
    assert read(listed, FIRST)[1:] == [
        Unusable(2, "no_number", "| ب"),
        Unusable(3, "rounded", "9.66501E+11 | ج"),
        Unusable(4, "no_mobile", "0138001234 | د"),
    ]


def test_a_first_line_with_a_wrong_number_is_not_taken_for_headings() -> None:
    assert read("05012,أ\n0501234567,ب\n", FIRST) == [
        Unusable(1, "no_mobile", "05012 | أ"),
        Recipient(2, "966501234567", {"body.1": "ب"}),
    ]


def test_quoted_cells_may_hold_the_delimiter() -> None:
    (found,) = read('0501234567,"الراكة، شارع 5, قرب المسجد"\n', FIRST)
    assert isinstance(found, Recipient)
    assert found.values == {"body.1": "الراكة، شارع 5, قرب المسجد"}


def test_a_cell_that_never_ends_spoils_only_itself() -> None:
    endless = '0501234567,"' + "x" * 200_000 + "\n"
    found = read(f"{endless}0501234568,نورة\n", FIRST)

    assert isinstance(found[0], Unusable)
    assert found[0].reason == "unreadable"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1256"]
)
def test_a_file_is_read_in_the_encoding_it_was_saved_in(encoding: str) -> None:
    listed = "رقم الجوال,الحي\n0501234567,حي النخيل\n"
    source = io.BytesIO(listed.encode(encoding))

    assert list(recipients.read(recipients.as_text(source), wanted=[FIRST])) == [
        Recipient(2, "966501234567", {"body.1": "حي النخيل"})
    ]


def test_an_encoding_is_told_from_the_whole_file_and_not_its_beginning() -> None:
    listed = "0501234567,plain\n" * 10_000 + "0501234568,حي النخيل\n"
    source = io.BytesIO(listed.encode("cp1256"))

    *_others, last = recipients.read(recipients.as_text(source), wanted=[FIRST])
    assert last == Recipient(10_001, "966501234568", {"body.1": "حي النخيل"})


@pytest.mark.parametrize("start", [b"PK\x03\x04...", b"\xd0\xcf\x11\xe0...", b"%PDF-1.7"])
def test_a_spreadsheet_is_told_from_a_list(start: bytes) -> None:
    with pytest.raises(ListUnreadable):
        recipients.as_text(io.BytesIO(start))


def test_a_list_ends_at_a_hundred_thousand_lines() -> None:
    lines = chain(repeat("0501234567\n", recipients.MOST_LINES), ["\n", "0501234568\n"])
    with pytest.raises(ListTooLong):
        for _line in recipients.read(lines, wanted=[]):
            pass


@given(st.text(max_size=300), st.booleans())
def test_any_text_is_read_without_a_crash(text: str, wants: bool) -> None:
    lines = [line.translate({0xD: None}) for line in text.splitlines(keepends=True)]
    try:
        found = list(recipients.read(lines, wanted=[FIRST] if wants else []))
    except ColumnMissing:
        return
    for line in found:
        if isinstance(line, Recipient):
            assert line.phone.isascii()
            assert line.phone.isdigit()
            assert 8 <= len(line.phone) <= 15
        else:
            assert line.reason
            assert "\0" not in line.text
            assert len(line.text) <= 200


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_a_crash(content: bytes) -> None:
    with contextlib.suppress(ColumnMissing, ListUnreadable):
        list(recipients.read(recipients.as_text(io.BytesIO(content)), wanted=[FIRST]))


digits = st.text("0123456789", min_size=8, max_size=8).map(lambda rest: f"5{rest}")
decoration = st.text(" -.()\u200f\u200e\u00a0", max_size=3)


@given(digits, st.sampled_from(["0", "", "966", "+966", "00966", "+9660"]), decoration, decoration)
def test_every_spelling_of_a_mobile_comes_to_the_same_digits(
    number: str, prefix: str, before: str, within: str
) -> None:
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    for written in (number, number.translate(arabic)):
        text = f"{before}{prefix}{written[:3]}{within}{written[3:]}"
        assert recipients.phone_in(text) == f"966{number}"
