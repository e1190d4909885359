"""Templates: how they are made, reviewed and listed, and what a send of one must bring."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.app import Emulator
from emulator.settings import Options, Settings
from emulator.tests.conftest import NOURA, OPTIONS, PATIENCE_S, Api, Business, eventually, start

ACCOUNT = "104857600000001"
STRANGER = "966500009920"


class Templates:
    """Calls of the management side."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._made = 0

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._api.http.request(method, f"/v25.0/{path}", headers=self._api.headers, **more)

    def create(self, **changes: Any) -> httpx.Response:
        return self.call("POST", f"{ACCOUNT}/message_templates", json={**draft(), **changes})

    def list(self, **query: Any) -> Any:
        return self.call("GET", f"{ACCOUNT}/message_templates", params=query).json()

    def show(self, template_id: str) -> Any:
        return self.call("GET", template_id, params={"fields": FIELDS}).json()

    def set(self, **asked: Any) -> None:
        answer = self._api.http.post("/_control/templates", json=asked)
        assert answer.status_code == 200, answer.text


FIELDS = "name,status,category,rejected_reason,quality_score,components,language"
count = iter(range(10_000))


def draft() -> dict[str, Any]:
    return {
        "name": f"notice_{next(count)}",
        "category": "UTILITY",
        "language": "ar",
        "components": [body("تبدأ الصيانة في {{1}} صباح غد بإذن الله.", [["حي النخيل"]])],
    }


def body(text: str, samples: Any = None) -> dict[str, Any]:
    example = {} if samples is None else {"example": {"body_text": samples}}
    return {"type": "BODY", "text": text, **example}


PLAIN = body("تعود الخدمة غدًا.")


def with_parts(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"components": [PLAIN, *parts]}


def header(text: str, samples: Any = None) -> dict[str, Any]:
    example = {} if samples is None else {"example": {"header_text": samples}}
    return {"type": "HEADER", "format": "TEXT", "text": text, **example}


def buttons(*given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(given)}


def reply(text: str = "نعم") -> dict[str, Any]:
    return {"type": "QUICK_REPLY", "text": text}


def link(url: str = "https://example.sa/", **more: Any) -> dict[str, Any]:
    return {"type": "URL", "text": "التفاصيل", "url": url, **more}


PHONE = {"type": "PHONE_NUMBER", "text": "اتصل بنا", "phone_number": "+966138000000"}
CODE = {"type": "COPY_CODE", "example": "R" * 15}

ACCEPTED: dict[str, dict[str, Any]] = {
    "plain": {"components": [PLAIN]},
    "body of 1024": {"components": [body("ب" * 1024)]},
    "named variables": {
        "parameter_format": "named",
        "components": [
            {
                "type": "BODY",
                "text": "تنبيه لأهالي {{district}} من الأمطار اليوم.",
                "example": {
                    "body_text_named_params": [{"param_name": "district", "example": "النخيل"}]
                },
            }
        ],
    },
    "header of 60 and footer of 60": with_parts(
        header("ع" * 60), {"type": "FOOTER", "text": "ذ" * 60}
    ),
    "header with a variable": with_parts(header("بلاغ {{1}}", ["482913077"])),
    "a place in the header": with_parts({"type": "HEADER", "format": "LOCATION"}),
    "ten quick replies": with_parts(buttons(*(reply(f"{n}" * 25) for n in range(10)))),
    "every other button": with_parts(
        buttons(
            reply(), reply("لا"), link(), link("https://e.sa/{{1}}", example=["7"]), PHONE, CODE
        )
    ),
    "a lifetime": {"message_send_ttl_seconds": 600},
    "arabic of Egypt": {"language": "ar_EG"},
    "marketing with an offer": {
        "category": "MARKETING",
        "components": [body("خصم خاص على الرسوم.")],
    },
    "a one-time code": {
        "category": "AUTHENTICATION",
        "components": [{"type": "BODY"}, buttons({"type": "OTP", "otp_type": "COPY_CODE"})],
    },
}

REFUSED: dict[str, tuple[dict[str, Any], int | None]] = {
    "name with capitals": ({"name": "Notice"}, None),
    "name of 513": ({"name": "n" * 513}, None),
    "another category": ({"category": "NEWS"}, None),
    "arabic of Saudi Arabia": ({"language": "ar_SA"}, None),
    "an unknown key": ({"colour": "green"}, None),
    "a lifetime too long": ({"message_send_ttl_seconds": 13 * 3600}, None),
    "another format": ({"parameter_format": "lettered"}, None),
    "no list of components": ({"components": "نص"}, None),
    "a component of another type": (with_parts({"type": "TAIL"}), None),
    "two bodies": (with_parts(PLAIN), None),
    "no body": ({"components": [{"type": "FOOTER", "text": "تذييل"}]}, 2388072),
    "empty body": ({"components": [body(" ")]}, None),
    "body of 1025": ({"components": [body("ب" * 1025)]}, 2388040),
    "variable at the start": ({"components": [body("{{1}} تعود غدًا بعد الظهر", [["ا"]])]}, 2388299),
    "variable at the end": ({"components": [body("تعود الخدمة غدًا في {{1}}", [["ا"]])]}, 2388299),
    "too many variables": (
        {"components": [body("في {{1}} و {{2}} غدًا", [["ا", "ب"]])]},
        2388293,
    ),
    "a gap in the variables": (
        {"components": [body("تبدأ الصيانة في {{2}} صباح غد.", [["حي"]])]},
        2388072,
    ),
    "a variable left open": ({"components": [body("تبدأ الصيانة في {{1 صباح غد.")]}, 2388072),
    "a named variable among positional": (
        {"components": [body("تبدأ الصيانة في {{district}} صباح غد.", [["حي"]])]},
        2388072,
    ),
    "no samples": ({"components": [body("تبدأ الصيانة في {{1}} صباح غد.")]}, 2388072),
    "too few samples": (
        {"components": [body("تبدأ الصيانة في {{1}} من يوم {{2}} صباحًا بإذن الله.", [["حي"]])]},
        2388072,
    ),
    "header of 61": (with_parts(header("ع" * 61)), 2388040),
    "header of two lines": (with_parts(header("ع\nع")), 2388047),
    "header with two variables": (with_parts(header("{{1}} {{2}}", ["ا", "ب"])), 2388047),
    "header without sample": (with_parts(header("بلاغ {{1}}")), 2388047),
    "header of another format": (with_parts({"type": "HEADER", "format": "AUDIO"}), 2388047),
    "picture without sample": (with_parts({"type": "HEADER", "format": "IMAGE"}), 2388047),
    "footer of 61": (with_parts({"type": "FOOTER", "text": "ذ" * 61}), 2388040),
    "footer with a variable": (with_parts({"type": "FOOTER", "text": "رقم {{1}}"}), 2388073),
    "no buttons": (with_parts(buttons()), None),
    "eleven buttons": (with_parts(buttons(*(reply(f"{n}") for n in range(11)))), None),
    "button of 26": (with_parts(buttons(reply("ز" * 26))), 2388040),
    "button with a variable": (with_parts(buttons(reply("رقم {{1}}"))), None),
    "quick replies apart": (with_parts(buttons(reply(), link(), reply("لا"))), None),
    "three links": (with_parts(buttons(link(), link(), link())), None),
    "two phone numbers": (with_parts(buttons(PHONE, PHONE)), None),
    "two codes": (with_parts(buttons(CODE, CODE)), None),
    "a code of 16": (with_parts(buttons({**CODE, "example": "R" * 16})), 2388040),
    "a link that is none": (with_parts(buttons(link("example"))), None),
    "a link of 2001": (with_parts(buttons(link("https://e.sa/" + "x" * 1988))), 2388040),
    "a variable inside a link": (
        with_parts(buttons(link("https://e.sa/{{1}}/x", example=["7"]))),
        None,
    ),
    "a link without sample": (with_parts(buttons(link("https://e.sa/{{1}}"))), None),
    "a flow button without its flow": (with_parts(buttons({"type": "FLOW", "text": "ابدأ"})), None),
    "a button of another type": (with_parts(buttons({"type": "DANCE", "text": "ا"})), None),
    "a button that is none": (with_parts(buttons({"type": ["URL"]})), None),
    "a code button on utility": (with_parts(buttons({"type": "OTP"})), None),
}


@pytest.fixture
def templates(api: Api) -> Templates:
    api.set_options(review_ms=0)
    return Templates(api)


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_template_within_the_rules_is_accepted_and_approved(
    templates: Templates, changes: dict[str, Any]
) -> None:
    answer = templates.create(**copy.deepcopy(changes))

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "APPROVED"
    assert templates.show(answer.json()["id"])["components"][0]["type"] == "BODY"


@pytest.mark.parametrize(("changes", "subcode"), REFUSED.values(), ids=REFUSED.keys())
def test_a_template_that_breaks_a_rule_is_refused(
    templates: Templates, changes: dict[str, Any], subcode: int | None
) -> None:
    answer = templates.create(**copy.deepcopy(changes))

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("error_subcode")) == (400, 100, subcode)
    assert error["error_data"]["details"]
    assert ("error_user_msg" in error) == (subcode is not None)


def test_a_name_serves_once_in_each_language_and_rests_after_its_end(templates: Templates) -> None:
    made = draft()
    assert templates.create(**made).status_code == 200
    assert templates.create(**{**made, "language": "en"}).status_code == 200
    assert templates.create(**made).json()["error"]["error_subcode"] == 2388024

    gone = templates.call("DELETE", f"{ACCOUNT}/message_templates", params={"name": made["name"]})
    assert gone.json() == {"success": True}
    assert templates.list(name=made["name"])["data"] == []
    assert templates.create(**made).json()["error"]["error_subcode"] == 2388023
    again = templates.call("DELETE", f"{ACCOUNT}/message_templates", params={"name": made["name"]})
    assert again.status_code == 400


def test_a_review_takes_its_time_and_is_told(
    api: Api, templates: Templates, business: Business
) -> None:
    api.set_options(review_ms=150)

    made = templates.create().json()

    assert made["status"] == "PENDING"
    eventually(lambda: business.received)
    entry = business.bodies[0]["entry"][0]
    assert entry["id"] == ACCOUNT
    assert isinstance(entry["time"], int)
    change = entry["changes"][0]
    assert change["field"] == "message_template_status_update"
    value = change["value"]
    assert value == {
        "event": "APPROVED",
        "message_template_id": int(made["id"]),
        "message_template_name": value["message_template_name"],
        "message_template_language": "ar",
        "reason": "NONE",
        "message_template_category": "UTILITY",
    }
    assert templates.show(made["id"])["status"] == "APPROVED"


def test_an_offer_is_no_utility(templates: Templates, business: Business) -> None:
    made = templates.create(components=[body("خصم خاص على الرسوم.")]).json()

    assert made["status"] == "REJECTED"
    assert templates.show(made["id"])["rejected_reason"] == "INCORRECT_CATEGORY"
    eventually(lambda: business.received)
    value = business.values[0]
    assert (value["event"], value["reason"]) == ("REJECTED", "INCORRECT_CATEGORY")
    assert set(value["rejection_info"]) == {"reason", "recommendation"}


def test_an_approved_template_is_edited_once_a_day(
    api: Api, templates: Templates, business: Business
) -> None:
    template_id = templates.create().json()["id"]
    changed = {"components": [body("تنتهي الصيانة في {{1}} مساء غد.", [["حي النخيل"]])]}

    assert templates.call("POST", template_id, json=changed).json() == {"success": True}
    assert templates.show(template_id)["components"] == changed["components"]
    assert templates.call("POST", template_id, json=changed).status_code == 400
    api.set_clock(advance_s=24 * 3600)
    assert templates.call("POST", template_id, json=changed).status_code == 200
    assert templates.call("POST", template_id, json={"category": "MARKETING"}).status_code == 400
    assert templates.call("POST", template_id, json={"name": "x"}).status_code == 400
    eventually(
        lambda: (
            "message_template_components_update"
            in [body["entry"][0]["changes"][0]["field"] for body in business.bodies]
        )
    )


def test_the_list_has_pages_filters_and_fields(api: Api, templates: Templates) -> None:
    everything = templates.list(limit=1000)["data"]
    assert {"case_update_ar", "street_work_en", "weather_alert_ar"} <= {
        each["name"] for each in everything
    }

    page = templates.list(limit=5, fields="name,status,quality_score", language="ar")
    names = [each["name"] for each in page["data"]]
    while "next" in page["paging"]:
        page = api.http.get(page["paging"]["next"], headers=api.headers).json()
        assert page["data"]
        assert set(page["data"][0]) == {"id", "name", "status", "quality_score"}
        names += [each["name"] for each in page["data"]]

    assert names == [each["name"] for each in everything if each["language"] == "ar"]
    assert templates.list(status="REJECTED", name="case_update")["data"] == []
    counted = templates.list(limit=1, language="ar", summary="total_count")["summary"]
    assert counted["total_count"] == len(names)
    assert templates.list(limit=0)["error"]["code"] == 100
    assert templates.list(after="nothing")["error"]["code"] == 100


def test_only_the_owner_may_look(api: Api, templates: Templates) -> None:
    assert api.http.get(f"/v25.0/{ACCOUNT}/message_templates").status_code == 401
    other = templates.call("GET", "1/message_templates").json()["error"]
    assert (other["code"], other["error_subcode"]) == (100, 33)
    assert templates.call("GET", "1").json()["error"]["error_subcode"] == 33


def test_quality_and_category_change_on_request(templates: Templates, business: Business) -> None:
    name = draft()["name"]
    template_id = templates.create(name=name).json()["id"]
    eventually(lambda: business.received)
    business.received.clear()

    templates.set(name=name, quality="RED", coming_category="MARKETING")
    templates.set(id=template_id, category="MARKETING", status="PAUSED")

    eventually(lambda: len(business.received) == 4)
    fields = [body["entry"][0]["changes"][0]["field"] for body in business.bodies]
    assert fields == [
        "message_template_quality_update",
        "template_category_update",
        "template_category_update",
        "message_template_status_update",
    ]
    quality, coming, category, paused = business.values
    assert (quality["previous_quality_score"], quality["new_quality_score"]) == ("UNKNOWN", "RED")
    assert (coming["new_category"], coming["correct_category"]) == ("UTILITY", "MARKETING")
    assert coming["category_update_timestamp"]
    assert (category["previous_category"], category["new_category"]) == ("UTILITY", "MARKETING")
    assert (paused["event"], paused["other_info"]["title"]) == ("PAUSED", "FIRST_PAUSE")


def text(value: str, name: str | None = None) -> dict[str, Any]:
    return {"type": "text", "text": value, **({"parameter_name": name} if name else {})}


def part(kind: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": list(parameters), **more}


def send(
    api: Api, name: str, *components: dict[str, Any], language: str = "ar", **changes: Any
) -> httpx.Response:
    template = {"name": name, "language": {"code": language}, "components": list(components)}
    return api.send({"type": "template", "template": template}, **changes)


PICTURE = {"type": "image", "image": {"link": "https://example.sa/map.jpg"}}
UPDATE = part("body", text("نورة"), text("482 913 077"), text("قيد المعالجة"))
STREET = part("body", text("حي النخيل", "district"), text("الأحد", "date"))
ALERT = part("body", text("حي النخيل", "district"), text("9 مساءً", "until"))
CASE = part("header", text("482 913 077")), part("body", text("حي النخيل"))
SENDS: dict[str, Callable[[Api], httpx.Response]] = {
    "three variables": lambda api: send(api, "case_update_ar", UPDATE),
    "a picture and names": lambda api: send(api, "street_work_ar", part("header", PICTURE), STREET),
    "quick replies as they are": lambda api: send(api, "case_closed_ar", *CASE),
    "quick replies with payloads": lambda api: send(
        api,
        "case_closed_ar",
        *CASE,
        part("button", {"type": "payload", "payload": "yes"}, sub_type="quick_reply", index="0"),
    ),
    "a link": lambda api: send(
        api, "weather_alert_ar", ALERT, part("button", text("7"), sub_type="url", index=0)
    ),
    "types in capitals": lambda api: send(
        api,
        "weather_alert_ar",
        {
            "type": "BODY",
            "parameters": [{**each, "type": "TEXT"} for each in ALERT["parameters"]],
        },
        {**part("BUTTON", text("7"), index=0), "sub_type": "URL"},
    ),
    "to somebody who never wrote": lambda api: send(api, "case_update_ar", UPDATE, to=STRANGER),
}
REFUSED_SENDS: dict[str, tuple[Callable[[Api], httpx.Response], int]] = {
    "no such template": (lambda api: send(api, "nothing_ar"), 132001),
    "another language": (lambda api: send(api, "case_update_ar", UPDATE, language="en"), 132001),
    "too few": (lambda api: send(api, "case_update_ar", part("body", text("نورة"))), 132000),
    "none at all": (lambda api: send(api, "case_update_ar"), 132000),
    "a header too many": (
        lambda api: send(api, "case_update_ar", UPDATE, part("header", text("ا"))),
        132000,
    ),
    "a text where a picture belongs": (
        lambda api: send(api, "street_work_ar", part("header", text("ا")), STREET),
        132012,
    ),
    "no picture": (lambda api: send(api, "street_work_ar", STREET), 132012),
    "no names": (
        lambda api: send(
            api, "street_work_ar", part("header", PICTURE), part("body", text("ا"), text("ب"))
        ),
        132012,
    ),
    "one name twice": (
        lambda api: send(
            api,
            "street_work_ar",
            part("header", PICTURE),
            part("body", text("ا", "district"), text("ب", "district")),
        ),
        132000,
    ),
    "a picture in the body": (
        lambda api: send(api, "case_update_ar", part("body", text("ا"), PICTURE, text("ب"))),
        132012,
    ),
    "a new line": (
        lambda api: send(api, "case_update_ar", part("body", text("ا\nب"), text("ا"), text("ا"))),
        132008,
    ),
    "too long once filled in": (
        lambda api: send(
            api, "case_update_ar", part("body", text("ن" * 1000), text("ا"), text("ا"))
        ),
        132005,
    ),
    "a header too long once filled in": (
        lambda api: send(api, "case_closed_ar", part("header", text("ن" * 60)), CASE[1]),
        132005,
    ),
    "a link without its end": (lambda api: send(api, "weather_alert_ar", ALERT), 131008),
    "a button of another kind": (
        lambda api: send(
            api,
            "weather_alert_ar",
            ALERT,
            part("button", {"type": "payload", "payload": "x"}, sub_type="quick_reply", index=0),
        ),
        132012,
    ),
    "a button nobody has": (
        lambda api: send(
            api, "case_update_ar", UPDATE, part("button", text("7"), sub_type="url", index=3)
        ),
        132012,
    ),
    "an index that is none": (
        lambda api: send(
            api, "case_update_ar", UPDATE, part("button", text("7"), sub_type="url", index="x")
        ),
        100,
    ),
    "two bodies": (lambda api: send(api, "case_update_ar", UPDATE, UPDATE), 100),
}


@pytest.mark.parametrize("ask", SENDS.values(), ids=SENDS.keys())
def test_a_template_with_what_it_needs_is_sent(api: Api, ask: Callable[[Api], Any]) -> None:
    answer = ask(api)

    assert answer.status_code == 200, answer.text
    assert answer.json()["messages"][0]["message_status"] == "accepted"


@pytest.mark.parametrize(("ask", "code"), REFUSED_SENDS.values(), ids=REFUSED_SENDS.keys())
def test_a_template_without_what_it_needs_is_refused(
    api: Api, ask: Callable[[Api], Any], code: int
) -> None:
    answer = ask(api)

    assert answer.json()["error"]["code"] == code, answer.text
    assert answer.status_code == (404 if code == 132001 else 400)


@pytest.mark.parametrize(
    ("status", "code"),
    [("PENDING", 132001), ("REJECTED", 132001), ("PAUSED", 132015), ("DISABLED", 132016)],
)
def test_a_template_that_may_not_be_used_now_is_refused(
    api: Api, templates: Templates, status: str, code: int
) -> None:
    templates.set(name="reply_waiting_ar", status=status)
    try:
        answer = send(api, "reply_waiting_ar", part("body", text("7")))
        assert answer.json()["error"]["code"] == code
    finally:
        templates.set(name="reply_waiting_ar", status="APPROVED")


def test_a_one_time_code_needs_a_phone_number(api: Api, templates: Templates) -> None:
    made = templates.create(**copy.deepcopy(ACCEPTED["a one-time code"])).json()
    name = templates.show(made["id"])["name"]
    components = (
        part("body", text("482913")),
        part("button", text("482913"), sub_type="url", index=0),
    )

    assert send(api, name, *components).status_code == 200
    template = {"name": name, "language": {"code": "ar"}, "components": list(components)}
    message = {"messaging_product": "whatsapp", "type": "template", "template": template}
    answer = api.http.post(api.path, json={**message, "recipient": "SA.1"}, headers=api.headers)
    assert answer.json()["error"]["code"] == 131062


def test_a_template_opens_no_window_and_counts_its_people_once(api: Api) -> None:
    api.set_clock(advance_s=30 * 24 * 3600)
    before = api.http.get("/_control/usage").json()["people_outside_window"]
    for _ in range(2):
        assert send(api, "case_update_ar", UPDATE, to="966500009921").status_code == 200
        assert send(api, "case_update_ar", UPDATE, to="966500009922").status_code == 200
    api.write(text="مرحبًا")
    assert send(api, "case_update_ar", UPDATE).status_code == 200

    assert before == 0
    assert api.http.get("/_control/usage").json() == {"people_outside_window": 2}
    free = {"type": "text", "text": {"body": "أهلًا"}}
    assert api.send(free, to="966500009921").json()["error"]["code"] == 131047
    api.set_clock(advance_s=24 * 3600)
    assert api.http.get("/_control/usage").json() == {"people_outside_window": 0}


@pytest.mark.parametrize(
    ("name", "to", "kind"),
    [
        ("case_update_ar", NOURA, "free_customer_service"),
        ("case_update_ar", STRANGER, "regular"),
        ("season_events_ar", NOURA, "regular"),
    ],
)
def test_a_template_is_billed_by_its_category(
    api: Api, business: Business, name: str, to: str, kind: str
) -> None:
    parts = UPDATE if name == "case_update_ar" else part("body", text("الخميس"), text("الحديقة"))
    assert send(api, name, parts, to=to).status_code == 200

    eventually(lambda: len(business.statuses) == 2)
    pricing = business.statuses[0]["pricing"]
    assert pricing == {
        "billable": kind == "regular",
        "pricing_model": "PMP",
        "type": kind,
        "category": "utility" if name == "case_update_ar" else "marketing",
    }


def test_templates_survive_a_restart(tmp_path: Path, listening_business: Business) -> None:
    settings = Settings(callback=listening_business.url, data_dir=tmp_path)
    statuses = []
    made: dict[str, Any] = {}
    for options in (Options(**OPTIONS | {"review_ms": 60_000}), Options(review_ms=0)):
        server, thread, url = start(Emulator(settings, options))
        api = Api(url)
        templates = Templates(api)
        made = made or templates.create().json()
        statuses.append(templates.show(made["id"])["status"])
        api.http.close()
        server.should_exit = True
        thread.join(PATIENCE_S)

    assert statuses == ["PENDING", "APPROVED"]
