from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import incoming
from bayan.inbox import services
from bayan.inbox.models import Conversation, Message
from bayan.inbox.tests.factories import make_conversation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


def fresh(**facts: Any) -> Conversation:
    """A conversation of five minutes ago: views read the clock themselves."""
    return make_conversation(now=timezone.now() - timedelta(minutes=5), **facts)


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(client: StaffClient) -> None:
    answer = client.get("/inbox/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in/?next=/inbox/"


def test_a_fragments_request_moves_the_whole_page_to_the_sign_in_page(client: StaffClient) -> None:
    answer = client.get("/inbox/", headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/sign-in/?next=/"


@pytest.mark.parametrize("view", ["waiting", "open", "closed", "all"])
def test_the_list_costs_the_same_queries_whatever_its_length(
    client: StaffClient, desk_responder: Member, view: str
) -> None:
    client.force_login(desk_responder)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/inbox/?view={view}").status_code == 200
        return len(captured)

    fresh()
    # What is read once a process is read by now.
    queries()
    few = queries()
    for _n in range(12):
        fresh()
    assert queries() == few <= 11


def test_a_thread_costs_the_same_queries_whatever_its_length(
    client: StaffClient, desk_responder: Member
) -> None:
    conversation = fresh()
    client.force_login(desk_responder)
    path = reverse("inbox:conversation", args=[conversation.public_id])

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path, headers=HTMX).status_code == 200
        return len(captured)

    client.post(f"{path}reply", {"text": "وصلنا بلاغكم"})
    few = queries()
    for _message in range(10):
        services.store([services.Arrival(incoming(), conversation, conversation.matter)])
        client.post(f"{path}reply", {"text": "نتابع"})
    assert queries() == few


def test_older_rows_follow_without_gap_or_repetition(
    client: StaffClient, desk_responder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayan.inbox.selectors.PAGE", 4)
    made = {str(fresh().public_id) for _n in range(10)}
    client.force_login(desk_responder)

    seen: list[str] = []
    path = "/inbox/?view=all"
    while path:
        page = client.get(path, headers=HTMX).context["page"]
        seen.extend(str(row.public_id) for row in page.rows)
        path = f"/inbox/?view=all&after={page.next_cursor}" if page.next_cursor else ""
    assert len(seen) == 10
    assert set(seen) == made


def test_a_reply_from_the_page_is_queued_and_the_composer_is_empty_again(
    client: StaffClient, desk_responder: Member
) -> None:
    conversation = fresh()
    client.force_login(desk_responder)

    answer = client.post(
        reverse("inbox:reply", args=[conversation.public_id]),
        {"text": "وصلنا بلاغكم"},
        headers=HTMX,
    )

    assert answer.status_code == 200
    assert "وصلنا بلاغكم" in answer.content.decode()
    assert Outgoing.objects.get().state == "queued"


def test_without_javascript_a_reply_leads_back_to_the_conversation(
    client: StaffClient, desk_responder: Member
) -> None:
    conversation = fresh()
    client.force_login(desk_responder)
    path = reverse("inbox:conversation", args=[conversation.public_id])
    assert client.post(f"{path}reply", {"text": "وصلنا"}).headers["Location"] == path


def test_an_empty_reply_is_refused_in_words_and_nothing_is_sent(
    client: StaffClient, desk_responder: Member
) -> None:
    conversation = fresh()
    client.force_login(desk_responder)
    path = reverse("inbox:reply", args=[conversation.public_id])

    answer = client.post(path, {"text": "  "}, headers=HTMX)

    assert answer.status_code == 422
    assert "اكتب" in answer.content.decode()
    assert not Outgoing.objects.exists()


def test_a_refusal_of_the_service_becomes_a_notice_and_leaves_nothing_behind(
    client: StaffClient, desk_responder: Member
) -> None:
    conversation = make_conversation(now=timezone.now() - timedelta(hours=25))
    client.force_login(desk_responder)

    answer = client.post(
        reverse("inbox:reply", args=[conversation.public_id]),
        {"text": "مرحبًا"},
        headers=HTMX,
    )

    assert answer.status_code == 409
    assert "24" in answer.content.decode()
    assert not Outgoing.objects.exists()


def test_a_viewer_reads_but_does_not_answer(client: StaffClient, khobar: Node) -> None:
    conversation = fresh(node=khobar)
    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    path = reverse("inbox:conversation", args=[conversation.public_id])

    assert client.get(path).status_code == 200
    assert client.post(f"{path}reply", {"text": "مرحبًا"}).status_code == 403
    assert not Outgoing.objects.exists()


def test_an_uncertain_message_is_sent_again_by_a_person_only(
    client: StaffClient, desk_responder: Member
) -> None:
    conversation = fresh()
    client.force_login(desk_responder)
    client.post(reverse("inbox:reply", args=[conversation.public_id]), {"text": "وصلنا بلاغكم"})
    Outgoing.objects.update(state="uncertain")
    message = Message.objects.latest("pk")
    shown = client.get(reverse("inbox:message", args=[message.outgoing.public_id]))  # type: ignore[union-attr]
    assert reverse("inbox:resend", args=[message.public_id]) in shown.content.decode()

    client.post(reverse("inbox:resend", args=[message.public_id]), headers=HTMX)

    assert Outgoing.objects.get().state == "queued"


def test_a_persons_words_cannot_become_markup(client: StaffClient, desk_responder: Member) -> None:
    conversation = fresh(text="<script>alert(1)</script> *عاجل* http://example.org/?a=1&b=2")
    client.force_login(desk_responder)
    page = client.get(reverse("inbox:conversation", args=[conversation.public_id])).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_pages_speak_arabic_until_english_is_chosen(
    client: StaffClient, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    arabic = client.get("/inbox/", headers={"Accept-Language": "en"}).content.decode()
    assert '<html lang="ar" dir="rtl"' in arabic

    client.post(reverse("set_language"), {"language": "en", "next": "/inbox/"})

    english = client.get("/inbox/").content.decode()
    assert '<html lang="en" dir="ltr"' in english


def test_the_open_list_uses_its_index(desk_responder: Member) -> None:
    fresh()
    for _closed in range(30):
        make_conversation(matter="")
    with connection.cursor() as cursor:
        # What the planner knows of the table must not hang on whether somebody has just looked at it.
        cursor.execute("ANALYZE inbox_conversation")
        # Few rows would be read one by one, or along the index of all: does its own answer?
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        plan = Conversation.objects.open().order_by("-last_message_at", "-pk")[:40].explain()
    assert "conversation_open" in plan
