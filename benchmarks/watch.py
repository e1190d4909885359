"""An inbox that is open, as a browser has it: it hears what changes, fetches its list, and tells how late."""

from __future__ import annotations

import asyncio
import html
import random
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp

from benchmarks.ground import BenchFailed
from benchmarks.intake import PATH, signature_of
from benchmarks.mix import Mix, name_of

# As assets/js/live.js: a burst of notices becomes one fetch, at a moment of chance.
SHORTEST, LONGEST = 0.080, 0.300
# Whoever stands below the rows that are fetched anew is looked for by name after so long, some at once.
LATE_SECONDS, MOST_NAMES = 1.0, 3
LIST = "/inbox/?view=open&q="
# Whose row it is.
ROW = re.compile(r'<li id="row-[^>]*>.*?class="who[^>]*>([^<]*)<', re.DOTALL)
MORE = re.compile(r'id="more-rows".*?hx-get="([^"]*)"', re.DOTALL)


@dataclass
class Watch:
    """How soon the messages of a steady stream stood in an open inbox."""

    posted_at: dict[str, float] = field(default_factory=dict)  # by the writer's name
    seen_at: dict[str, float] = field(default_factory=dict)
    fetches: int = 0
    fetch_seconds: float = 0.0

    @property
    def latencies(self) -> list[float]:
        """Seconds from post to sight; what was never seen took for ever."""
        return sorted(
            self.seen_at.get(name, float("inf")) - at for name, at in self.posted_at.items()
        )

    @property
    def unseen(self) -> int:
        return len(self.posted_at.keys() - self.seen_at.keys())

    def late(self, before: float) -> list[str]:
        """The names of those posted before `before` and not seen yet, the oldest first."""
        unseen = self.posted_at.keys() - self.seen_at.keys()
        return sorted(
            (name for name in unseen if self.posted_at[name] < before),
            key=self.posted_at.__getitem__,
        )

    def percentile_ms(self, share: float) -> float:
        found = self.latencies
        return found[int(share * (len(found) - 1))] * 1000 if found else 0.0


async def post_one(
    provider: aiohttp.ClientSession, mix: Mix, numbers: list[int], watch: Watch
) -> None:
    body, now = mix.body(numbers), time.perf_counter()
    for number in numbers:
        watch.posted_at[name_of(mix.person(number))] = now
    headers = {"X-Hub-Signature-256": signature_of(body), "Content-Type": "application/json"}
    async with provider.post(PATH, data=body, headers=headers) as answer:
        if answer.status != 200:
            raise BenchFailed(f"The intake answered {answer.status}.")


@asynccontextmanager
async def screen(browser: aiohttp.ClientSession, watch: Watch) -> AsyncIterator[None]:
    """An inbox that is open: it hears what changes and fetches its list anew."""
    heard = asyncio.Event()
    tasks = [
        asyncio.create_task(_hear(browser, heard)),
        asyncio.create_task(_fetch(browser, heard, watch)),
        asyncio.create_task(_look_for_late(browser, watch)),
    ]
    while not watch.fetches:
        await asyncio.sleep(0.02)
        for task in tasks:
            if task.done():
                task.result()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def _hear(browser: aiohttp.ClientSession, heard: asyncio.Event) -> None:
    while True:
        async with browser.get("/live", timeout=aiohttp.ClientTimeout(total=None)) as stream:
            if stream.status != 200:
                raise BenchFailed(f"/live answered {stream.status}.")
            heard.set()  # what happened before the stream was open was never heard
            async for line in stream.content:
                if line.startswith(b"data: conversation "):
                    heard.set()
        await asyncio.sleep(2)


async def _fetch(browser: aiohttp.ClientSession, heard: asyncio.Event, watch: Watch) -> None:
    """Fetch the list on each notice; where all its rows are new, "Show more" as well."""
    known: set[str] = set()
    while True:
        await heard.wait()
        await asyncio.sleep(random.uniform(SHORTEST, LONGEST))  # noqa: S311  # as the browser does
        heard.clear()
        address: str | None = LIST
        is_first = not known
        while address:
            began = time.perf_counter()
            async with browser.get(address, headers={"HX-Request": "true"}) as answer:
                text = await answer.text()
            now = time.perf_counter()
            watch.fetches, watch.fetch_seconds = (
                watch.fetches + 1,
                watch.fetch_seconds + now - began,
            )
            rows = {html.unescape(name) for name in ROW.findall(text)}
            for name in rows & watch.posted_at.keys():
                watch.seen_at.setdefault(name, now)
            more = MORE.search(text)
            address = html.unescape(more[1]) if more and not is_first and not rows & known else None
            known |= rows


async def _look_for_late(browser: aiohttp.ClientSession, watch: Watch) -> None:
    """Find what came in so late that it stood below what was shown already.

    A list is in the order of what people wrote: where two workers overtake each other, the
    slower one's rows come in under those that an open list has, and "Show more" has them.
    """
    while True:
        await asyncio.sleep(LATE_SECONDS / 4)
        await look_for(browser, watch, watch.late(time.perf_counter() - LATE_SECONDS)[:MOST_NAMES])


async def look_for(browser: aiohttp.ClientSession, watch: Watch, names: Iterable[str]) -> None:
    """Look for these people by name."""
    for name in names:
        async with browser.get(
            "/inbox/", params={"view": "open", "q": name}, headers={"HX-Request": "true"}
        ) as answer:
            if name in map(html.unescape, ROW.findall(await answer.text())):
                watch.seen_at.setdefault(name, time.perf_counter())


async def look_for_the_rest(browser: aiohttp.ClientSession, watch: Watch) -> None:
    """Look by name for everybody not seen yet."""
    await look_for(browser, watch, watch.late(float("inf")))
