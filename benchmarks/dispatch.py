"""`bayan bench dispatch`: is the permitted rate held and never exceeded, and does everything arrive once?

All figures are counted from the emulator's own log, against a list written before the run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.ground import BenchFailed, Ground, ask, ground

# As far as a provider across the sea: 150 ms, give or take 100.
ANSWER_MS, ANSWER_JITTER_MS = 150, 100
# So many people share the load, each within the provider's limit for one person.
PEOPLE = 5_000
MESSAGES_A_PERSON = 40
LONGEST_OVERTAKING_SECONDS = 2.0
LEAST_SHARE = 0.98
# The provider refuses what comes faster than permitted by more than this part of a second: for so long a
# busy machine may hold up a process.
BURST_PART = 4

# One of the emulator's templates, as the dispatcher's sync would bring it; its three values follow.
TEMPLATE = "case_update_ar"
BROADCAST = """
    WITH text AS (
        INSERT INTO channels_template
            (public_id, account_id, name, language, category, status, quality, components, is_named,
             purpose, external_id, changed_at)
        SELECT uuidv7(), id, %(template)s, 'ar', 'UTILITY', 'APPROVED', 'GREEN', '[]', false, '', '', now()
        FROM channels_account WHERE channel = 'whatsapp'
        ON CONFLICT (account_id, name, language) DO UPDATE SET status = 'APPROVED'
        RETURNING id, account_id
    )
    INSERT INTO channels_broadcast
        (public_id, node_id, number_id, template_id, title, state, is_crisis, total,
         opted_out, duplicates, bad_lines, counts, created_at)
    SELECT uuidv7(), n.node_id, n.id, text.id, 'bench', 'running', false, %(count)s, 0, 0, 0, '{}', now()
    FROM channels_number n JOIN text ON text.account_id = n.account_id RETURNING id, template_id
"""
QUEUE = """
    INSERT INTO channels_outgoing
        (public_id, node_id, number_id, to_phone, to_whatsapp_id, content, lane, subject_type,
         subject_key, request_id, state, attempts, not_before, created_at, template_id, broadcast_id)
    SELECT uuidv7(), node_id, id, '9665' || lpad((%(first)s + n %% %(people)s)::text, 8, '0'), '',
           jsonb_build_object('type', 'template', 'template', jsonb_build_object(
               'name', %(template)s::text, 'language', jsonb_build_object('code', 'ar'),
               'components', jsonb_build_array(jsonb_build_object(
                   'type', 'body', 'parameters', jsonb_build_array(
                       jsonb_build_object('type', 'text', 'text', 'نورة'),
                       jsonb_build_object('type', 'text', 'text', n::text),
                       jsonb_build_object('type', 'text', 'text', 'قيد المعالجة')))))),
           %(lane)s, '', '', 'bench', 'queued', 0, now(), now(), %(template_id)s, %(broadcast_id)s
    FROM (
        SELECT n.id, n.node_id FROM channels_number n JOIN channels_account a ON a.id = n.account_id
        WHERE a.channel = 'whatsapp'
    ) AS number, generate_series(0, %(count)s - 1) AS n ORDER BY n
    RETURNING public_id::text
"""


@dataclass
class Phase:
    """One rate: what was to be sent, and what the emulator's log says of it."""

    permitted: int
    wanted: list[str] = field(default_factory=list)
    sent: list[tuple[float, str]] = field(default_factory=list)  # (when, our id), as they arrived
    refused: Counter[int] = field(default_factory=Counter)
    cpu: dict[str, float] = field(default_factory=dict)  # seconds a message, by process
    reply_after: float = 0.0
    # The emulator notes when it gets to a message: only a clock that nobody holds up says when it came.
    has_true_clock: bool = False

    @property
    def seconds(self) -> float:
        return self.sent[-1][0] - self.sent[0][0] if len(self.sent) > 1 else 0.0

    @property
    def rate(self) -> float:
        return (len(self.sent) - 1) / self.seconds if self.seconds else 0.0

    @property
    def over_limit(self) -> int:
        """What the provider refused as too fast, for the number or for a person."""
        return self.refused[130429] + self.refused[131056]

    @property
    def fullest_second(self) -> int:
        """The most messages that arrived in any one second, by the provider's clock."""
        moments = [moment for moment, _mark in self.sent]
        return max(
            bisect_left(moments, moment + 1, position) - position
            for position, moment in enumerate(moments)
        )

    @property
    def doubles(self) -> int:
        return sum(times - 1 for times in Counter(mark for _at, mark in self.sent).values())

    @property
    def lost(self) -> int:
        return len(set(self.wanted) - {mark for _at, mark in self.sent})

    @property
    def is_good(self) -> bool:
        return (
            self.rate >= LEAST_SHARE * self.permitted
            and not (self.over_limit or self.doubles or self.lost)
            and self.reply_after <= LONGEST_OVERTAKING_SECONDS
            and (self.fullest_second <= self.permitted or not self.has_true_clock)
        )


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when each rate was held, never exceeded, and everything arrived once."""
    options = _parser().parse_args(arguments)
    seconds = 6 if options.small else options.seconds
    rates = options.rates or ([80] if options.small else [80, 1000])
    if seconds <= 0:
        print("--seconds must be greater than 0.", file=sys.stderr)
        return 2
    phases = []
    try:
        for rate in rates:
            print(f"Sending {rate} messages a second for {seconds} s …", file=sys.stderr)
            with ground() as place:
                phases.append(_measure(place, rate, seconds))
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    _report(phases)
    return 0 if all(phase.is_good for phase in phases) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench dispatch",
        description="Send queued messages to an emulator whose answers take 150 ms ± 100 and which keeps "
        "the limits of the number and of each person. Everything runs: intake, worker, dispatcher, "
        "PostgreSQL. Counts from the emulator's log, against a list written before the run.",
    )
    parser.add_argument("--small", action="store_true", help="6 seconds at 80 a second")
    parser.add_argument("--seconds", type=float, default=180.0, help="how long each rate (180)")
    parser.add_argument(
        "--rate", type=int, action="append", dest="rates", choices=[80, 1000],
        help="messages a second: the provider knows two levels (both)",
    )  # fmt: skip
    return parser


def _measure(place: Ground, rate: int, seconds: float) -> Phase:
    phase = Phase(rate)
    intake = place.serve("intake")
    emulator = place.emulate(
        f"http://127.0.0.1:{intake}/hooks/whatsapp/demo",
        f"--throughput={rate}", f"--throughput-burst={rate // BURST_PART}",
        f"--answer-ms={ANSWER_MS}", f"--answer-jitter-ms={ANSWER_JITTER_MS}",
        "--webhook-batch=200", "--webhook-batch-ms=200", "--no-portfolio-limit",
    )  # fmt: skip
    phase.has_true_clock = place.put_first("emulator")
    count = int(rate * seconds)
    people = min(PEOPLE, max(100, count // MESSAGES_A_PERSON + 1))
    with place.connect() as connection:
        connection.execute(
            "UPDATE channels_account SET base_url = %s WHERE channel = 'whatsapp'", [emulator]
        )
        connection.execute("UPDATE channels_number SET throughput = %s", [rate])
        connection.execute("UPDATE channels_portfolio SET daily_limit = NULL")
        broadcast_id, template_id = next(
            iter(connection.execute(BROADCAST, {"template": TEMPLATE, "count": count}))
        )
        facts = {
            "template": TEMPLATE, "template_id": template_id, "broadcast_id": broadcast_id,
            "first": 0, "people": people, "count": count, "lane": 40,
        }  # fmt: skip
        phase.wanted = [row[0] for row in connection.execute(QUEUE, facts)]
        connection.execute("ANALYZE channels_outgoing")
    (place.folder / "wanted.txt").write_text("\n".join(phase.wanted))
    place.start("worker")
    place.start("dispatcher")
    _wait_for_the_first(emulator)
    # What starting costs is paid once, not with every message.
    before, begun = place.cpu_seconds_of_all(), len(_sent(emulator, 0))
    phase.reply_after = _overtake(place, emulator, phase, people, template_id)
    _wait_for_all(emulator, phase, seconds)
    after = place.cpu_seconds_of_all()
    measured = max(1, len(phase.sent) - begun)
    phase.cpu = {who: (after[who] - before[who]) / measured for who in after}
    return phase


def _wait_for_the_first(emulator: str) -> None:
    deadline = time.monotonic() + 60
    while not _sent(emulator, 0, limit=1):
        if time.monotonic() > deadline:
            raise BenchFailed("The dispatcher sends nothing: is the machine overloaded?")
        time.sleep(0.05)
    time.sleep(0.5)


def _overtake(place: Ground, emulator: str, phase: Phase, people: int, template_id: int) -> float:
    """Seconds until a person's reply, queued behind all the others, has reached the provider."""
    with place.connect() as connection:
        facts = {
            "template": TEMPLATE, "template_id": template_id, "broadcast_id": None,
            "first": people, "people": 1, "count": 1, "lane": 10,
        }  # fmt: skip
        (mark,) = next(iter(connection.execute(QUEUE, facts)))
        connection.execute("SELECT pg_notify('bayan_outgoing', '')")
    queued_at = time.time()
    phase.wanted.append(mark)
    deadline, position = time.monotonic() + 60, 0
    while time.monotonic() < deadline:
        fresh = _sent(emulator, position)
        position += len(fresh)
        for at, found in fresh:
            if found == mark:
                return max(0.0, at - queued_at)
        time.sleep(0.2)
    raise BenchFailed("The person's reply never reached the provider.")


def _wait_for_all(emulator: str, phase: Phase, seconds: float) -> None:
    deadline = time.monotonic() + seconds * 1.5 + 30
    # The log is read once at the end: whoever counts must not hold up what is counted.
    while not _sent(emulator, len(phase.wanted) - 1, limit=1) and time.monotonic() < deadline:
        time.sleep(1)
    time.sleep(1)  # what would come twice may come now
    phase.sent = sorted(_sent(emulator, 0))
    refused = ask(f"{emulator}/_control/refused")["items"]
    phase.refused = Counter(item["code"] for item in refused)


def _sent(emulator: str, after: int, limit: int = 200_000) -> list[tuple[float, str]]:
    items = ask(f"{emulator}/_control/sent?after={after}&limit={limit}")["items"]
    return [
        (
            datetime.fromisoformat(item["at"]).timestamp(),
            item["body"]["biz_opaque_callback_data"],
        )
        for item in items
    ]


def _report(phases: Sequence[Phase]) -> None:
    print(f"{'permitted a second':<44}" + "".join(f"{p.permitted:>14,}" for p in phases))
    lines: list[tuple[str, list[str]]] = [
        ("sent a second", [f"{p.rate:,.1f}" for p in phases]),
        ("share of what is permitted", [f"{p.rate / p.permitted:.1%}" for p in phases]),
        ("seconds", [f"{p.seconds:,.0f}" for p in phases]),
        ("messages", [f"{len(p.sent):,}" for p in phases]),
        ("refused as too fast", [f"{p.over_limit:,}" for p in phases]),
        (
            "in the fullest second",
            [f"{'' if p.has_true_clock else '≈ '}{p.fullest_second:,}" for p in phases],
        ),
        ("sent twice", [f"{p.doubles:,}" for p in phases]),
        ("never sent", [f"{p.lost:,}" for p in phases]),
        ("refused by the provider, all", [str(dict(p.refused) or 0) for p in phases]),
        ("a person's reply overtook all after, s", [f"{p.reply_after:.2f}" for p in phases]),
    ]
    lines += [
        (
            f"CPU a message: {who}",
            [f"{p.cpu[who] * 1e6:,.0f} µs" for p in phases],
        )
        for who in phases[0].cpu
    ]
    for name, values in lines:
        print(f"{name:<44}" + "".join(f"{value:>14}" for value in values))
    fastest = phases[-1]
    print(
        json.dumps(
            {
                "sent_per_s": round(fastest.rate, 1),
                "permitted_per_s": fastest.permitted,
                "over_limit": sum(p.over_limit for p in phases),
                "fullest_second": fastest.fullest_second,
                "doubles": sum(p.doubles for p in phases),
                "lost": sum(p.lost for p in phases),
                "reply_after_s": round(max(p.reply_after for p in phases), 2),
                "phases": [
                    {"permitted_per_s": p.permitted, "sent_per_s": round(p.rate, 1)} for p in phases
                ],
            }
        )
    )
