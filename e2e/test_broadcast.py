"""A director writes a template, has it approved, and sends it to two hundred people from a list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("e2e")

RECIPIENTS = 200


def listed(folder: Path) -> Path:
    """The list as a spreadsheet on Windows saves it, with one line that cannot be used."""
    file = folder / "recipients.csv"
    lines = [f"٠٥٥{number:07};حي {number}" for number in range(RECIPIENTS - 1)]
    lines = [line.translate({ord("٠"): "0", ord("٥"): "5"}) for line in lines]
    text = "\r\n".join(
        ["رقم الجوال;الحي", *lines, "940;حي الراكة", "+966 50 999 9999;حي النخيل", ""]
    )
    file.write_bytes(text.encode("cp1256"))
    return file


def test_a_template_is_written_approved_and_sent_to_two_hundred_people(
    instance: Instance, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = new_page(viewport={"width": 1366, "height": 900})
    sign_in(page, instance, "فيصل العتيبي")

    page.get_by_role("link", name="القوالب", exact=True).click()
    page.get_by_role("link", name="قالب جديد").click()
    page.get_by_label("الاسم").fill("water_outage")
    body = page.get_by_role("textbox", name="النص", exact=False).first
    body.fill("تنقطع المياه عن ")
    page.get_by_role("button", name="إدراج متغيّر", exact=True).click()
    body.press("End")
    body.press_sequentially(" من الصباح حتى المساء لأعمال الصيانة.")
    page.get_by_label("{{1}}").fill("حي الراكة")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("تنقطع المياه عن حي الراكة من الصباح")
    expect(preview).to_contain_text("يوافق ضوابط واتساب كلها")
    page.get_by_role("button", name="إرسال للمراجعة").click()
    # The page changes by itself when the review is over.
    expect(page.locator("[data-status=APPROVED]").first).to_be_visible(timeout=60_000)

    page.get_by_role("link", name="الإرسال الجماعي").click()
    page.get_by_role("link", name="إرسال جماعي جديد").click()
    page.locator("#title").fill("انقطاع المياه، الخميس")
    page.get_by_label("القالب").select_option(label="\u2066water_outage (ar)\u2069")
    expect(page.locator("#preview")).to_contain_text("أعمدة القائمة")
    page.get_by_label("أو ملف CSV").set_input_files(listed(tmp_path))
    page.get_by_role("button", name="معاينة قبل الإرسال").click()

    expect(page.locator(".example-phones")).to_contain_text("تنقطع المياه عن حي 0 من الصباح")
    expect(page.locator("#bad-lines")).to_contain_text("940")
    assert axe(page) == []
    # Nothing can leave until the provider is back: so there is something to pause.
    faults = f"{instance.emulator}/_control/faults"
    httpx.post(faults, json={"kind": "outage"}).raise_for_status()
    page.get_by_role("button", name="أرسل إلى 200 مستلم").click()
    page.get_by_role("button", name="إيقاف مؤقت").click()
    expect(page.locator("#facts [data-state=paused]")).to_be_visible()
    httpx.delete(faults).raise_for_status()
    page.get_by_role("button", name="استئناف").click()
    # Nobody reloads the page.
    expect(page.locator("#facts [data-state=finished]")).to_be_visible(timeout=60_000)
    expect(page.locator(".tile.is-delivered dd")).to_have_text("200", timeout=30_000)
    assert axe(page) == []

    page.get_by_label("ابحث في المستلمين").fill("0509999999")
    expect(page.locator("[data-recipient]")).to_have_count(1)
    expect(page.locator("[data-recipient='966509999999']")).to_contain_text("وصلت")
    with page.expect_download() as download:
        page.get_by_role("link", name="النتائج في ملف CSV").click()
    results = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(results) == RECIPIENTS + 1
    sent = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    to = [
        item["to"]
        for item in sent
        if item["body"].get("template", {}).get("name") == "water_outage"
    ]
    assert len(to) == len(set(to)) == RECIPIENTS
