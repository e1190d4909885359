"""What people read on every page: times, names, numbers, and the text of strangers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.translation import override

from bayan.core.templatetags import bayan as tags

# A Monday, 10:00 in Riyadh.
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('<a href="x" onclick="y">', "&lt;a href=&quot;x&quot; onclick=&quot;y&quot;&gt;"),
        ("*عاجل* الشارع مظلم", "<b>عاجل</b> الشارع مظلم"),
        ("~ملغى~", "<s>ملغى</s>"),
        ("3*4*5 و * نجمة *", "3*4*5 و * نجمة *"),
        ("```*كما هو*```", "<code>*كما هو*</code>"),
        ("*<b>*", "<b>&lt;b&gt;</b>"),
    ],
)
def test_a_strangers_text_is_shown_as_whatsapp_shows_it_and_runs_nothing(
    text: str, shown: str
) -> None:
    assert tags.whatsapp(text) == shown


def test_a_plain_address_becomes_a_link_without_what_the_sentence_ends_with() -> None:
    shown = tags.whatsapp('انظر "https://example.org/a?b=1&c=2"، وشكرًا')

    assert 'href="https://example.org/a?b=1&amp;c=2"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "www.example.org"])
def test_nothing_else_becomes_a_link(address: str) -> None:
    assert "<a" not in tags.whatsapp(address)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=20), "الآن"),
        (timedelta(minutes=1), "منذ دقيقة"),
        (timedelta(minutes=2), "منذ دقيقتين"),
        (timedelta(minutes=3), "منذ 3 دقائق"),
        (timedelta(minutes=11), "منذ 11 دقيقة"),
        (timedelta(hours=1), "منذ ساعة"),
        (timedelta(hours=2), "منذ ساعتين"),
        (timedelta(hours=9), "منذ 9 ساعات"),
        (timedelta(hours=22), "أمس"),
        (timedelta(days=2), "منذ يومين"),
        (timedelta(days=6), "منذ 6 أيام"),
        (timedelta(days=20), "3 نوفمبر"),
        (timedelta(days=400), "19 أكتوبر 2025"),
        (-timedelta(minutes=5), "الآن"),
    ],
)
def test_time_passed_is_said_in_good_arabic(passed: timedelta, words: str) -> None:
    with override("ar"):
        assert tags.since(NOW - passed, now=NOW) == words


def test_the_exact_time_carries_both_calendars() -> None:
    with override("ar"):
        assert tags.both_calendars(NOW) == "23 نوفمبر 2026، 10:00\u00a0ص · 13 جمادى الآخرة 1448هـ"


def test_a_day_beyond_the_hijri_table_is_shown_in_one_calendar() -> None:
    with override("en"):
        assert tags.both_calendars(NOW.replace(year=2100)) == "23 November 2100, 10:00\u00a0AM"


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("أم ريان", "ر"),
        ("أبو ياسر", "ي"),
        ("الجوهرة", "ج"),
        ("maria S.", "M"),
        ("🌷 هند", "ه"),
        ("أبو", "أ"),
        ("", ""),
    ],
)
def test_the_letter_of_a_name_is_one_that_tells_people_apart(name: str, letter: str) -> None:
    assert tags.initial(name) == letter


def test_numbers_keep_their_direction_in_arabic_text() -> None:
    assert tags.grouped("482173095") == '<bdi dir="ltr">482\u00a0173\u00a0095</bdi>'
    assert tags.phone("966500000142") == '<bdi dir="ltr">+966 50 000 0142</bdi>'
    assert tags.phone("201001234567") == '<bdi dir="ltr">+201001234567</bdi>'
