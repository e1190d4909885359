"""The emulator's page, used as the people do who hold its phones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from bayan.config.environment import PROJECT_DIR
from e2e.conftest import axe
from emulator.app import Emulator
from emulator.faults import KINDS
from emulator.media import check
from emulator.notices import NOTICES
from emulator.settings import Options, Settings
from emulator.tests.conftest import NOURA, PATIENCE_S, Api, Business, eventually, listening, start

pytestmark = pytest.mark.xdist_group("phone")

ABDULLAH, SARA = "966500000102", "966500000104"
WORDS = PROJECT_DIR / "emulator" / "static" / "words.json"
NUMBERS = count(966500000951)
WIDE = {"width": 1366, "height": 900}


@pytest.fixture(scope="module")
def business() -> Iterator[Business]:
    with listening() as heard:
        yield heard


@pytest.fixture(scope="module")
def api(business: Business) -> Iterator[Api]:
    options = Options(status_delay_ms=1, throughput_per_s=0, pair_limit=False)
    server, thread, url = start(Emulator(Settings(callback=business.url), options))
    api = Api(url)
    yield api
    api.http.close()
    server.should_exit = True
    thread.join(PATIENCE_S)


@pytest.fixture
def holder(api: Api, business: Business) -> str:
    """Somebody with a number of their own, who has written already."""
    person = str(next(NUMBERS))
    api.write(text="السلام عليكم", name="أبو ماجد", **{"from": person})
    eventually(lambda: any(m.get("from") == person for m in business.messages))
    business.received.clear()
    return person


@pytest.fixture
def phone(api: Api, holder: str, new_page: Callable[..., Page]) -> Page:
    page = new_page(viewport=WIDE)
    page.goto(f"{api.http.base_url}/?person={holder}&lang=en")
    return page


def heard(business: Business, kind: str) -> dict[str, Any]:
    """The next message of that kind that the business is told."""
    return eventually(lambda: next((m for m in business.messages if m["type"] == kind), {}))


def bubble(page: Page, text: str) -> Locator:
    return page.locator("li[data-message-id]", has_text=text).last


def options_of(page: Page, text: str) -> Locator:
    """The sheet with what can be done with a message."""
    bubble(page, text).hover()
    bubble(page, text).get_by_role("button", name="Message options").click()
    return page.get_by_role("dialog")


def test_three_people_hold_phones_side_by_side(
    api: Api, business: Business, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport=WIDE)
    page.goto(f"{api.http.base_url}/?lang=en")
    page.get_by_role("button", name="Put عبدالله الحربي’s phone beside it").click()
    page.get_by_role("button", name="Put سارة القحطاني’s phone beside it").click()
    expect(page).to_have_url(re.compile(f"person={NOURA}&person={ABDULLAH}&person={SARA}"))
    expect(page.get_by_role("button", name=re.compile("^Put "))).to_have_count(0)

    for name, words in (("نورة العتيبي", "من نورة"), ("سارة القحطاني", "من سارة")):
        one = page.get_by_role("region", name=f"{name}’s phone")
        one.get_by_role("textbox", name="Type a message").fill(words)
        one.get_by_role("button", name="Send").click()
        expect(one.locator("li[data-message-id]", has_text=words)).to_have_count(1)
    expect(page.locator("li[data-message-id]")).to_have_count(2)
    said = {m["from"]: m["text"]["body"] for m in eventually(lambda: business.messages)}
    eventually(lambda: len(business.messages) == 2)
    said = {m["from"]: m["text"]["body"] for m in business.messages}
    assert said == {NOURA: "من نورة", SARA: "من سارة"}

    page.get_by_role("button", name="Take نورة العتيبي’s phone away").click()
    expect(page).to_have_url(re.compile(rf"\?(lang=en&)?person={ABDULLAH}&person={SARA}$"))
    page.reload()
    expect(page.get_by_role("region", name=re.compile("phone$"))).to_have_count(2)
    # The first of the two now speaks for both in the log.
    api.write(text="بعد الإبعاد", **{"from": SARA})
    expect(page.locator("[data-log] li").first).to_contain_text("سارة القحطاني")


def test_a_small_screen_shows_one_phone_and_counts_what_waits_on_the_others(
    api: Api, new_page: Callable[..., Page]
) -> None:
    people = ("966500000941", "966500000942")
    for person in people:
        api.write(text="السلام عليكم", name=f"صاحب {person[-3:]}", **{"from": person})
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(f"{api.http.base_url}/?person={people[0]}&person={people[1]}&lang=en")
    expect(page.get_by_role("region", name="صاحب 941’s phone")).to_be_visible()

    waiting = api.send_text("وصلت بلاغكم فرقة", to=people[1])
    other = page.get_by_role("navigation").get_by_role("button", name="صاحب 942")
    expect(other).to_contain_text("1")
    assert api.webhooks(kind="status.read", about=waiting) == []

    other.click()
    expect(page.get_by_text("وصلت بلاغكم فرقة")).to_be_visible()
    eventually(lambda: api.webhooks(kind="status.read", about=waiting))


def test_a_message_is_answered_changed_deleted_and_passed_on(
    api: Api, business: Business, holder: str, phone: Page
) -> None:
    asked = api.send_text("أين الموقع؟", to=holder)

    options_of(phone, "أين الموقع؟").get_by_role("button", name="React 👍").click()
    assert heard(business, "reaction")["reaction"] == {"message_id": asked, "emoji": "👍"}
    expect(bubble(phone, "أين الموقع؟").get_by_role("img", name="Reaction 👍")).to_be_visible()
    options_of(phone, "أين الموقع؟").get_by_role("button", name="Reply").click()
    phone.get_by_role("textbox", name="Type a message").fill("عند المسجد")
    phone.keyboard.press("Enter")
    answer = heard(business, "text")
    assert answer["context"]["id"] == asked
    expect(bubble(phone, "عند المسجد").locator(".quote")).to_contain_text("أين الموقع؟")

    options_of(phone, "عند المسجد").get_by_role("button", name="Edit").click()
    phone.get_by_label("Message text").fill("عند المدرسة")
    phone.get_by_role("button", name="Save the change").click()
    changed = heard(business, "edit")["edit"]
    assert changed["original_message_id"] == answer["id"]
    assert changed["message"]["text"] == {"body": "عند المدرسة"}
    expect(bubble(phone, "عند المدرسة")).to_contain_text("Edited")

    business.received.clear()
    options_of(phone, "عند المدرسة").get_by_role("button", name="Forward to").click()
    phone.get_by_label("Forwarding").select_option("Forwarded many times")
    phone.get_by_role("dialog").get_by_role("button", name="Send").click()
    forwarded = heard(business, "text")
    assert forwarded["text"] == {"body": "عند المدرسة"}
    assert forwarded["context"]["frequently_forwarded"] is True

    options_of(phone, "Forwarded many times").get_by_role("button", name="Delete").click()
    assert heard(business, "revoke")["revoke"] == {"original_message_id": forwarded["id"]}
    expect(phone.get_by_text("You deleted this message")).to_be_visible()
    phone.reload()
    expect(phone.get_by_text("You deleted this message")).to_be_visible()
    expect(bubble(phone, "عند المدرسة")).to_contain_text("Edited")


def test_an_old_message_can_no_longer_be_changed_or_deleted(
    api: Api, holder: str, phone: Page
) -> None:
    expect(options_of(phone, "السلام عليكم").get_by_role("button", name="Edit")).to_be_visible()
    phone.keyboard.press("Escape")
    api.set_clock(offset_s=16 * 60)
    sheet = options_of(phone, "السلام عليكم")
    expect(sheet.get_by_role("button", name="Delete")).to_be_visible()
    expect(sheet.get_by_role("button", name="Edit")).to_have_count(0)
    phone.keyboard.press("Escape")
    api.set_clock(offset_s=49 * 3600)
    expect(options_of(phone, "السلام عليكم").get_by_role("button", name="Delete")).to_have_count(0)
    api.set_clock(offset_s=0)


def test_a_place_is_chosen_with_the_keyboard(business: Business, phone: Page) -> None:
    phone.get_by_role("button", name="Attach").click()
    phone.get_by_role("button", name="Location", exact=True).click()
    expect(phone.get_by_role("application")).to_be_focused()
    before = float(phone.get_by_label("Longitude").input_value())
    phone.keyboard.press("ArrowRight")
    assert float(phone.get_by_label("Longitude").input_value()) > before
    phone.get_by_label("Latitude").fill("95")
    expect(phone.get_by_role("dialog").get_by_role("button", name="Send")).to_be_disabled()
    phone.get_by_label("Latitude").fill("26.3")
    phone.get_by_label("Name of the place").fill("")
    phone.get_by_label("Address").fill("")
    phone.get_by_role("dialog").get_by_role("button", name="Send").click()
    place = heard(business, "location")["location"]
    assert place.keys() == {"latitude", "longitude"}
    assert place["latitude"] == 26.3
    expect(phone.get_by_role("button", name="Attach")).to_be_focused()


def media(api: Api, part: dict[str, Any]) -> bytes:
    """The file as the business fetches it."""
    found = api.http.get(f"/v25.0/{part['id']}", headers=api.headers).json()
    answer = api.http.get(found["url"], headers=api.headers)
    assert answer.status_code == 200
    return answer.content


def choose_file(page: Page, kind: str, path: Path) -> Locator:
    """The sheet that shows the chosen file before it goes out."""
    page.get_by_role("button", name="Attach").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=kind, exact=True).first.click()
    chooser.value.set_files(path)
    return page.get_by_role("dialog")


def test_a_photo_goes_out_smaller_or_as_the_file_it_is(
    api: Api, business: Business, phone: Page, tmp_path: Path
) -> None:
    photo = tmp_path / "لقطة 1.png"
    phone.set_viewport_size({"width": 1900, "height": 1000})
    photo.write_bytes(phone.screenshot())
    sheet = choose_file(phone, "Photos & videos", photo)
    sheet.get_by_label("Caption").fill("من قدام الباب")
    sheet.get_by_role("button", name="Send").click()

    told = heard(business, "image")["image"]
    assert (told["mime_type"], told["caption"]) == ("image/jpeg", "من قدام الباب")
    assert media(api, told).startswith(b"\xff\xd8\xff")
    picture = bubble(phone, "من قدام الباب").locator("img")
    expect(picture).to_have_js_property("naturalWidth", 1600)
    picture.click()
    viewer = phone.get_by_role("dialog", name="Photo")
    expect(viewer).to_contain_text("من قدام الباب")
    phone.keyboard.press("Escape")
    expect(viewer).to_be_hidden()

    sheet = choose_file(phone, "Photos & videos", photo)
    sheet.get_by_label("Send as a file").check()
    sheet.get_by_role("button", name="Send").click()
    told = heard(business, "document")["document"]
    assert (told["mime_type"], told["filename"]) == ("image/png", "لقطة 1.png")
    assert media(api, told) == photo.read_bytes()
    kilobytes = max(1, round(photo.stat().st_size / 1024))
    expect(bubble(phone, "PNG")).to_contain_text(f"{kilobytes:,} KB")


def test_a_voice_message_is_recorded_as_the_provider_brings_it_and_can_be_heard(
    api: Api, business: Business, phone: Page
) -> None:
    phone.get_by_role("button", name="Record a voice message").click()
    expect(phone.locator("[data-recorded]")).to_have_text("0:02")
    phone.get_by_role("button", name="Send").click()

    told = heard(business, "audio")["audio"]
    assert (told["mime_type"], told["voice"]) == ("audio/ogg; codecs=opus", True)
    sound = media(api, told)
    # What the provider itself takes as a voice message: Opus with one channel in Ogg.
    check(told["mime_type"], sound)
    assert_whole(sound)
    voice = phone.locator("[data-kind=audio]")
    expect(voice.locator("time").first).to_have_text(re.compile("0:0[23]"))
    voice.get_by_role("button", name="Play", exact=True).click()
    expect(voice.locator("rect.heard").first).to_be_attached()

    phone.get_by_role("button", name="Record a voice message").click()
    phone.get_by_role("button", name="Discard the recording").click()
    expect(phone.get_by_role("textbox", name="Type a message")).to_be_focused()
    assert len([m for m in business.messages if m["type"] == "audio"]) == 1


def assert_whole(ogg: bytes) -> None:
    """Every page follows the one before and has the checksum that it says."""
    at, number = 0, 0
    while at < len(ogg):
        assert ogg[at : at + 4] == b"OggS"
        assert int.from_bytes(ogg[at + 18 : at + 22], "little") == number
        segments = ogg[at + 26]
        end = at + 27 + segments + sum(ogg[at + 27 : at + 27 + segments])
        page = bytearray(ogg[at:end])
        said = int.from_bytes(page[22:26], "little")
        page[22:26] = bytes(4)
        rest = 0
        for byte in page:
            rest ^= byte << 24
            for _ in range(8):
                rest = (rest << 1 ^ (0x04C11DB7 if rest & 0x80000000 else 0)) & 0xFFFFFFFF
        assert rest == said
        at, number = end, number + 1
    assert number >= 3


@pytest.mark.parametrize("kind", ["Photo", "Video", "Voice message", "Document", "Sticker"])
def test_samples_are_real_files(api: Api, business: Business, phone: Page, kind: str) -> None:
    phone.get_by_role("button", name="Attach").click()
    phone.get_by_role("dialog").locator(".chip", has_text=kind).click()
    (message,) = eventually(lambda: business.messages)
    assert len(media(api, message[message["type"]])) > 1000
    shown = phone.locator(f"[data-kind={message['type']}]")
    expect(shown).to_be_visible()
    expect(shown).not_to_contain_text("no longer available")


def test_a_template_is_shown_filled_in_and_its_button_answers(
    api: Api, business: Business, holder: str, phone: Page
) -> None:
    template = {
        "name": "case_closed_ar",
        "language": {"code": "ar"},
        "components": [
            {"type": "header", "parameters": [{"type": "text", "text": "482170001"}]},
            {"type": "body", "parameters": [{"type": "text", "text": "حي الروضة"}]},
            {
                "type": "button", "sub_type": "quick_reply", "index": "0",
                "parameters": [{"type": "payload", "payload": "closed.yes"}],
            },
        ],
    }  # fmt: skip
    sent = api.send({"type": "template", "template": template}, to=holder).json()
    shown = bubble(phone, "بلاغ رقم 482170001")
    expect(shown).to_contain_text("حي الروضة")
    shown.get_by_role("button", name="نعم، عولجت").click()
    told = heard(business, "button")
    assert told["button"] == {"payload": "closed.yes", "text": "نعم، عولجت"}
    assert told["context"]["id"] == sent["messages"][0]["id"]
    expect(shown.get_by_role("button", name="لا، ما زالت قائمة")).to_be_disabled()

    phone.locator("summary", has_text="Templates").click()
    row = phone.locator("[data-templates] li", has_text="case_closed_ar")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("Paused")
    refusal = api.send({"type": "template", "template": template}, to=holder).json()
    assert refusal["error"]["code"] == 132015
    row.get_by_role("button", name="Approve").click()
    expect(row).to_contain_text("Approved")


def test_a_flow_is_drawn_from_its_fields(
    api: Api, business: Business, holder: str, phone: Page
) -> None:
    parameters = {
        "flow_message_version": "3", "flow_token": "token-7", "flow_name": "satisfaction",
        "flow_cta": "قيّم خدمتنا", "flow_action_payload": {"screen": "SATISFACTION"},
    }  # fmt: skip
    flow = {
        "type": "flow",
        "body": {"text": "كيف وجدتم المعالجة؟"},
        "action": {"name": "flow", "parameters": parameters},
    }
    sent = api.send({"type": "interactive", "interactive": flow}, to=holder).json()
    phone.get_by_role("button", name="قيّم خدمتنا").click()
    form = phone.get_by_role("dialog", name="رأيكم في الخدمة")
    expect(form.get_by_role("button", name="Send")).to_be_disabled()
    form.get_by_label("كيف وجدتم معالجة بلاغكم؟").select_option("جيدة")
    form.get_by_label("هل عولجت المشكلة؟").select_option("نعم")
    form.get_by_label("تاريخ زيارة الفريق").fill("2026-11-20")
    form.get_by_role("button", name="Send").click()

    told = heard(business, "interactive")
    assert told["context"]["id"] == sent["messages"][0]["id"]
    answer = json.loads(told["interactive"]["nfm_reply"]["response_json"])
    assert answer == {
        "flow_token": "token-7", "rating": "4", "solved": "yes", "visited_on": "2026-11-20",
        "comment": "",
    }  # fmt: skip


def test_a_person_changes_number_and_keeps_the_chat(
    api: Api, business: Business, holder: str, phone: Page
) -> None:
    fresh = str(next(NUMBERS))
    phone.get_by_role("button", name="Phone options").click()
    phone.get_by_role("button", name="Change the number").click()
    phone.get_by_label("New number").fill(f"+{fresh}")
    phone.get_by_role("dialog").get_by_role("button", name="Change the number").click()
    told = heard(business, "system")["system"]
    assert (told["type"], told["wa_id"]) == ("user_changed_number", fresh)
    expect(phone).to_have_url(re.compile(f"person={fresh}"))
    expect(phone.get_by_text(f"The number was changed to +{fresh}")).to_be_visible()

    phone.get_by_role("textbox", name="Type a message").fill("أنا على رقمي الجديد")
    phone.keyboard.press("Enter")
    assert heard(business, "text")["from"] == fresh
    phone.reload()
    expect(phone.get_by_text("السلام عليكم")).to_be_visible()
    api.send_text("وصلت رسالتكم", to=fresh)
    expect(phone.get_by_text("وصلت رسالتكم")).to_be_visible()


def test_marketing_is_stopped_and_the_account_hears_of_its_quality(
    api: Api, business: Business, holder: str, phone: Page
) -> None:
    phone.get_by_role("button", name="Phone options").click()
    phone.get_by_role("button", name="Stop marketing messages").click()
    eventually(lambda: api.webhooks(kind="notice.user_preferences"))
    eventually(lambda: business.received)
    (asked,) = business.values[0]["user_preferences"]
    assert (asked["wa_id"], asked["value"]) == (holder, "stop")

    phone.locator("summary", has_text="Account notices").click()
    phone.get_by_role("button", name="Quality of the number fell").click()
    eventually(lambda: api.webhooks(kind="notice.phone_number_quality_update"))
    expect(phone.locator("[data-log] li").first).to_contain_text("quality and limits of the number")


def test_every_fault_and_every_notice_has_words_and_a_switch(phone: Page) -> None:
    words = json.loads(WORDS.read_text(encoding="utf-8"))["en"]
    assert set(KINDS) <= set(words["faults"])
    assert set(NOTICES) == set(words["notice_names"])
    assert {field.name for field in fields(Options)} == set(words["option_names"])
    phone.get_by_text("More conditions").click()
    # One more: the window of 24 hours, which is the clock's.
    expect(phone.get_by_role("switch")).to_have_count(len(KINDS) + 1)


def test_the_panel_makes_trouble_and_moves_the_clock(api: Api, phone: Page) -> None:
    phone.get_by_text("More conditions").click()
    phone.get_by_label("How often").select_option("Next time only")
    phone.get_by_label("Error code").select_option("131047")
    phone.get_by_role("switch", name="Refused sends").check()
    faults = eventually(lambda: api.http.get("/_control/faults").json()["items"])
    assert [(f["kind"], f["code"], f["count"]) for f in faults] == [("error", 131047, 1)]
    api.send({"type": "text", "text": {"body": "أهلًا"}})
    expect(phone.get_by_role("switch", name="Refused sends")).not_to_be_checked()

    phone.locator("summary", has_text="Clock").click()
    phone.get_by_role("button", name="One day ahead").click()
    expect(phone.locator("[data-clock-state]")).to_have_text("24 hours ahead")
    expect(phone.get_by_role("switch", name="24-hour window expired")).to_be_checked()
    phone.get_by_role("button", name="Present time").click()
    expect(phone.locator("[data-clock-state]")).to_have_text("at present time")

    phone.locator("summary", has_text="Speed and limits").click()
    phone.get_by_label("Pause before a notice is tried again, ms").fill("70")
    phone.keyboard.press("Tab")
    eventually(lambda: api.http.get("/_control/options").json()["retry_pause_ms"] == 70)


LIST = {
    "type": "list",
    "body": {"text": "كيف كانت خدمتنا؟"},
    "action": {
        "button": "تقييم الخدمة",
        "sections": [{"rows": [{"id": "5", "title": "راضٍ جدًا"}, {"id": "1", "title": "غير راضٍ"}]}],
    },
}


# Each two of language, scheme and width meet.
@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("ar", "light", 390), ("ar", "dark", 1366), ("en", "light", 1366), ("en", "dark", 390)],
)
def test_axe_finds_nothing_on_the_phone(
    api: Api, holder: str, new_page: Callable[..., Page], *, language: str, scheme: str, width: int
) -> None:
    to = {"to": holder}
    quoted = api.write(text="*مهم*: انظر https://example.org", **{"from": holder})
    api.send({"type": "interactive", "interactive": LIST, "context": {"message_id": quoted}}, **to)
    api.send({"type": "reaction", "reaction": {"message_id": quoted, "emoji": "🙏"}}, **to)
    place = {"latitude": 26.4, "longitude": 50.1, "name": "الكورنيش"}
    api.write(message={"type": "location", "location": place}, **{"from": holder})
    gone = api.write(text="حُذفت", **{"from": holder})
    revoke = {"type": "revoke", "revoke": {"original_message_id": gone}}
    api.write(message=revoke, **{"from": holder})
    # A sheet that is still rising is paler than it will be.
    page = new_page(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.goto(f"{api.http.base_url}/?person={holder}&person={NOURA}&lang={language}")
    expect(page.locator("[data-kind=list]").first).to_be_visible()
    found = {"chat": axe(page)}

    for opener in ("[data-attach]", "[data-emoji]", "[data-menu]", "[data-action=list]"):
        page.locator(f"{opener} >> visible=true").first.click()
        found[opener] = axe(page)
        page.keyboard.press("Escape")
    if width < 760:
        page.locator("[data-open-panel]").click()
    for fold in ("faults", "clock", "options", "notices"):
        page.locator(f"[data-fold={fold}] > summary").click()
    found["panel"] = axe(page)
    assert not any(found.values()), found
