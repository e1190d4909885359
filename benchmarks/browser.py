"""A member's browser, as far as a load program needs one: signed in, asking at a rate or one by one."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from benchmarks.ground import BenchFailed

# So long a page is asked for one by one, and so often at least; and so long one answer is waited for.
LONGEST_SECONDS, FEWEST = 8.0, 5
PATIENCE = aiohttp.ClientTimeout(total=60)


@dataclass
class Answers:
    """How long the answers took, and how many were none."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def percentile_ms(self, share: float) -> float:
        found = sorted(self.seconds)
        return found[min(len(found) - 1, int(share * len(found)))] * 1000 if found else 0.0


@asynccontextmanager
async def browser_of(address: str, who: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser in which this person of the demo is signed in."""
    # "Unsafe": cookies of an address without a name are kept too.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(address, cookie_jar=jar, timeout=PATIENCE) as browser:
        await sign_in(browser, who)
        yield browser


async def sign_in(browser: aiohttp.ClientSession, who: str) -> None:
    """As one of the demo's people (`desk`, `responder.khobar`), by the sign-in page's one click."""
    async with browser.get("/sign-in/") as answer:
        page = await answer.text()
    form = re.search(
        r'<form[^>]*action="(/demo/sign-in/[^"]+)">(?:(?!</form>).)*data-email="'
        + re.escape(f"{who}@"),
        page,
        re.DOTALL,
    )
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if form is None or token is None:
        raise BenchFailed(f"The sign-in page does not offer {who}.")
    values = {"csrfmiddlewaretoken": token[1]}
    async with browser.post(form[1], data=values) as done:
        if done.url.path != "/today/":
            raise BenchFailed(f"The demo sign-in led to {done.url.path}.")


async def ask_one_by_one(
    browser: aiohttp.ClientSession, paths: Sequence[str], headers: Mapping[str, str], *, count: int
) -> int:
    """So many requests, each after the answer to the one before; paths take turns.

    A page that takes seconds is asked for less often. Returns how often it was.
    """
    began = time.perf_counter()
    for number in range(count):
        async with browser.get(paths[number % len(paths)], headers=headers) as answer:
            await answer.read()
        if answer.status != 200:
            raise BenchFailed(f"{answer.url.path_qs} answers {answer.status}.")
        if number + 1 >= FEWEST and time.perf_counter() - began > LONGEST_SECONDS:
            return number + 1
    return count


async def ask_at_a_rate(
    browser: aiohttp.ClientSession,
    paths: Sequence[str],
    headers: Mapping[str, str],
    *,
    rate: float,
    seconds: float,
    heard: Callable[[str, float], None] | None = None,
) -> Answers:
    """Requests that come by chance at this rate, whether or not the earlier ones are answered.

    The time of each is counted from when it should have left: a server that is late does not slow down
    those who ask.
    """
    answers = Answers()
    chance = random.Random(940)  # noqa: S311  # the same load every time

    async def one(path: str, due: float) -> None:
        try:
            async with browser.get(path, headers=headers) as answer:
                await answer.read()
            is_answered = answer.status == 200
        except TimeoutError:
            is_answered = False
        took = time.perf_counter() - due
        answers.seconds.append(took)
        answers.refused += not is_answered
        if heard:
            heard(path, took)

    began, due, number, tasks = time.perf_counter(), 0.0, 0, []
    while (due := due + chance.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(paths[number % len(paths)], began + due)))
        number += 1
    await asyncio.gather(*tasks)
    return answers
