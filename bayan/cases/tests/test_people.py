"""Persons who stop what goes to many, and persons who have a new number: their matters go on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.tests.factories import make_case
from bayan.channels.events import IdentityChange, IncomingFile, MarketingChoice
from bayan.channels.models import Media, Outgoing
from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact, Identity, Member, OptOut

OLD, NEW = "966500000101", "966500000909"
NOURA: dict[str, Any] = {"whatsapp_id": "SA.1", "phone": OLD}


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    pass


def names(contact: Contact) -> set[str]:
    return set(contact.identities.values_list("value", flat=True))


def texts_sent() -> list[str]:
    return [row.content["text"]["body"] for row in Outgoing.objects.order_by("pk")]


def test_a_word_of_stopping_opens_no_case_and_is_confirmed_once(now: datetime) -> None:
    services.take_in([incoming("إيقاف", **NOURA)], now=now)
    services.take_in([incoming("ايقاف!", **NOURA)], now=now + timedelta(hours=1))

    assert not Case.objects.exists()
    assert OptOut.objects.get().source == "word"
    row = Outgoing.objects.get()
    assert row.lane == Outgoing.Lane.WORK
    assert "اشتراك" in texts_sent()[0]
    assert list(Message.objects.order_by("pk").values_list("direction", flat=True)) == [
        "in", "out", "in",
    ]  # fmt: skip


def test_who_writes_in_latin_letters_is_answered_in_english(now: datetime) -> None:
    services.take_in([incoming("STOP", **NOURA)], now=now)
    assert "subscribe" in texts_sent()[0]


def test_resuming_is_confirmed_and_only_heard_by_who_had_stopped(now: datetime) -> None:
    services.take_in([incoming("start", phone="966500000777", whatsapp_id="SA.7")], now=now)
    assert Case.objects.count() == 1

    services.take_in([incoming("stop", **NOURA)], now=now)
    services.take_in(
        [incoming("start", **NOURA, received_at=now + timedelta(hours=1))],
        now=now + timedelta(hours=1),
    )

    assert OptOut.objects.get().ended_at is not None
    assert Case.objects.count() == 1
    assert len(texts_sent()) == 2


def test_stopping_and_writing_in_one_batch_opens_a_case_for_what_was_written(
    now: datetime,
) -> None:
    services.take_in([incoming("إيقاف", **NOURA), incoming("حفرة خطيرة", **NOURA)], now=now)

    assert Case.objects.count() == 1
    assert Message.objects.get(text="إيقاف").matter == ""
    assert Message.objects.get(text="حفرة خطيرة").matter != ""
    assert len(texts_sent()) == 1


def test_within_an_open_case_the_word_joins_it(now: datetime) -> None:
    case = make_case(**NOURA)

    services.take_in([incoming("إيقاف", **NOURA)], now=now)

    assert Case.objects.count() == 1
    assert Message.objects.get(text="إيقاف").matter == case.reference
    assert OptOut.objects.filter(ended_at=None).count() == 1


def test_a_tap_on_a_templates_button_is_heard_too(now: datetime) -> None:
    services.take_in(
        [incoming("إيقاف الرسائل", kind="button", choice_id="stop_updates", **NOURA)], now=now
    )
    assert OptOut.objects.count() == 1


def test_what_lay_in_the_journal_for_long_is_heard_but_not_answered(now: datetime) -> None:
    services.take_in([incoming("إيقاف", **NOURA)], now=now + timedelta(days=2))

    assert OptOut.objects.count() == 1
    assert not Outgoing.objects.exists()


def test_a_choice_at_the_provider_counts_also_for_who_never_wrote(now: datetime) -> None:
    def choose(wants: bool, hours: int) -> None:
        at = now + timedelta(hours=hours)
        choice = MarketingChoice(
            whatsapp_id="", phone=OLD, wants=wants, chosen_at=at, received_at=at
        )
        services.note_choices([choice], now=at)

    choose(False, 1)
    assert names(Contact.objects.get()) == {OLD}
    assert OptOut.objects.get().source == "provider"
    choose(True, 3)
    # This one was under way for two hours.
    choose(False, 2)

    assert OptOut.objects.get().ended_at is not None
    assert not Outgoing.objects.exists()
    assert not Conversation.objects.exists()


def change(**changes: Any) -> IdentityChange:
    facts: dict[str, Any] = {
        "old": OLD,
        "new_phone": NEW,
        "new_whatsapp_id": "",
        "external_id": "wamid.CHANGE",
        "received_at": datetime.fromisoformat("2026-11-23T08:00:00+00:00"),
    }
    return IdentityChange(**facts | changes)


def follow(now: datetime, **changes: Any) -> None:
    services.follow_identities([change(**changes)], now=now)


def test_a_new_number_takes_the_place_of_the_old_one(now: datetime) -> None:
    make_case(**NOURA)

    follow(now)
    services.take_in([incoming("أنا نفسي", phone=NEW, whatsapp_id="SA.2")], now=now)

    assert names(Contact.objects.get()) == {"SA.1", NEW, "SA.2"}
    assert Case.objects.count() == 1
    entry = AuditEntry.objects.get(action="contact.identity_changed")
    assert entry.details == {"new": ["phone"]}
    assert OLD not in str(entry.details)


def test_a_new_id_takes_the_place_of_the_old_one_and_leaves_the_number(now: datetime) -> None:
    make_case(**NOURA)

    follow(now, old="SA.1", new_phone="", new_whatsapp_id="SA.2")
    assert names(Contact.objects.get()) == {OLD, "SA.2"}
    # Found by the number, since the notice came under the new id already.
    follow(now, old=OLD, new_phone="", new_whatsapp_id="SA.3")

    assert names(Contact.objects.get()) == {OLD, "SA.3"}


def test_a_new_number_with_a_new_id_replaces_both(now: datetime) -> None:
    make_case(**NOURA)
    follow(now, new_whatsapp_id="SA.2")
    assert names(Contact.objects.get()) == {NEW, "SA.2"}


def test_a_notice_that_comes_twice_changes_nothing_more(now: datetime) -> None:
    make_case(**NOURA)
    for _time in range(2):
        follow(now)
        follow(now, old="SA.1", new_phone="", new_whatsapp_id="SA.2")

    assert names(Contact.objects.get()) == {NEW, "SA.2"}
    assert AuditEntry.objects.filter(action="contact.identity_changed").count() == 2


def test_a_notice_about_nobody_we_know_changes_nothing(now: datetime) -> None:
    make_case(phone="966500000777", whatsapp_id="SA.7")
    follow(now)
    assert AuditEntry.objects.filter(action="contact.identity_changed").count() == 0
    assert Contact.objects.count() == 1


@pytest.fixture
def two_contacts(khobar: Node, desk_responder: Member, now: datetime) -> tuple[Case, Case]:
    """Noura's old case, now with Khobar, and the one that she began from her new number."""
    first = make_case("من الرقم القديم", node=khobar, name="", **NOURA)
    inbox.reply(first.conversation.public_id, "وصل", by=desk_responder, now=now)
    second = make_case("من الرقم الجديد", phone=NEW, whatsapp_id="SA.2", name="نورة")
    return first, second


def test_two_contacts_who_are_one_person_become_one(
    two_contacts: tuple[Case, Case], now: datetime
) -> None:
    first, second = two_contacts
    file = IncomingFile(external_id="9001", mime_type="image/jpeg")
    services.take_in(
        [incoming("", kind="image", file=file, phone=NEW, whatsapp_id="SA.2")], now=now
    )
    OptOut.objects.create(contact=second.contact, source="word", since_at=now)

    follow(now)

    contact = Contact.objects.get()
    assert contact == first.contact
    assert contact.name == "نورة"
    assert names(contact) == {"SA.1", "SA.2", NEW}
    assert set(contact.cases.all()) == {first, second}
    assert contact.conversations.count() == 2
    assert contact.opt_outs.count() == 1
    assert Message.objects.count() == 4
    assert Media.objects.count() == 1
    assert set(Outgoing.objects.values_list("contact", flat=True)) <= {contact.pk, None}
    merged = AuditEntry.objects.get(action="contact.merged")
    assert merged.subject_key == str(second.contact.public_id)
    assert merged.details == {"into_contact": str(contact.public_id)}


def test_conversations_with_the_same_body_become_one(now: datetime) -> None:
    first = make_case("من الرقم القديم", **NOURA)
    later = now + timedelta(minutes=5)
    second = make_case("من الرقم الجديد", phone=NEW, whatsapp_id="SA.2", now=later)
    Outgoing.objects.create(
        node=first.node, number=first.conversation.number, contact=second.contact, to_phone=NEW,
        content={}, lane=10, not_before=now, created_at=now, state="sent",
    )  # fmt: skip

    follow(later)

    conversation = Conversation.objects.get()
    assert conversation == first.conversation
    assert set(conversation.cases.all()) == {first, second}
    assert conversation.messages.count() == 2
    assert conversation.matter in {first.reference, second.reference}
    assert (conversation.preview, conversation.last_inbound_at) == ("من الرقم الجديد", later)
    assert Outgoing.objects.get().contact == first.contact


def test_what_either_of_the_two_stopped_stays_stopped(now: datetime) -> None:
    first, second = make_case(**NOURA), make_case(phone=NEW, whatsapp_id="SA.2")
    for days, case in enumerate((second, first)):
        OptOut.objects.create(
            contact=case.contact, source="word", since_at=now + timedelta(days=days)
        )

    follow(now)

    still = OptOut.objects.get(ended_at=None)
    assert (still.contact, still.since_at) == (first.contact, now)
    assert OptOut.objects.count() == 2


def test_what_waits_for_the_old_number_goes_to_the_new_one(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case(**NOURA)
    inbox.reply(case.conversation.public_id, "في الطريق", by=desk_responder, now=now)

    follow(now, new_whatsapp_id="SA.2")

    row = Outgoing.objects.get()
    assert (row.to_phone, row.to_whatsapp_id) == (NEW, "SA.2")


def test_many_messages_cost_no_more_statements_for_wishes_and_touches(now: datetime) -> None:
    def statements(size: int) -> int:
        messages = [incoming(f"رسالة {n}") for n in range(size)]
        messages += [
            incoming("", kind="reaction", target_id=m.external_id, payload={"emoji": "👍"},
                     phone=m.phone, whatsapp_id=m.whatsapp_id)
            for m in messages
        ]  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            services.take_in(messages, now=now)
        return len(queries)

    assert statements(40) == statements(4)
    assert Message.objects.exclude(their_reaction="👍").count() == 0


def test_identities_of_others_are_left_alone(now: datetime) -> None:
    make_case(**NOURA)
    other = make_case(phone="966500000777", whatsapp_id="SA.7").contact

    follow(now, new_whatsapp_id="SA.2")

    assert names(other) == {"966500000777", "SA.7"}
    assert Identity.objects.count() == 4
