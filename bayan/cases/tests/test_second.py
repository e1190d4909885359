"""A second opinion at work: labels at once from Bayan's own model, better ones a little later, or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Case, Correction, Reading, SecondReader
from bayan.cases.services import second, understanding
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.triage.endpoint import Answer, Endpoint, Unanswered
from bayan.triage.tests.endpoint import ROADS, Server, running
from bayan.triage.thresholds import USUAL, Thresholds
from conftest import StaffClient

HOLE = "حفرة كبيرة في حي الراكة الشمالية بالخبر كسرت كفر سيارتي"
CRY = "الحقونا ولد طاح في منهل مفتوح"
EXCAVATION = ROADS | {"category": "excavation", "urgency": "high", "sentiment": "neutral"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def server(settings: Any, desk: Node) -> Iterator[Server]:
    with running() as server:
        settings.TRIAGE_ENDPOINT = server.endpoint
        yield server


def ask(server: Server, *, now: datetime = MONDAY) -> int:
    return services.give_second_opinions(server.endpoint, now=now)


def labels_of(case: Case) -> tuple[str, str, str]:
    case.refresh_from_db()
    return case.kind, case.category, case.priority


def test_its_labels_replace_those_of_the_first_and_say_so(
    client: StaffClient, desk_responder: Member, server: Server
) -> None:
    server.says = lambda _message: EXCAVATION
    case = make_case(HOLE)
    assert labels_of(case) == ("complaint", "roads", "normal")
    due = case.due_at

    assert ask(server) == 1
    assert ask(server) == 0

    assert labels_of(case) == ("complaint", "excavation", "high")
    assert case.due_at < due
    reading = Reading.objects.get()
    assert reading.version == "second"
    # Where both agree the words that weighed stay; where not, the first label is offered.
    assert reading.said["kind"][0] == "complaint"
    assert reading.said["kind"][1] > 0.4
    assert reading.said["category"][:3] == ["excavation", None, []]
    assert reading.said["category"][3][0][0] == "roads"
    line = AuditEntry.objects.get(action="case.read_again", subject_key=case.reference)
    assert (line.actor, line.details["category"]) == ("system", "excavation")

    client.force_login(desk_responder)
    panel = reverse("cases:panel", args=[case.conversation.public_id])
    shown = client.get(panel, headers=HTMX).content.decode()
    assert shown.count("%</bdi>") == 1
    client.post(
        reverse("cases:label", args=[case.public_id]),
        {"field": "category", "value": "roads"},
        headers=HTMX,
    )
    kept = Correction.objects.get()
    assert (kept.said, kept.right, kept.version) == ("excavation", "roads", "second")


def test_only_what_the_first_is_unsure_of_is_asked_about(
    settings: Any, monkeypatch: pytest.MonkeyPatch, desk: Node
) -> None:
    settings.TRIAGE_ENDPOINT = Endpoint("http://127.0.0.1:1/v1", "second")
    make_case(HOLE)
    assert Reading.objects.get().asks_at is None

    monkeypatch.setattr(
        understanding, "thresholds", lambda: Thresholds(sure={"category": {USUAL: 1.0}})
    )
    unsure = make_case(HOLE, whatsapp_id="SA.2")
    assert Reading.objects.get(case=unsure).asks_at is not None

    settings.TRIAGE_ENDPOINT = None
    nobody = make_case(HOLE, whatsapp_id="SA.3")
    assert Reading.objects.get(case=nobody).asks_at is None


def test_danger_that_was_heard_is_never_lowered(server: Server) -> None:
    server.says = lambda _message: ROADS | {"urgency": "low", "kind": "praise"}
    same: dict[str, Any] = {"whatsapp_id": "SA.5", "phone": "966500000005"}
    first = make_case(CRY)
    later = make_case(HOLE, **same)
    services.take_in([incoming(CRY, **same)], now=MONDAY)

    ask(server)

    assert labels_of(first)[2] == labels_of(later)[2] == "emergency"
    assert Reading.objects.get(case=first).said["priority"][0] == "emergency"
    assert labels_of(first)[0] == "praise"


def test_an_emergency_that_only_the_second_hears_is_one(server: Server) -> None:
    server.says = lambda _message: ROADS | {"urgency": "emergency"}
    case = make_case(HOLE)
    ask(server)
    assert labels_of(case)[2] == "emergency"


def test_nothing_that_names_a_person_is_sent(server: Server) -> None:
    make_case(
        "اسمي خالد العتيبي وجوالي 0551234567 وهويتي 1012345678 k@x.sa https://x.sa/u?id=7 الإنارة طافية",
        name="خالد العتيبي",
        phone="966559876543",
    )
    ask(server)

    assert server.messages == ["اسمي *** *** وجوالي 0000000 وهويتي 0000000 *** *** الإنارة طافية"]
    everything = str(server.requests) + str(server.headers)
    assert not any(part in everything for part in ("خالد", "SA.", "9665", "wamid"))


def test_what_a_member_has_touched_is_theirs(server: Server, desk_responder: Member) -> None:
    server.says = lambda _message: EXCAVATION
    case = make_case(HOLE)
    rows = Case.objects.filter(pk=case.pk)
    services.sort(rows, field="kind", value="observation", by=desk_responder, now=MONDAY)
    services.sort(rows, field="kind", value="complaint", by=desk_responder, now=MONDAY)
    assert not Correction.objects.exists()

    assert ask(server) == 1
    assert labels_of(case) == ("complaint", "roads", "normal")
    assert ask(server, now=MONDAY + timedelta(hours=1)) == 0


def test_what_the_person_took_back_is_not_sent(server: Server) -> None:
    make_case(HOLE)
    Message.objects.update(revoked_at=MONDAY)

    assert ask(server) == 1
    assert server.requests == []
    assert ask(server, now=MONDAY + timedelta(hours=1)) == 0


def test_an_answer_that_is_none_leaves_everything_as_it_was(server: Server) -> None:
    server.says = lambda _message: ROADS | {"category": "potholes"}
    case = make_case(HOLE)
    before = Reading.objects.values("said", "version").get()

    ask(server)

    assert labels_of(case) == ("complaint", "roads", "normal")
    assert Reading.objects.values("said", "version").get() == before
    assert SecondReader.objects.get().failure == "unknown category"
    # It would say the same again.
    assert ask(server, now=MONDAY + timedelta(hours=1)) == 0


def test_a_killed_worker_costs_a_lease_and_no_opinion(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(HOLE)
    server.says = lambda _message: EXCAVATION

    async def killed(*_arguments: object) -> list[Answer | Unanswered]:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(second, "ask_all", killed)
        with pytest.raises(SystemExit):
            ask(server)
    assert ask(server, now=MONDAY + second.LEASE / 2) == 0
    assert ask(server, now=MONDAY + second.LEASE) == 1
    assert labels_of(case)[1] == "excavation"


def test_an_endpoint_that_is_down_rests_and_is_tried_with_one_message(server: Server) -> None:
    cases = [make_case(HOLE, whatsapp_id=f"SA.{n}") for n in range(second.FAILURES)]
    server.says = lambda _message: web.Response(status=503)
    assert ask(server) == second.FAILURES

    # For a minute nobody asks; then one message does.
    soon, after = MONDAY + timedelta(seconds=59), MONDAY + second.REST
    assert ask(server, now=soon) == 0
    assert ask(server, now=after) == 1
    assert len(server.requests) == second.FAILURES + 1
    assert SecondReader.objects.get().failure == "status 503"

    server.says = lambda _message: EXCAVATION
    assert ask(server, now=after + second.REST) == 1
    assert SecondReader.objects.get().failures == 0
    assert ask(server, now=after + second.REST) == second.FAILURES - 1
    assert {labels_of(case)[1] for case in cases} == {"excavation"}


def test_it_is_given_up_after_some_tries_and_after_hours(server: Server) -> None:
    server.says = lambda _message: web.Response(status=500)
    make_case(HOLE)
    rounds = [ask(server, now=MONDAY + n * second.PAUSE) for n in range(second.TRIES + 1)]
    assert rounds == [1] * second.TRIES + [0]

    make_case(HOLE, whatsapp_id="SA.2")
    assert ask(server, now=MONDAY + second.WORTH + timedelta(minutes=1)) == 0
    assert not Reading.objects.filter(asks_at__isnull=False).exists()


def test_many_cost_as_few_queries_as_one(server: Server) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            ask(server)
        return len(caught)

    make_case(HOLE)
    queries()
    make_case(HOLE, whatsapp_id="SA.20")
    one = queries()
    for number in range(5):
        make_case(HOLE, whatsapp_id=f"SA.3{number}")
    assert queries() == one
