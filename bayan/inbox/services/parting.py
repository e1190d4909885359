"""Undoing that the conversations of two contacts became those of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bayan.inbox.models import Conversation
from bayan.inbox.services.moving import facts_of, move_back
from bayan.people.models import Contact


def facts_of_contacts(*contacts: Contact) -> list[dict[str, Any]]:
    """What `part` needs of the conversations of contacts that are about to become one."""
    rows = list(
        Conversation.objects.filter(contact__in=contacts).order_by("pk").select_for_update()
    )
    asleep = {row.pk: row.snoozed_until for row in rows}
    return [
        {**facts, "snoozed_until": at.isoformat() if (at := asleep[facts["id"]]) else None}
        for facts in facts_of(rows)
    ]


def part(facts: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Give conversations back to the contacts who had them, with the messages that they held then.

    What was passed on to another body meanwhile stays with that body. Returns the body of each.
    """
    now_in = dict(
        Conversation.objects.filter(pk__in=[row["id"] for row in facts]).values_list(
            "pk", "node_id"
        )
    )
    for row in facts:
        Conversation.objects.filter(pk=row["id"]).update(contact=row["contact"])
    rows = [{**row, "node": now_in.get(row["id"], row["node"])} for row in facts]
    move_back(rows)
    for row in rows:
        Conversation.objects.filter(pk=row["id"]).update(
            read_at=_moment(row["read_at"]), snoozed_until=_moment(row["snoozed_until"])
        )
    return {row["id"]: row["node"] for row in rows}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
