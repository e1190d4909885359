"""Reading a surge: who wrote and what became of them, how long one waits, what comes in, who answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.surge.lanes import LANES, Asked, condition_of, prepared
from bayan.cases.surge.models import Acknowledged, Helper, Surge, TeamLink
from bayan.people.permissions import Access
from bayan.work.models import Item

# Over so long it is counted how many get an answer; fewer than this say nothing of the next hour.
LOOKED_BACK, LEAST_ANSWERS = timedelta(minutes=30), 5
ANSWERS_NOW = timedelta(minutes=15)
SHOWN = timedelta(hours=1)


def name_at(moment: datetime) -> UUID:
    """The smallest public id that a row made at this moment, or later, can have: they begin with the time."""
    value = int(moment.timestamp() * 1000) << 80
    return UUID(int=value | 0x7 << 76 | 0x2 << 62)


# Who wrote


@dataclass(frozen=True)
class Counter:
    """The people who wrote since a surge began, each counted once."""

    answered: int = 0
    pointed: int = 0
    nothing: int = 0
    left: int = 0

    @property
    def people(self) -> int:
        return self.answered + self.pointed + self.nothing + self.left

    @property
    def ratio(self) -> int | None:
        """Whole percent of them who do not wait any more, rounded down; None where nobody wrote."""
        return 100 * (self.people - self.left) // self.people if self.people else None

    def share(self, part: int) -> int:
        return round(100 * part / self.people) if self.people else 0

    @property
    def stripes(self) -> list[tuple[str, float, float]]:
        """Each class as a stripe of a bar a hundred wide, beginning where one begins to read."""
        stripes, begun = [], 0.0
        for name, count in asdict(self).items():
            width = 100 * count / self.people if self.people else 0.0
            place = 100 - begun - width if get_language_bidi() else begun
            stripes.append((name, round(place, 2), round(width, 2)))
            begun += width
        return stripes

    @property
    def parts(self) -> list[tuple[str, int, int]]:
        """Each class with its people and their whole percent."""
        return [(name, count, self.share(count)) for name, count in asdict(self).items()]


# One range of `conversation_of_node` a body: no message is read, however many there are (a test looks).
# Whoever waits again waits; whoever a member wrote to is answered; the rest had nothing to wait for.
COUNT = """
    WITH people AS (
        SELECT contact_id,
            bool_or(matter <> '' AND (last_outbound_at IS NULL OR last_inbound_at > last_outbound_at))
                AS waits,
            bool_or(coalesce(last_outbound_at >= %(since)s, false)) AS is_answered
        FROM inbox_conversation
        WHERE node_id = ANY (%(nodes)s) AND last_message_at >= %(since)s AND last_inbound_at >= %(since)s
        GROUP BY contact_id
    ), pointed AS (
        SELECT DISTINCT c.contact_id FROM cases_handled h JOIN cases_case c ON c.id = h.case_id
        WHERE h.surge_id = %(surge)s AND h.how = 'pointed' AND h.done_at IS NOT NULL
    )
    SELECT count(*) FILTER (WHERE NOT waits AND is_answered),
        count(*) FILTER (WHERE NOT waits AND NOT is_answered AND p.contact_id IS NOT NULL),
        count(*) FILTER (WHERE NOT waits AND NOT is_answered AND p.contact_id IS NULL),
        count(*) FILTER (WHERE waits)
    FROM people LEFT JOIN pointed p USING (contact_id)
"""


def counter_of(surge: Surge) -> Counter:
    """Who wrote since it began, and what became of them; what the reader may see of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            {"nodes": surge.nodes, "since": surge.begun_at, "surge": surge.pk},
        )
        return Counter(*cursor.fetchone())


# How long one waits


@dataclass(frozen=True)
class Queue:
    """Who waits now, since when the first of them, and how many were answered in the last half hour."""

    waiting: int
    since: datetime | None
    answered: int

    @property
    def wait(self) -> timedelta | None:
        """How long whoever writes now waits; None where too little is known to say."""
        return expected_wait(waiting=self.waiting, answered=self.answered)


def expected_wait(
    *, waiting: int, answered: int, within: timedelta = LOOKED_BACK
) -> timedelta | None:
    """People who wait, by the pace at which people were answered. None: too few were to speak of a pace."""
    if answered < LEAST_ANSWERS:
        return None
    return within * waiting / answered


QUEUE = """
    SELECT * FROM (
        SELECT count(*), min(last_message_at) FROM inbox_conversation
        WHERE matter <> '' AND (last_outbound_at IS NULL OR last_inbound_at > last_outbound_at)
            AND node_id = ANY (%(nodes)s)
    ) AS waiting, (
        SELECT count(DISTINCT contact_id) FROM inbox_conversation
        WHERE node_id = ANY (%(nodes)s) AND last_message_at >= %(since)s AND last_outbound_at >= %(since)s
    ) AS answered
"""


def queue_of(nodes: Sequence[int], *, now: datetime) -> Queue:
    """Who waits in these bodies, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(QUEUE, {"nodes": list(nodes), "since": now - LOOKED_BACK})
        return Queue(*cursor.fetchone())


def wait_in_words(wait: timedelta | None) -> str:
    """The wait as one says it, rounded up; where nothing is known, that it may take longer."""
    if wait is None:
        return _("later than usual")
    minutes = math.ceil(wait.total_seconds() / 60)
    for most, words in (
        (15, _("within about a quarter of an hour")),
        (30, _("within about half an hour")),
        (60, _("within about an hour")),
        (120, _("within about two hours")),
        (180, _("within about three hours")),
        (240, _("within about four hours")),
        (360, _("within about six hours")),
        (720, _("within about twelve hours")),
        (1440, _("within about a day")),
    ):
        if minutes <= most:
            return words
    return _("in more than a day")


# Lanes


@dataclass(frozen=True)
class Lane:
    """One lane: its cases, and the address of the list that holds them."""

    key: str
    label: str
    count: int

    @property
    def query(self) -> str:
        return f"state=open&lane={self.key}"


def lanes_of(surge: Surge) -> list[Lane]:
    """How many open cases each lane holds, in one statement."""
    rows = prepared(Case.objects.filter(node__in=surge.nodes))
    # Counted over the rows as they are listed: a filter of an aggregate cannot ask for other rows.
    asked = Asked.of([surge])
    counts = rows.aggregate(**{key: Count("pk", filter=condition_of(key, asked)) for key in LANES})
    return [Lane(key, str(label), counts[key]) for key, label in LANES.items()]


MATTERS = """
    SELECT parent.public_id, parent.reference, parent.subject, conversation.public_id, found.people
    FROM (
        SELECT c.parent_id, count(DISTINCT c.contact_id) + 1 AS people FROM cases_case c
        WHERE c.parent_id IS NOT NULL AND c.closed_at IS NULL AND c.node_id = ANY (%s)
            AND c.kind NOT IN ('praise', 'spam')
        GROUP BY c.parent_id ORDER BY people DESC, c.parent_id LIMIT %s
    ) AS found
    JOIN cases_case parent ON parent.id = found.parent_id
    JOIN inbox_conversation conversation ON conversation.id = parent.conversation_id
    ORDER BY found.people DESC, parent.id
"""


@dataclass(frozen=True)
class Matter:
    """One matter that many report: its first case, and how many people."""

    case: UUID
    reference: str
    subject: str
    conversation: UUID
    people: int


def largest_matters(surge: Surge, *, most: int = 5) -> list[Matter]:
    """The matters that most people report."""
    with connection.cursor() as cursor:
        cursor.execute(MATTERS, [surge.nodes, most])
        return [Matter(*row) for row in cursor.fetchall()]


# What comes in, and who answers


ARRIVALS = """
    SELECT floor(extract(epoch FROM %(now)s::timestamptz - received_at) / 60)::int AS ago, count(*)
    FROM inbox_message
    WHERE direction = 'in' AND author_id IS NULL AND node_id = ANY (%(nodes)s)
        AND public_id >= %(name)s AND received_at > %(since)s AND received_at <= %(now)s
    GROUP BY ago
"""


def arrivals_of(surge: Surge, *, now: datetime, within: timedelta = SHOWN) -> list[int]:
    """How many messages came in each of the last minutes, the oldest first.

    A row's public id begins with the moment it was made: only the last hour's rows are read.
    """
    since = now - within
    with connection.cursor() as cursor:
        cursor.execute(
            ARRIVALS,
            {
                "now": now,
                "since": since,
                "name": name_at(since),
                "nodes": surge.nodes,
            },
        )
        found = dict(cursor.fetchall())
    minutes = int(within.total_seconds() // 60)
    return [found.get(ago, 0) for ago in reversed(range(minutes))]


WHO = """
    SELECT m.name_ar, m.name_en, found.people FROM (
        SELECT author_id, count(DISTINCT conversation_id) AS people FROM inbox_message
        WHERE direction = 'out' AND author_id IS NOT NULL AND node_id = ANY (%(nodes)s)
            AND public_id >= %(name)s AND sent_at > %(since)s
        GROUP BY author_id
    ) AS found JOIN people_member m ON m.id = found.author_id
    ORDER BY found.people DESC, m.id
"""


def who_answers(surge: Surge, *, now: datetime, is_english: bool) -> list[tuple[str, int]]:
    """The first names of those who answered in the last quarter of an hour, and how many people each."""
    since = now - ANSWERS_NOW
    with connection.cursor() as cursor:
        cursor.execute(
            WHO,
            {"since": since, "name": name_at(since), "nodes": surge.nodes},
        )
        rows = cursor.fetchall()
    return [
        (((english if is_english else "") or arabic).split()[0], people)
        for arabic, english, people in rows
    ]


def unseen_emergencies(surge: Surge) -> int:
    """How many emergencies nobody has acknowledged yet."""
    return (
        Item.objects.open()
        .filter(
            kind=Item.Kind.ACKNOWLEDGE,
            is_emergency=True,
            given_from__in=surge.nodes,
        )
        .count()
    )


# The summary


MEDIAN = """
    SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)) FROM (
        SELECT (
            SELECT min(m.received_at) FROM inbox_message m
            WHERE m.matter = c.reference AND m.matter <> '' AND m.direction = 'out'
                AND m.author_id IS NOT NULL
        ) - c.opened_at AS took
        FROM cases_case c WHERE c.node_id = ANY (%s) AND c.opened_at >= %s
    ) AS answered
"""


@dataclass(frozen=True)
class Summary:
    """What a surge came to."""

    answered: int = 0
    pointed: int = 0
    nothing: int = 0
    left: int = 0
    messages: int = 0
    peak: int = 0
    # Seconds; None where nobody was answered.
    median: float | None = None
    thanked: int = 0
    helpers: int = 0
    highest_step: int = 0

    @property
    def counter(self) -> Counter:
        return Counter(self.answered, self.pointed, self.nothing, self.left)


def summary_of(surge: Surge, *, now: datetime) -> dict[str, Any]:
    """What it came to until now, as it is kept."""
    counter = counter_of(surge)
    nodes = surge.nodes
    with connection.cursor() as cursor:
        cursor.execute(MEDIAN, [nodes, surge.begun_at])
        median = cursor.fetchone()[0]
    lasted = now - surge.begun_at
    minutes = arrivals_of(surge, now=now, within=max(lasted, timedelta(minutes=1)))
    return asdict(
        Summary(
            **asdict(counter),
            messages=sum(minutes),
            peak=max(minutes, default=0),
            median=float(median) if median is not None else None,
            thanked=Acknowledged.objects.filter(surge=surge).exclude(sent_at=None).count(),
            helpers=Helper.objects.filter(surge=surge).count(),
            highest_step=max((step for _at, step, *_rest in surge.steps), default=0),
        )
    )


# Lists


def surges_on() -> list[Surge]:
    """The surges under way that concern the reader, that of the highest body first."""
    rows = Surge.objects.on().select_related("node", "begun_by", "burst")
    return sorted(rows, key=lambda surge: (len(surge.node.lineage), surge.pk))


def past_surges(access: Access, *, most: int = 30) -> list[Surge]:
    """The surges of the reader's bodies that have ended, the latest first."""
    rows = Surge.objects.exclude(ended_at=None).select_related("node", "ended_by")
    rows = rows.filter(node__lineage__overlap=access.bodies_of("cases.read"))
    return list(rows.order_by("-begun_at", "-pk")[:most])


def team_of(surge: Surge) -> list[Helper]:
    """Who helps, and who did; those who are there first."""
    rows = surge.helpers.select_related("member", "link")
    return sorted(rows, key=lambda helper: (helper.left_at is not None, helper.joined_at))


def links_of(surge: Surge, *, now: datetime) -> list[TeamLink]:
    """The links that still open."""
    rows = surge.links.filter(withdrawn_at=None, expires_at__gt=now)
    return [link for link in rows.order_by("-made_at") if link.used < link.most]


def steps_taken(surge: Surge) -> list[tuple[datetime, Surge.Step, str, int, int]]:
    """The steps of a surge as they were taken, the first one first."""
    return [
        (timezone.localtime(datetime.fromisoformat(at)), Surge.Step(step), how, rows, seconds)
        for at, step, how, rows, seconds in surge.steps
    ]
