"""Meetings: who is invited and comes, what reminds them, and what becomes of what was decided."""

from __future__ import annotations

from datetime import datetime, timedelta

import pypdfium2
import pytest

from bayan.channels.models import Reach
from bayan.channels.tests.factories import make_number
from bayan.core import undo
from bayan.core.rls import look_as
from bayan.meetings import document, ics, selectors, services
from bayan.meetings.models import Decision, Invitee, Meeting
from bayan.meetings.services import Decided
from bayan.meetings.tests.conftest import Office
from bayan.meetings.tests.factories import (
    LEFT,
    linked,
    make_called,
    make_meeting,
    message_to,
    plan,
    tend,
    within_the_window,
)
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.tests.factories import written_by


def invitee_of(meeting: Meeting, member: Member) -> Invitee:
    found: Invitee = meeting.invitees.get(member=member)
    return found


def test_those_invited_answer_by_a_button_or_send_somebody_by_name(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.asked, now=now)
    meeting = make_called(office.desk, office.director, office.asked, now=now)
    later = now + timedelta(minutes=1)

    content = message_to(invitee_of(meeting, office.mayor).public_id).content["interactive"]
    assert "موسم الأمطار" in content["body"]["text"]
    comes, excused, sends = (one["reply"]["id"] for one in content["action"]["buttons"])
    for member, choice in zip(office.asked, (comes, excused, sends), strict=True):
        pressed = written_by(member, choice_id=choice, kind="button")
        services.receive_answers([(pressed, str(invitee_of(meeting, member).public_id))], now=later)
    assert selectors.answers_in(selectors.invitees_of(meeting))["none"] == 1
    services.hear_names([(written_by(office.neighbour, "سعد الحربي"), office.neighbour)], now=later)
    assert selectors.answers_in(selectors.invitees_of(meeting)) == {
        "comes": 1, "sends": 1, "excused": 1, "none": 0,
    }  # fmt: skip
    assert invitee_of(meeting, office.neighbour).stand_in == "سعد الحربي"
    # Told and reminded once each; whoever is excused is left in peace.
    assert tend(now=later) == 0
    for moment in (
        meeting.starts_at - timedelta(hours=20),
        meeting.starts_at - timedelta(minutes=50),
    ):
        assert tend(now=moment) == 2
        assert tend(now=moment + timedelta(minutes=1)) == 0


def test_a_meeting_that_moves_is_told_anew_and_its_old_buttons_answer_nothing(
    office: Office, now: datetime
) -> None:
    meeting = make_called(office.desk, office.director, office.asked, now=now)
    services.answer_invitation(meeting.public_id, "comes", by=office.mayor, now=now, revision=0)
    later = plan(office.director, office.asked, now=now, starts_at=now + timedelta(days=5))
    services.change_meeting(meeting.public_id, later, by=office.director, now=now)
    assert tend(now=now + LEFT) == 3
    with pytest.raises(services.Moved):
        services.answer_invitation(meeting.public_id, "comes", by=office.mayor, now=now, revision=0)
    assert Reach.objects.filter(subject_type="meeting.invitee").count() == 6
    meeting.refresh_from_db()
    assert selectors.answers_in(selectors.invitees_of(meeting))["none"] == 3

    services.cancel_meeting(meeting.public_id, "سفر الرئيس", by=office.director, now=now)
    assert tend(now=now + LEFT) == 3
    assert tend(now=now + LEFT) == 0
    meeting.refresh_from_db()
    assert b"STATUS:CANCELLED" in ics.of_meeting(meeting, now=now)


def test_inviting_is_undone_as_long_as_nobody_was_told(office: Office, now: datetime) -> None:
    meeting = make_meeting(office.desk, office.director, office.asked, now=now)
    step = services.call_meeting(meeting.public_id, by=office.director, now=now)
    assert services.tend(now=now) == 0
    undo.undo(step, by=office.director, now=now)
    meeting.refresh_from_db()
    assert (meeting.is_draft, meeting.invitees.count()) == (True, 0)


def test_the_chair_approves_exactly_what_was_handed_in_and_decisions_become_tasks(
    office: Office, now: datetime
) -> None:
    chair = linked(make_member(Role.Kind.EXECUTIVE, office.desk), now=now)
    meeting = make_called(
        office.desk, office.director, office.asked, now=now, chair=chair, kind="periodic"
    )
    with pytest.raises(services.NotHeldYet):
        services.submit_minutes(meeting.public_id, by=office.director, now=now)
    held = meeting.starts_at + timedelta(hours=2)
    first = meeting.agenda.get(position=1)
    services.write_minutes(
        meeting.public_id,
        said={first.public_id: "نوقشت خطة موسم الأمطار."},
        attended=[invitee_of(meeting, office.mayor).public_id],
        by=office.director,
        now=held,
    )
    decided = Decided(
        text="فحص مضخات الأنفاق",
        owner=office.mayor,
        due_at=held + timedelta(days=7),
        agenda_item=first,
    )
    services.decide(meeting.public_id, decided, by=office.director, now=held)
    services.submit_minutes(meeting.public_id, by=office.director, now=held)
    meeting.refresh_from_db()
    approval = meeting.approval
    assert approval is not None
    # Nobody but the chair, and nothing but what was handed in.
    with pytest.raises(services.MayNotApprove):
        work.finish(approval.public_id, by=Access.of(office.director, now=held), now=held)
    Decision.objects.update(text="شيء آخر")
    with pytest.raises(services.ChangedSince):
        work.finish(approval.public_id, by=Access.of(chair, now=held), now=held)
    Decision.objects.update(text="فحص مضخات الأنفاق")
    work.finish(approval.public_id, by=Access.of(chair, now=held), now=held)

    meeting.refresh_from_db()
    assert meeting.minutes_state == Meeting.Minutes.APPROVED
    item = Item.objects.get(title="فحص مضخات الأنفاق")
    assert (item.owner, item.node, item.kind) == (office.mayor, office.khobar, Item.Kind.DO)
    assert tend(now=held) == 3
    assert tend(now=held) == 0
    with pytest.raises(services.MinutesAreFinal):
        services.decide(meeting.public_id, decided, by=office.director, now=held)

    pdf = pypdfium2.PdfDocument(document.minutes(meeting, now=held))
    words = "".join(page.get_textpage().get_text_range() for page in pdf)
    assert "مضخات" in words

    # The next one begins with what is not done.
    following = services.next_meeting(meeting.public_id, by=office.director, now=held)
    assert [one.item for one in selectors.open_decisions_before(following)] == [item]
    assert following.starts_at == meeting.starts_at + timedelta(days=28)
    with pytest.raises(services.HasItsNext):
        services.next_meeting(meeting.public_id, by=office.director, now=held)
    work.finish(item.public_id, by=Access.of(office.mayor, now=held), now=held, words="أُنجز")
    assert selectors.open_decisions_before(following) == []


def test_the_database_itself_keeps_a_meeting_to_those_invited_and_its_body(
    office: Office, now: datetime
) -> None:
    meeting = make_called(office.khobar, office.officer, [office.neighbour], now=now)
    colleague = make_member(Role.Kind.VIEWER, office.khobar)
    stranger = make_member(Role.Kind.DIRECTOR, office.qatif)

    def sees(member: Member) -> tuple[bool, bool]:
        look_as(member.pk)
        return (
            Meeting.objects.filter(pk=meeting.pk).exists(),
            Invitee.objects.filter(meeting=meeting).exists(),
        )

    assert [sees(one) for one in (office.officer, office.neighbour, colleague, stranger)] == [
        (True, True),
        (True, True),
        (True, True),
        (False, False),
    ]


def test_a_calendar_file_is_folded_between_letters_and_says_its_signs_escaped(
    office: Office, now: datetime
) -> None:
    title = "اجتماع مديري العلاقات العامة والإعلام؛ الأمانة, والبلديات; \\ متابعة"
    meeting = make_meeting(office.desk, office.director, office.asked, now=now, title=title)
    raw = ics.of_meeting(meeting, now=now)
    assert raw.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 and line.decode() is not None for line in raw.split(b"\r\n"))
    unfolded = raw.replace(b"\r\n ", b"").decode()
    assert (
        "SUMMARY:اجتماع مديري العلاقات العامة والإعلام؛ الأمانة\\, والبلديات\\; \\\\ متابعة\r\n"
        in unfolded
    )
    assert f"DTSTART:{meeting.starts_at:%Y%m%dT%H%M%SZ}\r\n" in unfolded
    assert "DESCRIPTION:1. موسم الأمطار\\n2. " in unfolded
