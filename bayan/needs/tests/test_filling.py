"""A request filled in as a form in WhatsApp: chosen from a list, checked again, asked once."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bayan.channels.models import Flow, Outgoing
from bayan.channels.tests.factories import make_number
from bayan.core.references import grouped
from bayan.inbox.models import Message
from bayan.needs import flow, services
from bayan.needs.models import Attachment, Form, Need
from bayan.needs.tests.factories import load_forms
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work.tests.factories import link_mobile, written_by

SPAN = {
    "from_day": "2026-12-05", "from_time": "16:30", "until_day": "2026-12-05", "until_time": "18:00",
}  # fmt: skip


@pytest.fixture
def asker(khobar: Node, khobar_responder: Member, now: datetime) -> Member:
    load_forms(now=now)
    make_number()
    return link_mobile(khobar_responder, "966500000071", now=now)


def give_account_the_form() -> None:
    Flow.objects.create(
        account=make_number().account, external_id="78", name=flow.FLOW, status="PUBLISHED",
        first_screen=flow.SCREEN,
    )  # fmt: skip


def write_word(member: Member, *, now: datetime) -> Message:
    """The member writes «احتياجاتي»; what Bayan answers."""
    services.hear([(written_by(member, "احتياجاتي", received_at=now), member)], now=now)
    return Message.objects.filter(direction="out").latest("pk")


def choose(member: Member, key: str, *, now: datetime) -> Message:
    message = written_by(member, kind="button", choice_id=f"need-form:{key}", received_at=now)
    services.receive_asked([(message, "")], now=now)
    return Message.objects.filter(direction="out").latest("pk")


def send_back(member: Member, key: str, *, now: datetime, token: str = "", **answers: Any) -> str:
    """The form comes back; what Bayan says to it."""
    version = Form.objects.get(key=key).version_id
    message = written_by(
        member, kind="flow_reply", received_at=now, choice_id=token or f"{key}.{version}",
        payload={"answers": answers},
    )  # fmt: skip
    services.receive_asked([(message, key)], now=now)
    return Message.objects.filter(direction="out").latest("pk").text


def test_it_is_chosen_from_the_list_filled_in_and_asked_once(
    asker: Member, khobar: Node, now: datetime
) -> None:
    give_account_the_form()
    write_word(asker, now=now)
    listed = Outgoing.objects.latest("pk").content
    assert "need-form:coverage" in json.dumps(listed)
    choose(asker, "coverage", now=now)
    opened = Outgoing.objects.latest("pk").content["interactive"]["action"]["parameters"]
    data = opened["flow_action_payload"]["data"]
    assert (opened["flow_id"], data["label_1"], data["text_1"], data["span_shown"]) == (
        "78", "المناسبة", True, True,
    )  # fmt: skip
    # The time stands below the rows, and the place is a row of its own.
    assert not any(data[f"{kind}_2"] for kind in ("text", "long", "number", "date", "choice"))
    assert data["text_3"]

    answers: dict[str, Any] = SPAN | {
        "text_1_answer": "تدشين حديقة الحي", "text_3_answer": "حي الراكة", "choice_4_answer": "1",
        "photos": [{"id": "555", "mime_type": "image/jpeg"}],
    }  # fmt: skip
    said = send_back(asker, "coverage", now=now, **answers)
    need = Need.objects.get()
    assert grouped(need.reference) in said
    assert (need.node, need.asked_by, need.title) == (khobar, asker, "تدشين حديقة الحي")
    assert need.starts_at is not None
    assert need.starts_at.isoformat() == "2026-12-05T13:30:00+00:00"
    assert need.answers["f4"] == "1"
    assert Attachment.objects.get(need=need).media.external_id == "555"
    # Sent once more, it is the same request.
    send_back(asker, "coverage", now=now, **answers)
    assert Need.objects.count() == 1


def test_what_comes_back_is_checked_as_on_the_page_and_a_changed_form_asks_for_nothing(
    asker: Member, now: datetime
) -> None:
    give_account_the_form()
    said = send_back(asker, "coverage", now=now, text_3_answer="حي الراكة", **SPAN)
    assert "المناسبة" in said
    assert "/needs/new/coverage" in said
    answers: dict[str, Any] = SPAN | {
        "text_1_answer": "تدشين",
        "text_3_answer": "الراكة",
        "choice_4_answer": "0",
    }
    backwards = answers | {"until_time": "09:00"}
    assert "الموعد" in send_back(asker, "coverage", now=now, **backwards)
    send_back(asker, "coverage", now=now, token="coverage.0", **answers)
    assert not Need.objects.exists()


def test_without_the_form_in_the_account_and_for_what_needs_a_file_the_page_is_named(
    asker: Member, now: datetime
) -> None:
    assert "/needs/new/coverage" in write_word(asker, now=now).text
    assert "/needs/new/coverage" in choose(asker, "coverage", now=now).text
    give_account_the_form()
    # Its file must be there, and documents cannot be attached to such a form.
    said = choose(asker, "translation", now=now)
    assert "/needs/new/translation" in said.text
    assert Outgoing.objects.latest("pk").content["type"] == "text"


def test_the_form_at_the_provider_is_the_one_that_the_emulator_has(
    khobar: Node, now: datetime
) -> None:
    path = Path(__file__).parents[3] / "emulator" / "samples" / "flows.json"
    flows = {one["name"]: one["json"] for one in json.loads(path.read_text(encoding="utf-8"))}
    assert flows[flow.FLOW] == flow.flow_json()
    known = flow.flow_json()["screens"][0]
    assert len(known["layout"]["children"]) <= 50
    load_forms(now=now)
    offered = Form.objects.select_related("version")
    assert {form.key for form in offered if form.version and flow.fits(form.version)} >= {
        "coverage", "design", "printing", "vehicle", "equipment",
    }  # fmt: skip
    for form in offered:
        assert form.version is not None
        assert set(flow.data_of(form.version)) == set(known["data"])
