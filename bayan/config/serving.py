"""Running one role in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import threading
from types import FrameType

import structlog
import uvicorn
import uvloop

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Ends the live streams as soon as it is told to stop: it would otherwise wait for them."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        from bayan.core import catalogue

        await super().startup(sockets)
        catalogue.follow()
        _spare_what_is_loaded()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from bayan.core.live import hub

        asyncio.get_running_loop().call_soon_threadsafe(hub.close)
        super().handle_exit(sig, frame)


def web(host: str, port: int) -> None:
    """Pages, API and hooks on one port."""
    # A thread that hears from the database must not wait 5 ms, the usual turn, for one that draws a page.
    sys.setswitchinterval(0.001)
    _run("bayan.config.asgi:application", host, port)


def intake(host: str, port: int) -> None:
    """The hooks alone."""
    _run("bayan.intake.asgi:standalone", host, port)


def worker() -> None:
    """Journal, sealer and housekeeping."""
    from bayan.core import catalogue
    from bayan.intake import worker as loops

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_signal: stop.set())
    catalogue.follow(stop)
    # What reads messages stays, as the rest does.
    loops.load()
    _spare_what_is_loaded()
    _look_for_garbage_seldom()
    log.info("worker.started")
    loops.run(stop)


def dispatcher() -> None:
    """Outgoing messages."""
    from bayan.channels import dispatcher as loop

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        _spare_what_is_loaded()
        # What is due to leave must not wait 5 ms, the usual turn, for a thread that claims or settles.
        sys.setswitchinterval(0.001)
        _look_for_garbage_seldom()
        log.info("dispatcher.started")
        await loop.run(stop)

    uvloop.run(until_stopped())


def _spare_what_is_loaded() -> None:
    """Keep the garbage collector from what stays: to look through all of Django takes it 80 to 150 ms,
    in which nothing else runs."""
    gc.collect()
    gc.freeze()


def _look_for_garbage_seldom() -> None:
    """A batch makes thousands of objects that end with it: looked through at every two thousandth, as Python
    does by itself, they cost a worker 6 % of its time, and hold up what is due to leave by up to 25 ms."""
    gc.set_threshold(25_000, 20, 20)


def _run(application: str, host: str, port: int) -> None:
    server = _Server(
        uvicorn.Config(
            application,
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            lifespan="on",
        )
    )
    server.run(sockets=[_listening(host, port)])


def _listening(host: str, port: int) -> socket.socket:
    """A socket there; on Linux other processes may listen beside it, and the kernel shares connections out.

    :raises OSError: the port is taken, or not ours to take
    """
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform.startswith("linux"):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind((host, port))
    return found
