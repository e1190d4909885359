"""`bayan bench letters`: what the list of letters costs when a hundred thousand of them are there."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.browser import ask_one_by_one, browser_of
from benchmarks.ground import BenchFailed, Ground, ground
from benchmarks.pages import WARM_UP, Cost, Look, count_statements, explain, member_of

LETTERS = 100_000
SMALL = 50
# Who heads a municipality and got every third letter, who works there and got every sixth, and who sent them.
MAYOR, OFFICER, DIRECTOR = "mayor.khobar", "responder.khobar", "director"
# Of ten letters seven are public, two restricted, one secret; two of three went to another municipality.
LETTER = """
    INSERT INTO correspondence_letter ({columns}, text, public_id, number, changed_at, bodies, grade)
    SELECT {columns}, '', gen_random_uuid(), 3000000 + g, now() - g * interval '7 minutes',
           CASE WHEN g %% 3 = 0 THEN %(ours)s ELSE %(others)s END,
           CASE WHEN g %% 10 < 7 THEN 'public' WHEN g %% 10 < 9 THEN 'restricted' ELSE 'secret' END
    FROM correspondence_letter l, generate_series(1, %(letters)s) g
    WHERE l.id = %(like)s
"""
OWN_COLUMNS = ("id", "text", "public_id", "number", "changed_at", "bodies", "grade", "approval_id")
COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
    WHERE attrelid = 'correspondence_letter'::regclass AND attnum > 0 AND attgenerated = ''
      AND NOT attisdropped AND NOT attname = ANY (%s)
"""
TO = """
    INSERT INTO correspondence_recipient (letter_id, member_id, node_id, is_copy)
    SELECT id, CASE WHEN {ours} THEN %(member)s ELSE %(other)s END,
           CASE WHEN {ours} THEN %(node)s ELSE %(other_node)s END, false
    FROM correspondence_letter WHERE number > 3000000
"""
TO_ALSO = """
    INSERT INTO correspondence_recipient (letter_id, member_id, node_id, is_copy)
    SELECT id, %(member)s, %(node)s, false
    FROM correspondence_letter WHERE number > 3000000 AND number %% 6 = 0
"""


@dataclass(frozen=True)
class View:
    """A view of the list, as it is asked for."""

    key: str

    @property
    def path(self) -> str:
        return f"/letters/?view={self.key}"


VIEWS = tuple(View(key) for key in ("mine", "open", "sent"))


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when every page answered each time."""
    options = _parser().parse_args(arguments)
    if min(options.letters, options.count) <= 0:
        print("All numbers must be greater than 0.", file=sys.stderr)
        return 2
    if options.small:
        options.letters, options.count = options.letters // SMALL, min(options.count, 6)
    try:
        with ground() as place:
            fill(place, options.letters)
            port = place.serve("web")
            costs = [
                cost
                for who in (MAYOR, OFFICER, DIRECTOR)
                for cost in _measure(place, port, who, options)
            ]
    except BenchFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    _report(costs, options.letters)
    return 0


def fill(place: Ground, letters: int) -> None:
    """So many letters, all like one that was written, signed and sent."""
    place.settle_in()
    from django.utils import timezone

    from bayan.core.rls import as_worker
    from bayan.correspondence import services
    from bayan.correspondence.models import Address, Letter
    from bayan.organisation.models import Node

    now = timezone.now()
    director, mayor, officer = (member_of(who) for who in (DIRECTOR, MAYOR, OFFICER))
    other = member_of("responder.qatif")
    desk, khobar, qatif = (Node.objects.get(key=key) for key in ("eastern", "khobar", "qatif"))
    with as_worker():
        made = services.draft_letter(
            services.Words(
                kind=Letter.Kind.CIRCULAR,
                subject="الاستعداد لموسم الأمطار",
                text="السلام عليكم ورحمة الله وبركاته، وبعد:\nنأمل الاطلاع.\nوالسلام عليكم",
                to=[services.To(kind=Address.Kind.MUNICIPALITIES)],
            ),
            node=desk, by=director, now=now,
        )  # fmt: skip
        services.submit(made.public_id, signer=director, by=director, now=now)
        services.hand_over(now=now)
    ours = {"member": mayor.pk, "node": khobar.pk, "other": other.pk, "other_node": qatif.pk}
    with place.connect() as connection:
        found = connection.execute(COLUMNS.encode(), [list(OWN_COLUMNS)]).fetchone()
        assert found is not None  # noqa: S101  # an aggregate has one row
        connection.execute(
            LETTER.format(columns=found[0]).encode(),
            {"ours": [khobar.pk], "others": [qatif.pk], "letters": letters, "like": made.pk},
        )
        connection.execute(TO.format(ours="number %% 3 = 0").encode(), ours)
        connection.execute(TO_ALSO.encode(), {"member": officer.pk, "node": khobar.pk})
        connection.execute(b"ANALYZE correspondence_letter, correspondence_recipient")


def _measure(place: Ground, port: int, who: str, options: argparse.Namespace) -> list[Cost]:
    name = who.split(".", maxsplit=1)[0]
    looks = [Look([view.path], {}, Cost(f"{view.key}_{name}")) for view in VIEWS]
    looks = [look for look in looks if count_statements(look, who)]
    uvloop.run(_visit(place, port, looks, who=who, count=options.count))
    for look in looks:
        if options.explain:
            explain(look.cost, who)
    return [look.cost for look in looks]


async def _visit(place: Ground, port: int, looks: Sequence[Look], *, who: str, count: int) -> None:
    async with browser_of(f"http://127.0.0.1:{port}", who) as browser:
        for look in looks:
            await ask_one_by_one(browser, look.paths, look.headers, count=WARM_UP)
            before = await asyncio.to_thread(place.cpu_seconds, "web")
            asked = await ask_one_by_one(browser, look.paths, look.headers, count=count)
            after = await asyncio.to_thread(place.cpu_seconds, "web")
            used = {name: (after[name] - before[name]) / asked * 1000 for name in after}
            look.cost.cpu_ms, look.cost.postgres_ms = used["web"], used["postgres"]


def _report(costs: Sequence[Cost], letters: int) -> None:
    print(f"{letters:,} letters; one request after the other")
    print(f"{'':<24}{'CPU web':>16}{'CPU PostgreSQL':>16}{'statements':>16}{'the slowest':>16}")
    figures: dict[str, float] = {}
    for cost in costs:
        slowest = max(ms for ms, _sql, _values in cost.statements)
        print(
            f"{cost.name:<24}{cost.cpu_ms:>13.1f} ms{cost.postgres_ms:>13.1f} ms{cost.sql:>16}"
            f"{slowest:>13.1f} ms"
        )
        figures |= {
            f"{cost.name}_cpu_ms": round(cost.cpu_ms, 1),
            f"{cost.name}_postgres_ms": round(cost.postgres_ms, 1),
            f"{cost.name}_slowest_ms": round(slowest, 1),
        }
    print(json.dumps(figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench letters",
        description="Write 100,000 letters into an instance of its own, of which a mayor got every third and "
        "an officer every sixth. Then ask for the views of the list as each of them and as the director who "
        "sent them: one by one for the CPU, and within this process for the SQL statements.",
    )
    parser.add_argument("--small", action="store_true", help="a fiftieth of it, seconds only")
    parser.add_argument("--letters", type=int, default=LETTERS, help="how many letters (100,000)")
    parser.add_argument("--count", type=int, default=20, help="requests one by one (20)")
    parser.add_argument(
        "--explain", action="store_true",
        help="each statement, and PostgreSQL's plan of the slow ones",
    )  # fmt: skip
    return parser
