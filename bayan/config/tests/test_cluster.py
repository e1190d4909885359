"""The embedded PostgreSQL: starting, adopting, stopping, and what stands in its way."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayan.config import cluster as cluster_module
from bayan.config.cluster import Cluster, ClusterFailed
from bayan.config.environment import Environment
from bayan.config.tests.instances import eventually, is_alive
from emulator.tests.ports import free_port

pytestmark = pytest.mark.xdist_group("instances")

Usage = namedtuple("Usage", "total used free")


def make_cluster(data_dir: Path) -> Cluster:
    environment = Environment()
    environment.data_dir = data_dir
    return Cluster(environment, durable=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = make_cluster(tmp_path_factory.mktemp("cluster") / "data")
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def running(made: Cluster) -> Cluster:
    made.start()
    return made


def test_a_running_cluster_is_adopted(running: Cluster) -> None:
    pid = running.pid
    again = make_cluster(running.environment.data_dir)

    again.start()

    assert again.pid == pid
    assert again.port == running.port


def test_stopping_waits_until_postgresql_is_gone(running: Cluster) -> None:
    pid = running.pid
    assert pid is not None

    running.stop()

    assert not is_alive(pid)
    assert running.pid is None
    running.stop()


def test_what_is_stopped_at_once_is_gone_too_and_comes_back(running: Cluster) -> None:
    pid = running.pid
    assert pid is not None

    running.stop(at_once=True)

    assert not is_alive(pid)
    running.start()
    assert running.pid is not None


def test_it_comes_back_on_the_same_port_after_a_kill(running: Cluster) -> None:
    pid, port = running.pid, running.port
    assert pid is not None
    os.kill(pid, 9)
    eventually(lambda: not is_alive(pid), "kill -9 does not work")

    def starts() -> bool:
        try:
            running.start()
        except ClusterFailed:
            return False  # its last processes are still leaving
        return True

    eventually(starts, "it does not start again")
    assert running.port == port
    with running.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_lock_file_that_names_another_program_stands_in_nobodys_way(running: Cluster) -> None:
    running.stop()
    lock = running.folder / "postmaster.pid"
    # After a restart of the machine the number may belong to anybody: here to this very test.
    lock.write_text(f"{os.getpid()}\n{running.folder}\n0\n5432\n\n127.0.0.1\n 0 0\nready\n")

    assert running.pid is None
    running.stop()
    running.start()

    assert running.pid not in {None, os.getpid()}


def test_the_database_speaks_utf_8_and_knows_arabic(running: Cluster) -> None:
    running.bootstrap("words")
    with running.connect("words") as connection:
        row = connection.execute("SELECT upper('é'), 'أ' ~ '\\w', uuidv7() IS NOT NULL").fetchone()

    assert row == ("É", True, True)


def test_bootstrapping_twice_is_harmless(running: Cluster) -> None:
    running.bootstrap("twice")
    running.bootstrap("twice")

    with running.connect("twice") as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname ~ '^bayan_' ORDER BY 1"
        ).fetchall()
    assert roles == [
        ("bayan_login", False, False),
        ("bayan_owner", False, True),
        ("bayan_web", False, False),
        ("bayan_worker", False, False),
    ]


def test_it_listens_on_this_machine_only_and_wants_a_password(running: Cluster) -> None:
    with running.connect() as connection:
        row = connection.execute("SHOW listen_addresses").fetchone()
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert row == ("127.0.0.1",)
    assert rules == [("scram-sha-256",)]


def test_a_half_made_cluster_is_removed_and_the_reason_is_said(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    initdb = binaries / "initdb"
    initdb.write_text(
        "#!/bin/sh\necho 'initdb: error: could not write: No space left on device' >&2\nexit 1\n"
    )
    initdb.chmod(0o755)
    monkeypatch.setattr(cluster_module, "binaries", lambda: binaries)
    cluster = make_cluster(data_dir)

    with pytest.raises(ClusterFailed, match="is full: free some space"):
        cluster.start()

    assert not cluster.folder.exists()
    assert not (data_dir / "postgres.password").exists()


def test_a_full_disk_is_called_so_even_where_postgresql_does_not(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 10, 0))
    data_dir.mkdir()

    said = cluster_module._explain("pg_ctl", "could not start", data_dir / "log", data_dir)

    assert said == f"The disk that holds {data_dir} is full: free some space and start again."


def test_where_root_gets_no_user_namespace_it_is_told_what_to_do(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], 1)

    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", refuse)

    with pytest.raises(ClusterFailed, match="run Bayan as an ordinary user that owns"):
        make_cluster(data_dir).start()


def test_the_port_of_the_last_time_is_taken_only_if_it_is_free() -> None:
    wanted = free_port()

    assert cluster_module._free_port(wanted) == wanted
