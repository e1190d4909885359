"""All that is due goes together: seen before, started by a member, never under a hold; counted as before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services as cases
from bayan.cases.models import Case, Week
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels import services as channels
from bayan.channels.models import Media, Outgoing
from bayan.channels.tests.factories import make_number
from bayan.config.environment import PROJECT_DIR
from bayan.core.models import AuditEntry
from bayan.desk.models import FieldReport
from bayan.inbox.models import Conversation, Message, Note
from bayan.meetings.models import AgendaItem, Meeting
from bayan.meetings.tests.factories import make_called
from bayan.needs.models import Need
from bayan.needs.tests.factories import make_need
from bayan.organisation.models import Node
from bayan.people.freshness import confirm
from bayan.people.models import Contact, Identity, Member, Role
from bayan.people.tests.factories import make_member
from bayan.press.tests.factories import a_picture
from bayan.retention import selectors, services
from bayan.retention.models import Decision, Removal
from bayan.retention.periods import Period
from bayan.retention.registry import keepings
from conftest import StaffClient

MONDAY = datetime.fromisoformat("2026-11-23T07:00:00+00:00")
LATER = MONDAY + timedelta(days=800)
SOURCE = "جدول المدد، البند 7"


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


def two_years(what: str, by: Member, *, now: datetime = MONDAY) -> None:
    """Things of this kind are kept for two years."""
    version = selectors.schedule()
    services.set_period(
        Period(what=what, years=2, source=SOURCE), seen=version.number if version else 0, by=by,
        now=now,
    )  # fmt: skip


def closed(text: str = "حفرة أمام بيتي في شارع الأمير", *, by: Member, **changes: Any) -> Case:
    """A case that was closed on the Monday, with a picture and a note."""
    case = make_case(text, **changes)
    # Another one each time: nothing is deleted that something else still uses.
    picture = a_picture(f"#{Media.objects.count() * 23:02x}44aa")
    media = channels.keep_file(
        BytesIO(picture), kind="image", name="حفرة.jpg", declared="image/jpeg",
        number=make_number(), node=case.node, now=MONDAY,
    )  # fmt: skip
    Message.objects.filter(matter=case.reference).update(media=media)
    Note.objects.create(
        node=case.node, conversation=case.conversation, matter=case.reference, author=by,
        text="ملاحظة داخلية", created_at=MONDAY,
    )  # fmt: skip
    cases.close_case(
        case.public_id, outcome="answered", words="", by=by, now=MONDAY + timedelta(hours=2),
        basis=CONFIRMED,
    )  # fmt: skip
    # What was said at the end has arrived.
    Outgoing.objects.update(state=Outgoing.State.DELIVERED)
    return Case.objects.get(pk=case.pk)


def removal(what: str, node: Node, by: Member, *, now: datetime = LATER) -> Removal:
    """One that was started and is through."""
    started = services.start_removal(what, node, as_of=now, reason="انتهت المدة", by=by, now=now)
    while services.remove_some(now=now):
        pass
    started.refresh_from_db()
    return started


def figures() -> list[tuple[object, ...]]:
    cases.count_weeks(now=MONDAY + timedelta(days=2))
    return list(Week.objects.order_by("node", "begins").values_list("node", "opened", "closed"))


def test_of_a_case_whose_period_is_over_the_figures_keep_all_and_nobody_reads_a_word(
    desk: Node, director: Member
) -> None:
    two_years("case", director)
    case = closed(by=director, name="فهد العتيبي")
    before = figures()
    path = channels.media_path(Media.objects.get())
    assert path.is_file()

    done = removal("case", desk, director)

    assert (done.state, done.due, done.removed, done.held) == ("finished", 1, 1, 0)
    assert figures() == before
    left = Case.objects.get()
    assert (left.reference, left.subject, left.outcome, left.kind) == (
        case.reference, "", "answered", case.kind,
    )  # fmt: skip
    said = [
        *Message.objects.values_list("text", flat=True),
        *Outgoing.objects.values_list("content"),
    ]
    assert "حفرة" not in str(said)
    assert not Note.objects.exists()
    assert not Media.objects.exists()
    assert not Identity.objects.filter(contact=case.contact).exists()
    assert (Contact.objects.get(pk=case.contact_id).name, Conversation.objects.get().preview) == (
        "", "",
    )  # fmt: skip
    decided = Decision.objects.get()
    assert (decided.number, decided.by, len(decided.digest)) == (case.reference, director, 64)
    # What was emptied is not due again; and each step is in the trail, without a word of it.
    assert not selectors.due_rows(keepings()["case"], now=LATER).exists()
    lines = AuditEntry.objects.filter(at=LATER)
    assert {
        "retention.removal_started",
        "retention.destroyed",
        "retention.removal_finished",
    } <= set(lines.values_list("action", flat=True))
    assert "العتيبي" not in str(list(lines.values_list("details", flat=True)))


def test_a_hold_on_the_person_or_on_the_case_keeps_it_and_the_rest_goes(
    desk: Node, director: Member
) -> None:
    two_years("case", director)
    of_a_person, itself, other = (
        closed(by=director, whatsapp_id=f"SA.{n}", phone=f"96650000000{n}") for n in range(3)
    )
    for what, key in (("contact", of_a_person.contact.public_id), ("case", itself.public_id)):
        row = selectors.find(what, key)
        assert row is not None
        services.hold(row.thing, "دعوى منظورة", by=director, now=LATER)
    seen = selectors.preview(keepings()["case"], desk, now=LATER)
    assert (seen.count, seen.held, seen.goes) == (3, 2, 1)

    done = removal("case", desk, director)

    assert (done.removed, done.held) == (1, 2)
    assert set(Case.objects.exclude(subject="").values_list("pk", flat=True)) == {
        of_a_person.pk, itself.pk,
    }  # fmt: skip
    assert not Identity.objects.filter(contact=other.contact).exists()


def test_conversations_needs_reports_and_meetings_are_emptied_and_stay_counted(
    desk: Node, khobar: Node, director: Member
) -> None:
    for what in ("conversation", "need", "field_report", "meeting"):
        two_years(what, director)
    case = make_case("شكرًا لكم", now=MONDAY)
    Message.objects.update(matter="")
    Conversation.objects.update(matter="")
    need = make_need(khobar, by=director, now=MONDAY)
    Need.objects.update(state=Need.State.CONFIRMED, ended_at=MONDAY, granted=1, provided=1)
    report = FieldReport.objects.create(
        node=khobar, member=director, text="تجمع مياه", place="شارع الظهران", state="sent", files=2,
        begun_at=MONDAY, at=MONDAY,
    )  # fmt: skip
    meeting = make_called(desk, director, [director], now=MONDAY, title="اجتماع المديرين")
    AgendaItem.objects.create(meeting=meeting, position=9, title="الميزانية", said="نوقشت الأرقام")
    Meeting.objects.update(starts_at=MONDAY)

    done = [
        removal(what, desk, director)
        for what in ("conversation", "need", "field_report", "meeting")
    ]

    assert [one.removed for one in done] == [1, 1, 1, 1]
    for row in (case.conversation, need, report, meeting):
        row.refresh_from_db()
    assert Message.objects.get().text == ""
    assert (need.title, need.answers, need.provided, need.asked_by) == ("—", {}, 1, None)
    assert (report.text, report.place, report.files, report.member) == ("", "", 2, None)
    assert meeting.title == "—"
    assert set(meeting.agenda.values_list("title", "said")) == {("—", "")}
    assert meeting.invitees.count() == 1
    # Who writes again in a conversation has a period of their own from then on.
    Conversation.objects.update(last_message_at=LATER + timedelta(hours=1))
    keeping = keepings()["conversation"]
    assert not selectors.due_rows(keeping, now=LATER + timedelta(days=300)).exists()
    assert selectors.due_rows(keeping, now=LATER + timedelta(days=800)).exists()


def test_periods_are_set_by_an_administrator_narrow_before_wide_with_their_source(
    desk: Node, director: Member, client: StaffClient
) -> None:
    administrator = make_member(Role.Kind.ADMINISTRATOR, desk)
    address = reverse("retention:set_period")
    client.force_login(director)
    assert client.post(address, {"what": "case"}).status_code == 403
    client.force_login(administrator)
    wide = {"what": "case", "years": "5", "source": SOURCE, "seen": "0"}
    for fault in (
        {"source": ""},
        {"years": "0"},
        {"years": "101"},
        {"kinds": "weather"},
        {"what": "x"},
    ):
        assert client.post(address, wide | fault).status_code == 409
    assert client.post(address, wide).status_code == 302
    # Another had the pack's periods before their eyes.
    assert client.post(address, wide).status_code == 409
    narrow = {"what": "case", "kinds": "spam", "years": "1", "source": SOURCE, "seen": "1"}
    assert client.post(address, narrow).status_code == 302
    rules = [(one.period.kinds, one.years) for one in selectors.rules()]
    assert rules == [(("spam",), 1), ((), 5)]
    assert (
        client.post(
            address, {"what": "case", "kinds": "spam", "seen": "2", "do": "remove"}
        ).status_code
        == 302
    )
    assert [one.years for one in selectors.rules()] == [5]
    lines = AuditEntry.objects.filter(subject_type="retention").order_by("pk")
    assert [line.details["version"] for line in lines] == [1, 2, 3]


def test_who_removes_has_looked_gives_a_code_and_may_stop_it(
    desk: Node, khobar: Node, director: Member, client: StaffClient
) -> None:
    two_years("case", director, now=timezone.now())
    own = closed(by=director)
    Case.objects.update(
        opened_at=timezone.now() - timedelta(days=900),
        closed_at=timezone.now() - timedelta(days=800),
    )
    client.force_login(director)
    page = client.get(reverse("retention:preview", args=["case"]))
    as_of = page.context["preview"].as_of.isoformat()
    assert own.reference in page.content.decode()
    start = reverse("retention:start", args=["case"])
    given = {"as_of": as_of, "reason": "انتهت المدة"}
    assert (
        client.post(start, given).headers["Location"].startswith(reverse("people:confirm_factor"))
    )
    session = client.session
    confirm(session, now=timezone.now())
    session.save()
    old = (timezone.now() - timedelta(hours=2)).isoformat()
    assert client.post(start, given | {"as_of": old}).status_code == 409
    assert client.post(start, given).status_code == 302
    assert client.post(start, given).status_code == 409
    assert client.get(reverse("retention:due")).status_code == 200
    # Letters and stories are looked at one by one.
    assert client.get(reverse("retention:preview", args=["letter"])).status_code == 404
    running = Removal.objects.get()
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))
    stop = reverse("retention:stop", args=[running.public_id])
    assert client.post(stop).status_code == 404
    client.force_login(director)
    assert client.post(stop).status_code == 302
    assert services.remove_some(now=timezone.now()) == 0
    assert Case.objects.exclude(subject="").count() == 1


# Dies when its second batch is done and nothing of it is committed; or before it deletes the first file.
DIES = """
import os, pathlib, signal, sys, time
from datetime import datetime
import django
django.setup()
from django.conf import settings
from bayan.retention import services
from bayan.retention.services import removing
now = datetime.fromisoformat(sys.argv[1])
settings.MEDIA_ROOT = sys.argv[3]
removing.BATCH = 2
def dies(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "second batch":
    services.remove_some(now=now)
    removing.live.announce = dies
else:
    pathlib.Path.unlink = dies
# The server notices within moments that nobody holds the row any more.
until = time.monotonic() + 20
while not services.remove_some(now=now) and time.monotonic() < until:
    pass
"""


def test_whoever_is_killed_while_removing_leaves_the_rest_to_the_next_and_no_file(
    committed_db: None,
) -> None:
    desk = Node.objects.get(kind=Node.Kind.AUTHORITY)
    director = make_member(Role.Kind.DIRECTOR, desk)
    two_years("case", director)
    for number in range(7):
        closed(by=director, whatsapp_id=f"SA.6{number}", phone=f"96650006{number:04}")
    files = [channels.media_path(media) for media in Media.objects.all()]
    services.start_removal("case", desk, as_of=LATER, reason="انتهت", by=director, now=LATER)

    def left() -> tuple[int, int, int]:
        """Cases with words, removed by the count, files."""
        return (
            Case.objects.exclude(subject="").count(),
            Removal.objects.get().removed,
            sum(path.is_file() for path in files),
        )

    for moment, expected in (("second batch", (5, 2, 5)), ("file", (3, 4, 5))):
        died = subprocess.run(
            [sys.executable, "-c", DIES, LATER.isoformat(), moment, str(settings.MEDIA_ROOT)],
            cwd=PROJECT_DIR, check=False, capture_output=True, text=True,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "bayan.config.settings"},
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert left() == expected

    while services.remove_some(now=LATER):
        pass
    assert left() == (0, 7, 0)
    assert Decision.objects.count() == 7
    assert AuditEntry.objects.filter(action="retention.destroyed").count() == 7
