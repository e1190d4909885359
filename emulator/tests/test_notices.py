"""Notices about the account, and the rarer things that people do."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.app import Emulator
from emulator.notices import NOTICES
from emulator.settings import Options, Settings
from emulator.tests.conftest import NOURA, OPTIONS, PATIENCE_S, Api, Business, eventually, start

ACCOUNT = "104857600000001"
MARKETING = {
    "type": "template",
    "template": {
        "name": "season_events_ar",
        "language": {"code": "ar"},
        "components": [
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "الخميس"},
                    {"type": "text", "text": "الحديقة"},
                ],
            }
        ],
    },
}


@pytest.fixture
def alone(listening_business: Business) -> Iterator[Api]:
    """An emulator of its own, for tests that change the account."""
    settings = Settings(callback=listening_business.url)
    server, thread, url = start(Emulator(settings, Options(**OPTIONS)))
    listening_business.received.clear()
    api = Api(url)
    yield api
    api.http.close()
    server.should_exit = True
    thread.join(PATIENCE_S)


def notice(api: Api, **asked: Any) -> dict[str, Any]:
    answer = api.http.post("/_control/notices", json=asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


FIELDS = {
    "quality_drop": "phone_number_quality_update",
    "quality_recovery": "phone_number_quality_update",
    "tier_up": "phone_number_quality_update",
    "tier_down": "phone_number_quality_update",
    "throughput_upgrade": "phone_number_quality_update",
    "capability": "business_capability_update",
    "name_approved": "phone_number_name_update",
    "name_rejected": "phone_number_name_update",
    "violation": "account_update",
    "restriction": "account_update",
    "ban": "account_update",
    "limit_deferred": "account_alerts",
    "account_approved": "account_review_update",
    "pin_changed": "security",
    "pin_reset": "security",
}
KEYS = {
    "phone_number_quality_update": {
        "display_phone_number",
        "event",
        "max_daily_conversations_per_business",
    },
    "business_capability_update": {
        "max_daily_conversations_per_business",
        "max_phone_numbers_per_business",
    },
    "phone_number_name_update": {
        "display_phone_number",
        "decision",
        "requested_verified_name",
        "rejection_reason",
    },
    "account_alerts": {"entity_type", "entity_id", "alert_info"},
    "account_review_update": {"decision"},
}


@pytest.mark.parametrize("name", NOTICES)
def test_a_ready_made_notice_comes_signed_and_timed(
    alone: Api, business: Business, name: str
) -> None:
    told = notice(alone, notice=name)

    eventually(lambda: business.received)
    headers, _ = business.received[0]
    entry = business.bodies[0]["entry"][0]
    assert headers["x-hub-signature-256"]
    assert (entry["id"], type(entry["time"])) == (ACCOUNT, int)
    assert entry["changes"] == [{"field": FIELDS[name], "value": told["value"]}]
    assert KEYS.get(FIELDS[name], set()) <= told["value"].keys()


def test_a_notice_changes_what_the_account_then_says(alone: Api, business: Business) -> None:
    for name in ("quality_drop", "tier_down", "throughput_upgrade"):
        notice(alone, notice=name)

    fields = "quality_rating,status,throughput,whatsapp_business_manager_messaging_limit"
    told = alone.http.get(
        "/v25.0/106540000000940", params={"fields": fields}, headers=alone.headers
    ).json()
    assert told == {
        "id": "106540000000940",
        "quality_rating": "RED",
        "status": "FLAGGED",
        "throughput": {"level": "HIGH"},
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
    }
    eventually(lambda: len(business.received) == 3)


def test_any_notice_can_be_sent_in_its_own_words(api: Api, business: Business) -> None:
    value = {"event": "ACCOUNT_DELETED", "waba_info": {"waba_id": ACCOUNT}}
    notice(api, field="account_update", value=value)
    error = {"code": 131052, "title": "Media download error", "error_data": {"details": "large"}}
    notice(api, field="messages", value={"errors": [error]})

    eventually(lambda: len(business.received) == 2)
    assert business.values[0] == value
    assert business.values[1] == {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "966112345678",
            "phone_number_id": "106540000000940",
        },
        "errors": [error],
    }
    for wrong in ({}, {"notice": "party"}, {"field": "security"}, {"notice": "stop_marketing"}):
        assert api.http.post("/_control/notices", json=wrong).status_code == 400


def test_who_stopped_marketing_gets_none(api: Api, business: Business) -> None:
    notice(api, notice="stop_marketing", person=NOURA)
    eventually(lambda: business.received)
    assert business.values[0]["metadata"]["phone_number_id"] == "106540000000940"
    (told,) = business.values[0]["user_preferences"]
    assert told == {
        "wa_id": NOURA,
        "user_id": "SA.13491208655302741901",
        "detail": "User requested to stop marketing messages",
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": told["timestamp"],
    }

    assert api.send(MARKETING).status_code == 200
    eventually(lambda: business.statuses)
    assert business.statuses[0]["errors"][0]["code"] == 131050

    business.received.clear()
    notice(api, notice="resume_marketing", person=NOURA)
    api.send(MARKETING)
    eventually(lambda: len(business.statuses) == 2)
    assert [s["status"] for s in business.statuses] == ["sent", "delivered"]


# What people send, as it must arrive beside `from`, `from_user_id`, `id` and `timestamp`.
CONTEXT = {"from": "966112345678", "id": "wamid.x"}
EVENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a template's button": (
        {
            "type": "button",
            "button": {"payload": "stop", "text": "إيقاف"},
            "context": {"id": "wamid.x"},
        },
        {"context": CONTEXT},
    ),
    "a reaction": (
        {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "🙏"}},
        {},
    ),
    "a reaction taken back": ({"type": "reaction", "reaction": {"message_id": "wamid.x"}}, {}),
    "an order": (
        {
            "type": "order",
            "order": {
                "catalog_id": "1",
                "product_items": [
                    {
                        "product_retailer_id": "2",
                        "quantity": 1,
                        "item_price": 5,
                        "currency": "SAR",
                    }
                ],
            },
        },
        {},
    ),
    "from an advertisement": (
        {
            "text": {"body": "مرحبًا"},
            "referral": {
                "source_url": "https://fb.me/x",
                "source_id": "1",
                "source_type": "ad",
                "headline": "خدمات",
                "body": "تواصلوا معنا",
                "media_type": "image",
            },
        },
        {"type": "text"},
    ),
    "forwarded": ({"text": {"body": "خبر"}, "context": {"forwarded": True}}, {"type": "text"}),
    "forwarded by many": (
        {"text": {"body": "خبر"}, "context": {"frequently_forwarded": True}},
        {"type": "text"},
    ),
    "a contact": (
        {
            "type": "contacts",
            "contacts": [{"name": {"formatted_name": "نورة"}, "phones": [{"phone": NOURA}]}],
        },
        {},
    ),
    "an answered form": (
        {
            "type": "interactive",
            "interactive": {
                "type": "nfm_reply",
                "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"},
            },
            "context": {"id": "wamid.x"},
        },
        {"context": CONTEXT},
    ),
    "something nobody supports": (
        {"type": "unsupported", "unsupported": {"type": "poll"}},
        {
            "errors": [
                {
                    "code": 131051,
                    "title": "Message type unknown",
                    "message": "Message type unknown",
                    "error_data": {"details": "Message type is currently not supported."},
                }
            ]
        },
    ),
    "a change": (
        {
            "type": "edit",
            "edit": {
                "original_message_id": "wamid.x",
                "message": {"type": "text", "text": {"body": "أصح"}},
            },
        },
        {},
    ),
    "a deletion": ({"type": "revoke", "revoke": {"original_message_id": "wamid.x"}}, {}),
}


@pytest.mark.parametrize(("message", "more"), EVENTS.values(), ids=EVENTS.keys())
def test_the_rarer_things_that_people_do_arrive_as_documented(
    api: Api, business: Business, message: dict[str, Any], more: dict[str, Any]
) -> None:
    message_id = api.write(message=copy.deepcopy(message))

    eventually(lambda: business.messages)
    told = business.messages[0]
    assert told == {
        "from": NOURA,
        "from_user_id": "SA.13491208655302741901",
        "id": message_id,
        "timestamp": told["timestamp"],
        **message,
        **more,
    }
    assert business.values[0]["contacts"][0]["wa_id"] == NOURA


def moved(number: str) -> dict[str, Any]:
    body = f"User moved to {number}"
    return {
        "type": "system",
        "system": {"body": body, "type": "user_changed_number", "wa_id": number},
    }


def test_a_person_with_another_number_writes_from_it(
    tmp_path: Path, listening_business: Business
) -> None:
    before, after = "966500009930", "966500009931"
    listening_business.received.clear()
    settings = Settings(callback=listening_business.url, data_dir=tmp_path)
    for round_ in range(2):
        server, thread, url = start(Emulator(settings, Options(**OPTIONS)))
        api = Api(url)
        if round_ == 0:
            api.write(**{"from": before, "text": "مرحبًا", "name": "فهد"})
            api.write(**{"from": before, "message": moved(after)})
        api.write(**{"from": after, "text": "هذا رقمي الجديد"})
        eventually(lambda: len(listening_business.messages) == 3 + round_)  # noqa: B023
        people = api.http.get("/_control/people").json()["items"]
        answer = api.send({"type": "text", "text": {"body": "أهلًا"}}, to=after)
        gone = api.send({"type": "text", "text": {"body": "أهلًا"}}, to=before)
        taken = api.http.post("/_control/messages", json={"from": after, "message": moved(NOURA)})
        api.http.close()
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert [p["name"] for p in people if p["phone"] == after] == ["فهد"]
        assert before not in {p["phone"] for p in people}
        assert (answer.status_code, gone.json()["error"]["code"]) == (200, 131047)
        assert taken.status_code == 400

    first, system, later, last = listening_business.messages
    told = [value for value in listening_business.values if "messages" in value]
    assert system["from"] == first["from"] == before
    assert later["from"] == last["from"] == after
    assert len({m["from_user_id"] for m in (first, system, later, last)}) == 1
    assert "contacts" not in told[1]
    assert system["system"]["wa_id"] == after


def test_a_person_with_another_id_writes_as_it(api: Api, business: Business) -> None:
    phone, user_id = "966500009935", "SA.55501208655302741935"
    api.write(**{"from": phone, "text": "مرحبًا"})
    message = {
        "type": "system",
        "system": {"body": "new id", "type": "user_changed_user_id", "user_id": user_id},
    }
    api.write(**{"from": phone, "message": message})
    api.write(**{"from": phone, "text": "أنا هو"})

    eventually(lambda: len(business.messages) == 3)
    ids = [m["from_user_id"] for m in business.messages]
    assert ids[0] == ids[1] != user_id
    assert ids[2] == user_id
    bad = {"type": "system", "system": {"type": "user_changed_user_id", "user_id": "x"}}
    refused = api.http.post("/_control/messages", json={"from": phone, "message": bad})
    assert refused.status_code == 400
