"""The colours that follow from an authority's one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import assume, given
from hypothesis import strategies as st

from bayan.core.colours import contrast
from bayan.organisation import selectors
from bayan.organisation.brand import GROUNDS, READABLE, WHITE, tokens

INK = {"light": "#101828", "dark": "#eef1f5"}
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(primary=COLOURS)
def test_whatever_the_colour_what_stands_on_it_and_in_it_is_read(primary: str) -> None:
    # Anything lighter is refused when the pack is loaded.
    assume(contrast(primary, WHITE) >= READABLE)
    found = tokens(primary)
    for scheme, ground in GROUNDS.items():
        colour = {name: value[scheme] for name, value in found.items()}
        for button in ("accent", "accent-hover", "deep", "deepest"):
            assert contrast(colour[button], WHITE) >= READABLE, (scheme, button)
        for below in (ground, colour["accent-soft"]):
            assert contrast(colour["accent-ink"], below) >= READABLE, (scheme, below)
        for below in (colour["own"], colour["accent-soft"]):
            assert contrast(INK[scheme], below) >= READABLE, (scheme, below)


@pytest.fixture
def anew() -> Iterator[None]:
    selectors.brand_sheet.cache_clear()
    yield
    selectors.brand_sheet.cache_clear()


def brand(settings: Any, folder: Path, primary: str) -> None:
    settings.BRAND_FILE = folder / "brand.toml"
    settings.BRAND_FILE.write_text(
        f'name_ar = "أمانة"\nname_en = "Authority"\nprimary = "{primary}"\n'
    )


def test_an_authority_of_another_colour_has_pages_of_that_colour(
    client: Client, anew: None, settings: Any, tmp_path: Path
) -> None:
    brand(settings, tmp_path, "#1d4ed8")

    page, sheet = client.get("/sign-in/").content.decode(), client.get(reverse("brand"))

    assert f'href="{reverse("brand")}"' in page
    assert sheet.headers["Content-Type"].startswith("text/css")
    assert "--accent:light-dark(#1d4ed8," in sheet.content.decode()


def test_the_house_s_own_colour_needs_no_sheet(
    client: Client, anew: None, settings: Any, tmp_path: Path
) -> None:
    brand(settings, tmp_path, selectors.HOUSE_COLOUR)

    assert reverse("brand") not in client.get("/sign-in/").content.decode()
    assert client.get(reverse("brand")).content == b""


def test_the_tokens_are_those_of_the_sheet() -> None:
    sheet = (Path(__file__).parents[3] / "assets" / "css" / "tokens.css").read_text()

    assert f"--accent: light-dark({selectors.HOUSE_COLOUR}," in sheet
    for name in tokens(selectors.HOUSE_COLOUR):
        assert re.search(rf"--{name}:", sheet), name
