"""`bayan up`: PostgreSQL, web, worker, dispatcher and, in the demo, the emulator; kept running."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO

from bayan.config.cluster import Cluster, ClusterFailed
from bayan.config.environment import PROJECT_DIR, Environment

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LEAST_FREE_BYTES = 256 * 2**20
LARGEST_LOG = 50 * 2**20
LONGEST_PAUSE = 10.0
# Who has run for so long has recovered: the next death counts as the first.
STEADY_AFTER = 30.0
# Stands in a data folder while a restore fills it.
UNFINISHED = "restore.unfinished"


class CannotStart(Exception):
    """Something stands in the way; the text says what, and what to do."""


@dataclass
class Part:
    """One process of the instance, started again when it dies."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    next_start: float = 0.0


class Instance:
    """All processes of one data folder."""

    def __init__(self, environment: Environment, *, demo: bool, sends: bool = True) -> None:
        self.environment = environment
        self.demo = demo
        self.cluster = Cluster(environment) if environment.is_embedded else None
        self.logs = environment.data_dir / "logs"
        self._metrics = environment.data_dir / "run" / "metrics"
        bayan = [sys.executable, "-m", "bayan"]
        self.parts = [
            *(Part("web", [*bayan, "serve", "web"]) for _ in range(environment.web_processes)),
            Part("worker", [*bayan, "serve", "worker"]),
        ]
        if sends:
            self.parts.append(Part("dispatcher", [*bayan, "serve", "dispatcher"]))
        if demo:
            emulator = [
                sys.executable, "-m", "emulator", "--port", str(environment.emulator_port),
                "--callback", f"http://127.0.0.1:{environment.port}/hooks/whatsapp/demo",
                "--unifonic-callback",
                f"http://127.0.0.1:{environment.port}/hooks/unifonic/demo-sms/demo-sms-callback",
                "--taqnyat-callback",
                f"http://127.0.0.1:{environment.port}/hooks/taqnyat/demo-sms-2/demo-sms-callback",
                "--smtp-port", str(environment.emulator_port + 1),
                "--imap-port", str(environment.emulator_port + 2),
                "--data-dir", str(environment.data_dir / "emulator"),
            ]  # fmt: skip
            self.parts.append(Part("emulator", emulator))
        self._stopping = False
        self._lock: IO[str] | None = None

    def run(self) -> None:
        """Start everything, keep it running until a signal comes, stop everything.

        :raises CannotStart: before anything was left behind
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        self._check_the_ground()
        try:
            self._start_database()
            self._prepare()
            for part in self.parts:
                self._start(part)
            if self._wait_until_ready():
                self._greet()
            while not self._stopping:
                self._look_after()
                time.sleep(0.2)
        finally:
            self._stop()

    def _check_the_ground(self) -> None:
        environment = self.environment
        if self.demo and environment.host not in LOOPBACK:
            raise CannotStart(
                f"The demo lets everybody in and refuses the address {environment.host}: "
                "unset BAYAN_HOST, or start without --demo."
            )
        folder = environment.data_dir
        try:
            (folder / "run").mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise CannotStart(
                f"The data folder {folder} cannot be written ({error.strerror}): "
                "set BAYAN_DATA_DIR to a folder of yours."
            ) from error
        if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            raise CannotStart(
                f"The disk that holds {folder} is full: free some space and start again."
            )
        self._lock = hold(folder)
        # Counters begin with the instance.
        shutil.rmtree(self._metrics, ignore_errors=True)
        self._metrics.mkdir(parents=True)
        if (folder / UNFINISHED).is_file():
            raise CannotStart(
                f"A restore into {folder} was cut off: run 'bayan restore FILE' again, it clears the rest."
            )
        wanted = [("BAYAN_PORT", environment.host, environment.port)]
        if self.demo:
            wanted.append(("BAYAN_EMULATOR_PORT", "127.0.0.1", environment.emulator_port))
        for variable, host, port in wanted:
            if is_taken(host, port):
                raise CannotStart(
                    f"Port {port} is in use by another program: stop that, or set {variable} to a free port."
                )

    def _start_database(self) -> None:
        if self.cluster is None:
            return
        try:
            self.cluster.start()
            self.cluster.bootstrap()
        except ClusterFailed as failure:
            raise CannotStart(str(failure)) from failure

    def _prepare(self) -> None:
        command = [sys.executable, "-m", "bayan", "prepare", *(["--demo"] if self.demo else [])]
        done = subprocess.run(
            command, env=self._variables(), stderr=subprocess.PIPE, text=True, check=False,
            start_new_session=True, cwd=PROJECT_DIR,
        )  # fmt: skip
        with (self.logs / "prepare.log").open("a") as log:
            log.write(done.stderr)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise CannotStart(f"The database could not be prepared: {lines[-1]}")

    def _variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "BAYAN_DATA_DIR": str(self.environment.data_dir),
            "BAYAN_DEMO": "1" if self.demo else "0",
            "PYTHONUNBUFFERED": "1",
            # Where web processes count together what /metrics tells.
            "PROMETHEUS_MULTIPROC_DIR": str(self._metrics),
        }

    def _start(self, part: Part) -> None:
        path = self.logs / f"{part.name}.log"
        if path.is_file() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            part.process = subprocess.Popen(
                part.command, env={**self._variables(), **part.environment}, cwd=PROJECT_DIR,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # Ctrl-C in the terminal is for us alone; we stop the parts in order.
                start_new_session=True, preexec_fn=die_with_parent(),
            )  # fmt: skip
        part.started_at = time.monotonic()

    def _look_after(self) -> None:
        now = time.monotonic()
        if self.cluster is not None and not self.cluster.is_running:
            try:
                port = int(self.cluster.port_file.read_text())
                self.cluster.start()
                say("PostgreSQL had stopped and runs again.")
                if self.cluster.port != port:
                    self._start_over()  # somebody took its port meanwhile; the parts know only that one
            except ClusterFailed as failure:
                # Its last processes may still be leaving: the next round tries again.
                say(str(failure))
                time.sleep(1)
        for part in self.parts:
            if part.process is None:
                if now >= part.next_start:
                    self._start(part)
                continue
            code = part.process.poll()
            if code is None:
                continue
            part.process = None
            part.deaths = 1 if now - part.started_at > STEADY_AFTER else part.deaths + 1
            pause = min(LONGEST_PAUSE, 0.2 * 2 ** (part.deaths - 1))
            part.next_start = now + pause
            say(f"{part.name} ended ({code}) and starts again; see {self.logs / part.name}.log")

    def _start_over(self) -> None:
        for part in self.parts:
            if part.process is not None:
                part.process.terminate()

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + 90
        while not self._stopping and time.monotonic() < deadline:
            if answers("127.0.0.1", self.environment.port, "/readyz") and (
                not self.demo or answers("127.0.0.1", self.environment.emulator_port, "/")
            ):
                return True
            self._look_after()
            time.sleep(0.1)
        if not self._stopping:
            say(f"Not ready after 90 seconds; it keeps trying. See the logs in {self.logs}.")
        return False

    def _greet(self) -> None:
        place = f"http://{self.environment.host}:{self.environment.port}"
        say(f"Bayan is ready:  {place}/")
        if self.demo:
            say(f"A phone to try:  http://127.0.0.1:{self.environment.emulator_port}/")
            say("Sign in with one click on the sign-in page:")
            for address, role in DEMO_SIGN_INS.items():
                say(f"  {address:<40}{role}")
        say("Ctrl-C stops everything; the data stay.")

    def _ask_to_stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _stop(self) -> None:
        running = [part.process for part in self.parts if part.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + 20
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.cluster is not None:
            self.cluster.stop()


# The demo's people (bayan/demo/services.py), for the operator who reads the terminal.
DEMO_SIGN_INS = {
    "desk@demo.bayan.example": "responder at the authority's desk",
    "responder.khobar@demo.bayan.example": "responder in Khobar",
    "responder.qatif@demo.bayan.example": "responder in Qatif",
    "responder.jubail@demo.bayan.example": "responder in Jubail",
    "executive@demo.bayan.example": "head of the authority",
    "mayor.khobar@demo.bayan.example": "mayor of Khobar",
    "director@demo.bayan.example": "media director of the authority",
    "director.khobar@demo.bayan.example": "media director of Khobar",
    "spokesperson@demo.bayan.example": "spokesperson",
    "press@demo.bayan.example": "press officer",
    "editor@demo.bayan.example": "editor",
    "monitor@demo.bayan.example": "media monitor",
    "legal@demo.bayan.example": "legal reviewer",
    "field.khobar@demo.bayan.example": "field officer in Khobar",
    "trainer@demo.bayan.example": "training coordinator",
    "researcher@demo.bayan.example": "researcher",
    "viewer.khobar@demo.bayan.example": "viewer in Khobar",
    "admin@demo.bayan.example": "administrator",
}


def hold(folder: Path) -> IO[str]:
    """Keep the data folder for this process until the file is closed.

    :raises CannotStart: another process of Bayan holds it
    """
    (folder / "run").mkdir(parents=True, exist_ok=True)
    lock = (folder / "run" / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise CannotStart(
            f"Bayan already runs in {folder}: stop it first, or set BAYAN_DATA_DIR to another folder."
        ) from error
    return lock


def say(text: str) -> None:
    print(text, flush=True)


def is_taken(host: str, port: int) -> bool:
    """True when something already listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
        return False


def answers(host: str, port: int, path: str) -> bool:
    """True when an HTTP GET there is answered with 200."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def die_with_parent() -> Callable[[], None] | None:
    """On Linux: ask the kernel to end the child when we are killed and cannot do so ourselves."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent_death_signal = 1  # PR_SET_PDEATHSIG

    def ask() -> None:
        prctl(parent_death_signal, signal.SIGTERM)

    return ask
