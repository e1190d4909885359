"""Backup and restore: everything is there again, once, or the target is as empty as it was."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from bayan.channels.tests.factories import make_account
from bayan.config import backup, testing
from bayan.config.archive import ArchiveReader, ArchiveWriter, FileDamaged
from bayan.config.cluster import BOOTSTRAP_SQL, binaries
from bayan.config.environment import PROJECT_DIR, Environment
from bayan.config.supervisor import UNFINISHED
from bayan.config.tests.instances import Up, clean_environment, count, eventually
from bayan.core import audit
from benchmarks.mix import Mix

PASSPHRASE = "نخلة الجبيل تعطي رطبًا كثيرًا"
MIX = Mix("KILL", people=250)
SEALED_WITH = {"BAYAN_BACKUP_PASSPHRASE": PASSPHRASE}

pytestmark = pytest.mark.xdist_group("kill")

OUTGOING = """
    INSERT INTO channels_outgoing
        (public_id, node_id, number_id, to_phone, to_whatsapp_id, content, lane, subject_type, subject_key,
         request_id, state, attempts, not_before, claimed_at, created_at)
    SELECT uuidv7(), node_id, id, '966500010001', '', '{"type": "text", "text": {"body": "وصل بلاغكم"}}',
           10, '', '', 'backup', state, 0, now() + interval '1 hour',
           CASE state WHEN 'sending' THEN now() END, now()
    FROM (SELECT * FROM channels_number LIMIT 1) AS number, unnest(%s::text[]) AS state
"""
STATES = """
    SELECT state, error ->> 'title', count(*) FROM channels_outgoing
    WHERE request_id = 'backup' GROUP BY 1, 2
"""


def bayan(
    data_dir: Path, *arguments: str, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """A `bayan` command for this data folder."""
    return subprocess.run(
        [sys.executable, "-m", "bayan", *arguments],
        env=clean_environment() | {"BAYAN_DATA_DIR": str(data_dir)} | variables,
        cwd=PROJECT_DIR, input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip


def upload(data_dir: Path, content: bytes) -> Path:
    """An upload as it is kept: once, under its own hash."""
    digest = hashlib.sha256(content).hexdigest()
    path = data_dir / "media" / digest[:2] / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def uploads(data_dir: Path, folder: str = "media") -> dict[str, bytes]:
    return {
        path.relative_to(data_dir).as_posix(): path.read_bytes()
        for path in (data_dir / folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def provider() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=15) as client:
        yield client


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What tells Bayan that the tests' database is a PostgreSQL of the operator's own."""
    cluster = testing.cluster
    variables = {
        "BAYAN_DATABASE_HOST": "127.0.0.1",
        "BAYAN_DATABASE_PORT": str(cluster.port),
        "BAYAN_DATABASE_NAME": os.environ["BAYAN_DATABASE_NAME"],
        "BAYAN_DATABASE_OWNER_PASSWORD": cluster.environment.secret("database_owner_password"),
        "BAYAN_DATABASE_LOGIN_PASSWORD": cluster.environment.secret("database_login_password"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def house(committed_db: None, outside: dict[str, str], tmp_path: Path) -> Environment:
    """An instance with an account, a sealed trail, messages on their way out, two uploads and a model."""
    house = Environment()
    house.data_dir = tmp_path / "house"
    make_account()
    with testing.cluster.connect(outside["BAYAN_DATABASE_NAME"]) as connection:
        connection.execute(OUTGOING, [["queued", "sending", "held", "sent"]])
    audit.seal()
    upload(house.data_dir, b"a picture")
    upload(house.data_dir, b"a voice" * 500_000)
    house.secret("field_key")
    # As `bayan train` writes one: what tells matters apart comes with every version.
    shutil.copytree(
        PROJECT_DIR / "bayan" / "triage" / "model", house.models_dir / "20261129-0812",
        ignore=shutil.ignore_patterns("matters.*"),
    )  # fmt: skip
    (house.models_dir / "in-use").write_text("20261129-0812\n")
    # What `bayan train` was at when the backup was made.
    (house.models_dir / ".20261130-0700.3fa9").mkdir()
    (house.models_dir / ".20261130-0700.3fa9" / "card.json").write_text("{}")
    return house


@pytest.fixture
def backed_up(house: Environment, tmp_path: Path, now: datetime) -> Path:
    file = tmp_path / "house.bayan"
    backup.back_up(house, file, PASSPHRASE, overwrite=False, now=now, report=lambda _text: None)
    return file


@pytest.fixture
def elsewhere(outside: dict[str, str]) -> Iterator[dict[str, str]]:
    """What tells Bayan of another database there, with the roles' privileges and nothing in it."""
    name = f"{outside['BAYAN_DATABASE_NAME']}_restored"
    with testing.cluster.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with testing.cluster.connect(name) as inside:
            inside.execute(BOOTSTRAP_SQL.encode())
        yield outside | SEALED_WITH | {"BAYAN_DATABASE_NAME": name}
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def rewritten(
    file: Path,
    *,
    manifest: Callable[[backup.Manifest], backup.Manifest] = lambda manifest: manifest,
    dump: Callable[[bytes], bytes] = lambda dump: dump,
) -> Path:
    """A whole and authentic backup that another Bayan might have written."""
    other = file.with_suffix(".other")
    sums = backup.Sums()
    secrets = 0
    with file.open("rb") as source, other.open("wb") as target:
        writer = ArchiveWriter(target, PASSPHRASE)
        for name, blocks in ArchiveReader(source, PASSPHRASE).members():
            content = b"".join(blocks)
            if name == "manifest":
                changed = manifest(backup.Manifest(**json.loads(content)))
                content = json.dumps(asdict(changed)).encode()
            elif name == "database":
                content = dump(content)
                sums.add_dump(content)
            elif name.startswith(("media/", "models/")):
                list(sums.adding_file(name, iter([content])))
            elif name == "contents":
                content = json.dumps(asdict(sums.contents(secrets=secrets))).encode()
            else:
                secrets += 1
            writer.member(name, content)
        writer.close()
    return other


def test_everything_answered_before_the_backup_is_there_once_after_all_was_killed(
    tmp_path: Path, provider: httpx.Client
) -> None:
    first, file = Up(tmp_path / "first", "--demo"), tmp_path / "night.bayan"
    try:
        first.wait_until_ready()
        pictures = [upload(first.data_dir, os.urandom(n)) for n in (0, 1, 3_000_000)]
        for number in range(150):
            assert deliver(provider, first, number) == 200
        eventually(lambda: count(first, OURS) == 150, "the journal is not worked off")
        # From now on nothing is worked off: the backup takes these with it as they came.
        os.kill(first.part("worker"), signal.SIGSTOP)
        for number in range(150, 200):
            assert deliver(provider, first, number) == 200
        with first.connect() as connection:
            connection.execute(OUTGOING, [["queued", "sending", "held", "sent"]])
        stop = threading.Event()
        traffic = threading.Thread(target=go_on, args=(provider, first, stop))
        traffic.start()
        try:
            made = bayan(first.data_dir, "backup", str(file), stdin=f"{PASSPHRASE}\n")
        finally:
            stop.set()
            traffic.join()
        assert made.returncode == 0, made.stderr
        assert "3 files of 3,000,001 bytes, 5 keys" in made.stdout
        processes = first.processes()
        for pid in sorted(processes, key=lambda pid: pid != first.process.pid):
            with contextlib.suppress(ProcessLookupError):  # PostgreSQL's backends come and go
                os.kill(pid, signal.SIGKILL)
    finally:
        first.clear_away()

    new = tmp_path / "second"
    done = bayan(new, "restore", str(file), stdin=f"{PASSPHRASE}\n")
    assert done.returncode == 0, done.stderr
    assert "The audit trail is whole" in done.stdout
    assert "'uncertain' now: 3" in done.stdout
    assert uploads(new) == uploads(first.data_dir)
    assert len(uploads(new)) == len(pictures)
    assert not (new / UNFINISHED).exists()

    second = Up(new, "--demo")
    try:
        second.wait_until_ready()
        # The provider repeats what it is not sure of.
        for number in range(0, 200, 20):
            assert deliver(provider, second, number) == 200
        eventually(lambda: count(second, f"{BEFORE} AND m.id > 0") == 200, "not all is there")
        eventually(lambda: count(second, WAITING) == 0, "the journal is not worked off")
        assert count(second, BEFORE) == 200
        assert count(second, BEFORE, "count(DISTINCT m.external_id)") == 200
        assert count(second, "intake_journal WHERE set_aside_at IS NOT NULL") == 0
        with second.connect() as connection:
            assert sorted(connection.execute(STATES.encode()).fetchall()) == [
                ("sent", None, 1),
                ("uncertain", "restored", 3),
            ]
        sent = httpx.get(f"http://127.0.0.1:{second.emulator_port}/_control/sent").json()["items"]
        assert [item for item in sent if "وصل بلاغكم" in json.dumps(item, ensure_ascii=False)] == []
        # Signature and verify token are kept encrypted with the field key.
        assert handshake(second).text == "42"
        assert "whole" in second.run("verify-audit")
        assert second.interrupt() == 0
    finally:
        second.clear_away()


OURS = "inbox_message m WHERE m.external_id LIKE 'wamid.KILL%'"
BEFORE = (
    "inbox_message m WHERE m.external_id BETWEEN 'wamid.KILL000000000' AND 'wamid.KILL000000199'"
)
WAITING = "intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL"


def deliver(client: httpx.Client, up: Up, number: int) -> int:
    body = MIX.body([number])
    signature = hmac.digest(b"demo-app-secret", body, "sha256").hex()
    return client.post(
        f"http://127.0.0.1:{up.port}/hooks/whatsapp/demo",
        content=body,
        headers={"X-Hub-Signature-256": f"sha256={signature}"},
    ).status_code


def go_on(client: httpx.Client, up: Up, stop: threading.Event) -> None:
    for number in range(200, 2_000):
        if stop.is_set():
            return
        deliver(client, up, number)


def handshake(up: Up) -> httpx.Response:
    return httpx.get(
        f"http://127.0.0.1:{up.port}/hooks/whatsapp/demo?hub.mode=subscribe"
        "&hub.verify_token=demo-verify-token&hub.challenge=42"
    )


def test_an_outside_database_is_restored_with_all_its_locks(
    backed_up: Path,
    house: Environment,
    elsewhere: dict[str, str],
    tmp_path: Path,
) -> None:
    new = tmp_path / "new"

    done = bayan(new, "restore", str(backed_up), "--keep-queue", **elsewhere)

    assert done.returncode == 0, done.stderr
    assert "uncertain" not in done.stdout
    assert not (new / "postgres").exists()
    assert uploads(new) == uploads(house.data_dir)
    restored = Environment()
    restored.data_dir = new
    assert restored.model_dir == new / "models" / "20261129-0812"
    assert sorted(uploads(new, "models")) == [
        "models/20261129-0812/card.json",
        "models/20261129-0812/model.npz",
        "models/in-use",
    ]
    assert uploads(new, "models").items() < uploads(house.data_dir, "models").items()
    key = new / "secrets" / "field_key"
    assert key.read_text() == house.secret("field_key")
    assert key.stat().st_mode & 0o777 == 0o600
    with testing.cluster.connect(elsewhere["BAYAN_DATABASE_NAME"]) as connection:
        assert sorted(connection.execute(STATES.encode()).fetchall()) == [
            ("held", None, 1),
            ("queued", None, 1),
            ("sending", None, 1),
            ("sent", None, 1),
        ]
        assert connection.execute(
            "SELECT count(*) FROM core_auditentry WHERE action = 'platform.restored'"
        ).fetchone() == (1,)
    # Policies, privileges, defaults: what the web may not see it does not see here either.
    assert schema_of(elsewhere) == schema_of(os.environ)

    again = bayan(tmp_path / "third", "restore", str(backed_up), **elsewhere)
    assert again.returncode == 1
    assert "already has" in again.stderr
    assert not (tmp_path / "third").exists()


def schema_of(variables: Mapping[str, str]) -> list[str]:
    cluster = testing.cluster
    password = cluster.environment.secret("database_superuser_password")
    text = subprocess.run(
        [
            str(binaries() / "pg_dump"), "--schema-only", "--host", "127.0.0.1",
            "--port", str(cluster.port), "--username", "postgres",
            variables["BAYAN_DATABASE_NAME"],
        ],
        env=os.environ | {"PGPASSWORD": password}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # Two lines carry a random word; and of a list in allauth's index PostgreSQL makes another text each time.
    passed_over = ("restrict", "unique_authenticator_type")
    return [line for line in text.splitlines() if not any(word in line for word in passed_over)]


def one_row_more(manifest: backup.Manifest) -> backup.Manifest:
    tables = manifest.tables | {"public.channels_account": 2}
    return replace(manifest, tables=tables)


def from_the_future(manifest: backup.Manifest) -> backup.Manifest:
    return replace(manifest, bayan="9.0", migrations=[*manifest.migrations, "cases.9999_future"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"manifest": from_the_future}, "was made by Bayan 9.0"),
        ({"manifest": one_row_more}, "public.channels_account has 1 rows and had 2"),
        ({"dump": lambda _dump: b"not what pg_dump writes"}, "could not be loaded"),
    ],
)
def test_a_restore_that_fails_leaves_an_outside_database_empty(
    changes: dict[str, Any],
    complaint: str,
    backed_up: Path,
    elsewhere: dict[str, str],
    tmp_path: Path,
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "notes.txt").write_text("the operator's own")
    before = schema_of(elsewhere)

    done = bayan(new, "restore", str(rewritten(backed_up, **changes)), **elsewhere)

    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert schema_of(elsewhere) == before
    assert [path.name for path in new.iterdir()] == ["notes.txt"]


def test_a_restore_that_fails_leaves_no_data_folder(backed_up: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    half = rewritten(backed_up, dump=lambda dump: dump[: len(dump) // 2])

    done = bayan(new, "restore", str(half), **SEALED_WITH)

    assert done.returncode == 1
    assert "could not be loaded" in done.stderr
    assert not new.exists()


def test_a_broken_audit_trail_is_restored_only_when_that_is_accepted(
    house: Environment,
    superuser: psycopg.Connection,
    elsewhere: dict[str, str],
    tmp_path: Path,
    now: datetime,
) -> None:
    superuser.execute("UPDATE core_auditentry SET actor = 'somebody' WHERE number = 1")
    file, new = tmp_path / "broken.bayan", tmp_path / "new"
    backup.back_up(house, file, PASSPHRASE, overwrite=False, now=now, report=lambda _text: None)

    refused = bayan(new, "restore", str(file), **elsewhere)
    assert refused.returncode == 1
    assert "broken at entry 1" in refused.stderr
    assert not new.exists()

    taken = bayan(new, "restore", str(file), "--accept-broken-audit", **elsewhere)
    assert taken.returncode == 0
    assert "broken at entry 1, as it was in the backup" in taken.stdout


def test_a_restore_that_was_killed_is_cleared_away_by_the_next(
    backed_up: Path, house: Environment, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    variables = clean_environment() | SEALED_WITH | {"BAYAN_DATA_DIR": str(new)}
    command = [sys.executable, "-m", "bayan", "restore", str(backed_up)]
    with subprocess.Popen(
        command, env=variables, cwd=PROJECT_DIR, stderr=subprocess.DEVNULL
    ) as process:
        eventually((new / "run" / "postgres.port").is_file, "no database was started")
        process.kill()
    assert (new / "secrets").is_dir()

    up = bayan(new, "up")
    assert up.returncode == 1
    assert "was cut off: run 'bayan restore FILE' again" in up.stderr

    done = bayan(new, "restore", str(backed_up), **SEALED_WITH)
    assert done.returncode == 0, done.stderr
    assert uploads(new) == uploads(house.data_dir)


def test_a_restore_refuses_whatever_is_not_empty(backed_up: Path, tmp_path: Path) -> None:
    for name in ("secrets", "postgres", "media", "models"):
        new = tmp_path / name
        (new / name).mkdir(parents=True)
        (new / name / "something").write_text("kept")
        done = bayan(new, "restore", str(backed_up), **SEALED_WITH)
        assert done.returncode == 1
        assert f"already holds {name}" in done.stderr
        assert [path.relative_to(new).as_posix() for path in new.rglob("*")] == [
            name,
            f"{name}/something",
        ]


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"BAYAN_BACKUP_PASSPHRASE": "another"}, "The passphrase is not the one of this backup"),
        ({"BAYAN_BACKUP_PASSPHRASE": ""}, "A passphrase is needed"),
        (SEALED_WITH | {"BAYAN_FIELD_KEY": "another"}, "BAYAN_FIELD_KEY is not the key"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_written(
    variables: dict[str, str], complaint: str, backed_up: Path, tmp_path: Path
) -> None:
    done = bayan(tmp_path / "new", "restore", str(backed_up), **variables)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "new").exists()


def test_what_an_older_bayan_wrote_is_read_and_a_newer_format_is_not(backed_up: Path) -> None:
    def made_in(number: int) -> backup.Examined:
        other = rewritten(backed_up, manifest=lambda manifest: replace(manifest, format=number))
        with other.open("rb") as file:
            return backup.examine(file, PASSPHRASE)

    assert made_in(1).contents.files == 5
    with pytest.raises(FileDamaged, match="in a format that this version does not know"):
        made_in(3)


def test_a_file_that_was_cut_off_is_refused_before_anything_is_written(
    backed_up: Path, tmp_path: Path
) -> None:
    whole = backed_up.read_bytes()
    backed_up.write_bytes(whole[: len(whole) - 1])
    done = bayan(tmp_path / "new", "restore", str(backed_up), **SEALED_WITH)
    assert done.returncode == 1
    assert "altered or cut off" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_file_that_exists_is_replaced_only_when_asked(
    backed_up: Path, house: Environment, now: datetime
) -> None:
    before = backed_up.read_bytes()

    def again(*, overwrite: bool) -> None:
        backup.back_up(
            house, backed_up, PASSPHRASE, overwrite=overwrite, now=now, report=lambda _text: None
        )

    with pytest.raises(backup.FileExists, match="--overwrite"):
        again(overwrite=False)
    assert backed_up.read_bytes() == before
    again(overwrite=True)
    assert backed_up.read_bytes() != before
    assert backed_up.stat().st_mode & 0o777 == 0o600


def test_a_backup_that_fails_leaves_no_file(
    house: Environment, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> tuple[list[str], dict[str, str]]:
        return [str(binaries() / "pg_dump"), "--host", "127.0.0.1", "--port", "1"], {}

    monkeypatch.setattr(backup, "program", broken)
    folder = tmp_path / "files"
    folder.mkdir()
    with pytest.raises(backup.BackupFailed, match="The database could not be read"):
        backup.back_up(
            house,
            folder / "a.bayan",
            PASSPHRASE,
            overwrite=False,
            now=now,
            report=lambda _text: None,
        )
    assert list(folder.iterdir()) == []


def test_uploads_that_vanish_meanwhile_are_no_failure(tmp_path: Path) -> None:
    kept = [upload(tmp_path, bytes([number])) for number in range(5)]
    kept.sort()
    (tmp_path / "media" / ".unfinished").write_bytes(b"being written")
    seen = []
    for name, blocks in backup.files_in(tmp_path, "media"):
        seen.append((name, b"".join(blocks)))
        if len(seen) == 1:
            kept[2].unlink()
    assert [name.rpartition("/")[2] for name, _content in seen] == [
        path.name for path in kept if path != kept[2]
    ]


def test_an_upload_that_the_disk_has_damaged_is_named(
    house: Environment, tmp_path: Path, now: datetime
) -> None:
    damaged = upload(house.data_dir, b"was once whole")
    damaged.write_bytes(b"was once whol\0")
    said: list[str] = []
    backup.back_up(
        house, tmp_path / "a.bayan", PASSPHRASE, overwrite=False, now=now, report=said.append
    )
    assert [line for line in said if damaged.name in line]


def test_the_passphrase_is_asked_twice_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["one", "one", "one", "another"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))

    assert backup.ask_passphrase(Environment(), twice=True) == "one"
    with pytest.raises(backup.NoPassphrase, match="differ"):
        backup.ask_passphrase(Environment(), twice=True)


def test_keys_that_the_environment_gives_are_backed_up_too(
    house: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAYAN_FIELD_KEY", "from the operator's vault")
    assert house.secrets() == {"field_key": "from the operator's vault"}
