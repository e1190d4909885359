"""One form for the spellings of a word: in Python and in the database alike."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.core.arabic import bare, fold, query_of, words_of


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("أحمد إبراهيم آل", "احمد ابراهيم ال"),
        ("بلديّةُ الخُبَر", "بلديه الخبر"),
        ("مستشفى", "مستشفي"),
        ("مسؤول شؤون", "مسوول شوون"),
        ("٩٤٠ و۹۴۰", "940 و940"),
        ("شـــارع", "شارع"),
        ("Khobar", "khobar"),
        ("\u200fحي\u200e", "حي"),
    ],
)
def test_spellings_of_one_word_become_one(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("والشارع", "شارع"), ("بالشارع", "شارع"), ("للشارع", "شارع"), ("بشارع", "شارع"), ("شارع", "شارع"),
        ("الحي", "حي"), ("بحي", "حي"), ("للحي", "حي"), ("وبالحي", "حي"), ("كم", "كم"), ("الى", "الى"),
    ],
)  # fmt: skip
def test_what_is_written_as_one_with_a_word_comes_off(word: str, stem: str) -> None:
    assert bare(word) == stem


# What they ask changes nothing.
reading = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهويأإآٱىةؤئءکگی ـًٌَُِّْ٠٩۵0 aZéß،؟«.-_'\u200f\n"


def test_a_short_rest_is_looked_for_whole() -> None:
    assert query_of("بحي النورس") == "(بحي:* | حي) & (النورس:* | نورس:*)"


@reading
@given(text=st.text(alphabet=LETTERS, max_size=60))
def test_the_database_folds_as_python_does(db: None, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT fold_arabic(%s)", [text])
        assert cursor.fetchone()[0] == fold(text)


@reading
@given(
    words=st.lists(st.text(alphabet="ابتحدرسشعفقكلمنهويةأى", min_size=1, max_size=9), max_size=6)
)
def test_whoever_looks_for_a_word_of_a_text_finds_it(db: None, words: list[str]) -> None:
    text = " ".join(words)
    with connection.cursor() as cursor:
        for word in words:
            for wanted in (
                word,
                fold(word),
                bare(fold(word)),
                f"ال{word}" if len(word) > 2 else word,
            ):
                cursor.execute("SELECT words_to_find(%s) @@ %s::tsquery", [text, query_of(wanted)])
                assert cursor.fetchone()[0], wanted


@pytest.mark.parametrize("text", ["#لا_للشائعات", "7e6o 1e5", "a_b", "ﷺ " * 40, "ط" * 3000])
def test_a_text_is_cut_into_words_as_python_cuts_it(db: None, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(words_to_find(%s))", [text])
        kept = set(cursor.fetchone()[0])
    # What is too long for an index is passed over.
    assert kept == {
        form for word in words_of(text)[:400] for form in (word, bare(word)) if len(form) < 1000
    }


@reading
@given(text=st.text(max_size=40).filter(lambda text: "\x00" not in text))
def test_whatever_is_typed_is_a_query_that_the_database_takes(db: None, text: str) -> None:
    if not words_of(text):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::tsquery::text", [query_of(text)])


def test_a_word_of_two_letters_is_looked_for_whole_unless_it_is_being_typed() -> None:
    assert query_of("ناصر بن عبدالله") == "ناصر:* & بن & عبدالله:*"
    assert query_of("ناصر بن") == "ناصر:* & بن:*"
    assert query_of("") == ""
