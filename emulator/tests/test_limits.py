"""Every shape and limit of a send, refused with its documented code."""

from typing import Any

import pytest

from emulator.tests.conftest import NOURA, Api

MISSING, INVALID, WRONG, UNSUPPORTED = 131008, 131009, 100, 131051
# One pictograph is two UTF-16 units: 11 of them are 22.
EMOJI = "🌧"
LINK = "https://example.com/file"


def text(body: Any = "أهلًا", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body, **more}}


def of(kind: str, **part: Any) -> dict[str, Any]:
    return {"type": kind, kind: part}


def interactive(kind: str, action: Any, body: Any = "نص", **more: Any) -> dict[str, Any]:
    return of("interactive", type=kind, body={"text": body}, action=action, **more)


def button(number: int = 0, title: str = "نعم", **reply: Any) -> dict[str, Any]:
    return {"type": "reply", "reply": {"id": f"id-{number}", "title": title, **reply}}


def buttons(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return interactive("button", {"buttons": list(given or (button(),))}, **more)


def rows(count: int, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"row-{start + n}", "title": "صف", **more} for n in range(count)]


def listed(
    *sections: dict[str, Any], button: str = "اختر", body: str = "نص", **more: Any
) -> dict[str, Any]:
    action = {"button": button, "sections": list(sections or ({"rows": rows(1)},))}
    return interactive("list", action, body=body, **more)


def cta(label: str = "افتح", url: str = "https://example.com/", **more: Any) -> dict[str, Any]:
    parameters = {"display_text": label, "url": url}
    return interactive("cta_url", {"name": "cta_url", "parameters": parameters}, **more)


def flow(**changes: Any) -> dict[str, Any]:
    parameters = {
        "flow_message_version": "3",
        "flow_token": "t-1",
        "flow_id": "1090000000000001",
        "flow_cta": "ابدأ",
        "flow_action": "navigate",
        "mode": "published",
        "flow_action_payload": {"screen": "LOCATION"},
        **changes,
    }
    kept = {name: value for name, value in parameters.items() if value is not None}
    return interactive("flow", {"name": "flow", "parameters": kept})


def template(components: Any = None, **changes: Any) -> dict[str, Any]:
    return of(
        "template",
        name="storm_update_ar",
        language={"code": "ar"},
        components=components or [],
        **changes,
    )


ACCEPTED = {
    "text": text(),
    "a text without its type": {"text": {"body": "أهلًا"}},
    "text of 4096": text("ب" * 4096),
    "text with preview": text("https://example.com", preview_url=True),
    "quoting": {**text(), "context": {"message_id": "wamid.x"}},
    "callback data of 512": {**text(), "biz_opaque_callback_data": "d" * 512},
    "phone as people write it": {**text(), "to": "+966 (50) 000-0101"},
    "to wins over recipient": {**text(), "recipient": "SA.1"},
    "image by link": of("image", link="https://example.com/a.jpg", caption="ص" * 1024),
    "video": of("video", link=LINK),
    "document": of("document", link=LINK, filename="تعميم.pdf", caption="تعميم"),
    "audio": of("audio", link=LINK),
    "sticker": of("sticker", link=LINK),
    "location": of("location", latitude=26.4, longitude=50.1, name="الدمام", address="الروضة"),
    "contacts": {
        "type": "contacts",
        "contacts": [{"name": {"formatted_name": "نورة"}, "phones": [{"phone": "+966500000101"}]}],
    },
    "reaction": of("reaction", message_id="wamid.x", emoji="🙏"),
    "nulls for what is left out": {
        **text(),
        "context": None,
        "recipient": None,
        "text": {"body": "أهلًا", "preview_url": None},
    },
    "reaction taken back": of("reaction", message_id="wamid.x", emoji=""),
    "three buttons": buttons(
        *(button(n, title="ب" * 20, id=f"{n}" * 256) for n in range(3)),
        body="ن" * 1024,
        footer={"text": "ذ" * 60},
        header={"type": "text", "text": "ع" * 60},
    ),
    "buttons under a picture": buttons(header={"type": "image", "image": {"link": LINK}}),
    "ten rows in two sections": listed(
        {"title": "ق" * 24, "rows": rows(5, description="و" * 72)},
        {"title": "ثان", "rows": rows(5, start=5)},
        button="ز" * 20,
        body="ن" * 4096,
        header={"type": "text", "text": "ع" * 60},
        footer={"text": "ذ" * 60},
    ),
    "row of 24 and 200": listed({"rows": [{"id": "i" * 200, "title": "ص" * 24}]}),
    "link button": cta("ز" * 20),
    "location request": interactive("location_request_message", {"name": "send_location"}),
    "contact request": interactive("contact_request", {"name": "request_contact_info"}),
    "flow": flow(),
    "flow by name with data": flow(
        flow_id=None,
        flow_name="satisfaction",
        flow_action="data_exchange",
        flow_action_payload=None,
    ),
}

REFUSED: dict[str, tuple[Any, int]] = {
    "not an object": ([1], WRONG),
    "no product": ({**text(), "messaging_product": None}, WRONG),
    "another product": ({**text(), "messaging_product": "sms"}, WRONG),
    "an unknown key": ({**text(), "colour": "green"}, WRONG),
    "a kind nobody knows": ({"type": "hologram", "hologram": {}}, UNSUPPORTED),
    "a kind sent without its part": ({"type": "text"}, MISSING),
    "recipient type": ({**text(), "recipient_type": "crowd"}, INVALID),
    "a group nobody has": ({**text(), "recipient_type": "group"}, 131041),
    "no recipient": ({**text(), "to": ""}, MISSING),
    "a recipient without digits": ({**text(), "to": "نورة"}, INVALID),
    "null for what is needed": ({"type": "text", "text": {"body": None}}, MISSING),
    "a number, not a text": ({**text(), "to": 966500000101}, WRONG),
    "itself": ({**text(), "to": "966112345678"}, 131021),
    "callback data of 513": ({**text(), "biz_opaque_callback_data": "d" * 513}, INVALID),
    "context without id": ({**text(), "context": {}}, MISSING),
    "text without body": (of("text"), MISSING),
    "empty text": (text(""), MISSING),
    "text of 4097": (text("ب" * 4097), INVALID),
    "text of 4098 units": (text(EMOJI * 2049), INVALID),
    "text that is a number": (text(7), WRONG),
    "preview that is a word": (text(preview_url="yes"), WRONG),
    "text with a stray key": (text(colour="green"), WRONG),
    "image without source": (of("image", caption="صورة"), MISSING),
    "image with two sources": (of("image", id="1", link="https://example.com/a"), INVALID),
    "image with a bad link": (of("image", link="file:///etc/passwd"), INVALID),
    "image caption of 1025": (of("image", id="1", caption="ص" * 1025), INVALID),
    "video caption of 1025": (of("video", id="1", caption="ص" * 1025), INVALID),
    "document caption of 1025": (of("document", id="1", caption="ص" * 1025), INVALID),
    "audio with a caption": (of("audio", id="1", caption="صوت"), WRONG),
    "sticker with a caption": (of("sticker", id="1", caption="ملصق"), WRONG),
    "location without longitude": (of("location", latitude=26.4), MISSING),
    "latitude of 91": (of("location", latitude=91, longitude=50), INVALID),
    "longitude of 181": (of("location", latitude=26, longitude=181), INVALID),
    "latitude in words": (of("location", latitude="شمال", longitude=50), INVALID),
    "no contacts": ({"type": "contacts", "contacts": []}, INVALID),
    "contact without name": ({"type": "contacts", "contacts": [{"phones": []}]}, MISSING),
    "contact without formatted name": ({"type": "contacts", "contacts": [{"name": {}}]}, MISSING),
    "reaction to nothing": (of("reaction", emoji="🙏"), MISSING),
    "reaction with context": (
        {**of("reaction", message_id="w", emoji="🙏"), "context": {"message_id": "w"}},
        INVALID,
    ),
    "interactive without type": (of("interactive", body={"text": "ن"}, action={}), MISSING),
    "interactive of another type": (interactive("carousel", {}), INVALID),
    "buttons without body": (
        of("interactive", type="button", action={"buttons": [button()]}),
        MISSING,
    ),
    "no buttons": (interactive("button", {"buttons": []}), INVALID),
    "four buttons": (buttons(*(button(n) for n in range(4))), INVALID),
    "two buttons with one id": (buttons(button(1), button(1)), INVALID),
    "button of another type": (buttons({"type": "url", "url": {}}), INVALID),
    "button title of 21": (buttons(button(title="ب" * 21)), INVALID),
    "button title of 22 units": (buttons(button(title=EMOJI * 11)), INVALID),
    "button without title": (buttons(button(title="")), MISSING),
    "button id of 257": (buttons(button(id="i" * 257)), INVALID),
    "button body of 1025": (buttons(body="ن" * 1025), INVALID),
    "button footer of 61": (buttons(footer={"text": "ذ" * 61}), INVALID),
    "button header of 61": (buttons(header={"type": "text", "text": "ع" * 61}), INVALID),
    "header of another type": (buttons(header={"type": "audio", "audio": {"id": "1"}}), INVALID),
    "header without its picture": (buttons(header={"type": "image"}), MISSING),
    "eleven rows": (listed({"rows": rows(11)}), INVALID),
    "eleven rows in two sections": (
        listed({"title": "١", "rows": rows(6)}, {"title": "٢", "rows": rows(5, start=6)}),
        INVALID,
    ),
    "eleven sections": (
        listed(*({"title": f"ق{n}", "rows": rows(1, start=n)} for n in range(11))),
        INVALID,
    ),
    "no sections": (interactive("list", {"button": "اختر", "sections": []}), INVALID),
    "section without rows": (listed({"rows": []}), INVALID),
    "two sections, one title": (listed({"rows": rows(1)}, {"rows": rows(1, start=1)}), MISSING),
    "two rows with one id": (listed({"rows": rows(1) + rows(1)}), INVALID),
    "list button of 21": (listed(button="ز" * 21), INVALID),
    "list without button": (interactive("list", {"sections": [{"rows": rows(1)}]}), MISSING),
    "section title of 25": (listed({"title": "ق" * 25, "rows": rows(1)}), INVALID),
    "row title of 25": (listed({"rows": [{"id": "1", "title": "ص" * 25}]}), INVALID),
    "row description of 73": (listed({"rows": rows(1, description="و" * 73)}), INVALID),
    "row id of 201": (listed({"rows": [{"id": "i" * 201, "title": "ص"}]}), INVALID),
    "list body of 4097": (listed(body="ن" * 4097), INVALID),
    "list header of 61": (listed(header={"type": "text", "text": "ع" * 61}), INVALID),
    "list under a picture": (listed(header={"type": "image", "image": {"id": "1"}}), INVALID),
    "list footer of 61": (listed(footer={"text": "ذ" * 61}), INVALID),
    "link label of 21": (cta("ز" * 21), INVALID),
    "link without address": (cta(url=""), MISSING),
    "link that is no address": (cta(url="example"), INVALID),
    "link body of 1025": (cta(body="ن" * 1025), INVALID),
    "link by another name": (interactive("cta_url", {"name": "url", "parameters": {}}), INVALID),
    "location request body of 1025": (
        interactive("location_request_message", {"name": "send_location"}, body="ن" * 1025),
        INVALID,
    ),
    "location request by another name": (
        interactive("location_request_message", {"name": "location"}),
        INVALID,
    ),
    "contact request by another name": (interactive("contact_request", {"name": "x"}), INVALID),
    "flow that nobody published": (flow(flow_id="1"), INVALID),
    "flow screen that is not there": (flow(flow_action_payload={"screen": "END"}), INVALID),
    "flow of another version": (flow(flow_message_version="2"), INVALID),
    "flow without token": (flow(flow_token=None), MISSING),
    "flow without id and name": (flow(flow_id=None), MISSING),
    "flow with id and name": (flow(flow_name="report"), INVALID),
    "flow label of 21": (flow(flow_cta="ز" * 21), INVALID),
    "flow label with a pictograph": (flow(flow_cta="ابدأ 🌧"), INVALID),
    "flow of another action": (flow(flow_action="dance"), INVALID),
    "flow of another mode": (flow(mode="test"), INVALID),
    "flow that navigates nowhere": (flow(flow_action_payload=None), MISSING),
    "flow screen missing": (flow(flow_action_payload={"data": {}}), MISSING),
    "template that nobody made": (template(), 132001),
    "template without name": (of("template", language={"code": "ar"}), MISSING),
    "template name in capitals": (of("template", name="Storm", language={"code": "ar"}), INVALID),
    "template name of 513": (of("template", name="s" * 513, language={"code": "ar"}), INVALID),
    "template without language": (of("template", name="storm"), MISSING),
    "template part of another type": (template([{"type": "tail", "parameters": []}]), INVALID),
    "template button without index": (
        template([{"type": "button", "sub_type": "url", "parameters": []}]),
        MISSING,
    ),
    "template text with a new line": (
        template([{"type": "body", "parameters": [{"type": "text", "text": "أ\nب"}]}]),
        132008,
    ),
    "template text with five spaces": (
        template([{"type": "body", "parameters": [{"type": "text", "text": "أ     ب"}]}]),
        132008,
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_message_within_the_limits_is_accepted(api: Api, body: dict[str, Any]) -> None:
    answer = api.send(body)

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["messaging_product"] == "whatsapp"
    assert told["contacts"] == [
        {
            "input": body.get("to", NOURA),
            "wa_id": NOURA,
            "user_id": "SA.13491208655302741901",
        }
    ]
    assert told["messages"][0]["id"].startswith("wamid.")


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_break_of_a_limit_is_refused_with_its_code(api: Api, body: Any, code: int) -> None:
    answer = api.send(body)

    error = answer.json()["error"]
    assert error["code"] == code, error
    assert answer.status_code == (404 if code == 132001 else 400)
    assert error["type"] == "OAuthException"
    assert error["message"].startswith(f"(#{code}) ")
    assert error["error_data"]["messaging_product"] == "whatsapp"
    assert error["error_data"]["details"]
    assert error["fbtrace_id"]
    assert api.http.get("/_control/sent").json() == {"items": []}


def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    answer = api.http.post(api.path, content=b"{", headers=api.headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("header", "code"), [({}, 0), ({"Authorization": "Bearer of bad news"}, 190)]
)
def test_a_missing_or_wrong_token_is_refused(api: Api, header: dict[str, str], code: int) -> None:
    answer = api.http.post(api.path, json={"messaging_product": "whatsapp"}, headers=header)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_a_number_that_is_not_ours_is_refused(api: Api) -> None:
    answer = api.http.post("/v25.0/1/messages", json=text(), headers=api.headers)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)


def test_more_than_the_throughput_is_refused(api: Api) -> None:
    api.set_options(throughput_per_s=2)

    codes = [api.send(text()).status_code for _ in range(3)]
    last = api.send(text())

    assert codes[:2] == [200, 200]
    assert last.json()["error"]["code"] == 130429


def test_one_person_gets_forty_five_at_once_and_no_more(api: Api) -> None:
    writer = "966500009901"
    api.write(**{"from": writer, "text": "السلام عليكم"})
    api.set_options(pair_limit=True)

    answers = [api.send(text(), to=writer) for _ in range(46)]

    assert [answer.status_code for answer in answers] == [200] * 45 + [400]
    assert answers[-1].json()["error"]["code"] == 131056


def test_outside_the_window_only_templates_may_go(api: Api) -> None:
    assert api.send(text(), to="966500009902").json()["error"]["code"] == 131047

    api.set_clock(advance_s=24 * 3600 + 60)
    assert api.send(text()).json()["error"]["code"] == 131047

    api.write(text="ما زلت أنتظر")
    assert api.send(text()).status_code == 200


def test_more_people_a_day_than_the_tier_permits_are_refused_and_nobody_else(api: Api) -> None:
    template = {
        "type": "template",
        "template": {
            "name": "case_update_ar",
            "language": {"code": "ar"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "1"}] * 3},
            ],
        },
    }
    api.set_clock(advance_s=25 * 3600)
    api.http.post("/_control/numbers", json={"tier": "TIER_50"})
    strangers = [str(966500020000 + number) for number in range(51)]

    answers = [api.send(template, to=stranger) for stranger in strangers]

    assert [answer.status_code for answer in answers] == [200] * 50 + [400]
    assert answers[-1].json()["error"]["code"] == 80007
    assert api.http.get("/_control/usage").json() == {"people_outside_window": 50}
    # Somebody who was reached already, and somebody who wrote, are not counted anew.
    assert api.send(template, to=strangers[0]).status_code == 200
    api.write(text="السلام عليكم")
    assert api.send(text()).status_code == 200
    # A day later there is room again; who only counts refuses nobody.
    api.set_clock(advance_s=24 * 3600 + 60)
    assert api.send(template, to=strangers[-1]).status_code == 200
    api.http.post("/_control/numbers", json={"tier": "TIER_100K"})
