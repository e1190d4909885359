"""Polls and meetings for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.correspondence.models import Address
from bayan.correspondence.services import To
from bayan.meetings import services
from bayan.meetings.models import Meeting, Poll
from bayan.meetings.services import Plan, Point, Question
from bayan.organisation.models import Node
from bayan.people.models import Deputyship, Member
from bayan.work import services as work
from bayan.work.tests.factories import link_mobile, written_by

_phones = count(1)
# After this what was sent has left.
LEFT = timedelta(seconds=11)


def linked(member: Member, *, now: datetime) -> Member:
    """The member with a linked mobile of their own."""
    return link_mobile(member, f"9665{60_000_000 + next(_phones)}", now=now)


def to(members: Sequence[Member]) -> list[To]:
    return [To(kind=Address.Kind.MEMBER, member=member) for member in members]


def question(asked: Sequence[Member], **changes: Any) -> Question:
    """Whether the directors meet on Sunday: half of those asked must vote, within two working days."""
    facts: dict[str, Any] = {
        "question": "هل يناسبكم الاجتماع يوم الأحد؟",
        "options": ["نعم", "لا"],
        "to": to(asked),
    }
    return Question(**facts | changes)


def make_poll(
    node: Node, by: Member, asked: Sequence[Member], *, now: datetime, **changes: Any
) -> Poll:
    """A draft."""
    return services.draft_poll(question(asked, **changes), node=node, by=by, now=now)


def make_sent(
    node: Node, by: Member, asked: Sequence[Member], *, now: datetime, **changes: Any
) -> Poll:
    """A poll of which everybody was told."""
    poll = make_poll(node, by, asked, now=now, **changes)
    services.send_poll(poll.public_id, by=by, now=now)
    tend(now=now + LEFT)
    poll.refresh_from_db()
    return poll


def plan(by: Member, invited: Sequence[Member], *, now: datetime, **changes: Any) -> Plan:
    """An hour in the great hall in three days."""
    facts: dict[str, Any] = {
        "title": "اجتماع مديري العلاقات العامة",
        "starts_at": now + timedelta(days=3),
        "minutes_long": 60,
        "place": "القاعة الكبرى",
        "chair": by,
        "secretary": by,
        "agenda": [Point("موسم الأمطار", "مدير الاتصال", 20), Point("ما يستجد من أعمال")],
        "to": to(invited),
    }
    return Plan(**facts | changes)


def make_meeting(
    node: Node, by: Member, invited: Sequence[Member], *, now: datetime, **changes: Any
) -> Meeting:
    """A draft."""
    return services.draft_meeting(plan(by, invited, now=now, **changes), node=node, by=by, now=now)


def make_called(
    node: Node, by: Member, invited: Sequence[Member], *, now: datetime, **changes: Any
) -> Meeting:
    """A meeting to which everybody was invited."""
    meeting = make_meeting(node, by, invited, now=now, **changes)
    services.call_meeting(meeting.public_id, by=by, now=now)
    tend(now=now + LEFT)
    meeting.refresh_from_db()
    return meeting


def tend(*, now: datetime) -> int:
    """What the worker does within seconds; returns how many steps it made."""
    done = services.tend(now=now)
    channels.Reaching().step(now=now)
    return done


def within_the_window(members: Sequence[Member], *, now: datetime) -> None:
    """They wrote a moment ago, so that they can be written to freely."""
    for member in members:
        work.hear_members([(written_by(member, "مهامي"), member)], now=now)


def message_to(subject_key: object, **filters: Any) -> Outgoing:
    """The latest message about this person's part in it."""
    found = Outgoing.objects.filter(subject_key=str(subject_key), **filters).order_by("-pk").first()
    assert found is not None
    return found


def name_deputy(member: Member, deputy: Member, *, now: datetime) -> Deputyship:
    """For a week the one stands in for the other."""
    return Deputyship.objects.create(
        member=member,
        deputy=deputy,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(days=7),
    )
