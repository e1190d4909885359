"""What monitoring asks: alive, ready to serve, and the figures."""

from __future__ import annotations

import os

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bayan.core.rls import as_worker

# A queue older than this means that nobody works it off.
LONGEST_WAIT_SECONDS = 60

FIGURES = """
    SELECT 'bayan_journal_waiting', 'Webhook bodies not processed yet', count(*)::float
        FROM intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL
    UNION ALL SELECT 'bayan_journal_oldest_seconds', 'Age of the oldest of them',
        coalesce(extract(epoch FROM now() - min(received_at)), 0)
        FROM intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL
    UNION ALL SELECT 'bayan_journal_set_aside', 'Webhook bodies set aside', count(*)
        FROM intake_journal WHERE set_aside_at IS NOT NULL
    UNION ALL SELECT 'bayan_outgoing_queued', 'Messages due and not sent yet', count(*)
        FROM channels_outgoing WHERE state = 'queued' AND not_before <= now()
    UNION ALL SELECT 'bayan_outgoing_oldest_seconds', 'How long the oldest of them is due',
        coalesce(extract(epoch FROM now() - min(not_before)), 0)
        FROM channels_outgoing WHERE state = 'queued' AND not_before <= now()
    UNION ALL SELECT 'bayan_outgoing_uncertain', 'Messages of which nobody knows', count(*)
        FROM channels_outgoing WHERE state = 'uncertain'
    UNION ALL SELECT 'bayan_media_waiting', 'Files of people not fetched yet', count(*)
        FROM channels_media WHERE state = 'waiting'
    UNION ALL SELECT 'bayan_numbers_stopped', 'Numbers that send nothing until a person acts', count(*)
        FROM channels_number WHERE stopped_at IS NOT NULL
    UNION ALL SELECT 'bayan_cases_open', 'Open cases', count(*)
        FROM cases_case WHERE closed_at IS NULL
    UNION ALL SELECT 'bayan_second_model_waiting', 'Cases about which another model is to be asked', count(*)
        FROM cases_reading WHERE asks_at IS NOT NULL
    UNION ALL SELECT 'bayan_second_model_rests', 'Models that do not answer and are left alone for a minute',
        count(*) FROM cases_secondreader WHERE rests_until > now()
    UNION ALL SELECT 'bayan_audit_unsealed', 'Audit entries not sealed yet', count(*)
        FROM core_auditentry WHERE number IS NULL
"""


BY_FEEDBACK = """
    SELECT CASE WHEN is_useful THEN 'useful' ELSE 'not_useful' END, count(*) FROM portal_feedback
    WHERE created_at > now() - interval '30 days' GROUP BY 1
"""
# The same by a label: (name, meaning, label, its values, SQL that gives label and figure).
BY_LANE = """
    SELECT CASE lane WHEN 10 THEN 'person' WHEN 20 THEN 'crisis' WHEN 30 THEN 'work' ELSE 'bulk' END,
           count(*)
    FROM channels_outgoing WHERE state = 'queued' AND not_before <= now() GROUP BY 1
"""
BY_SEVERITY = """
    SELECT severity, count(*) FROM channels_alert WHERE resolved_at IS NULL GROUP BY 1
"""
# The same by a label: name, meaning, label, its values, and what counts them.
LABELLED = (
    ("bayan_lane_waiting", "Messages due and not sent yet, by lane",
     "lane", ("person", "crisis", "work", "bulk"), BY_LANE),
    ("bayan_alerts_open", "Open alerts about accounts, by severity",
     "severity", ("critical", "warning", "information"), BY_SEVERITY),
    ("bayan_portal_feedback", "Answers to 'Was this page useful?' in 30 days",
     "answer", ("useful", "not_useful"), BY_FEEDBACK),
)  # fmt: skip


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok", content_type="text/plain")


def is_migrated() -> bool:
    """True when the database has had every migration of this version."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations and queue are well; else 503 and what is not."""
    checks = {"database": "ok", "migrations": "ok", "queue": "ok"}
    try:
        if not is_migrated():
            checks["migrations"] = "not applied: run 'bayan up' or 'bayan manage migrate'"
        figures = {name: value for name, _help, value in read_figures()}
        if figures["bayan_journal_oldest_seconds"] > LONGEST_WAIT_SECONDS:
            checks["queue"] = "webhooks wait too long: is a worker running?"
    except Error as error:
        checks["database"] = f"unreachable ({type(error).__name__})"
    is_well = set(checks.values()) == {"ok"}
    return JsonResponse(checks, status=200 if is_well else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus' text format: what web processes count, and what the database counts."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        # Several processes answer; whichever is asked tells of all.
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    lines = [generate_latest(registry).decode()]
    try:
        for name, help_text, value in read_figures():
            lines.append(f"# HELP {name} {help_text}\n# TYPE {name} gauge\n{name} {value}\n")
        for name, help_text, label, values in read_labelled():
            lines.append(f"# HELP {name} {help_text}\n# TYPE {name} gauge\n")
            lines += [f'{name}{{{label}="{key}"}} {value}\n' for key, value in values.items()]
        lines.append(
            "# HELP bayan_database_up Database reachable\n# TYPE bayan_database_up gauge\n"
        )
        lines.append("bayan_database_up 1\n")
    except Error:
        lines.append("bayan_database_up 0\n")
    return HttpResponse("".join(lines), content_type=CONTENT_TYPE_LATEST)


def read_figures() -> list[tuple[str, str, float]]:
    """Name, meaning and value of each figure, read with one query in the worker's role."""
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(FIGURES)
        return [(name, help_text, float(value)) for name, help_text, value in cursor.fetchall()]


def read_labelled() -> list[tuple[str, str, str, dict[str, int]]]:
    """Name, meaning and label of each figure that is counted apart, with its values; none is missing."""
    found = []
    with as_worker(), connection.cursor() as cursor:
        for name, help_text, label, keys, query in LABELLED:
            cursor.execute(query)
            found.append((name, help_text, label, dict.fromkeys(keys, 0) | dict(cursor.fetchall())))
    return found
