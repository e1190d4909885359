"""The same matter: who joins whom, what a person decides, and what is kept in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayan.triage.matters import OPEN_FOR, REMEMBERED, Limits, Matters, Trace, seen_of, trace_of
from bayan.triage.reading import Triage
from bayan.triage.tests.factories import MONDAY, make_trace

HOUR = timedelta(hours=1)
HOLE = "حفرة كبيرة في شارع الملك سعود بسيهات كسرت كفر سيارتي"


@pytest.mark.parametrize(
    "text",
    [
        HOLE,
        "في حفرة كبيرة بشارع الملك سعود بسيهات وانكسر كفر السيارة",
        "وش سالفة الحفرة الكبيرة اللي بسيهات شارع الملك سعود؟ كسرت كفرات الناس",
    ],
)
def test_who_tells_of_the_same_joins(reader: Triage, text: str) -> None:
    # The second is told in few words that many use: at work a person is asked about it.
    matters = Matters(Limits(join=0.7))
    first = matters.add(trace_of(reader.read(HOLE), id="first", at=MONDAY))
    again = matters.add(trace_of(reader.read(text), id="again", at=MONDAY + HOUR))

    assert (first.is_new, again.is_new) == (True, False)
    assert again.matter == first.matter == "first"
    assert again.likeness >= matters.limits.join


@pytest.mark.parametrize(
    "text",
    [
        "حفرة كبيرة في شارع الملك سعود بالجبيل كسرت كفر سيارتي",
        "الإنارة طافية في شارع الملك سعود بسيهات",
        "شكرا بلدية سيهات على تنظيف الكورنيش",
        "متى دوام البلدية؟",
    ],
)
def test_who_tells_of_another_place_or_service_begins_a_matter(reader: Triage, text: str) -> None:
    matters = Matters()
    matters.add(trace_of(reader.read(HOLE), id="first", at=MONDAY))
    other = matters.add(trace_of(reader.read(text), id="other", at=MONDAY + HOUR))

    assert (other.matter, other.is_new) == ("other", True)
    assert len(matters) == 2


# Three words alone, or days later, say less than the default asks for.
EASY = Limits(join=0.01, suggest=0.01)


def test_an_old_matter_is_not_joined() -> None:
    matters = Matters(EASY)
    matters.add(make_trace("first", "حفر شارع كفر عميق"))
    in_time = MONDAY + OPEN_FOR - HOUR
    assert not matters.add(make_trace("in time", "حفر شارع كفر عميق", at=in_time)).is_new
    # Each message keeps it open, and the last one was long ago.
    later = in_time + OPEN_FOR + HOUR
    verdict = matters.add(make_trace("late", "حفر شارع كفر عميق", at=later))

    assert (verdict.matter, verdict.is_new, verdict.likeness) == ("late", True, 0.0)
    assert len(matters) == 1


def test_what_is_likely_and_not_sure_is_suggested() -> None:
    matters = Matters(Limits(join=1.0, suggest=0.1))
    matters.add(make_trace("first", "حفر شارع كفر"))
    matters.add(make_trace("apart", "كلب حديق", category="stray_animals", municipality="qatif"))
    verdict = matters.add(make_trace("second", "حفر شارع كفر"))

    assert verdict.is_new
    assert [matter for matter, _likeness in verdict.suggestions] == ["first"]
    assert verdict.suggestions[0][1] == verdict.likeness > 0.1
    third = matters.add(make_trace("third", "حفر شارع كفر"))
    assert {matter for matter, _likeness in third.suggestions} == {"first", "second"}


def test_what_speaks_for_the_parts_of_a_matter_speaks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matters = Matters(Limits(join=0.8, suggest=0.1))
    for name, words, found in (
        ("a", "حفر شارع كفر", []),
        # Whoever wrote this was likely, and not surely, writing about the first one.
        ("b", "هبوط اسفلت رصيف", [("a", 0.75)]),
        ("apart", "كلب حديق مسعور", [("a", 0.02)]),
    ):
        monkeypatch.setattr(matters, "alike", lambda _trace, found=found: found)
        assert matters.add(make_trace(name, words)).is_new

    # 0.5 + 0.75 × 0.45: the two are one, very likely.
    monkeypatch.setattr(matters, "alike", lambda _trace: [("a", 0.5), ("b", 0.45)])
    joined = matters.add(make_trace("c", "حفر اسفلت"))
    assert (joined.matter, joined.is_new) == ("a", False)
    assert joined.likeness == pytest.approx(0.8375)
    assert joined.suggestions == (("b", 0.45),)
    # What may be one of two others is sure of neither.
    monkeypatch.setattr(matters, "alike", lambda _trace: [("a", 0.5), ("apart", 0.45)])
    assert matters.add(make_trace("d", "حفر حديق")).is_new


def test_what_is_known_to_belong_somewhere_is_remembered_there() -> None:
    matters = Matters(EASY)
    matters.put(make_trace("a", "حفر شارع كفر"), "known")
    matters.put(make_trace("b", "تسرب ماسور", category="water_sewage"), "known")

    assert len(matters) == 1
    assert matters.add(make_trace("c", "تسرب ماسور", category="water_sewage")).matter == "known"


def test_what_a_person_merged_is_one_matter_from_then_on() -> None:
    matters = Matters(Limits(join=0.01))
    for name, words in (("a", "حفر شارع كفر"), ("b", "هبوط اسفلت رصيف"), ("c", "مطب عالي صدام")):
        matters.put(make_trace(name, words), name)
    matters.merge("a", into="b")
    assert len(matters) == 2
    assert matters.add(make_trace("again", "حفر شارع كفر")).matter == "b"

    matters.merge("b", into="c")
    assert len(matters) == 1
    assert matters.add(make_trace("once more", "حفر شارع كفر")).matter == "c"
    matters.put(make_trace("read again", "حفر شارع كفر"), "a")
    assert len(matters) == 1


def test_merging_what_is_one_already_changes_nothing() -> None:
    matters = Matters()
    matters.add(make_trace("a", "حفر شارع كفر عميق"))
    matters.put(make_trace("b", "هبوط اسفلت"), "b")
    matters.merge("a", into="a")
    matters.merge("a", into="b")
    matters.merge("b", into="a")
    matters.merge("a", into="b")

    assert len(matters) == 1
    assert matters.add(make_trace("again", "حفر شارع كفر عميق")).matter == "b"


def test_a_large_matter_is_still_joined_after_it_was_merged() -> None:
    matters = Matters()
    for number in range(60):
        matters.put(make_trace(f"a{number}", "حفر شارع كفر", places=["here"]), "large")
    before = matters.alike(make_trace("again", "حفر شارع كفر", places=["here"]))
    matters.put(make_trace("b", "حفر شارع", places=["here"]), "small")
    matters.merge("large", into="small")
    after = matters.alike(make_trace("again", "حفر شارع كفر", places=["here"]))

    assert [matter for matter, _likeness in after] == ["small"]
    assert after[0][1] == pytest.approx(before[0][1], abs=0.02)


def test_memory_is_that_of_the_last_days() -> None:
    matters = Matters()
    between = timedelta(minutes=4)
    for number in range(20_000):
        name = str(number)
        matters.add(
            make_trace(
                name,
                f"كلمه{name} شي{name}",
                at=MONDAY + number * between,
                category=f"category {number % 1_000}",
                places=[f"place {number}"],
            )
            if number % 100
            else make_trace(name, "حفر شارع كفر", at=MONDAY + number * between)
        )

    open_at_once = OPEN_FOR // between + 1
    assert len(matters) <= open_at_once
    assert len(matters._by_word) <= 2 * open_at_once + 3
    assert len(matters._by_place) <= open_at_once + 2_003
    assert max(map(len, matters._by_word.values())) <= 40


def test_a_matter_of_many_messages_does_not_grow() -> None:
    matters = Matters()
    for number in range(2_000):
        at = MONDAY + number * timedelta(seconds=1)
        matters.put(
            make_trace(f"{number}", f"حفر شارع كفر عميق زياده{number}", places=["here"], at=at),
            "large",
        )
    (matter,) = matters._open.values()

    assert matter.size == 2_000
    assert len(matter.latest) == REMEMBERED
    assert len(matter.words) <= 84
    assert len(matter.marks) <= 64
    assert (
        matters.add(
            make_trace("one more", "حفر شارع كفر عميق", places=["here"], at=matter.last_at)
        ).matter
        == "large"
    )


def test_a_burst_about_one_matter_is_one_matter(reader: Triage) -> None:
    # Everybody passes on the same words, behind a greeting of their own and with another number.
    matters = Matters()
    told = "انفجرت ماسورة المياه في حي الراكة الشمالية بالخبر والشارع غرقان والسيارات واقفة"
    greetings = ("السلام عليكم،", "صباح الخير،", "يا إخوان", "لو سمحتم", "الله يعطيكم العافية،")
    for number in range(300):
        text = f"{greetings[number % 5]} {told} {number}"
        at = MONDAY + number * timedelta(seconds=20)
        matters.add(trace_of(reader.read(text), id=str(number), at=at))

    assert len(matters) == 1


RELATED = st.lists(
    st.sampled_from(["حفر شارع كفر", "حفر شارع", "هبوط اسفلت كبير", "حفر رصيف", "اسفلت كفر"]),
    min_size=1,
    max_size=12,
)
UNRELATED = st.lists(st.sampled_from(["كلب حديق", "كلب عض", "ذباب"]), max_size=4)


@settings(max_examples=50)
@given(data=st.data(), related=RELATED)
def test_what_others_write_of_other_things_changes_no_verdict(
    data: st.DataObject, related: list[str]
) -> None:
    alone, among = Matters(), Matters()
    for number, words in enumerate(related):
        trace = make_trace(f"{number}", words, at=MONDAY + number * HOUR)
        for other, noise in enumerate(data.draw(UNRELATED)):
            among.add(unrelated(f"{number}.{other}", noise, trace))
        assert among.add(trace) == alone.add(trace)


def unrelated(name: str, words: str, beside: Trace) -> Trace:
    return make_trace(
        name, words, at=beside.at, category="stray_animals", places=["far"], municipality="qatif"
    )


def test_names_of_places_are_compared_as_places(reader: Triage) -> None:
    trace = trace_of(reader.read("حفرة بحي الروضة في الجبيل"), id="a", at=MONDAY)

    assert trace.places == {"jubail-ar-rawdah"}
    assert trace.municipality == "jubail"
    assert "روضه" not in trace.words
    assert "حفر" in trace.words
    assert sum(weight**2 for weight in trace.words.values()) == pytest.approx(1)


def test_a_street_is_named_whole_and_a_school_by_its_name(reader: Triage) -> None:
    def marks(text: str, sorts: str) -> set[str]:
        return {
            mark
            for mark in trace_of(reader.read(text), id="x", at=MONDAY).marks
            if mark[0] in sorts
        }

    saud, fahd = "حفرة في شارع الملك سعود", "حفرة في شارع الملك فهد"
    assert marks(saud, "S") == marks("الاسفلت نازل بشارع الملك سعود", "S") != marks(fahd, "S")
    first, second = "كلاب عند مدرسة المثنى", "كلاب قدام مدرسة الفاروق"
    assert marks(first, "F") == marks("ظلام ورا مدرسه المثنى", "F") != marks(second, "F")
    # Both name a school: that they name two tells them apart.
    assert marks(first, "K") == marks(second, "K") != set()


def test_a_text_without_telling_words_is_compared_with_nothing(reader: Triage) -> None:
    matters = Matters()
    for number in range(3):
        verdict = matters.add(trace_of(reader.read("😡"), id=str(number), at=MONDAY))
        assert verdict.matter == str(number)


def test_bursts_see_body_service_place_and_words_as_they_are_written(reader: Triage) -> None:
    seen = seen_of(reader.read("الحفــرة بحي الروضة في الجبيل"), id="a", at=MONDAY)

    assert set(seen.about) >= {("municipality", "jubail"), ("place", "jubail-ar-rawdah")}
    assert [kind for kind, _key in seen.about].count("category") == 1
    assert seen.terms["حفره"] == "الحفــرة"
