"""Real instances for tests: `bayan up` in a folder of its own, and looking at its processes."""

from __future__ import annotations

import fcntl
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bayan.config.cluster import Cluster
from bayan.config.environment import PROJECT_DIR, Environment
from bayan.config.supervisor import answers
from emulator.tests.ports import free_port

# The run's own folder, which all its processes share (config.testing).
_RUN = Path(os.environ.get("BAYAN_DATA_DIR", ""))


def fill(data_dir: Path, *, demo: bool) -> None:
    """Make a data folder as a first start leaves it: a copy, since migrations take most of that."""
    shutil.copytree(filled(demo=demo), data_dir)


def filled(*, demo: bool) -> Path:
    """The data folder of which `fill` makes copies."""
    made = _RUN / "filled"
    if not demo:
        return made
    made_for_demo = made.with_name("filled-demo")
    with (_RUN / "filled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made_for_demo.is_dir():
            unfinished = made.with_name("filled-demo.new")
            shutil.copytree(made, unfinished)
            _add_demo(unfinished)
            unfinished.rename(made_for_demo)
    return made_for_demo


def _add_demo(data_dir: Path) -> None:
    environment = Environment()
    environment.data_dir = data_dir
    cluster = Cluster(environment)
    cluster.start()
    try:
        subprocess.run(
            [sys.executable, "-m", "bayan", "prepare", "--demo"],
            env=clean_environment() | {"BAYAN_DATA_DIR": str(data_dir), "BAYAN_DEMO": "1"},
            cwd=PROJECT_DIR,
            check=True,
        )
    finally:
        cluster.stop()
    # An instance goes back to the port that it had: two copies would meet there.
    shutil.rmtree(data_dir / "run")


class Up:
    """A `bayan up` of its own: its output, its processes, its database."""

    def __init__(
        self, data_dir: Path, *arguments: str, is_first: bool = False, **variables: str
    ) -> None:
        """`is_first`: the folder is left empty, so that all of a first start is done."""
        self.data_dir = data_dir
        if not data_dir.exists() and not is_first:
            fill(data_dir, demo="--demo" in arguments)
        self.port, self.emulator_port = free_port(), free_port(behind=2)
        environment = Environment()
        environment.data_dir = data_dir
        self.cluster = Cluster(environment)
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bayan", "up", *arguments],
            env=self.variables() | variables,
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def variables(self) -> dict[str, str]:
        """The environment of everything that belongs to this instance."""
        return clean_environment() | {
            "BAYAN_DATA_DIR": str(self.data_dir),
            "BAYAN_PORT": str(self.port),
            "BAYAN_EMULATOR_PORT": str(self.emulator_port),
        }

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
        while not any("Bayan is ready" in line for line in self.said):
            assert time.monotonic() < deadline, self.said
            line = self._lines.get(timeout=120)
            assert line is not None, self.said
            self.said.append(line)

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What a `bayan` command says about this instance."""
        return subprocess.run(
            [sys.executable, "-m", "bayan", *arguments],
            env=self.variables(),
            cwd=PROJECT_DIR,
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def connect(self) -> psycopg.Connection:
        """A superuser's connection to this instance's database."""
        return self.cluster.connect("bayan")

    def part(self, role: str) -> int:
        """The process id of a part, once it runs."""
        eventually(lambda: bool(self.parts(role)), f"no {role} runs")
        return self.parts(role)[0]

    def parts(self, role: str) -> list[int]:
        """The process ids of all parts of this role that run now."""
        return [pid for pid in children(self.process.pid) if f"serve {role}" in command_line(pid)]

    def is_ready(self) -> bool:
        return answers("127.0.0.1", self.port, "/readyz")

    def processes(self) -> set[int]:
        """Everything that runs for this instance: supervisor, parts, PostgreSQL."""
        pids = {self.process.pid, *children(self.process.pid)}
        if (postmaster := self.cluster.pid) is not None:
            pids |= {postmaster, *children(postmaster)}
        return {pid for pid in pids if is_alive(pid)}

    def interrupt(self) -> int:
        """What Ctrl-C does; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(40)
        self._finish()
        return code

    def clear_away(self) -> None:
        """Leave nothing behind, however the test ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.cluster.stop(at_once=True)
        self._finish()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())
        self._lines.put(None)

    def _finish(self) -> None:
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        while not self._lines.empty():
            if (line := self._lines.get()) is not None:
                self.said.append(line)


def count(up: Up, rows: str, what: str = "count(*)") -> int:
    """How many of these rows the instance holds; -1 while its database is away."""
    query = f"SELECT {what} FROM {rows}"  # noqa: S608  # constants
    try:
        with up.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
    except psycopg.OperationalError:
        return -1
    assert row is not None
    return int(row[0])


def clean_environment() -> dict[str, str]:
    """Ours, without a word about the tests' own database."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BAYAN_")}
    # A second web process takes two seconds to start; where it matters, a test asks for it.
    return ours | {"BAYAN_WEB_PROCESSES": "1"}


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes_of(data_dir: Path) -> list[str]:
    """The command lines of all processes that were told of this folder, but ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:
            continue
        if (
            str(data_dir).encode() in text
            and int(path.name) != os.getpid()
            and is_alive(int(path.name))
        ):
            found.append(command_line(int(path.name)))
    return found


def is_alive(pid: int) -> bool:
    """True while a process runs; a dead one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(is_true: Callable[[], bool], complaint: str, *, seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)
