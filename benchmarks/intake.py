"""`bayan bench intake`: how many signed webhooks a second become durable, and what each one costs."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, product
from typing import cast

import uvloop

from benchmarks.ground import BenchFailed, Ground, ground

PATH = "/hooks/whatsapp/demo"
SECRET = b"demo-app-secret"
PHONE_NUMBER_ID = "106540000000940"
# What citizens write, put together from parts so that the journal cannot shrink it to nothing.
GREETINGS = (
    "السلام عليكم،", "صباح الخير،", "يا إخوان", "مساء النور،", "لو سمحتم", "تحية طيبة وبعد،",
    "الله يعطيكم العافية،",
)  # fmt: skip
MATTERS = (
    "في تجمع مياه كبير بعد المطر والسيارات متعطلة", "الإنارة مقطوعة من ثلاثة أيام والشارع مظلم",
    "يوجد تراكم نفايات أمام المدرسة الابتدائية", "حفرة عميقة في وسط الطريق كسرت كفرات سيارتي",
    "أشجار ساقطة على الرصيف بسبب الرياح", "رائحة كريهة من غرفة الصرف الصحي",
    "كلاب ضالة تتجول قرب الحديقة والأطفال خايفين", "مطعم يرمي مخلفاته في المواقف",
    "عمال يحفرون بعد منتصف الليل ولا أحد نايم", "إشارة المشاة معطلة عند المستشفى",
    "مبنى مهجور يتجمعون فيه ونخاف من الحريق",
)  # fmt: skip
PLACES = (
    "عند تقاطع شارع الملك عبدالله مع طريق الأمير سلطان.", "في حي الراكة الشمالية خلف المجمع.",
    "بجانب جامع الفيصلية القديم.", "في العزيزية قبل الدوار بمئة متر.", "مقابل سوق السمك في القطيف.",
    "على كورنيش الخبر قريب من النافورة.", "في حي الربوة شارع ١٢.", "بين مدرسة البنات والبقالة في سيهات.",
    "في مخطط ٩١ بالدمام.", "عند مدخل الجبيل الصناعية.", "في حي الشاطئ أمام العمارة رقم 47.",
    "بجوار محطة الوقود في رأس تنورة.", "في سوق الخميس بالأحساء.",
)  # fmt: skip
DETAILS = (
    "الوضع على هذا الحال من أول الأسبوع وكل يوم يزيد عن اللي قبله والناس تتضرر منه،",
    "جربنا نتصل على الرقم الموحد أكثر من مرة وفي كل مرة يقولون تم رفع البلاغ للجهة،",
    "الموقع قريب من البيوت وفيه كبار سن وأطفال يمرون منه كل صباح ومساء مشياً على الأقدام،",
)
ENDINGS = (
    "متى تنزل الفرق؟ 🌧️", "بلغنا مرتين وما جاء أحد.", "نرجو الحل قبل بداية الدوام وشكراً لكم.",
    "أرسلت لكم صورة أمس، وين وصل البلاغ؟", "تكفون بسرعة قبل لا يصير حادث 🙏",
)  # fmt: skip
MESSAGES_A_BATCH = 100
BATCH_CONNECTIONS = 16
WARM_UP_SECONDS = 1.0
# So many messages are spelled and signed before the clock runs; a server that wants more waits for
# the few microseconds that each costs.
READY_MESSAGES = 100_000
MESSAGE_ID = re.compile(rb"wamid\.[0-9a-f]{36}(\d{9})=")
# Odd, so that different numbers give different ids.
SCATTER = 0x9E3779B97F4A7C15F39CC0605CEDC8341082


@dataclass
class Phase:
    """One measurement: what was sent, and what came back."""

    messages_a_post: int
    answered: list[int] = field(default_factory=list)  # posts answered 200, warm-up included
    refused: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def posts(self) -> int:
        return len(self.latencies)

    @property
    def messages(self) -> int:
        return self.posts * self.messages_a_post

    def cpu_us_per_message(self, who: str | None = None) -> float:
        seconds = self.cpu[who] if who else sum(self.cpu.values())
        return seconds / max(1, self.messages) * 1e6

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[int(share * (len(ordered) - 1))] * 1000 if ordered else 0.0


class Load:
    """Ready-made requests, sent over a number of connections, one at a time on each."""

    def __init__(self, phase: Phase, requests: Iterator[tuple[int, bytes]]) -> None:
        self.phase = phase
        self.requests = requests
        self.measuring = False
        self.stopped = False
        self.connections: set[Connection] = set()
        self.idle = asyncio.Event()

    def next(self) -> tuple[int, bytes] | None:
        request = None if self.stopped else next(self.requests, None)
        self.stopped = request is None
        return request

    def gone(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self.idle.set()


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1 to be no burden on the machine that is measured."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.transport: asyncio.Transport
        self.number = 0
        self.sent_at = 0.0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports only look like asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.load.connections.add(self)
        self._send()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.received = b""
        phase, status = self.load.phase, int(head[9:12])
        if status == 200:
            phase.answered.append(self.number)
            if self.load.measuring:
                phase.latencies.append(time.perf_counter() - self.sent_at)
        else:
            phase.refused[status] += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.load.stopped:
            self.load.phase.refused[0] += 1
        self.load.gone(self)

    def _send(self) -> None:
        request = self.load.next()
        if request is None:
            self.transport.close()
            return
        self.number, content = request
        self.sent_at = time.perf_counter()
        self.transport.write(content)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when every answered webhook is in the journal exactly once."""
    options = _parser().parse_args(arguments)
    if options.seconds <= 0 or options.connections <= 0:
        print("--seconds and --connections must be greater than 0.", file=sys.stderr)
        return 2
    seconds = 2.0 if options.small else options.seconds
    try:
        print("Starting a PostgreSQL and an intake for this benchmark …", file=sys.stderr)
        with ground() as place:
            port = place.serve("intake")
            single = _measure(place, port, 1, options.connections, seconds, first=0)
            batch = _measure(
                place, port, MESSAGES_A_BATCH, BATCH_CONNECTIONS, seconds, first=10_000_000
            )
            lost, doubled = _compare_with_journal(place, [single, batch])
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    _report(single, batch, lost=lost, doubled=doubled)
    return 1 if lost or doubled or single.refused or batch.refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench intake",
        description="Post signed WhatsApp webhooks to an intake of its own: one message a post over many "
        "connections, then 100 messages a post over 16. Tells posts and messages a second, the CPU that "
        "server and PostgreSQL use for a message, and whether all of it is in the journal exactly once.",
    )
    parser.add_argument("--small", action="store_true", help="a few seconds only (2 a phase)")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each phase lasts (8)")
    parser.add_argument(
        "--connections", type=int, default=256, help="connections of the first phase (256)"
    )
    return parser


def _measure(
    place: Ground, port: int, messages_a_post: int, connections: int, seconds: float, *, first: int
) -> Phase:
    phase = Phase(messages_a_post)
    endless = _requests(port, messages_a_post, first)
    ready = list(islice(endless, READY_MESSAGES // messages_a_post))
    load = Load(phase, chain(ready, endless))
    uvloop.run(_drive(place, port, load, connections, seconds))
    return phase


async def _drive(
    place: Ground,
    port: int,
    load: Load,
    connections: int,
    seconds: float,
) -> None:
    loop, phase = asyncio.get_running_loop(), load.phase
    for _number in range(connections):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
    await asyncio.sleep(WARM_UP_SECONDS)
    before, began, load.measuring = place.cpu_seconds("intake"), time.perf_counter(), True
    await asyncio.sleep(seconds)
    phase.seconds, load.measuring = time.perf_counter() - began, False
    after = place.cpu_seconds("intake")
    phase.cpu = {who: after[who] - before[who] for who in after}
    load.stopped = True
    # What is in flight is answered still; each connection closes after its answer.
    try:
        await asyncio.wait_for(load.idle.wait(), 30)
    except TimeoutError:
        raise BenchFailed(
            f"{len(load.connections)} requests were never answered: see whether the disk is in trouble."
        ) from None


def _requests(port: int, messages_a_post: int, first: int) -> Iterator[tuple[int, bytes]]:
    """Whole HTTP requests with their first message's number; each message has an id of its own."""
    number = first
    while True:
        yield number, signed_request(port, _body(number, messages_a_post))
        number += messages_a_post


def signed_request(port: int, body: bytes) -> bytes:
    """A whole HTTP request that brings this webhook to the demo account."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: facebookexternalua\r\n"
        f"Content-Type: application/json\r\nX-Hub-Signature-256: {signature_of(body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def signature_of(body: bytes) -> str:
    """What the provider puts into the header for this body."""
    return f"sha256={hmac.digest(SECRET, body, hashlib.sha256).hex()}"


def _body(first: int, count: int) -> bytes:
    contacts, messages = [], []
    for number in range(first, first + count):
        person = number % 5_000  # a busy day's writers: most of them write more than once
        contact, message = _PARTS[number % len(_PARTS)]
        contacts.append(contact % (person, person, person))
        messages.append(message % (person, person, number * SCATTER % 2**144, number))
    return _ENVELOPE % (b",".join(contacts), b",".join(messages))


def _spelled(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(text: str) -> tuple[bytes, bytes]:
    """A contact and a message as the provider spells them, with places for numbers."""
    contact = {
        "profile": {"name": "نورة العتيبي %04d"},
        "wa_id": "96650%07d",
        "user_id": "SA.1349120865530%07d",
    }
    message = {
        "from": "96650%07d",
        "from_user_id": "SA.1349120865530%07d",
        "id": "wamid.%036x%09d=",
        "timestamp": "1795328100",
        "type": "text",
        "text": {"body": text},
    }
    return _spelled(contact), _spelled(message)


_PARTS = [
    _parts(" ".join(words)) for words in product(GREETINGS, MATTERS, PLACES, DETAILS, ENDINGS)
]
random.Random(940).shuffle(_PARTS)  # noqa: S311  # the same load every time
_ENVELOPE = _spelled(
    {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": "104857600000001",
                "changes": [
                    {
                        "value": {
                            "messaging_product": "whatsapp",
                            "metadata": {
                                "display_phone_number": "966112345678",
                                "phone_number_id": PHONE_NUMBER_ID,
                            },
                            "contacts": "%b",
                            "messages": "%b",
                        },
                        "field": "messages",
                    }
                ],
            }
        ],
    }
).replace(b'"%b"', b"[%b]")


def _compare_with_journal(place: Ground, phases: Sequence[Phase]) -> tuple[int, int]:
    """How many answered messages the journal lacks, and how many it holds more than once."""
    kept: Counter[int] = Counter()
    with (
        place.connect() as connection,
        connection.transaction(),
        # Handed over piece by piece: all of it at once may be more than there is memory.
        connection.cursor("journal", binary=True) as cursor,
    ):
        cursor.itersize = 500
        cursor.execute("SELECT body FROM intake_journal")
        for (body,) in cursor:
            kept.update(map(int, MESSAGE_ID.findall(body)))
    answered = {
        number
        for phase in phases
        for first in phase.answered
        for number in range(first, first + phase.messages_a_post)
    }
    return sum(kept[number] == 0 for number in answered), sum(n > 1 for n in kept.values())


def _report(single: Phase, batch: Phase, *, lost: int, doubled: int) -> None:
    rows: list[tuple[str, Callable[[Phase], str]]] = [
        ("posts a second", lambda p: f"{p.posts / p.seconds:,.0f}"),
        ("messages a second", lambda p: f"{p.messages / p.seconds:,.0f}"),
        ("CPU a message: intake", lambda p: f"{p.cpu_us_per_message('intake'):.1f} µs"),
        ("CPU a message: PostgreSQL", lambda p: f"{p.cpu_us_per_message('postgres'):.1f} µs"),
        ("answered after, median", lambda p: f"{p.percentile_ms(0.5):.1f} ms"),
        ("answered after, 99 of 100", lambda p: f"{p.percentile_ms(0.99):.1f} ms"),
        ("answered 200 (with warm-up)", lambda p: f"{len(p.answered):,}"),
        ("refused", lambda p: f"{sum(p.refused.values()):,} {dict(p.refused) or ''}".strip()),
    ]
    print(f"{'':<28}{'one message a post':>22}{f'{MESSAGES_A_BATCH} messages a post':>24}")
    for name, figure in rows:
        print(f"{name:<28}{figure(single):>22}{figure(batch):>24}")
    print(f"answered messages missing in the journal: {lost}; stored more than once: {doubled}")
    figures = {
        "single_posts_per_s": round(single.posts / single.seconds),
        "single_cpu_us_per_message": round(single.cpu_us_per_message(), 1),
        "single_p99_ms": round(single.percentile_ms(0.99), 1),
        "batch_messages_per_s": round(batch.messages / batch.seconds),
        "batch_cpu_us_per_message": round(batch.cpu_us_per_message(), 1),
        "lost": lost,
        "doubles": doubled,
    }
    print(json.dumps(figures))
