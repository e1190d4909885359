"""What the steps of polls and meetings share: whom they address, refusing, and their lines in the trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.correspondence.services import To
from bayan.meetings.models import Address, Meeting, Poll

# The subject types of their lines in the trail, of tasks and of messages to whoever called them
# (config/subscriptions.py).
POLL, MEETING = "poll", "meeting"


class NotADraft(DomainError):
    pass


class NobodyAsked(DomainError):
    pass


class WordsMissing(DomainError):
    pass


class ReasonMissing(DomainError):
    pass


def locked_poll(poll_id: UUID) -> Poll:
    """The poll, ours until the commit."""
    found: Poll = (
        Poll.objects.select_for_update(of=("self",))
        .select_related("node", "author")
        .get(public_id=poll_id)
    )
    return found


def locked_meeting(meeting_id: UUID) -> Meeting:
    """The meeting, ours until the commit."""
    found: Meeting = (
        Meeting.objects.select_for_update(of=("self",))
        .select_related("node", "author", "chair", "secretary")
        .get(public_id=meeting_id)
    )
    return found


def address(thing: Poll | Meeting, to: Sequence[To]) -> None:
    """Write down whom a draft asks or invites, in place of what stood there.

    :raises NobodyAsked: nobody was chosen
    """
    if not to:
        raise NobodyAsked(_("Choose who is asked."))
    name = POLL if isinstance(thing, Poll) else MEETING
    thing.addresses.all().delete()
    Address.objects.bulk_create(
        Address(
            **{name: thing}, kind=one.kind, node=one.node, role=one.role, member=one.member,
            list=one.list,
        )
        for one in to
    )  # fmt: skip


def lines_of(thing: Poll | Meeting) -> list[Address]:
    """Whom it addresses, with all that it takes to find the people."""
    return list(
        thing.addresses.select_related("node", "member", "list")
        .prefetch_related("list__members")
        .order_by("pk")
    )


def to_of(thing: Poll | Meeting) -> list[To]:
    """Whom it addresses, for another draft."""
    return [
        To(kind=line.kind, node=line.node, role=line.role, member=line.member, list=line.list)
        for line in lines_of(thing)
    ]


def entry(
    action: str, thing: Poll | Meeting, *, by: audit.Actor, now: datetime, **details: Any
) -> audit.Entry:
    """A line for its trail."""
    name = POLL if isinstance(thing, Poll) else MEETING
    return audit.Entry(
        action=f"{name}.{action}",
        subject_type=name,
        subject_key=str(thing.public_id),
        by=audit.Named(by.audit_key, by.audit_label),
        at=now,
        node_id=thing.node_id,
        details=details,
    )


def note(
    action: str, thing: Poll | Meeting, *, by: audit.Actor, now: datetime, **details: Any
) -> None:
    """Write a step into its trail, and tell the screens."""
    audit.record(entry(action, thing, by=by, now=now, **details))
    announce(thing)


def announce(thing: Poll | Meeting) -> None:
    """Tell the screens that show it."""
    name = POLL if isinstance(thing, Poll) else MEETING
    live.announce([(thing.node_id, name, thing.public_id)])
