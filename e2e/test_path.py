"""The path: a citizen's message is heard, answered and closed. docs/walkthrough.md tells the same story."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe, wait_for

pytestmark = pytest.mark.xdist_group("e2e")

WORDS = "السلام عليكم، عمود الإنارة قدام بيتنا في الراكة طافي من ثلاث أيام"
ANSWER = "وعليكم السلام، أبلغنا فرقة الإنارة وستصل اليوم."
CLOSING = "أصلحت الفرقة عمود الإنارة مساء اليوم."


def sign_in(page: Page, instance: Instance, name: str) -> None:
    """One click on the sign-in page."""
    page.goto(f"{instance.url}/")
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("heading", name="الرسائل")).to_be_visible()


def test_a_citizens_message_is_heard_answered_and_closed(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    desk = new_page(viewport={"width": 1366, "height": 900})
    sign_in(desk, instance, "هند الدوسري")
    phone = new_page(viewport={"width": 1366, "height": 900})
    phone.goto(f"{instance.emulator}/?person=966500000101")

    # 1. The citizen writes; the message is in the inbox without anybody reloading it.
    phone.get_by_role("textbox", name="اكتب رسالة").fill(WORDS)
    phone.get_by_role("button", name="إرسال").click()
    row = desk.locator("[data-conversation]", has_text="الراكة").first
    expect(row).to_be_visible()

    # 2. It has become a case with a reference.
    row.click()
    reference = desk.locator("[data-reference]").first
    expect(reference).to_be_visible()
    number = reference.get_attribute("data-reference") or ""
    assert re.fullmatch(r"[1-9]\d{8}", number)

    # 3. The desk answers from the page; the ticks come back up to "read".
    desk.get_by_role("textbox", name="نص الرد").fill(ANSWER)
    desk.get_by_role("button", name="إرسال").click()
    answer = desk.locator("article[data-message]", has_text="فرقة الإنارة")
    expect(answer).to_have_attribute("data-status", "read")
    heard = phone.locator("li[data-message-id]", has_text="فرقة الإنارة")
    expect(heard).to_contain_text("أمانة المنطقة الشرقية · بلاغ")

    # 4. The municipality in charge takes the case over.
    desk.get_by_label("الجهة المختصة").select_option("khobar")
    desk.get_by_role("button", name="إسناد").click()
    expect(desk.get_by_text("بلدية محافظة الخبر").first).to_be_visible()

    # 5. Its responder closes the case with an outcome.
    khobar = new_page(viewport={"width": 1366, "height": 900})
    sign_in(khobar, instance, "سارة القحطاني")
    khobar.locator("[data-conversation]", has_text="نورة").first.click()
    khobar.get_by_label("نتيجة المعالجة").select_option("resolved")
    khobar.get_by_label("رسالة الإقفال").fill(CLOSING)
    khobar.get_by_role("button", name="إقفال البلاغ").click()
    expect(khobar.locator("[data-outcome=resolved]")).to_have_text("عولج")
    expect(khobar.locator("#thread-head")).to_contain_text("مقفل")

    # 6. The citizen gets the satisfaction question as a list and answers it.
    question = phone.locator("li[data-message-id]", has_text=CLOSING)
    question.get_by_role("button", name="تقييم الخدمة").click()
    sheet = phone.get_by_role("dialog")
    sheet.get_by_role("radio", name="راضٍ جدًا").check()
    sheet.get_by_role("button", name="إرسال").click()
    expect(khobar.locator("[data-satisfaction='5']")).to_contain_text("راضٍ جدًا")

    # 7. The trail holds who did what.
    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")
    director.goto(f"{instance.url}/audit/?subject={number}")
    for action in ("فتح البلاغ", "إسناد البلاغ", "إقفال البلاغ", "تقييم الخدمة"):
        expect(director.get_by_text(action).first).to_be_visible()
    wait_for(lambda: ", 0 not yet" in instance.bayan("verify-audit").stdout)
    assert instance.bayan("verify-audit").returncode == 0

    token = instance.token("desk", "read")
    found = httpx.get(
        f"{instance.url}/api/v1/cases?reference={number}",
        headers={"Authorization": f"Bearer {token}"},
    ).json()["items"]
    assert [(case["state"], case["outcome"], case["satisfaction"]) for case in found] == [
        ("closed", "resolved", 5)
    ]


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_axe_finds_nothing_on_any_page(
    instance: Instance, new_page: Callable[..., Page], language: str, scheme: str, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.context.add_cookies([{"name": "bayan_language", "value": language, "url": instance.url}])
    page.goto(f"{instance.url}/")
    found = {"sign-in": axe(page)}
    page.locator("form[action*='demo/sign-in'] button").last.click()
    page.wait_for_url("**/inbox/")
    httpx.post(
        f"{instance.emulator}/_control/messages",
        json={"from": "966500000345", "name": "أبو تركي", "text": "الحاوية مليانة من يومين"},
    )
    for path in ("/inbox/", "/cases/", "/audit/", "/journal/"):
        page.goto(instance.url + path)
        found[path] = axe(page)
    assert not any(found.values()), found
