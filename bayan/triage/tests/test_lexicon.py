"""Words that speak for labels: whole, by their beginning, in pairs, with what is written as one with them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bayan.triage import lexicon as lexicon_module
from bayan.triage import taxonomy
from bayan.triage.lexicon import Lexicon, meanings, stem_of
from bayan.triage.text import plain

PACKAGE = Path(lexicon_module.__file__).parent

WORDS = """
animal = "كلب كلاب* قطه"
traffic = "زحمه قطه"
[danger]
fire = "اشتعل* سلك_مكشوف"
"""


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    path = tmp_path / "words.toml"
    path.write_text(WORDS, encoding="utf-8")
    return Lexicon(path)


@pytest.mark.parametrize(
    "word",
    ["كلب", "الكلب", "والكلب", "بكلب", "بالكلب", "للكلب", "وبالكلب", "فالكلب", "كالكلب", "هالكلب"],
)
def test_what_is_written_as_one_with_a_word_does_not_matter(lexicon: Lexicon, word: str) -> None:
    assert lexicon.labels_of(word) == ("animal",)


def test_a_whole_word_is_no_beginning_and_a_beginning_may_go_on(lexicon: Lexicon) -> None:
    assert lexicon.labels_of("كلبشات") == ()
    assert lexicon.labels_of("كلابهم") == ("animal",)
    assert lexicon.labels_of("وكلاب") == ("animal",)


def test_words_of_the_file_are_brought_to_their_plain_form(lexicon: Lexicon) -> None:
    assert lexicon.labels_of("قطه") == ("animal", "traffic")
    assert lexicon.labels_of("اشتعلت") == ("danger.fire",)


def test_a_pair_speaks_only_side_by_side_and_in_its_order(lexicon: Lexicon) -> None:
    assert lexicon.labels_of_pair("السلك", "المكشوف") == ("danger.fire",)
    assert lexicon.labels_of_pair("مكشوف", "سلك") == ()
    assert lexicon.labels_of_pair("سلك", "طويل") == ()
    assert lexicon.labels_of("سلك") == lexicon.labels_of("مكشوف") == ()


@pytest.mark.parametrize(
    ("word", "stem"),
    [("وبالشارع", "شارع"), ("للشارع", "شارع"), ("بحر", "بحر"), ("ولد", "ولد"), ("khobar", "khobar")],
)  # fmt: skip
def test_a_stem_keeps_three_letters_at_least(word: str, stem: str) -> None:
    assert stem_of(word) == stem


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("الحفره", "category.roads"), ("الزباله", "category.cleanliness"), ("بعوض", "category.pests"),
        ("pothole", "category.roads"), ("شكرا", "kind.praise"), ("اقترح", "kind.suggestion"),
    ],
)  # fmt: skip
def test_the_shipped_lexicon_knows_what_people_call_things(word: str, label: str) -> None:
    head, _dot, name = label.partition(".")
    assert {label, f"{head}_maybe.{name}"} & set(meanings().labels_of(word))


def test_the_shipped_lexicon_speaks_for_labels_of_the_taxonomy_only() -> None:
    heads = {
        "kind": taxonomy.KINDS,
        "category": taxonomy.CATEGORIES,
        "sentiment": taxonomy.SENTIMENTS,
        "urgency": taxonomy.URGENCIES,
        "info": taxonomy.INFO_TYPES,
    }
    known = {
        f"{head}{maybe}.{name}"
        for head, names in heads.items()
        for name in names
        for maybe in ("", "_maybe")
    }
    spoken = {
        label
        for table in (meanings()._wholes, meanings()._begins, meanings()._pairs)
        for labels in table.values()
        for label in labels
    }
    assert spoken <= known


@pytest.mark.parametrize("name", ["lexicon", "safety", "things"])
def test_words_stand_in_their_plain_form(name: str) -> None:
    held = tomllib.loads((PACKAGE / f"{name}.toml").read_text(encoding="utf-8"))
    strings = [
        words
        for value in held.values()
        for words in (value.values() if isinstance(value, dict) else [value])
    ]
    given = {word.rstrip("*").replace("_", " ") for words in strings for word in words.split()}

    assert {word for word in given if plain(word).text.strip() != word} == set()
