"""What the business is told, in which shape, and what happens when it does not answer."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from emulator.tests.conftest import NOURA, Api, Business, eventually, quiet
from emulator.webhooks import signature

FIXTURES = Path(__file__).parent / "fixtures"
BSUID_ONLY = "SA.77120045519083325511"
CONTEXT = {"context": {"id": "wamid.quoted"}}


def shape(value: Any) -> Any:
    """Keys and types, all the way down."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"wa_{name}.json").read_text())


WRITTEN: dict[str, dict[str, Any]] = {
    "inbound_text_ar": {"text": "السلام عليكم"},
    "inbound_text_bsuid_only": {"from": BSUID_ONLY, "text": "هل الدراسة معلقة؟"},
    "inbound_button_reply": {
        "message": {
            "type": "interactive",
            "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "نعم"}},
            **CONTEXT,
        }
    },
    "inbound_list_reply": {
        "message": {
            "type": "interactive",
            "interactive": {
                "type": "list_reply",
                "list_reply": {"id": "a", "title": "حي النخيل", "description": "الشمال"},
            },
            **CONTEXT,
        }
    },
    "inbound_flow_reply": {
        "message": {
            "type": "interactive",
            "interactive": {
                "type": "nfm_reply",
                "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"},
            },
            **CONTEXT,
        }
    },
    "inbound_image": {
        "message": {
            "type": "image",
            "image": {"caption": "هبوط في الطريق"},
            "context": {"forwarded": True},
        }
    },
    "inbound_voice": {"message": {"type": "audio", "audio": {}}},
    "inbound_location": {
        "message": {
            "type": "location",
            "location": {
                "latitude": 26.43,
                "longitude": 50.1,
                "name": "حديقة الحي",
                "address": "الدمام",
            },
            **CONTEXT,
        }
    },
    "inbound_unsupported": {
        "message": {
            "type": "unsupported",
            "errors": [
                {
                    "code": 131051,
                    "title": "Message type unknown",
                    "message": "Message type unknown",
                    "error_data": {"details": "Message type is currently not supported."},
                }
            ],
            "unsupported": {"type": "poll"},
        }
    },
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_person_writes_has_the_shape_of_its_fixture(
    api: Api, business: Business, name: str
) -> None:
    message_id = api.write(**WRITTEN[name])

    eventually(lambda: business.received)
    assert shape(business.bodies[0]) == shape(fixture(name))
    assert business.messages[0]["id"] == message_id


@pytest.mark.parametrize("name", ["sent", "delivered", "read"])
def test_a_status_has_the_shape_of_its_fixture(api: Api, business: Business, name: str) -> None:
    message_id = api.send_text(biz_opaque_callback_data="bulletin=7;seg=north")
    eventually(lambda: len(business.statuses) == 2)
    api.http.post("/_phone/read", json={"person": NOURA})
    eventually(lambda: len(business.statuses) == 3)

    body = next(
        b for b, s in zip(business.bodies, business.statuses, strict=True) if s["status"] == name
    )
    assert shape(body) == shape(fixture(f"status_{name}"))
    assert {s["id"] for s in business.statuses} == {message_id}
    assert {s["biz_opaque_callback_data"] for s in business.statuses} == {"bulletin=7;seg=north"}
    assert [s["status"] for s in business.statuses] == ["sent", "delivered", "read"]


def test_a_failed_status_has_the_shape_of_its_fixture(api: Api, business: Business) -> None:
    api.fault(kind="fail", code=131026, count=1)

    api.send_text(biz_opaque_callback_data="bulletin=7;seg=north")

    eventually(lambda: business.statuses)
    assert shape(business.bodies[0]) == shape(fixture("status_failed"))
    assert business.statuses[0]["errors"][0]["code"] == 131026
    quiet(api)
    assert len(business.statuses) == 1


def test_nothing_is_read_until_the_phone_shows_it(api: Api, business: Business) -> None:
    api.send_text()
    eventually(lambda: len(business.statuses) == 2)
    quiet(api)
    assert [s["status"] for s in business.statuses] == ["sent", "delivered"]

    api.set_options(auto_read=True)
    api.send_text()
    eventually(lambda: len(business.statuses) == 5)
    assert business.statuses[-1]["status"] == "read"


def test_a_hidden_phone_is_nowhere_in_a_webhook(api: Api, business: Business) -> None:
    phone = "966500009903"
    api.write(**{"from": phone, "name": "فهد", "text": "مرحبًا", "hide_phone": True})
    eventually(lambda: business.received)
    user_id = business.messages[0]["from_user_id"]

    answer = api.send({"type": "text", "text": {"body": "أهلًا"}, "recipient": user_id}, to=phone)
    assert answer.json()["contacts"] == [{"input": phone, "user_id": user_id}]
    eventually(lambda: len(business.statuses) == 2)

    everything = b"".join(body for _, body in business.received)
    ids = json.dumps([s["id"] for s in business.statuses])
    assert phone.encode() not in everything.replace(ids.encode(), b"")
    assert business.values[0]["contacts"][0]["profile"]["username"]
    assert user_id.startswith("SA.")


def test_a_message_to_a_bsuid_says_so_when_it_fails(api: Api, business: Business) -> None:
    api.write(**{"from": BSUID_ONLY, "text": "مرحبًا"})
    api.fault(kind="fail")
    body = {"messaging_product": "whatsapp", "recipient": BSUID_ONLY, "text": {"body": "أهلًا"}}

    answer = api.http.post(api.path, json=body, headers=api.headers)

    assert answer.json()["contacts"] == [{"input": BSUID_ONLY, "user_id": BSUID_ONLY}]
    eventually(lambda: business.statuses)
    assert business.statuses[0]["recipient_user_id"] == BSUID_ONLY
    assert "recipient_id" not in business.statuses[0]


def test_the_signature_is_the_documented_one() -> None:
    body = (FIXTURES / "wa_inbound_text_ar.json").read_bytes()

    assert signature("test_app_secret", body) == (
        "sha256=2a3b1bf06e8710fdfbce85b905fec2a884cb78ef6a8e38f6c6bd8aa566ada376"
    )


def test_every_webhook_is_signed_over_its_bytes(api: Api, business: Business) -> None:
    api.write(text="بلاغ")
    eventually(lambda: business.received)

    headers, body = business.received[0]
    expected = hmac.new(b"demo-app-secret", body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert headers["content-type"] == "application/json"


def test_a_webhook_is_tried_again_until_it_is_taken(api: Api, business: Business) -> None:
    business.answers[:] = [500, 503, 404]

    message_id = api.write(text="بلاغ")

    eventually(lambda: len(business.received) == 4)
    quiet(api)
    (hook,) = api.webhooks(about=message_id)
    assert [attempt["status"] for attempt in hook["attempts"]] == [500, 503, 404, 200]
    assert len({body for _, body in business.received}) == 1


def test_a_failing_webhook_does_not_hold_up_the_next(api: Api, business: Business) -> None:
    api.set_options(retry_pause_ms=60)
    business.answers[:] = [500]
    first = api.write(text="الأولى")
    eventually(lambda: business.received)
    second = api.write(text="الثانية")

    eventually(lambda: len(business.received) == 3)
    assert [m["id"] for m in business.messages] == [first, second, first]


def test_messages_of_one_person_arrive_in_order(api: Api, business: Business) -> None:
    written = [api.write(text=f"رسالة {n}") for n in range(20)]

    eventually(lambda: len(business.messages) == 20)
    assert [m["id"] for m in business.messages] == written


def test_a_reaction_yields_only_sent(api: Api, business: Business) -> None:
    message_id = api.write(text="شكرًا")

    api.send({"type": "reaction", "reaction": {"message_id": message_id, "emoji": "🙏"}})

    eventually(lambda: business.statuses)
    quiet(api)
    assert [s["status"] for s in business.statuses] == ["sent"]
