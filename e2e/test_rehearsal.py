"""The rehearsal of a flood: through the pages and the emulator's phones only, as those do who practise it.

Each step takes five clicks at most; they are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.conftest import PICTURES, REHEARSED, Instance, axe, wait_for
from e2e.test_conversation import write
from e2e.test_path import sign_in

pytestmark = pytest.mark.xdist_group("e2e")

WORDS = "نافورة الواجهة البحرية بالخبر واقفة من أسبوع ومنظرها مو حلو"
ANSWER = "الفرقة تصلح النافورة اليوم"
LEFT_OUT = 3
TOLD = REHEARSED - LEFT_OUT
HALF = TOLD // 2
MOST_CLICKS = 5
TOO_FAST = 130429
NEWCOMER = "966500889999"
PEOPLE = [f"96650088{number:04}" for number in range(REHEARSED)]
WIDE = {"viewport": {"width": 1366, "height": 900}}


@dataclass
class Hand:
    """Somebody's hand on a page, which counts its clicks."""

    clicks: int = 0

    def press(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def choose(self, field: Locator, value: str) -> None:
        # One click opens the list, one chooses.
        field.select_option(value)
        self.clicks += 2

    def write(self, field: Locator, words: str) -> None:
        # Where the page puts the cursor there by itself, nobody has to.
        if not field.evaluate("field => field === document.activeElement"):
            self.press(field)
        field.fill(words)


@contextmanager
def step(name: str) -> Iterator[Hand]:
    """One step of the rehearsal; fails the test if it took too many clicks."""
    hand = Hand()
    yield hand
    assert 0 < hand.clicks <= MOST_CLICKS, f"{name}: {hand.clicks} clicks"


@contextmanager
def only_half_leaves(instance: Instance) -> Iterator[None]:
    """As long as this lasts the provider takes as many messages as half of the answer, and no more."""
    before = options(instance)
    options(instance, throughput_per_s=0.001, throughput_burst=HALF)
    yield
    options(instance, **{key: before[key] for key in ("throughput_per_s", "throughput_burst")})


def options(instance: Instance, **changed: float) -> dict[str, float]:
    """The emulator's options, after these were changed."""
    address = f"{instance.emulator}/_control/options"
    asked = httpx.post(address, json=changed) if changed else httpx.get(address)
    found: dict[str, float] = asked.raise_for_status().json()
    return found


def refused(instance: Instance) -> int:
    """How many messages the provider was too busy for so far."""
    items = httpx.get(f"{instance.emulator}/_control/refused").json()["items"]
    return sum(item["code"] == TOO_FAST for item in items)


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


def switch_on(chief: Page, instance: Instance) -> None:
    chief.goto(f"{instance.url}/cases/surge/")
    with step("switch on") as hand:
        hand.choose(chief.locator("#id_node"), "khobar")
        hand.write(chief.locator("#id_reason"), "تمرين: توقف نافورة الواجهة")
        hand.press(chief.locator("form[action$='/surge/begin'] button"))
    expect(chief.locator("#surge-now")).to_be_visible()
    picture(chief, "1-on")


def call_helpers(chief: Page, instance: Instance, new_page: Callable[..., Page]) -> None:
    """A link for two, as its QR code holds it; both open it, sign in and join."""
    with step("invite") as hand:
        hand.press(chief.locator("#team details summary"))
        hand.write(chief.locator("#team input[name=most]"), "2")
        hand.press(chief.locator("#team button.primary"))
    address = chief.locator("#team-link").input_value()
    for name in ("علي آل سيف", "منى الخالدي"):
        helper = new_page(**WIDE)
        helper.goto(address)
        with step("join") as hand:
            hand.press(helper.get_by_role("button", name=name))
            hand.press(helper.locator("main form button.primary"))
        expect(helper).not_to_have_url(address)
    chief.goto(f"{instance.url}/cases/surge/")
    expect(chief.locator("#team .team li", has_text="علي آل سيف")).to_be_visible()
    expect(chief.locator("#team .team li", has_text="منى الخالدي")).to_be_visible()
    picture(chief, "2-team")


def write_rule(chief: Page, instance: Instance) -> None:
    """A rule as somebody would say it, looked at and saved."""
    chief.goto(f"{instance.url}/cases/routing/")
    with step("rule") as hand:
        hand.write(
            chief.locator("#sentence"),
            "إذا ذكر الناس نافورة فحولها إلى بلدية محافظة الخبر وأعطها للأقل عملًا",
        )
        hand.press(chief.locator("form[action$='/draft'] button"))
        hand.write(chief.locator("#id_name"), "النوافير")
        picture(chief, "3-rule-read")
        hand.press(chief.locator("button[value=save]"))
    expect(chief.locator("#rules")).to_contain_text("النوافير")


def ask_why(chief: Page, instance: Instance) -> None:
    chief.goto(f"{instance.url}/cases/?q=نافورة&body=khobar")
    with step("why") as hand:
        hand.press(chief.locator("#list tbody a").first)
        hand.press(chief.locator("#facts-routed summary"))
    why = chief.locator("[data-routed]")
    expect(why).to_contain_text("أحالته القاعدة «\u2068النوافير\u2069» إلى \u2068الخبر\u2069")
    expect(why).to_contain_text("لأن في كلام صاحبه «\u2068نافورة\u2069»، وأُسند إلى \u2068")
    expect(why).to_contain_text("الأقل بلاغات مفتوحة")
    picture(chief, "4-why")


def answer_all(chief: Page, instance: Instance) -> None:
    """All that are found become one matter, which is answered; three of its people are left out."""
    chief.goto(f"{instance.url}/cases/?q=نافورة&body=khobar")
    with step("answer with three exceptions") as hand:
        hand.press(chief.locator("#answer-found button"))
        expect(chief.locator("#people")).to_be_visible(timeout=30_000)
        hand.write(chief.locator("#answer-text"), f"{ANSWER}.")
        for tick in chief.locator("#people [name=left_out]").all()[:LEFT_OUT]:
            hand.press(tick)
        expect(chief.locator("#preview [data-total]")).to_have_text(str(TOLD), timeout=15_000)
        expect(chief.locator("#people .for-out:visible")).to_have_count(LEFT_OUT)
        assert axe(chief) == []
        picture(chief, "5-answer")
        hand.press(chief.locator("#preview button[type=submit]"))


def take_back(chief: Page) -> None:
    with step("take back") as hand:
        hand.press(chief.locator("#facts [popovertarget=back-question]"))
        hand.press(chief.locator("#back-question [type=submit]"))
    expect(chief.locator("#taken-back")).to_be_visible(timeout=15_000)
    picture(chief, "6-taken-back")


def switch_off(chief: Page, instance: Instance) -> None:
    chief.goto(f"{instance.url}/cases/surge/")
    with step("switch off") as hand:
        hand.press(chief.locator(".surge-head details summary"))
        hand.press(chief.locator("form[action$='/end'] button"))
    expect(chief.locator("#surge-now")).to_have_count(0)
    picture(chief, "7-off")


def test_a_flood_is_rehearsed_from_switching_on_to_switching_off(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    chief = new_page(**WIDE)
    sign_in(chief, instance, "نوف الشمري")
    switch_on(chief, instance)
    call_helpers(chief, instance, new_page)
    write_rule(chief, instance)

    chief.goto(f"{instance.url}/cases/?body=khobar")
    open_before = int(chief.locator("#view-open span").inner_text())
    everybody_writes(instance)

    def all_are_there() -> bool:
        chief.reload()
        return int(chief.locator("#view-open span").inner_text()) == open_before + REHEARSED

    wait_for(all_are_there, 60)
    ask_why(chief, instance)

    with only_half_leaves(instance):
        busy_before = refused(instance)
        answer_all(chief, instance)
        # The first half is with its people, and the provider has sent away one of the second.
        wait_for(lambda: refused(instance) > busy_before and texts_to(instance, ANSWER))
        take_back(chief)
        gone = texts_to(instance, ANSWER)
        expect(chief.locator("#taken-back")).to_contain_text(str(TOLD - len(gone)))
        expect(chief.locator("#taken-back")).to_contain_text(str(len(gone)))
    assert 0 < len(set(gone)) == len(gone) <= HALF

    # The provider takes everything again, and thanks are sent to somebody new: nothing of the second half.
    write(
        instance,
        NEWCOMER,
        name="متدربة جديدة",
        text="متى ترجع نافورة الواجهة البحرية بالخبر تشتغل؟",
    )
    wait_for(lambda: NEWCOMER in texts_to(instance, ""))
    switch_off(chief, instance)
    assert texts_to(instance, ANSWER) == gone
