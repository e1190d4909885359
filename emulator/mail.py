"""A mail server and the mailboxes on it: SMTP to hand letters over, IMAP to read them. No letter leaves."""

import asyncio
import base64
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime, localtime
from typing import Any

from emulator.asgi import BadRequest, Request, Response, json_response
from emulator.asked import object_of
from emulator.faults import AFTER, Faults
from emulator.settings import Settings
from emulator.sms import added_fault

LONGEST_LINE = 16 * 1024
LARGEST_LETTER = 26 * 1024 * 1024
KEPT = 1000
KINDS = {
    "error": "a recipient is refused with `code`",
    "fail": "a letter is taken, then comes back as undeliverable",
    "timeout": "a letter is taken, its answer comes only after `delay_ms`",
    "delay": "a letter reaches its mailbox `delay_ms` later",
    "drop": "a letter is taken and lost",
    "duplicate": "a letter reaches its mailbox twice",
    "outage": "connections are closed at once",
    "expired_token": "nobody is let in: 535",
    "rate_limit": "a letter is put off with 451",
    "disconnect": "the connection ends when a letter comes; with `code` 1 it was taken before",
}
NO_SUCH_USER = 550


@dataclass(kw_only=True, slots=True)
class Letter:
    uid: int
    sender: str
    to: str
    raw: bytes
    at: float = field(default_factory=time.time)

    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, _class=EmailMessage, policy=default)

    def to_json(self) -> dict[str, Any]:
        message = self.parsed()
        body = message.get_body(("plain", "html"))
        try:
            text = body.get_content() if body else ""
        except (LookupError, ValueError):
            text = ""
        return {
            "uid": self.uid,
            "from": self.sender,
            "to": self.to,
            "subject": str(message["subject"] or ""),
            "text": str(text)[:4000].replace("\r\n", "\n"),
            "message_id": str(message["message-id"] or ""),
            "headers": {name: str(value) for name, value in message.items()},
            "at": self.at,
        }


class Post:
    """All mailboxes; a letter from anybody to anybody lands here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = Faults()
        self.boxes: dict[str, list[Letter]] = {}
        self.passwords = {settings.mail_password}
        self._last_uid = 0
        self.generation = int(time.time())
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen where the settings say so; port 0 means nowhere."""
        doors: list[tuple[int, Callable[[Line], Awaitable[None]]]] = [
            (self.settings.smtp_port, self._serve_smtp),
            (self.settings.imap_port, self._serve_imap),
        ]
        for port, serve in doors:
            if not port:
                continue
            try:
                self._servers.append(await self._listen(port, serve))
            except OSError as failure:
                # The phones are of use without it.
                sys.stderr.write(f"emulator: no mail on port {port} ({failure.strerror})\n")

    async def _listen(
        self, port: int, serve: Callable[["Line"], Awaitable[None]]
    ) -> asyncio.Server:
        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if not self.faults.strikes("outage"):
                    await serve(Line(reader, writer))
            except (ConnectionError, asyncio.IncompleteReadError, ValueError):
                pass
            finally:
                writer.close()

        return await asyncio.start_server(met, "127.0.0.1", port, limit=LONGEST_LINE)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def put(self, sender: str, to: str, raw: bytes) -> Letter:
        self._last_uid += 1
        letter = Letter(uid=self._last_uid, sender=sender, to=to.lower(), raw=raw)
        box = self.boxes.setdefault(letter.to, [])
        box.append(letter)
        del box[:-KEPT]
        return letter

    def carry(self, sender: str, to: str, raw: bytes) -> None:
        """Let a letter that was taken go its way."""
        faults = self.faults
        if faults.strikes("drop"):
            return
        if faults.strikes("fail"):
            self._later(0.2, lambda: self.put("", sender, bounce(sender, to, raw)))
            return
        delay = faults.strike_delay_s()
        for _time in range(2 if faults.strikes("duplicate") else 1):
            self._later(delay, lambda: self.put(sender, to, raw))

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            do()

        if not seconds:
            do()
            return
        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # SMTP

    async def _serve_smtp(self, line: "Line") -> None:
        line.say("220 emulator ESMTP")
        sender, recipients = "", list[str]()
        while command := await line.hear():
            verb, _space, rest = command.partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    line.say(
                        "250-emulator", "250-8BITMIME", "250-AUTH PLAIN LOGIN", "250 SIZE 26214400"
                    )
                case "AUTH":
                    await self._sign_in(line, rest)
                case "MAIL":
                    sender, recipients = _address(rest), []
                    line.say("250 OK")
                case "RCPT":
                    line.say(self._recipient(_address(rest), recipients))
                case "DATA":
                    if not recipients:
                        line.say("503 Bad sequence of commands")
                    elif not await self._take(line, sender, recipients):
                        return
                case "RSET" | "NOOP":
                    line.say("250 OK")
                case "QUIT":
                    line.say("221 Bye")
                    return
                case _:
                    line.say("502 Command not implemented")

    def _recipient(self, address: str, recipients: list[str]) -> str:
        if fault := self.faults.strikes("error"):
            return f"{fault.code or NO_SUCH_USER} Refused"
        if self.faults.strikes("rate_limit"):
            return "451 Try again later"
        recipients.append(address)
        return "250 OK"

    async def _sign_in(self, line: "Line", rest: str) -> None:
        kind, _space, given = rest.partition(" ")
        if kind.upper() == "LOGIN":
            line.say("334 VXNlcm5hbWU6")
            await line.hear()
            line.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(await line.hear()).decode()
        else:
            if not given:
                line.say("334 ")
                given = await line.hear()
            password = base64.b64decode(given).split(b"\0")[-1].decode()
        # Clients try another way of saying the same on one connection: that is refused as well.
        line.is_barred |= self.faults.strikes("expired_token") is not None
        if password not in self.passwords or line.is_barred:
            line.say("535 Authentication credentials invalid")
        else:
            line.say("235 Authentication successful")

    async def _take(self, line: "Line", sender: str, recipients: list[str]) -> bool:
        """Read a letter and let it go; False when the connection is to end."""
        line.say("354 End with a point")
        raw = await line.hear_letter()
        cut = self.faults.strikes("disconnect")
        if cut and cut.code != AFTER:
            return False
        for to in recipients:
            self.carry(sender, to, raw)
        if cut:
            return False
        if fault := self.faults.strikes("timeout"):
            await asyncio.sleep((fault.delay_ms or 0) / 1000)
        line.say("250 Taken")
        return True

    # IMAP

    async def _serve_imap(self, line: "Line") -> None:
        line.say("* OK emulator IMAP4rev1")
        box: list[Letter] | None = None
        user = ""
        while command := await line.hear():
            tag, _space, rest = command.partition(" ")
            verb, _space, rest = rest.partition(" ")
            match verb.upper():
                case "CAPABILITY":
                    line.say("* CAPABILITY IMAP4rev1", f"{tag} OK done")
                case "LOGIN":
                    name, password = _words(rest)
                    if password not in self.passwords or self.faults.strikes("expired_token"):
                        line.say(f"{tag} NO [AUTHENTICATIONFAILED] not right")
                    else:
                        user = name.lower()
                        line.say(f"{tag} OK done")
                case "SELECT" | "EXAMINE" if user:
                    box = self.boxes.setdefault(user, [])
                    line.say(
                        f"* {len(box)} EXISTS",
                        "* FLAGS ()",
                        f"* OK [UIDVALIDITY {self.generation}]",
                        f"* OK [UIDNEXT {self._last_uid + 1}]",
                        f"{tag} OK [READ-ONLY]",
                    )
                case "UID" if box is not None:
                    self._read(line, tag, rest, box)
                case "NOOP" | "CLOSE":
                    line.say(f"{tag} OK done")
                case "LOGOUT":
                    line.say("* BYE", f"{tag} OK done")
                    return
                case _:
                    line.say(f"{tag} BAD not here")

    def _read(self, line: "Line", tag: str, rest: str, box: list[Letter]) -> None:
        verb, _space, asked = rest.partition(" ")
        if verb.upper() == "SEARCH":
            found = re.search(r"UID (\d+):\*", asked)
            least = int(found[1]) if found else 1
            uids = [letter.uid for letter in box if letter.uid >= least]
            # The real ones name the last one, however small it is.
            if not uids and box:
                uids = [box[-1].uid]
            line.say("* SEARCH " + " ".join(map(str, uids)), f"{tag} OK done")
            return
        if verb.upper() != "FETCH":
            line.say(f"{tag} BAD not here")
            return
        uid, _space, what = asked.partition(" ")
        for position, letter in enumerate(box, start=1):
            if str(letter.uid) != uid:
                continue
            if "BODY" in what.upper():
                head = f"* {position} FETCH (UID {uid} BODY[] {{{len(letter.raw)}}}\r\n"
                line.write(head.encode() + letter.raw + b")\r\n")
            else:
                line.say(f"* {position} FETCH (UID {uid} RFC822.SIZE {len(letter.raw)})")
        line.say(f"{tag} OK done")

    # Control

    async def letters(self, request: Request) -> Response:
        """Everything in the mailbox of `to`, or in all of them."""
        to = request.query.get("to", "").lower()
        found = [
            letter.to_json()
            for box, letters in self.boxes.items()
            for letter in letters
            if not to or box == to
        ]
        return json_response({"items": sorted(found, key=lambda each: each["uid"])})

    async def write(self, request: Request) -> Response:
        """A letter to a mailbox: `from`, `to`, `text`, `subject`, or whole as `raw`."""
        asked = object_of(request)
        sender, to = str(asked.get("from", "")), asked.get("to")
        if not isinstance(to, str) or "@" not in to:
            raise BadRequest("Give `to`: an address.")
        if isinstance(raw := asked.get("raw"), str):
            return json_response({"uid": self.put(sender, to, raw.encode()).uid})
        message = EmailMessage()
        message["From"], message["To"] = sender, to
        message["Subject"] = str(asked.get("subject", ""))
        message["Date"] = format_datetime(localtime())
        for name, value in (asked.get("headers") or {}).items():
            message[name] = str(value)
        message.set_content(str(asked.get("text", "")))
        return json_response({"uid": self.put(sender, to, message.as_bytes()).uid})

    async def forget(self, _request: Request) -> Response:
        self.boxes.clear()
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


class Line:
    """A connection, by its lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_barred = False

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def hear(self) -> str:
        """The next line; empty at the end."""
        await self._writer.drain()
        while line := await self._reader.readline():
            if text := line.decode("utf-8", "replace").strip():
                return text
        return ""

    async def hear_letter(self) -> bytes:
        """A letter up to its lone point, with the doubled points made single."""
        await self._writer.drain()
        lines, size = list[bytes](), 0
        while (line := await self._reader.readline()) not in {b".\r\n", b".\n"}:
            size += len(line)
            if not line or size > LARGEST_LETTER:
                raise ConnectionError
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


def bounce(sender: str, to: str, raw: bytes) -> bytes:
    """What a mail server writes of a letter that it could not deliver (RFC 3464)."""
    head = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    mark = "=_bounce"
    told = (
        f"From: Mail Delivery System <mailer-daemon@emulator.invalid>\r\nTo: {sender}\r\n"
        "Return-Path: <>\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{mark}"\r\n\r\n'
        f"--{mark}\r\nContent-Type: text/plain\r\n\r\nThe letter to {to} could not be delivered.\r\n"
        f"--{mark}\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; emulator.invalid\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--{mark}\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    )
    return told.encode() + head + f"--{mark}--\r\n".encode()


def _address(rest: str) -> str:
    found = re.search(r"<([^<>]*)>", rest)
    return found[1] if found else ""


def _words(rest: str) -> tuple[str, str]:
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', rest)
    words = [quoted.replace('\\"', '"').replace("\\\\", "\\") or plain for quoted, plain in found]
    return (words[0], words[1]) if len(words) > 1 else ("", "")
