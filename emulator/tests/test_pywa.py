"""A client of the real provider, pywa, used as it is: it sends every kind and reads what comes."""

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pywa.client import WhatsApp
from pywa.handlers import (
    CallbackButtonHandler,
    CallbackSelectionHandler,
    DeletedMessageHandler,
    EditedMessageHandler,
    FlowCompletionHandler,
    MessageHandler,
    MessageStatusHandler,
    PhoneNumberChangeHandler,
    RawUpdateHandler,
)
from pywa.types.callback import (
    Button,
    FlowButton,
    Section,
    SectionList,
    SectionRow,
    URLButton,
)
from pywa.types.flows import FlowActionType
from pywa.types.message import Message
from pywa.types.templates import BodyText, TemplateLanguage

from emulator.tests.conftest import NOURA, SAMPLES, Api, Business, eventually

NUMBER = "106540000000940"
FLOW_SCREEN = "LOCATION"


class ToTheEmulator(httpx.BaseTransport):
    """Takes what the client addresses to the provider to the emulator's port."""

    def __init__(self, base_url: httpx.URL) -> None:
        self._base_url = base_url
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(
            scheme=self._base_url.scheme, host=self._base_url.host, port=self._base_url.port
        )
        request.headers["Host"] = f"{self._base_url.host}:{self._base_url.port}"
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@pytest.fixture
def client(api: Api) -> Iterator[WhatsApp]:
    with (
        httpx.Client(transport=ToTheEmulator(api.http.base_url)) as session,
        warnings.catch_warnings(),
    ):
        # The client warns of its own coming changes.
        warnings.simplefilter("ignore")
        yield WhatsApp(
            phone_id=NUMBER,
            token="demo-access-token",
            session=session,
            waba_id="104857600000001",
            app_secret="demo-app-secret",
            filter_updates=False,
        )


def last(api: Api) -> dict[str, Any]:
    """What the emulator took last."""
    item: dict[str, Any] = api.http.get("/_control/sent").json()["items"][-1]["body"]
    return item


SENDS: dict[str, Callable[[WhatsApp], Any]] = {
    "text": lambda wa: wa.send_message(NOURA, "وصل بلاغكم رقم 123", preview_url=False),
    "buttons": lambda wa: wa.send_message(
        NOURA, "هل انتهت المشكلة؟", footer="أمانة المنطقة الشرقية",
        buttons=[Button("نعم", "yes"), Button("لا", "no")],
    ),
    "list": lambda wa: wa.send_message(
        NOURA, "كيف وجدتم الخدمة؟",
        buttons=SectionList(
            "التقييم", [Section("الخيارات", [SectionRow("راضٍ", "4", "شكرًا لكم")])]
        ),
    ),
    "cta_url": lambda wa: wa.send_message(
        NOURA, "تابعوا بلاغكم", buttons=URLButton("متابعة", "https://example.sa/track/1")
    ),
    "contact_request": lambda wa: wa.request_contact_info(NOURA, "نحتاج رقمًا نتصل بكم عليه"),
    "location_request_message": lambda wa: wa.request_location(NOURA, "أين الموقع؟"),
    "image": lambda wa: wa.send_image(NOURA, SAMPLES / "photo.jpg", caption="بعد المعالجة"),
    "document": lambda wa: wa.send_document(
        NOURA, SAMPLES / "document.pdf", filename="الإفادة.pdf"
    ),
    "audio": lambda wa: wa.send_voice(NOURA, SAMPLES / "voice.ogg"),
    "video": lambda wa: wa.send_video(NOURA, SAMPLES / "video.mp4"),
    "sticker": lambda wa: wa.send_sticker(NOURA, SAMPLES / "sticker.webp"),
    "location": lambda wa: wa.send_location(NOURA, 26.4344, 50.1033, name="الواجهة البحرية"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SENDS)
def test_the_client_sends_this_kind(kind: str, api: Api, client: WhatsApp) -> None:
    sent = SENDS[kind](client)

    body = last(api)
    assert sent.id.startswith("wamid.")
    found = body["interactive"]["type"] if body["type"] == "interactive" else body["type"]
    # It has a name of its own for two of them.
    assert found == {"buttons": "button", "contact_request": "request_contact_info"}.get(kind, kind)


def test_the_client_reacts_reads_types_and_answers(api: Api, client: WhatsApp) -> None:
    written = api.write(text="متى ينتهي العمل؟")

    assert client.mark_message_as_read(written)
    assert client.indicate_typing(written)
    client.send_reaction(NOURA, "👍", written)
    assert last(api)["reaction"] == {"emoji": "👍", "message_id": written}
    client.send_message(NOURA, "مساء الخميس", reply_to_message_id=written)
    assert last(api)["context"] == {"message_id": written}


def test_the_client_sends_a_template_to_somebody_who_never_wrote(
    api: Api, client: WhatsApp
) -> None:
    body: Any = BodyText("رقم {{1}}، الحالة {{2}}، الموعد {{3}}.", "1", "2", "3")
    sent = client.send_template(
        "966500000777", "case_update_ar", TemplateLanguage.ARABIC,
        params=[body.params("482913605", "قيد المعالجة", "مساء الخميس")],
    )  # fmt: skip

    assert sent.id.startswith("wamid.")
    assert last(api)["template"]["name"] == "case_update_ar"


def test_the_client_sends_a_flow(api: Api, client: WhatsApp) -> None:
    (flow, *_others) = api.http.get("/v25.0/104857600000001/flows", headers=api.headers).json()[
        "data"
    ]

    client.send_message(
        NOURA, "نحتاج تفاصيل الموقع",
        buttons=FlowButton(
            "تعبئة", flow_id=flow["id"], flow_token="t1",
            flow_action_type=FlowActionType.NAVIGATE, flow_action_screen=FLOW_SCREEN,
        ),
    )  # fmt: skip

    assert last(api)["interactive"]["action"]["parameters"]["flow_id"] == flow["id"]


def test_the_client_gets_the_file_that_a_person_sent(
    api: Api, business: Business, client: WhatsApp
) -> None:
    api.write(message={"type": "image", "image": {"caption": "الشارع"}})
    image = eventually(lambda: [m for m in business.messages if m["type"] == "image"])[0]["image"]

    address = client.get_media_url(image["id"])
    content = client.get_media_bytes(address.url)

    assert content == (SAMPLES / "photo.jpg").read_bytes()


WRITES: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": {"body": "الشارع مظلم"}},
    "image": {"type": "image", "image": {"caption": "الشارع"}},
    "audio": {"type": "audio", "audio": {}},
    "video": {"type": "video", "video": {}},
    "document": {"type": "document", "document": {"filename": "صورة.pdf"}},
    "sticker": {"type": "sticker", "sticker": {}},
    "location": {"type": "location", "location": {"latitude": 26.4, "longitude": 50.1}},
    "contacts": {
        "type": "contacts",
        "contacts": [
            {
                "name": {"formatted_name": "أبو فهد", "first_name": "أبو فهد"},
                "phones": [{"phone": "+966500000101"}],
            }
        ],
    },
}


@pytest.mark.parametrize("kind", WRITES)
def test_the_client_reads_what_a_person_wrote(
    kind: str, api: Api, business: Business, client: WhatsApp
) -> None:
    seen: list[Message] = []
    client.add_handlers(MessageHandler(lambda _wa, message: seen.append(message)))
    written = api.write(message=WRITES[kind])

    deliver(business, client, lambda: any(m.id == written for m in seen))

    (message,) = [m for m in seen if m.id == written]
    assert message.from_user.wa_id == NOURA
    if kind == "text":
        assert message.text == "الشارع مظلم"
    else:
        assert getattr(message, kind, None) is not None


ORDERED = {"product_retailer_id": "bin-240", "quantity": 2, "item_price": 120.5, "currency": "SAR"}
PASSED_ON = {"type": "text", "text": {"body": "الطريق بيتسكر"}}
# What else a person may do: what comes for it, the client's type of it, and what it reads there.
READS: dict[str, tuple[dict[str, Any], Any, Callable[[Any], object], object]] = {
    "reaction": (
        {"type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "👍"}},
        MessageHandler,
        lambda m: (m.reaction.emoji, m.reaction.message_id),
        ("👍", "wamid.0"),
    ),
    "template button": (
        {"type": "button", "button": {"text": "إيقاف", "payload": "stop"},
         "context": {"id": "wamid.0"}},
        CallbackButtonHandler,
        lambda tap: (tap.is_quick_reply, tap.data, tap.title, tap.reply_to_message.message_id),
        (True, "stop", "إيقاف", "wamid.0"),
    ),
    "flow reply": (
        {"type": "interactive", "context": {"id": "wamid.0"}, "interactive": {
            "type": "nfm_reply",
            "nfm_reply": {
                "name": "flow", "body": "Sent",
                "response_json": '{"flow_token": "t1", "street": "الأمير نايف"}',
            },
        }},
        FlowCompletionHandler,
        lambda form: (form.token, form.response),
        ("t1", {"street": "الأمير نايف"}),
    ),
    "order": (
        {"type": "order", "order": {"catalog_id": "7", "text": "عاجل", "product_items": [ORDERED]}},
        MessageHandler,
        lambda m: (m.order.text, m.order.products[0].sku, m.order.products[0].quantity),
        ("عاجل", "bin-240", 2),
    ),
    "edit": (
        {"type": "edit", "edit": {
            "original_message_id": "wamid.0",
            "message": {"type": "text", "text": {"body": "شارع ٢"}},
        }},
        EditedMessageHandler,
        lambda edit: (edit.original_message_id, edit.message.text),
        ("wamid.0", "شارع ٢"),
    ),
    "revoke": (
        {"type": "revoke", "revoke": {"original_message_id": "wamid.0"}},
        DeletedMessageHandler,
        lambda gone: gone.original_message_id,
        "wamid.0",
    ),
    "unsupported": (
        {"type": "unsupported", "unsupported": {"type": "poll"}},
        MessageHandler,
        lambda m: (m.unsupported.type, m.error.code),
        ("poll", 131051),
    ),
    "new number": (
        {"type": "system", "system": {
            "type": "user_changed_number", "wa_id": "966500000999",
            "body": f"نورة changed from {NOURA} to 966500000999",
        }},
        PhoneNumberChangeHandler,
        lambda change: change.new_wa_id,
        "966500000999",
    ),
    "referral": (
        PASSED_ON | {"referral": {
            "source_url": "https://fb.me/1", "source_type": "ad", "source_id": "1",
            "headline": "عينك على مدينتك", "body": "أبلغ",
        }},
        MessageHandler,
        lambda m: (m.referral.source_url, m.referral.headline),
        ("https://fb.me/1", "عينك على مدينتك"),
    ),
    "forwarded": (
        PASSED_ON | {"context": {"forwarded": True}},
        MessageHandler,
        lambda m: (m.forwarded, m.forwarded_many_times, m.text),
        (True, False, "الطريق بيتسكر"),
    ),
    "forwarded many times": (
        PASSED_ON | {"context": {"frequently_forwarded": True}},
        MessageHandler,
        lambda m: m.forwarded_many_times,
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READS)
def test_the_client_reads_what_else_a_person_does(
    kind: str, api: Api, business: Business, client: WhatsApp
) -> None:
    message, handler, read, expected = READS[kind]
    seen: list[Any] = []
    client.add_handlers(handler(lambda _wa, update: seen.append(update)))
    written = api.write(message=message)

    deliver(business, client, lambda: any(update.id == written for update in seen))

    (update,) = [update for update in seen if update.id == written]
    assert read(update) == expected


# Of these pywa 4.5 has no type: it hands them on as they came, which is what can be asked of us here.
UNTYPED: dict[str, dict[str, Any]] = {
    "new business-scoped id": {
        "type": "system", "system": {"type": "user_changed_user_id", "user_id": "SA.77123"},
    },
    "a kind that is still to come": {"type": "hologram", "hologram": {"shape": "cube"}},
}  # fmt: skip


@pytest.mark.parametrize("kind", UNTYPED)
def test_what_the_client_has_no_type_for_reaches_it_as_it_came(
    kind: str, api: Api, business: Business, client: WhatsApp
) -> None:
    raw: list[Any] = []
    client.add_handlers(RawUpdateHandler(lambda _wa, update: raw.append(update)))
    written = api.write(message=UNTYPED[kind])

    def came() -> list[dict[str, Any]]:
        values = [update["entry"][0]["changes"][0]["value"] for update in raw]
        return [m for v in values for m in v.get("messages", ()) if m["id"] == written]

    deliver(business, client, came)

    (message,) = came()
    assert message.items() >= UNTYPED[kind].items()


def test_the_client_reads_taps_and_statuses(api: Api, business: Business, client: WhatsApp) -> None:
    taps: list[Any] = []
    statuses: list[Any] = []
    client.add_handlers(CallbackButtonHandler(lambda _wa, tap: taps.append(tap)))
    client.add_handlers(CallbackSelectionHandler(lambda _wa, tap: taps.append(tap)))
    client.add_handlers(MessageStatusHandler(lambda _wa, status: statuses.append(status)))
    asked = client.send_message(NOURA, "هل انتهت؟", buttons=[Button("نعم", "yes")])
    for reply in (
        {"type": "button_reply", "button_reply": {"id": "yes", "title": "نعم"}},
        {"type": "list_reply", "list_reply": {"id": "4", "title": "راضٍ"}},
    ):
        api.write(
            message={"type": "interactive", "interactive": reply, "context": {"id": asked.id}}
        )

    deliver(business, client, lambda: len(taps) == 2 and len(statuses) >= 2)

    assert {tap.data for tap in taps} == {"yes", "4"}
    assert {status.id for status in statuses} == {asked.id}


def deliver(business: Business, client: WhatsApp, is_enough: Callable[[], object]) -> None:
    """Give the client the webhooks that come, each once and as it was signed, until it has seen enough."""
    given = 0

    def hand_on() -> object:
        nonlocal given
        for headers, body in business.received[given:]:
            given += 1
            assert client.webhook_update_validator(body, headers["x-hub-signature-256"]) is None
            # It wants a contact beside every status, which the provider leaves out of failed ones.
            value = json.loads(body)["entry"][0]["changes"][0]["value"]
            if "contacts" in value or "messages" in value:
                client.webhook_update_handler(body)
        return is_enough()

    eventually(hand_on)
