"""`bayan bench pipeline`: what the workers make of the journal, and how soon an open inbox shows it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import aiohttp
import uvloop

from benchmarks.browser import browser_of
from benchmarks.ground import BenchFailed, Ground, ground
from benchmarks.intake import Connection, Load, Phase, signed_request
from benchmarks.mix import Mix, missing_and_doubled, phone_of, statuses
from benchmarks.watch import Watch, look_for_the_rest, post_one, screen

WORKERS = ("worker 1", "worker 2")
PEOPLE = 5_000
CONNECTIONS = 32
# So much of the backlog is worked off before the clock runs: what starting costs is paid once.
WARM_UP_SHARE = 0.03
LOOK_EVERY = 0.2
# Without progress for so long, something is broken.
PATIENCE_SECONDS = 120.0
WANTED_RATE = 700.0
WANTED_CPU_MS = 1.6
WANTED_P95_MS = 2000.0

# People who have written before, half a year's worth: contact, names, conversation and first message.
PAST = """
    WITH body AS (SELECT id AS node_id FROM organisation_node WHERE kind = 'authority'),
    number AS (SELECT id AS number_id FROM channels_number ORDER BY id LIMIT 1),
    person AS (
        INSERT INTO people_contact (name, channel_name, created_at)
        SELECT 'نورة العتيبي ' || lpad(n::text, 7, '0'), '', now() - interval '200 days'
        FROM generate_series(0, %(people)s - 1) AS n RETURNING id, right(name, 7) AS key
    ),
    named AS (
        INSERT INTO people_identity (contact_id, scheme, value, created_at)
        SELECT id, scheme, prefix || key, now() - interval '200 days'
        FROM person, (VALUES ('whatsapp', 'SA.2716120865530'), ('phone', '96656')) AS s (scheme, prefix)
    ),
    conversation AS (
        INSERT INTO inbox_conversation
            (contact_id, number_id, node_id, matter, preview, last_message_at, last_inbound_at,
             last_outbound_at, created_at, labels)
        SELECT id, number_id, node_id,
               -- One of ten still waits for an outcome.
               CASE WHEN key::int %% 10 = 0 THEN '5' || lpad(key, 8, '0') ELSE '' END,
               'السلام عليكم', at, at, at + interval '1 hour', at, '{}'
        FROM person, number, body,
             LATERAL (SELECT now() - interval '4 days' - key::int * interval '2 minutes') AS w (at)
        RETURNING id, contact_id, number_id, node_id, matter, last_message_at AS at
    ),
    opened AS (
        INSERT INTO cases_case
            (reference, node_id, contact_id, conversation_id, kind, opened_at, outcome, stage, subject,
             category, priority, due_at, place, points_to, points_by, balady_number, transaction_number,
             times_reopened)
        SELECT matter, node_id, contact_id, id, '', at, '', 'in_progress', 'السلام عليكم',
               '', 'normal', at + interval '3 days', '', '', '', '', '', 0
        FROM conversation WHERE matter <> ''
    )
    INSERT INTO inbox_message
        (node_id, conversation_id, direction, kind, text, matter, payload, forwarded, their_reaction,
         our_reaction, number_id, external_id, quoted_id, request_id, sent_at, received_at)
    SELECT node_id, id, 'in', 'text', 'السلام عليكم', matter, '{}', '', '', '', number_id,
           'wamid.PAST' || id, '', '', at, at
    FROM conversation
"""
# Messages of ours, of which the provider has more to say.
SENT = """
    INSERT INTO channels_outgoing
        (node_id, number_id, to_phone, to_whatsapp_id, content, lane, subject_type, subject_key,
         request_id, state, external_id, attempts, not_before, created_at, sent_at)
    SELECT node_id, id, '96656' || lpad(n::text, 7, '0'), '',
           jsonb_build_object('type', 'text', 'text', jsonb_build_object('body', 'تم استلام بلاغك.')),
           30, '', '', 'bench', 'sent', 'wamid.OURS' || lpad(n::text, 9, '0'), 1, now(), now(), now()
    FROM (
        SELECT n.id, n.node_id FROM channels_number n JOIN channels_account a ON a.id = n.account_id
        WHERE a.channel = 'whatsapp'
    ) AS number, generate_series(0, %s - 1) AS n
"""


@dataclass
class Drain:
    """A backlog worked off: what was measured between its warm-up and its end."""

    messages: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    megabytes: list[float] = field(default_factory=list)  # of all workers: start, middle, end

    @property
    def rate(self) -> float:
        return self.messages / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU of workers and PostgreSQL for one message."""
        return sum(self.cpu.values()) / max(1, self.messages) * 1000


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when nothing was lost or doubled and all of the stream was seen."""
    options = _parser().parse_args(arguments)
    if min(options.backlog, options.past, options.seconds, options.rate) <= 0:
        print("All numbers must be greater than 0.", file=sys.stderr)
        return 2
    if options.small:
        options.backlog, options.past, options.seconds, options.rate = 1_500, 2_000, 3.0, 50.0
    if options.seconds * options.rate > options.past:
        print("--past must be at least --seconds times --rate: each writes once.", file=sys.stderr)
        return 2
    try:
        print("Starting a PostgreSQL, a web server and two workers …", file=sys.stderr)
        with ground() as place:
            port = place.serve("web")
            _give_it_a_past(place, options.past)
            mix = _post_backlog(place, port, options.backlog, options.past)
            drained = _drain(place, options.backlog)
            with place.connect() as connection:
                lost, doubles = missing_and_doubled(connection, mix, options.backlog)
            watched = uvloop.run(_watch(port, options.seconds, options.rate))
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    _report(drained, watched, backlog=options.backlog, lost=lost, doubles=doubles)
    return 1 if lost or doubles or watched.unseen else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench pipeline",
        description="Post signed WhatsApp webhooks of every common kind until a backlog stands in the "
        "journal, let two workers work it off, and count what became of it. Then, at a steady rate, "
        "keep an inbox open as a browser does and tell how soon each message stands in it.",
    )
    parser.add_argument("--small", action="store_true", help="a few seconds only")
    parser.add_argument("--backlog", type=int, default=100_000, help="messages (100,000)")
    parser.add_argument(
        "--past", type=int, default=100_000, help="conversations that are there before (100,000)"
    )
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second (100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long at that rate (60)")
    return parser


def _give_it_a_past(place: Ground, people: int) -> None:
    with place.connect() as connection:
        connection.execute(PAST, {"people": people})
        connection.execute(SENT, [people // 5])
        connection.execute("VACUUM ANALYZE")


def _post_backlog(place: Ground, port: int, backlog: int, past: int) -> Mix:
    """Fill the journal: half of those who write are known already; one post of ten tells of ours."""
    people = min(PEOPLE, backlog // 4)
    mix = Mix("PIPE", people=people, first_person=past - people // 2)
    print(f"Posting {backlog:,} messages …", file=sys.stderr)
    phase = Phase(1)
    posts = [signed_request(port, body) for body in _bodies(mix, backlog, past)]
    uvloop.run(_post(Load(phase, enumerate(posts)), port))
    if len(phase.answered) != len(posts):
        raise BenchFailed(f"The intake refused webhooks: {dict(phase.refused) or 'no answer'}")
    return mix


def _bodies(mix: Mix, backlog: int, past: int) -> Iterator[bytes]:
    ours = count()
    for position, numbers in enumerate(mix.posts(0, backlog)):
        yield mix.body(numbers)
        if position % 10 == 0:
            number = next(ours)
            key = number // 2 % (past // 5)
            status = "read" if number % 2 else "delivered"
            yield statuses([(f"wamid.OURS{key:09}", status, phone_of(key))])


async def _post(load: Load, port: int) -> None:
    loop = asyncio.get_running_loop()
    for _number in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
    await load.idle.wait()


def _drain(place: Ground, backlog: int) -> Drain:
    """Let two workers work the journal off, and measure them meanwhile."""
    print("Two workers work it off …", file=sys.stderr)
    drain = Drain()
    for name in WORKERS:
        place.start("worker", name=name)
    with place.connect() as connection:

        def ask(query: str) -> int:
            (answer,) = connection.execute(query.encode()).fetchone() or (0,)
            return int(answer)

        def waits() -> int:
            return ask("SELECT count(*) FROM intake_journal WHERE processed_at IS NULL")

        posts, progress, moved_at = waits(), 0, time.monotonic()
        while waits() > posts * (1 - WARM_UP_SHARE):
            time.sleep(LOOK_EVERY / 10)
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                raise BenchFailed("The workers do nothing: is the machine overloaded?")
        done_before = ask("SELECT count(*) FROM intake_seen")
        before, began = place.cpu_seconds_of_all(), time.perf_counter()
        drain.megabytes.append(_megabytes(place))
        while left := waits():
            if left != progress:
                progress, moved_at = left, time.monotonic()
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                raise BenchFailed(f"{left} posts are not worked off: see the journal.")
            if len(drain.megabytes) == 1 and left < posts / 2:
                drain.megabytes.append(_megabytes(place))
            time.sleep(LOOK_EVERY)
        drain.seconds, after = time.perf_counter() - began, place.cpu_seconds_of_all()
        drain.megabytes.append(_megabytes(place))
        aside = ask("SELECT count(*) FROM intake_journal WHERE set_aside_at IS NOT NULL")
        if aside:
            raise BenchFailed(f"{aside} posts were set aside.")
    drain.messages = backlog - done_before
    drain.cpu = {who: after[who] - before[who] for who in (*WORKERS, "postgres")}
    return drain


def _megabytes(place: Ground) -> float:
    return sum(place.megabytes(name) for name in WORKERS)


async def _watch(port: int, seconds: float, rate: float) -> Watch:
    """Post at a steady rate and look for each message in an open inbox."""
    print(f"{rate:g} messages a second for {seconds:g} s, with an inbox open …", file=sys.stderr)
    watch = Watch()
    mix = Mix("SEEN", people=int(seconds * rate))
    address = f"http://127.0.0.1:{port}"
    async with (
        browser_of(address, "desk") as browser,
        aiohttp.ClientSession(address) as provider,
    ):
        async with screen(browser, watch):
            began, posts = time.perf_counter(), []
            for numbers in mix.posts(0, mix.people):
                await asyncio.sleep(max(0.0, began + numbers[-1] / rate - time.perf_counter()))
                posts.append(asyncio.create_task(post_one(provider, mix, numbers, watch)))
            await asyncio.gather(*posts)
            deadline = time.perf_counter() + 10
            while watch.unseen and time.perf_counter() < deadline:
                await asyncio.sleep(0.05)
        await look_for_the_rest(browser, watch)
    return watch


def _report(drain: Drain, watch: Watch, *, backlog: int, lost: int, doubles: int) -> None:
    start, middle, end = (
        drain.megabytes[0],
        drain.megabytes[len(drain.megabytes) // 2],
        drain.megabytes[-1],
    )
    lines = [
        (f"backlog worked off by {len(WORKERS)} workers", f"{backlog:,}"),
        ("messages a second", f"{drain.rate:,.0f}"),
        ("CPU a message: workers and PostgreSQL", f"{drain.cpu_ms:.3f} ms"),
        *(
            (f"  {who}", f"{seconds / max(1, drain.messages) * 1000:.3f} ms")
            for who, seconds in drain.cpu.items()
        ),
        ("memory of the workers: start, middle, end", f"{start:.0f}, {middle:.0f}, {end:.0f} MB"),
        ("messages missing", f"{lost:,}"),
        ("messages stored twice", f"{doubles:,}"),
        ("visible in an open inbox: median", f"{watch.percentile_ms(0.5):,.0f} ms"),
        ("visible in an open inbox: 95 of 100", f"{watch.percentile_ms(0.95):,.0f} ms"),
        ("visible in an open inbox: the last", f"{watch.percentile_ms(1):,.0f} ms"),
        ("never seen", f"{watch.unseen:,} of {len(watch.posted_at):,}"),
        (
            "the list fetched, each time",
            f"{watch.fetches:,} × {watch.fetch_seconds / max(1, watch.fetches) * 1000:.0f} ms",
        ),
    ]
    for name, figure in lines:
        print(f"{name:<44}{figure:>20}")
    p95 = watch.percentile_ms(0.95)
    print(
        json.dumps(
            {
                "messages_per_s": round(drain.rate, 1),
                "cpu_ms_per_message": round(drain.cpu_ms, 3),
                "visible_p95_ms": round(p95) if p95 < float("inf") else None,
                "lost": lost,
                "doubles": doubles,
                "worker_mb_start": round(start, 1),
                "worker_mb_end": round(end, 1),
                "backlog": backlog,
            }
        )
    )
