"""A running emulator and a business that takes its webhooks, both on ports of their own."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from emulator.app import Emulator
from emulator.settings import Options, Settings

NOURA = "966500000101"
SAMPLES = Path(__file__).parents[1] / "samples"
PATIENCE_S = 5.0
OPTIONS: dict[str, Any] = {
    **asdict(Options()),
    "throughput_per_s": 0,
    "pair_limit": False,
    "status_delay_ms": 1,
    "retry_pause_ms": 20,
}


@dataclass
class Business:
    """Keeps what it is told; answers with `answers` first, and 200 once those are used up."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [m for value in self.values for m in value.get("messages", [])]

    @property
    def statuses(self) -> list[dict[str, Any]]:
        return [s for value in self.values for s in value.get("statuses", [])]

    @property
    def values(self) -> list[dict[str, Any]]:
        return [body["entry"][0]["changes"][0]["value"] for body in self.bodies]


def eventually[T](ask: Callable[[], T]) -> T:
    """What `ask` gives once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answer, "it did not happen in time"
    return answer


@contextmanager
def listening() -> Iterator[Business]:
    """A business with a port of its own."""
    business = Business()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            business.received.append((headers, body))
            self.send_response(business.answers.pop(0) if business.answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the parent's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    business.url = f"http://127.0.0.1:{server.server_port}/hooks/whatsapp/demo"
    yield business
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def listening_business() -> Iterator[Business]:
    with listening() as business:
        yield business


class Api:
    """What a test does to the emulator."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.Client(base_url=base_url, trust_env=False, timeout=10)
        self.path = "/v25.0/106540000000940/messages"
        self.headers = {"Authorization": "Bearer demo-access-token"}

    def send(self, body: Any, **changes: Any) -> httpx.Response:
        if isinstance(body, dict):
            body = {"messaging_product": "whatsapp", "to": NOURA, **body, **changes}
        return self.http.post(self.path, json=body, headers=self.headers)

    def send_text(self, text: str = "أهلًا", **changes: Any) -> str:
        answer = self.send({"type": "text", "text": {"body": text}}, **changes)
        assert answer.status_code == 200, answer.text
        message_id = answer.json()["messages"][0]["id"]
        assert isinstance(message_id, str)
        return message_id

    def upload(
        self, sample: str = "photo.jpg", mime_type: str = "image/jpeg", content: bytes = b""
    ) -> httpx.Response:
        return self.http.post(
            "/v25.0/106540000000940/media",
            headers=self.headers,
            data={"messaging_product": "whatsapp", "type": mime_type},
            files={"file": (sample, content or (SAMPLES / sample).read_bytes(), mime_type)},
        )

    def write(self, **body: Any) -> str:
        answer = self.http.post("/_control/messages", json={"from": NOURA, **body})
        assert answer.status_code == 200, answer.text
        message_id = answer.json()["id"]
        assert isinstance(message_id, str)
        return message_id

    def fault(self, **body: Any) -> None:
        answer = self.http.post("/_control/faults", json=body)
        assert answer.status_code == 200, answer.text

    def set_options(self, **body: Any) -> None:
        answer = self.http.post("/_control/options", json=body)
        assert answer.status_code == 200, answer.text

    def set_clock(self, **body: Any) -> dict[str, Any]:
        answer = self.http.post("/_control/clock", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def webhooks(self, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.http.get("/_control/webhooks", params=query).json()[
            "items"
        ]
        return items


def start(emulator: Emulator) -> tuple[uvicorn.Server, threading.Thread, str]:
    listener = socket.create_server(("127.0.0.1", 0))
    emulator.settings = replace(emulator.settings, port=listener.getsockname()[1])
    config = uvicorn.Config(emulator, log_level="warning", lifespan="on", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    return server, thread, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def running(listening_business: Business) -> Iterator[Api]:
    settings = Settings(callback=listening_business.url)
    server, thread, url = start(Emulator(settings, Options(**OPTIONS)))
    api = Api(url)
    yield api
    api.http.close()
    server.should_exit = True
    thread.join(PATIENCE_S)


@pytest.fixture
def business(listening_business: Business) -> Business:
    return listening_business


@pytest.fixture
def api(running: Api, listening_business: Business) -> Iterator[Api]:
    """The emulator with no faults, the real time, and Noura's window open."""
    running.http.delete("/_control/faults")
    running.http.delete("/_control/sent")
    running.set_clock(offset_s=0)
    running.set_options(**OPTIONS)
    running.write(text="السلام عليكم")
    quiet(running)
    listening_business.received.clear()
    listening_business.answers.clear()
    yield running
    running.http.delete("/_control/faults")
    listening_business.answers.clear()
    quiet(running)


def quiet(api: Api) -> None:
    """Wait until nothing is on its way."""
    eventually(lambda: all(h["state"] in ("delivered", "dropped") for h in api.webhooks()))
