"""Who answers what, and when: members share an inbox."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.inbox import selectors, services
from bayan.inbox.models import (
    CannedReply,
    Conversation,
    Label,
    Mention,
    Note,
    Presence,
    SavedView,
)
from bayan.inbox.selectors import Filters
from bayan.inbox.tests.factories import make_conversation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member


def test_conversations_are_given_to_a_member_and_taken_back(
    desk_responder: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    mine = make_conversation(node=khobar)
    services.assign(Conversation.objects.all(), to=desk_responder, by=desk_responder, now=now)
    done = services.assign(
        Conversation.objects.all(), to=khobar_responder, by=desk_responder, now=now
    )
    mine.refresh_from_db()
    assert (done.count, mine.assignee) == (1, khobar_responder)
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    mine.refresh_from_db()
    assert mine.assignee == desk_responder
    assert services.assign(
        Conversation.objects.all(), to=desk_responder, by=desk_responder, now=now
    ) == services.Done(0)


def test_undoing_leaves_alone_what_went_on_meanwhile(
    desk_responder: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    mine = make_conversation(node=khobar)
    done = services.assign(
        Conversation.objects.all(), to=khobar_responder, by=desk_responder, now=now
    )
    services.assign(Conversation.objects.all(), to=desk_responder, by=desk_responder, now=now)
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    mine.refresh_from_db()
    assert mine.assignee == desk_responder


def test_nobody_is_given_what_they_do_not_answer_for(
    desk_responder: Member, qatif_responder: Member, khobar: Node, now: datetime
) -> None:
    make_conversation(node=khobar)
    viewer = make_member(Role.Kind.VIEWER, khobar)
    for member in (qatif_responder, viewer):
        with pytest.raises(services.NotTheirs):
            services.assign(Conversation.objects.all(), to=member, by=desk_responder, now=now)


def test_what_is_put_off_comes_back_in_time(desk_responder: Member, now: datetime) -> None:
    make_conversation()
    tomorrow = now + timedelta(days=1)
    done = services.snooze(Conversation.objects.all(), until=tomorrow, by=desk_responder, now=now)

    def seen(view: str, at: datetime) -> bool:
        return selectors.conversations(Filters(view=view), member=desk_responder, now=at).exists()

    assert (seen("open", now), seen("snoozed", now), seen("all", now)) == (False, True, True)
    assert (seen("open", tomorrow), seen("snoozed", tomorrow)) == (True, False)
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    assert seen("open", now)
    with pytest.raises(services.AlreadyOver):
        services.snooze(Conversation.objects.all(), until=now, by=desk_responder, now=now)


def test_labels_are_put_on_and_taken_off_many_at_once(
    desk_responder: Member, desk: Node, now: datetime
) -> None:
    rain = services.save_label(
        None, name="أمطار", tone="info", node=desk, by=desk_responder, now=now
    )
    again = services.save_label(
        None, name="متكرر", tone="warn", node=desk, by=desk_responder, now=now
    )
    make_conversation()
    make_conversation()
    rows = Conversation.objects.all()
    assert services.label(rows, add=[rain, again], by=desk_responder, now=now).count == 2
    done = services.label(rows, remove=[rain], by=desk_responder, now=now)
    assert {tuple(row.labels) for row in rows.all()} == {(again.pk,)}
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    assert {tuple(row.labels) for row in rows.all()} == {(rain.pk, again.pk)}
    filters = Filters(view="all", label=rain.public_id)
    assert selectors.conversations(filters, member=desk_responder, now=now).count() == 2
    services.delete_label(rain.public_id, by=desk_responder, now=now)
    assert {tuple(row.labels) for row in rows.all()} == {(again.pk,)}
    with pytest.raises(services.NameTaken):
        services.save_label(None, name=" متكرر ", tone="ok", node=desk, by=desk_responder, now=now)
    assert list(Label.objects.values_list("name", flat=True)) == ["متكرر"]


def test_a_note_calls_those_who_can_see_it(
    desk_responder: Member, khobar_responder: Member, qatif_responder: Member, khobar: Node, now: datetime
) -> None:  # fmt: skip
    conversation = make_conversation(node=khobar)
    services.write_note(
        conversation.public_id, "متى تصل الفرقة؟", mentions=[khobar_responder], by=desk_responder, now=now
    )  # fmt: skip
    called = Filters(view="mentions")
    assert selectors.conversations(called, member=khobar_responder, now=now).exists()
    assert not selectors.conversations(called, member=desk_responder, now=now).exists()
    assert services.see_mentions(conversation, by=khobar_responder, now=now)
    assert not services.see_mentions(conversation, by=khobar_responder, now=now)
    assert not selectors.conversations(called, member=khobar_responder, now=now).exists()
    with pytest.raises(services.NotTheirs):
        services.write_note(
            conversation.public_id, "؟", mentions=[qatif_responder], by=desk_responder, now=now
        )
    with pytest.raises(services.NothingWritten):
        services.write_note(conversation.public_id, "  ", mentions=[], by=desk_responder, now=now)
    # The person never sees it, and the trail does not hold its words.
    assert conversation.messages.count() == 1
    assert "الفرقة" not in str(list(AuditEntry.objects.values_list("details", flat=True)))


def test_a_note_is_taken_back_by_who_wrote_it(
    desk_responder: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)
    note = services.write_note(
        conversation.public_id, "خطأ", mentions=[khobar_responder], by=desk_responder, now=now
    )
    with pytest.raises(services.NotTheirs):
        services.delete_note(note.public_id, by=khobar_responder, now=now)
    services.delete_note(note.public_id, by=desk_responder, now=now)
    assert not Note.objects.exists()
    assert not Mention.objects.exists()


def test_who_else_is_here_is_seen_for_a_minute(
    desk_responder: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    conversation = make_conversation(node=khobar)
    services.be_here(conversation, by=khobar_responder, writes=False, now=now)

    def others(at: datetime) -> list[tuple[Member, bool]]:
        return selectors.others_here(conversation, but=desk_responder, now=at)

    assert others(now) == [(khobar_responder, False)]
    services.be_here(conversation, by=khobar_responder, writes=True, now=now)
    assert others(now) == [(khobar_responder, True)]
    assert others(now + timedelta(seconds=30)) == [(khobar_responder, False)]
    assert others(now + timedelta(minutes=2)) == []
    assert selectors.others_here(conversation, but=khobar_responder, now=now) == []
    assert services.forget_presences(now=now + timedelta(hours=1)) == 1
    assert not Presence.objects.exists()


def test_a_ready_reply_is_filled_in_with_what_is_known(
    desk_responder: Member, desk: Node, khobar: Node, now: datetime
) -> None:
    words = "أهلًا {الاسم}، بلاغك رقم {رقم البلاغ} لدى {البلدية}."
    reply = services.save_canned_reply(
        None, title="استلام", text=words, node=desk, by=desk_responder, now=now
    )
    values = {"name": "نورة", "reference": "482 173 095", "body": "بلدية محافظة الخبر"}
    assert services.filled(reply.text, values=values) == (
        "أهلًا نورة، بلاغك رقم 482 173 095 لدى بلدية محافظة الخبر."
    )
    assert services.filled(reply.text, values={**values, "name": ""}).startswith("أهلًا، بلاغك")
    assert selectors.canned_replies_of(khobar) == [reply]
    for text in ("", "أهلًا {اسم الأم}"):
        with pytest.raises(services.NothingWritten):
            services.save_canned_reply(
                None, title="آخر", text=text, node=desk, by=desk_responder, now=now
            )
    services.delete_canned_reply(reply.public_id, by=desk_responder, now=now)
    assert not CannedReply.objects.exists()


@given(text=st.text(max_size=80))
def test_filling_in_leaves_no_place_open(text: str) -> None:
    filled = services.filled("{الاسم}" + text + "{name}", values={"name": "س"})
    assert "{الاسم}" not in filled
    assert "{name}" not in filled


def test_a_view_is_saved_under_its_name(desk_responder: Member) -> None:
    services.save_view(page="conversations", name="الخبر", query="body=khobar", by=desk_responder)
    services.save_view(
        page="conversations", name="الخبر", query="body=khobar&view=all", by=desk_responder
    )
    (view,) = selectors.saved_views_of(desk_responder, "conversations")
    assert view.query == "body=khobar&view=all"
    for number in range(19):
        services.save_view(page="conversations", name=str(number), query="", by=desk_responder)
    with pytest.raises(services.TooMany):
        services.save_view(page="conversations", name="كثير", query="", by=desk_responder)
    services.delete_view(view.public_id, by=desk_responder)
    assert SavedView.objects.count() == 19


def test_a_leaving_members_conversations_go_to_the_successor(
    khobar_responder: Member, khobar: Node, desk_responder: Member, now: datetime
) -> None:
    mine, other = make_conversation(node=khobar), make_conversation()
    Conversation.objects.update(assignee=khobar_responder)
    successor = make_member(Role.Kind.RESPONDER, khobar)
    assert services.hand_over(khobar_responder, to=successor, by=desk_responder, now=now) == 2
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.assignee, other.assignee) == (successor, None)
