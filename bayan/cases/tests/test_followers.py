"""Who follows what others reported first: told of its end once, each their own way, until they stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bayan.cases import services
from bayan.cases.models import Case, Closing
from bayan.cases.services import near
from bayan.cases.tests.factories import CONFIRMED
from bayan.cases.tests.test_near import LATER, known, pressed, reported
from bayan.cases.whole.models import Follower
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import body_part, incoming, make_template
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Member, OptOut
from conftest import StaffClient

__all__ = ["known"]
ENDED = LATER + timedelta(hours=2)
TOLD = ENDED + timedelta(minutes=1)


@pytest.fixture
def follower(known: Case) -> Case:
    case = reported()
    pressed(case, near.SAME + known.reference)
    return Case.objects.get(pk=case.pk)


def end(case: Case, by: Member, **changes: Any) -> None:
    services.close_case(
        case.public_id, outcome="resolved", words="سُدّت الحفرة", by=by, now=ENDED,
        basis=CONFIRMED, **changes,
    )  # fmt: skip


def heard(case: Case) -> list[Message]:
    """What that person was told by members."""
    rows = Message.objects.filter(matter=case.reference, direction="out").exclude(author=None)
    return list(rows.order_by("pk"))


def says(case: Case, text: str, **changes: Any) -> None:
    names = dict(case.contact.identities.values_list("scheme", "value"))
    message = incoming(
        text, received_at=LATER, whatsapp_id=names["whatsapp"], phone=names["phone"], **changes
    )
    services.take_in([message], now=LATER)


def test_who_follows_is_told_once_of_the_end_and_their_report_ends_with_it(
    known: Case, follower: Case, khobar_responder: Member
) -> None:
    other = reported(60)
    end(known, khobar_responder)
    assert services.tell_followers(now=ENDED) == 0
    services.tell_followers(now=TOLD)
    services.tell_followers(now=TOLD)

    (message,) = heard(follower)
    assert "أُصلح" in message.text or "عولج" in message.text or "معالج" in message.text
    assert message.kind == "list"
    follower.refresh_from_db()
    assert (follower.outcome, follower.closed_by) == ("resolved", khobar_responder)
    assert Closing.objects.get(case=follower).excuse == "confirmed"
    # Who said nothing to the question follows nothing.
    other.refresh_from_db()
    assert not other.is_closed
    assert heard(other) == []


def test_outside_the_window_the_words_wait_behind_a_question_or_nobody_is_asked(
    known: Case, follower: Case, khobar_responder: Member
) -> None:
    Conversation.objects.filter(pk=follower.conversation_id).update(
        last_inbound_at=ENDED - timedelta(days=3)
    )
    make_template(purpose="reopen", components=[body_part("نود الرد عليكم")])
    end(known, khobar_responder)
    services.tell_followers(now=TOLD)

    states = [message.outgoing.state for message in heard(follower) if message.outgoing]
    assert sorted(states) == ["held", "queued"]
    follower.refresh_from_db()
    assert not follower.is_closed

    # Opened, the words leave, and with them the report ends.
    Outgoing.objects.filter(state="held").update(state="queued", expires_at=None)
    services.tell_followers(now=TOLD)
    follower.refresh_from_db()
    assert follower.is_closed
    assert len(heard(follower)) == 2


def test_a_word_stops_it_and_stops_nothing_else(
    known: Case, follower: Case, khobar_responder: Member, client: StaffClient
) -> None:
    says(follower, "إلغاء المتابعة.")

    assert Follower.objects.get(own=follower).stopped_at == LATER
    assert not OptOut.objects.exists()
    assert Case.objects.filter(contact=follower.contact).count() == 1
    last = Message.objects.filter(matter=follower.reference, direction="out").latest("pk")
    assert "لن تصلك" in last.text
    client.force_login(khobar_responder)
    panel = client.get(
        f"/cases/of/{known.conversation.public_id}/panel", headers={"HX-Request": "true"}
    ).content.decode()
    assert "ألغى المتابعة" in panel
    # Left out of what goes to everybody, unless a member takes them in.
    draft = services.draft_answer(known, by=khobar_responder, now=LATER)
    assert draft.recipients.get(case=follower).state == "excepted"

    end(known, khobar_responder)
    services.tell_followers(now=TOLD)
    follower.refresh_from_db()
    assert follower.is_closed
    assert heard(follower) == []


def test_the_same_word_of_somebody_who_follows_nothing_stops_broadcasts(known: Case) -> None:
    says(known, "إلغاء المتابعة")
    assert OptOut.objects.filter(contact=known.contact).exists()


def test_who_was_answered_with_the_others_or_has_a_matter_of_their_own_is_not_told_again(
    known: Case, follower: Case, khobar_responder: Member, client: StaffClient
) -> None:
    client.force_login(khobar_responder)
    listed = client.get("/cases/").content.decode()
    assert "data-reports" in listed
    services.part_case(follower.public_id, by=khobar_responder, now=LATER)
    end(known, khobar_responder)
    services.tell_followers(now=TOLD)
    follower.refresh_from_db()
    assert not follower.is_closed
    assert heard(follower) == []


def told_of_promise(case: Case) -> list[str]:
    """What Bayan told that person of when to expect news."""
    rows = Message.objects.filter(matter=case.reference, direction="out", text__contains="المتوقع")
    return list(rows.order_by("pk").values_list("text", flat=True))


def test_who_follows_hears_of_a_promise_once_each_time_that_it_changes(
    known: Case, follower: Case, khobar_responder: Member
) -> None:
    minute = timedelta(minutes=1)

    def promise(hours: int, *, at: timedelta) -> None:
        services.promise(
            known.public_id, until=LATER + timedelta(hours=hours), by=khobar_responder,
            now=LATER + at,
        )  # fmt: skip

    promise(30, at=minute)
    promise(50, at=2 * minute)
    assert services.tell_promises(now=LATER + 4 * minute) == 0
    for _time in range(3):
        services.tell_promises(now=LATER + 6 * minute)
    assert len(told_of_promise(follower)) == 1
    # Said once more, it has not changed.
    promise(50, at=8 * minute)
    services.tell_promises(now=LATER + 20 * minute)
    assert len(told_of_promise(follower)) == 1
    promise(70, at=21 * minute)
    services.tell_promises(now=LATER + 30 * minute)
    assert len(told_of_promise(follower)) == 2
    # Kept within the minutes, nothing is promised any more.
    promise(71, at=31 * minute)
    inbox.reply(
        known.conversation.public_id, "وصلت الفرقة", by=khobar_responder, now=LATER + 32 * minute
    )
    services.tell_promises(now=LATER + 40 * minute)
    assert len(told_of_promise(follower)) == 2


def test_a_promise_waits_behind_the_question_and_gives_way_to_the_next_and_to_the_end(
    known: Case, follower: Case, khobar_responder: Member
) -> None:
    Conversation.objects.filter(pk=follower.conversation_id).update(
        last_inbound_at=LATER - timedelta(days=3)
    )
    make_template(purpose="reopen", components=[body_part("نود الرد عليكم")])
    for hours in (30, 50):
        at = LATER + timedelta(minutes=10 * hours)
        services.promise(
            known.public_id, until=at + timedelta(hours=hours), by=khobar_responder, now=at
        )
        services.tell_promises(now=at + timedelta(minutes=4))
    waiting = Message.objects.filter(matter=follower.reference, text__contains="المتوقع")
    states = [row.outgoing.state for row in waiting.order_by("pk") if row.outgoing]
    assert states == ["failed", "held"]
    # Asked once to open their conversation, and whoever stopped hears nothing.
    asked = Message.objects.filter(matter=follower.reference, outgoing__template__isnull=False)
    assert asked.count() == 1
    services.close_case(
        known.public_id, outcome="resolved", words="سُدّت", by=khobar_responder,
        now=LATER + timedelta(hours=10), basis=CONFIRMED,
    )  # fmt: skip
    services.tell_followers(now=LATER + timedelta(hours=11))
    assert set(waiting.values_list("outgoing__state", flat=True)) == {"failed"}
