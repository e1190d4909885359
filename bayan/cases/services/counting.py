"""Figures of response: what each body did, kept so that a page need not count it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.db import connection, transaction
from django.utils import timezone

from bayan.cases.services import shedding
from bayan.cases.surge.models import Surge

# A quarter of a year and the week under way.
WEEKS = 13
# The periods, in days, each held against as many days before it.
PERIODS = (7, 28, 91)


def days_of_weeks(now: datetime) -> list[date]:
    """The first days, Sundays, of the last `WEEKS` weeks, oldest first; the last one is under way."""
    today = timezone.localdate(now)
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    return [sunday - timedelta(weeks=number) for number in reversed(range(WEEKS))]


# What counts of a case, each with its time: `is_well` is in time or satisfied, `took` how long the first
# answer (that a member wrote and nobody took back; what the platform sent by itself is none) or the end took.
# A second deadline counts where it passed while the case was open; as with `past_second`, nobody is late who
# waits for their person.
_FACTS = """
    SELECT node_id, category, 'opened' AS what, opened_at AS at, false AS is_well, (
            SELECT min(m.received_at) FROM inbox_message m
            JOIN channels_outgoing o ON o.id = m.outgoing_id
            WHERE m.matter = reference AND m.matter <> '' AND m.direction = 'out'
                AND m.author_id IS NOT NULL
                AND o.error ->> 'title' IS DISTINCT FROM 'withdrawn'
        ) - opened_at AS took
    FROM cases_case WHERE opened_at >= %(since)s AND opened_at <= %(now)s
    UNION ALL
    SELECT node_id, category, 'closed', closed_at, closed_at <= due_at, closed_at - opened_at
    FROM cases_case WHERE closed_at >= %(since)s AND closed_at <= %(now)s
    UNION ALL
    SELECT node_id, category, 'rated', satisfaction_at, satisfaction >= 4, NULL
    FROM cases_case
    WHERE satisfaction_at >= %(since)s AND satisfaction_at <= %(now)s AND satisfaction IS NOT NULL
    UNION ALL
    SELECT node_id, category, 'second', second_due_at, false, NULL
    FROM cases_case
    WHERE second_due_at >= %(since)s AND second_due_at < %(now)s
        AND (closed_at IS NULL AND stage <> 'waits_for_person' OR closed_at > second_due_at)
"""
_SUMS = """
    count(*) FILTER (WHERE what = 'opened'),
    count(*) FILTER (WHERE what = 'closed'),
    count(*) FILTER (WHERE what = 'closed' AND is_well),
    count(took) FILTER (WHERE what = 'opened'),
    extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)
        FILTER (WHERE what = 'opened')) / 60,
    extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)
        FILTER (WHERE what = 'closed')) / 3600,
    count(*) FILTER (WHERE what = 'rated'),
    count(*) FILTER (WHERE what = 'rated' AND is_well),
    count(*) FILTER (WHERE what = 'second')
"""
_COLUMNS = """
    opened, closed, closed_in_time, answered, minutes_to_answer, hours_to_close, rated, satisfied,
    past_second
"""


@transaction.atomic
def count_weeks(*, now: datetime) -> int:
    """Count the last `WEEKS` weeks anew, for each body and for all together. Returns how many rows stand."""
    since = timezone.make_aware(datetime.combine(days_of_weeks(now)[0], time()))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_week WHERE begins >= %s", [since.date()])
        cursor.execute(
            f"""
            INSERT INTO cases_week (node_id, begins, {_COLUMNS})
            SELECT node_id, day - extract(dow FROM day)::int AS begins, {_SUMS}
            FROM (
                SELECT *, (at AT TIME ZONE %(zone)s)::date AS day FROM ({_FACTS}) AS facts
            ) AS facts
            GROUP BY GROUPING SETS ((node_id, begins), (begins))
            """,  # noqa: S608  # constants of this file
            {"since": since, "now": now, "zone": timezone.get_current_timezone_name()},
        )
        return int(cursor.rowcount)


@transaction.atomic
def count_figures(*, now: datetime) -> int:
    """Count the `PERIODS` until now anew: each body and all together, by service and by hour of the week.

    By the hour in which the person wrote, by the authority's clock: when a case was opened. Returns how many
    rows stand.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_figure")
        cursor.execute(
            f"""
            WITH facts AS MATERIALIZED (
                SELECT *, (
                    24 * extract(dow FROM local) + extract(hour FROM local)
                )::int AS hour
                FROM (SELECT *, at AT TIME ZONE %(zone)s AS local FROM ({_FACTS}) AS facts) AS facts
            )
            INSERT INTO cases_figure (node_id, days, is_before, by, key, {_COLUMNS})
            SELECT node_id, days, is_before,
                CASE WHEN GROUPING(category) = 0 THEN 'category'
                    WHEN GROUPING(hour) = 0 THEN 'hour' ELSE '' END,
                CASE WHEN GROUPING(category) = 0 THEN category
                    WHEN GROUPING(hour) = 0 THEN hour::text ELSE '' END,
                {_SUMS}
            FROM (
                SELECT facts.*, days, at <= %(now)s - make_interval(days => days) AS is_before
                FROM facts JOIN unnest(%(periods)s) AS days
                    ON at > %(now)s - make_interval(days => 2 * days)
            ) AS facts
            GROUP BY days, is_before,
                GROUPING SETS ((node_id), (), (node_id, category), (category), (node_id, hour), (hour))
            """,  # noqa: S608  # constants of this file
            {
                "since": now - timedelta(days=2 * max(PERIODS)),
                "now": now,
                "periods": list(PERIODS),
                "zone": timezone.get_current_timezone_name(),
            },
        )
        return int(cursor.rowcount)


def keep_figures(*, now: datetime) -> int:
    """Count weeks and periods, unless a surge puts that off: the figures stay as they were an hour ago."""
    if shedding.is_put_off(Surge.Step.FIGURES):
        return 0
    return count_weeks(now=now) + count_figures(now=now)
