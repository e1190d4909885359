"""Shapes of webhooks that stand in public clients and not in our recordings; every word here is invented.

Which clients were looked at, when, and what came of it: docs/tests.md.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from bayan.channels.adapters.whatsapp import inbound
from bayan.channels.events import IncomingMessage
from bayan.channels.tests.test_inbound import (
    FILE,
    NUMBER,
    PHONE,
    RECEIVED_AT,
    WHATSAPP_ID,
    message,
    parse,
    parse_changes,
)


def only(raw: dict[str, Any], **value: Any) -> IncomingMessage:
    parsed = parse(raw, **value)
    assert (len(parsed.messages), parsed.remarks) == (1, ())
    return parsed.messages[0]


def test_who_shows_no_number_may_have_the_id_in_its_place() -> None:
    raw = message(
        "text", {"body": "نور الشارع مطفأ"}, **{"from": WHATSAPP_ID, "from_user_id": None}
    )
    contact = {"profile": {"name": "هند"}, "wa_id": WHATSAPP_ID}
    for contacts in ([contact], [contact | {"user_id": WHATSAPP_ID}], []):
        found = only(raw, contacts=contacts)
        # The digits of an id are nobody's phone number.
        assert (found.whatsapp_id, found.phone) == (WHATSAPP_ID, "")
    assert only(raw, contacts=[contact]).name == "هند"


def test_a_parent_id_and_a_user_name_come_with_some() -> None:
    raw = message("text", {"body": "x"}, from_parent_user_id="SA.ENT.77120", **{"from": None})
    contact = {
        "profile": {"username": "hind.k"},
        "user_id": WHATSAPP_ID,
        "parent_user_id": "SA.ENT.77120",
    }
    found = only(raw, contacts=[contact])
    assert (found.whatsapp_id, found.phone, found.name) == (WHATSAPP_ID, "", "hind.k")


def test_what_was_written_in_a_group_says_so() -> None:
    found = only(message("text", {"body": "الحي كله بلا ماء"}, group_id="120363040000000940"))
    assert found.payload == {"group": "120363040000000940"}


def test_a_kind_that_is_not_named_is_told_by_its_part() -> None:
    raw = message("location", {"latitude": 26.4, "longitude": 50.1})
    del raw["type"]
    assert only(raw).kind == "location"
    picture = message("image", FILE | {"caption": "حفرة"})
    del picture["type"]
    found = only(picture)
    assert (found.kind, found.text, found.file is not None) == ("image", "حفرة", True)


def test_a_file_that_the_provider_lost_is_still_a_message() -> None:
    errors = [{"code": 131052, "title": "Media download error", "details": "throttled"}]
    found = only(message("image", {"caption": "الحفرة", "mime_type": "image/jpeg"}, errors=errors))
    assert (found.kind, found.text, found.file) == ("image", "الحفرة", None)


def test_a_form_that_a_gateway_has_read_already_has_its_answers() -> None:
    reply = {"name": "flow", "response_json": {"flow_token": "t-9", "street": "الأمير نايف"}}
    found = only(message("interactive", {"type": "nfm_reply", "nfm_reply": reply}))
    assert (found.choice_id, found.payload) == ("t-9", {"answers": {"street": "الأمير نايف"}})


def test_an_answer_about_calls_and_a_reply_to_a_product_are_kept() -> None:
    permission = {"response": "accept", "is_permanent": False, "response_source": "user_action"}
    raw = message(
        "interactive",
        {"type": "call_permission_reply", "call_permission_reply": permission},
        context={"from": "966112345678", "id": "wamid.OURS"},
    )
    assert (only(raw).kind, only(raw).quoted_id) == ("call_permission_reply", "wamid.OURS")
    asked = message(
        "button",
        {"text": "متى؟", "payload": "when"},
        context={"referred_product": {"catalog_id": "7", "product_retailer_id": "bin-240"}},
        referral={"source_type": "post", "headline": "حملة النظافة", "ctwa_clid": "Af-1", "image_url": "x"},
    )  # fmt: skip
    assert only(asked).payload == {"product": "bin-240", "referral": {"headline": "حملة النظافة"}}


def test_opening_the_chat_is_no_message() -> None:
    parsed = parse(message("request_welcome"))
    assert (parsed.messages, parsed.remarks) == ((), ("message:request_welcome",))


def test_the_old_number_may_be_named_besides() -> None:
    new = "966500000940"
    system = {
        "type": "customer_changed_number",
        "customer": PHONE,
        "wa_id": new,
        "body": "تغيّر الرقم",
    }
    raw = message("system", system, **{"from": new, "from_user_id": None})
    (change,) = parse(raw, contacts=None).changes
    assert (change.old, change.new_phone) == (PHONE, new)
    # A new device of somebody is no new number.
    identity = {"acknowledged": True, "created_timestamp": 1795328100, "hash": "Sx9"}
    raw = message("system", {"type": "customer_identity_changed"}, identity=identity)
    assert parse(raw).remarks == ("system:customer_identity_changed",)


def test_a_link_that_somebody_signed_up_by_is_a_wish_for_messages() -> None:
    said = {"wa_id": PHONE, "category": "marketing_messages", "timestamp": 1795328100}
    choice = said | {"value": "signup", "signup_id": "9001", "detail": "signed up by a link"}
    (found,) = parse_changes(("user_preferences", {"user_preferences": [choice]})).choices
    assert (found.phone, found.wants) == (PHONE, True)


@pytest.mark.parametrize("where", ["entry", "value"])
def test_a_field_one_level_too_high_or_too_low_is_found(where: str) -> None:
    value = {"event": "PARTNER_REMOVED", "waba_info": {"waba_id": "1", "owner_business_id": "2"}}
    entry: dict[str, Any] = {"id": "104857600000001", "changes": [{"value": value}]}
    (entry if where == "entry" else value)["field"] = "account_update"
    body = json.dumps({"entry": [entry]}).encode()
    parsed = inbound.parse(body, numbers={NUMBER: 7}, received_at=RECEIVED_AT, request_id="r1")
    assert ([notice.field for notice in parsed.notices], parsed.remarks) == (["account_update"], ())


def test_what_else_comes_among_messages_leaves_a_remark() -> None:
    call = {"id": "wacid.1", "from": PHONE, "to": "966112345678", "event": "connect"}
    parsed = parse(calls=[call], message_echoes=[])
    assert parsed.remarks == ("messages:calls", "messages:message_echoes")


@pytest.mark.parametrize(
    "field",
    [
        "account_settings_update", "automatic_events", "calls", "group_lifecycle_update",
        "group_participants_update", "group_settings_update", "group_status_update", "history",
        "partner_solutions", "payment_configuration_update", "smb_app_state_sync",
        "smb_message_echoes", "tracking_events",
    ],
)  # fmt: skip
def test_fields_that_nobody_acts_on_cost_nothing(field: str) -> None:
    assert parse_changes((field, {"messages": [message("text", {"body": "x"})]})).remarks == (
        field,
    )


def test_a_status_in_a_group_names_who_had_it() -> None:
    raw = {
        "id": "wamid.OURS",
        "status": "read",
        "timestamp": 1795328100,
        "recipient_id": "120363040000000940",
        "recipient_type": "group",
        "recipient_participant_id": PHONE,
        "recipient_participant_user_id": WHATSAPP_ID,
        "conversation": {"id": "c", "expiration_timestamp": 1795330000, "origin": {"type": "utility"}},
        "pricing": {"billable": False, "pricing_model": "PMP", "category": "utility", "type": "regular"},
    }  # fmt: skip
    (status,) = parse(statuses=[raw]).statuses
    assert (status.status, status.recipient) == ("read", PHONE)
