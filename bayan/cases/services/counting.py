"""Figures of the weeks: what each body did, kept so that a page need not count it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.db import connection, transaction
from django.utils import timezone

from bayan.cases.services import shedding
from bayan.cases.surge.models import Surge

# A quarter of a year and the week under way.
WEEKS = 13


def days_of_weeks(now: datetime) -> list[date]:
    """The first days, Sundays, of the last `WEEKS` weeks, oldest first; the last one is under way."""
    today = timezone.localdate(now)
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    return [sunday - timedelta(weeks=number) for number in reversed(range(WEEKS))]


def keep_weeks(*, now: datetime) -> int:
    """Count the weeks, unless a surge puts that off: the figures stay as they were an hour ago."""
    return 0 if shedding.is_put_off(Surge.Step.FIGURES) else count_weeks(now=now)


@transaction.atomic
def count_weeks(*, now: datetime) -> int:
    """Count the last `WEEKS` weeks anew, for each body and for all together. Returns how many rows stand.

    The first answer is the first message that a member wrote; what the platform sent by itself is none.
    """
    since = timezone.make_aware(datetime.combine(days_of_weeks(now)[0], time()))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_week WHERE begins >= %s", [since.date()])
        cursor.execute(
            """
            INSERT INTO cases_week (node_id, begins, opened, closed, closed_in_time, answered,
                minutes_to_answer, hours_to_close, rated, satisfied)
            SELECT node_id, day - extract(dow FROM day)::int AS begins,
                count(*) FILTER (WHERE what = 'opened'),
                count(*) FILTER (WHERE what = 'closed'),
                count(*) FILTER (WHERE what = 'closed' AND is_well),
                count(took) FILTER (WHERE what = 'opened'),
                extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)
                    FILTER (WHERE what = 'opened')) / 60,
                extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)
                    FILTER (WHERE what = 'closed')) / 3600,
                count(*) FILTER (WHERE what = 'rated'),
                count(*) FILTER (WHERE what = 'rated' AND is_well)
            FROM (
                SELECT node_id, 'opened' AS what, (opened_at AT TIME ZONE %(zone)s)::date AS day,
                    false AS is_well, (
                        SELECT min(received_at) FROM inbox_message
                        WHERE matter = reference AND matter <> '' AND direction = 'out'
                            AND author_id IS NOT NULL
                    ) - opened_at AS took
                FROM cases_case WHERE opened_at >= %(since)s
                UNION ALL
                SELECT node_id, 'closed', (closed_at AT TIME ZONE %(zone)s)::date,
                    closed_at <= due_at, closed_at - opened_at
                FROM cases_case WHERE closed_at >= %(since)s
                UNION ALL
                SELECT node_id, 'rated', (satisfaction_at AT TIME ZONE %(zone)s)::date,
                    satisfaction >= 4, NULL
                FROM cases_case WHERE satisfaction_at >= %(since)s AND satisfaction IS NOT NULL
            ) AS facts
            GROUP BY GROUPING SETS ((node_id, begins), (begins))
            """,
            {"since": since, "zone": timezone.get_current_timezone_name()},
        )
        return int(cursor.rowcount)
