"""Pages of a world that is committed nowhere, shown to a real browser.

A test keeps its world in a transaction of its own. So its pages are drawn in the test's process, over the
test's connection, and only handed over by HTTP: the browser gets the headers, scripts and styles that it
always gets.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.urls import reverse

from bayan.config.tests.test_permission_matrix import knock
from conftest import StaffClient
from e2e.conftest import AXE

# The tool that looks at pages is handed out like their own scripts, which the policy allows.
AXE_HERE = "/static/axe.js"

type Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass
class Site:
    """A server for one browser. `visitor` is who comes: a client that has signed in, or has not."""

    visitor: StaffClient
    url: str = ""
    connection: Any = field(default_factory=lambda: connections[DEFAULT_DB_ALIAS])
    _fetched: dict[str, Answer] = field(default_factory=dict)
    # One connection: one page at a time.
    _lock: Lock = field(default_factory=Lock)

    def fetch(self, address: str) -> Answer:
        """What stands behind an address, for the test itself; the browser's next request gets the same.

        Of what is written while it is sent only the head: that is no page.
        """
        found = self._ask(address, {})
        answer = found.status_code, dict(found.items()), b"" if found.streaming else found.content
        self._fetched = {address: answer}
        return answer

    def answer(self, address: str, headers: dict[str, str]) -> Answer:
        """What the browser gets."""
        path = address.partition("?")[0]
        if path.startswith(settings.STATIC_URL):
            return self._static(path.removeprefix(settings.STATIC_URL))
        if path == reverse("people:live"):
            # The stream of news would never end; here there is none.
            return 200, {"Content-Type": "text/event-stream"}, b"retry: 600000\n\n"
        if address in self._fetched:
            return self._fetched.pop(address)
        found = self._ask(address, headers)
        pieces = _read(found.streaming_content) if found.streaming else None
        body = asyncio.run(pieces) if pieces else found.content
        return found.status_code, dict(found.items()), body

    def _ask(self, address: str, headers: dict[str, str]) -> Any:
        """Ask as the visitor; nothing that looking at it has changed stays."""
        with self._lock:
            connections[DEFAULT_DB_ALIAS] = self.connection
            return knock(self.visitor, "GET", address, headers=headers)

    @staticmethod
    def _static(name: str) -> Answer:
        file = AXE if f"/static/{name}" == AXE_HERE else settings.STATIC_ROOT / name
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Content-Type": kind, "Cache-Control": "max-age=3600"}
        return 200, headers, file.read_bytes()


async def _read(file: AsyncIterable[bytes]) -> bytes:
    return b"".join([piece async for piece in file])


@contextmanager
def open_site(visitor: StaffClient) -> Iterator[Site]:
    """A site on a port of its own, as long as the block lasts."""
    site = Site(visitor)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = ("HX-Request", "HX-Target", "HX-Current-URL")
            given = {name: self.headers[name] for name in wanted if name in self.headers}
            status, headers, body = site.answer(self.path, given)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            # That a conversation was looked at, for one. Nothing of it is kept here.
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: a test says what is wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    # Django lets a connection be used by the thread that opened it, unless it is told.
    site.connection.inc_thread_sharing()
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        site.connection.dec_thread_sharing()
