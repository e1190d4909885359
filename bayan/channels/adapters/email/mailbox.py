"""The mailbox of an e-mail account, read by IMAP; nothing in it is changed."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from urllib.parse import urlsplit

from bayan.channels.adapters.base import FileNotThere, Outcome, ProviderRefused, Reaction, Stops
from bayan.channels.adapters.email.outgoing import LOGIN_REFUSED, MINUTE
from bayan.channels.adapters.email.persons import POSITION
from bayan.channels.models import Account

TIMEOUT_SECONDS = 15
# So many letters a time; a larger one than this is passed over, and the mailbox keeps it.
AT_ONCE = 50
LARGEST = 4 * 1024 * 1024 - 1024
FILE = re.compile(r"mail:(\d{1,12}):(\d{1,3})")


class MailboxUnreadable(Exception):
    """The server did not answer as it should; the text says how."""


@dataclass(frozen=True)
class Found:
    """What is new in a mailbox, and how far it has been read with it."""

    generation: int
    position: int
    letters: tuple[bytes, ...]


def look_into(account: Account) -> Found:
    """What is new in the account's mailbox since it was last read; of one that is new to us nothing.

    :raises MailboxUnreadable: it could not be read
    """
    try:
        with _opened(account) as box:
            return _read(box, account)
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
        raise MailboxUnreadable(str(error)[:200] or type(error).__name__) from error


async def file_of(account: Account, url: str) -> bytes:
    """A file of a letter that lies in the mailbox.

    :raises FileNotThere: the letter is gone, or has no such part
    :raises ProviderRefused: the mailbox cannot be read now
    """
    named = FILE.fullmatch(url)
    if named is None:
        raise FileNotThere({"title": "no such file"})
    try:
        raw = await asyncio.to_thread(_letter, account, int(named[1]))
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
        outcome = Outcome(reaction=Reaction.RETRY, error={"title": "no connection"}, wait=MINUTE)
        if isinstance(error, imaplib.IMAP4.error) and "AUTHENTICATIONFAILED" in str(error):
            outcome = Outcome(
                reaction=Reaction.STOP,
                error={"code": LOGIN_REFUSED, "title": "login refused"},
                stops=Stops.ACCOUNT,
            )
        raise ProviderRefused(outcome) from error
    message = message_from_bytes(raw, _class=EmailMessage, policy=default)
    for number, part in enumerate(message.walk()):
        if number == int(named[2]) and not part.is_multipart():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content:
                return content
    raise FileNotThere({"title": "no such part"})


def _letter(account: Account, key: int) -> bytes:
    with _opened(account) as box:
        box.select("INBOX", readonly=True)
        # The line that the journal's copy begins with changes no part's number.
        return _fetch(box, key)


@contextlib.contextmanager
def _opened(account: Account) -> Iterator[imaplib.IMAP4]:
    parts = urlsplit(account.inbox_url)
    host, is_real = parts.hostname or "", account.nature == Account.Nature.REAL
    is_open = parts.scheme == "imap" and not is_real
    # To read the machine's certificates takes longer than a look into a box.
    context = None if is_open else ssl.create_default_context()
    if parts.scheme == "imaps":
        box: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            host, parts.port or 993, ssl_context=context, timeout=TIMEOUT_SECONDS
        )
    else:
        box = imaplib.IMAP4(host, parts.port or 143, timeout=TIMEOUT_SECONDS)
    try:
        # A password never goes over an open line; only the emulator, on this machine, has none.
        if parts.scheme == "imap" and not is_open:
            box.starttls(context)
        box.login(account.login, account.access_token)
        yield box
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            box.logout()


def _read(box: imaplib.IMAP4, account: Account) -> Found:
    box.select("INBOX", readonly=True)
    generation, following = _number(box, "UIDVALIDITY"), _number(box, "UIDNEXT")
    position = account.inbox_position
    if position is None or account.inbox_generation != generation:
        return Found(generation, max(following - 1, 0), ())
    _state, answers = box.uid("SEARCH", f"UID {position + 1}:*")
    words = (answers[0] or b"").split() if answers else []
    # A server names its last letter even where that is older.
    found = {int(word) for word in words if word.isdigit()}
    keys = sorted(key for key in found if key > position)[:AT_ONCE]
    letters = [letter for key in keys if (letter := _fetch(box, key))]
    return Found(generation, keys[-1] if keys else position, tuple(letters))


def _fetch(box: imaplib.IMAP4, key: int) -> bytes:
    """A letter; empty for one that is too large or gone."""
    _state, answers = box.uid("FETCH", str(key), "(RFC822.SIZE)")
    said = b" ".join(answer for answer in answers if isinstance(answer, bytes))
    size = re.search(rb"RFC822\.SIZE (\d+)", said)
    if size is None or int(size[1]) > LARGEST:
        return b""
    _state, answers = box.uid("FETCH", str(key), "(BODY.PEEK[])")
    for answer in answers:
        if isinstance(answer, tuple) and isinstance(answer[1], bytes):
            # By it its files are found again; a line of the same name further down says nothing.
            return f"{POSITION}: {key}\r\n".encode() + answer[1][:LARGEST]
    return b""


def _number(box: imaplib.IMAP4, name: str) -> int:
    _state, answers = box.response(name)
    value = answers[0] if answers else None
    if not isinstance(value, bytes) or not value.isdigit():
        raise MailboxUnreadable(f"no {name}")
    return int(value)
