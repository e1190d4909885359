from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases.tests.factories import make_case
from bayan.correspondence.models import Letter, Look
from bayan.correspondence.tests.factories import make_letter, make_sent
from bayan.inbox.models import Message
from bayan.inbox.tests.factories import make_media
from bayan.meetings import services as meetings
from bayan.meetings.models import Meeting, Poll
from bayan.meetings.tests.factories import make_called, make_meeting, make_poll
from bayan.meetings.tests.factories import make_sent as make_sent_poll
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: StaffClient, desk_responder: Member, now: datetime) -> Ask:
    """Ask the API as the desk's responder, with both scopes."""
    token = people.create_token(email=desk_responder.email or "", scopes=["read", "write"], now=now)

    def ask(method: str, path: str, body: object = None) -> Any:
        return getattr(client, method)(
            path if path.startswith("/") else f"/api/v1/{path}",
            data=body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )

    return ask


def test_a_message_names_its_kind_and_leads_to_its_file(
    ask: Ask, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    make_case("الحفرة هنا", now=timezone.now() - timedelta(minutes=5))
    media = make_media(b"bytes", mime_type="image/jpeg", name="حفرة.jpg")
    Message.objects.update(kind="image", media=media, payload={"product": "x"}, forwarded="often")

    (message,) = ask("get", "messages").json()["items"]

    assert (message["kind"], message["text"]) == ("image", "الحفرة هنا")
    assert (message["forwarded"], message["payload"]) == ("often", {"product": "x"})
    assert message["media"]["name"] == "حفرة.jpg"
    assert ask("get", message["media"]["url"]).status_code == 200

    Message.objects.update(revoked_at=timezone.now())
    (message,) = ask("get", "messages").json()["items"]
    assert (message["text"], message["media"], message["payload"]) == ("", None, {})


def test_a_key_that_may_only_write_reads_no_file(
    client: StaffClient, desk_responder: Member, now: datetime, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    token = people.create_token(email=desk_responder.email or "", scopes=["write"], now=now)
    path = reverse("inbox:media", args=[make_media(b"bytes").public_id])
    assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 403


def test_a_case_is_read_answered_assigned_and_closed(ask: Ask) -> None:
    # The API reads the clock itself.
    case = make_case("الشارع مظلم", now=timezone.now() - timedelta(minutes=5))

    listed = ask("get", "cases").json()["items"]
    assert listed == [
        {
            "id": str(case.public_id),
            "reference": case.reference,
            "state": "open",
            "kind": "complaint",
            "municipality": None,
            "conversation_id": str(case.conversation.public_id),
            "opened_at": listed[0]["opened_at"],
            "closed_at": None,
            "outcome": None,
            "satisfaction": None,
        }
    ]
    conversation = ask("get", "conversations").json()["items"][0]
    assert conversation["state"] == "open"
    answer = ask("post", f"conversations/{conversation['id']}/messages", {"text": "مرحبًا"})
    assert answer.status_code == 201
    assert (answer.json()["text"], answer.json()["status"]) == ("مرحبًا", "queued")
    assert answer.json()["case_id"] == str(case.public_id)
    assigned = ask("post", f"cases/{case.public_id}/assign", {"municipality": "khobar"}).json()
    assert assigned["municipality"] == "khobar"
    closed = ask(
        "post", f"cases/{case.public_id}/close", {"outcome": "resolved", "excuse": "confirmed"}
    ).json()
    assert (closed["state"], closed["outcome"]) == ("closed", "resolved")
    again = ask(
        "post", f"cases/{case.public_id}/close", {"outcome": "resolved", "excuse": "confirmed"}
    )
    assert again.status_code == 409
    assert again.headers["Content-Type"].startswith("application/problem+json")


def test_a_message_has_the_fields_of_the_contract(ask: Ask) -> None:
    case = make_case("الشارع مظلم")

    (message,) = ask("get", f"messages?case_id={case.public_id}").json()["items"]

    assert message["case_id"] == str(case.public_id)
    assert message["external_id"].startswith("wamid.")
    assert {key: message[key] for key in ("direction", "kind", "text", "status", "error")} == {
        "direction": "in",
        "kind": "text",
        "text": "الشارع مظلم",
        "status": "received",
        "error": None,
    }


def test_a_list_is_walked_by_its_cursor_without_gap_or_repetition(ask: Ask) -> None:
    made = {str(make_case().public_id) for _case in range(7)}

    seen: list[str] = []
    cursor = ""
    while True:
        page = ask("get", f"cases?limit=3{cursor}").json()
        seen.extend(case["id"] for case in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert len(seen) == 7
    assert set(seen) == made


def test_a_list_filters_by_state_municipality_and_reference(ask: Ask, khobar: Node) -> None:
    here, there = make_case(), make_case(node=khobar)

    def found(query: str) -> list[str]:
        return [case["reference"] for case in ask("get", f"cases?{query}").json()["items"]]

    assert found("municipality=khobar") == [there.reference]
    assert found(f"reference={here.reference}") == [here.reference]
    assert found("state=closed") == []


@pytest.mark.parametrize(
    "path", ["cases", "conversations", "messages", "circulars", "polls", "meetings"]
)
def test_a_list_costs_the_same_queries_whatever_its_length(
    ask: Ask, path: str, desk_responder: Member
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ask("get", path).status_code == 200
        return len(captured)

    def one_more() -> None:
        make_case()
        desk = desk_responder.roles.get().node
        make_letter(desk, desk_responder, now=timezone.now())
        make_poll(desk, desk_responder, [desk_responder], now=timezone.now())
        make_meeting(desk, desk_responder, [desk_responder], now=timezone.now())
        Poll.objects.filter(state="draft").update(
            state="open",
            sent_at=timezone.now(),
            due_at=timezone.now(),
            leaves_at=timezone.now(),
            fingerprint="0" * 64,
        )
        Meeting.objects.update(state="called", called_at=timezone.now())

    one_more()
    few = queries()
    for _case in range(10):
        one_more()
    assert queries() == few


def test_errors_are_problem_documents(client: StaffClient, ask: Ask) -> None:
    for answer, status in (
        (client.get("/api/v1/cases"), 401),
        (client.get("/api/v1/cases", headers={"Authorization": "Bearer wrong"}), 401),
        (ask("get", "cases?limit=201"), 422),
        (ask("get", "cases?cursor=nonsense"), 409),
        (ask("get", "cases/01a20695-0662-7671-b69c-2d93863e31b1"), 404),
    ):
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json()["status"] == status
        assert answer.json()["detail"]


def test_a_reading_token_changes_nothing(
    client: StaffClient, desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    token = people.create_token(email=desk_responder.email or "", scopes=["read"], now=now)

    answer = client.post(
        f"/api/v1/cases/{case.public_id}/close",
        {"outcome": "resolved", "excuse": "confirmed"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )

    assert answer.status_code == 403
    case.refresh_from_db()
    assert not case.is_closed


def test_a_viewer_may_read_but_not_close(client: StaffClient, khobar: Node, now: datetime) -> None:
    case = make_case(node=khobar)
    viewer = make_member(Role.Kind.VIEWER, khobar)
    token = people.create_token(email=viewer.email or "", scopes=["read", "write"], now=now)
    headers = {"Authorization": f"Bearer {token}"}

    assert client.get(f"/api/v1/cases/{case.public_id}", headers=headers).status_code == 200
    refused = client.post(
        f"/api/v1/cases/{case.public_id}/close",
        {"outcome": "resolved", "excuse": "confirmed"},
        content_type="application/json",
        headers=headers,
    )
    assert refused.status_code == 403


def test_the_description_of_the_api_names_every_list(client: StaffClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {
        "/api/v1/cases",
        "/api/v1/conversations",
        "/api/v1/messages",
        "/api/v1/circulars",
        "/api/v1/polls",
        "/api/v1/meetings",
    } <= set(paths)


def test_a_circular_shows_what_its_reader_may_see_and_that_it_was_opened(
    ask: Ask, desk: Node, desk_responder: Member, khobar_responder: Member
) -> None:
    director = make_member(Role.Kind.DIRECTOR, desk)
    now = timezone.now()
    public = make_sent(desk, director, now=now)
    secret = make_sent(desk, director, now=now, grade=Letter.Grade.SECRET)

    listed = ask("get", "circulars?state=sent").json()["items"]
    assert [row["id"] for row in listed] == [str(public.public_id)]
    assert (listed[0]["reference"], listed[0]["recipients"], listed[0]["done"]) == ("1448/1", 1, 0)
    whole = ask("get", f"circulars/{public.public_id}").json()
    assert whole["text"] == public.text
    # Who has seen it is for whoever writes for the body.
    assert whole["stages"] is None
    assert Look.objects.get().member == desk_responder
    assert ask("get", f"circulars/{secret.public_id}").status_code == 404


def test_polls_and_meetings_show_how_they_stand_and_no_vote_of_a_secret_one(
    ask: Ask, desk: Node, desk_responder: Member
) -> None:
    director = make_member(Role.Kind.DIRECTOR, desk)
    now = timezone.now()
    others = [make_member(Role.Kind.EDITOR, desk) for _one in range(4)]
    people = [desk_responder, director, *others]
    opened = make_sent_poll(desk, director, people, now=now)
    hidden = make_sent_poll(desk, director, people, now=now, is_secret=True)
    make_poll(desk, director, [director], now=now)
    for poll in (opened, hidden):
        meetings.vote(
            poll.public_id, 1, by=desk_responder, now=now, fingerprint=poll.fingerprint[:16]
        )
    # A draft is for those who write.
    assert len(ask("get", "polls").json()["items"]) == 2
    one = ask("get", f"polls/{opened.public_id}").json()
    assert (one["asked"], one["voted"], one["my_answer"]) == (6, 1, "نعم")
    assert one["votes"] == [{"answer": "نعم", "count": 1}, {"answer": "لا", "count": 0}]
    secret = ask("get", f"polls/{hidden.public_id}").json()
    assert (secret["asked_me"], secret["my_answer"], secret["votes"]) == (True, None, [])

    meeting = make_called(desk, director, [desk_responder], now=now)
    meetings.answer_invitation(meeting.public_id, "comes", by=desk_responder, now=now)
    assert [row["id"] for row in ask("get", "meetings?state=called").json()["items"]] == [
        str(meeting.public_id)
    ]
    one = ask("get", f"meetings/{meeting.public_id}").json()
    assert (one["agenda"][0], one["my_answer"], one["decisions"]) == ("موسم الأمطار", "comes", [])
    assert one["answers"] == {"comes": 1, "excused": 0, "sends": 0}
