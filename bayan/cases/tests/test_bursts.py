"""Bursts: counted as messages come in, told once, seen by those whom they concern."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services
from bayan.cases.models import Burst, Case, Heard
from bayan.cases.services import bursts
from bayan.cases.tests.factories import MONDAY, make_burst, make_case
from bayan.channels.tests.factories import incoming
from bayan.core import undo
from bayan.core.models import AuditEntry, UndoStep
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

FLOOD = "نفق شارع الملك فهد بالخبر غرقان والسيارات واقفة"


def it_pours(count: int = 40) -> None:
    """So many people write of one tunnel within ten minutes."""
    for number in range(count):
        at = MONDAY + timedelta(seconds=10 * number)
        message = incoming(
            f"{FLOOD} {number}",
            received_at=at,
            whatsapp_id=f"SA.9{number}",
            phone=f"9665000009{number:02}",
        )
        services.take_in([message], now=at)


@pytest.fixture
def quiet_weeks(desk: Node) -> None:
    """One message about Khobar every two hours for three weeks."""
    Heard.objects.bulk_create(
        Heard(
            external_id=f"quiet.{number}",
            at=MONDAY - timedelta(hours=2 * number + 1),
            about=[["municipality", "khobar"], ["category", "storm_water"]],
        )
        for number in range(12 * 21)
    )


def test_a_burst_is_told_once_whoever_looks(quiet_weeks: None, khobar: Node) -> None:
    first, second = services.Watch(), services.Watch()
    now = MONDAY + timedelta(minutes=10)
    # Both know the quiet weeks before the rain.
    assert first.look(now=MONDAY) == second.look(now=MONDAY) == 0
    it_pours()

    assert first.look(now=now) == 1
    assert second.look(now=now) == 0

    burst = Burst.objects.get()
    assert burst.node == khobar
    assert burst.volume > 5 * max(burst.baseline, 1)
    assert burst.started_at >= MONDAY - timedelta(minutes=10)
    texts = Message.objects.filter(external_id__in=burst.examples).values_list("text", flat=True)
    assert all(text.startswith(FLOOD) for text in texts)
    assert texts
    assert (
        AuditEntry.objects.filter(action="burst.noticed", subject_key=burst.public_id).count() == 1
    )


def test_a_watch_that_begins_in_the_rain_has_learned_and_goes_on(quiet_weeks: None) -> None:
    it_pours(15)
    watch = services.Watch()
    assert watch.look(now=MONDAY) == 0
    later = MONDAY + timedelta(minutes=20)
    for number in range(40):
        services.take_in(
            [incoming(f"{FLOOD} {number}", received_at=later, whatsapp_id=f"SA.8{number}")],
            now=later,
        )

    assert watch.look(now=later) == 1


def test_the_first_page_tells_of_it_until_it_was_seen(
    client: StaffClient, desk_responder: Member, khobar: Node
) -> None:
    now = timezone.now()
    case = make_case(FLOOD, now=now, node=khobar)
    message = Message.objects.get(matter=case.reference)
    burst = make_burst(khobar, now=now, terms=["نفق"], examples=[message.external_id])
    client.force_login(desk_responder)

    shown = client.get(reverse("today:today")).content.decode()
    assert "نفق" in shown
    assert reverse("inbox:conversation", args=[case.conversation.public_id]) in shown
    assert "state=open&amp;category=storm_water" in shown

    client.post(reverse("cases:see_burst", args=[burst.public_id]))
    assert "burst-" not in client.get(reverse("today:today")).content.decode()
    assert desk_responder.name in client.get(reverse("cases:bursts")).content.decode()


def test_one_press_makes_one_matter_of_a_burst_and_takes_it_back(
    client: StaffClient, desk_responder: Member, quiet_weeks: None, khobar: Node
) -> None:
    watch = services.Watch()
    watch.look(now=MONDAY)
    it_pours()
    late = MONDAY + timedelta(minutes=10)
    watch.look(now=late)
    other = make_case("متى يفتح مكتب الرخص؟", now=late, whatsapp_id="SA.1", phone="966500000801")
    client.force_login(desk_responder)

    with CaptureQueriesContext(connection) as asked:
        client.post(reverse("cases:gather_burst", args=[Burst.objects.get().public_id]))
    # As many for thousands: whoever answers one of these people meanwhile waits until it is over.
    assert len(asked) <= 35

    first = Case.objects.earliest("opened_at", "pk")
    assert Case.objects.filter(parent=first).count() == 39
    apart = {case.pk for case in Case.objects.filter(parent=None)}
    assert apart == {first.pk, other.pk}

    step = UndoStep.objects.get()
    undo.undo(step.public_id, by=desk_responder, now=step.expires_at)
    assert not Case.objects.exclude(parent=None).exists()


def test_a_burst_without_open_cases_says_that_there_is_nothing_to_join(
    client: StaffClient, desk_responder: Member, khobar: Node
) -> None:
    client.force_login(desk_responder)

    answer = client.post(
        reverse("cases:gather_burst", args=[make_burst(khobar).public_id]),
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 409
    assert not UndoStep.objects.exists()


def test_a_municipality_sees_its_own_bursts_only(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    theirs, ours = make_burst(qatif), make_burst(khobar)
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))

    shown = client.get(reverse("cases:bursts")).content.decode()

    assert str(ours.public_id) in shown
    assert str(theirs.public_id) not in shown
    assert client.post(reverse("cases:see_burst", args=[theirs.public_id])).status_code == 404


def test_a_page_of_bursts_costs_the_same_for_one_and_for_twenty(
    client: StaffClient, desk_responder: Member, khobar: Node
) -> None:
    client.force_login(desk_responder)
    make_burst(khobar)
    client.get(reverse("cases:bursts"))

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            client.get(reverse("cases:bursts"))
        return len(caught)

    one = queries()
    for minutes in range(19):
        make_burst(khobar, told_at=MONDAY + timedelta(minutes=minutes))
    assert queries() == one


def test_counts_older_than_two_months_are_forgotten(db: None) -> None:
    Heard.objects.create(external_id="old", at=MONDAY - timedelta(days=61), about=[])
    Heard.objects.create(external_id="new", at=MONDAY - timedelta(days=59), about=[])

    assert services.forget_heard(now=MONDAY) == 1
    assert Heard.objects.get().external_id == "new"


def test_words_are_forgotten_within_hours_and_their_counts_stay(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(bursts, "BATCH", 2)
    about = [["municipality", "khobar"]]
    for hours in range(6):
        at = MONDAY - timedelta(hours=hours, minutes=30)
        Heard.objects.create(external_id=f"{hours}", at=at, about=about, terms={"نفق": "نفق"})

    with CaptureQueriesContext(connection) as caught:
        assert services.forget_heard(now=MONDAY) == 0

    kept = list(Heard.objects.order_by("-at").values_list("external_id", "terms", "about"))
    assert [about_it for _id, _terms, about_it in kept] == [about] * 6
    assert [name for name, terms, _about in kept if terms] == ["0", "1", "2"]
    # Three rows with words, two at a time; a second round finds none.
    assert len(caught) == 6
    assert services.forget_heard(now=MONDAY) == 0


def test_a_burst_is_told_with_its_words_though_older_ones_are_forgotten(
    quiet_weeks: None, khobar: Node
) -> None:
    watch, now = services.Watch(), MONDAY + timedelta(minutes=10)
    watch.look(now=MONDAY)
    it_pours()
    services.forget_heard(now=now)

    assert watch.look(now=now) == 1
    assert "نفق" in Burst.objects.get().terms
