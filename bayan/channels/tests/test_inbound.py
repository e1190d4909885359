"""What WhatsApp's webhooks say, kind by kind, in our words."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bayan.channels.adapters.whatsapp import inbound
from bayan.channels.events import IncomingFile, IncomingMessage, Parsed

RECEIVED_AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
NUMBER = "106540000000940"
PHONE, WHATSAPP_ID = "966500000101", "SA.13491208655302741901"
DIGEST = hashlib.sha256(b"a picture").digest()
FILE = {
    "id": "1003383421387256",
    "mime_type": "image/jpeg",
    "sha256": base64.b64encode(DIGEST).decode(),
    "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
}


def parse_changes(*changes: tuple[str, Any], time: int | None = None) -> Parsed:
    entry: dict[str, Any] = {
        "id": "104857600000001",
        "changes": [{"field": field, "value": value} for field, value in changes],
    }
    if time:
        entry["time"] = time
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    return inbound.parse(body, numbers={NUMBER: 7}, received_at=RECEIVED_AT, request_id="r1")


def parse(*messages: Any, **value: Any) -> Parsed:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "966112345678", "phone_number_id": NUMBER},
        "contacts": [{"profile": {"name": "نورة"}, "wa_id": PHONE, "user_id": WHATSAPP_ID}],
        "messages": list(messages),
    } | value
    return parse_changes(("messages", value))


def message(kind: str, part: Any = None, **more: Any) -> dict[str, Any]:
    raw = {
        "from": PHONE,
        "from_user_id": WHATSAPP_ID,
        "id": "wamid.1",
        "timestamp": "1795328100",
        "type": kind,
    }
    if part is not None:
        raw[kind] = part
    return raw | more


def read(kind: str, part: Any = None, **more: Any) -> IncomingMessage:
    parsed = parse(message(kind, part, **more))
    assert parsed.remarks == ()
    return parsed.messages[0]


def test_a_text_has_its_sender_and_both_clocks() -> None:
    found = read("text", {"body": "الشارع مظلم"})

    assert (found.kind, found.text, found.payload) == ("text", "الشارع مظلم", {})
    assert (found.whatsapp_id, found.phone, found.name) == (WHATSAPP_ID, PHONE, "نورة")
    assert (found.number_id, found.external_id, found.request_id) == (7, "wamid.1", "r1")
    assert (found.received_at, found.sent_at) == (
        RECEIVED_AT,
        datetime.fromtimestamp(1795328100, UTC),
    )


@pytest.mark.parametrize("kind", ["image", "video", "document", "audio", "sticker"])
def test_a_file_is_named_and_its_caption_is_text(kind: str) -> None:
    found = read(kind, FILE | {"caption": "هبوط في الطريق", "filename": "تقرير.pdf"})

    assert (found.kind, found.text) == (kind, "هبوط في الطريق")
    assert found.file == IncomingFile(
        external_id="1003383421387256",
        mime_type="image/jpeg",
        sha256=DIGEST.hex(),
        name="تقرير.pdf",
        url=str(FILE["url"]),
    )
    assert found.payload == ({"animated": False} if kind == "sticker" else {})


def test_what_was_recorded_in_the_app_is_a_voice_message() -> None:
    assert read("audio", FILE | {"voice": True}).kind == "voice"
    assert read("audio", FILE | {"voice": False}).kind == "audio"
    assert read("audio", FILE | {"voice": "yes"}).kind == "audio"
    assert read("sticker", FILE | {"animated": True}).payload == {"animated": True}


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (DIGEST.hex(), DIGEST.hex()),
        (DIGEST.hex().upper(), DIGEST.hex()),
        (base64.b64encode(DIGEST).decode(), DIGEST.hex()),
        (base64.urlsafe_b64encode(DIGEST).decode(), DIGEST.hex()),
        ("deadbeef", ""),
        ("z" * 64, ""),
        ("=", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_hash_is_taken_in_either_form(given: Any, known: str) -> None:
    file = read("image", FILE | {"sha256": given}).file
    assert file is not None
    assert file.sha256 == known


def test_a_file_without_an_id_cannot_be_fetched() -> None:
    assert read("image", {"caption": "صورة"}).file is None
    assert read("image", FILE | {"id": "9" * 200}).file is None
    assert read("image", "no object").file is None


def test_a_place_has_its_coordinates_and_its_names() -> None:
    found = read(
        "location",
        {"latitude": 26.29, "longitude": "50.21", "name": "حديقة", "address": "الخبر", "url": "x"},
    )
    assert found.payload == {
        "latitude": 26.29, "longitude": pytest.approx(50.21), "name": "حديقة", "address": "الخبر",
    }  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        {"latitude": 91, "longitude": 0},
        {"latitude": "here", "longitude": 5},
        {"latitude": True, "longitude": True},
        {"latitude": float("inf"), "longitude": 5},
        {"latitude": 10**400, "longitude": 5},
        {"longitude": 5},
        [],
    ],
)
def test_a_place_that_cannot_be_is_none(part: Any) -> None:
    assert read("location", part).payload == {}


def test_contacts_have_names_phones_and_organisations() -> None:
    found = read(
        "contacts",
        [
            {
                "name": {"formatted_name": "مقاول الصيانة", "first_name": "مقاول"},
                "phones": [
                    {"phone": "+966 50 000 0001", "type": "CELL", "wa_id": "966500000001"},
                    {"wa_id": "966500000002"},
                    {"type": "HOME"},
                    "nonsense",
                ],
                "org": {"company": "شركة"},
            },
            {"vcard": "BEGIN:VCARD"},
            7,
        ],
    )
    assert found.payload == {
        "contacts": [
            {
                "name": "مقاول الصيانة",
                "phones": ["+966 50 000 0001", "966500000002"],
                "organisation": "شركة",
            },
            {},
            {},
        ]
    }


def test_a_reaction_names_the_message_and_may_be_taken_away() -> None:
    found = read("reaction", {"message_id": "wamid.0", "emoji": "👍🏽"})
    assert (found.target_id, found.payload, found.text) == ("wamid.0", {"emoji": "👍🏽"}, "")
    assert read("reaction", {"message_id": "wamid.0"}).payload == {"emoji": ""}


def test_taps_carry_their_words_and_their_id() -> None:
    context = {"from": "966112345678", "id": "wamid.OURS"}
    button = read("button", {"payload": "stop_updates", "text": "إيقاف"}, context=context)
    assert (button.kind, button.text, button.choice_id, button.quoted_id) == (
        "button", "إيقاف", "stop_updates", "wamid.OURS",
    )  # fmt: skip
    for kind in ("button_reply", "list_reply"):
        reply = {"id": "row-2", "title": "إنارة", "description": "عمود معطل"}
        tap = read("interactive", {"type": kind, kind: reply}, context=context)
        assert (tap.kind, tap.text, tap.choice_id, tap.quoted_id) == (
            kind, "إنارة", "row-2", "wamid.OURS",
        )  # fmt: skip
        assert tap.payload == {"description": "عمود معطل"}


def test_a_form_gives_its_answers_with_or_without_its_token() -> None:
    def form(response: Any, **part: Any) -> IncomingMessage:
        reply = {"name": "flow", "body": "Sent", "response_json": response} | part
        return read("interactive", {"type": "nfm_reply", "nfm_reply": reply})

    whole = form('{"flow_token": "t-1", "category": "إنارة", "floors": 2}')
    assert (whole.kind, whole.text, whole.choice_id) == ("flow_reply", "", "t-1")
    assert whole.payload == {"answers": {"category": "إنارة", "floors": 2}}
    # The token may be missing on some phones.
    assert form('{"category": "إنارة"}').choice_id == ""
    for broken in ("{", "[]", "", None, '"\\ud800"', "[" * 20_000):
        assert form(broken).payload == {"answers": {}}
    assert form("{}", name="address_message", body="شارع ١").text == "شارع ١"


def test_an_order_is_kept_in_plain_words() -> None:
    found = read(
        "order",
        {
            "catalog_id": "1",
            "text": "عاجل",
            "product_items": [
                {
                    "product_retailer_id": "sku",
                    "quantity": 2,
                    "item_price": "7.5",
                    "currency": "SAR",
                },
                "nonsense",
            ],
        },
    )
    assert found.text == "عاجل"
    assert found.payload["items"] == [
        {"product": "sku", "quantity": 2.0, "price": 7.5, "currency": "SAR"},
        {"product": "", "quantity": None, "price": None, "currency": ""},
    ]


def test_edits_and_revocations_name_what_they_change() -> None:
    edited = read(
        "edit",
        {"original_message_id": "wamid.0", "message": {"type": "text", "text": {"body": "شارع ٢"}}},
    )
    assert (edited.kind, edited.target_id, edited.text) == ("edit", "wamid.0", "شارع ٢")
    caption = read(
        "edit",
        {"original_message_id": "wamid.0", "message": {"type": "image", "image": {"caption": "ب"}}},
    )
    assert caption.text == "ب"
    revoked = read("revoke", {"original_message_id": "wamid.0"})
    assert (revoked.kind, revoked.target_id, revoked.payload) == ("revoke", "wamid.0", {})


@pytest.mark.parametrize("kind", ["unsupported", "unknown"])
def test_what_the_provider_does_not_pass_on_says_what_it_was(kind: str) -> None:
    errors = [{"code": 131051, "title": "Message type unknown"}]
    found = read(kind, errors=errors, unsupported={"type": "poll"})
    assert (found.kind, found.payload) == ("unsupported", {"what": "poll"})
    assert read(kind, errors=errors).payload == {}


def test_a_kind_that_nobody_knows_yet_is_kept_whole() -> None:
    found = read("hologram", {"shape": "cube"}, errors=[])
    assert found.kind == "hologram"
    assert found.payload["hologram"] == {"shape": "cube"}
    answer = read("interactive", {"type": "call_permission_reply", "call_permission_reply": {}})
    assert answer.kind == "call_permission_reply"
    assert answer.payload["interactive"]["type"] == "call_permission_reply"
    assert read("").kind == "unknown"


def test_forwarding_answering_and_where_they_came_from_are_kept() -> None:
    body = {"body": "س"}
    assert read("text", body, context={"forwarded": True}).forwarded == "once"
    assert read("text", body, context={"frequently_forwarded": True}).forwarded == "often"
    assert read("text", body, context={"forwarded": "true"}).forwarded == ""
    answer = read(
        "text",
        body,
        context={
            "from": "966112345678",
            "id": "wamid.0",
            "referred_product": {"catalog_id": "1", "product_retailer_id": "sku"},
        },
        referral={
            "source_url": "https://fb.me/1",
            "source_type": "ad",
            "headline": "بلدي",
            "body": "أبلغ",
        },
    )
    assert answer.quoted_id == "wamid.0"
    assert answer.payload == {
        "product": "sku",
        "referral": {"source_url": "https://fb.me/1", "headline": "بلدي", "body": "أبلغ"},
    }


@pytest.mark.parametrize(
    ("raw", "remark"),
    [
        (message("text", {"body": "x"}, id=None), "message:text"),
        (message("text", {"body": "x"}, id="x" * 161), "message:text"),
        ({"id": "wamid.1", "type": "text", "text": {"body": "x"}}, "message:text"),
        ("nonsense", "message:without sender"),
        (message("system", {"type": "customer_identity_changed"}), "system:customer_identity_changed"),
        (message("system", "nonsense"), "system:"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_in_leaves_a_remark(raw: Any, remark: str) -> None:
    parsed = parse(raw, contacts=[])
    assert parsed.messages == ()
    assert parsed.changes == ()
    assert parsed.remarks == (remark,)


def test_a_phone_number_written_as_a_number_is_read() -> None:
    parsed = parse(
        message("text", {"body": "x"}, **{"from": 966500000101, "from_user_id": None}),
        contacts=[{"wa_id": 966500000101, "profile": {"name": "نورة"}}],
    )
    assert (parsed.messages[0].phone, parsed.messages[0].name) == (PHONE, "نورة")


def changed(system: dict[str, Any], **more: Any) -> Any:
    parsed = parse(message("system", system, **more), contacts=None)
    assert parsed.messages == ()
    (change,) = parsed.changes
    return change.old, change.new_phone, change.new_whatsapp_id


def test_a_new_number_names_the_old_one() -> None:
    new = "966500000999"
    assert changed({"type": "user_changed_number", "wa_id": new}) == (PHONE, new, "")
    assert changed({"type": "user_changed_number", "wa_id": new, "user_id": "SA.2"}) == (
        PHONE, new, "SA.2",
    )  # fmt: skip
    older = {"type": "user_changed_number", "new_wa_id": new}
    assert changed(older, from_user_id=None) == (PHONE, new, "")
    assert changed(older, **{"from": None}) == (WHATSAPP_ID, new, "")


def test_a_new_id_names_the_old_one() -> None:
    system = {"type": "user_changed_user_id", "user_id": "SA.2", "parent_user_id": "SA.ENT.9"}
    assert changed(system) == (WHATSAPP_ID, "", "SA.2")
    # Where the message comes under the new id already, the number tells who it is.
    assert changed(system, from_user_id="SA.2") == (PHONE, "", "SA.2")


def test_where_the_message_comes_under_the_new_name_its_sentence_tells_the_old_one() -> None:
    new, old_id = "966500000999", "SA.77"
    moved = {"type": "user_changed_number", "wa_id": new}
    said = moved | {"body": f"نورة changed from {PHONE} to {new}"}
    assert changed(said, **{"from": new, "from_user_id": None}) == (PHONE, new, "")
    renamed = {"type": "user_changed_user_id", "user_id": "SA.2"}
    said = renamed | {"body": f"نورة changed from {old_id} to SA.2"}
    assert changed(said, **{"from": None, "from_user_id": "SA.2"}) == (old_id, "", "SA.2")


def test_a_name_that_looks_like_the_sentence_takes_over_nobody() -> None:
    new, victim = "966500000999", "966500000555"
    name = f"x changed from {victim} to {new}"
    said = {
        "type": "user_changed_number",
        "wa_id": new,
        "body": f"{name} changed from {PHONE} to {new}",
    }
    assert changed(said, **{"from": new, "from_user_id": None}) == (PHONE, new, "")
    # And what the sender's own fields say comes before any sentence.
    assert changed(said | {"body": name}) == (PHONE, new, "")


def test_a_new_id_is_told_for_the_whole_account_too() -> None:
    def told(update: Any) -> Parsed:
        return parse_changes(("user_id_update", {"user_id_update": update}))

    update = {"wa_id": PHONE, "user_id": {"previous": "SA.1", "current": "SA.2"}, "timestamp": 1}
    for given in (update, [update]):
        (change,) = told(given).changes
        assert (change.old, change.new_phone, change.new_whatsapp_id) == ("SA.1", PHONE, "SA.2")
    (change,) = told({"wa_id": PHONE, "user_id": {"current": "SA.2"}}).changes
    assert (change.old, change.new_whatsapp_id) == (PHONE, "SA.2")
    for odd in (
        {},
        None,
        {"user_id": "SA.2"},
        {"user_id": {"previous": "SA.2", "current": "SA.2"}},
    ):
        assert told(odd).remarks == ("user_id_update:incomplete",)


def test_a_change_without_its_field_is_known_by_what_it_holds() -> None:
    value = {"metadata": {"phone_number_id": NUMBER}, "messages": [message("text", {"body": "x"})]}
    change: dict[str, Any] = {"value": value}
    body = json.dumps({"entry": [{"id": "1", "changes": [change]}]}).encode()
    parsed = inbound.parse(body, numbers={NUMBER: 7}, received_at=RECEIVED_AT, request_id="r1")
    assert [m.text for m in parsed.messages] == ["x"]


def test_a_number_of_thousands_of_digits_costs_no_message() -> None:
    body = json.dumps(
        {"entry": [{"changes": [{"field": "messages", "value": {
            "metadata": {"phone_number_id": NUMBER},
            "messages": [message("text", {"body": "x", "n": "N"}) | {"lone": "\ud83d"}],
        }}]}]}
    ).encode().replace(b'"N"', b"9" * 5000)  # fmt: skip
    parsed = inbound.parse(body, numbers={NUMBER: 7}, received_at=RECEIVED_AT, request_id="r1")
    assert [m.text for m in parsed.messages] == ["x"]


def test_a_change_that_says_nothing_new_is_a_remark() -> None:
    for system in ({"type": "user_changed_number"}, {"type": "user_changed_user_id", "user_id": 7}):
        parsed = parse(message("system", system))
        assert parsed.changes == ()
        assert parsed.remarks == (f"system:{system['type']}",)


def test_stopping_and_resuming_is_a_choice_of_the_person() -> None:
    def choices(*given: Any) -> Parsed:
        return parse_changes(
            (
                "user_preferences",
                {
                    "metadata": {"phone_number_id": NUMBER},
                    "contacts": [{"wa_id": PHONE, "user_id": WHATSAPP_ID}],
                    "user_preferences": list(given),
                },
            )
        )

    said = {"wa_id": PHONE, "category": "marketing_messages", "timestamp": 1795328100}
    stop, resume = choices(said | {"value": "stop"}, said | {"value": "resume"}).choices
    assert (stop.phone, stop.whatsapp_id, stop.wants) == (PHONE, WHATSAPP_ID, False)
    assert resume.wants
    for odd in (
        said | {"value": "pause"},
        said | {"value": "stop", "category": "calls"},
        {"category": "marketing_messages", "value": "stop"},
        7,
    ):
        parsed = choices(odd)
        assert parsed.choices == ()
        assert len(parsed.remarks) == 1


def test_a_failed_status_without_contacts_says_why() -> None:
    (status,) = parse(
        contacts=None,
        statuses=[
            {
                "id": "wamid.OURS",
                "status": "failed",
                "timestamp": "1795328100",
                "recipient_id": PHONE,
                "errors": [
                    {"code": 131026, "title": "T", "error_data": {"details": "not on WhatsApp"}}
                ],
            }
        ],
    ).statuses
    assert status.error == {"code": 131026, "title": "T", "details": "not on WhatsApp"}
    assert parse(statuses=[{"status": "sent"}, 7]).remarks == ("status:incomplete",) * 2


def test_every_field_about_accounts_is_a_notice_with_its_time() -> None:
    values = {field: {"event": "X"} for field in sorted(inbound.NOTICES)}
    parsed = parse_changes(*values.items(), time=1795328100)
    assert [notice.field for notice in parsed.notices] == sorted(inbound.NOTICES)
    assert {notice.business_id for notice in parsed.notices} == {"104857600000001"}
    assert {notice.at for notice in parsed.notices} == {datetime.fromtimestamp(1795328100, UTC)}
    assert parsed.remarks == ()


def test_a_quality_notice_under_the_wrong_field_is_recognised() -> None:
    value = {"previous_quality_score": "GREEN", "new_quality_score": "RED"}
    (notice,) = parse_changes(("message_template_status_update", value)).notices
    assert notice.field == "message_template_quality_update"
    assert notice.at == RECEIVED_AT


def test_errors_of_the_provider_itself_are_a_notice() -> None:
    (notice,) = parse(errors=[{"code": 131016, "title": "Service unavailable"}]).notices
    assert (notice.field, notice.value["phone_number_id"]) == ("errors", NUMBER)
    assert notice.value["errors"][0]["code"] == 131016


@pytest.mark.parametrize("field", ["calls", "history", "group_lifecycle_update", "brand_new", 7])
def test_a_field_that_nobody_acts_on_leaves_a_remark(field: Any) -> None:
    parsed = parse_changes((field, {"x": 1}))
    assert parsed == Parsed(remarks=(field if isinstance(field, str) else "without field",))


def test_nothing_of_a_notice_is_too_deep_or_too_odd_for_the_database() -> None:
    deep: Any = "end"
    for _level in range(200):
        deep = [deep]
    value = {"event": "a\0b", "number": float("nan"), "deep": deep, "\ud800": 1}
    (notice,) = parse_changes(("account_update", value)).notices
    json.dumps(notice.value, allow_nan=False, ensure_ascii=False).encode()
    assert notice.value["event"] == "a\ufffdb"
