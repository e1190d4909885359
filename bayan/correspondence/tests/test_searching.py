"""Finding a letter: however it is spelt, by number, person, day and state; and only what one sees."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from bayan.core.rls import look_as
from bayan.correspondence import searching, services
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.searching import Asked
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import make_letter, make_sent
from bayan.organisation.models import Node
from bayan.people.models import Member
from conftest import StaffClient


def to(node: Node) -> list[To]:
    return [To(kind=Address.Kind.BODY, node=node)]


def found(words: str, **asked: object) -> list[str]:
    known = searching.look_for(words)
    rows = searching.narrowed(Letter.objects.all(), Asked(words=words, **asked), known)  # type: ignore[arg-type]
    return sorted(rows.values_list("subject", flat=True))


def found_by(member: Member, words: str) -> list[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        look_as(member.pk)
        seen = found(words)
        cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
    return seen


def test_a_letter_is_found_however_its_words_numbers_and_people_are_spelt(
    office: Office, client: StaffClient, now: datetime
) -> None:
    Member.objects.filter(pk=office.mayor.pk).update(name_ar="أحمد الدوسري")
    make_sent(
        office.desk, office.writer, now=now, to=to(office.khobar), subject="حصر المضخات",
        official_number="٤٥/١٢٣-ك",
    )  # fmt: skip
    make_sent(office.desk, office.writer, now=now, to=to(office.qatif), subject="دوام رمضان")
    for words in (
        "المضخات", "مضخات", "والمضخاتِ", "١٤٤٨/١", "1448/1", "1/1448", "1", "45/123", "احمد", "الدوسرى أحمد",
        "مضخات أحمد",
    ):  # fmt: skip
        assert found(words) == ["حصر المضخات"], words
    for words in ("رمضان أحمد", "لا يوجد", "؟", "9/1448"):
        assert found(words) == [], words
    client.force_login(office.writer)
    page = client.get(reverse("correspondence:letters"), {"view": "sent", "q": "المضخّات"})
    assert "حصر المضخات" in page.content.decode()
    assert "دوام رمضان" not in page.content.decode()


def test_nobody_finds_a_letter_or_a_person_that_they_do_not_see(
    office: Office, now: datetime
) -> None:
    Member.objects.filter(pk=office.mayor.pk).update(name_ar="أحمد الدوسري")
    both = [*to(office.khobar), *to(office.qatif)]
    make_sent(office.desk, office.writer, now=now, to=to(office.khobar), subject="للخبر")
    make_sent(
        office.desk, office.writer, now=now, to=both, subject="سري", grade=Letter.Grade.SECRET
    )
    assert found_by(office.writer, "المطر موسم") == []
    assert found_by(office.writer, "الأمطار") == ["سري", "للخبر"]
    assert found_by(office.neighbour, "الأمطار") == ["سري"]
    assert found_by(office.mayor, "احمد") == ["سري", "للخبر"]
    assert found_by(office.neighbour, "1") == []


def test_letters_are_narrowed_by_day_and_state(office: Office, now: datetime) -> None:
    make_sent(office.desk, office.writer, now=now - timedelta(days=10), subject="قديم")
    late = make_sent(office.desk, office.writer, now=now, subject="جديد")
    make_letter(office.desk, office.writer, now=now, subject="مسودة")
    services.recall(late.public_id, reason="خطأ", by=office.writer, now=now)
    day = now.date()
    assert found("", since=day) == ["جديد", "مسودة"]
    assert found("", until=day - timedelta(days=1)) == ["قديم"]
    assert found("", since=day - timedelta(days=10), until=day, state="sent") == ["قديم"]
    assert found("الأمطار", state="recalled") == ["جديد"]


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        ("letter_words", "words @@ 'مضخات:*'::tsquery"),
        ("letter_of_number", "number = 12 AND year = 1448"),
    ],
)
def test_an_index_answers_the_search(db: None, index: str, condition: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT id FROM correspondence_letter WHERE {condition}")  # noqa: S608  # ours, above
        assert index in "\n".join(row[0] for row in cursor.fetchall())
