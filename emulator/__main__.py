"""`python -m emulator`: the provider and the phone, on one port."""

import argparse
import gc
import os
import re
import signal
import socket
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from emulator.app import Emulator
from emulator.settings import MEANINGS, Options, Settings

SHUTDOWN_S = 1


class Server(uvicorn.Server):
    """Ends the open event streams first, or the browser would hold up the end."""

    def __init__(self, config: uvicorn.Config, emulator: Emulator) -> None:
        super().__init__(config)
        self._emulator = emulator

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._emulator.stop()
        super().handle_exit(sig, frame)


class Protocol(HttpToolsProtocol):
    """Notes when a request arrives: until its turn comes, the log's clock would run on."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["arrived_at"] = time.time()


# Each request leaves a few objects that only the collector frees: a little often, so that no message waits.
LOOK_FOR_GARBAGE_EVERY = 300


def _spare_what_stays(phase: str, _facts: dict[str, Any]) -> None:
    # Nearly all that outlives a collection is of the log and stays: looking through it again and again
    # stops everything for half a second once it is long.
    if phase == "stop":
        gc.freeze()


def main() -> int:
    """Serve until told to stop; the exit code."""
    settings, options = _asked()
    try:
        listener = _listener(settings)
    except OSError as failure:
        sys.stderr.write(
            f"emulator: cannot listen on {settings.host}:{settings.port} "
            f"({failure.strerror}); stop what uses it or give another --port.\n"
        )
        return 1
    settings = replace(settings, port=listener.getsockname()[1])
    emulator = Emulator(settings, options)
    config = uvicorn.Config(
        emulator,
        http=Protocol,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    sys.stderr.write(
        f"emulator: phone at http://{settings.host}:{settings.port}/ "
        f"and webhooks to {settings.callback}\n"
    )
    # The server raises the signal again once it is down; an ordinary end is then exit code 0.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.callbacks.append(_spare_what_stays)
    gc.set_threshold(LOOK_FOR_GARBAGE_EVERY)
    try:
        Server(config, emulator).run(sockets=[listener])
    except KeyboardInterrupt:
        return 0
    return 0


def _asked() -> tuple[Settings, Options]:
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    for field in fields(Settings):
        given = os.environ.get(f"EMULATOR_{field.name.upper()}")
        name = f"--{field.name.replace('_', '-')}"
        if field.name == "number":
            parser.add_argument(
                name,
                type=_number,
                action="append",
                metavar="ID=DISPLAY",
                default=[_number(each) for each in given.split(",")] if given else [],
                help="one more number of the account; may be repeated",
            )
            continue
        kind = {"port": int, "smtp_port": int, "imap_port": int, "data_dir": Path}.get(
            field.name, str
        )
        parser.add_argument(name, type=kind, default=field.default if given is None else given)
    for field in fields(Options):
        given = os.environ.get(f"EMULATOR_{field.name.upper()}")
        names = [f"--{field.name.replace('_', '-')}"]
        if field.name == "throughput_per_s":
            names.insert(0, "--throughput")
        if field.type is bool:
            parser.add_argument(
                *names,
                action=argparse.BooleanOptionalAction,
                default=field.default if given is None else given == "1",
                help=MEANINGS[field.name],
            )
        else:
            parser.add_argument(
                *names,
                dest=field.name,
                type=float,
                default=field.default if given is None else given,
                help=MEANINGS[field.name],
            )
    asked = vars(parser.parse_args())
    options = {field.name: asked.pop(field.name) for field in fields(Options)}
    asked["number"] = tuple(asked["number"])
    return Settings(**asked), Options(**options)


def _number(given: str) -> str:
    if not re.fullmatch(r"\d+=\d+", given):
        raise argparse.ArgumentTypeError(f"{given!r} is not ID=DISPLAY, both in digits")
    return given


def _listener(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


if __name__ == "__main__":
    sys.exit(main())
