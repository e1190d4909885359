"""An OpenAI-compatible endpoint for tests: answers as it is told and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from bayan.triage.endpoint import Endpoint

ROADS: dict[str, Any] = {
    "kind": "complaint",
    "category": "roads",
    "sentiment": "negative",
    "urgency": "normal",
    "info_type": [],
    "is_rumour_claim": False,
}

# What it answers to a message: labels, a text as it is, or a whole response.
Says = Callable[[str], dict[str, Any] | str | web.Response]


class Server:
    """The endpoint while it runs."""

    def __init__(self) -> None:
        self.says: Says = lambda _message: ROADS
        # So long each answer takes.
        self.seconds = 0.0
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.endpoint = Endpoint("", "second")

    @property
    def messages(self) -> list[str]:
        """What it was asked about."""
        return [_message_of(asked) for asked in self.requests]

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.requests.append(asked)
        self.headers.append(dict(request.headers))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        said = self.says(_message_of(asked))
        if isinstance(said, web.Response):
            return said
        content = said if isinstance(said, str) else json.dumps(said)
        return web.json_response({"choices": [{"message": {"content": content}}]})


def _message_of(asked: dict[str, Any]) -> str:
    return str(json.loads(asked["messages"][-1]["content"])["message"])


@contextmanager
def running(*, asks_always: bool = True) -> Iterator[Server]:
    """An endpoint on a free port, in a thread of its own."""
    server, loop = Server(), asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", server.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        server.endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", "second", "k3y", asks_always)
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
