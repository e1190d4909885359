"""Pages of polls and meetings: who comes through which door, what they show, how much they ask."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.meetings import services
from bayan.meetings.models import Meeting, Poll
from bayan.meetings.tests.conftest import Office
from bayan.meetings.tests.factories import LEFT, make_called, make_sent, tend
from bayan.people.models import Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient


def address(name: str, thing: Poll | Meeting) -> str:
    return reverse(f"meetings:{name}", args=[thing.public_id])


def test_a_poll_is_written_sent_voted_and_read_by_pages(
    office: Office, client: StaffClient, now: datetime
) -> None:
    client.force_login(office.director)
    given = {
        "question": "أي يوم يناسبكم؟", "options": "الأحد\nالاثنين\n", "term_hours": "14",
        "quorum_kind": "share", "quorum": "50", "tells_all": "on", "role": "",
        "bodies": ["khobar", "qatif"],
    }  # fmt: skip
    assert (
        client.post(reverse("meetings:new_poll"), given | {"options": "الأحد"}).status_code == 422
    )
    page = client.post(reverse("meetings:new_poll"), given, follow=True).content.decode()
    assert "أي يوم يناسبكم؟" in page
    poll = Poll.objects.get()
    client.post(address("send_poll", poll))
    tend(now=now + timedelta(days=400))
    poll.refresh_from_db()
    assert poll.voters.count() == 3

    poll = make_sent(office.desk, office.director, office.asked, now=_today(), question="ثانٍ")
    client.force_login(office.mayor)
    page = client.get(address("poll", poll)).content.decode()
    assert 'id="ballot"' in page
    # Who else was asked is the business of whoever asked.
    assert office.neighbour.name_ar not in page
    seen = poll.fingerprint[:16]
    answer = client.post(address("vote", poll), {"option": "1", "seen": seen}, follow=True)
    assert "1/3" in answer.content.decode()
    for other in ("", seen[:1], "0" * len(seen)):
        stale = client.post(address("vote", poll), {"option": "1", "seen": other})
        assert stale.status_code == 409

    client.force_login(office.director)
    page = client.get(address("poll", poll)).content.decode()
    assert office.neighbour.name_ar in page
    assert page.count('data-voted="yes"') == 1
    saved = client.get(address("votes_export", poll)).content.decode()
    assert office.mayor.name_ar in saved
    client.post(address("cancel_poll", poll), {"reason": "نعيد السؤال"})
    assert "نعيد السؤال" in client.get(address("poll", poll)).content.decode()
    assert client.get(reverse("meetings:polls_export") + "?view=over").status_code == 200


def test_a_meeting_is_called_answered_minuted_and_approved_by_pages(
    office: Office, client: StaffClient
) -> None:
    now = _today()
    client.force_login(office.director)
    me, chair = str(office.director.public_id), make_member(Role.Kind.EXECUTIVE, office.desk)
    begins = now + timedelta(days=2)
    given = {
        "title": "لجنة الأمطار", "kind": "single", "starts_at": f"{begins:%Y-%m-%dT%H:%M}",
        "minutes_long": "60", "place": "القاعة الكبرى", "chair": str(chair.public_id),
        "secretary": me, "role": "",
        "bodies": ["khobar"], "item": ["الاستعداد", ""], "presenter": ["الأمانة", ""],
        "takes": ["20", ""], "key": ["", ""],
    }  # fmt: skip
    page = client.post(reverse("meetings:new_meeting"), given, follow=True).content.decode()
    meeting = Meeting.objects.get()
    assert "الاستعداد" in page
    client.post(address("call_meeting", meeting))
    services.tend(now=now + LEFT)

    client.force_login(office.mayor)
    client.post(address("answer", meeting), {"answer": "sends", "stand_in": "سعد الحربي"})
    page = client.get(address("meeting", meeting)).content.decode()
    assert "سعد الحربي" in page
    calendar = client.get(address("calendar", meeting))
    assert calendar["Content-Type"].startswith("text/calendar")
    assert client.get(address("minutes_document", meeting)).status_code == 403
    assert client.get(address("minutes", meeting)).status_code == 403

    client.force_login(office.director)
    assert client.get(address("minutes", meeting)).status_code == 409
    Meeting.objects.update(starts_at=now - timedelta(hours=2))
    item, mayor = meeting.agenda.get(), meeting.invitees.get(member=office.mayor)
    client.post(
        address("minutes", meeting),
        {f"said-{item.public_id}": "نوقشت الخطة.", "attended": [str(mayor.public_id)]},
    )
    due = now + timedelta(days=9)
    page = client.post(
        address("add_decision", meeting),
        {
            "text": "فحص المضخات", "owner": str(office.mayor.public_id), "agenda_item": "",
            "due_at": f"{due:%Y-%m-%dT%H:%M}",
        },
        follow=True,
    ).content.decode()  # fmt: skip
    assert "فحص المضخات" in page
    client.post(address("submit_minutes", meeting))
    assert client.get(address("minutes", meeting)).status_code == 409
    client.force_login(chair)
    meeting.refresh_from_db()
    press = {"print": meeting.submitted_hash, "end": "returned", "words": "ينقصه الموعد"}
    assert (
        client.post(address("approve_minutes", meeting), press | {"print": "0"}).status_code == 409
    )
    client.post(address("approve_minutes", meeting), press)
    client.force_login(office.director)
    assert "ينقصه الموعد" in client.get(address("minutes", meeting)).content.decode()
    client.post(address("submit_minutes", meeting))
    client.force_login(chair)
    assert 'id="decide"' in client.get(address("meeting", meeting)).content.decode()
    client.post(address("approve_minutes", meeting), press | {"end": "done"})
    meeting.refresh_from_db()
    assert meeting.minutes_state == Meeting.Minutes.APPROVED
    client.force_login(office.director)
    assert client.get(address("minutes_document", meeting)).content.startswith(b"%PDF")
    assert (
        "فحص المضخات" in client.get(reverse("meetings:decisions") + "?state=open").content.decode()
    )
    saved = client.get(reverse("meetings:decisions_export")).content.decode()
    assert "فحص المضخات" in saved
    client.force_login(office.mayor)
    assert "نوقشت الخطة." in client.get(address("meeting", meeting)).content.decode()


@pytest.mark.parametrize("name", ["polls", "meetings", "decisions"])
def test_lists_ask_as_much_for_many_rows_as_for_one(
    office: Office, client: StaffClient, name: str
) -> None:
    now = _today()
    client.force_login(office.director)

    def more() -> None:
        make_sent(office.desk, office.director, office.asked, now=now)
        meeting = make_called(office.desk, office.director, office.asked, now=now)
        held = meeting.starts_at + timedelta(hours=1)
        decided = services.Decided(text="قرار", owner=office.mayor, due_at=held + timedelta(days=3))
        services.decide(meeting.public_id, decided, by=office.director, now=held)
        services.submit_minutes(meeting.public_id, by=office.director, now=held)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(f"meetings:{name}")).status_code == 200
        return len(queries)

    more()
    asked()
    few = asked()
    for _ in range(4):
        more()
    assert asked() == few


def test_whoever_is_of_another_body_finds_neither(
    office: Office, client: StaffClient, now: datetime
) -> None:
    poll = make_sent(office.khobar, office.officer, [office.mayor], now=now)
    meeting = make_called(office.khobar, office.officer, [office.mayor], now=now)
    client.force_login(make_member(Role.Kind.DIRECTOR, office.qatif))
    for name, thing in (
        ("poll", poll), ("votes_export", poll), ("meeting", meeting), ("calendar", meeting),
        ("minutes_document", meeting),
    ):  # fmt: skip
        assert client.get(address(name, thing)).status_code == 404, name


def _today() -> datetime:
    """Pages ask for the real moment."""
    return timezone.now()
