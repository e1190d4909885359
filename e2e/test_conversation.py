"""A responder answers with a photo, a voice message and a list; and after the window has closed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.conftest import Instance, axe, wait_for
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("e2e")

PERSON = "966500000511"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "phone.png"


def heard(instance: Instance, person: str) -> list[dict[str, Any]]:
    """What the person's phone has been sent, oldest first."""
    items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    return [item["body"] for item in items if item["to"] == person]


def write(instance: Instance, person: str, **message: Any) -> None:
    """Something that a person sends."""
    httpx.post(
        f"{instance.emulator}/_control/messages", json={"from": person, **message}
    ).raise_for_status()


def open_conversation(page: Page, name: str) -> None:
    row = page.locator("[data-conversation]", has_text=name).first
    expect(row).to_be_visible()
    row.click()
    expect(page.locator("#thread-title")).to_have_text(name)


def choose(page: Page, kind: str) -> None:
    """A kind of message from the composer's menu, by keyboard."""
    page.locator("details.kinds:not(.ready-replies) > summary").first.focus()
    page.keyboard.press("Enter")
    entry = page.locator("details.kinds").get_by_role("link", name=kind, exact=True)
    expect(entry).to_be_visible()
    entry.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-extra]")).to_be_visible()


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="نص الرد")


def send(page: Page) -> None:
    page.locator("#composer").get_by_role("button", name="إرسال").click()


def latest(page: Page, kind: str) -> Locator:
    return page.locator(f"article.out[data-kind={kind}]").last


def test_a_responder_answers_with_a_photo_a_voice_message_and_a_list(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    write(instance, PERSON, name="أبو فهد", text="الحفرة عند المدرسة كبرت بعد المطر")
    # The words leave open where it is: Bayan asks, and the person's button answers.
    wait_for(lambda: heard(instance, PERSON))
    items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    (question,) = [item for item in items if item["to"] == PERSON]
    assert question["body"]["interactive"]["type"] == "location_request_message"
    place = {"latitude": 26.4344, "longitude": 50.1033, "name": "مدرسة الحي"}
    write(
        instance,
        PERSON,
        message={"type": "location", "location": place, "context": {"id": question["id"]}},
    )
    wait_for(lambda: len(heard(instance, PERSON)) == 2)
    assert "وصلنا الموقع" in heard(instance, PERSON)[1]["text"]["body"]
    desk = new_page(viewport={"width": 1366, "height": 900}, permissions=["microphone"])
    sign_in(desk, instance, "هند الدوسري")
    open_conversation(desk, "أبو فهد")
    expect(desk.locator("article[data-kind=location] svg.map .pin")).to_be_visible()
    expect(desk.locator("#facts-timeline")).to_contain_text("بيّن المستفيد المكان")
    found: dict[str, list[str]] = {"thread": axe(desk)}

    # A photo with its words.
    desk.locator("input[data-files]").set_input_files(PICTURE)
    expect(desk.locator("[data-attached] li")).to_contain_text("phone.png")
    found["attached"] = axe(desk)
    field(desk).fill("هذي الحفرة المقصودة؟")
    send(desk)
    expect(latest(desk, "image")).to_have_attribute("data-status", re.compile("delivered|read"))
    expect(desk.locator("[data-attached]")).to_be_hidden()
    photo = heard(instance, PERSON)[-1]
    assert photo["type"] == "image"
    assert photo["image"]["caption"].endswith("\nهذي الحفرة المقصودة؟")

    # It opens large, and Escape leads back to it.
    latest(desk, "image").locator("[data-viewer]").click()
    expect(desk.locator("#viewer")).to_be_visible()
    found["viewer"] = axe(desk)
    desk.keyboard.press("Escape")
    expect(desk.locator("#viewer")).to_be_hidden()
    expect(latest(desk, "image").locator("[data-viewer]")).to_be_focused()

    # A voice message, recorded here: the provider takes it as one.
    desk.get_by_role("button", name="تسجيل رسالة صوتية").click()
    expect(desk.locator("[data-recorded]")).to_have_text("0:01")
    found["recording"] = axe(desk)
    desk.get_by_role("button", name="إنهاء التسجيل").click()
    expect(desk.locator("[data-attached] audio")).to_be_visible()
    send(desk)
    expect(latest(desk, "voice")).to_have_attribute("data-status", re.compile("delivered|read"))
    assert heard(instance, PERSON)[-1]["type"] == "audio"
    voice = latest(desk, "voice")
    play, sound = voice.locator("[data-play]"), voice.locator("audio")
    play.click()
    expect(play).to_have_attribute("aria-label", "إيقاف مؤقت")
    # Whatever happens to the message, who listens to it goes on listening.
    sound.evaluate("sound => { sound.loop = true; sound.dataset.heard = ''; }")
    sent = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    liked = {"message_id": sent[-1]["id"], "emoji": "👍"}
    write(instance, PERSON, message={"type": "reaction", "reaction": liked})
    expect(voice.locator(".reaction")).to_contain_text("👍")
    assert sound.evaluate("sound => 'heard' in sound.dataset && !sound.paused")
    play.click()
    expect(play).to_have_attribute("aria-label", "تشغيل")

    # A question with a list, by keyboard alone.
    choose(desk, "سؤال بقائمة")
    found["list"] = axe(desk)
    desk.get_by_label("الخيار 1", exact=True).fill("قدام الباب")
    desk.get_by_label("الخيار 2", exact=True).fill("خلف السور")
    field(desk).fill("وين مكانها بالضبط؟")
    field(desk).press("Control+Enter")
    expect(latest(desk, "list")).to_have_attribute("data-status", re.compile("delivered|read"))
    expect(desk.locator("[data-extra]")).to_have_count(0)
    question = heard(instance, PERSON)[-1]["interactive"]
    rows = question["action"]["sections"][0]["rows"]
    assert [row["title"] for row in rows] == ["قدام الباب", "خلف السور"]

    # The person's answer leads back to it; what we put on it shows there.
    asked = wait_for(
        lambda: httpx.get(f"{instance.emulator}/_control/sent").json()["items"][-1]["id"]
    )
    tap = {"type": "list_reply", "list_reply": {"id": rows[1]["id"], "title": rows[1]["title"]}}
    message = {"type": "interactive", "interactive": tap, "context": {"id": asked}}
    write(instance, PERSON, message=message)
    answer = desk.locator("article.in[data-kind=list_reply]")
    expect(answer.locator("a.quote")).to_contain_text("وين مكانها بالضبط؟")
    answer.hover()
    answer.get_by_role("button", name="التفاعل مع هذه الرسالة").click()
    found["reaction"] = axe(desk)
    answer.get_by_role("button", name="شكر").click()
    expect(answer.locator(".reaction.is-ours")).to_have_attribute("data-status", "sent")
    assert heard(instance, PERSON)[-1]["reaction"]["emoji"] == "🙏"

    for kind in ("موقع", "سؤال بأزرار", "زر برابط", "طلب موقع", "طلب رقم الجوال", "قالب معتمد"):
        choose(desk, kind)
        found[kind] = axe(desk)
        desk.get_by_role("link", name="العودة إلى الرد النصي").click()
    assert not any(found.values()), found


def test_after_the_window_words_wait_until_the_person_taps(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    admin = new_page(viewport={"width": 1366, "height": 900})
    sign_in(admin, instance, "نوف الشمري")

    def adopted() -> bool:
        admin.goto(f"{instance.url}/channels/templates/?q=reply_waiting")
        link = admin.locator("main a", has_text="reply_waiting").first
        if not link.count():
            return False
        link.click()
        admin.get_by_label("ما يُستخدم له القالب تلقائيًا").select_option("reopen")
        admin.get_by_role("button", name="اعتماده لهذا الغرض").click()
        return True

    wait_for(adopted, 30)
    qatif = new_page(viewport={"width": 390, "height": 844})
    sign_in(qatif, instance, "علي آل سيف")
    open_conversation(qatif, "ريم")
    expect(qatif.locator("#composer")).to_contain_text("انتهت نافذة الرد الحر")
    found = {"shut": axe(qatif)}

    field(qatif).fill("تُجدَّد الرخصة من خدمات تطبيق بلدي.")
    qatif.get_by_role("button", name="أرسل ليفتحه المستفيد").click()

    waiting = qatif.locator("article[data-held]", has_text="تُجدَّد الرخصة")
    expect(waiting).to_contain_text("بانتظار رد المستفيد")
    expect(latest(qatif, "template")).to_have_attribute("data-status", re.compile("delivered|read"))
    found["held"] = axe(qatif)
    person = "966500000200"
    assert [body["type"] for body in heard(instance, person)] == ["template"]

    write(instance, person, name="ريم", text="عرض الرد")

    said = qatif.locator("article:not([data-held])", has_text="تُجدَّد الرخصة")
    expect(said).to_have_attribute("data-status", re.compile("delivered|read"))
    assert [body["type"] for body in heard(instance, person)] == ["template", "text"]
    assert not any(found.values()), found
