"""Where it is: by what the person wrote before, by a location, or by asking them once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Asked, Case
from bayan.cases.services.asking import ELSEWHERE, MOST_A_MINUTE
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Account, Outgoing
from bayan.channels.tests.factories import incoming, make_account
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import StaffClient

SEWAGE = "طفح مجاري في حي النزهة والريحة طلعت"
NO_PLACE = "حفرة كبيرة وسط الشارع كسرت كفر سيارتي"
IN_KHOBAR = {"latitude": 26.275, "longitude": 50.190}
SOON = MONDAY + timedelta(minutes=5)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def asking(db: None) -> Account:
    """An account that asks people where it is."""
    return make_account(asks_where=True)


def names_of(case: Case) -> dict[str, Any]:
    names = dict(case.contact.identities.values_list("scheme", "value"))
    return {"whatsapp_id": names["whatsapp"], "phone": names["phone"]}


def write(case: Case, text: str = "", *, at: datetime = SOON, **changes: Any) -> Case:
    """The person of a case writes once more; returns the case as it is then."""
    message = incoming(text, received_at=at, **names_of(case), **changes)
    services.take_in([message], now=at)
    return fresh(case)


def pin(case: Case, **place: Any) -> Case:
    return write(case, kind="location", payload=IN_KHOBAR | place)


def tap(case: Case, key: str, *, at: datetime = SOON) -> Case:
    """The person chooses a row of the list."""
    answer = chosen(case, key, at=at)
    services.receive_place([(answer, case.reference)], now=at)
    return fresh(case)


def chosen(case: Case, key: str, *, at: datetime = SOON, **changes: Any) -> IncomingMessage:
    facts = names_of(case) | changes
    return incoming("الخفجي", kind="list_reply", choice_id=key, received_at=at, **facts)


def fresh(case: Case) -> Case:
    return Case.objects.select_related("node", "conversation", "contact", "asked").get(pk=case.pk)


def sent() -> list[Message]:
    """What Bayan sent by itself, in its order."""
    return list(Message.objects.filter(direction="out", author=None).order_by("pk"))


def rows_of(message: Message) -> list[dict[str, str]]:
    assert message.outgoing
    rows: list[dict[str, str]] = message.outgoing.content["interactive"]["action"]["sections"][0][
        "rows"
    ]
    return rows


def timeline(case: Case) -> list[str]:
    entries = AuditEntry.objects.filter(subject_key=case.reference, action__startswith="case.place")
    return list(entries.order_by("pk").values_list("action", flat=True))


def test_a_name_that_several_places_bear_is_asked_about_with_a_list(asking: Account) -> None:
    case = make_case(SEWAGE)

    (question,) = sent()
    assert (question.kind, question.matter) == ("list", case.reference)
    assert "النزهة" in question.text
    assert question.payload["rows"] == [
        "الدمام", "الخفجي", "الرفيعة", "محافظة الأحساء", "حفر الباطن", "مكان آخر",
    ]  # fmt: skip
    assert rows_of(question)[1] == {"id": "place-khafji-an-nuzhah", "title": "الخفجي"}
    assert question.outgoing
    assert question.outgoing.lane == Outgoing.Lane.WORK
    assert question.outgoing.window_until == MONDAY + timedelta(hours=24)
    assert timeline(case) == ["case.place_asked"]


def test_a_fault_at_no_named_place_is_asked_about_with_the_locations_button(
    asking: Account,
) -> None:
    make_case(NO_PLACE)

    (question,) = sent()
    assert question.kind == "ask_location"
    assert question.outgoing
    assert question.outgoing.content["interactive"]["type"] == "location_request_message"


def test_the_question_answers_nothing_the_person_goes_on_waiting(
    asking: Account, desk_responder: Member, khobar: Node
) -> None:
    case = make_case(SEWAGE)

    def as_it_stands() -> Conversation:
        return Conversation.objects.get(matter=case.reference)

    assert as_it_stands().is_waiting
    assert as_it_stands().preview == SEWAGE

    services.assign_case(case.public_id, to=khobar, by=desk_responder, now=SOON)
    assert as_it_stands().is_waiting
    assert as_it_stands().preview == SEWAGE

    there = Case.objects.filter(pk=case.pk)
    services.give_back(there, reason="ليست لنا", by=desk_responder, now=SOON)
    assert as_it_stands().is_waiting
    assert fresh(case).stage == Case.Stage.NEW


def test_what_is_chosen_is_the_cases_place_and_proposed_to_the_desk(asking: Account) -> None:
    case = tap(make_case(SEWAGE), "place-khafji-an-nuzhah")

    assert (case.points_to, case.points_by) == ("khafji", Case.PointedBy.ANSWER)
    assert case.place == "النزهة، الخفجي"
    assert case.node.is_desk
    assert case.asked.answer == Asked.Answer.CHOSEN
    assert Message.objects.get(kind="list_reply").matter == case.reference
    assert timeline(case) == ["case.place_asked", "case.place_told"]
    assert "النزهة، الخفجي" in sent()[-1].text


def test_whoever_taps_twice_has_changed_their_mind_and_is_thanked_once(asking: Account) -> None:
    case = make_case(SEWAGE)
    tap(case, "place-khafji-an-nuzhah")
    case = tap(case, "place-rafiah-an-nuzhah")

    assert (case.points_to, case.place) == ("rafiah", "النزهة، الرفيعة")
    assert len(sent()) == 2
    assert timeline(case) == ["case.place_asked", "case.place_told", "case.place_told"]


def test_a_town_whose_municipality_nobody_knows_is_kept_and_left_to_the_desk(
    asking: Account,
) -> None:
    case = tap(make_case(SEWAGE), "place-dammam-an-nuzhah")

    assert (case.place, case.points_to, case.points_by) == ("النزهة، الدمام", "", "")
    assert case.asked.answered_at == SOON


def test_another_place_leaves_it_to_the_desk_and_words_may_still_follow(asking: Account) -> None:
    case = tap(make_case(SEWAGE), ELSEWHERE)

    assert (case.points_to, case.place) == ("", "النزهة")
    assert case.asked.answer == Asked.Answer.ELSEWHERE
    assert len(sent()) == 2

    case = pin(case)
    assert (case.points_to, case.points_by) == ("khobar", Case.PointedBy.PIN)
    assert len(sent()) == 2


def test_another_place_takes_back_what_was_chosen_before(asking: Account) -> None:
    case = make_case(SEWAGE)
    tap(case, "place-khafji-an-nuzhah")

    case = tap(case, ELSEWHERE)

    assert (case.points_to, case.points_by, case.place) == ("", "", "النزهة")


@pytest.mark.parametrize(
    ("text", "words", "points_to", "place"),
    [
        (SEWAGE, "الخفجي", "khafji", "النزهة، الخفجي"),
        (SEWAGE, "حي النزهة بالدمام", "", "النزهة، الدمام"),
        (SEWAGE, "بلدية غرب الدمام", "western-dammam", "غرب الدمام"),
        (NO_PLACE, "سيهات عند الدوار", "saihat", "سيهات"),
        (NO_PLACE, "حي النزهة", "", "النزهة"),
    ],
)
def test_the_answer_may_come_in_words(
    asking: Account, text: str, words: str, points_to: str, place: str
) -> None:
    case = write(make_case(text), words)

    assert (case.points_to, case.place) == (points_to, place)
    assert case.asked.answer == Asked.Answer.WORDS
    assert len(sent()) == 2


def test_words_that_name_no_place_are_no_answer(asking: Account) -> None:
    case = write(make_case(SEWAGE), "وين الرد؟")

    assert case.asked.answered_at is None
    assert len(sent()) == 1


def test_the_location_answers_it_too(asking: Account) -> None:
    case = pin(make_case(NO_PLACE))

    assert (case.points_to, case.points_by) == ("khobar", Case.PointedBy.PIN)
    assert (case.latitude, case.longitude) == (26.275, 50.190)
    assert case.asked.answer == Asked.Answer.PIN
    assert timeline(case) == ["case.place_asked", "case.place_told"]
    assert len(sent()) == 2


def test_a_location_counts_without_a_question_and_keeps_the_words(db: None) -> None:
    case = pin(make_case(SEWAGE))

    assert (case.points_to, case.points_by, case.place) == ("khobar", Case.PointedBy.PIN, "النزهة")
    assert sent() == []


def test_a_location_does_not_outweigh_a_named_city(db: None) -> None:
    case = pin(make_case("حفرة في سيهات كسرت كفر سيارتي"))

    assert (case.points_to, case.points_by) == ("saihat", Case.PointedBy.WORDS)
    assert case.latitude is not None


def test_a_late_answer_stands_in_the_conversation_and_changes_nothing(
    asking: Account, desk_responder: Member, khobar: Node
) -> None:
    case, closed = make_case(SEWAGE), make_case(SEWAGE)
    services.assign_case(case.public_id, to=khobar, by=desk_responder, now=SOON)
    services.close_case(closed.public_id, outcome="answered", words="", by=desk_responder, now=SOON)
    automatic = len(sent())

    for one, points_to in ((fresh(case), "khobar"), (fresh(closed), "eastern")):
        after = tap(one, "place-khafji-an-nuzhah")
        assert (after.points_to, after.place, after.asked.answered_at) == ("", "النزهة", None)
        answer = Message.objects.filter(kind="list_reply", matter=one.reference).get()
        assert answer.node.key == points_to
    assert len(sent()) == automatic


def test_what_a_member_wrote_of_the_place_stays(asking: Account, desk_responder: Member) -> None:
    case = make_case(SEWAGE)
    services.describe(
        case.public_id, services.Facts(place="مقابل المدرسة"), by=desk_responder, now=SOON
    )

    case = tap(fresh(case), "place-khafji-an-nuzhah")

    assert (case.place, case.points_to) == ("مقابل المدرسة", "khafji")


def test_an_answer_of_somebody_else_is_a_message_of_theirs(asking: Account) -> None:
    case = make_case(SEWAGE)
    forwarded = chosen(case, "place-khafji-an-nuzhah", whatsapp_id="SA.9", phone="966500000009")

    services.receive_place([(forwarded, case.reference)], now=SOON)

    assert fresh(case).points_to == ""
    assert Case.objects.count() == 2


def test_an_answer_lets_a_case_go_on_that_waited_for_it(
    asking: Account, desk_responder: Member
) -> None:
    case = make_case(SEWAGE)
    services.take_step(case.public_id, "ask_person", by=desk_responder, now=SOON)

    assert tap(case, "place-khafji-an-nuzhah").stage == Case.Stage.IN_PROGRESS


@pytest.mark.parametrize(
    "text",
    [
        "الحقونا ولد طاح في منهل مفتوح في حي النزهة",  # a person calls
        "طفح مجاري في حي النزهة بالخفجي",  # the city is named
        "طفح مجاري في حي النزهة بالدمام",  # the place is known, only not whose it is
        "شكرا لكم على نظافة حي النزهة والله يعطيكم العافية",
        "تطبيق بلدي ما يفتح معي من أمس ويطلع خطأ في الدفع",
        "موظف الاستقبال تعامله سيئ جدا معي",
        "متى دوام البلدية؟",
        "نزہت محلے میں سیوریج کا پانی سڑک پر بہہ رہا ہے",
        "السلام عليكم",
    ],
)
def test_nobody_is_asked_where_it_makes_no_sense(asking: Account, text: str) -> None:
    make_case(text)
    assert sent() == []
    assert not Asked.objects.exists()


def test_english_is_asked_in_english(asking: Account) -> None:
    make_case("Sewage is overflowing in An Nuzhah district and the smell is terrible")

    (question,) = sent()
    assert question.text.startswith("Thank you for writing to us.")
    assert question.payload["rows"][0] == "Dammam"
    assert question.payload["rows"][-1] == "Another place"


def test_what_comes_along_with_the_words_saves_the_question(asking: Account) -> None:
    first = incoming(SEWAGE)
    same = {"whatsapp_id": first.whatsapp_id, "phone": first.phone}
    place = incoming("", kind="location", payload=IN_KHOBAR, **same)
    services.take_in([first, place], now=MONDAY)
    assert Case.objects.get().points_to == "khobar"

    other = incoming(SEWAGE)
    same = {"whatsapp_id": other.whatsapp_id, "phone": other.phone}
    services.take_in([other, incoming("نسيت: في الخفجي", **same)], now=MONDAY)
    assert Case.objects.latest("pk").points_to == "khafji"

    assert sent() == []


def test_the_switch_of_the_account_and_a_stopped_number_ask_nobody(asking: Account) -> None:
    asking.numbers.update(stopped_at=MONDAY)
    make_case(SEWAGE)
    asking.numbers.update(stopped_at=None)
    Account.objects.update(asks_where=False)
    make_case(SEWAGE)

    assert sent() == []


def test_the_same_person_is_asked_once_a_day(asking: Account, desk_responder: Member) -> None:
    case = make_case(SEWAGE)
    services.close_case(case.public_id, outcome="answered", words="", by=desk_responder, now=SOON)
    names = names_of(case)

    make_case(NO_PLACE, now=MONDAY + timedelta(hours=23), **names)
    assert Asked.objects.count() == 1
    second = Case.objects.latest("pk")
    services.close_case(
        second.public_id, outcome="answered", words="", by=desk_responder,
        now=MONDAY + timedelta(hours=23, minutes=30),
    )  # fmt: skip

    make_case(NO_PLACE, now=MONDAY + timedelta(hours=25), **names)
    assert Asked.objects.count() == 2


def test_in_a_surge_only_the_first_are_asked(asking: Account) -> None:
    services.take_in([incoming(SEWAGE) for _n in range(MOST_A_MINUTE + 5)], now=MONDAY)
    assert Asked.objects.count() == MOST_A_MINUTE
    services.take_in([incoming(SEWAGE)], now=MONDAY + timedelta(seconds=30))
    assert Asked.objects.count() == MOST_A_MINUTE
    services.take_in([incoming(SEWAGE)], now=MONDAY + timedelta(seconds=90))
    assert Asked.objects.count() == MOST_A_MINUTE + 1


def test_what_lay_in_the_journal_for_a_day_is_taken_in_without_a_question(asking: Account) -> None:
    services.take_in([incoming(SEWAGE, received_at=MONDAY)], now=MONDAY + timedelta(hours=25))

    assert Case.objects.count() == 1
    assert sent() == []


def test_where_the_person_wrote_from_before_settles_it_and_a_location_outweighs_that(
    asking: Account, desk_responder: Member
) -> None:
    before = make_case("حفرة في الخفجي عند السوق")
    services.close_case(before.public_id, outcome="answered", words="", by=desk_responder, now=SOON)
    later = MONDAY + timedelta(days=179)

    case = make_case(SEWAGE, now=later, **names_of(before))

    assert (case.points_to, case.points_by) == ("khafji", Case.PointedBy.EARLIER)
    assert sent() == []
    case = write(case, kind="location", payload=IN_KHOBAR, at=later)
    assert (case.points_to, case.points_by) == ("khobar", Case.PointedBy.PIN)


def test_what_is_long_ago_or_was_a_guess_itself_settles_nothing(
    asking: Account, desk_responder: Member
) -> None:
    before = make_case("حفرة في الخفجي عند السوق")
    services.close_case(before.public_id, outcome="answered", words="", by=desk_responder, now=SOON)
    guessed_at = MONDAY + timedelta(days=150)
    guess = make_case(SEWAGE, now=guessed_at, **names_of(before))
    assert guess.points_by == Case.PointedBy.EARLIER
    services.close_case(
        guess.public_id, outcome="answered", words="", by=desk_responder, now=guessed_at
    )

    case = make_case(SEWAGE, now=MONDAY + timedelta(days=181), **names_of(before))

    assert (case.points_to, len(sent())) == ("", 1)


def test_a_municipality_that_had_the_case_counts_before_its_words(
    desk_responder: Member, khobar: Node
) -> None:
    before = make_case("حفرة في الشارع", node=khobar)
    services.close_case(before.public_id, outcome="answered", words="", by=desk_responder, now=SOON)
    later = MONDAY + timedelta(days=30)

    case = make_case("طفح مجاري في حي الراكة الجنوبية", now=later, **names_of(before))

    assert case.points_to == "khobar"


def test_where_people_wrote_from_is_asked_once_for_all(db: None) -> None:
    def queries(count: int) -> int:
        messages = [incoming(SEWAGE) for _n in range(count)]
        with CaptureQueriesContext(connection) as captured:
            services.take_in(messages, now=MONDAY)
        return len(captured)

    queries(1)
    assert queries(20) == queries(2)


def test_the_panel_says_that_it_was_asked_and_what_points_where(
    asking: Account, client: StaffClient, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    case = make_case(SEWAGE)
    address = reverse("cases:panel", args=[case.conversation.public_id])

    def panel() -> str:
        return client.get(address, headers=HTMX).content.decode()

    assert "data-asked" in panel()
    assert 'value="khafji"' not in panel().partition("facts-assign")[0]

    tap(case, "place-khafji-an-nuzhah")
    assert "data-asked" not in panel()
    assert "بحسب جوابه: الخفجي" in panel()
    assert 'name="to" value="khafji"' in panel()

    tap(case, "place-hafr-al-batin-an-nuzhah")
    assert "بحسب جوابه: حفر الباطن" in panel()
    assert "اختاره من القائمة · حفر الباطن" in panel()
    assert 'name="to" value="hafr' not in panel()


def test_the_conversation_shows_the_question_as_an_automatic_message(
    asking: Account, client: StaffClient, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    case = make_case(SEWAGE)

    page = client.get(reverse("inbox:conversation", args=[case.conversation.public_id]))

    said = page.content.decode()
    assert "رسالة آلية" in said
    assert "مكان آخر" in said


def test_what_a_municipality_has_already_is_for_its_members_to_ask_about(
    asking: Account, desk_responder: Member, khobar: Node
) -> None:
    before = make_case(NO_PLACE, node=khobar)
    services.close_case(before.public_id, outcome="answered", words="", by=desk_responder, now=SOON)
    asked = len(sent())

    make_case(NO_PLACE, now=MONDAY + timedelta(hours=30), **names_of(before))

    assert Case.objects.latest("pk").node == khobar
    assert len(sent()) == asked


def test_an_answer_of_a_member_ends_the_waiting_as_before(
    asking: Account, desk_responder: Member
) -> None:
    case = make_case(SEWAGE)
    inbox.reply(case.conversation.public_id, "وصلنا", by=desk_responder, now=SOON)

    assert not Conversation.objects.get().is_waiting
    assert Conversation.objects.get().preview == "وصلنا"
