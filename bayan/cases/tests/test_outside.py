"""Contractors and bodies outside are written to by Bayan itself; what they answer reaches the task."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.services.parts import contacts_of
from bayan.channels import services as channels
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Attempt, Outgoing, Reach, Template
from bayan.channels.services import Reaching
from bayan.channels.tests.factories import body_part, incoming, make_number, make_template
from bayan.channels.tests.test_reaching import make_mail_number, make_sms_number
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Member, OptOut, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Contractor, Item, Link, OutsideNotice, Project
from bayan.work.services import saying
from bayan.work.services.items import NotPossible
from bayan.work.tests.factories import link_mobile, make_item
from conftest import StaffClient

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PHONE = "966500000700"
State = Outgoing.State


@pytest.fixture
def contractor(db: None) -> Contractor:
    return Contractor.objects.create(
        name="شركة إنارة الساحل", contact_name="سالم", phone=PHONE, email="works@sahel.example"
    )


@pytest.fixture
def template(db: None) -> Template:
    return make_template(
        "work_handover",
        purpose="outside",
        components=[
            body_part(
                "من {{1}}: {{2}} حتى {{3}}، {{4}} شكرًا", "الخبر", "حفرة", "9", "https://e.org/w/Zm"
            )
        ],
    )


def writes(text: str = "", **changes: Any) -> IncomingMessage:
    """A message from the contractor's mobile."""
    return incoming(text, **{"phone": PHONE, "whatsapp_id": "SA.700", "name": "سالم", **changes})


def open_window(now: datetime) -> None:
    """They wrote of something of their own a moment ago, and that is over."""
    cases.take_in([writes("شكرًا لكم", received_at=now)], now=now)
    Case.objects.all().delete()
    Conversation.objects.update(matter="")


def leaves(now: datetime, *, worker: Reaching | None = None) -> Outgoing:
    """What the worker's loops make of it, and what the provider says."""
    services.tell_outside(now=now)
    (worker or Reaching()).step(now=now)
    sent = Outgoing.objects.filter(subject_type=services.OUTSIDE).latest("pk")
    sent.external_id = f"wamid.outside.{sent.pk}"
    sent.state, sent.sent_at = State.SENT, now
    sent.save(update_fields=["external_id", "state", "sent_at"])
    return sent


def presses(sent: Outgoing, choice: str, *, now: datetime) -> None:
    message = writes(
        choice, kind="button_reply", choice_id=choice, quoted_id=sent.external_id, received_at=now
    )
    cases.receive_outside([(message, sent.subject_key)], now=now)


def says_last() -> str:
    """What Bayan last said in a conversation."""
    return Message.objects.filter(direction="out").latest("pk").text


def test_within_their_day_they_get_the_words_with_a_link_and_buttons(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    open_window(now)
    item = make_item(khobar, now=now, contractor=contractor, text="أمام مدرسة الراكة")
    sent = leaves(now)
    assert (sent.to_phone, sent.template, sent.lane) == (PHONE, None, Outgoing.Lane.WORK)
    assert sent.window_until == now + timedelta(days=1)
    interactive = sent.content["interactive"]
    assert [row["reply"]["id"] for row in interactive["action"]["buttons"]] == [
        "outside-done", "outside-later", "outside-decline",
    ]  # fmt: skip
    text = interactive["body"]["text"]
    assert all(words in text for words in ("معاينة حفرة", "أمام مدرسة الراكة", khobar.name))
    secret = text.split("/w/")[1].split()[0].strip("/")
    assert services.open_link(secret, now=now) == item
    # Nothing of it stands in the inbox of those who read conversations there.
    assert not Message.objects.filter(direction="out", text__contains=secret).exists()
    # Taken back, its link is dead.
    services.withdraw(
        item.public_id, by=Access.of(make_member(Role.Kind.DIRECTOR, khobar), now=now), now=now
    )
    with pytest.raises(services.LinkIsOver):
        services.open_link(secret, now=now)


def test_outside_it_the_template_brings_the_link_and_then_sms_and_mail_follow(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    make_sms_number()
    make_mail_number()
    make_item(khobar, now=now, contractor=contractor)
    worker = Reaching()
    sent = leaves(now, worker=worker)
    assert sent.template == template
    said = [part["text"] for part in sent.content["template"]["components"][0]["parameters"]]
    assert said[:2] == [khobar.name, "معاينة حفرة"]
    assert "/w/" in said[3]
    Outgoing.objects.filter(pk=sent.pk).update(state="failed", error={"code": 131026})
    worker.step(now=now + MINUTE)
    text = Outgoing.objects.get(attempt__way="sms")
    assert (text.to_phone, "/w/" in text.content["sms"]["text"]) == (PHONE, True)
    Outgoing.objects.filter(pk=text.pk).update(state="failed", error={"title": "refused"})
    worker.step(now=now + 2 * MINUTE)
    assert Outgoing.objects.get(attempt__way="email").to_email == "works@sahel.example"
    # However often everybody looks: once by each way.
    for minutes in range(3, 6):
        services.tell_outside(now=now + minutes * MINUTE)
        worker.step(now=now + minutes * MINUTE)
    assert Attempt.objects.count() == 3


def test_a_template_that_would_leave_the_link_out_brings_nothing(
    khobar: Node, contractor: Contractor, now: datetime
) -> None:
    make_template("work", purpose="outside", components=[body_part("{{1}} {{2}} نص", "أ", "ب")])
    contractor.email = ""
    contractor.save()
    giver = link_mobile(make_member(Role.Kind.RESPONDER, khobar), "966500000701", now=now)
    conversation = saying.conversation_with(giver, now=now)
    assert conversation
    Conversation.objects.filter(pk=conversation.pk).update(last_inbound_at=now)
    item = make_item(khobar, now=now, contractor=contractor, by=giver)
    services.tell_outside(now=now)
    Reaching().step(now=now)
    assert Reach.objects.get().state == Reach.State.LEFT
    assert list(Attempt.objects.order_by("pk").values_list("way", "ended")) == [
        ("whatsapp", "no template"), ("sms", "no account"), ("email", "no address"),
    ]  # fmt: skip
    # Whoever gave it hears that it did not get there, once.
    assert services.settle_outside(now=now) == 1
    assert services.settle_outside(now=now) == 0
    assert "تعذّر" in says_last()
    client = StaffClient()
    client.force_login(giver)
    page = client.get(reverse("work:item", args=[item.public_id])).content.decode()
    assert "لم يُرسل" in page
    assert reverse("work:make_link", args=[item.public_id]) in page


def test_reminders_go_to_them_too_and_stop_when_they_ask_for_it(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    make_item(khobar, now=now, contractor=contractor)
    worker = Reaching()
    first = leaves(now, worker=worker)
    Outgoing.objects.filter(pk=first.pk).update(state="read", delivered_at=now)
    worker.step(now=now)
    due = now + 90 * MINUTE
    services.ring(now=due)
    second = leaves(due, worker=worker)
    assert second.pk != first.pk
    assert "تذكير: معاينة حفرة" in str(second.content)
    assert list(Reach.objects.order_by("pk").values_list("round", flat=True)) == [0, 1]

    # Under a message of ours «stop» is a wish, and no word about the task.
    stop = writes("إيقاف", quoted_id=second.external_id, received_at=due)
    cases.take_in([stop], now=due)
    assert OptOut.objects.filter(ended_at=None).count() == 1
    late = now + 2 * HOUR
    services.ring(now=late)
    services.tell_outside(now=late)
    worker.step(now=late)
    last = Reach.objects.latest("pk")
    assert (last.round, last.state, last.outgoing) == (2, Reach.State.LEFT, None)
    assert set(last.attempts.values_list("ended", flat=True)) == {"opted out"}


def test_killed_in_the_midst_nothing_is_lost_and_nobody_is_told_twice(
    khobar: Node,
    contractor: Contractor,
    template: Template,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_item(khobar, now=now, contractor=contractor)

    def die(*_rows: object, **_facts: object) -> None:
        raise DatabaseError("killed")

    with monkeypatch.context() as dying:
        dying.setattr(OutsideNotice.objects, "bulk_update", die)
        with pytest.raises(DatabaseError):
            services.tell_outside(now=now)
    assert (Reach.objects.count(), Link.objects.count()) == (0, 0)
    assert sum(services.tell_outside(now=now) for _time in range(3)) == 1
    for _time in range(3):
        Reaching().step(now=now)
    assert (Outgoing.objects.count(), Link.objects.count()) == (1, 1)


def test_what_is_over_before_it_leaves_is_not_sent(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    director = Access.of(make_member(Role.Kind.DIRECTOR, khobar), now=now)
    early = make_item(khobar, now=now, contractor=contractor)
    services.withdraw(early.public_id, by=director, now=now)
    assert services.tell_outside(now=now) == 0
    late = make_item(khobar, now=now, contractor=contractor)
    services.tell_outside(now=now)
    Reaching().step(now=now)
    services.withdraw(late.public_id, by=director, now=now)
    assert Outgoing.objects.get().error == {"title": "withdrawn"}
    assert Reach.objects.get().state == Reach.State.WITHDRAWN


def test_a_press_and_the_words_that_it_asks_for_end_the_task(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    make_number()
    plain = make_item(khobar, now=now, contractor=contractor)
    presses(leaves(now), "outside-done", now=now)
    plain.refresh_from_db()
    assert (plain.state, plain.ended_by, plain.ended_name) == ("done", None, "سالم")

    item = make_item(khobar, now=now, contractor=contractor, title="دهان الرصيف")
    sent = leaves(now)
    presses(sent, "outside-later", now=now)
    presses(sent, "outside-why-parts", now=now)
    item.refresh_from_db()
    assert (item.state, item.silence) == ("open", "parts")
    presses(sent, "outside-decline", now=now)
    assert Item.objects.get(pk=item.pk).is_open
    # What others write meanwhile is theirs, and is looked at together.
    written = [incoming(received_at=now) for _number in range(6)]
    contacts = contacts_of(written, now=now)
    with CaptureQueriesContext(connection) as first:
        assert not services.hear_outside(written[:1], contacts, now=now)
    with CaptureQueriesContext(connection) as all_of_them:
        assert not services.hear_outside(written, contacts, now=now)
    assert len(all_of_them) == len(first)
    cases.take_in([incoming("الشارع مظلم", received_at=now)], now=now)
    cases.take_in([writes("خارج نطاق العقد", received_at=now)], now=now)
    item.refresh_from_db()
    assert (item.state, item.answer) == ("declined", "خارج نطاق العقد")
    assert Case.objects.count() == 1


def test_words_under_our_message_are_a_remark_and_no_case(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    item = make_item(khobar, now=now, contractor=contractor)
    sent = leaves(now)
    cases.take_in([writes("نصل غدًا", quoted_id=sent.external_id, received_at=now)], now=now)
    assert [(row.text, row.member) for row in item.remarks.all()] == [("نصل غدًا", None)]
    assert not Case.objects.exists()
    assert "وصلت ملاحظتكم" in says_last()
    # By another's mobile, and without a quotation, it is what the public writes.
    other = incoming("نصل غدًا", quoted_id=sent.external_id, received_at=now)
    cases.take_in([other, writes("عندي بلاغ عن حفرة", received_at=now)], now=now)
    assert (item.remarks.count(), Case.objects.count()) == (1, 2)


def test_secrets_are_forgotten_once_they_are_of_no_use(
    khobar: Node, contractor: Contractor, template: Template, now: datetime
) -> None:
    make_item(khobar, now=now, contractor=contractor)
    worker = Reaching()
    sent = leaves(now, worker=worker)
    Outgoing.objects.filter(pk=sent.pk).update(state="delivered", delivered_at=now)
    worker.step(now=now + MINUTE)
    assert services.forget_outside(now=now + HOUR) == 0
    assert services.forget_outside(now=now + timedelta(days=3)) == 1
    sent.refresh_from_db()
    assert (sent.content, Reach.objects.get().words) == ({}, {})


def test_pages_say_how_far_it_is_and_who_may_change_an_address(
    khobar: Node,
    khobar_responder: Member,
    desk_responder: Member,
    contractor: Contractor,
    template: Template,
) -> None:
    now = timezone.now()
    Project.objects.create(contractor=contractor, department=khobar, name="صيانة الإنارة")
    client = StaffClient()
    client.force_login(khobar_responder)
    aramco = OutsideBody.objects.get(key="aramco")
    item = make_item(khobar, now=now, outside=aramco, by=khobar_responder)
    services.tell_outside(now=now)
    address = reverse("work:item", args=[item.public_id])
    assert "فلا يستطيع بيان" in client.get(address).content.decode()
    # A body outside belongs to the authority, a contractor to whoever has a project with it.
    of_body = reverse("work:address", args=["outside", "aramco"])
    facts = {"contact_name": "فهد", "phone": "0500000704", "email": ""}
    assert client.post(of_body, facts).status_code == 403
    of_contractor = reverse("work:address", args=["contractor", contractor.public_id])
    assert client.post(of_contractor, facts | {"phone": "12"}).status_code == 409
    assert client.post(of_contractor, facts | {"phone": PHONE}).status_code == 302
    qatif = StaffClient()
    qatif.force_login(make_member(Role.Kind.RESPONDER, Node.objects.get(key="qatif")))
    assert qatif.post(of_contractor, facts).status_code == 403
    at_desk = StaffClient()
    at_desk.force_login(desk_responder)
    assert at_desk.post(of_body, facts).status_code == 302

    client.post(reverse("work:send_anew", args=[item.public_id]))
    with pytest.raises(NotPossible):
        services.send_anew(item.public_id, by=Access.of(khobar_responder, now=now), now=now)
    sent = leaves(timezone.now())
    assert sent.to_phone == "966500000704"
    Outgoing.objects.filter(pk=sent.pk).update(state="read")
    page = client.get(address).content.decode()
    assert "قُرئت" in page
    # Where Bayan has written nobody is asked to send it by hand.
    made = client.post(reverse("work:make_link", args=[item.public_id])).content.decode()
    assert "wa.me" not in made
    panel = client.get(reverse("work:contractors")).content.decode()
    assert "فهد" in panel


def test_a_letter_is_for_a_member_or_for_somebody_outside(khobar: Node, now: datetime) -> None:
    letter = channels.Letter(
        member_id=None, node_id=khobar.pk, subject_key="1", title="أ", text="ب"
    )
    with pytest.raises(ValueError, match="somebody outside"):
        channels.reach([letter], subject_type="x", now=now)
