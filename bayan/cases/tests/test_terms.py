"""Times of cases set on the page: looked at first, with a way back, for open cases too where wanted."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bayan.cases import due, services
from bayan.cases.due import OwnTerms, Term
from bayan.cases.models import Case
from bayan.cases.services import terms
from bayan.cases.services.terms import Row
from bayan.cases.tests.factories import make_case
from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work.models import Clock
from conftest import StaffClient

HOUR = timedelta(hours=1)
ROW = Row("", "normal", {"due": Term(48 * HOUR, around_the_clock=True)})


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


def holds(what: str = "due", of: str = "", priority: str = "normal") -> Term | None:
    OwnTerms.forget()
    return due.terms_in_force(what).get((of, priority))


def test_set_times_hold_for_new_cases_and_go_back_to_the_standard(
    administrator: Member, now: datetime
) -> None:
    standard = holds()
    old = make_case("حفرة", now=now)
    before = old.due_at
    terms.set_terms(ROW, redate=False, by=administrator, now=now)
    assert holds() == Term(48 * HOUR, around_the_clock=True)
    assert make_case("رصيف", now=now).due_at == now + 48 * HOUR
    # Open cases keep their dates unless that is wanted.
    assert services.date_anew(now=now) == 0
    assert Case.objects.get(pk=old.pk).due_at == before
    with pytest.raises(terms.NothingChanged):
        terms.set_terms(ROW, redate=False, by=administrator, now=now)
    terms.restore_terms(None, redate=False, by=administrator, now=now)
    assert holds() == standard
    assert AuditEntry.objects.filter(action="deadlines.changed").count() == 2


def test_open_cases_are_dated_anew_in_batches_and_one_that_waits_for_its_person_is_not(
    administrator: Member, now: datetime
) -> None:
    cases = [make_case(f"بلاغ {number}", now=now) for number in range(3)]
    waiting = cases[2]
    Case.objects.filter(pk=waiting.pk).update(stage="waits_for_person")
    seen = terms.preview(ROW, now=now)
    assert (seen.looked_at, seen.count) == (2, 2)
    step = terms.set_terms(ROW, redate=True, by=administrator, now=now)
    while services.date_anew(now=now):
        # Killed and begun again, each batch goes on where the last one was.
        OwnTerms.forget()
    rows = {case.pk: case for case in Case.objects.all()}
    assert [rows[case.pk].due_at for case in cases[:2]] == [now + 48 * HOUR] * 2
    assert rows[waiting.pk].due_at == waiting.due_at
    clock = Clock.objects.get(subject_key=cases[0].reference, name="close", ended_at=None)
    assert (clock.due_at, clock.around_the_clock) == (now + 48 * HOUR, True)
    # Taken back, they are dated as before.
    undo.undo(step, by=administrator, now=now)
    while services.date_anew(now=now):
        pass
    assert Case.objects.get(pk=cases[0].pk).due_at == cases[0].due_at


@pytest.mark.parametrize(
    "row",
    [
        Row("", "normal", {"due": Term(timedelta(minutes=1))}),
        Row("", "normal", {"answer": Term(9 * HOUR), "due": Term(8 * HOUR)}),
        Row("category.unknown", "normal", {}),
        Row("", "soon", {}),
    ],
)
def test_times_that_nobody_could_keep_are_refused(
    administrator: Member, now: datetime, row: Row
) -> None:
    with pytest.raises(terms.TermUnusable):
        terms.set_terms(row, redate=False, by=administrator, now=now)


def test_an_administrator_of_the_authority_looks_first_and_then_sets_them(
    client: StaffClient, administrator: Member, khobar: Node
) -> None:
    make_case("حفرة", now=timezone.now())
    address = reverse("cases:change_deadlines")
    client.force_login(make_member(Role.Kind.ADMINISTRATOR, khobar))
    assert client.get(address, {"of": "", "priority": "normal"}).status_code == 403
    assert address not in client.get(reverse("cases:deadlines")).content.decode()

    client.force_login(administrator)
    category = Case.Category.values[0]
    standard = holds(of=f"category.{category}")
    facts = {
        "of": f"category.{category}",
        "priority": "normal",
        "due_hours": "9",
        "due_clock": "on",
    }
    assert client.get(address, {"of": "x", "priority": "normal"}).status_code == 422
    assert 'name="due_hours"' in client.get(address, facts).content.decode()
    assert client.post(address, facts | {"due_hours": "-1"}).status_code == 422
    looked = client.post(address, facts | {"do": "look"}).content.decode()
    assert 'id="changed"' in looked
    assert holds(of=facts["of"]) == standard
    client.post(address, facts | {"do": "set"})
    assert holds(of=facts["of"]) == Term(9 * HOUR, around_the_clock=True)
    page = client.get(reverse("cases:deadlines")).content.decode()
    assert "9 ساعات على مدار الساعة" in page
    client.post(reverse("cases:restore_deadlines"))
    assert holds(of=facts["of"]) == standard
