"""The page of figures: one's own beside the authority's; the comparison for those who lead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.tests.factories import make_case
from bayan.organisation.models import Node
from bayan.people.models import Role
from bayan.people.tests.factories import make_member
from conftest import MONDAY, StaffClient

PAGE = reverse("figures:figures")
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def a_week_was_counted(monkeypatch: pytest.MonkeyPatch, khobar: Node, qatif: Node) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MONDAY)
    for number in range(3):
        case = make_case(node=khobar, phone=f"96650000080{number}", now=MONDAY - HOUR * 5)
        Case.objects.filter(pk=case.pk).update(category="roads")
    make_case(node=qatif, phone="966500000810", now=MONDAY - HOUR * 5)
    cases.count_figures(now=MONDAY)


def shown(client: StaffClient, role: Role.Kind, node: Node, query: str = "") -> str:
    client.force_login(make_member(role, node))
    text: str = client.get(PAGE + query).content.decode()
    return text


def test_a_mayor_sees_the_own_figures_and_the_average_but_no_comparison(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    text = shown(client, Role.Kind.EXECUTIVE, khobar, "?days=7&body=qatif")

    assert khobar.name in text
    assert "category=roads&amp;body=khobar" in text
    assert qatif.short_name not in text
    assert 'id="compared"' not in text


def test_the_head_of_the_authority_compares_the_municipalities(
    client: StaffClient,
    desk: Node,
    khobar: Node,
    qatif: Node,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client.force_login(make_member(Role.Kind.EXECUTIVE, desk))

    with django_assert_max_num_queries(12):
        text = client.get(PAGE + "?days=7&sort=opened").content.decode()

    table = text[text.index('id="compared"') :]
    assert table.index(khobar.short_name) < table.index(qatif.short_name)
    assert table.index(qatif.short_name) < table.index("<tfoot>")


def test_a_responder_of_the_desk_sees_the_whole_but_compares_nobody(
    client: StaffClient, desk: Node
) -> None:
    text = shown(client, Role.Kind.RESPONDER, desk, "?days=7")

    assert 'id="compared"' not in text
    assert "category=roads" in text


@pytest.mark.parametrize(
    "query", ["?days=x&body=nowhere&sort=%00&shade=z", "?days=91&shade=answer"]
)
def test_whatever_is_asked_there_is_a_page(client: StaffClient, desk: Node, query: str) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))

    assert client.get(PAGE + query).status_code == 200


def test_the_file_holds_what_the_page_shows(client: StaffClient, khobar: Node) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))

    lines = client.get(reverse("figures:export") + "?days=7").content.decode().splitlines()

    assert lines[1].startswith(f"{khobar.name},3,")
    assert any(line.startswith("طرق وأرصفة") or "طرق" in line for line in lines)
    assert "القطيف" not in "".join(lines)
