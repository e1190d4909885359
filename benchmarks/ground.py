"""Where a benchmark runs: a PostgreSQL and servers of its own in a temporary folder, gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from bayan.config.cli import django
from bayan.config.cluster import Cluster
from bayan.config.environment import LOGIN, PROJECT_DIR, Environment, environment
from bayan.config.supervisor import answers, die_with_parent
from emulator.tests.ports import free_port

TICKS = os.sysconf("SC_CLK_TCK")


class BenchFailed(Exception):
    """The benchmark could not be carried out; the text says why, and what to do."""


class Ground:
    """A durable, migrated instance with the demo authority, and the processes started in it."""

    def __init__(self, folder: Path) -> None:
        environment = Environment()
        environment.data_dir = folder
        self.folder = folder
        self.cluster = Cluster(environment)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self, made: str = "") -> None:
        """Start PostgreSQL, migrate, and load the demo authority.

        `made`: a data folder in which that is done already; then a copy of it serves.
        """
        if made:
            shutil.copytree(made, self.folder, dirs_exist_ok=True)
            # Where the other listened.
            shutil.rmtree(self.folder / "run", ignore_errors=True)
        with uninterrupted():
            self.cluster.start()
        if made:
            return
        self.cluster.bootstrap()
        done = subprocess.run(
            [sys.executable, "-m", "bayan", "prepare", "--demo"],
            env=self.variables(), cwd=PROJECT_DIR, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise BenchFailed(f"The bench's database could not be prepared: {lines[-1]}")

    def start(self, role: str, *arguments: str, name: str = "") -> subprocess.Popen[bytes]:
        """Start one role of Bayan; its output goes to `logs/<name or role>.log`."""
        return self._start(name or role, "bayan", "serve", role, *arguments)

    def serve(self, role: str) -> int:
        """Start one role that listens; returns its port once it answers there."""
        port = free_port()
        self.start(role, "--port", str(port))
        if role == "web":
            # As `bayan up` does.
            for number in range(2, environment.web_processes + 1):
                self.start(role, "--port", str(port), name=f"{role}-{number}")
        self._wait_until_it_answers(role, port, "/healthz")
        started = sum(name.split("-")[0] == role for name in self.processes)
        deadline = time.monotonic() + 30
        while listeners_on(port) < started:
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"Only {listeners_on(port)} of {started} {role} processes listen."
                )
            time.sleep(0.05)
        return port

    def emulate(self, callback: str, *arguments: str) -> str:
        """Start an emulator that sends its webhooks there; returns its address."""
        port = free_port()
        self._start("emulator", "emulator", f"--port={port}", f"--callback={callback}", *arguments)
        self._wait_until_it_answers("emulator", port, "/healthz")
        return f"http://127.0.0.1:{port}"

    def put_first(self, name: str) -> bool:
        """Let this process run the moment it has something to do, as it would on a machine of its own.

        Returns whether the system permits that: it takes root's rights.
        """
        try:
            os.sched_setscheduler(self.processes[name].pid, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            return False
        return True

    def _start(self, name: str, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "logs" / f"{name}.log").open("wb") as sink, uninterrupted():
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.variables(), cwd=PROJECT_DIR, stdin=subprocess.DEVNULL, stdout=sink,
                stderr=sink, start_new_session=True, preexec_fn=die_with_parent(),  # noqa: PLW1509  # no threads here
            )  # fmt: skip
            self.processes[name] = process
        return process

    def _wait_until_it_answers(self, name: str, port: int, path: str) -> None:
        deadline = time.monotonic() + 30
        while not answers("127.0.0.1", port, path):
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                log = self.folder / "logs" / f"{name}.log"
                lines = log.read_text(errors="replace").strip().splitlines() or ["no reason given"]
                raise BenchFailed(f"'{name}' does not start: {lines[-1]}")
            time.sleep(0.05)

    def connect(self) -> psycopg.Connection:
        """A superuser's connection, to look behind the servers' back."""
        return self.cluster.connect("bayan")

    def settle_in(self) -> None:
        """Have Django in this very process, seeing what the web sees."""
        os.environ.update(self.variables())
        # The caller's own instance may have been asked for already.
        vars(environment).pop("data_dir", None)
        django(LOGIN)

    def cpu_seconds_of_all(self) -> dict[str, float]:
        """CPU used so far by everything that runs here, by its name."""
        postmaster = self.cluster.pid
        assert postmaster is not None  # noqa: S101  # started in `prepare`
        used = {name: _family_cpu(process.pid) for name, process in self.processes.items()}
        return used | {"postgres": _family_cpu(postmaster)}

    def cpu_seconds(self, role: str) -> dict[str, float]:
        """CPU used so far by the processes of this role and by PostgreSQL with all its processes."""
        postmaster = self.cluster.pid
        assert postmaster is not None  # noqa: S101  # started in `prepare`
        return {
            role: sum(
                _family_cpu(process.pid)
                for name, process in self.processes.items()
                if name.split("-")[0] == role
            ),
            "postgres": _family_cpu(postmaster),
        }

    def megabytes(self, name: str) -> float:
        """Memory of this process, what it shares counted in part (PSS)."""
        lines = Path(f"/proc/{self.processes[name].pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def clear_away(self) -> None:
        """Stop everything and remove the folder."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.cluster.stop(at_once=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def variables(self) -> dict[str, str]:
        # Nothing of the caller's own instance may be touched.
        clean = {k: v for k, v in os.environ.items() if not k.startswith("BAYAN_")}
        return {**clean, "BAYAN_DATA_DIR": str(self.folder), "BAYAN_DEMO": "1"}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until what is being started is known to `clear_away`."""
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda caught, _frame: held.append(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


@contextmanager
def ground() -> Iterator[Ground]:
    """A prepared ground, removed at the end whatever happens (Ctrl-C and SIGTERM included)."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    made = os.environ.get("BAYAN_BENCH_FROM", "")
    # The bench reads secrets through its own environment too: none of them may come from outside.
    for name in [name for name in os.environ if name.startswith("BAYAN_")]:
        del os.environ[name]
    place = Ground(Path(tempfile.mkdtemp(prefix="bayan-bench-")))
    try:
        place.prepare(made)
        yield place
    finally:
        # A second Ctrl-C would leave processes behind.
        impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)
        place.clear_away()
        signal.signal(signal.SIGINT, impatient)
        signal.signal(signal.SIGTERM, before)


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """What an HTTP server of ours answers to a GET, or to a POST of this body, as JSON."""
    request = urllib.request.Request(  # noqa: S310  # an address of our own
        url, data=json.dumps(body).encode() if body else None
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
        return json.load(answer)


def listeners_on(port: int) -> int:
    """How many sockets listen on this port of IPv4 (proc(5): state 0A)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    cells = (line.split() for line in lines)
    return sum(cell[3] == "0A" and int(cell[1].rpartition(":")[2], 16) == port for cell in cells)


def _family_cpu(pid: int) -> float:
    """User and system seconds of a process, of its living children and of those that ended."""
    ticks = sum(_ticks(pid, with_ended_children=True))
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        ticks += sum(_ticks(int(child), with_ended_children=False))
    return ticks / TICKS


def _ticks(pid: int, *, with_ended_children: bool) -> list[int]:
    try:
        # The name in brackets may hold blanks; utime is the 14th field of proc(5), the 12th after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(field) for field in fields[11 : 15 if with_ended_children else 13]]
