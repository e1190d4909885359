"""`bayan doctor`: what is well with this instance, and how to mend what is not."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bayan.config.environment import LOGIN, WEB, WORKER, ConfigurationMissing, Environment
from bayan.core.errors import DomainError
from bayan.triage.thresholds import Thresholds, read_thresholds

LEAST_FREE_BYTES = 1024**3
LARGEST_CLOCK_DIFFERENCE = 5.0
SOONEST_EXPIRY_DAYS = 14
LATEST_CONFIRMATION = timedelta(minutes=5)
LATEST_ANSWER = timedelta(minutes=10)


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    is_well: bool
    text: str


def examine(environment: Environment) -> list[Finding]:
    """Look at configuration, storage, database, clock, channels; go on as far as it makes sense."""
    findings = [*_configuration(environment), *_storage(environment)]
    try:
        connection = psycopg.connect(
            host=environment.database.host,
            port=environment.database.port,
            dbname=environment.database.name,
            user=LOGIN,
            password=environment.secret("database_login_password"),
            connect_timeout=5,
            autocommit=True,
        )
    except ConfigurationMissing as missing:
        return [*findings, Finding("database", False, str(missing))]
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[-1].strip()
        return [
            *findings,
            Finding(
                "database",
                False,
                f"{environment.database.host}:{environment.database.port} does not answer ({reason}): "
                "start Bayan with 'make run', or mend the database.",
            ),
        ]
    with connection:
        for look in (
            _database, _migrations, _calendar, _clock, _channels, _alerts, _queues, _second_reader,
        ):  # fmt: skip
            try:
                findings.extend(look(connection))
            except psycopg.Error as error:
                findings.append(
                    Finding(
                        look.__name__.strip("_"),
                        False,
                        f"could not be looked at ({str(error).splitlines()[0]}): run 'bayan prepare'.",
                    )
                )
                connection.rollback()
    return findings


def _configuration(environment: Environment) -> Iterator[Finding]:
    checks: list[tuple[str, Callable[[], object]]] = [
        ("port", lambda: environment.port),
        ("emulator port", lambda: environment.emulator_port),
        ("authority", lambda: environment.authority_dir),
        ("triage", lambda: _thresholds(environment.authority_dir)),
        ("second model", lambda: _second_model(environment)),
    ]
    for subject, read in checks:
        try:
            yield Finding(subject, True, str(read()))
        except (ConfigurationMissing, DomainError) as wrong:
            yield Finding(subject, False, str(wrong))


def _thresholds(authority: Path) -> str:
    of_its_own = read_thresholds(authority) != Thresholds()
    return "thresholds of its own" if of_its_own else "thresholds as Bayan has them"


def _second_model(environment: Environment) -> str:
    endpoint = environment.triage_endpoint
    if endpoint is None:
        return "none: no message leaves the house"
    when = "every message" if endpoint.asks_always else "what triage is unsure of"
    return f"{endpoint.model} at {endpoint.url} is asked about {when}"


def _storage(environment: Environment) -> Iterator[Finding]:
    folder = environment.data_dir
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Finding(
            "storage", False, f"{folder} is not a folder that can be written: set BAYAN_DATA_DIR."
        )
        return
    free = shutil.disk_usage(folder).free
    yield Finding(
        "storage",
        free > LEAST_FREE_BYTES,
        f"{free / 1024**3:.1f} GiB free in {folder}"
        + ("" if free > LEAST_FREE_BYTES else ": free some space before it is full."),
    )
    readable = [
        path.name
        for path in (folder / "secrets").glob("*")
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    yield Finding(
        "secrets",
        not readable,
        f"others may read {', '.join(readable)}: chmod 600 them."
        if readable
        else "for this user alone",
    )


def _database(connection: psycopg.Connection) -> Iterator[Finding]:
    version = connection.info.server_version // 10_000
    yield Finding(
        "database",
        version >= 18,
        f"PostgreSQL {version}" + ("" if version >= 18 else ": Bayan needs 18 or later."),
    )
    row = connection.execute(
        "SELECT rolsuper OR rolbypassrls, pg_has_role(%s, 'MEMBER'), pg_has_role(%s, 'MEMBER') "
        "FROM pg_roles WHERE rolname = current_user",
        [WEB, WORKER],
    ).fetchone()
    is_well = row == (False, True, True)
    yield Finding(
        "roles",
        is_well,
        "as they should be"
        if is_well
        else "differ from what 'bayan doctor --sql' prints: run that.",
    )


def _migrations(connection: psycopg.Connection) -> Iterator[Finding]:
    from bayan.config.cli import django

    django(LOGIN)
    from django.db import connection as ours
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(ours)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    ours.close()
    yield Finding(
        "migrations",
        not missing,
        f"{missing} not applied: run 'bayan prepare'." if missing else "all applied",
    )


def _calendar(_connection: psycopg.Connection) -> Iterator[Finding]:
    from bayan.config.cli import django

    django(LOGIN)
    from django.conf import settings

    from bayan.core.calendar import CalendarUnreadable
    from bayan.organisation import selectors as organisation

    path = settings.CALENDAR_FILE
    if path is None or not path.is_file():
        yield Finding("calendar", True, "none in the authority pack: Sunday to Thursday, 8 to 16")
        return
    try:
        organisation.calendar()
    except CalendarUnreadable as unreadable:
        yield Finding("calendar", False, str(unreadable))
    else:
        yield Finding("calendar", True, str(path))


def _clock(connection: psycopg.Connection) -> Iterator[Finding]:
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM has one row
    difference = abs((datetime.now(UTC) - row[0]).total_seconds())
    yield Finding(
        "clock",
        difference < LARGEST_CLOCK_DIFFERENCE,
        f"{difference:.1f} s from the database's"
        + ("" if difference < LARGEST_CLOCK_DIFFERENCE else ": set both by NTP."),
    )


def _channels(connection: psycopg.Connection) -> Iterator[Finding]:
    connection.execute("SET ROLE bayan_worker")
    accounts = connection.execute(
        "SELECT a.key, a.nature, a.base_url, count(n.id), a.token_is_valid, a.token_expires_at, "
        "a.last_webhook_at, max(n.last_sent_at), "
        "coalesce(array_agg(n.display ORDER BY n.id) FILTER (WHERE n.stopped_at IS NOT NULL), '{}') "
        "FROM channels_account a "
        "LEFT JOIN channels_number n ON n.account_id = a.id GROUP BY a.id ORDER BY a.key"
    ).fetchall()
    connection.execute("RESET ROLE")
    if not accounts:
        yield Finding("channels", False, "no account yet: make one with 'bayan account save'.")
    for (
        key,
        nature,
        base_url,
        numbers,
        is_valid,
        expires_at,
        heard_at,
        sent_at,
        stopped,
    ) in accounts:
        address = urlsplit(base_url)
        usual = {"https": 443, "smtps": 465, "smtp": 587}
        port = address.port or usual.get(address.scheme, 80)
        try:
            socket.create_connection((address.hostname or "", port), timeout=3).close()
        except OSError as error:
            yield Finding(
                f"channel {key}",
                False,
                f"the provider at {base_url} does not answer ({error.strerror or error}): "
                "look at the network, or start the emulator.",
            )
            continue
        yield Finding(
            f"channel {key}",
            numbers > 0,
            f"{nature}, numbers: {numbers}"
            + ("" if numbers else ": add one with 'bayan account save'."),
        )
        yield _token(key, is_valid, expires_at)
        yield _silence(key, heard_at, sent_at)
        if stopped:
            yield Finding(
                f"numbers of {key}",
                False,
                f"{', '.join(stopped)} stopped: the page about the channels' health says why.",
            )


def _token(key: str, is_valid: bool | None, expires_at: datetime | None) -> Finding:
    subject = f"token of {key}"
    if is_valid is None:
        return Finding(subject, True, "not checked yet: the dispatcher does so within minutes")
    if not is_valid:
        return Finding(
            subject, False, f"refused: replace it with 'bayan account rotate-token {key}'."
        )
    if expires_at is None:
        return Finding(subject, True, "valid, does not expire")
    days = (expires_at - datetime.now(UTC)).days
    return Finding(
        subject,
        days >= SOONEST_EXPIRY_DAYS,
        f"valid, expires in {days} days"
        + (
            ""
            if days >= SOONEST_EXPIRY_DAYS
            else f": replace it with 'bayan account rotate-token {key}'."
        ),
    )


def _silence(key: str, heard_at: datetime | None, sent_at: datetime | None) -> Finding:
    """Whether the provider reaches us: what it takes, it confirms within seconds."""
    subject, late = f"webhooks of {key}", datetime.now(UTC) - LATEST_CONFIRMATION
    if sent_at and sent_at < late and (heard_at is None or heard_at < sent_at):
        return Finding(
            subject,
            False,
            "nothing came back for what was sent: compare the callback address at the provider.",
        )
    if heard_at is None:
        return Finding(subject, True, "none yet")
    return Finding(subject, True, f"the last one {heard_at:%Y-%m-%d %H:%M} UTC")


def _alerts(connection: psycopg.Connection) -> Iterator[Finding]:
    connection.execute("SET ROLE bayan_worker")
    alerts = connection.execute(
        "SELECT a.key, l.kind, l.severity FROM channels_alert l "
        "JOIN channels_account a ON a.id = l.account_id "
        "WHERE l.resolved_at IS NULL AND l.severity <> 'information' ORDER BY a.key, l.kind"
    ).fetchall()
    connection.execute("RESET ROLE")
    if not alerts:
        yield Finding("alerts", True, "none open")
    for key, kind, severity in alerts:
        yield Finding(
            f"alert of {key}",
            severity != "critical",
            f"{kind} ({severity}): the page about the channels' health says what to do.",
        )


def _queues(connection: psycopg.Connection) -> Iterator[Finding]:
    connection.execute("SET ROLE bayan_worker")
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE set_aside_at IS NULL AND received_at < now() - interval '1 minute'), "
        "count(*) FILTER (WHERE set_aside_at IS NOT NULL) FROM intake_journal WHERE processed_at IS NULL"
    ).fetchone()
    connection.execute("RESET ROLE")
    late, aside = row or (0, 0)
    yield Finding(
        "worker",
        not late,
        f"{late} webhooks wait for more than a minute: is 'bayan serve worker' running?"
        if late
        else "keeps up",
    )
    yield Finding(
        "set aside",
        not aside,
        f"{aside} webhooks: look at them with 'bayan journal list --set-aside'."
        if aside
        else "nothing",
    )


def _second_reader(connection: psycopg.Connection) -> Iterator[Finding]:
    """How the other model did of late; nothing where none was asked."""
    connection.execute("SET ROLE bayan_worker")
    rows = connection.execute(
        "SELECT model, answered_at, failed_at, failure, rests_until > now() FROM cases_secondreader "
        "WHERE greatest(answered_at, failed_at) > now() - interval '1 day' ORDER BY model"
    ).fetchall()
    connection.execute("RESET ROLE")
    for model, answered_at, failed_at, failure, rests in rows:
        # Now and then one fails: it is well as long as others are answered.
        is_well = not rests and (
            failed_at is None
            or (answered_at is not None and failed_at - answered_at < LATEST_ANSWER)
        )
        yield Finding(
            f"answers of {model}",
            is_well,
            f"the last one {answered_at:%Y-%m-%d %H:%M} UTC"
            if is_well
            else f"{failure} at {failed_at:%Y-%m-%d %H:%M} UTC"
            + (", asked again in a minute" if rests else "")
            + ": look at the endpoint; meanwhile Bayan's own labels stand.",
        )
