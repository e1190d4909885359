"""Posts small bodies over kept connections; webhooks are too many for a general HTTP client."""

import asyncio
from urllib.parse import urlsplit

type Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

LONGEST_S = 10.0
LONGEST_ANSWER = 64 * 1024


class NoAnswer(Exception):
    """The other side could not be reached or did not answer; the text says how."""


async def fetch(url: str) -> tuple[int, bytes]:
    """The status and the body of the answer to a GET, over a connection of its own.

    :raises NoAnswer: there was none
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    request = f"GET {parts.path or '/'}?{parts.query} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
    try:
        async with asyncio.timeout(LONGEST_S):
            reader, writer = await asyncio.open_connection(
                parts.hostname, port, ssl=parts.scheme == "https" or None
            )
            try:
                writer.write(request.encode())
                head, _, body = (await reader.read(LONGEST_ANSWER)).partition(b"\r\n\r\n")
                while more := await reader.read(LONGEST_ANSWER - len(body)):
                    body += more
                return int(head.split()[1]), body
            finally:
                writer.close()
    except (OSError, ValueError, IndexError) as failure:
        raise NoAnswer(type(failure).__name__) from failure


class Poster:
    """Posts to one address and tells the status of each answer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._is_secure else 80)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        self._start = f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        self._idle: list[Connection] = []

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer.

        :raises NoAnswer: there was none
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{self._start}{lines}Content-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        try:
            async with asyncio.timeout(LONGEST_S):
                while self._idle:
                    # The other side may have closed a kept connection: then a new one is due.
                    try:
                        return await self._exchange(self._idle.pop(), request)
                    except (OSError, EOFError):
                        continue
                return await self._exchange(await self._connect(), request)
        except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError) as failure:
            raise NoAnswer(type(failure).__name__) from failure

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connect(self) -> Connection:
        return await asyncio.open_connection(self._host, self._port, ssl=self._is_secure or None)

    async def _exchange(self, connection: Connection, request: bytes) -> int:
        reader, writer = connection
        is_reusable = False
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.rstrip().split("\r\n")
            fields = [line.partition(":") for line in lines]
            headers = {name.lower(): value.strip().lower() for name, _, value in fields}
            length = headers.get("content-length")
            # Only an answer of known length tells where the next one starts.
            if length is not None:
                await reader.readexactly(int(length))
                is_reusable = headers.get("connection") != "close"
            return int(status_line.split()[1])
        finally:
            if is_reusable:
                self._idle.append(connection)
            else:
                writer.close()
