"""`bayan up`: what it keeps, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter, namedtuple
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from bayan.config import cli
from bayan.config.environment import PROJECT_DIR, Environment
from bayan.config.supervisor import DEMO_SIGN_INS, Instance
from bayan.config.tests.instances import (
    Up,
    children,
    clean_environment,
    eventually,
    is_alive,
    processes_of,
)
from bayan.demo import services as demo
from bayan.people.models import Member
from emulator.tests.ports import free_port

pytestmark = pytest.mark.xdist_group("instances")

Usage = namedtuple("Usage", "total used free")
HANDSHAKE = "/hooks/whatsapp/main?hub.mode=subscribe&hub.verify_token=token&hub.challenge=42"


@pytest.fixture
def started() -> Iterator[list[Up]]:
    instances: list[Up] = []
    yield instances
    for instance in instances:
        instance.clear_away()


def start(started: list[Up], data_dir: Path, *, is_first: bool = False) -> Up:
    started.append(Up(data_dir, is_first=is_first))
    started[-1].wait_until_ready()
    return started[-1]


def up_in_vain(
    data_dir: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A `bayan up` that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "bayan", "up", *arguments],
        env=clean_environment()
        | {"BAYAN_DATA_DIR": str(data_dir), "BAYAN_PORT": str(free_port())}
        | variables,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_refused(done: subprocess.CompletedProcess[str], sentence: str, data_dir: Path) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert processes_of(data_dir) == []


def handshake(up: Up) -> str:
    return httpx.get(f"http://127.0.0.1:{up.port}{HANDSHAKE}").text


def test_the_data_outlive_ctrl_c_which_leaves_no_process(started: list[Up], data_dir: Path) -> None:
    first = start(started, data_dir, is_first=True)
    first.run(
        "account", "save", "main", "--name", "Main", "--number", "1=+966 1", "--nature", "exercise",
        "--base-url", "http://127.0.0.1:9", stdin="secret\ntoken\naccess\n",
    )  # fmt: skip
    eventually(lambda: handshake(first) == "42", "the new account is not known")
    everything = first.processes()
    assert len(everything) > 4

    assert first.interrupt() == 0

    assert [pid for pid in everything if is_alive(pid)] == []
    assert processes_of(data_dir) == []
    second = start(started, data_dir)
    assert handshake(second) == "42"

    other = up_in_vain(data_dir)
    assert other.returncode == 1
    assert other.stderr == (
        f"Bayan already runs in {data_dir}: stop it first, or set BAYAN_DATA_DIR to another folder.\n"
    )
    assert handshake(second) == "42"


def test_one_web_process_answers_while_the_other_is_started_again(
    started: list[Up], data_dir: Path
) -> None:
    up = Up(data_dir, BAYAN_WEB_PROCESSES="2")
    started.append(up)
    up.wait_until_ready()
    webs = up.parts("web")
    assert len(webs) == 2

    os.kill(webs[0], signal.SIGKILL)
    # What waited at the door of the dying one is lost with it, and only that.
    eventually(lambda: not is_alive(webs[0]), "it does not die")
    for _time in range(50):
        # Each on a line of its own: the kernel chooses who answers.
        assert httpx.get(f"http://127.0.0.1:{up.port}/healthz").text == "ok"

    eventually(lambda: len(up.parts("web")) == 2, "the killed one does not come back")
    # Both count together, whichever refused them and whichever is asked. The one that came back may not know
    # the accounts yet, and asks for it again.
    hook = f"http://127.0.0.1:{up.port}/hooks/whatsapp/nobody"
    refused = Counter(httpx.post(hook, content=b"{}").status_code for _time in range(20))
    assert set(refused) <= {404, 503}
    metrics = [httpx.get(f"http://127.0.0.1:{up.port}/metrics").text for _time in range(6)]
    for status, times in refused.items():
        assert all(
            f'bayan_webhooks_total{{status="{status}"}} {times}.0' in text for text in metrics
        )
    assert all("bayan_database_up 1" in text for text in metrics)
    assert up.interrupt() == 0
    assert processes_of(data_dir) == []


def test_a_killed_supervisor_takes_its_parts_along_and_the_next_one_goes_on(
    started: list[Up], data_dir: Path
) -> None:
    first = start(started, data_dir)
    parts, postmaster = children(first.process.pid), first.cluster.pid
    assert len(parts) == 3

    first.process.kill()
    first.process.wait()

    eventually(lambda: not any(map(is_alive, parts)), "the parts live on")
    second = start(started, data_dir)
    assert second.cluster.pid == postmaster
    assert second.interrupt() == 0
    assert processes_of(data_dir) == []


def test_when_the_databases_port_was_taken_meanwhile_the_parts_learn_the_new_one(
    started: list[Up], data_dir: Path
) -> None:
    up = start(started, data_dir)
    port, postmaster = up.cluster.port, up.cluster.pid
    assert postmaster is not None

    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Stopped, the supervisor cannot be faster than this test.
        up.process.send_signal(signal.SIGSTOP)
        os.kill(postmaster, signal.SIGINT)
        eventually(lambda: not is_alive(postmaster), "PostgreSQL does not stop")
        thief.bind(("127.0.0.1", port))
        thief.listen()
        up.process.send_signal(signal.SIGCONT)

        eventually(lambda: up.cluster.is_running and up.cluster.port != port, "no other port")
        eventually(up.is_ready, "the parts look for the old port")


def test_a_port_in_use_is_named(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        web = up_in_vain(data_dir, BAYAN_PORT=port)
        emulator = up_in_vain(data_dir, "--demo", BAYAN_EMULATOR_PORT=port)

    assert_refused(
        web, f"Port {port} is in use by another program: stop that, or set BAYAN_PORT", data_dir
    )
    assert_refused(emulator, "set BAYAN_EMULATOR_PORT to a free port", data_dir)
    assert not (data_dir / "postgres").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    data_dir = tmp_path / "file" / "data"

    done = up_in_vain(data_dir)

    assert_refused(done, f"The data folder {data_dir} cannot be written", data_dir)


def test_a_full_disk_is_noticed_before_anything_starts(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = Environment()
    environment.data_dir = data_dir
    monkeypatch.setattr(cli, "environment", environment)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(2**40, 2**40, 0))
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)

    with pytest.raises(SystemExit) as exit_:
        cli.main(["up"])

    assert exit_.value.code == 1
    assert capsys.readouterr().err == (
        f"The disk that holds {data_dir} is full: free some space and start again.\n"
    )
    assert not (data_dir / "postgres").exists()


def test_a_database_elsewhere_that_does_not_answer_is_named(data_dir: Path) -> None:
    closed = str(free_port())

    done = up_in_vain(data_dir, BAYAN_DATABASE_HOST="127.0.0.1", BAYAN_DATABASE_PORT=closed)

    assert_refused(done, f"The database at 127.0.0.1:{closed} does not answer", data_dir)


def test_a_port_that_is_none_is_named(data_dir: Path) -> None:
    assert_refused(
        up_in_vain(data_dir, BAYAN_PORT="http"), "BAYAN_PORT is 'http': it must be a port", data_dir
    )


def test_the_demo_refuses_a_public_address(data_dir: Path) -> None:
    done = up_in_vain(data_dir, "--demo", BAYAN_HOST="0.0.0.0")  # noqa: S104  # it is refused

    assert_refused(done, "The demo lets everybody in and refuses the address 0.0.0.0", data_dir)


@pytest.mark.parametrize(
    "command",
    [
        ["token", "create", "--user", "a@b", "--scope", "read"],
        ["journal", "list"],
        ["verify-audit"],
    ],
)
def test_a_command_without_an_instance_says_how_to_start_one(
    data_dir: Path, command: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bayan", *command],
        env=clean_environment() | {"BAYAN_DATA_DIR": str(data_dir)},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert_refused(done, f"No Bayan is running in {data_dir}: start it with 'make run'", data_dir)


def test_the_terminal_names_the_demos_people_who_are_there(db: None, now: datetime) -> None:
    demo.load(emulator_port=8100, now=now)
    assert set(DEMO_SIGN_INS) == set(Member.objects.values_list("email", flat=True))


def test_a_copy_can_be_looked_at_without_anything_being_sent(data_dir: Path) -> None:
    environment = Environment()
    environment.data_dir = data_dir
    assert "dispatcher" in {part.name for part in Instance(environment, demo=True).parts}
    copy = Instance(environment, demo=True, sends=False)
    assert {part.name for part in copy.parts} == {"web", "worker", "emulator"}
