"""Handing a letter to a mail server, once (RFC 5321): until its last line is sent nothing has happened."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from bayan.channels.adapters.base import (
    Outcome,
    ProviderRefused,
    Reaction,
    Stops,
    TokenFacts,
)
from bayan.channels.models import Account, Outgoing

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TIMEOUT_SECONDS = 15
# By it a letter of ours is known again, should it come back to our own mailbox.
MARK = "X-Bayan-Message"
LOGIN_REFUSED = 535
DATA_ACCEPTED, SEND_IT = 250, 354
PERMANENT = 500
# Refusals that concern every letter: sign-in, encryption, what this server may send at all.
STOP = {530: Stops.ACCOUNT, 534: Stops.ACCOUNT, LOGIN_REFUSED: Stops.ACCOUNT, 538: Stops.ACCOUNT}


def outcome_of(error: dict[str, Any]) -> Outcome:
    """What an error with this `code` means: 4xx passes, 5xx does not (RFC 5321, 4.2.1)."""
    code = error.get("code")
    if not isinstance(code, int):
        return Outcome(reaction=Reaction.GIVE_UP, error=error)
    if code in STOP:
        return Outcome(reaction=Reaction.STOP, error=error, stops=STOP[code])
    if code < PERMANENT:
        return Outcome(reaction=Reaction.RETRY, error=error, wait=MINUTE)
    return Outcome(reaction=Reaction.GIVE_UP, error=error)


def message_id(account: Account, row: Outgoing) -> str:
    """The Message-ID of a letter of ours: that of its row, at the sender's host."""
    host = row.number.display.rpartition("@")[2] or "localhost"
    return f"<{row.public_id}@{host}>"[:160]


def letter(account: Account, row: Outgoing, file: bytes = b"") -> EmailMessage:
    """The letter as it leaves."""
    said = row.content.get("email", {})
    # One line: a line break would begin a header of somebody else's.
    subject = " ".join(str(said.get("subject") or account.name).split())
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(row.number.display, account.name)
    message["To"] = _address(row.to_email, "")
    message["Subject"] = subject[:200]
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = message_id(account, row)
    # Nobody's absence note answers it, and no list passes it on (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message[MARK] = str(row.public_id)
    if answered := _id(said.get("in_reply_to")):
        message["In-Reply-To"] = message["References"] = answered
    message.set_content(str(said.get("text", "")), charset="utf-8", cte="base64")
    if file and row.media is not None:
        main, _slash, sub = (row.media.mime_type or "application/octet-stream").partition("/")
        name = row.media.name or f"file.{sub or 'bin'}"
        message.add_attachment(file, maintype=main, subtype=sub or "octet-stream", filename=name)
    return message


async def send(account: Account, row: Outgoing, file_id: str = "") -> Outcome:
    """Hand one letter over, with the file of this hash; the outcome whatever happens."""
    try:
        file = await asyncio.to_thread(_stored, file_id) if file_id else b""
    except OSError:
        return Outcome(reaction=Reaction.GIVE_UP, error={"title": "no media"})
    try:
        written = letter(account, row, file).as_bytes()
        sender, to = row.number.display, row.to_email
        # ASCII only: what lies before the @ of an address may not be anything else yet.
        sender.encode("ascii")
        to.encode("ascii")
    except ValueError:
        return Outcome(reaction=Reaction.GIVE_UP, error={"code": 550, "title": "no such address"})
    outcome = await asyncio.to_thread(_hand_over, account, sender, to, written)
    if outcome.reaction is Reaction.ACCEPTED:
        return Outcome(reaction=Reaction.ACCEPTED, external_id=message_id(account, row))
    return outcome


async def token_facts(account: Account) -> TokenFacts:
    """Whether the mail server still lets us in.

    :raises ProviderRefused: it says nothing of it now
    """
    outcome = await asyncio.to_thread(_knock, account)
    if outcome is None:
        return TokenFacts(is_valid=True)
    if outcome.reaction is Reaction.STOP:
        return TokenFacts(is_valid=False)
    raise ProviderRefused(outcome)


def _knock(account: Account) -> Outcome | None:
    server = _Server()
    try:
        server.open(account)
    except (OSError, smtplib.SMTPException) as error:
        return server.outcome(error)
    finally:
        server.close()
    return None


def _hand_over(account: Account, sender: str, to: str, written: bytes) -> Outcome:
    server = _Server()
    try:
        server.open(account)
        server.say(server.smtp.mail(sender))
        server.say(server.smtp.rcpt(to))
        server.say(server.smtp.docmd("DATA"), wanted=SEND_IT)
        server.is_handed_over = True
        server.smtp.send(_stuffed(written))
        server.say(server.smtp.getreply())
    except (OSError, smtplib.SMTPException) as error:
        return server.outcome(error)
    finally:
        server.close()
    return Outcome(reaction=Reaction.ACCEPTED)


class _Refused(smtplib.SMTPResponseException):
    pass


class _Server:
    """A connection to a mail server, and how far a letter has come on it."""

    def __init__(self) -> None:
        self._smtp: smtplib.SMTP | None = None
        # From here on it may have been taken, whatever we hear or do not hear of it.
        self.is_handed_over = False

    @property
    def smtp(self) -> smtplib.SMTP:
        assert self._smtp is not None  # noqa: S101  # opened before
        return self._smtp

    def open(self, account: Account) -> None:
        parts = urlsplit(account.base_url)
        host, is_real = parts.hostname or "", account.nature == Account.Nature.REAL
        context = ssl.create_default_context()
        if parts.scheme == "smtps":
            self._smtp = smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            self._smtp = smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT_SECONDS)
            self._smtp.ehlo()
            # A password never goes over an open line; only the emulator, on this machine, has none.
            if is_real:
                self._smtp.starttls(context=context)
        if account.login:
            self._smtp.login(account.login, account.access_token)

    def say(self, answer: tuple[int, bytes], *, wanted: int = DATA_ACCEPTED) -> None:
        code, words = answer
        if code not in {wanted, 251} and code != wanted:
            raise _Refused(code, words)

    def outcome(self, error: Exception) -> Outcome:
        """What this error means for the letter."""
        if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
            words = error.smtp_error
            text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
            return outcome_of({"code": error.smtp_code, "title": text[:300].replace("\0", "")})
        if self.is_handed_over:
            return Outcome(reaction=Reaction.UNCERTAIN, error={"title": "no answer"})
        if isinstance(error, smtplib.SMTPNotSupportedError):
            # It offers no encryption, or no way of signing in that we know.
            return outcome_of({"code": 538, "title": str(error)[:300]})
        return Outcome(reaction=Reaction.RETRY, error={"title": "no connection"}, wait=30 * SECOND)

    def close(self) -> None:
        if self._smtp is not None:
            self._smtp.close()


def _stuffed(written: bytes) -> bytes:
    """The letter with its end, a line that begins with a point doubled (RFC 5321, 4.5.2)."""
    lines = written.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    body = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _stored(sha256: str) -> bytes:
    return (Path(settings.MEDIA_ROOT) / sha256[:2] / sha256).read_bytes()


def _address(address: str, name: str) -> Address:
    return Address(display_name=" ".join(name.split()), addr_spec=address)


def _id(value: Any) -> str:
    """A Message-ID that may stand in a header; empty for anything else."""
    text = str(value or "")
    fits = text.isascii() and text.isprintable() and " " not in text and len(text) < 500
    return text if fits and text.startswith("<") and text.endswith(">") else ""
