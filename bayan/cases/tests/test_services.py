from datetime import datetime, timedelta

import pytest

from bayan.cases import services
from bayan.cases.models import Case
from bayan.channels.tests.factories import incoming
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member


def test_a_first_message_opens_a_case_at_the_desk(desk: Node, now: datetime) -> None:
    services.take_in([incoming("الشارع مظلم من أمس")], now=now)

    case = Case.objects.get()
    assert case.node == desk
    assert case.state == "open"
    assert case.conversation.matter == case.reference
    assert Message.objects.get().matter == case.reference


def test_the_next_message_joins_the_open_case(desk: Node, now: datetime) -> None:
    first = incoming("الشارع مظلم")
    later = incoming("وينكم؟", whatsapp_id=first.whatsapp_id, phone=first.phone)

    services.take_in([first, later], now=now)

    assert Case.objects.count() == Conversation.objects.count() == Contact.objects.count() == 1
    assert Message.objects.filter(matter=Case.objects.get().reference).count() == 2


def test_a_case_closes_only_once(desk: Node, desk_responder: Member, now: datetime) -> None:
    services.take_in([incoming()], now=now)
    case = Case.objects.get()
    services.close_case(
        case.public_id, outcome="resolved", words="أُصلحت الإنارة.", by=desk_responder, now=now
    )

    with pytest.raises(services.CaseAlreadyClosed):
        services.close_case(
            case.public_id, outcome="answered", words="…", by=desk_responder, now=now
        )
    assert Case.objects.get().outcome == "resolved"


def test_after_closing_the_next_message_opens_a_new_case(
    desk: Node, desk_responder: Member, now: datetime
) -> None:
    first = incoming()
    services.take_in([first], now=now)
    services.close_case(
        Case.objects.get().public_id, outcome="answered", words="تم.", by=desk_responder, now=now
    )

    again = incoming(
        whatsapp_id=first.whatsapp_id, phone=first.phone, received_at=now + timedelta(hours=1)
    )
    services.take_in([again], now=now + timedelta(hours=1))

    assert Case.objects.open().count() == 1
    assert Case.objects.count() == 2
    assert Conversation.objects.count() == 1
