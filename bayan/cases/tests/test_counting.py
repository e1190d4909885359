"""The figures of the weeks, held against the same counted one case at a time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from statistics import median

import pytest

from bayan.cases import services
from bayan.cases.models import Case, Figure, Week
from bayan.cases.tests.factories import CONFIRMED, MONDAY, make_case
from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.core.rls import as_worker, look_as
from bayan.inbox import services as inbox
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
SUNDAY = date(2026, 11, 22)


@pytest.fixture
def clerk(khobar: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, khobar)


def answered(case: Case, clerk: Member, *, after: timedelta) -> Case:
    inbox.reply(case.conversation.public_id, "وصل بلاغكم", by=clerk, now=case.opened_at + after)
    return case


def closed(case: Case, clerk: Member, *, after: timedelta, rating: int | None = None) -> Case:
    now = case.opened_at + after
    services.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="", by=clerk, now=now
    )
    if rating:
        case.refresh_from_db()
        case.satisfaction, case.satisfaction_at = rating, now + HOUR
        case.save()
    return case


def the_week(node: Node | None, begins: date = SUNDAY) -> Week:
    return Week.objects.get(node=node, begins=begins)


def test_a_week_knows_what_came_what_was_answered_and_what_ended_in_time(
    khobar: Node, qatif: Node, clerk: Member
) -> None:
    for number, minutes in enumerate((10, 20, 60)):
        case = make_case(node=khobar, phone=f"96650000010{number}", now=MONDAY)
        answered(case, clerk, after=timedelta(minutes=minutes))
        closed(case, clerk, after=HOUR * (number + 1) * 2, rating=(5, 2, None)[number])
    make_case(node=qatif, phone="966500000200", now=MONDAY)

    services.count_weeks(now=MONDAY + DAY)

    week = the_week(khobar)
    assert (week.opened, week.answered, week.closed, week.closed_in_time) == (3, 3, 3, 3)
    assert week.minutes_to_answer == pytest.approx(median([10, 20, 60]))
    assert week.hours_to_close == pytest.approx(median([2, 4, 6]))
    assert (week.rated, week.satisfied) == (2, 1)
    whole = the_week(None)
    assert (whole.opened, whole.answered) == (4, 3)
    assert the_week(qatif).minutes_to_answer is None


def test_what_ends_after_its_time_is_counted_but_not_in_time(khobar: Node, clerk: Member) -> None:
    case = make_case(node=khobar, now=MONDAY)
    closed(case, clerk, after=case.due_at - case.opened_at + HOUR)

    services.count_weeks(now=MONDAY + WEEK * 2)

    weeks = Week.objects.filter(node=khobar)
    assert sum(week.closed for week in weeks) == 1
    assert sum(week.closed_in_time for week in weeks) == 0


def test_a_second_deadline_counts_where_it_passed_while_the_case_was_open(
    khobar: Node, clerk: Member
) -> None:
    missed, kept, waits, ended = (
        make_case(node=khobar, phone=f"96650000080{number}", now=MONDAY) for number in range(4)
    )
    for case in (kept, ended):
        closed(case, clerk, after=HOUR * (2 if case == kept else 50))
    for case, hours in ((missed, 40), (kept, 40), (waits, 40), (ended, 40)):
        Case.objects.filter(pk=case.pk).update(
            second_due_at=MONDAY + HOUR * hours, category="roads"
        )
    Case.objects.filter(pk=waits.pk).update(stage="waits_for_person")

    services.count_weeks(now=MONDAY + DAY * 3)
    services.count_figures(now=MONDAY + DAY * 3)

    assert the_week(khobar).past_second == 2
    assert the_figure(khobar).past_second == 2
    assert the_figure(None, by="category", key="roads").past_second == 2
    services.count_figures(now=MONDAY + HOUR * 41 + DAY * 7)
    assert the_figure(khobar, is_before=True).past_second == 2


def test_what_the_platform_says_by_itself_is_no_answer(khobar: Node) -> None:
    make_case(node=khobar, now=MONDAY)

    services.count_weeks(now=MONDAY + DAY)

    assert the_week(khobar).answered == 0


def test_what_was_taken_back_before_it_left_is_no_answer(khobar: Node, clerk: Member) -> None:
    case = answered(make_case(node=khobar, now=MONDAY), clerk, after=HOUR)
    taken = channels.withdraw_each(
        list(Outgoing.objects.values_list("pk", flat=True)), now=MONDAY + HOUR
    )

    services.count_weeks(now=MONDAY + DAY)

    assert taken
    assert the_week(case.node).answered == 0


def test_a_week_begins_on_sunday_by_the_authority_s_clock(khobar: Node) -> None:
    # Saturday 23:59 and Sunday 00:01 in Riyadh, three hours ahead of UTC.
    midnight = datetime.combine(SUNDAY, datetime.min.time(), MONDAY.tzinfo) - HOUR * 3
    make_case(node=khobar, phone="966500000301", now=midnight - timedelta(minutes=1))
    make_case(node=khobar, phone="966500000302", now=midnight + timedelta(minutes=1))

    services.count_weeks(now=MONDAY)

    assert the_week(khobar).opened == 1
    assert the_week(khobar, SUNDAY - WEEK).opened == 1


def test_counting_again_changes_nothing_and_leaves_older_weeks_alone(khobar: Node) -> None:
    make_case(node=khobar, now=MONDAY)
    services.count_weeks(now=MONDAY)
    first = list(Week.objects.order_by("begins", "node").values_list("begins", "node", "opened"))
    services.count_weeks(now=MONDAY)
    assert first == list(
        Week.objects.order_by("begins", "node").values_list("begins", "node", "opened")
    )

    # More than a quarter of a year later it is history.
    services.count_weeks(now=MONDAY + WEEK * 20)
    assert the_week(khobar).opened == 1


def test_a_body_sees_its_own_weeks_and_those_of_the_authority_as_a_whole(
    khobar: Node, qatif: Node, clerk: Member
) -> None:
    make_case(node=khobar, phone="966500000401", now=MONDAY)
    make_case(node=qatif, phone="966500000402", now=MONDAY)
    services.count_weeks(now=MONDAY)

    with as_worker():
        look_as(clerk.pk)
        seen = set(Week.objects.values_list("node__key", flat=True))

    assert seen == {"khobar", None}


# Sunday is day 0: Monday at nine is the 33rd hour after Sunday's first one.
MONDAY_AT_NINE = str(24 + 9)


def the_figure(node: Node | None, *, days: int = 7, is_before: bool = False, **by: str) -> Figure:
    return Figure.objects.get(
        node=node, days=days, is_before=is_before, **({"by": "", "key": ""} | by)
    )


def test_a_period_is_counted_by_service_and_by_the_hour_in_which_people_wrote(
    khobar: Node, qatif: Node, clerk: Member
) -> None:
    nine = MONDAY.replace(hour=6)  # in Riyadh
    for number, (minutes, category) in enumerate(((10, "roads"), (30, "roads"), (90, "lighting"))):
        case = make_case(node=khobar, phone=f"96650000060{number}", now=nine)
        Case.objects.filter(pk=case.pk).update(category=category)
        answered(case, clerk, after=timedelta(minutes=minutes))
        closed(case, clerk, after=HOUR * 3, rating=(5, 4, 1)[number])
    make_case(node=qatif, phone="966500000610", now=nine)

    services.count_figures(now=MONDAY + DAY)

    whole = the_figure(khobar)
    assert (whole.opened, whole.answered, whole.closed) == (3, 3, 3)
    assert whole.minutes_to_answer == pytest.approx(30)
    roads = the_figure(khobar, by="category", key="roads")
    assert (roads.opened, roads.rated, roads.satisfied) == (2, 2, 2)
    assert roads.minutes_to_answer == pytest.approx(20)
    assert the_figure(khobar, by="hour", key=MONDAY_AT_NINE).opened == 3
    assert the_figure(None).opened == 4
    assert not Figure.objects.filter(node=khobar, is_before=True).exists()


def test_a_period_is_held_against_as_many_days_before_it(khobar: Node) -> None:
    make_case(node=khobar, phone="966500000701", now=MONDAY)
    for number in range(2):
        make_case(node=khobar, phone=f"96650000071{number}", now=MONDAY - DAY * 8)
    make_case(node=khobar, phone="966500000720", now=MONDAY - DAY * 15)

    services.count_figures(now=MONDAY + HOUR)

    assert the_figure(khobar).opened == 1
    assert the_figure(khobar, is_before=True).opened == 2
    assert the_figure(khobar, days=28).opened == 4
    services.count_figures(now=MONDAY + HOUR)
    assert the_figure(khobar, days=91).opened == 4
