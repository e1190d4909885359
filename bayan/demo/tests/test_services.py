from __future__ import annotations

from datetime import datetime, timedelta

from bayan.cases.models import Case
from bayan.channels.models import Outgoing
from bayan.correspondence.models import Digest, Letter, Recipient
from bayan.demo import services
from bayan.demo.stories import STORIES
from bayan.desk.models import FieldReport
from bayan.inbox.models import Conversation, Message
from bayan.meetings import services as meetings
from bayan.meetings.models import Meeting, Poll
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member, Turn


def test_the_demo_is_loaded_once_however_often_it_starts(db: None, now: datetime) -> None:
    for _start in range(2):
        services.load(emulator_port=8100, now=now)
        services.tell_stories(now=now)

    assert Member.objects.filter(is_demo=True).count() == len(services.PEOPLE)
    # And that of the member who reported from the field.
    assert Conversation.objects.count() == len(STORIES) + 1
    # Nor do letters and reports open empty, and nobody meets on a day off.
    states = set(Letter.objects.values_list("state", flat=True))
    assert states == {"sent", "draft"}
    assert {row.item.state for row in Recipient.objects.select_related("item") if row.item} == {
        "open", "done",
    }  # fmt: skip
    assert Digest.objects.filter(handed_at__isnull=False).count() == 1
    assert FieldReport.objects.shown().filter(state="sent").count() == 2
    assert all(organisation.calendar().is_working(one.starts_at) for one in Meeting.objects.all())
    # Nor do its polls and meetings open empty, or ask anybody anew.
    assert set(Poll.objects.values_list("state", flat=True)) == {"open", "closed"}
    assert Meeting.objects.filter(minutes_state="approved").count() == 1
    before = Outgoing.objects.count()
    assert meetings.tend(now=now + timedelta(minutes=1)) == 0
    assert Outgoing.objects.count() == before


def test_somebody_is_on_duty_and_the_roster_is_filled_once(db: None, now: datetime) -> None:
    for _start in range(2):
        services.load(emulator_port=8100, now=now)

    for key in ("eastern", "khobar", "qatif"):
        turn = people.on_duty(Node.objects.get(key=key), now=now)
        assert turn is not None
        assert turn.member.phone
    planned = Turn.objects.count()
    assert services.plan_duty(now=now) == 0
    # Whoever opens the demo next week finds the week after planned too.
    assert services.plan_duty(now=now + timedelta(days=7)) > 0
    assert planned > 30


def test_nothing_of_the_stories_is_left_to_send(db: None, now: datetime) -> None:
    services.load(emulator_port=8100, now=now)
    services.tell_stories(now=now)

    assert set(Outgoing.objects.values_list("state", flat=True)) <= {"read", "delivered"}
    assert Case.objects.filter(satisfaction__isnull=False).count() == 2
    assert not Message.objects.exclude(matter="").filter(received_at__gt=now).exists()
