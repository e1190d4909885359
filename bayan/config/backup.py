"""`bayan backup`: database, uploads, models and keys of a running instance in one encrypted file."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from psycopg import sql

from bayan.config.archive import ArchiveReader, ArchiveWriter, FileDamaged
from bayan.config.cluster import Cluster, binaries
from bayan.config.environment import OWNER, Environment
from bayan.config.supervisor import hold
from bayan.core.errors import DomainError

# Since 2 the models that `bayan train` made are in it.
FORMAT, FORMATS_READ = 2, {1, 2}
# What of the data folder is taken along, file by file.
FOLDERS = ("media", "models")
BLOCK = 1024 * 1024
SHORT_PASSPHRASE = 12
# Manifest, contents and keys are read into memory: nobody's are larger.
LARGEST_SMALL_MEMBER = 32 * 1024 * 1024

A_SHA256 = re.compile(r"[0-9a-f]{64}")

# What happens meanwhile, said to whoever waits.
Report = Callable[[str], None]


class FileExists(DomainError):
    pass


class NoPassphrase(DomainError):
    pass


class BackupFailed(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the database was when the backup was made; the first member of the file."""

    format: int
    made_at: str
    bayan: str
    postgres: str
    database_bytes: int
    migrations: list[str]
    tables: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the file holds; its last member. Two files with the same contents have equal sums."""

    secrets: int
    dump_bytes: int
    dump_sha256: str
    files: int
    file_bytes: int
    files_sha256: str


def command(environment: Environment, options: argparse.Namespace) -> None:
    """`bayan backup FILE`."""
    target = Path(options.file)
    refuse_existing(target, overwrite=options.overwrite)
    passphrase = ask_passphrase(environment, twice=True)
    if len(passphrase) < SHORT_PASSPHRASE:
        say(f"The passphrase is short: {SHORT_PASSPHRASE} characters or more resist guessing.")
    manifest, contents = back_up(
        environment,
        target,
        passphrase,
        overwrite=options.overwrite,
        now=datetime.now(UTC),
        report=say,
    )
    print(
        f"Backed up to {target} ({target.stat().st_size:,} bytes): {summary(manifest, contents)}."
    )
    print("Nobody can read it without the passphrase, you neither: keep that apart from the file.")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def summary(manifest: Manifest, contents: Contents) -> str:
    return (
        f"{sum(manifest.tables.values()):,} rows in {len(manifest.tables)} tables, "
        f"{contents.files:,} files of {contents.file_bytes:,} bytes, {contents.secrets} keys"
    )


def back_up(
    environment: Environment,
    target: Path,
    passphrase: str,
    *,
    overwrite: bool,
    now: datetime,
    report: Report,
) -> tuple[Manifest, Contents]:
    """Write everything of this instance to `target`, which appears only when it is whole.

    The database is taken at one moment; uploads are written once and never change, so that those which
    this moment knows are there afterwards too.

    :raises FileExists: and `overwrite` was not asked for
    :raises BackupFailed: nothing was written to `target`
    """
    refuse_existing(target, overwrite=overwrite)
    with database_running(environment), _appearing(target, overwrite=overwrite) as file:
        archive = ArchiveWriter(file, passphrase)
        with connect(environment) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = str(_one(connection, "SELECT pg_export_snapshot()"))
            manifest = _manifest(connection, now=now)
            archive.member("manifest", json.dumps(asdict(manifest)).encode())
            secrets = environment.secrets()
            for name, secret in secrets.items():
                archive.member(f"secrets/{name}", secret.encode())
            report(f"database: {sum(manifest.tables.values()):,} rows")
            sums = Sums()
            archive.begin("database")
            for block in _dump(environment, snapshot):
                archive.write(block)
                sums.add_dump(block)
            archive.end()
        for folder in FOLDERS:
            for name, blocks in files_in(environment.data_dir, folder):
                archive.begin(name)
                for block in sums.adding_file(name, blocks):
                    archive.write(block)
                archive.end()
                if sums.files % 1000 == 0:
                    report(f"files: {sums.files:,}")
        for name in sums.damaged:
            report(f"{name} is not what its name says: the disk has damaged it; kept as it is")
        contents = sums.contents(secrets=len(secrets))
        archive.member("contents", json.dumps(asdict(contents)).encode())
        archive.close()
    return manifest, contents


class Sums:
    """Counts and hashes what goes by, the same way when it is written and when it is read."""

    def __init__(self) -> None:
        self.files = 0
        # Whose content is not what their name says: the disk did not keep them well.
        self.damaged: list[str] = []
        self._dump, self._dump_bytes = hashlib.sha256(), 0
        self._all_files, self._file_bytes = hashlib.sha256(), 0

    def add_dump(self, block: bytes) -> None:
        self._dump.update(block)
        self._dump_bytes += len(block)

    def adding_file(self, name: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The blocks of one file, counted once they are all taken."""
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block)
            self._file_bytes += len(block)
            yield block
        self.files += 1
        last = name.rpartition("/")[2]
        if A_SHA256.fullmatch(last) and last != digest.hexdigest():
            self.damaged.append(name)
        # Of an upload without its folder, as when there were no others.
        self._all_files.update(f"{name.removeprefix('media/')} {digest.hexdigest()}\n".encode())

    def contents(self, *, secrets: int) -> Contents:
        return Contents(
            secrets=secrets,
            dump_bytes=self._dump_bytes,
            dump_sha256=self._dump.hexdigest(),
            files=self.files,
            file_bytes=self._file_bytes,
            files_sha256=self._all_files.hexdigest(),
        )


@dataclass(frozen=True)
class Examined:
    """What reading a whole backup told."""

    manifest: Manifest
    secrets: Mapping[str, str]
    contents: Contents


def examine(file: BinaryIO, passphrase: str) -> Examined:
    """Read the whole file and check all of it, before anybody writes anything.

    :raises DomainError: WrongPassphrase, NotABackup, FileDamaged
    """
    manifest: Manifest | None = None
    contents: Contents | None = None
    secrets: dict[str, str] = {}
    sums = Sums()
    for name, blocks in ArchiveReader(file, passphrase).members():
        kind, _slash, rest = name.partition("/")
        if kind == "manifest":
            manifest = _read_manifest(small(blocks))
        elif kind == "secrets" and is_plain(rest) and "/" not in rest:
            secrets[rest] = small(blocks).decode()
        elif kind == "database":
            for block in blocks:
                sums.add_dump(block)
        elif kind in FOLDERS and is_plain(rest):
            for _block in sums.adding_file(name, blocks):
                pass
        elif kind == "contents":
            contents = Contents(**json.loads(small(blocks)))
        else:
            raise FileDamaged(f"The backup holds '{name}', which Bayan does not write there.")
    if manifest is None or contents != sums.contents(secrets=len(secrets)):
        raise FileDamaged("The backup does not hold what it says it holds: take another copy.")
    return Examined(manifest, secrets, contents)


def _read_manifest(content: bytes) -> Manifest:
    given = json.loads(content)
    if given["format"] not in FORMATS_READ:
        raise FileDamaged(
            f"The backup was made by Bayan {given['bayan']} in a format that this version does not "
            "know: install that version, or a newer one."
        )
    return Manifest(**given)


def small(blocks: Iterator[bytes]) -> bytes:
    """A member that fits into memory, whole."""
    content = bytearray()
    for block in blocks:
        content += block
        if len(content) > LARGEST_SMALL_MEMBER:
            raise FileDamaged("A part of the backup that is always small is not.")
    return bytes(content)


def is_plain(name: str) -> bool:
    """True for a relative path that stays where it belongs and names no hidden file."""
    return all(part and not part.startswith(".") and "\0" not in part for part in name.split("/"))


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        raise FileExists(f"{target} is a folder: name a file in it.")
    if target.exists() and not overwrite:
        raise FileExists(
            f"{target} exists and is kept: name another file, or replace it with --overwrite."
        )


def ask_passphrase(environment: Environment, *, twice: bool) -> str:
    """From `BAYAN_BACKUP_PASSPHRASE`, from the terminal, or the first line of standard input.

    :raises NoPassphrase: none was given, or two that differ
    """
    given = environment.backup_passphrase
    if given is None and sys.stdin.isatty():
        given = getpass.getpass("Passphrase of the backup: ")
        if twice and given != getpass.getpass("Once more: "):
            raise NoPassphrase("The two passphrases differ: nothing was done.")
    elif given is None:
        given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise NoPassphrase(
            "A passphrase is needed: type it, give it on standard input, or set BAYAN_BACKUP_PASSPHRASE."
        )
    return given


@contextlib.contextmanager
def database_running(environment: Environment) -> Iterator[None]:
    """Have the embedded PostgreSQL answer meanwhile, also when Bayan is stopped."""
    environment.database  # noqa: B018  # says at once when there is none
    cluster = Cluster(environment)
    if not environment.is_embedded or cluster.is_running:
        yield
        return
    with hold(environment.data_dir):
        cluster.start()
        try:
            yield
        finally:
            cluster.stop()


def connect(environment: Environment) -> psycopg.Connection:
    """The owner's connection: row-level security does not hide anything from it."""
    place = environment.database
    return psycopg.connect(
        host=place.host,
        port=place.port,
        dbname=place.name,
        user=OWNER,
        password=environment.secret("database_owner_password"),
        connect_timeout=10,
        autocommit=True,
        # A dump takes as long as it takes, whatever the server's house rules are.
        options="-c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
    )


def rows_of_tables(connection: psycopg.Connection) -> dict[str, int]:
    """How many rows each table has, partitions each by itself."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables JOIN pg_class c "
        "ON c.oid = format('%I.%I', schemaname, tablename)::regclass "
        "WHERE c.relkind = 'r' AND schemaname NOT IN ('pg_catalog', 'information_schema') "
        "ORDER BY 1, 2"
    ).fetchall()
    return {
        f"{schema}.{table}": int(
            _one(
                connection, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
            )
        )
        for schema, table in tables
    }


def _manifest(connection: psycopg.Connection, *, now: datetime) -> Manifest:
    return Manifest(
        format=FORMAT,
        made_at=now.isoformat(timespec="seconds"),
        bayan=version("bayan"),
        postgres=str(_one(connection, "SHOW server_version")),
        database_bytes=int(_one(connection, "SELECT pg_database_size(current_database())")),
        migrations=[
            f"{app}.{name}"
            for app, name in connection.execute(
                "SELECT app, name FROM django_migrations ORDER BY app, name"
            )
        ],
        tables=rows_of_tables(connection),
    )


def _one(connection: psycopg.Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101  # asked so that there is one
    return row[0]


def program(
    environment: Environment, name: str, *arguments: str
) -> tuple[list[str], dict[str, str]]:
    """Command and environment of one of PostgreSQL's programs, signed in as the owner."""
    place = environment.database
    command = [
        str(binaries() / name), "--host", place.host, "--port", str(place.port), "--username", OWNER,
        "--no-password", "--dbname", place.name, *arguments,
    ]  # fmt: skip
    password = environment.secret("database_owner_password")
    return command, {**os.environ, "LC_ALL": "C", "PGPASSWORD": password}


def last_line(stderr: BinaryIO) -> str:
    """What a program complained of in the end."""
    stderr.seek(0)
    lines = [line for line in stderr.read().decode(errors="replace").splitlines() if line.strip()]
    return next(
        (line for line in lines if "error" in line), lines[-1] if lines else "no reason given"
    )


def _dump(environment: Environment, snapshot: str) -> Iterator[bytes]:
    command, variables = program(
        environment, "pg_dump", "--format", "custom", "--snapshot", snapshot,
        # They belong to the superuser; the bootstrap makes them in the target.
        "--exclude-extension", "*",
    )  # fmt: skip
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr
        ) as dump,
    ):
        try:
            assert dump.stdout is not None  # noqa: S101  # a pipe, as asked
            while block := dump.stdout.read(BLOCK):
                yield block
        except BaseException:
            dump.kill()
            raise
        if dump.wait() != 0:
            raise BackupFailed(f"The database could not be read ({last_line(stderr)}).")


def files_in(data_dir: Path, top: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every file of a folder in the data folder, as `top/…`, and its blocks.

    Unfinished ones are hidden and left out.
    """
    if not (data_dir / top).is_dir():
        return
    for folder, folders, names in os.walk(data_dir / top, onerror=_cannot_read):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue  # deleted since the folder was read
            with file:
                yield path.relative_to(data_dir).as_posix(), iter(lambda: file.read(BLOCK), b"")  # noqa: B023


def _cannot_read(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextlib.contextmanager
def _appearing(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A file beside `target` that takes its name once all is written and on the disk."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=BLOCK) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            refuse_existing(target, overwrite=overwrite)
            unfinished.replace(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise BackupFailed(
            f"The backup could not be made ({error.strerror}: {error.filename or target}): nothing was kept."
        ) from error
