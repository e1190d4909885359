"""Roles that begin and end, and members who are let in or not."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people import selectors, services
from bayan.people.models import Member, Role, Session
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.people.views import members
from conftest import StaffClient


@pytest.fixture
def khobar_director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


def page_of(member: Member) -> str:
    return reverse("people:member", args=[member.public_id])


def last_action(member: Member) -> str:
    return (
        AuditEntry.objects.filter(subject_type="member", subject_key=str(member.public_id))
        .latest("pk")
        .action
    )


def test_a_temporary_role_ends_by_itself(
    khobar: Node, khobar_director: Member, now: datetime
) -> None:
    member = make_member(Role.Kind.VIEWER, khobar)
    tomorrow = now + timedelta(days=1)
    services.give_role(
        member,
        kind=Role.Kind.RESPONDER,
        node=khobar,
        ends_at=tomorrow,
        by=Access.of(khobar_director, now=now),
        now=now,
    )

    assert Access.of(member, now=now).may("conversations.reply", khobar)
    assert not Access.of(member, now=tomorrow).may("conversations.reply", khobar)
    assert last_action(member) == "member.role_given"


def test_a_role_is_not_given_twice_nor_with_an_end_in_the_past(
    khobar: Node, khobar_director: Member, khobar_responder: Member, now: datetime
) -> None:
    by = Access.of(khobar_director, now=now)
    with pytest.raises(services.RoleHeldAlready):
        services.give_role(khobar_responder, kind=Role.Kind.RESPONDER, node=khobar, by=by, now=now)
    with pytest.raises(services.EndsInThePast):
        services.give_role(
            khobar_responder, kind=Role.Kind.VIEWER, node=khobar, ends_at=now, by=by, now=now
        )


def test_nobody_gives_beyond_their_bodies_or_to_themselves(
    khobar: Node, qatif: Node, khobar_director: Member, khobar_responder: Member, now: datetime
) -> None:
    by = Access.of(khobar_director, now=now)
    for kind, node in ((Role.Kind.VIEWER, qatif), (Role.Kind.ADMINISTRATOR, khobar)):
        with pytest.raises(PermissionDenied):
            services.give_role(khobar_responder, kind=kind, node=node, by=by, now=now)
    with pytest.raises(services.OwnRights):
        services.give_role(khobar_director, kind=Role.Kind.VIEWER, node=khobar, by=by, now=now)


def test_a_role_ends_once(
    khobar_director: Member, khobar_responder: Member, khobar: Node, now: datetime
) -> None:
    role = khobar_responder.roles.get()
    by = Access.of(khobar_director, now=now)
    services.end_role(role, by=by, now=now)

    assert not Access.of(khobar_responder, now=now).may("cases.read")
    with pytest.raises(services.RoleHasEnded):
        services.end_role(role, by=by, now=now + timedelta(minutes=1))


def test_the_last_administrator_stays(administrator: Member, desk: Node, now: datetime) -> None:
    other = make_member(Role.Kind.ADMINISTRATOR, desk)
    by = Access.of(other, now=now)
    services.end_role(administrator.roles.get(), by=by, now=now)
    # The one who is left may still be ended by nobody, not even by one with a temporary role.
    services.give_role(
        administrator,
        kind=Role.Kind.ADMINISTRATOR,
        node=desk,
        ends_at=now + timedelta(days=1),
        by=by,
        now=now,
    )
    helper = Access.of(administrator, now=now)
    with pytest.raises(services.NobodyLeft):
        services.end_role(other.roles.get(), by=helper, now=now)
    with pytest.raises(services.NobodyLeft):
        services.switch_off(other, by=helper, now=now)


def test_a_member_who_is_switched_off_is_signed_out_everywhere_and_for_good(
    client: StaffClient, khobar_director: Member, khobar_responder: Member, now: datetime
) -> None:
    other_browser = StaffClient()
    for browser in (client, other_browser):
        browser.force_login(khobar_responder)
        assert browser.get("/inbox/").status_code == 200
    by = Access.of(khobar_director, now=now)

    services.switch_off(khobar_responder, by=by, now=now)
    assert not Session.objects.filter(member=khobar_responder).exists()
    services.switch_on(khobar_responder, by=by, now=now)

    # Being let in again revives no old session.
    for browser in (client, other_browser):
        assert browser.get("/inbox/").status_code == 302
    client.force_login(khobar_responder)
    assert client.get("/inbox/").status_code == 200


def test_a_director_does_not_switch_off_whoever_also_works_elsewhere(
    khobar_director: Member, khobar_responder: Member, qatif: Node, now: datetime
) -> None:
    khobar_responder.roles.create(kind=Role.Kind.VIEWER, node=qatif, starts_at=now)
    with pytest.raises(PermissionDenied):
        services.switch_off(khobar_responder, by=Access.of(khobar_director, now=now), now=now)


def test_the_director_adds_and_ends_a_role_on_the_members_page(
    client: StaffClient, khobar_director: Member, khobar_responder: Member, khobar: Node
) -> None:
    client.force_login(khobar_director)
    tomorrow = timezone.localdate() + timedelta(days=1)

    answer = client.post(
        reverse("people:give_role", args=[khobar_responder.public_id]),
        {"kind": "field_officer", "node": "khobar", "until": tomorrow.isoformat()},
    )
    assert answer.headers["Location"] == page_of(khobar_responder)
    page = client.get(page_of(khobar_responder)).content.decode()
    assert "مراقب ميداني" in page
    assert "ينتهي تلقائيًا" in page

    role = khobar_responder.roles.get(kind=Role.Kind.FIELD_OFFICER)
    client.post(reverse("people:end_role", args=[khobar_responder.public_id, role.pk]))
    page = client.get(page_of(khobar_responder)).content.decode()
    assert "إنهاء دور" in page
    assert f'data-role="{Role.Kind.FIELD_OFFICER}"' not in page


def test_the_form_offers_only_what_the_director_may_give(
    client: StaffClient, khobar_director: Member, khobar_responder: Member
) -> None:
    client.force_login(khobar_director)
    page = client.get(page_of(khobar_responder)).content.decode()
    assert 'value="khobar"' in page
    assert 'value="qatif"' not in page
    assert 'value="administrator"' not in page

    for given in (
        {"kind": "administrator", "node": "khobar"},
        {"kind": "viewer", "node": "qatif"},
        {"kind": "viewer", "node": "khobar", "until": "2020-01-01"},
        {"kind": "responder", "node": "khobar"},
    ):
        answer = client.post(reverse("people:give_role", args=[khobar_responder.public_id]), given)
        assert answer.status_code == 422
    assert khobar_responder.roles.count() == 1


def test_a_director_knows_nothing_of_the_people_of_another_municipality(
    client: StaffClient, khobar_director: Member, khobar_responder: Member, qatif_responder: Member
) -> None:
    client.force_login(khobar_director)

    page = client.get(reverse("people:members")).content.decode()
    table = client.get(reverse("people:members_csv")).content.decode("utf-8-sig")

    for text in (page, table):
        assert khobar_responder.name_ar in text
        assert qatif_responder.name_ar not in text
    for name, more in (
        ("member", []), ("give_role", []), ("end_role", [qatif_responder.roles.get().pk]),
        ("switch_off", []), ("switch_on", []),
    ):  # fmt: skip
        address = reverse(f"people:{name}", args=[qatif_responder.public_id, *more])
        ask = client.get if name == "member" else client.post
        assert ask(address).status_code == 404


@pytest.mark.parametrize("kind", sorted(set(Role.Kind) - {"administrator", "director"}))
def test_nobody_else_sees_the_people(
    client: StaffClient, khobar: Node, khobar_responder: Member, kind: Role.Kind
) -> None:
    client.force_login(make_member(kind, khobar))
    for address in (
        reverse("people:members"),
        reverse("people:members_csv"),
        page_of(khobar_responder),
    ):
        assert client.get(address).status_code == 403
    assert (
        client.post(reverse("people:switch_off", args=[khobar_responder.public_id])).status_code
        == 403
    )
    assert Member.objects.get(pk=khobar_responder.pk).is_active


def test_members_are_found_however_their_names_are_written(
    administrator: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    member = make_member(Role.Kind.VIEWER, khobar)
    Member.objects.filter(pk=member.pk).update(
        name_ar="هدى الأحمدي", name_en="Huda Alahmadi", phone="966500000142"
    )
    by = Access.of(administrator, now=now)

    def found(**asked: object) -> list[int]:
        rows = selectors.members_for(by, selectors.MemberFilter(**asked), now=now)  # type: ignore[arg-type]
        return [row.pk for row in rows if row.pk != administrator.pk]

    for words in ("هدي", "الاحمدى هدى", "huda", "0500000142", "٠٥٠٠٠٠٠١٤٢", "viewer.khobar"):
        assert found(words=words) == [member.pk], words
    assert found(words="نورة") == []
    assert found(body=khobar) == [member.pk]
    assert found(body=qatif) == []
    assert found(role="viewer") == [member.pk]
    assert found(role="responder") == []
    assert found(is_active=False) == []


def test_the_list_goes_on_by_name_and_costs_the_same_queries_whatever_its_length(
    client: StaffClient, administrator: Member, khobar: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "PAGE", 4)
    client.force_login(administrator)
    address = reverse("people:members")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    make_member(Role.Kind.VIEWER, khobar)
    few = queries()
    for _number in range(5):
        make_member(Role.Kind.VIEWER, khobar)
    # Three are the test's own: a savepoint, elsewhere the request's transaction, and the role after it.
    assert queries() == few <= 10 + 3

    first = client.get(address)
    cursor = first.context["page"].next_cursor
    second = client.get(address, {"after": str(cursor)}, headers={"HX-Request": "true"})
    names = [m.pk for page in (first, second) for m in page.context["page"].rows]
    assert len(names) == len(set(names)) == Member.objects.count()
    assert "<html" not in second.content.decode()


def test_the_table_for_spreadsheets_holds_no_formula(
    client: StaffClient, administrator: Member, khobar_responder: Member
) -> None:
    Member.objects.filter(pk=khobar_responder.pk).update(name_en="=HYPERLINK(1)")
    client.force_login(administrator)
    text = client.get(reverse("people:members_csv")).content.decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    assert "'=HYPERLINK(1)" in {row[1] for row in rows}


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (Role.Kind.RESPONDER, "/today/"),
        (Role.Kind.EXECUTIVE, "/today/"),
        (Role.Kind.TRAINER, "/me/"),
        (Role.Kind.RESEARCHER, "/me/"),
    ],
)
def test_everybody_begins_with_a_page_they_may_see(
    client: StaffClient, khobar: Node, kind: Role.Kind, first: str
) -> None:
    client.force_login(make_member(kind, khobar))
    assert client.get("/").headers["Location"] == first
    page = client.get(first)
    assert page.status_code == 200
    assert ('href="/inbox/"' in page.content.decode()) is (first == "/today/")
