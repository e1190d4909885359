"""One answer to everybody: a pothole reported by five people ends as one case, answered once, each told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe, wait_for
from e2e.test_path import api, sign_in

pytestmark = pytest.mark.xdist_group("e2e")

WORDS = "حفرة عميقة في شارع الأمير تركي بالخبر قدام مجمع الراشد كسرت كفر سيارتي"
ANSWER = "سدّت الفرقة الحفرة صباح اليوم"
PHONES = [f"96650077{number:04}" for number in range(5)]


def test_a_pothole_of_five_people_is_answered_once_and_each_is_told(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    for phone in PHONES:
        text = {"type": "text", "text": {"body": WORDS}}
        given = {"from": phone, "name": f"مبلّغ {phone[-1]}", "message": text}
        httpx.post(f"{instance.emulator}/_control/messages", json=given).raise_for_status()
    token = instance.token("desk", "read")
    reports = wait_for(
        lambda: (
            (rows := [m for m in api(instance, token, "messages") if m["text"] == WORDS])[4:]
            and rows
        )
    )
    keys = {message["case_id"] for message in reports}
    numbers = {c["reference"] for c in api(instance, token, "cases") if c["id"] in keys}
    desk = new_page(viewport={"width": 1366, "height": 900})
    sign_in(desk, instance, "هند الدوسري")

    desk.locator("[data-conversation]", has_text="مجمع الراشد").first.click()
    everybody = desk.locator("#facts-same form[action$='/answer-all'] button")
    # Triage has found by itself that it is one matter.
    expect(everybody).to_contain_text("5")
    everybody.click()
    expect(desk.locator("#people [data-recipient]")).to_have_count(5)
    desk.locator("#answer-outcome").select_option("resolved")
    desk.locator("#answer-excuse").select_option("confirmed")
    desk.locator("#answer-text").fill(f"{{الاسم}}، {ANSWER}.")
    expect(desk.locator("#preview-phone .wa-body")).to_contain_text("مبلّغ")
    expect(desk.locator("#preview [data-total]")).to_have_text("5")
    assert axe(desk) == []
    desk.locator("#preview button[type=submit]").click()

    # Nobody reloads the page.
    told = desk.locator("#people [data-recipient] .badge.is-ok")
    expect(told).to_have_count(5)
    expect(desk.locator("#facts [data-state=done]")).to_be_visible()
    assert axe(desk) == []
    sent = httpx.get(f"{instance.emulator}/_control/sent").json()["items"]
    mine = [item for item in sent if item["to"] in PHONES]
    assert Counter(item["to"] for item in mine) == Counter(PHONES)
    read = {body_of(item).split("\n")[0].replace("\xa0", "") for item in mine}
    assert {line.removesuffix("*")[-9:] for line in read} == numbers
    closed = [c for c in api(instance, token, "cases?state=closed") if c["id"] in keys]
    assert {case["reference"] for case in closed} == numbers
    assert {case["outcome"] for case in closed} == {"resolved"}


def body_of(item: dict[str, Any]) -> str:
    text: str = item["body"]["interactive"]["body"]["text"]
    assert ANSWER in text
    return text
