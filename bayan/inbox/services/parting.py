"""Undoing that the conversations of two contacts became those of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bayan.inbox.models import Conversation
from bayan.inbox.services.moving import facts_of, move_back
from bayan.people.models import Contact


def facts_of_contacts(*contacts: Contact) -> list[dict[str, Any]]:
    """What `part` needs of the conversations of contacts that are about to become one."""
    rows = Conversation.objects.filter(contact__in=contacts).order_by("pk")
    return facts_of(rows.select_for_update())


def part(facts: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Give conversations back to the contacts who had them, with the messages that they held then.

    What was passed on to another body meanwhile stays with that body. Returns the body of each.
    """
    bodies = {row["id"]: row["node"] for row in facts} | dict(
        Conversation.objects.filter(pk__in=[row["id"] for row in facts]).values_list(
            "pk", "node_id"
        )
    )
    move_back([{**row, "node": bodies[row["id"]]} for row in facts])
    return bodies
