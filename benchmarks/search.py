"""`bayan bench search`: how soon people and words are found in two years of a region's correspondence."""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import aiohttp
import uvloop

from benchmarks import years
from benchmarks.browser import ask_at_a_rate, browser_of
from benchmarks.ground import BenchFailed, Ground, ground
from benchmarks.pages import DESK, KHOBAR, RATE, SUFFIX, examples_for, fill

# A row of a list leads to its conversation.
A_ROW = re.compile(r'href="/inbox/[0-9a-f-]{36}/')
# So many of its examples must find somebody, or this version does not search so.
PROBES = 4
# Letters that people write in one way or another.
LOOSELY = str.maketrans({"أ": "ا", "إ": "ا", "ة": "ه", "ى": "ي"})


def _as_it_is(words: str) -> str:
    return words


def _begun(name: str) -> str:
    """As one types: the given name whole, the family's begun."""
    first, *_others, last = name.split()
    return f"{first} {last[:4]}"


def _spelled_otherwise(name: str) -> str:
    return name.translate(LOOSELY)


def _as_dialled(phone: str) -> str:
    return f"0{phone}"


@dataclass(frozen=True)
class Kind:
    """One way to look for a conversation; what is typed is made from a column of the examples."""

    key: str
    column: str
    path: str = "/inbox/?view=all&q={typed}"
    change: Callable[[str], str] = _as_it_is

    @property
    def is_plain(self) -> bool:
        return self.change is _as_it_is

    def typed(self, value: str) -> str:
        return quote(self.change(unquote(value)))


KINDS = (
    Kind("name", "name"),
    Kind("part_of_name", "name", change=_begun),
    Kind("name_spelled_otherwise", "name", change=_spelled_otherwise),
    Kind("phone", "phone"),
    Kind("phone_as_dialled", "phone", change=_as_dialled),
    Kind("reference", "reference", "/cases/?state=all&q={typed}"),
    Kind("name_of_case", "name", "/cases/?state=all&q={typed}"),
    Kind("words", "words"),
)


@dataclass
class Found:
    """How long the searches of one member took, by their kind."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: list[str] = field(default_factory=list)
    refused: int = 0

    def p95_ms(self, key: str | None = None) -> float:
        """Of one kind, or of all together."""
        kinds = [self.seconds[key]] if key else list(self.seconds.values())
        found = sorted(second for kind in kinds for second in kind)
        return found[min(len(found) - 1, int(0.95 * len(found)))] * 1000 if found else 0.0


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when every search was answered."""
    options = _parser().parse_args(arguments)
    if min(options.seconds, options.rate) <= 0:
        print("All numbers must be greater than 0.", file=sys.stderr)
        return 2
    part = years.SMALL if options.small else 1
    if options.small:
        options.seconds = min(options.seconds, 2.0)
    try:
        with ground() as place:
            written = fill(place, part)
            port = place.serve("web")
            found = {who: _look(place, port, who, options) for who in (DESK, KHOBAR)}
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    _report(found, written)
    return 1 if any(each.refused for each in found.values()) else 0


def _look(place: Ground, port: int, who: str, options: argparse.Namespace) -> Found:
    with place.connect() as connection:
        examples = examples_for(connection, who)
    return uvloop.run(_search(port, who, examples, options))


async def _search(
    port: int, who: str, examples: list[dict[str, str]], options: argparse.Namespace
) -> Found:
    found = Found()
    kind_of: dict[str, str] = {}
    async with browser_of(f"http://127.0.0.1:{port}", who) as browser:
        for kind in KINDS:
            paths = [
                kind.path.format(typed=typed)
                for row in examples
                if (typed := kind.typed(row[kind.column])) != row[kind.column] or kind.is_plain
            ]
            # What a version does not search finds nobody: that is fast, and says nothing.
            if all([await _finds_somebody(browser, path) for path in paths[:PROBES]]):
                kind_of |= dict.fromkeys(paths, kind.key)
            else:
                found.missing.append(kind.key)
        if not kind_of:
            raise BenchFailed("No kind of search finds anybody.")
        asked = list(kind_of)
        random.Random(940).shuffle(asked)  # noqa: S311  # the same order every time
        answers = await ask_at_a_rate(
            browser, asked, {"HX-Request": "true"}, rate=options.rate, seconds=options.seconds,
            heard=lambda path, seconds: found.seconds[kind_of[path]].append(seconds),
        )  # fmt: skip
    found.refused = answers.refused
    return found


async def _finds_somebody(browser: aiohttp.ClientSession, path: str) -> bool:
    async with browser.get(path) as answer:
        page = await answer.text()
    if answer.status != 200:
        raise BenchFailed(f"{path} answers {answer.status}.")
    return A_ROW.search(page) is not None


def _report(found: dict[str, Found], written: years.Years) -> None:
    print(
        f"{written.conversations:,} people, {written.messages:,} messages, {written.cases:,} cases searched"
    )
    print(f"{'95 of 100 were answered within':<32}{'desk':>14}{'municipality':>14}")
    figures: dict[str, object] = {
        "p95_ms": round(max(each.p95_ms() for each in found.values()), 1),
        "rows": written.messages,
    }
    for kind in KINDS:
        cells = []
        for who, each in found.items():
            is_missing = kind.key in each.missing
            cells.append("not searched" if is_missing else f"{each.p95_ms(kind.key):,.0f} ms")
            if not is_missing:
                figures[f"{kind.key}{SUFFIX.get(who, '')}_p95_ms"] = round(each.p95_ms(kind.key), 1)
        print(f"{kind.key:<32}" + "".join(f"{cell:>14}" for cell in cells))
    cells = [f"{each.p95_ms():,.0f} ms" for each in found.values()]
    print(f"{'all':<32}" + "".join(f"{cell:>14}" for cell in cells))
    figures["not_answered"] = sum(each.refused for each in found.values())
    figures["not_searched"] = sorted({key for each in found.values() for key in each.missing})
    print(json.dumps(figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench search",
        description="Write two years of a region's correspondence into an instance of its own and look for "
        "people and cases in it at a steady rate: by name, by part of it, spelled otherwise, by phone, by "
        "reference, by words of a message. What this version does not search is named.",
    )
    parser.add_argument("--small", action="store_true", help="a hundredth of it, seconds only")
    parser.add_argument("--rate", type=float, default=RATE, help="searches a second (20)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long at that rate (20)")
    return parser
