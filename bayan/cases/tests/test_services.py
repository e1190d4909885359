from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels.events import IncomingFile, IncomingMessage
from bayan.channels.models import Media, Outgoing
from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry
from bayan.core.references import grouped
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact, Identity, Member


def from_the_same(case: Case, text: str = "؟", **changes: object) -> IncomingMessage:
    names = dict(case.contact.identities.values_list("scheme", "value"))
    return incoming(
        text,
        whatsapp_id=names[Identity.Scheme.WHATSAPP],
        phone=names[Identity.Scheme.PHONE],
        **changes,
    )


def test_a_first_message_opens_a_case_at_the_desk(desk: Node, now: datetime) -> None:
    services.take_in([incoming("الشارع مظلم من أمس")], now=now)

    case = Case.objects.get()
    assert case.node == desk
    assert case.state == "open"
    assert case.conversation.matter == case.reference
    assert Message.objects.get().matter == case.reference


def test_the_next_message_joins_the_open_case(db: None, now: datetime) -> None:
    first = incoming("الشارع مظلم")
    later = incoming("وينكم؟", whatsapp_id=first.whatsapp_id, phone=first.phone)

    services.take_in([first, later], now=now)

    assert Case.objects.count() == Conversation.objects.count() == Contact.objects.count() == 1
    assert Message.objects.filter(matter=Case.objects.get().reference).count() == 2


def test_a_message_goes_to_the_municipality_that_has_the_open_case(
    khobar: Node, now: datetime
) -> None:
    case = make_case(node=khobar)

    services.take_in([from_the_same(case)], now=now)

    assert Message.objects.latest("pk").node == khobar
    assert Message.objects.latest("pk").matter == case.reference


def test_a_quoted_message_decides_before_the_latest_one(
    khobar: Node, qatif: Node, desk_responder: Member, now: datetime
) -> None:
    old = make_case("حفرة", node=khobar)
    asked = inbox.reply(old.conversation.public_id, "أين؟", by=desk_responder, now=now)
    Outgoing.objects.filter(message=asked).update(external_id="wamid.asked")
    services.close_case(old.public_id, outcome="answered", words="", by=desk_responder, now=now)
    newer = make_case(
        "إنارة",
        now=now + timedelta(hours=1),
        whatsapp_id=old.contact.identities.get(scheme="whatsapp").value,
        phone=old.contact.identities.get(scheme="phone").value,
    )
    services.assign_case(newer.public_id, to=qatif, by=desk_responder, now=now, remark="حيهم")

    services.take_in([from_the_same(old, "عند البقالة", quoted_id="wamid.asked")], now=now)

    assert Message.objects.latest("pk").conversation == old.conversation


@pytest.mark.parametrize(("later", "where"), [(71, "khobar"), (73, "eastern")])
def test_without_an_open_case_the_last_72_hours_decide(
    khobar: Node, desk_responder: Member, now: datetime, later: int, where: str
) -> None:
    case = make_case(node=khobar)
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )
    then = now + timedelta(hours=later)

    services.take_in([from_the_same(case, received_at=then)], now=then)

    reopened = Case.objects.open().get()
    assert reopened.node.key == where
    assert reopened.reference != case.reference


def test_a_reaction_alone_opens_no_case(db: None, now: datetime) -> None:
    services.take_in(
        [incoming("", kind="reaction", payload={"reaction": {"emoji": "👍"}})], now=now
    )

    assert Message.objects.count() == 1
    assert not Case.objects.exists()


def test_assigning_moves_the_conversation_with_all_that_hangs_on_it(
    khobar: Node, desk: Node, desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    inbox.reply(case.conversation.public_id, "أين بالضبط؟", by=desk_responder, now=now)

    services.assign_case(case.public_id, to=khobar, by=desk_responder, now=now)

    for model in (Case, Conversation, Message, Outgoing):
        assert set(model.objects.values_list("node__key", flat=True)) == {"khobar"}
    entry = AuditEntry.objects.get(action="case.assigned")
    assert entry.details == {"from": "eastern", "to": "khobar"}
    assert entry.actor == desk_responder.audit_key


def test_assigning_takes_the_files_along(
    desk_responder: Member, khobar: Node, now: datetime
) -> None:
    file = IncomingFile(external_id="9001", mime_type="image/jpeg")
    services.take_in([incoming("", kind="image", file=file)], now=now)

    services.assign_case(Case.objects.get().public_id, to=khobar, by=desk_responder, now=now)

    assert Media.objects.get().node == khobar


def test_assigning_merges_into_the_conversation_that_the_contact_has_there(
    khobar: Node, desk_responder: Member, now: datetime
) -> None:
    old = make_case("قديم", node=khobar)
    services.close_case(
        old.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )
    week_later = now + timedelta(days=7)
    services.take_in([from_the_same(old, "جديد", received_at=week_later)], now=week_later)
    new = Case.objects.open().get()
    assert new.conversation_id != old.conversation_id

    services.assign_case(new.public_id, to=khobar, by=desk_responder, now=week_later)

    conversation = Conversation.objects.get()
    assert conversation.matter == new.reference
    assert conversation.cases.count() == 2
    assert conversation.messages.count() == 3
    assert conversation.last_inbound_at == week_later


def test_a_case_is_not_assigned_to_where_it_is(
    khobar: Node, desk_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar)
    with pytest.raises(services.AlreadyThere):
        services.assign_case(case.public_id, to=khobar, by=desk_responder, now=now)


def test_a_case_closes_only_once(desk_responder: Member, now: datetime) -> None:
    case = make_case()
    services.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="أُصلحت الإنارة.",
        by=desk_responder,
        now=now,
    )

    with pytest.raises(services.CaseAlreadyClosed):
        services.close_case(
            case.public_id, outcome="answered", words="…", by=desk_responder, now=now
        )
    assert Case.objects.get().outcome == "resolved"
    assert Outgoing.objects.count() == 1


def test_a_case_does_not_close_without_an_outcome(desk_responder: Member, now: datetime) -> None:
    case = make_case()
    with pytest.raises(services.OutcomeMissing):
        services.close_case(case.public_id, outcome="", words="تم", by=desk_responder, now=now)
    assert not Outgoing.objects.exists()


def test_closing_asks_in_arabic_with_a_list_of_five(desk_responder: Member, now: datetime) -> None:
    case = make_case()
    services.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="أُصلحت الإنارة.",
        by=desk_responder,
        now=now,
    )

    content = Outgoing.objects.get().content["interactive"]
    rows = content["action"]["sections"][0]["rows"]
    assert content["type"] == "list"
    assert grouped(case.reference) in content["body"]["text"]
    assert "أُصلحت الإنارة." in content["body"]["text"]
    assert [row["id"] for row in rows] == [f"satisfaction-{n}" for n in (5, 4, 3, 2, 1)]


def test_a_case_closes_without_asking_once_the_window_is_closed(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    services.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=desk_responder,
        now=now + timedelta(hours=25),
    )

    assert not Outgoing.objects.exists()
    assert AuditEntry.objects.get(action="case.closed").details == {
        "outcome": "resolved",
        "asked": False,
        "excuse": "confirmed",
    }


def test_after_closing_the_next_message_opens_a_new_case(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    services.close_case(case.public_id, outcome="answered", words="تم.", by=desk_responder, now=now)
    later = now + timedelta(hours=1)

    services.take_in([from_the_same(case, received_at=later)], now=later)

    assert Case.objects.open().count() == 1
    assert Case.objects.count() == 2
    assert Conversation.objects.count() == 1


def test_the_answer_to_the_question_is_kept_and_opens_nothing(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )
    tap = from_the_same(case, "راضٍ", kind="list_reply", choice_id="satisfaction-4")

    services.receive_satisfaction([(tap, case.reference)], now=now)

    case.refresh_from_db()
    assert case.satisfaction == 4
    assert Case.objects.count() == 1
    assert Message.objects.latest("pk").matter == case.reference
    assert AuditEntry.objects.get(action="case.satisfaction_given").actor == case.contact.audit_key


def test_the_last_answer_counts_and_the_trail_holds_both(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )
    taps = [
        (from_the_same(case, kind="list_reply", choice_id=f"satisfaction-{n}"), case.reference)
        for n in (5, 1)
    ]

    services.receive_satisfaction(taps, now=now)

    case.refresh_from_db()
    assert case.satisfaction == 1
    assert AuditEntry.objects.filter(action="case.satisfaction_given").count() == 2


def test_somebody_elses_tap_on_a_forwarded_question_counts_for_nothing(
    desk_responder: Member, now: datetime
) -> None:
    case = make_case()
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )
    stranger = incoming("راضٍ", kind="list_reply", choice_id="satisfaction-5")

    services.receive_satisfaction([(stranger, case.reference)], now=now)

    case.refresh_from_db()
    assert case.satisfaction is None
    assert Case.objects.count() == 2


def test_a_batch_costs_the_same_statements_whatever_its_size(db: None, now: datetime) -> None:
    def statements(size: int) -> int:
        messages = [incoming() for _message in range(size)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            services.take_in(messages, now=now)
        return len(queries)

    make_case()
    assert statements(50) == statements(5)
