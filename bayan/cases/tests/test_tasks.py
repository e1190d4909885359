"""Work in WhatsApp: told at once, done by a button, a picture or words; chased together; the menu."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bayan.cases import services as cases
from bayan.channels.events import IncomingFile
from bayan.channels.models import Media, Template
from bayan.channels.tests.factories import make_number
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Item, Notice
from bayan.work.tests.factories import link_mobile, make_item, written_by

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def officer(khobar: Node, now: datetime) -> Member:
    """A field officer whose WhatsApp is open: they wrote a moment ago."""
    member = link_mobile(make_member(Role.Kind.FIELD_OFFICER, khobar), "966500000801", now=now)
    cases.take_in([written_by(member, "مهامي", received_at=now)], now=now)
    return member


def said_to(member: Member) -> list[str]:
    """The texts that went to this member, the oldest first."""
    return [
        row.text
        for row in Message.objects.filter(
            direction="out", conversation__contact__identities__value=member.phone
        ).order_by("pk")
    ]


def buttons_of(member: Member) -> list[str]:
    row = Message.objects.filter(
        direction="out", conversation__contact__identities__value=member.phone
    ).latest("pk")
    rows: list[str] = row.payload.get("rows", [])
    return rows


def press(member: Member, item: Item, choice: str, *, now: datetime) -> None:
    message = written_by(member, kind="button_reply", choice_id=choice, received_at=now)
    cases.receive_work([(message, str(item.public_id))], now=now)


def test_a_member_without_tasks_is_told_so(officer: Member) -> None:
    assert said_to(officer) == ["لا شيء يحتاج إليك الآن."]


def test_what_is_given_comes_to_whatsapp_and_is_done_by_a_button(
    khobar: Node, officer: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer, text="أمام مدرسة الراكة")
    assert services.tell(now=now) == 1
    assert services.tell(now=now) == 0
    assert "معاينة حفرة" in said_to(officer)[-1]
    assert "أمام مدرسة الراكة" in said_to(officer)[-1]
    assert buttons_of(officer) == ["تم", "يحتاج وقتًا أطول"]
    notice = Notice.objects.get()
    assert notice.way == "whatsapp"
    assert notice.outgoing is not None
    assert (notice.outgoing.subject_type, notice.outgoing.subject_key) == (
        "work.item", str(item.public_id),
    )  # fmt: skip
    press(officer, item, "work-done", now=now + HOUR)
    assert Item.objects.get().state == "done"
    assert said_to(officer)[-1] == "شكرًا، سُجّل إنجازه."
    press(officer, item, "work-done", now=now + HOUR)
    assert said_to(officer)[-1] == "انتهى هذا التكليف من قبل."


def test_a_picture_that_is_wanted_is_asked_for_and_taken(
    khobar: Node, officer: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer, wants_proof=True)
    press(officer, item, "work-done", now=now)
    assert Item.objects.get().is_open
    assert "صورة" in said_to(officer)[-1]
    cases.take_in([written_by(officer, "وصلت", received_at=now + MINUTE)], now=now + MINUTE)
    assert Item.objects.get().is_open
    photo = written_by(
        officer, "رُدمت", kind="image", received_at=now + 2 * MINUTE,
        file=IncomingFile(external_id="m1", mime_type="image/jpeg"),
    )  # fmt: skip
    cases.take_in([photo], now=now + 2 * MINUTE)
    done = Item.objects.get()
    assert (done.state, done.answer, done.ended_by) == ("done", "رُدمت", officer)
    assert done.proofs.get().media == Media.objects.get()
    assert not Message.objects.filter(text="رُدمت").exclude(matter="").exists()


def test_an_answer_is_written_in_the_next_message_or_not_at_all(
    khobar: Node, officer: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer, kind="answer")
    press(officer, item, "work-done", now=now)
    cases.take_in([written_by(officer, "إلغاء", received_at=now)], now=now)
    assert said_to(officer)[-1] == "حسنًا، لم يتغير شيء."
    press(officer, item, "work-done", now=now)
    answer = written_by(officer, "العقد ينتهي في رجب", received_at=now + MINUTE)
    cases.take_in([answer], now=now + MINUTE)
    assert Item.objects.get().answer == "العقد ينتهي في رجب"


def test_what_is_not_approved_needs_its_reason(
    khobar: Node, officer: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer, kind="approve")
    press(officer, item, "work-refuse", now=now)
    assert Item.objects.get().is_open
    cases.take_in([written_by(officer, "الميزانية لا تسمح", received_at=now)], now=now)
    done = Item.objects.get()
    assert (done.state, done.answer) == ("refused", "الميزانية لا تسمح")


def test_a_reason_for_silence_is_chosen_from_a_list(
    khobar: Node, officer: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer)
    press(officer, item, "work-later", now=now)
    assert len(buttons_of(officer)) == 5
    press(officer, item, "silence-parts", now=now)
    assert Item.objects.get().silence == "parts"


def test_whoever_has_not_written_for_a_day_gets_a_template(
    khobar: Node, officer: Member, now: datetime
) -> None:
    later = now + 25 * HOUR
    item = make_item(khobar, now=later, owner=officer)
    assert services.tell(now=later) == 0
    assert Notice.objects.get().way == "page"
    Template.objects.create(
        account=make_number().account, name="work_notice", language="ar", category="UTILITY",
        status="APPROVED", purpose="work", changed_at=now,
        components=[
            {"type": "BODY", "text": "لديكم: {{1}}. الموعد: {{2}}.",
             "example": {"body_text": [["معاينة", "اليوم"]]}},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "عرض المهمة"}]},
        ],
    )  # fmt: skip
    other = make_item(khobar, now=later, owner=officer, title="إزالة مخلفات")
    assert services.tell(now=later) == 1
    sent = Message.objects.get(kind="template")
    assert "إزالة مخلفات" in sent.text
    press(officer, other, "anything", now=later + MINUTE)
    assert "إزالة مخلفات" in said_to(officer)[-1]
    assert item.pk != other.pk


def test_many_chasers_come_as_one_list_and_then_rest(
    khobar: Node, officer: Member, now: datetime
) -> None:
    for number in range(12):
        make_item(khobar, now=now, owner=officer, title=f"مهمة {number}")
    Notice.objects.update(told_at=now)
    due = now + 90 * MINUTE
    services.ring(now=due)
    assert services.tell(now=due) == 1
    assert said_to(officer)[-1].startswith("12 تكليفًا ينتظرك.")
    assert len(buttons_of(officer)) == 10
    services.ring(now=due + 2 * MINUTE)
    assert services.tell(now=due + 2 * MINUTE) == 0


def test_a_flood_of_emergencies_rings_a_phone_three_times_a_minute_and_then_once_for_the_rest(
    khobar: Node, officer: Member, now: datetime
) -> None:
    sent = 0
    for second in range(30):
        at = now + timedelta(seconds=second)
        make_item(khobar, now=at, owner=officer, kind="acknowledge", is_emergency=True)
        sent += services.tell(now=at)
    assert sent == 3
    assert services.tell(now=now + 2 * MINUTE) == 1
    assert said_to(officer)[-1].startswith("27 تكليفًا ينتظرك.")
    assert not Notice.objects.filter(told_at=None).exists()


def test_a_stranger_to_whom_the_message_was_passed_on_can_do_nothing(
    khobar: Node, officer: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer)
    from bayan.channels.tests.factories import incoming

    message = incoming("تم", kind="button_reply", choice_id="work-done", received_at=now)
    cases.receive_work([(message, str(item.public_id))], now=now)
    assert Item.objects.get().is_open
    assert Message.objects.get(external_id=message.external_id).matter


def test_the_menu_shows_what_is_due_first_and_opens_it(
    khobar: Node, officer: Member, now: datetime
) -> None:
    make_item(khobar, now=now, owner=officer, title="ثانية", due_at=now + 5 * HOUR)
    first = make_item(khobar, now=now, owner=officer, title="أولى", due_at=now + HOUR)
    cases.take_in([written_by(officer, " مهامي ", received_at=now)], now=now)
    assert buttons_of(officer) == ["أولى", "ثانية"]
    chosen = written_by(
        officer, kind="list_reply", choice_id=f"item-{first.public_id}", received_at=now
    )
    cases.receive_work_choice([(chosen, "contact:x")], now=now)
    assert "أولى" in said_to(officer)[-1]
    assert buttons_of(officer) == ["تم", "يحتاج وقتًا أطول"]
