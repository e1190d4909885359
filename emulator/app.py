"""The emulator as one ASGI application: provider, control and the phone page."""

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from emulator.asgi import (
    BadRequest,
    Headers,
    Receive,
    Request,
    Response,
    Router,
    Scope,
    Send,
    Stream,
    json_response,
    read_request,
    write_response,
    write_stream,
)
from emulator.carrier import Carrier
from emulator.errors import CODES
from emulator.faults import KINDS
from emulator.management import Management
from emulator.provider import Provider
from emulator.settings import Options, Settings
from emulator.shapes import BSUID, PHONE, PHONE_PUNCTUATION
from emulator.template_rules import CATEGORIES
from emulator.templates import QUALITIES, REASONS, STATUSES
from emulator.world import Person, Record, Refused, Sent

STATIC = Path(__file__).parent / "static"
SECURITY: Headers = [
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; "
            b"img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; "
            b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
NO_SNIFFING: Headers = [(b"x-content-type-options", b"nosniff")]
KEEP_ALIVE_S = 15
OPTIONS = {field.name: field.type for field in fields(Options)}
ITEMS_AT_ONCE = 1000
MOST_PEOPLE = 1_000_000


class Emulator:
    """The application; `stop` ends every open event stream."""

    def __init__(self, settings: Settings, options: Options | None = None) -> None:
        self.settings = settings
        self.options = options or Options()
        self.stopping = asyncio.Event()
        self.router = Router()
        self.words: dict[str, dict[str, Any]] = msgspec.json.decode(
            (STATIC / "words.json").read_bytes()
        )

    def stop(self) -> None:
        self.stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.carrier = Carrier(self.settings, self.options)
        self._route()
        self.carrier.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        await self.carrier.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _route(self) -> None:
        add = self.router.add
        provider = Provider(self.carrier)
        add(
            "POST",
            r"/v\d+\.\d+/(?P<phone_number_id>[^/]+)/messages",
            provider.messages,
        )
        management = Management(self.carrier)
        for method, handler in (
            ("GET", management.list_templates),
            ("POST", management.create_template),
            ("DELETE", management.delete_templates),
        ):
            add(method, r"/v\d+\.\d+/(?P<account_id>[^/]+)/message_templates", handler)
        add("GET", r"/v\d+\.\d+/(?P<object_id>[^/]+)", management.show)
        add("POST", r"/v\d+\.\d+/(?P<object_id>[^/]+)", management.change)
        add("GET", "/", self._page)
        add("GET", r"/static/(?P<name>[\w./-]+)", self._static)
        add("GET", "/healthz", self._healthz)
        add("GET", "/_control/sent", self._sent)
        add("DELETE", "/_control/sent", self._forget_sent)
        add("GET", "/_control/refused", self._refused)
        add("GET", "/_control/usage", self._usage)
        add("POST", "/_control/messages", self._write)
        add("GET", "/_control/people", self._people)
        add("POST", "/_control/people", self._add_person)
        add("GET", "/_control/faults", self._faults)
        add("POST", "/_control/faults", self._add_fault)
        add("DELETE", "/_control/faults", self._clear_faults)
        add("GET", "/_control/clock", self._clock)
        add("POST", "/_control/clock", self._set_clock)
        add("GET", "/_control/options", self._get_options)
        add("POST", "/_control/options", self._set_options)
        add("GET", "/_control/webhooks", self._webhooks)
        add("GET", "/_control/templates", self._list_templates)
        add("POST", "/_control/templates", self._set_template)
        add("GET", "/_phone/events", self._events)
        add("POST", "/_phone/read", self._read)
        for method in ("GET", "POST", "DELETE"):
            add(method, r"/v\d+\.\d+/.*", provider.unknown)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request is None:
            too_large = json_response({"error": "The body is over 4 MB."}, 413)
            await write_response(too_large, send, extra=SECURITY)
            return
        if _comes_from_elsewhere(request):
            refusal = json_response({"error": "Another site's page may not write here."}, 403)
            await write_response(refusal, send, extra=SECURITY)
            return
        answer = await self.router.answer(request)
        if isinstance(answer, Stream):
            await self._stream(answer, receive, send)
        else:
            if request.method == "HEAD":
                answer.body = b""
            is_page = answer.content_type != "application/json"
            await write_response(answer, send, extra=SECURITY if is_page else NO_SNIFFING)

    async def _stream(self, stream: Stream, receive: Receive, send: Send) -> None:
        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                continue

        tasks = [
            asyncio.create_task(write_stream(stream, send, extra=SECURITY)),
            asyncio.create_task(until_gone()),
            asyncio.create_task(self.stopping.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # The page

    async def _page(self, request: Request) -> Response:
        lang = "en" if request.query.get("lang") == "en" else "ar"
        words = self.words[lang]
        values = {
            "lang": lang,
            "assets": "/static",
            "dir": "rtl" if lang == "ar" else "ltr",
            "business": (
                self.settings.business_name_en if lang == "en" else self.settings.business_name
            ),
            **words,
        }
        template = (STATIC / "phone.html").read_text()
        html = re.sub(r"{{ (\w+) }}", lambda match: _escaped(str(values[match[1]])), template)
        return Response(body=html.encode(), content_type="text/html; charset=utf-8")

    async def _static(self, _request: Request, name: str) -> Response:
        path = (STATIC / name).resolve()
        if not path.is_relative_to(STATIC) or not path.is_file():
            return json_response({"error": "Not found."}, 404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Response(body=path.read_bytes(), content_type=kind)

    async def _events(self, request: Request) -> Stream:
        person = self._person(request.query.get("person", ""))
        return Stream(parts=self._watch(person), content_type="text/event-stream")

    async def _watch(self, person: Person) -> AsyncIterator[bytes]:
        world = self.carrier.world
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
        world = self.carrier.world
        chat = world.chats.get(person.key, ())
        return {
            "person": person.to_json(),
            "people": world.people_shown(),
            "messages": [message.to_json() for message in chat],
            "log": list(world.log)[-60:],
            "faults": self.carrier.faults.listed(),
            "clock": world.clock.to_json(),
        }

    async def _read(self, request: Request) -> Response:
        person = self._person(_object(request).get("person", ""))
        return json_response({"read": self.carrier.read(person)})

    # Control

    async def _healthz(self, _request: Request) -> Response:
        return json_response({"status": "ok"})

    async def _sent(self, request: Request) -> Stream:
        return _listed(self.carrier.world.sent, request)

    async def _refused(self, request: Request) -> Stream:
        return _listed(self.carrier.world.refused, request)

    async def _forget_sent(self, _request: Request) -> Response:
        self.carrier.world.sent.forget()
        self.carrier.world.refused.forget()
        return Response(status=204)

    async def _usage(self, _request: Request) -> Response:
        return json_response({"people_outside_window": self.carrier.world.usage()})

    async def _write(self, request: Request) -> Response:
        asked = _object(request)
        content = asked.get("message")
        if content is None:
            text = asked.get("text")
            if not isinstance(text, str) or not text:
                raise BadRequest("Give a text or a message.")
            content = {"type": "text", "text": {"body": text}}
        if not isinstance(content, dict):
            raise BadRequest("The message must be a JSON object, as the provider writes it.")
        person = self._author(asked, content)
        return json_response({"id": self.carrier.write(person, content)})

    def _author(self, asked: dict[str, Any], content: dict[str, Any]) -> Person:
        key = asked.get("from") or content.get("from") or content.get("from_user_id")
        name, hide_phone = asked.get("name"), asked.get("hide_phone")
        if not isinstance(key, str):
            raise BadRequest("Give `from`: a phone number or a BSUID.")
        if not isinstance(name, str | None) or not isinstance(hide_phone, bool | None):
            raise BadRequest("`name` is a text and `hide_phone` is true or false.")
        if BSUID.fullmatch(key):
            return self.carrier.world.person(key, is_phone=False, name=name, hide_phone=hide_phone)
        phone = key.translate(PHONE_PUNCTUATION)
        if not PHONE.fullmatch(phone):
            raise BadRequest("`from` is not a phone number with its country code, nor a BSUID.")
        return self.carrier.world.person(phone, is_phone=True, name=name, hide_phone=hide_phone)

    async def _people(self, _request: Request) -> Response:
        return json_response({"items": self.carrier.world.people_json()})

    async def _add_person(self, request: Request) -> Response:
        asked = _object(request)
        asked["from"] = asked.get("phone")
        person = self._author(asked, {})
        count = int(_number(asked, "count", least=1, most=MOST_PEOPLE) or 1)
        if count > 1 and person.phone is None:
            raise BadRequest("Only phone numbers can be counted on from.")
        people = [person]
        for further in range(1, count):
            phone = str(int(person.phone or "") + further)
            people.append(self.carrier.world.person(phone, is_phone=True))
        if asked.get("wrote") is True:
            for each in people:
                each.wrote_at = self.carrier.world.clock.now()
        return json_response(person.to_json())

    async def _faults(self, _request: Request) -> Response:
        return json_response({"items": self.carrier.faults.listed(), "kinds": KINDS})

    async def _add_fault(self, request: Request) -> Response:
        asked = _object(request)
        kind = asked.get("kind")
        if kind not in KINDS:
            raise BadRequest(f"`kind` is one of: {', '.join(KINDS)}.")
        rate = _number(asked, "rate", least=0, most=1)
        code = _number(asked, "code", least=0)
        if code is not None and code not in CODES:
            raise BadRequest("`code` is not one of the provider's error codes.")
        delay_ms = _number(asked, "delay_ms", least=0)
        count = _number(asked, "count", least=1)
        fault = self.carrier.faults.add(
            kind=kind,
            rate=1.0 if rate is None else rate,
            code=None if code is None else int(code),
            delay_ms=delay_ms,
            count=None if count is None else int(count),
        )
        self.carrier.world.note("fault.on", fault=kind)
        return json_response(fault.to_json())

    async def _clear_faults(self, request: Request) -> Response:
        kind = request.query.get("kind")
        if self.carrier.faults.clear(kind=kind):
            self.carrier.world.note("fault.off", fault=kind or "all")
        return Response(status=204)

    async def _clock(self, _request: Request) -> Response:
        return json_response(self.carrier.world.clock.to_json())

    async def _set_clock(self, request: Request) -> Response:
        asked = _object(request)
        world = self.carrier.world
        clock = world.clock
        offset_s = _number(asked, "offset_s")
        advance_s = _number(asked, "advance_s")
        if offset_s is not None:
            clock.offset_s = offset_s
        elif advance_s is not None:
            clock.offset_s += advance_s
        elif "at" in asked:
            clock.offset_s += _moment(asked["at"]) - clock.now()
        else:
            raise BadRequest("Give `offset_s`, `advance_s` or `at`.")
        world.note("clock.moved", hours=round(clock.offset_s / 3600, 1))
        world.tell("clock", clock.to_json())
        return json_response(clock.to_json())

    async def _get_options(self, _request: Request) -> Response:
        return json_response(msgspec.to_builtins(self.options))

    async def _set_options(self, request: Request) -> Response:
        asked = _object(request)
        for name, value in asked.items():
            kind = OPTIONS.get(name)
            if kind is None:
                raise BadRequest(f"The options are: {', '.join(OPTIONS)}.")
            if kind is bool and not isinstance(value, bool):
                raise BadRequest(f"`{name}` is true or false.")
            if kind is float and _number(asked, name, least=0) is None:
                raise BadRequest(f"`{name}` must be a number.")
        for name, value in asked.items():
            setattr(self.options, name, value)
        return await self._get_options(request)

    async def _webhooks(self, request: Request) -> Response:
        kind, about = request.query.get("kind"), request.query.get("about")
        items = [
            hook.to_json()
            for hook in self.carrier.courier.log
            if (kind is None or hook.kind == kind) and (about is None or about in hook.about)
        ]
        return json_response({"items": items})

    async def _list_templates(self, _request: Request) -> Response:
        return json_response({"items": [each.to_json() for each in self.carrier.templates]})

    async def _set_template(self, request: Request) -> Response:
        asked = _object(request)
        templates = self.carrier.templates
        name, language = asked.get("name"), asked.get("language")
        chosen = [
            each
            for each in templates
            if each.id == asked.get("id")
            or (each.name == name and language in (None, each.language))
        ]
        if not chosen:
            raise BadRequest("Give the `id`, or the `name` and `language`, of a template.")
        status = _one_of(asked, "status", STATUSES)
        quality = _one_of(asked, "quality", QUALITIES)
        category = _one_of(asked, "category", CATEGORIES)
        coming = _one_of(asked, "coming_category", CATEGORIES)
        reason = _one_of(asked, "reason", REASONS)
        for template in chosen:
            if quality:
                templates.set_quality(template, quality)
            if coming:
                templates.warn_of_category(template, coming)
            if category:
                templates.set_category(template, category)
            if status:
                templates.set_status(template, status, reason=reason or "INVALID_FORMAT")
        return json_response({"items": [each.to_json() for each in chosen]})

    def _person(self, key: Any) -> Person:
        person = self.carrier.world.find(key) if isinstance(key, str) else None
        if person is None:
            raise BadRequest("Nobody here has that number.")
        return person


def _comes_from_elsewhere(request: Request) -> bool:
    """Whether a page of another site, open in the same browser, makes this change."""
    origin = request.headers.get(b"origin")
    if request.method in ("GET", "HEAD") or origin is None:
        return False
    return origin.rpartition(b"//")[2] != request.headers.get(b"host")


def _listed(record: Record[Sent] | Record[Refused], request: Request) -> Stream:
    """The items of a record from `after` on, `limit` at most, and where the next ones begin."""
    after, limit = (_count(request, name) for name in ("after", "limit"))
    to = request.query.get("to")
    first, items = record.since(after or 0)
    items = items[:limit]
    end = b"]}" if after is None else b'],"next":%d}' % (first + len(items))

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"items":['
        between = b""
        for start in range(0, len(items), ITEMS_AT_ONCE):
            chosen = [
                item.to_json()
                for item in items[start : start + ITEMS_AT_ONCE]
                if to is None or item.to == to
            ]
            if chosen:
                yield between + b",".join(chosen)
                between = b","
            # A long list must not hold up the sends.
            await asyncio.sleep(0)
        yield end

    return Stream(parts=parts(), content_type="application/json")


def _count(request: Request, name: str) -> int | None:
    given = request.query.get(name)
    if given is None:
        return None
    if not given.isascii() or not given.isdigit():
        raise BadRequest(f"`{name}` must be a whole number.")
    return int(given)


def _object(request: Request) -> dict[str, Any]:
    asked = request.json()
    if not isinstance(asked, dict):
        raise BadRequest("The body must be a JSON object.")
    return asked


def _number(
    asked: dict[str, Any], name: str, *, least: float | None = None, most: float | None = None
) -> float | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"`{name}` must be a number.")
    if (least is not None and value < least) or (most is not None and value > most):
        raise BadRequest(f"`{name}` is out of range.")
    return float(value)


def _one_of(asked: dict[str, Any], name: str, known: tuple[str, ...]) -> str | None:
    value = asked.get(name)
    if value is not None and value not in known:
        raise BadRequest(f"`{name}` is one of: {', '.join(known)}.")
    return value


def _moment(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as failure:
        raise BadRequest("`at` is a time such as 2026-11-22T10:00:00+03:00.") from failure
    if moment.tzinfo is None:
        raise BadRequest("`at` needs its offset, for example +03:00.")
    return moment.timestamp()


def _event(event: str, value: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(value))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
