"""A tiny provider for tests: answers as it is told and remembers what it received."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Answer:
    """What the provider does with one request."""

    status: int = 200
    body: bytes | None = None  # without one: the message is accepted
    delay: float = 0.0
    hangs_up: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    breaks_off: bool = False  # more is announced than comes


@dataclass
class Provider:
    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    # Taken one after the other; afterwards everything is accepted.
    answers: list[Answer] = field(default_factory=list)
    # What it says when it is asked, by path: status and JSON.
    told: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, answer: Any) -> None:
        """Answer the next request with this."""
        self.answers.append(Answer(body=json.dumps(answer).encode()))

    def refuse(self, code: int, status: int = 400, subcode: int | None = None) -> None:
        """Answer the next request with this error of the provider's."""
        self.answers.append(Answer(status, json.dumps(error_of(code, subcode)).encode()))


def error_of(code: int, subcode: int | None = None) -> dict[str, Any]:
    """The provider's envelope around this error."""
    error: dict[str, Any] = {
        "error": {
            "message": f"(#{code}) refused",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": "for a test"},
        }
    }
    if subcode:
        error["error"]["error_subcode"] = subcode
    return error


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # A gateway of text messages takes a form.
            is_form = "form-urlencoded" in self.headers.get("Content-Type", "")
            self._take(dict(parse_qsl(body.decode())) if is_form else json.loads(body))

        def do_GET(self) -> None:
            told = provider.told.get(self.path.partition("?")[0])
            if told is None:
                self._take({})
                return
            with provider.lock:
                provider.asked.append(self.path)
                provider.headers.append({k.lower(): v for k, v in self.headers.items()})
            self._say(told[0], json.dumps(told[1]).encode())

        def do_DELETE(self) -> None:
            self._take({})

        def _take(self, body: dict[str, Any]) -> None:
            with provider.lock:
                provider.received.append(body)
                provider.headers.append({k.lower(): v for k, v in self.headers.items()})
                provider.paths.append(self.path)
                provider.methods.append(self.command)
                answer = provider.answers.pop(0) if provider.answers else Answer()
                number = len(provider.received)
            time.sleep(answer.delay)
            if answer.hangs_up:
                self.close_connection = True
                return
            content = answer.body
            if content is None:
                content = json.dumps({"messages": [{"id": f"wamid.SENT{number}"}]}).encode()
            self._say(answer.status, content, answer)

        def _say(self, status: int, content: bytes, answer: Answer | None = None) -> None:
            how = answer or Answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) + how.breaks_off))
            self.close_connection |= how.breaks_off
            for name, value in how.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # a dispatcher opens many connections at once

    server = Server(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
