"""The page of the interface's parts: it holds them all, in both directions, and does nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.desk.swatches import STANDS_ON, swatches
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

CSS = Path(__file__).parents[3] / "assets" / "css"
ADDRESS = "/styleguide/"
# Parts that other sheets hold, and that more than one page uses.
MORE = {
    "alarm", "bubble", "case-card", "chip", "chips", "choice", "column", "conversation-row", "count-alarm",
    "drop", "map", "mark", "menu", "meter", "note", "question", "reactions", "refusal", "sheet", "tag",
    "trouble", "waits",
}  # fmt: skip
# What htmx puts on a part while it works; it looks like `is-sending`.
STATES = {"htmx-request"}


@pytest.fixture
def page(client: StaffClient, desk: Node) -> str:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))
    return client.get(ADDRESS).content.decode()


def columns(page: str) -> dict[str, str]:
    """The samples of each direction."""
    main = page.partition("</main>")[0]
    pieces = re.split(r'<div class="style-sample" lang="(\w+)" dir="(\w+)">', main)[1:]
    return {
        direction: "".join(pieces[2::3][pieces[1::3].index(direction) :: 2])
        for direction in ("rtl", "ltr")
    }


def test_every_part_that_the_sheet_draws_is_shown_in_both_directions(page: str) -> None:
    rules = re.sub(r"/\*.*?\*/|{[^{}]*}|url\([^)]*\)", " ", (CSS / "parts.css").read_text())
    parts = set(re.findall(r"\.([a-z][\w-]*)", rules)) - STATES | MORE
    assert len(parts) > 50
    for direction, shown in columns(page).items():
        classes = {
            name for found in re.findall(r'class="([^"]*)"', shown) for name in found.split()
        }
        missing = sorted(parts - classes)
        assert missing == [], f"{direction}: add them to desk/styleguide_parts.html"
        assert "<kbd" in shown


def test_each_side_speaks_its_language(page: str) -> None:
    shown = columns(page)
    assert "بانتظار الرد" in shown["rtl"] or "ينتظر الرد" in shown["rtl"]
    assert "Everybody has an answer" in shown["ltr"]


def test_the_samples_ask_the_server_for_nothing_and_lead_nowhere(page: str) -> None:
    for shown in columns(page).values():
        assert not re.search(r'\s(hx-[\w-]+|data-live|action|formaction)="', shown)
        assert 'method="post"' not in shown
        assert not re.search(r'<a\b[^>]*\shref="(?!#)', shown)
        assert " style=" not in shown


def test_no_id_stands_there_twice(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))


def test_every_colour_of_the_sheet_is_shown(page: str) -> None:
    sheet = re.search(r":root {(.*?)\n}", (CSS / "tokens.css").read_text(), re.DOTALL)
    assert sheet is not None
    named = set(re.findall(r"--([\w-]+): (?:light-dark\(#|#)", sheet[1]))
    assert set(re.findall(r'data-token="([\w-]+)"', page)) == named


def test_what_is_read_can_be_read_in_both_appearances() -> None:
    judged = [swatch for swatch in swatches() if swatch.ground]
    assert {swatch.colour.name for swatch in judged} == set(STANDS_ON)
    too_pale = [
        (swatch.colour.name, swatch.reached)
        for swatch in judged
        if min(swatch.reached) < swatch.needed
    ]
    assert too_pale == []


def test_it_keeps_nothing_and_reads_nothing_of_the_cases(client: StaffClient, desk: Node) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(ADDRESS)
    asked = " ".join(query["sql"] for query in queries.captured_queries)
    assert "cases_case" not in asked
    assert "inbox_message" not in asked


def test_who_manages_nobody_does_not_come_in(client: StaffClient, khobar_responder: Member) -> None:
    client.force_login(khobar_responder)
    assert client.get(ADDRESS).status_code == 403
    assert ADDRESS not in client.get("/me/").content.decode()


def test_ones_own_page_leads_there(client: StaffClient, desk: Node) -> None:
    client.force_login(make_member(Role.Kind.ADMINISTRATOR, desk))
    assert ADDRESS in client.get("/me/").content.decode()
