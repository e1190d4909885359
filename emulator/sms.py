"""Two Saudi gateways of text messages: their HTTP side, their delivery reports, and what phones got."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from emulator.asgi import BadRequest, Request, Response, json_response
from emulator.asked import number_of, object_of
from emulator.faults import AFTER, Faults
from emulator.graph import bad_gateway, cut
from emulator.post import NoAnswer, Poster
from emulator.settings import Options, Settings

KEPT = 2000
RIYADH = timezone(timedelta(hours=3))
# The report is offered so often, with a pause that doubles.
ATTEMPTS = 6
KINDS = {
    "error": "a send is refused with `code`: an HTTP status below 600, or 900 and an ER- number",
    "fail": "a send is accepted, then reported as undeliverable",
    "timeout": "a send is accepted, its answer comes only after `delay_ms`",
    "delay": "the report comes `delay_ms` later",
    "drop": "the report is lost",
    "duplicate": "the report comes twice",
    "outage": "requests are refused with 503",
    "expired_token": "a request is refused with 401",
    "rate_limit": "a request is refused with 429",
    "bad_gateway": "a request gets HTTP 502 and a page; with `code` 1 a send was accepted before",
    "disconnect": "the connection ends without an answer; with `code` 1 a send was accepted before",
}
NOT_ALLOWED = 480
TITLES = {
    401: "Authentication failed",
    402: "AppSid is missing",
    403: "This IP address is not allowed",
    409: "Duplicate message",
    410: "Recipient is not in the right format",
    412: "Message body is too long",
    429: "Too many requests",
    480: "Sender is not allowed",
    482: "Invalid number",
    901: "Insufficient balance",
    905: "No route",
    907: "The message was filtered",
    908: "The sender is not allowed",
}


class Refused(Exception):
    """A request that the gateway does not take."""

    def __init__(self, code: int, title: str = "") -> None:
        super().__init__(title or TITLES.get(code, "Refused"))
        self.code = code


@dataclass(kw_only=True, slots=True)
class Text:
    """One text message, as the phone shows it."""

    id: str
    gateway: str
    sender: str
    to: str
    text: str
    at: float
    state: str = "sent"
    correlation: str = ""


class Gateways:
    """Both gateways: what they took, and the troubles in force."""

    def __init__(self, settings: Settings, options: Options) -> None:
        self.settings, self.options = settings, options
        self.faults = Faults()
        self.texts: deque[Text] = deque(maxlen=KEPT)
        self.keys = {settings.sms_key}
        self._tasks: set[asyncio.Task[None]] = set()
        self._posters = {
            name: Poster(url)
            for name, url in (
                ("unifonic", settings.unifonic_callback),
                ("taqnyat", settings.taqnyat_callback),
            )
            if url
        }

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for poster in self._posters.values():
            poster.close()

    # Unifonic

    async def unifonic_send(self, request: Request) -> Response:
        form = _form(request)

        def take() -> Text:
            if not form.get("AppSid"):
                raise Refused(402)
            if form["AppSid"] not in self.keys:
                raise Refused(401)
            return self._take(
                "unifonic",
                form.get("SenderID", ""),
                form.get("Recipient", ""),
                form.get("Body", ""),
                form.get("CorrelationID", ""),
            )

        def answer(text: Text) -> Response:
            data = {
                "MessageID": int(text.id),
                "CorrelationID": text.correlation,
                "Status": "Sent",
                "NumberOfUnits": 1,
                "Recipient": text.to,
                "TimeCreated": _clock(text.at),
            }
            return json_response(
                {"success": True, "message": "", "errorCode": "ER-00", "data": data}
            )

        return await self._answer(take, answer, _unifonic_refusal)

    async def unifonic_balance(self, request: Request) -> Response:
        form = _form(request)
        if form.get("AppSid") not in self.keys or self.faults.strikes("expired_token"):
            return _unifonic_refusal(Refused(401))
        return json_response({"success": True, "errorCode": "ER-00", "data": {"Balance": "1000"}})

    # Taqnyat

    async def taqnyat_send(self, request: Request) -> Response:
        def take() -> Text:
            if not self._is_bearer(request):
                raise Refused(401)
            asked = object_of(request)
            recipients = asked.get("recipients")
            if not isinstance(recipients, list) or len(recipients) != 1:
                raise Refused(400, "One recipient, please")
            return self._take(
                "taqnyat",
                str(asked.get("sender", "")),
                str(recipients[0]),
                str(asked.get("body", "")),
                "",
            )

        def answer(text: Text) -> Response:
            told = {
                "statusCode": 201,
                "messageId": int(text.id),
                "cost": "0.0500",
                "currency": "SAR",
                "totalCount": 1,
                "msgLength": 1,
                "accepted": f"[{text.to},]",
                "rejected": "[]",
            }
            return json_response(told, 201)

        return await self._answer(take, answer, _taqnyat_refusal)

    async def taqnyat_balance(self, request: Request) -> Response:
        if not self._is_bearer(request) or self.faults.strikes("expired_token"):
            return _taqnyat_refusal(Refused(401))
        return json_response({"statusCode": 200, "balance": "1000.00", "currency": "SAR"})

    # Both

    async def _answer(
        self,
        take: Callable[[], Text],
        answer: Callable[[Text], Response],
        refuse: Callable[[Refused], Response],
    ) -> Response:
        faults = self.faults
        if faults.strikes("outage"):
            return json_response({"error": "Service unavailable"}, 503)
        early = [faults.strikes(kind) for kind in ("bad_gateway", "disconnect")]
        for fault, reply in zip(early, (bad_gateway, cut), strict=True):
            if fault:
                if fault.code == AFTER:
                    self._report(take())
                return reply()
        try:
            self._make_trouble()
            text = take()
        except Refused as refused:
            return refuse(refused)
        self._report(text)
        if fault := faults.strikes("timeout"):
            await asyncio.sleep((fault.delay_ms or 0) / 1000)
        elif self.options.answer_ms:
            await asyncio.sleep(self.options.answer_ms / 1000)
        return answer(text)

    def _make_trouble(self) -> None:
        if self.faults.strikes("expired_token"):
            raise Refused(401)
        if self.faults.strikes("rate_limit"):
            raise Refused(429)
        if fault := self.faults.strikes("error"):
            raise Refused(fault.code or NOT_ALLOWED)

    def _take(self, gateway: str, sender: str, to: str, body: str, correlation: str) -> Text:
        if not to.isdigit() or not 9 <= len(to) <= 15:
            raise Refused(410)
        if not sender or len(sender) > 11:
            raise Refused(480)
        if not body:
            raise Refused(906, "Message body is empty")
        text = Text(
            id=str(42_000_000_000_000 + secrets.randbelow(10**12)),
            gateway=gateway,
            sender=sender,
            to=to,
            text=body,
            at=time.time(),
            correlation=correlation,
        )
        self.texts.append(text)
        return text

    def _is_bearer(self, request: Request) -> bool:
        given = request.headers.get(b"authorization", b"").decode("latin-1")
        return given.removeprefix("Bearer ") in self.keys

    def _report(self, text: Text) -> None:
        task = asyncio.create_task(self._deliver(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, text: Text) -> None:
        failed = self.faults.strikes("fail") is not None
        await asyncio.sleep(self.options.status_delay_ms / 1000 + self.faults.strike_delay_s())
        text.state = "failed" if failed else "delivered"
        poster = self._posters.get(text.gateway)
        if poster is None or self.faults.strikes("drop"):
            return
        for _time in range(2 if self.faults.strikes("duplicate") else 1):
            await self._post(poster, _report_of(text))

    async def _post(self, poster: Poster, report: tuple[bytes, str]) -> None:
        pause = self.options.retry_pause_ms / 1000
        body, kind = report
        for _attempt in range(ATTEMPTS):
            try:
                if await poster.post(body, {"Content-Type": kind}) == 200:
                    return
            except NoAnswer:
                pass
            await asyncio.sleep(pause)
            pause *= 2

    # Control

    async def sent(self, request: Request) -> Response:
        to = request.query.get("to")
        items = [asdict(text) for text in self.texts if to is None or text.to == to]
        return json_response({"items": items})

    async def forget(self, _request: Request) -> Response:
        self.texts.clear()
        return Response(status=204)

    async def list_faults(self, _request: Request) -> Response:
        return json_response(
            {"items": self.faults.listed(), "kinds": KINDS, "struck": self.faults.struck}
        )

    async def add_fault(self, request: Request) -> Response:
        return json_response(added_fault(self.faults, KINDS, object_of(request)))

    async def clear_faults(self, request: Request) -> Response:
        self.faults.clear(kind=request.query.get("kind"))
        return Response(status=204)

    async def set_key(self, request: Request) -> Response:
        """`key` opens the gateways from now on, `revoke` no longer."""
        asked = object_of(request)
        if key := asked.get("key"):
            self.keys.add(str(key))
        self.keys.discard(str(asked.get("revoke", "")))
        return json_response({"keys": sorted(self.keys)})


def added_fault(faults: Faults, kinds: dict[str, str], asked: dict[str, Any]) -> dict[str, Any]:
    """The fault that is asked for, put in force.

    :raises BadRequest: there is none of that kind
    """
    kind = asked.get("kind")
    if kind not in kinds:
        raise BadRequest(f"`kind` is one of: {', '.join(kinds)}.")
    rate = number_of(asked, "rate", least=0, most=1)
    code = number_of(asked, "code", least=0)
    count = number_of(asked, "count", least=1)
    fault = faults.add(
        kind=kind,
        rate=1.0 if rate is None else rate,
        code=None if code is None else int(code),
        delay_ms=number_of(asked, "delay_ms", least=0),
        count=None if count is None else int(count),
    )
    return fault.to_json()


def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get(b"content-type", b"")
    if kind.startswith(b"application/json"):
        return {str(name): str(value) for name, value in object_of(request).items()}
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def _unifonic_refusal(refused: Refused) -> Response:
    code = refused.code
    told = f"ER-{code - 900:02}" if code >= 900 else str(code)
    body = {"success": False, "message": str(refused), "errorCode": told, "data": {}}
    return json_response(body, 400 if code >= 900 else code)


def _taqnyat_refusal(refused: Refused) -> Response:
    status = 400 if refused.code >= 480 else refused.code
    return json_response({"statusCode": refused.code, "message": str(refused)}, status)


def _report_of(text: Text) -> tuple[bytes, str]:
    """A report, as each gateway writes it, and its content type."""
    now = _clock(time.time())
    if text.gateway == "unifonic":
        form = {
            "MessageID": text.id,
            "DLR": "Delivered" if text.state == "delivered" else "Undeliverable",
            "Recipient": text.to,
            "CorrelationID": text.correlation,
            "TimeCreated": _clock(text.at),
            "SCTS": now,
            "DLRTimestamp": now,
        }
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    report = {
        "messageId": int(text.id),
        "status": text.state,
        "recipient": text.to,
        "deliveredAt": now,
    }
    return msgspec.json.encode(report), "application/json"


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, RIYADH).strftime("%Y-%m-%d %H:%M:%S")
