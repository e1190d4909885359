"""A case goes to a contractor by a link and comes back with proof; whoever is on duty sees an emergency."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe
from e2e.test_conversation import open_conversation, write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("phone")


def a_picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (320, 240), "#8a8f98").save(file, "JPEG")
    return file.getvalue()


def test_a_director_gives_a_case_to_a_contractor_and_gets_it_back_with_a_picture(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    write(instance, "966500000641", name="أبو راشد", text="رصيف مكسور في حي الراكة بالخبر")
    director = new_page(viewport={"width": 1366, "height": 900})
    sign_in(director, instance, "فيصل العتيبي")
    director.goto(f"{instance.url}/work/contractors/")
    director.get_by_label("المقاول").fill("مؤسسة رصيف الشاطئ")
    director.get_by_label("المشروع", exact=True).fill("صيانة الأرصفة")
    director.get_by_role("button", name="إضافة إلى الجدول").click()
    expect(director.locator("table").first).to_contain_text("مؤسسة رصيف الشاطئ")
    found = {"contractors": axe(director)}

    director.goto(f"{instance.url}/inbox/")
    open_conversation(director, "أبو راشد")
    panel = director.locator("#work-panel")
    panel.locator("summary", has_text="إصدار تكليف").click()
    panel.get_by_label("المطلوب", exact=True).fill("إصلاح الرصيف")
    panel.get_by_label("إلى من").select_option(label="مؤسسة رصيف الشاطئ · صيانة الأرصفة")
    panel.get_by_label("مع صورة للموقع").check()
    panel.get_by_role("button", name="إصدار التكليف").click()
    task = panel.locator("[data-item=open]")
    expect(task).to_contain_text("مؤسسة رصيف الشاطئ")
    expect(director.locator("#facts-case")).to_contain_text("بانتظار جهة أخرى")
    found["panel"] = axe(director)
    task.get_by_role("link").click()
    director.get_by_role("button", name="إنشاء رابط").click()
    address = director.get_by_label("الرابط", exact=True).input_value()
    found["link"] = axe(director)

    # The contractor has a phone and no account.
    phone = new_page(viewport={"width": 390, "height": 844})
    phone.goto(instance.url + "/w/" + address.partition("/w/")[2])
    expect(phone.get_by_role("heading", level=1)).to_have_text("إصلاح الرصيف")
    done = phone.get_by_role("region", name="تم الإنجاز")
    done.get_by_label("اسمك").fill("سالم")
    phone.get_by_label("ما الذي أُنجز").fill("استُبدلت ثمانية أمتار")
    phone.get_by_label("صور الموقع").set_input_files(
        {"name": "site.jpg", "mimeType": "image/jpeg", "buffer": a_picture()}
    )
    found["phone"] = axe(phone)
    phone.get_by_role("button", name="تم الإنجاز").click()
    expect(phone.locator("p[role=status]")).to_contain_text("وصلت إفادتك")

    director.goto(f"{instance.url}/inbox/")
    open_conversation(director, "أبو راشد")
    expect(panel).to_contain_text("استُبدلت ثمانية أمتار")
    expect(panel.locator("img")).to_have_count(1)
    expect(director.locator("#facts-case")).to_contain_text("قيد المعالجة")
    assert not any(found.values()), found
