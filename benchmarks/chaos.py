"""`bayan bench chaos`: everything is killed in turn while messages come and go; what became of each one?

A whole instance runs as its operator starts it. What the provider posts it posts again until it is
answered 200; what we send is counted from the emulator's own log. At the end each message must be
accounted for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import uvloop

from bayan.config.tests.instances import Up, count, eventually, is_alive, processes_of
from benchmarks.ground import ask
from benchmarks.intake import PATH, signature_of
from benchmarks.mix import Mix, missing_and_doubled

# More than those in flight when a process died can never be unknown.
MOST_UNCERTAIN = 64
ANSWER_MS, ANSWER_JITTER_MS = 150, 100
CONNECTIONS = 64
TEMPLATE = "reply_waiting_ar"
# Written to more than the provider permits for one person at once (45), so that its limit is met too.
HASTY_REPLIES = 50
HASTY_FROM = 1_000
FIRST_REPLIED, FIRST_OF_BROADCAST = 966_577_000_000, 966_578_000_000

UNPROCESSED = "intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL"
SET_ASIDE = "intake_journal WHERE set_aside_at IS NOT NULL"
THEIRS = """
    SELECT count(DISTINCT c.contact_id), count(DISTINCT m.matter)
    FROM inbox_message m JOIN inbox_conversation c ON c.id = m.conversation_id
    WHERE m.external_id LIKE %s
"""
UNSENT = "channels_outgoing WHERE request_id = 'chaos' AND state IN ('queued', 'sending')"
APPROVED = f"channels_template WHERE name = '{TEMPLATE}' AND status = 'APPROVED'"
REPLIES = """
    INSERT INTO channels_outgoing
        (node_id, number_id, to_phone, to_whatsapp_id, content, lane, subject_type, subject_key,
         request_id, state, attempts, not_before, window_until, created_at)
    SELECT node_id, id,
           (%(first)s + CASE WHEN n < %(hasty)s THEN 0 ELSE 1 + n %% %(people)s END)::text, '',
           jsonb_build_object('type', 'text', 'text', jsonb_build_object('body', 'reply ' || n)),
           10, '', '', 'chaos', 'queued', 0,
           now() + n * interval '1 second' * %(seconds)s / %(count)s,
           now() + interval '20 hours', now()
    FROM (
        SELECT n.id, n.node_id FROM channels_number n JOIN channels_account a ON a.id = n.account_id
        WHERE a.channel = 'whatsapp'
    ) AS number, generate_series(0, %(count)s - 1) AS n
"""
BROADCAST = """
    WITH template AS (
        SELECT id FROM channels_template WHERE name = %(template)s AND status = 'APPROVED' LIMIT 1
    ),
    number AS (SELECT id, node_id FROM channels_number ORDER BY id LIMIT 1),
    broadcast AS (
        INSERT INTO channels_broadcast
            (node_id, number_id, template_id, title, state, is_crisis, total, opted_out, duplicates,
             bad_lines, counts, created_at, started_at)
        SELECT number.node_id, number.id, template.id, 'chaos', 'running', false, %(count)s, 0, 0, 0,
               '{}', now(), now()
        FROM number, template RETURNING id, node_id, number_id, template_id
    )
    INSERT INTO channels_outgoing
        (node_id, number_id, to_phone, to_whatsapp_id, content, template_id, broadcast_id, lane,
         subject_type, subject_key, request_id, state, attempts, not_before, created_at)
    SELECT node_id, number_id, (%(first)s + n)::text, '', %(content)s::jsonb, template_id, id, 40,
           '', '', 'chaos', 'queued', 0,
           now() + n * interval '1 second' * %(seconds)s / %(count)s, now()
    FROM broadcast, generate_series(0, %(count)s - 1) AS n
"""
FILLED_IN = {
    "type": "template",
    "template": {
        "name": TEMPLATE,
        "language": {"code": "ar"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "482 913 077"}]}],
    },
}


@dataclass
class Plan:
    """How much of it."""

    inbound: int
    outbound: int  # half of them replies, half a broadcast
    seconds: float  # how long all this takes, and the killing with it
    rounds: int  # how often each part is killed
    people: int


@dataclass
class Figures:
    """What became of it."""

    inbound: int = 0
    inbound_lost: int = 0
    inbound_doubles: int = 0
    set_aside: int = 0
    torn: int = 0  # people or cases beyond one for each who wrote
    outbound: int = 0
    sent: int = 0
    uncertain: int = 0
    failed: int = 0
    outbound_lost: int = 0
    outbound_doubles: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    repeated_posts: int = 0
    longest_post_s: float = 0.0
    seconds: float = 0.0
    audit: str = ""
    left_behind: int = 0

    @property
    def wrong(self) -> list[str]:
        """What is not as it must be; empty when all is well."""
        found = {
            "messages of people lost": self.inbound_lost,
            "messages of people doubled": self.inbound_doubles,
            "posts set aside": self.set_aside,
            "people or cases doubled": self.torn,
            "messages of ours lost": self.outbound_lost,
            "messages of ours doubled": self.outbound_doubles,
            "messages of ours failed": self.failed,
            "too many uncertain": max(0, self.uncertain - MOST_UNCERTAIN),
            "audit trail broken": int("is whole" not in self.audit),
            "killed and not started again": max(0, self.kills.total() - self.restarts),
            # More restarts than kills are none of it: what finds no database when it starts ends, too.
            "processes left behind": self.left_behind,
        }
        return [f"{name}: {count}" for name, count in found.items() if count]


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 when every message is accounted for and nothing is left behind."""
    options = _parser().parse_args(arguments)
    if options.surge:
        from benchmarks import surge

        return surge.main(["--small"] if options.small else [])
    plan = (
        Plan(inbound=1_000, outbound=100, seconds=14, rounds=1, people=250)
        if options.small
        else Plan(options.inbound, options.outbound, options.seconds, options.rounds, people=2_000)
    )
    if min(plan.inbound, plan.outbound, plan.seconds, plan.rounds) <= 0:
        print("All numbers must be greater than 0.", file=sys.stderr)
        return 2
    try:
        with folder_for_an_instance("bayan-chaos-") as folder:
            figures = run(folder, plan, say=lambda text: print(text, file=sys.stderr))
    except AssertionError as failure:
        print(f"It did not come to an end: {failure}", file=sys.stderr)
        return 1
    _report(figures)
    return 1 if figures.wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench chaos",
        description="Start a whole instance with the emulator, let messages come and go, and kill web, "
        "worker, dispatcher and PostgreSQL in turn meanwhile. Then account for every message, "
        "from the database and from the emulator's log.",
    )
    parser.add_argument("--small", action="store_true", help="a few seconds, each killed once")
    parser.add_argument("--surge", action="store_true", help="the worst day instead: bench surge")
    parser.add_argument("--inbound", type=int, default=20_000, help="messages of people (20,000)")
    parser.add_argument("--outbound", type=int, default=2_000, help="messages of ours (2,000)")
    parser.add_argument("--seconds", type=float, default=210.0, help="spread over so long (210)")
    parser.add_argument("--rounds", type=int, default=6, help="how often each is killed (6)")
    return parser


@contextmanager
def folder_for_an_instance(prefix: str) -> Iterator[Path]:
    """A folder for an instance, gone afterwards; SIGTERM ends it as Ctrl-C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
            yield Path(folder) / "data"
    finally:
        signal.signal(signal.SIGTERM, before)


def run(data_dir: Path, plan: Plan, *, say: Callable[[str], None] = lambda _text: None) -> Figures:
    """Start an instance in this folder, carry the plan out, and account for every message.

    :raises AssertionError: it did not come to an end
    """
    say("Starting Bayan …")
    made = os.environ.get("BAYAN_BENCH_FROM", "")
    if made:
        shutil.copytree(made, data_dir)
    up = Up(data_dir, "--demo", is_first=not made)
    try:
        up.wait_until_ready()
        chaos = Chaos(up, plan)
        say(f"{plan.inbound:,} messages in, {plan.outbound:,} out, {chaos.kills} kills …")
        uvloop.run(chaos.carry_out())
        say("Waiting until all has settled …")
        chaos.settle()
        return chaos.account()
    finally:
        up.clear_away()


class Chaos:
    """One instance, what comes in and goes out, and what is killed meanwhile."""

    def __init__(self, up: Up, plan: Plan) -> None:
        self.up, self.plan = up, plan
        self.figures = Figures(inbound=plan.inbound, outbound=plan.outbound)
        self.mix = Mix("CHAOS", people=plan.people)
        # With the moment of its birth: a busy machine soon gives a number to another process.
        self.everything: set[tuple[int, str]] = set()
        self._killed: set[tuple[int, str]] = set()
        self._victims: list[tuple[str, Callable[[], int], signal.Signals]] = [
            ("web", lambda: up.part("web"), signal.SIGKILL),
            ("dispatcher", lambda: up.part("dispatcher"), signal.SIGKILL),
            ("worker", lambda: up.part("worker"), signal.SIGKILL),
            ("PostgreSQL, restarted", self._postmaster, signal.SIGINT),
            ("PostgreSQL, killed", self._postmaster, signal.SIGKILL),
        ]

    @property
    def kills(self) -> int:
        return len(self._victims) * self.plan.rounds

    async def carry_out(self) -> None:
        """Let messages come and go, and kill."""
        began = time.monotonic()
        async with aiohttp.ClientSession() as session:
            await self._queue_outbound(session)
            self._remember()
            lines = asyncio.Semaphore(CONNECTIONS)
            async with asyncio.timeout(self.plan.seconds + 180):
                posts = self.mix.posts(0, self.plan.inbound)
                await asyncio.gather(
                    self._kill(), *(self._deliver(session, lines, post) for post in posts)
                )
        self.figures.seconds = time.monotonic() - began

    def settle(self) -> None:
        """Wait until everything has found its end."""
        eventually(self.up.is_ready, "the instance does not recover", seconds=60)
        self._remember()
        eventually(
            lambda: count(self.up, UNPROCESSED) == 0, "the journal is not worked off", seconds=120
        )
        # What a limit holds back, and what was in flight when a dispatcher died, takes its time.
        eventually(
            lambda: count(self.up, UNSENT) == 0, "the dispatcher does not send on", seconds=180
        )
        # Statuses that met a web server that was not there come again, later and later.
        deadline = time.monotonic() + 40
        while self._unsettled() and time.monotonic() < deadline:
            time.sleep(0.5)

    def account(self) -> Figures:
        """Count what became of each message, stop everything, and look for what is left."""
        figures = self.figures
        log = Counter(self._log())
        states = self._states()
        figures.sent = sum(log[mark] > 0 for mark in states)
        figures.outbound_doubles = sum(log[mark] - 1 for mark in states if log[mark] > 1)
        figures.uncertain = sum(state == "uncertain" for state in states.values())
        figures.failed = sum(state == "failed" for state in states.values())
        gone = [state for mark, state in states.items() if not log[mark]]
        figures.outbound_lost = (
            self.plan.outbound
            - len(states)
            + sum(state not in {"uncertain", "failed"} for state in gone)
        )
        figures.inbound_lost, figures.inbound_doubles, figures.torn = self._look_for_inbound()
        figures.set_aside = count(self.up, SET_ASIDE)
        try:
            figures.audit = self.up.run("verify-audit").strip()
        except subprocess.CalledProcessError as error:
            figures.audit = str(error.stderr).strip()
        self._remember()
        code = self.up.interrupt()
        figures.restarts = sum(
            "starts again" in line or "PostgreSQL had stopped" in line for line in self.up.said
        )
        left = {
            (pid, born) for pid, born in self.everything if is_alive(pid) and _born(pid) == born
        }
        figures.left_behind = max(len(left), len(processes_of(self.up.data_dir))) + (code != 0)
        return figures

    async def _queue_outbound(self, session: aiohttp.ClientSession) -> None:
        emulator = f"http://127.0.0.1:{self.up.emulator_port}/_control"
        replies = self.plan.outbound // 2
        hasty = HASTY_REPLIES if self.plan.outbound >= HASTY_FROM else 0
        people = max(1, replies // 5)
        options = {
            "answer_ms": ANSWER_MS, "answer_jitter_ms": ANSWER_JITTER_MS, "portfolio_limit": False,
        }  # fmt: skip
        # The provider lets us write freely only to who has written.
        wrote = {"phone": str(FIRST_REPLIED), "count": people + 1, "wrote": True}
        for path, body in (("options", options), ("people", wrote)):
            async with session.post(f"{emulator}/{path}", json=body) as answer:
                answer.raise_for_status()
        values: dict[str, Any] = {"seconds": self.plan.seconds, "template": TEMPLATE}
        values |= {"content": json.dumps(FILLED_IN), "hasty": hasty, "people": people}
        eventually(lambda: count(self.up, APPROVED) > 0, f"{TEMPLATE} is not approved", seconds=60)
        with self.up.connect() as connection:
            connection.execute("UPDATE channels_portfolio SET daily_limit = NULL")
            connection.execute(REPLIES, values | {"first": FIRST_REPLIED, "count": replies})
            others = {"first": FIRST_OF_BROADCAST, "count": self.plan.outbound - replies}
            connection.execute(BROADCAST, values | others)

    async def _deliver(
        self, session: aiohttp.ClientSession, lines: asyncio.Semaphore, numbers: list[int]
    ) -> None:
        """Post like a provider, who repeats what is not answered 200."""
        await asyncio.sleep(numbers[0] * self.plan.seconds / self.plan.inbound)
        body = self.mix.body(numbers)
        headers = {"X-Hub-Signature-256": signature_of(body), "Content-Type": "application/json"}
        address = f"http://127.0.0.1:{self.up.port}{PATH}"
        began, pause = time.monotonic(), 0.2
        while True:
            status = 0
            async with lines:
                try:
                    timeout = aiohttp.ClientTimeout(total=15)
                    async with session.post(
                        address, data=body, headers=headers, timeout=timeout
                    ) as answer:
                        status = answer.status
                except (aiohttp.ClientError, TimeoutError):
                    pass
            if status == 200:
                break
            self.figures.repeated_posts += 1
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 2)
        self.figures.longest_post_s = max(self.figures.longest_post_s, time.monotonic() - began)

    async def _kill(self) -> None:
        for _round in range(self.plan.rounds):
            for name, pid_of, how in self._victims:
                await asyncio.sleep(self.plan.seconds / (self.kills + 1))
                pid = await asyncio.to_thread(pid_of)
                await asyncio.to_thread(self._remember)
                victim = pid, _born(pid)
                os.kill(pid, how)
                self._killed.add(victim)
                self.figures.kills[name] += 1

    def _remember(self) -> None:
        self.everything |= {(pid, _born(pid)) for pid in self.up.processes()}

    def _postmaster(self) -> int:
        found: list[int] = []

        def look() -> bool:
            pid = self.up.cluster.pid
            # One that was asked to restart may still be leaving.
            is_new = pid is not None and (pid, _born(pid)) not in self._killed
            found[:] = [pid] if pid is not None and is_new else []
            return is_new

        eventually(look, "PostgreSQL does not come back", seconds=60)
        return found[0]

    def _states(self) -> dict[str, str]:
        with self.up.connect() as connection:
            return dict(
                connection.execute(
                    "SELECT public_id::text, state FROM channels_outgoing WHERE request_id = 'chaos'"
                ).fetchall()
            )

    def _log(self) -> list[str]:
        """Our ids of all that the provider has accepted, as often as it has."""
        emulator = f"http://127.0.0.1:{self.up.emulator_port}"
        items = ask(f"{emulator}/_control/sent?limit=100000")["items"]
        return [item["body"].get("biz_opaque_callback_data", "") for item in items]

    def _unsettled(self) -> bool:
        """True while the provider knows more of a message than its row."""
        states = self._states()
        return any(states.get(mark) == "uncertain" for mark in self._log())

    def _look_for_inbound(self) -> tuple[int, int, int]:
        """Messages that are missing, that are there again, and people or cases beyond one for each."""
        with self.up.connect() as connection:
            lost, doubles = missing_and_doubled(connection, self.mix, self.plan.inbound)
            row = connection.execute(THEIRS, [f"wamid.{self.mix.mark}%"]).fetchone()
        people, cases = row or (0, 0)
        wrote = min(self.plan.people, self.plan.inbound)
        return lost, doubles, abs(people - wrote) + abs(cases - wrote)


def _born(pid: int) -> str:
    """When a process began (field 22 of proc(5), the 20th after its name); empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _report(figures: Figures) -> None:
    lines = [
        ("messages of people, each answered 200", f"{figures.inbound:,}"),
        ("  missing", f"{figures.inbound_lost:,}"),
        ("  there more than once", f"{figures.inbound_doubles:,}"),
        ("  people or cases beyond one for each", f"{figures.torn:,}"),
        ("  posts set aside", f"{figures.set_aside:,}"),
        ("  posts repeated, for nobody answered 200", f"{figures.repeated_posts:,}"),
        ("  longest until one was answered 200", f"{figures.longest_post_s:.1f} s"),
        ("messages of ours", f"{figures.outbound:,}"),
        ("  in the provider's log", f"{figures.sent:,}"),
        ("  there more than once", f"{figures.outbound_doubles:,}"),
        ("  uncertain", f"{figures.uncertain:,}"),
        ("  failed", f"{figures.failed:,}"),
        ("  neither sent nor uncertain", f"{figures.outbound_lost:,}"),
        *((f"kills: {name}", f"{times:,}") for name, times in figures.kills.items()),
        ("started again", f"{figures.restarts:,}"),
        ("seconds", f"{figures.seconds:,.0f}"),
        ("processes left behind", f"{figures.left_behind:,}"),
    ]
    for name, figure in lines:
        print(f"{name:<44}{figure:>12}")
    print(figures.audit)
    for sentence in figures.wrong:
        print(f"WRONG: {sentence}")
    print(
        json.dumps(
            {
                "inbound": figures.inbound,
                "inbound_lost": figures.inbound_lost,
                "inbound_doubles": figures.inbound_doubles,
                "outbound": figures.outbound,
                "outbound_sent": figures.sent,
                "outbound_uncertain": figures.uncertain,
                "outbound_lost": figures.outbound_lost,
                "outbound_doubles": figures.outbound_doubles,
                "repeated_posts": figures.repeated_posts,
                "kills": figures.kills.total(),
                "audit_is_whole": "is whole" in figures.audit,
                "left_behind": figures.left_behind,
            }
        )
    )
