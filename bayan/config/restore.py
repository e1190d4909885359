"""`bayan restore`: an instance again from the file that `bayan backup` wrote, in an empty data folder."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bayan.config.archive import ArchiveReader
from bayan.config.backup import (
    FOLDERS,
    Examined,
    Manifest,
    Report,
    Sums,
    ask_passphrase,
    connect,
    examine,
    last_line,
    program,
    rows_of_tables,
    say,
    summary,
)
from bayan.config.cluster import DEFAULT_PRIVILEGES_SQL, Cluster
from bayan.config.environment import OWNER, ConfigurationMissing, Environment
from bayan.config.supervisor import LEAST_FREE_BYTES, UNFINISHED, hold
from bayan.core.audit import Verdict
from bayan.core.errors import DomainError

# The dump says for each object what others may do with it; what the roles are given by default
# would come on top, and open to the web what a migration keeps from it.
NO_DEFAULT_PRIVILEGES_SQL = DEFAULT_PRIVILEGES_SQL.replace("GRANT", "REVOKE").replace(
    " TO ", " FROM "
)
EMPTY_THE_DATABASE_SQL = """
DO $$ DECLARE what text; BEGIN
  -- Their sequences and indexes go with them.
  FOR what IN
    SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p') AND relowner = current_user::regrole AND NOT relispartition
  LOOP EXECUTE format('DROP TABLE %s CASCADE', what); END LOOP;
  FOR what IN
    SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    AND proowner = current_user::regrole
  LOOP EXECUTE format('DROP ROUTINE %s CASCADE', what); END LOOP;
END $$
"""


class TargetNotEmpty(DomainError):
    pass


class BackupNotReadable(DomainError):
    pass


class BackupIsNewer(DomainError):
    pass


class AnotherFieldKey(DomainError):
    pass


class NoSpace(DomainError):
    pass


class RestoreFailed(DomainError):
    pass


class AuditBroken(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore came to."""

    examined: Examined
    doubted_messages: int
    audit: Verdict


def command(environment: Environment, options: argparse.Namespace) -> None:
    """`bayan restore FILE`."""
    source = Path(options.file)
    target = _Target(environment)
    if not target.is_cut_off:
        target.refuse_non_empty()
    if not source.is_file():
        raise BackupNotReadable(f"There is no file {source}.")
    passphrase = ask_passphrase(environment, twice=False)
    done = restore(
        environment, source, passphrase, keep_queue=options.keep_queue,
        accept_broken_audit=options.accept_broken_audit, now=datetime.now(UTC), report=say,
    )  # fmt: skip
    manifest, contents = done.examined.manifest, done.examined.contents
    print(
        f"Restored what Bayan {manifest.bayan} was at {manifest.made_at}: {summary(manifest, contents)}."
    )
    print(
        f"The audit trail is whole: {done.audit.sealed} entries sealed, {done.audit.unsealed} not yet."
        if done.audit.is_whole
        else f"The audit trail is broken at entry {done.audit.broken_at}, as it was in the backup."
    )
    if done.doubted_messages:
        print(
            f"Messages that waited to be sent and are 'uncertain' now: {done.doubted_messages}. The instance "
            "that was backed up may have sent them since; whoever looks at one can send it again. "
            "(When it never ran again after the backup, --keep-queue leaves them queued.)"
        )
    print(f"Start it with 'bayan up' (data folder {environment.data_dir}).")


def restore(
    environment: Environment,
    source: Path,
    passphrase: str,
    *,
    keep_queue: bool,
    accept_broken_audit: bool,
    now: datetime,
    report: Report,
) -> Restored:
    """Fill the empty data folder, and the empty database, with what the backup holds.

    The whole file is read and checked before anything is written. Whatever fails afterwards, the target
    is empty again.

    :raises DomainError: one of this module or of `archive`
    """
    try:
        file = source.open("rb")
    except OSError as error:
        raise BackupNotReadable(f"{source} cannot be read ({error.strerror}).") from error
    with file:
        report("checking the whole file")
        examined = examine(file, passphrase)
        _refuse_another_key(environment, examined)
        file.seek(0)
        with _vacant(environment, report) as target:
            target.refuse_without_space(examined)
            target.prepare(examined)
            _refuse_newer(examined.manifest)
            sums = Sums()
            for name, blocks in ArchiveReader(file, passphrase).members():
                kind = name.partition("/")[0]
                if kind == "database":
                    report(f"database: {sum(examined.manifest.tables.values()):,} rows")
                    _load(environment, blocks, examined.manifest)
                elif kind in FOLDERS:
                    _put(environment.data_dir / name, sums.adding_file(name, blocks))
                    if sums.files % 1000 == 0:
                        report(f"files: {sums.files:,}")
            for name in sums.damaged:
                report(f"{name} is not what its name says: it was damaged before the backup")
            os.sync()
            return _finish(
                examined, keep_queue=keep_queue, accept_broken_audit=accept_broken_audit, now=now
            )


def _refuse_another_key(environment: Environment, examined: Examined) -> None:
    given = environment.given_secret("field_key")
    if given and given != examined.secrets.get("field_key", given):
        raise AnotherFieldKey(
            "BAYAN_FIELD_KEY is not the key of this backup, and the accounts' secrets could not be read "
            "with it: unset it, the backup brings its own."
        )


class _Target:
    """The data folder and database that are to be filled."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.folder = environment.data_dir
        self.cluster = Cluster(environment) if environment.is_embedded else None
        self.marker = self.folder / UNFINISHED

    @property
    def is_cut_off(self) -> bool:
        """True when an earlier restore had no time to clear away what it had written."""
        return self.marker.is_file()

    def refuse_non_empty(self) -> None:
        for name in ("secrets", "postgres", *FOLDERS):
            if (self.folder / name).is_dir() and any((self.folder / name).iterdir()):
                raise TargetNotEmpty(
                    f"{self.folder} already holds {name}, and a restore overwrites nothing: set "
                    "BAYAN_DATA_DIR to an empty folder, or move this one away."
                )
        if self.cluster is not None:
            return
        if not self.environment.given_secret("database_owner_password"):
            raise ConfigurationMissing(
                "BAYAN_DATABASE_OWNER_PASSWORD is missing: your PostgreSQL needs it."
            )
        with connect(self.environment) as connection:
            if tables := rows_of_tables(connection):
                raise TargetNotEmpty(
                    f"The database {self.environment.database.name} already has {len(tables)} tables, and "
                    "a restore overwrites nothing: set BAYAN_DATABASE_NAME to an empty one."
                )

    def refuse_without_space(self, examined: Examined) -> None:
        needed = examined.contents.file_bytes + LEAST_FREE_BYTES
        if self.cluster is not None:
            needed += examined.manifest.database_bytes
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise NoSpace(
                f"The disk that holds {self.folder} has {free:,} bytes free and {needed:,} are needed: "
                "free some space, or set BAYAN_DATA_DIR to another disk."
            )

    def prepare(self, examined: Examined) -> None:
        """Put the keys in place, start the database with their passwords, set Django up on it."""
        for name, secret in examined.secrets.items():
            _put(self.folder / "secrets" / name, iter([secret.encode()]))
        (self.folder / "secrets").chmod(0o700)
        if self.cluster is not None:
            self.cluster.start()
            self.cluster.bootstrap(self.environment.database.name)
        from bayan.config import cli

        cli.django(OWNER)

    def empty_again(self, before: list[str]) -> None:
        """Remove whatever a restore has put here; `before` is what the folder held."""
        if self.cluster is not None:
            self.cluster.stop()
        else:
            with connect(self.environment) as connection:
                connection.execute(EMPTY_THE_DATABASE_SQL)
                connection.execute(DEFAULT_PRIVILEGES_SQL)
        # What holds the folder for us goes last.
        ours = {path.name for path in self.folder.iterdir()} - {*before, "run", self.marker.name}
        for name in {"secrets", "postgres", *FOLDERS, *ours}:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        (self.folder / "run" / "postgres.port").unlink(missing_ok=True)
        self.marker.unlink(missing_ok=True)


@contextlib.contextmanager
def _vacant(environment: Environment, report: Report) -> Iterator[_Target]:
    """The target, empty and held; if the block fails it is empty again, else its database is at rest."""
    target = _Target(environment)
    folder = target.folder
    try:
        is_new = not folder.is_dir()
        before = [] if is_new else sorted(path.name for path in folder.iterdir())
        folder.mkdir(parents=True, exist_ok=True)
        lock = hold(folder)
    except OSError as error:
        raise RestoreFailed(
            f"The data folder {folder} cannot be written ({error.strerror}): "
            "set BAYAN_DATA_DIR to a folder of yours."
        ) from error
    try:
        with lock:
            if target.is_cut_off:
                report(f"clearing what a restore that was cut off left in {folder}")
                before = json.loads(target.marker.read_text() or "[]")
                target.empty_again(before)
            target.refuse_non_empty()
            folder.chmod(0o700)
            target.marker.write_text(json.dumps(before))
            try:
                yield target
            except BaseException as error:
                _empty_after(error, target, before, report)
                raise
            _disconnect()
            if target.cluster is not None:
                target.cluster.stop()
            target.marker.unlink()
    except BaseException:
        if "run" not in before:
            shutil.rmtree(folder / "run", ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _empty_after(error: BaseException, target: _Target, before: list[str], report: Report) -> None:
    report("it failed: emptying the target again")
    _disconnect()
    try:
        target.empty_again(before)
    except Exception as second:
        left = "" if target.cluster else f" and all that is in {target.environment.database.name}"
        raise RestoreFailed(
            f"The restore failed ({error}) and could not clear what it had written ({second}): "
            f"remove secrets, postgres, {', '.join(FOLDERS)} and {UNFINISHED} in {target.folder}{left} "
            "before you try again."
        ) from error
    report("the target is empty again")
    if isinstance(error, OSError):
        raise RestoreFailed(
            f"The restore failed ({error.strerror or error}) and left nothing behind."
        ) from error


def _put(path: Path, blocks: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(blocks)


def _load(environment: Environment, blocks: Iterator[bytes], manifest: Manifest) -> None:
    """Have PostgreSQL take in the dump, all of it or nothing, and count what came of it."""
    with connect(environment) as connection:
        connection.execute(NO_DEFAULT_PRIVILEGES_SQL)
        _pg_restore(environment, blocks)
        connection.execute(DEFAULT_PRIVILEGES_SQL)
        counted = rows_of_tables(connection)
        connection.execute("ANALYZE")
    if counted != manifest.tables:
        table = min(
            name for name in counted.keys() | manifest.tables.keys()
            if counted.get(name) != manifest.tables.get(name)
        )  # fmt: skip
        raise RestoreFailed(
            f"The restored database differs from the backup: {table} has {counted.get(table, 'no')} rows "
            f"and had {manifest.tables.get(table, 'no')}."
        )


def _pg_restore(environment: Environment, blocks: Iterator[bytes]) -> None:
    command, variables = program(
        environment, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner"
    )
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr
        ) as process,
    ):
        assert process.stdin is not None  # noqa: S101  # a pipe, as asked
        try:
            # It says itself why it takes no more.
            with contextlib.suppress(BrokenPipeError), process.stdin as dump:
                for block in blocks:
                    dump.write(block)
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            raise RestoreFailed(f"The database could not be loaded ({last_line(stderr)}).")


def _refuse_newer(manifest: Manifest) -> None:
    from django.db.migrations.loader import MigrationLoader

    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(manifest.migrations) - known):
        raise BackupIsNewer(
            f"The backup was made by Bayan {manifest.bayan}, which knows more than this one "
            f"(the migration {unknown[-1]}): install that version, or a newer one."
        )


def _finish(
    examined: Examined, *, keep_queue: bool, accept_broken_audit: bool, now: datetime
) -> Restored:
    """Bring the loaded database up to this version, hold what might be sent twice, look at the trail."""
    from django.core.management import call_command
    from django.db import transaction

    from bayan.channels import services as channels
    from bayan.core import audit

    call_command("migrate", interactive=False, verbosity=0)
    verdict = audit.verify()
    if not verdict.is_whole and not accept_broken_audit:
        raise AuditBroken(
            f"The audit trail in this backup is broken at entry {verdict.broken_at}: {verdict.reason}. Take "
            "an older backup, or take this one as it is with --accept-broken-audit."
        )
    with transaction.atomic():
        doubted = 0 if keep_queue else channels.doubt_unsent()
        audit.record(
            audit.Entry(
                action="platform.restored",
                subject_type="platform",
                subject_key="bayan",
                by=audit.SYSTEM,
                at=now,
                node_id=None,
                details={"made_at": examined.manifest.made_at, "doubted_messages": doubted},
            )
        )
    return Restored(examined=examined, doubted_messages=doubted, audit=verdict)


def _disconnect() -> None:
    """End Django's connection, if there is one: the database is about to stop, or to be emptied."""
    from django.conf import settings
    from django.db import connection

    if settings.configured:
        connection.close()
