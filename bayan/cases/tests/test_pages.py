"""List, board and map of cases: many at once, what narrows them, and what they cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.cases import selectors
from bayan.cases.models import Case
from bayan.cases.tests.factories import make_case
from bayan.core import undo
from bayan.core.models import UndoStep
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


@pytest.fixture
def signed_in(client: StaffClient, desk_responder: Member) -> StaffClient:
    client.force_login(desk_responder)
    return client


def some_cases(count: int, **changes: Any) -> None:
    for number in range(count):
        make_case(whatsapp_id=f"SA.{number}", phone=f"9665000000{number:02}", **changes)


def act(client: StaffClient, do: str, **data: Any) -> Any:
    return client.post(reverse("cases:act"), {"do": do, **data}, headers=HTMX)


def test_ten_cases_are_passed_on_from_the_list_and_taken_back(
    signed_in: StaffClient, khobar: Node, desk: Node
) -> None:
    some_cases(10)
    ids = [str(public_id) for public_id in Case.objects.values_list("public_id", flat=True)]

    answer = act(signed_in, "pass:khobar", ids=ids).content.decode()

    assert "أُسندت 10 بلاغات إلى بلدية محافظة الخبر" in answer
    assert set(Case.objects.values_list("node", flat=True)) == {khobar.pk}
    address = reverse("people:undo", args=[UndoStep.objects.get().public_id])
    assert address in answer
    assert "تم التراجع" in signed_in.post(address, headers=HTMX).content.decode()
    assert set(Case.objects.values_list("node", flat=True)) == {desk.pk}
    again = signed_in.post(address, headers=HTMX)
    assert again.status_code == 409
    assert "فات وقت التراجع" in again.content.decode()


def test_all_that_match_words_are_more_than_the_latest_that_are_looked_through(
    signed_in: StaffClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayan.inbox.selectors.MOST_FOUND", 3)
    some_cases(8, text="شجرة ساقطة")

    page = signed_in.get("/cases/?q=شجرة ساقطة").content.decode()
    assert "عُرض أحدث ما فيه هذه الكلمات" in page
    act(signed_in, "priority:low", all="1", query="q=شجرة ساقطة")

    assert Case.objects.filter(priority="low").count() == 8


def test_all_that_match_are_more_than_those_shown(
    signed_in: StaffClient, monkeypatch: pytest.MonkeyPatch, desk_responder: Member
) -> None:
    monkeypatch.setattr("bayan.cases.selectors.PAGE", 2)
    some_cases(5, text="إنارة")
    make_case("حفرة")

    act(signed_in, "give:me", all="1", query="state=open&q=إنارة")

    assert Case.objects.filter(owner=desk_responder).count() == 5


def test_a_priority_is_set_for_many_and_the_due_times_follow(signed_in: StaffClient) -> None:
    some_cases(3)
    before = set(Case.objects.values_list("due_at", flat=True))
    answer = act(signed_in, "priority:emergency", all="1", query="").content.decode()
    assert "أولوية 3 بلاغات الآن" in answer
    assert max(Case.objects.values_list("due_at", flat=True)) < min(before)
    assert act(signed_in, "priority:emergency", all="1", query="").status_code == 422
    assert act(signed_in, "priority:soon", all="1", query="").status_code == 409
    assert act(signed_in, "nonsense", all="1", query="").status_code == 404


def test_a_municipalitys_responder_changes_only_their_own(
    client: StaffClient, khobar: Node, qatif: Node, khobar_responder: Member
) -> None:
    mine, other = make_case(node=khobar), make_case(node=qatif)
    client.force_login(khobar_responder)
    act(client, "priority:high", ids=[str(mine.public_id), str(other.public_id)])
    act(client, "priority:high", all="1", query="state=all")
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.priority, other.priority) == ("high", "normal")
    refused = act(client, "pass:qatif", ids=[str(mine.public_id)])
    assert refused.status_code == 403
    for name in ("describe", "step", "reopen"):
        address = reverse(f"cases:{name}", args=[other.public_id])
        assert client.post(address, {"step": "start", "priority": "low"}).status_code == 404


def test_a_viewer_sees_the_pages_and_is_offered_nothing(client: StaffClient, khobar: Node) -> None:
    case = make_case(node=khobar)
    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    for name in ("cases", "board", "map"):
        page = client.get(reverse(f"cases:{name}")).content.decode()
        assert 'name="do"' not in page
        assert 'name="step"' not in page
    assert act(client, "priority:high", ids=[str(case.public_id)]).status_code == 403


def test_what_is_due_first_stands_at_the_top(signed_in: StaffClient, now: datetime) -> None:
    some_cases(3)
    first = Case.objects.latest("pk")
    first.due_at = now - timedelta(days=1)
    first.save()
    page = signed_in.get("/cases/").content.decode()
    assert page.index(first.reference) == min(
        page.index(case.reference) for case in Case.objects.all()
    )
    late = signed_in.get("/cases/?state=late").content.decode()
    assert first.reference in late


@pytest.mark.parametrize(
    "query",
    [
        "priority=high", "category=lighting", "kind=complaint", "body=eastern", "stage=new", "owner=none",
        "q=إنارة",
    ],
)  # fmt: skip
def test_filters_narrow_list_board_and_map_alike(signed_in: StaffClient, query: str) -> None:
    case = make_case("إنارة مطفأة", phone="966500000001", whatsapp_id="SA.1")
    Case.objects.update(
        priority="high", category="lighting", kind="complaint", latitude=26.3, longitude=50.2
    )
    other = make_case("حفرة", phone="966500000002", whatsapp_id="SA.2")
    Case.objects.filter(pk=other.pk).update(
        latitude=26.3, longitude=50.2, stage="in_progress", owner=make_member(Role.Kind.RESPONDER, case.node),
        kind="praise", category="roads", priority="low",
    )  # fmt: skip
    narrowed_by_body = query == "body=eastern"
    for name in ("cases", "board", "map"):
        page = signed_in.get(f"{reverse(f'cases:{name}')}?{query}").content.decode()
        assert case.reference in page.replace("\u00a0", "")
        assert (other.reference in page.replace("\u00a0", "")) == narrowed_by_body


@pytest.mark.parametrize("name", ["board", "map"])
def test_board_and_map_cost_the_same_queries_whatever_they_hold(
    signed_in: StaffClient, name: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(reverse(f"cases:{name}")).status_code == 200
        return len(captured)

    some_cases(1)
    # The first map of a process reads the outlines.
    selectors.borders()
    Case.objects.update(latitude=26.3, longitude=50.2)
    few = queries()
    some_cases(12)
    Case.objects.update(latitude=26.3, longitude=50.2)
    assert queries() == few <= 12


def test_the_map_shows_where_municipalities_roughly_lie(signed_in: StaffClient) -> None:
    selectors.borders.cache_clear()
    some_cases(1)
    Case.objects.update(latitude=26.28, longitude=50.21)
    page = signed_in.get(reverse("cases:map")).content.decode()
    assert page.count('class="borders"') == 1


def test_close_together_cases_are_one_spot_on_the_map(signed_in: StaffClient) -> None:
    some_cases(4)
    for number, case in enumerate(Case.objects.order_by("pk")):
        case.latitude, case.longitude = (
            (26.301 + number / 10_000, 50.2) if number else (27.0, 49.66)
        )
        case.save()
    page = signed_in.get(reverse("cases:map")).content.decode()
    assert page.count('class="spot') == 2
    assert ">3</text>" in page


def test_a_case_is_described_and_stepped_from_its_panel(
    signed_in: StaffClient, desk_responder: Member
) -> None:
    case = make_case()
    answer = signed_in.post(
        reverse("cases:describe", args=[case.public_id]),
        {
            "subject": "إنارة", "kind": "complaint", "category": "lighting", "priority": "high",
            "place": "الكورنيش", "latitude": "26.28", "longitude": "50.21", "balady_number": "940-1",
        },
        headers=HTMX,
    )  # fmt: skip
    assert "حُفظت بيانات البلاغ" in answer.content.decode()
    case.refresh_from_db()
    assert (case.category, case.latitude, case.balady_number) == ("lighting", 26.28, "940-1")
    wrong = {"priority": "high", "latitude": "96", "longitude": "50"}
    address = reverse("cases:describe", args=[case.public_id])
    assert signed_in.post(address, wrong, headers=HTMX).status_code == 422
    panel = signed_in.post(
        reverse("cases:step", args=[case.public_id]), {"step": "ask_person"}, headers=HTMX
    ).content.decode()
    assert "بانتظار المستفيد" in panel
    assert (
        "data-picker"
        in signed_in.get(reverse("cases:point", args=[case.public_id])).content.decode()
    )


def test_a_closed_case_is_opened_again_from_its_panel(signed_in: StaffClient) -> None:
    case = make_case()
    signed_in.post(
        reverse("cases:close", args=[case.public_id]),
        {"outcome": "resolved", "excuse": "confirmed"},
    )
    signed_in.post(reverse("cases:reopen", args=[case.public_id]))
    case.refresh_from_db()
    assert not case.is_closed


async def written(response: Any) -> str:
    return b"".join([part async for part in response.streaming_content]).decode()


@pytest.mark.usefixtures("committed_db")
async def test_a_list_is_exported_with_what_the_member_sees_and_nothing_else() -> None:
    from asgiref.sync import sync_to_async

    def prepared() -> tuple[Any, Case, Case]:
        khobar, qatif = Node.objects.get(key="khobar"), Node.objects.get(key="qatif")
        mine, other = make_case("=1+1", node=khobar), make_case("سر", node=qatif)
        client = StaffClient()
        client.force_login(make_member(Role.Kind.RESPONDER, khobar))
        return client.get(reverse("cases:export") + "?state=all"), mine, other

    response, mine, other = await sync_to_async(prepared)()
    text = await written(response)
    assert mine.reference in text
    assert "'=1+1" in text
    assert other.reference not in text


def test_views_of_cases_are_saved(signed_in: StaffClient) -> None:
    answer = signed_in.post(
        reverse("cases:save_view"), {"name": "العاجلة", "query": "priority=high&evil=1"}
    )
    assert answer["Location"] == "/cases/?state=open&priority=high"
    assert "العاجلة" in signed_in.get("/cases/").content.decode()


def test_undoing_needs_a_verb(now: datetime) -> None:
    with pytest.raises(ValueError, match="undone already"):
        undo.register("cases.passed_on", lambda facts, *, by, now: None)
