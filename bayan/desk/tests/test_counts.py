"""Counts and pages whose statement is built once say what is true of whoever asks, whenever they ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from bayan.cases import selectors as cases
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.core.paging import counts_of
from bayan.inbox import selectors as inbox
from bayan.inbox import services
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member


@pytest.fixture
def colleagues(khobar: Node) -> list[Member]:
    """Two members: the first has two conversations, one of them put off, and a late case."""
    members = [make_member(Role.Kind.RESPONDER, khobar) for _number in range(2)]
    for number in range(4):
        case = make_case(node=khobar, phone=f"96650000100{number}", now=MONDAY)
        rows = Conversation.objects.filter(pk=case.conversation_id)
        services.assign(rows, to=members[number % 2], by=members[0], now=MONDAY)
        if number == 0:
            until = MONDAY + timedelta(hours=3)
            services.snooze(rows, until=until, by=members[0], now=MONDAY)
    return members


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=4), timedelta(days=90)])
def test_they_are_those_of_the_member_and_the_moment(
    colleagues: list[Member], later: timedelta
) -> None:
    now = MONDAY + later
    for member in colleagues:
        conversations = {
            view: inbox.conversations(inbox.Filters(view=view), member=member, now=now)
            for view in inbox.VIEWS
        }
        assert inbox.counts(inbox.Filters(), member=member, now=now) == counts_of(conversations)
        matters = {
            view: cases.cases(cases.Filters(view=view), member=member, now=now)
            for view in cases.VIEWS
        }
        assert cases.counts(cases.Filters(), member=member, now=now) == counts_of(matters)


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=4)])
def test_first_pages_hold_what_the_filters_let_through(
    colleagues: list[Member], later: timedelta
) -> None:
    now = MONDAY + later
    looked_for = inbox.look_for("0500001001")
    for member in colleagues:
        for view, found in product(inbox.VIEWS, [None, looked_for]):
            wanted = inbox.Filters(view=view, words="0500001001" if found else "")
            page = inbox.page_of_conversations(wanted, member=member, now=now, found=found)
            rows = inbox.conversations(wanted, member=member, now=now, found=found)
            assert page.rows == list(rows.order_by("-last_message_at", "-pk"))
            oldest = replace(wanted, is_oldest_first=True)
            page = inbox.page_of_conversations(oldest, member=member, now=now, found=found)
            assert page.rows == list(rows.order_by("last_message_at", "pk"))
        for view in cases.VIEWS:
            sought = cases.Filters(view=view)
            page_of_cases = cases.page_of_cases(sought, member=member, now=now)
            order = ("due_at", "pk") if sought.is_by_due else ("-opened_at", "-pk")
            matters = cases.cases(sought, member=member, now=now)
            assert page_of_cases.rows == list(matters.order_by(*order))


def test_one_page_leads_to_the_next(
    colleagues: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PAGE", 3)
    inbox._first_page.cache_clear()
    try:
        everything = inbox.Filters(view="all")
        first = inbox.page_of_conversations(everything, member=colleagues[0], now=MONDAY)
        rest = inbox.page_of_conversations(
            everything, member=colleagues[0], now=MONDAY, after=first.next_cursor
        )
    finally:
        inbox._first_page.cache_clear()

    assert (len(first.rows), len(rest.rows), rest.next_cursor) == (3, 1, None)
    assert {row.pk for row in first.rows}.isdisjoint(row.pk for row in rest.rows)


def test_what_they_say_is_not_the_same_for_all(colleagues: list[Member]) -> None:
    first, second = (
        inbox.counts(inbox.Filters(), member=member, now=MONDAY) for member in colleagues
    )

    assert (first["mine"], first["snoozed"]) == (1, 1)
    assert (second["mine"], second["snoozed"]) == (2, 1)
