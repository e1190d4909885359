"""Fetching the files that people send (reference 1.13). What names an address here is a stranger."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bayan.channels.adapters.base import (
    FileAddress,
    FileNotThere,
    Outcome,
    ProviderRefused,
    Reaction,
)
from bayan.channels.adapters.whatsapp import graph
from bayan.channels.adapters.whatsapp.errors import SECOND, outcome_of
from bayan.channels.adapters.whatsapp.reading import as_number, as_text
from bayan.channels.models import Account, Media

if TYPE_CHECKING:
    import aiohttp

# The one host that the provider documents for files.
FILE_HOSTS = {"lookaside.fbsbx.com"}
# Forms lie on the provider's public servers, which are many.
FORM_HOSTS = ".fbcdn.net"
LARGEST_FORM = 10 * 1024 * 1024
# A hundred megabytes over a bad line; a line that says nothing for half a minute is dead.
TIMEOUT = {"total": 600, "sock_connect": 5, "sock_read": 30}
PIECE = 256 * 1024
# What the provider answers for a file that it does not have: "unsupported get request".
NO_SUCH_OBJECT = 100


async def locate(session: aiohttp.ClientSession, account: Account, media: Media) -> FileAddress:
    """Where the file can be fetched for the next five minutes.

    :raises FileNotThere: the provider does not have it any more
    :raises ProviderRefused: with what its answer means
    """
    try:
        answer = await graph.call(
            session,
            account,
            "GET",
            media.external_id,
            params={"phone_number_id": media.number.external_id},
        )
    except ProviderRefused as refused:
        error = refused.outcome.error or {}
        if refused.outcome.reaction is Reaction.GIVE_UP and error.get("code") == NO_SUCH_OBJECT:
            raise FileNotThere(error) from refused
        raise
    size = as_number(answer.get("file_size"))
    return FileAddress(url=as_text(answer.get("url")), size=int(size or 0))


async def download(
    session: aiohttp.ClientSession, account: Account, url: str
) -> AsyncIterator[bytes]:
    """The file's bytes, piece by piece.

    :raises FileNotThere: there is nothing at this address (any more)
    :raises ProviderRefused: with what the answer means; also for an address that is not the provider's
    """
    import aiohttp

    if not await may_ask(account, url):
        raise ProviderRefused(_refusal("foreign address"))
    timeout = aiohttp.ClientTimeout(**TIMEOUT)
    try:
        async with session.get(
            url,
            headers=graph.authorisation(account),
            timeout=timeout,
            # The token goes nowhere else.
            allow_redirects=False,
        ) as response:
            if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                raise FileNotThere({"title": f"HTTP {response.status}"})
            if response.status != HTTPStatus.OK:
                answer = graph.decoded(await response.content.read(PIECE))
                raise ProviderRefused(_refused(response.status, answer))
            async for piece in response.content.iter_chunked(PIECE):
                yield piece
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ProviderRefused(_refusal("no connection")) from error


async def read_form(session: aiohttp.ClientSession, account: Account, url: str) -> dict[str, Any]:
    """A form as the provider keeps it; the address is a public one and gets no token.

    :raises ProviderRefused: it could not be read, or the address is not the provider's
    """
    import aiohttp

    if not await may_ask(account, url, FORM_HOSTS):
        raise ProviderRefused(_refusal("foreign address"))
    timeout = aiohttp.ClientTimeout(**graph.TIMEOUT)
    try:
        async with session.get(url, timeout=timeout, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise ProviderRefused(_refusal(f"HTTP {response.status}"))
            body = b""
            async for piece in response.content.iter_chunked(PIECE):
                body += piece
                if len(body) > LARGEST_FORM:
                    raise ProviderRefused(_refusal("too large"))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ProviderRefused(_refusal("no connection")) from error
    return graph.decoded(body)


async def may_ask(account: Account, url: str, hosts: str = "") -> bool:
    """True for an address of the provider's; never one inside our own network, but for the emulator."""
    try:
        parts, own = urlsplit(url), urlsplit(account.base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username or parts.password or not host:
        return False
    is_own = (parts.scheme, host, port) == (own.scheme, own.hostname, own.port)
    is_known = host in FILE_HOSTS or bool(hosts and host.endswith(hosts))
    is_documented = parts.scheme == "https" and is_known and port in {None, 443}
    if not is_own and not is_documented:
        return False
    return account.nature != Account.Nature.REAL or await _is_outside(host, port or 443)


async def _is_outside(host: str, port: int) -> bool:
    """True when every address of this host is one of the internet's."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # Nobody knows it now: the request itself will say so, and is tried again.
        return True
    return all(ipaddress.ip_address(address[4][0]).is_global for address in found)


def _refused(status: int, answer: dict[str, Any]) -> Outcome:
    if status == HTTPStatus.UNAUTHORIZED and not answer:
        # Files are kept by another house, which says it in fewer words.
        return outcome_of({"code": 0, "title": f"HTTP {status}"})
    return graph.refused(status, answer)


def _refusal(title: str) -> Outcome:
    return Outcome(reaction=Reaction.RETRY, error={"title": title}, wait=5 * SECOND)
