"""Members share the work: cases passed on and taken back, notes, ready replies, and a mayor on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe
from e2e.test_conversation import field, open_conversation, send, write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("phone")


def test_a_responder_finds_ten_cases_passes_them_on_and_takes_them_back(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    for number in range(10):
        write(instance, f"96650000060{number}", name=f"ساكن {number}", text="طفح مياه في حي النورس")
    desk = new_page(viewport={"width": 1366, "height": 900})
    sign_in(desk, instance, "هند الدوسري")
    desk.goto(f"{instance.url}/cases/")

    # The words are spelt otherwise than people wrote them.
    desk.get_by_role("searchbox").fill("بحى النورس")
    rows = desk.locator("#rows [data-row]")
    expect(rows).to_have_count(10)
    desk.get_by_role("button", name="تحديد عدة بلاغات").click()
    desk.locator(".pick").first.check()
    expect(desk.locator("#bulk [data-count]")).to_have_text("1")
    found = {"picking": axe(desk)}
    desk.get_by_role("button", name="10 أخرى").click()
    expect(desk.locator("#bulk [data-count]")).to_have_text("10")
    desk.get_by_role("button", name="كل المطابق").click()
    expect(desk.locator("#bulk [data-count]")).to_have_text("10")
    desk.locator("#bulk summary", has_text="إحالة").click()
    desk.get_by_role("button", name="الجبيل", exact=True).click()

    expect(desk.locator(".notice")).to_contain_text("أُسندت 10 بلاغات إلى بلدية محافظة الجبيل")
    expect(rows.first).to_contain_text("الجبيل")
    expect(rows.filter(has_text="الجبيل")).to_have_count(10)
    found["done"] = axe(desk)
    desk.get_by_role("button", name="تراجع").click()
    expect(desk.locator(".notice")).to_contain_text("تم التراجع")
    expect(rows.filter(has_text="الأمانة")).to_have_count(10)
    assert not any(found.values()), found


def test_two_responders_meet_in_one_conversation_and_agree_by_a_note(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    write(instance, "966500000621", name="أم سلطان", text="متى موعد رش المبيدات؟")
    hind, sarah = (new_page(viewport={"width": 1366, "height": 900}) for _each in range(2))
    sign_in(hind, instance, "هند الدوسري")
    open_conversation(hind, "أم سلطان")
    sign_in(sarah, instance, "نوف الشمري")
    open_conversation(sarah, "أم سلطان")

    # Each sees the other, and that the other writes.
    expect(hind.locator("#presence")).to_contain_text("نوف الشمري يطالع هذه المحادثة أيضًا")
    field(sarah).press_sequentially("حسب الجدول")
    expect(hind.locator("#presence")).to_contain_text("نوف الشمري يكتب هنا الآن")
    found = {"presence": axe(hind)}

    # A note instead of two answers; the colleague is called by it.
    hind.locator("#composer").get_by_role("button", name="ملاحظة داخلية").click()
    hind.get_by_label("الإشارة إلى زميل").click()
    hind.locator(".callable label", has_text="نوف الشمري").click()
    hind.locator("#note-text").fill("ردّي أنتِ من فضلك")
    found["note"] = axe(hind)
    hind.get_by_role("button", name="حفظ الملاحظة").click()
    expect(sarah.locator(".note")).to_contain_text("ردّي أنتِ من فضلك")
    expect(sarah.locator(".note")).to_contain_text("@نوف الشمري")

    # A ready reply comes filled in.
    field(sarah).fill("")
    field(sarah).press("/")
    sarah.get_by_role("button", name=re.compile("استلام البلاغ")).click()
    expect(field(sarah)).to_have_value(re.compile("أهلًا أم سلطان، وصلنا بلاغكم رقم"))
    send(sarah)
    expect(sarah.locator("article.out").last).to_have_attribute(
        "data-status", re.compile("sent|delivered|read")
    )
    expect(hind.locator("#thread-about")).to_contain_text("يتابعها: نوف الشمري")
    assert not any(found.values()), found


def test_the_oldest_waiting_message_is_answered_by_keyboard_alone(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    write(instance, "966500000631", name="أبو راكان", text="اللمبة محترقة")
    page = new_page(viewport={"width": 1366, "height": 900})
    sign_in(page, instance, "هند الدوسري")
    page.goto(f"{instance.url}/inbox/?view=waiting")
    first = page.locator("#rows a[data-conversation]").first
    first.focus()
    oldest = first.get_attribute("data-conversation")
    page.keyboard.press("Enter")
    expect(page.locator("#workspace")).to_have_attribute("data-conversation", str(oldest))
    page.locator("#reply-text").focus()
    page.keyboard.type("نعتذر عن التأخر، نتابع بلاغكم الآن.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("article.out").last).to_contain_text("نعتذر عن التأخر")
    # It waits no longer.
    expect(page.locator(f"#rows [data-conversation='{oldest}'].is-waiting")).to_have_count(0)


def test_a_mayor_sees_on_the_phone_how_things_stand_and_who_is_on_duty(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(f"{instance.url}/")
    page.locator(
        "form[action*='demo/sign-in'] button[data-email='mayor.khobar@demo.bayan.example']"
    ).click()
    page.wait_for_url("**/today/")
    # Five entries at the foot and what else there is; the first of them is here.
    bar = page.locator("nav.bar")
    expect(bar.locator("a, button")).to_have_count(6)
    expect(bar.get_by_role("link", name="مهامي")).to_have_attribute("aria-current", "page")
    # Who is on duty can be called; the own figures stand alone, beside the authority's.
    expect(page.locator("#duty a[href^='tel:+966']")).to_be_visible()
    expect(page.locator("#weeks")).to_be_visible()
    expect(page.locator("#bodies")).to_have_count(0)
    found = {"today": axe(page)}
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#figures a[href='/cases/?state=late']").tap()
    expect(page.get_by_role("heading", name="البلاغات")).to_be_visible()
    # They look; the answer is given by those whose work it is.
    expect(page.locator("[name=do]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not any(found.values()), found


def test_a_director_goes_from_the_morning_s_figures_to_what_is_late(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 1366, "height": 900})
    page.goto(f"{instance.url}/")
    page.get_by_role("button", name="فيصل العتيبي").click()
    page.wait_for_url("**/today/")
    # What is late is on top, whatever came in since the demo began.
    counts = [int(text) for text in page.locator("#bodies tbody td:nth-child(2)").all_inner_texts()]
    assert counts[0] > 0
    assert counts == sorted(counts, reverse=True)
    late = page.locator("#bodies tbody tr").first
    late.locator("td a").first.click()
    expect(page.locator("#rows [data-row]")).to_have_count(counts[0])
    # How the services stand, and who is fastest, is one press from the first page.
    page.goto(f"{instance.url}/today/")
    page.locator("#weeks").get_by_role("link", name="جميع المؤشرات").click()
    page.wait_for_url("**/figures/")
    expect(page.locator(".by-service").first.locator("tbody tr").first).to_be_visible()
    assert axe(page) == []
    # Something comes in while the first page is open: it counts by itself.
    page.goto(f"{instance.url}/today/")
    waiting = page.locator("#figures a[href*='waiting']")
    before = int(waiting.inner_text())
    write(instance, "966500000651", name="أبو حسن", text="الممشى مظلم")
    expect(waiting).to_have_text(str(before + 1))
    # What one wants to do is found by its words.
    page.keyboard.press("Control+k")
    page.locator("#palette-words").fill("المناوبه")
    chosen = page.locator("#palette [aria-selected=true]")
    expect(chosen).to_contain_text("جدول المناوبة", timeout=15_000)
    page.keyboard.press("Enter")
    page.wait_for_url("**/duty/")


def test_an_english_speaker_finds_a_person_by_a_misspelt_name_with_a_screen_reader(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    write(instance, "966500000661", name="عبدالرحمن البوعينين", text="Street light is out")
    page = new_page(viewport={"width": 1366, "height": 900})
    page.context.add_cookies([{"name": "bayan_language", "value": "en", "url": instance.url}])
    page.goto(f"{instance.url}/")
    page.locator("button[data-email='desk@demo.bayan.example']").click()
    page.wait_for_url("**/today/")
    expect(page.locator("html")).to_have_attribute("dir", "ltr")
    # As it is read out: landmarks, headings, names and states.
    expect(page.get_by_role("navigation", name="Sections").first).to_match_aria_snapshot("""
        - navigation "Sections":
          - link "Today"
          - link "Messages"
          - link "Cases"
          - link "Contacts"
    """)
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
        - main:
          - heading "Today" [level=1]
          - term: Open cases
          - term: Past their time
          - term: Wait for an answer
          - region "Waiting for your answer"
          - region "Due first"
          - region "On duty now"
    """)
    page.get_by_role("button", name="Search or do").first.press("Enter")
    box = page.get_by_role("combobox", name="Search or do")
    expect(box).to_be_focused()
    # Two letters of the name are wrong.
    box.fill("عبدالرحمان البوعنين")
    option = page.get_by_role("option", selected=True)
    expect(option).to_contain_text("Street light is out")
    box.press("Enter")
    page.wait_for_url("**/inbox/**")
    expect(page.get_by_role("heading", name="عبدالرحمن البوعينين")).to_be_visible()
    expect(page.get_by_role("region", name="List of conversations")).to_be_visible()
    expect(page.get_by_role("complementary", name="Details of the case")).to_be_visible()


def test_a_citizen_follows_their_case_with_a_code_from_whatsapp(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    person = "966500000649"
    write(instance, person, name="أبو نايف", text="رصيف مكسور أمام المسجد")
    desk = new_page(viewport={"width": 1366, "height": 900})
    sign_in(desk, instance, "هند الدوسري")
    open_conversation(desk, "أبو نايف")
    reference = desk.locator("#facts [data-reference]").first.get_attribute("data-reference")
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{instance.url}/track/{reference}")
    found = {"ask": axe(page)}
    page.locator("form[action$='/send'] button").click()
    expect(page.locator("input[name=code]")).to_be_visible()

    def code() -> str:
        items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
        texts = [str(item["body"]) for item in items if item["to"] == person]
        found_codes = re.findall(r"(?<!\d)\d{6}(?!\d)", texts[-1]) if texts else []
        return found_codes[0] if found_codes else ""

    expect(page.locator("input[name=code]")).to_be_visible()
    for _each in range(100):
        if code():
            break
        page.wait_for_timeout(100)
    found["code"] = axe(page)
    page.locator("input[name=code]").fill(code())
    page.locator("form[action$='/code'] button[type=submit]").click()
    expect(page.locator(".portal-steps [aria-current=step]")).to_be_visible()
    found["case"] = axe(page)
    assert not any(found.values()), found
