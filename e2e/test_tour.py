"""A newcomer is shown around, by keyboard, on a wide screen and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e.conftest import Instance, axe

pytestmark = pytest.mark.xdist_group("phone")


def test_a_newcomer_is_shown_around_once_and_again_when_they_ask(
    instance: Instance, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport={"width": 1366, "height": 900}, reduced_motion="reduce")
    page.goto(f"{instance.url}/")
    page.locator("button[data-email='monitor@demo.bayan.example']").click()
    page.wait_for_url("**/today/")
    tour = page.locator("#tour")
    # They have been shown around before.
    expect(tour).to_have_count(0)
    page.goto(f"{instance.url}/me/")
    page.locator("form[action='/me/tour/again'] button").click()

    # The focus is inside, each step says which it is, and the menu stands in the light.
    expect(tour).to_be_visible()
    expect(tour).to_have_class("tour is-pointing")
    onward = tour.locator(".primary:visible")
    expect(onward).to_be_focused()
    expect(onward).to_have_accessible_description(re.compile("^1 من 3"))
    found = {"first": axe(page)}
    light = tour.locator(".tour-light").bounding_box()
    menu = page.locator(".side [data-tour=menu]").bounding_box()
    assert light is not None
    assert menu is not None
    assert light["x"] <= menu["x"] + 1
    assert light["width"] >= menu["width"]
    page.keyboard.press("Enter")
    expect(onward).to_have_accessible_description(re.compile("^2 من 3"))
    page.keyboard.press("Enter")
    expect(onward).to_have_accessible_description(re.compile("^3 من 3"))
    expect(onward).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(tour.locator("[data-tour-step='-1']:visible")).to_be_focused()

    # On the phone, in English, it fits as well; Escape is enough never to see it again.
    page.context.add_cookies([{"name": "bayan_language", "value": "en", "url": instance.url}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(tour.get_by_role("heading", level=2)).to_be_visible()
    card = tour.locator(".tour-card").bounding_box()
    assert card is not None
    assert card["x"] >= 0
    assert card["x"] + card["width"] <= 390
    assert card["y"] + card["height"] <= 844
    found["phone"] = axe(page)
    with page.expect_response("**/me/tour") as ended:
        page.keyboard.press("Escape")
    assert ended.value.status == 204
    expect(tour).to_have_count(0)
    page.reload()
    expect(page.locator("#main")).to_be_visible()
    expect(tour).to_have_count(0)
    assert not any(found.values()), found
