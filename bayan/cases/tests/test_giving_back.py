"""A municipality gives back to the authority's desk what is not its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.cases.tests.test_handling import state_of_all
from bayan.core import undo
from bayan.core.models import AuditEntry, UndoStep
from bayan.core.rls import look_as
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message, Note
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}
REASON = "الموقع داخل نطاق بلدية الظهران"


def give_back(rows: Any, *, by: Member, now: datetime, reason: str = REASON) -> inbox.Done:
    """Given back with the member's eyes, as in a request of theirs."""
    try:
        look_as(by.pk)
        return services.give_back(rows, reason=reason, by=by, now=now)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('role', 'bayan_worker', true), set_config('bayan.member', '', true)"
            )


def test_the_case_goes_to_the_desk_with_all_that_hangs_on_it(
    khobar_responder: Member, khobar: Node, desk: Node, now: datetime
) -> None:
    case = make_case(node=khobar)
    inbox.reply(case.conversation.public_id, "وصلنا", by=khobar_responder, now=now)
    assert Conversation.objects.get().assignee == khobar_responder

    done = give_back(Case.objects.all(), by=khobar_responder, now=now)

    assert (done.count, done.undo) == (1, None)
    for rows in (Case, Conversation, Message, Note):
        assert set(rows.objects.values_list("node", flat=True)) == {desk.pk}
    assert Message.objects.get(direction="out").outgoing.node == desk  # type: ignore[union-attr]
    # Whoever does not see it any more neither answers nor handles it.
    assert Conversation.objects.get().assignee is None
    assert Case.objects.get().owner is None
    assert REASON in Note.objects.get().text
    line = AuditEntry.objects.get(action="case.given_back")
    assert (line.node_id, line.details) == (desk.pk, {"from": "khobar", "to": "eastern"})
    assert people.in_words([line])[0].details


def test_it_is_moved_as_it_is_moved_anywhere_else(
    khobar_responder: Member, khobar: Node, desk: Node, now: datetime
) -> None:
    """The database's own way to the desk and `pass_on` leave the same behind, also where two become one."""
    who: dict[str, Any] = {"whatsapp_id": "SA.1", "phone": "966500000001"}
    case = make_case("قديم", node=khobar, now=now, **who)
    inbox.reply(case.conversation.public_id, "وصلنا", by=khobar_responder, now=now)
    clerk = make_member(Role.Kind.RESPONDER, khobar)
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="", by=clerk, now=now
    )
    later = now + timedelta(days=5)
    make_case("جديد", now=later, **who)
    services.reopen_case(case.public_id, by=khobar_responder, now=later)
    Conversation.objects.filter(pk=case.conversation_id).update(labels=[1], read_at=later)
    assert Conversation.objects.count() == 2
    states = []
    for way in ("pass_on", "give_back"):
        with transaction.atomic():
            if way == "give_back":
                give_back(Case.objects.filter(pk=case.pk), by=khobar_responder, now=later)
            else:
                words = f"أُعيد إلى الأمانة: {REASON}"
                rows = Conversation.objects.filter(pk=case.conversation_id)
                inbox.write_notes(rows, words, by=khobar_responder, now=later)
                services.pass_on(
                    Case.objects.filter(pk=case.pk), to=desk, by=khobar_responder, now=later
                )
            found = state_of_all()
            # Each time it is another note.
            found["notes"] = [row[1:] for row in found["notes"]]
            states.append(found)
            transaction.set_rollback(True)
    assert states[0] == states[1]
    assert len(states[0]["conversations"]) == 1


def test_many_go_back_in_as_many_statements_as_one(
    khobar_responder: Member, khobar: Node, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(10):
        make_case(whatsapp_id=f"SA.{number}", phone=f"96650000000{number}", node=khobar)
    with django_assert_max_num_queries(45):
        assert give_back(Case.objects.all(), by=khobar_responder, now=now).count == 10


def test_a_reason_is_asked_for(khobar_responder: Member, khobar: Node, now: datetime) -> None:
    make_case(node=khobar)
    with pytest.raises(services.ReasonMissing), transaction.atomic():
        give_back(Case.objects.all(), by=khobar_responder, now=now, reason=" ")


def test_whoever_only_reads_in_the_body_gives_nothing_back(
    khobar: Node, qatif: Node, now: datetime
) -> None:
    member = make_member(Role.Kind.VIEWER, khobar)
    Role.objects.create(
        member=member, kind=Role.Kind.RESPONDER, node=qatif, starts_at=member.roles.get().starts_at
    )
    make_case(node=khobar)
    with pytest.raises(inbox.NotTheirs), transaction.atomic():
        give_back(Case.objects.all(), by=member, now=now)


def test_the_desks_own_people_may_undo_it(
    desk_responder: Member, khobar: Node, now: datetime
) -> None:
    make_case(node=khobar)
    before = state_of_all()
    done = give_back(Case.objects.all(), by=desk_responder, now=now)
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    after = state_of_all()
    # The note that gave the reason stays, as notes do.
    assert before | {"notes": after["notes"]} == after


# --- Row-level security


@pytest.fixture
def theirs(khobar: Node, qatif: Node) -> dict[str, Case]:
    return {
        "khobar": make_case(node=khobar, whatsapp_id="SA.1", phone="966500000001"),
        "qatif": make_case(node=qatif, whatsapp_id="SA.2", phone="966500000002"),
        "eastern": make_case(whatsapp_id="SA.3", phone="966500000003"),
    }


@pytest.mark.parametrize("body", ["qatif", "eastern"])
def test_the_database_gives_back_nothing_that_the_member_does_not_see(
    theirs: dict[str, Case], khobar_responder: Member, body: str
) -> None:
    keys = [theirs["khobar"].conversation_id, theirs[body].conversation_id]
    with transaction.atomic(), connection.cursor() as cursor:
        look_as(khobar_responder.pk)
        with pytest.raises(DatabaseError, match="not yours"), transaction.atomic():
            cursor.execute("SELECT give_back_to_desk(%s)", [keys])
        assert Case.objects.count() == 1


def test_the_database_gives_back_nothing_that_is_closed_and_nothing_without_a_member(
    theirs: dict[str, Case], khobar_responder: Member, now: datetime
) -> None:
    case = theirs["khobar"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE bayan_web")
        with pytest.raises(DatabaseError, match="not yours"), transaction.atomic():
            cursor.execute("SELECT give_back_to_desk(%s)", [[case.conversation_id]])
        cursor.execute("SET LOCAL ROLE bayan_worker")
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="", by=khobar_responder, now=now
    )
    with transaction.atomic(), connection.cursor() as cursor:
        look_as(khobar_responder.pk)
        with pytest.raises(DatabaseError, match="not yours"), transaction.atomic():
            cursor.execute("SELECT give_back_to_desk(%s)", [[case.conversation_id]])


def test_every_other_way_to_the_desk_stays_shut(
    theirs: dict[str, Case], khobar_responder: Member, desk: Node, qatif: Node
) -> None:
    with transaction.atomic():
        look_as(khobar_responder.pk)
        for rows in (Case.objects, Conversation.objects, Message.objects):
            for node in (desk, qatif):
                with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                    rows.update(node=node)


# --- Pages


def test_a_responder_gives_one_back_from_its_panel(
    client: StaffClient, theirs: dict[str, Case], khobar_responder: Member, desk: Node
) -> None:
    case = theirs["khobar"]
    client.force_login(khobar_responder)
    panel = client.get(reverse("cases:panel", args=[case.conversation.public_id])).content.decode()
    address = reverse("cases:give_back", args=[case.public_id])
    assert address in panel
    assert client.post(address, {"reason": ""}, headers=HTMX).status_code == 409
    answer = client.post(address, {"reason": REASON}, headers=HTMX)
    assert answer["HX-Redirect"] == "/cases/"
    assert client.get(address.replace("give-back", "point")).status_code == 404
    case.refresh_from_db()
    assert case.node == desk
    steps = UndoStep.objects.filter(action=services.PASSED_ON)
    assert not steps.filter(member_id=khobar_responder.pk).exists()
    other = reverse("cases:give_back", args=[theirs["qatif"].public_id])
    assert client.post(other, {"reason": REASON}).status_code == 404


def test_a_responder_gives_many_back_at_once(
    client: StaffClient, khobar_responder: Member, khobar: Node, qatif: Node, desk: Node
) -> None:
    for number, node in enumerate([khobar, khobar, qatif]):
        make_case(whatsapp_id=f"SA.{number}", phone=f"96650000000{number}", node=node)
    client.force_login(khobar_responder)
    address = reverse("cases:act")
    bodies = client.get(reverse("cases:choices"), {"part": "bodies"}).content.decode()
    assert 'value="back:"' in bodies
    form = {"do": "back:", "all": "1", "query": "state=all"}
    assert client.post(address, form, headers=HTMX).status_code == 409
    assert client.post(address, form | {"reason": REASON}, headers=HTMX).status_code == 200
    assert Case.objects.filter(node=desk).count() == 2
    assert Case.objects.filter(node=qatif).count() == 1
