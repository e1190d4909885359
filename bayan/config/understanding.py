"""`bayan triage` and `bayan bursts`: what triage does, on files and without a database."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Any, TextIO

from bayan.config.environment import Environment
from bayan.core.calendar import is_ramadan
from bayan.core.errors import DomainError
from bayan.triage.bursts import STEP, Alarm, Bursts, Seen
from bayan.triage.endpoint import AT_ONCE, Answer, Endpoint, Unanswered, ask_all
from bayan.triage.masking import masked
from bayan.triage.matters import Matters, seen_of, trace_of
from bayan.triage.reading import Triage
from bayan.triage.thresholds import read_thresholds

TWITTER_TIME = "%a %b %d %H:%M:%S %z %Y"


class FileNotReadable(DomainError):
    pass


class NoEndpoint(DomainError):
    pass


class TimeNotReadable(DomainError, ValueError):
    pass


class NoMessage(ValueError):
    """A line that is none; the text says why."""


def triage(environment: Environment, options: argparse.Namespace) -> None:
    """One JSON line for each line of the file or of standard input, in the same order."""
    endpoint = the_endpoint(environment) if options.endpoint else None
    said = _read(environment, options)
    if endpoint is None:
        for line, _text in said:
            _say(line)
        return
    # Some lines together, so that several answers are waited for at once.
    for lines in batched(said, 4 * AT_ONCE, strict=False):
        texts = [masked(text, ()) for _line, text in lines if text is not None]
        answers = iter(asyncio.run(ask_all(endpoint, texts)))
        for line, text in lines:
            _say(line if text is None else line | {"second": _second(next(answers))})


def the_endpoint(environment: Environment) -> Endpoint:
    """The other model that the environment names.

    :raises NoEndpoint: none
    """
    endpoint = environment.triage_endpoint
    if endpoint is None:
        raise NoEndpoint("BAYAN_TRIAGE_URL and BAYAN_TRIAGE_MODEL are to name the other model.")
    return endpoint


def _second(answer: Answer | Unanswered) -> dict[str, Any]:
    return answer.as_line() if isinstance(answer, Answer) else {"error": str(answer)}


def _read(
    environment: Environment, options: argparse.Namespace
) -> Iterator[tuple[dict[str, Any], str | None]]:
    """What is said of each line, and its text if it has one."""
    reader = Triage.load(environment.authority_dir, environment.model_dir)
    matters = Matters(reader.thresholds.matters)
    last = read_time(options.as_of) if options.as_of else datetime.now(UTC)
    for number, line in enumerate(_lines(options.file), start=1):
        given: Any = None
        try:
            given = json.loads(line)
            text, at = _message(given, last)
            reading = reader.read(text)
            # Without a time of its own a message comes when the one before it came.
            last = at
            verdict = matters.add(trace_of(reading, id=str(given.get("id", number)), at=at))
            said = {"id": given.get("id"), **reading.as_line(), "cluster_id": verdict.matter}
        except (ValueError, RecursionError) as problem:
            name = given.get("id") if isinstance(given, dict) else None
            yield {"id": name, "error": str(problem)}, None
        else:
            yield said, text


def bursts(environment: Environment, options: argparse.Namespace) -> None:
    """One JSON line for each alarm of a recorded stream: of messages, or of counts."""
    reader: Triage | None = None
    limits = read_thresholds(environment.authority_dir).bursts
    detector = Bursts(limits, is_ramadan=is_ramadan)
    for number, line in enumerate(_lines(options.file), start=1):
        try:
            given = json.loads(line)
            if isinstance(given, dict) and "count" in given:
                at = read_time(given["at"])
                # What a step held is known at its end.
                found = [
                    (alarm, at + STEP)
                    for alarm in detector.add(Seen(at, count=int(given["count"])))
                ]
            else:
                text, at = _message(given, None)
                name = str(given.get("id", number))
                if text:
                    reader = reader or Triage.load(environment.authority_dir, environment.model_dir)
                    seen = seen_of(reader.read(text), id=name, at=at)
                else:
                    seen = Seen(at, id=name)
                found = [(alarm, alarm.detected_at) for alarm in detector.add(seen)]
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            print(f"Line {number} is passed over: {problem}", file=sys.stderr)
            continue
        for alarm, detected_at in found:
            _say(alarm_line(alarm, detected_at))


def alarm_line(alarm: Alarm, detected_at: datetime) -> dict[str, Any]:
    """An alarm as `bayan bursts` prints it."""
    return asdict(alarm) | {
        "detected_at": detected_at.isoformat(),
        "started_at": alarm.started_at.isoformat(),
        "municipality": alarm.municipality,
        "about": dict(alarm.about),
    }


def read_time(given: object) -> datetime:
    """A moment of RFC 3339 or Twitter's form.

    :raises TimeNotReadable: neither, or without a zone
    """
    if isinstance(given, str):
        with contextlib.suppress(ValueError, OverflowError):
            at = datetime.fromisoformat(given)
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        with contextlib.suppress(ValueError, OverflowError):
            return datetime.strptime(given, TWITTER_TIME).astimezone(UTC)
    raise TimeNotReadable(
        f"{json.dumps(given, ensure_ascii=False)} is no time: write 2026-11-20T18:00:00+03:00."
    )


def _message(given: object, at: datetime | None) -> tuple[str, datetime]:
    if not isinstance(given, dict):
        raise NoMessage("A line must be an object with id and text.")
    text = given.get("text", "" if at is None else None)
    if not isinstance(text, str):
        raise NoMessage("The field text is missing, or no text.")
    if given.get("created_at") is not None or at is None:
        return text, read_time(given.get("created_at"))
    return text, at


def _lines(name: str | None) -> Iterator[str]:
    """The lines of a file or of standard input; empty ones are passed over."""
    if name in {None, "-"}:
        yield from _filled(sys.stdin)
        return
    path = Path(str(name))
    if not path.is_file():
        raise FileNotReadable(f"There is no file {name}.")
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        yield from _filled(file)


def _filled(file: TextIO) -> Iterator[str]:
    for line in file:
        if line.strip():
            yield line


def _say(said: dict[str, Any]) -> None:
    line = json.dumps(said, ensure_ascii=False)
    # Bytes that are no UTF-8, and halves of characters, can be written as escapes only.
    print(line if _is_whole(line) else json.dumps(said))


def _is_whole(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True
