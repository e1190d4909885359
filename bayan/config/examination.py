"""`bayan doctor`: what is well with this instance, and how to mend what is not."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg

from bayan.config.environment import LOGIN, WEB, WORKER, ConfigurationMissing, Environment

LEAST_FREE_BYTES = 1024**3
LARGEST_CLOCK_DIFFERENCE = 5.0


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
        for look in (_database, _migrations, _clock, _channels, _queues):
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
    ]
    for subject, read in checks:
        try:
            yield Finding(subject, True, str(read()))
        except ConfigurationMissing as missing:
            yield Finding(subject, False, str(missing))


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
        "SELECT a.key, a.nature, a.base_url, count(n.id) FROM channels_account a "
        "LEFT JOIN channels_number n ON n.account_id = a.id GROUP BY a.id ORDER BY a.key"
    ).fetchall()
    connection.execute("RESET ROLE")
    if not accounts:
        yield Finding("channels", False, "no account yet: make one with 'bayan account save'.")
    for key, nature, base_url, numbers in accounts:
        address = urlsplit(base_url)
        port = address.port or (443 if address.scheme == "https" else 80)
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
