"""The first page: what needs its reader now, how their bodies stand, and how the weeks went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from bayan.cases import selectors as cases
from bayan.cases import services as counting
from bayan.cases.models import Case, Week
from bayan.cases.selectors import ShownBurst
from bayan.core.queries import Tuples
from bayan.inbox import selectors as inbox
from bayan.inbox.models import Conversation, Mention
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Turn
from bayan.people.permissions import Access
from bayan.work import selectors as work
from bayan.work.models import Item

# As many as fit above the fold; the rest is one press away.
MOST_MENTIONS = 4
MOST_TASKS = 6


@dataclass(frozen=True)
class Standing:
    """How one body stands now: its open cases, those past their time, and who waits for an answer."""

    node: Node
    open: int
    late: int
    waiting: int
    # Since when the one who waits longest has waited.
    waiting_since: datetime | None


# As `Sums` and the tables of the weeks and the periods name them, in their order.
COLUMNS = (
    "opened", "closed", "closed_in_time", "answered", "minutes_to_answer", "hours_to_close", "rated",
    "satisfied", "past_second",
)  # fmt: skip


@dataclass(frozen=True)
class Sums:
    """What one body did in one period, or a part of it."""

    opened: int = 0
    closed: int = 0
    closed_in_time: int = 0
    answered: int = 0
    minutes: float | None = None
    hours: float | None = None
    rated: int = 0
    satisfied: int = 0
    past_second: int = 0

    @property
    def seconds(self) -> float | None:
        """To the first answer, in the median; None where nobody had one."""
        return None if self.minutes is None else self.minutes * 60

    @property
    def close_seconds(self) -> float | None:
        """To the end, in the median; None where nothing ended."""
        return None if self.hours is None else self.hours * 3600

    @property
    def in_time(self) -> int | None:
        """Percent of what was closed; None where nothing was."""
        return share(self.closed_in_time, self.closed)

    @property
    def satisfaction(self) -> int | None:
        """Percent of those who gave a rating; None where nobody did."""
        return share(self.satisfied, self.rated)

    @property
    def cells(self) -> list[str]:
        """Its columns in a file for spreadsheets; empty where there is no median."""

        def rounded(value: float | None) -> str:
            return "" if value is None else f"{value:.1f}"

        return [
            str(self.opened), str(self.closed), str(self.closed_in_time), str(self.answered),
            rounded(self.minutes), rounded(self.hours), str(self.rated), str(self.satisfied),
            str(self.past_second),
        ]  # fmt: skip


@dataclass(frozen=True)
class Figures(Sums):
    """One week of one body, or of all together."""

    begins: date = field(kw_only=True)


def share(part: int, whole: int) -> int | None:
    """Whole percent; None of nothing."""
    return round(100 * part / whole) if whole else None


@dataclass(frozen=True)
class Weeks:
    """The last weeks, oldest first; the last one is under way."""

    days: Sequence[date]
    # By the body's key; the authority as a whole stands under None.
    by_body: Mapping[int | None, Sequence[Figures]]

    def of(self, key: int | None) -> Sequence[Figures]:
        return self.by_body.get(key) or self._idle

    @cached_property
    def _idle(self) -> Sequence[Figures]:
        return [Figures(begins=day) for day in self.days]

    def together(self, keys: Iterable[int]) -> Sequence[Figures]:
        """These bodies' sums by week. Medians cannot be added: they are those of the only body, or none."""
        rows = [self.of(key) for key in keys]
        if len(rows) == 1:
            return rows[0]
        return [_sum(day, [row[at] for row in rows]) for at, day in enumerate(self.days)]


def _sum(day: date, weeks: Sequence[Figures]) -> Figures:
    return Figures(
        begins=day,
        opened=sum(week.opened for week in weeks),
        closed=sum(week.closed for week in weeks),
        closed_in_time=sum(week.closed_in_time for week in weeks),
        answered=sum(week.answered for week in weeks),
        rated=sum(week.rated for week in weeks),
        satisfied=sum(week.satisfied for week in weeks),
        past_second=sum(week.past_second for week in weeks),
    )


def weeks(*, now: datetime) -> Weeks:
    """The figures of the last weeks, of the bodies that the reader sees and of the authority as a whole."""
    days = counting.days_of_weeks(now)
    found: dict[int | None, dict[date, Figures]] = defaultdict(dict)
    for node, begins, *row in _WEEKS.rows(days[0]):
        found[node][begins] = Figures(*row, begins=begins)
    return Weeks(
        days,
        {
            node: [by_day.get(day) or Figures(begins=day) for day in days]
            for node, by_day in found.items()
        },
    )


_WEEKS = Tuples(
    lambda since: Week.objects.filter(begins__gte=since).values_list("node_id", "begins", *COLUMNS),
    date,
)


def standings(access: Access, *, now: datetime) -> list[Standing]:
    """How each body of the reader's stands, in the order of the tree; in one statement."""
    rows: Iterable[Any] = Node.objects.raw(
        """
        SELECT n.*, coalesce(c.open, 0) AS open, coalesce(c.late, 0) AS late,
            coalesce(w.waiting, 0) AS waiting, w.since
        FROM organisation_node n
        LEFT JOIN (
            SELECT node_id, count(*) AS open,
                count(*) FILTER (WHERE due_at < %(now)s AND stage <> 'waits_for_person') AS late
            FROM cases_case WHERE closed_at IS NULL GROUP BY node_id
        ) c ON c.node_id = n.id
        LEFT JOIN (
            SELECT node_id, count(*) AS waiting, min(last_message_at) AS since
            FROM inbox_conversation
            WHERE matter <> '' AND (last_outbound_at IS NULL OR last_inbound_at > last_outbound_at)
                AND (snoozed_until IS NULL OR snoozed_until <= %(now)s)
            GROUP BY node_id
        ) w ON w.node_id = n.id
        WHERE n.kind IN ('authority', 'municipality') AND n.lineage && %(roots)s::bigint[]
        ORDER BY n.position, n.id
        """,
        {"now": now, "roots": [role.node_id for role in access.roles]},
    )
    return [Standing(row, row.open, row.late, row.waiting, row.since) for row in rows]


@dataclass(frozen=True)
class Today:
    """All that the first page shows one member."""

    standings: list[Standing]
    weeks: Weeks
    # Oldest first, for those who answer.
    waiting: list[Conversation]
    # What is due first, the reader's own or nobody's for those who handle cases.
    due: list[Case]
    mentions: list[Mention]
    # What they must do by a time, the first of it, and how much there is.
    tasks: list[Item]
    task_count: int
    bursts: list[ShownBurst]
    on_duty: Turn | None
    my_turn: Turn | None
    may_act: bool
    # They look after bodies: how each stands, and how the weeks went, concerns them.
    is_head: bool
    now: datetime

    @property
    def worst(self) -> list[Standing]:
        """The bodies by what is late in them, then by who waits."""
        return sorted(self.standings, key=lambda s: (-s.late, -s.waiting, -s.open))

    @cached_property
    def open(self) -> int:
        return sum(standing.open for standing in self.standings)

    @cached_property
    def late(self) -> int:
        return sum(standing.late for standing in self.standings)

    @cached_property
    def waiting_count(self) -> int:
        return sum(standing.waiting for standing in self.standings)

    @property
    def waiting_since(self) -> datetime | None:
        return min((s.waiting_since for s in self.standings if s.waiting_since), default=None)

    @property
    def is_whole(self) -> bool:
        """True for those who see the authority as a whole, so that its average is their own figure."""
        return any(standing.node.is_desk for standing in self.standings)

    @cached_property
    def own(self) -> Sequence[Figures]:
        """The reader's weeks: their bodies', or the authority's if they see it as a whole."""
        if self.is_whole:
            return self.weeks.of(None)
        return self.weeks.together([standing.node.pk for standing in self.standings])

    @property
    def this_week(self) -> Figures:
        return self.own[-1]

    @property
    def last_week(self) -> Figures:
        return self.own[-2]

    @property
    def average(self) -> Sequence[Figures]:
        """The authority's weeks, against which a municipality holds its own."""
        return self.weeks.of(None)

    @property
    def average_week(self) -> Figures:
        return self.average[-1]

    @property
    def satisfaction(self) -> tuple[int | None, int]:
        """Percent satisfied in the last four weeks, and of how many who gave a rating."""
        rated = sum(week.rated for week in self.own[-4:])
        return share(sum(week.satisfied for week in self.own[-4:]), rated), rated


def today(access: Access, *, now: datetime) -> Today:
    """What the first page shows this member now."""
    member = access.member
    may_act, is_head = access.may("conversations.reply"), access.may("audit.read")
    home = access.main_role
    tasks, task_count = work.first_needs(access, MOST_TASKS, now=now)
    on_duty, my_turn = people.duty_for(member, home.node if home else None, now=now)
    return Today(
        standings=standings(access, now=now),
        weeks=weeks(now=now),
        waiting=inbox.waiting_longest(now) if may_act else [],
        # What a colleague handles is the colleague's.
        due=cases.due_first(but_for_colleagues_of=None if not may_act or is_head else member),
        bursts=cases.bursts(now=now, fresh=True),
        mentions=inbox.mentions_of(member)[:MOST_MENTIONS],
        tasks=tasks,
        task_count=task_count,
        on_duty=on_duty,
        my_turn=my_turn,
        may_act=may_act,
        is_head=is_head,
        now=now,
    )
