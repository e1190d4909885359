"""`bayan bench pages`: what each page costs, on two years of a region's correspondence."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import uvloop

from benchmarks import years
from benchmarks.browser import ask_at_a_rate, ask_one_by_one, browser_of
from benchmarks.ground import BenchFailed, Ground, ground

if TYPE_CHECKING:
    from bayan.people.models import Member

CONVERSATIONS, MESSAGES, CASES = 200_000, 1_000_000, 100_000
RATE = 20.0
WANTED_P95_MS, WANTED_CPU_MS, WANTED_SQL = 150.0, 15.0, 12
WARM_UP = 4
# So many different rows are asked for in turn, where a page is about one.
EXAMPLES = 20
# Further down a list nobody pages by hand.
DEEP = 400
# What only opens and closes a transaction, or says for whom it reads.
BOOKKEEPING = re.compile(
    r"^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET |SELECT (current_user, )?set_config)",
    re.IGNORECASE,
)
# Statements that take longer are explained.
SLOW_MS = 5.0

DESK, KHOBAR = "desk", "responder.khobar"
# As a figure's name ends, by who looks.
SUFFIX = {KHOBAR: "_khobar"}


@dataclass(frozen=True)
class Page:
    """A page as it is asked for; what stands in braces is a column of `EXAMPLE`."""

    key: str
    path: str
    who: tuple[str, ...] = (DESK, KHOBAR)
    is_fragment: bool = False


# A page that is new gets its line here. Those that this version does not have are passed over.
PAGES = (
    Page("today", "/today/"),
    Page("today_of_heads", "/today/", who=("director",)),
    Page("palette", "/palette/", is_fragment=True),
    Page("palette_by_name", "/palette/?q={name}", is_fragment=True),
    Page("inbox_waiting", "/inbox/?view=waiting"),
    Page("inbox_open", "/inbox/"),
    Page("inbox_closed", "/inbox/?view=closed"),
    Page("inbox_all", "/inbox/?view=all"),
    Page("inbox_refetched", "/inbox/?view=open&q=", is_fragment=True),
    Page("inbox_deep", "/inbox/?view=all&after={deep_conversation}", is_fragment=True),
    Page("inbox_by_name", "/inbox/?view=all&q={name}"),
    Page("inbox_by_phone", "/inbox/?view=all&q={phone}"),
    Page("inbox_by_reference", "/inbox/?view=all&q={reference}"),
    Page("inbox_by_words", "/inbox/?view=all&q={words}"),
    Page("conversation", "/inbox/{conversation}/"),
    Page("conversation_opened", "/inbox/{conversation}/", is_fragment=True),
    Page("cases_open", "/cases/"),
    Page("cases_closed", "/cases/?state=closed"),
    Page("cases_all", "/cases/?state=all"),
    Page("cases_deep", "/cases/?state=all&after={deep_case}", is_fragment=True),
    Page("cases_by_reference", "/cases/?state=all&q={reference}"),
    Page("cases_by_name", "/cases/?state=all&q={name}"),
    Page("cases_late", "/cases/?state=late"),
    Page("cases_narrowed", "/cases/?body=khobar&category=lighting"),
    Page("cases_board", "/cases/board/"),
    Page("cases_map", "/cases/map/"),
    Page("contacts", "/contacts/"),
    Page("contacts_by_name", "/contacts/?q={name}"),
    Page("case_panel", "/cases/of/{conversation}/panel", is_fragment=True),
    Page("audit", "/audit/", who=("director",)),
    Page("audit_of_case", "/audit/?subject={reference}", who=("director",)),
    Page("people", "/people/", who=("director",)),
    Page("duty", "/duty/"),
    Page("places", "/places/"),
    Page("templates", "/channels/templates/", who=("director",)),
    Page("broadcasts", "/channels/broadcasts/", who=("director",)),
    Page("channels", "/channels/", who=("director",)),
    Page("accounts", "/channels/accounts/", who=("admin",)),
    Page("set_aside", "/journal/", who=("admin",)),
)
# What is asked for: conversations with a case, from all over the two years, of a body and those below it.
EXAMPLE = """
    SELECT v.public_id AS conversation, t.name, substr(i.value, 4) AS phone, c.reference,
           -- Two words that stand side by side in what the person wrote.
           (regexp_match(m.text, '(\\w{3,} \\w{3,})[[:punct:]]? *$'))[1] AS words
    FROM inbox_conversation v
    JOIN organisation_node n ON n.id = v.node_id AND %(node)s = ANY (n.lineage)
    JOIN cases_case c ON c.conversation_id = v.id
    JOIN people_contact t ON t.id = v.contact_id
    JOIN people_identity i ON i.contact_id = t.id AND i.scheme = 'phone'
    JOIN LATERAL (SELECT text FROM inbox_message WHERE conversation_id = v.id AND direction = 'in'
                  ORDER BY id LIMIT 1) m ON true
    ORDER BY md5(v.id::text) LIMIT %(examples)s
"""
DEEP_CONVERSATION = """
    SELECT last_message_at, v.id FROM inbox_conversation v
    JOIN organisation_node n ON n.id = v.node_id AND %(node)s = ANY (n.lineage)
    ORDER BY last_message_at DESC, v.id DESC OFFSET %(deep)s LIMIT 1
"""
DEEP_CASE = """
    SELECT opened_at, c.id FROM cases_case c
    JOIN organisation_node n ON n.id = c.node_id AND %(node)s = ANY (n.lineage)
    ORDER BY opened_at DESC, c.id DESC OFFSET %(deep)s LIMIT 1
"""


@dataclass
class Cost:
    """What one page cost one of those who look at it."""

    name: str
    cpu_ms: float = 0.0
    postgres_ms: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    # Requests that were not answered at that rate: a page so dear that it keeps others out.
    refused: int = 0
    # How long each took in milliseconds, its SQL and its values.
    statements: list[tuple[float, str, Any]] = field(default_factory=list)

    @property
    def sql(self) -> int:
        return len(self.statements)

    @property
    def is_dear(self) -> bool:
        return self.p95_ms > WANTED_P95_MS or self.cpu_ms > WANTED_CPU_MS or self.sql > WANTED_SQL


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when every page that exists answered each time."""
    options = _parser().parse_args(arguments)
    if min(options.seconds, options.rate, options.count) <= 0:
        print("All numbers must be greater than 0.", file=sys.stderr)
        return 2
    part = years.SMALL if options.small else 1
    if options.small:
        options.seconds, options.count = min(options.seconds, 0.5), min(options.count, 6)
    pages = [page for page in PAGES if not options.only or page.key in options.only]
    if not pages:
        print(f"--only: choose from {', '.join(page.key for page in PAGES)}.", file=sys.stderr)
        return 2
    try:
        with ground() as place:
            written = fill(place, part)
            port = place.serve("web")
            costs = list(_measure(place, port, pages, options))
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    _report(costs, written)
    return 1 if any(cost.refused for cost in costs) else 0


def fill(place: Ground, part: int) -> years.Years:
    """Two years, or a part of them; this process can use Django afterwards."""
    print(f"Writing {MESSAGES // part:,} messages …", file=sys.stderr)
    place.settle_in()
    began = time.perf_counter()
    with place.connect() as connection:
        written = years.load(
            connection,
            conversations=CONVERSATIONS // part,
            messages=MESSAGES // part,
            cases=CASES // part,
        )
    print(f"… in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return written


def examples_for(connection: psycopg.Connection, who: str) -> list[dict[str, str]]:
    """What this person of the demo may ask for, ready to stand in a path."""
    from bayan.core.paging import Cursor

    node = member_of(who).roles.select_related("node").get().node
    values = {"node": node.pk, "examples": EXAMPLES, "deep": DEEP}
    cursor = connection.execute(EXAMPLE.encode(), values)
    columns = [column.name for column in cursor.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        raise BenchFailed(f"There is nothing that {who} could look at.")
    for key, query in (("deep_conversation", DEEP_CONVERSATION), ("deep_case", DEEP_CASE)):
        found = connection.execute(query.encode(), values).fetchone()
        for row in rows:
            row[key] = Cursor(*found) if found else ""
    return [{key: quote(str(value or "")) for key, value in row.items()} for row in rows]


def member_of(who: str) -> Member:
    from bayan.people.models import Member

    return Member.objects.get(email__startswith=f"{who}@", is_demo=True)


@dataclass(frozen=True)
class Look:
    """A page as one person asks for it: paths that take turns."""

    paths: list[str]
    headers: dict[str, str]
    cost: Cost


def _measure(
    place: Ground, port: int, pages: Sequence[Page], options: argparse.Namespace
) -> Iterator[Cost]:
    for who in dict.fromkeys(who for page in pages for who in page.who):
        with place.connect() as connection:
            examples = examples_for(connection, who)
        looks = [
            Look(
                list(dict.fromkeys(page.path.format(**example) for example in examples)),
                {"HX-Request": "true"} if page.is_fragment else {},
                Cost(page.key + SUFFIX.get(who, "")),
            )
            for page in pages
            if who in page.who
        ]
        looks = [look for look in looks if count_statements(look, who)]
        uvloop.run(_visit(place, port, looks, who=who, options=options))
        for look in looks:
            if options.explain and look.cost.is_dear:
                explain(look.cost, who)
            yield look.cost


def count_statements(look: Look, who: str) -> bool:
    """Ask for the page within this process, where its statements can be counted; False: it is not there."""
    from django.db import connection
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1", headers=look.headers)
    client.force_login(member_of(who))
    # What is compiled or kept on first use is no part of the page.
    client.get(look.paths[0])
    heard: list[tuple[float, str, Any]] = []

    def listen(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, values, many, context)
        finally:
            heard.append(((time.perf_counter() - began) * 1000, sql, values))

    with connection.execute_wrapper(listen):
        answer = client.get(look.paths[0])
    if answer.status_code == 404:
        print(f"{look.cost.name}: this version has no such page", file=sys.stderr)
        return False
    if answer.status_code != 200:
        raise BenchFailed(f"{look.paths[0]} answers {answer.status_code}.")
    look.cost.statements = [one for one in heard if not BOOKKEEPING.match(one[1])]
    return True


async def _visit(
    place: Ground, port: int, looks: Sequence[Look], *, who: str, options: argparse.Namespace
) -> None:
    async with browser_of(f"http://127.0.0.1:{port}", who) as browser:
        for look in looks:
            asked, cost = (browser, look.paths, look.headers), look.cost
            await ask_one_by_one(*asked, count=WARM_UP)
            before = await asyncio.to_thread(place.cpu_seconds, "web")
            count = await ask_one_by_one(*asked, count=options.count)
            after = await asyncio.to_thread(place.cpu_seconds, "web")
            used = {name: (after[name] - before[name]) / count * 1000 for name in after}
            cost.cpu_ms, cost.postgres_ms = used["web"], used["postgres"]
            answers = await ask_at_a_rate(*asked, rate=options.rate, seconds=options.seconds)
            cost.refused = answers.refused
            cost.p50_ms, cost.p95_ms = answers.percentile_ms(0.5), answers.percentile_ms(0.95)
            print(f"{cost.name}: {cost.p95_ms:.0f} ms", file=sys.stderr)


def explain(cost: Cost, who: str) -> None:
    """Say on standard error what each statement took, and how PostgreSQL went about the slow ones."""
    from django.db import connection, transaction

    from bayan.core.rls import look_as

    member = member_of(who)
    for ms, statement, values in sorted(cost.statements, key=lambda one: -one[0]):
        print(f"  {ms:7.1f} ms  {' '.join(statement.split())[:300]}", file=sys.stderr)
        if ms < SLOW_MS or not statement.startswith("SELECT"):
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            look_as(member.pk)
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", values)
            for (line,) in cursor.fetchall():
                print(f"      {line}", file=sys.stderr)


def _report(costs: Sequence[Cost], written: years.Years) -> None:
    print(
        f"{written.conversations:,} conversations, {written.messages:,} messages, {written.cases:,} cases; "
        "what begins and ends transactions or sets roles is no statement here"
    )
    heading = ("median", "95 of 100", "CPU web", "CPU PostgreSQL", "statements")
    print(f"{'':<28}" + "".join(f"{title:>16}" for title in heading))
    figures: dict[str, Any] = {}
    for cost in costs:
        cells = (
            f"{cost.p50_ms:,.0f} ms", f"{cost.p95_ms:,.0f} ms", f"{cost.cpu_ms:.1f} ms",
            f"{cost.postgres_ms:.1f} ms", f"{cost.sql}",
        )  # fmt: skip
        mark = "  more than wanted" if cost.is_dear else ""
        mark += f", {cost.refused} not answered" if cost.refused else ""
        print(f"{cost.name:<28}" + "".join(f"{cell:>16}" for cell in cells) + mark)
        figures |= {
            f"{cost.name}_p95_ms": round(cost.p95_ms, 1),
            f"{cost.name}_cpu_ms": round(cost.cpu_ms, 1),
            f"{cost.name}_sql": cost.sql,
            f"{cost.name}_postgres_ms": round(cost.postgres_ms, 1),
        }
    print(
        f"{'wanted':<28}{'':>16}{f'{WANTED_P95_MS:.0f} ms':>16}{f'{WANTED_CPU_MS:.0f} ms':>16}"
        f"{'':>16}{WANTED_SQL:>16}"
    )
    print(json.dumps(figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench pages",
        description="Write two years of a region's correspondence into an instance of its own: 200,000 "
        "conversations, 1,000,000 messages, 100,000 cases. Then ask for each list and search page, signed in "
        "as a responder of the authority's desk and as one of a municipality: at a steady rate for the time "
        "that an answer takes, one by one for the CPU that it costs, and within this process for its SQL "
        "statements (what only begins and ends transactions or sets roles is not counted).",
    )
    parser.add_argument("--small", action="store_true", help="a hundredth of it, seconds only")
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second (20)")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long at that rate (6)")
    parser.add_argument("--count", type=int, default=40, help="requests one by one (40)")
    parser.add_argument(
        "--only", action="append", metavar="PAGE", help="this page alone; may be repeated"
    )
    parser.add_argument(
        "--explain", action="store_true",
        help="for pages that cost more than wanted: each statement, and PostgreSQL's plan of the slow ones",
    )  # fmt: skip
    return parser
