"""What triage says of a message at work: labels for new cases, danger heard, corrections kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Case, Correction, Heard
from bayan.cases.services import understanding
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.triage.thresholds import USUAL, Thresholds
from conftest import StaffClient

HOLE = "حفرة كبيرة في حي الراكة الشمالية بالخبر كسرت كفر سيارتي"
HTMX = {"HX-Request": "true"}


def test_a_new_case_gets_its_labels_and_its_place(desk: Node) -> None:
    case = make_case(HOLE)

    assert (case.kind, case.category, case.priority) == ("complaint", "roads", "normal")
    assert "الراكة الشمالية" in case.place
    assert ["municipality", "khobar"] in Heard.objects.get().about


def test_an_authority_says_how_sure_is_sure(monkeypatch: pytest.MonkeyPatch, desk: Node) -> None:
    strict = Thresholds(sure={"kind": {USUAL: 0.0}, "category": {USUAL: 0.0, "roads": 1.0}})
    monkeypatch.setattr(understanding, "thresholds", lambda: strict)

    case = make_case(HOLE)

    assert (case.kind, case.category) == ("complaint", "")
    assert case.reading.said["category"][0] == "roads"


def test_danger_that_is_written_later_makes_the_case_an_emergency(desk: Node) -> None:
    same: dict[str, Any] = {"whatsapp_id": "SA.1", "phone": "966500000001"}
    case = make_case(HOLE, **same)
    later = MONDAY + timedelta(hours=1)

    cry = incoming("الحقونا ولد طاح في منهل مفتوح", received_at=later, **same)
    services.take_in([cry], now=later)

    before, case = case, Case.objects.get(pk=case.pk)
    assert case.priority == Case.Priority.EMERGENCY
    assert case.due_at < before.due_at
    assert AuditEntry.objects.filter(
        action="case.danger_heard", subject_key=case.reference
    ).exists()


def test_a_label_is_corrected_in_one_click_and_kept_until_it_is_right_again(
    client: StaffClient, desk_responder: Member
) -> None:
    case = make_case(HOLE)
    client.force_login(desk_responder)
    address = reverse("cases:label", args=[case.public_id])
    panel = reverse("cases:panel", args=[case.conversation.public_id])
    assert "حفرة</bdi>" in client.get(panel, headers=HTMX).content.decode()

    client.post(address, {"field": "category", "value": "excavation"}, headers=HTMX)

    kept = Correction.objects.get()
    assert (kept.field, kept.said, kept.right) == ("category", "roads", "excavation")
    assert kept.by == desk_responder
    case.refresh_from_db()
    assert case.category == "excavation"

    client.post(address, {"field": "category", "value": "roads"}, headers=HTMX)
    assert not Correction.objects.exists()


def test_what_was_passed_on_many_times_is_weighed_and_shown_in_the_panel(
    client: StaffClient, desk_responder: Member
) -> None:
    case = make_case("يقولون بيقفلون الكوبري الليلة انشروها", forwarded="often")
    assert case.reading.said["passed_on"] == "often"
    client.force_login(desk_responder)

    def panel() -> str:
        path = reverse("cases:panel", args=[case.conversation.public_id])
        return client.get(path).content.decode()

    assert ("mark is-warn" in panel(), "ويقوّي ذلك" in panel() or "speaks for it" in panel()) == (
        True,
        True,
    )
    Message.objects.update(forwarded="")
    assert "mark is-warn" not in panel()
