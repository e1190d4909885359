from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

from bayan.channels.tests.factories import make_account
from bayan.core.models import AuditEntry
from bayan.intake import selectors
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


@pytest.fixture
def entry_id(db: None) -> int:
    """A webhook body that was set aside."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_journal (received_at, account_id, request_id, body, set_aside_at, remark) "
            "VALUES (now(), %s, 'r1', '{}', now(), 'unknown number: 42') RETURNING id",
            [make_account().pk],
        )
        return int(cursor.fetchone()[0])


def test_the_administrator_sees_what_was_set_aside_and_why(
    client: StaffClient, administrator: Member, entry_id: int
) -> None:
    client.force_login(administrator)
    page = client.get(reverse("intake:set_aside")).content.decode()
    assert reverse("intake:replay", args=[entry_id]) in page
    assert "42" in page


def test_the_administrator_puts_it_back_into_the_queue(
    client: StaffClient, administrator: Member, entry_id: int
) -> None:
    client.force_login(administrator)

    answer = client.post(reverse("intake:replay", args=[entry_id]))

    assert answer.status_code == 302
    assert selectors.entry(entry_id).state == "waiting"
    line = AuditEntry.objects.get(action="journal.replayed")
    assert (line.actor, line.subject_key) == (administrator.audit_key, str(entry_id))


def test_the_second_administrator_reads_that_it_is_no_longer_set_aside(
    client: StaffClient, administrator: Member, entry_id: int
) -> None:
    client.force_login(administrator)
    path = reverse("intake:replay", args=[entry_id])
    client.post(path)
    assert client.post(path).status_code == 409


def test_a_director_touches_no_journal(client: StaffClient, desk: Node, entry_id: int) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))
    assert client.get(reverse("intake:set_aside")).status_code == 403
    assert client.post(reverse("intake:replay", args=[entry_id])).status_code == 403
    assert selectors.entry(entry_id).state == "set aside"
