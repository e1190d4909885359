"""Working on cases: passing on and taking back, stages, what is known, due times, opening again."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bayan.cases import due, services, stages
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.cases.whole.models import Transfer
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import incoming
from bayan.core import undo
from bayan.core.models import AuditEntry, UndoStep
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message, Note
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient


def state_of_all() -> dict[str, Any]:
    """Everything that moves with a case, to be compared before and after."""
    return {
        "cases": list(Case.objects.order_by("pk").values_list("pk", "node", "conversation", "owner")),
        "conversations": list(
            Conversation.objects.order_by("pk").values_list(
                "pk", "public_id", "node", "matter", "preview", "last_message_at", "last_inbound_at",
                "last_outbound_at", "assignee", "labels", "snoozed_until", "read_at",
            )
        ),
        "messages": list(Message.objects.order_by("pk").values_list("pk", "node", "conversation")),
        "notes": list(Note.objects.order_by("pk").values_list("pk", "node", "conversation")),
        "outgoing": list(Outgoing.objects.order_by("pk").values_list("pk", "node")),
    }  # fmt: skip


def test_ten_cases_are_passed_on_at_once_and_taken_back(
    desk_responder: Member, khobar: Node, now: datetime
) -> None:
    for number in range(10):
        case = make_case(whatsapp_id=f"SA.{number}", phone=f"96650000000{number}")
        inbox.reply(case.conversation.public_id, "وصلنا", by=desk_responder, now=now)
        inbox.write_note(
            case.conversation.public_id, "تأكدوا", mentions=[], by=desk_responder, now=now
        )
    before = state_of_all()

    done = services.pass_on(Case.objects.all(), to=khobar, by=desk_responder, now=now)

    assert done.count == 10
    for rows in (Case, Conversation, Message, Note, Outgoing):
        assert set(rows.objects.values_list("node", flat=True)) == {khobar.pk}
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now + timedelta(seconds=9))
    assert state_of_all() == before


def test_what_became_part_of_another_conversation_comes_out_of_it_again(
    desk_responder: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    old = make_case("قديم", node=khobar, whatsapp_id="SA.1", phone="966500000001")
    services.close_case(
        old.public_id, outcome="resolved", basis=CONFIRMED, words="", by=desk_responder, now=now
    )
    later = now + timedelta(days=5)
    case = make_case("جديد", now=later, whatsapp_id="SA.1", phone="966500000001")
    assert case.conversation_id != old.conversation_id
    # What is known of the one must not stay with the other.
    Conversation.objects.filter(pk=case.conversation_id).update(
        assignee=desk_responder, labels=[1], snoozed_until=later + timedelta(days=1), read_at=later
    )
    before = state_of_all()

    done = services.pass_on(
        Case.objects.filter(pk=case.pk), to=khobar, by=desk_responder, now=later
    )

    assert Conversation.objects.count() == 1
    assert Conversation.objects.get().matter == case.reference
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=later)
    assert state_of_all() == before


def test_what_the_person_writes_before_it_is_taken_back_goes_with_the_case(
    desk_responder: Member, khobar: Node, desk: Node, now: datetime
) -> None:
    case = make_case(whatsapp_id="SA.1", phone="966500000001")
    done = services.pass_on(Case.objects.all(), to=khobar, by=desk_responder, now=now)
    services.take_in(
        [incoming("وأيضًا", whatsapp_id="SA.1", phone="966500000001", received_at=now)], now=now
    )

    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)

    assert set(Message.objects.values_list("node", "conversation")) == {
        (desk.pk, case.conversation_id)
    }
    assert Conversation.objects.get().preview == "وأيضًا"


def test_a_step_is_undone_once_in_time_and_by_who_took_it(
    desk_responder: Member, khobar: Node, now: datetime
) -> None:
    make_case()
    done = services.pass_on(Case.objects.all(), to=khobar, by=desk_responder, now=now)
    assert done.undo
    other = make_member(Role.Kind.RESPONDER, organisation.desk())
    with pytest.raises(undo.TooLate):
        undo.undo(done.undo, by=other, now=now)
    with pytest.raises(undo.TooLate):
        undo.undo(done.undo, by=desk_responder, now=now + timedelta(minutes=1))
    undo.undo(done.undo, by=desk_responder, now=now)
    with pytest.raises(undo.TooLate):
        undo.undo(done.undo, by=desk_responder, now=now)
    assert undo.forget(now=now + timedelta(days=1)) == 1
    assert not UndoStep.objects.exists()


def test_two_conversations_of_one_person_become_one_where_they_go(
    desk_responder: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    make_case("أول", node=qatif, whatsapp_id="SA.1", phone="966500000001")
    Conversation.objects.update(matter="")
    Case.objects.update(opened_at=now - timedelta(days=9))
    make_case("ثان", now=now + timedelta(days=5), whatsapp_id="SA.1", phone="966500000001")
    assert Conversation.objects.count() == 2
    before = state_of_all()

    done = services.pass_on(
        Case.objects.all(), to=khobar, reason="حيهم", by=desk_responder, now=now
    )

    assert done.count == 2
    assert Conversation.objects.get().messages.count() == 2
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    after = state_of_all()
    # Of the two, the one with an open case names it; the other named none before either.
    assert after["messages"] == before["messages"]
    assert after["cases"] == before["cases"]


def test_passing_on_asks_few_statements_however_many_cases(
    desk_responder: Member, khobar: Node, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_case(whatsapp_id=f"SA.{number}", phone=f"9665000000{number:02}")
    with django_assert_max_num_queries(36):
        services.pass_on(Case.objects.all(), to=khobar, by=desk_responder, now=now)


def test_who_handles_a_case_and_does_not_work_for_the_new_body_is_let_go(
    khobar_responder: Member, desk_responder: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    case = make_case(node=khobar)
    services.give_to(Case.objects.all(), to=khobar_responder, by=khobar_responder, now=now)
    services.pass_on(Case.objects.all(), to=qatif, reason="حيهم", by=desk_responder, now=now)
    case.refresh_from_db()
    assert case.owner is None


def test_from_one_body_to_another_a_case_goes_with_a_reason_that_is_read_there(
    client: StaffClient, desk_responder: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    cases = [make_case(node=khobar, whatsapp_id=f"SA.{n}", phone=f"96650000000{n}") for n in "12"]
    client.force_login(desk_responder)
    ids = [str(case.public_id) for case in cases]
    do = {"do": "pass:qatif", "ids": ids}
    refused = client.post(reverse("cases:act"), do, headers={"HX-Request": "true"})
    assert (refused.status_code, "بسبب" in refused.content.decode()) == (409, True)
    one = reverse("cases:assign", args=[cases[0].public_id])
    assert client.post(one, {"to": "qatif"}).status_code == 409
    assert set(Case.objects.values_list("node", flat=True)) == {khobar.pk}

    client.post(
        reverse("cases:act"), do | {"reason": "الشارع  يتبعهم"}, headers={"HX-Request": "true"}
    )

    assert set(Case.objects.values_list("node", flat=True)) == {qatif.pk}
    assert Transfer.objects.filter(reason="الشارع يتبعهم", origin=khobar, to=qatif).count() == 2
    assert Note.objects.filter(text__contains="الشارع يتبعهم", node=qatif).count() == 2
    conversation = Case.objects.select_related("conversation")[0].conversation
    client.force_login(make_member(Role.Kind.RESPONDER, qatif))
    page = client.get(reverse("cases:panel", args=[conversation.public_id])).content.decode()
    assert page.count("الشارع يتبعهم") == 2
    assert "data-came" in page
    assert "السبب:" in page

    undo.undo(UndoStep.objects.latest("pk").public_id, by=desk_responder, now=timezone.now())
    assert not Transfer.objects.exists()


def test_within_one_body_a_reason_is_left_to_whoever_passes_it_on(
    khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    roads = Node.objects.create(
        key="khobar-roads", kind="department", parent=khobar, name_ar="إدارة الطرق",
        name_en="Roads department", short_name_ar="الطرق", short_name_en="Roads",
    )  # fmt: skip
    Node.objects.filter(pk=roads.pk).update(lineage=[*khobar.lineage, roads.pk])
    roads.refresh_from_db()
    case = make_case(node=khobar)

    case = services.assign_case(case.public_id, to=roads, by=khobar_responder, now=now)

    assert case.node == roads
    assert not Transfer.objects.exists()


def test_a_case_is_given_only_to_who_answers_for_its_body(
    khobar_responder: Member, qatif_responder: Member, khobar: Node, now: datetime
) -> None:
    case = make_case(node=khobar)
    with pytest.raises(inbox.NotTheirs):
        services.give_to(Case.objects.all(), to=qatif_responder, by=khobar_responder, now=now)
    done = services.give_to(Case.objects.all(), to=khobar_responder, by=khobar_responder, now=now)
    case.refresh_from_db()
    assert case.owner == khobar_responder
    assert done.undo
    undo.undo(done.undo, by=khobar_responder, now=now)
    case.refresh_from_db()
    assert case.owner is None


# --- Stages


def test_answering_takes_a_case_up(desk_responder: Member, now: datetime) -> None:
    case = make_case()
    assert case.stage == Case.Stage.NEW
    inbox.reply(case.conversation.public_id, "وصلنا بلاغك", by=desk_responder, now=now)
    case.refresh_from_db()
    assert (case.stage, case.owner) == (Case.Stage.IN_PROGRESS, desk_responder)
    case.conversation.refresh_from_db()
    assert case.conversation.assignee == desk_responder


def test_a_case_that_waits_for_the_person_goes_on_when_they_write(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case(whatsapp_id="SA.1", phone="966500000001")
    services.take_step(case.public_id, "ask_person", by=desk_responder, now=now)
    services.take_in(
        [incoming("هذا الموقع", whatsapp_id="SA.1", phone="966500000001", received_at=now)], now=now
    )
    case.refresh_from_db()
    assert case.stage == Case.Stage.IN_PROGRESS
    assert AuditEntry.objects.filter(action="case.resumed", subject_key=case.reference).exists()


STEPS = st.lists(
    st.sampled_from([*stages.STEPS, "close", "reopen", "person writes", "nonsense"]), max_size=12
)


@given(steps=STEPS)
def test_no_order_of_steps_leads_out_of_the_table(steps: list[str]) -> None:
    stage: str = Case.Stage.NEW
    for step in steps:
        if step not in stages.STEPS:
            continue
        target = stages.after(stage, step)
        assert (target is None) == (step not in stages.steps_from(stage))
        stage = target or stage
        assert stage in Case.Stage.values
    assert stages.steps_from(Case.Stage.CLOSED) == ["reopen"]


def test_a_step_that_is_not_possible_is_refused(desk_responder: Member, now: datetime) -> None:
    case = make_case()
    for step in ("resume", "close", "reopen", "nonsense"):
        with pytest.raises(services.StepNotPossible):
            services.take_step(case.public_id, step, by=desk_responder, now=now)


def test_the_table_of_stages_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cases.md").read_text(encoding="utf-8")
    for step, (before, target) in stages.STEPS.items():
        names = ", ".join(f"`{stage}`" for stage in Case.Stage.values if stage in before)
        assert f"| `{step}` | {names} | `{target}` |" in page


# --- What is known


def test_what_is_known_is_written_down_and_moves_the_due_time(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    was_due = case.due_at
    services.describe(
        case.public_id,
        services.Facts(
            subject="  إنارة   الكورنيش ", kind="enquiry", category="parks_beaches", priority="emergency",
            place="كورنيش الخبر", point=(26.28, 50.21), balady_number="940-2611-58213",
        ),
        by=desk_responder, now=now,
    )  # fmt: skip
    case.refresh_from_db()
    assert case.subject == "إنارة الكورنيش"
    assert (case.latitude, case.longitude, case.place) == (26.28, 50.21, "كورنيش الخبر")
    assert case.due_at < was_due
    entry = AuditEntry.objects.get(action="case.described")
    # The trail knows which fields, not what a person may have told.
    assert "كورنيش" not in str(entry.details)
    assert entry.details["category"] == "parks_beaches"
    services.describe(case.public_id, services.Facts(place=""), by=desk_responder, now=now)
    case.refresh_from_db()
    assert (case.latitude, case.place) == (None, "")


def test_a_label_that_is_none_of_ours_is_refused(desk_responder: Member, now: datetime) -> None:
    case = make_case()
    with pytest.raises(services.NotKnown):
        services.describe(
            case.public_id, services.Facts(category="politics"), by=desk_responder, now=now
        )


def location(**changes: Any) -> IncomingMessage:
    place = {"latitude": 26.5651, "longitude": 50.0123, "name": "مدرسة سنابس"}
    return incoming(
        "", kind="location", payload=place, whatsapp_id="SA.1", phone="966500000001", **changes
    )


def test_a_location_that_the_person_sends_is_the_place_of_the_case(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case(whatsapp_id="SA.1", phone="966500000001")
    assert case.latitude is None
    services.take_in([location(received_at=now)], now=now)
    case.refresh_from_db()
    assert [case.latitude, case.longitude, case.place] == [26.5651, 50.0123, "مدرسة سنابس"]
    # What a member wrote is not overwritten.
    services.describe(
        case.public_id,
        services.Facts(place="سنابس", point=(26.5, 50.0)),
        by=desk_responder,
        now=now,
    )
    services.take_in([location(received_at=now)], now=now)
    case.refresh_from_db()
    assert case.latitude == 26.5


# --- Due


def test_due_times_count_the_working_hours_of_the_authority(now: datetime) -> None:
    thursday_noon = datetime.fromisoformat("2026-11-26T13:30:00+03:00")
    due_at = due.due_at(kind="", priority="high", since=thursday_noon)
    # One hour of Thursday, six of Sunday.
    assert due_at == datetime.fromisoformat("2026-11-29T13:30:00+03:00")
    assert due.due_at(
        kind="", priority="emergency", since=thursday_noon
    ) == thursday_noon + timedelta(hours=2)


def test_the_more_urgent_a_case_the_sooner_it_is_due(now: datetime) -> None:
    order = ["emergency", "high", "normal", "low"]
    for kind in ["", *Case.Kind.values]:
        for sooner, later in pairwise(order):
            assert due.due_at(kind=kind, priority=sooner, since=now) <= due.due_at(
                kind=kind, priority=later, since=now
            )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not toml", "cases.toml"),
        ("[due]\nhigh = 7", "due.high"),
        ("[due]\nhigh = { hours = -1 }", "due.high"),
        ("[due]\nsoon = { hours = 1 }", "due.soon"),
        ("[due.complaint]\nsoon = { hours = 1 }", "due.complaint.soon"),
        ('[due]\nlow = { hours = 1, around_the_clock = "yes" }', "due.low"),
    ],
)
def test_a_broken_file_of_due_times_says_where(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(text)
    with pytest.raises(due.DueTimesUnreadable, match=complaint):
        due.read_terms(path)


def test_a_kind_may_have_times_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(
        "[due]\nhigh = { hours = 7 }\n[due.enquiry]\nhigh = { hours = 1.5, around_the_clock = true }"
    )
    terms = due.read_terms(path)
    assert terms["", "high"].length == timedelta(hours=7)
    assert terms["enquiry", "high"] == due.Term(timedelta(minutes=90), around_the_clock=True)


# --- Opening again


def rate(case: Case, stars: int, at: datetime) -> None:
    tap = incoming("", kind="list_reply", choice_id=f"satisfaction-{stars}", received_at=at,
                   whatsapp_id="SA.1", phone="966500000001")  # fmt: skip
    services.receive_satisfaction([(tap, case.reference)], now=at)


@pytest.fixture
def closed(desk_responder: Member, now: datetime) -> Case:
    case = make_case(whatsapp_id="SA.1", phone="966500000001")
    return services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )


@pytest.mark.parametrize("stars", [1, 2])
def test_an_unhappy_answer_opens_the_case_again_and_says_so(
    closed: Case, now: datetime, stars: int
) -> None:
    later = now + timedelta(hours=1)
    rate(closed, stars, later)
    closed.refresh_from_db()
    assert not closed.is_closed
    assert (closed.stage, closed.outcome, closed.times_reopened) == (Case.Stage.IN_PROGRESS, "", 1)
    assert closed.satisfaction == stars
    assert closed.due_at > later
    conversation = Conversation.objects.get(pk=closed.conversation_id)
    assert conversation.matter == closed.reference
    assert conversation.messages.filter(direction="out", author=None).count() == 1


@pytest.mark.parametrize("stars", [3, 4, 5])
def test_a_content_answer_leaves_it_closed(closed: Case, now: datetime, stars: int) -> None:
    rate(closed, stars, now)
    closed.refresh_from_db()
    assert closed.is_closed


def test_closed_anew_the_person_is_asked_anew(
    closed: Case, desk_responder: Member, now: datetime
) -> None:
    rate(closed, 1, now)
    services.close_case(
        closed.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="الآن تم",
        by=desk_responder,
        now=now,
    )
    closed.refresh_from_db()
    assert closed.satisfaction is None
    rate(closed, 5, now)
    closed.refresh_from_db()
    assert [closed.is_closed, closed.satisfaction, closed.times_reopened] == [True, 5, 1]


def test_a_member_opens_a_case_again_that_was_not_at_its_end(
    closed: Case, desk_responder: Member, now: datetime
) -> None:
    services.reopen_case(closed.public_id, by=desk_responder, now=now)
    with pytest.raises(services.StepNotPossible):
        services.reopen_case(closed.public_id, by=desk_responder, now=now)


def test_a_leaving_members_cases_go_to_the_successor(
    khobar_responder: Member, khobar: Node, desk: Node, now: datetime
) -> None:
    mine, other = make_case(node=khobar), make_case()
    successor = make_member(Role.Kind.RESPONDER, khobar)
    Case.objects.update(owner=khobar_responder)
    assert services.hand_over(khobar_responder, to=successor, by=khobar_responder, now=now) == 2
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.owner, other.owner) == (successor, None)
