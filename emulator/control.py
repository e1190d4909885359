"""What a test, a bench or the phone page may ask and change behind the provider's back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec

from emulator.asgi import BadRequest, Request, Response, Stream, json_response
from emulator.asked import number_of, object_of
from emulator.carrier import Carrier
from emulator.control_account import own_number
from emulator.errors import CODES
from emulator.faults import KINDS
from emulator.settings import Options
from emulator.shapes import BSUID, PHONE, PHONE_PUNCTUATION
from emulator.world import Person, Record, Refused, Sent

OPTIONS = {field.name: field.type for field in fields(Options)}
ITEMS_AT_ONCE = 1000
MOST_PEOPLE = 1_000_000


class Control:
    """Answers under `/_control/`."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def sent(self, request: Request) -> Stream:
        return _listed(self._carrier.world.sent, request)

    async def refused(self, request: Request) -> Stream:
        return _listed(self._carrier.world.refused, request)

    async def forget_sent(self, _request: Request) -> Response:
        self._carrier.world.sent.forget()
        self._carrier.world.refused.forget()
        return Response(status=204)

    async def usage(self, _request: Request) -> Response:
        return json_response({"people_outside_window": self._carrier.world.usage()})

    async def write(self, request: Request) -> Response:
        asked = object_of(request)
        content = asked.get("message")
        if content is None:
            text = asked.get("text")
            if not isinstance(text, str) or not text:
                raise BadRequest("Give a text or a message.")
            content = {"type": "text", "text": {"body": text}}
        if not isinstance(content, dict):
            raise BadRequest("The message must be a JSON object, as the provider writes it.")
        person = self._author(asked, content)
        self._check_move(content.get("system"), person)
        number = own_number(self._carrier, asked, "to")
        return json_response({"id": self._carrier.write(person, content, number)})

    def _check_move(self, system: Any, person: Person) -> None:
        if not isinstance(system, dict):
            return
        for name, pattern in (("wa_id", PHONE), ("user_id", BSUID)):
            given = system.get(name)
            if given is None:
                continue
            if not isinstance(given, str) or not pattern.fullmatch(given):
                raise BadRequest(f"`{name}` is not what a person can have.")
            if self._carrier.world.find(given) not in (None, person):
                raise BadRequest(f"Somebody else has that `{name}`.")

    def _author(self, asked: dict[str, Any], content: dict[str, Any]) -> Person:
        key = asked.get("from") or content.get("from") or content.get("from_user_id")
        name, hide_phone = asked.get("name"), asked.get("hide_phone")
        if not isinstance(key, str):
            raise BadRequest("Give `from`: a phone number or a BSUID.")
        if not isinstance(name, str | None) or not isinstance(hide_phone, bool | None):
            raise BadRequest("`name` is a text and `hide_phone` is true or false.")
        if BSUID.fullmatch(key):
            return self._carrier.world.person(key, is_phone=False, name=name, hide_phone=hide_phone)
        phone = key.translate(PHONE_PUNCTUATION)
        if not PHONE.fullmatch(phone):
            raise BadRequest("`from` is not a phone number with its country code, nor a BSUID.")
        return self._carrier.world.person(phone, is_phone=True, name=name, hide_phone=hide_phone)

    async def people(self, _request: Request) -> Response:
        return json_response({"items": self._carrier.world.people_json()})

    async def add_person(self, request: Request) -> Response:
        asked = object_of(request)
        asked["from"] = asked.get("phone")
        person = self._author(asked, {})
        count = int(number_of(asked, "count", least=1, most=MOST_PEOPLE) or 1)
        if count > 1 and person.phone is None:
            raise BadRequest("Only phone numbers can be counted on from.")
        people = [person]
        for further in range(1, count):
            phone = str(int(person.phone or "") + further)
            people.append(self._carrier.world.person(phone, is_phone=True))
        if asked.get("wrote") is True:
            now = self._carrier.world.clock.now()
            for each in people:
                for number_id in self._carrier.account.numbers:
                    self._carrier.world.wrote(each, number_id, now)
        return json_response(person.to_json())

    async def faults(self, _request: Request) -> Response:
        faults = self._carrier.faults
        return json_response({"items": faults.listed(), "kinds": KINDS, "struck": faults.struck})

    async def add_fault(self, request: Request) -> Response:
        asked = object_of(request)
        kind = asked.get("kind")
        if kind not in KINDS:
            raise BadRequest(f"`kind` is one of: {', '.join(KINDS)}.")
        rate = number_of(asked, "rate", least=0, most=1)
        code = number_of(asked, "code", least=0)
        if code is not None and code not in CODES:
            raise BadRequest("`code` is not one of the provider's error codes.")
        delay_ms = number_of(asked, "delay_ms", least=0)
        count = number_of(asked, "count", least=1)
        fault = self._carrier.faults.add(
            kind=kind,
            rate=1.0 if rate is None else rate,
            code=None if code is None else int(code),
            delay_ms=delay_ms,
            count=None if count is None else int(count),
        )
        self._carrier.world.note("fault.on", fault=kind)
        return json_response(fault.to_json())

    async def clear_faults(self, request: Request) -> Response:
        kind = request.query.get("kind")
        if self._carrier.faults.clear(kind=kind):
            self._carrier.world.note("fault.off", fault=kind or "all")
        return Response(status=204)

    async def clock(self, _request: Request) -> Response:
        return json_response(self._carrier.world.clock.to_json())

    async def set_clock(self, request: Request) -> Response:
        asked = object_of(request)
        world = self._carrier.world
        clock = world.clock
        offset_s = number_of(asked, "offset_s")
        advance_s = number_of(asked, "advance_s")
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

    async def get_options(self, _request: Request) -> Response:
        return json_response(msgspec.to_builtins(self._carrier.options))

    async def set_options(self, request: Request) -> Response:
        asked = object_of(request)
        for name, value in asked.items():
            kind = OPTIONS.get(name)
            if kind is None:
                raise BadRequest(f"The options are: {', '.join(OPTIONS)}.")
            if kind is bool and not isinstance(value, bool):
                raise BadRequest(f"`{name}` is true or false.")
            if kind is float and number_of(asked, name, least=0) is None:
                raise BadRequest(f"`{name}` must be a number.")
        for name, value in asked.items():
            setattr(self._carrier.options, name, value)
        return await self.get_options(request)

    async def webhooks(self, request: Request) -> Response:
        kind, about = request.query.get("kind"), request.query.get("about")
        items = [
            hook.to_json()
            for hook in self._carrier.courier.log
            if (kind is None or hook.kind == kind) and (about is None or about in hook.about)
        ]
        return json_response({"items": items})


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
