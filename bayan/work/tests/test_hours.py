"""A body with hours and days of its own: edited by who manages it, counted by its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from bayan.core.models import AuditEntry
from bayan.organisation import selectors, services
from bayan.organisation.models import BodyHours, Node, OwnDay
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Clock
from bayan.work.tests.factories import make_item
from conftest import StaffClient

# A Monday, 10:00 in Riyadh.
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TWO_SHIFTS = ["08:00-12:00", "16:00-20:00"]


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


def two_shifts(node: Node, by: Member) -> None:
    services.save_hours(
        node, week=[*[TWO_SHIFTS] * 4, [], [], TWO_SHIFTS], ramadan=None, by=by, now=MONDAY
    )


def test_a_body_and_what_lies_below_it_work_at_its_hours_and_nobody_else(
    khobar: Node, qatif: Node, administrator: Member
) -> None:
    two_shifts(khobar, administrator)
    roads = Node.objects.create(
        key="khobar-roads", kind="department", parent=khobar, name_ar="الطرق", name_en="Roads",
        short_name_ar="الطرق", short_name_en="Roads",
    )  # fmt: skip
    Node.objects.filter(pk=roads.pk).update(lineage=[*khobar.lineage, roads.pk])
    selectors.OwnHours.forget()
    services.add_day(
        khobar, first=date(2026, 11, 24), last=date(2026, 11, 25), name="مهرجان",
        by=administrator, now=MONDAY,
    )  # fmt: skip

    # Two hours until noon, four in the evening, two days off, the rest on Thursday.
    due = MONDAY + timedelta(days=3) - HOUR
    for node in (khobar, roads):
        assert selectors.calendar(node.pk).add(MONDAY, 7 * HOUR) == due
    usual = selectors.calendar()
    assert selectors.calendar(qatif.pk) is usual
    services.remove_day(khobar, OwnDay.objects.get().pk, by=administrator, now=MONDAY)
    services.save_hours(khobar, week=None, ramadan=None, by=administrator, now=MONDAY)
    assert selectors.calendar(khobar.pk) is usual
    assert AuditEntry.objects.filter(action__startswith="body.").count() == 4


def test_its_clocks_ring_by_its_hours(
    khobar: Node, khobar_responder: Member, administrator: Member
) -> None:
    two_shifts(khobar, administrator)
    calendar = selectors.calendar(khobar.pk)
    item = make_item(
        khobar,
        now=MONDAY,
        owner=khobar_responder,
        due_at=calendar.add(MONDAY, 4 * HOUR),
        around_the_clock=False,
    )
    clock = Clock.objects.get(subject_key=str(item.public_id))
    # Three of four hours: noon, and an hour of the evening.
    assert clock.rings_at == datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    # Paused at eleven with three hours left, it goes on at five.
    work.pause("item", [clock.subject_key], now=MONDAY + HOUR)
    resumed = work.resume("item", [clock.subject_key], now=MONDAY + 7 * HOUR)
    assert resumed[clock.subject_key, clock.name] == calendar.add(MONDAY + 7 * HOUR, 3 * HOUR)


@pytest.mark.parametrize(
    "week", [[["8-4"], *[[]] * 6], [[]] * 7, [["08:00-12:00", "11:00-13:00"], *[[]] * 6]]
)
def test_what_are_no_hours_is_refused(
    khobar: Node, administrator: Member, week: list[list[str]]
) -> None:
    with pytest.raises(services.HoursUnusable):
        services.save_hours(khobar, week=week, ramadan=None, by=administrator, now=MONDAY)
    with pytest.raises(services.HoursUnusable):
        services.add_day(
            khobar, first=date(2026, 12, 2), last=date(2026, 12, 1), name="عطلة",
            by=administrator, now=MONDAY,
        )  # fmt: skip


def test_the_page_of_whoever_manages_the_body(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))
    address = reverse("people:hours", args=["khobar"])
    page = client.get(address).content.decode()
    assert 'value="07:30-14:30"' in page
    assert client.get(reverse("people:hours", args=["qatif"])).status_code == 404
    week = {f"day{day}": "08:00-12:00، 16:00–20:00" for day in (0, 1, 2, 3, 6)}
    assert client.post(address, week | {"own_week": "on", "do": "save"}).status_code == 302
    assert BodyHours.objects.get(node=khobar).week == [*[TWO_SHIFTS] * 4, [], [], TWO_SHIFTS]
    wrong = client.post(address, week | {"own_week": "on", "day0": "8", "do": "save"})
    assert wrong.status_code == 422
    day = {"do": "add", "name": "مهرجان الخبر", "first": "2030-01-01", "last": ""}
    assert client.post(address, day).status_code == 302
    assert "مهرجان الخبر" in client.get(address).content.decode()
    client.post(address, {"do": "remove", "day": str(OwnDay.objects.get().pk)})
    assert not OwnDay.objects.exists()
