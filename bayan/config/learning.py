"""`bayan train`: a new version of the classifiers, tried beside the running one, and which one answers."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bayan.config.environment import Environment
from bayan.config.understanding import the_endpoint
from bayan.core.errors import DomainError
from bayan.triage import training
from bayan.triage.endpoint import Answer, Unanswered, ask_all, more_urgent
from bayan.triage.model import HEADS, WEIGHED, Model
from bayan.triage.places import Gazetteer
from bayan.triage.reading import Triage
from bayan.triage.taxonomy import INFO_TYPES
from bayan.triage.thresholds import read_thresholds
from bayan.triage.training import Row

type Labels = dict[str, str]
# The word by which `--use` goes back to the model that comes with Bayan.
SHIPPED = "shipped"
# What both models are measured by, and how it is called in the table.
OF_OWN = {
    "kind": "kind, macro-F1",
    "category": "category, macro-F1",
    "sentiment": "sentiment, macro-F1",
    "urgency_merged": "urgency (normal and low as one), macro-F1",
    "emergency_recall": "emergencies, recall",
    "emergency_precision": "emergencies, precision",
    "rumour_claim": "rumour claims, F1",
}
# The sets whose rows were labelled for this project (`training.real`).
REAL = (
    "crisis_ar/crisis_ar.jsonl",
    "arsarcasm_v2/training_data.csv",
    "saudi_irony/SaudiIrony.csv",
    "saudi_tourism_reviews/reviews.csv",
)
OF_TWEETS = {
    "sentiment": "sentiment, macro-F1",
    "sentiment_pn": "sentiment, positive and negative alone",
}


class NoSuchFolder(DomainError):
    pass


class CorrectionUnreadable(DomainError):
    pass


class BadRow(ValueError):
    """A line that is no correction; the text says why."""


class VersionUnusable(DomainError):
    pass


class NotTrained(DomainError):
    pass


@dataclass(frozen=True)
class Source:
    """A set that a version learns from."""

    name: str
    licence: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Trial:
    """Rows on which two models are compared, and by which figures."""

    name: str
    rows: Sequence[Row]
    figures: Mapping[str, str]


def train(environment: Environment, options: argparse.Namespace) -> None:
    """Make a version and show how it does beside the running one; with `--use` only choose who answers."""
    if options.use:
        use(environment, options.use)
        return
    if options.endpoint:
        compare(environment)
        return
    corrected = corrections_in(Path(options.corrections)) if options.corrections else []
    folder = Path(options.data) if options.data else environment.sets_dir
    if folder is not None and not folder.is_dir():
        raise NoSuchFolder(f"There is no folder {folder}: --data or BAYAN_DATA is to name one.")
    sources = _sources(folder, corrected)
    trials = _trials(folder)
    out = Path(options.out) if options.out else environment.models_dir
    version, model = _learn(sources, out, now=datetime.now(UTC))
    with _whole_or_not_at_all(out / version) as unfinished:
        # What is tried is what will answer: weights are rounded when they are written.
        model.save(unfinished)
        new = _figures(Model.load(unfinished), trials, corrected)
        model.card["scores"] = new
        model.save(unfinished)
    _say("the running model")
    running = environment.model_dir
    is_own = running.parent == environment.models_dir
    before = _figures(Model.load(running), trials, corrected)
    _print_table(
        {running.name if is_own else SHIPPED: before, version: new}, trials, learned=len(corrected)
    )
    print(f"\nThe new version is kept in {out / version}.")
    if out.resolve() != environment.models_dir:
        print(f"Move it into {environment.models_dir} before it can be used.")
    print(f"Nothing has changed yet. To let it answer: bayan train --use {version}")


def compare(environment: Environment) -> None:
    """Try the other model on the frozen test part: alone, and as it is asked at work.

    :raises NoEndpoint: the environment names none
    """
    endpoint = the_endpoint(environment)
    rows = training.own("test")
    thresholds = read_thresholds(environment.authority_dir)
    reader = Triage(Model.load(environment.model_dir), Gazetteer([]), thresholds)
    readings = [reader.read(row.text) for row in rows]
    _say(f"asking {endpoint.model} about {len(rows)} texts")
    answers = asyncio.run(ask_all(endpoint, [row.text for row in rows]))
    running: list[Labels] = [
        {head: str(getattr(reading, head)) for head in HEADS} for reading in readings
    ]
    alone: list[Labels] = []
    together: list[Labels] = []
    for first, reading, answer in zip(running, readings, answers, strict=True):
        if not isinstance(answer, Answer):
            alone.append(dict.fromkeys(HEADS, ""))
            together.append(first)
            continue
        second = {head: str(getattr(answer, head)) for head in HEADS}
        alone.append(second)
        urgency = more_urgent(first["urgency"], second["urgency"])
        is_asked = endpoint.asks_always or not thresholds.are_met_by(reading)
        together.append(second | {"urgency": urgency} if is_asked else first)
    missing = sum(isinstance(answer, Unanswered) for answer in answers)
    print(f"{len(rows):,} texts; {missing:,} without a usable answer")
    columns = {"running": running, endpoint.model[:22]: alone, "at work": together}
    print(f"{'':<44}" + "".join(f"{name:>24}" for name in columns))
    tried = [_tried(rows, found) for found in columns.values()]
    for name in tried[0]:
        print(f"  {name:<42}" + "".join(f"{one[name]:>24.3f}" for one in tried))


def _tried(rows: Sequence[Row], found: Sequence[Labels]) -> dict[str, float]:
    """Figures of these labels, by the names that `bayan train` has for them."""
    figures: dict[str, float] = {}
    for head, labels in HEADS.items():
        given, said = [row.labels[head] for row in rows], [one[head] for one in found]
        if head != "urgency":
            figures[OF_OWN[head]] = training.macro_f1(given, said, labels)
            continue
        # Normal and low are one.
        given, said = ([one.replace("low", "normal") for one in both] for both in (given, said))
        figures[OF_OWN["urgency_merged"]] = training.macro_f1(given, said, labels[:-1])
        hits = sum(g == s == "emergency" for g, s in zip(given, said, strict=True))
        figures[OF_OWN["emergency_recall"]] = hits / max(given.count("emergency"), 1)
        figures[OF_OWN["emergency_precision"]] = hits / max(said.count("emergency"), 1)
    return figures


def use(environment: Environment, version: str) -> None:
    """Let this version answer once Bayan is started again; `shipped`: the model that comes with Bayan.

    :raises VersionUnusable: it is not there, or cannot be read
    """
    models = environment.models_dir
    if version == SHIPPED:
        (models / "in-use").unlink(missing_ok=True)
        print("Start Bayan again: then the model that comes with it answers.")
        return
    there = versions_in(models)
    if version not in there:
        named = ", ".join([*there, SHIPPED])
        raise VersionUnusable(f"There is no version {version} in {models}. There are: {named}.")
    _check(models / version)
    fresh = models / f".in-use.{secrets.token_hex(4)}"
    fresh.write_text(f"{version}\n", encoding="utf-8")
    fresh.replace(models / "in-use")
    print(
        f"Start Bayan again: then version {version} answers. "
        f"'bayan train --use {SHIPPED}' goes back to the model that comes with Bayan."
    )


def versions_in(models: Path) -> list[str]:
    """The versions that `bayan train` left in this folder, the oldest first."""
    return sorted(path.parent.name for path in models.glob("[!.]*/model.npz"))


def _check(folder: Path) -> None:
    """Refuse a version that would keep Bayan from reading messages."""
    try:
        columns = Model.load(folder).weights.shape[1]
    except (OSError, ValueError, KeyError) as problem:
        raise VersionUnusable(
            f"{folder} cannot be read ({problem}): train a new version."
        ) from problem
    if columns != len(WEIGHED):
        raise VersionUnusable(
            f"{folder} was made for other labels than today's: train a new version."
        )


def corrections_in(file: Path) -> list[Row]:
    """The rows of a file that `bayan corrections` wrote.

    :raises CorrectionUnreadable: there is no such file, or a line (it is named) is none of those
    """
    if not file.is_file():
        raise CorrectionUnreadable(f"There is no file {file}: 'bayan corrections' writes one.")
    rows = []
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_correction(json.loads(line)))
        except ValueError as problem:
            raise CorrectionUnreadable(f"{file}, line {number}: {problem}") from problem
    return rows


def _correction(given: Any) -> Row:
    """One row that says at least one thing, and only in words of the taxonomy."""
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        raise BadRow("not an object with a text.")
    for head in HEADS.keys() & given.keys():
        if given[head] not in HEADS[head]:
            raise BadRow(f"{given[head]!r} is no {head}: see docs/triage.md.")
    kinds = given.get("info_type", [])
    if not isinstance(kinds, list) or not all(kind in INFO_TYPES for kind in kinds):
        raise BadRow("info_type is to be a list of those in docs/triage.md.")
    if not isinstance(given.get("is_rumour_claim", False), bool):
        raise BadRow("is_rumour_claim is to be true or false.")
    row = training.labelled(given)
    if not row.labels and not row.signs:
        raise BadRow(f"it corrects nothing: one of {', '.join(HEADS)} is to be there.")
    return row


def _sources(folder: Path | None, corrected: Sequence[Row]) -> list[Source]:
    sources = [Source("Bayan's own set, training part", "EUPL-1.2", training.own("train"))]
    if folder and _holds(folder, "crisis_ar/crisis_ar.jsonl"):
        sources.append(Source("crisis_ar (IDRISI)", "CC BY 4.0", training.crises(folder)))
    if folder and _holds(folder, "arsarcasm_v2/training_data.csv"):
        rows = training.tweets(folder, held_out=False)
        sources.append(Source("ArSarcasm-v2, nine tenths", "MIT", rows))
    if folder and all(_holds(folder, name) for name in REAL):
        rows = training.real(folder, held_out=False)
        sources.append(Source("posts and reviews of four sets", "MIT, CC0, CC BY 4.0", rows))
    if corrected:
        sources.append(Source("corrections by members", "the authority's own", corrected))
    for source in sources:
        _say(f"{len(source.rows):>7,} rows of {source.name}")
    return sources


def _holds(folder: Path, file: str) -> bool:
    is_there = (folder / file).is_file()
    if not is_there:
        _say(f"{folder / file} is not there: learned without it")
    return is_there


def _trials(folder: Path | None) -> list[Trial]:
    try:
        trials = [Trial("own test part", training.own("test"), OF_OWN)]
    except training.SetChanged as changed:
        raise NotTrained(str(changed)) from changed
    if folder and all((folder / name).is_file() for name in REAL):
        rows = training.real(folder, held_out=True)
        trials.append(Trial("real posts and reviews", rows, OF_OWN))
    if folder and (folder / "arsarcasm_v2" / "training_data.csv").is_file():
        rows = training.tweets(folder, held_out=True)
        trials.append(Trial("ArSarcasm-v2, held-out tenth", rows, OF_TWEETS))
    return trials


def _learn(sources: Sequence[Source], out: Path, *, now: datetime) -> tuple[str, Model]:
    """A model of all rows, and the name of its version: when it was made, and of what."""
    rows = [row for source in sources for row in source.rows]
    version = f"{now:%Y%m%d-%H%M}-{_hash_of(rows)}"
    if (out / version).exists():
        raise NotTrained(f"{out / version} is there already, made of the same rows.")
    # What cannot be written to is better known before than after minutes of work.
    out.mkdir(parents=True, exist_ok=True)
    card = {
        "version": version,
        "made_at": now.isoformat(timespec="seconds"),
        "learned_from": [
            {"name": source.name, "rows": len(source.rows), "licence": source.licence}
            for source in sources
        ],
    }
    return version, training.train(rows, card=card, say=_say)


def _hash_of(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        said = [row.text, sorted(row.labels.items()), sorted(row.signs.items()), row.weight]
        digest.update(json.dumps(said).encode())
    return digest.hexdigest()[:6]


@contextmanager
def _whole_or_not_at_all(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes this one at the end, or nothing."""
    unfinished = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        yield unfinished
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _figures(
    model: Model, trials: Sequence[Trial], corrected: Sequence[Row]
) -> dict[str, dict[str, float]]:
    """How a model does in each trial; of corrections how many of their labels it gives."""
    figures: dict[str, dict[str, float]] = {}
    for trial in trials:
        found = training.tried_on(model, trial.rows)
        figures[trial.name] = {name: round(found[name], 4) for name in trial.figures}
    if corrected:
        # As messages are read: an emergency is one by its threshold, not by the likeliest label.
        reader = Triage(model, Gazetteer([]))
        hits = [
            getattr(reading, head) == label
            for row in corrected
            for reading in [reader.read(row.text)]
            for head, label in row.labels.items()
        ]
        figures["corrections"] = {"right": sum(hits), "labels": len(hits)}
    return figures


def _print_table(
    figures: Mapping[str, Mapping[str, Mapping[str, float]]],
    trials: Sequence[Trial],
    *,
    learned: int,
) -> None:
    """Two models side by side; `figures` by their names, the running one first."""
    both = list(figures.values())
    print(f"{'':<44}{'running':>24}{'new':>24}")
    print(f"{'version':<44}" + "".join(f"{name:>24}" for name in figures))
    for trial in trials:
        print(f"{trial.name}, {len(trial.rows):,} texts")
        for key, name in trial.figures.items():
            print(f"  {name:<42}" + "".join(f"{one[trial.name][key]:>24.3f}" for one in both))
    if learned:
        print(f"corrections, {learned:,} texts (the new version has learned from them)")
        cells = [f"{one['corrections']['right']} of {one['corrections']['labels']}" for one in both]
        print(f"  {'labels as members set them':<42}" + "".join(f"{cell:>24}" for cell in cells))


def _say(line: str) -> None:
    print(line, file=sys.stderr)
