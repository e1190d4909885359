"""The few parts of a web framework that the emulator needs."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = list[tuple[bytes, bytes]]


class BadRequest(Exception):
    """The request cannot be understood; the text is for the one who sent it."""


@dataclass(kw_only=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[bytes, bytes]
    body: bytes
    arrived_at: float  # seconds since 1970

    def json(self) -> Any:
        """The body as JSON; an empty body is an empty object.

        :raises BadRequest: it is not JSON
        """
        if not self.body:
            return {}
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as failure:
            raise BadRequest("The body is not JSON.") from failure


@dataclass(kw_only=True, slots=True)
class Response:
    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Headers = field(default_factory=list)
    is_cut: bool = False  # the connection ends without an answer


@dataclass(kw_only=True, slots=True)
class Stream:
    """An answer in parts, for as long as the client stays."""

    parts: AsyncIterator[bytes]
    content_type: str


type Handler = Callable[..., Awaitable[Response | Stream]]


def json_response(value: Any, status: int = 200) -> Response:
    return Response(body=msgspec.json.encode(value), status=status)


class Router:
    """Finds the handler of a path; patterns are regular expressions with named groups."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        self._routes.append((method, re.compile(pattern), handler))

    async def answer(self, request: Request) -> Response | Stream:
        path_known = False
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            path_known = True
            if method == request.method or (method, request.method) == ("GET", "HEAD"):
                try:
                    return await handler(request, **match.groupdict())
                except BadRequest as problem:
                    return json_response({"error": str(problem)}, 400)
        if path_known:
            return json_response({"error": "Method not allowed."}, 405)
        return json_response({"error": "Not found."}, 404)


async def read_request(scope: Scope, receive: Receive, *, most: int) -> Request | None:
    """The whole request, or None when its body is too large or the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            return None
        parts.append(part)
        if not message.get("more_body"):
            break
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        headers=dict(scope["headers"]),
        body=b"".join(parts),
        arrived_at=scope.get("state", {}).get("arrived_at") or time.time(),
    )


async def write_response(response: Response, send: Send, *, extra: Headers) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", b"%d" % len(response.body)),
        *extra,
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def write_stream(stream: Stream, send: Send, *, extra: Headers) -> None:
    headers = [(b"content-type", stream.content_type.encode()), *extra]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for part in stream.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
