"""The rehearsal of a flood: through the pages and the emulator's phones only, as those do who practise it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import PICTURES, REHEARSED, Instance, axe, wait_for
from e2e.test_conversation import write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("e2e")

WORDS = "نافورة الواجهة البحرية بالخبر واقفة من أسبوع ومنظرها مو حلو"
ANSWER = "الفرقة تصلح النافورة اليوم"
LEFT_OUT = 3
TOLD = REHEARSED - LEFT_OUT
PEOPLE = [f"96650088{number:04}" for number in range(REHEARSED)]
WIDE = {"viewport": {"width": 1366, "height": 900}}


def picture(page: Page, name: str) -> None:
    """The page as it stands, on a desk and in a hand; nothing unless somebody asked for pictures."""
    if not PICTURES:
        return
    for width, height in ((390, 844), (1366, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png")


def everybody_writes(instance: Instance) -> None:
    """Each from a phone of their own, a few at the same time."""

    def one(person: str) -> None:
        write(instance, person, name=f"متدرب {person[-3:]}", text=WORDS)

    with ThreadPoolExecutor(8) as phones:
        list(phones.map(one, PEOPLE))


def texts_to(instance: Instance, words: str) -> list[str]:
    """Who was sent something with these words."""
    items = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    return [item["to"] for item in items if words in str(item["body"])]


def call_helpers(chief: Page, instance: Instance, new_page: Callable[..., Page]) -> None:
    """A link for two, as its QR code holds it; both open it, sign in and join."""
    chief.locator("#team details summary").click()
    chief.locator("#team input[name=most]").fill("2")
    chief.locator("#team button.primary").click()
    address = chief.locator("#team-link").input_value()
    for name in ("علي آل سيف", "منى الخالدي"):
        helper = new_page(**WIDE)
        helper.goto(address)
        helper.get_by_role("button", name=name).click()
        helper.locator("main form button.primary").click()
        expect(helper).not_to_have_url(address)
    chief.goto(f"{instance.url}/cases/surge/")
    expect(chief.locator("#team .team li", has_text="علي آل سيف")).to_be_visible()
    expect(chief.locator("#team .team li", has_text="منى الخالدي")).to_be_visible()


def write_rule(chief: Page, instance: Instance) -> None:
    """A rule as somebody would say it, looked at and saved."""
    chief.goto(f"{instance.url}/cases/routing/")
    chief.locator("#sentence").fill(
        "إذا ذكر الناس نافورة فحولها إلى بلدية محافظة الخبر وأعطها للأقل عملًا"
    )
    chief.locator("form[action$='/draft'] button").click()
    chief.locator("#id_name").fill("النوافير")
    picture(chief, "3-rule-read")
    chief.locator("button[value=save]").click()
    expect(chief.locator("#rules")).to_contain_text("النوافير")


def answer_all(chief: Page, instance: Instance, phone: Page) -> None:
    """All that match become one matter; three are left out, and half of the messages must wait a minute."""
    chief.goto(f"{instance.url}/cases/?q=نافورة&body=khobar")
    chief.locator("[data-pick]").click()
    chief.locator("#list input[type=checkbox]").first.check()
    chief.locator("[data-pick-all]").click()
    # The list shows the latest that its words are found in; this is all of them.
    expect(chief.locator("#bulk-matching")).to_contain_text(str(REHEARSED), timeout=15_000)
    chief.locator("#bulk button[value=answer]").click()
    expect(chief.locator("#people")).to_be_visible(timeout=30_000)
    for _number in range(LEFT_OUT):
        before = chief.locator("#people button[value=put-back]").count()
        chief.locator("#people button[value=except]").first.click()
        expect(chief.locator("#people button[value=put-back]")).to_have_count(
            before + 1, timeout=15_000
        )
    chief.locator("#answer-text").fill(f"{ANSWER}.")
    expect(chief.locator("#preview [data-total]")).to_have_text(str(TOLD), timeout=15_000)
    assert axe(chief) == []
    picture(chief, "5-answer")
    phone.locator("[data-fold=faults] summary").click()
    phone.locator("[data-fault-rate]").select_option("0.5")
    phone.locator("label.switch", has=phone.locator("input[name=rate_limit]")).click()
    chief.locator("#preview button[type=submit]").click()


def test_a_flood_is_rehearsed_from_switching_on_to_switching_off(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    chief = new_page(**WIDE)
    sign_in(chief, instance, "نوف الشمري")
    phone = new_page(**WIDE)
    phone.goto(instance.emulator)

    chief.goto(f"{instance.url}/cases/surge/")
    chief.locator("#id_node").select_option("khobar")
    chief.locator("#id_reason").fill("تمرين: توقف نافورة الواجهة")
    chief.locator("form[action$='/surge/begin'] button").click()
    expect(chief.locator("#surge-now")).to_be_visible()
    picture(chief, "1-on")
    call_helpers(chief, instance, new_page)
    picture(chief, "2-team")
    write_rule(chief, instance)

    chief.goto(f"{instance.url}/cases/?body=khobar")
    open_before = int(chief.locator("#view-open span").inner_text())
    everybody_writes(instance)

    def all_are_there() -> bool:
        chief.reload()
        return int(chief.locator("#view-open span").inner_text()) == open_before + REHEARSED

    wait_for(all_are_there, 60)

    chief.goto(f"{instance.url}/cases/?q=نافورة&body=khobar")
    chief.locator("#list tbody a").first.click()
    chief.locator("#facts-routed summary").click()
    why = chief.locator("[data-routed]")
    expect(why).to_contain_text("أحالته القاعدة «\u2068النوافير\u2069» إلى \u2068الخبر\u2069")
    expect(why).to_contain_text("لأن في كلام صاحبه «\u2068نافورة\u2069»، وأُسند إلى \u2068")
    expect(why).to_contain_text("الأقل بلاغات مفتوحة")
    picture(chief, "4-why")

    answer_all(chief, instance, phone)
    wait_for(lambda: len(texts_to(instance, ANSWER)) > 5)
    chief.locator("#facts [popovertarget=back-question]").click()
    chief.locator("#back-question [type=submit]").click()
    expect(chief.locator("#taken-back")).to_be_visible(timeout=15_000)
    picture(chief, "6-taken-back")
    phone.locator("label.switch", has=phone.locator("input[name=rate_limit]")).click()
    gone = texts_to(instance, ANSWER)
    assert 0 < len(set(gone)) == len(gone) < TOLD
    expect(chief.locator("#taken-back")).to_contain_text(str(len(gone)))
    expect(chief.locator("#taken-back")).to_contain_text(str(TOLD - len(gone)))

    chief.goto(f"{instance.url}/cases/surge/")
    chief.locator(".surge-head details summary").click()
    chief.locator("form[action$='/end'] button").click()
    expect(chief.locator("#surge-now")).to_have_count(0)
    picture(chief, "7-off")
    # What was taken back does not leave after all, once the network is well again.
    assert texts_to(instance, ANSWER) == gone
