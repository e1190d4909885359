"""`bayan bench triage`: what reading a message costs, how right it is, and whether that grows."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched, cycle, islice
from pathlib import Path
from typing import Any

from bayan.config.environment import environment
from bayan.triage import training
from bayan.triage.matters import Matters, trace_of
from bayan.triage.reading import Triage
from benchmarks.intake import GREETINGS, PLACES

BEGAN_AT = datetime(2026, 11, 1, tzinfo=UTC)
# Messages of a busy day in a region. Matters stay open for six: from then on memory is to grow no more.
A_DAY = 20_000
# What each message goes through, in this order.
READ, TRACE, MATTER = (
    "reading it: labels and places",
    "what is compared of it",
    "finding its matter",
)
SCORES = (
    "kind", "category", "sentiment", "urgency_merged", "emergency_recall", "emergency_precision",
    "rumour_claim",
)  # fmt: skip
STEPS = 10
# So many messages the pipeline takes at once when it finds their matters (`cases.services.matters`).
AT_A_TIME = 200
# So many messages warm the caches of words before anything is measured.
WARM_UP = 500
# Of which everybody writes in a burst.
TOLD = "انفجرت ماسورة المياه في حي الراكة الشمالية بالخبر والشارع غرقان والسيارات واقفة"
# A burst's last messages may cost so many times its first ones: what is above grows.
TIMES = 2.0

Written = tuple[str, datetime]


@dataclass
class Cost:
    """CPU of messages, by stage."""

    messages: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def microseconds(self, *stages: str) -> float:
        """For one message in these stages; without any in all of them."""
        spent = sum(self.seconds[stage] for stage in stages or (READ, TRACE, MATTER))
        return spent / max(1, self.messages) * 1e6

    @property
    def rate(self) -> float:
        """Messages for each second of CPU."""
        return 1e6 / self.microseconds() if self.messages else 0.0


@dataclass(frozen=True)
class Step:
    """Where a growing stream stood after so many messages."""

    messages: int
    matters: int
    cost: Cost
    megabytes: float


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 0 when a message of a long burst costs no more than one of its beginning."""
    options = _parser().parse_args(arguments)
    if options.small:
        options.messages, options.grow, options.burst = 1_000, 2_000, 1_000
    if options.million:
        options.grow, options.burst = 1_000_000, max(options.burst, 100_000)
    if min(options.messages, options.grow, options.burst, options.daily) < STEPS:
        print(f"All numbers must be at least {STEPS}.", file=sys.stderr)
        return 2
    reader = Triage.load(environment.authority_dir, environment.model_dir)
    texts = [row.text for row in training.own("train")]
    between = timedelta(days=1) / options.daily
    cost_of(reader, Matters(), _written(texts[-WARM_UP:], between))
    # First, while memory holds nothing of the others.
    print(f"A stream of {options.grow:,} messages …", file=sys.stderr)
    steps = _grow(reader, texts, options.grow, between)
    print(f"Reading {options.messages:,} messages …", file=sys.stderr)
    cost = cost_of(reader, Matters(), _written(islice(cycle(texts), options.messages), between))
    print("Trying the model on the frozen test part …", file=sys.stderr)
    scores = training.tried_on(reader.model, training.own("test"))
    print(f"A burst of {options.burst:,} messages about one matter …", file=sys.stderr)
    burst, matters = _burst(reader, options.burst, between)
    _report(cost, scores, steps, burst, matters=matters, version=str(reader.model.card["version"]))
    return 0 if _growth_of(burst) <= TIMES else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayan bench triage",
        description="Read the training part's texts one after the other, on one core and without a database, "
        "and find the matter of each; try the model in use on the frozen test part; let a stream grow and "
        "see what memory and time do; then let everybody write about one matter.",
    )
    parser.add_argument("--small", action="store_true", help="seconds only")
    parser.add_argument("--messages", type=int, default=20_000, help="messages to read (20,000)")
    parser.add_argument("--grow", type=int, default=40_000, help="messages of the stream (40,000)")
    parser.add_argument(
        "--daily", type=int, default=A_DAY, help="messages a day, by their times (20,000)"
    )
    parser.add_argument("--burst", type=int, default=20_000, help="messages of the burst (20,000)")
    parser.add_argument(
        "--million", action="store_true",
        help="a stream of 1,000,000 and a burst of 100,000: about an hour",
    )  # fmt: skip
    return parser


def cost_of(reader: Triage, matters: Matters, messages: Iterable[Written]) -> Cost:
    """Read these messages and find their matters, and measure the CPU of each stage.

    So many at a time go through each stage, as in the pipeline.
    """
    cost, clock = Cost(), time.process_time
    for some in batched(messages, AT_A_TIME, strict=False):
        began = clock()
        readings = [reader.read(text) for text, _at in some]
        is_read = clock()
        traces = [
            trace_of(reading, id=f"{at.timestamp():.3f}.{number}", at=at)
            for number, (reading, (_text, at)) in enumerate(zip(readings, some, strict=True))
        ]
        is_traced = clock()
        for trace in traces:
            matters.add(trace)
        cost.seconds[READ] += is_read - began
        cost.seconds[TRACE] += is_traced - is_read
        cost.seconds[MATTER] += clock() - is_traced
        cost.messages += len(some)
    return cost


def _written(texts: Iterable[str], between: timedelta) -> Iterator[Written]:
    """These texts as messages, so far apart."""
    for number, text in enumerate(texts):
        yield text, BEGAN_AT + number * between


def _grow(reader: Triage, texts: Sequence[str], count: int, between: timedelta) -> list[Step]:
    """One stream in ten steps; a text that comes again comes from another place, with another number."""
    matters, steps = Matters(), []
    varied = (
        f"{text} {place} {number}"
        for number, (text, place) in enumerate(zip(cycle(texts), cycle(PLACES), strict=False))
    )
    stream = _written(varied, between)
    for number in range(1, STEPS + 1):
        cost = cost_of(reader, matters, islice(stream, count // STEPS))
        steps.append(Step(number * (count // STEPS), len(matters), cost, _megabytes()))
    return steps


def _burst(reader: Triage, count: int, between: timedelta) -> tuple[list[Cost], int]:
    """Everybody passes on the same words, greeting and number apart; also how many matters that makes."""
    matters = Matters()
    varied = (f"{greeting} {TOLD} {number}" for number, greeting in enumerate(cycle(GREETINGS)))
    stream = _written(varied, between)
    costs = [cost_of(reader, matters, islice(stream, count // STEPS)) for _step in range(STEPS)]
    return costs, len(matters)


def _growth_of(burst: Sequence[Cost]) -> float:
    """How many times as much as in the second tenth a message costs in the last; the first tenth warms up.

    In what reading it costs, which no message before it changes: so a machine that slows down meanwhile is
    not taken for growth.
    """
    first, last = (cost.microseconds() / cost.microseconds(READ) for cost in (burst[1], burst[-1]))
    return last / first


def _megabytes() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _report(
    cost: Cost, scores: dict[str, float], steps: Sequence[Step], burst: Sequence[Cost],
    *, matters: int, version: str,
) -> None:  # fmt: skip
    lines = [
        ("model", version),
        ("messages a second, one core", f"{cost.rate:,.0f}"),
        ("CPU a message", f"{cost.microseconds():,.0f} µs"),
        *((f"  {stage}", f"{cost.microseconds(stage):,.0f} µs") for stage in (READ, TRACE, MATTER)),
        *((f"frozen test part: {name}", f"{scores[name]:.3f}") for name in SCORES),
        *(
            (
                f"stream of {step.messages:,}: memory, CPU a message",
                f"{step.megabytes:,.0f} MB, {step.cost.microseconds():,.0f} µs",
            )
            for step in steps
        ),
        ("matters open at the end of the stream", f"{steps[-1].matters:,}"),
        ("burst: CPU a message, second tenth", f"{burst[1].microseconds():,.0f} µs"),
        ("burst: CPU a message, last tenth", f"{burst[-1].microseconds():,.0f} µs"),
        ("burst: finding the matter, second and last tenth", _from_to(burst)),
        ("burst: matters that it was taken for", f"{matters:,}"),
    ]
    for name, figure in lines:
        print(f"{name:<50}{figure:>20}")
    print(json.dumps(_figures(cost, scores, steps, burst) | {"burst_matters": matters}))


def _from_to(burst: Sequence[Cost]) -> str:
    return f"{burst[1].microseconds(MATTER):,.0f}, {burst[-1].microseconds(MATTER):,.0f} µs"


def _figures(
    cost: Cost, scores: dict[str, float], steps: Sequence[Step], burst: Sequence[Cost]
) -> dict[str, Any]:
    return {
        "messages_per_s_per_core": round(cost.rate, 1),
        "cpu_us_per_message": round(cost.microseconds(), 1),
        "read_us": round(cost.microseconds(READ), 1),
        "trace_us": round(cost.microseconds(TRACE), 1),
        "matter_us": round(cost.microseconds(MATTER), 1),
        **{name: round(scores[name], 4) for name in SCORES},
        "stream_messages": [step.messages for step in steps],
        "stream_mb": [round(step.megabytes, 1) for step in steps],
        "stream_us": [round(step.cost.microseconds(), 1) for step in steps],
        "burst_messages": sum(each.messages for each in burst),
        "burst_us": [round(each.microseconds(), 1) for each in burst],
        "burst_growth": round(_growth_of(burst), 2),
    }
