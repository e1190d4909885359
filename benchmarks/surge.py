"""`bayan bench surge`: the worst day. A flood comes in, people go on answering, one answer goes to thousands.

A whole instance runs as its operator starts it, with surge mode on. An inbox is open in a browser and tells
how late each person is seen; a responder answers one person after the other, timed to the provider's log;
once everybody has written, one answer goes to all of the largest matter, and worker and dispatcher are
killed in its middle. At the end each of them must have it once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiohttp
import uvloop

from bayan.config.tests.instances import Up, count, eventually
from benchmarks.browser import browser_of
from benchmarks.chaos import MOST_UNCERTAIN, folder_for_an_instance
from benchmarks.ground import BenchFailed, ask
from benchmarks.mix import Mix, missing_and_doubled, phone_of
from benchmarks.watch import Watch, look_for_the_rest, post_one, screen

# One of so many people writes about the same thing.
OF_THE_MATTER = 3
MATTER = "طفح مجاري في شارع الأمير نايف"
WAYS = (
    "يا جماعة {matter} من الصبح والريحة لا تطاق",
    "السلام عليكم {matter} والموية وصلت للبيوت",
    "{matter} وينكم؟",
    "بلاغ: {matter} قريب من المسجد، نرجو المعالجة",
    "عاجل {matter} والسيارات واقفة",
)
ANSWER = "وصلت الفرقة إلى موقع الطفح وبدأت الشفط، ونعتذر لكم عن الإزعاج."
REPLY = "وصلتنا رسالتك ونتابعها"
WANTED_VISIBLE_S = 5.0
UNPROCESSED = "intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL"
WAITING_LATEST = """
    SELECT id, public_id FROM inbox_conversation
    WHERE matter <> '' AND NOT id = ANY (%s) ORDER BY last_inbound_at DESC LIMIT 1
"""
LARGEST = """
    SELECT parent.public_id, count(*) + 1 FROM cases_case c JOIN cases_case parent ON parent.id = c.parent_id
    WHERE parent.closed_at IS NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1
"""
RECIPIENTS = """
    SELECT r.state, coalesce(o.state, ''), o.public_id::text
    FROM cases_answerrecipient r JOIN cases_answer a ON a.id = r.answer_id
    LEFT JOIN inbox_message m ON m.id = r.message_id
    LEFT JOIN channels_outgoing o ON o.id = m.outgoing_id
    WHERE a.public_id = %s
"""
GONE = """
    SELECT count(*) FROM cases_answerrecipient r JOIN cases_answer a ON a.id = r.answer_id
    JOIN inbox_message m ON m.id = r.message_id JOIN channels_outgoing o ON o.id = m.outgoing_id
    WHERE a.public_id = %s AND o.state IN ('sent', 'delivered', 'read')
"""


class Flood(Mix):
    """The usual mix, but one of three people writes about the same thing."""

    def kind(self, number: int) -> str:
        return "text" if self.person(number) % OF_THE_MATTER == 0 else super().kind(number)

    def text(self, number: int) -> str:
        if self.person(number) % OF_THE_MATTER:
            return super().text(number)
        return WAYS[number // OF_THE_MATTER % len(WAYS)].format(matter=MATTER)


@dataclass
class Plan:
    """How much of it."""

    messages: int
    people: int
    seconds: float
    replies: int


@dataclass
class Figures:
    """What became of it."""

    messages: int = 0
    people: int = 0
    lost: int = 0
    doubles: int = 0
    watch: Watch = field(default_factory=Watch)
    replies: list[float] = field(default_factory=list)  # seconds until the provider had each
    replies_uncertain: int = 0
    replies_missing: int = 0
    matter: int = 0  # cases in it when the answer was written
    joined_by_itself: int = 0
    answered: int = 0
    answer_doubles: int = 0
    answer_lost: int = 0
    answer_uncertain: int = 0
    answer_seconds: float = 0.0
    kills: list[str] = field(default_factory=list)
    thanks: int = 0
    thanks_doubles: int = 0
    seconds: float = 0.0

    @property
    def wrong(self) -> list[str]:
        """What is not as it must be; empty when all is well."""
        found = {
            "messages lost": self.lost,
            "messages doubled": self.doubles,
            "people never seen": self.watch.unseen,
            "replies that never left": self.replies_missing,
            "answers doubled": self.answer_doubles,
            "answers lost": self.answer_lost,
            "too many uncertain": max(
                0, self.answer_uncertain + self.replies_uncertain - MOST_UNCERTAIN
            ),
            "thanks doubled": self.thanks_doubles,
        }
        return [f"{name}: {number}" for name, number in found.items() if number]


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 when nobody was lost, nobody got anything twice, and all were seen."""
    parser = argparse.ArgumentParser(
        prog="bayan bench surge",
        description="Start a whole instance with the emulator, switch surge mode on, let a flood come in, "
        "answer people meanwhile, and send one answer to everybody of the largest matter while worker and "
        "dispatcher are killed.",
    )
    parser.add_argument("--small", action="store_true", help="half a minute")
    parser.add_argument("--messages", type=int, default=20_000, help="of people (20,000)")
    parser.add_argument("--people", type=int, default=15_000, help="who write them (15,000)")
    parser.add_argument("--seconds", type=float, default=600.0, help="spread over so long (600)")
    parser.add_argument("--replies", type=int, default=100, help="of one responder (100)")
    options = parser.parse_args(arguments)
    plan = (
        Plan(messages=900, people=750, seconds=30, replies=6)
        if options.small
        else Plan(options.messages, options.people, options.seconds, options.replies)
    )
    if min(plan.messages, plan.people, plan.seconds, plan.replies) <= 0:
        print("All numbers must be greater than 0.", file=sys.stderr)
        return 2
    try:
        with folder_for_an_instance("bayan-surge-") as folder:
            figures = run(folder, plan, say=lambda text: print(text, file=sys.stderr))
    except (AssertionError, BenchFailed) as failure:
        print(f"It did not come to an end: {failure}", file=sys.stderr)
        return 1
    _report(figures)
    return 1 if figures.wrong else 0


def run(data_dir: Path, plan: Plan, *, say: Callable[[str], None] = lambda _text: None) -> Figures:
    """Start an instance in this folder, let the flood come, and account for everything.

    :raises AssertionError, BenchFailed: it did not come to an end
    """
    say("Starting Bayan …")
    up = Up(data_dir, "--demo", is_first=True)
    try:
        up.wait_until_ready()
        surge = Surge(up, plan, say)
        uvloop.run(surge.carry_out())
        say("Waiting until all has settled …")
        return surge.account()
    finally:
        up.clear_away()


class Surge:
    """One instance on its worst day."""

    def __init__(self, up: Up, plan: Plan, say: Callable[[str], None]) -> None:
        self.up, self.plan, self.say = up, plan, say
        self.figures = Figures(messages=plan.messages, people=plan.people)
        self.mix = Flood("SURGE", people=plan.people)
        self.address = f"http://127.0.0.1:{up.port}"
        self._replied: list[int] = []
        self._sent_at: dict[str, float] = {}
        self._answer = ""

    async def carry_out(self) -> None:
        """Switch surge mode on, and let it all happen at once."""
        emulator = f"http://127.0.0.1:{self.up.emulator_port}/_control"
        # The provider lets us write freely only to who has written, and these do not write through it.
        wrote = {"phone": phone_of(0), "count": self.plan.people, "wrote": True}
        for path, facts in (
            (
                "options",
                {"answer_ms": 150, "answer_jitter_ms": 100, "portfolio_limit": False},
            ),
            ("people", wrote),
        ):
            await asyncio.to_thread(ask, f"{emulator}/{path}", facts)
        with self.up.connect() as connection:
            connection.execute("UPDATE channels_portfolio SET daily_limit = NULL")
        began = time.monotonic()
        async with (
            browser_of(self.address, "director") as director,
            browser_of(self.address, "desk") as desk,
            aiohttp.ClientSession(self.address) as provider,
        ):
            await press(
                director, "/cases/surge/begin", {"node": await _desk(director), "reason": "قياس"}
            )
            self.say(f"{self.plan.messages:,} messages of {self.plan.people:,} people …")
            async with screen(desk, self.figures.watch), asyncio.timeout(self.plan.seconds + 300):
                await asyncio.gather(
                    self._flood(provider), self._reply(desk), self._answer_all(director)
                )
                deadline = time.monotonic() + 20
                while self.figures.watch.unseen and time.monotonic() < deadline:
                    await asyncio.sleep(0.1)
            await look_for_the_rest(desk, self.figures.watch)
        self.figures.seconds = time.monotonic() - began

    async def _flood(self, provider: aiohttp.ClientSession) -> None:
        began, posts = time.monotonic(), []
        rate = self.plan.messages / self.plan.seconds
        watch = self.figures.watch
        for numbers in self.mix.posts(0, self.plan.messages):
            await asyncio.sleep(max(0.0, began + numbers[-1] / rate - time.monotonic()))
            # Who writes again stands in the list already: only first words can be looked for.
            first = numbers[0] < self.plan.people
            posts.append(
                asyncio.create_task(
                    post_one(provider, self.mix, numbers, watch if first else Watch())
                )
            )
        await asyncio.gather(*posts)

    async def _reply(self, desk: aiohttp.ClientSession) -> None:
        """One person after the other, whoever wrote last."""
        pause = self.plan.seconds / (self.plan.replies + 1)
        for number in range(self.plan.replies):
            await asyncio.sleep(pause)
            row = await asyncio.to_thread(self._latest)
            if row is None:
                continue
            key, public_id = row
            self._replied.append(key)
            words = f"{REPLY} · {number:04}"
            self._sent_at[words] = time.time()
            await press(desk, f"/inbox/{public_id}/reply", {"text": words})

    def _latest(self) -> tuple[int, str] | None:
        with self.up.connect() as connection:
            row = connection.execute(WAITING_LATEST, [self._replied]).fetchone()
        return (int(row[0]), str(row[1])) if row else None

    async def _answer_all(self, director: aiohttp.ClientSession) -> None:
        """Once all have written: whoever wrote of the matter becomes one case, and gets one answer."""
        await asyncio.sleep(
            self.plan.seconds * min(0.9, self.plan.people / self.plan.messages + 0.02)
        )
        figures = self.figures
        largest = await asyncio.to_thread(self._largest)
        figures.joined_by_itself = largest[1] if largest else 0
        query = "state=open&q=" + "+".join(MATTER.split()[:2])
        where = await press(director, "/cases/act", {"all": "1", "query": query, "do": "answer"})
        largest = await asyncio.to_thread(self._largest)
        if largest is None:
            raise BenchFailed("Nobody is of one matter.")
        figures.matter = largest[1]
        self.say(f"One answer to {figures.matter:,} …")
        self._answer = where.rstrip("/").rpartition("/")[2]
        began = time.monotonic()
        words = {"text": ANSWER, "outcome": "answered", "outside": "leave", "read": "1"}
        await press(director, f"{where}start", words)
        for name, share in (("worker", 0.2), ("dispatcher", 0.4)):
            await asyncio.to_thread(self._wait_until_gone, int(share * figures.matter))
            os.kill(await asyncio.to_thread(self.up.part, name), signal.SIGKILL)
            figures.kills.append(name)
        await asyncio.to_thread(
            eventually, lambda: self._left() == 0, "the answer does not come to an end", seconds=300
        )
        figures.answer_seconds = time.monotonic() - began

    def _largest(self) -> tuple[str, int] | None:
        with self.up.connect() as connection:
            row = connection.execute(LARGEST).fetchone()
        return (str(row[0]), int(row[1])) if row else None

    def _wait_until_gone(self, number: int) -> None:
        eventually(lambda: self._gone() >= number, "the answer does not leave", seconds=240)

    def _gone(self) -> int:
        with self.up.connect() as connection:
            row = connection.execute(GONE, [self._answer]).fetchone()
        return int(row[0]) if row else 0

    def _left(self) -> int:
        """How many are still to be written to, or on their way to the provider."""
        states = self._recipients()
        return sum(
            state == "waiting" or outgoing in {"queued", "sending"}
            for state, outgoing, _mark in states
        )

    def _recipients(self) -> list[tuple[str, str, str]]:
        with self.up.connect() as connection:
            return [
                (str(row[0]), str(row[1]), str(row[2]))
                for row in connection.execute(RECIPIENTS, [self._answer]).fetchall()
            ]

    def _state_of(self, words: str) -> str:
        """Where a message of ours with these words is."""
        with self.up.connect() as connection:
            row = connection.execute(
                "SELECT o.state FROM inbox_message m JOIN channels_outgoing o ON o.id = m.outgoing_id "
                "WHERE m.direction = 'out' AND m.text = %s",
                [words],
            ).fetchone()
        return str(row[0]) if row else ""

    def account(self) -> Figures:
        """Count what became of each message."""
        figures = self.figures
        eventually(
            lambda: count(self.up, UNPROCESSED) == 0, "the journal is not worked off", seconds=240
        )
        time.sleep(5)  # statuses of the last ones
        with self.up.connect() as connection:
            figures.lost, figures.doubles = missing_and_doubled(
                connection, self.mix, self.plan.messages
            )
        emulator = f"http://127.0.0.1:{self.up.emulator_port}/_control/sent?limit=200000"
        log = [(item["at"], item["body"], item["to"]) for item in ask(emulator)["items"]]
        marks = Counter(body.get("biz_opaque_callback_data", "") for _at, body, _to in log)
        recipients = [row for row in self._recipients() if row[0] == "queued"]
        figures.answered = sum(marks[mark] > 0 for _s, _o, mark in recipients)
        figures.answer_doubles = sum(max(0, marks[mark] - 1) for _s, _o, mark in recipients)
        figures.answer_uncertain = sum(outgoing == "uncertain" for _s, outgoing, _m in recipients)
        figures.answer_lost = sum(
            not marks[mark] and outgoing not in {"uncertain", "failed"}
            for _s, outgoing, mark in recipients
        )
        # Nobody has two of them, whatever rows say.
        per_person = Counter(to for _at, body, to in log if ANSWER in _words_of(body))
        figures.answer_doubles += sum(times - 1 for times in per_person.values())
        for words, began in self._sent_at.items():
            found = [at for at, body, _to in log if words in _words_of(body)]
            if found:
                figures.replies.append(datetime.fromisoformat(found[0]).timestamp() - began)
            elif self._state_of(words) == "uncertain":
                # In flight when its dispatcher died.
                figures.replies_uncertain += 1
            else:
                figures.replies_missing += 1
        with self.up.connect() as connection:
            row = connection.execute(
                "SELECT count(*), count(DISTINCT contact_id) FROM cases_acknowledged"
            ).fetchone()
        figures.thanks, people = (int(row[0]), int(row[1])) if row else (0, 0)
        figures.thanks_doubles = figures.thanks - people
        return figures


async def press(browser: aiohttp.ClientSession, path: str, values: dict[str, str]) -> str:
    """Post a form as its page does; returns the path that it led to.

    :raises BenchFailed: it was refused
    """
    async with browser.get("/me/") as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', await page.text())
    if token is None:
        raise BenchFailed("No page gives a token for its forms.")
    async with browser.post(path, data=values | {"csrfmiddlewaretoken": token[1]}) as done:
        if done.status != 200:
            raise BenchFailed(f"{path} answers {done.status}: {(await done.text())[:300]}")
        return done.url.path


async def _desk(browser: aiohttp.ClientSession) -> str:
    async with browser.get("/cases/surge/") as page:
        found = re.search(r'<option value="([^"]+)"', await page.text())
    if found is None:
        raise BenchFailed("Surge mode can be switched on nowhere.")
    return found[1]


def _words_of(body: dict[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False)


def _report(figures: Figures) -> None:
    watch, replies = figures.watch, sorted(figures.replies)

    def of(share: float) -> float:
        return replies[min(len(replies) - 1, int(share * len(replies)))] if replies else 0.0

    p95 = watch.percentile_ms(0.95) / 1000
    late = sum(seconds > WANTED_VISIBLE_S for seconds in watch.latencies)
    lines = [
        ("messages, of so many people", f"{figures.messages:,}, {figures.people:,}"),
        ("  missing, doubled", f"{figures.lost:,}, {figures.doubles:,}"),
        ("visible in an open inbox: median", f"{watch.percentile_ms(0.5) / 1000:.2f} s"),
        ("visible in an open inbox: 95 of 100", f"{p95:.2f} s"),
        ("visible in an open inbox: after more than 5 s", f"{late:,}"),
        ("replies, the provider had them: median", f"{of(0.5):.2f} s"),
        ("replies, the provider had them: 95 of 100", f"{of(0.95):.2f} s"),
        ("replies, the provider had them: the last", f"{of(1):.2f} s"),
        (
            "the matter: joined by itself, gathered",
            f"{figures.joined_by_itself:,}, {figures.matter:,}",
        ),
        ("one answer to them: in the provider's log", f"{figures.answered:,}"),
        ("  doubled, lost", f"{figures.answer_doubles:,}, {figures.answer_lost:,}"),
        ("  uncertain", f"{figures.answer_uncertain:,}"),
        ("  from its start to the last", f"{figures.answer_seconds:.0f} s"),
        ("  killed meanwhile", ", ".join(figures.kills)),
        ("people thanked, twice", f"{figures.thanks:,}, {figures.thanks_doubles:,}"),
        ("seconds", f"{figures.seconds:,.0f}"),
    ]
    for name, figure in lines:
        print(f"{name:<44}{figure:>22}")
    for sentence in figures.wrong:
        print(f"WRONG: {sentence}")
    print(
        json.dumps(
            {
                "messages": figures.messages,
                "people": figures.people,
                "lost": figures.lost,
                "doubles": figures.doubles,
                "visible_p95_s": round(p95, 2) if p95 < float("inf") else None,
                "visible_after_5_s": late,
                "reply_p95_s": round(of(0.95), 2),
                "reply_max_s": round(of(1), 2),
                "matter": figures.matter,
                "answered": figures.answered,
                "answer_doubles": figures.answer_doubles,
                "answer_lost": figures.answer_lost,
                "answer_uncertain": figures.answer_uncertain,
                "answer_s": round(figures.answer_seconds),
                "thanks": figures.thanks,
            }
        )
    )
