"""How fast one emulator takes sends, and for how much CPU: `python -m emulator.tests.load`."""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

FIRST_PHONE = 966510000000
TICKS = os.sysconf("SC_CLK_TCK")


class Sink(asyncio.Protocol):
    """A business that answers 200 to every webhook and counts the statuses."""

    statuses = 0
    posts = 0

    def __init__(self) -> None:
        self._waiting = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._waiting[:end]).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(self._waiting) < end + 4 + length:
                return
            body = bytes(self._waiting[end + 4 : end + 4 + length])
            del self._waiting[: end + 4 + length]
            Sink.posts += 1
            Sink.statuses += body.count(b'"status":"')
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def keep_sending(port: int, numbers: list[int]) -> None:
    """Send one message after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while numbers:
        number = numbers.pop()
        body = json.dumps(
            {
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "to": str(number),
                "type": "text",
                "text": {"body": "تحذير: سيول متوقعة في حي النخيل", "preview_url": False},
                "biz_opaque_callback_data": f"0199f0a0-0000-7000-8000-{number}",
            },
            ensure_ascii=False,
        ).encode()
        writer.write(
            b"POST /v25.0/106540000000940/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"authorization: Bearer demo-access-token\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(body) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode())
    writer.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def control(port: int, path: str, body: object) -> None:
    request = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
    urlopen(request, timeout=30).read()  # noqa: S310  our own address


async def measure(asked: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    sink = await loop.create_server(Sink, "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    callback = f"http://127.0.0.1:{sink.sockets[0].getsockname()[1]}/"
    command = [sys.executable, "-m", "emulator", "--port", str(port), "--callback", callback]
    emulator = subprocess.Popen([*command, "--throughput", "0"])  # noqa: S603  our own
    try:
        while emulator.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.05)
        people = {"phone": str(FIRST_PHONE), "count": asked.sends, "wrote": True}
        await asyncio.to_thread(control, port, "/_control/people", people)
        options = {"webhook_batch": asked.batch, "webhook_batch_ms": 50}
        await asyncio.to_thread(control, port, "/_control/options", options)
        used_before, started_at = cpu_s(emulator.pid), time.perf_counter()
        numbers = [FIRST_PHONE + n for n in range(asked.sends)]
        await asyncio.gather(*(keep_sending(port, numbers) for _ in range(asked.connections)))
        took_s = time.perf_counter() - started_at
        while Sink.statuses < 2 * asked.sends:
            await asyncio.sleep(0.02)
        used_s = cpu_s(emulator.pid) - used_before
        sys.stdout.write(
            f"{asked.sends / took_s:.0f} sends/s, "
            f"{used_s / asked.sends * 1e6:.0f} µs CPU a send, "
            f"{Sink.statuses} statuses in {Sink.posts} posts\n"
        )
    finally:
        emulator.send_signal(signal.SIGTERM)
        emulator.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sends", type=int, default=30_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--batch", type=int, default=100)
    asyncio.run(measure(parser.parse_args()))
