"""Many cases of the work list closed by one press: undone in time, told once; what stays open is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services
from bayan.cases.models import Case, Closing
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.cases.whole.models import Ending
from bayan.core.models import AuditEntry, UndoStep
from bayan.core.references import grouped
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import StaffClient

SOON = MONDAY + timedelta(minutes=5)
LATER = SOON + timedelta(seconds=11)
HTMX = {"HX-Request": "true"}


def someone(number: int, text: str = "متى تفتح الحديقة؟", **changes: Any) -> Case:
    return make_case(
        text, **{"whatsapp_id": f"SA.6{number}", "phone": f"96650006{number:04}", **changes}
    )


def end(*cases: Case, by: Member, outcome: str = "answered") -> services.Ended:
    rows = Case.objects.filter(pk__in=[case.pk for case in cases])
    return services.end_together(rows, outcome=outcome, words="شكرًا لك.", by=by, now=SOON)


def told() -> list[Message]:
    return list(Message.objects.filter(direction="out").order_by("pk"))


def test_after_ten_seconds_each_is_told_once_and_the_cases_are_closed(
    desk_responder: Member,
) -> None:
    one, two = someone(1), someone(2)
    again = someone(3)
    Case.objects.filter(pk=again.pk).update(contact=one.contact, conversation=one.conversation)

    ended = end(one, two, again, by=desk_responder)

    assert (ended.done.count, ended.untold, ended.left) == (3, 0, 0)
    assert services.end_some(now=SOON) == 0
    # In batches, too, a person hears it once.
    while services.end_some(now=LATER, limit=1):
        pass
    assert set(Case.objects.values_list("outcome", flat=True)) == {"answered"}
    assert [message.matter for message in told()] == [one.reference, two.reference]
    assert all("خدمتنا" in m.text and "شكرًا لك." in m.text for m in told())
    assert Closing.objects.count() == 3
    assert not Ending.objects.exists()


def test_undone_it_was_never_pressed_and_afterwards_it_is_too_late(
    client: StaffClient, desk_responder: Member
) -> None:
    now = timezone.now()
    case = someone(1, now=now)
    client.force_login(desk_responder)
    given = {"do": "close", "ids": str(case.public_id), "outcome": "answered", "words": "شكرًا"}
    client.post(reverse("cases:act"), given, headers=HTMX)
    address = reverse("people:undo", args=[UndoStep.objects.get().public_id])
    assert client.post(address, headers=HTMX).status_code == 200
    assert services.end_some(now=now + timedelta(minutes=1)) == 0
    assert told() == []

    client.post(reverse("cases:act"), given, headers=HTMX)
    while services.end_some(now=now + timedelta(minutes=1)):
        pass
    address = reverse("people:undo", args=[UndoStep.objects.latest("pk").public_id])
    assert client.post(address, headers=HTMX).status_code == 409
    assert len(told()) == 1


def test_what_needs_a_picture_a_place_or_a_look_of_its_own_stays_open_and_is_named(
    client: StaffClient, desk_responder: Member
) -> None:
    now = timezone.now()
    hole, fire = someone(1, now=now), someone(2, now=now)
    quiet, plain = someone(3, now=now - timedelta(days=2)), someone(4, now=now)
    Case.objects.update(category="events")
    Case.objects.filter(pk=hole.pk).update(category="roads")
    Case.objects.filter(pk=fire.pk).update(priority="emergency")
    client.force_login(desk_responder)

    answer = client.post(
        reverse("cases:act"),
        {"do": "close", "all": "1", "query": "state=open", "outcome": "resolved"},
        headers=HTMX,
    ).content.decode()

    assert "سيُقفل بلاغان بعد عشر ثوانٍ" in answer
    assert grouped(hole.reference) in answer
    assert grouped(fire.reference) in answer
    assert grouped(plain.reference) not in answer
    assert "24" in answer
    while services.end_some(now=now + timedelta(minutes=1)):
        pass
    assert set(Case.objects.open()) == {hole, fire}
    assert [message.matter for message in told()] == [plain.reference]
    assert quiet.reference not in {message.matter for message in told()}
    assert client.post(
        reverse("cases:act"), {"do": "close", "all": "1", "outcome": "resolved"}, headers=HTMX
    ).status_code == 422  # fmt: skip


def test_what_changed_in_the_ten_seconds_is_left_and_the_trail_says_so(
    khobar_responder: Member, desk: Node, khobar: Node
) -> None:
    urgent, moved, closed = (someone(number, node=khobar) for number in (1, 2, 3))
    end(urgent, moved, closed, by=khobar_responder)
    Case.objects.filter(pk=urgent.pk).update(priority="emergency")
    Case.objects.filter(pk=moved.pk).update(node=desk)
    services.close_case(
        closed.public_id, outcome="answered", words="تم", by=khobar_responder, now=SOON
    )

    while services.end_some(now=LATER):
        pass

    assert set(Case.objects.open()) == {urgent, moved}
    left = AuditEntry.objects.filter(action="case.not_ended")
    assert set(left.values_list("subject_key", flat=True)) == {urgent.reference, moved.reference}
    assert len(told()) == 1


def test_two_hundred_cost_the_statements_of_one(desk_responder: Member) -> None:
    def statements(count: int, begin: int) -> int:
        cases = [someone(begin + number) for number in range(count)]
        end(*cases, by=desk_responder)
        with CaptureQueriesContext(connection) as queries:
            services.end_some(now=LATER)
        while services.end_some(now=LATER):
            pass
        return len(queries)

    assert statements(8, 100) <= statements(1, 1) + 2


def test_all_that_match_are_counted_truly_also_where_not_all_are_taken(
    client: StaffClient, desk_responder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        someone(number, "شجرة ساقطة")
    client.force_login(desk_responder)

    def said(query: str) -> str:
        page = client.get(reverse("cases:matching"), {"query": query}, headers=HTMX)
        return " ".join(page.content.decode().split())

    assert said("state=open") == "4 مطابقة"
    monkeypatch.setattr("bayan.cases.views.MOST_AT_ONCE", 3)
    assert "أول 3" in said("state=open")
    monkeypatch.setattr("bayan.inbox.selectors.ALL_THAT_MATCH", 2)
    assert "أحدث 2" in said("state=open&q=شجرة")
