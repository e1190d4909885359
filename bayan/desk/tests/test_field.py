"""Reports from the field: parts in any order, sent once, shown, and made into cases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.cases import services as cases
from bayan.cases.models import Case, Forward
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.channels.events import IncomingFile, IncomingMessage
from bayan.core.models import AuditEntry
from bayan.desk import services
from bayan.desk.models import FieldReport
from bayan.desk.services import field
from bayan.inbox.models import Message
from bayan.inbox.tests.factories import make_media
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work.models import Item
from bayan.work.tests.factories import link_mobile, make_item, written_by
from conftest import StaffClient

MINUTE = timedelta(minutes=1)
PIN = {"latitude": 26.2794, "longitude": 50.2083, "name": "الراكة"}
WORDS = "انهيار في حافة الرصيف أمام المدرسة"


@pytest.fixture
def officer(khobar: Node, now: datetime) -> Member:
    return link_mobile(make_member(Role.Kind.FIELD_OFFICER, khobar), "966500000721", now=now)


def photo(member: Member, *, at: datetime = MONDAY, **changes: Any) -> IncomingMessage:
    file = IncomingFile(external_id="m1", mime_type="image/jpeg")
    return written_by(member, kind="image", file=file, received_at=at, **changes)


def pin(member: Member, *, at: datetime = MONDAY) -> IncomingMessage:
    return written_by(member, kind="location", payload=PIN, received_at=at)


def words(member: Member, text: str = WORDS, *, at: datetime = MONDAY) -> IncomingMessage:
    return written_by(member, text, received_at=at)


def take_in(*messages: IncomingMessage, now: datetime = MONDAY) -> None:
    """Each by itself, as from as many webhooks."""
    for message in messages:
        cases.take_in([message], now=now)


def said() -> list[str]:
    return list(
        Message.objects.filter(direction="out").order_by("pk").values_list("text", flat=True)
    )


def press(member: Member, report: FieldReport, choice: str, *, now: datetime = MONDAY) -> str:
    tap = written_by(member, "…", kind="button_reply", choice_id=choice, received_at=now)
    services.receive_choice([(tap, str(report.public_id))], now=now)
    return said()[-1]


def sent(member: Member) -> FieldReport:
    """A whole report of this member's."""
    start = words(member, "تقرير ميداني")
    take_in(start, photo(member), pin(member), words(member), words(member, "إرسال"))
    return FieldReport.objects.latest("pk")


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(["photo", "photo", "pin", "words"]))
def test_parts_in_any_order_make_one_report_told_of_twice_at_the_most(
    db: None, order: list[str]
) -> None:
    from django.db import transaction

    with transaction.atomic():
        khobar = Node.objects.get(key="khobar")
        officer = link_mobile(
            make_member(Role.Kind.FIELD_OFFICER, khobar), "966500000722", now=MONDAY
        )
        parts = {"photo": photo, "pin": pin, "words": words}
        take_in(words(officer, "تقرير ميداني"), *(parts[part](officer) for part in order))
        report = FieldReport.objects.get()
        assert (report.files, report.text, report.place) == (2, WORDS, "الراكة")
        assert (report.latitude, len(report.messages)) == (26.2794, 4)
        answers = said()
        assert len(answers) == 3
        assert "وبقي" in answers[1]
        assert "وبقي" not in answers[2]
        assert "إرسال" in answers[2]
        assert not Case.objects.exists()
        assert not Forward.objects.exists()
        assert "شكرًا" in press(officer, report, field.SEND)
        assert "شكرًا" in press(officer, report, field.SEND)
        report.refresh_from_db()
        assert (report.state, report.awaits_until) == ("sent", None)
        assert AuditEntry.objects.filter(action="field_report.sent").count() == 1
        transaction.set_rollback(True)


def test_the_same_message_twice_is_one_part(officer: Member) -> None:
    take_in(words(officer, "تقرير ميداني"))
    part = photo(officer)
    take_in(part)
    report = FieldReport.objects.get()
    field._add(report, part, now=MONDAY)
    report.refresh_from_db()
    assert (len(report.messages), report.files) == (1, 1)


class Killed(BaseException):
    pass


def test_what_a_killed_worker_was_at_is_there_whole_or_not_at_all(
    officer: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(words(officer, "تقرير ميداني"), photo(officer))
    last = words(officer, "إرسال")

    def die(*_given: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("bayan.desk.services.field.live.announce", die)
        with pytest.raises(Killed):
            cases.take_in([last], now=MONDAY)
    assert FieldReport.objects.get().state == "draft"
    take_in(last)
    report = FieldReport.objects.get()
    assert (report.state, report.files) == ("sent", 1)
    assert sum("شكرًا" in text for text in said()) == 1


def test_a_report_that_is_left_stays_and_the_next_message_is_none_of_it(
    officer: Member, client: StaffClient, khobar: Node
) -> None:
    take_in(words(officer, "تقرير ميداني"), photo(officer))
    later = MONDAY + field.AWAITED + MINUTE
    take_in(words(officer, WORDS, at=later), now=later)
    take_in(words(officer, "تقرير ميداني", at=later), now=later)
    left, new = FieldReport.objects.order_by("pk")
    assert (left.text, left.state, left.files) == ("", "draft", 1)
    assert (new.messages, Forward.objects.count()) == ([], 1)
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    page = client.get(reverse("field:reports"), {"state": "draft"})
    assert [row.report for row in page.context["rows"]] == [left]


def test_it_can_be_called_off_and_an_empty_one_is_not_sent(officer: Member) -> None:
    take_in(words(officer, "تقرير ميداني"), words(officer, "إرسال"))
    assert FieldReport.objects.get().state == "draft"
    take_in(photo(officer), words(officer, "إلغاء"))
    report = FieldReport.objects.get()
    assert report.state == "dropped"
    assert "أُلغي" in press(officer, report, field.SEND)
    assert not FieldReport.objects.shown().exists()


def test_whoever_turns_to_a_report_answers_no_other_question(
    officer: Member, khobar: Node, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer, wants_proof=True)
    Item.objects.update(awaits="done", awaits_until=now + field.AWAITED)
    sent(officer)
    item.refresh_from_db()
    assert item.is_open
    assert FieldReport.objects.get().is_whole


def test_how_it_stands_may_be_asked_in_the_middle_of_it(officer: Member) -> None:
    take_in(words(officer, "تقرير ميداني"), words(officer, "الموقف الخبر"))
    assert "المفتوحة" in said()[-1]
    take_in(words(officer, "الموقف خطير جدًا"))
    assert FieldReport.objects.get().text == "الموقف خطير جدًا"


def test_nobody_else_touches_a_members_report(officer: Member, khobar: Node, now: datetime) -> None:
    take_in(words(officer, "تقرير ميداني"), photo(officer))
    other = link_mobile(make_member(Role.Kind.RESPONDER, khobar), "966500000723", now=now)
    take_in(photo(other), words(other, "إرسال"))
    report = FieldReport.objects.get()
    assert (report.files, report.state) == (1, "draft")
    press(other, report, field.SEND)
    assert FieldReport.objects.get().state == "draft"


# On the page


def test_the_page_lists_and_maps_what_its_reader_may_see_with_a_fixed_number_of_queries(
    client: StaffClient, officer: Member, khobar: Node, qatif: Node, qatif_responder: Member
) -> None:
    first = sent(officer)
    media = make_media(node=khobar)
    Message.objects.filter(pk=first.messages[0]).update(media=media)
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    address = reverse("field:reports")
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        page = client.get(address)
    assert len(page.context["spots"]) == 1
    assert [row.pictures for row in page.context["rows"]] == [[media]]
    assert page.context["counts"] == {"all": 1, "sent": 1, "case": 0, "draft": 0}
    for _number in range(3):
        sent(officer)
    with CaptureQueriesContext(connection) as many:
        assert len(client.get(address).context["rows"]) == 4
    assert len(many) == len(few)
    day = timezone.localdate(MONDAY)
    for asked, count in (
        ({"since": day.isoformat()}, 4), ({"until": "2026-11-22"}, 0), ({"body": "qatif"}, 0),
        ({"state": "case"}, 0), ({"since": "x"}, 4),
    ):  # fmt: skip
        assert len(client.get(address, asked).context["rows"]) == count, asked
    lines = client.get(reverse("field:export")).content.decode().splitlines()
    assert len(lines) == 5
    assert WORDS in lines[1]
    one = reverse("field:report", args=[first.public_id])
    assert WORDS in client.get(one).content.decode()
    client.force_login(qatif_responder)
    assert client.get(address).context["rows"] == []
    assert client.get(one).status_code == 404


def test_a_report_becomes_a_case_by_one_press_and_only_once(
    client: StaffClient, officer: Member, khobar: Node
) -> None:
    report = sent(officer)
    responder = make_member(Role.Kind.RESPONDER, khobar)
    client.force_login(responder)
    address = reverse("field:open_case", args=[report.public_id])
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 409
    case = Case.objects.get()
    report.refresh_from_db()
    assert (report.case, case.node, case.subject) == (case, khobar, WORDS)
    assert (case.latitude, case.place) == (26.2794, "الراكة")
    assert Message.objects.filter(conversation=case.conversation, author=officer).count() == 3
    opened = AuditEntry.objects.get(action="case.opened")
    assert (opened.actor, opened.details["source"]) == (responder.audit_key, "field")
    page = client.get(reverse("field:report", args=[report.public_id])).content.decode()
    assert case.reference[:3] in page


def test_a_report_joins_a_case_near_by(
    client: StaffClient, officer: Member, khobar: Node, qatif: Node
) -> None:
    case = make_case("الرصيف مكسور", node=khobar)
    elsewhere = make_case("الرصيف مكسور", node=qatif)
    Case.objects.filter(pk=case.pk).update(latitude=26.2795, longitude=50.2084)
    report = sent(officer)
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    page = client.get(reverse("field:report", args=[report.public_id]))
    assert page.context["near"] == [case]
    address = reverse("field:join", args=[report.public_id])
    assert client.post(address, {"case": elsewhere.reference}).status_code == 422
    assert client.post(address, {"case": case.reference}).status_code == 302
    report.refresh_from_db()
    assert report.case == case
    assert Case.objects.count() == 2
    assert client.post(address, {"case": case.reference}).status_code == 409


def test_who_only_reads_makes_nothing_of_it(
    client: StaffClient, officer: Member, khobar: Node
) -> None:
    report = sent(officer)
    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    assert client.get(reverse("field:report", args=[report.public_id])).status_code == 200
    assert client.post(reverse("field:open_case", args=[report.public_id])).status_code == 403
