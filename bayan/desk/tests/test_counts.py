"""Counts whose statement is built once say what is true of whoever asks, whenever they ask."""

from __future__ import annotations

from datetime import timedelta

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


def test_what_they_say_is_not_the_same_for_all(colleagues: list[Member]) -> None:
    first, second = (
        inbox.counts(inbox.Filters(), member=member, now=MONDAY) for member in colleagues
    )

    assert (first["mine"], first["snoozed"]) == (1, 1)
    assert (second["mine"], second["snoozed"]) == (2, 1)
