"""Reading the reports from the field: the page's rows, its map, one report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from bayan.cases import selectors as cases
from bayan.cases.models import Case
from bayan.cases.selectors import Spot
from bayan.channels.models import Media
from bayan.core import maps
from bayan.core.paging import Cursor, Page, counts_of, page_of
from bayan.core.views import day_in, midnight
from bayan.desk.models import FieldReport, FieldReportQuerySet
from bayan.inbox.models import Message

VIEWS = ("all", "sent", "case", "draft")
PAGE, ON_MAP, IN_FILE = 30, 500, 5_000
PICTURES_SHOWN = 4
# A case so near may be the one that a report is about.
NEAR_METRES, NEAR_SHOWN = 300, 3
METRES_OF_A_DEGREE = 111_320


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which reports a page shows."""

    view: str = "all"
    body: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def by(cls, given: QueryDict) -> Filters:
        """What an address asks for; what is not understood is left out."""
        view = given.get("state", "all")
        return cls(
            view=view if view in VIEWS else "all",
            body=given.get("body", "")[:60],
            since=day_in(given.get("since", "")),
            until=day_in(given.get("until", "")),
        )

    def query(self, **changes: str) -> str:
        """These filters as they stand behind the question mark."""
        parts = {
            "state": self.view,
            "body": self.body,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        } | changes
        return urlencode({name: value for name, value in parts.items() if value})


def reports(filters: Filters) -> FieldReportQuerySet:
    """The reports that these filters let through, of those that the reader may see."""
    rows = _narrowed(filters)
    views = {
        "sent": Q(state=FieldReport.State.SENT, case=None),
        "case": Q(case__isnull=False),
        "draft": Q(state=FieldReport.State.DRAFT),
    }
    return rows.filter(views[filters.view]) if filters.view in views else rows


def _narrowed(filters: Filters) -> FieldReportQuerySet:
    rows = FieldReport.objects.shown()
    if filters.body:
        rows = rows.filter(node__key=filters.body)
    if filters.since:
        rows = rows.filter(at__gte=midnight(filters.since))
    if filters.until:
        rows = rows.filter(at__lt=midnight(filters.until + timedelta(days=1)))
    return rows


def counts(filters: Filters) -> dict[str, int]:
    """How many each view holds, in one statement."""
    return counts_of(
        {view: reports(Filters(view=view, body=filters.body, since=filters.since, until=filters.until))
         for view in VIEWS}
    )  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A report with its files."""

    report: FieldReport
    pictures: list[Media] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)

    @property
    def first(self) -> list[Media]:
        return self.pictures[:PICTURES_SHOWN]

    @property
    def more(self) -> int:
        return max(0, len(self.pictures) - PICTURES_SHOWN)


def page(filters: Filters, *, after: Cursor | None) -> Page[FieldReport]:
    """The reports, the latest first."""
    rows = reports(filters).select_related("node", "member", "case__conversation")
    return page_of(rows, newest="at", after=after, limit=PAGE)


def shown(rows: list[FieldReport]) -> list[Shown]:
    """These with their files, in one statement."""
    keys = {key for report in rows for key in report.messages}
    messages = Message.objects.filter(pk__in=keys, media__isnull=False).select_related("media")
    known = {message.pk: message for message in messages} if keys else {}
    found = []
    for report in rows:
        with_file = [known[key] for key in report.messages if key in known]
        pictures = [
            message.media
            for message in with_file
            if message.media
            and message.kind == "image"
            and message.media.state == Media.State.STORED
        ]
        others = [message for message in with_file if message.media not in pictures]
        found.append(Shown(report, pictures, others))
    return found


def chart(filters: Filters) -> tuple[maps.Map | None, list[Any]]:
    """The map of the latest of these that have a place, and a spot for each."""
    placed: QuerySet[Any, Any] = reports(filters).exclude(latitude=None).order_by("-at", "-pk")
    points: list[tuple[float, float]] = list(placed.values_list("latitude", "longitude")[:ON_MAP])
    if not points:
        return None, []
    drawn = maps.region(points, is_within_reach=True, borders=cases.borders())
    spots = [Spot(latitude, longitude, 1, 0) for latitude, longitude in points]
    return drawn, list(zip(drawn.marks, spots, strict=True)) if drawn else []


def cases_near(report: FieldReport) -> list[Case]:
    """The open cases nearest to a report that the reader may see."""
    if report.point is None:
        return []
    latitude, longitude = report.point
    high = NEAR_METRES / METRES_OF_A_DEGREE
    wide = high / max(math.cos(math.radians(latitude)), 0.1)
    rows = Case.objects.open().filter(
        latitude__range=(latitude - high, latitude + high),
        longitude__range=(longitude - wide, longitude + wide),
    )
    return list(rows.select_related("node", "conversation").order_by("due_at", "pk")[:NEAR_SHOWN])


def lines(filters: Filters) -> list[list[str]]:
    """These reports as lines of a table, the latest first."""
    rows = reports(filters).select_related("node", "member", "case").order_by("-at", "-pk")
    return [
        [
            timezone.localtime(report.at).strftime("%Y-%m-%d %H:%M"), report.node.name,
            report.member.name if report.member else "", report.text, report.place,
            "" if report.latitude is None else str(report.latitude),
            "" if report.longitude is None else str(report.longitude),
            str(report.files), str(report.get_state_display()),
            report.case.reference if report.case else "",
        ]
        for report in rows[:IN_FILE]
    ]  # fmt: skip
