"""The register of directives: few see one, each look is kept, and no case gets another clock for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.cases import services
from bayan.cases.models import Case, Directive
from bayan.cases.tests.factories import make_case
from bayan.core.models import AuditEntry
from bayan.core.rls import look_as
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from conftest import MONDAY, StaffClient


def make_directive(node: Node, *, by: Member, owner: Member, **changes: Any) -> Directive:
    facts: dict[str, Any] = {
        "node": node, "giver": "معالي الأمين", "given_on": date(2026, 11, 22), "subject": "شكوى أحد الأعيان",
        "owner": owner, "due_at": MONDAY + timedelta(days=3), "text": "الإفادة خلال ثلاثة أيام",
    }  # fmt: skip
    return services.register_directive(services.Instruction(**facts | changes), by=by, now=MONDAY)


@pytest.fixture
def director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


def seen_by(member: Member) -> set[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        look_as(member.pk)
        found = set(Directive.objects.values_list("pk", flat=True))
        cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
    return found


def test_the_database_shows_a_directive_to_few(
    khobar: Node, qatif: Node, desk: Node, director: Member, khobar_responder: Member
) -> None:
    giver = make_member(Role.Kind.EXECUTIVE, desk)
    one = make_directive(khobar, by=director, owner=khobar_responder, given_by=giver)
    colleague = make_member(Role.Kind.RESPONDER, khobar)
    executive = make_member(Role.Kind.EXECUTIVE, khobar)
    above = make_member(Role.Kind.ADMINISTRATOR, desk)
    beside = make_member(Role.Kind.DIRECTOR, qatif)

    for member in (director, khobar_responder, giver, above):
        assert seen_by(member) == {one.pk}
    for member in (colleague, executive, beside):
        assert seen_by(member) == set()


def test_the_task_tells_colleagues_a_number_and_nothing_else(
    khobar: Node, director: Member, khobar_responder: Member
) -> None:
    first = make_directive(khobar, by=director, owner=khobar_responder)
    second = make_directive(khobar, by=director, owner=khobar_responder)
    assert (first.number, second.number) == (1, 2)
    assert "الأعيان" not in second.item.title + second.item.text
    assert services.describe_directives(["no key", str(second.public_id)]).keys() == {
        str(second.public_id)
    }
    access = Access.of(khobar_responder, now=MONDAY)
    work.finish(second.item.public_id, by=access, now=MONDAY + timedelta(hours=1), words="أُفيد")
    second.item.refresh_from_db()
    assert second.item.state == "done"


def test_a_case_keeps_its_time_whoever_complains(
    khobar: Node, director: Member, khobar_responder: Member
) -> None:
    case = make_case(node=khobar)
    due = case.due_at
    make_directive(
        khobar, by=director, owner=khobar_responder, case=case, due_at=MONDAY + timedelta(hours=1)
    )
    case = Case.objects.get(pk=case.pk)
    assert (case.due_at, case.priority) == (due, "normal")


def test_each_look_is_kept_and_shown(
    client: StaffClient, khobar: Node, director: Member, khobar_responder: Member
) -> None:
    one = make_directive(khobar, by=director, owner=khobar_responder)
    path = reverse("cases:directive", args=[one.public_id])
    client.force_login(khobar_responder)
    page = client.get(path).content.decode()
    assert "شكوى أحد الأعيان" in page
    assert str(khobar_responder.name) in page
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    assert client.get(path).status_code == 404
    assert client.get(reverse("cases:directives")).context["rows"] == []

    looks = AuditEntry.objects.filter(action="directive.looked")
    assert [line.actor for line in looks] == [khobar_responder.audit_key]


def test_the_register_is_written_searched_and_saved_by_who_heads_the_body(
    client: StaffClient, khobar: Node, director: Member, khobar_responder: Member
) -> None:
    client.force_login(director)
    given = {
        "giver": "معالي الأمين", "given_on": "2026-11-22", "subject": "إنارة الواجهة", "term": "7",
        "owner": str(khobar_responder.public_id),
    }  # fmt: skip
    assert client.post(reverse("cases:new_directive"), given | {"owner": ""}).status_code == 422
    assert client.post(reverse("cases:new_directive"), given).status_code == 302
    with CaptureQueriesContext(connection) as few:
        page = client.get(reverse("cases:directives"))
    assert page.context["counts"] == {"open": 1, "late": 0, "done": 0, "all": 1}
    now = datetime.now(MONDAY.tzinfo)
    for number in range(6):
        services.register_directive(
            services.Instruction(
                node=khobar, giver="الوزارة", given_on=now.date(), subject=f"توجيه {number}",
                owner=khobar_responder, due_at=now + timedelta(days=1),
            ),
            by=director, now=now,
        )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        page = client.get(reverse("cases:directives"))
    assert len(page.context["rows"]) == 7
    assert len(many) <= len(few) <= 16
    found = client.get(reverse("cases:directives"), {"q": "الواجهة"}).context["rows"]
    assert [one.subject for one in found] == ["إنارة الواجهة"]
    saved = client.get(reverse("cases:directives_export")).content.decode()
    assert saved.count("\n") == 8
    assert AuditEntry.objects.filter(action="directive.listed").count() == 3
