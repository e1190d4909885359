"""Danger to life by its words alone: what is real, and what is past, unreal or a figure of speech."""

from __future__ import annotations

import pytest

from bayan.triage.features import read
from bayan.triage.safety import NEAR, signs_among
from bayan.triage.text import words_in

FOR = {"cry", "somebody harm", "harm source", "harm now", "source now"}
AGAINST = {"past", "unreal", "figure"}


def signs_of(text: str) -> set[str]:
    return set(signs_among([word for word, _start, _end in words_in(read(text))]))


@pytest.mark.parametrize(
    "text",
    [
        "الحقونا ولد طاح في منهل مفتوح عند المدرسة",
        "في رجال محصور داخل السيارة في السيل الحين",
        "حريق في العمارة والناس محصورين",
        "بنتي انصعقت من سلك مكشوف",
        "ريحة غاز قوية الحين",
        "كلب مسعور يهاجم الأطفال في الحديقة",
        "محتاجين إسعاف",
        "#النجـــدة",
        "A child fell into an open manhole",
        "someone is drowning in the sea",
        "please HELP us",
        "wlad 6a7 fi manhole al7een",
        "el7agona",
    ],
)
def test_a_person_in_danger_is_noticed(text: str) -> None:
    assert signs_of(text) & FOR


@pytest.mark.parametrize(
    "text",
    [
        "",
        "الإنارة طافية من أسبوعين",
        "حفرة كبيرة كسرت كفر السيارة",
        "طاح العمود",
        "متى دوام البلدية؟",
        "أسعاركم نار",
        "متنا من الضحك",
        "غرقنا في الديون والفواتير",
        "ما فيه حريق ولا شي",
        "The park is lovely, thank you",
    ],
)
def test_what_endangers_nobody_is_none(text: str) -> None:
    assert not signs_of(text) & FOR


@pytest.mark.parametrize(
    ("danger", "excused"),
    [
        ("طاح ولد من السطح", "لو طاح ولد من السطح"),
        ("طاح ولد من السطح", "طاح ولد من السطح العام الماضي"),
        ("انصعق عامل", "أمس انصعق عامل وطلعوه"),
        ("الناس محصورين", "تمرين: الناس محصورين"),
        ("الناس محصورين", "سمعنا إشاعة إن الناس محصورين"),
        ("حنا انخنقنا", "حنا انخنقنا من الزحمة"),
        ("حريق الحين", "عرض حريق الحين"),
        ("a man drowned", "a man drowned last year"),
        ("someone trapped", "what if someone trapped"),
        ("الحقونا", "نمزح: الحقونا"),
    ],
)
def test_what_is_past_unreal_or_a_figure_of_speech_is_excused(danger: str, excused: str) -> None:
    assert signs_of(danger) & FOR
    assert not signs_of(danger) & AGAINST
    assert signs_of(excused) & AGAINST


def test_words_far_from_each_other_make_no_danger() -> None:
    between = " ".join(["كلمة"] * (NEAR - 1))
    assert "somebody harm" in signs_of(f"ولد {between} طاح")
    assert "somebody harm" not in signs_of(f"ولد {between} كلمة طاح")
