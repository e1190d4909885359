"""«حوّلها لبيان»: what members pass on is answered at once, and decided by a button."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.cases import services
from bayan.cases.models import Case, Forward, Heard, Picture
from bayan.cases.services import forwards
from bayan.cases.services.forwards import CREATE, JOIN, NOTE, TOGETHER
from bayan.cases.tests.factories import CONFIRMED, MONDAY, make_case
from bayan.channels import services as channels
from bayan.channels.events import IncomingFile, IncomingMessage
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import body_part, incoming, make_template
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HOLE = "حفرة كبيرة في شارع الأمير تركي بالخبر قدام مجمع الراشد"
_mobiles = count(966500009000)


def linked(member: Member) -> Member:
    """The same member, who showed that they hold a mobile."""
    member.phone, member.phone_linked_at = str(next(_mobiles)), MONDAY
    member.save()
    return member


@pytest.fixture
def colleague(desk_responder: Member) -> Member:
    return linked(desk_responder)


def said_by(member: Member, text: str = HOLE, **changes: Any) -> IncomingMessage:
    """A message from the member's mobile."""
    facts = {"phone": member.phone, "whatsapp_id": f"SA.{member.phone}", "name": member.name_ar}
    return incoming(text, **facts | changes)


def picture(name: str = "one", **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    file = IncomingFile(external_id=name, mime_type="image/jpeg", sha256=digest)
    return {"kind": "image", "file": file, "text": "", **changes}


def pass_on(member: Member, *messages: IncomingMessage, later: float = 3) -> Forward:
    """What these messages of a member became, answered so many seconds later."""
    messages = messages or (said_by(member),)
    for message in messages:
        services.take_in([message], now=message.received_at)
    services.answer_forwards(now=messages[-1].received_at + timedelta(seconds=later))
    return Forward.objects.latest("pk")


def press(
    member: Member, forward: Forward, choice: str, *, at: datetime = MONDAY + timedelta(minutes=1)
) -> str:
    """Tap a button of the answer; returns what is said to it."""
    tap = said_by(member, "…", kind="button_reply", choice_id=choice, received_at=at)
    services.receive_decision([(tap, str(forward.public_id))], now=at)
    forward.refresh_from_db()
    return last_words()


def last_words() -> str:
    return Message.objects.filter(direction="out").latest("pk").text


def buttons_of(row: Outgoing) -> list[str]:
    action = row.content["interactive"]["action"]
    return [button["reply"]["title"] for button in action["buttons"]]


def test_a_forward_is_answered_once_with_what_it_is_where_and_three_buttons(
    colleague: Member,
) -> None:
    case = make_case(HOLE)

    forward = pass_on(colleague, said_by(colleague, HOLE, forwarded="often"))
    assert services.answer_forwards(now=MONDAY + timedelta(minutes=5)) == 0

    (answer,) = Outgoing.objects.all()
    assert answer.lane == Outgoing.Lane.PERSON
    assert answer.to_phone == colleague.phone
    body = answer.content["interactive"]["body"]["text"]
    assert len(body) <= 1024
    assert "الطرق والأرصفة" in body
    assert "بلدية محافظة الخبر" in body
    assert forward.likeliest == case
    assert len(buttons_of(answer)) == 3
    assert case.reference[:3] in buttons_of(answer)[1]
    # No citizen wrote, so there is no case but the one before.
    assert Case.objects.get() == case


def test_where_nothing_is_alike_nothing_can_be_joined(colleague: Member) -> None:
    make_case("متى يفتح مكتب الرخص في بلدية القطيف؟")

    forward = pass_on(colleague)

    assert forward.likeliest is None
    assert buttons_of(Outgoing.objects.get()) == ["إنشاء بلاغ", "طلب إفادة", "للاطلاع"]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_answer_speaks_the_members_language_and_fits(colleague: Member, language: str) -> None:
    make_case(HOLE)
    Member.objects.filter(pk=colleague.pk).update(language=language)

    pass_on(colleague)

    answer = Outgoing.objects.get()
    assert ("Understood as" in answer.content["interactive"]["body"]["text"]) == (language == "en")
    assert all(len(title.encode("utf-16-le")) <= 40 for title in buttons_of(answer))


def test_an_album_and_the_words_after_it_are_one_item_with_one_answer(colleague: Member) -> None:
    photos = [
        said_by(colleague, received_at=MONDAY + timedelta(seconds=n), **picture(str(n)))
        for n in range(8)
    ]
    late = said_by(colleague, HOLE, received_at=MONDAY + timedelta(seconds=15))

    for photo in photos[:2]:
        services.take_in([photo], now=photo.received_at)
    # Without words it waits a moment for them, but no longer.
    assert services.answer_forwards(now=MONDAY + timedelta(seconds=1)) == 0
    assert services.answer_forwards(now=MONDAY + timedelta(seconds=2)) == 1
    services.take_in([*photos[2:], late], now=late.received_at)
    assert services.answer_forwards(now=MONDAY + timedelta(seconds=30)) == 0

    forward = Forward.objects.get()
    assert len(forward.messages) == 9
    assert forward.text == HOLE
    assert Outgoing.objects.count() == 1


def test_what_comes_after_a_while_is_another_item(colleague: Member) -> None:
    pass_on(colleague)
    pass_on(colleague, said_by(colleague, "كلاب", received_at=MONDAY + 2 * TOGETHER))

    assert Forward.objects.count() == Outgoing.objects.count() == 2


def test_a_case_is_made_of_it_with_nobody_known_behind_it(colleague: Member) -> None:
    forward = pass_on(colleague, said_by(colleague, HOLE), said_by(colleague, **picture()))

    said = press(colleague, forward, CREATE)

    case = Case.objects.get()
    assert (forward.state, forward.case) == ("created", case)
    assert case.subject == HOLE
    assert case.category == "roads"
    assert case.reading.said["category"][0] == "roads"
    # As of a case that a person opened: the desk is shown whose it is, copies of the picture are looked for.
    assert (case.points_to, case.points_by) == ("khobar", "words")
    assert Picture.objects.get().case == case
    assert case.reference[:3] in said
    assert str(case.conversation.public_id) in said
    assert not case.contact.identities.exists()
    assert case.contact.name == ""
    messages = Message.objects.filter(conversation=case.conversation)
    assert {(m.kind, m.author, m.matter) for m in messages} == {
        ("text", colleague, case.reference), ("image", colleague, case.reference),
    }  # fmt: skip
    opened = AuditEntry.objects.get(action="case.opened")
    assert opened.actor == colleague.audit_key
    # Nobody waits there, and nobody can be written to.
    assert not case.conversation.is_waiting
    assert not case.conversation.is_writable(now=MONDAY)
    services.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="",
        by=colleague,
        now=MONDAY + timedelta(hours=1),
    )


def test_it_becomes_part_of_the_case_that_was_offered(
    colleague: Member, khobar: Node, khobar_responder: Member
) -> None:
    case = make_case(HOLE, node=khobar)
    waits = case.conversation.is_waiting
    forward = pass_on(colleague, said_by(colleague, **picture(text=HOLE)))

    said = press(colleague, forward, JOIN)

    assert (forward.state, forward.case) == ("joined", case)
    assert case.reference[:3] in said
    message = Message.objects.get(author=colleague, direction="in")
    assert (message.conversation, message.matter, message.node) == (
        case.conversation, case.reference, khobar,
    )  # fmt: skip
    assert message.media
    assert message.media.node == khobar
    assert AuditEntry.objects.get(action="case.forward_joined").actor == colleague.audit_key
    conversation = Conversation.objects.get(pk=case.conversation.pk)
    assert conversation.is_waiting == waits
    assert conversation.last_inbound_at == case.conversation.last_inbound_at
    assert Case.objects.count() == 1


def test_words_alike_in_another_body_are_not_told_to_who_does_not_see_them(
    qatif_responder: Member, khobar: Node
) -> None:
    make_case(HOLE, node=khobar)
    colleague = linked(qatif_responder)

    forward = pass_on(colleague)

    assert (forward.likeliest, forward.matches) == (None, 0)
    press(colleague, forward, CREATE)
    made = Case.objects.get(forwards=forward)
    assert made.node == colleague.roles.get().node


def test_the_same_again_is_told_with_who_and_when_and_leads_to_its_case(
    colleague: Member, desk: Node
) -> None:
    forward = pass_on(colleague, said_by(colleague, **picture()))
    press(colleague, forward, CREATE)
    other = linked(make_member(Role.Kind.MONITOR, desk))
    later = MONDAY + timedelta(hours=2)

    again = pass_on(other, said_by(other, received_at=later, **picture()))

    assert again.before == forward
    assert again.likeliest == Forward.objects.get(pk=forward.pk).case
    assert f"سبق تحويله: {colleague.name_ar}، 10:00" in last_words()
    press(other, again, JOIN, at=later + timedelta(minutes=1))
    assert Case.objects.count() == 1


def test_a_picture_that_a_person_sent_is_known_by_its_bytes(colleague: Member) -> None:
    case = make_case(**picture())

    assert pass_on(colleague, said_by(colleague, **picture())).likeliest == case
    later = MONDAY + timedelta(hours=1)
    other = pass_on(colleague, said_by(colleague, received_at=later, **picture("two")))
    assert other.likeliest is None


def test_only_who_passed_it_on_decides(colleague: Member, desk: Node) -> None:
    forward = pass_on(colleague)
    other = linked(make_member(Role.Kind.MONITOR, desk))

    said = press(other, forward, CREATE)

    assert "أحد الزملاء" in said
    assert (forward.state, Case.objects.count()) == ("waiting", 0)


def test_a_tap_of_who_is_linked_no_more_is_a_message_like_any_other(colleague: Member) -> None:
    forward = pass_on(colleague)
    tap = said_by(colleague, "…", kind="button_reply", choice_id=CREATE)
    Member.objects.filter(pk=colleague.pk).update(phone_linked_at=None)

    services.receive_decision([(tap, str(forward.public_id))], now=MONDAY)

    assert Forward.objects.get().state == "waiting"
    assert Case.objects.get().forwards.count() == 0


def test_a_case_that_was_closed_meanwhile_is_not_joined_and_it_is_asked_again(
    colleague: Member,
) -> None:
    case = make_case(HOLE)
    forward = pass_on(colleague)
    services.close_case(case.public_id, outcome="answered", words="", by=colleague, now=MONDAY)

    said = press(colleague, forward, JOIN)

    assert "أُقفل" in said
    assert forward.state == "waiting"
    assert buttons_of(Outgoing.objects.latest("pk")) == ["إنشاء بلاغ", "طلب إفادة", "للاطلاع"]
    press(colleague, forward, NOTE)
    press(colleague, forward, CREATE)
    assert (forward.state, forward.case != case) == ("created", True)


def test_a_member_with_a_report_of_their_own_goes_on_as_its_person(colleague: Member) -> None:
    Member.objects.filter(pk=colleague.pk).update(phone_linked_at=None)
    case = make_case("الإنارة طافية عند بيتنا", phone=colleague.phone, whatsapp_id="SA.1")
    Member.objects.filter(pk=colleague.pk).update(phone_linked_at=MONDAY)

    services.take_in([said_by(colleague, "ما جاء أحد", whatsapp_id="SA.1")], now=MONDAY)
    services.take_in([said_by(colleague, HOLE, whatsapp_id="SA.1", forwarded="once")], now=MONDAY)

    assert Message.objects.filter(matter=case.reference).count() == 2
    assert Forward.objects.get().text == HOLE
    services.answer_forwards(now=MONDAY)
    # The answer is no word about their own report.
    assert Message.objects.get(direction="out").matter == ""


def test_who_works_for_no_body_now_is_a_person_like_any_other(colleague: Member) -> None:
    colleague.roles.update(ends_at=MONDAY - timedelta(days=1))

    services.take_in([said_by(colleague)], now=MONDAY)

    assert not Forward.objects.exists()
    assert Case.objects.get().contact.name == colleague.name_ar


def test_what_members_pass_on_is_no_burst_and_what_they_take_back_stays_theirs(
    colleague: Member,
) -> None:
    forward = pass_on(colleague, said_by(colleague, external_id="wamid.first"))
    assert not Heard.objects.exists()
    press(colleague, forward, CREATE)

    revoke = said_by(colleague, "", kind="revoke", target_id="wamid.first")
    services.take_in([revoke], now=MONDAY)

    # It is part of a case by now: that keeps what it was told.
    assert Message.objects.get(external_id="wamid.first").revoked_at is None
    assert Case.objects.count() == 1


def test_what_is_passed_on_is_not_answered_quoted_or_reacted_to(colleague: Member) -> None:
    forward = pass_on(colleague)
    press(colleague, forward, CREATE)
    conversation = Case.objects.get().conversation
    message = Message.objects.get(conversation=conversation)

    with pytest.raises(inbox.NotReactable):
        inbox.react(message.public_id, "👍", by=colleague, now=MONDAY)
    with pytest.raises(inbox.WindowClosed):
        inbox.reply(conversation.public_id, "شكرًا", by=colleague, now=MONDAY)
    template = make_template(purpose="reopen", components=[body_part("نود الرد عليكم")])
    with pytest.raises(channels.NobodyToWriteTo):
        inbox.send_template(conversation.public_id, template, {}, by=colleague, now=MONDAY)


def test_a_case_of_a_forward_that_is_given_back_still_waits_for_nobody(
    khobar_responder: Member,
) -> None:
    colleague = linked(khobar_responder)
    press(colleague, pass_on(colleague), CREATE)
    case = Case.objects.get()

    services.give_back(
        Case.objects.all(), reason="ليس من اختصاصنا", by=colleague, now=MONDAY + timedelta(hours=1)
    )

    case.refresh_from_db()
    conversation = Conversation.objects.get(pk=case.conversation_id)
    assert case.node.is_desk
    assert (conversation.is_waiting, conversation.last_inbound_at) == (False, None)


class Killed(BaseException):
    pass


def test_two_workers_and_a_killed_one_answer_once(
    colleague: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.take_in([said_by(colleague)], now=MONDAY)

    def die(*_given: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(forwards, "ask", die)
        with pytest.raises(Killed):
            services.answer_forwards(now=MONDAY)
    assert not Outgoing.objects.exists()

    assert services.answer_forwards(now=MONDAY) == 1
    assert services.answer_forwards(now=MONDAY) == 0
    assert Outgoing.objects.count() == 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(presses=st.lists(st.sampled_from([CREATE, JOIN, NOTE, "forward-nothing"]), max_size=7))
def test_presses_in_any_order_and_number_end_in_one_place(db: None, presses: list[str]) -> None:
    with transaction.atomic():
        colleague = linked(make_member(Role.Kind.RESPONDER, make_case(HOLE).node))
        case = Case.objects.get()
        forward = pass_on(colleague)

        for choice in presses:
            press(colleague, forward, choice)

        first = next((choice for choice in presses if choice in {CREATE, JOIN}), "")
        kept = Forward.State.NOTED if NOTE in presses else Forward.State.WAITING
        states = {CREATE: Forward.State.CREATED, JOIN: Forward.State.JOINED, "": kept}
        assert forward.state == states[first]
        assert Case.objects.count() == (2 if first == CREATE else 1)
        assert (forward.case == case) == (first == JOIN)
        # Each tap is kept, and what was passed on stands in one place only.
        assert Message.objects.filter(kind="button_reply").count() == len(presses)
        assert Message.objects.filter(text=HOLE, author=colleague).count() == bool(first)
        transaction.set_rollback(True)


def test_the_page_shows_what_became_of_each_with_a_fixed_number_of_queries(
    client: StaffClient, colleague: Member, khobar_responder: Member
) -> None:
    case = make_case(HOLE)
    forward = pass_on(colleague, said_by(colleague, **picture(text=HOLE)))
    press(colleague, forward, JOIN)
    client.force_login(colleague)
    address = reverse("cases:forwards")
    client.get(address)

    with CaptureQueriesContext(connection) as few:
        shown = client.get(address).content.decode()
    for number in range(5):
        at = MONDAY + timedelta(minutes=10 * (number + 1))
        pass_on(colleague, said_by(colleague, f"كلاب ضالة {number}", received_at=at))
    with CaptureQueriesContext(connection) as many:
        all_shown = client.get(address).content.decode()

    assert HOLE in shown
    assert str(case.conversation.public_id) in shown
    assert len(many) == len(few)
    assert all_shown.count('data-forward="waiting"') == 5
    assert client.get(address, {"state": "joined"}).content.decode().count("data-forward") == 1
    assert HOLE in client.get(address, {"q": case.reference}).content.decode()
    panel = client.get(reverse("cases:panel", args=[case.conversation.public_id]))
    assert f"{address}?q={case.reference}" in panel.content.decode()

    client.force_login(khobar_responder)
    assert "data-forward" not in client.get(address).content.decode()


def test_a_body_sees_what_became_part_of_its_case_and_nothing_else_of_others(
    client: StaffClient, colleague: Member, khobar: Node, khobar_responder: Member
) -> None:
    make_case(HOLE, node=khobar)
    press(colleague, pass_on(colleague), JOIN)
    pass_on(colleague, said_by(colleague, "كلاب", received_at=MONDAY + timedelta(minutes=5)))
    client.force_login(khobar_responder)

    shown = client.get(reverse("cases:forwards")).content.decode()

    assert shown.count('data-forward="joined"') == 1
    assert shown.count("data-forward=") == 1


def test_the_language_that_a_member_chooses_is_the_one_bayan_writes_in(
    client: StaffClient, colleague: Member
) -> None:
    client.force_login(colleague)

    for language, kept in (("en", "en"), ("xx", "en"), ("ar", "ar")):
        client.post(reverse("set_language"), {"language": language, "next": "/today/"})
        colleague.refresh_from_db()
        assert colleague.language == kept
