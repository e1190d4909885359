"""Sharing the inbox from its pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from bayan.core.models import UndoStep
from bayan.inbox import services
from bayan.inbox.models import CannedReply, Conversation, Label, Note, SavedView
from bayan.inbox.tests.factories import make_conversation, make_media
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


@pytest.fixture
def signed_in(client: StaffClient, desk_responder: Member) -> StaffClient:
    client.force_login(desk_responder)
    return client


def act(client: StaffClient, do: str, **data: Any) -> Any:
    return client.post(reverse("inbox:act"), {"do": do, **data}, headers=HTMX)


def test_one_takes_conversations_and_gives_them_back(
    signed_in: StaffClient, desk_responder: Member
) -> None:
    make_conversation()
    make_conversation()
    answer = act(signed_in, "assign:me", all="1", query="view=open").content.decode()
    assert "أُسندت محادثتان" in answer
    assert Conversation.objects.filter(assignee=desk_responder).count() == 2
    signed_in.post(reverse("people:undo", args=[UndoStep.objects.get().public_id]))
    assert not Conversation.objects.filter(assignee=desk_responder).exists()


@pytest.mark.parametrize(
    ("do", "extra", "status"),
    [
        ("snooze:tomorrow", {}, 200), ("snooze:hours", {}, 200), ("snooze:week", {}, 200),
        ("snooze:at", {"until": "2126-01-01T09:00"}, 200), ("snooze:at", {"until": "2020-01-01T09:00"}, 409),
        ("snooze:at", {}, 409), ("snooze:", {}, 422), ("assign:", {}, 422), ("nonsense:1", {}, 404),
        ("label:nothing", {}, 404),
    ],
)  # fmt: skip
def test_each_act_is_done_or_refused_in_words(
    signed_in: StaffClient, do: str, extra: dict[str, str], status: int
) -> None:
    conversation = make_conversation()
    assert act(signed_in, do, ids=str(conversation.public_id), **extra).status_code == status
    conversation.refresh_from_db()
    assert bool(conversation.snoozed_until) == (status == 200)


def test_a_responder_of_one_body_does_nothing_with_anothers(
    client: StaffClient, khobar: Node, qatif: Node, khobar_responder: Member
) -> None:
    other = make_conversation(node=qatif)
    client.force_login(khobar_responder)
    assert act(client, "assign:me", ids=str(other.public_id)).status_code == 422
    assert act(client, "assign:me", all="1", query="view=all").status_code == 422
    for name in ("acts", "ready", "presence", "print", "gallery"):
        assert client.get(reverse(f"inbox:{name}", args=[other.public_id])).status_code == 404
    address = reverse("inbox:note", args=[other.public_id])
    assert client.post(address, {"text": "سر"}).status_code == 404
    assert not Note.objects.exists()


def test_a_note_stands_in_the_thread_between_the_messages(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    conversation = make_conversation(node=khobar)
    address = reverse("inbox:note", args=[conversation.public_id])
    signed_in.post(
        address, {"text": "الفرقة في الطريق", "mention": str(khobar_responder.public_id)}
    )
    page = signed_in.get(reverse("inbox:conversation", args=[conversation.public_id]))
    assert "الفرقة في الطريق" in page.content.decode()
    assert f"@{khobar_responder.name_ar}" in page.content.decode()
    note = Note.objects.get()
    signed_in.force_login(khobar_responder)
    assert "أُشير إليّ" in signed_in.get("/inbox/").content.decode()
    signed_in.post(reverse("inbox:looked", args=[conversation.public_id]))
    assert "أُشير إليّ" not in signed_in.get("/inbox/").content.decode()
    refused = signed_in.post(reverse("inbox:delete_note", args=[note.public_id]), headers=HTMX)
    assert refused.status_code == 409


def test_whoever_else_is_here_is_named(
    client: StaffClient, khobar: Node, khobar_responder: Member, desk_responder: Member
) -> None:
    conversation = make_conversation(node=khobar)
    client.force_login(khobar_responder)
    client.post(reverse("inbox:typing", args=[conversation.public_id]))
    client.force_login(desk_responder)
    seen = client.get(reverse("inbox:presence", args=[conversation.public_id])).content.decode()
    assert f"{khobar_responder.name_ar} يكتب هنا الآن" in seen


def test_ready_replies_and_labels_are_kept_by_who_answers_for_the_body(
    client: StaffClient, khobar: Node, desk: Node, khobar_responder: Member, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    words = {"title": "استلام", "text": "وصلنا بلاغكم رقم {رقم البلاغ}", "node": "eastern"}
    client.post(reverse("inbox:save_reply"), words)
    client.post(reverse("inbox:save_label"), {"name": "أمطار", "tone": "info", "node": "eastern"})
    reply, label = CannedReply.objects.get(), Label.objects.get()
    conversation = make_conversation(node=khobar, matter="482173095")

    client.force_login(khobar_responder)
    ready = client.get(reverse("inbox:ready", args=[conversation.public_id])).content.decode()
    assert "وصلنا بلاغكم رقم 482\u00a0173\u00a0095" in ready
    page = client.get(reverse("inbox:settings")).content.decode()
    assert "استلام" in page
    # The authority's are used by everybody, and changed by the authority.
    for address, data in (
        (reverse("inbox:save_reply"), {"id": str(reply.public_id), "title": "x", "text": "y"}),
        (reverse("inbox:delete_reply", args=[reply.public_id]), {}),
        (reverse("inbox:save_label"), {"id": str(label.public_id), "name": "x"}),
        (reverse("inbox:delete_label", args=[label.public_id]), {}),
        (reverse("inbox:save_label"), {"name": "x", "node": "eastern"}),
    ):
        assert client.post(address, data).status_code == 403
    client.post(reverse("inbox:save_label"), {"name": "الخبر", "tone": "ok", "node": "khobar"})
    assert (
        act(client, f"label:{label.public_id}", ids=str(conversation.public_id)).status_code == 200
    )
    assert "أمطار" in client.get("/inbox/?view=all").content.decode()
    assert (
        act(client, f"unlabel:{label.public_id}", ids=str(conversation.public_id)).status_code
        == 200
    )


def test_what_the_menus_offer_is_fetched_when_they_open(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    conversation = make_conversation(node=khobar)
    narrow = signed_in.get(reverse("inbox:choices") + "?body=khobar").content.decode()
    assert '<option value="khobar" selected>' in narrow
    called = signed_in.get(
        reverse("inbox:choices"), {"part": "callable", "conversation": conversation.public_id}
    ).content.decode()
    assert str(khobar_responder.public_id) in called
    assert (
        "assign:me"
        in signed_in.get(reverse("inbox:acts", args=[conversation.public_id])).content.decode()
    )


def test_a_conversation_is_printed_and_its_files_are_shown_together(
    signed_in: StaffClient, desk: Node
) -> None:
    conversation = make_conversation("الشارع مظلم")
    conversation.messages.update(media=make_media(node=desk))
    printed = signed_in.get(reverse("inbox:print", args=[conversation.public_id]))
    assert "الشارع مظلم" in printed.content.decode()
    gallery = signed_in.get(reverse("inbox:gallery", args=[conversation.public_id]))
    assert "messages/media/" in gallery.content.decode()
    empty = signed_in.get(reverse("inbox:gallery", args=[make_conversation().public_id]))
    assert "لا مرفقات هنا" in empty.content.decode()


def test_filters_are_saved_as_a_view_of_ones_own(signed_in: StaffClient, khobar: Node) -> None:
    answer = signed_in.post(
        reverse("inbox:save_view"), {"name": "الخبر", "query": "body=khobar&evil=1"}
    )
    assert answer["Location"] == "/inbox/?view=open&body=khobar"
    assert "الخبر" in signed_in.get("/inbox/").content.decode()
    page = signed_in.get("/inbox/?view=open&body=khobar").content.decode()
    view = SavedView.objects.get()
    delete = reverse("inbox:delete_view", args=[view.public_id])
    assert delete in page
    other = StaffClient()
    other.force_login(make_member(Role.Kind.RESPONDER, khobar))
    assert "chip" not in other.get("/inbox/").content.decode()
    other.post(delete)
    assert SavedView.objects.exists()
    signed_in.post(delete)
    assert not SavedView.objects.exists()


def test_answering_takes_the_conversation(
    signed_in: StaffClient, desk_responder: Member, now: Any
) -> None:
    conversation = make_conversation()
    services.reply(conversation.public_id, "وصلنا", by=desk_responder, now=now)
    assert (
        "يتابعها"
        in signed_in.get(
            reverse("inbox:conversation", args=[conversation.public_id])
        ).content.decode()
    )
