"""Work for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bayan.channels.events import IncomingMessage
from bayan.channels.models import Number
from bayan.channels.tests.factories import incoming, make_number
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work import services
from bayan.work.models import Item
from bayan.work.services import Task


def link_mobile(member: Member, phone: str, *, now: datetime) -> Member:
    """A member who has shown that this mobile is theirs."""
    member.phone, member.phone_linked_at = phone, now
    member.save(update_fields=["phone", "phone_linked_at"])
    return member


def make_item(node: Node, *, now: datetime, by: Member | None = None, **changes: Any) -> Item:
    """Something to do within two hours by the clock, for nobody in particular unless `owner` says so."""
    facts: dict[str, Any] = {
        "kind": Item.Kind.DO,
        "title": "معاينة حفرة",
        "node": node,
        "given_from": node,
        "due_at": now + timedelta(hours=2),
        "around_the_clock": True,
    }
    return services.give(Task(**facts | changes), by=by, now=now)


def written_by(member: Member, text: str = "", **changes: Any) -> IncomingMessage:
    """A message of this member's from their linked mobile."""
    number: Number = make_number()
    return incoming(
        text,
        phone=member.phone,
        whatsapp_id=f"SA.{member.phone}",
        name=member.name_ar,
        **{"number_id": number.pk, **changes},
    )
