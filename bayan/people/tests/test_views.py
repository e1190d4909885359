from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.core import audit
from bayan.core.live import Notice, hub
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.people.views import live
from conftest import StaffClient

PASSWORD = "correct horse battery staple"


def test_a_member_signs_in_with_e_mail_and_password(
    client: StaffClient, khobar_responder: Member
) -> None:
    answer = client.post(
        reverse("account_login"), {"login": khobar_responder.email, "password": PASSWORD}
    )
    assert answer.status_code == 302
    assert client.get("/inbox/").status_code == 200


@pytest.mark.parametrize("known", [True, False], ids=["known address", "unknown address"])
def test_a_wrong_password_is_refused_in_arabic_and_tells_nothing(
    client: StaffClient, khobar_responder: Member, known: bool
) -> None:
    address = khobar_responder.email if known else "nobody@example.org"

    answer = client.post(reverse("account_login"), {"login": address, "password": "wrong"})

    # The same sentence either way: nobody learns which addresses exist.
    assert "البريد الإلكتروني أو كلمة المرور غير صحيحة. تحقق منهما." in answer.content.decode()
    assert client.get("/inbox/").status_code == 302


def test_a_member_who_was_switched_off_does_not_come_in(
    client: StaffClient, khobar_responder: Member
) -> None:
    client.force_login(khobar_responder)
    khobar_responder.is_active = False
    khobar_responder.save()
    assert client.get("/inbox/").status_code == 302


def test_the_demos_people_come_in_with_one_click(client: StaffClient, khobar: Node) -> None:
    member = make_member(Role.Kind.RESPONDER, khobar)
    Member.objects.filter(pk=member.pk).update(is_demo=True)
    page = client.get("/sign-in/?next=/cases/").content.decode()
    door = reverse("people:demo_sign_in", args=[member.public_id])
    assert door in page

    answer = client.post(door, {"next": "/cases/"})

    assert answer.headers["Location"] == "/cases/"
    assert client.get("/cases/").status_code == 200


def test_outside_the_demo_nobody_comes_in_with_one_click(
    client: StaffClient, khobar: Node, settings: pytest.FixtureRequest
) -> None:
    member = make_member(Role.Kind.RESPONDER, khobar)
    Member.objects.filter(pk=member.pk).update(is_demo=True)
    settings.IS_DEMO = False  # type: ignore[attr-defined]
    door = reverse("people:demo_sign_in", args=[member.public_id])

    assert client.post(door).status_code == 404
    assert door not in client.get("/sign-in/").content.decode()


def test_in_the_demo_no_click_opens_the_door_of_a_real_member(
    client: StaffClient, khobar_responder: Member
) -> None:
    door = reverse("people:demo_sign_in", args=[khobar_responder.public_id])
    assert client.post(door).status_code == 404


def test_after_one_click_nobody_is_sent_to_another_site(client: StaffClient, khobar: Node) -> None:
    member = make_member(Role.Kind.RESPONDER, khobar)
    Member.objects.filter(pk=member.pk).update(is_demo=True)
    door = reverse("people:demo_sign_in", args=[member.public_id])
    answer = client.post(door, {"next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/"


def leave_lines(count: int, *, node: Node, by: Member, now: datetime) -> None:
    audit.record_all(
        audit.Entry(
            action="case.closed",
            subject_type="case",
            subject_key="482173095",
            by=by,
            at=now,
            node_id=node.pk,
            details={"outcome": "resolved", "asked": True},
        )
        for _line in range(count)
    )


def test_the_director_reads_who_did_what(
    client: StaffClient, desk: Node, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    leave_lines(1, node=khobar, by=khobar_responder, now=now)
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))

    # The number as it is read aloud, in the digits of the reader.
    page = client.get("/audit/", {"subject": "٤٨٢ ١٧٣ ٠٩٥"}).content.decode()

    assert khobar_responder.name_ar in page
    assert "إقفال البلاغ" in page
    assert "عولج" in page


def test_the_trail_costs_the_same_queries_whatever_its_length(
    client: StaffClient, desk: Node, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/audit/").status_code == 200
        return len(captured)

    leave_lines(1, node=khobar, by=khobar_responder, now=now)
    few = queries()
    leave_lines(20, node=khobar, by=khobar_responder, now=now)
    assert queries() == few


def test_a_session_is_read_with_its_member_who_is_asked_for_anew_with_every_request(
    client: StaffClient, khobar_responder: Member, qatif_responder: Member
) -> None:
    client.force_login(khobar_responder)
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/inbox/").status_code == 200
    assert not [one for one in captured if one["sql"].startswith('SELECT "people_member"')]

    other = StaffClient()
    other.force_login(qatif_responder)
    assert str(qatif_responder.name) in other.get("/inbox/").content.decode()
    Member.objects.filter(pk=khobar_responder.pk).update(is_active=False)
    assert client.get("/inbox/").status_code == 302


def test_a_responder_does_not_read_the_trail(client: StaffClient, khobar_responder: Member) -> None:
    client.force_login(khobar_responder)
    assert client.get("/audit/").status_code == 403


def test_only_an_administrator_sees_what_was_set_aside(
    client: StaffClient, desk: Node, khobar_responder: Member
) -> None:
    client.force_login(khobar_responder)
    assert client.get("/journal/").status_code == 403
    client.force_login(make_member(Role.Kind.ADMINISTRATOR, desk))
    assert client.get("/journal/").status_code == 200


async def test_the_stream_tells_only_of_what_the_member_may_see() -> None:
    ours, theirs = 7, 8
    stream = live._stream(Member(pk=1), frozenset({ours}))
    assert await anext(stream) == b"retry: 2000\n\n"
    hearing = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)

    hub._tell(Notice(theirs, "case", "of-another-body"))
    hub._tell(Notice(ours, "case", "ours"))

    assert await asyncio.wait_for(hearing, 5) == b"event: change\ndata: case ours\n\n"
    await stream.aclose()
    hub._task.cancel()  # type: ignore[union-attr]
