"""An access token expires and is replaced: what the pages say, and that nothing of it is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe
from e2e.test_path import sign_in

PERSON, FIRST, SECOND = "966500000149", "demo-access-token", "second-access-token"


@pytest.fixture
def provider(instance: Instance) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{instance.emulator}/_control", timeout=10) as client:
        yield client
        # Others find the instance as it was: both tokens are good.
        for token in (FIRST, SECOND):
            client.post("/credentials", json={"access_token": token})


def test_an_expired_token_is_shown_replaced_and_what_waited_arrives(
    instance: Instance, provider: httpx.Client, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 1366, "height": 900})
    sign_in(page, instance, "نوف الشمري")
    provider.post("/messages", json={"from": PERSON, "name": "نورة", "text": "السلام عليكم"})
    provider.post("/credentials", json={"revoke": FIRST})

    page.goto(f"{instance.url}/channels/test")
    page.get_by_label("إلى جوالك").fill("0500000149")
    page.get_by_label("النص", exact=True).fill("هل تصل؟")
    page.get_by_role("button", name="إرسال التجربة").click()
    expect(page.get_by_text("الرقم موقوف، والرسالة تنتظر.")).to_be_visible()
    test_page = page.url

    # It stands on every page, and its way leads to what helps.
    page.goto(f"{instance.url}/cases/")
    page.get_by_role("link", name=re.compile("قناة متعطلة")).click()
    expect(page.get_by_text("واتساب لا يقبل رمز الوصول")).to_be_visible()
    for name in ("استئناف", "عولج"):
        expect(page.get_by_role("button", name=name).first).to_be_visible()
    assert axe(page) == []
    page.get_by_role("link", name="أدخل رمزًا جديدًا").first.click()

    def hand_in(token: str) -> None:
        page.get_by_label("رمز الوصول الجديد").fill(token)
        page.get_by_role("button", name="فحص واستبدال").click()

    hand_in("not-known-to-anybody")
    expect(page.get_by_text("لم يُعتمد رمز الوصول الجديد")).to_be_visible()
    provider.post("/credentials", json={"access_token": SECOND})
    hand_in(SECOND)
    expect(page.locator("#token-state").get_by_text("صالح")).to_be_visible()
    assert axe(page) == []

    page.goto(test_page)
    expect(page.locator("#progress")).to_have_attribute("data-state", re.compile("delivered|read"))
    page.goto(f"{instance.url}/channels/")
    expect(page.get_by_text("واتساب لا يقبل رمز الوصول")).not_to_be_visible()
    expect(page.locator("#channel-alarm a")).to_have_count(0)
