"""The duty roster: planned, exchanged, handed over, and asked who is on duty."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.core.rls import look_as
from bayan.organisation.models import Node
from bayan.people import selectors, services
from bayan.people.models import Member, Role, Swap, Turn
from bayan.people.permissions import Access
from bayan.people.services import Slot
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def director(khobar: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, khobar)


@pytest.fixture
def sarah(khobar: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, khobar)


@pytest.fixture
def khalid(khobar: Node) -> Member:
    return make_member(Role.Kind.FIELD_OFFICER, khobar)


def plan(node: Node, by: Member, now: datetime, *slots: tuple[Member, float, float]) -> list[Turn]:
    """Turns of (member, hours from now, hours long)."""
    return services.plan_turns(
        node,
        [
            Slot(
                member=member,
                starts_at=now + begin * HOUR,
                ends_at=now + (begin + length) * HOUR,
            )
            for member, begin, length in slots
        ],
        by=Access.of(by, now=now),
        now=now,
    )


def test_somebody_is_on_duty_from_the_first_minute_to_before_the_last(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    first, second = plan(khobar, director, now, (sarah, 0, 8), (khalid, 8, 8))
    for at, turn in ((0, first), (7.9, first), (8, second), (16, None)):
        assert selectors.on_duty(khobar, now=now + at * HOUR) == turn


def test_where_nobody_is_on_duty_the_nearest_body_above_answers(  # noqa: PLR0917
    desk: Node, khobar: Node, qatif: Node, director: Member, sarah: Member, now: datetime
) -> None:
    chief = make_member(Role.Kind.DIRECTOR, desk)
    (of_desk,) = plan(desk, chief, now, (chief, 0, 24))
    (of_khobar,) = plan(khobar, director, now, (sarah, 0, 8))

    assert selectors.on_duty(khobar, now=now) == of_khobar
    assert selectors.on_duty(khobar, now=now + 9 * HOUR) == of_desk
    assert selectors.on_duty(qatif, now=now) == of_desk
    # Nobody is called who is not let in any more.
    Member.objects.filter(pk=sarah.pk).update(is_active=False)
    assert selectors.on_duty(khobar, now=now) == of_desk


def test_everybody_may_read_whom_to_call_above_them_and_change_nothing_there(
    desk: Node, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    chief = make_member(Role.Kind.DIRECTOR, desk)
    (turn,) = plan(desk, chief, now, (chief, 0, 24))
    with transaction.atomic():
        look_as(khobar_responder.pk)
        assert selectors.on_duty(khobar, now=now) == turn
        assert Turn.objects.update(ends_at=now + DAY * 2) == 0
        assert Turn.objects.all().delete()[0] == 0


def test_a_plan_goes_in_whole_or_not_at_all(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    plan(khobar, director, now, (sarah, 24, 8))
    for slots in (
        [(khalid, 0, 8), (khalid, 31, 8)],  # Sarah is there until 32
        [(khalid, 0, 8), (khalid, 4, 8)],  # against itself
        [(khalid, 0, 8), (khalid, 40, 0)],
        [(khalid, 0, 8), (khalid, 40, 80)],
        [(khalid, -9, 8)],
        [],
    ):
        with pytest.raises((services.TurnsOverlap, services.TurnUnusable)), transaction.atomic():
            plan(khobar, director, now, *slots)
    assert Turn.objects.count() == 1
    plan(khobar, director, now, (khalid, 32, 8))


def test_the_table_itself_refuses_two_at_a_time_and_one_in_two_places(  # noqa: PLR0917
    khobar: Node, qatif: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    plan(khobar, director, now, (sarah, 0, 8))
    for node, member, name in (
        (khobar, khalid, "turn_one_member_at_a_time"),
        (qatif, sarah, "turn_one_place_at_a_time"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Turn.objects.create(
                node=node, member=member, starts_at=now + HOUR, ends_at=now + 2 * HOUR
            )


def test_only_people_of_the_body_are_on_duty_there_and_only_its_director_says_when(  # noqa: PLR0917
    khobar: Node, qatif: Node, director: Member, sarah: Member, qatif_responder: Member,
    now: datetime,
) -> None:  # fmt: skip
    with pytest.raises(services.NotOfThisBody):
        plan(khobar, director, now, (qatif_responder, 0, 8))
    with pytest.raises(PermissionDenied):
        plan(qatif, director, now, (qatif_responder, 0, 8))
    with pytest.raises(PermissionDenied):
        plan(khobar, sarah, now, (sarah, 0, 8))


def test_a_turn_is_asked_for_and_changes_hands_when_the_other_accepts(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    hers, his = plan(khobar, director, now, (sarah, 24, 8), (khalid, 48, 8))
    by_sarah, by_khalid = Access.of(sarah, now=now), Access.of(khalid, now=now)
    swap = services.ask_swap(hers, to=khalid, in_return=his, by=by_sarah, now=now)
    assert swap is not None
    assert Turn.objects.get(pk=hers.pk).member == sarah
    with pytest.raises(services.SwapAskedAlready):
        services.ask_swap(hers, to=khalid, in_return=None, by=by_sarah, now=now)
    with pytest.raises(PermissionDenied):
        services.answer_swap(swap, accepts=True, by=by_sarah, now=now)

    services.answer_swap(swap, accepts=True, by=by_khalid, now=now)

    assert Turn.objects.get(pk=hers.pk).member == khalid
    assert Turn.objects.get(pk=his.pk).member == sarah
    with pytest.raises(services.SwapIsOver):
        services.answer_swap(swap, accepts=False, by=by_khalid, now=now)


def test_a_question_can_be_declined_or_taken_back_and_nothing_changes(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    (hers,) = plan(khobar, director, now, (sarah, 24, 8))
    by_sarah, by_khalid = Access.of(sarah, now=now), Access.of(khalid, now=now)
    declined = services.ask_swap(hers, to=khalid, in_return=None, by=by_sarah, now=now)
    services.answer_swap(declined, accepts=False, by=by_khalid, now=now)  # type: ignore[arg-type]
    taken_back = services.ask_swap(hers, to=khalid, in_return=None, by=by_sarah, now=now)
    with pytest.raises(PermissionDenied):
        services.withdraw_swap(taken_back, by=by_khalid, now=now)  # type: ignore[arg-type]
    services.withdraw_swap(taken_back, by=by_sarah, now=now)  # type: ignore[arg-type]
    assert Turn.objects.get(pk=hers.pk).member == sarah
    assert set(Swap.objects.values_list("outcome", flat=True)) == {"declined", "withdrawn"}


def test_a_swap_that_would_put_somebody_in_two_places_is_refused(
    desk: Node, khobar: Node, director: Member, sarah: Member, now: datetime
) -> None:
    chief = make_member(Role.Kind.DIRECTOR, desk)
    (hers,) = plan(khobar, director, now, (sarah, 24, 8))
    swap = services.ask_swap(hers, to=chief, in_return=None, by=Access.of(sarah, now=now), now=now)
    plan(desk, chief, now, (chief, 30, 8))
    with pytest.raises(services.TurnsOverlap):
        services.answer_swap(swap, accepts=True, by=Access.of(chief, now=now), now=now)  # type: ignore[arg-type]


def test_the_director_gives_a_turn_to_another_at_once(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    (hers,) = plan(khobar, director, now, (sarah, 24, 8))
    asked = services.ask_swap(
        hers, to=khalid, in_return=None, by=Access.of(sarah, now=now), now=now
    )
    by = Access.of(director, now=now)
    assert services.ask_swap(hers, to=khalid, in_return=None, by=by, now=now) is None
    assert Turn.objects.get(pk=hers.pk).member == khalid
    # Nobody answers a question that is settled.
    with pytest.raises(services.SwapIsOver):
        services.answer_swap(asked, accepts=True, by=Access.of(khalid, now=now), now=now)  # type: ignore[arg-type]


def test_what_has_begun_is_not_exchanged_and_what_is_over_not_removed(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    (hers,) = plan(khobar, director, now, (sarah, 1, 8))
    with pytest.raises(services.TurnIsOver):
        services.ask_swap(
            hers,
            to=khalid,
            in_return=None,
            by=Access.of(sarah, now=now + 2 * HOUR),
            now=now + 2 * HOUR,
        )
    with pytest.raises(services.NotYourTurn):
        services.ask_swap(hers, to=sarah, in_return=None, by=Access.of(khalid, now=now), now=now)
    late = now + 10 * HOUR
    with pytest.raises(services.TurnIsOver):
        services.remove_turn(hers, by=Access.of(director, now=late), now=late)
    services.remove_turn(hers, by=Access.of(director, now=now), now=now)
    assert not Turn.objects.exists()


def test_the_next_one_acknowledges_what_was_handed_over(
    khobar: Node, director: Member, sarah: Member, khalid: Member, now: datetime
) -> None:
    hers, his = plan(khobar, director, now, (sarah, 0, 8), (khalid, 9, 8))
    end = now + 8 * HOUR
    by_sarah, by_khalid = Access.of(sarah, now=end), Access.of(khalid, now=end)
    with pytest.raises(services.NothingToAcknowledge):
        services.acknowledge(hers, by=by_khalid, now=end)
    with pytest.raises(services.TurnUnusable):
        services.hand_over(hers, "…", by=by_sarah, now=now + HOUR)
    with pytest.raises(services.NotYourTurn):
        services.hand_over(hers, "…", by=by_khalid, now=end)
    services.hand_over(hers, "نفق الملك فهد مغلق", by=by_sarah, now=end - HOUR)
    assert selectors.hand_over_to(khalid, now=end) == [hers]
    assert selectors.hand_over_to(sarah, now=end) == []
    with pytest.raises(services.NotYourTurn):
        services.acknowledge(hers, by=Access.of(director, now=end), now=end)

    services.acknowledge(hers, by=by_khalid, now=end)

    hers.refresh_from_db()
    assert (hers.acknowledged_by, hers.acknowledged_at) == (khalid, end)
    assert selectors.hand_over_to(khalid, now=end) == []
    with pytest.raises(services.TurnIsOver):
        services.hand_over(hers, "و…", by=by_sarah, now=end)
    assert his.note == ""


def test_the_director_plans_a_week_on_the_page_and_it_shows_who_is_on_duty(
    client: StaffClient, khobar: Node, director: Member, sarah: Member
) -> None:
    client.force_login(director)
    Member.objects.filter(pk=sarah.pk).update(phone="966500000142")
    address = reverse("people:duty")
    page = client.get(address).content.decode()
    assert "لا مناوب الآن" in page
    today = timezone.localdate()
    tomorrow = today + DAY
    given = {"from": tomorrow.isoformat(), "starts": "00:00", "ends": "00:00"}

    answer = client.post(
        reverse("people:plan_duty", args=["khobar"]),
        given | {f"on_{tomorrow.isoformat()}": str(sarah.public_id)},
    )

    assert answer.status_code == 302
    turn = Turn.objects.get()
    assert timezone.localtime(turn.starts_at).date() == tomorrow
    assert turn.ends_at - turn.starts_at == DAY
    page = client.get(answer.headers["Location"]).content.decode()
    assert sarah.name_ar in page
    again = client.post(
        reverse("people:plan_duty", args=["khobar"]),
        given | {f"on_{tomorrow.isoformat()}": str(sarah.public_id)},
    )
    assert again.status_code == 422
    assert "مناوب في" in again.content.decode()

    Turn.objects.update(starts_at=timezone.now() - HOUR)
    page = client.get(address).content.decode()
    assert "المناوب الآن" in page
    assert 'href="tel:+966500000142"' in page


def test_a_member_reads_the_roster_and_writes_nothing(  # noqa: PLR0917
    client: StaffClient, khobar: Node, director: Member, sarah: Member, khalid: Member,
    qatif_responder: Member,
) -> None:  # fmt: skip
    now = timezone.now()
    hers, _his = plan(khobar, director, now, (sarah, 24, 8), (khalid, 48, 8))
    client.force_login(khalid)
    page = client.get(reverse("people:duty"), {"from": str(timezone.localdate(hers.starts_at))})
    assert sarah.name_ar in page.content.decode()
    assert 'id="plan"' not in page.content.decode()
    for answer in (
        client.post(reverse("people:plan_duty", args=["khobar"])),
        client.post(reverse("people:remove_turn", args=[hers.public_id])),
    ):
        assert answer.status_code == 403
    given = {"to": str(khalid.public_id)}
    assert client.post(reverse("people:swap_turn", args=[hers.public_id]), given).status_code == 422

    # Another municipality's roster is none of theirs.
    client.force_login(qatif_responder)
    assert client.get(reverse("people:duty"), {"body": "khobar"}).status_code == 404
    assert client.get(reverse("people:turn", args=[hers.public_id])).status_code == 404


def test_two_colleagues_exchange_a_turn_on_their_pages(
    client: StaffClient, khobar: Node, director: Member, sarah: Member, khalid: Member
) -> None:
    now = timezone.now()
    hers, his = plan(khobar, director, now, (sarah, 24, 8), (khalid, 48, 8))
    client.force_login(sarah)
    given = {"to": str(khalid.public_id), "in_return": str(his.public_id)}
    answer = client.post(reverse("people:swap_turn", args=[hers.public_id]), given)
    assert answer.status_code == 302
    assert "سحب الطلب" in client.get(answer.headers["Location"]).content.decode()

    client.force_login(khalid)
    page = client.get(reverse("people:me")).content.decode()
    assert f"يطلب منك {sarah.name_ar}" in page
    swap = Swap.objects.get()
    client.post(reverse("people:answer_swap", args=[swap.pk]), {"answer": "yes"})

    assert Turn.objects.get(pk=hers.pk).member == khalid
    assert Turn.objects.get(pk=his.pk).member == sarah


def test_the_roster_costs_the_same_queries_whatever_its_length(
    client: StaffClient, khobar: Node, director: Member, sarah: Member
) -> None:
    client.force_login(director)
    address = reverse("people:duty")
    sunday = timezone.localdate() + 14 * DAY

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address, {"from": sunday.isoformat()}).status_code == 200
        return len(captured)

    now = timezone.now()
    plan(khobar, director, now, (sarah, 14 * 24, 1))
    few = queries()
    plan(khobar, director, now, *((sarah, 14 * 24 + 1 + number, 1) for number in range(12)))
    # Three are the test's own: a savepoint, elsewhere the request's transaction, and the role after it.
    assert queries() == few <= 12 + 3
