"""What Bayan writes by itself to a person is in the language in which they write."""

from __future__ import annotations

from datetime import timedelta

from bayan.cases import services
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels.tests.factories import incoming
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import MONDAY

REPORT = "There is a big hole in our street and cars break down in it"


def told() -> str:
    """What the person reads last, with the line over it."""
    content = Message.objects.filter(direction="out").latest("pk").outgoing.content  # type: ignore[union-attr]
    body = content[content["type"]]["body"]
    return str(body if content["type"] == "text" else body["text"])


def test_who_reports_in_english_is_asked_and_told_in_english_until_they_write_arabic(
    khobar: Node, khobar_responder: Member
) -> None:
    case = make_case(REPORT, node=khobar)
    names = dict(case.contact.identities.values_list("scheme", "value"))
    same = {"whatsapp_id": names["whatsapp"], "phone": names["phone"]}

    services.close_case(
        case.public_id, outcome="resolved", words="We filled it.", by=khobar_responder, now=MONDAY,
        basis=CONFIRMED,
    )  # fmt: skip
    assert told().startswith(f"*{khobar.name_en} · case ")
    assert told().endswith("We filled it.\n\nHow was our service?")
    services.reopen_case(case.public_id, by=khobar_responder, now=MONDAY)
    assert "We have opened your report again" in told()

    later = MONDAY + timedelta(hours=1)
    services.take_in([incoming("شكرا لكم على سرعة الرد", received_at=later, **same)], now=later)
    # One word is of no language.
    services.take_in([incoming("ok", received_at=later, **same)], now=later)
    services.close_case(
        case.public_id, outcome="resolved", words="ردمت.", by=khobar_responder, now=later,
        basis=CONFIRMED,
    )  # fmt: skip
    assert told().startswith(f"*{khobar.name_ar} · بلاغ ")
    assert told().endswith("ما مدى رضاكم عن خدمتنا؟")
