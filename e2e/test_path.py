"""The path: a citizen's message is heard, answered and closed, step by step as docs/walkthrough.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from bayan.config.environment import PROJECT_DIR
from e2e.conftest import Instance, axe, wait_for

pytestmark = pytest.mark.xdist_group("e2e")

WORDS = "السلام عليكم، عمود الإنارة قدام بيتنا في الراكة طافي من ثلاث أيام"
ANSWER = "وعليكم السلام، أبلغنا فرقة الإنارة وستصل اليوم."
CLOSING = "أصلحت الفرقة عمود الإنارة مساء اليوم."


WALKTHROUGH = (PROJECT_DIR / "docs" / "walkthrough.md").read_text(encoding="utf-8")


def step(title: str) -> None:
    """Say which step of the walkthrough comes now; it must stand there under this title."""
    assert f"\n## {title}\n" in WALKTHROUGH


def api(instance: Instance, token: str, path: str) -> list[dict[str, Any]]:
    """The items of a list of the API."""
    answer = httpx.get(
        f"{instance.url}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}
    )
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_the_story_has_no_step_that_is_not_performed_here() -> None:
    told = re.findall(r"^## (\d\. .+)$", WALKTHROUGH, re.MULTILINE)
    performed = re.findall(r'step\("(.+)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert performed == told


def sign_in(page: Page, instance: Instance, name: str) -> None:
    """One click on the sign-in page, and on to the messages."""
    page.goto(f"{instance.url}/")
    page.get_by_role("button", name=name).click()
    page.wait_for_url("**/today/")
    page.locator("nav:visible").get_by_role("link", name="الرسائل").click()
    expect(page.get_by_role("heading", name="الرسائل")).to_be_visible()


def test_a_citizens_message_is_heard_answered_and_closed(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    desk = new_page(viewport={"width": 1366, "height": 900})
    sign_in(desk, instance, "هند الدوسري")
    phone = new_page(viewport={"width": 1366, "height": 900})
    phone.goto(f"{instance.emulator}/?person=966500000101")

    step("1. The citizen writes")
    phone.get_by_role("textbox", name="اكتب رسالة").fill(WORDS)
    phone.get_by_role("button", name="إرسال").click()

    step("2. The message is taken in")
    token = instance.token("desk", "read")
    (message,) = wait_for(
        lambda: [m for m in api(instance, token, "messages") if m["text"] == WORDS]
    )
    (case,) = [c for c in api(instance, token, "cases") if c["id"] == message["case_id"]]
    assert re.fullmatch(r"[1-9]\d{8}", case["reference"])

    step("3. It appears in the inbox")  # nobody reloads the page
    row = desk.locator("[data-conversation]", has_text="الراكة").first
    expect(row).to_be_visible()
    row.click()
    expect(desk.locator("#facts-case [data-reference]")).to_have_attribute(
        "data-reference", case["reference"]
    )

    # Two towns have a quarter of this name: Bayan has asked which one is meant, and proposes what it hears.
    question = phone.locator("li[data-message-id]", has_text="أكثر من مكان")
    question.get_by_role("button", name="اختيار المدينة").click()
    sheet = phone.get_by_role("dialog")
    sheet.get_by_role("radio", name="الخبر").check()
    sheet.get_by_role("button", name="إرسال").click()
    expect(desk.locator("#facts-where")).to_contain_text("بحسب جوابه: الخبر")
    # A colleague saw the same in a group, and passes it on.
    colleague = new_page(viewport={"width": 1366, "height": 900})
    colleague.goto(f"{instance.emulator}/?person=966500000700")
    colleague.get_by_role("textbox", name="اكتب رسالة").fill(WORDS)
    colleague.get_by_role("button", name="إرسال").click()
    colleague.get_by_role("button", name=re.compile("ضم إلى")).click()
    passed_on = desk.locator("article[data-message]", has_text="تحويل: هند الدوسري")
    # There and back through the phone: the answer, the tap, and what the tap does.
    expect(passed_on).to_contain_text("الراكة", timeout=15_000)

    step("4. The desk answers")
    desk.get_by_role("textbox", name="نص الرد").fill(ANSWER)
    desk.get_by_role("button", name="إرسال").click()
    answer = desk.locator("article[data-message]", has_text="فرقة الإنارة")
    expect(answer).to_have_attribute("data-status", "read")
    heard = phone.locator("li[data-message-id]", has_text="فرقة الإنارة")
    expect(heard).to_contain_text("أمانة المنطقة الشرقية · بلاغ")

    step("5. The municipality takes over")
    desk.locator("#facts-where").get_by_role("button", name="إسناد").click()
    expect(desk.get_by_text("بلدية محافظة الخبر").first).to_be_visible()

    step("6. The case is closed")
    khobar = new_page(viewport={"width": 1366, "height": 900})
    sign_in(khobar, instance, "سارة القحطاني")
    khobar.locator("[data-conversation]", has_text="نورة العتيبي").first.click()
    khobar.get_by_label("نتيجة المعالجة").select_option("resolved")
    # What is put right in the street is shown, or one says why not.
    khobar.locator("#close-excuse").select_option("confirmed")
    khobar.get_by_label("رسالة الإقفال").fill(CLOSING)
    khobar.get_by_role("button", name="إقفال البلاغ").click()
    expect(khobar.locator("[data-outcome=resolved]")).to_have_text("عولج")
    expect(khobar.locator("#thread-head")).to_contain_text("مقفل")

    step("7. The citizen answers")
    question = phone.locator("li[data-message-id]", has_text=CLOSING)
    question.get_by_role("button", name="تقييم الخدمة").click()
    sheet = phone.get_by_role("dialog")
    sheet.get_by_role("radio", name="راضٍ جدًا").check()
    sheet.get_by_role("button", name="إرسال").click()
    expect(khobar.locator("[data-satisfaction='5']")).to_contain_text("راضٍ جدًا")

    step("8. The trail")
    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")
    director.goto(f"{instance.url}/audit/?subject={case['reference']}")
    for action in ("فتح البلاغ", "إرسال رسالة", "إسناد البلاغ", "إقفال البلاغ", "تقييم الخدمة"):
        expect(director.get_by_text(action).first).to_be_visible()
    for name in ("هند الدوسري", "سارة القحطاني"):
        expect(director.get_by_text(name).first).to_be_visible()
    wait_for(lambda: ", 0 not yet" in instance.bayan("verify-audit").stdout)
    (case,) = api(instance, token, f"cases?reference={case['reference']}")
    assert (case["state"], case["outcome"], case["satisfaction"]) == ("closed", "resolved", 5)
    assert case["municipality"] == "khobar"


def test_a_message_is_followed_by_its_request_id(instance: Instance) -> None:
    httpx.post(
        f"{instance.emulator}/_control/messages",
        json={"from": "966500000346", "name": "أبو ماجد", "text": "الإشارة معطلة عند دوار سيهات"},
    )
    token = instance.token("director", "read")
    found = wait_for(
        lambda: [m for m in api(instance, token, "messages") if "الإشارة معطلة" in m["text"]]
    )
    (case,) = [c for c in api(instance, token, "cases") if c["id"] == found[0]["case_id"]]
    shown = instance.bayan("journal", "list", "--limit", "1").stdout.split("\t")[0]
    entry = instance.bayan("journal", "show", shown).stdout
    request_id = re.search(r"request +(\w+)", entry)[1]  # type: ignore[index]

    logs = {
        name: (instance.data_dir / "logs" / f"{name}.log").read_text() for name in ("web", "worker")
    }
    assert request_id in logs["web"]
    assert request_id in logs["worker"]
    assert "الإشارة معطلة" not in logs["web"] + logs["worker"]
    assert case["state"] == "open"


def test_axe_finds_nothing_in_the_palette(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{instance.url}/")
    page.locator("form[action*='demo/sign-in'] button").last.click()
    page.wait_for_url("**/today/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette [role=option]").first).to_be_visible()
    assert axe(page) == []
