"""Letters for tests."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.correspondence import services
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.services import To, Words
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.tests.factories import link_mobile, written_by

_phones = count(1)
TEXT = (
    "السلام عليكم ورحمة الله وبركاته، وبعد:\n"
    "نأمل الاطلاع على خطة موسم الأمطار والعمل بموجبها خلال ثلاثة أيام.\n"
    "والسلام عليكم ورحمة الله وبركاته"
)


def words(**changes: Any) -> Words:
    """A public circular to all municipalities that is to be seen."""
    facts: dict[str, Any] = {
        "kind": Letter.Kind.CIRCULAR,
        "subject": "الاستعداد لموسم الأمطار",
        "text": TEXT,
        "to": [To(kind=Address.Kind.MUNICIPALITIES)],
    }
    return Words(**facts | changes)


def make_director(node: Node, *, now: datetime) -> Member:
    """Somebody who writes and signs, with a linked mobile."""
    return linked(make_member(Role.Kind.DIRECTOR, node), now=now)


def linked(member: Member, *, now: datetime) -> Member:
    """The member with a linked mobile of their own."""
    return link_mobile(member, f"9665{40_000_000 + next(_phones)}", now=now)


def make_letter(node: Node, by: Member, *, now: datetime, **changes: Any) -> Letter:
    """A draft."""
    return services.draft_letter(words(**changes), node=node, by=by, now=now)


def make_sent(node: Node, by: Member, *, now: datetime, **changes: Any) -> Letter:
    """A letter that its writer has signed; the worker has told everybody."""
    letter = make_letter(node, by, now=now, **changes)
    services.submit(letter.public_id, signer=by, by=by, now=now)
    tell(now=now)
    letter.refresh_from_db()
    return letter


def tell(*, now: datetime) -> int:
    """What the worker does within seconds: hand over, and reach; returns how many were told."""
    told = services.hand_over(now=now)
    channels.Reaching().step(now=now)
    return told


def message_to(letter: Letter) -> Outgoing:
    """The message to its one recipient."""
    found = letter.recipients.select_related("reach__outgoing").get().reach.outgoing  # type: ignore[union-attr]
    assert found is not None
    return found


def task_of(letter: Letter) -> Item:
    """The task of its one recipient."""
    found = letter.recipients.select_related("item").get().item
    assert found is not None
    return found


def approval_of(letter: Letter) -> Item:
    """The task of whoever is to sign it now."""
    letter.refresh_from_db()
    assert letter.approval is not None
    return letter.approval


def within_the_window(member: Member, *, now: datetime) -> None:
    """They wrote a moment ago, so that they can be written to freely."""
    work.hear_members([(written_by(member, "مهامي"), member)], now=now)
