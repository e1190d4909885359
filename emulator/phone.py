"""The phone in the browser: its page, its events and its files."""

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from emulator.asgi import BadRequest, Headers, Request, Response, Stream, json_response
from emulator.asked import object_of
from emulator.carrier import Carrier
from emulator.media import Media
from emulator.world import Person

STATIC = Path(__file__).parent / "static"
KEEP_ALIVE_S = 15


class Phone:
    """Answers what the page asks."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._words: dict[str, dict[str, Any]] = msgspec.json.decode(
            (STATIC / "words.json").read_bytes()
        )

    async def page(self, request: Request) -> Response:
        lang = "en" if request.query.get("lang") == "en" else "ar"
        words = self._words[lang]
        values = {
            "lang": lang,
            "assets": "/static",
            "dir": "rtl" if lang == "ar" else "ltr",
            "business": (
                self._carrier.settings.business_name_en
                if lang == "en"
                else self._carrier.settings.business_name
            ),
            **words,
        }
        template = (STATIC / "phone.html").read_text()
        html = re.sub(r"{{ (\w+) }}", lambda match: _escaped(str(values[match[1]])), template)
        return Response(body=html.encode(), content_type="text/html; charset=utf-8")

    async def static(self, _request: Request, name: str) -> Response:
        path = (STATIC / name).resolve()
        if not path.is_relative_to(STATIC) or not path.is_file():
            return json_response({"error": "Not found."}, 404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Response(body=path.read_bytes(), content_type=kind)

    async def events(self, request: Request) -> Stream:
        person = self._person(request.query.get("person", ""))
        return Stream(parts=self._watch(person), content_type="text/event-stream")

    async def _watch(self, person: Person) -> AsyncIterator[bytes]:
        world = self._carrier.world
        waiting: asyncio.Queue[bytes] = asyncio.Queue()

        def watcher(event: str, value: Any, whose: str | None) -> None:
            if whose is None or whose == person.key:
                waiting.put_nowait(_event(event, value))

        world.watchers.append(watcher)
        try:
            yield _event("snapshot", self._snapshot(person))
            while True:
                try:
                    yield await asyncio.wait_for(waiting.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            world.watchers.remove(watcher)

    def _snapshot(self, person: Person) -> dict[str, Any]:
        world = self._carrier.world
        chat = world.chats.get(person.key, ())
        return {
            "person": person.to_json(),
            "people": world.people_shown(),
            "messages": [message.to_json() for message in chat],
            "log": list(world.log)[-60:],
            "faults": self._carrier.faults.listed(),
            "clock": world.clock.to_json(),
        }

    async def read(self, request: Request) -> Response:
        person = self._person(object_of(request).get("person", ""))
        return json_response({"read": self._carrier.read(person)})

    async def attach(self, request: Request) -> Response:
        """Keep what a person attaches; the body is the file itself."""
        headers = request.headers
        if not request.body:
            raise BadRequest("The body must be the file.")
        mime_type = headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        # A header takes no Arabic: the name comes percent-encoded.
        filename = unquote(headers.get(b"x-filename", b"").decode("latin-1"))
        media = self._carrier.media.receive(mime_type, request.body, filename or None)
        return json_response(
            {
                "id": media.id,
                "mime_type": media.mime_type,
                "sha256": media.sha256_base64,
                "file_size": media.file_size,
            }
        )

    async def flow(self, _request: Request, flow_id: str) -> Response:
        """What a form asks, for the page to draw it."""
        flow = self._carrier.account.flows.get(flow_id)
        if flow is None:
            return json_response({"error": "Not found."}, 404)
        return json_response({"title": flow.title, "fields": flow.fields(), "kept": flow.kept()})

    async def media(self, request: Request, media_id: str) -> Response:
        media = self._carrier.media.get(media_id)
        if media is None:
            return json_response({"error": "Not found."}, 404)
        content = await asyncio.to_thread(self._carrier.media.path(media).read_bytes)
        return _ranged(request, media, content)

    def _person(self, key: Any) -> Person:
        person = self._carrier.world.find(key) if isinstance(key, str) else None
        if person is None:
            raise BadRequest("Nobody here has that number.")
        return person


def _event(event: str, value: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(value))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _ranged(request: Request, media: Media, content: bytes) -> Response:
    """The file, or the part of it that a player asks for."""
    # What people attach is hostile: it is shown as what it is, or not at all.
    headers: Headers = [
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"accept-ranges", b"bytes"),
    ]
    answer = Response(body=content, content_type=media.mime_type, headers=headers)
    asked = re.fullmatch(rb"bytes=(\d+)-(\d*)", request.headers.get(b"range", b""))
    if asked is None or int(asked[1]) >= len(content):
        return answer
    first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(content))))
    answer.body = content[first : last + 1]
    answer.status = 206
    return answer
