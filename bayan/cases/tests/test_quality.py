"""The month's sample: drawn by chance, once, the same for the same seed; and how it is judged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from bayan.cases import services
from bayan.cases.models import Case, Closing, Draw, Sampled
from bayan.cases.services import quality
from bayan.cases.tests.factories import make_case
from bayan.cases.whole.pack import Size
from bayan.core.rls import as_worker
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import MONDAY, StaffClient

NOVEMBER = date(2026, 11, 1)
AFTER = datetime.fromisoformat("2026-12-01T03:10:00+03:00")


@given(
    closed=st.dictionaries(st.integers(0, 10_000).map(str), st.booleans(), max_size=400),
    seed=st.text(max_size=8),
    most=st.integers(1, 60),
    share=st.integers(0, 100),
)
def test_a_sample_has_its_size_no_repeats_and_is_the_same_for_the_same_seed(
    closed: dict[str, bool], seed: str, most: int, share: int
) -> None:
    size = Size(percent=share, least=min(10, most), most=most, excused=15)
    pairs = list(closed.items())
    drawn = quality.choose(pairs, seed=seed, size=size)

    assert drawn == quality.choose(pairs[::-1], seed=seed, size=size)
    assert len(set(drawn)) == len(drawn)
    assert set(drawn) <= closed.keys()
    assert len(drawn) >= size.of(len(closed))
    excused = {key for key, is_excused in closed.items() if is_excused}
    assert len(excused & set(drawn)) >= min(len(excused), size.excused)
    assert len(drawn) <= size.of(len(closed)) + size.excused
    # Filled up later, nothing comes twice and nothing is lacking.
    half = drawn[::2]
    rest = quality.choose(pairs, seed=seed, size=size, drawn=half)
    assert not set(rest) & set(half)
    assert len(half) + len(rest) >= size.of(len(closed))


def closed_cases(node: Node, count: int, by: Member, *, excused: int = 0) -> list[Case]:
    """Cases of a body that closed this month; the first `excused` of them without a picture."""
    # Set up on the first of December, the tests' instance has drawn November already, of nothing.
    Draw.objects.filter(closed=0).delete()
    made = make_case("حفرة في الشارع", node=node)
    rows = [made]
    for number in range(1, count):
        copy = Case.objects.get(pk=made.pk)
        copy.pk, copy.public_id = None, uuid4()
        copy.reference = str(100_000_000 + node.pk * 1_000 + number)
        rows.append(copy)
    for row in rows:
        row.stage, row.outcome, row.closed_at = Case.Stage.CLOSED, "resolved", MONDAY
    made.save()
    Case.objects.bulk_create(rows[1:])
    Closing.objects.bulk_create(
        Closing(case=row, excuse="gone", at=MONDAY, by=by) for row in rows[:excused]
    )
    return rows


def test_the_worker_draws_a_month_once_for_every_body(
    khobar: Node, qatif: Node, khobar_responder: Member
) -> None:
    closed_cases(khobar, 40, khobar_responder, excused=12)
    closed_cases(qatif, 4, khobar_responder)

    with CaptureQueriesContext(connection) as first:
        services.draw_when_due(now=AFTER)
    assert len(first) <= 14, "whatever there is to draw from"
    with CaptureQueriesContext(connection) as again:
        assert services.draw_when_due(now=AFTER + timedelta(hours=1)) == 0

    assert len(again) == 1
    assert Sampled.objects.filter(node=qatif).count() == 4
    theirs = Sampled.objects.filter(node=khobar)
    assert theirs.filter(is_excused=True).count() == 12
    assert 12 <= theirs.count() <= 22
    seed = Draw.objects.get(node=khobar)
    assert (seed.month, seed.closed, seed.is_whole) == (NOVEMBER, 40, True)


def test_what_was_begun_by_hand_is_filled_up_on_the_first(
    khobar: Node, khobar_responder: Member
) -> None:
    director = make_member(Role.Kind.DIRECTOR, khobar)
    closed_cases(khobar, 12, khobar_responder)
    count = services.draw_now(bodies=[khobar], by=director, now=MONDAY + timedelta(days=1))
    assert count == 10
    with pytest.raises(services.NothingToDraw):
        services.draw_now(bodies=[khobar], by=director, now=MONDAY + timedelta(days=1))

    Case.objects.filter(closed_at__isnull=False).update(closed_at=MONDAY)
    services.draw_when_due(now=AFTER)

    assert Sampled.objects.filter(node=khobar).count() == 10
    assert Draw.objects.get(node=khobar).is_whole


def test_the_verdict_opened_again_opens_it_again(khobar: Node, khobar_responder: Member) -> None:
    director = make_member(Role.Kind.DIRECTOR, khobar)
    closed_cases(khobar, 1, khobar_responder)
    services.draw_when_due(now=AFTER)
    row = Sampled.objects.get()
    with pytest.raises(services.NotKnown):
        services.judge(
            row.public_id, verdict="", answers=services.Answers(), note="", by=director, now=AFTER
        )
    services.judge(
        row.public_id, verdict="reopened", answers=services.Answers(outcome_true=False),
        note="الحفرة باقية", by=director, now=AFTER,
    )  # fmt: skip
    case = Case.objects.get()
    assert (case.is_closed, case.times_reopened) == (False, 1)
    row.refresh_from_db()
    assert (row.verdict, row.outcome_true, row.judged_by) == ("reopened", False, director)


def test_a_director_judges_one_card_after_the_other_and_sees_only_their_bodies(
    client: StaffClient, khobar: Node, qatif: Node, khobar_responder: Member
) -> None:
    director = make_member(Role.Kind.DIRECTOR, khobar)
    client.force_login(director)
    assert "player-play" not in client.get(reverse("cases:quality")).content.decode()
    closed_cases(khobar, 3, khobar_responder)
    closed_cases(qatif, 3, khobar_responder)
    services.draw_when_due(now=AFTER)

    with CaptureQueriesContext(connection) as few:
        page = client.get(reverse("cases:quality"), {"month": "2026-11"})
    assert (page.context["total"], page.context["judged"]) == (3, 0)
    first = page.context["first"]
    shown = client.get(reverse("cases:sampled", args=[first.public_id]))
    assert "0 / 3" in shown.content.decode()
    answer = client.post(
        reverse("cases:sampled", args=[first.public_id]),
        {"verdict": "good", "outcome_true": "yes", "note": "=1+1"},
    )
    assert answer.headers["Location"] == reverse(
        "cases:sampled", args=[shown.context["following"].public_id]
    )
    with CaptureQueriesContext(connection) as then:
        page = client.get(reverse("cases:quality"), {"month": "2026-11", "state": "all"})
    assert page.context["figures"][0].share == 100
    assert len(then) <= len(few) <= 16
    lines = client.get(reverse("cases:quality_export"), {"month": "2026-11"}).content.decode()
    assert "'=1+1" in lines
    assert "القطيف" not in lines


@pytest.mark.usefixtures("committed_db")
def test_two_who_draw_at_once_draw_once() -> None:
    khobar = Node.objects.get(key="khobar")
    with as_worker():
        closed_cases(khobar, 30, make_member(Role.Kind.RESPONDER, khobar))

    def draw(_number: int) -> int:
        try:
            with as_worker():
                return services.draw_when_due(now=AFTER)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(draw, range(2)))

    assert sorted(counts) == [0, 10]
    with as_worker():
        assert Sampled.objects.count() == 10
