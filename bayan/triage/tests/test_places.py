"""Places in texts: how they are written, what they may be, who answers for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.triage.places import AMBIGUOUS, Gazetteer, located, ordinary_words
from bayan.triage.tests.factories import EASTERN, WRITTEN

# A few of the words that the shipped model holds to be ordinary.
ORDINARY = ("بلديه", "شارع", "واحد", "نور", "in نور", "سلام", "بحر")


@pytest.fixture(scope="module")
def places() -> Gazetteer:
    return Gazetteer.read(EASTERN / "places", ordinary=ORDINARY)


def named(places: Gazetteer, text: str, *, near: str = "") -> list[str]:
    """The places of a text as they stand in it."""
    found = places.find(text, near=near)
    assert [text[mention.start : mention.end] for mention in found] == [m.text for m in found]
    return [mention.text for mention in found]


def body(places: Gazetteer, text: str, *, near: str = "") -> str | None:
    return places.body_for(places.find(text, near=near))


@pytest.mark.parametrize(
    ("text", "name", "served_by"),
    [
        ("حفرة في الخبر", "الخبر", "khobar"),
        ("حفرة بالخبر", "الخبر", "khobar"),
        ("وبالخبر نفس الشي", "الخبر", "khobar"),
        ("رايح للخبر", "خبر", "khobar"),
        ("وللقطيف بعد", "قطيف", "qatif"),
        ("سكان وسيهات", "سيهات", "saihat"),
        ("بسيهات", "سيهات", "saihat"),
        ("بعنك", "عنك", "anak"),
        ("😡😡 ساكن بأم الساهك", "أم الساهك", AMBIGUOUS),
        ("#الخبر_الشمالية غرقت", "الخبر_الشمالية", "khobar"),
        ("#سيهات", "سيهات", "saihat"),
        ("يا راس تنوره", "راس تنوره", "ras-tanura"),
        ("رأسُ تنـــورة", "رأسُ تنـــورة", "ras-tanura"),
        ("رحيمة", "رحيمة", "ras-tanura"),
        ("من الضهران", "الضهران", "dhahran"),
        ("صفوا", "صفوا", "safwa"),
        ("ابقيق", "ابقيق", "buqayq"),
        ("شرق الدمام", "شرق الدمام", "eastern-dammam"),
        ("بلدية غرب الدمام", "غرب الدمام", "western-dammam"),
        ("مطار الدمام", "مطار الدمام", "bayda"),
        ("الجبيل الصناعية", "الجبيل الصناعية", "royal-commission-jubail"),
        ("حفر الباطن", "حفر الباطن", "hafr-al-batin"),
        ("Trash in Al-Khobar", "Khobar", "khobar"),
        ("KHUBAR", "KHUBAR", "khobar"),
        ("fi qateef", "qateef", "qatif"),
        ("Tarout island", "Tarout island", "tarout"),
        ("Abqaiq", "Abqaiq", "buqayq"),
    ],
)
def test_a_place_is_found_as_people_write_it(
    places: Gazetteer, text: str, name: str, served_by: str
) -> None:
    assert named(places, text) == [name]
    assert body(places, text) == served_by


@pytest.mark.parametrize(
    "text",
    ["هل هذا الخبر صحيح", "سمعت الخبر", "خبر عاجل", "وبخبر ثاني", "وصلنا الخبر ان الماي مقطوع"],
)
def test_news_is_no_city(places: Gazetteer, text: str) -> None:
    assert named(places, text) == []


@pytest.mark.parametrize(
    ("text", "name", "served_by"),
    [
        ("مدينة القطييف", "القطييف", "qatif"),
        ("مدينة القظيف", "القظيف", "qatif"),
        ("شارع الظهرانن", "الظهرانن", "dhahran"),
        ("مدينة الجبيلل", "الجبيلل", "jubail"),
    ],
)
def test_a_slip_of_the_pen_is_forgiven_where_a_place_is_to_be_expected(
    places: Gazetteer, text: str, name: str, served_by: str
) -> None:
    assert named(places, text) == [name]
    assert body(places, text) == served_by
    assert name not in named(places, f"والله {name}")


def test_an_ordinary_word_is_a_place_only_with_what_says_so(places: Gazetteer) -> None:
    assert named(places, "النور مقطوع") == named(places, "في النور") == []
    assert named(places, "شارع واحد بس") == []
    assert named(places, "حي النور") == ["النور"]
    assert named(places, "النور بالدمام") == ["النور", "الدمام"]


@pytest.mark.parametrize(
    ("text", "served_by"),
    [
        ("wolf near Hafar Al Batin farms", "hafr-al-batin"),
        ("Rain again #EasternProvince", AMBIGUOUS),
        ("silk 6aye7 f 9afwa", "safwa"),
        ("7ofra f elkhobar", "khobar"),
        ("3nd sharg el dammam", "eastern-dammam"),
        ("lamps are out in Rakah", AMBIGUOUS),
        ("طريق الجبيل الظهران واقف", AMBIGUOUS),
        # Nobody is known to serve the quarter, and its town is named.
        ("حفرة بالمجيدية بالقطيف", "qatif"),
    ],
)
def test_latin_letters_and_other_orders_name_the_same_places(
    places: Gazetteer, text: str, served_by: str
) -> None:
    assert body(places, text) == served_by


def test_a_far_city_makes_no_name_of_an_ordinary_word() -> None:
    places = Gazetteer.read(EASTERN / "places", ordinary=["شروق"])
    assert named(places, "ممشى الشروق بالدمام") == ["الشروق", "الدمام"]
    assert named(places, "الدمام حلوة اذا طلعت تمشي مع الشروق") == ["الدمام"]


def test_a_quarter_of_many_cities_stays_open(places: Gazetteer) -> None:
    (mention,) = places.find("حفرة في حي الروضة")

    assert len(mention.entries) > 5
    assert mention.served_by == AMBIGUOUS
    assert mention.confidence == 0.5
    assert places.body_for([mention]) == AMBIGUOUS


def test_a_named_city_settles_which_quarter_is_meant(places: Gazetteer) -> None:
    quarter, city = places.find("حي الروضة بالجبيل")

    assert [entry.key for entry in quarter.entries] == ["jubail-ar-rawdah"]
    assert quarter.confidence > 0.9
    assert places.body_for([quarter, city]) == "jubail"


@pytest.mark.parametrize("near", ["jubail", "jubail-governorate"])
def test_where_the_sender_wrote_from_settles_what_the_text_leaves_open(
    places: Gazetteer, near: str
) -> None:
    assert body(places, "حفرة في حي الروضة", near=near) == "jubail"


def test_where_the_sender_wrote_from_does_not_outweigh_the_text(places: Gazetteer) -> None:
    assert body(places, "حي الروضة برأس تنورة", near="jubail") == "ras-tanura"
    assert body(places, "حفرة في سيهات", near="jubail") == "saihat"
    assert body(places, "حفرة كبيرة", near="jubail") is None
    assert body(places, "حي الروضة", near="no such place") == AMBIGUOUS


def test_what_only_the_senders_earlier_place_settles_says_so_and_is_less_sure(
    places: Gazetteer,
) -> None:
    (told,) = places.find("حفرة في حي الروضة", near="jubail")
    quarter, _city = places.find("حي الروضة بالجبيل", near="jubail")
    (city,) = places.find("حفرة في القطيف", near="qatif")
    (town,) = places.find("حي الروضة", near="dammam")

    assert (told.by_sender, quarter.by_sender, city.by_sender) == (True, False, False)
    assert told.confidence < quarter.confidence
    # The town is known then, but not which of its municipalities it is.
    assert (town.by_sender, town.served_by) == (True, AMBIGUOUS)
    assert town.place is not None
    assert town.place.key == "dammam-ar-rawdah"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("حفرة في الخبر", "khobar"),
        ("طريق الخبر", "khobar"),
        ("محافظة القطيف", "qatif-governorate"),
        ("القطيف", "qatif"),
        ("محافظة البيضاء", "bayda-governorate"),
        ("شرق الدمام", "body:eastern-dammam"),
        ("حي الروضة", None),
    ],
)
def test_a_town_is_meant_before_its_governorate_and_the_municipality_of_its_name(
    places: Gazetteer, text: str, key: str | None
) -> None:
    (mention,) = places.find(text)

    assert (mention.place and mention.place.key) == key
    assert (mention.confidence == 0.5) == (key is None)


def offered(places: Gazetteer, text: str) -> list[str]:
    """The towns in which the places of a text may lie."""
    return [town.key for _place, town in places.choices_for(places.find(text))]


def test_the_towns_that_a_quarter_may_lie_in_are_offered_those_of_other_authorities_last(
    places: Gazetteer,
) -> None:
    assert offered(places, "حي النزهة") == [
        "dammam", "khafji", "rafiah", "al-ahsa-governorate", "hafr-al-batin",
    ]  # fmt: skip
    assert offered(places, "بين الخبر وسيهات") == ["khobar", "saihat"]
    # What lies in both comes first.
    assert offered(places, "بين حي النزهة وحي الروضة")[:2] == ["dammam", "khafji"]


@pytest.mark.parametrize("text", ["حي النزهة بالدمام", "حفرة كبيرة", "أمطار على المنطقة الشرقية"])
def test_nothing_is_offered_where_the_place_is_known_or_none_is_named(
    places: Gazetteer, text: str
) -> None:
    assert offered(places, text) == []


def test_two_cities_leave_the_body_open_and_a_quarter_within_its_city_does_not(
    places: Gazetteer,
) -> None:
    assert body(places, "بين الخبر وسيهات") == AMBIGUOUS
    assert body(places, "العقربية في الخبر") == "khobar"
    assert body(places, "الخبر الخبر في الخبر") == "khobar"
    assert body(places, "متى دوام البلدية") is None
    assert body(places, "أمطار على المنطقة الشرقية") == AMBIGUOUS


def test_a_text_of_many_places_is_settled_at_once(places: Gazetteer) -> None:
    mentions = places.find("حي الروضة في الخبر وسيهات " * 5_000)

    assert len(mentions) == 15_000
    assert places.body_for(mentions) == AMBIGUOUS


@given(
    text=WRITTEN,
    near=st.sampled_from(["", "khobar", "jubail-governorate", "?"]),
    place=st.sampled_from(["الخبر", "#رأس_تنورة", "حي الروضة", "Tarout island"]),
)
def test_mentions_stand_in_any_text_in_order_and_apart(
    places: Gazetteer, text: str, near: str, place: str
) -> None:
    text = f"{place} {text} {place}"
    found = places.find(text, near=near)

    assert len(found) >= 1
    assert all(text[mention.start : mention.end] == mention.text for mention in found)
    assert all(mention.entries and 0 < mention.confidence <= 1 for mention in found)
    behind = 0
    for mention in found:
        assert behind <= mention.start < mention.end
        behind = mention.end


def test_words_that_mostly_mean_no_place_are_found_in_labelled_texts() -> None:
    texts = [
        ("النور مقطوع", []),
        ("النور رجع", []),
        ("ساكن في حي النور", ["النور"]),
        ("حفرة في الخبر", ["الخبر"]),
        ("الى الخبر", ["الخبر"]),
    ]
    found = ordinary_words(texts)

    assert "نور" in found
    assert "خبر" not in found
    assert located("الخبر", "خبر", "في") not in found
