"""What a member of one body can never read of another's: by page, by API, or by SQL of the web's role."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels.tests.factories import incoming
from bayan.core.rls import look_as
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Contact, Identity, Member
from conftest import StaffClient

# Rows of these belong to a body, yet everybody who signs in may read them: the tree's own settings.
SETTINGS_TABLES = {"people_role", "channels_number", "cases_routingrule"}


@pytest.fixture
def case_of_qatif(desk_responder: Member, qatif: Node, now: datetime) -> Case:
    cases.take_in([incoming("رائحة غاز قرب المدرسة")], now=now)
    return cases.assign_case(Case.objects.get().public_id, to=qatif, by=desk_responder, now=now)


def test_a_responder_sees_the_cases_of_their_own_municipality(
    client: StaffClient, case_of_qatif: Case, qatif_responder: Member
) -> None:
    client.force_login(qatif_responder)

    page = client.get(reverse("cases:cases"))

    assert case_of_qatif.reference in page.content.decode()


def test_no_page_shows_another_municipalitys_case(
    client: StaffClient, case_of_qatif: Case, khobar_responder: Member
) -> None:
    client.force_login(khobar_responder)
    conversation_id = case_of_qatif.conversation.public_id

    listed = client.get(reverse("cases:cases")).content.decode()
    assert case_of_qatif.reference not in listed
    for name in ("inbox:conversation", "cases:panel"):
        assert client.get(reverse(name, args=[conversation_id])).status_code == 404
    for name in ("cases:close", "cases:assign"):
        answer = client.post(reverse(name, args=[case_of_qatif.public_id]), {"outcome": "resolved"})
        assert answer.status_code == 404
    assert (
        client.post(reverse("inbox:reply", args=[conversation_id]), {"text": "؟"}).status_code
        == 404
    )
    case_of_qatif.refresh_from_db()
    assert not case_of_qatif.is_closed


def test_the_api_shows_no_case_of_another_municipality(
    client: StaffClient, case_of_qatif: Case, khobar_responder: Member, now: datetime
) -> None:
    token = people.create_token(
        email=khobar_responder.email or "", scopes=["read", "write"], now=now
    )
    headers = {"Authorization": f"Bearer {token}"}

    for path in ("cases", "conversations", "messages"):
        assert client.get(f"/api/v1/{path}", headers=headers).json()["items"] == []
    assert (
        client.get(f"/api/v1/cases/{case_of_qatif.public_id}", headers=headers).status_code == 404
    )


def test_sql_of_the_web_role_reads_nothing_of_another_municipality(
    case_of_qatif: Case, khobar_responder: Member, qatif_responder: Member
) -> None:
    models = (Case, Conversation, Message, Contact, Identity)
    with transaction.atomic():
        look_as(khobar_responder.pk)
        assert [model.objects.count() for model in models] == [0, 0, 0, 0, 0]
        look_as(qatif_responder.pk)
        assert [model.objects.count() for model in models] == [1, 1, 1, 1, 2]


def test_sql_of_the_web_role_writes_nothing_into_another_municipality(
    case_of_qatif: Case, khobar: Node, qatif_responder: Member
) -> None:
    with transaction.atomic():
        look_as(qatif_responder.pk)
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Case.objects.update(node=khobar)


def test_without_a_member_the_web_role_sees_nothing(case_of_qatif: Case) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE bayan_web")
        assert Case.objects.count() == 0


def test_a_role_that_has_ended_shows_nothing(
    case_of_qatif: Case, qatif_responder: Member, now: datetime
) -> None:
    qatif_responder.roles.update(
        ends_at=now.replace(year=now.year - 1, month=2), starts_at=now.replace(year=2020)
    )
    with transaction.atomic():
        look_as(qatif_responder.pk)
        assert Case.objects.count() == 0


def test_every_table_with_a_body_has_a_policy(db: None, superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
                       AND 'bayan_web'::regrole = ANY (p.polroles))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'node_id'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
        """
    ).fetchall()

    unprotected = {name for name, is_forced, has_policy in rows if not (is_forced and has_policy)}
    assert {row[0] for row in rows} >= {"cases_case", "inbox_message", "core_auditentry"}
    assert unprotected == SETTINGS_TABLES


def test_what_a_member_sees_is_worked_out_once_a_statement(
    case_of_qatif: Case, qatif_responder: Member
) -> None:
    with transaction.atomic():
        look_as(qatif_responder.pk)
        plan = Message.objects.all().explain()
    assert "InitPlan" in plan
    assert "SubPlan" not in plan


def test_the_login_role_alone_reads_no_protected_row(
    case_of_qatif: Case,
) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE bayan_login")
        assert Case.objects.count() == 0


def test_the_web_role_never_reads_the_journal(db: None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE bayan_web")
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            cursor.execute("SELECT 1 FROM intake_journal")
