"""«الموقف الآن»: five figures by WhatsApp and on the page, of what the asker may see, in the same numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.surge.models import Surge
from bayan.cases.tests.factories import make_burst, make_case, make_matter, started
from bayan.core.arabic import fold
from bayan.desk import words
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role, Turn
from bayan.people.tests.factories import make_member
from bayan.work.tests.factories import link_mobile, written_by
from conftest import StaffClient

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def amin(desk: Node, now: datetime) -> Member:
    return link_mobile(make_member(Role.Kind.EXECUTIVE, desk), "966500000701", now=now)


@pytest.fixture
def mayor(khobar: Node, now: datetime) -> Member:
    return link_mobile(make_member(Role.Kind.EXECUTIVE, khobar), "966500000702", now=now)


def write(member: Member, text: str, *, now: datetime) -> str:
    """What is answered to a message of this member."""
    before = Message.objects.filter(direction="out").count()
    cases.take_in([written_by(member, text, received_at=now)], now=now)
    answers = Message.objects.filter(direction="out").order_by("pk")[before:]
    return "\n".join(message.text for message in answers)


def rows_of_last() -> list[str]:
    rows: list[str] = Message.objects.filter(direction="out").latest("pk").payload.get("rows", [])
    return rows


@pytest.fixture
def world(khobar: Node, qatif: Node) -> datetime:
    """Khobar: three open cases of which one is late, a burst, a forward, an answer, somebody on duty."""
    # Pages look at the clock on the wall.
    later = timezone.now()
    now = later - 8 * HOUR
    (first, *_others) = make_matter(2, node=khobar, now=now)
    late = make_case("حفرة", node=khobar, now=now)
    make_case("إنارة", node=qatif, now=now)
    make_burst(khobar, now=later - HOUR)
    make_burst(khobar, now=now - timedelta(days=3))
    responder = link_mobile(make_member(Role.Kind.RESPONDER, khobar), "966500000703", now=now)
    cases.take_in(
        [written_by(responder, "شوفوا هذا المقطع المتداول", received_at=later)], now=later
    )
    started(first, responder, now=later)
    Case.objects.exclude(pk=late.pk).update(due_at=later + HOUR)
    Case.objects.filter(pk=late.pk).update(due_at=later - HOUR)
    Turn.objects.create(
        node=khobar, member=responder, starts_at=later - HOUR, ends_at=later + 5 * HOUR
    )
    return later


def test_the_amin_gets_five_lines_and_each_opens_a_page_with_the_same_number(
    client: StaffClient, amin: Member, world: datetime
) -> None:
    text = write(amin, "الموقف الخبر", now=world)

    heading, *lines = re.split(r"\n(?=•)", text)
    assert "بلدية محافظة الخبر" in heading
    assert len(lines) == 5
    assert "المفتوحة: *3*" in lines[0]
    assert "المتأخرة: *1*" in lines[1]
    assert "*2 (" in lines[2]
    assert "سُدّت الحفرة، شكرًا لكم." in lines[3]
    assert "966500000703" in lines[4]
    client.force_login(amin)
    addresses = [re.sub(r"^https?://[^/]+", "", line.split("\n")[1]) for line in lines]
    pages = [client.get(address) for address in addresses]
    assert [page.status_code for page in pages] == [200] * 5
    counts = [page.context["counts"] for page in pages[:3]]
    assert (counts[0]["open"], len(pages[0].context["page"].rows)) == (3, 3)
    assert (counts[1]["late"], len(pages[1].context["page"].rows)) == (1, 1)
    assert sum(counts[2].values()) == len(pages[2].context["bursts"]) + len(
        pages[2].context["forwards"]
    )
    assert "سُدّت الحفرة، شكرًا لكم." in pages[3].content.decode()
    assert "0500000703" in re.sub(r"\s|&nbsp;|\u00a0", "", pages[4].content.decode()).replace(
        "966", "0"
    )


def test_the_page_shows_the_numbers_of_the_message_with_as_many_statements_for_many_rows(
    client: StaffClient, amin: Member, world: datetime, khobar: Node
) -> None:
    client.force_login(amin)
    address = reverse("situation:body", args=["khobar"])
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        found = client.get(address).context["situation"]
    assert (found.open, found.late) == (3, 1)
    for number in range(4):
        make_case(f"مياه {number}", node=khobar, now=world)
        make_burst(khobar, now=world)
    with CaptureQueriesContext(connection) as many:
        assert client.get(address).context["situation"].open == 7
    assert len(many) == len(few)
    rows = reverse("situation:circulating", args=["khobar"])
    assert "موجات الرسائل" in client.get(rows).content.decode()


def test_each_figure_costs_one_statement(amin: Member, world: datetime, khobar: Node) -> None:
    from bayan.desk.situation import bodies_of, scope_of, situation
    from bayan.people.permissions import Access

    access = Access.of(amin, now=world)
    scope = scope_of(khobar, bodies_of(access))
    assert scope is not None
    with CaptureQueriesContext(connection) as asked:
        situation(access, scope, now=world)
    assert len(asked) == 5


def test_nobody_learns_more_by_whatsapp_than_on_the_page(
    client: StaffClient, mayor: Member, world: datetime, qatif: Node
) -> None:
    assert "بلدية محافظة الخبر" in write(mayor, "الموقف", now=world)
    assert "القطيف" not in rows_of_last()
    answer = write(mayor, "الموقف القطيف", now=world)
    assert "المفتوحة" not in answer
    assert rows_of_last() == ["الخبر"]
    client.force_login(mayor)
    for name in ("body", "circulating", "statements"):
        assert client.get(reverse(f"situation:{name}", args=["qatif"])).status_code == 404
    trainer = link_mobile(make_member(Role.Kind.TRAINER, qatif), "966500000704", now=world)
    assert "المفتوحة" not in write(trainer, "الموقف القطيف", now=world)


def test_everything_is_everything_that_one_sees(
    client: StaffClient, amin: Member, world: datetime
) -> None:
    open_ones = Case.objects.open().count()
    assert f"المفتوحة: *{open_ones}*" in write(amin, "الموقف الآن", now=world)
    client.force_login(amin)
    page = client.get(reverse("situation:situation"))
    assert page.context["situation"].open == open_ones
    assert len(page.context["standings"]) > 20


def test_an_unknown_body_is_asked_about_with_the_nearest_names_and_the_choice_answered(
    amin: Member, world: datetime
) -> None:
    assert "«خفجية»" in write(amin, "الموقف خفجية", now=world)
    assert rows_of_last()[0] == "الخفجي"
    assert len(rows_of_last()) == 10
    asked = Message.objects.filter(direction="out").latest("pk").outgoing
    assert asked is not None
    tap = written_by(
        amin, "الخفجي", kind="list_reply", choice_id="situation-khafji", received_at=world
    )
    from bayan.desk.services import receive_choice

    receive_choice([(tap, asked.subject_key)], now=world)
    assert "بلدية محافظة الخفجي" in Message.objects.filter(direction="out").latest("pk").text


def test_a_sentence_about_how_it_stands_is_passed_on_like_any_other(
    amin: Member, world: datetime
) -> None:
    sentence = "الموقف في شارع الأمير تركي صعب جدا والناس تنتظر رد البلدية"
    assert write(amin, sentence, now=world) == ""
    assert Conversation.objects.filter(contact__identities__value=amin.phone).exists()


def test_with_nothing_there_the_lines_say_so(
    client: StaffClient, amin: Member, now: datetime
) -> None:
    text = write(amin, "status khafji", now=now)
    assert "*0*" in text
    assert "*لا أحد*" in text
    client.force_login(amin)
    assert (
        "لا شيء متداول"
        in client.get(reverse("situation:circulating", args=["khafji"])).content.decode()
    )
    assert (
        "لم يصدر بيان"
        in client.get(reverse("situation:statements", args=["khafji"])).content.decode()
    )


def test_the_statement_of_a_surge_above_is_the_last_one_below(
    amin: Member, world: datetime, desk: Node
) -> None:
    Surge.objects.create(
        node=desk, begun_at=world + MINUTE, step_at=world, reason="أمطار", thanks="",
        statement="المياه تُسحب الآن من جميع الأنفاق",
    )  # fmt: skip
    assert "المياه تُسحب" in write(amin, "الموقف الخبر", now=world + HOUR)


# Names as people type them

MARKS = st.sampled_from(["", "ـ", "\u064e", "\u200f"])


@pytest.fixture(scope="module")
def typed() -> Callable[[str, str], str]:
    forms = {"ا": "اأإآ", "ه": "هة", "ي": "يى"}

    def type_it(name: str, marks: str) -> str:
        return "".join(
            f"{forms.get(letter, letter)[len(marks) % len(forms.get(letter, letter))]}{marks}"
            if letter.isalpha() and not letter.isascii()
            else letter
            for letter in fold(name)
        )

    return type_it


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_every_name_of_every_body_is_understood_however_it_is_typed(
    db: None, typed: Callable[[str, str], str], data: st.DataObject
) -> None:
    bodies = list(Node.objects.filter(kind="municipality"))
    node = data.draw(st.sampled_from(bodies))
    name = data.draw(
        st.sampled_from(
            [node.name_ar, node.short_name_ar, node.name_en, node.short_name_en, node.key]
        )
    )
    before = data.draw(st.sampled_from(["", "بلدية ", "محافظة ", "الآن ", "في "]))
    text = f"الموقف {before}{typed(name, data.draw(MARKS))}"
    asked = words.asked_in(text, bodies) if len(text) <= words.LONGEST else words.Asked(node)
    assert asked == words.Asked(node), text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(text=st.text(max_size=80), count=st.integers(0, 5))
def test_no_text_breaks_it_or_names_a_body_that_one_does_not_see(
    db: None, text: str, count: int
) -> None:
    bodies = list(Node.objects.filter(kind="municipality").order_by("pk")[:count])
    for asked in (words.asked_in(text, bodies), words.asked_in(f"الموقف {text}", bodies)):
        assert asked is None or asked.node is None or asked.node in bodies
    assert len(words.nearest(text, bodies)) == count


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("الموقف بالخبر", "khobar"), ("الموقف تاروت", "tarout"), ("الموقف ببقيق", "buqayq"),
        ("الموقف للخفجي", "khafji"), ("status Khafji", "khafji"), ("الموقف الثقبة", "khobar"),
        ("موقف راس تنوره اليوم", "ras-tanura"),
    ],
)  # fmt: skip
def test_ways_to_name_a_body(db: None, said: str, key: str) -> None:
    asked = words.asked_in(said, list(Node.objects.filter(kind="municipality")))
    assert asked is not None
    assert asked.node is not None
    assert asked.node.key == key


def test_what_is_in_several_names_names_none(db: None) -> None:
    asked = words.asked_in("الموقف الدمام", list(Node.objects.filter(kind="municipality")))
    assert asked == words.Asked(None, "الدمام")
