"""A whole instance, started as its operator starts it, and a real browser to use it with."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bayan.config.environment import PROJECT_DIR
from bayan.config.tests.instances import fill
from emulator.tests.ports import free_port

CHROMIUM = os.environ.get("BAYAN_CHROMIUM", "/usr/bin/chromium")
# So many people write in the rehearsal (test_rehearsal.py); 500 make a long one.
REHEARSED = int(os.environ.get("BAYAN_REHEARSAL_PEOPLE", "40"))
# Where pictures of its steps are kept for whoever wants to look; else none are made.
PICTURES = os.environ.get("BAYAN_REHEARSAL_PICTURES", "")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # A microphone that hums, and nobody to ask for it.
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
SHOWN_AROUND = """
from django.utils import timezone
from bayan.people.models import Member
Member.objects.update(toured_at=timezone.now())
"""
AXE = PROJECT_DIR / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Instance:
    """A running Bayan with its emulator."""

    data_dir: Path
    port: int
    emulator_port: int
    process: subprocess.Popen[str] | None = None
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.data_dir.with_suffix(".out")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def emulator(self) -> str:
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def variables(self) -> dict[str, str]:
        # Nothing of the unit tests' database may leak into an instance of its own.
        outside = {key: value for key, value in os.environ.items() if not key.startswith("BAYAN_")}
        return outside | {
            "BAYAN_DATA_DIR": str(self.data_dir),
            "BAYAN_PORT": str(self.port),
            "BAYAN_EMULATOR_PORT": str(self.emulator_port),
        }

    def bayan(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the `bayan` command against this instance."""
        return subprocess.run(
            [sys.executable, "-m", "bayan", *arguments],
            env=self.variables, capture_output=True, text=True, check=False, cwd=PROJECT_DIR,
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        if not self.data_dir.exists():
            fill(self.data_dir, demo=True)
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bayan", "up", "--demo"],
                env=self.variables, stdout=output, stderr=output, text=True, cwd=PROJECT_DIR,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        wait_for(lambda: "Ctrl-C" in self.output.read_text() or self.process.poll() is not None, 60)  # type: ignore[union-attr]
        assert self.process.poll() is None, self.output.read_text()

    def stop(self) -> None:
        """Ctrl-C."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(40)

    def token(self, user: str, *scopes: str) -> str:
        """An API key of one of the demo's people."""
        flags = [word for scope in scopes for word in ("--scope", scope)]
        done = self.bayan("token", "create", "--user", f"{user}@demo.bayan.example", *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def wait_for[T](condition: Callable[[], T], seconds: float = 15) -> T:
    """The condition's first true value.

    Fails the test when there is none in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if value := condition():
                return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    running = Instance(tmp_path_factory.mktemp("bayan") / "data", free_port(), free_port(behind=2))
    running.start()
    # Everybody knows their way: the journeys are not those of newcomers (test_tour.py).
    done = running.bayan("manage", "shell", "--no-imports", "--command", SHOWN_AROUND)
    assert done.returncode == 0, done.stderr
    yield running
    running.stop()
    # What the worker does every few seconds fails quietly and is tried again: it must not fail by itself.
    worked = (running.data_dir / "logs" / "worker.log").read_text()
    assert "TransactionManagementError" not in worked


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in profiles of their own; fails the test for an error on their console."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(**options: object) -> Page:
        context = browser.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


# Only what is asked for comes back; style sheets, which it would fetch again, matter to no rule of ours.
RUN_AXE = """async (rules) => {
  const found = await axe.run(document, {
    resultTypes: ["violations"], preload: false, ...(rules.length ? {runOnly: rules} : {}),
  });
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  return [
    ...found.violations.flatMap(({id, nodes}) => nodes.map(({target}) => `${id}: ${target}`)),
    ...new Set(ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: ${id}`)),
  ];
}"""


def axe(page: Page, *, rules: Sequence[str] = (), is_there: bool = False) -> list[str]:
    """What axe finds on the page as it stands (rule and element), and ids that stand there twice.

    `rules`: these alone. `is_there`: the page has loaded axe itself.
    """
    if not is_there:
        # Through the debugger, not a script tag: the page's policy allows none from outside.
        page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(RUN_AXE, list(rules))
    return found
