from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.selectors import PAGE
from bayan.cases.tests.factories import make_case
from bayan.channels.models import Outgoing
from bayan.core.models import UndoStep
from bayan.core.references import grouped, new_reference
from bayan.inbox.models import Note
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


def fresh(**facts: Any) -> Case:
    """A case of five minutes ago: views read the clock themselves."""
    return make_case(now=timezone.now() - timedelta(minutes=5), **facts)


@pytest.mark.parametrize("state", ["open", "closed", "all"])
def test_the_list_costs_the_same_queries_whatever_its_length(
    client: StaffClient, desk_responder: Member, state: str
) -> None:
    client.force_login(desk_responder)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/cases/?state={state}").status_code == 200
        return len(captured)

    fresh()
    # What a process reads once is read by now.
    queries()
    few = queries()
    for _n in range(12):
        fresh()
    assert queries() == few <= 12


def test_show_more_leads_through_all_cases_of_the_same_view_each_once(
    client: StaffClient, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    references = {fresh().reference for _n in range(PAGE + 5)}
    address, seen = "/cases/?state=open&q=", []
    while address:
        shown = client.get(address, headers=HTMX)
        seen += [case.reference for case in shown.context["page"].rows]
        more = re.search(r'id="more-rows".*?hx-get="([^"]*)"', shown.content.decode(), re.DOTALL)
        address = html.unescape(more[1]) if more else ""
        assert not address or address.startswith("/cases/?state=open&q=&after=")

    assert len(seen) == len(references)
    assert set(seen) == references


def test_the_panel_costs_the_same_queries_however_long_the_story(
    client: StaffClient, desk_responder: Member, khobar: Node, qatif: Node
) -> None:
    case = fresh()
    client.force_login(desk_responder)

    def queries() -> int:
        # Handing over may make the conversation part of another one.
        case.refresh_from_db()
        path = reverse("cases:panel", args=[case.conversation.public_id])
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path, headers=HTMX).status_code == 200
        return len(captured)

    def hand_over(to: Node) -> None:
        services.assign_case(
            case.public_id, to=to, by=desk_responder, now=timezone.now(), remark="حيهم"
        )

    hand_over(khobar)
    few = queries()
    for node in (qatif, khobar, qatif, khobar):
        hand_over(node)
    assert queries() == few


@pytest.mark.parametrize("spelling", ["plain", "grouped", "arabic"])
def test_a_case_is_found_by_its_number_however_it_is_written(
    client: StaffClient, desk_responder: Member, spelling: str
) -> None:
    case, other = fresh(), fresh()
    number = {
        "plain": case.reference,
        "grouped": grouped(case.reference),
        "arabic": case.reference.translate({48 + n: ord("٠") + n for n in range(10)}),
    }[spelling]
    client.force_login(desk_responder)

    page = client.get("/cases/", {"q": number}).content.decode()

    assert f'data-reference="{case.reference}"' in page
    assert f'data-reference="{other.reference}"' not in page


def test_a_number_with_a_wrong_digit_is_told_from_one_that_is_not_there(
    client: StaffClient, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    number = new_reference()
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)

    assert client.get("/cases/", {"q": wrong}).context["is_mistyped"]
    assert "أحد أرقامه" in client.get("/cases/", {"q": wrong}).content.decode()
    assert not client.get("/cases/", {"q": number}).context["is_mistyped"]


def test_the_desk_hands_a_case_over_from_the_panel(
    client: StaffClient, desk_responder: Member, khobar: Node
) -> None:
    case = fresh()
    client.force_login(desk_responder)

    answer = client.post(
        reverse("cases:assign", args=[case.public_id]), {"to": "khobar"}, headers=HTMX
    )

    assert answer.headers["HX-Redirect"] == reverse(
        "inbox:conversation", args=[case.conversation.public_id]
    )
    case.refresh_from_db()
    assert case.node == khobar
    step = UndoStep.objects.get(action=services.PASSED_ON)
    page = client.get(answer.headers["HX-Redirect"]).content.decode()
    assert reverse("people:undo", args=[step.public_id]) in page


@pytest.mark.parametrize("to", ["", "nowhere", "eastern"])
def test_a_case_goes_only_to_a_municipality_that_exists(
    client: StaffClient, desk_responder: Member, to: str
) -> None:
    case = fresh()
    client.force_login(desk_responder)
    answer = client.post(reverse("cases:assign", args=[case.public_id]), {"to": to}, headers=HTMX)
    assert answer.status_code == 422


def test_a_municipalitys_responder_is_offered_no_hand_over(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    case = fresh(node=khobar)
    client.force_login(khobar_responder)
    panel = client.get(reverse("cases:panel", args=[case.conversation.public_id]), headers=HTMX)
    assert reverse("cases:assign", args=[case.public_id]) not in panel.content.decode()
    assert reverse("cases:close", args=[case.public_id]) in panel.content.decode()


def test_closing_from_the_panel_shows_the_outcome_and_asks_the_person(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    case = fresh(node=khobar)
    client.force_login(khobar_responder)

    answer = client.post(
        reverse("cases:close", args=[case.public_id]),
        {"outcome": "resolved", "words": "أُصلحت الإنارة.", "excuse": "confirmed"},
        headers=HTMX,
    )

    assert 'data-outcome="resolved"' in answer.content.decode()
    assert Outgoing.objects.get().subject_key == case.reference


def test_two_officers_press_close_and_the_second_reads_why_not(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    case = fresh(node=khobar)
    client.force_login(khobar_responder)
    path = reverse("cases:close", args=[case.public_id])
    client.post(path, {"outcome": "resolved", "excuse": "confirmed"}, headers=HTMX)

    second = client.post(path, {"outcome": "answered"}, headers=HTMX)

    assert second.status_code == 409
    assert Outgoing.objects.count() == 1


def test_a_viewer_closes_nothing(client: StaffClient, khobar: Node) -> None:
    case = fresh(node=khobar)
    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    answer = client.post(
        reverse("cases:close", args=[case.public_id]),
        {"outcome": "resolved", "excuse": "confirmed"},
        headers=HTMX,
    )
    assert answer.status_code == 403
    case.refresh_from_db()
    assert not case.is_closed


def test_a_viewer_of_all_who_answers_for_one_body_answers_for_that_one_only(
    client: StaffClient, desk: Node, khobar: Node, qatif: Node
) -> None:
    member = make_member(Role.Kind.VIEWER, desk)
    member.roles.create(kind=Role.Kind.RESPONDER, node=khobar, starts_at=member.date_joined)
    client.force_login(member)

    def close(case: Case) -> int:
        path = reverse("cases:close", args=[case.public_id])
        return client.post(
            path, {"outcome": "resolved", "excuse": "confirmed"}, headers=HTMX
        ).status_code

    assert close(fresh(node=khobar)) == 200
    assert close(fresh(node=qatif)) == 403


def test_a_remark_goes_with_the_case_to_the_body_in_charge(
    client: StaffClient, desk_responder: Member, khobar: Node
) -> None:
    case = fresh()
    client.force_login(desk_responder)

    client.post(f"/cases/{case.public_id}/assign", {"to": "khobar", "remark": " لإكمال  اللازم "})

    note = Note.objects.get(conversation__contact=case.contact)
    assert note.text == f"إحالة إلى {khobar.name}: لإكمال اللازم"
    assert Case.objects.get(pk=case.pk).node == khobar

    step = UndoStep.objects.get(action=services.PASSED_ON)
    client.post(reverse("people:undo", args=[step.public_id]))

    assert Case.objects.get(pk=case.pk).node == case.node
    assert not Note.objects.exists(), "nobody reads why it went where it is not"
