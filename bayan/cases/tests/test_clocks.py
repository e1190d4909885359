"""The clocks of a case: first answer, end, promised news; emergencies at night; tasks given from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels.tests.factories import body_part, incoming, make_template
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role, Turn
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Clock, Item, Notice
from bayan.work.tests.factories import link_mobile, make_item, written_by
from conftest import StaffClient

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# A Friday, 02:00 in Riyadh.
FRIDAY_NIGHT = datetime(2026, 11, 26, 23, 0, tzinfo=UTC)


def running(case: Case) -> dict[str, datetime]:
    """When each of its running clocks is due."""
    rows = Clock.objects.filter(subject_key=case.reference, ended_at=None)
    return dict(rows.values_list("name", "due_at"))


def test_a_case_owes_an_answer_and_an_end(desk_responder: Member, db: None, now: datetime) -> None:
    case = make_case(now=now)
    case.refresh_from_db()
    assert set(running(case)) == {"answer", "close"}
    assert running(case)["close"] == case.due_at
    inbox.reply(case.conversation.public_id, "وصلنا بلاغكم", by=desk_responder, now=now + HOUR)
    assert set(running(case)) == {"close"}
    services.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="",
        by=desk_responder,
        now=now + 2 * HOUR,
    )
    assert running(case) == {}
    again = services.reopen_case(case.public_id, by=desk_responder, now=now + 3 * HOUR)
    assert running(again) == {"close": again.due_at}


def test_what_is_more_urgent_is_owed_sooner(
    desk_responder: Member, db: None, now: datetime
) -> None:
    case = make_case(now=now)
    before = running(case)
    services.set_priority(
        Case.objects.filter(pk=case.pk), priority="high", by=desk_responder, now=now
    )
    after = running(case)
    assert after["close"] < before["close"]
    assert after["answer"] < before["answer"]


def test_while_it_waits_for_the_person_its_end_is_not_owed(
    desk_responder: Member, db: None, now: datetime
) -> None:
    case = make_case(now=now)
    services.take_step(case.public_id, "ask_person", by=desk_responder, now=now + HOUR)
    case.refresh_from_db()
    due = case.due_at
    assert not Case.objects.late(now=due + 30 * DAY).filter(pk=case.pk).exists()
    later = now + 2 * DAY
    phone = case.contact.identities.get(scheme="phone").value
    services.take_in([incoming("هذا الموقع", phone=phone, received_at=later)], now=later)
    case.refresh_from_db()
    assert case.stage == "in_progress"
    assert case.due_at > due
    assert running(case)["close"] == case.due_at


def ring_next() -> datetime:
    """Ring what rings next, at its moment."""
    rows = Clock.objects.filter(rings_at__isnull=False, paused_at=None, ended_at=None)
    at = rows.order_by("rings_at").values_list("rings_at", flat=True)[0]
    assert at is not None
    work.ring(now=at)
    return at


def test_once_its_end_is_missed_a_second_term_runs_and_its_head_hears_of_its_end(
    client: StaffClient, khobar: Node, desk: Node, now: datetime
) -> None:
    head = make_member(Role.Kind.EXECUTIVE, khobar)
    director = make_member(Role.Kind.DIRECTOR, khobar)
    case = make_case(node=khobar, now=now)
    case.refresh_from_db()
    while ring_next() < case.due_at:
        assert "second" not in running(case)
    calendar = organisation.calendar(khobar.pk)
    second = calendar.add(case.due_at, timedelta(hours=14))
    assert running(case)["second"] == second
    while ring_next() < second:
        assert not Notice.objects.filter(level="last").exists()

    told = Notice.objects.filter(level="last").values_list("member", flat=True)
    assert set(told) == {head.pk, director.pk}
    case.refresh_from_db()
    assert case.second_due_at == second
    client.force_login(director)
    panel = client.get(reverse("cases:panel", args=[case.conversation.public_id]))
    assert "بأولوية «عادي» 21 ساعة دوام من فتح البلاغ" in panel.content.decode()
    Case.objects.update(second_due_at=now)
    assert "فاتت المهلة الثانية" in client.get(reverse("cases:cases")).content.decode()
    assert 'data-past-second="1"' in client.get(reverse("figures:figures")).content.decode()

    # It is due anew: as if the first end had never been missed.
    services.set_priority(Case.objects.all(), priority="low", by=director, now=second)
    case.refresh_from_db()
    assert case.second_due_at is None
    assert "second" not in running(case)


def test_the_page_of_the_deadlines_says_in_words_which_time_holds(
    client: StaffClient, khobar: Node
) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    assert client.get(reverse("cases:deadlines")).status_code == 403
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))

    page = client.get(reverse("cases:deadlines")).content.decode()

    for words in (
        "15 دقيقة على مدار الساعة", "ساعتا دوام", "21 ساعة دوام", "النوع: استفسار", "كالمهلة العامة",
        "عند مضي 75% من المهلة", "عند انتهاء المهلة الثانية",
    ):  # fmt: skip
        assert words in page


def test_promised_news_is_a_clock_of_its_own(
    desk_responder: Member, db: None, now: datetime
) -> None:
    case = make_case(now=now)
    services.promise(case.public_id, until=now + DAY, by=desk_responder, now=now)
    services.promise(case.public_id, until=now + 2 * DAY, by=desk_responder, now=now)
    assert running(case)["update"] == now + 2 * DAY
    inbox.reply(case.conversation.public_id, "الفرقة في الموقع", by=desk_responder, now=now + HOUR)
    assert "update" not in running(case)
    with pytest.raises(services.StepNotPossible):
        services.promise(case.public_id, until=now, by=desk_responder, now=now)


def test_an_emergency_on_friday_night_rings_the_phone_on_duty_and_then_others(
    desk: Node, db: None
) -> None:
    officer = link_mobile(
        make_member(Role.Kind.RESPONDER, desk), "966500000811", now=FRIDAY_NIGHT - DAY
    )
    director = make_member(Role.Kind.DIRECTOR, desk)
    Turn.objects.create(
        node=desk, member=officer, starts_at=FRIDAY_NIGHT - HOUR, ends_at=FRIDAY_NIGHT + 6 * HOUR
    )
    services.take_in(
        [written_by(officer, "مهامي", received_at=FRIDAY_NIGHT - HOUR)], now=FRIDAY_NIGHT - HOUR
    )
    case = make_case("طفل طاح في حفرة الصرف", now=FRIDAY_NIGHT)
    case.refresh_from_db()
    assert case.priority == "emergency"
    item = Item.objects.get(subject_key=case.reference)
    assert (item.kind, item.is_emergency) == ("acknowledge", True)
    assert work.tell(now=FRIDAY_NIGHT) == 1
    notice = Notice.objects.get(member=officer)
    assert notice.outgoing is not None
    assert notice.outgoing.lane == 20
    # Nobody answers: five minutes, ten, fifteen.
    levels = []
    for minutes in (5, 10, 15):
        at = FRIDAY_NIGHT + minutes * MINUTE
        assert work.ring(now=at) >= 1
        work.tell(now=at)
        levels += list(
            Notice.objects.filter(clock__subject_key=str(item.public_id), created_at=at)
            .order_by("pk")
            .values_list("level", "member_id")
        )
    assert levels == [
        ("reminder", officer.pk),
        ("first", officer.pk),
        ("second", officer.pk),
        ("second", director.pk),
    ]
    pressed = written_by(
        officer, kind="button_reply", choice_id="work-done", received_at=FRIDAY_NIGHT + HOUR
    )
    services.receive_work([(pressed, str(item.public_id))], now=FRIDAY_NIGHT + HOUR)
    assert Item.objects.get(pk=item.pk).state == "done"
    entries = AuditEntry.objects.filter(subject_type="case", subject_key=case.reference)
    assert {"item.given", "item.ended"} <= set(entries.values_list("action", flat=True))


def test_a_case_waits_for_those_who_have_its_tasks_and_goes_on_after_the_last(
    khobar: Node, qatif: Node, khobar_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar, now=now)
    subject = ("case", case.reference)
    first = make_item(qatif, now=now, given_from=khobar, subject=subject)
    second = make_item(qatif, now=now, given_from=khobar, subject=subject)
    case.refresh_from_db()
    assert case.stage == "waits_for_body"
    access = Access.of(khobar_responder, now=now)
    theirs = Access.of(make_member(Role.Kind.RESPONDER, qatif), now=now)
    work.finish(first.public_id, by=theirs, now=now)
    case.refresh_from_db()
    assert case.stage == "waits_for_body"
    work.withdraw(second.public_id, by=access, now=now)
    case.refresh_from_db()
    assert case.stage == "in_progress"


def test_closing_a_case_withdraws_what_is_still_to_be_done(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar, now=now)
    item = make_item(khobar, now=now, subject=("case", case.reference))
    services.close_case(
        case.public_id, outcome="answered", words="", by=khobar_responder, now=now + HOUR
    )
    assert Item.objects.get(pk=item.pk).state == "withdrawn"


def test_who_is_asked_and_silent_is_reminded_once_and_whoever_has_the_case_hears_of_it(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar, now=now)
    inbox.reply(case.conversation.public_id, "أين المكان؟", by=khobar_responder, now=now + HOUR)
    services.take_step(case.public_id, "ask_person", by=khobar_responder, now=now + HOUR)
    silence = running(case)["person"]
    assert services.remind_people(now=now + 20 * HOUR) == 0
    assert services.remind_people(now=now + 22 * HOUR) == 1
    assert services.remind_people(now=now + 22 * HOUR) == 0
    message = Message.objects.filter(conversation=case.conversation).latest("pk")
    assert "نذكّركم" in message.text
    # It is no answer of ours, and the case goes on waiting.
    case.refresh_from_db()
    assert case.stage == "waits_for_person"
    assert work.ring(now=silence) == 1
    assert Notice.objects.get(clock__name="person").member == khobar_responder


def test_who_is_silent_for_two_days_is_asked_once_more_by_a_template_where_there_is_one(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar, now=now)
    services.take_step(case.public_id, "ask_person", by=khobar_responder, now=now + HOUR)
    assert services.remind_people(now=now + 21 * HOUR) == 1
    assert services.remind_people(now=now + 3 * DAY) == 0

    make_template(purpose="reopen", components=[body_part("نود الرد عليكم")])
    assert services.remind_people(now=now + 2 * DAY) == 0
    assert services.remind_people(now=now + 3 * DAY) == 1
    assert services.remind_people(now=now + 3 * DAY + HOUR) == 0
    waits, asked = Message.objects.filter(conversation=case.conversation).order_by("-pk")[:2]
    assert asked.kind == "template"
    assert waits.outgoing is not None
    assert (waits.outgoing.state, "نذكّركم" in waits.text) == ("held", True)


def test_whose_case_is_opened_again_is_told_so_at_once_or_by_a_template(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar, now=now)

    def reopened(at: datetime) -> tuple[str, bool]:
        services.close_case(
            case.public_id, outcome="answered", words="", by=khobar_responder, now=at
        )
        services.reopen_case(case.public_id, by=khobar_responder, now=at)
        told = Message.objects.filter(conversation=case.conversation).latest("pk")
        assert told.outgoing is not None
        line = AuditEntry.objects.filter(action="case.reopened").latest("pk")
        return f"{told.kind} {told.outgoing.state}", line.details["told"]

    assert reopened(now + HOUR) == ("text queued", True)
    assert "أعدنا فتح بلاغك" in Message.objects.latest("pk").text
    # It is no answer of ours: the clock of the first one runs.
    case.conversation.refresh_from_db()
    assert case.conversation.last_outbound_at == now + HOUR
    assert reopened(now + 3 * DAY) == ("text queued", False)
    make_template(purpose="reopen", components=[body_part("نود الرد عليكم")])
    assert reopened(now + 5 * DAY) == ("text held", True)


def test_who_answers_is_reminded_no_more(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar, now=now, phone="966500000901")
    services.take_step(case.public_id, "ask_person", by=khobar_responder, now=now + HOUR)
    services.take_in(
        [incoming("الموقع خلف المسجد", phone="966500000901", received_at=now + 2 * HOUR)],
        now=now + 2 * HOUR,
    )
    assert "person" not in running(case)
    assert services.remind_people(now=now + 22 * HOUR) == 0
    # Asked anew, they are reminded anew; beyond their 24 hours nothing can be sent.
    services.take_step(case.public_id, "ask_person", by=khobar_responder, now=now + 10 * HOUR)
    assert services.remind_people(now=now + 30 * HOUR) == 0


def test_a_flood_of_emergencies_costs_as_many_statements_as_one(
    desk: Node, desk_responder: Member, now: datetime
) -> None:
    Turn.objects.create(
        node=desk, member=desk_responder, starts_at=now - HOUR, ends_at=now + 6 * HOUR
    )

    def statements(count: int) -> int:
        flood = [incoming(f"الحقوا طفل طاح في حفرة صرف {n}", received_at=now) for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            services.take_in(flood, now=now)
        return len(queries)

    statements(1)
    few, many = statements(2), statements(40)
    assert many == few
    cases = Case.objects.filter(priority="emergency")
    assert cases.count() == 43
    # To say that one has seen it holds up nothing.
    assert set(cases.values_list("stage", flat=True)) == {"new"}
    assert Item.objects.filter(is_emergency=True, kind="acknowledge").count() == 43
