"""Cases opened by hand: a second one of a conversation, and those of who called or came."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services
from bayan.cases.models import Case, Reading, Related
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.channels.tests.factories import incoming, make_number
from bayan.core import undo
from bayan.core.models import AuditEntry, UndoStep
from bayan.core.rls import look_as
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Identity, Member
from bayan.work.models import Clock
from conftest import StaffClient

SAME: dict[str, Any] = {"whatsapp_id": "SA.1", "phone": "966500000001"}
LATER = MONDAY + timedelta(minutes=5)


def two_matters(khobar: Node) -> Case:
    """One case of somebody who writes of a lamp, and then of a tree."""
    case = make_case("إنارة الشارع مطفية", node=khobar, **SAME)
    services.take_in([incoming("وفيه شجرة طاحت على الرصيف", received_at=LATER, **SAME)], now=LATER)
    return case


def of_case(case: Case) -> list[str]:
    rows = Message.objects.filter(matter=case.reference).order_by("pk")
    return list(rows.values_list("text", flat=True))


def test_chosen_messages_become_a_case_of_their_own_and_one_again(
    khobar: Node, khobar_responder: Member
) -> None:
    case = two_matters(khobar)
    tree = Message.objects.get(text__contains="شجرة")

    with transaction.atomic():
        look_as(khobar_responder.pk)
        done = services.split_case(
            case.public_id, services.Facts(category="parks_beaches", priority="high"),
            messages=[tree.public_id], owner=khobar_responder, by=khobar_responder, now=LATER,
        )  # fmt: skip

    second = done.case
    assert (of_case(case), of_case(second)) == (["إنارة الشارع مطفية"], [tree.text])
    assert (second.node, second.owner, second.source) == (khobar, khobar_responder, "split")
    assert (second.category, second.priority, second.subject) == (
        "parks_beaches",
        "high",
        tree.text,
    )
    assert Reading.objects.filter(case=second).exists()
    assert Related.objects.get().kind == "related"
    assert Clock.objects.filter(subject_key=second.reference, ended_at=None).count() == 2
    second.conversation.refresh_from_db()
    assert second.conversation.matter == second.reference
    story = people.in_words(AuditEntry.objects.filter(action__startswith="case.split"))
    assert {(line.reference, line.details.replace("\u00a0", "")) for line in story} == {
        (case.reference, second.reference),
        (second.reference, case.reference),
    }

    with transaction.atomic():
        look_as(khobar_responder.pk)
        undo.undo(done.undo, by=khobar_responder, now=LATER)

    assert not Case.objects.filter(pk=second.pk).exists()
    assert len(of_case(case)) == 2
    second.conversation.refresh_from_db()
    assert second.conversation.matter == case.reference
    assert not Clock.objects.filter(subject_key=second.reference, ended_at=None).exists()


def test_a_message_that_speaks_of_both_stays_with_the_first(
    khobar: Node, khobar_responder: Member
) -> None:
    case = make_case("الإنارة مطفية وفيه شجرة ساقطة", node=khobar)
    by: dict[str, Any] = {"owner": None, "by": khobar_responder, "now": LATER}
    everything = [message.public_id for message in services.messages_of(case)]
    with pytest.raises(services.NothingLeft):
        services.split_case(case.public_id, services.Facts(), messages=everything, **by)
    with pytest.raises(services.SubjectMissing):
        services.split_case(case.public_id, services.Facts(), messages=[], **by)

    done = services.split_case(
        case.public_id, services.Facts(subject="شجرة ساقطة"), messages=[], **by
    )

    assert (len(of_case(case)), of_case(done.case)) == (1, [])
    assert done.case.owner is None


def test_the_panel_shows_which_matter_is_written_about_and_turns_to_the_other(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    case = two_matters(khobar)
    client.force_login(khobar_responder)
    panel = reverse("cases:panel", args=[case.conversation.public_id])
    assert 'id="facts-also-open"' not in client.get(panel).content.decode()
    form = client.get(reverse("cases:split", args=[case.public_id])).content.decode()
    assert "شجرة طاحت" in form
    tree = Message.objects.get(text__contains="شجرة")

    client.post(
        reverse("cases:split", args=[case.public_id]),
        {"messages": str(tree.public_id), "owner": "me"},
    )

    second = Case.objects.get(source="split")
    assert UndoStep.objects.latest("pk").action == services.SPLIT
    shown = client.get(panel).content.decode()
    assert f'data-reference="{second.reference}"' in shown
    client.post(reverse("cases:turn", args=[case.public_id]))
    shown = client.get(panel).content.decode()
    assert f'data-reference="{case.reference}"' in shown
    services.take_in([incoming("شكرًا", received_at=LATER, **SAME)], now=LATER)
    assert of_case(case)[-1] == "شكرًا"


def called(client: StaffClient, **changes: str) -> Case:
    given = {
        "key": str(uuid4()), "source": "call", "node": "khobar", "name": "أبو خالد",
        "phone": "0500000001", "words": "الحاوية عند مدرسة الخبر ممتلئة من يومين",
    } | changes  # fmt: skip
    answer = client.post(reverse("cases:new"), given)
    assert answer.status_code == 302, answer.content.decode()
    return Case.objects.latest("pk")


def test_who_calls_gets_a_case_with_a_number_in_the_conversation_they_have(
    client: StaffClient, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    earlier = make_case("قديم", node=khobar, **SAME)
    client.force_login(khobar_responder)

    case = called(client, category="cleanliness", key=str(key := uuid4()))

    assert (case.contact, case.conversation) == (earlier.contact, earlier.conversation)
    assert (case.source, case.owner, case.category) == ("call", khobar_responder, "cleanliness")
    message = Message.objects.get(matter=case.reference)
    assert (message.author, message.direction) == (khobar_responder, "in")
    case.conversation.refresh_from_db()
    # It opens no time to write freely in.
    assert case.conversation.last_inbound_at == MONDAY
    assert AuditEntry.objects.get(subject_key=case.reference).details == {"channel": "call"}
    page = client.get(reverse("cases:panel", args=[case.conversation.public_id]))
    assert 'data-source="call"' in page.content.decode()
    assert called(client, key=str(key)) == case


def test_who_comes_to_the_counter_may_be_new_and_without_a_mobile(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    make_number()
    client.force_login(khobar_responder)
    assert client.get(reverse("cases:cases")).content.decode().count(reverse("cases:new")) == 2

    case = called(client, source="counter", phone="")
    assert (case.contact.name, case.node) == ("أبو خالد", khobar)
    assert case.priority
    known = called(client, phone="+966 50 123 4567", source="other")
    assert Identity.objects.get(contact=known.contact).value == "966501234567"

    for wrong in ({"phone": "123"}, {"words": " "}, {"node": "qatif"}, {"source": "split"}):
        given = {"key": str(uuid4()), "source": "call", "node": "khobar", "words": "حفرة"} | wrong
        assert client.post(reverse("cases:new"), given).status_code == 422
    assert Case.objects.count() == 2
    assert timezone.now() - known.opened_at < timedelta(minutes=1)


RAKAH = {"latitude": "26.3557", "longitude": "50.1875"}


def test_the_pin_of_a_case_by_hand_is_kept_and_says_whose_place_it_is(
    client: StaffClient, desk: Node, khobar: Node, desk_responder: Member
) -> None:
    make_number()
    client.force_login(desk_responder)
    whose = reverse("cases:whose")
    said = client.get(whose, RAKAH | {"place": "", "node": desk.key}).content.decode()
    assert 'data-whose="khobar"' in said
    assert f"{whose}?take=khobar" in said
    taken = client.get(whose, {"take": "khobar"}).content.decode()
    assert '<option value="khobar" selected>' in taken
    assert "take=" not in client.get(whose, RAKAH | {"node": "khobar"}).content.decode()
    assert 'value="26.3557"' in client.get(reverse("cases:new_point"), RAKAH).content.decode()
    assert client.get(whose, {"place": "؟", "latitude": "x"}).content.decode().strip() == ""

    case = called(client, node=desk.key, words="عمود مائل", place="عند الممشى", **RAKAH)
    assert (case.latitude, case.longitude, case.place) == (26.3557, 50.1875, "عند الممشى")
    assert (case.points_to, case.points_by) == ("khobar", "pin")
    client.post(
        reverse("cases:split", args=[case.public_id]),
        {"subject": "حفرة بجانبه", "place": "", **RAKAH},
    )
    second = Case.objects.get(source="split")
    assert (second.latitude, second.points_to) == (26.3557, "khobar")
