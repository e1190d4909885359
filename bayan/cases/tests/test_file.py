"""A case as a document: its words are found in their order, and it says no more than its reader may know."""

from __future__ import annotations

import pypdfium2
import pytest
from django.urls import reverse

from bayan.cases import services
from bayan.cases.tests.factories import make_case
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work.tests.test_items import a_picture
from conftest import MONDAY, StaffClient

NAME = "خالد الدوسري"


def words_of(pdf: bytes) -> str:
    return " ".join(
        " ".join(page.get_textpage().get_text_range().split())
        for page in pypdfium2.PdfDocument(pdf)
    )


@pytest.fixture
def page(client: StaffClient, khobar: Node, khobar_responder: Member) -> str:
    case = make_case("الشارع مظلم من أمس", node=khobar, name=NAME)
    conversation = case.conversation.public_id
    inbox.reply(conversation, "وصلتنا #هاشتاق و@bayan", by=khobar_responder, now=MONDAY)
    inbox.write_note(conversation, "لا تنشروا", mentions=[], by=khobar_responder, now=MONDAY)
    services.close_case(
        case.public_id, outcome="resolved", words="أنرنا الشارع", by=khobar_responder,
        now=MONDAY, picture=a_picture(), place="حي العزيزية",
    )  # fmt: skip
    client.force_login(khobar_responder)
    return reverse("cases:file", args=[case.public_id])


def test_its_words_are_found_in_their_order(client: StaffClient, page: str) -> None:
    answer = client.get(page)
    assert answer.headers["Content-Type"] == "application/pdf"
    text = words_of(answer.content)
    for words in (
        "الشارع مظلم من أمس",
        "بلدية محافظة الخبر",
        "أنرنا الشارع",
        "حي العزيزية",
        "bayan",
    ):
        assert words in text
    assert text.index("مظلم") < text.index("أنرنا")


def test_notes_and_the_name_only_with_a_tick_and_only_for_who_may(
    client: StaffClient, khobar: Node, page: str
) -> None:
    plain = words_of(client.get(page).content)
    assert NAME not in plain
    assert "لا تنشروا" not in plain
    full = words_of(client.get(page, {"notes": "1", "person": "1"}).content)
    assert NAME in full
    assert "لا تنشروا" in full
    printed = AuditEntry.objects.filter(action="case.printed").order_by("pk")
    assert [line.details["fields"] for line in printed] == [[], ["notes", "person"]]

    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    assert client.get(page).status_code == 200
    assert client.get(page, {"person": "1"}).status_code == 403
