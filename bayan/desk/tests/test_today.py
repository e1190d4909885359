"""The first page, as each of them sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bayan.cases import services as cases
from bayan.cases.selectors import Filters as CaseFilters
from bayan.cases.selectors import counts as case_counts
from bayan.cases.tests.factories import make_case
from bayan.desk.today import standings
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.inbox.selectors import Filters as ConversationFilters
from bayan.inbox.selectors import counts as inbox_counts
from bayan.organisation.models import Node
from bayan.people.models import Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from conftest import MONDAY, StaffClient

TODAY = reverse("today:today")
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)


@pytest.fixture(autouse=True)
def it_is_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MONDAY)


def shown(client: StaffClient, role: Role.Kind, node: Node) -> str:
    """The page as somebody in this role reads it."""
    client.force_login(make_member(role, node))
    text: str = client.get(TODAY).content.decode()
    return text


def test_who_sees_no_cases_has_no_such_page(client: StaffClient, desk: Node) -> None:
    client.force_login(make_member(Role.Kind.TRAINER, desk))

    assert client.get(TODAY).status_code == 403


def test_an_empty_morning_says_so(client: StaffClient, khobar: Node) -> None:
    text = shown(client, Role.Kind.RESPONDER, khobar)

    assert "وصل الرد إلى الجميع، ولا بلاغ متأخر." in text
    assert "لا بلاغ بانتظارك." in text


def test_a_responder_answers_the_oldest_first_and_sees_what_is_due(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    make_case("الأحدث", node=khobar, phone="966500000501", now=MONDAY - HOUR)
    make_case("الأقدم", node=khobar, phone="966500000502", now=MONDAY - HOUR * 3)
    make_case("في القطيف", node=qatif, phone="966500000503", now=MONDAY - HOUR * 5)

    text = shown(client, Role.Kind.RESPONDER, khobar)

    assert "محادثتان بانتظار الرد، أقدمهما" in text
    waiting = text[text.index('id="waiting"') : text.index('id="due"')]
    assert waiting.index("الأقدم") < waiting.index("الأحدث")
    assert "في القطيف" not in text
    assert "مهامي" in text


def test_what_a_colleague_handles_is_not_due_from_me(client: StaffClient, khobar: Node) -> None:
    colleague = make_member(Role.Kind.RESPONDER, khobar)
    case = make_case("عند زميل", node=khobar, now=MONDAY - HOUR)
    inbox.reply(case.conversation.public_id, "نتابعه", by=colleague, now=MONDAY)

    due = shown(client, Role.Kind.RESPONDER, khobar)

    assert "عند زميل" not in due[due.index('id="due"') :]


def test_a_mayor_holds_the_own_figure_against_the_authority_s_and_sees_no_ranking(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    for node, phone, minutes in ((khobar, "966500000601", 20), (qatif, "966500000602", 40)):
        clerk = make_member(Role.Kind.RESPONDER, node)
        case = make_case(node=node, phone=phone, now=MONDAY - HOUR * 2)
        at = MONDAY - HOUR * 2 + timedelta(minutes=minutes)
        inbox.reply(case.conversation.public_id, "وصل", by=clerk, now=at)
    cases.count_weeks(now=MONDAY)

    text = shown(client, Role.Kind.EXECUTIVE, khobar)

    assert "20 دقيقة" in text
    assert "الأمانة: 30 دقيقة" in text
    assert 'id="bodies"' not in text
    assert "القطيف" not in text
    # They look; the answer is given by those whose work it is.
    assert 'id="waiting"' not in text


def test_the_head_of_the_authority_sees_the_bodies_with_what_is_late_first(
    client: StaffClient, desk: Node, khobar: Node, qatif: Node
) -> None:
    make_case(node=khobar, phone="966500000701", now=MONDAY - HOUR)
    make_case(node=qatif, phone="966500000702", now=MONDAY - WEEK * 2)

    text = shown(client, Role.Kind.EXECUTIVE, desk)

    bodies = text[text.index('id="bodies"') :]
    assert bodies.index("القطيف") < bodies.index("الخبر")
    assert "بلاغ واحد تجاوز المهلة." in text
    assert "24 جهة أخرى" in bodies


def test_the_page_asks_the_same_few_statements_however_much_there_is(
    client: StaffClient,
    desk: Node,
    khobar: Node,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))
    for number in range(12):
        make_case(node=khobar, phone=f"9665000008{number:02}", now=MONDAY - HOUR)
    cases.count_weeks(now=MONDAY)

    # What is read once a process is read by now.
    client.get(TODAY)
    # Eleven, the member's role, and three of the test's own: its transaction is a savepoint, its role is put
    # back.
    with django_assert_max_num_queries(15):
        assert client.get(TODAY).status_code == 200


def test_the_figures_are_those_of_the_lists_that_they_open(khobar: Node, qatif: Node) -> None:
    member = make_member(Role.Kind.RESPONDER, khobar)
    for number, days in enumerate((0, 0, 20)):
        case = make_case(
            node=khobar, phone=f"9665000010{number:02}", now=MONDAY - HOUR - WEEK * days
        )
        if number == 0:
            # Put off: it waits, but stands in no list.
            rows = Conversation.objects.filter(pk=case.conversation_id)
            inbox.snooze(rows, until=MONDAY + HOUR, by=member, now=MONDAY)
    make_case(node=qatif, phone="966500001099", now=MONDAY - HOUR)

    (standing,) = standings(Access.of(member, now=MONDAY), now=MONDAY)

    conversations = inbox_counts(ConversationFilters(body="khobar"), member=member, now=MONDAY)
    matters = case_counts(CaseFilters(body="khobar"), member=member, now=MONDAY)
    assert standing.waiting == conversations["waiting"] == 2
    assert (standing.open, standing.late) == (matters["open"], matters["late"]) == (3, 1)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_weeks_are_a_file_for_spreadsheets(
    client: StaffClient, khobar: Node, qatif: Node, language: str
) -> None:
    make_case(node=khobar, phone="966500000901", now=MONDAY - HOUR)
    make_case(node=qatif, phone="966500000902", now=MONDAY - HOUR)
    cases.count_weeks(now=MONDAY)
    client.force_login(make_member(Role.Kind.EXECUTIVE, khobar))
    client.cookies["bayan_language"] = language

    lines = client.get(reverse("today:export")).content.decode("utf-8-sig").splitlines()

    # The authority's thirteen weeks, the own thirteen, and nobody else's.
    assert len(lines) == 1 + 13 * 2
    assert sum(",2026-11-22,1," in line for line in lines) == 1
    assert sum(",2026-11-22,2," in line for line in lines) == 1
