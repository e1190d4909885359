"""A text with a file to approve: exactly that version counts, by press and on the page."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import pytest
from django.urls import reverse

from bayan.channels.models import Media, Outgoing
from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Item
from bayan.work.services import Picture, Task
from bayan.work.tests.factories import link_mobile, make_item, written_by
from conftest import StaffClient

FIRST, SECOND = b"%PDF-1.4 first\n%%EOF", b"%PDF-1.4 second\n%%EOF"


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def mayor(desk: Node, now: datetime) -> Member:
    return link_mobile(make_member(Role.Kind.EXECUTIVE, desk), "966540000009", now=now)


def a_file(content: bytes) -> Picture:
    return Picture(BytesIO(content), "خطة الحملة.pdf", "application/pdf")


def asked(desk: Node, director: Member, mayor: Member, now: datetime) -> Item:
    """The mayor is asked to approve a plan."""
    make_number()
    task = Task(
        kind=Item.Kind.APPROVE, title="خطة حملة الأمطار", text="نأمل الاعتماد", node=desk,
        given_from=desk, owner=mayor, due_at=now + timedelta(days=1),
    )  # fmt: skip
    return services.ask_approval(task, a_file(FIRST), by=Access.of(director, now=now), now=now)


def press(item: Item, member: Member, now: datetime) -> str:
    message = written_by(member, kind="button_reply", choice_id="work-done", received_at=now)
    services.receive([(message, str(item.public_id))], now=now)
    return str(Outgoing.objects.latest("pk").content)


def test_a_press_approves_the_version_that_was_sent_and_the_one_before_counts_no_longer(
    desk: Node, director: Member, mayor: Member, now: datetime
) -> None:
    first = asked(desk, director, mayor, now)
    assert "خطة الحملة.pdf" in first.text
    second = services.send_version(
        first.public_id, a_file(SECOND), text="أضيفت الميزانية", within=timedelta(hours=7),
        by=Access.of(director, now=now), now=now,
    )  # fmt: skip
    assert "لم يعد" in press(first, mayor, now)
    assert (second.paper.version, second.owner) == (2, mayor)
    with pytest.raises(services.VersionOver):
        services.send_version(
            first.public_id, a_file(SECOND), text="مرة أخرى", within=timedelta(hours=7),
            by=Access.of(director, now=now), now=now,
        )  # fmt: skip
    press(second, mayor, now)
    second.refresh_from_db()
    assert second.state == Item.State.DONE
    lines = AuditEntry.objects.filter(action="item.version", subject_type="item").order_by("pk")
    assert [line.details["version"] for line in lines] == [1, 2]


def test_a_file_that_is_another_than_was_submitted_is_approved_by_nobody(
    desk: Node, director: Member, mayor: Member, now: datetime
) -> None:
    item = asked(desk, director, mayor, now)
    Media.objects.filter(pk=item.paper.media_id).update(sha256="0" * 64)
    press(item, mayor, now)
    item.refresh_from_db()
    assert item.is_open
    assert AuditEntry.objects.filter(action="item.refused", subject_type="item").exists()


def test_it_is_asked_for_read_and_approved_on_the_page(
    desk: Node, khobar: Node, director: Member, mayor: Member, client: StaffClient
) -> None:
    make_number()
    client.force_login(director)
    file = BytesIO(FIRST)
    file.name = "خطة.pdf"
    given = {"title": "خطة الحملة", "to": f"member:{mayor.public_id}", "term": "7", "text": ""}
    address = reverse("work:ask_approval")
    assert client.post(address, given).status_code == 422
    made = client.post(address, given | {"file": file})
    item = Item.objects.get()
    assert made.headers["Location"] == reverse("work:item", args=[item.public_id])

    client.force_login(mayor)
    page = client.get(made.headers["Location"])
    assert page.context["paper"].fingerprint in page.content.decode()
    kept = client.get(reverse("work:paper", args=[item.public_id]))
    assert (kept.status_code, kept["Content-Length"]) == (200, str(len(FIRST)))
    finish = reverse("work:finish", args=[item.public_id])
    assert client.post(finish, {"end": "done", "seen": "0" * 64}).status_code == 409
    seen = {"end": "done", "seen": page.context["paper"].fingerprint}
    assert client.post(finish, seen).status_code == 302
    # Whoever does not see the task does not see the file.
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    assert client.get(reverse("work:paper", args=[item.public_id])).status_code == 404


def test_words_where_a_picture_is_wanted_are_answered_and_are_no_refusal(
    desk: Node, mayor: Member, now: datetime
) -> None:
    make_number()
    item = make_item(desk, now=now, owner=mayor, wants_proof=True)
    press(item, mayor, now)
    services.hear_members([(written_by(mayor, "تم"), mayor)], now=now)
    assert "صورة" in str(Outgoing.objects.latest("pk").content)
    item.refresh_from_db()
    assert item.is_open
    assert not AuditEntry.objects.filter(action="item.refused").exists()
