"""The plain form and its way back, languages, Arabic in Latin letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.triage.tests.factories import WRITTEN
from bayan.triage.text import in_arabic_letters, language_of, plain, words_in

MARKS = "\u0640\u064b\u0650\u0651\u0670\u200b\u200d\u200e\u200f\u202b\u202c\u2067\u2069\ufe0f\ufeff"
LETTERS = "ابتحدرسشعقكلمنهوي "


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("أحمد إبراهيم آل ٱلله", "احمد ابراهيم ال الله"),
        ("مسؤول هيئة ماء", "مسوول هييه ما"),
        ("مستشفى الفتاة", "مستشفي الفتاه"),
        ("بلديّةُ الخُبَر", "بلديه الخبر"),
        ("شـــارع", "شارع"),
        ("\u202bحي\u200f\u202c الـ\u200dنور\ufeff", "حي النور"),
        ("مررررة جدااااا", "مره جدا"),
        ("soooo good, yess", "so good, yess"),
        ("#حي_الروضة", "حي الروضه"),
        ("پارک گلی چھوٹی ہے", "بارك كلي جهوتي هي"),
        ("ﻻ ﷲ", "لا الله"),
        ("Ｆｕｌｌ WIDTH", "full width"),
        ("انظر https://a.example/x?y=1 هنا", "انظر هنا"),
        ("@municipality حفرة", "حفره"),
    ],
)
def test_spellings_of_one_text_have_one_plain_form(written: str, form: str) -> None:
    assert plain(written).text == form


@pytest.mark.parametrize("digits", ["٩٤٠٠٠", "۹۴۰۰۰", "९४०००", "৯৪০০০", "９４０００", "94000"])
def test_digits_of_all_scripts_are_the_same_and_are_no_stretched_letters(digits: str) -> None:
    assert plain(digits).text == "94000"


def test_an_emoji_is_a_word_of_its_own() -> None:
    assert plain("حفرة😡كبيرة").text == "حفره 😡 كبيره"


def test_a_word_is_found_where_it_stands_in_the_text() -> None:
    text = "@a 😡 #بالشـــارع_الكبيييير"
    form = plain(text)

    spans = [form.span(start, end) for _word, start, end in words_in(form.text)]

    assert [text[start:end] for start, end in spans] == ["بالشـــارع", "الكبيييير"]


@given(text=WRITTEN)
def test_every_character_leads_back_into_the_text_in_order(text: str) -> None:
    form = plain(text)

    assert len(form.places) == len(form.text)
    assert list(form.places) == sorted(form.places)
    assert all(0 <= place < len(text) for place in form.places)


@given(text=WRITTEN)
def test_what_stands_behind_a_text_does_not_change_how_it_is_read(text: str) -> None:
    # An emoji becomes three characters: such texts are read letter by letter, others mostly at once.
    alone, with_emoji = plain(f"من {text}"), plain(f"من {text} 🙂")
    length = len(alone.text.rstrip(" "))
    assert with_emoji.text[:length] == alone.text[:length]
    assert with_emoji.text[length:].strip(" ") == "🙂"
    assert list(with_emoji.places[:length]) == list(alone.places[:length])


@given(text=WRITTEN)
def test_every_word_is_spelled_in_the_text_where_it_is_said_to_stand(text: str) -> None:
    form = plain(text)
    for word, start, end in words_in(form.text):
        first, behind = form.span(start, end)
        assert word in plain(text[first:behind]).text


@given(data=st.data(), text=st.text(LETTERS, max_size=30))
def test_marks_tatweel_and_invisible_characters_change_nothing(
    data: st.DataObject, text: str
) -> None:
    marked = "".join(letter + data.draw(st.text(MARKS, max_size=2)) for letter in text)
    assert plain(marked).text == plain(text).text


@given(letter=st.sampled_from(LETTERS.strip()), times=st.integers(3, 40))
def test_a_letter_may_be_stretched_as_long_as_one_likes(letter: str, times: int) -> None:
    assert plain(f"ص{letter * times}ص").text == f"ص{letter}ص"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("فيه حفرة كبيرة قدام المدرسة", "ar"),
        ("#الدمام تسرب ماي", "ar"),
        ("حفرة عند King Fahd Road والله تعبنا", "ar"),
        ("", "ar"),
        ("٩٤٠ 😡", "ar"),
        ("there is a hole in the street near my house", "en"),
        ("Street lights off in حي النور since two weeks please fix", "en"),
        ("fi 7ofra kbeera 3nd el madrasa", "ar-Latn"),
        ("wain el baladiya 3an el zbala", "ar-Latn"),
        ("سڑک پر پانی کھڑا ہے اور کوئی نہیں آیا", "other"),
        ("چراغ خیابان خراب است و این مشکل را حل کنید", "other"),
        ("सड़क पर पानी भरा है", "other"),
        ("রাস্তায় অনেক ময়লা", "other"),
        ("Maraming basura dito sa kalsada namin", "other"),
        ("gali mein pani hai aur bijli nahi", "other"),
        ("ada lubang di jalan ini tolong", "other"),
    ],
)
def test_the_language_is_told(text: str, language: str) -> None:
    assert language_of(text) == language


@given(text=WRITTEN)
def test_every_text_has_a_language(text: str) -> None:
    assert language_of(text) in {"ar", "en", "ar-Latn", "other"}


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        ("el shar3", "ل شارع"),
        ("3ndna", "عندنا"),
        ("7ofra", "حوفرا"),
        ("5arbana", "خاربانا"),
        ("6af7", "طافح"),
        ("ghareeb", "غاريب"),
        ("3'ar8an", "غارقان"),
        ("SHOO", "شو"),
        ("moya 997", "مويا 997"),
        ("حي dammam", "حي داممام"),
    ],
)
def test_arabizi_is_written_as_it_sounds(latin: str, arabic: str) -> None:
    assert in_arabic_letters(latin) == arabic
